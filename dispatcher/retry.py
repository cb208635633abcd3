"""What follows from an outcome? Pure: the random number is an argument, and the answer is a wait, not an instant.

    Delivered                          ─▶ Done
    Gone                               ─▶ Hold     the delivery is kept; its endpoint is to be disabled
    TryAgain, attempts left            ─▶ RetryIn  the schedule's wait, or Retry-After when that is longer
    TryAgain after the last attempt    ─▶ Bury     parked as dead, replayable
    OurFault                           ─▶ PutOff   soon again; no attempt was spent

The schedule is the example of the Standard Webhooks specification, about 75 hours in all:
https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md#deliverability-and-reliability
"""

from dataclasses import dataclass
from datetime import timedelta
from functools import lru_cache
from typing import ClassVar

from tenacity import RetryCallState, Retrying, wait_chain, wait_fixed

from consent.errors import Misconfigured
from consent.model import Millis
from dispatcher.outcome import Delivered, Gone, OurFault, Outcome

_SECOND, _MINUTE, _HOUR = 1000, 60_000, 3_600_000
SCHEDULE = tuple(
    Millis(wait)
    for wait in (
        0,
        5 * _SECOND,
        5 * _MINUTE,
        30 * _MINUTE,
        2 * _HOUR,
        5 * _HOUR,
        10 * _HOUR,
        14 * _HOUR,
        20 * _HOUR,
        24 * _HOUR,
    )
)
GONE_REASON = "gone: the endpoint answered 410 and asks never to be called again"
PUT_OFF = Millis(10 * _SECOND)
"""What is our own fault is mended by us, or by itself: so soon, and as often as it takes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RetryPolicy:
    schedule: tuple[Millis, ...] = SCHEDULE
    """Entry k is the wait before attempt k + 1; as many attempts as entries."""
    jitter_ratio: float = 0.1
    """The largest share of a wait that is added to it."""

    def __post_init__(self) -> None:
        if not self.schedule:
            raise Misconfigured('dispatcher.schedule: name at least one wait, such as ["0s"]')

    @property
    def max_attempts(self) -> int:
        return len(self.schedule)


@dataclass(frozen=True, slots=True)
class Done:
    word: ClassVar[str] = "done"


@dataclass(frozen=True, slots=True)
class RetryIn:
    word: ClassVar[str] = "retry"
    wait: Millis
    reason: str


@dataclass(frozen=True, slots=True)
class Bury:
    word: ClassVar[str] = "bury"
    reason: str
    cause: str
    """The word under which it is counted."""


@dataclass(frozen=True, slots=True)
class Hold:
    word: ClassVar[str] = "hold"
    reason: str


@dataclass(frozen=True, slots=True)
class PutOff:
    word: ClassVar[str] = "put_off"
    wait: Millis
    reason: str


Step = Done | RetryIn | Bury | Hold | PutOff


def next_step(outcome: Outcome, attempt: int, policy: RetryPolicy, jitter: float) -> Step:
    """`attempt` is the number, from 1, of the attempt just made; `jitter` is a random number from 0 to 1."""
    match outcome:
        case Delivered():
            return Done()
        case Gone():
            return Hold(GONE_REASON)
        case OurFault(reason):
            return PutOff(_with_jitter(PUT_OFF, policy, jitter), reason)
    if attempt >= policy.max_attempts:
        cause = outcome.reason.partition(":")[0]
        return Bury(f"gave up after {attempt} attempt{'s' if attempt > 1 else ''}: {outcome.reason}", cause)
    return RetryIn(_wait(attempt, policy, outcome.not_before or Millis(0), jitter), outcome.reason)


def _wait(attempt: int, policy: RetryPolicy, floor: Millis, jitter: float) -> Millis:
    """Jitter is only ever added, and comes last: a hundred deliveries told "in 60 s" shall not return in the same one.

    Retry-After counts up to the longest step of the schedule, or a slip of the endpoint's would be the end of it.
    """
    state = RetryCallState(Retrying(), None, (), {})
    state.attempt_number = attempt
    scheduled = round(_chain(policy.schedule)(state) * 1000)
    return _with_jitter(max(scheduled, min(floor, max(policy.schedule))), policy, jitter)


def _with_jitter(wait: int, policy: RetryPolicy, jitter: float) -> Millis:
    return Millis(wait + round(wait * policy.jitter_ratio * jitter))


@lru_cache(maxsize=64)
def _chain(schedule: tuple[Millis, ...]) -> wait_chain:
    """tenacity's link n is the wait after attempt n, that is our entry n; entry 0 precedes the first."""
    following = schedule[1:] or schedule
    return wait_chain(*(wait_fixed(timedelta(milliseconds=entry)) for entry in following))
