"""What waits for its next attempt is attempted now, once somebody says that the endpoint is mended."""

from pathlib import Path

import pytest

from consent.ledger import Backlog, Health, HealthRules, Queue, Said, Store
from consent.model import Millis, Partition
from tests.builders import ANN
from tests.console.command_line import CommandLine
from tests.console.served import CRM, FAILED, recorded

_HOUR = Millis(3_600_000)


async def fail(store: Store) -> None:
    """Of the two numbers that the CRM is owed something about, Ann's waits for an hour; Bob's is due."""
    for keys in store.keys:
        for lease in (await Queue(store).claim(keys.partition, {CRM.id: 10}, token="mine")).leases:
            if lease.msisdn == ANN:
                await Queue(store).settle(lease, "retry", FAILED, wait=_HOUR)
            else:
                await Queue(store).settle(lease, "release", None, wait=Millis(0))


async def longest_wait(store: Store) -> int:
    """Until the last of the CRM's is due, in ms."""
    waiting = await Backlog(store).owed(CRM.id)
    return max(owed.due_at or 0 for owed in waiting) - await store.now(Partition(0))


@pytest.fixture
def cli(tmp_path: Path, store_url: str) -> CommandLine:
    line = CommandLine(tmp_path, store_url)
    line.in_store(recorded)
    line.in_store(fail)
    return line


@pytest.mark.parametrize(
    "words", [("deliveries", "retry", "--waiting", "--endpoint", "crm"), ("endpoint", "enable", "crm")]
)
def test_what_waits_is_due_at_once(cli: CommandLine, words: tuple[str, ...]) -> None:
    waited = cli.in_store(longest_wait)

    cli.run(*words)

    assert waited > _HOUR / 2
    assert cli.in_store(longest_wait) <= 0


@pytest.mark.parametrize(("is_disabled", "is_resting"), [(False, False), (True, True)])
def test_an_endpoint_that_rests_is_tried_at_once(cli: CommandLine, is_disabled: bool, is_resting: bool) -> None:
    """Nothing would be sent before its rest is over, however due it is. One that is disabled starts afresh later."""
    cli.in_store(lambda store: Health(store).report(CRM.id, Said(failed=10, reason="timeout"), HealthRules()))
    if is_disabled:
        cli.run("endpoint", "disable", "crm")

    cli.run("deliveries", "retry", "--waiting", "--endpoint", "crm")

    assert (cli.json("endpoint", "show", "crm")["paused_until"] is not None) == is_resting


def test_at_an_endpoint_that_is_disabled_it_is_held(cli: CommandLine) -> None:
    cli.run("endpoint", "disable", "crm")

    retried = cli.json("deliveries", "retry", "--waiting", "--endpoint", "crm")

    assert [each["result"] for each in retried] == ["held", "held"]
    assert "endpoint enable" in cli.run("deliveries", "retry", retried[0]["event_id"])


def test_so_is_what_was_due_there_already(cli: CommandLine) -> None:
    cli.json("deliveries", "retry", "--waiting", "--endpoint", "crm")
    cli.run("endpoint", "disable", "crm")

    told = cli.run("deliveries", "retry", "--waiting", "--endpoint", "crm")

    assert "held    2      attempted once its endpoint, which is disabled, is enabled" in told


def test_what_is_due_already_is_left_alone(cli: CommandLine) -> None:
    first = cli.json("deliveries", "retry", "--waiting", "--endpoint", "crm")
    second = cli.json("deliveries", "retry", "--waiting", "--endpoint", "crm")

    assert [(each["endpoint"], each["result"]) for each in first] == [("acme/crm", "hastened")]
    assert second == []


@pytest.mark.parametrize("words", [(), ("--endpoint", "crm", "--dead"), ("evt_0_1_0",)])
def test_all_that_waits_is_asked_for_by_endpoint_and_by_nothing_else(cli: CommandLine, words: tuple[str, ...]) -> None:
    assert "name an event" in cli.run("deliveries", "retry", "--waiting", *words, exit_code=2)


def test_the_list_says_why_each_waits(cli: CommandLine) -> None:
    before = {line["attempts"]: line["reason"] for line in cli.json("deliveries", "list") if line["state"] == "due"}
    cli.run("endpoint", "disable", "crm")
    held = [line for line in cli.json("deliveries", "list", "--endpoint", "crm") if line["state"] == "due"]

    assert before[1] == FAILED.error
    assert {(line["reason"], line["due_at"]) for line in held} == {("held: the endpoint is disabled", None)}
