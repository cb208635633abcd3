"""Our own APIs on a port: every route there is, a real store and real sockets; credentials by HTTP Basic."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import aiohttp
from aiohttp import web
from yarl import URL

from config.probes import listening
from consent.directory import Directory
from consent.ledger import Ledger, Registry, Store
from consent.model import Account, AccountId, CampaignId
from receiver.apis.desk import Desk
from receiver.apis.gate import Gate
from receiver.apis.routes import routes
from receiver.apis.tools import Tools
from tests.builders import ACME, a_campaign

ACCOUNT = Account(id=ACME, api_key="abcd1234", api_secret="s3cr3t")
OTHER = Account(id=AccountId("other"), api_key="other-key", api_secret="other-secret")
STRICT = CampaignId("strict")
FORERUNNER = CampaignId("654321")
"""What a webhook knew of the short code before STRICT was registered at it."""
DIRECTORY = Directory.of(
    1,
    accounts=[ACCOUNT, OTHER],
    campaigns=[
        a_campaign(),
        a_campaign(STRICT, requires_opt_in=True, short_code="654321"),
        a_campaign(FORERUNNER, short_code="654321", discovered=True),
        a_campaign("theirs", account=OTHER.id),
    ],
)


@dataclass
class Answered:
    status: int
    headers: Any
    json: Any


@dataclass
class Served:
    http: aiohttp.ClientSession
    ledger: Ledger
    registry: Registry
    auth: str = aiohttp.encode_basic_auth(ACCOUNT.api_key, ACCOUNT.api_secret)

    async def get(self, path: str | URL, *, auth: str | None = None, **more: Any) -> Answered:
        return await self._ask("GET", path, auth, **more)

    async def head(self, path: str | URL, *, auth: str | None = None, **more: Any) -> Answered:
        return await self._ask("HEAD", path, auth, **more)

    async def post(self, path: str | URL, *, auth: str | None = None, **more: Any) -> Answered:
        return await self._ask("POST", path, auth, **more)

    async def _ask(self, method: str, path: str | URL, auth: str | None, **more: Any) -> Answered:
        """With the account's credentials, unless others are given; with none if these are empty."""
        header = self.auth if auth is None else auth
        headers = {"Authorization": header} if header else {}
        async with self.http.request(method, path, headers=headers, **more) as response:
            return Answered(response.status, response.headers, await response.json(content_type=None))


def tools_of(store: Store) -> Tools:
    return Tools(
        store=store,
        ledger=Ledger(store),
        registry=Registry(store),
        gate=Gate(),
        directory=lambda: DIRECTORY,
        ensure_safe=lambda: None,
    )


@asynccontextmanager
async def served(store: Store) -> AsyncIterator[Served]:
    desk = Desk(routes(tools_of(store)))

    async def handle(request: web.BaseRequest) -> web.StreamResponse:
        return await desk.answer(request) or web.Response(status=404)

    async with (
        listening(handle, "127.0.0.1", 0) as port,
        aiohttp.ClientSession(f"http://127.0.0.1:{port}") as http,
    ):
        yield Served(http, Ledger(store), Registry(store))
