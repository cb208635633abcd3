"""A store behind TLS, with an authority of its own that also says who may come.

The server of the wheel is built without TLS, so it stands behind a process that speaks it, as many do.
"""

import asyncio
import ssl
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from pathlib import Path

import pytest
import trustme

from consent.errors import Misconfigured, StoreUnavailable
from consent.ledger import Store
from consent.ledger.wire import pack
from consent.model import Partition
from tests.cluster.relay import relay, texting
from tests.cluster.servers import Server, running, until
from tests.e2e.installation import free_port


@asynccontextmanager
async def behind_tls(server: Server, authority: trustme.CA, *names: str, port: int = 0) -> AsyncIterator[int]:
    """A port where only who shows a certificate of the authority is let through."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("localhost", *names).configure_cert(context)
    authority.configure_trust(context)
    context.verify_mode = ssl.CERT_REQUIRED

    async def copy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(OSError):
            while data := await reader.read(65536):
                writer.write(data)
                await writer.drain()
        writer.close()

    async def pass_on(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        inner_reader, inner_writer = await asyncio.open_connection("127.0.0.1", server.port)
        await asyncio.gather(copy(reader, inner_writer), copy(inner_reader, writer))

    async with await asyncio.start_server(pass_on, "127.0.0.1", port, ssl=context) as listener:
        yield int(listener.sockets[0].getsockname()[1])


def written(authority: trustme.CA, folder: Path, *, name: str = "relay") -> str:
    """The options of a URL that name its files."""
    authority.cert_pem.write_to_path(str(folder / f"{name}-ca.pem"))
    ours = authority.issue_cert("relay.example.com")
    ours.private_key_pem.write_to_path(str(folder / f"{name}.key"))
    ours.cert_chain_pems[0].write_to_path(str(folder / f"{name}.pem"))
    return f"ssl_ca_certs={folder}/{name}-ca.pem&ssl_certfile={folder}/{name}.pem&ssl_keyfile={folder}/{name}.key"


async def test_a_relay_speaks_tls_with_a_certificate_of_its_own(folder: Path) -> None:
    authority = trustme.CA()
    server = Server(folder / "store")
    with running(server):
        async with behind_tls(server, authority) as port:
            url = f"rediss://localhost:{port}?{written(authority, folder)}"
            async with relay(folder, url, durability="fsync") as here, texting(here) as provider:
                await provider.more(50)


async def test_a_relay_speaks_tls_to_every_master_of_a_cluster_by_the_name_it_goes_by(folder: Path) -> None:
    authority = trustme.CA()
    masters = [Server(folder / str(n), clustered(announced=free_port())) for n in range(3)]
    with running(*masters):
        form(masters)
        async with AsyncExitStack() as stack:
            for master in masters:
                # redis-py makes an address of this one name, and of no other.
                tls = behind_tls(master, authority, "127.0.0.1", port=announced_by(master))
                await stack.enter_async_context(tls)
            url = f"rediss+cluster://localhost:{announced_by(masters[0])}?{written(authority, folder)}"
            async with relay(folder, url, durability="fsync") as here, texting(here) as provider:
                await provider.more(50)
                async with here.opened() as store:
                    assert len(await store.servers()) == 3


def clustered(*, announced: int) -> dict[str, str]:
    """A master that tells others to come to localhost, to another port than its own."""
    return {
        "cluster-enabled": "yes",
        "cluster-port": str(free_port()),
        "cluster-config-file": "nodes.conf",
        "cluster-announce-port": str(announced),
        "cluster-announce-hostname": "localhost",
        "cluster-preferred-endpoint-type": "hostname",
    }


def announced_by(master: Server) -> int:
    return int(master.settings["cluster-announce-port"])


def form(masters: Sequence[Server]) -> None:
    for n, master in enumerate(masters):
        master.said("CLUSTER ADDSLOTSRANGE", n * 16384 // 3, (n + 1) * 16384 // 3 - 1)
        masters[0].said("CLUSTER MEET", "127.0.0.1", master.port, int(master.settings["cluster-port"]))
    known = {announced_by(master) for master in masters}
    until(lambda: all(b"cluster_state:ok" in master.said("CLUSTER INFO") for master in masters))
    until(lambda: all({place[1] for *_, place in master.said("CLUSTER SLOTS")} == known for master in masters))


async def test_a_certificate_of_another_authority_is_not_trusted_by_any_way_in(folder: Path) -> None:
    authority, other = trustme.CA(), trustme.CA()
    server = Server(folder / "store")
    with running(server):
        async with behind_tls(server, authority) as port:
            ours, theirs = written(authority, folder), written(other, folder, name="other")
            wrong_authority = f"rediss://localhost:{port}?{theirs}"
            wrong_host = f"rediss://127.0.0.1:{port}?{ours}"
            for url in (wrong_authority, wrong_host):
                async with Store.open(url, partitions=4, durability="fsync") as store:
                    with pytest.raises(StoreUnavailable, match="certificate verify failed"):
                        await store.reads.ask([pack(("GET", "{0}:routed"))])
                    with pytest.raises(StoreUnavailable, match="certificate verify failed"):
                        await store.redis.get("{0}:routed")
            lenient = f"{wrong_host}&ssl_check_hostname=false"
            async with Store.open(lenient, partitions=4, durability="fsync") as store:
                await store.ensure_safe()
                assert await store.now(Partition(0)) > 0


async def test_files_that_are_not_there_are_told_when_the_store_is_opened(folder: Path) -> None:
    for scheme, place in (("rediss", "localhost"), ("rediss+sentinel", "localhost/relay"), ("rediss+cluster", "one")):
        with pytest.raises(Misconfigured, match="ssl_"):
            async with Store.open(
                f"{scheme}://{place}?ssl_ca_certs={folder}/none.pem", partitions=4, durability="fsync"
            ):
                pass
