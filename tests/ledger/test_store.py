"""A server is trusted only as far as it keeps what a 2xx promises; one that is away is waited for."""

import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any

import pytest

from consent.errors import Misconfigured, StoreUnavailable, StoreUnsafe
from consent.ledger import Durability, Ledger, Server, Store, unsafe
from consent.ledger.keys import REGISTRY_META
from consent.ledger.safety import strictest
from consent.ledger.store import inspect, needed_trailer
from consent.model import Recorded
from tests.builders import a_start, a_stop
from tests.e2e.installation import Installation, free_port
from tests.out_of_memory import out_of_memory

SAFE = Server(
    name="valkey",
    version="8.1.0",
    redis_version="7.2.4",
    appendonly=True,
    appendfsync="always",
    maxmemory=0,
    maxmemory_policy="noeviction",
    is_loading=False,
    aof_failing=False,
    aof_rewriting=False,
    replicas=1,
)


@asynccontextmanager
async def opened(url: str, *, durability: Durability = "fsync", **settings: Any) -> AsyncIterator[Store]:
    async with Store.open(url, partitions=4, durability=durability) as store:
        for name, value in settings.items():
            await store.redis.config_set(name.replace("_", "-"), value)
        yield store


# ── judged ──────────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("durability", ["memory", "fsync", "replicated"])
def test_the_recommended_server_is_safe(durability: Durability) -> None:
    assert unsafe(SAFE, durability) == []


@pytest.mark.parametrize(
    ("changed", "durability", "remedy"),
    [
        ({"redis_version": "6.2.14"}, "memory", "use Redis 7.0, Valkey 7.2 or newer"),
        ({"is_loading": True}, "memory", "wait"),
        ({"maxmemory": 1 << 30, "maxmemory_policy": "allkeys-lru"}, "fsync", "set noeviction"),
        ({"appendonly": False}, "fsync", "set appendonly yes"),
        ({"aof_failing": True}, "fsync", "look at the disk"),
        ({"appendfsync": "everysec", "redis_version": "7.0.15"}, "fsync", "set appendfsync always"),
        ({"redis_version": "7.0.15"}, "replicated", "has no WAITAOF"),
        ({"replicas": 0}, "replicated", "no replica connected"),
    ],
)
def test_what_would_lose_a_promise_is_named_with_its_remedy(
    changed: dict[str, Any], durability: Durability, remedy: str
) -> None:
    (reason,) = unsafe(replace(SAFE, **changed), durability)

    assert remedy in reason


@pytest.mark.parametrize(
    "changed",
    [
        {"maxmemory": 1 << 30, "maxmemory_policy": "allkeys-lru"},
        {"appendonly": False, "appendfsync": "no"},
        {"aof_failing": True},
        {"replicas": 0},
    ],
)
def test_memory_durability_asks_for_no_disk(changed: dict[str, Any]) -> None:
    assert unsafe(replace(SAFE, **changed), "memory") == []


@pytest.mark.parametrize(
    "changed", [{"maxmemory_policy": "allkeys-lru"}, {"appendfsync": "everysec"}, {"version": "7.2.4"}, {"replicas": 0}]
)
def test_what_loses_nothing_is_not_complained_about(changed: dict[str, Any]) -> None:
    assert unsafe(replace(SAFE, **changed), "fsync") == []


@pytest.mark.parametrize(
    ("durability", "appendfsync", "trailer"),
    [
        ("memory", "no", None),
        ("fsync", "always", None),
        ("fsync", "everysec", (1, 0)),
        ("fsync", "", (1, 0)),
        ("replicated", "always", (1, 1)),
    ],
)
def test_what_the_server_does_not_promise_by_itself_is_asked_of_each_flush(
    durability: Durability, appendfsync: str, trailer: tuple[int, int] | None
) -> None:
    assert needed_trailer(replace(SAFE, appendfsync=appendfsync), durability) == trailer


