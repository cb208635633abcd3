"""Every way in which HTTP may be spoken gets its answer: over real sockets, byte for byte."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from urllib.parse import urlencode

import pytest
from structlog.testing import capture_logs

from config.settings import Settings
from consent.ledger import Ledger, Registry, Store
from consent.model import Event, SourceId
from receiver.app import Receiver
from tests.builders import ACME, ANN, a_campaign, a_source
from tests.e2e.installation import eventually, free_port

NEXMO = a_source()
SIGNED = a_source(id=SourceId("signed"), token="signed-t0ken-of-16-chars", signature_secret="s3cret")
PATH = f"/hooks/{NEXMO.token}"
MAX_BODY = 4096

Answer = tuple[int, dict[str, str], bytes]


@pytest.fixture
async def port(store: Store, registry: Registry) -> AsyncIterator[int]:
    """Of a receiver that is ready."""
    for row in (a_campaign(), NEXMO, SIGNED):
        await registry.put(row)
    async with receiving(store) as port:
        yield port


@asynccontextmanager
async def receiving(store: Store, *, is_ready: bool = True) -> AsyncIterator[int]:
    port = free_port()
    settings = Settings.model_validate(
        {"receiver": {"port": port, "internal_port": free_port(), "max_body": MAX_BODY, "parts_wait": "1s"}}
    )
    receiver, stop = Receiver(settings, store), asyncio.Event()
    serving = asyncio.create_task(receiver.serve(stop))
    try:
        await eventually(lambda: answers(port))
        await eventually(lambda: (receiver.unready is None) == is_ready)
        yield port
    finally:
        stop.set()
        await serving


async def answers(port: int) -> bool:
    try:
        _, writer = await asyncio.open_connection("127.0.0.1", port)
    except OSError:
        return False
    writer.close()
    return True


class Client:
    """One connection, below any HTTP library."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer

    def send(self, data: bytes) -> None:
        self._writer.write(data)

    async def answer(self, *, to: str = "POST") -> Answer:
        async with asyncio.timeout(5):
            head = (await self._reader.readuntil(b"\r\n\r\n")).decode()
            status, *lines = head.strip().split("\r\n")
            headers = {name.lower(): value for name, value in (line.split(": ", 1) for line in lines)}
            length = 0 if to == "HEAD" else int(headers.get("content-length", "0"))
            return int(status.split(" ")[1]), headers, await self._reader.readexactly(length)

    async def status(self) -> int:
        return (await self.answer())[0]

    async def rest(self) -> bytes:
        """All that comes until the server hangs up."""
        async with asyncio.timeout(5):
            return await self._reader.read()

    async def hang_up(self) -> None:
        self._writer.close()
        with suppress(OSError):  # it was closed on the other side first
            await self._writer.wait_closed()


@asynccontextmanager
async def connected(port: int) -> AsyncIterator[Client]:
    client = Client(*await asyncio.open_connection("127.0.0.1", port))
    try:
        yield client
    finally:
        await client.hang_up()


def a_form(message: object = 1, text: str = "STOP") -> bytes:
    at = "2014-06-27 18:31:33"
    given = {"msisdn": ANN, "to": "123456", "messageId": message, "text": text, "message-timestamp": at}
    return urlencode(given).encode()


def a_post(body: bytes, *more: str, version: str = "1.1", target: str = PATH) -> bytes:
    lines = [
        f"POST {target} HTTP/{version}",
        "Host: relay.example.com",
        "Content-Type: application/x-www-form-urlencoded",
        f"Content-Length: {len(body)}",
        *more,
    ]
    return "\r\n".join([*lines, "", ""]).encode() + body


def chunked(body: bytes, size: int) -> bytes:
    head = f"POST {PATH} HTTP/1.1\r\nHost: relay.example.com\r\nTransfer-Encoding: chunked\r\n\r\n".encode()
    pieces = (body[at : at + size] for at in range(0, len(body), size))
    return head + b"".join(b"%x\r\n%b\r\n" % (len(piece), piece) for piece in pieces) + b"0\r\n\r\n"


def plain(method: str, target: str = PATH) -> bytes:
    return f"{method} {target} HTTP/1.1\r\nHost: relay.example.com\r\n\r\n".encode()


async def recorded(ledger: Ledger) -> list[Event]:
    return list(reversed(await ledger.history(ACME, ANN, limit=1000)))


# ── what is accepted ────────────────────────────────────────────────────────────────────────────────────────────────


async def test_a_post_is_answered_with_an_empty_200_when_it_is_on_record(port: int, ledger: Ledger) -> None:
    async with connected(port) as client:
        client.send(a_post(a_form()))
        status, headers, body = await client.answer()

        assert (status, headers["content-length"], body) == (200, "0", b"")
        assert headers["date"].endswith("GMT")
        assert len(await recorded(ledger)) == 1


