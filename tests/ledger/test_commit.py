"""What goes together to the disk comes back together, and one flush's misfortune is not the next one's."""

import asyncio
import itertools
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from redis import Redis

from consent.errors import StoreUnavailable, StoreUnsafe
from consent.ledger import Store
from consent.ledger.address import Address
from consent.ledger.commit import GroupCommit
from consent.ledger.keys import REGISTRY_CHANGES, registry_table
from consent.ledger.wire import Wire
from tests.e2e.installation import Installation, eventually, free_port

ROWS = registry_table("rows")
KEYS = (ROWS, "{registry}:version", "{registry}:changes")


@asynccontextmanager
async def committing(url: str, *, timeout: float = 5.0) -> AsyncIterator[GroupCommit]:  # noqa: ASYNC109  # the wire's
    commit = GroupCommit(Wire(Address.of(url), timeout=timeout))
    try:
        yield commit
    finally:
        await commit.close()


def put(commit: GroupCommit, row: object, value: str = "x") -> "asyncio.Future[Any]":
    return commit.call("enroll", KEYS, (str(row), value, "put"))


def rise(versions: list[int]) -> bool:
    return all(one < other for one, other in itertools.pairwise(versions))


def written(url: str) -> dict[str, int]:
    """The version that each row came to, of the newest thousand or so."""
    with Redis.from_url(url, decode_responses=True) as redis:
        return {entry["row"]: int(entry["version"]) for _, entry in redis.xrange(REGISTRY_CHANGES)}


def calls_of(url: str, command: str) -> int:
    with Redis.from_url(url) as redis:
        return int(redis.info("commandstats").get(f"cmdstat_{command}", {}).get("calls", 0))


async def test_every_caller_gets_her_own_reply_however_many_there_are(own: Installation) -> None:
    rows = range(2500)

    async with committing(own.url) as commit:
        versions = await asyncio.gather(*(put(commit, row, value="x" * 100) for row in rows))

    assert len(versions) == len(rows)
    assert rise(versions)
    noted = written(own.url)
    assert len(noted) >= 1000
    assert noted == {str(row): versions[row] for row in rows if str(row) in noted}


async def test_calls_that_arrive_during_a_flush_share_the_next(own: Installation) -> None:
    with Redis.from_url(own.url) as redis:
        redis.config_set("appendfsync", "everysec")
    async with committing(own.url) as commit:
        await put(commit, "the library is there")
        commit.require((1, 0))
        first = put(commit, "first")
        await asyncio.sleep(0)
        others = [put(commit, n) for n in range(500)]
        await asyncio.gather(first, *others)

    assert calls_of(own.url, "waitaof") == 2


async def test_what_is_too_much_for_one_flush_goes_over_the_other_wire_meanwhile(own: Installation) -> None:
    where = Address.of(own.url)
    commit = GroupCommit(Wire(where, timeout=5.0), Wire(where, timeout=5.0))
    await put(commit, "the library is there")
    own.processes["store"].send_signal(signal.SIGSTOP)
    calls = [put(commit, n, value="x" * 100_000) for n in range(6)]

    try:
        await eventually(lambda: sum(task.get_name() == "group-commit" for task in asyncio.all_tasks()) == 2)
    finally:
        own.processes["store"].send_signal(signal.SIGCONT)

    assert await asyncio.gather(*calls) == [written(own.url)[str(n)] for n in range(6)]
    assert commit.flushes.calls.total == 7
    await commit.close()


async def test_a_flush_waits_for_the_disk_only_where_that_is_required(own: Installation) -> None:
    async with committing(own.url) as commit:
        await put(commit, "without")
        assert calls_of(own.url, "waitaof") == 0
        commit.require((1, 0))
        await put(commit, "with")
        assert calls_of(own.url, "waitaof") == 1
        commit.require(None)
        await put(commit, "without again")
        assert calls_of(own.url, "waitaof") == 1


@pytest.mark.parametrize("later", [None, (1, 1)])
async def test_a_flush_is_held_to_what_was_required_when_it_began(
    own: Installation, later: tuple[int, int] | None
) -> None:
    async with committing(own.url) as commit:
        await put(commit, "the library is there")
        commit.require((1, 0))
        answer = put(commit, "first")
        await asyncio.sleep(0)
        commit.require(later)

        assert await answer == written(own.url)["first"]


async def test_a_server_that_cannot_confirm_the_disk_is_unsafe(own: Installation) -> None:
    with Redis.from_url(own.url) as redis:
        redis.config_set("appendonly", "no")
    async with committing(own.url) as commit:
        commit.require((1, 0))

        with pytest.raises(StoreUnsafe, match="refuses to confirm durability"):
            await put(commit, "row")


async def test_a_flush_that_reached_too_few_replicas_is_not_acknowledged(store_url: str) -> None:
    async with committing(store_url) as commit:
        commit.require((1, 1))

        with pytest.raises(StoreUnavailable, match=r"reached \[1, 0\] disks and replicas, \[1, 1\] are required"):
            await put(commit, "row")


