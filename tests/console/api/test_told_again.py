"""Events, deliveries, replays: what happened, who was not told of it, and how he is told after all."""

from typing import Any

import pytest

from config.clock import system_clock
from config.settings import Settings
from consent.ledger import Ledger, Registry
from consent.ledger.replay import Mark
from consent.model import EventId, Msisdn
from tests.builders import ANN, a_stop
from tests.console.served import CRM, Served, bury, recorded
from tests.e2e.installation import eventually

NUMBERED = Msisdn("15550001111")


@pytest.fixture
async def events(console: Served) -> list[EventId]:
    return await recorded(console.store)


async def masking(console: Served) -> str:
    return await console.token("read", "operate")


async def test_events_are_listed_newest_first_and_page_by_page(console: Served, events: list[EventId]) -> None:
    first = (await console.get("/events?limit=2")).json
    await Ledger(console.store).apply(a_stop(msisdn=NUMBERED))
    second = (await console.get(f"/events?limit=2&after={first['next']}")).json

    assert {item["event_id"] for page in (first, second) for item in page["items"]} == set(events)
    assert [len(page["items"]) for page in (first, second)] == [2, 1]
    assert second["next"] is None


@pytest.mark.parametrize(
    ("query", "count"),
    [
        ("type=consent.opted_out", 3),
        ("type=consent.opted_out&type=consent.opted_in", 4),
        ("type=message.*", 0),
        ("account=acme&campaign=1116", 3),
        ("account=former&campaign=1116", 1),
        ("campaign=9", 0),
    ],
)
async def test_events_are_filtered(console: Served, events: list[EventId], query: str, count: int) -> None:
    await Ledger(console.store).apply(a_stop(account="former", msisdn=NUMBERED))

    answer = await console.get(f"/events?{query}", token=await masking(console))

    assert len(answer.json["items"]) == count
    assert ANN not in answer.text


@pytest.mark.parametrize(("query", "named"), [("account=acm", "acme"), ("account=acme&campaign=111", "1116")])
async def test_events_of_what_never_was_are_not_said_to_be_none(
    console: Served, events: list[EventId], query: str, named: str
) -> None:
    answer = await console.get(f"/events?{query}")

    assert (answer.status, named in answer.json["detail"]) == (404, True)


@pytest.mark.parametrize("query", ["type=nothing", "after=nothing"])
async def test_events_of_no_kind_and_from_nowhere_are_refused(console: Served, query: str) -> None:
    assert (await console.get(f"/events?{query}")).status == 400


async def states(console: Served, query: str = "") -> set[tuple[str, str, str]]:
    items = (await console.get(f"/deliveries{query}")).json["items"]
    return {(item["endpoint"], item["event_id"], item["state"]) for item in items}


async def test_what_has_not_arrived_is_listed_by_endpoint_and_state(console: Served, events: list[EventId]) -> None:
    stop, start, other = events
    await bury(console.store)

    assert await states(console) == {
        ("acme/crm", stop, "dead"),
        ("acme/crm", start, "due"),
        ("acme/crm", other, "due"),
        ("acme/billing", start, "due"),
    }
    assert await states(console, "?endpoint=billing") == {("acme/billing", start, "due")}
    assert await states(console, "?state=dead") == {("acme/crm", stop, "dead")}
    assert (await console.get("/dead-letters")).json["items"][0]["reason"] == "gave up: http_500"
    assert ANN not in (await console.get("/deliveries", token=await masking(console))).text
    assert (await console.get("/deliveries?endpoint=nobody")).status == 404
    assert (await console.get("/deliveries?state=lost")).status == 400
    assert (await console.get("/deliveries?after=nowhere")).status == 400


async def test_the_story_of_an_event_has_every_endpoint_and_attempt(console: Served, events: list[EventId]) -> None:
    await bury(console.store)

    story = (await console.get(f"/deliveries/{events[0]}")).json

    assert story["event"]["type"] == "consent.opted_out"
    assert {line["endpoint"]: line["state"] for line in story["deliveries"]} == {
        "acme/crm": "dead",
        "acme/billing": "not_sent",
    }
    assert (story["attempts"][0]["status"], story["attempts"][0]["response"]) == (500, "oh no")
    assert (await console.get("/deliveries/evt_1_2_3")).status == 404
    assert (await console.get("/deliveries/nonsense")).status == 404


async def test_an_answer_that_names_the_number_is_masked_like_all_else(console: Served, events: list[EventId]) -> None:
    await bury(console.store, response=f"unknown customer {ANN}")

    masked = await console.get(f"/deliveries/{events[0]}", token=await masking(console))
    shown = await console.get(f"/deliveries/{events[0]}")

    assert ANN not in masked.text
    assert shown.json["attempts"][0]["response"] == f"unknown customer {ANN}"


async def test_dead_letters_are_discarded(console: Served, events: list[EventId]) -> None:
    await bury(console.store)
    asked = {"endpoint": "crm", "reason": "has an export"}

    other = await console.post("/dead-letters/discard", {**asked, "event_id": events[2]})
    unreasoned = await console.post("/dead-letters/discard", {**asked, "reason": ""})
    named = {**asked, "reason": f"called {ANN}"}
    done = await console.post("/dead-letters/discard", named, token=await masking(console))

    assert (other.status, unreasoned.status) == (404, 400)
    assert done.json == {"endpoint": "acme/crm", "discarded": 1}
    assert (await console.get("/dead-letters")).json["items"] == []
    assert (await console.audited())[0][1:] == ("deliveries.discarded", "acme/crm")
    assert ANN not in (await console.get("/audit")).text


