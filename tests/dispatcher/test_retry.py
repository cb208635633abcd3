"""What an answer means, and what follows from it."""

from datetime import UTC, datetime
from email.utils import format_datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from consent.errors import Misconfigured
from consent.model import Millis, UnixMs
from dispatcher.outcome import OUR_FAULTS, Attempted, Delivered, Gone, OurFault, Outcome, TryAgain, charged, judged
from dispatcher.retry import PUT_OFF, SCHEDULE, Bury, Done, Hold, PutOff, RetryIn, RetryPolicy, Step, next_step
from tests.builders import NOON

SECOND, MINUTE, HOUR = 1000, 60_000, 3_600_000
POLICY = RetryPolicy()
NO_JITTER = 0.0

jitters = st.floats(0, 1)
attempts = st.integers(1, POLICY.max_attempts - 1)


def an_http_date(at: int) -> str:
    return format_datetime(datetime.fromtimestamp(at / 1000, UTC), usegmt=True)


def waited(step: Step) -> int:
    assert isinstance(step, RetryIn)
    return step.wait


# ── judging ─────────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("status", [200, 201, 202, 204, 299])
def test_any_2xx_is_delivered(status: int) -> None:
    assert judged(status, None, NOON) == Delivered(status)


def test_410_asks_never_to_be_called_again() -> None:
    assert judged(410, None, NOON) == Gone()


@pytest.mark.parametrize("status", [100, 199, 300, 301, 302, 307, 308, 400, 401, 404, 429, 500, 503, 599, 999])
def test_everything_else_is_tried_again_redirects_too(status: int) -> None:
    assert judged(status, None, NOON) == TryAgain(f"http_{status}", None, status)


@pytest.mark.parametrize("status", [429, 503])
@pytest.mark.parametrize(
    ("retry_after", "wait"),
    [
        ("120", 120 * SECOND),
        (" 7 ", 7 * SECOND),
        ("0", 0),
        (an_http_date(NOON + 90 * SECOND), 90 * SECOND),
        (datetime.fromtimestamp((NOON + 90 * SECOND) / 1000, UTC).strftime("%a %b %d %H:%M:%S %Y"), 90 * SECOND),
        (an_http_date(NOON - 90 * SECOND), None),
        ("", None),
        ("soon", None),
        ("-5", None),
        ("1.5", None),
        ("٣", None),
        ("9" * 5000, None),
        ("Mon, 99 Foo 2099 99:99:99 GMT", None),
    ],
)
def test_retry_after_is_honoured_in_both_forms_and_garbage_is_ignored(
    status: int, retry_after: str, wait: int | None
) -> None:
    assert judged(status, retry_after, NOON) == TryAgain(
        f"http_{status}", None if wait is None else Millis(wait), status
    )


def test_retry_after_means_nothing_elsewhere() -> None:
    assert judged(500, "120", NOON) == TryAgain("http_500", None, 500)


@given(
    st.integers(0, 999), st.text() | st.from_regex(r"[A-Z][a-z]{2}, \d\d? [A-Z][a-z]{2} \d{2,6} \d\d:\d\d:\d\d.{0,8}")
)
def test_no_answer_can_make_judging_fail(status: int, retry_after: str) -> None:
    outcome = judged(status, retry_after, NOON)

    assert isinstance(outcome, Delivered | Gone | TryAgain)


# ── stepping ────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_delivery_is_done() -> None:
    assert next_step(Delivered(204), 3, POLICY, NO_JITTER) == Done()


@pytest.mark.parametrize("attempt", [1, POLICY.max_attempts])
def test_a_gone_endpoint_keeps_its_deliveries(attempt: int) -> None:
    assert isinstance(next_step(Gone(), attempt, POLICY, NO_JITTER), Hold)


def test_each_attempt_waits_for_its_entry_of_the_schedule() -> None:
    steps = [next_step(TryAgain("http_500"), attempt, POLICY, NO_JITTER) for attempt in range(1, 10)]

    assert [waited(step) for step in steps] == [
        5 * SECOND,
        5 * MINUTE,
        30 * MINUTE,
        2 * HOUR,
        5 * HOUR,
        10 * HOUR,
        14 * HOUR,
        20 * HOUR,
        24 * HOUR,
    ]


