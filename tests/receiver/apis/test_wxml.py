"""WXML as its clients meet it: what they send over a socket, what they read in the answer, what is on the record."""

import json
from collections.abc import AsyncIterator
from urllib.parse import quote

import pytest

from consent.ledger import Store
from consent.model import Actor, EventType, Msisdn, Status, UnixMs, Via
from tests.builders import ALERTS, ANN, NOON, a_start, a_stop
from tests.e2e.installation import Installation
from tests.receiver.apis.wxml_served import CONFIRM_WITHIN, FORERUNNER, HEIR, KEY, PATH, SAMPLES, Served, sample, served

SUCCESS = b"<RESPONSE><STATUS>Success</STATUS><CAMPAIGNID>1116</CAMPAIGNID><MOBILE>16502426055</MOBILE></RESPONSE>"
LATER_SUCCESS = (
    b"<RESPONSE><STATUS>Success</STATUS><CAMPAIGNREF>1116</CAMPAIGNREF><MOBILE>16502426055</MOBILE>"
    b"<SUBSCRIBERREF>ACCT-123232</SUBSCRIBERREF></RESPONSE>"
)
INVALID_CAMPAIGN = (
    b"<RESPONSE><STATUS>Failure</STATUS><ERRORCODE>E903</ERRORCODE><ERRORINFO>Invalid CAMPAIGNID</ERRORINFO></RESPONSE>"
)
JOHN = {"FIRST_NAME": "John", "LAST_NAME": "Smith", "AGE": "29", "PET": "Dog"}
NOTHING = ""


@pytest.fixture
async def here(store: Store) -> AsyncIterator[Served]:
    async with served(store) as built:
        yield built


# ── what clients send, and what they hear ───────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("name", [name for name in SAMPLES if name.endswith("-subscribe")])
async def test_every_known_client_subscribes(here: Served, name: str) -> None:
    answer = await here.exchange(sample(name))

    assert (answer.status, answer.body) == (200, SUCCESS)
    assert answer.headers["content-type"] == "text/html; charset=UTF-8"
    assert await here.status() is Status.OPTED_IN
    assert await here.types() == [EventType.OPTED_IN]


@pytest.mark.parametrize("name", [name for name in SAMPLES if name.endswith("-unsubscribe")])
async def test_every_known_client_unsubscribes(here: Served, name: str) -> None:
    await here.apply(a_start(at=NOON - 1000))

    answer = await here.exchange(sample(name))

    assert (answer.status, answer.body) == (200, SUCCESS)
    assert answer.headers["content-type"] == "text/html; charset=UTF-8"
    assert await here.status() is Status.OPTED_OUT
    assert await here.types() == [EventType.OPTED_IN, EventType.OPTED_OUT]


@pytest.mark.parametrize("name", [name for name in SAMPLES if name.startswith("later-")])
async def test_a_later_client_calls_the_campaign_by_its_later_name(here: Served, name: str) -> None:
    answer = await here.exchange(sample(name))

    assert answer.body == LATER_SUCCESS
    (event,) = await here.events()
    assert json.loads(event.detail) == {"subscriber_ref": "ACCT-123232"}


async def test_who_asks_before_it_sends_an_empty_body_is_told_to_go_on(here: Served) -> None:
    answer = await here.exchange(sample("php-sdk-2013-query-subscribe"))

    assert answer.was_welcomed
    assert answer.body == SUCCESS


async def test_the_documented_failure_is_answered_byte_by_byte(here: Served) -> None:
    answer = await here.get(campaignid="1117")

    assert (answer.status, answer.body) == (200, INVALID_CAMPAIGN)
    assert answer.headers["content-type"] == "text/html; charset=UTF-8"


@pytest.mark.parametrize("path", ["/API/wxml/1.3/", "/API/wxml/1.3", "//API//wxml/1.3/index.php"])
async def test_all_its_addresses_answer(here: Served, path: str) -> None:
    document = f"<REQUEST><ACTION>unsubscribe</ACTION><API_KEY>{KEY}</API_KEY><CAMPAIGNID>1116</CAMPAIGNID>"

    answer = await here.post(f"{document}<MOBILE>16502426055</MOBILE></REQUEST>", path=path)

    assert answer.body == SUCCESS


