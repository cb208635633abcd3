"""What is asked for is what aiohttp would ask for, and nothing gets into a head but what belongs there."""

import asyncio
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dispatcher.exchange import Request
from dispatcher.target import Origin, target_of, written
from tests.dispatcher.endpoints import CONTENT, OK, Names, a_client, answering, said

ACME = "http://crm.example.com"


def a_request(url: str = ACME, **headers: str) -> Request:
    return Request(url, "application/json", headers, CONTENT)


def meaning(request: bytes) -> tuple[bytes, dict[bytes, bytes], bytes]:
    head, _, content = request.partition(b"\r\n\r\n")
    first, *lines = head.split(b"\r\n")
    fields = dict(line.split(b": ", 1) for line in lines)
    assert len(fields) == len(lines)
    return first, {name.lower(): value for name, value in fields.items()}, content


@pytest.mark.parametrize(
    ("host", "rest"),
    [
        ("crm.example.com", ""),
        ("crm.example.com", "/"),
        ("crm.example.com", "/hook"),
        ("crm.example.com", "/hook/"),
        ("crm.example.com", "?a=b"),
        ("crm.example.com", "/hook?a=b&a=c&d"),
        ("crm.example.com", "/hook?"),
        ("crm.example.com", "/hook#fragment"),
        ("crm.example.com", "/hook?a=b#fragment"),
        ("crm.example.com", "/a/../b/./c//d"),
        ("crm.example.com", "/été?où=là"),
        ("crm.example.com", "/%C3%A9t%c3%a9"),
        ("crm.example.com", "/a%2Fb?c=%26%3D%2B+%20"),
        ("crm.example.com", "/a b?c d"),
        ("crm.example.com", "/%zz?%"),
        ("crm.example.com", "/a;b=c,d@e:f!$&'()*+"),
        ("crm.example.com", '/<>"{}|\\^`[]'),
        ("crm.example.com", "/%0d%0aX-Evil:%20yes"),
        ("crm.example.com", "/\r\nX-Evil: yes"),
        ("crm.example.com", "/?token=a:b@c/d?e"),
        ("CRM.Example.COM", "/"),
        ("crm.example.com.", "/"),
        ("crm_2.example.com", "/"),
        ("xn--bcher-kva.example", "/"),
        ("bücher.example", "/"),
        ("BÜCHER.example", "/"),
        ("停止.example", "/"),
        ("127.0.0.1", "/"),
        # not plain, and so aiohttp's in any case
        ("user:pass@crm.example.com", "/"),
        ("us%20er:p%40ss@crm.example.com", "/"),
        ("user@crm.example.com", "/"),
        (":pass@crm.example.com", "/"),
    ],
)
async def test_the_same_is_asked_for_as_by_aiohttp(host: str, rest: str) -> None:
    names = Names(["127.0.0.1"])

    async with (
        answering(OK) as server,
        a_client("ours", names=names) as ours,
        a_client("aiohttp", names=names) as other,
    ):
        url = server.url.replace("127.0.0.1", host).removesuffix("/hook") + rest
        assert [await said(ours, url), await said(other, url)] == [(200, b"ok")] * 2

    assert meaning(server.requests[0]) == meaning(server.requests[1])


@pytest.mark.parametrize(
    ("url", "origin", "host"),
    [
        ("http://crm.example.com", Origin(False, "crm.example.com", 80), b"crm.example.com"),
        ("http://crm.example.com:80/", Origin(False, "crm.example.com", 80), b"crm.example.com"),
        ("http://crm.example.com:443/", Origin(False, "crm.example.com", 443), b"crm.example.com:443"),
        ("HTTPS://CRM.example.com/", Origin(True, "crm.example.com", 443), b"crm.example.com"),
        ("https://crm.example.com:443/", Origin(True, "crm.example.com", 443), b"crm.example.com"),
        ("https://crm.example.com:8443/", Origin(True, "crm.example.com", 8443), b"crm.example.com:8443"),
        ("https://[2606:2800::1]/", Origin(True, "2606:2800::1", 443), b"[2606:2800::1]"),
        ("http://[2606:2800::1]:8080/", Origin(False, "2606:2800::1", 8080), b"[2606:2800::1]:8080"),
        ("http://crm.example.com./", Origin(False, "crm.example.com.", 80), b"crm.example.com"),
    ],
)
def test_the_default_port_is_not_told(url: str, origin: Origin, host: bytes) -> None:
    target = target_of(url, "application/json")

    assert target is not None
    assert target.origin == origin
    assert meaning(target.head + b"\r\n")[1][b"host"] == host


@pytest.mark.parametrize(
    "url",
    [
        "",
        "/hook",
        "crm.example.com/hook",
        "ftp://crm.example.com/",
        "unix:///run/crm.sock",
        "http://",
        "http:///hook",
        "http://[::1/",
        "http://[::1%25lo]/",
        "http://crm.example.com:99999/",
        "http://crm.example.com:0/",
        "http://user@crm.example.com/",
        "http://:secret@crm.example.com/",
        "http://2130706433/",
        "http://127.1/",
        "http://0177.0.0.1/",
        "http://0x7f.1/",
        "http://1.2.3.4.5/",
        "http://%31%32%37.0.0.1/",
        "http://crm..example.com/",
        "http://.example.com/",
        "http://-crm.example.com/",
        f"http://{'a' * 64}.example.com/",
        f"http://{'a.' * 130}com/",
        "http://crm.exa mple.com/",
    ],
)
def test_what_is_not_plain_is_left_to_aiohttp(url: str) -> None:
    assert target_of(url, "application/json") is None


@given(st.text() | st.text().map("http://crm.example.com/".__add__) | st.text().map("http://".__add__))
def test_no_url_gets_a_line_into_the_head(url: str) -> None:
    target = target_of(url, "application/json")

    if target is not None:
        assert re.fullmatch(rb"POST /[\x21-\x7e]* HTTP/1\.1\r\n(?:[A-Za-z-]+: [\x20-\x7e]+\r\n){5}", target.head)


@given(st.text().filter(lambda text: not (text.isascii() and text.isprintable())))
def test_no_header_gets_a_line_into_the_head(value: str) -> None:
    target = target_of(ACME, "application/json")
    assert target is not None

    with pytest.raises(ValueError, match="webhook-id"):
        written(target, a_request(**{"webhook-id": value}))


def test_no_content_type_gets_a_line_into_the_head() -> None:
    with pytest.raises(ValueError, match="Content-Type"):
        target_of(ACME, "text/plain\r\nX-Evil: yes")


async def test_a_header_that_cannot_be_sent_sends_nothing() -> None:
    async with answering(OK) as server, a_client("ours") as client:
        with pytest.raises(ValueError, match="webhook-id"):
            await client.post(a_request(server.url, **{"webhook-id": "a\r\nX-Evil: yes"}), seconds=5)
        await asyncio.sleep(0)

    assert server.connections == 0
