"""The opt-in API over a socket: who is let in, what the list says, what opting in again does."""

import asyncio
import base64
import json
from collections.abc import AsyncIterator
from urllib.parse import urlencode

import pytest
from lxml import etree

from consent.ledger import Store
from consent.model import Account, Actor, CampaignId, EventType, Msisdn, Status, Via
from receiver import fields, signature
from tests.builders import ACME, ALERTS, a_campaign, a_change, an_endpoint, an_origin
from tests.e2e.installation import Installation
from tests.receiver.apis.opt_in_served import (
    AUTH,
    MANAGE,
    QUERY,
    SIGNING,
    Served,
    at_ms,
    served,
    signed_with,
)

NEWS = CampaignId("news")
ANN, BOB, CAROL = "15558937009", "15554908975", "15559912501"
BOTH = (a_campaign(), a_campaign(NEWS, short_code="654321"))
LISTENER = an_endpoint(events=("api.*",))
METHODS = ["md5hash", "md5", "sha1", "sha256", "sha512"]


@pytest.fixture
async def here(store: Store) -> AsyncIterator[Served]:
    async with served(store) as here:
        yield here


def signed(now: str = "2014-08-21 17:34:47", *, method: str = "md5hash", **params: str) -> str:
    given = {"api_key": "abcd1234", "timestamp": str(at_ms(now) // 1000), **params}
    return urlencode({**given, "sig": signature.sign(given, secret=SIGNING, method=method)})  # type: ignore[arg-type]


# ── who is let in ───────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("key", ["abcd1234", "ABCD1234"])
async def test_key_and_secret_open_it_whatever_the_case_of_the_key(here: Served, key: str) -> None:
    assert (await here.get(f"{QUERY}?api_key={key}&api_secret=s3cr3t")).status == 200


async def test_http_basic_opens_it(here: Served) -> None:
    basic = base64.b64encode(b"abcd1234:s3cr3t").decode()

    assert (await here.get(QUERY, authorization=f"Basic {basic}")).status == 200
    assert (await here.get(f"{MANAGE}?msisdn={ANN}&", authorization=f"basic {basic}")).status == 200


@pytest.mark.parametrize("method", METHODS)
async def test_a_signature_of_each_method_opens_it(store: Store, method: str) -> None:
    async with served(store, account=signed_with(method)) as here:
        by_get = await here.get(f"{QUERY}?{signed(method=method, **{'page': '0', 'page-size': '100'})}")
        by_post = await here.post(MANAGE, signed(method=method, msisdn=ANN))

    assert (by_get.status, by_post.status) == (200, 200)


@pytest.mark.parametrize(
    ("method", "sig"),
    [
        ("md5hash", "bd5ed4e689d93cdad6647547a24146c6"),
        ("sha256", "c0bcd1380ff2f8c3bbbbe5e216218f72b503be2c6bd441ac3e658df321563ff6"),
        ("sha256", "C0BCD1380FF2F8C3BBBBE5E216218F72B503BE2C6BD441AC3E658DF321563FF6"),
    ],
)
async def test_the_computed_vector_for_a_page_is_let_in(store: Store, method: str, sig: str) -> None:
    query = f"{QUERY}?api_key=abcd1234&page=0&page-size=100&timestamp=1461605396&sig={sig}"
    async with served(store, now="2016-04-25 17:29:56", account=signed_with(method)) as here:
        let_in = await here.get(query)
        changed = await here.get(query.replace("page=0", "page=1"))

    assert let_in.status == 200
    assert changed.problem == (401, "14")


async def test_a_signed_json_body_is_signed_as_its_text(here: Served) -> None:
    sig = signature.sign(
        {"api_key": "abcd1234", "msisdn": ANN, "timestamp": "1408642487"}, secret=SIGNING, method="md5hash"
    )
    body = f'{{"api_key":"abcd1234","msisdn":{ANN},"timestamp":1408642487,"sig":"{sig}"}}'

    assert (await here.post(MANAGE, body, content_type="application/json")).status == 200


@pytest.mark.parametrize(
    "credentials",
    [
        "api_key=abcd1234&api_secret=S3CR3T",
        "api_key=abcd1234&api_secret=wr%C3%B6ng",
        "api_key=nobody&api_secret=s3cr3t",
    ],
)
async def test_wrong_credentials_are_status_4(here: Served, credentials: str) -> None:
    answer = await here.get(f"{QUERY}?{credentials}")

    assert answer.problem == (401, "4")
    assert answer.headers["www-authenticate"].startswith("Basic ")
    assert answer.body == b'{"message-count":"1","messages":[{"status":"4","error-text":"Bad Credentials"}]}'


async def test_an_account_without_a_secret_is_closed_to_everybody(store: Store) -> None:
    async with served(store, account=Account(id=ACME, api_key="abcd1234")) as here:
        assert (await here.get(f"{QUERY}?api_key=abcd1234&sig=x&timestamp=1")).problem == (401, "14")
        assert (await here.get(QUERY, authorization="Basic YWJjZDEyMzQ6")).problem == (401, "4")


async def test_a_bad_or_outdated_signature_is_status_14(here: Served) -> None:
    assert (await here.get(f"{QUERY}?{signed()}0")).problem == (401, "14")
    assert (await here.get(f"{QUERY}?{signed('2014-08-21 17:29:46')}")).problem == (401, "14")
    assert (await here.get(f"{QUERY}?{signed('2014-08-21 17:29:47')}")).status == 200


async def test_no_credentials_are_status_2(here: Served) -> None:
    assert (await here.get(QUERY)).problem == (401, "2")
    assert (await here.get(f"{QUERY}?api_key=abcd1234")).problem == (401, "2")


async def test_a_signature_beside_the_secret_is_status_32(here: Served) -> None:
    assert (await here.get(f"{QUERY}?{AUTH}&sig=0")).problem == (400, "32")


async def test_who_keeps_guessing_is_told_to_wait_in_the_documented_words(here: Served) -> None:
    for _ in range(10):
        assert (await here.get(f"{QUERY}?api_key=abcd1234&api_secret=guess")).problem == (401, "4")

    throttled = await here.get(f"{QUERY}?{AUTH}")

    assert throttled.problem == (429, "1")
    wait = int(throttled.headers["retry-after"])
    assert throttled.json["messages"][0]["error-text"] == (
        f"Throughput Rate Exceeded - please wait [ {wait * 1000} ] and retry"
    )
    here.now = type(here.now)(here.now + wait * 1000)
    assert (await here.get(f"{QUERY}?{AUTH}")).status == 200


# ── how it may be asked ─────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("media_type", sorted(fields.JSON_TYPES))
async def test_every_documented_json_type_is_read(here: Served, media_type: str) -> None:
    body = f'{{"api_key":"abcd1234","api_secret":"s3cr3t","msisdn":{ANN}}}'

    answer = await here.post(MANAGE, body, content_type=f"{media_type}; charset=utf-8")

    assert answer.json["msisdn"] == ANN


async def test_a_form_is_read_and_so_is_a_body_without_a_type(here: Served) -> None:
    assert (await here.post(MANAGE, f"{AUTH}&msisdn={ANN}")).json["msisdn"] == ANN
    assert (await here.post(MANAGE, f"{AUTH}&msisdn={ANN}", content_type="")).json["msisdn"] == ANN


async def test_a_post_without_a_body_is_read_from_its_query(here: Served) -> None:
    assert (await here.post(f"{MANAGE}?{AUTH}&msisdn={ANN}", "")).json["msisdn"] == ANN


@pytest.mark.parametrize(
    "target", ["//sc/us/alert/opt-in/query/json", "/sc//us/alert///opt-in/query/json", f"{QUERY}/"]
)
async def test_slashes_too_many_do_not_matter(here: Served, target: str) -> None:
    assert (await here.get(f"{target}?{AUTH}&")).json == {"opt-in-count": "0", "opt-in-list": []}


@pytest.mark.parametrize("target", ["/sc/us/alert/opt-in/query", "/sc/us/alert/opt-in/query/yaml", "/sc/us/alert/json"])
async def test_there_is_nothing_at_other_addresses(here: Served, target: str) -> None:
    assert (await here.get(f"{target}?{AUTH}")).status == 404


@pytest.mark.parametrize("method", ["PUT", "DELETE", "PATCH"])
async def test_another_method_is_405(here: Served, method: str) -> None:
    answer = await here.exchange(f"{method} {QUERY}?{AUTH} HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n".encode())

    assert (answer.status, answer.headers["allow"]) == (405, "GET,HEAD,POST")


@pytest.mark.parametrize(
    ("body", "content_type"),
    [("{", "application/json"), ("[]", "text/json"), ("[" * 50_000, "application/json")],
)
async def test_what_cannot_be_read_is_status_3(here: Served, body: str, content_type: str) -> None:
    assert (await here.post(MANAGE, body, content_type=content_type)).problem == (400, "3")


async def test_ten_megabytes_are_refused(here: Served) -> None:
    head = f"POST {MANAGE} HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: 10000000\r\n\r\n"

    answer = await here.exchange(head.encode() + b"x" * 10_000_000)

    assert answer.problem == (413, "3")


async def test_errors_have_a_form_in_xml_too(here: Served) -> None:
    answer = await here.get(QUERY.replace("json", "xml"))

    assert answer.headers["content-type"] == "text/xml; charset=utf-8"
    assert answer.body == (
        b"<?xml version='1.0' encoding='UTF-8' ?>\n"
        b"<mt-submission-response><messages count='1'><message><status>2</status>"
        b"<errorText>Missing api_key param</errorText></message></messages></mt-submission-response>"
    )


# ── the list ────────────────────────────────────────────────────────────────────────────────────────────────────────


async def test_the_list_of_the_reference_comes_out_to_the_byte(store_url: str) -> None:
    async with Store.open(store_url, partitions=1, durability="fsync") as store, served(store) as here:
        await here.opt_in(CAROL, "2014-07-18 15:28:23")
        for number, at in ((ANN, "2014-06-27 18:31:33"), (BOB, "2014-07-18 16:20:20"), (CAROL, "2014-08-18 23:17:40")):
            await here.opt_out(number, at)

        in_json = await here.get(f"{QUERY}?{AUTH}")
        in_xml = await here.get(f"{QUERY.replace('json', 'xml')}?{AUTH}")

    assert in_json.headers["content-type"] == "application/json"
    assert in_json.body == (
        b'{"opt-in-count":"3","opt-in-list":['
        b'{"msisdn":"15558937009","opt-in":"false","opt-out":"true","opt-out-date":"2014-06-27 18:31:33"},'
        b'{"msisdn":"15554908975","opt-in":"false","opt-out":"true","opt-out-date":"2014-07-18 16:20:20"},'
        b'{"msisdn":"15559912501","opt-in":"false","opt-in-date":"2014-07-18 15:28:23","opt-out":"true",'
        b'"opt-out-date":"2014-08-18 23:17:40"}]}'
    )
    assert in_xml.headers["content-type"] == "text/xml; charset=utf-8"
    root = etree.fromstring(in_xml.body)
    assert (root.tag, dict(root.attrib)) == ("opt-in-list", {"opt-in-count": "3"})
    assert [dict(one.attrib) for one in root] == in_json.json["opt-in-list"]


async def test_page_two_of_three_hundred_is_the_last_hundred_of_them(here: Served) -> None:
    numbers = {f"1650242{n:04}" for n in range(300)}
    await asyncio.gather(*(here.opt_out(number, "2014-06-27 18:31:33") for number in numbers))

    pages = [(await here.get(f"{QUERY}?{AUTH}&page={n}")).json for n in range(4)]

    assert [page["opt-in-count"] for page in pages] == ["300"] * 4
    assert [len(page["opt-in-list"]) for page in pages] == [100, 100, 100, 0]
    assert {one["msisdn"] for page in pages for one in page["opt-in-list"]} == numbers
    assert (await here.get(f"{QUERY}?{AUTH}&page=2&page-size=100")).json == pages[2]


async def test_one_campaign_may_be_asked_for(store: Store) -> None:
    async with served(store, campaigns=BOTH) as here:
        await here.opt_out(ANN, "2014-06-27 18:31:33")
        await here.opt_out(BOB, "2014-06-27 18:31:33", NEWS)

        assert (await here.get(f"{QUERY}?{AUTH}")).json["opt-in-count"] == "2"
        assert [one["msisdn"] for one in (await here.get(f"{QUERY}?{AUTH}&campaign=news")).json["opt-in-list"]] == [BOB]
        assert (await here.get(f"{QUERY}?{AUTH}&campaign=none")).problem == (400, "102")


async def test_an_account_without_a_campaign_has_an_empty_list(store: Store) -> None:
    async with served(store, campaigns=()) as here:
        assert (await here.get(f"{QUERY}?{AUTH}")).json == {"opt-in-count": "0", "opt-in-list": []}


@pytest.mark.parametrize("wrong", ["page=-1", "page=x", "page-size=0", "page-size=10001"])
async def test_a_page_that_cannot_be_is_status_3(here: Served, wrong: str) -> None:
    assert (await here.get(f"{QUERY}?{AUTH}&{wrong}")).problem == (400, "3")


# ── opting in again ─────────────────────────────────────────────────────────────────────────────────────────────────


async def test_who_stopped_herself_is_opted_in_again_for_the_account_vouches_for_it(here: Served) -> None:
    await here.opt_out("15559301529", "2014-08-20 12:00:00")

    answer = await here.post(MANAGE, f"msisdn=15559301529&{AUTH}")

    assert answer.headers["content-type"] == "application/json"
    assert answer.body == (
        b'{"msisdn":"15559301529","opt-in":"true","opt-in-date":"2014-08-21 17:34:47","opt-out":"false"}'
    )
    assert (await here.get(f"{QUERY}?{AUTH}")).json["opt-in-count"] == "0"
    state = await here.ledger.state(ACME, ALERTS, Msisdn("15559301529"))
    assert state is not None
    assert (state.status, state.opted_in_at) == (Status.OPTED_IN, here.now)
    assert state.origin == an_origin(
        Actor.ACCOUNT, via=Via.WEB, source="opt-in", provider="nexmo", keyword="", rule="manage"
    )


async def test_the_answer_of_the_reference_in_xml_comes_out_to_the_byte(store: Store) -> None:
    async with served(store, now="2015-09-26 04:46:27") as here:
        await here.opt_out("13065897298", "2014-08-20 12:00:00")

        answer = await here.get(f"{MANAGE.replace('json', 'xml')}?{AUTH}&msisdn=13065897298")

    assert answer.headers["content-type"] == "text/xml; charset=utf-8"
    assert answer.body == (
        b'<opt-in msisdn="13065897298" opt-in="true" opt-in-date="2015-09-26 04:46:27" opt-out="false"/>'
    )


async def test_she_is_opted_in_wherever_she_was_out_and_nowhere_else(store: Store) -> None:
    third = CampaignId("third")
    async with served(store, campaigns=(*BOTH, a_campaign(third))) as here:
        await here.opt_out(ANN, "2014-08-20 12:00:00")
        await here.opt_out(ANN, "2014-08-20 12:00:00", NEWS)

        assert (await here.get(f"{MANAGE}?{AUTH}&msisdn={ANN}")).status == 200

        assert [await here.status(ANN, campaign) for campaign in (ALERTS, NEWS, third)] == [
            Status.OPTED_IN,
            Status.OPTED_IN,
            None,
        ]


async def test_one_campaign_may_be_meant(store: Store) -> None:
    async with served(store, campaigns=BOTH) as here:
        await here.opt_out(ANN, "2014-08-20 12:00:00")
        await here.opt_out(ANN, "2014-08-20 12:00:00", NEWS)

        assert (await here.get(f"{MANAGE}?{AUTH}&msisdn={ANN}&campaign=news")).status == 200

        assert await here.status(ANN) is Status.OPTED_OUT
        assert await here.status(ANN, NEWS) is Status.OPTED_IN


async def test_who_was_never_out_keeps_her_date_and_the_call_is_on_record(here: Served) -> None:
    await here.opt_in(ANN, "2014-07-18 15:28:23")

    answer = await here.get(f"{MANAGE}?{AUTH}&msisdn={ANN}")

    assert answer.json["opt-in-date"] == "2014-07-18 15:28:23"
    newest, _ = await here.ledger.history(ACME, Msisdn(ANN))
    assert (newest.type, newest.changed, newest.origin.actor) == (EventType.OPTED_IN, False, Actor.ACCOUNT)


async def test_a_double_opt_in_that_waits_is_completed(here: Served) -> None:
    await here.apply(a_change(Status.PENDING, at=at_ms("2014-08-20 12:00:00"), msisdn=Msisdn(ANN)))

    assert (await here.get(f"{MANAGE}?{AUTH}&msisdn={ANN}")).json["opt-in-date"] == "2014-08-21 17:34:47"
    assert await here.status(ANN) is Status.OPTED_IN


async def test_who_is_out_and_was_asked_is_on_the_list_until_she_or_the_account_opts_her_in(here: Served) -> None:
    await here.opt_in(ANN, "2014-07-18 15:28:23")
    await here.opt_out(ANN, "2014-08-18 23:17:40", origin=an_origin(Actor.ACCOUNT))
    await here.apply(a_change(Status.PENDING, at=at_ms("2014-08-20 12:00:00"), msisdn=Msisdn(ANN)))

    assert (await here.get(f"{QUERY}?{AUTH}")).json["opt-in-list"] == [
        {"msisdn": ANN, "opt-in": "false", "opt-out": "true", "opt-out-date": "2014-08-18 23:17:40"}
    ]
    assert (await here.get(f"{MANAGE}?{AUTH}&msisdn={ANN}")).json["opt-in-date"] == "2014-08-21 17:34:47"
    assert (await here.get(f"{QUERY}?{AUTH}")).json["opt-in-count"] == "0"


async def test_a_number_never_seen_is_opted_in_where_only_one_campaign_can_be_meant(store: Store) -> None:
    async with served(store) as here:
        assert (await here.get(f"{MANAGE}?{AUTH}&msisdn=441632960960")).json["opt-in"] == "true"
        assert await here.status("441632960960") is Status.OPTED_IN
    async with served(store, campaigns=BOTH) as here:
        assert (await here.get(f"{MANAGE}?{AUTH}&msisdn=15550000001")).problem == (400, "103")
        assert (await here.get(f"{MANAGE}?{AUTH}&msisdn=15550000001&campaign=news")).status == 200
        assert await here.status("15550000001", NEWS) is Status.OPTED_IN


async def test_what_is_no_number_is_status_103(here: Served) -> None:
    assert (await here.get(f"{MANAGE}?{AUTH}&msisdn=nobody")).problem == (400, "103")
    assert (await here.get(f"{MANAGE}?{AUTH}&msisdn=123")).problem == (400, "103")


async def test_whatever_is_on_the_list_can_be_taken_off_it(here: Served) -> None:
    await here.opt_out("ACME", "2014-08-20 12:00:00", is_odd=True)
    (listed,) = (await here.get(f"{QUERY}?{AUTH}")).json["opt-in-list"]

    assert (await here.get(f"{MANAGE}?{AUTH}&msisdn={listed['msisdn']}")).json["opt-in"] == "true"
    assert (await here.get(f"{QUERY}?{AUTH}")).json["opt-in-count"] == "0"


async def test_without_a_number_it_is_status_2(here: Served) -> None:
    answer = await here.get(f"{MANAGE}?{AUTH}")

    assert answer.problem == (400, "2")
    assert answer.json["messages"][0]["error-text"] == "Missing msisdn param"


async def test_an_account_without_a_campaign_has_nothing_to_opt_in_to(store: Store) -> None:
    async with served(store, campaigns=()) as here:
        assert (await here.get(f"{MANAGE}?{AUTH}&msisdn={ANN}")).problem == (400, "101")


async def test_a_later_stop_holds_and_the_answer_says_so(here: Served) -> None:
    await here.opt_in(ANN, "2014-07-18 15:28:23")
    await here.opt_out(ANN, "2014-08-21 17:34:48")

    answer = await here.get(f"{MANAGE}?{AUTH}&msisdn={ANN}")

    assert answer.json == {
        "msisdn": ANN,
        "opt-in": "false",
        "opt-in-date": "2014-07-18 15:28:23",
        "opt-out": "true",
        "opt-out-date": "2014-08-21 17:34:48",
    }


async def test_an_unsafe_store_changes_nothing_and_asks_for_a_repeat(here: Served) -> None:
    await here.opt_out(ANN, "2014-08-20 12:00:00")
    here.unsafe = "it does not persist"

    answer = await here.get(f"{MANAGE}?{AUTH}&msisdn={ANN}")

    assert answer.problem == (503, "5")
    assert answer.headers["retry-after"] == "5"
    assert await here.status(ANN) is Status.OPTED_OUT
    assert (await here.get(f"{QUERY}?{AUTH}")).status == 200


async def test_a_store_that_is_away_is_a_503_for_both(own: Installation) -> None:
    async with own.opened() as store, served(store) as here:
        await own.kill("store")

        for target in (f"{QUERY}?{AUTH}", f"{MANAGE}?{AUTH}&msisdn={ANN}"):
            answer = await here.get(target)
            assert answer.problem == (503, "5")
            assert answer.headers["retry-after"] == "5"


# ── the webhook ─────────────────────────────────────────────────────────────────────────────────────────────────────


async def test_nobody_asks_for_answers_and_none_is_recorded(store: Store) -> None:
    deaf = (
        an_endpoint("all-consent", events=("consent.*",)),
        an_endpoint("postbacks", events=("*",), format="wxml"),
        an_endpoint("others", events=("*",), campaigns=(NEWS,)),
        an_endpoint("another-account", events=("*",), account="other"),
    )
    async with served(store, endpoints=deaf) as here:
        await here.get(f"{QUERY}?{AUTH}")
        await here.get(f"{MANAGE}?{AUTH}&msisdn={ANN}")

        assert [event.type for event in await here.ledger.newest(10)] == [EventType.OPTED_IN]


async def test_an_answer_about_a_number_is_logged_behind_its_change(store: Store) -> None:
    async with served(store, endpoints=[LISTENER]) as here:
        answer = await here.get(f"{MANAGE.replace('json', 'xml')}?{AUTH}&msisdn={ANN}")

        told, change = await here.ledger.history(ACME, Msisdn(ANN))

    assert answer.status == 200
    assert (change.type, told.type, told.campaign) == (EventType.OPTED_IN, EventType.API_RESPONSE, ALERTS)
    assert told.detail == (
        '{"call":"manage","asked":{"msisdn":"15558937009"},"answer":{"msisdn":"15558937009","opt-in":"true",'
        '"opt-in-date":"2014-08-21 17:34:47","opt-out":"false"}}'
    )


async def test_a_list_is_logged_for_who_asks_for_answers(store: Store) -> None:
    async with served(store, endpoints=[LISTENER]) as here:
        await here.opt_out(ANN, "2014-06-27 18:31:33")
        await here.get(f"{QUERY}?{AUTH}&page-size=20")

        told = (await here.ledger.newest(10))[-1]

    assert (told.type, told.msisdn, told.campaign) == (EventType.API_RESPONSE, "", ALERTS)
    assert told.origin.actor is Actor.ACCOUNT
    assert told.detail == (
        '{"call":"query","asked":{"page":"0","page-size":"20"},"answer":{"opt-in-count":"1","opt-in-list":['
        '{"msisdn":"15558937009","opt-in":"false","opt-out":"true","opt-out-date":"2014-06-27 18:31:33"}]}}'
    )


async def test_a_head_is_answered_and_leaves_nothing(store: Store) -> None:
    async with served(store, endpoints=[LISTENER]) as here:
        await here.opt_out(ANN, "2014-06-27 18:31:33")

        listed = await here.get(f"{QUERY}?{AUTH}", method="HEAD")
        managed = await here.get(f"{MANAGE}?{AUTH}&msisdn={ANN}", method="HEAD")

        assert (listed.status, managed.status) == (200, 405)
        assert [event.type for event in await here.ledger.newest(10)] == [EventType.OPTED_OUT]


async def test_of_a_very_long_page_the_webhook_is_told_the_first_thousand(store: Store) -> None:
    async with served(store, endpoints=[LISTENER]) as here:
        numbers = {f"1650{n:07}": 1_764_000_000 for n in range(1001)}
        await store.redis.zadd(store.keys[0].optout(ACME, ALERTS), numbers)

        answer = await here.get(f"{QUERY}?{AUTH}&page-size=10000")
        detail = json.loads((await here.ledger.newest(10))[-1].detail)

    assert len(answer.json["opt-in-list"]) == 1001
    assert len(detail["answer"]["opt-in-list"]) == 1000
    assert (detail["answer"]["opt-in-count"], detail["left_out"]) == ("1001", 1)


async def test_a_list_that_could_not_be_told_is_not_given_either(store: Store) -> None:
    async with served(store, endpoints=[LISTENER]) as here:
        here.unsafe = "it does not persist"

        assert (await here.get(f"{QUERY}?{AUTH}")).problem == (503, "5")