def test_after_the_last_attempt_a_delivery_is_buried_with_its_reason() -> None:
    step = next_step(TryAgain("timeout: no answer"), 10, POLICY, NO_JITTER)

    assert step == Bury("gave up after 10 attempts: timeout: no answer", "timeout")


def test_what_is_our_own_fault_is_put_off_however_often_it_was_tried() -> None:
    step = next_step(OurFault("no_route: Network is unreachable"), 10, POLICY, NO_JITTER)

    assert step == PutOff(PUT_OFF, "no_route: Network is unreachable")


def test_a_schedule_of_one_entry_is_one_attempt() -> None:
    policy = RetryPolicy(schedule=(Millis(0),))

    assert isinstance(next_step(TryAgain("timeout"), 1, policy, NO_JITTER), Bury)


def test_a_schedule_without_entries_is_refused_with_the_remedy() -> None:
    with pytest.raises(Misconfigured, match=r'dispatcher\.schedule.*\["0s"\]'):
        RetryPolicy(schedule=())


def test_retry_after_is_a_floor_and_no_shortcut() -> None:
    later = next_step(TryAgain("http_429", Millis(HOUR)), 1, POLICY, NO_JITTER)
    sooner = next_step(TryAgain("http_429", Millis(SECOND)), 4, POLICY, NO_JITTER)

    assert (waited(later), waited(sooner)) == (HOUR, 2 * HOUR)


def test_retry_after_counts_up_to_the_longest_step() -> None:
    step = next_step(TryAgain("http_503", Millis(365 * 24 * HOUR)), 1, POLICY, NO_JITTER)

    assert waited(step) == 24 * HOUR


def test_who_was_told_the_same_retry_after_does_not_return_at_the_same_moment() -> None:
    told = TryAgain("http_429", Millis(HOUR))

    assert waited(next_step(told, 1, POLICY, 0.2)) != waited(next_step(told, 1, POLICY, 0.8))


@given(attempts, jitters, st.none() | st.integers(0, 10**13).map(Millis))
def test_jitter_is_only_ever_added_and_never_more_than_its_share(
    attempt: int, jitter: float, not_before: Millis | None
) -> None:
    outcome = TryAgain("http_503", not_before)

    shortest = waited(next_step(outcome, attempt, POLICY, NO_JITTER))

    assert SCHEDULE[attempt] <= shortest <= max(SCHEDULE)
    assert shortest >= min(not_before or 0, max(SCHEDULE))
    assert shortest <= waited(next_step(outcome, attempt, POLICY, jitter)) <= shortest * 1.1 + 1


@given(
    st.one_of(st.just(Delivered(200)), st.just(Gone()), st.just(TryAgain("timeout"))), st.integers(1, 10**6), jitters
)
def test_every_outcome_of_every_attempt_has_one_next_step(outcome: Outcome, attempt: int, jitter: float) -> None:
    step = next_step(outcome, attempt, POLICY, jitter)

    assert step == next_step(outcome, attempt, POLICY, jitter)
    assert isinstance(step, RetryIn) <= (attempt < POLICY.max_attempts)


def test_every_step_has_its_word() -> None:
    assert [step.word for step in (Done, RetryIn, Bury, Hold)] == ["done", "retry", "bury", "hold"]


def test_the_schedule_ends_within_the_retention_of_the_log() -> None:
    assert sum(SCHEDULE) * 1.1 < UnixMs(30 * 24 * HOUR)


@pytest.mark.parametrize("word", sorted(OUR_FAULTS))
def test_a_failure_on_our_side_is_charged_to_nobody(word: str) -> None:
    attempted = Attempted(outcome=TryAgain(word), status=None, took_ms=1, response="", error=word)

    assert charged(attempted) == OurFault(word)


@pytest.mark.parametrize("word", ["dns_failed", "connect_refused", "unreachable", "timeout", "egress_refused", ""])
def test_every_other_failure_is_the_endpoints(word: str) -> None:
    attempted = Attempted(outcome=TryAgain(word), status=None, took_ms=1, response="", error=word)

    assert charged(attempted) == TryAgain(word)


@pytest.mark.parametrize("status", [429, 502, 503, 504])
def test_whoever_is_overloaded_may_say_for_how_long(status: int) -> None:
    assert judged(status, "60", NOON) == TryAgain(f"http_{status}", Millis(60_000), status)
