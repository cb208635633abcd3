"""Headers, client certificates and proxies: what an endpoint asks for reaches it, and nobody else."""

import asyncio
import ssl
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from ipaddress import ip_network
from pathlib import Path

import pytest
import trustme
from aiohttp import encode_basic_auth, web

from consent.model import Endpoint, Header
from dispatcher.egress import trusting_the_system
from dispatcher.formats import Payload
from dispatcher.outcome import Attempted, Delivered, TryAgain
from dispatcher.send import Sender
from tests.builders import NOON, an_endpoint

HERE = (ip_network("127.0.0.0/8"),)


class Heard(list[web.Request]):
    async def take(self, request: web.BaseRequest) -> web.StreamResponse:
        await request.read()
        self.append(request)  # type: ignore[arg-type]  # aiohttp's own server gives its base class
        transport = request.transport
        assert transport is not None
        return web.Response(text=str((transport.get_extra_info("peercert") or {}).get("subjectAltName", "")))


@asynccontextmanager
async def served(heard: Heard, tls: ssl.SSLContext | None = None) -> AsyncIterator[int]:
    runner = web.ServerRunner(web.Server(heard.take))
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0, ssl_context=tls)
    await site.start()
    try:
        yield runner.addresses[0][1]
    finally:
        await runner.cleanup()


