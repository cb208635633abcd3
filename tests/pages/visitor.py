"""Somebody with a browser, as far as HTTP goes: she logs in, follows redirects, and sends forms with their token."""

import asyncio
import json
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from html import unescape
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import aiohttp

from tests.console.served import FIRST_TOKEN, Served

_PATIENCE_S = 60
_CSRF = re.compile(r'name="csrf" value="([0-9a-f]+)"')


@dataclass(frozen=True)
class Page:
    status: int
    headers: Any
    html: str
    path: str
    """Where it was found, after redirects."""

    @property
    def text(self) -> str:
        """What is read, roughly: without tags, and with what was escaped."""
        return re.sub(r"\s+", " ", unescape(re.sub(r"<[^>]+>", " ", self.html)))

    @property
    def csrf(self) -> str:
        found = _CSRF.search(self.html)
        assert found, self.html[:2000]
        return found[1]

    @property
    def hidden(self) -> dict[str, str]:
        """What its forms send along unseen."""
        return dict(re.findall(r'<input type="hidden" name="(\w+)" value="([^"]*)"', self.html))

    @property
    def links(self) -> list[str]:
        return [unescape(link) for link in re.findall(r'(?:href|action|src)="([^"]*)"', self.html)]

    @property
    def query(self) -> dict[str, str]:
        return dict(parse_qsl(urlsplit(self.path).query))


class Visitor:
    def __init__(self, http: aiohttp.ClientSession) -> None:
        self._http = http
        self.seen: list[str] = []
        """Every address that her browser ever showed."""

    async def log_in(self, token: str = FIRST_TOKEN, **more: str) -> Page:
        return await self._asked("POST", "/login", data={"token": token, **more})

    async def get(self, path: str, **more: Any) -> Page:
        return await self._asked("GET", path, **more)

    async def post(self, path: str, *, csrf: str | None = None, **fields: str) -> Page:
        """With the token of her log-in, unless another is given."""
        token = (await self.get("/people")).csrf if csrf is None else csrf
        return await self._asked("POST", path, data={"csrf": token, **fields})

    async def _asked(self, method: str, path: str, **more: Any) -> Page:
        async with self._http.request(method, path, **more) as response:
            page = Page(response.status, response.headers, await response.text(), str(response.url.relative()))
        self.seen.append(page.path)
        return page


async def visitor(site: Served, *scopes: str) -> Visitor:
    """Logged in; by the first token, or by one with these scopes."""
    somebody = Visitor(site.http)
    await somebody.log_in(await site.token(*scopes) if scopes else FIRST_TOKEN)
    return somebody


@asynccontextmanager
async def watching(site: Served, *scopes: str) -> AsyncIterator[AsyncIterator[dict[str, str]]]:
    """What the dashboard hears while it is open."""
    await visitor(site, *scopes)
    async with asyncio.timeout(_PATIENCE_S), site.http.get("/live") as stream:
        assert stream.headers["Content-Type"] == "text/event-stream; charset=utf-8"
        yield regions(stream)


async def regions(stream: aiohttp.ClientResponse) -> AsyncIterator[dict[str, str]]:
    """What is new on the page, by the parts that it is new in."""
    while line := await stream.content.readline():
        if line.startswith(b"data: "):
            yield json.loads(line.removeprefix(b"data: "))
