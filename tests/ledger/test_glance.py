"""What a dashboard sees at a glance is what looks tell, and a glance changes nothing."""

from consent.ledger import Glance, Ledger, Queue, Store
from consent.model import EndpointId, Millis, Msisdn, Partition, UnixMs
from tests.builders import a_delivery, a_start, a_stop, an_endpoint

CRM, WAREHOUSE = an_endpoint("crm"), an_endpoint("warehouse")
NUMBERS = [Msisdn(f"1555893{n:04}") for n in range(12)]


async def owe(ledger: Ledger, queue: Queue) -> None:
    """A STOP of each number to both."""
    for number in NUMBERS:
        await ledger.apply(a_stop(msisdn=number))
    for stretch in await queue.unrouted(await queue.cursors(), block=Millis(1)):
        both = [a_delivery(event, endpoint) for event in stretch.events for endpoint in (CRM, WAREHOUSE)]
        await queue.fan_out(stretch, both)


async def told_by_looks(queue: Queue) -> tuple[set[EndpointId], dict[EndpointId, UnixMs]]:
    looks = [await queue.look(Partition(p)) for p in range(4)]
    unheard: dict[EndpointId, UnixMs] = {}
    for look in looks:
        found = await queue.oldest_unheard(look.partition, look.unheard) if look.unheard else {}
        unheard |= {name: min(at, unheard.get(name, at)) for name, at in found.items()}
    return {name for look in looks for name in look.due}, unheard


async def deliver(queue: Queue, endpoint: EndpointId) -> None:
    for partition in map(Partition, range(4)):
        for lease in (await queue.claim(partition, {endpoint: 100}, token="mine")).leases:
            await queue.settle(lease, "done", None, wait=Millis(0))


async def test_where_nothing_is_owed_there_is_nothing_to_see(store: Store) -> None:
    assert (await Glance(store).owed(), await Glance(store).unheard()) == (set(), {})


async def test_who_is_owed_what_is_seen_as_looks_tell_it(store: Store, ledger: Ledger, queue: Queue) -> None:
    await owe(ledger, queue)

    seen = (await Glance(store).owed(), await Glance(store).unheard())

    assert seen == await told_by_looks(queue)
    assert seen[0] == set(seen[1]) == {CRM.id, WAREHOUSE.id}


async def test_who_was_told_of_all_is_no_more_seen_though_no_look_was_had(
    store: Store, ledger: Ledger, queue: Queue
) -> None:
    await owe(ledger, queue)
    await deliver(queue, CRM.id)

    assert set(await Glance(store).unheard()) == {WAREHOUSE.id}
    assert await Glance(store).owed() == {WAREHOUSE.id}


async def test_who_waits_only_for_an_opt_in_is_owed_it_and_has_heard_of_every_opt_out(
    store: Store, ledger: Ledger, queue: Queue
) -> None:
    await ledger.apply(a_start())
    for stretch in await queue.unrouted(await queue.cursors(), block=Millis(1)):
        await queue.fan_out(stretch, [a_delivery(event, CRM) for event in stretch.events])

    assert (await Glance(store).owed(), await Glance(store).unheard()) == ({CRM.id}, {})


async def test_a_glance_writes_nothing(store: Store, ledger: Ledger, queue: Queue) -> None:
    await owe(ledger, queue)
    await deliver(queue, CRM.id)

    async def changes() -> int:
        return int((await store.redis.info("persistence"))["rdb_changes_since_last_save"])

    before = await changes()
    await Glance(store).unheard()

    assert await changes() == before
