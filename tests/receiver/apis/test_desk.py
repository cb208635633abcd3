"""Who answers a call, over a real port: what reaches the handler, and what becomes of its failures."""

import asyncio
import re
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from ipaddress import ip_network

import aiohttp
import pytest
from aiohttp import web

from config.fields import Network
from config.probes import listening
from consent.errors import ConsentError, StoreUnavailable, Throttled, Unauthorised
from receiver.apis.call import Answer, Call, Route
from receiver.apis.desk import Desk
from receiver.codecs.codec import Reply
from tests.builders import ACME


@dataclass
class Api:
    """Two routes, and what they were called with."""

    calls: list[Call] = field(default_factory=list)
    failure: ConsentError | None = None

    async def handle(self, call: Call) -> Answer:
        self.calls.append(call)
        if self.failure is not None:
            raise self.failure
        reply = Reply(status=201, body=b"{}", content_type="application/json", headers=(("X-More", "1"),))
        return Answer(reply=reply, account=ACME, outcome="done")

    @staticmethod
    def refuse(error: ConsentError, path: str) -> Reply:
        retry_after = error.retry_after if isinstance(error, Throttled) else None
        return Reply(status=error.status, body=f"{path} {error.reason}".encode(), retry_after=retry_after)

    @property
    def routes(self) -> tuple[Route, ...]:
        return (
            self.route("one", r"/v1/one/[^/]+", {"GET"}),
            self.route("both", r"/v1/both", {"GET", "POST"}),
        )

    def route(self, name: str, path: str, methods: set[str]) -> Route:
        return Route(
            name=name,
            path=re.compile(path),
            methods=frozenset(methods),
            handle=self.handle,
            refuse=self.refuse,
            max_body=100,
        )


@dataclass
class Served:
    api: Api
    port: int
    http: aiohttp.ClientSession

    async def raw(self, request: bytes) -> bytes:
        reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
        writer.write(request)
        try:
            async with asyncio.timeout(5):
                return await reader.read(65536)
        finally:
            writer.close()

    async def get(self, target: str, *headers: str) -> bytes:
        return await self.raw("\r\n".join([f"GET {target} HTTP/1.1", "Host: x", *headers, "", ""]).encode())

    @property
    def call(self) -> Call:
        return self.api.calls[-1]


Serve = Callable[..., Awaitable[Served]]


@pytest.fixture
async def serve() -> AsyncIterator[Serve]:
    async with AsyncExitStack() as stack:

        async def start(api: Api, *, trusted_proxies: tuple[Network, ...] = ()) -> Served:
            desk = Desk(api.routes, trusted_proxies=trusted_proxies)

            async def handle(request: web.BaseRequest) -> web.StreamResponse:
                return await desk.answer(request) or web.Response(status=418)

            port = await stack.enter_async_context(listening(handle, "127.0.0.1", 0))
            http = await stack.enter_async_context(aiohttp.ClientSession(f"http://127.0.0.1:{port}"))
            return Served(api, port, http)

        yield start


async def test_the_route_whose_path_matches_answers_and_is_told_everything(serve: Serve) -> None:
    here = await serve(Api())

    async with here.http.post("/v1/both?a=%20b&c", data=b"body", headers={"Authorization": "Basic eA=="}) as response:
        assert (response.status, await response.read()) == (201, b"{}")
        assert (response.headers["Content-Type"], response.headers["X-More"]) == ("application/json", "1")
    assert (here.call.path, here.call.authorization, here.call.caller) == ("/v1/both", "Basic eA==", "127.0.0.1")
    assert (here.call.inbound.method, here.call.inbound.query, here.call.inbound.body) == ("POST", "a=%20b&c", b"body")


async def test_a_path_reaches_the_handler_still_percent_encoded(serve: Serve) -> None:
    here = await serve(Api())

    await here.get("/v1/one/%2B1%20650%2F2", "Connection: close")

    assert here.call.path == "/v1/one/%2B1%20650%2F2"


async def test_a_run_of_slashes_counts_as_one(serve: Serve) -> None:
    here = await serve(Api())

    await here.get("//v1///both?x=//y", "Connection: close")

    assert (here.call.path, here.call.inbound.query) == ("/v1/both", "x=//y")


@pytest.mark.parametrize("target", ["/", "/v1/both/", "/v1/one/", "/v1/one/a/b", "/v2/both", "/v1/bothx"])
async def test_where_no_route_has_the_path_somebody_else_may_answer(serve: Serve, target: str) -> None:
    here = await serve(Api())

    answer = await here.get(target, "Connection: close")

    assert answer.startswith(b"HTTP/1.1 418 ")
    assert not here.api.calls


async def test_another_method_is_refused_and_those_there_are_are_named(serve: Serve) -> None:
    here = await serve(Api())

    async with here.http.delete("/v1/both") as response:
        assert (response.status, response.headers["Allow"]) == (405, "GET,POST")
    assert not here.api.calls


@pytest.mark.parametrize(
    ("failure", "status", "body", "retry_after"),
    [
        (Unauthorised("no"), 401, b"/v1/both unauthorised", None),
        (StoreUnavailable("away"), 503, b"/v1/both store_unavailable", None),
        (Throttled("wait", retry_after=7), 429, b"/v1/both throttled", "7"),
    ],
)
async def test_a_failure_is_worded_by_the_route(
    serve: Serve, failure: ConsentError, status: int, body: bytes, retry_after: str | None
) -> None:
    here = await serve(Api(failure=failure))

    async with here.http.get("/v1/both") as response:
        assert (response.status, await response.read()) == (status, body)
        assert response.headers.get("Retry-After") == retry_after


async def test_a_body_beyond_the_routes_limit_is_refused_in_its_words_and_reaches_no_handler(serve: Serve) -> None:
    here = await serve(Api())

    for body in (b"x" * 101, chunks(101)):
        async with here.http.post("/v1/both", data=body) as response:
            assert (response.status, await response.read()) == (413, b"/v1/both too_large")
    async with here.http.post("/v1/both", data=b"x" * 100) as response:
        assert response.status == 201
    assert len(here.api.calls) == 1


async def test_a_proxy_that_is_not_trusted_is_the_caller(serve: Serve) -> None:
    here = await serve(Api())

    await here.get("/v1/both", "X-Forwarded-For: 198.51.100.7", "Connection: close")

    assert here.call.caller == "127.0.0.1"


async def test_a_trusted_proxy_says_who_called_it(serve: Serve) -> None:
    here = await serve(Api(), trusted_proxies=(ip_network("127.0.0.0/8"),))

    await here.get("/v1/both", "X-Forwarded-For: 203.0.113.9, 198.51.100.7", "Connection: close")

    assert here.call.caller == "198.51.100.7"


async def test_of_two_lines_the_proxys_own_counts_which_is_the_last(serve: Serve) -> None:
    here = await serve(Api(), trusted_proxies=(ip_network("127.0.0.0/8"),))

    await here.get("/v1/both", "X-Forwarded-For: 203.0.113.9", "X-Forwarded-For: 198.51.100.7", "Connection: close")

    assert here.call.caller == "198.51.100.7"


async def chunks(count: int) -> AsyncIterator[bytes]:
    for _ in range(count):
        yield b"x"
