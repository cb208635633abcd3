"""WXML on a port of its own: real store, real sockets, a clock that stands still until it is moved."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlencode
from xml.etree import ElementTree as ET

from consent.directory import Directory
from consent.errors import StoreUnavailable, StoreUnsafe
from consent.ledger import Ledger, Registry, Store
from consent.model import (
    Account,
    AccountId,
    CampaignId,
    Change,
    Condition,
    Event,
    EventType,
    Millis,
    Msisdn,
    Status,
    UnixMs,
)
from receiver.apis import wxml
from receiver.apis.gate import Gate
from receiver.apis.tools import Tools
from tests.builders import ACME, ALERTS, ANN, NOON, a_campaign, a_start
from tests.receiver.apis import desk_served

KEY = "qTFkykO9JTfahCOqJ0V2Wf5Cg1t8iWlZ"
"""The document's own."""
ACCOUNT = Account(id=ACME, api_key=KEY)
OTHER = Account(id=AccountId("other"), api_key="other-key")
PATH = "/API/wxml/1.3/index.php"
FORERUNNER, HEIR = CampaignId("654321"), CampaignId("2227")
"""What a webhook knew of a short code, and the campaign that was registered at it later."""
CONFIRM_WITHIN = Millis(60_000)
_SAMPLES = Path(__file__).parent / "samples" / "wxml"


def sample(name: str) -> bytes:
    return (_SAMPLES / f"{name}.http").read_bytes()


SAMPLES = sorted(path.stem for path in _SAMPLES.glob("*.http"))


class Response(desk_served.Response):
    @property
    def said(self) -> dict[str, str]:
        """As a client reads it, which looks at nothing but the body."""
        root = ET.fromstring(self.body.decode())
        assert root.tag == "RESPONSE"
        return {element.tag: element.text or "" for element in root}

    @property
    def code(self) -> str:
        """The E-code, or "Success"."""
        return self.said.get("ERRORCODE", self.said["STATUS"])


@dataclass
class Served:
    store: Store
    directory: Directory | None
    now: UnixMs = NOON
    port: int = 0
    unsafe: str = ""
    ledger: Ledger = field(init=False)

    def __post_init__(self) -> None:
        self.ledger = Ledger(self.store)

    async def exchange(self, request: bytes) -> Response:
        return await desk_served.exchanged(self.port, request, Response)

    async def get(self, method: str = "GET", **said: str) -> Response:
        """`action`, `api_key`, `mobile` and `campaignid` unless they are given, or given as empty."""
        named = {"action": "subscribe", "api_key": KEY, "mobile": ANN, "campaignid": ALERTS, **said}
        query = urlencode({name: value for name, value in named.items() if value})
        return await self.exchange(f"{method} {PATH}?{query} HTTP/1.1\r\nHost: x\r\n\r\n".encode())

    async def post(self, body: str | bytes, *, content_type: str = "text/xml", path: str = PATH) -> Response:
        content = body.encode() if isinstance(body, str) else body
        head = f"POST {path} HTTP/1.1\r\nHost: x\r\nContent-Type: {content_type}\r\nContent-Length: {len(content)}"
        return await self.exchange(f"{head}\r\n\r\n".encode() + content)

    async def apply(self, change: Change) -> None:
        await self.ledger.apply(change)

    async def yes(self, **changed: Any) -> None:
        """Her answer by text, as judged."""
        await self.apply(a_start(at=self.now, condition=Condition.IF_PENDING, **changed))

    async def status(self, msisdn: str = ANN) -> Status:
        state = await self.ledger.state(ACME, ALERTS, Msisdn(msisdn))
        return state.status_at(self.now) if state else Status.UNKNOWN

    async def events(self, msisdn: str = ANN) -> list[Event]:
        """Oldest first."""
        return (await self.ledger.history(ACME, Msisdn(msisdn)))[::-1]

    async def types(self, msisdn: str = ANN) -> list[EventType]:
        return [event.type for event in await self.events(msisdn)]

    def known(self) -> Directory:
        if self.directory is None:
            raise StoreUnavailable("the registry has not been read yet")
        return self.directory

    def ensure_safe(self) -> None:
        if self.unsafe:
            raise StoreUnsafe(self.unsafe)


@asynccontextmanager
async def served(store: Store) -> AsyncIterator[Served]:
    directory = Directory.of(
        1,
        accounts=[ACCOUNT, OTHER],
        campaigns=[
            a_campaign(),
            a_campaign(FORERUNNER, short_code=FORERUNNER, discovered=True),
            a_campaign(HEIR, short_code=FORERUNNER),
            a_campaign(CampaignId("theirs"), account=OTHER.id),
        ],
    )
    here = Served(store, directory)
    tools = Tools(
        store=store,
        ledger=here.ledger,
        registry=Registry(store),
        gate=Gate(clock=lambda: here.now),
        directory=here.known,
        ensure_safe=here.ensure_safe,
        confirm_within=CONFIRM_WITHIN,
    )
    async with desk_served.port_of(wxml.routes(tools, clock=lambda: here.now)) as port:
        here.port = port
        yield here
