"""What is done with one lease, from claim to settle? Build the body, send, decide what comes next, say so, settle."""

import asyncio
import random
from collections.abc import Callable
from dataclasses import dataclass

import structlog

from config.background import backoff
from config.tracing import Traces
from consent.directory import Directory
from consent.errors import StoreUnavailable
from consent.ledger import Queue, Said, Settled, Verdict
from consent.model import AttemptRecord, Endpoint, Event, Lease, Millis, Opening, UnixMs
from consent.values import value
from dispatcher import exchange
from dispatcher.bodies import Bodies
from dispatcher.formats import speaks
from dispatcher.outcome import Attempted, Delivered, Gone, OurFault, Outcome, TryAgain, charged
from dispatcher.retry import GONE_REASON, Bury, Done, Hold, PutOff, RetryIn, RetryPolicy, Step, next_step
from dispatcher.send import Sender
from dispatcher.tally import Tally
from dispatcher.tracing import ended, opened_for

log = structlog.get_logger()

_SETTLE_TRIES = 8
"""Together about twenty seconds of a store that is away; then the lease runs out and the attempt is made again."""
_REST = Millis(5000)
_NOTHING = Said()
_TOOK_IT = Said(delivered=1)


@dataclass(frozen=True, slots=True)
class PutBack:
    """This process cannot serve it: its endpoint is unknown here, was just disabled, or its breaker opened. Nothing was
    tried."""

    wait: Millis = _REST


@dataclass(frozen=True, slots=True)
class Drop:
    """Its endpoint's format was changed since this was routed, and has no form for it: it would not be routed today.
    Given up, it would stay dead however often it is sent again."""


@value(frozen=True, slots=True, kw_only=False)
class Attempt:
    """What came of one lease: to be settled."""

    step: Step | PutBack | Drop
    attempted: Attempted | None = None
    """None where no request was made."""

    @property
    def took_ms(self) -> int | None:
        return self.attempted.took_ms if self.attempted else None

    @property
    def our_share(self) -> float:
        """Of the time that the answer took: how much of it was ours."""
        timings = self.attempted.timings if self.attempted else None
        return timings.our_share if timings else 0.0

    @property
    def said(self) -> Said:
        """What it says about the endpoint."""
        return said_by(charged(self.attempted)) if self.attempted else _NOTHING


AT_ONCE = Attempt(PutBack(Millis(0)))
"""Not attempted, and as due as it was."""


def said_by(outcome: Outcome) -> Said:
    match outcome:
        case Delivered():
            return _TOOK_IT
        case Gone():
            return Said(failed=1, reason=GONE_REASON, is_gone=True)
        case OurFault():
            return _NOTHING
        case TryAgain(reason=reason, not_before=pause):
            return Said(failed=1, reason=reason, pause=pause or Millis(0))


def is_first_hearing(lease: Lease) -> bool:
    """Whether its delivery ends the wait of an opt-out: a replay tells of what was heard before, and of a list it is
    known that it takes its time."""
    return lease.is_urgent and not lease.is_replay


