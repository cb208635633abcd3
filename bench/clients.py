"""How many posts a second does our own HTTP client make, against a bare loop of aiohttp's on the same core?

    python -m bench.clients [--posts 20000] [--rounds 3] [--in-flight 64]

Over plain HTTP and over TLS, the same body to the same sink, unsigned; each run in a process of its own.
`python -m bench.clients run CLIENT URL COUNT CONNECTIONS` is such a run, `serve PORT CERTIFICATE` the sink with TLS.
"""

import argparse
import asyncio
import os
import socket
import ssl
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from ipaddress import ip_network
from pathlib import Path
from typing import Any, Never

import aiohttp
import trustme
import uvloop

from bench import load, table
from bench.bare_client import BODY
from bench.installation import ENDPOINT_SECRET, OTHER_CORE, SERVER_CORE, process
from bench.sink import Connection, Sink
from dispatcher.client import PlainClient
from dispatcher.egress import SystemResolver
from dispatcher.exchange import Answer, Request

Posting = Callable[[], Awaitable[Any]]


def main() -> None:
    options = arguments()
    os.sched_setaffinity(0, {OTHER_CORE % (os.cpu_count() or 1)})
    print(f"{load.machine()}; {options.in_flight} connections")
    with tempfile.TemporaryDirectory(prefix="cr-bench-") as folder:
        authority = certified(Path(folder))
        plain = [sys.executable, "-m", "bench.sink", str(options.port), ENDPOINT_SECRET]
        secure = [sys.executable, "-m", "bench.clients", "serve", str(options.port + 1), f"{folder}/server.pem"]
        with process(plain, core=OTHER_CORE), process(secure, core=OTHER_CORE):
            listening(options.port, options.port + 1)
            compare("http", f"http://127.0.0.1:{options.port}/hook", authority, options)
            compare("https", f"https://127.0.0.1:{options.port + 1}/hook", authority, options)


def compare(name: str, url: str, authority: Path, options: argparse.Namespace) -> None:
    ratios, posted = [], []
    for _ in range(options.rounds):
        theirs, ours = (measured(client, url, authority, options) for client in ("aiohttp", "ours"))
        ratios.append(theirs[1] / ours[1])
        posted.append(ours)
        print(
            f"  {name:5}  aiohttp {theirs[0]:7.0f}/s {theirs[1]:6.1f} µs   ours {ours[0]:7.0f}/s {ours[1]:6.1f} µs"
            f"   ratio {ours[0] / theirs[0]:.2f} in posts, {ratios[-1]:.2f} in our core's time"
        )
    print(f"  {name:5}  median ratio {statistics.median(ratios):.2f} in our core's time")
    table.note(
        table.Row(
            bench="clients",
            what=f"aiohttp's client over {name}",
            ratio=statistics.median(ratios),
            of="the CPU time of ours (whose figures follow)",
            rate=statistics.median(rate for rate, _ in posted),
            cpu=statistics.median(cpu for _, cpu in posted) / 1000,
        )
    )


def listening(*ports: int) -> None:
    deadline = time.monotonic() + 20
    for port in ports:
        while True:
            try:
                socket.create_connection(("127.0.0.1", port)).close()
                break
            except OSError:
                if time.monotonic() > deadline:
                    raise
                time.sleep(0.05)


def measured(client: str, url: str, authority: Path, options: argparse.Namespace) -> tuple[float, float]:
    """Posts a second, and microseconds of the client's core each."""
    forgotten = urllib.request.Request(url.replace("/hook", "/report"), method="DELETE")
    context = ssl.create_default_context(cafile=authority)
    urllib.request.urlopen(forgotten, context=context if url.startswith("https") else None).read()
    run = [sys.executable, "-m", "bench.clients", "run", client, url, str(options.posts), str(options.in_flight)]
    environment = {**os.environ, "SSL_CERT_FILE": str(authority)}
    core = ["taskset", "-c", str(SERVER_CORE)]
    output = subprocess.run([*core, *run], check=True, capture_output=True, env=environment).stdout
    rate, cpu = map(float, output.split())
    return rate, cpu


async def run(client: str, url: str, count: int, connections: int) -> None:
    async with CLIENTS[client](url) as post:
        await asyncio.gather(*(post() for _ in range(connections)))
        left = iter(range(count))

        async def worker() -> None:
            for _ in left:
                await post()

        began, cpu = time.perf_counter(), time.process_time()
        await asyncio.gather(*(worker() for _ in range(connections)))
        print(count / (time.perf_counter() - began), (time.process_time() - cpu) / count * 1e6)


class _Aiohttp:
    def __init__(self, url: str) -> None:
        self._url = url

    async def __aenter__(self) -> Posting:
        self._session = aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0))
        return self._post

    async def __aexit__(self, *_: object) -> None:
        await self._session.close()

    async def _post(self) -> None:
        headers = {"Content-Type": "application/json"}
        async with self._session.post(self._url, data=BODY, headers=headers) as answer:
            await answer.read()


class _Nobody:
    async def post(self, request: Request, *, seconds: float) -> Never:
        raise SystemExit(f"{request.url} is not plain: it would be aiohttp that is measured")


class _Ours:
    def __init__(self, url: str) -> None:
        self._request = Request(url, "application/json", {}, BODY)

    async def __aenter__(self) -> Posting:
        self._resolver = SystemResolver()
        self._client = PlainClient(
            _Nobody(),
            resolver=self._resolver,
            tls=ssl.create_default_context(),
            egress_allow=(ip_network("127.0.0.0/8"),),
        )
        await self._client.__aenter__()
        return self._post

    async def __aexit__(self, *_: object) -> None:
        await self._client.__aexit__(None, None, None)
        await self._resolver.close()

    async def _post(self) -> Answer:
        return await self._client.post(self._request, seconds=15)


CLIENTS: dict[str, type[_Aiohttp | _Ours]] = {"aiohttp": _Aiohttp, "ours": _Ours}


async def serve(port: int, certificate: str) -> None:
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(certificate)
    sink = Sink(ENDPOINT_SECRET)
    await asyncio.get_running_loop().create_server(lambda: Connection(sink), "127.0.0.1", port, ssl=context)
    await asyncio.Event().wait()


def certified(folder: Path) -> Path:
    """Writes the server's key and certificate; where the authority's is."""
    authority = trustme.CA()
    authority.issue_cert("127.0.0.1").private_key_and_cert_chain_pem.write_to_path(str(folder / "server.pem"))
    authority.cert_pem.write_to_path(str(folder / "authority.pem"))
    return folder / "authority.pem"


@contextmanager
def loop() -> Iterator[asyncio.Runner]:
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        yield runner


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--posts", type=int, default=20_000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--in-flight", type=int, default=64)
    parser.add_argument("--port", type=int, default=18790)
    return parser.parse_args()


if __name__ == "__main__":
    match sys.argv[1:]:
        case ["run", client, url, count, connections]:
            with loop() as runner:
                runner.run(run(client, url, int(count), int(connections)))
        case ["serve", port, certificate]:
            with loop() as runner:
                runner.run(serve(int(port), certificate))
        case _:
            main()
