"""Attempts are followed as they are settled, from a place on."""

import secrets
from contextlib import aclosing

from consent.ledger import Ledger, Queue, Store
from consent.ledger.trail import Trail
from consent.model import AttemptRecord, Lease, Millis, Msisdn
from dispatcher.routing import route
from tests.builders import ANN, BOB, a_stop, an_endpoint

CRM = an_endpoint("crm")
DONE = AttemptRecord(number=1, outcome="done", status=200, took_ms=3, error="", response="")


async def leased(store: Store, *numbers: Msisdn) -> list[Lease]:
    queue, ledger = Queue(store), Ledger(store)
    for number in numbers:
        await ledger.apply(a_stop(msisdn=number))
    for stretch in await queue.unrouted(await queue.cursors(), block=Millis(1000)):
        await queue.fan_out(stretch, [owed for event in stretch.events for owed in route(event, (CRM,))])
    found: list[Lease] = []
    for keys in store.keys:
        found += (await queue.claim(keys.partition, {CRM.id: 10}, token=secrets.token_hex(8))).leases
    return found


async def test_what_is_settled_behind_the_place_is_told_and_nothing_before_it(store: Store) -> None:
    queue, trail = Queue(store), Trail(store)
    early, late = sorted(await leased(store, ANN, BOB), key=lambda lease: lease.msisdn != ANN)
    await queue.settle(early, "done", DONE, wait=Millis(0))
    end = await trail.end()
    await queue.settle(late, "done", DONE, wait=Millis(0))

    async with aclosing(trail.follow(end, block=Millis(10))) as batches:
        told = [attempt async for batch in _until_silent(batches) for attempt in batch]

    assert [(attempt.endpoint, attempt.event, attempt.record.status) for attempt in told] == [
        (CRM.id, late.event_id, 200)
    ]


async def _until_silent(batches):  # type: ignore[no-untyped-def]  # whatever they are
    async for batch in batches:
        if not batch:
            return
        yield batch
