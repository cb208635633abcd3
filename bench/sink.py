"""A customer's endpoint that does nothing but note what came and when, and verify it all when asked.

python -m bench.sink PORT SECRET [TLS_PORT CERTIFICATE]

POST /hook takes a notification, GET /count and GET /report tell of them, DELETE /report forgets them. With a
certificate, a file that has its key as well, it takes them by TLS on another port too.
"""

import asyncio
import json
import ssl
import sys
import time
from datetime import datetime

import uvloop
from standardwebhooks import Webhook

_OK = b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"


class Sink:
    def __init__(self, secret: str) -> None:
        self._webhook = Webhook(secret)
        self.notes: list[tuple[int, bytes, bytes]] = []

    def report(self) -> bytes:
        """Every id, and the milliseconds from webhook received to notification arrived. A bad signature raises."""
        ids: list[str] = []
        took: list[float] = []
        when: list[int] = []
        for arrived, head, body in self.notes:
            lines = (line.split(": ", 1) for line in head.decode().split("\r\n")[1:])
            headers = {name.lower(): value for name, value in lines}
            self._webhook.verify(body, headers)
            ids.append(headers["webhook-id"])
            took.append(arrived - _ms(json.loads(body)["data"]["received_at"]))
            when.append(arrived)
        return json.dumps({"ids": ids, "took": took, "arrived": when}).encode()


class Connection(asyncio.Protocol):
    def __init__(self, sink: Sink) -> None:
        self._sink = sink
        self._data = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        self._data += data
        head, separator, rest = self._data.partition(b"\r\n\r\n")
        if not separator:
            return
        place = head.lower().find(b"content-length:")
        length = int(head[place + 15 :].split(b"\r\n", 1)[0]) if place >= 0 else 0
        if len(rest) < length:
            return
        self._data = rest[length:]
        self._write(self._answer(head, rest[:length]))

    def _answer(self, head: bytes, body: bytes) -> bytes:
        if head.startswith(b"POST"):
            self._sink.notes.append((time.time_ns() // 1_000_000, head, body))
            return _OK
        if head.startswith(b"DELETE"):
            self._sink.notes.clear()
            return _OK
        report = self._sink.report() if b"/report" in head else b"%d" % len(self._sink.notes)
        return b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\nConnection: close\r\n\r\n%s" % (len(report), report)

    def _write(self, answer: bytes) -> None:
        self._transport.write(answer)  # type: ignore[attr-defined]  # a TCP transport is writable


def _ms(stamp: str) -> int:
    return round(datetime.fromisoformat(stamp).timestamp() * 1000)


async def main(port: int, secret: str, tls_port: int = 0, certificate: str = "") -> None:
    sink, loop = Sink(secret), asyncio.get_running_loop()
    await loop.create_server(lambda: Connection(sink), "127.0.0.1", port)
    if certificate:
        tls = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        tls.load_cert_chain(certificate)
        await loop.create_server(lambda: Connection(sink), "127.0.0.1", tls_port, ssl=tls)
    await asyncio.Event().wait()


if __name__ == "__main__":
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        by_tls = (int(sys.argv[3]), sys.argv[4]) if len(sys.argv) > 3 else ()
        runner.run(main(int(sys.argv[1]), sys.argv[2], *by_tls))
