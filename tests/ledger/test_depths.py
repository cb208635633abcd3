"""How much are endpoints owed?"""

from consent.ledger import Backlog, Depth, Ledger, Queue, Store
from consent.model import EndpointId, Millis, Msisdn, Partition
from tests.builders import a_delivery, a_stop, an_endpoint

CRM = an_endpoint("crm")


async def test_what_is_due_under_way_and_dead_is_counted_by_endpoint(
    store: Store, ledger: Ledger, queue: Queue, backlog: Backlog
) -> None:
    for n in range(12):
        await ledger.apply(a_stop(msisdn=Msisdn(f"1555893{n:04}")))
    for stretch in await queue.unrouted(await queue.cursors(), block=Millis(1)):
        await queue.fan_out(stretch, [a_delivery(event, CRM) for event in stretch.events])
    leases = [
        lease
        for partition in range(4)
        for lease in (await queue.claim(Partition(partition), {CRM.id: 2}, token="mine")).leases
    ]
    buried, *held = leases
    await queue.settle(buried, "bury", None, wait=Millis(0))

    depths = await backlog.depths([CRM.id, EndpointId("acme/idle")])

    assert depths[CRM.id] == Depth(owed=11, in_flight=len(held), dead=1)
    assert depths[EndpointId("acme/idle")] == Depth(owed=0, in_flight=0, dead=0)