@pytest.mark.parametrize(
    ("durability", "redis_version", "trailer"),
    [
        ("fsync", "7.2.4", (1, 0)),
        ("fsync", "7.0.15", None),
        ("memory", "7.2.4", None),
        ("replicated", "7.2.4", (1, 1)),
    ],
)
def test_where_another_server_may_take_over_or_its_file_is_rewritten_its_settings_are_not_relied_upon(
    durability: Durability, redis_version: str, trailer: tuple[int, int] | None
) -> None:
    server = replace(SAFE, redis_version=redis_version)

    assert needed_trailer(server, durability, may_be_replaced=True) == trailer
    assert needed_trailer(replace(server, aof_rewriting=True), durability) == trailer


@pytest.mark.parametrize(
    ("trailers", "one"), [([None, (1, 0), None], (1, 0)), ([(1, 0), (1, 1)], (1, 1)), ([None], None), ([], None)]
)
def test_of_several_servers_the_least_trusted_decides(
    trailers: list[tuple[int, int] | None], one: tuple[int, int] | None
) -> None:
    assert strictest(trailers) == one


# ── real servers ────────────────────────────────────────────────────────────────────────────────────────────────────


async def test_the_embedded_server_is_safe_and_says_what_it_is(store: Store) -> None:
    server = await store.ensure_safe()

    assert (server.appendonly, server.appendfsync, server.aof_failing) == (True, "always", False)
    assert server.speaks >= (7, 2)
    assert server.name == "valkey"


async def test_a_server_that_fsyncs_by_the_second_is_asked_to_confirm_each_flush(own: Installation) -> None:
    async with opened(own.url, appendfsync="everysec") as store:
        await store.ensure_safe()
        assert isinstance(await Ledger(store).apply(a_stop()), Recorded)
        stats = await store.redis.info("commandstats")

    assert stats["cmdstat_waitaof"]["calls"] >= 1


async def test_an_event_confirmed_by_waitaof_outlives_the_server(own: Installation) -> None:
    async with opened(own.url, appendfsync="everysec") as store:
        await store.ensure_safe()
        applied = await Ledger(store).apply(a_stop())
        await own.kill("store")
        await own.start_store()

        assert isinstance(applied, Recorded)
        assert await Ledger(store).event(applied.events[0]) is not None


@pytest.mark.parametrize(
    ("settings", "durability", "reason"),
    [
        ({"appendonly": "no"}, "fsync", "does not persist"),
        ({"maxmemory": 1 << 30, "maxmemory_policy": "allkeys-lru"}, "fsync", "may evict consent"),
        ({}, "replicated", "no replica connected"),
    ],
)
async def test_an_unsafe_server_is_found_out(
    own: Installation, settings: dict[str, Any], durability: Durability, reason: str
) -> None:
    async with opened(own.url, durability=durability, **settings) as store:
        with pytest.raises(StoreUnsafe, match=reason):
            await store.ensure_safe()


async def test_a_server_that_does_not_persist_will_do_for_memory(own: Installation) -> None:
    async with opened(own.url, durability="memory", appendonly="no") as store:
        await store.ensure_safe()

        assert isinstance(await Ledger(store).apply(a_stop()), Recorded)


async def test_a_server_whose_first_file_is_not_written_yet_promises_nothing(own: Installation) -> None:
    """It says that it appends already, and after a crash it would be empty."""
    async with opened(own.url, appendonly="no", rdb_key_save_delay=5_000_000) as store:
        await store.redis.set("kept", "for so long")
        await store.redis.config_set("appendonly", "yes")
        await store.ensure_safe()

        with pytest.raises(StoreUnavailable, match="reached"):
            await Ledger(store).apply(a_stop())


async def test_a_server_that_stops_persisting_is_found_out_by_the_next_flush(own: Installation) -> None:
    async with opened(own.url, appendfsync="everysec") as store:
        await store.ensure_safe()
        await store.redis.config_set("appendonly", "no")

        with pytest.raises(StoreUnsafe, match="durability"):
            await Ledger(store).apply(a_stop())


async def test_where_config_is_forbidden_each_flush_is_confirmed(own: Installation) -> None:
    async with opened(own.url) as admin:
        await admin.redis.acl_setuser("ann", enabled=True, nopass=True, keys=["*"], commands=["+@all", "-config"])

    async with opened(own.url.replace("unix://", "unix://ann:any@")) as store:
        assert (await store.ensure_safe()).appendfsync == ""
        assert isinstance(await Ledger(store).apply(a_stop()), Recorded)
        assert (await store.redis.info("commandstats"))["cmdstat_waitaof"]["calls"] >= 1


