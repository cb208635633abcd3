"""The doctor goes over every master of a Cluster, and says which one it means."""

import asyncio
from pathlib import Path

from console.checkup import Finding
from tests.cluster.servers import ClusterOfServers, Server, until
from tests.console.command_line import CommandLine


def findings(folder: Path, cluster: ClusterOfServers, *, durability: str = "fsync") -> list[Finding]:
    cli = CommandLine(folder, cluster.url)
    cli.configure(store=f'durability = "{durability}"')
    return [Finding(**told) for told in cli.json("doctor", exit_code=1)]


def about(found: list[Finding], server: Server, *subjects: str) -> dict[str, Finding]:
    return {each.subject: each for each in found if f":{server.port}" in each.text and each.subject in subjects}


def aside(cluster: ClusterOfServers) -> Server:
    """A master that does not have the registry."""
    return next(each for each in cluster.masters if each is not cluster.master_of("{registry}:meta"))


def test_each_master_is_looked_at_and_named(folder: Path, cluster: ClusterOfServers) -> None:
    found = findings(folder, cluster)

    for master in cluster.masters:
        told = about(found, master, "store", "durability", "memory")
        assert {name: each.level for name, each in told.items()} == {"store": "ok", "durability": "ok", "memory": "ok"}
        assert "1 replica" in told["store"].text
    assert [each for each in found if each.subject == "replicas"] == []


def test_the_only_replica_is_too_few_where_a_2xx_needs_one(folder: Path, cluster: ClusterOfServers) -> None:
    found = findings(folder, cluster, durability="replicated")

    assert all(about(found, master, "replicas")["replicas"].level == "warning" for master in cluster.masters)


def test_one_master_that_may_lose_something_is_pointed_at(folder: Path, cluster: ClusterOfServers) -> None:
    careless = aside(cluster)
    room = careless.info("memory")["used_memory"] * 100 // 85
    for setting in ("appendonly no", f"maxmemory {room}", "maxmemory-policy allkeys-lru"):
        careless.said(f"CONFIG SET {setting}")
    try:
        found = findings(folder, cluster)
    finally:
        for setting in ("appendonly yes", "maxmemory 0", "maxmemory-policy noeviction"):
            careless.said(f"CONFIG SET {setting}")
        until(lambda: not careless.info("persistence")["aof_rewrite_in_progress"])

    dangers = [each.text for each in found if each.subject == "durability" and each.level == "bad"]
    assert len(dangers) == 2
    assert all(text.startswith(f"127.0.0.1:{careless.port}: ") for text in dangers)
    assert {each.level for each in found if each.subject == "memory"} == {"ok", "warning"}
    assert about(found, careless, "memory")["memory"].level == "warning"


async def test_a_master_that_is_away_is_named_and_the_others_are_looked_at(
    folder: Path, cluster: ClusterOfServers
) -> None:
    dead = aside(cluster)
    others = [each for each in cluster.masters if each is not dead]
    replicas = [each for each in cluster.servers if not each.is_master]
    for replica in replicas:  # or it would be no master any more
        replica.said("CONFIG SET cluster-replica-no-failover yes")
    dead.kill()
    try:
        found = await asyncio.to_thread(findings, folder, cluster)
    finally:
        dead.start()
        for replica in replicas:
            replica.said("CONFIG SET cluster-replica-no-failover no")
        await asyncio.to_thread(until, cluster.is_well)

    assert about(found, dead, "store")["store"].level == "bad"
    assert all(about(found, each, "durability")["durability"].level == "ok" for each in others)
