"""Sentinels are asked where the master is, before each connection and now and then."""

import asyncio
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from consent.errors import StoreUnavailable
from consent.ledger import Ledger, Store
from consent.ledger.address import Sentinels, location_of
from consent.ledger.sentinels import Master
from consent.ledger.wire import pack
from consent.model import Millis, Recorded
from tests.builders import a_stop
from tests.cluster.servers import WatchedServers, until, watched_servers
from tests.e2e.installation import eventually


@pytest.fixture
def watched(folder: Path) -> Iterator[WatchedServers]:
    with watched_servers(folder, replicas=1) as watched:
        yield watched


def master_of(url: str) -> Master:
    location = location_of(url)
    assert isinstance(location, Sentinels)
    return Master(location)


async def test_every_way_in_leads_to_the_master_and_follows_it(watched: WatchedServers) -> None:
    async with Store.open(watched.url, partitions=4, durability="replicated") as store:
        await store.ensure_safe()
        assert isinstance(await Ledger(store).apply(a_stop()), Recorded)
        old = watched.master
        # Frozen, not gone: no connection breaks.
        old.send(signal.SIGSTOP)
        await asyncio.to_thread(until, lambda: watched.master is not old)
        old.send(signal.SIGCONT)

        async def is_safe() -> bool:
            try:
                await store.ensure_safe()
            except StoreUnavailable:
                return False
            return True

        await eventually(is_safe, within=60)
        assert isinstance(await Ledger(store).apply(a_stop()), Recorded)
        log = store.keys_of(a_stop().msisdn).log
        assert await store.reads.ask([pack(("XLEN", log))]) == [2]
        assert len((await store.tail().read({log: "0-0"}, count=10, block=Millis(10)))[0][1]) == 2
        assert watched.master.info("stats")["total_commands_processed"] > 0


async def test_a_service_that_no_sentinel_knows_is_told_with_their_names(watched: WatchedServers) -> None:
    url = watched.url.replace("/relay", "/other")
    async with Store.open(url, partitions=4, durability="fsync") as store:
        with pytest.raises(
            StoreUnavailable, match=f"no sentinel names a master for other .*{watched.sentinels[2].port}"
        ):
            await store.ensure_safe()
        with pytest.raises(StoreUnavailable, match="no sentinel names a master for other"):
            await Ledger(store).apply(a_stop())


async def test_sentinels_that_are_away_make_calls_fail_and_not_the_start() -> None:
    async with Store.open("redis+sentinel://127.0.0.1:1/relay", partitions=4, durability="fsync") as store:
        with pytest.raises(StoreUnavailable, match="no sentinel names"):
            await store.commit.call("look", ("{0}:next", "{0}:leased", "{0}:unheard"), (1,))
        with pytest.raises(StoreUnavailable):
            await store.redis.get("{0}:routed")


async def test_one_sentinel_of_three_is_enough(watched: WatchedServers) -> None:
    for sentinel in watched.sentinels[:2]:
        sentinel.kill()
    rights = ("resetchannels", "-@all", "+sentinel|masters", "+client|setinfo")
    watched.sentinels[2].said("ACL SETUSER relay on >s3cret", *rights)
    master = master_of(f"{watched.url}?sentinel_username=relay&sentinel_password=s3cret")

    assert (await master.found()).port == watched.master_as(watched.sentinels[2]).port
    assert not await master.has_moved()
    assert not await master.has_moved()
    await master.close()
