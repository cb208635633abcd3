"""What was not delivered is found, explained, and sent again."""

import asyncio
import json
import signal
from typing import Any

import pytest

from config.settings import load
from consent.ledger import Queue, Registry, Store
from consent.model import (
    AccountId,
    AttemptRecord,
    Event,
    EventId,
    EventType,
    Millis,
    Msisdn,
    Opening,
    SourceId,
)
from console.commands.replay import Range, how_to_go_on, order_of
from console.desk import Desk
from console.progress import shown
from console.replay import Replaying, owed_again
from tests.builders import (
    ANN,
    NOON,
    a_stop,
    an_endpoint,
    an_event,
    an_origin,
)
from tests.console.command_line import CommandLine
from tests.console.served import BILLING, CRM, attempted, bury, logged, recorded
from tests.e2e.installation import eventually


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


def test_what_was_given_up_comes_back_in_the_order_of_the_log(cli: CommandLine, events: list[EventId]) -> None:
    """Not in that of giving up: an older event that was tried once more would be what the endpoint hears last."""
    stop, start, _ = events
    for _ in (stop, start):
        cli.in_store(lambda store: bury(store, ANN))
    cli.run("deliveries", "retry", stop, "--endpoint", "crm")
    cli.in_store(lambda store: bury(store, ANN))

    retried = cli.json("deliveries", "retry", "--dead", "--endpoint", "crm")

    assert [(each["event_id"], each["result"]) for each in retried] == [(stop, "revived"), (start, "revived")]
    assert {("acme/crm", stop, "due"), ("acme/crm", start, "behind")} <= states(cli.json("deliveries", "list"))


def test_one_event_is_retried_at_all_who_are_owed_it(cli: CommandLine, events: list[EventId]) -> None:
    assert {(each["endpoint"], each["result"]) for each in cli.json("deliveries", "retry", events[1])} == {
        ("acme/crm", "behind"),
        ("acme/billing", "hastened"),
    }
    assert cli.json("deliveries", "retry", events[2], "--endpoint", "billing")[0]["result"] == "unknown"


async def _history_is_gone(store: Store) -> None:
    for keys in store.keys:
        await store.redis.xtrim(keys.log, maxlen=0, approximate=False)


def test_what_nobody_can_send_any_more_leaves_the_list_with_a_reason(cli: CommandLine, events: list[EventId]) -> None:
    cli.in_store(lambda store: bury(store, ANN))
    cli.in_store(_history_is_gone)
    dead = ("--dead", "--endpoint", "crm")
    retried = cli.json("deliveries", "retry", *dead)

    done = cli.json("deliveries", "discard", *dead, "--reason", "has an export", "--yes")

    assert [each["result"] for each in retried] == ["forgotten"]
    assert done == {"endpoint": "acme/crm", "discarded": 1}
    assert cli.json("deliveries", "list", "--dead") == []
    noted = cli.json("audit", "list")[0]
    assert (noted["what"], noted["on"]) == ("deliveries.discarded", "acme/crm")
    assert "has an export" in json.dumps(noted)


def test_discarding_asks_and_takes_only_what_is_dead(cli: CommandLine, events: list[EventId]) -> None:
    cli.in_store(lambda store: bury(store, ANN))
    of_the_crm = ("--endpoint", "crm", "--reason", "no such customer there")

    cli.run("deliveries", "discard", "--dead", *of_the_crm, answer="n", exit_code=1)
    waiting = cli.run("deliveries", "discard", events[2], *of_the_crm, "--yes", exit_code=1)
    cli.run("deliveries", "discard", *of_the_crm, "--yes", exit_code=2)
    assert len(cli.json("deliveries", "list", "--dead")) == 1

    assert "1 discarded" in cli.run("deliveries", "discard", events[0], *of_the_crm, answer="y")
    assert f"acme/crm was not given up on {events[2]}" in waiting
    assert cli.json("deliveries", "list", "--dead") == []


def test_before_it_asks_it_says_that_there_is_nothing_to_discard_or_no_such_endpoint(
    cli: CommandLine, events: list[EventId]
) -> None:
    discard = ("deliveries", "discard", "--dead", "--reason", "has an export", "--endpoint")

    assert "Nothing was given up at acme/crm." in cli.run(*discard, "crm")
    assert cli.json(*discard, "crm") == {"endpoint": "acme/crm", "discarded": 0}
    assert "there is no endpoint crn; did you mean acme/crm?" in cli.run(*discard, "crn", exit_code=1)
    cli.in_store(lambda store: bury(store, ANN))
    assert "acme/crm will never be told of 1 event. Discard?" in cli.run(*discard, "crm", answer="n", exit_code=1)


