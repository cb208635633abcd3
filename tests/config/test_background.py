"""A process keeps at it through every absence of the store, and says so twice, not a thousand times."""

import asyncio

import pytest
from hypothesis import given
from hypothesis import strategies as st
from structlog.testing import capture_logs

from config.background import backoff, persist
from consent.errors import StoreUnavailable, StoreUnsafe
from tests.e2e.installation import eventually


class Step:
    """Goes through what is to happen, one thing a call: an error to raise, or a rest to take."""

    def __init__(self, *script: Exception | float | None) -> None:
        self._script = list(script)
        self.calls = 0

    async def __call__(self) -> float | None:
        self.calls += 1
        now = self._script.pop(0)
        if isinstance(now, Exception):
            raise now
        return now


AWAY = StoreUnavailable("the store cannot be reached")


async def test_it_waits_no_longer_than_it_may() -> None:
    step = Step(*[AWAY] * 12, None)

    async with asyncio.timeout(2):  # it would be 27 s
        await persist("beat", step, longest_wait=0.01)

    assert step.calls == 13


async def test_a_step_is_repeated_until_it_says_it_was_the_last() -> None:
    step = Step(0, 0, 0.001, 0, None)

    await persist("count", step)

    assert step.calls == 5


async def test_failures_are_told_once_and_so_is_the_recovery() -> None:
    with capture_logs() as logs:
        await persist("count", Step(AWAY, AWAY, 0, None))

    assert logs == [
        {
            "event": "background.failing",
            "log_level": "warning",
            "task": "count",
            "reason": "store_unavailable",
            "error": "the store cannot be reached",
        },
        {"event": "background.recovered", "log_level": "info", "task": "count", "failures": 2},
    ]


async def test_to_be_told_to_stop_is_no_recovery() -> None:
    with capture_logs() as logs:
        await persist("count", Step(AWAY, AWAY, None))

    assert [line["event"] for line in logs] == ["background.failing"]


async def test_a_second_absence_is_told_like_the_first() -> None:
    with capture_logs() as logs:
        await persist("count", Step(AWAY, 0, StoreUnsafe("it does not persist"), 0, None))

    assert [line["event"].split(".")[1] for line in logs] == ["failing", "recovered", "failing", "recovered"]
    assert [line["failures"] for line in logs if "failures" in line] == [1, 1]


async def test_what_fails_and_works_by_turns_is_told_once() -> None:
    with capture_logs() as logs:
        await persist("count", Step(AWAY, 0, AWAY, 0, AWAY, AWAY, 0, None))

    assert [line["event"].split(".")[1] for line in logs] == ["failing", "recovered"]


async def test_and_again_if_it_lasts() -> None:
    with capture_logs() as logs:
        await persist("count", Step(AWAY, 0, AWAY, AWAY, AWAY, AWAY, 0, None))

    assert [line["event"].split(".")[1] for line in logs] == ["failing", "recovered", "failing", "recovered"]
    assert [line["failures"] for line in logs if "failures" in line] == [1, 4]


async def test_a_mistake_of_ours_is_not_hidden() -> None:
    with pytest.raises(ZeroDivisionError):
        await persist("count", Step(0, ZeroDivisionError(), None))


@pytest.mark.parametrize("script", [(3600.0,), (AWAY,) * 30])
async def test_who_rests_or_waits_can_be_stopped(script: tuple[Exception | float, ...]) -> None:
    step = Step(*script)
    keeping = asyncio.create_task(persist("count", step))
    await eventually(lambda: step.calls == 1)

    keeping.cancel()

    with pytest.raises(asyncio.CancelledError):
        await keeping
    assert step.calls == 1


def test_the_wait_doubles_from_a_tenth_of_a_second_up_to_five() -> None:
    assert [backoff(failures) for failures in range(1, 9)] == pytest.approx([0.1, 0.2, 0.4, 0.8, 1.6, 3.2, 5, 5])


@given(failures=st.integers(1, 10**6))
def test_however_long_it_fails_the_wait_stays_within_bounds(failures: int) -> None:
    assert 0.1 <= backoff(failures) <= 5
