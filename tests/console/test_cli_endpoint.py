"""Endpoints are added, watched, tried, halted and removed from the command line."""

import threading
from collections.abc import Iterator
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any

import pytest
from standardwebhooks import Webhook

from consent.ledger import Health, HealthRules, Ledger, Queue, Registry, Said, Store
from consent.model import Account, Endpoint, EndpointId, Millis, Partition
from console.remedies import REMEDIES, remedy_for
from dispatcher.failure import CONNECT_WORDS, WORDS
from dispatcher.routing import route
from dispatcher.signing import public_key
from tests.builders import ACME, SECRET, a_campaign, a_stop, an_endpoint
from tests.console.command_line import CommandLine

HERE = '[dispatcher]\negress_allow = ["127.0.0.0/8"]\n'


class Listener(HTTPServer):
    """A customer's system. The path of the URL is the status it answers with."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.received: list[tuple[dict[str, str], bytes]] = []

    def url(self, status: int = 200) -> str:
        return f"http://127.0.0.1:{self.server_port}/{status}"


class _Handler(BaseHTTPRequestHandler):
    server: Listener

    def do_POST(self) -> None:  # the name that http.server looks for
        body = self.rfile.read(int(self.headers["content-length"]))
        self.server.received.append(({name.lower(): value for name, value in self.headers.items()}, body))
        self.send_response(int(self.path.strip("/")))
        self.end_headers()
        self.wfile.write(b"said \x1b[31m this")

    def log_message(self, *_: Any) -> None:
        """Not on the terminal of the tests."""


@pytest.fixture
def listener() -> Iterator[Listener]:
    with Listener() as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield server
        server.shutdown()
        thread.join()


@pytest.fixture
def cli(cli: CommandLine) -> CommandLine:
    cli.configure(HERE)
    cli.register(Account(id=ACME), a_campaign())
    return cli


async def owe_a_stop(store: Store) -> None:
    """What a receiver and a dispatcher that has not sent yet would leave behind."""
    ledger, queue, registry = Ledger(store), Queue(store), Registry(store)
    await ledger.apply(a_stop())
    (stretch,) = await queue.unrouted(await queue.cursors(), block=1000)
    endpoints = (await registry.directory()).endpoints_of(ACME)
    await queue.fan_out(stretch, [owed for event in stretch.events for owed in route(event, endpoints)])


def test_the_secret_is_printed_once_and_signs_what_is_sent(cli: CommandLine, listener: Listener) -> None:
    added = cli.json("endpoint", "add", "acme/crm", listener.url())
    trial = cli.json("endpoint", "test", "crm")

    assert added["secret"] not in cli.run("endpoint", "list")
    assert (trial["result"], trial["status"], trial["error"]) == ("delivered", 200, "")
    ((headers, body),) = listener.received
    assert Webhook(added["secret"]).verify(body, headers)["type"] == "endpoint.test"
    assert headers["webhook-id"] == trial["webhook_id"]


def test_a_wxml_endpoint_is_tried_with_the_opt_out_of_nobody(cli: CommandLine, listener: Listener) -> None:
    cli.run("endpoint", "add", "old", listener.url(), "--format", "wxml")

    cli.run("endpoint", "test", "old")

    ((_, body),) = listener.received
    assert b"<CODE>N302</CODE>" in body
    assert b"<MOBILE>15555550100</MOBILE>" in body
    assert b"<CAMPAIGNID>1116</CAMPAIGNID>" in body


def test_a_failed_trial_says_why_and_what_to_do(cli: CommandLine, listener: Listener) -> None:
    cli.run("endpoint", "add", "broken", listener.url(500))
    cli.run("endpoint", "add", "nobody", "http://127.0.0.1:9/")

    broken = cli.json("endpoint", "test", "broken", exit_code=1)
    nobody = cli.json("endpoint", "test", "nobody", exit_code=1)

    assert (broken["status"], broken["remedy"]) == (500, "it failed: look in its own log")
    assert "\x1b" not in broken["response"]
    assert (nobody["status"], nobody["error"]) == (None, "connect_refused")
    assert "nothing listens" in nobody["remedy"]


def test_a_private_address_is_warned_of_and_refused(cli: CommandLine) -> None:
    cli.configure()

    added = cli.json("endpoint", "add", "crm", "http://localhost:9/")
    trial = cli.json("endpoint", "test", "crm", exit_code=1)

    assert "dispatcher.egress_allow" in added["warning"]
    assert (trial["error"], "egress_allow" in trial["remedy"]) == ("egress_refused", True)


def test_a_campaign_that_nobody_registered_is_taken_and_warned_of(cli: CommandLine) -> None:
    cli.register(a_campaign("alerts"))
    add = ("endpoint", "add", "crm", "https://x.example/", "--replace", "--campaign", "alerts")

    typo = cli.json(*add, "--campaign", "alrets")
    other = cli.run(*add, "--campaign", "999")

    told = "no campaign alrets is registered: the endpoint hears of nothing of it; did you mean alerts?"
    assert typo["warning"] == told
    assert "no campaign 999 is registered: the endpoint hears of nothing of it\n" in other
    assert cli.json(*add)["warning"] == ""
    assert cli.json("endpoint", "show", "crm")["campaigns"] == ["alerts"]


def test_every_way_to_fail_has_a_remedy() -> None:
    words = {word for _, word in WORDS} | set(CONNECT_WORDS.values())

    assert set(REMEDIES) == words
    assert all(remedy_for(error="", status=status) for status in (301, 400, 401, 404, 410, 418, 500, 503))
    assert remedy_for(error="", status=204) == ""


def test_mistakes_are_wrong_usage_and_told_together(cli: CommandLine) -> None:
    told = cli.run(
        "endpoint", "add", "crm", "ftp://x/", "--events", "consent.foo", "--max-in-flight", "0", exit_code=2
    )  # fmt: skip

    for key in ("url: expected", "events[0]: expected", "max-in-flight: expected"):
        assert key in told


def test_the_account_has_to_be_there_and_may_be_left_out_where_there_is_one(cli: CommandLine) -> None:
    assert "there is no account acne; did you mean acme?" in cli.run(
        "endpoint", "add", "acne/crm", "https://x.example/", exit_code=1
    )
    assert cli.json("endpoint", "add", "crm", "https://x.example/")["endpoint"] == "acme/crm"


def test_an_existing_one_is_replaced_only_on_request_and_keeps_its_secret(cli: CommandLine) -> None:
    async def endpoint(store: Store) -> tuple[str, tuple[str, ...]]:
        found = (await Registry(store).directory()).endpoints[EndpointId("acme/crm")]
        return found.url, found.secrets

    cli.run("endpoint", "add", "crm", "https://x.example/", "--secret", SECRET)
    taken = cli.run("endpoint", "add", "crm", "https://y.example/", exit_code=1)
    assert "exists already: change it with --replace, or choose another name" in taken

    replaced = cli.json("endpoint", "add", "crm", "https://y.example/", "--replace")

    assert replaced["secret"] == ""
    assert cli.in_store(endpoint) == ("https://y.example/", (SECRET,))


def test_what_is_not_said_of_an_endpoint_stays_as_it_is(cli: CommandLine) -> None:
    options = (
        "--events",
        "message.*",
        "--rate",
        "5/s",
        "--max-in-flight",
        "3",
        "--changes-only",
        "--header",
        "X-Key: k",
    )
    cli.run("endpoint", "add", "crm", "https://x.example/", *options)
    before = cli.in_store(_crm)

    cli.run("endpoint", "add", "crm", "https://y.example/", "--replace", "--no-changes-only", "--format", "json")

    assert cli.in_store(_crm) == replace(before, url="https://y.example/", changes_only=False)
    wrong = cli.run("endpoint", "add", "crm", "https://y.example/", "--replace", "--rate", "fast", exit_code=2)
    assert "rate: expected a rate" in wrong


def test_the_list_tells_what_is_owed_and_why_nothing_is_sent(cli: CommandLine) -> None:
    cli.run("endpoint", "add", "crm", "https://x.example/?key=secret")
    cli.in_store(owe_a_stop)
    cli.run("endpoint", "disable", "crm", "--reason", "maintenance")

    (health,) = cli.json("endpoint", "list")
    told = ("endpoint", "url", "format", "disabled", "owed", "in_flight", "dead", "public_keys")
    assert [health[name] for name in told] == [
        "acme/crm",
        "https://x.example/?…",
        "json",
        "maintenance",
        1,
        0,
        0,
        [],
    ]
    assert "disabled: maintenance" in cli.run("endpoint", "list")


def test_an_enabled_one_is_no_longer_disabled(cli: CommandLine) -> None:
    cli.run("endpoint", "add", "crm", "https://x.example/")
    cli.run("endpoint", "disable", "crm")

    cli.run("endpoint", "enable", "crm")

    assert cli.json("endpoint", "list")[0]["disabled"] == ""


def test_removing_asks_and_forgets_what_was_owed(cli: CommandLine) -> None:
    async def owed(store: Store) -> bool:
        return any([(await Queue(store).look(Partition(p))).due for p in range(4)])

    cli.run("endpoint", "add", "crm", "https://x.example/")
    cli.in_store(owe_a_stop)

    cli.run("endpoint", "rm", "crm", answer="n\n", exit_code=1)
    assert len(cli.json("endpoint", "list")) == 1
    cli.run("endpoint", "rm", "crm", answer="y\n")

    assert cli.json("endpoint", "list") == []
    assert not cli.in_store(owed)


def test_an_unknown_one_is_told_with_what_there_is(cli: CommandLine) -> None:
    cli.run("endpoint", "add", "crm", "https://x.example/")

    assert "did you mean acme/crm?" in cli.run("endpoint", "test", "acme/crn", exit_code=1)
    assert "there are: acme/crm" in cli.run("endpoint", "rm", "-y", "billing", exit_code=1)


def test_an_own_name_that_two_accounts_use_has_to_be_qualified(cli: CommandLine) -> None:
    cli.register(*(an_endpoint(account=account, id=EndpointId(f"{account}/crm")) for account in ("acme", "zebra")))

    assert "acme/crm or zebra/crm" in cli.run("endpoint", "disable", "crm", exit_code=1)


# ── signing, headers, and the way there ─────────────────────────────────────────────────────────────────────────────


def test_a_key_pair_shows_its_public_key_and_never_the_private_one(cli: CommandLine) -> None:
    added = cli.json("endpoint", "add", "crm", "https://x.example/", "--ed25519")
    (health,) = cli.json("endpoint", "list")
    detail = cli.json("endpoint", "show", "crm")

    endpoint = cli.in_store(_crm)
    assert (added["secret"], added["public_key"]) == ("", public_key(endpoint.secrets[0]))
    assert health["public_keys"] == [added["public_key"]]
    assert detail["secrets"] == [{"version": "v1a", "public_key": added["public_key"], "until": None}]
    shown = cli.run("endpoint", "list") + cli.run("endpoint", "show", "crm")
    assert shown.count(added["public_key"]) == 2
    assert "whsk_" not in shown


@pytest.mark.parametrize("other", [("--secret", SECRET), ("--replace",)])
def test_a_new_key_pair_is_not_made_where_a_secret_stays(cli: CommandLine, other: tuple[str, ...]) -> None:
    add = ("endpoint", "add", "crm", "https://x.example/", "--ed25519")

    assert "rotate-secret" in cli.run(*add, *other, exit_code=2)


def test_a_rotation_prints_the_new_secret_once_and_both_sign_what_is_sent(cli: CommandLine, listener: Listener) -> None:
    old = cli.json("endpoint", "add", "crm", listener.url())["secret"]

    rotated = cli.json("endpoint", "rotate-secret", "crm", "--grace", "1h")
    detail = cli.json("endpoint", "show", "crm")

    assert rotated["secret"].startswith("whsec_")
    assert rotated["signing"] == 2
    assert [each["until"] for each in detail["secrets"]] == [None, rotated["until"]]
    assert not {old, rotated["secret"]} & set(cli.run("endpoint", "show", "crm").split())
    endpoint = cli.in_store(_crm)
    assert endpoint.secrets == (rotated["secret"],)
    assert [secret.value for secret in endpoint.retiring] == [old]


def test_a_rotation_without_grace_ends_all_others(cli: CommandLine) -> None:
    cli.run("endpoint", "add", "crm", "https://x.example/")
    cli.run("endpoint", "rotate-secret", "crm")

    told = cli.run("endpoint", "rotate-secret", "crm", "--grace", "0s", "--ed25519")

    endpoint = cli.in_store(_crm)
    assert "do not sign any more" in told
    assert public_key(endpoint.secrets[0]) in told
    assert endpoint.retiring == ()


@pytest.mark.parametrize("grace", ["soon", "-1h"])
def test_a_grace_that_is_no_duration_is_wrong_usage_and_changes_nothing(cli: CommandLine, grace: str) -> None:
    cli.run("endpoint", "add", "crm", "https://x.example/", "--secret", SECRET)

    assert "expected a duration" in cli.run("endpoint", "rotate-secret", "crm", "--grace", grace, exit_code=2)
    assert cli.in_store(_crm).secrets == (SECRET,)


def test_replacing_an_endpoint_takes_no_rotation_back(cli: CommandLine) -> None:
    cli.run("endpoint", "add", "crm", "https://x.example/")
    cli.run("endpoint", "rotate-secret", "crm")
    before = cli.in_store(_crm)

    cli.run("endpoint", "add", "crm", "https://y.example/", "--replace")

    assert cli.in_store(_crm) == replace(before, url="https://y.example/")


def test_headers_certificate_and_proxy_are_kept_and_shown_without_what_is_secret(cli: CommandLine) -> None:
    cli.run(
        "endpoint", "add", "crm", "https://x.example/",
        "--header", "X-Api-Key: hunter2", "--header", "Authorization:Bearer a:b",
        "--client-certificate", "/etc/relay/c.pem", "--client-key", "/etc/relay/c.key",
        "--proxy", "http://relay:hunter3@proxy.example.com:3128",
    )  # fmt: skip

    endpoint, detail = cli.in_store(_crm), cli.json("endpoint", "show", "crm")

    assert [(header.name, header.value) for header in endpoint.headers] == [
        ("X-Api-Key", "hunter2"),
        ("Authorization", "Bearer a:b"),
    ]
    assert (endpoint.client_certificate, endpoint.client_key) == ("/etc/relay/c.pem", "/etc/relay/c.key")
    assert detail["headers"] == ["X-Api-Key", "Authorization"]
    assert detail["proxy"] == "http://…@proxy.example.com:3128"
    shown = f"{endpoint!r} {detail} {cli.run('endpoint', 'show', 'crm')}"
    assert "hunter" not in shown
    assert "/etc/relay/c.pem with /etc/relay/c.key" in shown


def test_headers_that_are_not_one_or_are_ours_are_wrong_usage(cli: CommandLine) -> None:
    add = ("endpoint", "add", "crm", "https://x.example/", "--header")

    assert "expected 'NAME: VALUE'" in cli.run(*add, "hunter2", exit_code=2)
    assert "every header once" in cli.run(*add, "X-Key: hunter2", "--header", "X-Key: other", exit_code=2)
    told = cli.run(*add, "Host: hunter2", exit_code=2)
    assert "headers: expected headers other than Host, which we" in told
    assert "hunter2" not in told


def test_behind_a_proxy_a_private_address_is_nobody_elses_business(cli: CommandLine) -> None:
    cli.configure('[dispatcher]\nproxy = "http://proxy.example.com:3128"\n')

    assert cli.json("endpoint", "add", "crm", "http://localhost:9/")["warning"] == ""


async def _crm(store: Store) -> Endpoint:
    return (await Registry(store).directory()).endpoints[EndpointId("acme/crm")]


def test_an_endpoint_shows_how_it_is_doing_and_why_deliveries_died(cli: CommandLine) -> None:
    cli.run("endpoint", "add", "crm", "https://x.example/")
    well = cli.json("endpoint", "show", "crm")
    cli.in_store(owe_a_stop)
    cli.in_store(fail_and_give_up)

    ill = cli.json("endpoint", "show", "crm")
    shown = cli.run("endpoint", "show", "crm")

    assert (well["health"], well["failures"], well["given_up"], well["paused_until"]) == ("healthy", 0, {}, None)
    assert (ill["failures"], ill["last_reason"], ill["given_up"]) == (10, "http_500", {"http_500": 1})
    assert ill["paused_until"] > ill["last_failure"] >= ill["failing_since"]
    assert "10 failures in a row since" in shown
    assert "nothing is sent before" in shown
    assert "1 http_500" in shown


async def fail_and_give_up(store: Store) -> None:
    crm, queue = EndpointId("acme/crm"), Queue(store)
    await Health(store).report(crm, Said(failed=10, reason="http_500"), HealthRules())
    for keys in store.keys:
        for lease in (await queue.claim(keys.partition, {crm: 10}, token="mine")).leases:
            await queue.settle(lease, "bury", None, wait=Millis(0), cause="http_500")
