"""What becomes of an attempt, against servers that do everything a customer's server does."""

import asyncio
import gzip
import socket
import ssl
import struct
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from email.utils import format_datetime
from typing import Any

import pytest
import trustme
from aiohttp import web
from aiohttp.abc import AbstractResolver, ResolveResult
from standardwebhooks.webhooks import Webhook

from consent.model import Millis, UnixMs
from dispatcher.exchange import KEPT_BYTES
from dispatcher.formats import Payload
from dispatcher.outcome import Attempted, Delivered, Gone, TryAgain
from dispatcher.send import Sender
from tests.builders import NOON, SECRET, an_endpoint
from tests.dispatcher.endpoints import LOOPBACK, OK, Endless, Handler, certified, connected, request_from
from tests.listening import Taking, listening

PAYLOAD = Payload("application/json", '{"text":"ARRÊT"}'.encode())
WEBHOOK_ID = "evt_3_1764000000000_0"


@pytest.fixture
async def sender() -> AsyncIterator[Sender]:
    async with Sender(timeout=Millis(5000), egress_allow=LOOPBACK) as opened:
        yield opened


async def sent(sender: Sender, url: object, *, now: UnixMs = NOON, **endpoint: Any) -> Attempted:
    return await sender.send(an_endpoint(url=str(url), **endpoint), WEBHOOK_ID, PAYLOAD, now)


def always(status: int, **response: Any) -> Taking:
    async def answer(_request: web.Request) -> web.Response:
        return web.Response(status=status, **response)

    return answer


# ── answers ─────────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(("status", "text"), [(200, "thank you"), (202, ""), (204, "")])
async def test_a_2xx_is_delivered(sender: Sender, status: int, text: str) -> None:
    async with listening(always(status, text=text)) as url:
        attempted = await sent(sender, url)

    assert attempted.outcome == Delivered(status)
    assert (attempted.status, attempted.response, attempted.error) == (status, text, "")
    assert attempted.took_ms >= 0


async def test_a_receiver_with_the_reference_library_takes_what_is_sent(sender: Sender) -> None:
    now = UnixMs(int(datetime.now(UTC).timestamp() * 1000))
    taken: list[web.Request] = []

    async def verify(request: web.Request) -> web.Response:
        Webhook(SECRET).verify(await request.read(), dict(request.headers))
        taken.append(request)
        return web.Response(status=204)

    async with listening(verify) as url:
        attempted = await sent(sender, url, now=now)

    assert attempted.outcome == Delivered(204)
    headers = taken[0].headers
    assert headers["webhook-id"] == WEBHOOK_ID
    assert headers["Content-Type"] == "application/json"
    assert headers["User-Agent"].startswith("consent-relay/")
    assert headers["Accept-Encoding"] == "identity"
    assert headers["Content-Length"] == str(len(PAYLOAD.content))


async def test_a_redirect_is_a_failure_and_not_followed(sender: Sender) -> None:
    visits = 0

    async def elsewhere(request: web.Request) -> web.Response:
        nonlocal visits
        visits += 1
        return web.Response(status=307, headers={"Location": str(request.url)})

    async with listening(elsewhere) as url:
        attempted = await sent(sender, url)

    assert attempted.outcome == TryAgain("http_307", None, 307)
    assert visits == 1


async def test_410_is_gone(sender: Sender) -> None:
    async with listening(always(410)) as url:
        attempted = await sent(sender, url)

    assert (attempted.outcome, attempted.status) == (Gone(), 410)


@pytest.mark.parametrize("status", [429, 503])
@pytest.mark.parametrize(
    "retry_after", ["30", format_datetime(datetime.fromtimestamp((NOON + 30_000) / 1000, UTC), usegmt=True)]
)
async def test_retry_after_is_heard_in_both_forms(sender: Sender, status: int, retry_after: str) -> None:
    async with listening(always(status, headers={"Retry-After": retry_after})) as url:
        attempted = await sent(sender, url)

    assert attempted.outcome == TryAgain(f"http_{status}", Millis(30_000), status)


