"""What is sent to an endpoint again, and how far did that get? Events of the log that it would be told today.

Routing decides, as it did the first time: events of its account, of the types and campaigns that it asks for, nothing
that came too late to decide, nothing about itself.
"""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Iterable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import datetime

from consent.ledger import Backlog, Mark, Passage, Replays, Store
from consent.model import Delivery, Endpoint, Event, EventType
from consent.subscriptions import EVERYTHING, types_of
from console.desk import Desk
from console.lookup import endpoint_meant
from console.moments import moment
from console.progress import Shown
from console.refusals import Taken, Unfit
from dispatcher.announce import is_about
from dispatcher.routing import route

MOST_WAITING = 10_000
"""Numbers with something to send to the endpoint: with more than that a replay waits. All that is queued is in the
store's memory, and goes out even when the command is stopped."""
_REST_S = 1.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """What the command asked for."""

    endpoint: str
    after: Mark
    until: Mark
    types: tuple[str, ...] = ()
    """Patterns, as an endpoint has them; empty for all that it asks for."""
    only_dead: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Replay:
    endpoint: str
    dry_run: bool
    """It was only counted."""
    found: int
    queued: int
    waiting: int
    """Not queued again: they wait already."""
    forgotten: int
    """Given up, and no longer in the log."""
    cursor: str
    """--after this, the next one begins."""
    log_begins: datetime | None
    """Some of what was asked for is older, and was removed; None where all of it is there."""


class Replaying:
    """One replay, under way or being counted."""

    def __init__(self, order: Order, *, most_waiting: int = MOST_WAITING) -> None:
        self._order = order
        self._most_waiting = most_waiting
        self.reached = order.after
        """All up to here is queued."""
        self.found = 0
        self.results: Counter[str] = Counter()

    async def count(self, desk: Desk) -> Replay:
        async with desk.reading() as store:
            endpoint = await _endpoint(store, desk, self._order)
            async for passage, owed in _passages(store, endpoint, self._order):
                self._note(passage, len(owed))
            return await self._told(store, endpoint, dry_run=True)

    async def carry_out(self, desk: Desk, showing: AbstractContextManager[Shown]) -> Replay:
        async with desk.writing() as store:
            endpoint = await _endpoint(store, desk, self._order)
            with showing as show:
                async for passage, owed in _passages(store, endpoint, self._order):
                    await self._wait_for_room(store, endpoint)
                    self.results += await Replays(store).queue(endpoint.id, owed, only_dead=self._order.only_dead)
                    self._note(passage, len(owed))
                    show(self.found, numbers=self.results["queued"])
            return await self._told(store, endpoint, dry_run=False)

    def _note(self, passage: Passage, found: int) -> None:
        self.found += found
        self.results["forgotten"] += passage.forgotten
        self.reached = passage.reached

    async def _wait_for_room(self, store: Store, endpoint: Endpoint) -> None:
        while (await Backlog(store).depth(endpoint.id)).owed > self._most_waiting:  # noqa: ASYNC110 - others make room
            await asyncio.sleep(_REST_S)

    async def _told(self, store: Store, endpoint: Endpoint, *, dry_run: bool) -> Replay:
        begins = None if self._order.only_dead else await Replays(store).log_begins()
        return Replay(
            endpoint=endpoint.id,
            dry_run=dry_run,
            found=self.found,
            queued=self.results["queued"],
            waiting=self.results["waiting"],
            forgotten=self.results["forgotten"],
            cursor=self.reached.word,
            log_begins=moment(begins) if begins is not None and self._order.after.ms < begins else None,
        )


async def ensure_possible(desk: Desk, order: Order) -> str:
    """The endpoint's whole name; raises what `count` and `carry_out` would."""
    async with desk.reading() as store:
        return (await _endpoint(store, desk, order)).id


async def _endpoint(store: Store, desk: Desk, order: Order) -> Endpoint:
    endpoint = endpoint_meant(await desk.registry(store).directory(), order.endpoint)
    if endpoint.disabled:
        raise Taken(
            f"{endpoint.id} is disabled ({endpoint.disabled}), and what is replayed would only wait: "
            f"first `consent-relay endpoint enable {endpoint.id}`"
        )
    if order.types and not types_of(order.types):
        raise Unfit(f"no event is of type {' or '.join(order.types)}; there are {', '.join(EventType)}")
    return endpoint


async def _passages(store: Store, endpoint: Endpoint, order: Order) -> AsyncIterator[tuple[Passage, list[Delivery]]]:
    replays = Replays(store)
    passages = (
        replays.dead(endpoint.id, order.after, order.until)
        if order.only_dead
        else replays.events(order.after, order.until)
    )
    async for passage in passages:
        yield passage, owed_again(passage.events, endpoint, order.types)


def owed_again(events: Iterable[Event], endpoint: Endpoint, types: tuple[str, ...]) -> list[Delivery]:
    wanted = types_of(types or (EVERYTHING,))
    return [
        delivery
        for event in events
        if event.type in wanted and not is_about(event, endpoint.id)
        for delivery in route(event, (endpoint,))
    ]
