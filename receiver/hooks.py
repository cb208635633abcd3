"""How is a webhook answered over HTTP? From aiohttp's request to `Inbound`, and from what happened to its reply."""

import time
from collections.abc import Callable

import structlog
from aiohttp import web

from consent.errors import ConsentError, Refused, TooLarge
from consent.model import Source, UnixMs
from receiver.answers import response
from receiver.codecs import CODECS
from receiver.codecs.codec import Reply
from receiver.inbound import Inbound
from receiver.reception import Receipt, Reception

log = structlog.get_logger()

Clock = Callable[[], UnixMs]


def system_clock() -> UnixMs:
    return UnixMs(time.time_ns() // 1_000_000)


class Hooks:
    """The handler of `/hooks/{token}`."""

    def __init__(self, reception: Reception, *, max_body: int, clock: Clock = system_clock) -> None:
        self._reception = reception
        self._max_body = max_body
        self._clock = clock

    async def __call__(self, request: web.Request) -> web.Response:
        began = self._clock()
        source: Source | None = None
        try:
            source = self._reception.source_of(request.match_info["token"])
            receipt = await self._reception.take(await self._inbound(request), source, began)
        except ConsentError as error:
            self._tell_refusal(error, source, began)
            return response(_reply_to(error, source), request)
        self._tell(receipt, source, began)
        return response(CODECS[source.provider].reply(None), request)

    async def _inbound(self, request: web.Request) -> Inbound:
        if request.content_length is not None and request.content_length > self._max_body:
            raise TooLarge(f"the body has {request.content_length} bytes; receiver.max_body is {self._max_body}")
        try:
            body = await request.read()
        except web.HTTPRequestEntityTooLarge:
            raise TooLarge(f"the body has more than receiver.max_body = {self._max_body} bytes") from None
        except (web.PayloadAccessError, web.RequestPayloadError) as exc:
            raise Refused(f"the body did not arrive whole: {exc}") from exc
        return Inbound(
            method=request.method,
            query=request.raw_path.partition("?")[2],
            content_type=request.headers.get("Content-Type", ""),
            body=body,
        )

    def _tell(self, receipt: Receipt, source: Source, began: UnixMs) -> None:
        log.info(
            "webhook.accepted",
            source=source.id,
            types=[*receipt.types],
            events=[*receipt.events],
            duplicates=receipt.duplicates,
            superseded=receipt.superseded,
            parts_held=receipt.parts_held,
            ms=self._clock() - began,
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
