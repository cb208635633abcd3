"""What goes back over the wire? The reply of a codec as a response of aiohttp's.

Almost every answer is the same empty 200. aiohttp spends more on building and serialising one than on reading the
request (bench/README.md), so that one is kept ready as bytes, renewed once a second for its Date.
"""

import time
from email.utils import formatdate

from aiohttp import HttpVersion11, web
from aiohttp.abc import AbstractStreamWriter

from receiver.codecs.codec import Reply


class _EmptyOk(web.Response):
    """An empty 200 on a connection that stays open. Holds no state of a request, so one instance serves all."""

    def __init__(self) -> None:
        super().__init__()
        self._head = b""
        self._second = 0

    @property
    def keep_alive(self) -> bool:
        return True

    async def prepare(self, request: web.BaseRequest) -> AbstractStreamWriter | None:
        now = int(time.time())
        if now != self._second:
            self._second = now
            self._head = (
                f"HTTP/1.1 200 OK\r\nContent-Length: 0\r\nDate: {formatdate(now, usegmt=True)}\r\n\r\n".encode()
            )
        if request.transport is None:
            raise ConnectionResetError("the provider hung up before it was answered")
        request.transport.write(self._head)
        return None

    async def write_eof(self, data: bytes = b"") -> None:
        """The head was all there is."""


_EMPTY_OK = _EmptyOk()
_NOTHING_SPECIAL = Reply(status=200)


def response(reply: Reply, request: web.BaseRequest) -> web.Response:
    if reply == _NOTHING_SPECIAL and request.keep_alive and request.version == HttpVersion11:
        return _EMPTY_OK
    answer = web.Response(status=reply.status, body=reply.body or None)
    if reply.content_type:
        answer.content_type = reply.content_type
    if reply.retry_after is not None:
        answer.headers["Retry-After"] = str(reply.retry_after)
    return answer
