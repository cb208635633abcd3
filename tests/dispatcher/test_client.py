"""What our own client does with its connections: which it uses, how long it keeps them, what is left in the end."""

import asyncio
import socket
import ssl
import time
from collections.abc import AsyncIterator
from ipaddress import ip_network

import pytest
import trustme
from aiohttp.abc import AbstractResolver, ResolveResult

from dispatcher import failure
from dispatcher.connection import Connection
from dispatcher.exchange import Answer, Client, Request
from dispatcher.names import MOST_NAMES
from dispatcher.names import Names as Remembering
from dispatcher.pool import Pool
from dispatcher.target import Origin
from tests.dispatcher.endpoints import CONTENT, OK, Names, a_client, answering, connected, request_from, said

CRM = "http://crm.example.com/"


def port_of(url: str) -> int:
    return int(url.rpartition(":")[2].partition("/")[0])


@pytest.fixture
async def client() -> AsyncIterator[Client]:
    async with a_client("ours") as opened:
        yield opened


async def asked(client: Client, url: str, *, seconds: float = 5) -> Answer:
    return await client.post(Request(url, "application/json", {}, CONTENT), seconds=seconds)


@pytest.fixture
def tls() -> tuple[ssl.SSLContext, ssl.SSLContext]:
    """A server's, and that of a client who trusts it."""
    authority = trustme.CA()
    serving, trusting = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH), ssl.create_default_context()
    authority.issue_cert("127.0.0.1").configure_cert(serving)
    authority.configure_trust(trusting)
    return serving, trusting


# ── which connection ────────────────────────────────────────────────────────────────────────────────────────────────