async def test_a_delivery_is_retried(console: Served, events: list[EventId]) -> None:
    await bury(console.store)

    retried = await console.post(f"/deliveries/{events[0]}/retry", token=await masking(console))
    unknown = await console.post(f"/deliveries/{events[0]}/retry", {"endpoint": "nobody"})

    assert retried.json["items"] == [{"endpoint": "acme/crm", "event_id": events[0], "result": "revived"}]
    assert unknown.status == 404
    assert (await console.audited())[0][1:] == ("delivery.retried", events[0])


async def test_the_backlog_tells_since_when_an_opt_out_waits(console: Served, events: list[EventId]) -> None:
    backlog = (await console.get("/endpoints/acme/crm/backlog")).json

    assert (backlog["owed"], backlog["dead"], backlog["oldest_unheard_optout"] is not None) == (2, 0, True)


async def test_an_endpoint_that_is_gone_waits_for_nothing(console: Served, events: list[EventId]) -> None:
    """Before what it was owed is forgotten, too, which a dispatcher may do an hour later."""
    assert events
    before = (await console.get("/health")).json["oldest_unheard_optout"]
    registry = Registry(console.store)
    for endpoint in (await registry.directory()).endpoints.values():
        await registry.remove(endpoint)

    assert before is not None
    assert (await console.get("/health")).json["oldest_unheard_optout"] is None


async def test_an_opt_out_that_is_overdue_is_bad(console: Served, events: list[EventId]) -> None:
    assert events
    before = (await console.get("/health")).json["level"]
    keys, at = console.store.keys[0], system_clock() - Settings().dispatcher.optout_deadline - 1000
    await console.store.redis.zadd(keys.unheard, {CRM.id: at})
    await console.store.redis.zadd(keys.unheard_by(CRM.id), {f"{at}-0": at})

    assert before != "bad"
    assert (await console.get("/health")).json["level"] == "bad"


async def ended(console: Served, job: str) -> dict[str, Any]:
    found: dict[str, Any] = {}

    async def is_over() -> bool:
        found.update((await console.get(f"/replays/{job}")).json)
        return found["state"] not in {"counting", "running"}

    await eventually(is_over, within=60)
    return found


async def test_a_replay_runs_and_tells_how_far_it_is(console: Served, events: list[EventId]) -> None:
    wanted = {"endpoint": "crm", "since": "2h"}
    operator = await masking(console)

    counted = await console.post("/replays/count", wanted, token=operator)
    started = await console.post("/replays", wanted, token=operator)
    job = await ended(console, started.json["id"])

    assert (counted.json["found"], counted.json["dry_run"]) == (3, True)
    assert (started.status, started.json["endpoint"]) == (202, "acme/crm")
    assert (job["state"], job["total"], job["found"], job["waiting"], job["error"]) == ("done", 3, 3, 3, "")
    assert Mark.of(job["cursor"]) is not None
    assert [item["id"] for item in (await console.get("/replays")).json["items"]] == [job["id"]]
    assert (await console.audited())[0][1:] == ("replay.started", "acme/crm")
    again = {**wanted, "since": None, "after": job["cursor"]}
    assert (await console.post("/replays/count", again)).json["found"] == 0


async def test_dead_letters_come_back_as_a_replay(console: Served, events: list[EventId]) -> None:
    await bury(console.store)

    started = await console.post("/dead-letters/retry", {"endpoint": "acme/crm"})
    job = await ended(console, started.json["id"])

    assert (started.status, job["state"], job["queued"]) == (202, "done", 1)
    assert await states(console, "?state=dead") == set()


async def test_a_replay_that_is_over_is_not_cancelled(console: Served, events: list[EventId]) -> None:
    started = await console.post("/replays", {"endpoint": "crm", "since": "2h"})
    await ended(console, started.json["id"])

    assert (await console.post(f"/replays/{started.json['id']}/cancel")).json["state"] == "done"
    assert (await console.post("/replays/nonsense/cancel")).status == 404
    assert (await console.get("/replays/nonsense")).status == 404


@pytest.mark.parametrize(
    ("wanted", "status"),
    [
        ({"endpoint": "crm"}, 400),
        ({"endpoint": "nobody", "since": "2h"}, 404),
        ({"endpoint": "crm", "since": "soon"}, 400),
        ({"endpoint": "crm", "since": "2024"}, 400),
        ({"endpoint": "crm", "after": "nowhere"}, 400),
        ({"endpoint": "crm", "since": "1h", "until": "2h"}, 400),
        ({"endpoint": "crm", "since": "2h", "types": ["nothing.*"]}, 400),
    ],
)
async def test_a_replay_of_nothing_in_particular_is_refused(
    console: Served, events: list[EventId], wanted: dict[str, Any], status: int
) -> None:
    for path in ("/replays", "/replays/count"):
        assert (await console.post(path, wanted)).status == status


async def test_nothing_is_replayed_to_an_endpoint_that_is_disabled(console: Served, events: list[EventId]) -> None:
    await console.post(f"/endpoints/{CRM.id}/disable")

    answer = await console.post("/replays", {"endpoint": "crm", "since": "2h"})

    assert (answer.status, "endpoint enable" in answer.json["detail"]) == (409, True)
