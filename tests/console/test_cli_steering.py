"""Tokens, the audit, decisions and attempts, on the command line; and the registry's rows come and go there too."""

import json
import os
import pwd
import re
import secrets

import pytest
from typer.testing import CliRunner

from consent.ledger import Ledger, Queue, Store
from consent.ledger.tokens import Tokens
from consent.model import Actor, AttemptRecord, EventId, Millis
from console.cli import app
from tests.builders import ACME, ALERTS, ANN, BOB
from tests.console.command_line import CommandLine
from tests.console.served import CRM, bury

ME = f"cli:{pwd.getpwuid(os.getuid()).pw_name}"


def test_a_token_is_made_shown_once_and_revoked(cli: CommandLine) -> None:
    made = cli.json("token", "create", "grafana", "--scope", "read", "--scope", "numbers")

    async def holder(store: Store) -> str | None:
        token = await Tokens(store).holder(made["token"])
        return token.name if token else None

    assert (made["scopes"], cli.in_store(holder)) == (["read", "numbers"], "grafana")
    assert made["token"] not in cli.run("token", "list")
    assert cli.json("token", "list")[0]["created_by"] == ME
    assert "exists already" in cli.run("token", "create", "grafana", "--scope", "read", exit_code=1)
    assert "grafana revoked" in cli.run("token", "revoke", "grafana")
    assert cli.in_store(holder) is None
    assert "no token grafana" in cli.run("token", "revoke", "grafana", exit_code=1)


def test_a_scope_that_is_none_is_wrong_usage(cli: CommandLine) -> None:
    assert "root" in cli.run("token", "create", "x", "--scope", "root", exit_code=2)
    assert "scope" in cli.run("token", "create", "x", exit_code=2)


def test_what_commands_change_is_on_the_record(cli: CommandLine) -> None:
    cli.configure('[[accounts]]\nid = "declared"')
    cli.run("apply")
    cli.run("account", "add", "acme")
    cli.run("campaign", "add", "1116", "--account", "acme")
    cli.run("source", "add", "nexmo", "--account", "acme")
    cli.run("endpoint", "add", "acme/crm", "https://crm.example.com/")
    cli.run("endpoint", "disable", "crm", "--reason", "maintenance")

    lines = cli.json("audit", "list")

    assert {line["who"] for line in lines} == {ME}
    assert [(line["what"], line["on"]) for line in lines] == [
        ("endpoint.disabled", "acme/crm"),
        ("endpoint.added", "acme/crm"),
        ("source.added", "acme/nexmo"),
        ("campaign.added", "acme/1116"),
        ("account.added", "acme"),
        ("account.added", "declared"),
    ]
    assert "reason maintenance" in cli.run("audit", "list", "-n", "1")
    older = cli.json("audit", "list", "-n", "2", "--after", lines[0]["id"])
    told = " ".join(re.sub(r"[^\w.\[\] -]", " ", cli.run("audit", "list", "--after", "foo", exit_code=2)).split())
    assert "--after foo expected what the last line of an earlier list says or the id of an entry" in told
    assert [line["id"] for line in older] == [line["id"] for line in lines[1:3]]


def test_rows_of_the_registry_are_removed_when_nothing_hangs_on_them(cli: CommandLine) -> None:
    cli.run("account", "add", "acme", "--api-key", "abcd1234")
    cli.run("campaign", "add", "1116")
    cli.run("source", "add", "nexmo")

    assert "it has 1 campaign, 1 source and 0 endpoints: remove these first" in cli.run(
        "account", "rm", "acme", exit_code=1
    )
    assert cli.json("campaign", "rm", "1116", "--yes") == {"removed": "acme/1116", "still_declared": False}
    assert cli.json("source", "rm", "nexmo", "-y")["removed"] == "acme/nexmo"
    assert "acme removed" in cli.run("account", "rm", "acme")
    assert cli.json("account", "list") == []


def test_removing_a_campaign_or_a_source_asks_first(cli: CommandLine) -> None:
    cli.run("account", "add", "acme")
    cli.run("campaign", "add", "1116", "--title", "Deals")
    cli.run("source", "add", "nexmo")

    assert "Remove acme/1116 (Deals)?" in cli.run("campaign", "rm", "1116", answer="n\n", exit_code=1)
    assert "Remove acme/nexmo? Its URL answers 404" in cli.run("source", "rm", "nexmo", answer="n\n", exit_code=1)
    assert (len(cli.json("campaign", "list")), len(cli.json("source", "list"))) == (1, 1)
    cli.run("campaign", "rm", "1116", answer="y\n")
    cli.run("source", "rm", "nexmo", answer="y\n")

    assert (cli.json("campaign", "list"), cli.json("source", "list")) == ([], [])


