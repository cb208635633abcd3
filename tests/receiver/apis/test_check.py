"""May I text this number? As a sender asks, over HTTP."""

import asyncio
import io
from collections.abc import AsyncIterator

import aiohttp
import orjson
import pytest
from yarl import URL

from consent.ledger import Store
from consent.model import Actor, Msisdn, Status
from receiver.apis.check import MOST_NUMBERS, msisdns_of
from receiver.apis.throttle import PER_CALLER
from tests.builders import ANN, BOB, a_campaign, a_change, a_start, a_stop, an_origin
from tests.receiver.apis.own_served import FORERUNNER, STRICT, Served, served

ONE = "/v1/consent/1116/16502426055"
MANY = "/v1/consent/check"


@pytest.fixture
async def here(store: Store) -> AsyncIterator[Served]:
    async with served(store) as here:
        yield here


async def test_a_number_that_opted_out_may_not_be_texted(here: Served) -> None:
    await here.ledger.apply(a_start())
    await here.ledger.apply(a_stop(at=1_403_893_893_000 * 2))

    answer = await here.get(ONE)

    assert (answer.status, answer.headers["Content-Type"]) == (200, "application/json")
    assert answer.json == {
        "campaign": "1116",
        "msisdn": "16502426055",
        "may_text": False,
        "status": "opted_out",
        "actor": "recipient",
        "since": "2058-12-22T13:03:06Z",
        "sequence": 2,
    }


@pytest.mark.parametrize("path", [ONE, "/v1/consent/nothing/16502426055", "/v1/events", "/openapi.json"])
async def test_a_head_is_answered_as_a_get_without_the_body(here: Served, path: str) -> None:
    asked, probed = await here.get(path), await here.head(path)

    assert (probed.status, probed.json) == (asked.status, None)
    assert probed.headers["Content-Length"] == asked.headers["Content-Length"]


async def test_a_head_of_what_only_a_post_asks_is_told_so(here: Served) -> None:
    assert (await here.http.head(MANY)).status == 405


@pytest.mark.parametrize("path", [ONE, "/v1/events", "/openapi.json"])
async def test_a_body_that_comes_with_a_get_does_no_harm(here: Served, path: str) -> None:
    assert (await here.get(path, data=b"{}")).status == 200


async def test_a_number_that_was_never_seen_has_no_history(here: Served) -> None:
    answer = await here.get(ONE)

    assert answer.json == {
        "campaign": "1116",
        "msisdn": "16502426055",
        "may_text": True,
        "status": "unknown",
        "actor": None,
        "since": None,
        "sequence": None,
    }


@pytest.mark.parametrize(
    ("status", "may_text"), [(Status.OPTED_IN, True), (Status.OPTED_OUT, False), (Status.PENDING, False)]
)
async def test_what_was_decided_counts_the_same_in_every_campaign(here: Served, status: Status, may_text: bool) -> None:
    await here.ledger.apply(a_change(status, campaigns=("1116", STRICT)))

    for campaign in ("1116", STRICT):
        answer = await here.get(f"/v1/consent/{campaign}/{ANN}")
        assert (answer.json["status"], answer.json["may_text"]) == (status, may_text)


async def test_a_campaign_that_requires_an_opt_in_may_not_text_an_unknown_number(here: Served) -> None:
    answer = await here.get(f"/v1/consent/{STRICT}/{ANN}")

    assert (answer.json["status"], answer.json["may_text"]) == ("unknown", False)


async def test_who_unsubscribed_by_the_api_is_told_from_who_stopped_herself(here: Served) -> None:
    await here.ledger.apply(a_stop(origin=an_origin(Actor.ACCOUNT)))

    assert (await here.get(ONE)).json["actor"] == "account"


@pytest.mark.parametrize(
    "written",
    [
        "16502426055",
        "+16502426055",
        "%2B16502426055",
        "+1%20650%20242%206055",
        "+1%20(650)%20242-6055",
        "0016502426055",
    ],
)
async def test_a_number_is_the_same_in_every_common_writing(here: Served, written: str) -> None:
    await here.ledger.apply(a_stop())

    answer = await here.get(URL(f"/v1/consent/1116/{written}", encoded=True))
    many = await here.post(MANY, json={"campaign": "1116", "msisdns": [URL(written, encoded=True).path]})

    assert (answer.json["msisdn"], answer.json["may_text"]) == ("16502426055", False)
    assert many.json["results"][0]["may_text"] is False


