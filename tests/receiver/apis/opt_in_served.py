"""The opt-in API on a port of its own: real store, real sockets, a clock that stands still until it is moved."""

import json
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from typing import Any

from consent.directory import Directory
from consent.errors import StoreUnsafe
from consent.instants import read_instant
from consent.ledger import Ledger, Registry, Store
from consent.model import Account, Campaign, CampaignId, Change, Endpoint, Msisdn, Status, UnixMs
from receiver.apis import opt_in
from receiver.apis.gate import Gate
from receiver.apis.tools import Tools
from tests.builders import ACME, ALERTS, a_campaign, a_start, a_stop
from tests.receiver.apis import desk_served

SECRET = "s3cr3t"
SIGNING = "my_secret_key_for_testing"
ACCOUNT = Account(id=ACME, api_key="abcd1234", api_secret=SECRET, signature_secret=SIGNING)
AUTH = f"api_key={ACCOUNT.api_key}&api_secret={SECRET}"
QUERY = "/sc/us/alert/opt-in/query/json"
MANAGE = "/sc/us/alert/opt-in/manage/json"
FORM = "application/x-www-form-urlencoded"


class Response(desk_served.Response):
    @property
    def json(self) -> Any:
        return json.loads(self.body)

    @property
    def problem(self) -> tuple[int, str]:
        """The HTTP status and the documented one."""
        envelope = self.json
        assert envelope["message-count"] == "1"
        (message,) = envelope["messages"]
        assert set(message) == {"status", "error-text"}
        return self.status, message["status"]


@dataclass
class Served:
    store: Store
    directory: Directory
    now: UnixMs
    port: int = 0
    unsafe: str = ""
    ledger: Ledger = field(init=False)

    def __post_init__(self) -> None:
        self.ledger = Ledger(self.store)

    async def exchange(self, request: bytes) -> Response:
        return await desk_served.exchanged(self.port, request, Response)

    async def get(self, target: str, *, authorization: str = "", method: str = "GET") -> Response:
        lines = [f"{method} {target} HTTP/1.1", "Host: localhost"]
        if authorization:
            lines.append(f"Authorization: {authorization}")
        return await self.exchange("\r\n".join([*lines, "", ""]).encode())

    async def post(self, target: str, body: str | bytes, *, content_type: str = FORM) -> Response:
        content = body.encode() if isinstance(body, str) else body
        head = f"POST {target} HTTP/1.1\r\nHost: localhost\r\nContent-Type: {content_type}\r\n"
        return await self.exchange(f"{head}Content-Length: {len(content)}\r\n\r\n".encode() + content)

    async def opt_out(self, msisdn: str, at: str, campaign: CampaignId = ALERTS, **changed: Any) -> None:
        await self.apply(a_stop(at=at_ms(at), msisdn=Msisdn(msisdn), campaigns=(campaign,), **changed))

    async def opt_in(self, msisdn: str, at: str, campaign: CampaignId = ALERTS, **changed: Any) -> None:
        await self.apply(a_start(at=at_ms(at), msisdn=Msisdn(msisdn), campaigns=(campaign,), **changed))

    async def apply(self, change: Change) -> None:
        await self.ledger.apply(change)

    async def status(self, msisdn: str, campaign: CampaignId = ALERTS) -> Status | None:
        state = await self.ledger.state(ACME, campaign, Msisdn(msisdn))
        return state and state.status


def at_ms(text: str) -> UnixMs:
    found = read_instant(text)
    assert found is not None
    return found


@asynccontextmanager
async def served(
    store: Store,
    *,
    now: str = "2014-08-21 17:34:47",
    account: Account = ACCOUNT,
    campaigns: Sequence[Campaign] = (a_campaign(),),
    endpoints: Sequence[Endpoint] = (),
) -> AsyncIterator[Served]:
    directory = Directory.of(1, accounts=[account], campaigns=campaigns, endpoints=endpoints)
    here = Served(store, directory, at_ms(now))
    tools = Tools(
        store=store,
        ledger=here.ledger,
        registry=Registry(store),
        gate=Gate(clock=lambda: here.now),
        directory=lambda: here.directory,
        ensure_safe=lambda: _raise_if(here.unsafe),
    )
    async with desk_served.port_of(opt_in.routes(tools, clock=lambda: here.now)) as port:
        here.port = port
        yield here


def _raise_if(unsafe: str) -> None:
    if unsafe:
        raise StoreUnsafe(unsafe)


def signed_with(method: Any) -> Account:
    return replace(ACCOUNT, signature_method=method)
