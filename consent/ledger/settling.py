"""How do leases end together? Those of one partition that end while a call is under way for it go into the next one.

So a call holds more the busier the dispatcher is: ending many costs the store little more than ending one, and what
ends alone is not kept waiting.
"""

import asyncio
from collections.abc import Iterable, Mapping, Sequence
from functools import partial
from typing import NamedTuple

from consent.ledger.keys import Keys
from consent.ledger.schedule import Settled
from consent.ledger.store import Store
from consent.ledger.wire import Reply, StoreRefused
from consent.model import EndpointId, Lease, Partition, UnixMs

ATTEMPTS_KEPT, TOLD_KEPT, FAILURES_KEPT = 10_000, 10_000, 5_000
"""Per partition, for the console. Kept apart: texts and lists would displace within hours who was told of an opt-out,
and a busy endpoint within minutes what a failing one answered."""
_AT_ONCE = 128
"""In one step of the store, which serves nobody else meanwhile."""
_NOT_OURS = b"-"
_TRIED = b"t"


class Ending(NamedTuple):
    """What is to become of one lease."""

    lease: Lease
    record: str
    """Of the attempt; "" for none."""
    next: str
    """As lua/settle.lua lists it."""
    settled: "asyncio.Future[Settled | None]"


class Settling:
    def __init__(self, store: Store) -> None:
        self._store = store
        self._waiting: dict[Partition, list[Ending]] = {}
        """Of each partition for which a call is under way or about to be made."""

    def end(self, lease: Lease, *, record: str, next: str) -> "asyncio.Future[Settled | None]":  # noqa: A002
        """When the lane is due again. None if the lease was no longer ours, and nothing changed."""
        loop = asyncio.get_running_loop()
        ending = Ending(lease, record, next, loop.create_future())
        waiting = self._waiting.get(lease.partition)
        if waiting is None:
            self._waiting[lease.partition] = [ending]
            loop.call_soon(self._send, lease.partition)  # with what else ends in this turn of the loop
        else:
            waiting.append(ending)
        return ending.settled

    def _send(self, partition: Partition) -> None:
        waiting = self._waiting[partition]
        if not waiting:
            del self._waiting[partition]
            return
        self._waiting[partition] = waiting[_AT_ONCE:]
        batch, asked = self._ask(partition, waiting[:_AT_ONCE])
        asked.add_done_callback(partial(self._answered, partition, batch))

    def _ask(self, partition: Partition, batch: Sequence[Ending]) -> "tuple[list[Ending], asyncio.Future[Reply]]":
        """In the order of the replies."""
        ordered = _by_endpoint(batch)
        named, arguments = _told(self._store.keys[partition], ordered)
        answer = self._store.commit.call("settle", named, arguments)
        return [one for endings in ordered.values() for one in endings], answer

    def _answered(self, partition: Partition, batch: Sequence[Ending], answer: "asyncio.Future[Reply]") -> None:
        if len(batch) > 1 and isinstance(answer.exception(), StoreRefused):
            for one in batch:  # what is wrong with one of them shall not cost the others
                alone, asked = self._ask(partition, [one])
                asked.add_done_callback(partial(_tell, alone))
        else:
            _tell(batch, answer)
        self._send(partition)


def _tell(batch: Sequence[Ending], answer: "asyncio.Future[Reply]") -> None:
    failure = answer.exception()
    replies = [None] * len(batch) if failure else answer.result()
    for ending, reply in zip(batch, replies, strict=True):
        if ending.settled.done():  # its caller went away; it is settled all the same
            continue
        if failure:
            ending.settled.set_exception(failure)
        else:
            ending.settled.set_result(_settled(reply))


def _by_endpoint(batch: Iterable[Ending]) -> dict[EndpointId, list[Ending]]:
    endings: dict[EndpointId, list[Ending]] = {}
    for one in batch:
        endings.setdefault(one.lease.endpoint, []).append(one)
    return endings


def _told(keys: Keys, batch: Mapping[EndpointId, Sequence[Ending]]) -> tuple[list[str], list[str | bytes | int]]:
    """In the order that lua/settle.lua lists."""
    named = [keys.leased, keys.next, *keys.trails]
    arguments: list[str | bytes | int] = [ATTEMPTS_KEPT, TOLD_KEPT, FAILURES_KEPT]
    for endpoint, endings in batch.items():
        named += (
            keys.due(endpoint),
            keys.heads(endpoint),
            keys.unheard_by(endpoint),
            keys.dead(endpoint),
            keys.graves(endpoint),
            keys.given_up(endpoint),
        )
        arguments += (endpoint, len(endings))
        for lease, record, what, _ in endings:
            named.append(keys.lane(endpoint, lease.msisdn))
            arguments += (lease.msisdn, lease.token, record, what)
    return named, arguments


def _settled(reply: bytes) -> Settled | None:
    if reply == _NOT_OURS:
        return None
    return Settled(UnixMs(int(reply[1:])) if reply else None, reply[:1] == _TRIED)