# ── what is on the record ───────────────────────────────────────────────────────────────────────────────────────────


async def test_a_subscription_says_who_decided_and_keeps_what_was_told_of_her(here: Served) -> None:
    await here.exchange(sample("document-form-subscribe"))

    (event,) = await here.events()
    assert (event.origin.actor, event.origin.via) == (Actor.ACCOUNT, Via.API)
    assert (event.origin.source, event.origin.provider, event.origin.rule) == ("wxml", "skycore", "subscribe")
    assert (event.occurred_at, event.received_at, event.changed) == (NOON, NOON, True)
    assert json.loads(event.detail) == {"data": JOHN}


async def test_a_form_and_a_query_tell_the_same(here: Served) -> None:
    await here.exchange(sample("document-form-subscribe"))
    here.now = UnixMs(NOON + 1000)
    await here.exchange(sample("document-get-subscribe"))

    by_form, by_query = await here.events()
    assert by_form.detail == by_query.detail
    assert (by_form.origin, by_form.status) == (by_query.origin, by_query.status)


async def test_what_looks_like_a_form_inside_raw_xml_stays_as_it_is(here: Served) -> None:
    await here.exchange(sample("ruby-raw-subscribe"))

    (event,) = await here.events()
    assert json.loads(event.detail) == {"data": {"LAST_NAME": "O'Brien & S%C3%B8n+1"}}


async def test_who_is_in_already_is_told_again(here: Served) -> None:
    for _ in range(2):
        assert (await here.get()).code == "Success"
        here.now = UnixMs(here.now + 1000)

    assert [(event.type, event.changed) for event in await here.events()] == [
        (EventType.OPTED_IN, True),
        (EventType.OPTED_IN, False),
    ]


async def test_a_number_never_seen_can_be_unsubscribed(here: Served) -> None:
    assert (await here.get(action="unsubscribe")).code == "Success"

    (event,) = await here.events()
    assert (event.type, event.previous, event.changed) == (EventType.OPTED_OUT, Status.UNKNOWN, True)


async def test_whom_the_account_unsubscribed_it_may_subscribe_again(here: Served) -> None:
    await here.get(action="unsubscribe")
    here.now = UnixMs(NOON + 1000)

    assert (await here.get()).code == "Success"
    assert await here.status() is Status.OPTED_IN


@pytest.mark.parametrize("cta", ["no", "yes"])
async def test_who_stopped_herself_is_neither_subscribed_nor_asked(here: Served, cta: str) -> None:
    await here.apply(a_stop(at=NOON - 1000))

    answer = await here.get(cta=cta, notify="yes")

    assert (answer.status, answer.said) == (
        200,
        {"STATUS": "Failure", "ERRORCODE": "E904", "ERRORINFO": "Could not subscribe this number."},
    )
    assert await here.types() == [EventType.OPTED_OUT]


async def test_a_stop_at_the_short_code_holds_for_a_campaign_that_was_registered_later(here: Served) -> None:
    await here.apply(a_stop(at=NOON - 1000, campaigns=(FORERUNNER,)))

    assert (await here.get(campaignid=HEIR)).code == "E904"
    assert (await here.get(action="unsubscribe", campaignid=HEIR)).code == "Success"


async def test_a_stop_by_the_other_writing_of_her_number_holds(here: Served) -> None:
    await here.apply(a_stop(at=NOON - 1000, msisdn=Msisdn("5215512345678")))

    assert (await here.get(mobile="525512345678")).code == "E904"


async def test_until_she_has_come_in_again(here: Served) -> None:
    await here.apply(a_stop(at=NOON - 1000, campaigns=(FORERUNNER,)))
    await here.apply(a_start(at=NOON - 500, campaigns=(HEIR,)))

    assert (await here.get(campaignid=HEIR)).code == "Success"


async def test_who_stopped_herself_stays_so_when_the_account_unsubscribes_her_too(here: Served) -> None:
    await here.apply(a_stop(at=NOON - 1000))

    assert (await here.get(action="unsubscribe")).code == "Success"
    here.now = UnixMs(NOON + 1000)
    assert (await here.get()).code == "E904"


