"""A Cluster is asked as one server is: functions, questions, waiting; wherever its slots are, and while they move."""

import asyncio
import signal
from dataclasses import replace
from pathlib import Path
from unittest.mock import ANY

import pytest

from consent.errors import StoreUnavailable, StoreUnsafe
from consent.ledger import Ledger, Queue, Store
from consent.ledger.functions import library
from consent.ledger.store import inspect
from consent.ledger.wire import pack
from consent.model import Millis, Msisdn, Partition, Recorded
from tests.builders import ANN, a_start, a_stop
from tests.cluster.servers import ClusterOfServers, Server, running, until
from tests.e2e.installation import eventually, free_port

LEASED, NEXT, UNHEARD = "{0}:leased", "{0}:next", "{0}:unheard"
SOON = Millis(100)


def other_than(cluster: ClusterOfServers, master: Server) -> Server:
    return next(each for each in cluster.masters if each is not master)


async def test_calls_of_all_partitions_run_each_at_its_master(store: Store, cluster: ClusterOfServers) -> None:
    numbers = [Msisdn(f"1650242{n:04}") for n in range(200)]

    await asyncio.gather(*(Ledger(store).apply(a_stop(msisdn=number)) for number in numbers))

    assert len({cluster.master_of(keys.log).port for keys in store.keys}) > 1
    states = await asyncio.gather(*(Ledger(store).history(a_stop().account, number) for number in numbers))
    assert [len(events) for events in states] == [1] * 200
    assert store.commit.flushes.calls.count > 0


async def test_replies_come_in_the_order_of_the_questions(store: Store) -> None:
    for keys in store.keys:
        await store.redis.set(keys.routed, f"{keys.partition}-0")
    questions = [pack(("GET", keys.routed)) for keys in store.keys] * 50

    assert await store.reads.ask(questions) == [b"0-0", b"1-0", b"2-0", b"3-0"] * 50
    assert await store.reads.ask([]) == []


async def test_a_refusal_is_its_askers_alone(store: Store) -> None:
    await store.redis.set(NEXT, "no zset")
    refused = store.reads.ask([pack(("ZCARD", NEXT)), pack(("ZCARD", LEASED))])
    answered = store.reads.ask([pack(("ZCARD", LEASED))])
    refused_call = store.commit.call("look", (NEXT, LEASED, UNHEARD), (1,))

    with pytest.raises(StoreUnavailable, match="refused: WRONGTYPE"):
        await refused
    with pytest.raises(StoreUnavailable, match=r"refused: .*WRONGTYPE"):
        await refused_call
    assert await answered == [0]


async def test_closing_lets_what_is_under_way_finish(cluster: ClusterOfServers) -> None:
    async with Store.open(cluster.url, partitions=4, durability="fsync") as store:
        question = store.reads.ask([pack(("ZCARD", LEASED))])
    async with Store.open(cluster.url, partitions=4, durability="fsync") as store:
        calls = [store.commit.call("look", (NEXT, LEASED, UNHEARD), (1,)) for _ in range(3)]

    assert await question == [0]
    assert len(await asyncio.gather(*calls)) == 3


async def test_every_nodes_file_is_rewritten_when_that_is_asked_for(store: Store, cluster: ClusterOfServers) -> None:
    before = [each.info("persistence")["aof_rewrites"] for each in cluster.servers]
    await store.redis.bgrewriteaof()

    def are_rewritten() -> bool:
        after = [each.info("persistence")["aof_rewrites"] for each in cluster.servers]
        return all(now > then for now, then in zip(after, before, strict=True))

    await asyncio.to_thread(until, are_rewritten)


async def test_a_reply_that_cannot_be_read_is_its_callers_alone(store: Store) -> None:
    def unreadable(_: object) -> object:
        raise ValueError("not what I expected")

    for _ in range(2):  # before anybody knows where the slots are, and after
        with pytest.raises(ValueError, match="not what I expected"):
            await store.commit.ask("look", (NEXT, LEASED, UNHEARD), (1,), unreadable)