async def test_a_campaign_that_a_webhook_has_just_brought_is_known(here: Served) -> None:
    """By this receiver or by another: it may not have heard of it yet, and a sender who asks has the 200 already."""
    assert (await here.get(f"/v1/consent/new/{ANN}")).status == 404
    for name in ("another", "new"):
        await here.registry.discover(a_campaign(name, discovered=True))
    await here.ledger.apply(a_stop(campaigns=("new",)))

    one = await here.get(f"/v1/consent/new/{ANN}")
    many = await here.post(MANY, json={"campaign": "new", "msisdns": [ANN]})

    assert (one.status, one.json["may_text"]) == (200, False)
    assert [result["may_text"] for result in many.json["results"]] == [False]


async def test_an_odd_sender_is_found_as_it_was_recorded(here: Served) -> None:
    await here.ledger.apply(a_stop(msisdn=Msisdn("Müller"), is_odd=True))

    assert (await here.get("/v1/consent/1116/Müller")).json["status"] == "opted_out"


async def test_many_are_answered_in_the_order_asked_and_written_as_asked(here: Served) -> None:
    await here.ledger.apply(a_stop())
    await here.ledger.apply(a_start(msisdn=BOB))

    answer = await here.post(MANY, json={"campaign": STRICT, "msisdns": []})
    assert answer.json == {"results": []}
    answer = await here.post(MANY, json={"campaign": "1116", "msisdns": ["+1 650 242 6055", BOB, "447911123456", BOB]})

    assert answer.json == {
        "results": [
            {"msisdn": "+1 650 242 6055", "may_text": False, "status": "opted_out"},
            {"msisdn": BOB, "may_text": True, "status": "opted_in"},
            {"msisdn": "447911123456", "may_text": True, "status": "unknown"},
            {"msisdn": BOB, "may_text": True, "status": "opted_in"},
        ]
    }


async def test_as_many_as_there_may_be_are_answered(here: Served) -> None:
    await here.ledger.apply(a_stop())
    numbers = [*(f"1650{n:07}" for n in range(MOST_NUMBERS - 1)), ANN]

    answer = await here.post(MANY, json={"campaign": "1116", "msisdns": numbers})

    assert [result["msisdn"] for result in answer.json["results"]] == numbers
    assert [result["may_text"] for result in answer.json["results"]] == [True] * (MOST_NUMBERS - 1) + [False]


async def test_one_number_too_many_is_refused(here: Served) -> None:
    answer = await here.post(MANY, json={"campaign": "1116", "msisdns": [ANN] * (MOST_NUMBERS + 1)})

    assert (answer.status, answer.json["code"]) == (413, "too_large")


async def test_a_body_of_more_than_a_megabyte_is_refused(here: Served) -> None:
    answer = await here.post(MANY, data=io.BytesIO(b"x" * (1024 * 1024 + 1)))

    assert (answer.status, answer.json["code"]) == (413, "too_large")


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"[]",
        b"null",
        b'{"campaign":"1116"}',
        b'{"msisdns":["16502426055"]}',
        b'{"campaign":1116,"msisdns":["16502426055"]}',
        b'{"campaign":"1116","msisdns":"16502426055"}',
        b'{"campaign":"1116","msisdns":[16502426055]}',
        b'{"campaign":"1116","msisdns":[null]}',
        b'{"campaign":"1116","msisdns":[""]}',
        b'{"campaign":"1116","msisdns":["\\ud83d"]}',
        b"[" * 100_000,
        b"\xff",
    ],
)
async def test_a_question_that_cannot_be_read_is_a_problem(here: Served, body: bytes) -> None:
    answer = await here.post(MANY, data=body)

    assert (answer.status, answer.headers["Content-Type"]) == (400, "application/problem+json")
    assert answer.json["code"] == "malformed"


async def test_others_have_their_turn_while_a_long_list_is_read() -> None:
    turns = 0

    async def count() -> None:
        nonlocal turns
        while True:
            turns += 1
            await asyncio.sleep(0)

    counting = asyncio.create_task(count())
    await msisdns_of([f"+1 (650) {number}" for number in range(2_000_000, 2_005_000)])
    counting.cancel()

    assert turns > 5


