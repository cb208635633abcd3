"""Behind the door or over aiohttp alone: the same bytes get the same answer, and the same is seen of them."""

import asyncio
import re
import socket
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass, field
from typing import Any

import pytest
import uvloop
from aiohttp import web
from hypothesis import given, settings
from hypothesis import strategies as st
from structlog.testing import capture_logs

from config.probes import answer, listening, probes, server_of, welcome_body
from consent.errors import Refused
from receiver import plain
from receiver.answers import response
from receiver.codecs.codec import Reply
from receiver.door import Connection, Door, open_door
from receiver.inbound import Inbound
from receiver.reading import inbound_of
from tests.e2e.installation import eventually
from tests.receiver.taking import ReplyTo, Taking

LOCAL = "127.0.0.1"
MAX_BODY = 4096
HOOKS = "/hooks/"
FIRST = b"POST /hooks/t0ken HTTP/1.1"
HOST = b"Host: relay.example.com"
FORM = b"Content-Type: application/x-www-form-urlencoded"
CLOSING = b"Connection: close\r\n"


def a_post(*lines: bytes, body: bytes = b"text=STOP", first: bytes = FIRST) -> bytes:
    return b"\r\n".join([first, HOST, FORM, b"Content-Length: %d" % len(body), *lines, b"", body])


def bare(*lines: bytes, body: bytes = b"", first: bytes = FIRST) -> bytes:
    """No length, no type: the lines say all."""
    return b"\r\n".join([first, HOST, *lines, b"", body])


POST = a_post()
CHUNKED = bare(b"Transfer-Encoding: chunked", body=b"4\r\ntext\r\n5\r\n=STOP\r\n0\r\n\r\n")
VISIT = bare(first=b"GET /hooks/t0ken?a=1 HTTP/1.1")
LIVE = bare(first=b"GET /healthz HTTP/1.1")


@dataclass
class Hook:
    """Answers everything with 200, and keeps what it saw."""

    seen: list[tuple[str, Inbound]] = field(default_factory=list)

    async def reply_to(self, token: str, inbound: Inbound) -> Reply:
        self.seen.append((token, inbound))
        return Reply(status=200)

    async def answer(self, request: web.BaseRequest) -> web.StreamResponse:
        if not request.raw_path.startswith(HOOKS):
            return await answer(request, probes(lambda: None))
        token, _, query = request.raw_path[len(HOOKS) :].partition("?")
        await welcome_body(request)
        inbound = Inbound(
            method=request.method,
            query=query,
            content_type=request.headers.get("Content-Type", ""),
            body=await request.read(),
        )
        return response(await self.reply_to(token, inbound))


@dataclass(frozen=True)
class Outcome:
    statuses: list[int]
    is_open: bool
    seen: list[tuple[str, Inbound]]


@dataclass(frozen=True)
class Server:
    port: int
    hook: Hook

    async def outcome(self, *pieces: bytes) -> Outcome:
        """Of one connection, when all has come to rest."""
        self.hook.seen.clear()
        text, is_open = await spoken(self.port, *pieces)
        return Outcome(
            [int(word) for word in re.findall(rb"^HTTP/1\.[01] (\d+)", text, re.MULTILINE)], is_open, [*self.hook.seen]
        )


@dataclass(frozen=True)
class Twins:
    door: Server
    alone: Server

    async def outcome(self, *pieces: bytes) -> Outcome:
        """The same of both. aiohttp forgets the good requests that come in one segment with a bad one: it gets them
        apart."""
        apart = [part for piece in pieces for part in one_by_one(piece)]
        mine, theirs = await self.door.outcome(*pieces), await self.alone.outcome(*apart)
        assert mine == theirs, pieces
        return mine


def one_by_one(data: bytes) -> Iterator[bytes]:
    while found := plain.read(data):
        yield data[: found[2]]
        data = data[found[2] :]
    if data:
        yield data