async def test_events_are_heard_of_wherever_they_are_logged(store: Store) -> None:
    tail, places = store.tail(), {keys.log: "0-0" for keys in store.keys}
    assert await tail.read(places, count=10, block=SOON) == []
    reading = asyncio.ensure_future(tail.read(places, count=10, block=Millis(4000)))
    await asyncio.sleep(0)
    applied = await Ledger(store).apply(a_stop())

    assert isinstance(applied, Recorded)
    ((log, ((place, fields),)),) = await reading
    assert (log, list(fields)) == (store.keys_of(ANN).log, [b"event"])
    places[log] = place.decode()
    assert await tail.read(places, count=10, block=SOON) == []
    await Ledger(store).apply(a_start(at=2_000_000_000_000))
    ((_, entries),) = await tail.read({log: "0-0"}, count=10, block=SOON)
    assert len(entries) == 2


async def test_who_goes_on_from_elsewhere_is_not_told_what_was_asked_before(store: Store) -> None:
    log, tail = store.keys_of(ANN).log, store.tail()
    waiting = asyncio.ensure_future(tail.read({log: "9999999999999-0"}, count=10, block=Millis(4000)))
    await asyncio.sleep(0)
    waiting.cancel()
    await asyncio.gather(waiting, return_exceptions=True)
    await Ledger(store).apply(a_stop())

    assert len(await tail.read({log: "0-0"}, count=10, block=SOON)) == 1


async def test_a_log_where_nothing_happens_is_seldom_asked_for_and_heard_of_at_once(
    store: Store, cluster: ClusterOfServers
) -> None:
    def asked() -> int:
        told = [master.info("commandstats").get("cmdstat_xread", {"calls": 0}) for master in cluster.masters]
        return sum(int(each["calls"]) for each in told)

    tail, places = store.tail(), {keys.log: "0-0" for keys in store.keys}
    await tail.read(places, count=10, block=SOON)
    await tail.read(places, count=10, block=SOON)
    before = asked()

    assert [await tail.read(places, count=10, block=SOON) for _ in range(5)] == [[]] * 5
    assert asked() <= before + len(places)  # those that were still on their way
    reading = asyncio.ensure_future(tail.read(places, count=10, block=Millis(4000)))
    await Ledger(store).apply(a_stop())
    ((log, _),) = await asyncio.wait_for(reading, 2)
    assert log == store.keys_of(ANN).log


async def test_a_quiet_log_whose_master_fell_silent_is_asked_for_where_it_is_now(
    store: Store, cluster: ClusterOfServers
) -> None:
    tail, log, places = store.tail(), store.keys_of(ANN).log, {store.keys_of(ANN).log: "0-0"}
    await tail.read(places, count=10, block=SOON)
    await tail.read(places, count=10, block=SOON)
    silent = cluster.master_of(log)
    others = [each for each in cluster.servers if each is not silent]

    async def is_recorded() -> bool:
        try:
            return isinstance(await Ledger(store).apply(a_stop()), Recorded)
        except StoreUnavailable:
            return False

    silent.send(signal.SIGSTOP)
    try:
        await asyncio.to_thread(until, lambda: sum(each.is_master for each in others) == 3)
        await eventually(is_recorded, within=30)
        async with asyncio.timeout(8):  # it was asked for longer
            while not await tail.read(places, count=10, block=SOON):
                pass
    finally:
        silent.send(signal.SIGCONT)
        await asyncio.to_thread(until, cluster.is_well)


async def test_who_waits_for_a_log_that_moves_goes_on_waiting_where_it_is(
    store: Store, cluster: ClusterOfServers
) -> None:
    log, tail = store.keys_of(ANN).log, store.tail()
    reading = asyncio.ensure_future(tail.read({log: "0-0"}, count=10, block=Millis(4000)))
    source = cluster.master_of(log)
    await eventually(lambda: source.info("clients")["blocked_clients"] > 0)
    cluster.migrate_key_by_key(cluster.slot_of(log), source, other_than(cluster, source))
    await Ledger(store).apply(a_stop())

    assert len(await reading) == 1


async def test_a_log_that_is_none_is_told(store: Store) -> None:
    await store.redis.set("{0}:log", "no stream")

    with pytest.raises(StoreUnavailable, match="refused: WRONGTYPE"):
        await store.tail().read({"{0}:log": "0-0"}, count=1, block=SOON)


async def test_every_master_is_looked_at(store: Store, cluster: ClusterOfServers) -> None:
    await Queue(store).look(Partition(0))
    assert len(await store.servers()) == 3
    assert await store.ensure_safe() == replace(await inspect(store.redis), clock=ANY)
    assert await store.now(Partition(1)) > 0
    careless = other_than(cluster, cluster.master_of("{registry}:meta"))
    careless.said("CONFIG SET appendonly no")
    try:
        with pytest.raises(StoreUnsafe, match="does not persist"):
            await store.ensure_safe()
    finally:
        careless.said("CONFIG SET appendonly yes")
        until(lambda: not careless.info("persistence")["aof_rewrite_in_progress"])


