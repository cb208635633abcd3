"""Whose call it is, and that a wrong secret looks like any other wrong secret."""

import base64
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from consent.directory import Directory
from consent.errors import Throttled, Unauthorised, Unverified
from consent.model import Account, AccountId, UnixMs
from receiver import signature
from receiver.apis.gate import Credential, Gate, KeyAlone, Secret, Signature, basic, prove
from receiver.apis.throttle import PER_CALLER
from tests.builders import NOON

ACME = Account(id=AccountId("acme"), api_key="Abcd1234", api_secret="s3cr3t", signature_secret="signing")
BARE = Account(id=AccountId("bare"), api_key="bare-key")
KEYLESS = Account(id=AccountId("keyless"))
DIRECTORY = Directory.of(1, accounts=[ACME, BARE, KEYLESS])
HERE = "192.0.2.1"


def signed(account: Account = ACME, *, at: int = NOON, **more: str) -> Signature:
    fields = {"api_key": account.api_key, "timestamp": str(at // 1000), **more}
    fields["sig"] = signature.sign(
        fields, secret=account.signature_secret or "guessed", method=account.signature_method
    )
    return Signature(fields)


def header(key: str, secret: str) -> str:
    return "Basic " + base64.b64encode(f"{key}:{secret}".encode()).decode()


@pytest.mark.parametrize(
    "credential",
    [
        Secret("Abcd1234", "s3cr3t"),
        Secret("abcd1234", "s3cr3t"),
        KeyAlone("Abcd1234"),
        signed(),
        signed(replace(ACME, api_key="abcd1234")),
    ],
)
def test_a_right_credential_is_its_accounts(credential: Credential) -> None:
    assert prove(credential, DIRECTORY, NOON) == ACME


@pytest.mark.parametrize(
    "credential",
    [
        Secret("Abcd1234", "S3cr3t"),
        Secret("Abcd1234", ""),
        Secret("", ""),
        Secret("nobody", "s3cr3t"),
        Secret("nobody", ""),
        Secret("bare-key", ""),
        Secret("Abcd1234", "s3cr3t\udcff"),
        KeyAlone("abcd1234"),
        KeyAlone(""),
        KeyAlone("nobody"),
        KeyAlone("Abcd1234\udcff"),
    ],
)
def test_any_other_credential_is_nobodys(credential: Credential) -> None:
    with pytest.raises(Unauthorised, match="no account has these credentials"):
        prove(credential, DIRECTORY, NOON)


@pytest.mark.parametrize(
    "credential",
    [
        signed(replace(ACME, signature_secret="another")),
        signed(at=NOON - 301_000),
        Signature({**signed().fields, "page": "1"}),
        Signature({"api_key": "Abcd1234"}),
        signed(BARE),
        signed(replace(ACME, api_key="nobody")),
        Signature({}),
    ],
)
def test_a_bad_signature_is_unverified_whether_the_key_is_known_or_not(credential: Credential) -> None:
    with pytest.raises(Unverified):
        prove(credential, DIRECTORY, NOON)


@pytest.mark.parametrize(
    ("written", "read"),
    [
        (header("Abcd1234", "s3cr3t"), Secret("Abcd1234", "s3cr3t")),
        (header("Abcd1234", "with:colon"), Secret("Abcd1234", "with:colon")),
        (header("Ábcd", "größe"), Secret("Ábcd", "größe")),
        (header("", ""), Secret("", "")),
        ("basic  " + header("a", "b").split()[1] + " ", Secret("a", "b")),
        ("", None),
        ("Basic", None),
        ("Basic !!!!", None),
        ("Basic é", None),
        ("Basic \udcff", None),
        ("Basic " + base64.b64encode(b"no colon").decode(), None),
        ("Basic " + base64.b64encode(b"\xff:\xff").decode(), None),
        ("Bearer " + header("a", "b").split()[1], None),
    ],
)
def test_http_basic_is_read_or_it_is_no_credential(written: str, read: Secret | None) -> None:
    assert basic(written) == read


@given(st.text(st.characters(codec=None, exclude_categories=()), max_size=60))
def test_no_authorization_header_breaks_the_reader(written: str) -> None:
    assert basic(f"Basic {written}") is None or ":" in base64.b64decode(written.strip()).decode()


def wrong(gate: Gate, credential: Credential = Secret("Abcd1234", "wrong"), *, caller: str = HERE) -> str:  # noqa: B008
    try:
        gate.admit(credential, caller, DIRECTORY)
    except (Unauthorised, Unverified, Throttled) as refused:
        return refused.reason
    return "admitted"


def a_gate() -> Gate:
    return Gate(clock=lambda: NOON)


@pytest.mark.parametrize(
    ("credential", "reason"),
    [
        (Secret("Abcd1234", "wrong"), "unauthorised"),
        (KeyAlone("wrong"), "unauthorised"),
        (signed(replace(ACME, signature_secret="another")), "unverified"),
    ],
)
def test_guesses_of_every_kind_are_counted(credential: Credential, reason: str) -> None:
    gate = a_gate()

    answers = [wrong(gate, credential) for _ in range(PER_CALLER.burst + 5)]

    assert answers == [reason] * PER_CALLER.burst + ["throttled"] * 5


def test_while_an_address_is_throttled_a_right_guess_looks_like_a_wrong_one() -> None:
    gate = a_gate()
    for _ in range(PER_CALLER.burst):
        wrong(gate)

    assert wrong(gate, Secret("Abcd1234", "s3cr3t")) == wrong(gate) == "throttled"


def test_a_key_is_one_key_however_it_is_written() -> None:
    gate = a_gate()
    for n in range(30):
        wrong(gate, Secret("ABCD1234" if n % 2 else "abcd1234", "wrong"), caller=f"198.51.100.{n}")

    assert wrong(gate, Secret("Abcd1234", "s3cr3t")) == "throttled"


def test_an_owner_at_work_is_not_locked_out_while_the_whole_world_guesses_at_her_key() -> None:
    gate = a_gate()
    answers = []
    for n in range(2000):
        answers.append(wrong(gate, Secret("abcd1234", "s3cr3t")))
        wrong(gate, Secret("Abcd1234", f"guess {n}"), caller=f"2001:db8:0:{n:x}::1")

    assert set(answers) == {"admitted"}


def test_an_owner_who_mistyped_gets_in_with_the_next_try() -> None:
    gate = a_gate()
    wrong(gate)

    assert wrong(gate, Secret("Abcd1234", "s3cr3t")) == "admitted"


def test_who_was_kept_waiting_gets_in_after_the_wait() -> None:
    now = [NOON]
    gate = Gate(clock=lambda: now[0])
    for _ in range(PER_CALLER.burst):
        wrong(gate)
    now[0] = UnixMs(NOON + PER_CALLER.refill_ms)

    assert wrong(gate, Secret("Abcd1234", "s3cr3t")) == "admitted"