async def test_the_number_of_partitions_is_fixed_by_the_first_start(store: Store, store_url: str) -> None:
    await store.ensure_safe()

    async with Store.open(store_url, partitions=8, durability="fsync") as other:
        with pytest.raises(Misconfigured, match=r"store\.partitions: .* laid out with 4, the configuration says 8"):
            await other.ensure_safe()
    await store.ensure_safe()


async def test_a_full_store_is_opened_and_read(store: Store, store_url: str) -> None:
    await store.ensure_safe()
    async with out_of_memory(store), Store.open(store_url, partitions=4, durability="fsync") as another:
        await another.ensure_safe()


async def test_a_store_of_another_layout_is_refused(store: Store) -> None:
    await store.redis.hset(REGISTRY_META, "layout", "0")

    with pytest.raises(Misconfigured, match=r"store\.layout"):
        await store.ensure_safe()


@pytest.mark.parametrize("credentials", ["", ":wrong@", "nobody:wrong@"])
async def test_a_server_that_does_not_know_us_is_unavailable(own: Installation, credentials: str) -> None:
    async with (
        opened(own.url, requirepass="s3cret"),
        opened(own.url.replace("unix://", f"unix://{credentials}")) as store,
    ):
        with pytest.raises(StoreUnavailable):
            await store.ensure_safe()
        with pytest.raises(StoreUnavailable):
            await Ledger(store).apply(a_stop())


async def test_a_password_in_the_url_opens_both_ways_in(own: Installation) -> None:
    async with (
        opened(own.url, requirepass="s3cret"),
        opened(own.url.replace("unix://", "unix://:s3cret@")) as store,
    ):
        await store.ensure_safe()

        assert isinstance(await Ledger(store).apply(a_stop()), Recorded)


async def test_opening_a_store_that_is_away_does_not_fail_but_every_call_does() -> None:
    async with opened(f"redis://127.0.0.1:{free_port()}") as store:
        with pytest.raises(StoreUnavailable, match="cannot be reached"):
            await inspect(store.redis)
        with pytest.raises(StoreUnavailable, match="cannot be reached"):
            await store.redis.pipeline(transaction=True).get("x").execute()
        with pytest.raises(StoreUnavailable, match="cannot be reached"):
            await store.commit.call("look", ("{0}:next", "{0}:leased"), (1,))


async def test_a_store_that_comes_back_is_used_again(own: Installation) -> None:
    async with opened(own.url) as store:
        await Ledger(store).apply(a_stop(at=1_000_000))
        await own.kill("store")
        with pytest.raises(StoreUnavailable):
            await store.ensure_safe()
        with pytest.raises(StoreUnavailable):
            await Ledger(store).apply(a_start(at=2_000_000))
        await own.start_store()

        await store.ensure_safe()
        applied = await Ledger(store).apply(a_start(at=3_000_000))
        assert isinstance(applied, Recorded)
        assert [event.occurred_at for event in await Ledger(store).newest(10)] == [1_000_000, 3_000_000]


async def test_a_number_is_always_in_the_same_partition(store: Store) -> None:
    stop = a_stop()

    assert store.keys_of(stop.msisdn) is store.keys[store.keys_of(stop.msisdn).partition]


@pytest.mark.parametrize("setting", ["maxmemory", "min-replicas-to-write"])
async def test_a_store_that_refuses_writes_is_unavailable(store: Store, setting: str) -> None:
    await store.redis.config_set(setting, 1)
    try:
        with pytest.raises(StoreUnavailable, match="refused"):
            await store.ensure_safe()
    finally:
        await store.redis.config_set(setting, 0)


async def test_a_frozen_server_is_unavailable_once_its_time_is_over(own: Installation) -> None:
    async with opened(own.url) as store:
        await store.redis.ping()
        own.processes["store"].send_signal(signal.SIGSTOP)
        try:
            with pytest.raises(StoreUnavailable, match="did not answer within"):
                await store.ensure_safe()
        finally:
            own.processes["store"].send_signal(signal.SIGCONT)