class Attempts:
    def __init__(
        self,
        queue: Queue,
        sender: Sender,
        policy: RetryPolicy,
        tally: Tally | None = None,
        traces: Traces | None = None,
    ) -> None:
        self._tally = tally or Tally()
        self._traces = traces
        self._queue = queue
        self._sender = sender
        self._policy = policy
        self._bodies = Bodies()

    async def make(self, lease: Lease, directory: Directory, clock: Callable[[], UnixMs]) -> Attempt:
        """One request to the endpoint, if it is to be made at all, and what follows from its answer."""
        endpoint = directory.endpoints.get(lease.endpoint)
        if endpoint is None or endpoint.disabled:
            return Attempt(PutBack())
        if lease.event is None:
            return Attempt(Bury("the event is no longer in the log", "event_gone"))
        if not speaks(endpoint.format, lease.event.type):
            log.warning(
                "delivery.dropped",
                delivery=lease.event_id,
                type=lease.event.type,
                endpoint=endpoint.id,
                reason=f"{endpoint.format} has no form for it",
            )
            return Attempt(Drop())
        payload = self._bodies.of(lease.event, endpoint.format, directory)
        span = opened_for(lease, self._traces) if self._traces else None
        attempted = await self._sender.send(
            endpoint,
            lease.event_id,
            payload,
            clock(),
            is_replay=lease.is_replay,
            traceparent=span.traceparent if span else "",
        )
        step = next_step(charged(attempted), lease.attempt, self._policy, random.random())  # noqa: S311  # jitter, no secret
        word = "delivered" if isinstance(step, Done) else step.word
        now = clock()
        self._tally.attempted(endpoint.id, word, seconds=attempted.took_ms / 1000)
        if isinstance(step, Done) and is_first_hearing(lease):
            self._tally.heard(endpoint.id, seconds=max(now - lease.event.received_at, 0) / 1000)
        if span:
            ended(span, attempted, outcome=word)
        _tell(lease, lease.event, endpoint, attempted, step, now, outcome=word)
        return Attempt(step, attempted)

    async def release(self, lease: Lease, wait: Millis) -> bool:
        """Give a delivery back untried. False where it had been settled, or another has it."""
        return await self._queue.settle(lease, "release", None, wait=wait) is not None

    async def settle(self, lease: Lease, attempt: Attempt) -> Settled | None:
        """Record what follows. Returns when the lane's next delivery is due, in the store's time."""
        verdict, wait = _verdict(attempt.step)
        cause = attempt.step.cause if isinstance(attempt.step, Bury) else ""
        record = _record(lease, attempt.step, attempt.attempted)
        for failures in range(1, _SETTLE_TRIES + 1):
            try:
                settled = await self._queue.settle(lease, verdict, record, wait=wait, cause=cause)
            except StoreUnavailable as exc:
                log.debug("delivery.unsettled", delivery=lease.event_id, endpoint=lease.endpoint, error=str(exc))
                await asyncio.sleep(backoff(failures))
                continue
            if settled is not None and cause:
                self._tally.gave_up(lease.endpoint, cause, is_unheard=is_first_hearing(lease))
            if settled is None and attempt.attempted:  # another dispatcher makes the same request
                log.warning("lease.lost", delivery=lease.event_id, endpoint=lease.endpoint, attempt=lease.attempt)
            return settled
        log.warning("delivery.left_to_its_lease", delivery=lease.event_id, endpoint=lease.endpoint)
        return None


def _verdict(step: Step | PutBack | Drop) -> tuple[Verdict, Millis]:
    match step:
        case PutBack(wait=wait) | PutOff(wait=wait):
            return "release", wait
        case Done() | Drop():
            return "done", Millis(0)
        case RetryIn(wait=wait):
            return "retry", wait
        case Bury():
            return "bury", Millis(0)
        case Hold():  # until everybody knows that the endpoint is disabled
            return "release", _REST


def _record(lease: Lease, step: Step | PutBack | Drop, attempted: Attempted | None) -> AttemptRecord | None:
    if isinstance(step, PutBack | Drop):
        return None
    timings = attempted.timings if attempted else None
    return AttemptRecord(
        number=lease.attempt,
        outcome=step.word,
        status=attempted.status if attempted else None,
        took_ms=attempted.took_ms if attempted else 0,
        error=_why(step, attempted),
        response=attempted.response if attempted else "",
        first_byte_ms=round(timings.first_byte_ms, 1) if timings else None,
        opening=_opening(timings.opening) if timings and timings.opening else None,
    )


def _opening(measured: exchange.Opening) -> Opening:
    return Opening(
        dns_ms=round(measured.dns_ms, 1),
        connect_ms=round(measured.connect_ms, 1),
        tls_ms=None if measured.tls_ms is None else round(measured.tls_ms, 1),
    )


def _why(step: Step, attempted: Attempted | None) -> str:
    match step:
        case Done():
            return ""
        case RetryIn(reason=reason) | Bury(reason=reason) | Hold(reason=reason) | PutOff(reason=reason):
            return reason or (attempted.error if attempted else "")


def _tell(
    lease: Lease, event: Event, endpoint: Endpoint, attempted: Attempted, step: Step, now: UnixMs, *, outcome: str
) -> None:
    tell = log.info if isinstance(attempted.outcome, Delivered) else log.warning
    tell(
        "delivery.attempted",
        delivery=lease.event_id,
        type=event.type,
        endpoint=endpoint.id,
        msisdn=event.msisdn,
        attempt=lease.attempt,
        outcome=outcome,
        **({"replay": True} if lease.is_replay else {}),
        **({} if attempted.status is None else {"status": attempted.status}),
        **({"reason": attempted.outcome.reason} if isinstance(attempted.outcome, TryAgain) else {}),
        **({"again_in_s": round(step.wait / 1000, 1)} if isinstance(step, RetryIn | PutOff) else {}),
        ms=attempted.took_ms,
        since_received_ms=now - event.received_at,
    )
