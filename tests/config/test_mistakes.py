"""Every mistake is told, all at once, by key, with what was expected and what was there; never a secret."""

from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from config.settings import KEYS, Settings, judged
from consent.errors import Misconfigured


def test_all_mistakes_are_told_in_one_message() -> None:
    tables = {
        "receiver": {"port": "eighty"},
        "stroe": {"url": ""},
        "accounts": [{"id": "acme"}],
        "endpoints": [{"account": "acne", "id": "crm", "url": "crm.example.com"}],
    }

    assert _told(tables) == (
        "4 mistakes in consent-relay.toml:\n"
        '  receiver.port: expected a port number from 0 to 65535, got "eighty"\n'
        '  endpoints[0] "crm".url: expected an http:// or https:// URL with a host, got "crm.example.com"\n'
        '  stroe: unknown section; did you mean "store"?\n'
        '  endpoints[0] "crm".account: expected the id of one of the [[accounts]], got "acne"; did you mean "acme"?'
    )


@pytest.mark.parametrize(
    ("section", "key", "value", "told"),
    [
        ("store", "url", "http://localhost", "redis://, rediss://, unix://, redis+sentinel://"),
        ("store", "data_dir", 5, "expected a path in quotes, got 5"),
        ("store", "partitions", 0, "expected a whole number from 1 to 1024, got 0"),
        ("store", "durability", "disk", 'expected one of "memory", "fsync" or "replicated", got "disk"'),
        (
            "store",
            "secret_key",
            "hunter2",
            "expected 32 bytes in base64, as openssl rand -base64 32 prints them, got",
        ),
        ("store", "old_secret_keys", ["hunter2"], "store.old_secret_keys[0]: expected 32 bytes in base64"),
        ("dispatcher", "proxy", "socks5://proxy:1080", "expected an http:// or https:// URL of host and port"),
        ("dispatcher", "proxy", "user:hunter2@proxy:3128", "got something else (a secret, not shown)"),
        ("store", "retention", "0s", 'expected a duration above zero, as in "250ms"'),
        ("receiver", "host", "no host", "expected an address to listen on"),
        ("receiver", "port", 65536, "expected a port number from 0 to 65535, got 65536"),
        ("receiver", "port", True, "got true"),
        ("receiver", "port", 80.5, "got 80.5"),
        ("receiver", "public_url", "https://x/?a", "expected a URL without ?query"),
        ("receiver", "max_body", 10, "expected a number of bytes from 1024 to 16777216, got 10"),
        ("receiver", "prot", 1, 'unknown key; did you mean "port"?'),
        ("receiver", "zebra", 1, "unknown key; known are host, port"),
        ("dispatcher", "schedule", [], "expected at least one, as in"),
        ("dispatcher", "schedule", 5, 'expected a list, as in ["a", "b"], got 5'),
        ("dispatcher", "schedule", "[1,", "got "),
        ("dispatcher", "timeout", "5x", "expected a duration above zero"),
        ("dispatcher", "timeout", {"s": 5}, "expected a duration above zero"),
        ("dispatcher", "egress_allow", [10], "dispatcher.egress_allow[0]: expected a network"),
        ("dispatcher", "egress_allow", ["10.0.0.1/8"], 'expected a network without host bits, as in "10.0.0.0/8"'),
        ("store", "data_dir", "~nobody-here/relay", "expected a path below the home of somebody"),
        ("console", "token", "short", "expected 16 to 128 letters, digits, - or _"),
        ("log", "level", "loud", 'expected one of "debug", "info", "warning" or "error", got "loud"'),
        ("log", "mask_numbers", "no", 'log.mask_numbers: expected true or false, without quotes, got "no"'),
        ("log", "mask_numbers", 0, "expected true or false, without quotes, got 0"),
        ("keywords", "packs", ["xx"], "keywords.packs[0]: expected one of "),
        ("keywords", "opt_out", [""], "keywords.opt_out[0]: expected a word or phrase"),
    ],
)
def test_a_wrong_value_is_told_with_what_was_expected(section: str, key: str, value: object, told: str) -> None:
    message = _told({section: {key: value}})

    assert message.startswith(f"1 mistake in consent-relay.toml:\n  {section}.{key}")
    assert told in message


