"""A rotation leaves everybody time to change over, and neither the file nor the next rotation takes that away."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from consent.model import Endpoint, Millis, RetiringSecret, UnixMs
from console.refusals import Taken
from console.rotation import MOST_SECRETS, digest, reconciled, rotated
from tests.builders import NOON, an_endpoint

DAY = Millis(86_400_000)
FILE = an_endpoint(secrets=("A",))


def applied(endpoint: Endpoint) -> Endpoint:
    return replace(endpoint, declared_secret=digest(endpoint.secrets[0]))


def later(ms: int) -> UnixMs:
    return UnixMs(NOON + ms)


def signing(endpoint: Endpoint, at: UnixMs) -> set[str]:
    return {*endpoint.secrets, *(secret.value for secret in endpoint.retiring if secret.until > at)}


def test_the_new_secret_signs_at_once_and_the_old_one_until_the_grace_ends() -> None:
    endpoint = rotated(FILE, "B", now=NOON, grace=DAY)

    assert signing(endpoint, NOON) == {"A", "B"}
    assert signing(endpoint, later(DAY)) == {"B"}


def test_without_grace_nothing_but_the_new_secret_signs() -> None:
    endpoint = rotated(rotated(FILE, "B", now=NOON, grace=DAY), "C", now=later(1), grace=Millis(0))

    assert (endpoint.secrets, endpoint.retiring) == (("C",), ())


def test_a_rotation_never_prolongs_what_was_to_end_sooner() -> None:
    endpoint = rotated(rotated(FILE, "B", now=NOON, grace=DAY), "C", now=later(1), grace=Millis(10 * DAY))

    assert signing(endpoint, later(DAY)) == {"B", "C"}


def test_what_has_ended_is_forgotten_at_the_next_rotation() -> None:
    endpoint = rotated(rotated(FILE, "B", now=NOON, grace=DAY), "C", now=later(DAY), grace=DAY)

    assert [secret.value for secret in endpoint.retiring] == ["B"]


def test_there_are_never_more_than_ten_and_the_remedy_is_told() -> None:
    endpoint = FILE
    for n in range(MOST_SECRETS - 1):
        endpoint = rotated(endpoint, f"secret {n}", now=NOON, grace=DAY)
    assert len(signing(endpoint, NOON)) == MOST_SECRETS

    with pytest.raises(Taken, match="a grace of 0s") as refused:
        rotated(endpoint, "one more", now=NOON, grace=DAY)

    assert "secret 8" not in str(refused.value)
    assert rotated(endpoint, "one more", now=NOON, grace=Millis(0)).secrets == ("one more",)
    assert rotated(endpoint, "one more", now=later(DAY), grace=DAY).secrets == ("one more",)


@pytest.mark.parametrize("known", [FILE, applied(FILE)])
@pytest.mark.parametrize("times", [1, 2])
def test_a_file_that_was_not_changed_takes_no_rotation_back(known: Endpoint, times: int) -> None:
    for n in range(times):
        known = rotated(known, f"secret {n}", now=NOON, grace=Millis(0))

    kept = reconciled(FILE, known)

    assert kept.secrets == known.secrets
    assert reconciled(FILE, kept) == kept


def test_a_file_that_takes_the_rotated_secret_over_ends_no_grace_and_may_be_rotated_past() -> None:
    once = rotated(applied(FILE), "B", now=NOON, grace=DAY)

    after = reconciled(an_endpoint(secrets=("B",)), once)
    again = rotated(after, "C", now=NOON, grace=Millis(0))

    assert signing(after, NOON) == {"A", "B"}
    assert reconciled(an_endpoint(secrets=("B",)), again).secrets == ("C",)


def test_a_secret_that_was_changed_in_the_file_replaces_all_others() -> None:
    known = rotated(applied(FILE), "B", now=NOON, grace=DAY)

    endpoint = reconciled(an_endpoint(secrets=("D",)), known)

    assert (endpoint.secrets, endpoint.retiring) == (("D",), ())
    assert reconciled(an_endpoint(secrets=("D",)), endpoint) == endpoint


def test_a_file_without_a_secret_leaves_the_secrets_alone_and_sets_the_rest() -> None:
    known = rotated(applied(FILE), "B", now=NOON, grace=DAY)

    endpoint = reconciled(an_endpoint(secrets=(), max_in_flight=2), known)

    assert endpoint == replace(known, max_in_flight=2)


@given(st.lists(st.tuples(st.integers(0, 3), st.sampled_from(["rotate", "apply"])), max_size=8))
def test_whatever_is_rotated_and_applied_the_newest_secret_signs(steps: list[tuple[int, str]]) -> None:
    endpoint, now = applied(FILE), NOON
    for number, (days, what) in enumerate(steps):
        now = UnixMs(now + days * DAY)
        newest = endpoint.secrets[0]
        if what == "rotate":
            newest = f"secret {number}"
            endpoint = rotated(endpoint, newest, now=now, grace=DAY)
        else:
            endpoint = reconciled(FILE, endpoint)

        assert endpoint.secrets == (newest,)
        assert len(signing(endpoint, now)) <= MOST_SECRETS


def test_the_digest_does_not_give_the_secret_away() -> None:
    endpoint = rotated(FILE, "B", now=NOON, grace=DAY)

    assert endpoint.declared_secret == digest("A") != "A"
    assert "B" not in repr(RetiringSecret(value="B", until=NOON))