async def settled() -> None:
    """Both ends run in this loop: after some turns of it there is nothing left to do."""
    for _ in range(40):
        await asyncio.sleep(0)


async def spoken(port: int, *pieces: bytes) -> tuple[bytes, bool]:
    """What the server says to that, and whether it leaves the connection open."""
    loop, text, is_open = asyncio.get_running_loop(), b"", True
    with socket.socket() as client:
        client.setblocking(False)
        client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        await loop.sock_connect(client, (LOCAL, port))
        for piece in pieces:
            with suppress(ConnectionError):  # it was closed after the piece before
                await loop.sock_sendall(client, piece)
            await settled()
        with suppress(BlockingIOError):
            while is_open:
                try:
                    said = client.recv(1 << 20)
                except ConnectionResetError:
                    said = b""
                text, is_open = text + said, said != b""
    return text, is_open


@asynccontextmanager
async def both() -> AsyncIterator[Twins]:
    mine, theirs = Hook(), Hook()
    async with (
        open_door(Taking(mine.reply_to), mine.answer, LOCAL, 0, max_body=MAX_BODY) as door,
        listening(theirs.answer, LOCAL, 0, max_body=MAX_BODY) as alone,
    ):
        yield Twins(Server(door, mine), Server(alone, theirs))


@pytest.fixture
async def twins() -> AsyncIterator[Twins]:
    async with both() as twins:
        yield twins


# ── the same answer to the same bytes ───────────────────────────────────────────────────────────────────────────────

