"""How does a process keep at something as long as it lives? Through the store's absences, without flooding the log."""

import asyncio
import time
from collections.abc import Awaitable, Callable

import structlog
from tenacity import RetryCallState, Retrying, wait_exponential

from consent.errors import ConsentError

log = structlog.get_logger()

_LONGEST_S = 5.0
_BACKOFF = wait_exponential(multiplier=0.1, max=_LONGEST_S)
"""Seconds: 0.1, 0.2, 0.4, … 5: a store that comes back is found soon, one that stays away costs next to nothing."""
_SAME_TROUBLE_S = 10.0
_LASTING = 4
"""Failures in a row: a second of them."""


async def persist(name: str, step: Callable[[], Awaitable[float | None]], *, longest_wait: float = _LONGEST_S) -> None:
    """Call `step` again and again, resting as many seconds as it says, until it says None. While it fails, wait longer
    and longer, so many seconds at most, and log the first failure and the recovery, not each try. Where one of several
    masters is away, a step fails and works by turns: that is one trouble, and told again only if it lasts."""
    failures, is_told, told, quiet_until = 0, False, "", 0.0
    while True:
        try:
            rest = await step()
        except ConsentError as exc:
            failures += 1
            is_new = exc.reason != told or time.monotonic() >= quiet_until
            if not is_told and (is_new or failures == _LASTING):
                log.warning("background.failing", task=name, reason=exc.reason, error=str(exc))
                is_told, told, quiet_until = True, exc.reason, time.monotonic() + _SAME_TROUBLE_S
            await asyncio.sleep(min(backoff(failures), longest_wait))
            continue
        if rest is None:  # told to stop: that is no recovery
            return
        if is_told:
            log.info("background.recovered", task=name, failures=failures)
        failures, is_told = 0, False
        if rest > 0:
            await asyncio.sleep(rest)


def backoff(failures: int) -> float:
    """Seconds to wait after so many failures in a row."""
    state = RetryCallState(Retrying(), None, (), {})
    state.attempt_number = failures
    return float(_BACKOFF(state))
