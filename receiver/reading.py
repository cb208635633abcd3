"""How does an aiohttp request become `Inbound`? The body read to its end, or as far as it may go."""

import asyncio

from aiohttp import web

from config.probes import target_of, welcome_body
from consent.errors import Refused, TooLarge
from receiver.codecs import HEADERS
from receiver.inbound import Inbound

_PATIENCE_S = 60.0
"""For a whole body. The largest one takes a tenth of it on a slow line."""


async def inbound_of(request: web.BaseRequest, *, max_body: int, patience: float = _PATIENCE_S) -> Inbound:
    """Refused if the body did not arrive whole, within `patience` seconds; TooLarge (without reading further) past
    `max_body` bytes."""
    if request.content_length is not None and request.content_length > max_body:
        raise TooLarge(f"the body has {request.content_length} bytes; {max_body} are read at most")
    await welcome_body(request)
    return Inbound(
        method=request.method,
        query=target_of(request).partition("?")[2],
        content_type=request.headers.get("Content-Type", ""),
        body=await _body(request, max_body, patience),
        headers=tuple((name, ", ".join(request.headers.getall(name))) for name in HEADERS if name in request.headers),
    )


async def _body(request: web.BaseRequest, max_body: int, patience: float) -> bytes:
    body = bytearray()
    try:
        async with asyncio.timeout(patience):
            async for chunk in request.content.iter_any():
                body += chunk
                if len(body) > max_body:
                    raise TooLarge(f"the body has more than {max_body} bytes")
    except TimeoutError as exc:
        raise Refused(f"the body did not arrive whole within {patience:g} s: {len(body)} bytes did") from exc
    except (web.PayloadAccessError, web.RequestPayloadError) as exc:
        raise Refused(f"the body did not arrive whole: {exc}") from exc
    return bytes(body)
