"""Who is told that an endpoint fails, was disabled, or works again? Its account, by an event like all others.

The transition happens in the store, once, and stays there as untold until the event is in the log. Whoever dies in
between leaves it to the next one; whoever is second finds that the log has it already.

Before it is said that one works again, what waits for its next attempt there is made due.
"""

import json
from collections.abc import Mapping

import structlog

from consent.directory import Directory
from consent.ledger import Health, Ledger, Queue, Standing, Transition
from consent.model import (
    Actor,
    Change,
    Endpoint,
    EndpointId,
    Event,
    EventType,
    Msisdn,
    Origin,
    Recorded,
    SourceId,
    UnixMs,
    Via,
)
from consent.notification import written
from dispatcher.agenda import BecameDue

log = structlog.get_logger()

NOBODY = Msisdn("")
"""The recipient of what concerns none."""
PROVIDER = "consent-relay"
ABOUT_ENDPOINTS = frozenset({EventType.ENDPOINT_FAILING, EventType.ENDPOINT_DISABLED, EventType.ENDPOINT_RECOVERED})


class Announcing:
    def __init__(self, ledger: Ledger, health: Health, queue: Queue, became_due: BecameDue) -> None:
        self._ledger = ledger
        self._health = health
        self._queue = queue
        self._became_due = became_due

    async def tell(self, standings: Mapping[EndpointId, Standing], directory: Directory, now: UnixMs) -> None:
        for name, standing in standings.items():
            if (endpoint := directory.endpoints.get(name)) is None:
                continue
            for transition in standing.untold:
                if transition.type is EventType.ENDPOINT_RECOVERED:
                    await self._hasten(name)
                applied = await self._ledger.apply(change_of(endpoint, transition, now))
                await self._health.told(name, transition)
                if isinstance(applied, Recorded):
                    log.warning("endpoint.changed", endpoint=name, type=transition.type, reason=transition.reason)

    async def _hasten(self, name: EndpointId) -> None:
        """What an outage left waiting may have hours to go on the schedule, and a STOP among it is heard by nobody."""
        where = await self._queue.hasten(name)
        for partition in where:
            self._became_due(partition, {name})
        if where:
            log.info("deliveries.hastened", endpoint=name)


def change_of(endpoint: Endpoint, transition: Transition, now: UnixMs) -> Change:
    detail = {
        "id": endpoint.id,
        "reason": transition.reason,
        **({} if transition.since is None else {"failing_since": written(transition.since)}),
    }
    return Change(
        account=endpoint.account,
        msisdn=NOBODY,
        type=transition.type,
        campaigns=(),
        origin=Origin(actor=Actor.OPERATOR, via=Via.MANAGER, source=SourceId(endpoint.id), provider=PROVIDER),
        occurred_at=transition.at,
        decides_at=transition.at,
        received_at=now,
        identities=(f"{transition.type}|{endpoint.id}|{transition.at}",),
        detail=json.dumps(detail),
    )


def is_about(event: Event, endpoint: EndpointId) -> bool:
    """Nobody is told about himself: who fails would not hear it, and who recovered knows."""
    return event.type in ABOUT_ENDPOINTS and event.origin.source == SourceId(endpoint)
