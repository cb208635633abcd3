"""A provider in a hurry: posts prepared requests over keep-alive connections, and times the answers.

A loop around epoll, on blocking sockets that are only read when there is something to read: a request costs it a dozen
microseconds, so that on its core it outruns any server on the other one, and leaves room for the store beside it.
"""

import os
import select
import socket
import sys
import time
from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

_CHUNK = 65536


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


class _Connection:
    """One request at a time."""

    __slots__ = ("_answer", "_sent", "_socket")

    def __init__(self, port: int) -> None:
        self._socket = socket.create_connection(("127.0.0.1", port))
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._answer = b""
        self._sent = 0.0

    def fileno(self) -> int:
        return self._socket.fileno()

    def send(self, request: bytes) -> None:
        self._sent = time.perf_counter()
        self._socket.sendall(request)

    def read(self, result: Result) -> bool:
        """Whether the answer is whole."""
        data = self._socket.recv(_CHUNK)
        if not data:
            raise ConnectionError("the server hung up")
        self._answer += data
        head, separator, body = self._answer.partition(b"\r\n\r\n")
        if not separator or len(body) < _content_length(head):
            return False
        status = int(head[9:12])
        result.statuses[status] = result.statuses.get(status, 0) + 1
        result.latencies_ms.append((time.perf_counter() - self._sent) * 1000)
        self._answer = b""
        return True

    def close(self) -> None:
        self._socket.close()


def _content_length(head: bytes) -> int:
    place = head.lower().find(b"content-length:")
    return int(head[place + 15 :].split(b"\r\n", 1)[0]) if place >= 0 else 0


def run(port: int, requests: Sequence[bytes], *, connections: int, rate: float | None = None) -> Result:
    """Send every request once: as fast as they are answered, or so many a second."""
    result = Result(0.0)
    opened = {connection.fileno(): connection for connection in (_Connection(port) for _ in range(connections))}
    idle = deque(opened.values())
    left = len(requests)
    began = time.perf_counter()
    feed: Iterator[tuple[float, bytes]] = (
        (began + n / rate if rate else 0.0, request) for n, request in enumerate(requests)
    )
    due, request = next(feed, (0.0, b""))
    with select.epoll() as poller:
        for number in opened:
            poller.register(number, select.EPOLLIN)
        while left:
            while idle and request and due <= time.perf_counter():
                idle.popleft().send(request)
                due, request = next(feed, (0.0, b""))
            wait = max(due - time.perf_counter(), 0) if idle and request else None
            for number, _ in poller.poll(wait):
                if opened[number].read(result):
                    idle.append(opened[number])
                    left -= 1
    result.seconds = time.perf_counter() - began
    for connection in opened.values():
        connection.close()
    return result


def machine() -> str:
    """For the figures' headline."""
    lines = Path("/proc/cpuinfo").read_text().splitlines()
    model = next((line.split(":")[1].strip() for line in lines if line.startswith("model name")), "unknown")
    return f"{os.cpu_count()} cores, {model}, CPython {sys.version.split()[0]}"