CASES: dict[str, tuple[bytes, list[int]]] = {
    "plain": (POST, [200]),
    "no body": (a_post(body=b""), [200]),
    "no type": (bare(b"Content-Length: 1", body=b"x"), [200]),
    "three at once": (POST + a_post(body=b"2") + a_post(body=b"3"), [200] * 3),
    "all kinds at once": (POST + CHUNKED + VISIT + POST + LIVE + POST, [200] * 6),
    "visit": (VISIT, [200]),
    "query": (a_post(first=b"POST /hooks/t0ken?text=STOP HTTP/1.1"), [200]),
    "chunked": (CHUNKED, [200]),
    "asks before the body": (a_post(b"Expect: 100-continue"), [100, 200]),
    "expects something else": (a_post(b"Expect: miracles"), [200]),
    "HTTP/1.0": (a_post(first=b"POST /hooks/t0ken HTTP/1.0"), [200]),
    "HTTP/1.0 that stays": (a_post(b"Connection: keep-alive", first=b"POST /hooks/t0ken HTTP/1.0"), [200]),
    "close": (a_post(b"Connection: close"), [200]),
    "plain, then close": (POST + a_post(b"Connection: close"), [200, 200]),
    "alive": (POST + LIVE, [200, 200]),
    "nothing here": (POST + bare(first=b"GET /nothing HTTP/1.1"), [200, 404]),
    "not to be posted": (a_post(first=b"POST /healthz HTTP/1.1"), [405]),
    "just the largest body": (a_post(body=b"x" * MAX_BODY), [200]),
    "body too large": (a_post(body=b"x" * (MAX_BODY + 1)), [413]),
    "plain, then a body too large": (POST + a_post(body=b"x" * (MAX_BODY + 1)), [200, 413]),
    "chunks too large": (
        bare(b"Transfer-Encoding: chunked", body=b"1001\r\n%b\r\n0\r\n\r\n" % (b"x" * 0x1001)),
        [413],
    ),
    "long head": (a_post(*[b"X-Text: " + b"x" * 800] * 20), [200]),
    "line too long": (a_post(b"X-Text: " + b"x" * 9000), [400]),
    "plain, then a line too long": (POST + a_post(b"X-Text: " + b"x" * 9000), [200, 400]),
    "address too long": (a_post(first=b"POST /hooks/%b HTTP/1.1" % (b"t" * 9000)), [400]),
    "endless line": (FIRST + b"\r\nX-Text: " + b"x" * 20_000, [400]),
    "garbage": (b"\x00\x01\x02garbage\r\n\r\n", [400]),
    "plain, then garbage": (POST + b"\xff\xfe\r\n\r\n", [200, 400]),
    "TLS hello": (bytes.fromhex("160301020001") + bytes.fromhex("0001fc0303") + bytes(range(64)), [400]),
    "plain, then empty lines": (POST + b"\r\n\r\n" + POST, [200, 200]),
    "half a head": (POST[:30], []),
    "half a body": (POST[:-3], []),
    "plain, then half of one": (POST + POST[:-3], [200]),
    # smuggling: two readers of one connection must never differ about where a request ends
    "length and chunks": (bare(b"Content-Length: 5", b"Transfer-Encoding: chunked", body=b"0\r\n\r\n" + LIVE), [400]),
    "chunks and length": (bare(b"Transfer-Encoding: chunked", b"Content-Length: 5", body=b"0\r\n\r\n" + LIVE), [400]),
    "hidden chunks": (bare(b"Content-Length: 5", b"Transfer-Encoding : chunked", body=b"0\r\n\r\n" + LIVE), [400]),
    "chunks by tab": (bare(b"Content-Length: 5", b"Transfer-Encoding:\tchunked", body=b"0\r\n\r\n" + LIVE), [400]),
    "other coding": (bare(b"Content-Length: 5", b"Transfer-Encoding: xchunked", body=b"0\r\n\r\n" + LIVE), [400]),
    "two lengths": (bare(b"Content-Length: 0", b"Content-Length: 5", body=b"text=" + LIVE), [400]),
    "the same length twice": (bare(b"Content-Length: 5", b"Content-Length: 5", body=b"text="), [400]),
    "list of lengths": (bare(b"Content-Length: 5, 5", body=b"text="), [400]),
    "signed length": (bare(b"Content-Length: +5", body=b"text="), [400]),
    "negative length": (bare(b"Content-Length: -5", body=b"text="), [400]),
    "length with a space": (bare(b"Content-Length: 1 0", body=b"text="), [400]),
    "overlong length": (bare(b"Content-Length: " + b"9" * 30, body=b"text="), [400]),
    "length with zeros": (bare(b"Content-Length: 0005", body=b"text=" + LIVE), [200, 200]),
    "length behind a space": (bare(b"Content-Length : 5", body=b"text="), [400]),
    "folded length": (bare(b"Content-Length:", b" 5", body=b"text="), [400]),
    "folded": (a_post(b"X-Text: a", b" Content-Length: 0"), [400]),
    "bare line feeds": (POST.replace(b"\r\n", b"\n"), [400]),
    "bare carriage return": (a_post(b"X-Text: a\rContent-Length: 0"), [400]),
    "NUL": (a_post(b"X-Text: a\0"), [400]),
    "two types": (a_post(FORM), [400]),
    "two hosts": (a_post(HOST), [400]),
}


@pytest.mark.parametrize(("data", "statuses"), CASES.values(), ids=CASES)
async def test_both_give_the_same_answer(twins: Twins, data: bytes, statuses: list[int]) -> None:
    assert (await twins.outcome(data)).statuses == statuses


async def test_both_say_the_same_wherever_a_request_is_split(twins: Twins) -> None:
    whole = await twins.outcome(POST)

    for at in range(1, len(POST)):
        assert await twins.outcome(POST[:at], POST[at:]) == whole


async def test_both_say_the_same_wherever_three_requests_are_split(twins: Twins) -> None:
    data = POST + a_post(body=b"") + CHUNKED
    whole = await twins.outcome(data)

    for at in range(1, len(data), 7):
        assert await twins.outcome(data[:at], data[at:]) == whole


async def test_a_connection_may_bring_requests_of_all_kinds_one_after_the_other(twins: Twins) -> None:
    outcome = await twins.outcome(
        POST, a_post(body=b"2"), LIVE, POST, CHUNKED, VISIT, POST, a_post(b"Connection: close")
    )

    assert (outcome.statuses, outcome.is_open, len(outcome.seen)) == ([200] * 8, False, 7)