@pytest.mark.parametrize(
    ("table", "change", "told"),
    [
        ("accounts", {"id": "a/b"}, "expected 1 to 64 letters, digits"),
        ("accounts", {"id": 5}, "expected text in quotes, got 5"),
        ("accounts", {"api_key": "key:secret"}, "expected a key without a colon, which would end it"),
        ("accounts", {"signature_method": "md4"}, 'expected one of "md5hash"'),
        ("campaigns", {"id": 1116}, "campaigns[0].id: expected text in quotes, got 1116"),
        ("campaigns", {"id": "a b"}, "expected 1 to 64 characters without spaces"),
        ("campaigns", {"id": ".."}, "and not a dot or two, got"),
        ("campaigns", {"brand": "b" * 257}, "expected at most 256 characters"),
        ("campaigns", {"short_code": "1" * 33}, "expected at most 32 characters"),
        ("campaigns", {"pool": ["+-"]}, 'campaigns[0] "1116".pool[0]: expected a number that is texted'),
        ("campaigns", {"title": None}, "expected text in quotes"),
        ("sources", {"provider": "nexmoo"}, 'expected one of nexmo, skycore, got "nexmoo"; did you mean "nexmo"?'),
        ("sources", {"provider": "zebra"}, 'expected one of nexmo, skycore, got "zebra"'),
        ("sources", {"tolerance": "0s"}, "expected a duration above zero"),
        ("sources", {"account": "nobody"}, 'expected the id of one of the [[accounts]], got "nobody"'),
        (
            "endpoints",
            {"url": "https://me:pass@host/"},
            'expected a URL without user:password@, which would end up in logs, got "https://…@host/"',
        ),
        ("endpoints", {"proxy": "https://proxy/path"}, "expected an http:// or https:// URL of host and port"),
        ("endpoints", {"headers": "X-Api-Key: k"}, 'expected a table of texts, as in { "X-Api-Key" = "…" }'),
        ("endpoints", {"headers": {"X-Api-Key": 5}}, "expected a table of texts"),
        (
            "endpoints",
            {"headers": {"Host": "h"}},
            "expected headers other than Host, which we set ourselves, got",
        ),
        ("endpoints", {"client_certificate": 5}, "client_certificate: expected text in quotes"),
        ("endpoints", {"client_certificate": "~nobody-here/c.pem"}, "expected a path below the home of somebody"),
        ("endpoints", {"client_certificate": "c\0.pem"}, "expected a path without a null character"),
        ("endpoints", {"client_key": "/k.pem"}, "client_key: expected client_certificate beside it, got none"),
        (
            "endpoints",
            {"url": "http://crm.example.com/", "client_certificate": "/c.pem"},
            "client_certificate: expected an https:// url beside it",
        ),
        ("endpoints", {"events": []}, 'expected at least one, as in ["consent.*"]'),
        ("endpoints", {"events": ["consent.opt_out"]}, "expected one of *, api.*, api.response, consent.*"),
        ("endpoints", {"rate": "50/h"}, 'expected a rate, as in "50/s"'),
        ("endpoints", {"max_in_flight": 0}, "expected a whole number from 1 to 65536, got 0"),
        ("endpoints", {"format": "xml"}, 'expected one of "json", "wxml" or "wxml-form", got "xml"'),
    ],
)
def test_a_wrong_value_in_a_table_is_told_with_the_name_of_its_entry(
    table: str, change: dict[str, object], told: str
) -> None:
    tables = _registry()
    tables[table][0] |= change

    message = _told(tables)

    assert message.splitlines()[1].startswith(f"  {table}[0]")
    assert told in message


@pytest.mark.parametrize(
    ("table", "key"),
    [
        ("accounts", "api_secret"),
        ("accounts", "api_key"),
        ("sources", "token"),
        ("sources", "signature_secret"),
        ("endpoints", "secret"),
        ("endpoints", "headers"),
        ("endpoints", "proxy"),
    ],
)
def test_a_secret_is_never_told(table: str, key: str) -> None:
    tables = _registry()
    tables[table][0][key] = ["hunter2"]

    message = _told(tables)

    assert f"{key}: expected" in message
    assert "hunter2" not in message


@pytest.mark.parametrize(
    "secret",
    [
        "hunter2",
        "whsec_",
        "whsec_aHVudGVyMg==",
        "whsec_hunter2!",
        "whsec_" + "A" * 92,
        "whsk_aHVudGVyMg==",
        "whsk_" + "A" * 86 + "==",
    ],
)
def test_a_signing_secret_is_16_to_64_bytes_or_a_key_pair_in_base64(secret: str) -> None:
    tables = _registry()
    tables["endpoints"][0]["secret"] = secret

    message = _told(tables)

    assert 'expected "whsec_" and then 16 to 64 bytes in base64' in message
    assert "hunter2" not in message


@pytest.mark.parametrize(
    ("repeat", "told"),
    [
        ("accounts", 'accounts[1] "acme".id: expected one of its own, got that of accounts[0]'),
        ("campaigns", 'campaigns[1] "1116".id: expected one of its own, got that of campaigns[0]'),
        ("sources", 'sources[1] "main".id: expected one of its own, got that of sources[0]'),
        ("endpoints", 'endpoints[1] "crm".id: expected one of its own, got that of endpoints[0]'),
    ],
)
def test_an_id_names_one_thing_only(repeat: str, told: str) -> None:
    tables = _registry()
    tables[repeat].append(dict(tables[repeat][0]))

    assert told in _told(tables)