@pytest.mark.parametrize("words", [("--dead", "--endpoint", "crm"), (None, "--endpoint", "crm")])
def test_nothing_is_promised_of_an_endpoint_that_is_disabled(
    cli: CommandLine, events: list[EventId], words: tuple[str | None, ...]
) -> None:
    cli.in_store(lambda store: bury(store, ANN))
    cli.run("endpoint", "disable", "crm")

    (retried,) = cli.json("deliveries", "retry", *(word or events[0] for word in words))

    assert retried["result"] == "held"
    assert cli.json("deliveries", "list", "--dead") == []  # it goes out once the endpoint is enabled


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


def test_the_story_names_the_campaigns_where_they_are_why(cli: CommandLine) -> None:
    only = an_endpoint("other", campaigns=("999", "1000"))
    neither = an_endpoint("neither", campaigns=("999",), events=("message.*",))
    event, *_ = cli.in_store(lambda store: recorded(store, only, neither))

    reasons = {line["endpoint"]: line["reason"] for line in cli.json("deliveries", "show", event)["deliveries"]}

    assert reasons["acme/other"] == (
        "the endpoint does not want it (only campaigns 999, 1000; the event is of campaign 1116)"
    )
    assert "events message.*, campaigns 999, format json" in reasons["acme/neither"]


@pytest.mark.parametrize("words", [(), ("evt_1_2_3", "--dead"), ("--dead",), ("--endpoint", "crm")])
def test_retrying_nothing_in_particular_is_wrong_usage(cli: CommandLine, words: tuple[str, ...]) -> None:
    assert "name an event" in cli.run("deliveries", "retry", *words, exit_code=2)


@pytest.mark.parametrize("event", ["evt_1_2_3", "evt_99_2_3", "nonsense"])
def test_an_event_that_is_not_in_the_log_is_told_so(cli: CommandLine, events: list[EventId], event: str) -> None:
    assert f"no event {event} is in the log" in cli.run("deliveries", "show", event, exit_code=1)


# ── replay ──────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_what_arrived_is_not_called_unsent_once_its_attempts_are_forgotten(
    cli: CommandLine, events: list[EventId]
) -> None:
    cli.in_store(deliver_all)  # without a record
    unrouted = cli.in_store(lambda store: logged(store, a_stop(msisdn=Msisdn("15550001111"))))

    states = {line["endpoint"]: line["state"] for line in cli.json("deliveries", "show", events[0])["deliveries"]}
    before = {line["endpoint"]: line["state"] for line in cli.json("deliveries", "show", unrouted)["deliveries"]}

    assert states == {"acme/crm": "not_known", "acme/billing": "not_sent"}
    assert before["acme/crm"] == "not_sent"
    assert "No failed attempt at crm" in cli.remarks("deliveries", "tail", "--failed", "--endpoint", "crm")


async def deliver_all(store: Store) -> None:
    queue = Queue(store)
    for keys in store.keys:
        while leases := (await queue.claim(keys.partition, {CRM.id: 10, BILLING.id: 10}, token="mine")).leases:
            for lease in leases:
                await queue.settle(lease, "done", None, wait=Millis(0))


async def disable(store: Store) -> None:
    await Registry(store).disable(CRM.id, "by hand")


async def forget_the_log(store: Store) -> None:
    for keys in store.keys:
        if await store.redis.exists(keys.log):
            await store.redis.xtrim(keys.log, maxlen=0, approximate=False)


def marked(lines: list[dict[str, Any]]) -> set[tuple[str, str, bool]]:
    return {(line["endpoint"], line["event_id"], line["replay"]) for line in lines}


def test_what_was_told_is_told_again_to_that_endpoint_alone(cli: CommandLine, events: list[EventId]) -> None:
    cli.in_store(deliver_all)

    done = cli.json("deliveries", "replay", "crm", "--since", "1h", "--yes")

    assert (done["endpoint"], done["dry_run"], done["found"], done["queued"]) == ("acme/crm", False, 3, 3)
    assert marked(cli.json("deliveries", "list")) == {("acme/crm", event, True) for event in events}
    assert cli.run("deliveries", "list").count("replayed") == 3


def test_a_replay_narrows_to_types_and_to_what_the_endpoint_asks_for(cli: CommandLine, events: list[EventId]) -> None:
    cli.in_store(deliver_all)

    opted_out = cli.json("deliveries", "replay", "crm", "--since", "1h", "--type", "consent.opted_out", "--yes")
    billing = cli.json("deliveries", "replay", "billing", "--since", "1h", "--type", "consent.*", "--yes")

    assert (opted_out["queued"], billing["queued"]) == (2, 1)
    assert "no event is of type" in cli.run("deliveries", "replay", "crm", "--dead", "--type", "x", exit_code=1)


