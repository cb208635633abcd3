"""The documented file means what it says; what nobody says has the documented default; secrets stay inside."""

import os
import subprocess
import sys
from ipaddress import ip_network
from pathlib import Path

import pytest

from config.settings import KEYS, Settings, judged, load, read
from consent.errors import Misconfigured

SAMPLE = Path(__file__).parent / "samples" / "complete.toml"
SECRETS = (
    "abcd1234",
    "s3cr3t-of-acme",
    "signing-key-1",
    "signing-key-2",
    "t0ken-of-at-least-16-chars",
    "console-token-0123456789",
    "hunter2",
    "whsec_MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3",
    "key=in-the-query",
    "dGhpcyBrZXkgaXMgMzIgYnl0ZXMgbG9uZyAobmV3KSE=",
    "dGhpcyBrZXkgaXMgMzIgYnl0ZXMgbG9uZyAob2xkKSE=",
    "key-of-the-crm",
)


def test_nothing_configured_gives_the_documented_defaults() -> None:
    settings = judged({}, {}, where="nowhere")

    assert settings.model_dump(mode="json") == {
        "store": {
            "url": "",
            "data_dir": str(Path.cwd() / "var"),
            "partitions": 16,
            "durability": "fsync",
            "retention": "30d",
            "secret_key": "",
            "old_secret_keys": [],
        },
        "receiver": {
            "host": "127.0.0.1",
            "port": 8080,
            "public_url": "",
            "max_body": 65536,
            "internal_host": "127.0.0.1",
            "internal_port": 8083,
            "trusted_proxies": [],
            "parts_wait": "3m",
            "confirm_within": "1d",
        },
        "dispatcher": {
            "concurrency": 256,
            "timeout": "15s",
            "schedule": ["0s", "5s", "5m", "30m", "2h", "5h", "10h", "14h", "20h", "1d"],
            "egress_allow": [],
            "proxy": "",
            "breaker_failures": 10,
            "breaker_wait": "10s",
            "failing_after": 5,
            "failing_for": "1m",
            "disable_after": "5d",
            "optout_deadline": "10m",
            "host": "127.0.0.1",
            "port": 8082,
        },
        "console": {
            "host": "127.0.0.1",
            "port": 8081,
            "public_url": "",
            "token": "",
            "session": "12h",
            "trusted_proxies": [],
        },
        "log": {"format": "auto", "level": "info", "mask_numbers": True},
        "tracing": {"endpoint": "", "sample": 1.0},
        "keywords": {"packs": ["en", "fr", "es", "pt", "de"], "opt_out": [], "opt_in": [], "help": []},
        "accounts": [],
        "campaigns": [],
        "sources": [],
        "endpoints": [],
    }
    assert settings.declares_nothing


def test_every_key_of_a_complete_file_is_taken() -> None:
    settings = judged(read(SAMPLE), {}, where="the sample", providers={"nexmo"})

    assert settings.store.url == "rediss://relay:hunter2@redis.example.com:6380/0"
    assert settings.store.effective_url == settings.store.url
    assert settings.store.retention == 90 * 86_400_000
    assert settings.receiver.public_url == "https://sms.example.com"
    assert settings.dispatcher.schedule == (0, 250)
    assert settings.dispatcher.egress_allow == (ip_network("10.0.0.0/8"), ip_network("fd00::/8"))
    assert settings.keywords.packs == ("en", "de")
    assert settings.campaigns[0].keywords == ("VIP",)
    assert settings.sources[0].token.get_secret_value() == "t0ken-of-at-least-16-chars"
    assert settings.endpoints[0].events == ("consent.*", "message.received")
    assert not settings.declares_nothing


def test_the_sample_leaves_no_key_out() -> None:
    tables = read(SAMPLE)

    written = {name: set(tables[name][0] if isinstance(tables[name], list) else tables[name]) for name in KEYS[""]}
    assert written == {name: set(KEYS[name]) for name in KEYS[""]}


def test_secrets_are_neither_printed_nor_dumped() -> None:
    settings = judged(read(SAMPLE), {}, where="the sample")

    shown = f"{settings!r} {settings} {settings.model_dump(mode='json')}"
    assert [secret for secret in SECRETS if secret in shown] == []


def test_an_empty_store_url_means_the_embedded_server_in_the_data_directory() -> None:
    store = judged({"store": {"data_dir": "/srv/relay"}}, {}, where="here").store

    assert store.is_embedded
    assert store.effective_url == "unix:///srv/relay/store.sock"


def test_settings_cannot_be_changed() -> None:
    settings = Settings()

    with pytest.raises(ValueError, match="frozen"):
        settings.receiver.port = 1  # type: ignore[misc]


def test_the_environment_wins_over_the_file_key_by_key() -> None:
    settings = judged(
        {"receiver": {"port": 1, "host": "::"}},
        {"receiver": {"port": "2"}, "dispatcher": {"schedule": '["1s", "2s"]', "egress_allow": "10.0.0.0/8, ::1/128"}},
        where="here",
    )

    assert settings.receiver.port == 2
    assert settings.receiver.host == "::"
    assert settings.dispatcher.schedule == (1000, 2000)
    assert settings.dispatcher.egress_allow == (ip_network("10.0.0.0/8"), ip_network("::1/128"))


@pytest.mark.parametrize(
    ("text", "meant"), [("no", False), ("False", False), ("0", False), ("yes", True), ("TRUE", True), ("on", True)]
)
def test_a_boolean_is_text_in_the_environment(text: str, *, meant: bool) -> None:
    settings = judged({"log": {"mask_numbers": not meant}}, {"log": {"mask_numbers": text}}, where="here")

    assert settings.log.mask_numbers is meant