async def test_a_get_form_counts_as_a_post_does(port: int, ledger: Ledger) -> None:
    async with connected(port) as client:
        client.send(plain("GET", f"{PATH}?{a_form().decode()}"))

        assert await client.status() == 200
        assert len(await recorded(ledger)) == 1


@pytest.mark.parametrize("method", ["GET", "HEAD"])
async def test_a_visit_is_welcome_and_leaves_nothing(port: int, ledger: Ledger, method: str) -> None:
    async with connected(port) as client:
        client.send(plain(method))

        assert (await client.answer(to=method))[0] == 200
        assert await recorded(ledger) == []


@pytest.mark.parametrize("body", [a_form(), b'{"msisdn":"16502426055","to":"123456","messageId":"1","text":"STOP"}'])
async def test_a_get_may_say_it_in_its_body(port: int, ledger: Ledger, body: bytes) -> None:
    async with connected(port) as client:
        client.send(a_post(body).replace(b"POST", b"GET", 1))

        assert await client.status() == 200
        assert len(await recorded(ledger)) == 1


async def test_a_head_does_nothing_whatever_it_says(port: int, ledger: Ledger) -> None:
    async with connected(port) as client:
        client.send(plain("HEAD", f"{PATH}?{a_form().decode()}"))
        client.send(plain("HEAD", f"/hooks/{SIGNED.token}?{a_form().decode()}"))

        assert [(await client.answer(to="HEAD"))[0] for _ in range(2)] == [200, 200]
        assert await recorded(ledger) == []


async def test_a_chunked_body_is_read(port: int, ledger: Ledger) -> None:
    async with connected(port) as client:
        client.send(chunked(a_form(), 7))

        assert await client.status() == 200
        assert len(await recorded(ledger)) == 1


async def test_who_waits_to_be_asked_for_the_body_is_asked(port: int, ledger: Ledger) -> None:
    request = a_post(a_form(), "Expect: 100-continue")
    head, _, body = request.partition(b"\r\n\r\n")
    async with connected(port) as client:
        client.send(head + b"\r\n\r\n")
        assert await client.status() == 100
        client.send(body)

        assert await client.status() == 200
        assert len(await recorded(ledger)) == 1


async def test_a_request_may_come_in_crumbs(port: int, ledger: Ledger) -> None:
    async with connected(port) as client:
        for byte in a_post(a_form()):
            client.send(bytes([byte]))
            await asyncio.sleep(0)

        assert await client.status() == 200
        assert len(await recorded(ledger)) == 1


# ── connections ─────────────────────────────────────────────────────────────────────────────────────────────────────


async def test_one_connection_serves_many_requests(port: int, ledger: Ledger) -> None:
    async with connected(port) as client:
        for n in range(5):
            client.send(a_post(a_form(n)))
            assert await client.status() == 200

    assert len(await recorded(ledger)) == 5


async def test_requests_sent_at_once_get_as_many_answers_in_their_order(port: int, ledger: Ledger) -> None:
    bad = a_post(b"to=1")
    async with connected(port) as client:
        client.send(b"".join(bad if n % 10 == 3 else a_post(a_form(n)) for n in range(100)))

        assert [await client.status() for _ in range(100)] == [400 if n % 10 == 3 else 200 for n in range(100)]
    assert len(await recorded(ledger)) == 90


async def test_requests_of_all_kinds_sent_at_once_get_as_many_answers(port: int, ledger: Ledger) -> None:
    kinds = [a_post(a_form(1)), chunked(a_form(2), 50), plain("GET"), a_post(a_form(3)), plain("GET", "/healthz")]
    async with connected(port) as client:
        client.send(b"".join([a_post(a_form(0)), *kinds]))

        assert [(await client.answer())[0] for _ in range(6)] == [200] * 6
    assert len(await recorded(ledger)) == 4


async def test_many_connections_at_once_are_all_answered(port: int, ledger: Ledger) -> None:
    async def one(n: int) -> int:
        async with connected(port) as client:
            client.send(a_post(a_form(n)))
            return await client.status()

    assert await asyncio.gather(*(one(n) for n in range(100))) == [200] * 100
    assert len(await recorded(ledger)) == 100


@pytest.mark.parametrize(
    "request_bytes", [a_post(a_form(), version="1.0"), a_post(a_form(), "Connection: close")], ids=["1.0", "close"]
)
async def test_who_wants_the_connection_closed_sees_it_closed(port: int, ledger: Ledger, request_bytes: bytes) -> None:
    async with connected(port) as client:
        client.send(request_bytes)

        assert await client.status() == 200
        assert await client.rest() == b""
    assert len(await recorded(ledger)) == 1


async def test_http_1_0_may_keep_the_connection(port: int) -> None:
    async with connected(port) as client:
        for n in range(2):
            client.send(a_post(a_form(n), "Connection: keep-alive", version="1.0"))

            assert await client.status() == 200


async def test_what_was_sent_whole_is_recorded_though_the_client_hangs_up(port: int, ledger: Ledger) -> None:
    async with connected(port) as client:
        client.send(a_post(a_form()))

    async def is_recorded() -> bool:
        return len(await recorded(ledger)) == 1

    await eventually(is_recorded)


