"""While a slot is moved key by key, whoever asks is sent on, or waits, or is told; and nothing runs twice."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from consent.errors import StoreUnavailable
from consent.ledger import Queue, Store
from consent.ledger.wire import EXEC, MULTI, pack
from consent.model import Partition
from tests.cluster.servers import ClusterOfServers, Server
from tests.e2e.installation import eventually

LEASED, NEXT, UNHEARD = "{0}:leased", "{0}:next", "{0}:unheard"


def other_than(cluster: ClusterOfServers, master: Server) -> Server:
    return next(each for each in cluster.masters if each is not master)


@contextmanager
def on_its_way(cluster: ClusterOfServers, *arrived: str) -> Iterator[None]:
    """The slot of partition 0 is being moved, and so many of its keys are there. Ends with all of it there."""
    slot, source = cluster.slot_of(LEASED), cluster.master_of(LEASED)
    target = other_than(cluster, source)
    target.said("CLUSTER SETSLOT", slot, "IMPORTING", source.name)
    source.said("CLUSTER SETSLOT", slot, "MIGRATING", target.name)
    for key in arrived:
        source.said("MIGRATE 127.0.0.1", target.port, key, 0, 5000)
    try:
        yield
    finally:
        cluster.migrate_key_by_key(slot, source, target)


def told_to_try_again(cluster: ClusterOfServers) -> int:
    """How often one of the masters said so."""
    told = [master.info("errorstats").get("errorstat_TRYAGAIN", {"count": 0}) for master in cluster.masters]
    return sum(int(each["count"]) for each in told)


async def leased(store: Store) -> None:
    """Something is there to be renewed."""
    await store.redis.zadd(LEASED, {"acme/crm\x1f1": 1})


def renew(store: Store, *, lasts: int = 5000) -> "asyncio.Future[int]":
    """How many leases end at another time than before."""
    return store.commit.call("renew", (LEASED,), (lasts, "acme/crm\x1f1"))


async def test_a_call_is_sent_on_to_where_its_slot_is_now(store: Store, cluster: ClusterOfServers) -> None:
    await leased(store)
    await renew(store)
    source = cluster.master_of(LEASED)
    cluster.migrate_key_by_key(cluster.slot_of(LEASED), source, other_than(cluster, source))

    assert await renew(store) == 1
    assert await store.reads.ask([pack(("ZCARD", LEASED))]) == [1]


async def test_a_call_whose_key_went_ahead_is_asked_there(store: Store, cluster: ClusterOfServers) -> None:
    await leased(store)
    await renew(store)
    with on_its_way(cluster, LEASED):
        # Twice: the second goes the way that the first one opened.
        assert [await renew(store), await renew(store, lasts=9000)] == [1, 1]


async def test_a_question_whose_key_went_ahead_is_asked_there(store: Store, cluster: ClusterOfServers) -> None:
    await leased(store)
    await renew(store)
    count = pack(("ZCARD", LEASED))
    with on_its_way(cluster, LEASED):
        assert await store.reads.ask([count, count]) == [1, 1]
        *queued, transaction = await store.reads.ask([MULTI, count, count, EXEC])

    assert (queued, transaction) == ([b"OK", b"QUEUED", b"QUEUED"], [1, 1])


async def test_a_call_whose_keys_are_at_both_ends_waits_until_they_are_together(
    store: Store, cluster: ClusterOfServers
) -> None:
    await leased(store)
    await store.redis.zadd(NEXT, {"acme/crm": 1})
    await renew(store)
    before = told_to_try_again(cluster)
    with on_its_way(cluster, LEASED):
        look = asyncio.ensure_future(Queue(store).look(Partition(0)))
        await eventually(lambda: told_to_try_again(cluster) >= before + 2)
        assert not look.done()

    assert (await look).due == {"acme/crm": 1}


async def test_who_waits_too_long_for_keys_to_come_together_is_told(store: Store, cluster: ClusterOfServers) -> None:
    await leased(store)
    await store.redis.zadd(NEXT, {"acme/crm": 1})
    await renew(store)
    with on_its_way(cluster, LEASED):
        given_up, cancelled = (store.commit.call("look", (NEXT, LEASED, UNHEARD), (1,)) for _ in range(2))
        cancelled.cancel()

        with pytest.raises(StoreUnavailable, match="moving"):
            await given_up


async def test_a_call_that_is_cut_off_on_its_way_leaves_nobody_waiting(store: Store, cluster: ClusterOfServers) -> None:
    await leased(store)
    await store.redis.zadd(NEXT, {"acme/crm": 1})
    await renew(store)
    with on_its_way(cluster, LEASED):
        call = store.commit.call("look", (NEXT, LEASED, UNHEARD), (1,))
        await eventually(lambda: any(task.get_name() == "redirected" for task in asyncio.all_tasks()))
        (task,) = (task for task in asyncio.all_tasks() if task.get_name() == "redirected")
        task.cancel()

        with pytest.raises(StoreUnavailable, match="interrupted"):
            await call


async def test_a_refusal_where_the_slot_is_now_is_the_askers(store: Store, cluster: ClusterOfServers) -> None:
    await store.redis.set(LEASED, "no zset")
    count = pack(("ZCARD", LEASED))
    with pytest.raises(StoreUnavailable, match="refused: WRONGTYPE"):
        await store.reads.ask([count])
    source = cluster.master_of(LEASED)
    cluster.migrate_key_by_key(cluster.slot_of(LEASED), source, other_than(cluster, source))

    with pytest.raises(StoreUnavailable, match="refused: WRONGTYPE"):
        await store.reads.ask([count])


async def test_masters_that_send_one_to_each_other_are_a_store_that_cannot_be_reached(
    store: Store, cluster: ClusterOfServers
) -> None:
    """As they do for a moment at the end of a move. redis-py goes to and fro a while, and has a word of its own."""
    slot, source = cluster.slot_of(LEASED), cluster.master_of(LEASED)
    source.said("CLUSTER SETSLOT", slot, "NODE", other_than(cluster, source).name)
    try:
        with pytest.raises(StoreUnavailable, match="cannot be reached"):
            await store.redis.zcard(LEASED)
    finally:
        source.said("CLUSTER SETSLOT", slot, "NODE", source.name)

    assert await store.redis.zcard(LEASED) == 0
