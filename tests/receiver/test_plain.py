"""A plain post is understood exactly as aiohttp understands it; any other bytes are nobody's here."""

import asyncio
from collections.abc import Iterator

import pytest
from aiohttp.base_protocol import BaseProtocol
from aiohttp.http_parser import HttpRequestParser
from hypothesis import given, settings
from hypothesis import strategies as st

from receiver.inbound import Inbound
from receiver.plain import read

BODY = b"msisdn=14155550100&text=STOP"
LENGTH = b"Content-Length: %d" % len(BODY)
FORM = b"Content-Type: application/x-www-form-urlencoded"
HOST = b"Host: relay.example.com"
FIRST = b"POST /hooks/t0ken-of_16~chars HTTP/1.1"


def a_request(*lines: bytes, first: bytes = FIRST, body: bytes = BODY) -> bytes:
    return b"\r\n".join([first, HOST, *lines, b"", body])


PLAIN = a_request(FORM, LENGTH)


def test_a_plain_post_is_read_whole() -> None:
    found = read(PLAIN)

    assert found is not None
    token, inbound, end = found
    assert token == "t0ken-of_16~chars"
    assert inbound == Inbound(method="POST", query="", content_type="application/x-www-form-urlencoded", body=BODY)
    assert end == len(PLAIN)


@pytest.mark.parametrize(
    ("lines", "content_type"),
    [
        ([LENGTH], ""),
        ([LENGTH, b"Content-Type:"], ""),
        ([b"content-LENGTH:%d" % len(BODY), b"CONTENT-type:text/xml"], "text/xml"),
        ([LENGTH + b" \t", b"Content-Type: \t text/xml; charset=utf-8 \t"], "text/xml; charset=utf-8"),
        ([LENGTH, b"Connection: keep-alive"], ""),
        ([LENGTH, b"Connection: Keep-Alive"], ""),
        ([LENGTH, b"X-Forwarded-For: 192.0.2.1", b"X-Forwarded-For: 192.0.2.2"], ""),
        ([LENGTH, b"X-Text: a\tb", b"X-Empty:", b"!#$%&'*+-.^_`|~: any token is a name"], ""),
        ([b"Content-Length: 000%d" % len(BODY)], ""),
    ],
)
def test_what_says_nothing_of_the_body_may_stand_in_any_plain_post(lines: list[bytes], content_type: str) -> None:
    found = read(a_request(*lines))

    assert found is not None
    assert (found[1].content_type, found[1].body) == (content_type, BODY)


def test_a_body_may_be_empty() -> None:
    request = a_request(b"Content-Length: 0", body=b"")

    found = read(request + PLAIN)

    assert found is not None
    assert (found[1].body, found[2]) == (b"", len(request))


def test_what_was_sent_behind_it_is_left_there() -> None:
    second = a_request(b"Content-Length: 4", first=b"POST /hooks/second HTTP/1.1", body=b"next")
    data = PLAIN + second + b"GET / HTT"

    first = read(data)
    assert first is not None
    rest = read(data[first[2] :])

    assert first[2] == len(PLAIN)
    assert rest is not None
    assert (rest[0], rest[1].body, rest[2]) == ("second", b"next", len(second))


def test_any_bytes_may_be_a_body() -> None:
    body = bytes(range(256)) + PLAIN

    found = read(a_request(b"Content-Length: %d" % len(body), body=body))

    assert found is not None
    assert found[1].body == body


# ── what is not plain ───────────────────────────────────────────────────────────────────────────────────────────────

