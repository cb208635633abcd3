"""One attempt: sign, post, and say how it went. Decides nothing about what comes next; raises for cancellation alone.

An attempt ends within the timeout, from the look-up of the name to the last byte read. A lease is shorter, so the loop
renews it meanwhile.
"""

import re
import ssl
import time
from collections.abc import Sequence
from contextlib import AsyncExitStack
from functools import lru_cache
from types import TracebackType
from typing import Self

from aiohttp.abc import AbstractResolver

from consent.model import Endpoint, Millis, UnixMs
from dispatcher import egress, failure
from dispatcher.exchange import Answer, Request
from dispatcher.formats import Payload
from dispatcher.outcome import Attempted, TryAgain, judged
from dispatcher.signing import Signer
from dispatcher.ways import Ways

DEFAULT_TIMEOUT = Millis(15_000)
SIGNERS = 4096
REPLAY_HEADER = "webhook-replay"
"""Not signed, as nothing but id, time and body is: a hint for who counts or logs, no ground for a decision."""
TRACE_HEADER = "traceparent"
"""https://www.w3.org/TR/trace-context/, not signed either."""

_UNPRINTABLE = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]")


class Sender:
    """Owns the clients, and with them the connections. One for the whole dispatcher, as `async with`."""

    def __init__(
        self,
        *,
        timeout: Millis = DEFAULT_TIMEOUT,
        egress_allow: Sequence[egress.Network] = (),
        tls: ssl.SSLContext | None = None,
        resolver: AbstractResolver | None = None,
        proxy: str = "",
    ) -> None:
        """`tls` to trust others than the system does; `resolver` to ask another for addresses, guarded like our own."""
        self._timeout = timeout / 1000
        self._allow = tuple(egress_allow)
        self._tls = tls
        self._resolver = resolver
        self._proxy = proxy
        self._signer = lru_cache(maxsize=SIGNERS)(Signer)
        self._opened = AsyncExitStack()

    async def __aenter__(self) -> Self:
        resolver = self._resolver or egress.SystemResolver()
        self._opened.push_async_callback(resolver.close)
        ways = Ways(resolver=resolver, tls=self._tls, egress_allow=self._allow, proxy=self._proxy)
        self._ways = await self._opened.enter_async_context(ways)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._opened.aclose()

    async def send(
        self,
        endpoint: Endpoint,
        webhook_id: str,
        payload: Payload,
        now: UnixMs,
        *,
        is_replay: bool = False,
        traceparent: str = "",
    ) -> Attempted:
        started = time.monotonic()
        try:
            signer = self._signer(endpoint.secrets, endpoint.retiring)
            headers = signer.headers(webhook_id, now // 1000, payload.content)
            if is_replay:
                headers[REPLAY_HEADER] = "true"
            if traceparent:
                headers[TRACE_HEADER] = traceparent
            for header in endpoint.headers:
                headers[header.name] = header.value
            request = Request(endpoint.url, payload.content_type, headers, payload.content)
            client = self._ways.known(endpoint) or await self._ways.opened(endpoint)
            answer = await client.post(request, seconds=self._timeout)
        except failure.EXPECTED as exc:
            return _failed(exc, _ms_since(started))
        return _answered(answer, now, _ms_since(started))


def _ms_since(started: float) -> int:
    return round((time.monotonic() - started) * 1000)


def _answered(answer: Answer, now: UnixMs, took_ms: int) -> Attempted:
    # It comes from a stranger, and is shown on an operator's terminal.
    response = _UNPRINTABLE.sub("\ufffd", answer.beginning.decode(errors="replace")) if answer.beginning else ""
    return Attempted(
        outcome=judged(answer.status, answer.retry_after, now),
        status=answer.status,
        took_ms=took_ms,
        response=response,
        error="",
        timings=answer.timings,
    )


def _failed(exc: Exception, took_ms: int) -> Attempted:
    word, explanation = failure.word_of(exc), failure.explanation_of(exc)
    reason = f"{word}: {explanation}" if explanation else word
    return Attempted(outcome=TryAgain(reason), status=None, took_ms=took_ms, response="", error=word)
