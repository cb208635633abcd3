"""The console on a port: every route there is, a real store, real sockets; a bearer token unless another is given."""

import secrets
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from typing import Any

import aiohttp
from aiohttp import web

from config.clock import system_clock
from config.settings import Settings, judged
from consent.ledger import Ledger, Queue, Registry, Store
from consent.ledger.audit import Audit
from consent.ledger.tokens import Tokens
from consent.model import Account, AttemptRecord, Change, Endpoint, EventId, Millis, Msisdn
from console.desk import Desk
from console.server.app import build
from dispatcher.routing import route
from tests.builders import ACME, ANN, BOB, NOON, a_campaign, a_source, a_start, a_stop, an_endpoint

FIRST_TOKEN = "f1rst-token-of-the-console"
CRM, BILLING = an_endpoint("crm"), an_endpoint("billing", events=("consent.opted_in",))
FAILED = AttemptRecord(number=1, outcome="bury", status=500, took_ms=12, error="gave up: http_500", response="oh no")


@dataclass
class Answered:
    status: int
    headers: Any
    text: str
    json: Any


@dataclass
class Served:
    http: aiohttp.ClientSession
    store: Store
    url: str

    async def ask(
        self, method: str, path: str, *, token: str = FIRST_TOKEN, headers: dict[str, str] | None = None, **more: Any
    ) -> Answered:
        """Without a token if that is empty."""
        sent = {**({"Authorization": f"Bearer {token}"} if token else {}), **(headers or {})}
        async with self.http.request(method, path, headers=sent, allow_redirects=False, **more) as response:
            text = await response.text()
            is_json = "json" in response.headers.get("Content-Type", "")
            return Answered(
                response.status, response.headers, text, await response.json(content_type=None) if is_json else None
            )

    async def get(self, path: str, **more: Any) -> Answered:
        return await self.ask("GET", f"/api/v1{path}", **more)

    async def post(self, path: str, body: Any = None, **more: Any) -> Answered:
        return await self.ask("POST", f"/api/v1{path}", json={} if body is None else body, **more)

    async def patch(self, path: str, body: Any, **more: Any) -> Answered:
        return await self.ask("PATCH", f"/api/v1{path}", json=body, **more)

    async def delete(self, path: str, **more: Any) -> Answered:
        return await self.ask("DELETE", f"/api/v1{path}", **more)

    async def token(self, *scopes: str) -> str:
        made = await Tokens(self.store).create(
            f"test-{secrets.token_hex(4)}", scopes, by="a test", now=system_clock(), random=secrets.token_bytes
        )
        assert made is not None
        return made[1]

    async def audited(self) -> list[tuple[str, str, str]]:
        """Who, what, on what; newest first."""
        return [(entry.who, entry.what, entry.on) for entry in (await Audit(self.store).read()).entries]


def settings_of(**tables: Any) -> Settings:
    """Where nothing is kept: the key of a relay that was started in this directory is none of a test's business."""
    console = {"token": FIRST_TOKEN, **tables.pop("console", {})}
    store = {"partitions": 4, "data_dir": "/nonexistent/consent-relay"}
    return judged({"store": store, "console": console, **tables}, {}, where="a test")


@asynccontextmanager
async def served(store: Store, settings: Settings | None = None) -> AsyncIterator[Served]:
    app = build(Desk.over(settings or settings_of(), store))
    runner = web.AppRunner(app, access_log=None, handle_signals=False, shutdown_timeout=5)
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        url = f"http://127.0.0.1:{runner.addresses[0][1]}"
        async with aiohttp.ClientSession(url, cookie_jar=aiohttp.CookieJar(unsafe=True)) as http:
            yield Served(http, store, url)
    finally:
        await runner.cleanup()


async def recorded(store: Store, *endpoints: Endpoint) -> list[EventId]:
    """A STOP and a START of Ann's and a STOP of Bob's, all owed to the endpoints."""
    for row in (Account(id=ACME), a_campaign(), a_source(), *(endpoints or (CRM, BILLING))):
        await Registry(store).put(row)
    changes = (a_stop(at=NOON), a_start(at=NOON + 1000), a_stop(msisdn=BOB))
    ids = [await logged(store, change) for change in changes]
    await routed(store)
    return ids


async def logged(store: Store, change: Change) -> EventId:
    """The one event that it makes."""
    (event,) = (await Ledger(store).apply(change)).events  # type: ignore[union-attr]  # it is new
    return event


async def routed(store: Store) -> None:
    """What was logged since is owed to the endpoints."""
    known, queue = list((await Registry(store).directory()).endpoints.values()), Queue(store)
    while stretches := await queue.unrouted(await queue.cursors(), block=Millis(1)):
        for stretch in stretches:
            await queue.fan_out(stretch, [owed for event in stretch.events for owed in route(event, known)])


async def bury(store: Store, msisdn: Msisdn = ANN, *, response: str = "oh no") -> None:
    """Give up on the first delivery of a number to the CRM."""
    await attempted(store, replace(FAILED, response=response), msisdn=msisdn)


async def attempted(store: Store, *records: AttemptRecord, endpoint: Endpoint = CRM, msisdn: Msisdn = ANN) -> None:
    """So the attempts at the first delivery of a number went, one after the other."""
    queue, partition = Queue(store), store.keys_of(msisdn).partition
    for record in records:
        for lease in (await queue.claim(partition, {endpoint.id: 10}, token=secrets.token_hex(8))).leases:
            if lease.msisdn == msisdn:
                await queue.settle(lease, record.outcome, record, wait=Millis(0))
            else:
                await queue.settle(lease, "release", None, wait=Millis(0))