NOT_PLAIN = {
    "nothing": b"",
    "other method": a_request(LENGTH, first=FIRST.replace(b"POST", b"PUT")),
    "lower-case method": a_request(LENGTH, first=FIRST.replace(b"POST", b"post")),
    "get": a_request(first=FIRST.replace(b"POST", b"GET"), body=b""),
    "HTTP/1.0": a_request(LENGTH, first=FIRST.replace(b"1.1", b"1.0")),
    "HTTP/2.0": a_request(LENGTH, first=FIRST.replace(b"1.1", b"2.0")),
    "HTTP/1.10": a_request(LENGTH, first=FIRST + b"0"),
    "no version": a_request(LENGTH, first=b"POST /hooks/t0ken"),
    "query string": a_request(LENGTH, first=b"POST /hooks/t0ken?a=1 HTTP/1.1"),
    "empty query string": a_request(LENGTH, first=b"POST /hooks/t0ken? HTTP/1.1"),
    "fragment": a_request(LENGTH, first=b"POST /hooks/t0ken# HTTP/1.1"),
    "other path": a_request(LENGTH, first=b"POST /readyz HTTP/1.1"),
    "no token": a_request(LENGTH, first=b"POST /hooks/ HTTP/1.1"),
    "deeper path": a_request(LENGTH, first=b"POST /hooks/t0ken/more HTTP/1.1"),
    "dots": a_request(LENGTH, first=b"POST /hooks/../healthz HTTP/1.1"),
    "percent": a_request(LENGTH, first=b"POST /hooks/t%30ken HTTP/1.1"),
    "whole address": a_request(LENGTH, first=b"POST http://relay.example.com/hooks/t0ken HTTP/1.1"),
    "overlong token": a_request(LENGTH, first=b"POST /hooks/%b HTTP/1.1" % (b"t" * 257)),
    "two spaces": a_request(LENGTH, first=b"POST  /hooks/t0ken HTTP/1.1"),
    "space at the end of the first line": a_request(LENGTH, first=FIRST + b" "),
    "tab in the first line": a_request(LENGTH, first=b"POST\t/hooks/t0ken HTTP/1.1"),
    "empty line first": b"\r\n" + PLAIN,
    "chunked": a_request(b"Transfer-Encoding: chunked", body=b"0\r\n\r\n"),
    "chunked and a length": a_request(LENGTH, b"Transfer-Encoding: chunked"),
    "encoded by nothing": a_request(LENGTH, b"Transfer-Encoding: identity"),
    "compressed": a_request(LENGTH, b"Content-Encoding: gzip"),
    "trailer": a_request(LENGTH, b"Trailer: Date"),
    "te": a_request(LENGTH, b"TE: trailers"),
    "expect": a_request(LENGTH, b"Expect: 100-continue"),
    "upgrade": a_request(LENGTH, b"Upgrade: websocket"),
    "connection: close": a_request(LENGTH, b"Connection: close"),
    "connection: upgrade": a_request(LENGTH, b"Connection: keep-alive, upgrade"),
    "connection twice": a_request(LENGTH, b"Connection: keep-alive", b"Connection: keep-alive"),
    "no length": a_request(FORM),
    "length twice": a_request(LENGTH, LENGTH),
    "length twice, other case": a_request(LENGTH, b"content-length: 0"),
    "two content types": a_request(LENGTH, FORM, b"content-type: application/json"),
    "two hosts": a_request(LENGTH, HOST),
    "length with a plus": a_request(b"Content-Length: +%d" % len(BODY)),
    "negative length": a_request(b"Content-Length: -1"),
    "length in two parts": a_request(b"Content-Length: 2 8"),
    "list of lengths": a_request(b"Content-Length: 28, 28"),
    "overlong length": a_request(b"Content-Length: %08d" % len(BODY)),
    "length with an underscore": a_request(b"Content-Length: 2_8"),
    "hexadecimal length": a_request(b"Content-Length: 0x1c"),
    "no digits in the length": a_request(b"Content-Length:"),
    "folded line": a_request(LENGTH, b"X-Text: a", b" b"),
    "folded with a tab": a_request(LENGTH, b"X-Text: a", b"\tb"),
    "folded length": a_request(b"Content-Length:", b" 28"),
    "bare line feeds": PLAIN.replace(b"\r\n", b"\n"),
    "one bare line feed": PLAIN.replace(b"\r\nContent-Type", b"\nContent-Type"),
    "head ends in bare line feeds": PLAIN.replace(b"\r\n\r\n", b"\n\n"),
    "bare carriage return": a_request(LENGTH, b"X-Text: a\rContent-Length: 0"),
    "line feed in a value": a_request(LENGTH, b"X-Text: a\nContent-Length: 0"),
    "space before the colon": a_request(b"Content-Length : 28"),
    "tab before the colon": a_request(b"Content-Length\t: 28"),
    "space before the name": PLAIN.replace(HOST, b" " + HOST),
    "no colon": a_request(LENGTH, b"X-Text"),
    "no name": a_request(LENGTH, b": text"),
    "no token as a name": a_request(LENGTH, b"X(Text): a"),
    "NUL in a value": a_request(LENGTH, b"X-Text: a\0b"),
    "NUL in a name": a_request(LENGTH, b"X\0Text: a"),
    "NUL in the length": a_request(LENGTH + b"\0"),
    "DEL in a value": a_request(LENGTH, b"X-Text: \x7f"),
    "UTF-8 in a value": a_request(LENGTH, "X-Text: é".encode()),
    "Latin-1 in a value": a_request(LENGTH, b"X-Text: \xe9"),
    "non-ASCII name": a_request(LENGTH, "X-Té: a".encode()),
    "non-ASCII digits": a_request("Content-Length: ٢٨".encode()),
    "non-ASCII token": a_request(LENGTH, first="POST /hooks/tökén HTTP/1.1".encode()),
    "no headers": b"POST /hooks/t0ken HTTP/1.1\r\n\r\n",
    "head longer than a line may be": a_request(LENGTH, *[b"X-Text: " + b"x" * 800] * 10, b"X-Text: " + b"x" * 100),
    "TLS hello": b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
    "HTTP/2 preface": b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
}