@asynccontextmanager
async def proxied(asked: list[str]) -> AsyncIterator[int]:
    """A proxy that knows CONNECT and absolute URLs of http, and only one who is logged in."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await reader.readuntil(b"\r\n\r\n")
        line, *fields = head.decode().split("\r\n")
        method, target, _ = line.split(" ")
        login = next((f.partition(": ")[2] for f in fields if f.lower().startswith("proxy-authorization")), "")
        asked.append(f"{method} {target}")
        if login != encode_basic_auth("relay", "hunter2"):
            writer.write(b"HTTP/1.1 407 Proxy Authentication Required\r\nContent-Length: 0\r\n\r\n")
        elif method == "CONNECT" and target.startswith("down."):
            writer.write(b"HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\n\r\n")
        elif method == "CONNECT":
            there, back = await asyncio.open_connection("127.0.0.1", int(target.rpartition(":")[2]))
            writer.write(b"HTTP/1.1 200 OK\r\n\r\n")
            await asyncio.gather(_pump(reader, back), _pump(there, writer))
            back.close()
        else:
            writer.write(b"HTTP/1.1 204 No Content\r\n\r\n")
        await writer.drain()
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    async with server:
        yield server.sockets[0].getsockname()[1]


async def _pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while piece := await reader.read(65536):
        writer.write(piece)
        await writer.drain()
    if writer.can_write_eof():
        writer.write_eof()


@pytest.fixture
def asking(authority: trustme.CA) -> ssl.SSLContext:
    """A server that asks for a certificate, and takes none for an answer."""
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    authority.configure_trust(context)
    authority.issue_cert("127.0.0.1").configure_cert(context)
    context.verify_mode = ssl.CERT_OPTIONAL
    return context


@pytest.fixture
def certificate(authority: trustme.CA, tmp_path: Path) -> str:
    authority.issue_cert("relay.example.com").private_key_and_cert_chain_pem.write_to_path(tmp_path / "client.pem")
    return str(tmp_path / "client.pem")


@pytest.fixture
def trusted_by_the_system(authority: trustme.CA, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    authority.cert_pem.write_to_path(tmp_path / "ca.pem")
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "ca.pem"))
    trusting_the_system.cache_clear()
    yield
    trusting_the_system.cache_clear()


def rename(old: str, new: str) -> None:
    Path(old).rename(new)


async def sent(sender: Sender, endpoint: Endpoint) -> Attempted:
    return await sender.send(endpoint, "evt_1", Payload("application/json", b"{}"), NOON)


async def test_an_endpoints_headers_are_sent_behind_ours() -> None:
    heard = Heard()
    async with served(heard) as port, Sender(egress_allow=HERE) as sender:
        wanted = (Header(name="X-Api-Key", value="hunter2"), Header(name="Authorization", value="Bearer abc"))
        await sent(sender, an_endpoint(url=f"http://127.0.0.1:{port}/", headers=wanted))
        await sent(sender, an_endpoint("other", url=f"http://127.0.0.1:{port}/"))

    with_them, without = (request.headers for request in heard)
    assert (with_them["X-Api-Key"], with_them["Authorization"]) == ("hunter2", "Bearer abc")
    assert "webhook-signature" in with_them
    assert "X-Api-Key" not in without


async def test_a_client_certificate_is_shown_by_its_endpoint_alone(
    asking: ssl.SSLContext, trusting: ssl.SSLContext, certificate: str
) -> None:
    async with served(Heard(), asking) as port, Sender(egress_allow=HERE, tls=trusting) as sender:
        url = f"https://127.0.0.1:{port}/"
        before = await sent(sender, an_endpoint("other", url=url))
        shown = await sent(sender, an_endpoint(url=url, client_certificate=certificate))
        after = await sent(sender, an_endpoint("other", url=url))

    assert "relay.example.com" in shown.response
    assert (before.response, after.response) == ("", "")


@pytest.mark.usefixtures("trusted_by_the_system")
@pytest.mark.parametrize("trusts_others", [True, False])
async def test_each_endpoint_is_shown_its_own_certificate_and_the_others_none(
    asking: ssl.SSLContext, trusting: ssl.SSLContext, authority: trustme.CA, tmp_path: Path, trusts_others: bool
) -> None:
    endpoints = {"crm": "crm.example.com", "warehouse": "warehouse.example.com", "plain": ""}
    for name in filter(None, endpoints.values()):
        authority.issue_cert(name).private_key_and_cert_chain_pem.write_to_path(tmp_path / name)
    shown = []

    async with Sender(egress_allow=HERE, tls=trusting if trusts_others else None) as sender:
        for _ in range(2):  # the second server is met when all the certificates have been read
            async with served(Heard(), asking) as port:
                for name, file in endpoints.items():
                    certificate = str(tmp_path / file) if file else ""
                    to = an_endpoint(name, url=f"https://127.0.0.1:{port}/", client_certificate=certificate)
                    shown.append((await sent(sender, to)).response)

    crm, warehouse = (str((("DNS", name),)) for name in filter(None, endpoints.values()))
    assert shown == [crm, warehouse, ""] * 2


async def test_a_certificate_that_is_not_there_is_told_and_looked_for_again(
    asking: ssl.SSLContext, trusting: ssl.SSLContext, certificate: str
) -> None:
    rename(certificate, f"{certificate}.later")
    async with served(Heard(), asking) as port, Sender(egress_allow=HERE, tls=trusting) as sender:
        endpoint = an_endpoint(url=f"https://127.0.0.1:{port}/", client_certificate=certificate)
        first = await sent(sender, endpoint)
        rename(f"{certificate}.later", certificate)
        second = await sent(sender, endpoint)

    assert (first.error, second.status) == ("bad_certificate", 200)


@pytest.mark.parametrize("of_the_endpoint", [True, False])
async def test_through_a_proxy_https_is_tunnelled_to_where_the_guard_would_not_let_us(
    asking: ssl.SSLContext, trusting: ssl.SSLContext, certificate: str, of_the_endpoint: bool
) -> None:
    asked: list[str] = []
    async with proxied(asked) as proxy_port, served(Heard(), asking) as port:
        proxy = f"http://relay:hunter2@127.0.0.1:{proxy_port}"
        async with Sender(tls=trusting, proxy="" if of_the_endpoint else proxy) as sender:
            answer = await sent(
                sender,
                an_endpoint(
                    url=f"https://127.0.0.1:{port}/",
                    client_certificate=certificate,
                    proxy=proxy if of_the_endpoint else "",
                ),
            )

    assert asked == [f"CONNECT 127.0.0.1:{port}"]
    assert "relay.example.com" in answer.response


async def test_through_a_proxy_a_name_is_not_looked_up_here() -> None:
    asked: list[str] = []
    async with proxied(asked) as proxy_port, Sender() as sender:
        proxy = f"http://relay:hunter2@127.0.0.1:{proxy_port}"
        answer = await sent(sender, an_endpoint(url="http://crm.invalid/hooks", proxy=proxy))

    assert asked == ["POST http://crm.invalid/hooks"]
    assert isinstance(answer.outcome, Delivered)


@pytest.mark.parametrize("proxy", ["http://127.0.0.1:9", "http://relay:wrong@127.0.0.1:{port}"])
async def test_the_proxys_fault_is_not_taken_for_the_endpoints(proxy: str, trusting: ssl.SSLContext) -> None:
    async with proxied([]) as port, Sender(tls=trusting) as sender:
        answer = await sent(sender, an_endpoint(url="https://crm.invalid/", proxy=proxy.format(port=port)))

    assert answer.error == "proxy_failed"
    assert "wrong" not in f"{answer}"


async def test_what_the_proxy_cannot_reach_is_charged_to_the_endpoint(trusting: ssl.SSLContext) -> None:
    async with proxied([]) as port, Sender(tls=trusting) as sender:
        proxy = f"http://relay:hunter2@127.0.0.1:{port}"
        answer = await sent(sender, an_endpoint(url="https://down.invalid/", proxy=proxy))

    assert answer.error == "proxy_refused"
    assert answer.outcome == TryAgain("proxy_refused: it answered 503")


async def test_without_a_proxy_the_guard_still_holds_for_endpoints_with_a_certificate(certificate: str) -> None:
    async with Sender() as sender:
        answer = await sent(sender, an_endpoint(url="https://127.0.0.1:9/", client_certificate=certificate))

    assert answer.error == "egress_refused"