async def test_a_connection_cut_in_mid_batch_fails_all_who_wait_and_none_who_come_later(own: Installation) -> None:
    async with committing(own.url) as commit:
        await put(commit, "before")
        own.processes["store"].send_signal(signal.SIGSTOP)
        waiting = [put(commit, n) for n in range(2000)]
        await asyncio.sleep(0)
        waiting += [put(commit, n) for n in range(2000, 2100)]
        await own.kill("store")
        outcomes = await asyncio.gather(*waiting, return_exceptions=True)
        await own.start_store()

        assert {type(outcome) for outcome in outcomes} == {StoreUnavailable}
        assert await put(commit, "after") == written(own.url)["after"]


async def test_a_silent_server_fails_the_flush_in_time(own: Installation) -> None:
    async with committing(own.url, timeout=0.5) as commit:
        await put(commit, "before")
        own.processes["store"].send_signal(signal.SIGSTOP)
        with pytest.raises(StoreUnavailable, match="did not answer"):
            await put(commit, "meanwhile")
        own.processes["store"].send_signal(signal.SIGCONT)

        assert await put(commit, "after") == written(own.url)["after"]


async def test_who_stops_waiting_disturbs_nobody_and_her_change_is_kept(store: Store) -> None:
    await put(store.commit, "the library is there")
    calls = [put(store.commit, n) for n in range(3)]
    await asyncio.sleep(0)
    calls[1].cancel()
    outcomes = await asyncio.gather(*calls, return_exceptions=True)

    assert [type(outcome) for outcome in outcomes] == [int, asyncio.CancelledError, int]
    assert await store.redis.hlen(ROWS) == 4


async def test_a_refusal_is_its_callers_alone(store: Store, store_url: str) -> None:
    await put(store.commit, "the library is there")
    await store.redis.set("{registry}:text", "no hash")
    refused = store.commit.call("enroll", ("{registry}:text", *KEYS[1:]), ("row", "x", "put"))
    accepted = put(store.commit, "row")

    with pytest.raises(StoreUnavailable, match=r"the store refused: .*WRONGTYPE"):
        await refused
    assert await accepted == written(store_url)["row"]


async def test_a_flushed_library_is_loaded_again_for_a_whole_batch(store: Store, store_url: str) -> None:
    await store.redis.function_flush()

    versions = await asyncio.gather(*(put(store.commit, n) for n in range(50)))

    assert versions == [written(store_url)[str(n)] for n in range(50)]


async def test_a_server_that_does_not_let_us_load_cannot_promise(own: Installation) -> None:
    with Redis.from_url(own.url) as redis:
        redis.acl_setuser("ann", enabled=True, nopass=True, keys=["*"], commands=["+@all", "-function|load"])
    async with committing(own.url.replace("unix://", "unix://ann:any@")) as commit:
        with pytest.raises(StoreUnavailable, match="the store refuses our functions"):
            await put(commit, "row")


async def test_closing_lets_what_is_under_way_finish(store_url: str) -> None:
    async with committing(store_url) as commit:
        calls = [put(commit, n) for n in range(10)]

    assert all(call.done() for call in calls)
    assert [await call for call in calls] == [written(store_url)[str(n)] for n in range(10)]


async def test_a_flush_cut_off_leaves_nobody_waiting(own: Installation) -> None:
    async with committing(own.url) as commit:
        await put(commit, "before")
        own.processes["store"].send_signal(signal.SIGSTOP)
        calls = [put(commit, n, value="x" * 100) for n in range(2500)]
        await asyncio.sleep(0)
        (flusher,) = (task for task in asyncio.all_tasks() if task.get_name() == "group-commit")
        flusher.cancel()
        outcomes = await asyncio.gather(*calls, return_exceptions=True)
        own.processes["store"].send_signal(signal.SIGCONT)

        assert {str(outcome) for outcome in outcomes} == {"the flush was interrupted", "shutting down"}
        assert await put(commit, "after") == written(own.url)["after"]


async def test_a_connection_that_outlived_its_master_is_given_up(own: Installation) -> None:
    class Counted:
        asked = 0

        async def found(self) -> Address:
            self.asked += 1
            return Address.of(own.url)

    where = Counted()
    commit = GroupCommit(Wire(where, timeout=5.0))
    await put(commit, "before")
    with Redis.from_url(own.url) as redis:
        redis.execute_command("REPLICAOF", "127.0.0.1", free_port())
        with pytest.raises(StoreUnavailable, match="refused: READONLY"):
            await put(commit, "meanwhile")
        commit.require((1, 0))
        with pytest.raises(StoreUnsafe, match="cannot be used with replica"):
            await put(commit, "meanwhile, to a disk")
        redis.execute_command("REPLICAOF", "NO", "ONE")

    assert await put(commit, "after") == written(own.url)["after"]
    assert written(own.url).keys() == {"before", "after"}
    assert where.asked == 3
    await commit.close()


async def test_a_replica_that_lacks_the_functions_is_given_up(own: Installation) -> None:
    with Redis.from_url(own.url) as redis:
        redis.execute_command("REPLICAOF", "127.0.0.1", free_port())
    async with committing(own.url) as commit:
        with pytest.raises(StoreUnavailable, match="refuses our functions: READONLY"):
            await put(commit, "row")
