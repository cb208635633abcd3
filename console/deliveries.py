"""Who has been told of an event, who has not, and how is it sent again? The backlog as an operator asks for it."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from config.masking import without_numbers
from consent.ledger import Attempt, Backlog, Health, Ledger, Owed, Queue, Store
from consent.ledger.arrears import STATES, Arrears
from consent.model import Endpoint, Event, EventId
from console.deliverylines import DeliveryLine, owed_line
from console.desk import Desk
from console.eventlines import EventLine, line_of, shown
from console.lookup import endpoint_meant
from console.moments import moment
from console.progress import Shown
from console.reasons import explained
from console.refusals import NoSuch
from dispatcher.routing import route

_ON_THEIR_WAY = {"hastened", "revived"}
_LOOKED_THROUGH = 250
"""Failed attempts of each partition, whoever was called; what one died of before them is not told."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AttemptLine:
    endpoint: str
    event_id: str
    at: datetime
    number: int
    outcome: str
    status: int | None
    ms: int
    error: str
    response: str
    """The beginning of the answer."""
    dns_ms: float | None
    """Of a new connection, as the next two; None on one that was kept."""
    connect_ms: float | None
    tls_ms: float | None
    first_byte_ms: float | None
    """From the request written to the answer begun; None where none came."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Story:
    event: EventLine
    deliveries: tuple[DeliveryLine, ...]
    attempts: tuple[AttemptLine, ...]
    """Oldest first."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Retried:
    endpoint: str
    event_id: str
    result: str
    """hastened, revived, held (until its endpoint, which is disabled, is enabled), in_flight, behind, unknown (nothing
    is owed), forgotten (no longer in the log)."""


async def listed(desk: Desk, name: str | None, *, only_dead: bool, limit: int) -> list[DeliveryLine]:
    async with desk.reading() as store:
        found: list[Owed] = []
        for endpoint in await _endpoints(store, desk, name):
            look = Backlog(store).dead if only_dead else Backlog(store).owed
            found += await look(endpoint.id, limit=limit - len(found))
            if len(found) >= limit:
                break
        return await _explained(desk, store, [owed_line(owed, mask_numbers=desk.mask_numbers) for owed in found])


async def paged(
    desk: Desk, name: str | None, *, states: Collection[str] = STATES, after: str, limit: int
) -> tuple[list[DeliveryLine], str | None]:
    """What has not arrived, page by page, with the cursor of the next one."""
    async with desk.reading() as store:
        endpoints = [endpoint.id for endpoint in await _endpoints(store, desk, name)]
        page = await Arrears(store).page(endpoints, states=states, after=after, limit=limit)
        lines = [owed_line(owed, mask_numbers=desk.mask_numbers) for owed in page.owed]
        return await _explained(desk, store, lines), page.next


async def story(desk: Desk, event_id: EventId) -> Story:
    mask_numbers = desk.mask_numbers
    async with desk.reading() as store:
        event = await _event(store, event_id)
        directory = await desk.registry(store).directory()
        endpoints = directory.endpoints_of(event.account)
        # In this order: what arrives meanwhile is still owed, or its attempt is there.
        is_routed = await Queue(store).has_routed(event_id)
        owed = [await Backlog(store).one(endpoint.id, event.id, event.msisdn) for endpoint in endpoints]
        attempts = await Backlog(store).attempts_on(event_id)
        standings = await Health(store).standings()
    deliveries = [
        owed_line(found, mask_numbers=mask_numbers)
        if found
        else _settled(event, endpoint, attempts, is_routed=is_routed, mask_numbers=mask_numbers)
        for endpoint, found in zip(endpoints, owed, strict=True)
    ]
    return Story(
        event=line_of(event, mask_numbers=mask_numbers),
        deliveries=tuple(explained(deliveries, attempts, directory, standings)),
        attempts=tuple(attempt_told(attempt, mask_numbers=mask_numbers) for attempt in reversed(attempts)),
    )


async def retry(desk: Desk, event_id: EventId, name: str | None) -> list[Retried]:
    """Of one event: to one endpoint, or to all that are owed it."""
    async with desk.writing() as store:
        event = await _event(store, event_id)
        endpoints = [e for e in await _endpoints(store, desk, name) if e.account == event.account]
        results = [await retried(store, endpoint, event.id) for endpoint in endpoints]
        await desk.note(store, "delivery.retried", event_id, endpoints=[each.endpoint for each in results])
    return results if name else [each for each in results if each.result != "unknown"]


def _unseen(done: int, *, numbers: int) -> None:
    """Nobody watches."""


