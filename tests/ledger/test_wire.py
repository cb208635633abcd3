"""Many commands in one write, their replies in order; or StoreUnavailable, whatever the server does."""

import asyncio
import signal
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
import trustme
from redis import Redis

from consent.errors import StoreUnavailable
from consent.ledger.address import Address
from consent.ledger.wire import Wire, _Replies, pack
from tests.e2e.installation import Installation, eventually, free_port

PING = pack(("PING",))
Talk = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


@asynccontextmanager
async def wired(url: str, *, timeout: float = 5.0) -> AsyncIterator[Wire]:  # noqa: ASYNC109  # it is the wire's own
    wire = Wire(Address.of(url), timeout=timeout)
    try:
        yield wire
    finally:
        wire.close()
        await asyncio.sleep(0)


@asynccontextmanager
async def serving(talk: Talk) -> AsyncIterator[str]:
    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await talk(reader, writer)
        except OSError:
            pass  # the other side hung up, which is what some tests are about
        finally:
            writer.close()

    async with await asyncio.start_server(handle, "127.0.0.1", 0) as server:
        yield f"redis://127.0.0.1:{server.sockets[0].getsockname()[1]}"


async def test_replies_come_in_the_order_of_the_commands(store_url: str) -> None:
    async with wired(store_url) as wire:
        replies = await wire.exchange([pack(("ECHO", n)) for n in range(5000)])

    assert replies == [b"%d" % n for n in range(5000)]


async def test_one_connection_serves_one_exchange_after_another(store_url: str) -> None:
    async with wired(store_url) as wire:
        first = await wire.exchange([pack(("CLIENT", "ID"))])

        assert await wire.exchange([pack(("CLIENT", "ID"))]) == first