@pytest.mark.parametrize(
    ("action", "later", "code"),
    [
        ("subscribe", a_stop(at=NOON + 1000, origin=a_stop().origin), "E904"),
        ("unsubscribe", a_start(at=NOON + 1000), "Success"),
        ("subscribe", a_start(at=NOON + 1000), "Success"),
        ("unsubscribe", a_stop(at=NOON + 1000), "Success"),
    ],
)
async def test_what_happened_later_and_was_recorded_first_decides_the_answer(
    here: Served, action: str, later: object, code: str
) -> None:
    await here.apply(later)  # type: ignore[arg-type]

    assert (await here.get(action=action)).code == code


# ── NOTIFY and CTA ──────────────────────────────────────────────────────────────────────────────────────────────────


async def requested(here: Served) -> list[dict[str, str]]:
    events = [event for event in await here.events() if event.type is EventType.MESSAGE_REQUESTED]
    assert {event.campaign for event in events} <= {ALERTS}
    return [json.loads(event.detail) for event in events]


async def test_notify_asks_for_a_confirmation_of_the_opt_in(here: Served) -> None:
    await here.get(notify="yes", timezone="EST", spid="0001470")

    assert await here.types() == [EventType.OPTED_IN, EventType.MESSAGE_REQUESTED]
    assert await requested(here) == [{"request": "opt_in_confirmation", "timezone": "EST", "spid": "0001470"}]


async def test_notify_asks_for_a_farewell_once(here: Served) -> None:
    for _ in range(2):
        await here.get(action="unsubscribe", notify="yes")
        here.now = UnixMs(here.now + 1000)

    assert await requested(here) == [{"request": "opt_out_confirmation"}]


async def test_cta_asks_her_first(here: Served) -> None:
    answer = await here.get(cta="yes", timezone="PST", data_age="29")

    assert answer.body == SUCCESS
    assert await here.status() is Status.PENDING
    pending, asked = await here.events()
    assert (pending.type, pending.origin.rule) == (EventType.PENDING, "subscribe:cta")
    assert json.loads(pending.detail) == {"data": {"AGE": "29"}, "timezone": "PST"}
    assert json.loads(asked.detail) == {
        "request": "confirm_opt_in",
        "until": "2025-11-24T16:01:00Z",
        "timezone": "PST",
    }


async def test_her_yes_completes_it_by_text(here: Served) -> None:
    await here.get(cta="yes", notify="yes")
    here.now = UnixMs(NOON + CONFIRM_WITHIN)
    await here.yes()

    assert await here.status() is Status.OPTED_IN
    assert await here.types() == [
        EventType.PENDING,
        EventType.MESSAGE_REQUESTED,
        EventType.OPTED_IN,
        EventType.MESSAGE_REQUESTED,
    ]
    assert (await here.events())[2].origin.via is Via.MO
    assert (await requested(here))[1] == {"request": "opt_in_confirmation"}


async def test_her_yes_after_the_time_set_is_an_ordinary_text(here: Served) -> None:
    await here.get(cta="yes", notify="yes")
    here.now = UnixMs(NOON + CONFIRM_WITHIN + 1)
    await here.yes()

    assert await here.status() is Status.UNKNOWN
    assert (await here.types())[2:] == [EventType.MESSAGE_RECEIVED]


async def test_cta_leaves_who_is_in_as_she_is(here: Served) -> None:
    await here.apply(a_start(at=NOON - 1000))

    assert (await here.get(cta="yes")).code == "Success"
    assert await here.status() is Status.OPTED_IN
    assert await here.types() == [EventType.OPTED_IN, EventType.OPTED_IN]


async def test_an_unsubscribe_ends_the_question(here: Served) -> None:
    await here.get(cta="yes")
    here.now = UnixMs(NOON + 1000)
    await here.get(action="unsubscribe")
    here.now = UnixMs(NOON + 2000)
    await here.yes()

    assert await here.status() is Status.OPTED_OUT