SNIPPETS = [b"\r\n", b"\n", b"\r", b"\0", b" ", b"\t", b":", b",", b"0", b"9", b"-", b"+", b"?", b"/", b"\x7f", b"\xff"]
LINES = [
    FORM,
    b"Content-Length: 9",
    b"Content-Length: 3",
    b"Transfer-Encoding: chunked",
    b"Connection: close",
    b"Connection: keep-alive",
    b"Expect: 100-continue",
    b"X-Text: any",
    b" folded",
    b"User-Agent: another",
    b"Proxy-Connection: close",
    HOST,
]
TAIL = b"\r\n".join([HOST, b"User-Agent: any", FORM, b"Content-Length: 9", b"Accept: */*", b"", b"text=STOP"])


@st.composite
def changed(draw: st.DrawFn, data: bytes) -> bytes:
    """A few bytes of it are gone, others are new."""
    for _ in range(draw(st.integers(0, 2))):
        at, gone = draw(st.integers(0, max(len(data) - 2, 0))), draw(st.integers(0, 2))
        data = data[:at] + draw(st.sampled_from([b"", *SNIPPETS]) | st.binary(max_size=2)) + data[at + gone :]
    return data


@st.composite
def a_changed_request(draw: st.DrawFn) -> bytes:
    first = draw(changed(FIRST)) if draw(st.integers(0, 3)) == 0 else FIRST
    lines = draw(st.lists(st.sampled_from(LINES), max_size=2))
    return b"\r\n".join([first, *lines, draw(changed(TAIL))])


@pytest.fixture(params=[asyncio.new_event_loop, uvloop.new_event_loop], ids=["asyncio", "uvloop"])
def running(request: pytest.FixtureRequest) -> Iterator[Callable[[Awaitable[Any]], Any]]:
    loop: asyncio.AbstractEventLoop = request.param()
    yield loop.run_until_complete
    loop.close()


def test_both_say_the_same_of_a_request_with_a_mistake(running: Callable[[Awaitable[Any]], Any]) -> None:
    stack = AsyncExitStack()
    pair: Twins = running(stack.enter_async_context(both()))

    @given(a_changed_request(), st.booleans())
    @settings(max_examples=200)
    def check(data: bytes, is_second: bool) -> None:
        running(pair.outcome(POST + data + POST if is_second else data))

    try:
        check()
    finally:
        running(stack.aclose())


# ── a connection's life ─────────────────────────────────────────────────────────────────────────────────────────────


class Gate:
    """Lets nobody's answer out until it is opened. The answer is the body."""

    def __init__(self) -> None:
        self.opened = asyncio.Event()
        self.waiting = 0

    async def reply_to(self, _: str, inbound: Inbound) -> Reply:
        self.waiting += 1
        await self.opened.wait()
        return Reply(status=200, body=inbound.body, content_type="text/plain")


@pytest.fixture
def gate() -> Gate:
    return Gate()


@asynccontextmanager
async def a_door(reply_to: ReplyTo, *, keep_alive: float = 60) -> AsyncIterator[tuple[Door, int]]:
    loop = asyncio.get_running_loop()
    others = server_of(Hook().answer, max_body=MAX_BODY, keep_alive=keep_alive)
    door = Door(Taking(reply_to), others, max_body=MAX_BODY)
    listener = await loop.create_server(lambda: Connection(door), LOCAL, 0)
    try:
        yield door, listener.sockets[0].getsockname()[1]
    finally:
        listener.close()
        await asyncio.gather(door.drain(5), others.shutdown(5))


@asynccontextmanager
async def connected(port: int) -> AsyncIterator[tuple[asyncio.StreamReader, asyncio.StreamWriter]]:
    reader, writer = await asyncio.open_connection(LOCAL, port)
    try:
        yield reader, writer
    finally:
        writer.close()
        with suppress(OSError):
            await writer.wait_closed()


