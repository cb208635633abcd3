"""How many guesses there are, and who is not kept out by somebody else's."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from consent.errors import Throttled
from consent.model import UnixMs
from receiver.apis.throttle import MOST_KEPT, PER_CALLER, PER_KEY, PROOF_LASTS_MS, Allowance, Throttle
from tests.builders import NOON

ATTACKER, OWNER = "198.51.100.7", "192.0.2.1"
KEY = "abcd1234"


def guess(throttle: Throttle, caller: str, key: str, now: int = NOON) -> None:
    throttle.check(caller, key, UnixMs(now))
    throttle.failed(caller, key, UnixMs(now))


def guesses(throttle: Throttle, caller: str, key: str, now: int = NOON, *, at_most: int = 1000) -> int:
    """How many are allowed at one instant."""
    for done in range(at_most):
        try:
            guess(throttle, caller, key, now)
        except Throttled:
            return done
    return at_most


def prove(throttle: Throttle, caller: str, key: str, now: int = NOON) -> None:
    throttle.check(caller, key, UnixMs(now))
    throttle.proved(caller, key, UnixMs(now))


def test_an_address_may_guess_so_often_whatever_the_key() -> None:
    throttle = Throttle()

    assert sum(guesses(throttle, ATTACKER, f"key {n}") for n in range(100)) == PER_CALLER.burst


def test_a_key_may_be_guessed_at_so_often_from_whatever_address() -> None:
    throttle = Throttle()

    assert sum(guesses(throttle, f"198.51.100.{n}", KEY) for n in range(100)) == PER_KEY.burst


def test_after_a_while_one_more_guess_is_allowed_and_the_answer_says_when() -> None:
    throttle = Throttle()
    guesses(throttle, ATTACKER, KEY)

    with pytest.raises(Throttled, match="wait 6 s") as refused:
        throttle.check(ATTACKER, KEY, NOON)
    assert refused.value.retry_after == 6
    assert guesses(throttle, ATTACKER, KEY, NOON + 5_999) == 0
    assert guesses(throttle, ATTACKER, KEY, NOON + 6_000) == 1


def test_an_address_that_keeps_still_has_all_its_guesses_back() -> None:
    throttle = Throttle()
    guesses(throttle, ATTACKER, KEY)

    assert guesses(throttle, ATTACKER, KEY, NOON + PER_CALLER.burst * PER_CALLER.refill_ms) == PER_CALLER.burst


def test_other_addresses_do_not_wait_for_one_that_guesses() -> None:
    throttle = Throttle()
    guesses(throttle, ATTACKER, "another key")

    throttle.check(OWNER, KEY, NOON)


def test_an_owner_who_proved_her_key_is_not_locked_out_by_guesses_at_it() -> None:
    throttle = Throttle()
    prove(throttle, OWNER, KEY)
    for n in range(100):
        guesses(throttle, f"198.51.100.{n}", KEY)

    for _ in range(1000):
        prove(throttle, OWNER, KEY)


def test_a_proof_holds_for_its_own_key_and_address_alone() -> None:
    throttle = Throttle()
    prove(throttle, OWNER, KEY)
    for n in range(100):
        guesses(throttle, f"198.51.100.{n}", KEY)

    with pytest.raises(Throttled):
        throttle.check(ATTACKER, KEY, NOON)
    assert guesses(throttle, OWNER, "another key") == PER_CALLER.burst


def test_a_wrong_guess_ends_the_proof_so_that_a_neighbour_cannot_guess_on_behind_it() -> None:
    throttle = Throttle()
    prove(throttle, OWNER, KEY)

    assert guesses(throttle, OWNER, KEY) == PER_CALLER.burst


def test_a_proof_is_forgotten_after_a_day() -> None:
    throttle = Throttle()
    prove(throttle, OWNER, KEY)
    tomorrow = NOON + PROOF_LASTS_MS
    for n in range(100):
        guesses(throttle, f"198.51.100.{n}", KEY, tomorrow)

    throttle.check(OWNER, KEY, UnixMs(tomorrow - 1))
    with pytest.raises(Throttled):
        throttle.check(OWNER, KEY, UnixMs(tomorrow))


def test_a_whole_ipv6_64_is_one_address() -> None:
    throttle = Throttle()

    assert sum(guesses(throttle, f"2001:db8:0:1::{n:x}", f"key {n}") for n in range(100)) == PER_CALLER.burst
    assert guesses(throttle, "2001:db8:0:2::1", "key") == PER_CALLER.burst


def test_an_owner_keeps_her_proof_when_her_host_takes_another_address_of_its_64() -> None:
    throttle = Throttle()
    prove(throttle, "2001:db8:0:1::1", KEY)
    for n in range(100):
        guesses(throttle, f"198.51.100.{n}", KEY)

    throttle.check("2001:db8:0:1:aaaa:bbbb:cccc:dddd", KEY, NOON)


def test_ipv4_addresses_on_an_ipv6_socket_are_not_taken_for_one() -> None:
    throttle = Throttle()
    guesses(throttle, "::ffff:198.51.100.7", "a key")

    assert guesses(throttle, "::ffff:192.0.2.1", KEY) == PER_CALLER.burst
    assert guesses(throttle, "198.51.100.7", "a third key") == 0


@pytest.mark.parametrize("caller", ["", "fe80::1%eth0", "a unix socket"])
def test_an_address_of_an_unusual_kind_is_counted_like_any_other(caller: str) -> None:
    assert guesses(Throttle(), caller, KEY) == PER_CALLER.burst


def test_a_clock_that_was_set_back_keeps_nobody_out_for_longer_than_a_full_bucket_does() -> None:
    throttle = Throttle()
    guesses(throttle, ATTACKER, KEY)
    yesterday = NOON - 24 * 3600 * 1000

    with pytest.raises(Throttled) as refused:
        throttle.check(ATTACKER, KEY, UnixMs(yesterday))
    assert refused.value.retry_after == 6


def test_failures_behind_a_proof_do_not_pile_up_beyond_a_full_bucket() -> None:
    throttle = Throttle()
    for _ in range(1000):
        throttle.failed(OWNER, KEY, NOON)

    assert guesses(throttle, OWNER, KEY, NOON + PER_CALLER.refill_ms) == 1


def test_memory_is_bounded_however_many_addresses_and_keys_there_are() -> None:
    throttle = Throttle()
    for n in range(3 * MOST_KEPT):
        caller, key = f"2001:db8:{n // 65536:x}:{n % 65536:x}::1", f"key {n}"
        throttle.failed(caller, key, NOON)
        throttle.proved(caller, f"proved {n}", NOON)

    assert throttle.kept == 3 * MOST_KEPT


def test_a_key_as_long_as_a_request_is_not_kept_as_it_is() -> None:
    throttle = Throttle()
    long = "x" * 100_000
    guesses(throttle, ATTACKER, long)

    assert max(len(name) for name in throttle._keys._empty_at) <= 64
    assert guesses(throttle, OWNER, long + "y") == PER_CALLER.burst


def test_what_was_heard_of_last_is_not_what_is_forgotten() -> None:
    throttle = Throttle()
    guesses(throttle, ATTACKER, "another key")
    for n in range(MOST_KEPT - 1):
        throttle.failed(f"2001:db8:0:{n:x}::1", "a key", NOON)

    assert guesses(throttle, ATTACKER, "another key") == 0


@given(st.lists(st.tuples(st.integers(0, 3), st.integers(0, 3), st.integers(0, 5_000)), max_size=60))
def test_in_any_stretch_of_time_no_more_guesses_are_compared_than_were_allowed(
    attempts: list[tuple[int, int, int]],
) -> None:
    allowance = Allowance(burst=3, refill_ms=1_000)
    throttle, now = Throttle(per_caller=allowance, per_key=allowance), int(NOON)
    compared: list[tuple[int, int, int]] = []
    for caller, key, pause in attempts:
        now += pause
        try:
            guess(throttle, f"198.51.100.{caller}", f"key {key}", now)
        except Throttled:
            continue
        compared.append((caller, key, now))

    for who in (0, 1):
        for name in range(4):
            times = [entry[2] for entry in compared if entry[who] == name]
            for first, begin in enumerate(times):
                for last in range(first, len(times)):
                    assert last - first + 1 <= allowance.burst + (times[last] - begin) // allowance.refill_ms
