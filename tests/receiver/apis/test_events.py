"""The pull feed as a client reads it. That nothing is skipped or told twice: tests/ledger/test_feed.py."""

import json
from collections.abc import AsyncIterator
from typing import Any

import pytest

from consent.ledger import Store
from consent.model import EventId
from dispatcher.formats import body
from receiver.apis.feed import MOST_EVENTS
from tests.builders import ANN, BOB, NOON, a_change, a_start, a_stop
from tests.receiver.apis.own_served import DIRECTORY, OTHER, Served, served

EVENTS = "/v1/events"


@pytest.fixture
async def here(store: Store) -> AsyncIterator[Served]:
    async with served(store) as here:
        yield here


async def test_events_are_just_what_an_endpoint_is_sent(here: Served) -> None:
    await here.ledger.apply(a_start())
    await here.ledger.apply(a_stop(at=NOON + 1000))
    await here.ledger.apply(a_change(None, at=NOON + 2000, detail='{"text":"a\\ud83d ARRÊT"}'))

    answer = await here.get(EVENTS)

    assert (answer.status, answer.headers["Content-Type"]) == (200, "application/json")
    assert answer.json.keys() == {"events", "next", "has_more"}
    assert answer.json["has_more"] is False
    for told in answer.json["events"]:
        event = await here.ledger.event(EventId(told["data"]["event_id"]))
        assert event is not None
        assert told == json.loads(body(event, "json", DIRECTORY).content)
    assert [told["type"] for told in answer.json["events"]] == [
        "consent.opted_in",
        "consent.opted_out",
        "message.received",
    ]


async def test_from_a_cursor_on_only_what_is_new_is_listed(here: Served) -> None:
    await here.ledger.apply(a_start())
    first = await here.get(EVENTS)
    await here.ledger.apply(a_stop(at=NOON + 1000, msisdn=BOB))

    second = await here.get(EVENTS, params={"after": first.json["next"]})

    assert numbers(first.json) == [ANN]
    assert numbers(second.json) == [BOB]


async def test_a_limit_makes_pages(here: Served) -> None:
    for n in range(5):
        await here.ledger.apply(a_stop(at=NOON + n * 1000))

    page = await here.get(EVENTS, params={"limit": "3"})
    rest = await here.get(EVENTS, params={"limit": "3", "after": page.json["next"]})

    assert (len(page.json["events"]), page.json["has_more"]) == (3, True)
    assert (len(rest.json["events"]), rest.json["has_more"]) == (2, False)


async def test_after_now_nothing_of_the_past_is_listed(here: Served) -> None:
    await here.ledger.apply(a_start())
    now = await here.get(EVENTS, params={"after": "now"})
    await here.ledger.apply(a_stop(at=NOON + 1000, msisdn=BOB))

    assert (now.json["events"], now.json["has_more"]) == ([], False)
    assert numbers((await here.get(EVENTS, params={"after": now.json["next"]})).json) == [BOB]


async def test_an_account_reads_of_its_own_numbers_alone(here: Served) -> None:
    await here.ledger.apply(a_stop(account=OTHER.id))

    assert (await here.get(EVENTS)).json["events"] == []


@pytest.mark.parametrize("limit", ["0", "-1", "1001", "x", "1.5", "", "01", "९"])
async def test_a_limit_that_cannot_be_is_a_problem(here: Served, limit: str) -> None:
    answer = await here.get(EVENTS, params={"limit": limit})

    assert (answer.status, answer.headers["Content-Type"]) == (400, "application/problem+json")
    assert answer.json["detail"] == f"limit: expected a whole number from 1 to {MOST_EVENTS}"


@pytest.mark.parametrize("cursor", ["x", "Now", "A" * 100, "é"])
async def test_a_cursor_that_was_never_given_is_a_problem(here: Served, cursor: str) -> None:
    answer = await here.get(EVENTS, params={"after": cursor})

    assert (answer.status, answer.json["code"]) == (400, "malformed")


async def test_a_cursor_that_is_older_than_what_is_kept_is_gone_and_says_what_to_do(here: Served, store: Store) -> None:
    for n in range(5):
        await here.ledger.apply(a_stop(at=NOON + n * 1000))
    page = await here.get(EVENTS, params={"limit": "1"})
    await store.redis.xtrim(store.keys_of(ANN).log, maxlen=1, approximate=False)

    answer = await here.get(EVENTS, params={"after": page.json["next"]})

    assert (answer.status, answer.headers["Content-Type"]) == (410, "application/problem+json")
    assert answer.json["code"] == "gone"
    assert "call without `after` to begin again" in answer.json["detail"]


async def test_who_cannot_prove_an_account_is_asked_to(here: Served) -> None:
    answer = await here.get(EVENTS, auth="")

    assert (answer.status, "WWW-Authenticate" in answer.headers) == (401, True)


def numbers(page: Any) -> list[str]:
    return [event["data"]["msisdn"] for event in page["events"]]
