"""What was not delivered is found, explained, and sent again."""

import secrets
from pathlib import Path

import pytest

from consent.ledger import Ledger, Queue, Registry, Store
from consent.model import Account, AttemptRecord, EventId, Millis, Msisdn
from dispatcher.routing import route
from tests.builders import ACME, ANN, BOB, NOON, a_campaign, a_start, a_stop, an_endpoint
from tests.console.command_line import CommandLine

CRM, BILLING = an_endpoint("crm"), an_endpoint("billing", events=("consent.opted_in",))
FAILED = AttemptRecord(number=1, outcome="bury", status=500, took_ms=12, error="gave up: http_500", response="oh no")


async def recorded(store: Store) -> list[EventId]:
    """A STOP and a START of Ann's and a STOP of Bob's, all owed to the endpoints."""
    registry, queue = Registry(store), Queue(store)
    for row in (Account(id=ACME), a_campaign(), CRM, BILLING):
        await registry.put(row)
    changes = (a_stop(at=NOON), a_start(at=NOON + 1000), a_stop(msisdn=BOB))
    ids = [(await Ledger(store).apply(change)).events[0] for change in changes]  # type: ignore[union-attr]  # all new
    endpoints = (await registry.directory()).endpoints_of(ACME)
    for stretch in await queue.unrouted(await queue.cursors(), block=1000):
        await queue.fan_out(stretch, [owed for event in stretch.events for owed in route(event, endpoints)])
    return ids


async def bury(store: Store, msisdn: Msisdn) -> None:
    """Give up on the first delivery of a number to the CRM."""
    queue = Queue(store)
    partition = store.keys_of(msisdn).partition
    leases = (await queue.claim(partition, {CRM.id: 10}, token=secrets.token_hex(8))).leases
    for lease in leases:
        verdict = "bury" if lease.msisdn == msisdn else "release"
        await queue.settle(lease, verdict, FAILED if verdict == "bury" else None, wait=Millis(0))


@pytest.fixture
def cli(tmp_path: Path, store_url: str) -> CommandLine:
    return CommandLine(tmp_path, store_url)


@pytest.fixture
def events(cli: CommandLine) -> list[EventId]:
    return cli.in_store(recorded)


def states(lines: list[dict[str, str]]) -> set[tuple[str, str, str]]:
    return {(line["endpoint"], line["event_id"], line["state"]) for line in lines}


def test_what_waits_is_listed_with_what_waits_behind_it(cli: CommandLine, events: list[EventId]) -> None:
    stop, start, other = events

    assert states(cli.json("deliveries", "list")) == {
        ("acme/crm", stop, "due"),
        ("acme/crm", start, "behind"),
        ("acme/crm", other, "due"),
        ("acme/billing", start, "due"),
    }
    assert ANN not in cli.run("deliveries", "list")
    assert len(cli.json("deliveries", "list", "--endpoint", "billing")) == 1


def test_what_was_given_up_is_listed_and_comes_back(cli: CommandLine, events: list[EventId]) -> None:
    cli.in_store(lambda store: bury(store, ANN))

    (dead,) = cli.json("deliveries", "list", "--dead")
    assert (dead["event_id"], dead["reason"]) == (events[0], "gave up: http_500")
    retried = cli.json("deliveries", "retry", "--dead", "--endpoint", "crm")

    assert retried == [{"endpoint": "acme/crm", "event_id": events[0], "result": "revived"}]
    assert cli.json("deliveries", "list", "--dead") == []


def test_one_event_is_retried_at_all_who_are_owed_it(cli: CommandLine, events: list[EventId]) -> None:
    assert {(each["endpoint"], each["result"]) for each in cli.json("deliveries", "retry", events[1])} == {
        ("acme/crm", "behind"),
        ("acme/billing", "hastened"),
    }
    assert cli.json("deliveries", "retry", events[2], "--endpoint", "billing")[0]["result"] == "unknown"


def test_the_story_of_an_event_has_every_endpoint_and_every_attempt(cli: CommandLine, events: list[EventId]) -> None:
    cli.in_store(lambda store: bury(store, ANN))

    story = cli.json("deliveries", "show", events[0])

    assert story["event"]["type"] == "consent.opted_out"
    assert {line["endpoint"]: line["state"] for line in story["deliveries"]} == {
        "acme/crm": "dead",
        "acme/billing": "not_sent",
    }
    assert "does not want it" in next(d["reason"] for d in story["deliveries"] if d["state"] == "not_sent")
    (attempt,) = story["attempts"]
    assert (attempt["status"], attempt["ms"], attempt["response"]) == (500, 12, "oh no")
    assert "oh no" in cli.run("deliveries", "show", events[0])


@pytest.mark.parametrize("words", [(), ("evt_1_2_3", "--dead"), ("--dead",), ("--endpoint", "crm")])
def test_retrying_nothing_in_particular_is_wrong_usage(cli: CommandLine, words: tuple[str, ...]) -> None:
    assert "name an event" in cli.run("deliveries", "retry", *words, exit_code=2)


@pytest.mark.parametrize("event", ["evt_1_2_3", "evt_99_2_3", "nonsense"])
def test_an_event_that_is_not_in_the_log_is_told_so(cli: CommandLine, events: list[EventId], event: str) -> None:
    assert f"no event {event} is in the log" in cli.run("deliveries", "show", event, exit_code=1)