def test_a_replay_asks_first_and_a_no_queues_nothing(cli: CommandLine, events: list[EventId]) -> None:
    cli.in_store(deliver_all)

    told = cli.run("deliveries", "replay", "crm", "--since", "1h", answer="n\n", exit_code=1)
    assert "3 events for acme/crm" in told
    assert cli.json("deliveries", "list") == []
    assert "3 of 3 events queued" in cli.run("deliveries", "replay", "crm", "--since", "1h", answer="y\n")
    assert "3 were waiting already" in cli.run("deliveries", "replay", "crm", "--since", "1h", "--yes")


def test_json_without_yes_only_counts(cli: CommandLine, events: list[EventId]) -> None:
    cli.in_store(deliver_all)

    plan = cli.json("deliveries", "replay", "crm", "--since", "1h")

    assert (plan["dry_run"], plan["found"], plan["queued"]) == (True, 3, 0)
    assert cli.json("deliveries", "list") == []


def test_a_partial_replay_is_warned_of(cli: CommandLine, events: list[EventId]) -> None:
    cli.in_store(deliver_all)

    told = cli.run("deliveries", "replay", "crm", "--since", "1h", "--type", "consent.opted_in", exit_code=1)

    assert "does not heed `sequence`" in told


def test_the_dead_alone_are_replayed(cli: CommandLine, events: list[EventId]) -> None:
    cli.in_store(lambda store: bury(store, ANN))

    done = cli.json("deliveries", "replay", "crm", "--dead", "--yes")

    assert (done["found"], done["queued"]) == (1, 1)
    assert cli.json("deliveries", "list", "--dead") == []
    assert cli.json("deliveries", "replay", "crm", "--dead", "--yes")["found"] == 0
    assert "0 events for acme/crm" in cli.run("deliveries", "replay", "crm", "--dead")


def test_the_cursor_of_a_replay_is_where_the_next_goes_on(cli: CommandLine, events: list[EventId]) -> None:
    cli.in_store(deliver_all)
    cursor = cli.json("deliveries", "replay", "crm", "--since", "1h")["cursor"]

    assert cli.json("deliveries", "replay", "crm", "--after", cursor)["found"] == 0
    assert "the cursor that a replay printed" in cli.run("deliveries", "replay", "crm", "--after", "evt_1", exit_code=2)


def test_what_the_retention_removed_is_told(cli: CommandLine, events: list[EventId]) -> None:
    cli.in_store(lambda store: bury(store, ANN))
    cli.in_store(forget_the_log)

    since = cli.run("deliveries", "replay", "crm", "--since", "1h")
    dead = cli.json("deliveries", "replay", "crm", "--dead")

    assert "The log begins at" in since
    assert (dead["found"], dead["forgotten"]) == (0, 1)


def test_nothing_is_replayed_to_a_disabled_endpoint(cli: CommandLine, events: list[EventId]) -> None:
    cli.in_store(disable)

    assert "endpoint enable acme/crm" in cli.run("deliveries", "replay", "crm", "--dead", "--yes", exit_code=1)


@pytest.mark.parametrize(
    ("words", "told"),
    [
        ((), "say since when"),
        (("--since", "soon"), "--since: expected an instant"),
        (("--since", "2026"), "--since: expected an instant"),
        (("--since", "1h", "--until", "x"), "--until: expected an instant"),
        (("--since", "1h", "--until", "2h"), "nothing lies between"),
    ],
)
def test_a_range_that_is_none_is_wrong_usage(cli: CommandLine, words: tuple[str, ...], told: str) -> None:
    assert told in " ".join(cli.run("deliveries", "replay", "crm", *words, exit_code=2).replace("│", "").split())


def test_a_range_is_two_instants_or_durations(cli: CommandLine, events: list[EventId]) -> None:
    def found(*words: str) -> int:
        return int(cli.json("deliveries", "replay", "crm", *words)["found"])

    assert found("--since", "2020-01-01") == 3
    assert found("--since", "2020-01-01T12:00Z", "--until", "2020-01-02T12:00+02:00") == 0
    assert found("--since", "1h", "--until", "1m") == 0


def test_a_stopped_replay_says_how_to_go_on() -> None:
    asked = Range(since="1h", until="2026-11-21T12:00Z", after="1732230000123-4")
    order = order_of("acme/crm", asked, ("consent.*",), now=NOON, only_dead=True)

    told = how_to_go_on(order, Replaying(order))

    assert told.endswith(
        f"deliveries replay acme/crm --after {order.after.word} --until 2026-11-21T12:00:00Z --type 'consent.*' --dead"
    )