async def test_replies_in_crumbs_are_put_together(store_url: str) -> None:
    path = store_url.removeprefix("unix://")

    async def crumbs(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        upstream, command = await asyncio.open_unix_connection(path)
        command.write(await reader.readuntil(b"PING\r\n"))
        for answer in await upstream.readuntil(b"PONG\r\n"):
            writer.write(bytes([answer]))
            await writer.drain()
            await asyncio.sleep(0)
        command.close()

    async with serving(crumbs) as url, wired(url) as wire:
        replies = await wire.exchange([pack(("ECHO", "one")), pack(("ECHO", "two")), PING])

    assert replies == [b"one", b"two", b"PONG"]


async def test_nobody_listening_is_unavailable() -> None:
    async with wired(f"redis://127.0.0.1:{free_port()}") as wire:
        with pytest.raises(StoreUnavailable, match="cannot be reached"):
            await wire.exchange([PING])


async def test_a_killed_server_is_unavailable_and_a_new_one_is_found(own: Installation) -> None:
    async with wired(own.url) as wire:
        await wire.exchange([PING])
        own.processes["store"].send_signal(signal.SIGSTOP)
        asked = asyncio.ensure_future(wire.exchange([PING]))
        await asyncio.sleep(0)
        await own.kill("store")
        with pytest.raises(StoreUnavailable, match="closed the connection"):
            await asked
        with pytest.raises(StoreUnavailable, match="cannot be reached"):
            await wire.exchange([PING])
        await own.start_store()

        assert await wire.exchange([PING]) == [b"PONG"]


async def test_a_silent_server_is_unavailable_in_time_and_asked_on_a_new_connection(own: Installation) -> None:
    async with wired(own.url, timeout=0.1) as wire:
        before = await wire.exchange([pack(("CLIENT", "ID"))])
        own.processes["store"].send_signal(signal.SIGSTOP)
        with pytest.raises(StoreUnavailable, match=r"did not answer within 0\.1 s"):
            await wire.exchange([PING])
        own.processes["store"].send_signal(signal.SIGCONT)

        assert await wire.exchange([pack(("CLIENT", "ID"))]) != before


async def test_a_cancelled_exchange_leaves_no_answer_for_the_next(store_url: str) -> None:
    async with wired(store_url) as wire:
        await wire.exchange([PING])
        asked = asyncio.ensure_future(wire.exchange([pack(("ECHO", "to nobody"))]))
        await asyncio.sleep(0)
        asked.cancel()
        await asyncio.gather(asked, return_exceptions=True)

        assert await wire.exchange([PING]) == [b"PONG"]


@pytest.mark.parametrize(
    "garbage", [b"HTTP/1.1 400 Bad Request\r\n\r\n", b"\x15\x03\x03\x00\x02\x02\x0a", b"+PONG\r\n?"]
)
async def test_what_is_no_redis_is_unavailable(garbage: bytes) -> None:
    async def nonsense(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n")
        writer.write(garbage)
        await writer.drain()
        await reader.read()

    async with serving(nonsense) as url, wired(url) as wire:
        with pytest.raises(StoreUnavailable, match="no RESP"):
            await wire.exchange([PING, PING])


async def test_a_server_that_hangs_up_is_unavailable() -> None:
    async def goodbye(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n")

    async with serving(goodbye) as url, wired(url) as wire:
        with pytest.raises(StoreUnavailable, match="closed the connection"):
            await wire.exchange([PING])


async def test_a_server_with_no_room_for_a_client_is_unavailable(own: Installation) -> None:
    with Redis.from_url(own.url) as redis:
        redis.config_set("maxclients", 1)
        async with wired(own.url) as wire:
            with pytest.raises(StoreUnavailable, match=r"closed|cannot be reached"):
                await wire.exchange([PING, PING])
        redis.config_set("maxclients", 100)

    async with wired(own.url) as wire:
        assert await wire.exchange([PING]) == [b"PONG"]


async def test_credentials_and_database_are_given_before_the_first_command(own: Installation) -> None:
    with Redis.from_url(own.url) as redis:
        redis.acl_setuser("ann", enabled=True, passwords=["+s3cret"], keys=["*"], categories=["+@all"])
        redis.config_set("requirepass", "general")

    async with (
        wired(own.url.replace("unix://", "unix://ann:s3cret@") + "?db=2") as ann,
        wired(own.url.replace("unix://", "unix://:general@")) as general,
    ):
        assert await ann.exchange([pack(("ACL", "WHOAMI")), pack(("SET", "in-two", 1))]) == [b"ann", b"OK"]
        assert await general.exchange([pack(("ACL", "WHOAMI")), pack(("EXISTS", "in-two"))]) == [b"default", 0]


async def test_a_wrong_password_is_told_and_not_tried_on_the_same_connection(own: Installation) -> None:
    with Redis.from_url(own.url) as redis:
        redis.config_set("requirepass", "s3cret")

    async with wired(own.url.replace("unix://", "unix://:wrong@")) as wire:
        for _ in range(2):
            with pytest.raises(StoreUnavailable, match="refused the connection: WRONGPASS"):
                await wire.exchange([PING])


async def test_a_refused_command_is_an_answer_among_others(store_url: str) -> None:
    async with wired(store_url) as wire:
        first, refused, last = await wire.exchange([PING, pack(("NONSENSE",)), PING])

    assert (first, last) == (b"PONG", b"PONG")
    assert "unknown command" in str(refused)


async def test_rediss_is_spoken_over_tls(store_url: str, monkeypatch: pytest.MonkeyPatch, folder: Path) -> None:
    authority = trustme.CA()
    authority.cert_pem.write_to_path(str(folder / "ca.pem"))
    context = authority_context(authority)
    path = store_url.removeprefix("unix://")

    async def relay(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        upstream, command = await asyncio.open_unix_connection(path)
        command.write(await reader.readuntil(b"PING\r\n"))
        writer.write(await upstream.readuntil(b"\n"))
        await writer.drain()
        command.close()
        writer.close()

    async with await asyncio.start_server(relay, "127.0.0.1", 0, ssl=context) as server:
        port = server.sockets[0].getsockname()[1]
        async with wired(f"rediss://localhost:{port}?ssl_ca_certs={folder / 'ca.pem'}") as wire:
            assert await wire.exchange([PING]) == [b"PONG"]


def authority_context(authority: trustme.CA) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("localhost").configure_cert(context)
    return context


# ── below the wire ──────────────────────────────────────────────────────────────────────────────────────────────────


@asynccontextmanager
async def replies_of(url: str) -> AsyncIterator[_Replies]:
    loop, address = asyncio.get_running_loop(), Address.of(url)
    _, replies = await loop.create_connection(_Replies, address.host, address.port)
    try:
        yield replies
    finally:
        replies.close()
        await asyncio.sleep(0)


async def test_an_answer_that_nobody_waits_for_any_more_is_dropped() -> None:
    answered = asyncio.Event()

    async def late(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        for word in (b"+late\r\n", b"+in time\r\n"):
            await reader.readuntil(b"PING\r\n")
            await answered.wait()
            writer.write(word)
        await reader.read()

    async with serving(late) as url, replies_of(url) as replies:
        replies.exchange(PING, 1).cancel()
        answered.set()
        await eventually(lambda: replies._waiter is None)

        assert await replies.exchange(PING, 1) == [b"in time"]


async def test_a_connection_that_broke_takes_nothing_more() -> None:
    async def goodbye(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"-ERR max number of clients reached\r\n")

    async with serving(goodbye) as url, replies_of(url) as replies:
        await eventually(lambda: not replies.is_open)

        with pytest.raises(StoreUnavailable, match="is closed"):
            replies.exchange(PING, 1)
