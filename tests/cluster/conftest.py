import tempfile
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from consent.ledger import Store
from tests.cluster.servers import ClusterOfServers, cluster_of_servers


@pytest.fixture(scope="session")
def servers() -> Iterator[ClusterOfServers]:
    with tempfile.TemporaryDirectory(prefix="cr-") as folder, cluster_of_servers(Path(folder)) as cluster:
        yield cluster


@pytest.fixture
def cluster(servers: ClusterOfServers) -> ClusterOfServers:
    """Empty, and well: whatever the test before did to it is over."""
    servers.empty()
    return servers


@pytest.fixture
async def store(cluster: ClusterOfServers) -> AsyncIterator[Store]:
    async with Store.open(cluster.url, partitions=4, durability="fsync") as store:
        yield store