# ── refusals ────────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("said", "code", "info"),
    [
        ({"action": NOTHING, "api_key": NOTHING}, "E101", "'action' required"),
        ({"api_key": NOTHING, "action": "juggle"}, "E102", "'api_key' required"),
        ({"action": "juggle", "api_key": "wrong"}, "E101", "Invalid Action."),
        ({"api_key": "wrong", "mobile": NOTHING}, "E104", "User Authentication Failed."),
        ({"action": "getMmsCampaigns", "mobile": NOTHING}, "E107", None),
        ({"action": "sendSMS"}, "E107", None),
        ({"mobile": NOTHING, "campaignid": NOTHING}, "E901", "The 'mobile' is required."),
        ({"mobile": " ", "campaignid": "1117"}, "E901", "The 'mobile' is required."),
        ({"campaignid": NOTHING, "mobile": "12"}, "E902", "The 'campaignid' is required."),
        ({"campaignid": "1117", "mobile": "12"}, "E903", "Invalid CAMPAIGNID"),
        ({"campaignid": "theirs"}, "E903", "Invalid CAMPAIGNID"),
        ({"mobile": "12345"}, "E110", "Invalid receiver number."),
        ({"mobile": "ACME"}, "E110", "Invalid receiver number."),
        ({"mobile": "\x01"}, "E110", "Invalid receiver number."),
        ({"mobile": "\x01", "action": "unsubscribe"}, "E110", "Invalid receiver number."),
        ({"mobile": "16502426055,15558937009", "action": "unsubscribe"}, "E110", "Invalid receiver number."),
        (
            {"mobile": "+1 (650) 242-6055; +1 (555) 893-7009", "action": "unsubscribe"},
            "E110",
            "Invalid receiver number.",
        ),
        ({"action": "unsubscribe", "campaignid": "1117"}, "E903", "Invalid CAMPAIGNID"),
        ({"campaignref": "1117"}, "E100", None),
    ],
)
async def test_a_call_is_refused_by_the_first_thing_that_is_wrong(
    here: Served, said: dict[str, str], code: str, info: str | None
) -> None:
    answer = await here.get(**said)

    assert (answer.status, answer.code) == (200, code)
    assert set(answer.said) == {"STATUS", "ERRORCODE", "ERRORINFO"}
    if info is not None:
        assert answer.said["ERRORINFO"] == info
    assert await here.types() == []


async def test_a_key_is_compared_as_it_is(here: Served) -> None:
    assert (await here.get(api_key=KEY.lower())).code == "E104"
    assert (await here.get(api_key=KEY)).code == "Success"


async def test_an_odd_number_is_unsubscribed_and_flagged(here: Served) -> None:
    answer = await here.get(action="unsubscribe", mobile="12345")

    assert answer.said["MOBILE"] == "12345"
    (event,) = await here.events("12345")
    assert (event.type, event.is_odd) == (EventType.OPTED_OUT, True)


async def test_a_written_number_is_hers_and_comes_back_as_it_was_written(here: Served) -> None:
    answer = await here.get(mobile="+1 (650) 242-6055")

    assert answer.said["MOBILE"] == "+1 (650) 242-6055"
    assert await here.status() is Status.OPTED_IN


async def test_nothing_that_comes_back_is_markup(here: Served) -> None:
    answer = await here.get(action="unsubscribe", mobile="<b>&\x01</b>")

    assert b"<MOBILE>&lt;b&gt;&amp;&lt;/b&gt;</MOBILE>" in answer.body


@pytest.mark.parametrize(
    "document",
    [
        "<REQUEST><ACTION>subscribe</ACTION>",
        "<",
        "<REQUEST>&oops;</ACTION></REQUEST>",
        '<!DOCTYPE r [<!ENTITY e SYSTEM "file:///etc/passwd">]><REQUEST><MOBILE>&e;</MOBILE></REQUEST>',
        "<REQUEST>" + "<DATA>" * 20 + "</DATA>" * 20 + "</REQUEST>",
    ],
)
async def test_what_is_no_xml_is_a_parse_error(here: Served, document: str) -> None:
    answer = await here.post(document)

    assert (answer.status, answer.code) == (200, "E108")
    assert answer.said["ERRORINFO"].startswith("XML Parse error: ")
    assert answer.headers["content-type"] == "text/html; charset=UTF-8"


