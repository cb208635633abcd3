"""What a customer reads."""

import json
from typing import Any
from urllib.parse import parse_qs

import pytest
from hypothesis import given
from hypothesis import strategies as st

from consent.directory import Directory
from consent.model import (
    Actor,
    BodyFormat,
    CampaignId,
    Event,
    EventId,
    EventType,
    Msisdn,
    Status,
    UnixMs,
    Via,
)
from consent.postback import Postback, decode
from dispatcher.formats import body, speaks
from tests.builders import a_campaign, an_event, an_origin

HAPPENED = UnixMs(1_403_893_893_000)
ARRIVED = UnixMs(1_795_302_300_123)
DIRECTORY = Directory.of(1, campaigns=[a_campaign()])


def the_documented_event(**changed: Any) -> Event:
    return an_event(id=EventId("evt_3"), occurred_at=HAPPENED, received_at=ARRIVED, sequence=42, **changed)


def data_of(event: Event, directory: Directory = DIRECTORY) -> dict[str, Any]:
    data: dict[str, Any] = json.loads(body(event, "json", directory).content)["data"]
    return data


def test_the_json_body_is_the_documented_one_key_by_key() -> None:
    payload = body(the_documented_event(), "json", DIRECTORY)

    assert payload.content_type == "application/json"
    documented = """
        {"type": "consent.opted_out", "timestamp": "2014-06-27T18:31:33Z",
         "data": {"event_id": "evt_3", "account": "acme",
                  "campaign": {"id": "1116", "title": "My Campaign Name", "brand": "My Brand Name",
                               "short_code": "123456"},
                  "msisdn": "16502426055", "status": "opted_out", "previous": "opted_in", "changed": true,
                  "actor": "recipient", "source": {"id": "nexmo-main", "provider": "nexmo", "via": "MO"},
                  "keyword": "STOP", "rule": "exact:stop", "occurred_at": "2014-06-27T18:31:33Z",
                  "received_at": "2026-11-21T23:05:00.123Z", "sequence": 42}}"""
    assert payload.content.decode() == json.dumps(json.loads(documented), separators=(",", ":"))


@pytest.mark.parametrize(
    ("instant", "written"),
    [
        (0, "1970-01-01T00:00:00Z"),
        (1, "1970-01-01T00:00:00.001Z"),
        (1_403_893_893_000, "2014-06-27T18:31:33Z"),
        (1_403_893_893_100, "2014-06-27T18:31:33.100Z"),
        (-1, "1969-12-31T23:59:59.999Z"),
    ],
)
def test_times_are_utc_with_a_fraction_only_where_there_is_one(instant: int, written: str) -> None:
    assert data_of(an_event(occurred_at=UnixMs(instant)))["occurred_at"] == written


def test_a_first_decision_has_no_previous_status() -> None:
    assert data_of(an_event(previous=None))["previous"] is None


def test_an_event_without_a_campaign_says_so() -> None:
    assert data_of(an_event(campaign=None))["campaign"] is None


def test_a_campaign_that_was_removed_keeps_its_id() -> None:
    assert data_of(an_event(campaign=CampaignId("old")))["campaign"] == {
        "id": "old",
        "title": "",
        "brand": "",
        "short_code": "",
    }


def test_an_odd_number_is_flagged_and_others_say_nothing_of_it() -> None:
    assert data_of(an_event(msisdn=Msisdn("0049"), is_odd=True))["odd_number"] is True
    assert "odd_number" not in data_of(an_event())


@pytest.mark.parametrize(
    ("event_type", "name"),
    [
        (EventType.MESSAGE_RECEIVED, "message"),
        (EventType.MESSAGE_STATUS, "message"),
        (EventType.MESSAGE_REQUESTED, "message"),
        (EventType.ENDPOINT_DISABLED, "endpoint"),
        (EventType.OPTED_OUT, "evidence"),
    ],
)
def test_what_only_this_event_has_stands_in_an_object_of_its_own(event_type: EventType, name: str) -> None:
    event = an_event(event_type, detail='{"text": "ARRÊT 停止", "parts": 2}')

    assert data_of(event)[name] == {"text": "ARRÊT 停止", "parts": 2}


