"""One attempt: sign, post, and say how it went. Decides nothing about what comes next; raises for cancellation alone.

An attempt ends within the timeout (rounded up to a whole second by the client), from the look-up of the name to the
last byte read. A lease is shorter, so the loop renews it meanwhile.
"""

import re
import ssl
import time
from collections.abc import Sequence
from contextlib import AsyncExitStack
from contextvars import ContextVar
from dataclasses import dataclass, replace
from functools import lru_cache
from importlib.metadata import version
from types import TracebackType
from typing import Self

import aiohttp
from aiohttp.abc import AbstractResolver

from consent.model import Endpoint, Millis, UnixMs
from dispatcher import egress, failure
from dispatcher.formats import Payload
from dispatcher.outcome import Attempted, TryAgain, judged
from dispatcher.signing import Signer

KEPT_BYTES = 1024
READ_BYTES = 16 * 1024
"""Up to here an answer is read to its end, to keep the connection; a longer one costs the connection and no more."""
DEFAULT_TIMEOUT = Millis(15_000)
CONNECT_SHARE = 2 / 3
"""Of the timeout, for name, connection and TLS: what connects later than this leaves no time to answer."""
SIGNERS = 4096
HEADERS = {
    "User-Agent": f"consent-relay/{version('consent-relay')}",
    # A compressed answer would be read by nobody; one that comes all the same is not unpacked.
    "Accept-Encoding": "identity",
}

_UNPRINTABLE = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]")


@dataclass(frozen=True, slots=True)
class _Request:
    url: str
    headers: dict[str, str]
    content: bytes


@dataclass(frozen=True, slots=True)
class _Answer:
    status: int
    retry_after: str | None
    beginning: str


@dataclass(slots=True)
class _Connection:
    is_new: bool = False
    """A socket was opened for this request; otherwise one is used that was kept from an earlier request."""


# Set for the time of one request. aiohttp's tracing could tell the same, at a fifth of the deliveries per second.
_CONNECTION: ContextVar[_Connection] = ContextVar("connection")


class Sender:
    """Owns the connections. One for the whole dispatcher, as `async with`."""

    def __init__(
        self,
        *,
        timeout: Millis = DEFAULT_TIMEOUT,
        egress_allow: Sequence[egress.Network] = (),
        tls: ssl.SSLContext | None = None,
        resolver: AbstractResolver | None = None,
    ) -> None:
        """`tls` to trust others than the system does; `resolver` to ask another for addresses, guarded like our own."""
        self._timeout = timeout / 1000
        self._allow = tuple(egress_allow)
        self._tls = tls
        self._resolver = resolver
        self._signer = lru_cache(maxsize=SIGNERS)(Signer)
        self._opened = AsyncExitStack()

    async def __aenter__(self) -> Self:
        resolver = self._resolver or egress.SystemResolver()
        self._opened.push_async_callback(resolver.close)
        self._session = await self._open(resolver, reuses_connections=True)
        self._fresh = await self._open(resolver, reuses_connections=False)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._opened.aclose()

    async def send(self, endpoint: Endpoint, webhook_id: str, payload: Payload, now: UnixMs) -> Attempted:
        started = time.monotonic()
        try:
            signature = self._signer(endpoint.secrets).headers(webhook_id, now // 1000, payload.content)
            headers = {"Content-Type": payload.content_type, **signature}
            answer = await self._posted(_Request(endpoint.url, headers, payload.content))
        except failure.EXPECTED as exc:
            attempted = _failed(exc)
        else:
            attempted = _answered(answer, now)
        return replace(attempted, took_ms=round((time.monotonic() - started) * 1000))

    async def _open(self, resolver: AbstractResolver, *, reuses_connections: bool) -> aiohttp.ClientSession:
        session = aiohttp.ClientSession(
            connector=egress.connector(
                self._allow,
                resolver=resolver,
                tls=self._tls,
                reuses_connections=reuses_connections,
                on_open=_note_new_connection,
            ),
            cookie_jar=aiohttp.DummyCookieJar(),
            auto_decompress=False,
            trust_env=False,
            headers=HEADERS,
        )
        return await self._opened.enter_async_context(session)

    async def _posted(self, request: _Request) -> _Answer:
        """A server may close an idle connection at the very moment we write to it. That is no failure of the endpoint,
        and the webhook-id makes a repetition harmless: so once more at once, on a connection of its own, in the time
        that is left. An endpoint that hangs up on a new connection has failed, and waits its turn.
        """
        started = time.monotonic()
        connection = _Connection()
        _CONNECTION.set(connection)
        try:
            return await _post(self._session, request, seconds=self._timeout)
        except aiohttp.ClientConnectorError:
            raise
        except (aiohttp.ServerDisconnectedError, aiohttp.ClientOSError):
            left = self._timeout - (time.monotonic() - started)
            if connection.is_new or left <= 0:
                raise
            return await _post(self._fresh, request, seconds=left)


async def _post(session: aiohttp.ClientSession, request: _Request, *, seconds: float) -> _Answer:
    async with session.post(
        request.url,
        headers=request.headers,
        data=request.content,
        allow_redirects=False,
        timeout=aiohttp.ClientTimeout(total=seconds, connect=seconds * CONNECT_SHARE),
    ) as response:
        return _Answer(response.status, response.headers.get("Retry-After"), await _beginning(response))


def _note_new_connection() -> None:
    _CONNECTION.get().is_new = True


async def _beginning(response: aiohttp.ClientResponse) -> str:
    """The status was the answer: whatever becomes of the body does not take it back."""
    read = bytearray()
    try:
        while len(read) < READ_BYTES and (piece := await response.content.read(READ_BYTES)):
            read += piece
    except (aiohttp.ClientError, OSError):
        response.close()
    # It comes from a stranger, and is shown on an operator's terminal.
    return _UNPRINTABLE.sub("\ufffd", read[:KEPT_BYTES].decode(errors="replace"))


def _answered(answer: _Answer, now: UnixMs) -> Attempted:
    outcome = judged(answer.status, answer.retry_after, now)
    return Attempted(outcome=outcome, status=answer.status, took_ms=0, response=answer.beginning, error="")


def _failed(exc: Exception) -> Attempted:
    word, explanation = failure.word_of(exc), failure.explanation_of(exc)
    reason = f"{word}: {explanation}" if explanation else word
    return Attempted(outcome=TryAgain(reason), status=None, took_ms=0, response="", error=word)
