"""A customer's endpoint that can be made to fail: verifies what comes, notes it, and answers as its mood says.

Like any verifier of Standard Webhooks it refuses a timestamp further than five minutes from its own clock: that is no
forgery, it is a sender whose clock jumped. A bare protocol: the suite shares its cores with what it tests.
"""

import asyncio
import base64
import hashlib
import hmac
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import replace
from enum import StrEnum
from functools import partial
from typing import cast

import orjson

from tests.chaos.records import NEVER, Arrival

SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
_KEY = base64.b64decode(SECRET.removeprefix("whsec_"))
_TOLERANCE_S = 300
_SLOW_S = 0.5
_REASONS = {
    200: b"200 OK",
    400: b"400 Bad Request",
    500: b"500 Internal Server Error",
    503: b"503 Service Unavailable\r\nRetry-After: 1",
}


class Mood(StrEnum):
    WELL = "well"
    ERROR = "error"
    BUSY = "busy"
    HANG = "hang"
    SLOW = "slow"
    DROP = "drop"


class Sink:
    def __init__(self, name: str) -> None:
        self.name = name
        self.mood = Mood.WELL
        self.arrivals: list[Arrival] = []
        self.forged = 0
        self.stale = 0
        """Refused for their timestamp."""
        self.port = 0
        self.last_taken_at = 0.0

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/hook"

    def note(self, headers: Mapping[bytes, bytes], content: bytes) -> int:
        """What came, and what it is answered: a status, or 0 for nothing."""
        stamp = headers.get(b"webhook-timestamp", b"0")
        if not _is_genuine(headers, stamp, content):
            self.forged += 1
            return 400
        if abs(time.time() - int(stamp)) > _TOLERANCE_S:
            self.stale += 1
            return 400
        self.arrivals.append(_arrival(headers, content))
        match self.mood:
            case Mood.ERROR:
                return 500
            case Mood.BUSY:
                return 503
            case Mood.HANG | Mood.DROP:
                return 0
        return 200

    def taken(self, place: int) -> None:
        """The arrival noted at this place is being answered 200."""
        self.last_taken_at = time.monotonic()
        self.arrivals[place] = replace(self.arrivals[place], answered_at=self.last_taken_at)


class _Connection(asyncio.Protocol):
    def __init__(self, sink: Sink) -> None:
        self._sink = sink
        self._data = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)

    def data_received(self, data: bytes) -> None:
        self._data += data
        head, separator, rest = self._data.partition(b"\r\n\r\n")
        if not separator:
            return
        headers = _headers(head)
        length = int(headers.get(b"content-length", b"0"))
        if len(rest) < length:
            return
        self._data = rest[length:]
        status = self._sink.note(headers, rest[:length])
        place = len(self._sink.arrivals) - 1
        match self._sink.mood:
            case Mood.DROP:
                self._transport.abort()
            case Mood.SLOW:
                asyncio.get_running_loop().call_later(_SLOW_S, partial(self._answer, status, place))
            case _ if status:
                self._answer(status, place)

    def _answer(self, status: int, place: int) -> None:
        if self._transport.is_closing():
            return
        if status == 200:
            self._sink.taken(place)
        self._transport.write(b"HTTP/1.1 %s\r\nContent-Length: 0\r\n\r\n" % _REASONS[status])


def _headers(head: bytes) -> dict[bytes, bytes]:
    lines = (line.partition(b":") for line in head.split(b"\r\n")[1:])
    return {name.lower(): value.strip() for name, _, value in lines}


def _is_genuine(headers: Mapping[bytes, bytes], stamp: bytes, content: bytes) -> bool:
    signed = b".".join((headers.get(b"webhook-id", b""), stamp, content))
    digest = base64.b64encode(hmac.new(_KEY, signed, hashlib.sha256).digest())
    given = headers.get(b"webhook-signature", b"").split(b" ")
    return stamp.isdigit() and any(hmac.compare_digest(b"v1," + digest, one) for one in given)


def _arrival(headers: Mapping[bytes, bytes], content: bytes) -> Arrival:
    body = orjson.loads(content)
    data = body["data"]
    return Arrival(
        at=time.monotonic(),
        answered_at=NEVER,
        webhook_id=headers[b"webhook-id"].decode(),
        event_id=data["event_id"],
        msisdn=data["msisdn"],
        campaign=data["campaign"]["id"],
        type=body["type"],
        occurred_at=data["occurred_at"],
        sequence=data["sequence"],
        digest=hashlib.blake2b(content, digest_size=8).digest(),
        is_replay=headers.get(b"webhook-replay") == b"true",
    )


@asynccontextmanager
async def listening(name: str) -> AsyncIterator[Sink]:
    sink = Sink(name)
    server = await asyncio.get_running_loop().create_server(lambda: _Connection(sink), "127.0.0.1", 0)
    sink.port = server.sockets[0].getsockname()[1]
    try:
        yield sink
    finally:
        server.close()
