"""The user that docs/high-availability.md ships can do all that a relay does on a Cluster, and nothing that does harm.

On one server: tests/docs/test_acl.py.
"""

from collections.abc import Iterator
from pathlib import Path

import pytest
from redis import Redis
from redis.exceptions import NoPermissionError

from consent.errors import StoreUnavailable
from consent.ledger import Store
from consent.ledger.wire import pack
from consent.model import Millis
from tests.cluster.relay import relay, texting
from tests.cluster.servers import ClusterOfServers, Server, running
from tests.e2e.installation import ROOT

PASSWORD = "s3cret-of-the-relay"


def line_of(page: str) -> str:
    text = (ROOT / "docs" / page).read_text()
    begin = text.index("user consent-relay on ")
    return text[begin : text.index("```", begin)]


def shipped() -> list[str]:
    """What is behind ACL SETUSER."""
    return line_of("high-availability.md").replace(">PASSWORD", f">{PASSWORD}").split()[1:]


def test_a_cluster_asks_for_little_more_than_one_server() -> None:
    more = set(line_of("high-availability.md").split()) - set(line_of("security.md").split())

    assert more == {"+command", "+cluster|slots", "+cluster|info", "+asking"}
    assert not set(line_of("security.md").split()) - set(line_of("high-availability.md").split())


@pytest.fixture
def server(folder: Path) -> Iterator[Server]:
    server = Server(folder / "store")
    with running(server):
        server.said("ACL SETUSER", *shipped())
        yield server


def url_of(server: Server, password: str = PASSWORD) -> str:
    return f"redis://consent-relay:{password}@127.0.0.1:{server.port}"


@pytest.mark.parametrize(
    "command",
    [
        "FLUSHALL",
        "FLUSHDB",
        "KEYS *",
        "SCAN 0",
        "CONFIG SET appendonly no",
        "SHUTDOWN NOSAVE",
        "REPLICAOF NO ONE",
        "FUNCTION FLUSH",
        "FUNCTION DELETE consent_relay",
        "ACL LIST",
        "EVAL return 0",
        "SCRIPT FLUSH",
        "MIGRATE 127.0.0.1 1 {0}:log 0 1",
        "GET somebody-elses",
        "SUBSCRIBE news",
    ],
)
def test_what_would_do_harm_is_refused(server: Server, command: str) -> None:
    with Redis.from_url(url_of(server)) as redis, pytest.raises(NoPermissionError):
        redis.execute_command(*command.split())


async def test_a_relay_works_on_a_cluster_with_the_least_rights(cluster: ClusterOfServers, folder: Path) -> None:
    for each in cluster.servers:
        each.said("ACL SETUSER", *shipped())
    url = cluster.url.replace("://", f"://consent-relay:{PASSWORD}@")
    try:
        async with relay(folder, url, durability="replicated") as here, texting(here) as provider:
            await provider.more(50)
        refused = [entry for each in cluster.servers for entry in each.said("ACL LOG")]
    finally:
        for each in cluster.servers:
            each.said("ACL DELUSER consent-relay")
            each.said("ACL LOG RESET")

    assert refused == []


@pytest.mark.parametrize("kind", ["one server", "cluster"])
async def test_a_wrong_password_is_told_by_every_way_in(server: Server, cluster: ClusterOfServers, kind: str) -> None:
    url = url_of(server, "wrong") if kind == "one server" else cluster.url.replace("://", "://nobody:wrong@")
    async with Store.open(url, partitions=4, durability="fsync") as store:
        for asked in (
            store.ensure_safe(),
            store.commit.call("look", ("{0}:next", "{0}:leased", "{0}:unheard"), (1,)),
            store.reads.ask([pack(("GET", "{0}:routed"))]),
            store.tail().read({"{0}:log": "0-0"}, count=1, block=Millis(1)),
            store.redis.get("{0}:routed"),
        ):
            with pytest.raises(StoreUnavailable, match=r"store\.url"):
                await asked