async def test_a_server_error_is_tried_again_and_its_page_kept_for_the_operator(sender: Sender) -> None:
    async with listening(always(500, text="<h1>Oups, ça ne va pas</h1>")) as url:
        attempted = await sent(sender, url)

    assert attempted.outcome == TryAgain("http_500", None, 500)
    assert attempted.response == "<h1>Oups, ça ne va pas</h1>"


async def test_what_a_stranger_answers_cannot_steer_a_terminal(sender: Sender) -> None:
    async with listening(always(500, body=b"\x1b[2Jgone\x00\x9b\xff\n\tkept")) as url:
        attempted = await sent(sender, url)

    assert attempted.response == "\ufffd[2Jgone\ufffd\ufffd\ufffd\n\tkept"


async def test_cookies_are_not_kept(sender: Sender) -> None:
    seen: list[str | None] = []

    async def bake(request: web.Request) -> web.Response:
        seen.append(request.headers.get("Cookie"))
        return web.Response(headers={"Set-Cookie": "session=1"})

    async with listening(bake) as url:
        await sent(sender, url.replace("127.0.0.1", "localhost"))
        await sent(sender, url)
        await sent(sender, url)

    assert set(seen) == {None}


# ── long answers ────────────────────────────────────────────────────────────────────────────────────────────────────


async def test_a_long_answer_is_delivered_and_not_downloaded(sender: Sender) -> None:
    endless = Endless(b"HTTP/1.1 200 OK\r\nContent-Length: 100000000\r\n\r\n")

    async with connected(endless.talk) as url:
        attempted = await sent(sender, url)
        await endless.was_left.wait()

    assert attempted.outcome == Delivered(200)
    assert attempted.response == "a" * KEPT_BYTES
    assert endless.written < 20_000_000


async def test_a_compressed_answer_is_not_unpacked(sender: Sender) -> None:
    bomb = gzip.compress(bytes(10_000_000))

    async with listening(always(200, body=bomb, headers={"Content-Encoding": "gzip"})) as url:
        attempted = await sent(sender, url)

    assert attempted.outcome == Delivered(200)
    assert len(attempted.response) <= KEPT_BYTES
    assert "\x00" not in attempted.response


