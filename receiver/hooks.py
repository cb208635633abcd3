"""How is a webhook answered over HTTP? From aiohttp's request to `Inbound`, and from what happened to its reply."""

import logging
from collections.abc import Callable
from dataclasses import replace

import structlog
from aiohttp import web

from config.clock import system_clock
from consent.errors import ConsentError
from consent.model import Source, UnixMs
from receiver.answers import response
from receiver.codecs import CODECS
from receiver.codecs.codec import Reply
from receiver.inbound import Inbound
from receiver.reading import inbound_of
from receiver.reception import Receipt, Reception

log = structlog.get_logger()

PATH = "/hooks/"
METHODS = ("GET", "HEAD", "POST")
_MOST_NAMED = 10
"""A batch may hold hundreds; the log line names the first."""

Clock = Callable[[], UnixMs]


class Hooks:
    """Answers `/hooks/{token}`."""

    def __init__(
        self, reception: Reception, *, max_body: int, public_url: str = "", clock: Clock = system_clock
    ) -> None:
        self._reception = reception
        self._public_url = public_url
        self._max_body = max_body
        self._clock = clock

    async def answer(self, request: web.BaseRequest) -> web.Response:
        """For a request that aiohttp has read."""
        token = request.raw_path[len(PATH) :].partition("?")[0]
        if request.method not in METHODS:
            raise web.HTTPMethodNotAllowed(request.method, METHODS)
        try:
            inbound = await inbound_of(request, max_body=self._max_body)
        except ConsentError as error:
            return response(self._refuse(token, error))
        return response(await self.reply_to(token, inbound))

    async def reply_to(self, token: str, inbound: Inbound) -> Reply:
        """For a request that is read already."""
        began = self._clock()
        source: Source | None = None
        try:
            source = self._reception.source_of(token)
            if inbound.headers and self._public_url:
                inbound = replace(inbound, url=self._url(token, inbound.query))
            receipt = await self._reception.take(inbound, source, began)
        except ConsentError as error:
            self._tell_refusal(error, source, began)
            return _reply_to(error, source)
        self._tell(receipt, source, began)
        return CODECS[source.provider].reply(None)

    def _url(self, token: str, query: str) -> str:
        """As the provider was told it, and as some sign it."""
        return f"{self._public_url}{PATH}{token}{'?' if query else ''}{query}"

    def _refuse(self, token: str, error: ConsentError) -> Reply:
        """What could not even be read; a wrong token comes first, for its sender has no business with us."""
        began = self._clock()
        source: Source | None = None
        try:
            source = self._reception.source_of(token)
        except ConsentError as unknown:
            error = unknown
        self._tell_refusal(error, source, began)
        return _reply_to(error, source)

    def _tell(self, receipt: Receipt, source: Source, began: UnixMs) -> None:
        if not log.is_enabled_for(logging.INFO):
            return
        log.info(
            "webhook.accepted",
            source=source.id,
            type=" ".join(receipt.types),
            events=" ".join(receipt.events[:_MOST_NAMED]),
            ms=self._clock() - began,
            **receipt.unusual(),
        )

    def _tell_refusal(self, error: ConsentError, source: Source | None, began: UnixMs) -> None:
        log.warning(
            "webhook.refused",
            source=source.id if source else None,
            status=error.status,
            reason=error.reason,
            error=str(error),
            ms=self._clock() - began,
        )


def _reply_to(error: ConsentError, source: Source | None) -> Reply:
    if source is not None:
        return CODECS[source.provider].reply(error)
    return Reply(status=error.status, retry_after=5 if error.retryable else None)