async def an_answer(reader: asyncio.StreamReader) -> tuple[bytes, bytes]:
    """Head and body."""
    async with asyncio.timeout(5):
        head = await reader.readuntil(b"\r\n\r\n")
        length = re.search(rb"Content-Length: (\d+)", head)
        assert length is not None
        return head, await reader.readexactly(int(length[1]))


async def the_rest(reader: asyncio.StreamReader) -> bytes:
    async with asyncio.timeout(5):
        return await reader.read()


async def test_closing_answers_what_is_under_way_and_hangs_up_on_the_rest(gate: Gate) -> None:
    async with AsyncExitStack() as stack:
        port = await stack.enter_async_context(
            open_door(Taking(gate.reply_to), Hook().answer, LOCAL, 0, max_body=MAX_BODY)
        )
        async with connected(port) as (idle, _), connected(port) as (other, asking), connected(port) as (busy, sending):
            asking.write(LIVE)
            await an_answer(other)
            sending.write(a_post(body=b"1") + a_post(body=b"2"))
            await eventually(lambda: gate.waiting == 1)
            closing = asyncio.create_task(stack.aclose())
            assert (await the_rest(idle), await the_rest(other)) == (b"", b"")
            gate.opened.set()
            head, body = await an_answer(busy)

            assert (CLOSING in head, body) == (True, b"1")
            assert await the_rest(busy) == b""
            async with asyncio.timeout(5):
                await closing
            with pytest.raises(OSError):  # noqa: PT011  # whatever the system calls it
                await asyncio.open_connection(LOCAL, port)


async def test_closing_lets_aiohttp_answer_what_is_under_way_there(gate: Gate) -> None:
    async def answer_late(request: web.BaseRequest) -> web.StreamResponse:
        return response(
            await gate.reply_to("", Inbound(method="", query="", content_type="", body=await request.read()))
        )

    async with AsyncExitStack() as stack:
        port = await stack.enter_async_context(
            open_door(Taking(Hook().reply_to), answer_late, LOCAL, 0, max_body=MAX_BODY)
        )
        async with connected(port) as (reader, writer):
            writer.write(CHUNKED)
            await eventually(lambda: gate.waiting == 1)
            closing = asyncio.create_task(stack.aclose())
            await settled()
            gate.opened.set()
            head, body = await an_answer(reader)

            assert (head.split()[1], body) == (b"200", b"text=STOP")
            assert await the_rest(reader) == b""
            async with asyncio.timeout(5):
                await closing


async def test_closing_a_door_that_nobody_came_to_takes_no_time() -> None:
    async with asyncio.timeout(1):
        async with open_door(Taking(Hook().reply_to), Hook().answer, LOCAL, 0, max_body=MAX_BODY):
            pass

    assert asyncio.all_tasks() == {asyncio.current_task()}


async def test_who_is_silent_for_long_is_hung_up_on(gate: Gate) -> None:
    async with a_door(gate.reply_to) as (door, port), connected(port) as (idle, _), connected(port) as (busy, sending):
        sending.write(POST)
        await eventually(lambda: gate.waiting == 1)
        now = asyncio.get_running_loop().time()
        for since in (now - 75, now + 75):
            for connection in [*door.connections]:
                connection.close_if_silent(since=since)
            await settled()
            assert idle.at_eof() == (since > now)
        gate.opened.set()

        assert (await an_answer(busy))[1] == b"text=STOP"
        assert len(door.connections) == 1


@pytest.mark.parametrize("begun", [b"POST /hooks/t0ken HTTP/1.1\r\nHos", VISIT[:-2], LIVE + VISIT[:-2]])
async def test_who_never_ends_the_head_of_a_request_is_hung_up_on(begun: bytes) -> None:
    async with a_door(Hook().reply_to, keep_alive=0.2) as (_, port), connected(port) as (reader, writer):
        writer.write(begun)
        if begun.startswith(LIVE):
            await an_answer(reader)

        assert await the_rest(reader) == b""