@pytest.mark.parametrize("ending", ["stall", "cut"])
async def test_a_status_is_an_answer_whatever_becomes_of_the_body(ending: str) -> None:
    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await request_from(reader)
        writer.write(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n")
        if ending == "stall":
            await reader.read()

    async with Sender(timeout=Millis(200), egress_allow=LOOPBACK) as sender, connected(talk) as url:
        attempted = await sent(sender, url)

    assert (attempted.outcome, attempted.response) == (Delivered(200), "hello")


# ── no answer ───────────────────────────────────────────────────────────────────────────────────────────────────────


async def test_who_never_answers_is_left_after_the_timeout() -> None:
    async def hang(reader: asyncio.StreamReader, _writer: asyncio.StreamWriter) -> None:
        await reader.read()

    async with Sender(timeout=Millis(100), egress_allow=LOOPBACK) as sender, connected(hang) as url:
        attempted = await sent(sender, url)

    assert (attempted.outcome, attempted.status, attempted.error) == (TryAgain("timeout"), None, "timeout")
    assert 100 <= attempted.took_ms < 2000


async def test_who_drips_headers_is_left_after_the_timeout() -> None:
    async def drip(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\n")
        while not reader.at_eof():
            writer.write(b"X-Y: z\r\n")
            await writer.drain()
            await asyncio.wait([asyncio.ensure_future(reader.read(1))], timeout=0.02)

    async with Sender(timeout=Millis(200), egress_allow=LOOPBACK) as sender, connected(drip) as url:
        attempted = await sent(sender, url)

    assert attempted.error in {"timeout", "bad_response"}


async def test_a_resolver_that_answers_nothing_is_not_the_endpoints_fault() -> None:
    async with Sender(timeout=Millis(100), resolver=Silence()) as sender:
        attempted = await sent(sender, "http://crm.example.com/")

    assert attempted.error == "dns_unavailable"


class Silence(AbstractResolver):
    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        await asyncio.Event().wait()
        return []

    async def close(self) -> None:
        """Nothing is open."""


class Unknown(AbstractResolver):
    def __init__(self) -> None:
        self.questions = 0

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        self.questions += 1
        raise socket.gaierror(socket.EAI_NONAME, "no such name")

    async def close(self) -> None:
        """Nothing is open."""


async def test_a_name_that_does_not_exist_is_asked_for_once_an_attempt() -> None:
    names = Unknown()

    async with Sender(resolver=names) as sender:
        attempted = await sent(sender, "http://crm.example.com/")

    assert attempted.outcome == TryAgain("dns_failed: no such name")
    assert names.questions == 1


async def test_a_closed_port_is_connect_refused(sender: Sender) -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        attempted = await sent(sender, f"http://127.0.0.1:{unused.getsockname()[1]}/")

    assert attempted.error == "connect_refused"
    assert "127.0.0.1" not in str(attempted)


async def reset(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))


async def hang_up(_reader: asyncio.StreamReader, _writer: asyncio.StreamWriter) -> None:
    """Closed without a word."""


@pytest.mark.parametrize("rudeness", [reset, hang_up])
async def test_who_hangs_up_on_a_new_connection_has_failed(sender: Sender, rudeness: Handler) -> None:
    visits = 0

    async def count(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal visits
        visits += 1
        await rudeness(reader, writer)

    async with connected(count) as url:
        attempted = await sent(sender, url)

    assert attempted.error == "connection_reset"
    assert visits == 1


@pytest.mark.parametrize(
    "garbage",
    [
        b"SSH-2.0-OpenSSH_9.6\r\n\r\n",
        b"HTTP/1.1 200\x00OK\r\nA\r\n\r\n",
        b"\x15\x03\x01\x00\x02\x02\x46\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nX: " + b"a" * 100_000 + b"\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n",
    ],
)
async def test_what_is_not_http_is_a_bad_response(sender: Sender, garbage: bytes) -> None:
    async def babble(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await request_from(reader)
        writer.write(garbage)
        await writer.drain()

    async with connected(babble) as url:
        attempted = await sent(sender, url)

    assert (attempted.outcome, attempted.error) == (TryAgain("bad_response"), "bad_response")


async def test_an_unresolvable_host_is_dns_failed(sender: Sender) -> None:
    attempted = await sent(sender, "http://nobody-is-here.invalid/")

    assert attempted.error == "dns_failed"
    assert isinstance(attempted.outcome, TryAgain)
    assert attempted.outcome.reason.startswith("dns_failed: ")


async def test_a_forbidden_address_is_egress_refused_and_not_named() -> None:
    async with listening(always(200)) as url, Sender() as sender:
        by_address = await sent(sender, url)
        by_name = await sent(sender, url.replace("127.0.0.1", "localhost"))

    expected = TryAgain("egress_refused: not a public address")
    assert (by_address.outcome, by_name.outcome) == (expected, expected)


@pytest.mark.parametrize(
    "url",
    [
        "",
        "crm.example.com/hook",
        "ftp://127.0.0.1/",
        "http://",
        "http://[::1/",
        f"http://{'a' * 300}/",
        "http://127.1/",
    ],
)
async def test_a_url_that_leads_nowhere_is_a_bad_url(sender: Sender, url: str) -> None:
    assert (await sent(sender, url)).error == "bad_url"


@pytest.mark.parametrize("secrets", [(), ("whsec_",)])
async def test_a_secret_that_cannot_sign_sends_nothing(sender: Sender, secrets: tuple[str, ...]) -> None:
    async with listening(always(200)) as url:
        attempted = await sent(sender, url, secrets=secrets)

    assert attempted.error == "bad_secret"


async def test_cancelling_is_not_swallowed(sender: Sender) -> None:
    begun = asyncio.Event()

    async def hang(reader: asyncio.StreamReader, _writer: asyncio.StreamWriter) -> None:
        begun.set()
        await reader.read()

    async with connected(hang) as url:
        sending = asyncio.create_task(sent(sender, url))
        await begun.wait()
        sending.cancel()

        with pytest.raises(asyncio.CancelledError):
            await sending


# ── TLS ─────────────────────────────────────────────────────────────────────────────────────────────────────────────


async def test_an_untrusted_certificate_is_tls_failed(sender: Sender, authority: trustme.CA) -> None:
    async with listening(always(200), tls=certified(authority, "127.0.0.1")) as url:
        attempted = await sent(sender, url)

    assert attempted.error == "tls_failed"
    assert isinstance(attempted.outcome, TryAgain)
    assert "certificate" in attempted.outcome.reason


@pytest.mark.parametrize(("host", "error"), [("127.0.0.1", ""), ("crm.example.com", "tls_failed")])
async def test_a_trusted_certificate_has_to_be_for_this_host(
    authority: trustme.CA, trusting: ssl.SSLContext, host: str, error: str
) -> None:
    async with (
        listening(always(200), tls=certified(authority, host)) as url,
        Sender(egress_allow=LOOPBACK, tls=trusting) as sender,
    ):
        attempted = await sent(sender, url)

    assert attempted.error == error


async def test_https_to_a_port_that_speaks_plain_http_is_tls_failed(sender: Sender) -> None:
    async with listening(always(200)) as url:
        attempted = await sent(sender, url.replace("http:", "https:"))

    assert attempted.error == "tls_failed"


# ── kept connections ────────────────────────────────────────────────────────────────────────────────────────────────


async def test_connections_are_kept(sender: Sender) -> None:
    peers: set[Any] = set()

    async def note(request: web.Request) -> web.Response:
        assert request.transport is not None
        peers.add(request.transport.get_extra_info("peername"))
        return web.Response(text="ok")

    async with listening(note) as url:
        for _ in range(3):
            await sent(sender, url)

    assert len(peers) == 1


@pytest.mark.parametrize("rudeness", [reset, hang_up])
async def test_a_kept_connection_that_is_closed_under_the_request_costs_no_attempt(
    sender: Sender, rudeness: Handler
) -> None:
    requests: list[bytes] = []

    async def answer_once(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        requests.append(await request_from(reader))
        writer.write(OK)
        await writer.drain()
        requests.append(await request_from(reader))
        await rudeness(reader, writer)

    async with connected(answer_once) as url:
        first = await sent(sender, url)
        second = await sent(sender, url)

    assert (first.outcome, second.outcome) == (Delivered(200), Delivered(200))
    assert len(requests) == 3
    assert len({request.lower().partition(b"webhook-id: ")[2].partition(b"\r")[0] for request in requests}) == 1


async def test_the_second_try_has_only_the_time_that_is_left() -> None:
    visits = 0

    async def slow_after_the_first(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal visits
        visits += 1
        await request_from(reader)
        if visits == 1:
            writer.write(OK)
            await request_from(reader)
            return
        await reader.read()

    async with Sender(timeout=Millis(300), egress_allow=LOOPBACK) as sender, connected(slow_after_the_first) as url:
        await sent(sender, url)
        attempted = await sent(sender, url)

    assert attempted.error == "timeout"
    assert attempted.took_ms < 600
    assert visits == 2


async def test_closing_the_sender_closes_its_connections() -> None:
    ended = asyncio.Event()

    async def wait_for_the_end(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await request_from(reader)
        writer.write(OK)
        await reader.read()
        ended.set()

    async with connected(wait_for_the_end) as url:
        async with Sender(egress_allow=LOOPBACK) as sender:
            await sent(sender, url)
            assert not ended.is_set()

        await asyncio.wait_for(ended.wait(), timeout=5)