def test_nor_a_key_that_differs_in_case_alone() -> None:
    """An account is found by its key whatever the case: one of the two would be locked out."""
    tables = _registry()
    tables["accounts"].append({"id": "other", "api_key": "Hunter2 "})
    tables["accounts"][0]["api_key"] = "hunter2"

    assert 'accounts[1] "other".api_key: expected one of its own' in _told(tables)


@pytest.mark.parametrize("around", [" {}", "{}\n", "\t{}\r\n"])
def test_what_was_pasted_along_around_a_secret_is_no_part_of_it(around: str) -> None:
    pasted = around.format("hunter2")
    tables = {
        "accounts": [{"id": "acme", "api_key": pasted, "api_secret": pasted, "signature_secret": pasted}],
        "sources": [{"account": "acme", "id": "main", "provider": "nexmo", "signature_secret": pasted}],
    }

    settings = judged(tables, {}, where="a test")

    (account,), (source,) = settings.accounts, settings.sources
    kept = (account.api_key, account.api_secret, account.signature_secret, source.signature_secret)
    assert {secret.get_secret_value() for secret in kept} == {"hunter2"}


def test_a_secret_that_is_nothing_but_blanks_is_not_taken_for_none() -> None:
    tables = {"accounts": [{"id": "acme", "signature_secret": " "}]}

    assert judged(tables, {}, where="a test").accounts[0].signature_secret


def test_two_accounts_may_use_the_same_ids_but_no_two_share_a_key_or_a_token() -> None:
    tables = _registry()
    for table in tables.values():
        table.append({**table[0], **({"account": "other"} if "account" in table[0] else {"id": "other"})})
    tables["accounts"][0]["api_key"] = tables["accounts"][1]["api_key"] = "hunter2"
    tables["sources"][0]["token"] = tables["sources"][1]["token"] = "hunter2-hunter2-"

    assert _told(tables) == (
        "2 mistakes in consent-relay.toml:\n"
        '  accounts[1] "other".api_key: expected one of its own, got that of accounts[0]\n'
        '  sources[1] "main".token: expected one of its own, got that of sources[0]'
    )


@pytest.mark.parametrize(
    ("tables", "told"),
    [
        ({"accounts": {"id": "acme"}}, "accounts: expected a list of tables, written [[accounts]], got a table"),
        ({"accounts": ["acme"]}, 'accounts[0]: expected a table, written [name], got "acme"'),
        ({"store": [{"url": ""}]}, "store: expected a table, written [name], got a list"),
        ({"store": "redis://user:hunter2@host"}, 'store: expected a table, written [name], got "redis://…@host"'),
        ({"endpoints": [{"account": "a", "id": "b"}]}, 'endpoints[0] "b".url: expected a value, got none'),
        ({"port": 8080}, "port: unknown section; known are store, receiver, dispatcher"),
    ],
)
def test_a_wrong_shape_is_told_with_the_right_one(tables: dict[str, object], told: str) -> None:
    assert told in _told(tables)


def test_any_provider_is_taken_where_nobody_asks() -> None:
    tables = _registry()
    tables["sources"][0]["provider"] = "telnyx"

    assert judged(tables, {}, where="here").sources[0].provider == "telnyx"


_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=6,
)
_SECTIONS = st.sampled_from([*KEYS[""], "stroe"])
_KEY = st.sampled_from(sorted({key for keys in KEYS.values() for key in keys}))
_TABLE = st.dictionaries(_KEY, _VALUES, max_size=4)


@given(st.dictionaries(_SECTIONS, _VALUES | _TABLE | st.lists(_TABLE, max_size=2), max_size=3))
def test_whatever_the_file_holds_there_are_settings_or_a_list_of_mistakes(tables: dict[str, Any]) -> None:
    with suppress(Misconfigured):
        assert isinstance(judged(tables, {}, where="the file", providers={"nexmo"}), Settings)


def _registry() -> dict[str, list[dict[str, Any]]]:
    return {
        "accounts": [{"id": "acme"}],
        "campaigns": [{"account": "acme", "id": "1116"}],
        "sources": [{"account": "acme", "id": "main", "provider": "nexmo"}],
        "endpoints": [{"account": "acme", "id": "crm", "url": "https://crm.example.com/"}],
    }


def _told(tables: dict[str, Any]) -> str:
    with pytest.raises(Misconfigured) as caught:
        judged(tables, {}, where=str(Path("consent-relay.toml")), providers={"nexmo", "skycore"})
    return str(caught.value)