def test_what_is_not_there_is_not_asked_about(cli: CommandLine) -> None:
    cli.run("account", "add", "acme")

    assert "there is no acme campaign 1116" in cli.run("campaign", "rm", "1116", exit_code=1)
    assert "there is no source nexmo" in cli.run("source", "rm", "nexmo", exit_code=1)


def test_a_campaign_that_an_endpoint_asks_for_is_not_removed(cli: CommandLine) -> None:
    cli.run("account", "add", "acme")
    cli.run("campaign", "add", "1116")
    cli.run("endpoint", "add", "crm", "https://x.example/", "--campaign", "1116")

    refusal = "acme/crm asks for it by name: change that one first"
    assert refusal in cli.run("campaign", "rm", "1116", "--yes", exit_code=1)


def test_an_operator_decides_with_a_reason(cli: CommandLine, events: list[EventId]) -> None:
    words = ("consent", "set", ANN, "--campaign", ALERTS, "--status", "opted_out", "--reason", "she called")

    decided, again = cli.json(*words), cli.json(*words)

    async def actor(store: Store) -> Actor | None:
        state = await Ledger(store).state(ACME, ALERTS, ANN)
        return state.actor if state else None

    assert (decided["status"], decided["changed"], again["changed"]) == ("opted_out", True, False)
    assert cli.in_store(actor) is Actor.OPERATOR
    assert cli.json("audit", "list", "-n", "1")[0]["details"] == {"event": again["event_id"], "reason": "she called"}
    assert "as before" in cli.run(*words)


def test_who_stopped_herself_is_opted_in_only_by_who_says_so(cli: CommandLine, events: list[EventId]) -> None:
    words = ("consent", "set", BOB, "--status", "opted_in", "--reason", "her letter")

    assert "--overrule" in cli.run(*words, exit_code=1)
    assert cli.json(*words, "--overrule")["changed"]


@pytest.mark.parametrize("missing", ["--reason", "--status"])
def test_a_decision_needs_all_of_it(cli: CommandLine, missing: str) -> None:
    given = {"--reason": "x", "--status": "opted_out"}
    del given[missing]

    assert missing in cli.run("consent", "set", ANN, *[word for pair in given.items() for word in pair], exit_code=2)


async def deliver(store: Store) -> None:
    queue = Queue(store)
    for keys in store.keys:
        for lease in (await queue.claim(keys.partition, {CRM.id: 10}, token=secrets.token_hex(8))).leases:
            done = AttemptRecord(number=1, outcome="done", status=200, took_ms=3, error="", response="")
            await queue.settle(lease, "done", done, wait=Millis(0))


def test_the_last_attempts_are_shown_one_a_line(cli: CommandLine, events: list[EventId]) -> None:
    cli.in_store(bury)
    cli.in_store(deliver)

    told = [json.loads(line) for line in cli.run("deliveries", "tail", "--json").splitlines()]
    failed = [json.loads(line) for line in cli.run("deliveries", "tail", "--failed", "--json").splitlines()]

    assert (told[0]["outcome"], told[0]["event_id"], told[0]["status"]) == ("bury", events[0], 500)
    assert len(told) > len(failed) == 1
    assert "delivered  acme/crm  HTTP 200 in 3 ms" in " ".join(cli.run("deliveries", "tail").split(" "))
    assert cli.run("deliveries", "tail", "--endpoint", "billing") == ""
    assert "no endpoint nobody" in cli.run("deliveries", "tail", "--endpoint", "nobody", exit_code=1)


def test_the_words_complete_on_tab() -> None:
    def completions(typed: str, place: int) -> str:
        environment = {"_CONSENT_RELAY_COMPLETE": "complete_bash", "COMP_WORDS": typed, "COMP_CWORD": str(place)}
        return CliRunner().invoke(app, [], prog_name="consent-relay", env=environment).stdout

    assert "token" in completions("consent-relay to", 1).split()
    assert {"create", "list", "revoke"} <= set(completions("consent-relay token ", 2).split())
    assert "--failed" in completions("consent-relay deliveries tail --f", 3).split()


def test_the_exit_codes_are_in_the_help() -> None:
    shown = CliRunner().invoke(app, ["--help"]).stdout

    assert "Exit codes" in shown
    assert all(code in shown for code in ("wrong usage", "bad lines", "130"))