def test_what_is_no_boolean_in_the_environment_is_told_by_its_variable() -> None:
    told = r'log.mask_numbers \(CONSENT_RELAY_LOG__MASK_NUMBERS\): expected true or false, .* got "maybe"'
    with pytest.raises(Misconfigured, match=told):
        judged({}, {"log": {"mask_numbers": "maybe"}}, where="here")


@pytest.mark.parametrize(
    ("section", "row", "key"),
    [
        ("campaigns", {"account": "acme", "id": "1116", "requires_opt_in": "yes"}, "requires_opt_in"),
        (
            "endpoints",
            {"account": "acme", "id": "crm", "url": "https://x.example", "changes_only": "no"},
            "changes_only",
        ),
    ],
)
def test_a_boolean_in_quotes_is_a_mistake_in_a_table(section: str, row: dict[str, str], key: str) -> None:
    with pytest.raises(Misconfigured, match=rf'{section}\[0\] "{row["id"]}".{key}: expected true or false'):
        judged({"accounts": [{"id": "acme"}], section: [row]}, {}, where="here")


def test_the_file_named_on_the_command_line_is_loaded(tmp_path: Path) -> None:
    file = tmp_path / "relay.toml"
    file.write_text("[receiver]\nport = 9\n")

    assert load(file).receiver.port == 9


@pytest.mark.parametrize(
    ("file", "environment", "port"),
    [
        ("", {}, 8080),
        ("consent-relay.toml", {}, 7),
        ("other.toml", {"CONSENT_RELAY_CONFIG": "other.toml"}, 7),
        ("consent-relay.toml", {"CONSENT_RELAY_RECEIVER__PORT": "6"}, 6),
        # Beside a Kubernetes service called consent-relay:
        (
            "consent-relay.toml",
            {"CONSENT_RELAY_PORT": "tcp://10.0.0.1:80", "CONSENT_RELAY_SERVICE_HOST": "10.0.0.1"},
            7,
        ),
        # And beside one called consent-relay-receiver:
        ("consent-relay.toml", {"CONSENT_RELAY_RECEIVER_PORT": "tcp://10.0.0.1:80"}, 7),
    ],
)
def test_a_process_finds_its_file_and_its_environment(
    tmp_path: Path, file: str, environment: dict[str, str], port: int
) -> None:
    if file:
        (tmp_path / file).write_text("[receiver]\nport = 7\n")

    assert _loading(tmp_path, environment) == str(port)


@pytest.mark.parametrize(
    ("environment", "told"),
    [
        ({"CONSENT_RELAY_RECEIVER__PORT": "eighty"}, "receiver.port (CONSENT_RELAY_RECEIVER__PORT): expected a port"),
        (
            {"CONSENT_RELAY_RECEIVER__PROT": "1"},
            'receiver.prot (CONSENT_RELAY_RECEIVER__PROT): unknown key; did you mean "port"?',
        ),
        ({"CONSENT_RELAY_RECIEVER__PORT": "1"}, 'unknown variable; did you mean "CONSENT_RELAY_RECEIVER__PORT"?'),
        ({"CONSENT_RELAY_RECEIVER_PORT": "80"}, 'unknown variable; did you mean "CONSENT_RELAY_RECEIVER__PORT"?'),
        ({"CONSENT_RELAY_STORE_URL": "redis://x"}, 'unknown variable; did you mean "CONSENT_RELAY_STORE__URL"?'),
        ({"CONSENT_RELAY_SOURCES__TOKEN": "x"}, "[[sources]] are declared in the file"),
        ({"CONSENT_RELAY_STORE": "redis://x"}, "CONSENT_RELAY_STORE: set one variable for each key"),
        ({"CONSENT_RELAY_CONFIG": "gone.toml"}, "gone.toml: there is no such file"),
    ],
)
def test_a_mistake_in_the_environment_is_told_by_its_variable(
    tmp_path: Path, environment: dict[str, str], told: str
) -> None:
    assert told in _loading(tmp_path, environment)


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (b"[receiver]\nport 1\n", "relay.toml:2:6: Expected '='"),
        (b'[receiver]\nhost = "', "relay.toml: "),
        (b"# caf\xe9\n", "is not UTF-8 text (byte 5)"),
    ],
)
def test_a_mistake_in_the_syntax_is_told_by_its_place(tmp_path: Path, content: bytes, told: str) -> None:
    file = tmp_path / "relay.toml"
    file.write_bytes(content)

    with pytest.raises(Misconfigured) as caught:
        load(file)

    assert told in str(caught.value)


def test_a_mark_that_an_editor_put_in_front_is_no_mistake(tmp_path: Path) -> None:
    file = tmp_path / "relay.toml"
    file.write_text("[receiver]\nport = 9\n", encoding="utf-8-sig")

    assert load(file).receiver.port == 9


def test_a_file_that_is_not_there_or_is_no_file_is_told_so(tmp_path: Path) -> None:
    with pytest.raises(Misconfigured, match="there is no such file"):
        load(tmp_path / "gone.toml")
    with pytest.raises(Misconfigured, match="cannot be read: Is a directory"):
        load(tmp_path)


def _loading(folder: Path, environment: dict[str, str]) -> str:
    """What a process in that folder, with that environment, makes of it: the receiver's port or the message."""
    program = (
        "from config.settings import load\nfrom consent.errors import Misconfigured\n"
        "try: print(load().receiver.port)\nexcept Misconfigured as told: print(told)"
    )
    root = str(Path(__file__).parents[2])
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("CONSENT_RELAY_")}
    ran = subprocess.run(
        [sys.executable, "-c", program],
        cwd=folder,
        env={**inherited, "PYTHONPATH": root, **environment},
        capture_output=True,
        text=True,
        check=True,
        timeout=30,
    )
    return ran.stdout.strip()
