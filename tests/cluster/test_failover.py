"""A server dies under load, its replica takes over: nothing that was acknowledged is lost, and nobody restarts us."""

import asyncio
from pathlib import Path

from tests.cluster.relay import relay, texting
from tests.cluster.servers import ClusterOfServers, until, watched_servers


async def test_a_master_of_a_cluster_dies_and_nothing_acknowledged_is_lost(
    cluster: ClusterOfServers, folder: Path
) -> None:
    async with relay(folder, cluster.url, durability="replicated") as here, texting(here) as provider:
        dead = cluster.master_of("{3}:log")
        dead.kill()
        await asyncio.to_thread(until, lambda: len(cluster.masters) == 3)
        dead.start()
        await asyncio.to_thread(until, cluster.is_well)
        await provider.more(200)

    assert provider.refused > 0


async def test_a_master_that_sentinels_watch_dies_and_nothing_acknowledged_is_lost(folder: Path) -> None:
    with watched_servers(folder) as watched:
        async with relay(folder, watched.url, durability="replicated") as here, texting(here) as provider:
            dead = watched.master
            dead.kill()
            await asyncio.to_thread(until, lambda: watched.master is not dead)
            await provider.more(200)

        assert provider.refused > 0