async def test_a_number_that_is_nothing_is_a_problem(here: Served) -> None:
    assert (await here.get("/v1/consent/1116/%20")).status == 400
    many = await here.post(MANY, data=orjson.dumps({"campaign": "1116", "msisdns": [ANN, ANN, "\u200b"]}))

    assert many.status == 400
    assert many.json["detail"].startswith("msisdns[2]: the number is empty")


@pytest.mark.parametrize("campaign", ["nope", "theirs", "%FF", "1116%20"])
async def test_a_campaign_that_the_account_does_not_have_is_not_found(here: Served, campaign: str) -> None:
    answer = await here.get(URL(f"/v1/consent/{campaign}/{ANN}", encoded=True))

    assert (answer.status, answer.headers["Content-Type"]) == (404, "application/problem+json")
    assert answer.json == {
        "type": "about:blank",
        "title": "Not Found",
        "status": 404,
        "code": "unknown_campaign",
        "detail": "the account has no campaign of this id",
    }


@pytest.mark.parametrize(
    "auth",
    [
        "",
        "Basic !",
        aiohttp.encode_basic_auth("abcd1234", "wrong"),
        aiohttp.encode_basic_auth("nobody", "s3cr3t"),
        aiohttp.encode_basic_auth("", ""),
    ],
)
async def test_who_cannot_prove_an_account_is_asked_to(here: Served, auth: str) -> None:
    for answer in (await here.get(ONE, auth=auth), await here.post(MANY, data=b"{}", auth=auth)):
        assert (answer.status, answer.json["code"]) == (401, "unauthorised")
        assert answer.headers["WWW-Authenticate"] == 'Basic realm="consent-relay", charset="UTF-8"'


async def test_who_guesses_too_often_is_told_when_to_come_again(here: Served) -> None:
    wrong = aiohttp.encode_basic_auth("abcd1234", "wrong")
    for _ in range(PER_CALLER.burst):
        assert (await here.get(ONE, auth=wrong)).status == 401

    answer = await here.get(ONE)
    assert (answer.status, answer.json["code"]) == (429, "throttled")
    assert 1 <= int(answer.headers["Retry-After"]) <= 6


async def test_to_send_no_credentials_is_no_guess(here: Served) -> None:
    for _ in range(3 * PER_CALLER.burst):
        await here.get(ONE, auth="")

    assert (await here.get(ONE)).status == 200


async def test_another_method_is_refused(here: Served) -> None:
    async with here.http.delete(ONE) as response:
        assert (response.status, response.headers["Allow"]) == (405, "GET,HEAD")
    async with here.http.get(MANY) as response:
        assert (response.status, response.headers["Allow"]) == (405, "POST")


async def test_no_number_is_logged(here: Served, caplog: pytest.LogCaptureFixture) -> None:
    await here.post(MANY, data=orjson.dumps({"campaign": "1116", "msisdns": [ANN, ""]}))

    assert ANN not in caplog.text


async def test_an_opt_in_before_the_campaign_was_registered_undoes_no_stop_in_it(here: Served) -> None:
    await here.ledger.apply(a_stop(campaigns=(STRICT,)))
    await here.ledger.apply(a_start(campaigns=(FORERUNNER,), at=1_403_893_893_000 * 2))

    one = await here.get(f"/v1/consent/{STRICT}/{ANN}")
    many = await here.post(MANY, json={"campaign": STRICT, "msisdns": [ANN]})

    assert (one.json["status"], one.json["may_text"]) == ("opted_out", False)
    assert many.json["results"] == [{"msisdn": ANN, "may_text": False, "status": "opted_out"}]


async def test_a_stop_at_a_short_code_holds_for_the_campaign_that_is_registered_there_later(here: Served) -> None:
    await here.ledger.apply(a_start(campaigns=(STRICT,)))
    await here.ledger.apply(a_stop(campaigns=(FORERUNNER,)))

    one = await here.get(f"/v1/consent/{STRICT}/{ANN}")
    many = await here.post(MANY, json={"campaign": STRICT, "msisdns": [ANN, BOB]})

    assert (one.json["status"], one.json["may_text"]) == ("opted_out", False)
    assert [result["status"] for result in many.json["results"]] == ["opted_out", "unknown"]