async def test_who_never_ends_the_body_of_a_request_is_told_what_is_missing() -> None:
    async def answer_soon(request: web.BaseRequest) -> web.StreamResponse:
        try:
            await inbound_of(request, max_body=MAX_BODY, patience=0.1)
        except Refused as refused:
            return web.Response(status=400, text=str(refused))
        return web.Response(text="whole")

    async with (
        open_door(Taking(Hook().reply_to), answer_soon, LOCAL, 0, max_body=MAX_BODY) as port,
        connected(port) as (reader, writer),
    ):
        writer.write(POST[:-3])
        head, body = await an_answer(reader)

        assert head.startswith(b"HTTP/1.1 400 ")
        assert body == b"the body did not arrive whole within 0.1 s: 6 bytes did"


async def test_who_hangs_up_before_the_answer_leaves_nothing_behind(gate: Gate) -> None:
    async with a_door(gate.reply_to) as (door, port):
        before = asyncio.all_tasks()
        async with connected(port) as (_, writer):
            writer.write(POST)
            await eventually(lambda: gate.waiting == 1)
        await eventually(lambda: not door.connections)
        gate.opened.set()

        await eventually(lambda: asyncio.all_tasks() <= before)


async def test_what_was_sent_behind_it_is_not_taken_from_who_has_hung_up(gate: Gate) -> None:
    async with a_door(gate.reply_to) as (door, port):
        async with connected(port) as (_, writer):
            writer.write(POST + POST)
            await eventually(lambda: gate.waiting == 1)
        await eventually(lambda: not door.connections)
        gate.opened.set()
        await settled()

        assert gate.waiting == 1


async def test_a_connection_that_aiohttp_has_is_no_longer_ours() -> None:
    async with a_door(Hook().reply_to) as (door, port), connected(port) as (reader, writer):
        await eventually(lambda: len(door.connections) == 1)
        writer.write(POST + LIVE)
        for _ in range(2):
            await an_answer(reader)

        assert not door.connections


async def test_what_nobody_foresaw_is_a_500_and_the_connection_goes_on() -> None:
    hook = Hook()

    async def fail_first(token: str, inbound: Inbound) -> Reply:
        if inbound.body == b"bad":
            raise ZeroDivisionError("on purpose")
        return await hook.reply_to(token, inbound)

    with capture_logs() as logs:
        async with a_door(fail_first) as (_, port), connected(port) as (reader, writer):
            writer.write(a_post(body=b"bad") + POST)
            heads = [(await an_answer(reader))[0] for _ in range(2)]

    assert [head.split()[1] for head in heads] == [b"500", b"200"]
    assert [line["event"] for line in logs] == ["webhook.broke"]


async def test_reading_pauses_when_much_is_waiting_and_all_is_answered_in_order(gate: Gate) -> None:
    bodies = [b"%d " % n + b"x" * 2000 for n in range(400)]
    async with a_door(gate.reply_to) as (door, port), connected(port) as (reader, writer):
        for body in bodies:
            writer.write(a_post(body=body))
        await eventually(lambda: any(not of.is_reading() for c in door.connections if (of := c._transport)))
        gate.opened.set()

        assert [(await an_answer(reader))[1] for _ in bodies] == bodies


async def test_many_connections_have_their_answers_each() -> None:
    async def echo(_: str, inbound: Inbound) -> Reply:
        return Reply(status=200, body=inbound.body)

    async def one(port: int, n: int) -> list[bytes]:
        async with connected(port) as (reader, writer):
            writer.write(a_post(body=b"%d" % n) + a_post(body=b"%d again" % n))
            return [(await an_answer(reader))[1] for _ in range(2)]

    async with a_door(echo) as (_, port):
        answers = await asyncio.gather(*(one(port, n) for n in range(50)))

    assert answers == [[b"%d" % n, b"%d again" % n] for n in range(50)]