def test_an_event_without_detail_has_no_such_object() -> None:
    assert not {"message", "endpoint", "evidence"} & data_of(an_event()).keys()


def test_a_message_has_no_status() -> None:
    text = an_event(EventType.MESSAGE_RECEIVED, status=None, previous=None, changed=False)

    assert not {"status", "previous"} & data_of(text).keys()


def test_half_a_character_does_not_make_the_body_unreadable() -> None:
    text = an_event(EventType.MESSAGE_RECEIVED, detail='{"text": "a\\ud83d b\\ud83d\\ude00"}')

    assert data_of(text)["message"] == {"text": "a\ufffd b\U0001f600"}


@pytest.mark.parametrize(
    ("event", "code"),
    [
        (the_documented_event(), "N302"),
        (the_documented_event(type=EventType.OPTED_IN, status=Status.OPTED_IN), "N301"),
    ],
)
def test_wxml_is_the_documented_postback(event: Event, code: Any) -> None:
    payload = body(event, "wxml", DIRECTORY)

    assert payload.content_type == "text/xml; charset=utf-8"
    assert decode(payload.content) == (
        Postback(
            code=code,
            msisdn="16502426055",
            campaign="1116",
            timestamp=HAPPENED,
            short_code="123456",
            title="My Campaign Name",
            brand="My Brand Name",
            source="MO",
        ),
    )


@pytest.mark.parametrize("via", Via)
def test_wxml_says_by_which_way_it_came(via: Via) -> None:
    event = an_event(origin=an_origin(Actor.ACCOUNT, via=via))

    (postback,) = decode(body(event, "wxml", DIRECTORY).content)

    assert isinstance(postback, Postback)
    assert postback.source == via.value


def test_wxml_of_an_unknown_campaign_names_it_all_the_same() -> None:
    (postback,) = decode(body(an_event(), "wxml", Directory.of(1)).content)

    assert isinstance(postback, Postback)
    assert (postback.campaign, postback.title) == ("1116", "")


def test_wxml_form_carries_the_same_document_in_field_xml() -> None:
    event = an_event()

    payload = body(event, "wxml-form", DIRECTORY)

    assert payload.content_type == "application/x-www-form-urlencoded"
    assert parse_qs(payload.content.decode(), strict_parsing=True) == {
        "XML": [body(event, "wxml", DIRECTORY).content.decode()]
    }


@pytest.mark.parametrize("event_type", EventType)
def test_a_format_speaks_of_just_those_events_that_it_can_write(event_type: EventType) -> None:
    event = an_event(event_type)

    assert speaks("json", event_type)
    for body_format in ("wxml", "wxml-form"):
        if speaks(body_format, event_type):
            assert body(event, body_format, DIRECTORY).content
        else:
            with pytest.raises(KeyError):
                body(event, body_format, DIRECTORY)


anything = st.text(st.characters(codec=None, exclude_categories=()), max_size=20)
instants = st.integers(0, 4_102_444_800_000).map(UnixMs)


@given(st.sampled_from(["json", "wxml", "wxml-form"]), anything, anything, instants)
def test_every_event_has_a_body_and_the_same_one_at_every_attempt(
    body_format: BodyFormat, title: str, text: str, instant: UnixMs
) -> None:
    event = an_event(detail=json.dumps({"text": text}), occurred_at=instant, origin=an_origin(keyword=text))
    directory = Directory.of(1, campaigns=[a_campaign(title=title)])

    first = body(event, body_format, directory)

    assert first == body(event, body_format, directory)
    first.content.decode()
    if body_format == "json":
        json.loads(first.content)