@pytest.mark.parametrize("data", NOT_PLAIN.values(), ids=NOT_PLAIN)
def test_what_is_unusual_is_not_plain(data: bytes) -> None:
    assert read(data) is None


@pytest.mark.parametrize("data", NOT_PLAIN.values(), ids=NOT_PLAIN)
def test_nor_does_it_become_so_by_what_follows(data: bytes) -> None:
    assert data == b"" or read(data + PLAIN) is None


def test_what_is_not_all_there_is_not_plain_yet() -> None:
    assert [end for end in range(len(PLAIN) + 1) if read(PLAIN[:end])] == [len(PLAIN)]


def test_a_head_of_8190_bytes_is_the_longest() -> None:
    room = 8190 - len(a_request(LENGTH, b"X-Text: ", body=b""))

    assert read(a_request(LENGTH, b"X-Text: " + b"x" * room)) is not None
    assert read(a_request(LENGTH, b"X-Text: " + b"x" * (room + 1))) is None


def test_a_long_head_is_judged_in_one_pass() -> None:
    for filling in (b"a", b"a:", b"a:\r\n", b" ", b"\t", b"\r\n", b"a: \t"):
        assert read(b"\r\n".join([FIRST, HOST, filling * 200_000])) is None


# ── two readers, one meaning ────────────────────────────────────────────────────────────────────────────────────────

SNIPPETS = [b"\r\n", b"\n", b"\r", b"\0", b" ", b"\t", b":", b",", b"0", b"9", b"-", b"+", b"?", b"%", b"\x7f", b"\xff"]
LINES = [
    LENGTH,
    FORM,
    b"Content-Length: 0",
    b"Content-Length: 3",
    b"Content-Length : 3",
    b"Content-Type: text/xml",
    b"Transfer-Encoding: chunked",
    b"Transfer-Encoding : chunked",
    b"Connection: close",
    b"Connection: keep-alive",
    b"Expect: 100-continue",
    b"Upgrade: websocket",
    b"Content-Encoding: gzip",
    b"X-Text: any",
    b" folded",
    b"X-Text:\tany \t",
    b"Keep-Alive: timeout=5",
    b"User-Agent: another",
    b"Proxy-Connection: close",
    HOST,
]
TAIL = b"\r\n".join([HOST, b"User-Agent: any", FORM, LENGTH, b"Accept: */*", b"", BODY])


@st.composite
def changed(draw: st.DrawFn, data: bytes) -> bytes:
    """A few bytes of it are gone, others are new."""
    for _ in range(draw(st.integers(0, 3))):
        at = draw(st.integers(0, max(len(data) - 2, 0)))
        gone = draw(st.integers(0, 2))
        data = data[:at] + draw(st.sampled_from([b"", *SNIPPETS]) | st.binary(max_size=2)) + data[at + gone :]
    return data


@st.composite
def a_changed_request(draw: st.DrawFn) -> bytes:
    head = draw(changed(FIRST)) if draw(st.integers(0, 3)) == 0 else FIRST
    lines = draw(st.lists(st.sampled_from(LINES), max_size=3))
    return b"\r\n".join([head, *lines, draw(changed(TAIL))])


@pytest.fixture(scope="module")
def loop() -> Iterator[asyncio.AbstractEventLoop]:
    loop = asyncio.new_event_loop()
    yield loop
    loop.close()


@given(st.binary() | a_changed_request())
def test_any_bytes_are_a_plain_post_or_none(data: bytes) -> None:
    found = read(data)

    assert found is None or 0 < found[2] <= len(data)


@given(data=a_changed_request())
@settings(max_examples=500)
def test_what_is_plain_is_the_same_to_aiohttp(loop: asyncio.AbstractEventLoop, data: bytes) -> None:
    found = read(data)

    if found is None:
        return
    (token, inbound, end), behind = found, PLAIN.replace(FIRST, b"POST /hooks/behind HTTP/1.1")
    parser = HttpRequestParser(BaseProtocol(loop), loop, 2**16)
    (message, payload), (following, _) = parser.feed_data(data[:end] + behind)[0]
    assert (message.method, message.path) == (inbound.method, f"/hooks/{token}")
    assert message.headers.get("Content-Type", "") == inbound.content_type
    assert (payload.read_nowait(), payload.is_eof()) == (inbound.body, True)
    assert not any((message.should_close, message.upgrade, message.chunked, message.compression))
    assert following.path == "/hooks/behind"