async def test_a_replay_waits_while_much_is_owed_already(cli: CommandLine, store: Store) -> None:
    await recorded(store)
    order = order_of("crm", Range(since="2020-01-01", until=None, after=None), (), now=NOON, only_dead=False)
    replaying = Replaying(order, most_waiting=1)
    carrying_out = asyncio.create_task(replaying.carry_out(Desk.of(load(cli.config)), shown("replaying", None)))
    await asyncio.wait([carrying_out], timeout=0.5)
    assert not carrying_out.done()
    await deliver_all(store)

    assert (await carrying_out).queued == 3


def test_an_event_about_an_endpoint_is_never_replayed_to_itself() -> None:
    def about(name: str) -> Event:
        origin = an_origin(source=SourceId(name))
        return an_event(EventType.ENDPOINT_FAILING, campaign=None, msisdn=Msisdn(""), origin=origin)

    monitor = an_endpoint("monitor", events=("endpoint.*",))

    assert owed_again([about("acme/monitor")], monitor, ()) == []
    assert len(owed_again([about("acme/crm")], monitor, ())) == 1


def test_nothing_of_another_account_nor_what_came_too_late_is_replayed() -> None:
    events = [an_event(account=AccountId("other")), an_event(superseded=True)]

    assert owed_again(events, an_endpoint(events=("*",)), ()) == []


def test_the_story_says_where_the_time_went(cli: CommandLine, events: list[EventId]) -> None:
    opening = Opening(dns_ms=1.5, connect_ms=2.0, tls_ms=None)
    attempts = [
        AttemptRecord(number=1, outcome="retry", status=500, took_ms=14, error="http_500", response="", **measured)
        for measured in ({"first_byte_ms": 9.8, "opening": opening}, {"first_byte_ms": 7.0}, {})
    ]

    cli.in_store(lambda store: attempted(store, *attempts))

    told = cli.json("deliveries", "show", events[0])["attempts"]
    phases = ("dns_ms", "connect_ms", "tls_ms", "first_byte_ms")
    assert [[line[phase] for phase in phases] for line in told] == [
        [1.5, 2.0, None, 9.8],
        [None, None, None, 7.0],
        [None] * 4,
    ]
    text = cli.run("deliveries", "show", events[0])
    assert "dns 1.5, connect 2, first byte 9.8" in text
    assert "first byte 7 (kept connection)" in text


def test_a_record_of_a_newer_version_is_read_as_far_as_it_is_known(cli: CommandLine, events: list[EventId]) -> None:
    async def write(store: Store) -> None:
        written = {"number": 1, "outcome": "done", "status": 200, "took_ms": 1, "error": "", "response": "", "moon": 1}
        keys = store.keys_of(ANN)
        place = "-".join(events[0].split("_")[2:])
        entry = {"endpoint": CRM.id, "msisdn": ANN, "event": place, "record": json.dumps(written)}
        await store.redis.xadd(keys.attempts, entry)

    cli.in_store(write)

    (line,) = cli.json("deliveries", "show", events[0])["attempts"]
    assert (line["outcome"], line["first_byte_ms"]) == ("done", None)


async def be_owed_much(store: Store) -> None:
    """So much that a replay waits."""
    heads = {f"1650{number:07}": f"{NOON}-0 0 0 -" for number in range(10_001)}
    await store.redis.hset(store.keys[0].heads(CRM.id), mapping=heads)


async def depths_asked(store: Store) -> int:
    statistics = await store.redis.info("commandstats")
    return int(statistics.get("cmdstat_hlen", {"calls": 0})["calls"])


def test_a_replay_that_is_interrupted_tells_the_command_that_goes_on(cli: CommandLine, events: list[EventId]) -> None:
    cli.in_store(be_owed_much)
    asked = cli.in_store(depths_asked)
    with cli.process("deliveries", "replay", "crm", "--after", "1-0", "--yes") as process:

        async def is_waiting(store: Store) -> None:
            async def has_asked() -> bool:
                return await depths_asked(store) > asked

            await eventually(has_asked)

        cli.in_store(is_waiting)
        process.send_signal(signal.SIGINT)
        _, told = process.communicate(timeout=20)

    assert process.returncode == 130
    assert told == "Stopped; 0 were queued, and go out. To go on: consent-relay deliveries replay crm --after 1-0\n"


def test_a_store_that_refuses_a_replay_is_told_and_nothing_is_claimed_to_be_queued(
    cli: CommandLine, events: list[EventId]
) -> None:
    async def refuse(store: Store) -> None:
        await store.redis.execute_command("ACL", "SETUSER", "default", "-fcall")

    async def allow(store: Store) -> None:
        await store.redis.execute_command("ACL", "SETUSER", "default", "+fcall")

    cli.in_store(refuse)
    try:
        told = cli.run("deliveries", "replay", "crm", "--since", "1h", "--yes", exit_code=1)
    finally:
        cli.in_store(allow)

    assert "the store" in told
    assert "Stopped" not in told