@pytest.mark.parametrize(
    ("body", "content_type"),
    [
        ("<POSTBACK/>", "text/xml"),
        ("xml=" + quote("<REPORT/>"), "application/x-www-form-urlencoded"),
        ("no parts", "multipart/form-data"),
        ("<REQUEST><MOBILE>1</MOBILE><MOBILE>2</MOBILE></REQUEST>", "text/xml"),
        ("&".join(f"f{n}=1" for n in range(300)), "application/x-www-form-urlencoded"),
    ],
)
async def test_what_is_no_request_is_an_invalid_one(here: Served, body: str, content_type: str) -> None:
    answer = await here.post(body, content_type=content_type)

    assert (answer.status, answer.code) == (200, "E100")


@pytest.mark.parametrize("method", ["PUT", "DELETE", "PATCH"])
async def test_another_method_is_an_invalid_request(here: Served, method: str) -> None:
    answer = await here.get(method)

    assert (answer.status, answer.code) == (200, "E100")
    assert await here.types() == []


async def test_a_head_request_changes_nothing(here: Served) -> None:
    assert (await here.get("HEAD")).status == 200
    assert await here.types() == []


async def test_ten_megabytes_are_not_read(here: Served) -> None:
    answer = await here.post(b"<REQUEST>" + b" " * 10_000_000)

    assert (answer.status, answer.code) == (200, "E100")


async def test_a_visit_is_told_what_is_missing(here: Served) -> None:
    answer = await here.exchange(f"GET {PATH} HTTP/1.1\r\nHost: x\r\n\r\n".encode())

    assert answer.code == "E101"


async def test_who_guesses_keys_is_told_to_wait(here: Served) -> None:
    codes = [(await here.get(api_key=f"guess-{n}")).code for n in range(12)]

    assert codes[0] == "E104"
    answer = await here.get(api_key="one-more")
    assert (answer.status, answer.code) == (200, "E106")
    assert answer.said["ERRORINFO"] == f"You can call API every {answer.headers['retry-after']} seconds."
    here.now = UnixMs(NOON + 3_600_000)
    assert (await here.get()).code == "Success"


# ── a store that cannot promise ─────────────────────────────────────────────────────────────────────────────────────


async def test_an_unsafe_store_is_an_internal_error_to_come_back_after(here: Served) -> None:
    here.unsafe = "it does not persist"

    answer = await here.get()

    assert (answer.status, answer.code, answer.said["ERRORINFO"]) == (503, "E503", "Internal error.")
    assert int(answer.headers["retry-after"]) >= 1
    assert answer.headers["content-type"] == "text/html; charset=UTF-8"
    assert await here.types() == []


async def test_before_the_registry_is_read_nobody_is_told_that_the_key_is_wrong(here: Served) -> None:
    here.directory = None

    assert (await here.get()).code == "E503"


async def test_nothing_is_acknowledged_while_the_store_is_away(own: Installation) -> None:
    async with own.opened() as store, served(store) as here:
        assert (await here.get()).code == "Success"
        await own.kill("store")
        answer = await here.get(action="unsubscribe")

        assert (answer.status, answer.code) == (503, "E503")
        assert "retry-after" in answer.headers


async def test_the_log_names_the_account_and_never_the_number(here: Served, capsys: pytest.CaptureFixture[str]) -> None:
    await here.get()
    await here.get(campaignid="1117")
    await here.post("<REQUEST><X16502426055>")

    said = capsys.readouterr().out
    assert said.count("api.answered") == 3
    assert said.count("acme") == 2
    assert ANN not in said
    assert KEY not in said


async def test_numbers_do_not_share_their_fate(here: Served) -> None:
    await here.get(mobile="15558937009")

    assert await here.status(Msisdn("15558937009")) is Status.OPTED_IN
    assert await here.status() is Status.UNKNOWN


async def test_an_action_of_another_kind_is_not_served_to_a_client_of_this_one(here: Served) -> None:
    answer = await here.exchange(sample("ruby-raw-login-user"))

    assert (answer.status, answer.code) == (200, "E107")
    assert answer.said["ERRORINFO"].startswith("This account has no rights to use this action.")
