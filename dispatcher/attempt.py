"""What is done with one lease, from claim to settle? Build the body, send, decide what comes next, say so, settle."""

import asyncio
import random
from collections.abc import Callable

import structlog

from config.background import backoff
from consent.directory import Directory
from consent.errors import StoreUnavailable
from consent.ledger import Queue, Registry, Verdict
from consent.model import AttemptRecord, Endpoint, Event, Lease, Millis, UnixMs
from dispatcher.formats import body, speaks
from dispatcher.outcome import Attempted, Delivered, TryAgain
from dispatcher.retry import Bury, Done, Hold, RetryIn, RetryPolicy, Step, next_step
from dispatcher.send import Sender

log = structlog.get_logger()

_NOT_OURS_TO_SEND = Millis(5000)
"""How long a delivery rests that this process cannot serve: its endpoint is unknown here, or just disabled."""
_SETTLE_TRIES = 8
"""Together about twenty seconds of a store that is away; then the lease runs out and the attempt is made again."""


class Attempts:
    def __init__(self, queue: Queue, registry: Registry, sender: Sender, policy: RetryPolicy) -> None:
        self._queue = queue
        self._registry = registry
        self._sender = sender
        self._policy = policy

    async def make(self, lease: Lease, directory: Directory, clock: Callable[[], UnixMs]) -> None:
        endpoint = directory.endpoints.get(lease.endpoint)
        if endpoint is None or endpoint.disabled:
            await self.release(lease, _NOT_OURS_TO_SEND)
            return
        if lease.event is None:
            await self._settle(lease, Bury("the event is no longer in the log"), None)
            return
        if not speaks(endpoint.format, lease.event.type):  # its format was changed after this was routed
            await self._settle(lease, Bury(f"{endpoint.format} has no form for {lease.event.type}"), None)
            return
        payload = body(lease.event, endpoint.format, directory)
        attempted = await self._sender.send(endpoint, lease.event_id, payload, clock())
        step = next_step(attempted.outcome, lease.attempt, self._policy, random.random())  # noqa: S311  # jitter, no secret
        _tell(lease, lease.event, endpoint, attempted, step, clock())
        await self._settle(lease, step, attempted)

    async def release(self, lease: Lease, wait: Millis) -> None:
        """Give a delivery back untried."""
        await self._queue.settle(lease, "release", None, wait=wait)

    async def _settle(self, lease: Lease, step: Step, attempted: Attempted | None) -> None:
        verdict, wait = _verdict(step)
        record = _record(lease, step, attempted)
        for failures in range(1, _SETTLE_TRIES + 1):
            try:
                if isinstance(step, Hold):
                    await self._registry.disable(lease.endpoint, step.reason)
                is_ours = await self._queue.settle(lease, verdict, record, wait=wait)
            except StoreUnavailable as exc:
                log.warning("delivery.unsettled", delivery=lease.event_id, endpoint=lease.endpoint, error=str(exc))
                await asyncio.sleep(backoff(failures))
                continue
            if not is_ours:
                log.warning("lease.lost", delivery=lease.event_id, endpoint=lease.endpoint, attempt=lease.attempt)
            return


def _verdict(step: Step) -> tuple[Verdict, Millis]:
    match step:
        case Done():
            return "done", Millis(0)
        case RetryIn(wait=wait):
            return "retry", wait
        case Bury():
            return "bury", Millis(0)
        case Hold():
            return "release", Millis(0)


def _record(lease: Lease, step: Step, attempted: Attempted | None) -> AttemptRecord:
    return AttemptRecord(
        number=lease.attempt,
        outcome=step.word,
        status=attempted.status if attempted else None,
        took_ms=attempted.took_ms if attempted else 0,
        error=_why(step, attempted),
        response=attempted.response if attempted else "",
    )


def _why(step: Step, attempted: Attempted | None) -> str:
    match step:
        case Done():
            return ""
        case RetryIn(reason=reason) | Bury(reason=reason) | Hold(reason=reason):
            return reason or (attempted.error if attempted else "")


def _tell(lease: Lease, event: Event, endpoint: Endpoint, attempted: Attempted, step: Step, now: UnixMs) -> None:
    tell = log.info if isinstance(attempted.outcome, Delivered) else log.warning
    tell(
        "delivery.attempted",
        delivery=lease.event_id,
        type=event.type,
        endpoint=endpoint.id,
        msisdn=event.msisdn,
        attempt=lease.attempt,
        outcome="delivered" if isinstance(step, Done) else step.word,
        **({} if attempted.status is None else {"status": attempted.status}),
        **({"reason": attempted.outcome.reason} if isinstance(attempted.outcome, TryAgain) else {}),
        **({"again_in_s": round(step.wait / 1000, 1)} if isinstance(step, RetryIn) else {}),
        ms=attempted.took_ms,
        since_received_ms=now - event.received_at,
    )