async def test_as_many_connections_are_opened_as_are_needed_and_the_last_used_is_used_again(client: Client) -> None:
    peers: list[int] = []
    waiting: list[asyncio.Event] = []
    are_waiting = asyncio.Event()

    async def note(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while True:
            await request_from(reader)
            peers.append(writer.get_extra_info("peername")[1])
            if len(peers) <= 3:
                turn = asyncio.Event()
                waiting.append(turn)
                if len(waiting) == 3:
                    are_waiting.set()
                await turn.wait()
            writer.write(OK)

    async with connected(note) as url:
        three = [asyncio.create_task(said(client, url)) for _ in range(3)]
        await are_waiting.wait()
        for number in (0, 2, 1):
            waiting[number].set()
            await asyncio.wait(three, return_when=asyncio.FIRST_COMPLETED)
            three = [task for task in three if not task.done()]
        for _ in range(3):
            await said(client, url)

    assert len(set(peers[:3])) == 3
    assert peers[3:] == [peers[1]] * 3


async def test_connections_are_not_shared_between_ports(client: Client) -> None:
    async with answering(OK) as one, answering(OK) as other:
        for _ in range(2):
            await said(client, one.url)
            await said(client, other.url)

    assert (one.connections, other.connections) == (1, 1)


async def test_an_idle_connection_is_closed_after_a_while() -> None:
    ended = asyncio.Event()

    async def wait_for_the_end(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await request_from(reader)
        writer.write(OK)
        await reader.read()
        ended.set()

    async with connected(wait_for_the_end) as url, a_client("ours", keepalive_seconds=0.05) as client:
        await said(client, url)
        assert not ended.is_set()

        await asyncio.wait_for(ended.wait(), timeout=5)


async def test_each_idle_connection_has_its_own_time() -> None:
    ended: asyncio.Queue[int] = asyncio.Queue()

    async def wait_for_the_end(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await request_from(reader)
        writer.write(OK)
        await reader.read()
        ended.put_nowait(writer.get_extra_info("sockname")[1])

    async with (
        connected(wait_for_the_end) as one,
        connected(wait_for_the_end) as other,
        a_client("ours", keepalive_seconds=0.1) as client,
    ):
        await said(client, one)
        await asyncio.sleep(0.05)
        await said(client, other)

        for url in (one, other):
            assert await asyncio.wait_for(ended.get(), timeout=5) == port_of(url)


async def test_a_connection_in_use_is_not_idle() -> None:
    async def slowly(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        for wait in (0, 0.2):
            await request_from(reader)
            await asyncio.sleep(wait)
            writer.write(OK)
        await reader.read()

    async with connected(slowly) as url, a_client("ours", keepalive_seconds=0.05) as client:
        assert [await said(client, url), await said(client, url)] == [(200, b"ok")] * 2


async def test_one_that_has_been_idle_too_long_is_not_used() -> None:
    async with answering(OK) as server, a_client("ours", keepalive_seconds=0) as client:
        await said(client, server.url)
        await said(client, server.url)

    assert server.connections == 2


async def test_who_began_to_answer_on_a_kept_connection_is_not_asked_twice(client: Client) -> None:
    requests = 0

    async def break_off(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal requests
        for answer in (OK, OK[:10]):
            await request_from(reader)
            requests += 1
            writer.write(answer)
            await writer.drain()

    async with connected(break_off) as url:
        assert [await said(client, url), await said(client, url)] == [(200, b"ok"), "connection_reset"]

    assert requests == 2


async def test_who_falls_silent_on_a_kept_connection_is_not_asked_twice(client: Client) -> None:
    requests = 0

    async def fall_silent(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal requests
        for answer in (OK, b""):
            await request_from(reader)
            requests += 1
            writer.write(answer)
        await reader.read()

    async with connected(fall_silent) as url:
        assert [await said(client, url), await said(client, url, seconds=0.1)] == [(200, b"ok"), "timeout"]

    assert requests == 2


async def test_what_was_said_before_the_request_is_heard_although_the_connection_is_gone() -> None:
    async def refuse(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 503 Busy\r\nContent-Length: 0\r\n\r\n")

    pool = NotingPool(keepalive_seconds=30)
    async with connected(refuse) as url:
        connection = await a_connection(url, pool)
        await pool.lost.wait()

        assert (await connection.exchange(b"POST / HTTP/1.1\r\n\r\n", seconds=5)).status == 503
        with pytest.raises(ConnectionResetError):
            await connection.exchange(b"POST / HTTP/1.1\r\n\r\n", seconds=5)


class NotingPool(Pool):
    """Tells when a connection is lost."""

    def __init__(self, *, keepalive_seconds: float) -> None:
        super().__init__(keepalive_seconds=keepalive_seconds)
        self.lost = asyncio.Event()

    def forget(self, connection: Connection) -> None:
        super().forget(connection)
        self.lost.set()


async def a_connection(url: str, pool: Pool) -> Connection:
    origin = Origin(False, "127.0.0.1", port_of(url))
    loop = asyncio.get_running_loop()
    return (await loop.create_connection(lambda: Connection(origin, pool), origin.host, origin.port))[1]


async def test_the_second_try_is_made_on_a_new_connection_although_others_are_kept(client: Client) -> None:
    connections = 0

    async def once(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal connections
        connections += 1
        await request_from(reader)
        await asyncio.sleep(0.05)
        writer.write(OK)
        await request_from(reader)

    async with connected(once) as url:
        await asyncio.gather(*(said(client, url) for _ in range(3)))
        assert connections == 3

        assert await said(client, url) == (200, b"ok")
        assert connections == 4


# ── the end ─────────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("is_tls", [False, True])
async def test_closing_the_client_closes_what_is_idle_and_leaves_nothing_running(
    tls: tuple[ssl.SSLContext, ssl.SSLContext], is_tls: bool
) -> None:
    serving, trusting = tls
    ended = asyncio.Event()
    running = asyncio.all_tasks()

    async def wait_for_the_end(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await request_from(reader)
        writer.write(OK)
        try:
            await reader.read()
        finally:
            ended.set()

    async with connected(wait_for_the_end, tls=serving if is_tls else None) as url:
        async with a_client("ours", tls=trusting) as client:
            assert await said(client, url) == (200, b"ok")
            assert not ended.is_set()
        await asyncio.wait_for(ended.wait(), timeout=5)

    assert asyncio.all_tasks() == running


async def test_what_connects_while_the_client_is_being_closed_is_closed_too() -> None:
    async with answering(OK) as server:
        pool = NotingPool(keepalive_seconds=30)
        await pool.close()
        connection = await a_connection(server.url, pool)
        pool.add(connection)

        assert not connection.is_open
        await asyncio.wait_for(pool.lost.wait(), timeout=5)


async def test_who_closes_the_client_does_not_wait_for_a_server() -> None:
    async def hang(reader: asyncio.StreamReader, _writer: asyncio.StreamWriter) -> None:
        await reader.read(1)
        await asyncio.Event().wait()

    async with connected(hang) as url:
        async with a_client("ours") as client:
            posting = asyncio.create_task(said(client, url))
            await asyncio.sleep(0.05)

        assert await posting == "connection_reset"


@pytest.mark.parametrize("written", [b"", b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhel"])
async def test_a_cancelled_attempt_closes_its_connection(client: Client, written: bytes) -> None:
    begun, ended = asyncio.Event(), asyncio.Event()

    async def hang(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await request_from(reader)
        writer.write(written)
        begun.set()
        try:
            await reader.read()
        finally:
            ended.set()

    async with connected(hang) as url:
        posting = asyncio.create_task(said(client, url))
        await begun.wait()
        await asyncio.sleep(0.01)
        posting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await posting
        await asyncio.wait_for(ended.wait(), timeout=5)


async def test_cancelling_during_the_handshake_closes_the_connection(client: Client) -> None:
    begun, ended = asyncio.Event(), asyncio.Event()

    async def hang(reader: asyncio.StreamReader, _writer: asyncio.StreamWriter) -> None:
        await reader.read(1)
        begun.set()
        try:
            await reader.read()
        finally:
            ended.set()

    async with connected(hang) as url:
        posting = asyncio.create_task(said(client, url.replace("http:", "https:")))
        await begun.wait()
        posting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await posting
        await asyncio.wait_for(ended.wait(), timeout=5)


async def test_the_answer_to_a_cancelled_request_is_not_taken_for_the_next_ones(client: Client) -> None:
    async def echo(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while True:
            content = (await request_from(reader)).rpartition(b"\r\n\r\n")[2]
            await asyncio.sleep(0.05)
            writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%b" % (len(content), content))

    async with connected(echo) as url:
        assert await said(client, url, content=b"zero") == (200, b"zero")
        posting = asyncio.create_task(said(client, url, content=b"one"))
        await asyncio.sleep(0.02)
        posting.cancel()

        assert await said(client, url, content=b"two") == (200, b"two")
        assert await said(client, url, content=b"three") == (200, b"three")


# ── where the time went ─────────────────────────────────────────────────────────────────────────────────────────────


async def test_a_new_connection_tells_what_it_cost_and_a_kept_one_does_not(
    tls: tuple[ssl.SSLContext, ssl.SSLContext],
) -> None:
    serving, trusting = tls

    async with answering(OK, tls=serving) as server, a_client("ours", tls=trusting) as client:
        first, second = [(await asked(client, server.url)).timings for _ in range(2)]

    assert first is not None
    assert first.opening is not None
    assert all(ms is not None and ms >= 0 for ms in first.opening)
    assert first.first_byte_ms > 0
    assert second is not None
    assert second.opening is None


async def test_without_tls_there_is_no_time_for_it(client: Client) -> None:
    async with answering(OK) as server:
        timings = (await asked(client, server.url)).timings

    assert timings is not None
    assert timings.opening is not None
    assert timings.opening.tls_ms is None


@pytest.mark.parametrize(("is_slow", "has_lain"), [(True, False), (False, True)])
async def test_how_long_an_answer_lies_here_is_told_from_how_long_it_took(is_slow: bool, has_lain: bool) -> None:
    pool = Pool(keepalive_seconds=30)
    async with answering(OK) as server:
        connection = await a_connection(server.url, pool)
        pool.add(connection)
        posting = asyncio.create_task(connection.exchange(b"", seconds=5))
        await asyncio.sleep(0)
        time.sleep(0.05 if is_slow else 0)  # noqa: ASYNC251  # nothing else is done meanwhile, which is what it is about
        connection.data_received(OK)
        time.sleep(0.05 if has_lain else 0)  # noqa: ASYNC251
        timings = (await posting).timings
        await pool.close()

    assert timings is not None
    assert (timings.first_byte_ms >= 50) is is_slow
    assert (timings.unread_ms >= 50) is has_lain
    assert (timings.our_share > 0.5) is has_lain


# ── names ───────────────────────────────────────────────────────────────────────────────────────────────────────────


class Slow(AbstractResolver):
    """Answers when it is told to."""

    def __init__(self) -> None:
        self.questions = 0
        self.answers = asyncio.Event()
        self.fails = False

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_UNSPEC
    ) -> list[ResolveResult]:
        self.questions += not host.endswith(".")  # a top-level domain is asked for to learn whether anybody is there
        await self.answers.wait()
        if self.fails:
            raise OSError(None, "no luck with 10.1.2.3")
        return await Names(["127.0.0.1"]).resolve(host, port, family)

    async def close(self) -> None:
        """Nothing is open."""


async def test_who_gives_up_on_a_name_does_not_end_the_question_for_the_others() -> None:
    slow = Slow()

    async with Remembering(slow) as names:
        impatient = asyncio.create_task(names.addresses("crm.example.com"))
        patient = asyncio.create_task(names.addresses("crm.example.com"))
        await asyncio.sleep(0)
        impatient.cancel()
        await asyncio.sleep(0)
        slow.answers.set()

        assert await patient == ("127.0.0.1",)
        assert await names.addresses("crm.example.com") == ("127.0.0.1",)

    assert impatient.cancelled()
    assert slow.questions == 1


async def test_a_question_that_all_gave_up_on_goes_on_and_its_failure_troubles_nobody() -> None:
    slow = Slow()
    slow.fails = True

    async with a_client("ours", names=slow) as client:
        for _ in range(2):
            assert await said(client, CRM, seconds=0.05) == "dns_unavailable"
        assert slow.questions == 1
        slow.answers.set()
        await asyncio.sleep(0.01)

        assert await said(client, CRM) == "dns_failed"
    assert slow.questions == 2


async def test_what_a_resolver_says_of_the_network_is_not_told() -> None:
    slow = Slow()
    slow.fails = True
    slow.answers.set()

    async with a_client("ours", names=slow) as client:
        with pytest.raises(socket.gaierror) as failed:
            await asked(client, CRM)

    assert failure.explanation_of(failed.value) == "the resolver failed"


async def test_not_all_names_are_remembered_for_ever() -> None:
    answering_all = Names(["127.0.0.1"])

    async with Remembering(answering_all) as names:
        for number in range(MOST_NAMES + 1):
            await names.addresses(f"{number}.example.com")
        await names.addresses(f"{MOST_NAMES}.example.com")
        await names.addresses("0.example.com")

    assert len(answering_all.questions) == MOST_NAMES + 2


async def test_a_question_under_way_ends_with_the_client() -> None:
    running = asyncio.all_tasks()

    async with a_client("ours", names=Slow()) as client:
        assert await said(client, CRM, seconds=0.05) == "dns_unavailable"
        assert asyncio.all_tasks() != running

    assert asyncio.all_tasks() == running


async def test_a_dead_address_leaves_time_for_the_next() -> None:
    """127.0.0.2 listens and is full: what is sent to it gets no answer."""
    with socket.create_server(("127.0.0.2", 0), backlog=0) as full:
        port = full.getsockname()[1]
        waiting = [socket.socket() for _ in range(4)]
        for one in waiting:
            one.setblocking(False)
            one.connect_ex(("127.0.0.2", port))
        await asyncio.sleep(0.05)

        async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            await request_from(reader)
            writer.write(OK)
            await writer.drain()
            writer.close()

        async with (
            await asyncio.start_server(answer, "127.0.0.1", port),
            a_client("ours", names=Names(["127.0.0.2", "127.0.0.1"])) as client,
        ):
            assert await said(client, f"{CRM[:-1]}:{port}/", seconds=1) == (200, b"ok")
        for one in waiting:
            one.close()


@pytest.mark.parametrize(
    ("addresses", "word"),
    [
        (["127.0.0.1", "224.0.0.1"], "connect_refused"),
        (["224.0.0.1", "127.0.0.1"], "connect_refused"),
        (["224.0.0.1", "224.0.0.2"], "no_route"),
    ],
)
async def test_an_address_without_a_route_does_not_hide_what_became_of_another(addresses: list[str], word: str) -> None:
    """As where there is no IPv6: else an endpoint that is down would be taken for a fault of ours, and tried for ever.
    No connection leads to a multicast address, on any machine."""
    everywhere = (ip_network("0.0.0.0/0"),)
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        url = f"{CRM[:-1]}:{unused.getsockname()[1]}/"
        async with a_client("ours", names=Names(addresses), allow=everywhere) as client:
            assert await said(client, url) == word


async def test_when_no_address_answers_the_last_failure_is_told() -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        url = f"{CRM[:-1]}:{unused.getsockname()[1]}/"
        async with a_client("ours", names=Names(["127.0.0.2", "127.0.0.3", "127.0.0.1"])) as client:
            assert await said(client, url) == "connect_refused"
