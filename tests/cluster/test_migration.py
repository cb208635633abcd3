"""Slots change hands under load: callers are sent on, or wait, or are told to come again, and nothing is lost."""

import asyncio
from pathlib import Path
from typing import Literal

import pytest

from tests.cluster.relay import relay, texting
from tests.cluster.servers import ClusterOfServers

MOVED = ("{registry}:x", "{0}:x", "{5}:x")


@pytest.mark.parametrize("how", ["at_once", "key_by_key"])
async def test_slots_migrate_under_load_and_nothing_acknowledged_is_lost(
    cluster: ClusterOfServers, folder: Path, how: Literal["at_once", "key_by_key"]
) -> None:
    migrate = cluster.migrate_at_once if how == "at_once" else cluster.migrate_key_by_key
    async with relay(folder, cluster.url, durability="fsync") as here, texting(here) as provider:
        for key in MOVED:
            source = cluster.master_of(key)
            target = next(master for master in cluster.masters if master is not source)
            await asyncio.to_thread(migrate, cluster.slot_of(key), source, target)
            await provider.more(60)
            assert cluster.master_of(key) is target