async def test_a_master_without_the_functions_is_given_them(store: Store, cluster: ClusterOfServers) -> None:
    await asyncio.gather(*(Queue(store).look(keys.partition) for keys in store.keys))

    name = library().partition("\n")[0].removeprefix("#!lua name=")
    masters = [cluster.master_of(keys.log) for keys in store.keys]
    assert all(each.said("FUNCTION LIST LIBRARYNAME", name) for each in masters)


async def test_a_cluster_that_is_away_makes_calls_fail_and_not_the_start() -> None:
    async with Store.open("redis+cluster://127.0.0.1:1,127.0.0.1:2", partitions=4, durability="fsync") as store:
        for asked in (
            store.ensure_safe(),
            store.commit.call("look", (NEXT, LEASED, UNHEARD), (1,)),
            store.reads.ask([pack(("ZCARD", LEASED))]),
            store.redis.get("{0}:routed"),
            store.redis.pipeline(transaction=False).get("{0}:routed").execute(),
            store.tail().read({"{0}:log": "0-0"}, count=1, block=SOON),
        ):
            with pytest.raises(StoreUnavailable, match="reach"):
                await asked


async def test_one_server_is_no_cluster_and_says_so(folder: Path) -> None:
    server = Server(folder / "single")
    with running(server):
        url = f"redis+cluster://127.0.0.1:{server.port}"
        async with Store.open(url, partitions=4, durability="fsync") as store:
            with pytest.raises(StoreUnavailable, match="cluster support disabled"):
                await store.commit.call("look", (NEXT, LEASED, UNHEARD), (1,))


async def test_a_node_that_belongs_to_no_cluster_yet_is_told(folder: Path) -> None:
    server = Server(folder / "new", {"cluster-enabled": "yes", "cluster-port": str(free_port())})
    with running(server):
        url = f"redis+cluster://127.0.0.1:{server.port}"
        async with Store.open(url, partitions=4, durability="fsync") as store:
            with pytest.raises(StoreUnavailable, match="no masters"):
                await store.ensure_safe()
            with pytest.raises(StoreUnavailable, match="no node of the cluster serves slot"):
                await store.commit.call("look", (NEXT, LEASED, UNHEARD), (1,))


async def test_while_a_master_is_away_the_others_serve(store: Store, cluster: ClusterOfServers) -> None:
    await asyncio.gather(*(Queue(store).look(keys.partition) for keys in store.keys))
    registry = cluster.master_of("{registry}:meta")
    away = next(keys for keys in store.keys if cluster.master_of(keys.log) is not registry)
    here = next(keys for keys in store.keys if cluster.master_of(keys.log) is not cluster.master_of(away.log))
    dead = cluster.master_of(away.log)
    dead.kill()
    try:
        for asked in (
            Queue(store).look(away.partition),
            store.reads.ask([pack(("GET", away.routed))]),
            store.tail().read({away.log: "0-0"}, count=1, block=SOON),
        ):
            with pytest.raises(StoreUnavailable):
                await asked
        assert (await Queue(store).look(here.partition)).partition == here.partition
        assert await store.reads.ask([pack(("GET", here.routed))]) == [None]
        await store.ensure_safe()
    finally:
        dead.start()
        await asyncio.to_thread(until, cluster.is_well)


async def test_a_slot_that_nobody_serves_is_told(store: Store, cluster: ClusterOfServers) -> None:
    slot, master = cluster.slot_of(LEASED), cluster.master_of(LEASED)
    for each in cluster.masters:
        each.said("CLUSTER DELSLOTS", slot)
    try:
        with pytest.raises(StoreUnavailable, match="serve"):
            await Queue(store).look(Partition(0))
        with pytest.raises(StoreUnavailable, match="serve"):
            await store.reads.ask([pack(("ZCARD", LEASED))])
    finally:
        master.said("CLUSTER ADDSLOTS", slot)

    async def served() -> bool:
        try:
            await Queue(store).look(Partition(0))
        except StoreUnavailable:
            return False
        return True

    await eventually(served)
