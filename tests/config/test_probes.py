"""The internal port tells the living from the ready, and a port that closes lets its requests end."""

import asyncio
import os
import signal
from collections.abc import AsyncIterator

import aiohttp
import pytest
from aiohttp import web

from config.probes import internal_port, listening, stopping
from tests.e2e.installation import free_port


class Process:
    reason: str | None = "starting"


@pytest.fixture
async def http() -> AsyncIterator[aiohttp.ClientSession]:
    async with aiohttp.ClientSession() as session:
        yield session


@pytest.fixture
def process() -> Process:
    return Process()


@pytest.fixture
async def url(process: Process) -> AsyncIterator[str]:
    port = free_port()
    async with internal_port("127.0.0.1", port, lambda: process.reason):
        yield f"http://127.0.0.1:{port}"


async def test_a_process_is_alive_before_it_is_ready(http: aiohttp.ClientSession, url: str, process: Process) -> None:
    async with http.get(f"{url}/healthz") as live, http.get(f"{url}/readyz") as ready:
        assert (live.status, ready.status) == (200, 503)
        assert (await ready.text(), ready.headers["Retry-After"]) == ("not ready: starting\n", "5")

    process.reason = None

    async with http.get(f"{url}/readyz?verbose") as ready:
        assert (ready.status, await ready.text()) == (200, "ready\n")


async def test_metrics_are_what_prometheus_reads(http: aiohttp.ClientSession, url: str) -> None:
    async with http.get(f"{url}/metrics") as response:
        assert response.status == 200
        assert response.content_type == "text/plain"
        assert "python_info" in await response.text()


@pytest.mark.parametrize(
    ("method", "path", "status"), [("GET", "/", 404), ("POST", "/healthz", 405), ("HEAD", "/healthz", 200)]
)
async def test_nothing_else_is_there(
    http: aiohttp.ClientSession, url: str, method: str, path: str, status: int
) -> None:
    async with http.request(method, url + path) as response:
        assert response.status == status


async def test_a_port_that_closes_lets_what_is_under_way_end_and_takes_nothing_more(
    http: aiohttp.ClientSession,
) -> None:
    begun, may_end = asyncio.Event(), asyncio.Event()

    async def slow(_: web.BaseRequest) -> web.Response:
        begun.set()
        await may_end.wait()
        return web.Response(text="done")

    async def ask(port: int) -> str:
        async with http.get(f"http://127.0.0.1:{port}/") as response:
            return await response.text()

    async with listening(slow, "127.0.0.1", 0) as port:
        asking = asyncio.create_task(ask(port))
        await begun.wait()
        asyncio.get_running_loop().call_soon(may_end.set)

    assert await asking == "done"
    with pytest.raises(aiohttp.ClientConnectorError):
        await ask(port)


async def test_a_request_that_does_not_end_is_cut_off_after_its_grace(http: aiohttp.ClientSession) -> None:
    begun = asyncio.Event()

    async def endless(_: web.BaseRequest) -> web.Response:
        begun.set()
        await asyncio.Event().wait()
        raise AssertionError

    async def ask(port: int) -> None:
        async with http.get(f"http://127.0.0.1:{port}/"):
            pass

    async with asyncio.timeout(5):
        async with listening(endless, "127.0.0.1", 0, grace=0.05) as port:
            asking = asyncio.create_task(ask(port))
            await begun.wait()

        with pytest.raises(aiohttp.ClientError):
            await asking


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
async def test_a_signal_asks_the_process_to_stop(number: signal.Signals) -> None:
    loop = asyncio.get_running_loop()
    stop = stopping(loop)
    try:
        assert not stop.is_set()
        os.kill(os.getpid(), number)
        async with asyncio.timeout(5):
            await stop.wait()
    finally:
        for handled in (signal.SIGTERM, signal.SIGINT):
            loop.remove_signal_handler(handled)
