"""The doctor sees what is wrong, says what to do, and changes nothing."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import trustme

from config.settings import judged
from consent.directory import Directory
from consent.ledger import Registry, Server, Standing, Store
from consent.ledger.registry import Sealing
from consent.ledger.sealing import UNSEALED, Key, Seals
from consent.model import Account, UnixMs
from console import checkup, examination
from console.checkup import Finding
from tests.builders import ACME, NOON, a_campaign, a_source, an_endpoint
from tests.console.command_line import CommandLine
from tests.console.served import bury, recorded

SAFE = Server(
    name="valkey",
    version="8.0.1",
    redis_version="7.2.4",
    appendonly=True,
    appendfsync="always",
    maxmemory=0,
    maxmemory_policy="noeviction",
    is_loading=False,
    aof_failing=False,
    aof_rewriting=False,
    replicas=0,
)


def settings(**sections: object) -> checkup.Settings:
    return judged(sections, {}, where="a test")


def level_of(findings: list[Finding], subject: str) -> str:
    return next(finding.level for finding in findings if finding.subject == subject)


@pytest.fixture
def cli(tmp_path: Path, store_url: str) -> CommandLine:
    return CommandLine(tmp_path, store_url)


@pytest.mark.parametrize(
    ("free_mb", "kept_mb", "level"), [(10_000, 300, "ok"), (200, 300, "warning"), (20, 1, "bad"), (0, 0, "bad")]
)
def test_a_disk_that_runs_full_is_told_in_time(free_mb: int, kept_mb: int, level: str) -> None:
    assert checkup.of_disk(free_mb * 2**20, kept_mb * 2**20, settings()).level == level


def test_the_disk_is_that_of_the_embedded_store(tmp_path: Path) -> None:
    (tmp_path / "store").mkdir()
    (tmp_path / "store" / "appendonly.aof").write_bytes(bytes(3 * 2**20))

    (disk,) = [
        found for found in examination.machine(settings(store={"data_dir": str(tmp_path)})) if found.subject == "disk"
    ]

    assert f"free in {tmp_path}, 3 MiB in use there" in disk.text


def test_a_good_store_without_processes_is_good_but_for_these(cli: CommandLine) -> None:
    cli.configure("[receiver]\nport = 1\ninternal_port = 9\n[dispatcher]\nport = 13\n[console]\nport = 17")

    findings = cli.json("doctor", exit_code=1)

    bad = {(finding["subject"], finding["text"].split(":")[0]) for finding in findings if finding["level"] == "bad"}
    assert bad == {(name, "nothing answers at http") for name in ("receiver", "dispatcher", "console")}
    subjects = [finding["subject"] for finding in findings if finding["level"] == "ok"]
    assert {"configuration", "store", "durability", "partitions", "clocks"} <= set(subjects)
    assert str(cli.config) in findings[0]["text"]


def test_looking_lays_nothing_out(cli: CommandLine) -> None:
    async def keys(store: Store) -> int:
        return int(await store.redis.dbsize())

    CommandLine.json(cli, "doctor", exit_code=1)

    assert cli.in_store(keys) == 0


def test_every_mistake_in_the_configuration_is_a_line(cli: CommandLine) -> None:
    cli.configure('[receiver]\nport = "http"\n[log]\nlevel = "loud"')

    findings = cli.json("doctor", exit_code=1)

    assert [finding["level"] for finding in findings] == ["bad", "bad", "bad"]
    assert "receiver.port" in findings[1]["text"]


def test_a_store_that_is_away_and_no_binary_to_start_are_both_told(cli: CommandLine, tmp_path: Path) -> None:
    cli.config.write_text(f'[store]\ndata_dir = "{tmp_path}"\n', encoding="utf-8")

    findings = cli.json("doctor", exit_code=1)

    told = {finding["subject"]: finding for finding in findings}
    assert told["store"]["level"] == "bad"
    assert "start it with `consent-relay up`" in told["store"]["text"]
    assert str(tmp_path) in told["embedded store"]["text"]


def test_an_unsafe_store_is_bad_and_one_in_memory_is_a_choice() -> None:
    forgetful = replace(SAFE, appendonly=False)
    in_memory = settings(store={"durability": "memory"})

    assert [f.level for f in checkup.of_server(SAFE, settings())] == ["ok"]
    assert [f.level for f in checkup.of_server(forgetful, settings())] == ["bad"]
    assert [f.level for f in checkup.of_server(forgetful, in_memory)] == ["warning"]


@pytest.mark.parametrize(
    ("used", "maxmemory", "level"),
    [(79, 100, "ok"), (80, 100, "warning"), (95, 100, "bad"), (79, 0, "ok"), (96, 0, "bad")],
)
def test_a_store_that_runs_full_is_told_in_time(used: int, maxmemory: int, level: str) -> None:
    full = replace(SAFE, used_memory=used, maxmemory=maxmemory, most_memory=maxmemory or 100)

    (finding,) = [each for each in checkup.of_server(full, settings()) if each.subject == "memory"]

    assert finding.level == level
    assert f"{used}% of {'maxmemory' if maxmemory else 'its machine'}" in finding.text


@pytest.mark.parametrize(
    ("scheme", "durability", "replicas", "levels"),
    [
        ("redis", "fsync", 0, []),
        ("redis+cluster", "fsync", 0, ["warning"]),
        ("redis+cluster", "fsync", 1, []),
        ("redis+cluster", "replicated", 0, []),  # that is a danger, and told as one
        ("redis+cluster", "replicated", 1, ["warning"]),
        ("redis+cluster", "replicated", 2, []),
        ("rediss+sentinel", "memory", 0, ["warning"]),
    ],
)
def test_too_few_replicas_are_told_where_one_is_to_take_over(
    scheme: str, durability: str, replicas: int, levels: list[str]
) -> None:
    url = f"{scheme}://one:6379{'/relay' if 'sentinel' in scheme else ''}"
    where = settings(store={"url": url, "durability": durability})

    findings = checkup.of_server(replace(SAFE, replicas=replicas), where, "n1:6379")

    told = [finding for finding in findings if finding.subject == "replicas"]
    assert [finding.level for finding in told] == levels
    assert all(finding.text.startswith("n1:6379: ") for finding in told)


@pytest.mark.parametrize(("kept", "level"), [(None, "ok"), ("16", "ok"), ("4", "bad")])
def test_another_layout_is_bad(kept: str | None, level: str) -> None:
    assert checkup.of_layout(kept, settings()).level == level


@pytest.mark.parametrize(("ahead", "level"), [(0, "ok"), (-900, "ok"), (5000, "warning"), (-120_000, "bad")])
def test_clocks_that_differ_are_told(ahead: int, level: str) -> None:
    assert checkup.of_clocks(ahead).level == level


def test_the_registry_is_counted_and_what_is_odd_is_told() -> None:
    directory = Directory.of(
        1,
        accounts=(Account(id=ACME),),
        campaigns=(a_campaign(), a_campaign("99999", short_code="99999", discovered=True)),
        sources=(a_source(),),
        endpoints=(an_endpoint(disabled="gone"),),
    )

    findings = list(checkup.of_registry(directory, settings()))

    assert findings[0].text == "1 account, 2 campaigns (1 of them found in webhooks), 1 source, 1 endpoint"
    assert {(finding.subject, finding.level) for finding in findings[1:]} == {
        ("numbers", "warning"),
        ("signatures", "warning"),
        ("endpoint", "warning"),
    }
    assert level_of(list(checkup.of_registry(Directory(0), settings())), "registry") == "warning"


def test_an_endpoint_of_a_campaign_that_nobody_registered_is_told() -> None:
    asking = an_endpoint(campaigns=("alrets", "alerts"))
    directory = Directory.of(1, campaigns=(a_campaign("alerts"),), sources=(a_source(),), endpoints=(asking,))

    (told,) = (each for each in checkup.of_registry(directory, settings()) if each.subject == "endpoint")

    assert told.level == "warning"
    assert told.text.startswith("acme/crm: no campaign alrets is registered")
    assert told.text.endswith("did you mean alerts?")


@pytest.mark.parametrize(
    ("asking", "told"),
    [
        (
            {"format": "wxml", "events": ("message.*",)},
            ["acme/crm: no event is sent there: it asks for message.*"],
        ),
        ({"events": ()}, ["acme/crm: no event is sent there: it asks for none at all"]),
        ({"format": "wxml", "events": ("message.*", "consent.*")}, []),
    ],
)
def test_an_endpoint_that_is_sent_nothing_is_told(asking: dict[str, Any], told: list[str]) -> None:
    directory = Directory.of(1, sources=(a_source(),), endpoints=(an_endpoint(**asking),))

    findings = [each.text for each in checkup.of_registry(directory, settings()) if each.subject == "endpoint"]

    assert len(findings) == len(told)
    assert all(found.startswith(wanted) for found, wanted in zip(findings, told, strict=True))


@pytest.mark.parametrize(
    ("url", "allowed", "is_told"),
    [
        ("http://127.0.0.1:9/", [], True),
        ("http://localhost:9/", [], True),
        ("http://10.1.2.3/", [], True),
        ("http://[fd00::1]/", ["10.0.0.0/8"], True),
        ("http://10.1.2.3/", ["10.0.0.0/8"], False),
        ("https://crm.example.com/", [], False),
    ],
)
def test_an_endpoint_at_an_address_that_nothing_is_sent_to_is_told(url: str, allowed: list[str], is_told: bool) -> None:
    directory = Directory.of(1, sources=(a_source(),), endpoints=(an_endpoint(url=url),))
    findings = checkup.of_registry(directory, settings(dispatcher={"egress_allow": allowed}))

    told = [finding for finding in findings if finding.subject == "egress"]

    assert [finding.level for finding in told] == ["warning"] * is_told
    assert all(finding.text.startswith("acme/crm: ") and "is not a public address" in finding.text for finding in told)


def test_a_provider_that_signs_the_url_needs_to_be_told_which_one_is_public() -> None:
    twilio = a_source(provider="twilio", signature_secret="12345")
    directory = Directory.of(1, sources=(twilio,))

    assert level_of(list(checkup.of_registry(directory, settings())), "signatures") == "bad"
    told = list(checkup.of_registry(directory, settings(receiver={"public_url": "https://sms.example.com"})))
    assert "signatures" not in {finding.subject for finding in told}


def test_two_of_our_own_ports_that_are_the_same_are_bad() -> None:
    findings = list(checkup.of_settings(settings(console={"port": 8080})))

    assert level_of(findings, "ports") == "bad"


def test_the_schedule_is_told_in_words() -> None:
    assert checkup.retry_window(settings()).startswith("10 attempts over 3 days 3 hours, at most 3 days 11 hours;")
    assert checkup.retry_window(settings(dispatcher={"schedule": ["0s"]})).startswith("one attempt")


@pytest.mark.parametrize(
    ("allowed", "level"), [([], "ok"), (["10.0.0.0/8"], "ok"), (["0.0.0.0/0"], "warning"), (["::/0"], "warning")]
)
def test_an_exit_that_is_wide_open_is_told(allowed: list[str], level: str) -> None:
    findings = list(checkup.of_settings(settings(dispatcher={"egress_allow": allowed})))

    assert level_of(findings, "egress") == level


@pytest.mark.parametrize(("kept_at", "level"), [("", "ok"), ("redis://localhost", "warning")])
def test_secrets_in_plain_text_are_a_fault_where_no_key_is_made_by_itself(kept_at: str, level: str) -> None:
    plain = Sealing(newest=0, older=0, plain=2, keys=frozenset())

    assert checkup.of_secrets(plain, UNSEALED, settings(store={"url": kept_at})).level == level


@pytest.mark.parametrize("newest", [0, 3])
@pytest.mark.parametrize(("older", "plain", "level"), [(0, 0, "ok"), (1, 0, "warning"), (0, 1, "warning")])
def test_secrets_that_are_not_under_the_newest_key_are_counted(newest: int, older: int, plain: int, level: str) -> None:
    kept = Sealing(newest=newest, older=older, plain=plain, keys=frozenset())

    assert checkup.of_secrets(kept, Seals(Key(bytes(32))), settings()).level == level


@pytest.mark.parametrize(
    ("proxy", "of_the_endpoint", "told"),
    [
        ("", "", []),
        ("http://me:hunter2@proxy:3128", "", ["notifications go through http://…@proxy:3128"]),
        ("", "http://me:hunter2@other:3128", ["acme/crm by proxy"]),
    ],
)
def test_it_is_told_that_a_proxy_is_not_bound_by_the_guard(proxy: str, of_the_endpoint: str, told: list[str]) -> None:
    directory = Directory.of(1, endpoints=(an_endpoint(proxy=of_the_endpoint),))

    findings = list(checkup.of_proxies(directory, settings(dispatcher={"proxy": proxy})))

    assert [finding.text.partition(": what")[0] for finding in findings] == told


@pytest.mark.parametrize(("days", "level"), [(-1, "bad"), (0, "bad"), (20, "warning"), (30, "ok")])
def test_the_end_of_a_client_certificate_is_told_in_time(tmp_path: Path, days: int, level: str) -> None:
    now = datetime(2026, 11, 22, tzinfo=UTC)
    file = tmp_path / "client.pem"
    issued = trustme.CA().issue_cert("relay@example.com", not_after=now + timedelta(days=days))
    issued.private_key_and_cert_chain_pem.write_to_path(file)

    (finding,) = examination.certificates([an_endpoint(client_certificate=str(file)), an_endpoint("other")], now=now)

    assert (finding.subject, finding.level) == ("certificate", level)
    assert str(file) in finding.text


def test_a_client_certificate_that_is_not_there_is_told_by_its_key(cli: CommandLine, tmp_path: Path) -> None:
    async def register(store: Store) -> None:
        await Registry(store).put(an_endpoint(client_certificate=str(tmp_path / "gone.pem")))

    cli.in_store(register)

    told = {finding["subject"]: finding for finding in cli.json("doctor", exit_code=1)}
    assert told["certificate"]["level"] == "bad"
    assert 'endpoints "acme/crm".client_certificate' in told["certificate"]["text"]


def test_the_registry_of_a_running_store_is_counted(cli: CommandLine) -> None:
    async def register(store: Store) -> None:
        for row in (Account(id=ACME), a_campaign(), a_source()):
            await Registry(store).put(row)

    cli.in_store(register)

    findings = cli.json("doctor", exit_code=1)

    assert any(finding["text"] == "1 account, 1 campaign, 1 source, 0 endpoints" for finding in findings)


@pytest.mark.parametrize(
    ("console", "level"),
    [
        ({}, "ok"),
        ({"host": "0.0.0.0"}, "warning"),
        ({"host": "0.0.0.0", "public_url": "https://console.example.com"}, "ok"),
        ({"host": "0.0.0.0", "public_url": "http://console.example.com"}, "warning"),
    ],
)
def test_a_console_that_is_reached_in_the_clear_is_warned_of(console: dict[str, str], level: str) -> None:
    assert checkup.of_console(settings(console=console)).level == level


def of_endpoints(standing: Standing, waited_ms: int | None) -> list[Finding]:
    crm = an_endpoint()
    unheard = {} if waited_ms is None else {crm.id: UnixMs(NOON - waited_ms)}
    directory = Directory.of(1, endpoints=(crm,))
    return list(checkup.of_endpoints(directory, {crm.id: standing}, unheard, settings(), now=NOON))


def test_an_endpoint_that_fails_is_bad_and_what_to_do_is_told() -> None:
    failing = Standing(word="failing", failing_since=NOON, reason="connect_refused: Connection refused")

    (told,) = of_endpoints(failing, None)

    assert (told.level, told.subject) == ("bad", "endpoint")
    assert "acme/crm is failing since 2025-11-24 16:00:00Z (connect_refused: Connection refused): nothing" in told.text
    assert "`consent-relay endpoint enable acme/crm`" in told.text


@pytest.mark.parametrize(("waited_ms", "level"), [(None, "ok"), (600_000, "ok"), (600_001, "bad")])
def test_an_opt_out_that_is_overdue_is_bad(waited_ms: int | None, level: str) -> None:
    assert [(told.level, told.subject) for told in of_endpoints(Standing(), waited_ms)] == [(level, "opt-outs")]


def test_what_was_given_up_is_told_until_somebody_sees_to_it(cli: CommandLine) -> None:
    """An opt-out that is dead is overdue no more, and its endpoint may be well."""
    cli.in_store(recorded)
    cli.in_store(bury)

    (told,) = [finding for finding in cli.json("doctor", exit_code=1) if finding["subject"] == "dead letters"]
    cli.run("deliveries", "discard", "--dead", "--endpoint", "crm", "--reason", "has an export", "--yes")

    assert told["level"] == "warning"
    assert told["text"].startswith("acme/crm was given up on one delivery: `consent-relay deliveries list --dead")
    assert "dead letters" not in {finding["subject"] for finding in cli.json("doctor", exit_code=1)}


def test_a_store_without_endpoints_has_none_that_fails(cli: CommandLine) -> None:
    assert "opt-outs" not in {finding["subject"] for finding in cli.json("doctor", exit_code=1)}
