"""What goes back over the wire? A codec's reply, as a response of aiohttp's or as the bytes themselves."""

import time
from email.utils import formatdate
from functools import lru_cache
from http import HTTPStatus

from aiohttp import web

from receiver.codecs.codec import Reply


def response(reply: Reply) -> web.Response:
    answer = web.Response(status=reply.status, body=reply.body or None, headers=reply.headers)
    if reply.content_type:
        answer.headers["Content-Type"] = reply.content_type
    if reply.retry_after is not None:
        answer.headers["Retry-After"] = str(reply.retry_after)
    return answer


def serialised(reply: Reply, *, closing: bool) -> bytes:
    return _bytes(reply, closing, int(time.time()))


@lru_cache(maxsize=64)
def _bytes(reply: Reply, closing: bool, now: int) -> bytes:
    """Almost every answer is the same one, for a second: then its Date changes."""
    lines = [
        f"HTTP/1.1 {reply.status} {HTTPStatus(reply.status).phrase}",
        *([f"Content-Type: {reply.content_type}"] if reply.content_type else []),
        *(f"{name}: {value}" for name, value in reply.headers),
        f"Content-Length: {len(reply.body)}",
        *([f"Retry-After: {reply.retry_after}"] if reply.retry_after is not None else []),
        f"Date: {formatdate(now, usegmt=True)}",
        *(["Connection: close"] if closing else []),
    ]
    return "\r\n".join([*lines, "", ""]).encode() + reply.body
