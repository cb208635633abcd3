"""A provider in a hurry: posts prepared requests over keep-alive connections, and times the answers.

Raw bytes on an asyncio.Protocol, so that the generator on its core outruns any server on the other one.
"""

import asyncio
import os
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import uvloop


@dataclass(slots=True)
class Result:
    seconds: float
    statuses: dict[int, int] = field(default_factory=dict)
    latencies_ms: list[float] = field(default_factory=list)

    @property
    def rate(self) -> float:
        return self.statuses.get(200, 0) / self.seconds

    def percentile(self, share: float) -> float:
        ordered = sorted(self.latencies_ms)
        return ordered[min(len(ordered) - 1, int(len(ordered) * share))] if ordered else 0.0


class _Connection(asyncio.Protocol):
    def __init__(self, requests: Iterator[tuple[float, bytes]], result: Result, done: asyncio.Future[None]) -> None:
        self._requests = requests
        self._result = result
        self._done = done
        self._answer = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport
        self._next()

    def data_received(self, data: bytes) -> None:
        self._answer += data
        head, separator, body = self._answer.partition(b"\r\n\r\n")
        if not separator or len(body) < _content_length(head):
            return
        status = int(head[9:12])
        self._result.statuses[status] = self._result.statuses.get(status, 0) + 1
        self._result.latencies_ms.append((time.perf_counter() - self._sent) * 1000)
        self._answer = b""
        self._next()

    def connection_lost(self, exc: Exception | None) -> None:
        if not self._done.done():
            self._done.set_result(None)

    def _next(self) -> None:
        due, request = next(self._requests, (0.0, b""))
        if not request:
            self._transport.close()
            return
        loop = asyncio.get_running_loop()
        if due > loop.time():
            loop.call_at(due, self._send, request)
        else:
            self._send(request)

    def _send(self, request: bytes) -> None:
        self._sent = time.perf_counter()
        self._transport.write(request)  # type: ignore[attr-defined]  # a TCP transport is writable


def _content_length(head: bytes) -> int:
    place = head.lower().find(b"content-length:")
    return int(head[place + 15 :].split(b"\r\n", 1)[0]) if place >= 0 else 0


async def fire(port: int, requests: Sequence[bytes], *, connections: int, rate: float | None = None) -> Result:
    """Send every request once: as fast as they are answered, or so many a second."""
    loop = asyncio.get_running_loop()
    result = Result(0.0)
    start = loop.time()
    feed = ((start + n / rate if rate else 0.0, request) for n, request in enumerate(requests))
    ends = [loop.create_future() for _ in range(connections)]
    began = time.perf_counter()
    for end in ends:
        await loop.create_connection(lambda end=end: _Connection(feed, result, end), "127.0.0.1", port)  # type: ignore[misc]
    await asyncio.gather(*ends)
    result.seconds = time.perf_counter() - began
    return result


def run(port: int, requests: Sequence[bytes], *, connections: int, rate: float | None = None) -> Result:
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        return runner.run(fire(port, requests, connections=connections, rate=rate))


def machine() -> str:
    """For the figures' headline."""
    lines = Path("/proc/cpuinfo").read_text().splitlines()
    model = next((line.split(":")[1].strip() for line in lines if line.startswith("model name")), "unknown")
    return f"{os.cpu_count()} cores, {model}, CPython {sys.version.split()[0]}"