@pytest.mark.parametrize("request_bytes", [a_post(a_form())[:-5], chunked(a_form(), 7)[:-5], a_post(a_form())[:40]])
async def test_what_did_not_come_whole_is_not_recorded(port: int, ledger: Ledger, request_bytes: bytes) -> None:
    async with connected(port) as client:
        client.send(request_bytes)
    async with connected(port) as client:
        client.send(a_post(a_form("after")))

        assert await client.status() == 200
    assert len(await recorded(ledger)) == 1


@pytest.mark.parametrize(
    "target",
    [
        f"{PATH}/",
        f"/{PATH}",
        f"/hooks//{NEXMO.token}",
        f"/{PATH}//?extra=1",
        f"http://relay.example.com{PATH}",
        f"HTTPS://relay.example.com:8443/{PATH}?extra=1",
    ],
)
async def test_another_way_to_write_the_address_costs_no_opt_out(port: int, ledger: Ledger, target: str) -> None:
    async with connected(port) as client:
        client.send(a_post(a_form(), target=target))

        assert await client.status() == 200
    assert len(await recorded(ledger)) == 1


# ── what is refused ─────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("request_bytes", "status"),
    [
        (a_post(b"text=STOP"), 400),
        (a_post(b"{"), 400),
        (a_post(a_form(), target=f"/hooks/{SIGNED.token}"), 403),
        (a_post(a_form(), target="/hooks/nobodys-token"), 404),
        (a_post(a_form(), target="/hooks/"), 404),
        (plain("GET", "/hooks/%F0%28"), 404),
        (plain("GET", "/nothing-here"), 404),
        (plain("PUT"), 405),
        (plain("DELETE"), 405),
        (a_post(a_form(text="x" * MAX_BODY)), 413),
        (chunked(a_form(text="x" * MAX_BODY), 1000), 413),
        (b"NONSENSE\r\n\r\n", 400),
    ],
)
async def test_what_is_wrong_is_told_by_its_status(
    port: int, ledger: Ledger, request_bytes: bytes, status: int
) -> None:
    async with connected(port) as client:
        client.send(request_bytes)

        assert await client.status() == status
    assert await recorded(ledger) == []


async def test_a_wrong_method_is_told_the_right_ones(port: int) -> None:
    async with connected(port) as client:
        client.send(plain("PATCH"))

        _, headers, _ = await client.answer()
        assert set(headers["allow"].replace(",", " ").split()) >= {"GET", "POST"}


async def test_a_body_as_large_as_may_be_is_taken(port: int) -> None:
    room = MAX_BODY - len(a_form(text=""))
    async with connected(port) as client:
        client.send(a_post(a_form(text="x" * room)))

        assert await client.status() == 200


async def test_while_the_store_is_away_the_provider_shall_come_again() -> None:
    nowhere = f"redis://127.0.0.1:{free_port()}"
    async with (
        Store.open(nowhere, partitions=4, durability="fsync") as away,
        receiving(away, is_ready=False) as port,
        connected(port) as client,
    ):
        client.send(a_post(a_form()))
        status, headers, _ = await client.answer()
        client.send(plain("GET", "/readyz"))

        assert (status, int(headers["retry-after"]) > 0) == (503, True)
        assert await client.status() == 503


async def test_a_store_that_takes_nothing_is_told_as_such_and_the_repeat_is_taken(
    port: int, store: Store, ledger: Ledger
) -> None:
    async with connected(port) as client:
        client.send(a_post(a_form(0, "hello")))
        assert await client.status() == 200
        await store.redis.execute_command("ACL", "SETUSER", "default", "-fcall")
        try:
            client.send(a_post(a_form()))
            status, headers, _ = await client.answer()
        finally:
            await store.redis.execute_command("ACL", "SETUSER", "default", "+fcall")
        client.send(a_post(a_form()))

        assert (status, "retry-after" in headers) == (503, True)
        assert await client.status() == 200
    assert len(await recorded(ledger)) == 2


# ── what is told ────────────────────────────────────────────────────────────────────────────────────────────────────


async def test_each_request_leaves_one_line_without_what_it_said(port: int) -> None:
    with capture_logs() as logs:
        async with connected(port) as client:
            client.send(a_post(a_form(text="STOP it")) + a_post(b"text=secret") + a_post(b"", target="/hooks/nobodys"))
            for _ in range(3):
                await client.answer()

    lines = [line for line in logs if line["event"].startswith("webhook.")]
    assert [line["event"] for line in lines] == ["webhook.accepted", "webhook.refused", "webhook.refused"]
    assert [line["source"] for line in lines] == [NEXMO.id, NEXMO.id, None]
    assert [line["account"] for line in lines] == [ACME, ACME, None]
    assert [line.get("status") for line in lines] == [None, 400, 404]
    assert not any(word in str(lines) for word in ("STOP it", "secret", NEXMO.token, "nobodys"))