async def retry_dead(desk: Desk, name: str, *, show: Shown = _unseen) -> list[Retried]:
    """All that an endpoint was given up on, the oldest of each number first."""
    async with desk.writing() as store:
        (endpoint,) = await _endpoints(store, desk, name)
        results = []
        for event in await Backlog(store).dead_in_order(endpoint.id):
            results.append(await retried(store, endpoint, event))
            show(len(results), numbers=len(results))
        await desk.note(store, "deliveries.dead_retried", endpoint.id, count=len(results))
    return results


async def retried(store: Store, endpoint: Endpoint, event_id: EventId) -> Retried:
    event = await Ledger(store).event(event_id)
    result = await Queue(store).retry(endpoint.id, event) if event else "forgotten"
    is_held = endpoint.disabled and result in _ON_THEIR_WAY
    return Retried(endpoint=endpoint.id, event_id=event_id, result="held" if is_held else result)


async def _explained(desk: Desk, store: Store, lines: Sequence[DeliveryLine]) -> list[DeliveryLine]:
    if not any(line.state == "due" for line in lines):
        return list(lines)
    directory, standings = await desk.registry(store).directory(), await Health(store).standings()
    attempts = await Backlog(store).attempts(of_each=_LOOKED_THROUGH, only_failed=True)
    return explained(lines, attempts, directory, standings)


async def _endpoints(store: Store, desk: Desk, name: str | None) -> Sequence[Endpoint]:
    directory = await desk.registry(store).directory()
    if name is not None:
        return (endpoint_meant(directory, name),)
    return sorted(directory.endpoints.values(), key=lambda endpoint: endpoint.id)


async def _event(store: Store, event_id: EventId) -> Event:
    event = await Ledger(store).event(event_id)
    if event is None:
        raise NoSuch(
            f"no event {event_id} is in the log: `consent-relay events tail` shows ids, "
            "and store.retention says how long events are kept"
        )
    return event


def _settled(
    event: Event, endpoint: Endpoint, attempts: Sequence[Attempt], *, is_routed: bool, mask_numbers: bool
) -> DeliveryLine:
    """What is not owed: the attempts tell whether it arrived, and the routing whether it was meant to."""
    made = [attempt for attempt in attempts if attempt.endpoint == endpoint.id]
    state, reason = _why_not_owed(event, endpoint, made, is_routed=is_routed)
    return DeliveryLine(
        endpoint=endpoint.id,
        event_id=event.id,
        msisdn=shown(event.msisdn, mask_numbers=mask_numbers),
        state=state,
        attempts=len(made),
        due_at=None,
        reason=reason,
    )


def _why_not_owed(event: Event, endpoint: Endpoint, made: Sequence[Attempt], *, is_routed: bool) -> tuple[str, str]:
    """State and reason."""
    if any(attempt.record.outcome == "done" for attempt in made):
        return "delivered", ""
    if event.superseded:
        return "not_sent", "too late: something newer had decided"
    if not route(event, (endpoint,)):
        return "not_sent", f"the endpoint does not want it ({_asked_for(event, endpoint)})"
    if not is_routed:
        return "not_sent", "not routed yet: a dispatcher does that within milliseconds"
    return (
        "not_known",
        "delivered so long ago that its attempts are forgotten, or discarded, or it was added later",
    )


def _asked_for(event: Event, endpoint: Endpoint) -> str:
    """The campaigns alone where they alone are why."""
    campaigns = f"campaigns {', '.join(endpoint.campaigns)}" if endpoint.campaigns else ""
    if route(event, (replace(endpoint, campaigns=()),)):
        return f"only {campaigns}; the event is of {f'campaign {event.campaign}' if event.campaign else 'no campaign'}"
    return ", ".join(filter(None, (f"events {', '.join(endpoint.events)}", campaigns, f"format {endpoint.format}")))


def attempt_told(attempt: Attempt, *, mask_numbers: bool) -> AttemptLine:
    """An answer may name the number that it was told of."""
    opening = attempt.record.opening
    return AttemptLine(
        endpoint=attempt.endpoint,
        event_id=attempt.event,
        at=moment(attempt.at),
        number=attempt.record.number,
        outcome=attempt.record.outcome,
        status=attempt.record.status,
        ms=attempt.record.took_ms,
        error=attempt.record.error,
        response=without_numbers(attempt.record.response) if mask_numbers else attempt.record.response,
        dns_ms=opening.dns_ms if opening else None,
        connect_ms=opening.connect_ms if opening else None,
        tls_ms=opening.tls_ms if opening else None,
        first_byte_ms=attempt.record.first_byte_ms,
    )
