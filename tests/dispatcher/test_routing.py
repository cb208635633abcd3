"""Who is told of which event."""

from dataclasses import replace

import pytest

from consent.model import LIST, AccountId, CampaignId, EventType, Status
from dispatcher.routing import route
from tests.builders import a_delivery, an_endpoint, an_event, an_origin

NEWS = CampaignId("news")


def test_an_event_is_owed_to_every_endpoint_of_its_account_in_their_order() -> None:
    event = an_event()
    crm, warehouse = an_endpoint("crm"), an_endpoint("warehouse")

    assert route(event, [crm, warehouse]) == (a_delivery(event, crm), a_delivery(event, warehouse))


def test_another_account_hears_nothing() -> None:
    assert route(an_event(), [an_endpoint(account=AccountId("other"))]) == ()


def test_a_superseded_event_is_told_to_nobody() -> None:
    assert route(an_event(superseded=True), [an_endpoint()]) == ()


def test_a_disabled_endpoint_still_gets_its_deliveries() -> None:
    assert len(route(an_event(), [an_endpoint(disabled="gone")])) == 1


@pytest.mark.parametrize("event_type", EventType)
def test_only_an_opt_out_is_urgent(event_type: EventType) -> None:
    (delivery,) = route(an_event(event_type), [an_endpoint(events=("*",))])

    assert delivery.is_urgent is (event_type is EventType.OPTED_OUT)


def test_one_of_a_list_is_not() -> None:
    (delivery,) = route(an_event(origin=an_origin(provider=LIST)), [an_endpoint()])

    assert (delivery.is_opt_out, delivery.is_listed, delivery.is_urgent) == (True, True, False)


@pytest.mark.parametrize(
    ("patterns", "event_type", "wanted"),
    [
        (("consent.*",), EventType.OPTED_OUT, True),
        (("consent.*",), EventType.PENDING, True),
        (("consent.*",), EventType.MESSAGE_RECEIVED, False),
        (("message.received",), EventType.MESSAGE_RECEIVED, True),
        (("message.received",), EventType.MESSAGE_STATUS, False),
        (("*",), EventType.ENDPOINT_DISABLED, True),
        (("consent.opted_*",), EventType.OPTED_IN, True),
        (("consent.opted_*",), EventType.PENDING, False),
        (("*.opted_out",), EventType.OPTED_OUT, True),
        (("consent*",), EventType.OPTED_OUT, False),
        (("consent",), EventType.OPTED_OUT, False),
        (("consent.*.*",), EventType.OPTED_OUT, False),
        (("CONSENT.*",), EventType.OPTED_OUT, False),
        (("message.*", "consent.opted_out"), EventType.OPTED_OUT, True),
        ((), EventType.OPTED_OUT, False),
    ],
)
def test_a_star_stands_for_one_word_and_alone_for_everything(
    patterns: tuple[str, ...], event_type: EventType, wanted: bool
) -> None:
    assert bool(route(an_event(event_type), [an_endpoint(events=patterns)])) is wanted


@pytest.mark.parametrize(
    ("campaigns", "campaign", "wanted"),
    [
        ((), NEWS, True),
        ((), None, True),
        ((NEWS,), NEWS, True),
        ((NEWS,), CampaignId("1116"), False),
        ((NEWS,), None, False),
    ],
)
def test_an_endpoint_with_campaigns_hears_of_these_alone(
    campaigns: tuple[CampaignId, ...], campaign: CampaignId | None, wanted: bool
) -> None:
    assert bool(route(an_event(campaign=campaign), [an_endpoint(campaigns=campaigns)])) is wanted


def test_who_wants_changes_only_is_spared_reaffirmations() -> None:
    picky = an_endpoint(changes_only=True)
    stop_again = an_event(previous=Status.OPTED_OUT, changed=False)

    assert route(stop_again, [picky]) == ()
    assert route(replace(stop_again, changed=True), [picky])
    assert route(stop_again, [an_endpoint()])


def test_messages_reach_who_wants_changes_only() -> None:
    text = an_event(EventType.MESSAGE_RECEIVED, status=None, previous=None, changed=False)

    assert route(text, [an_endpoint(changes_only=True, events=("*",))])


@pytest.mark.parametrize("body_format", ["wxml", "wxml-form"])
@pytest.mark.parametrize("event_type", EventType)
def test_an_event_that_the_format_cannot_say_is_not_routed(body_format: str, event_type: EventType) -> None:
    endpoint = an_endpoint(events=("*",), format=body_format)

    has_a_form = event_type in {EventType.OPTED_IN, EventType.OPTED_OUT}
    assert bool(route(an_event(event_type), [endpoint])) is has_a_form
