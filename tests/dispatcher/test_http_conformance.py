"""Our client and aiohttp's are held against the same servers, good and bad: they have to say the same of each.

Where they may differ, a test says so, and why.
"""

import asyncio
import datetime as dt
import resource
import socket
import ssl
import struct
from collections.abc import AsyncIterator
from dataclasses import dataclass

import pytest
import trustme

from dispatcher.exchange import KEPT_BYTES, READ_BYTES, Client
from tests.dispatcher.endpoints import (
    LOOPBACK,
    OK,
    Endless,
    Names,
    Said,
    a_client,
    answering,
    certified,
    connected,
    request_from,
    said,
)


@pytest.fixture(params=["ours", "aiohttp"])
def kind(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
async def client(kind: str) -> AsyncIterator[Client]:
    async with a_client(kind) as opened:
        yield opened


# ── answers ─────────────────────────────────────────────────────────────────────────────────────────────────────────


@dataclass(frozen=True)
class Case:
    answer: bytes
    expected: Said
    is_kept: bool = True
    closes: bool = False


HELLO = (200, b"hello")
CASES = {
    "a length": Case(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello", HELLO),
    "a length of nothing": Case(b"HTTP/1.1 202 Accepted\r\nContent-Length: 0\r\n\r\n", (202, b"")),
    "a length between spaces": Case(b"HTTP/1.1 200 OK\r\nContent-Length: \t5 \r\n\r\nhello", HELLO),
    "chunks": Case(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nhell\r\n1\r\no\r\n0\r\n\r\n", HELLO),
    "chunks with leading zeros and extensions": Case(
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: Chunked\r\n\r\n0005;a=b\r\nhello\r\n0;last\r\n\r\n", HELLO
    ),
    "chunks and trailers": Case(
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\nX-Sum: 1\r\nX-Other: 2\r\n\r\n", HELLO
    ),
    "until it closes": Case(b"HTTP/1.1 200 OK\r\n\r\nhello", HELLO, is_kept=False, closes=True),
    "until it closes, HTTP/1.0": Case(b"HTTP/1.0 200 OK\r\n\r\nhello", HELLO, is_kept=False, closes=True),
    "HTTP/1.0 with a length": Case(b"HTTP/1.0 200 OK\r\nContent-Length: 5\r\n\r\nhello", HELLO, is_kept=False),
    "HTTP/1.0 that is kept": Case(
        b"HTTP/1.0 200 OK\r\nConnection: Keep-Alive\r\nContent-Length: 5\r\n\r\nhello", HELLO
    ),
    "Connection: close": Case(
        b"HTTP/1.1 200 OK\r\nConnection: Close\r\nContent-Length: 5\r\n\r\nhello", HELLO, is_kept=False
    ),
    "204 without a length": Case(b"HTTP/1.1 204 No Content\r\n\r\n", (204, b"")),
    "304 with the length of what it does not send": Case(
        b"HTTP/1.1 304 Not Modified\r\nContent-Length: 5\r\n\r\n", (304, b"")
    ),
    "100 before": Case(b"HTTP/1.1 100 Continue\r\n\r\n" + OK, (200, b"ok")),
    "102 and 103 before": Case(
        b"HTTP/1.1 102 Processing\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n" + OK, (200, b"ok")
    ),
    "no reason": Case(b"HTTP/1.1 200\r\nContent-Length: 5\r\n\r\nhello", HELLO),
    "an empty reason": Case(b"HTTP/1.1 200 \r\nContent-Length: 5\r\n\r\nhello", HELLO),
    "a reason in Latin-1": Case(b"HTTP/1.1 200 D\xe9j\xe0\r\nContent-Length: 5\r\n\r\nhello", HELLO),
    "a header in UTF-8": Case("HTTP/1.1 200 OK\r\nX: été\r\nContent-Length: 5\r\n\r\nhello".encode(), HELLO),
    "a header in neither": Case(b"HTTP/1.1 200 OK\r\nX: \xff\xfe\r\nContent-Length: 5\r\n\r\nhello", HELLO),
    "an empty header": Case(b"HTTP/1.1 200 OK\r\nX:\r\nContent-Length: 5\r\n\r\nhello", HELLO),
    "any case": Case(b"HTTP/1.1 200 OK\r\ncONTENT-lENGTH: 5\r\n\r\nhello", HELLO),
    "bare line feeds": Case(b"HTTP/1.1 200 OK\nContent-Length: 5\n\nhello", HELLO),
    "a body that is no text": Case(b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\n\xff\x00\xfe", (200, b"\xff\x00\xfe")),
    "a redirect": Case(b"HTTP/1.1 307 Elsewhere\r\nLocation: /hook\r\nContent-Length: 0\r\n\r\n", (307, b"")),
    "a redirect to another scheme": Case(
        b"HTTP/1.1 302 Elsewhere\r\nLocation: gopher://127.0.0.1/\r\nContent-Length: 0\r\n\r\n", (302, b"")
    ),
    "an unknown status": Case(b"HTTP/1.1 799 Odd\r\nContent-Length: 0\r\n\r\n", (799, b"")),
    "too short": Case(b"HTTP/1.1 200 OK\r\nContent-Length: 50\r\n\r\nhello", HELLO, is_kept=False, closes=True),
    "cut in a chunk": Case(
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n50\r\nhello", HELLO, is_kept=False, closes=True
    ),
    "another answer behind it": Case(
        OK + b"HTTP/1.1 410 Gone\r\nContent-Length: 0\r\n\r\n", (200, b"ok"), is_kept=False
    ),
}


@pytest.mark.parametrize("case", CASES.values(), ids=CASES.keys())
async def test_both_read_the_same_answer(client: Client, case: Case) -> None:
    async with answering(case.answer, closes=case.closes) as server:
        first = await said(client, server.url)
        second = await said(client, server.url)

    assert (first, second) == (case.expected, case.expected)
    assert len(server.requests) == 2
    assert server.connections == (1 if case.is_kept else 2)


async def test_a_byte_at_a_time_is_the_same_answer(client: Client) -> None:
    async def drip(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await request_from(reader)
        for byte in CASES["chunks and trailers"].answer:
            writer.write(bytes([byte]))
            await writer.drain()
            await asyncio.sleep(0)
        await reader.read()

    async with connected(drip) as url:
        assert await said(client, url) == HELLO


GARBAGE = {
    "another protocol": b"SSH-2.0-OpenSSH_9.6\r\n",
    "TLS": b"\x15\x03\x01\x00\x02\x02\x46",
    "a page and no head": b"<html>\r\n\r\n",
    "a control character in the status line": b"HTTP/1.1 200\x00OK\r\n\r\n",
    "a letter in the status": b"HTTP/1.1 2oo OK\r\n\r\n",
    "another version": b"HTTP/3.7 200 OK\r\n\r\n",
    "a header without a colon": b"HTTP/1.1 200 OK\r\nA\r\n\r\n",
    "a header without a name": b"HTTP/1.1 200 OK\r\n: a\r\n\r\n",
    "a NUL in a header": b"HTTP/1.1 200 OK\r\nX: a\x00b\r\n\r\n",
    "a negative length": b"HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n",
    "a length that is no number": b"HTTP/1.1 200 OK\r\nContent-Length: five\r\n\r\nhello",
    "a length in hexadecimal": b"HTTP/1.1 200 OK\r\nContent-Length: 0x5\r\n\r\nhello",
    "two lengths": b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\nhello!",
    "two lengths in one": b"HTTP/1.1 200 OK\r\nContent-Length: 5, 6\r\n\r\nhello!",
    "an endless length": b"HTTP/1.1 200 OK\r\nContent-Length: " + b"9" * 30 + b"\r\n\r\n",
    "one huge header": b"HTTP/1.1 200 OK\r\nX: " + b"a" * 100_000 + b"\r\n\r\n",
    "many headers": b"HTTP/1.1 200 OK\r\n" + b"X: a\r\n" * 1000 + b"\r\n",
}


@pytest.mark.parametrize("garbage", GARBAGE.values(), ids=GARBAGE.keys())
async def test_what_is_not_http_is_a_bad_response(client: Client, garbage: bytes) -> None:
    async with answering(garbage) as server:
        assert await said(client, server.url) == "bad_response"
    assert server.connections == 1


async def test_endless_headers_are_not_taken_in(client: Client) -> None:
    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await request_from(reader)
        writer.write(b"HTTP/1.1 200 OK\r\n")
        while True:
            writer.write(b"X-Y: " + b"z" * 1000 + b"\r\n")
            await writer.drain()

    async with connected(talk) as url:
        assert await said(client, url) == "bad_response"


@pytest.mark.parametrize(
    ("answer", "ours", "theirs"),
    [
        # RFC 9112 6.3: chunks win over a length, and the connection ends. aiohttp refuses the answer.
        (b"Content-Length: 99\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n", HELLO, "bad_response"),
        # The same length twice says nothing wrong. aiohttp refuses it.
        (b"Content-Length: 5\r\nContent-Length: 5\r\n\r\nhello", HELLO, "bad_response"),
        # RFC 9112 5.2: a folded line is to be refused, or unfolded. aiohttp's parser unfolds.
        (b"X: a\r\n b\r\nContent-Length: 5\r\n\r\nhello", "bad_response", HELLO),
        # RFC 9112 5.1: no space before the colon. aiohttp's parser is lenient.
        (b"Content-Length : 5\r\n\r\nhello", "bad_response", HELLO),
        # The answer was whole. aiohttp sees the junk before it hands out the answer.
        (b"Content-Length: 5\r\n\r\nhellojunk", HELLO, "bad_response"),
    ],
    ids=["chunks and a length", "the same length twice", "a folded line", "a space before the colon", "junk behind it"],
)
async def test_they_differ_in_what_is_doubtful(
    kind: str, client: Client, answer: bytes, ours: Said, theirs: Said
) -> None:
    async with answering(b"HTTP/1.1 200 OK\r\n" + answer) as server:
        assert await said(client, server.url) == (ours if kind == "ours" else theirs)


async def test_an_answer_that_comes_before_the_request_is_one(client: Client) -> None:
    """So says a server that is too busy to read."""
    busy = b"HTTP/1.1 503 Busy\r\nContent-Length: 0\r\n\r\n"

    async def refuse(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(busy)
        await writer.drain()
        await reader.readuntil(b"\r\n\r\n")

    async with connected(refuse) as url:
        assert [await said(client, url), await said(client, url)] == [(503, b"")] * 2


# ── long and slow ───────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("framing", [b"Content-Length: 100000000\r\n", b"Transfer-Encoding: chunked\r\n", b""])
async def test_a_long_answer_is_not_downloaded(client: Client, framing: bytes) -> None:
    first = b"5f5e100\r\n" if b"chunked" in framing else b""
    endless = Endless(b"HTTP/1.1 200 OK\r\n" + framing + b"\r\n" + first)

    async with connected(endless.talk) as url:
        assert await said(client, url) == (200, b"a" * KEPT_BYTES)
        await endless.was_left.wait()

    assert endless.written < 20_000_000


@pytest.mark.parametrize("length", [KEPT_BYTES, KEPT_BYTES + 1, READ_BYTES - 1])
async def test_an_answer_that_is_read_to_its_end_keeps_the_connection(client: Client, length: int) -> None:
    async with answering(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%b" % (length, b"a" * length)) as server:
        assert await said(client, server.url) == (200, b"a" * KEPT_BYTES)
        await said(client, server.url)

    assert server.connections == 1


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        (b"", "timeout"),
        (b"HTT", "timeout"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n", "timeout"),
        (b"HTTP/1.1 100 Continue\r\n\r\n", "timeout"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n", (200, b"")),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhel", (200, b"hel")),
        (b"HTTP/1.1 200 OK\r\n\r\nhel", (200, b"hel")),
    ],
)
async def test_who_falls_silent_is_left_after_the_timeout(client: Client, written: bytes, expected: Said) -> None:
    async with answering(written) as server:
        assert await said(client, server.url, seconds=0.4) == expected


async def test_who_drips_headers_is_left_after_the_timeout(client: Client) -> None:
    async def drip(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\n")
        for _ in range(100):
            writer.write(b"X-Y: z\r\n")
            await writer.drain()
            await asyncio.sleep(0.02)

    async with connected(drip) as url:
        assert await said(client, url, seconds=0.3) == "timeout"


# ── rude ────────────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("cut", range(0, 39, 3))
async def test_who_hangs_up_early_has_answered_only_if_the_head_is_whole(client: Client, cut: int) -> None:
    head = OK.index(b"\r\n\r\n") + 4

    async with answering(OK[:cut], closes=True) as server:
        outcome = await said(client, server.url)

    assert outcome == ("connection_reset" if cut < head else (200, OK[head:cut]))
    assert server.connections == 1


def reset(writer: asyncio.StreamWriter) -> None:
    writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))


@pytest.mark.parametrize("resets", [True, False])
async def test_a_kept_connection_that_ends_under_the_request_costs_no_attempt(client: Client, resets: bool) -> None:
    requests: list[bytes] = []

    async def answer_once(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        requests.append(await request_from(reader))
        writer.write(OK)
        requests.append(await request_from(reader))
        if resets:
            reset(writer)

    async with connected(answer_once) as url:
        assert [await said(client, url), await said(client, url)] == [(200, b"ok"), (200, b"ok")]

    assert len(requests) == 3


@pytest.mark.parametrize("resets", [True, False])
async def test_a_connection_that_ended_while_it_was_idle_is_not_used(client: Client, resets: bool) -> None:
    requests: list[bytes] = []

    async def answer_once(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        requests.append(await request_from(reader))
        writer.write(OK)
        await writer.drain()
        if resets:
            reset(writer)

    async with connected(answer_once) as url:
        for _ in range(3):
            assert await said(client, url) == (200, b"ok")
            await asyncio.sleep(0.02)

    assert len(requests) == 3


async def test_junk_that_comes_while_nobody_asks_is_no_answer(kind: str, client: Client) -> None:
    """aiohttp's client takes it for the answer to the next request; what is not plain is too rare to mend that."""

    is_answered, is_said = asyncio.Event(), asyncio.Event()

    async def babble(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await request_from(reader)
        writer.write(OK)
        await is_answered.wait()
        writer.write(b"HTTP/1.1 410 Gone\r\nContent-Length: 0\r\n\r\n")
        await writer.drain()
        is_said.set()
        await reader.read()

    async with connected(babble) as url:
        assert await said(client, url) == (200, b"ok")
        is_answered.set()
        await is_said.wait()
        await asyncio.sleep(0.02)
        assert await said(client, url) == ((200, b"ok") if kind == "ours" else (410, b""))


async def test_a_server_that_will_say_no_more_has_not_answered(client: Client) -> None:
    async def half_close(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await request_from(reader)
        writer.write_eof()
        await reader.read()

    async with connected(half_close) as url:
        assert await said(client, url) == "connection_reset"


async def test_a_server_that_says_no_more_after_its_answer_is_not_asked_again_there(client: Client) -> None:
    connections = 0

    async def half_close(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal connections
        connections += 1
        await request_from(reader)
        writer.write(OK)
        writer.write_eof()
        await reader.read()

    async with connected(half_close) as url:
        for _ in range(2):
            assert await said(client, url) == (200, b"ok")
            await asyncio.sleep(0.02)

    assert connections == 2


async def test_an_answer_before_the_request_was_read_is_an_answer_and_ends_the_connection(client: Client) -> None:
    connections = 0

    async def refuse(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal connections
        connections += 1
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 413 Too long\r\nContent-Length: 4\r\n\r\nlong")
        await asyncio.sleep(0.3)

    async with connected(refuse) as url:
        for _ in range(2):
            assert await said(client, url, content=b"x" * 1_000_000) == (413, b"long")

    assert connections == 2


# ── who is it ───────────────────────────────────────────────────────────────────────────────────────────────────────


YESTERDAY = dt.datetime.now(dt.UTC) - dt.timedelta(days=1)


@pytest.mark.parametrize(
    ("host", "dates", "expected"),
    [
        ("127.0.0.1", {}, (200, b"ok")),
        ("crm.example.com", {}, "tls_failed"),
        ("127.0.0.1", {"not_before": YESTERDAY - dt.timedelta(days=9), "not_after": YESTERDAY}, "tls_failed"),
    ],
    ids=["good", "for another host", "expired"],
)
async def test_a_certificate_has_to_be_valid_and_for_this_host(
    kind: str,
    authority: trustme.CA,
    trusting: ssl.SSLContext,
    host: str,
    dates: dict[str, dt.datetime],
    expected: Said,
) -> None:
    async with (
        a_client(kind, tls=trusting) as client,
        answering(OK, tls=certified(authority, host, **dates)) as server,
    ):
        assert await said(client, server.url) == expected
        assert await said(client, server.url) == expected

    assert server.connections == (1 if expected == (200, b"ok") else 0)


async def test_an_unknown_authority_is_not_trusted(client: Client, authority: trustme.CA) -> None:
    async with answering(OK, tls=certified(authority, "127.0.0.1")) as server:
        assert await said(client, server.url) == "tls_failed"


async def test_a_port_that_speaks_no_tls_is_tls_failed(client: Client) -> None:
    async def babble(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 400 Bad Request\r\n\r\n")
        await writer.drain()

    async with connected(babble) as url:
        assert await said(client, url.replace("http:", "https:")) == "tls_failed"


@pytest.mark.parametrize(("resets", "word"), [(True, "connection_reset"), (False, "connect_failed")])
async def test_who_hangs_up_during_the_handshake_has_no_connection(client: Client, resets: bool, word: str) -> None:
    async def hang_up(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(65536)
        if resets:
            reset(writer)

    async with connected(hang_up) as url:
        assert await said(client, url.replace("http:", "https:")) == word


async def test_a_handshake_that_never_ends_is_a_connect_timeout(client: Client) -> None:
    async def hang(reader: asyncio.StreamReader, _writer: asyncio.StreamWriter) -> None:
        await reader.read()

    async with connected(hang) as url:
        assert await said(client, url.replace("http:", "https:"), seconds=1) == "connect_timeout"


@pytest.mark.parametrize("name", ["crm.example.com", "crm.example.com.", "bücher.example"])
async def test_the_server_is_told_which_name_is_meant(
    kind: str, authority: trustme.CA, trusting: ssl.SSLContext, name: str
) -> None:
    ascii_name = name.rstrip(".").encode("idna").decode()
    asked: list[str | None] = []
    context = certified(authority, ascii_name)
    context.sni_callback = lambda _socket, host, _context: asked.append(host)  # type: ignore[assignment]

    async with (
        answering(OK, tls=context) as server,
        a_client(kind, names=Names(["127.0.0.1"]), tls=trusting) as client,
    ):
        assert await said(client, server.url.replace("127.0.0.1", name)) == (200, b"ok")

    assert asked == [ascii_name]
    assert f"host: {ascii_name}:".encode() in server.requests[0].lower()


# ── where is it ─────────────────────────────────────────────────────────────────────────────────────────────────────


def _has_ipv6() -> bool:
    try:
        socket.create_server(("::1", 0), family=socket.AF_INET6).close()
    except OSError:
        return False
    return True


HAS_IPV6 = _has_ipv6()


@pytest.mark.skipif(not HAS_IPV6, reason="no IPv6 here")
async def test_ipv6_is_spoken(client: Client) -> None:
    async with answering(OK, host="::1") as server:
        assert await said(client, server.url) == (200, b"ok")

    assert b"Host: [::1]:" in server.requests[0]


async def test_a_name_with_both_families_is_reached_by_the_one_that_answers(kind: str) -> None:
    async with (
        answering(OK) as server,
        a_client(kind, names=Names(["::1", "127.0.0.2", "127.0.0.1"])) as client,
    ):
        assert await said(client, server.url.replace("127.0.0.1", "crm.example.com")) == (200, b"ok")


async def test_a_name_that_moves_to_a_forbidden_address_is_refused(kind: str) -> None:
    """Between two connections: the first was vetted, the second is vetted again."""
    only_v4 = LOOPBACK[:1]

    async with (
        answering(OK, closes=True) as server,
        a_client(kind, names=Names(["127.0.0.1"], ["::1"]), allow=only_v4) as client,
        a_client(kind, names=Names(["::1"]), allow=only_v4) as another,
    ):
        url = server.url.replace("127.0.0.1", "crm.example.com")
        assert await said(client, url) == (200, b"ok")
        assert await said(another, url) == "egress_refused"


async def test_a_name_is_asked_for_once_for_many_connections(kind: str) -> None:
    """So nothing lies between what was vetted and what is connected to: there is no second answer."""
    names = Names(["127.0.0.1"], ["::1"])

    async with answering(OK, closes=True) as server, a_client(kind, names=names, allow=LOOPBACK[:1]) as client:
        url = server.url.replace("127.0.0.1", "crm.example.com")
        outcomes = await asyncio.gather(*(said(client, url) for _ in range(5)))
        outcomes.append(await said(client, url))

    assert outcomes == [(200, b"ok")] * 6
    assert names.questions == ["crm.example.com"]


async def test_a_closed_port_is_connect_refused(client: Client) -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        assert await said(client, f"http://127.0.0.1:{unused.getsockname()[1]}/") == "connect_refused"


async def test_a_machine_that_has_no_more_sockets_is_told(client: Client) -> None:
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (3, before[1]))
    try:
        outcome = await said(client, "http://127.0.0.1:9/")
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, before)

    assert outcome == "no_descriptors"


async def test_a_name_that_does_not_exist_is_dns_failed(client: Client) -> None:
    assert await said(client, "http://nobody-is-here.invalid/") == "dns_failed"
