"""How is a webhook answered over HTTP? From aiohttp's request to `Inbound`, and from what happened to its reply."""

import asyncio
import logging
import re
import time
from collections.abc import Callable
from dataclasses import replace

import structlog
from aiohttp import web

from config.clock import system_clock
from config.probes import target_of
from config.tracing import Traces
from consent.errors import ConsentError
from consent.model import Source, UnixMs
from receiver.answers import response
from receiver.codecs import CODECS
from receiver.codecs.codec import Reply
from receiver.inbound import Inbound
from receiver.reading import inbound_of
from receiver.reception import ReadInPart, Receipt, Reception
from receiver.tally import Tally
from receiver.tracing import Journey

log = structlog.get_logger()

PATH = "/hooks/"
_ADDRESS = re.compile(r"(/+hooks/+([^/?]*)/*)(?:\?.*)?", re.DOTALL)
"""A slash too many comes from joining an address by hand, and costs nobody an opt-out."""
METHODS = ("GET", "HEAD", "POST")
_MOST_NAMED = 10
"""A batch may hold hundreds; the log line names the first."""

Clock = Callable[[], UnixMs]


class Hooks:
    """Answers `/hooks/{token}`."""

    def __init__(
        self,
        reception: Reception,
        *,
        max_body: int,
        public_url: str = "",
        clock: Clock = system_clock,
        tally: Tally | None = None,
        traces: Traces | None = None,
    ) -> None:
        self._reception = reception
        self._public_url = public_url
        self._max_body = max_body
        self._clock = clock
        self._tally = tally or Tally()
        self._traces = traces
        # Bound once: asking the lazy one whether a level is on costs more than all else that is said about a webhook.
        self._log = log.bind()

    async def answer(self, request: web.BaseRequest) -> web.Response | None:
        """For a request that aiohttp has read. None where it is for somebody else."""
        address = _ADDRESS.fullmatch(target_of(request))
        if address is None:
            return None
        path, token = address.groups()
        if request.method not in METHODS:
            raise web.HTTPMethodNotAllowed(request.method, METHODS)
        began = self._clock()
        try:
            inbound = await inbound_of(request, max_body=self._max_body)
            reply = await self.take(token, inbound, path=path)
        except ConsentError as error:
            reply = self.refuse(token, error, ms=self._clock() - began)
        except Exception:
            self.broke()
            raise
        return response(reply)

    def take(self, token: str, inbound: Inbound, *, path: str = "") -> "asyncio.Future[Reply]":
        """For a request that is read already. Any ConsentError, here or there, is to be refused. `path`: where it went,
        if not to PATH and the token alone."""
        began, started = self._clock(), time.perf_counter()
        source = self._reception.source_of(token)
        if inbound.headers and self._public_url:
            inbound = replace(inbound, url=self._url(path or PATH + token, inbound.query))
        if self._traces is not None:
            return self._take_traced(inbound, source, began, Journey(self._traces))
        return self._reception.take_then(
            inbound, source, began, lambda receipt: self._accepted(receipt, source, began, started)
        )

    def _take_traced(
        self, inbound: Inbound, source: Source, began: UnixMs, journey: Journey
    ) -> "asyncio.Future[Reply]":
        started = time.perf_counter()

        def accepted(receipt: Receipt) -> Reply:
            journey.webhook(source, receipt)
            return self._accepted(receipt, source, began, started)

        answering = self._reception.take_then(inbound, source, began, accepted)
        journey.asked()
        return answering

    def refuse(self, token: str, error: ConsentError, *, ms: int) -> Reply:
        """A wrong token comes first, for its sender has no business with us."""
        source: Source | None = None
        try:
            source = self._reception.source_of(token)
        except ConsentError as unknown:
            error = unknown
        self._tally.refused(source, error, now=self._clock())
        self._log.warning(
            "webhook.refused",
            account=source.account if source else None,
            source=source.id if source else None,
            status=error.status,
            reason=error.reason,
            error=str(error),
            ms=ms,
            **(_brought(error.receipt) if isinstance(error, ReadInPart) else {}),
        )
        if source is not None:
            return CODECS[source.provider].reply(error)
        return Reply(status=error.status, retry_after=5 if error.retryable else None)

    def broke(self) -> None:
        """A fault of ours: the provider is told 500."""
        self._tally.broken += 1

    def _url(self, path: str, query: str) -> str:
        """As the provider was told it, and as some sign it."""
        return f"{self._public_url}{path}{'?' if query else ''}{query}"

    def _accepted(self, receipt: Receipt, source: Source, began: UnixMs, started: float) -> Reply:
        self._tally.accepted(source, receipt, began, time.perf_counter() - started)
        if self._log.is_enabled_for(logging.INFO):
            self._log.info(
                "webhook.accepted",
                account=source.account,
                source=source.id,
                type=" ".join(receipt.types),
                **_brought(receipt),
                ms=self._clock() - began,
            )
        return CODECS[source.provider].reply(None)


def _brought(receipt: Receipt) -> dict[str, object]:
    return {"events": " ".join(receipt.events[:_MOST_NAMED]), **receipt.unusual()}
