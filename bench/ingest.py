"""How many webhooks a second, against a bare aiohttp handler on the same core in the same run?

    python -m bench.ingest [--seconds 4] [--rounds 3] [--durability fsync] [--log info]

The server under test has core 0; the load generator and the store share core 1. Every accepted webhook is looked for in
the log afterwards: a rate that lost one is no rate.
"""

import argparse
import asyncio
import os
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import quote_plus

from bench import load
from consent.ledger import Registry, Store
from consent.model import Account, AccountId, Campaign, CampaignId, Millis, Source, SourceId
from consent.postback import Postback, encode
from console import embedded
from receiver import signature

SECRET = "my_secret_key_for_testing"
TOKENS = {"nexmo": "bench-nexmo-token-16", "skycore": "bench-skycore-token-16"}
ACME = AccountId("acme")


def nexmo_posts(count: int, run: int) -> list[bytes]:
    """Signed inbound texts, every second one a STOP, of ever new numbers."""
    now = int(time.time())
    stamp = time.strftime("%Y-%m-%d %H:%M:%S", time.gmtime(now))
    posts = []
    for n in range(count):
        fields = {
            "msisdn": f"1{run % 9 + 2}{n:09}",
            "to": "123456",
            "messageId": f"0A{run:04X}{n:010X}",
            "text": "STOP" if n % 2 else "START",
            "type": "text",
            "keyword": "STOP" if n % 2 else "START",
            "message-timestamp": stamp,
            "timestamp": str(now),
            "nonce": "aaaaaaaa-bbbb-cccc-dddd-0123456789ab",
        }
        fields["sig"] = signature.sign(fields.items(), secret=SECRET, method="md5hash")
        body = "&".join(f"{name}={quote_plus(value)}" for name, value in fields.items()).encode()
        posts.append(_post(TOKENS["nexmo"], b"application/x-www-form-urlencoded", body))
    return posts


def skycore_posts(count: int, run: int) -> list[bytes]:
    posts = []
    for n in range(count):
        postback = Postback(
            code="N302" if n % 2 else "N301",
            msisdn=f"1{run % 9 + 2}{n:09}",
            campaign="1116",
            timestamp=int(time.time() * 1000) // 1000 * 1000,  # type: ignore[arg-type]  # UnixMs
            short_code="123456",
            title="My Campaign Name",
            brand="My Brand Name",
            source="MO",
        )
        posts.append(_post(TOKENS["skycore"], b"text/xml", encode(postback)))
    return posts


def _post(token: str, content_type: bytes, body: bytes) -> bytes:
    return (
        b"POST /hooks/%s HTTP/1.1\r\nHost: 127.0.0.1\r\nUser-Agent: bench\r\nAccept: */*\r\n"
        b"Content-Type: %s\r\nContent-Length: %d\r\n\r\n%s" % (token.encode(), content_type, len(body), body)
    )


@contextmanager
def process(command: list[str], *, core: int, env: dict[str, str] | None = None) -> Iterator[subprocess.Popen[bytes]]:
    started = subprocess.Popen(command, env=env, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    os.sched_setaffinity(started.pid, {core % (os.cpu_count() or 1)})
    try:
        yield started
    finally:
        started.terminate()
        started.wait(20)


def wait_ready(port: int) -> None:
    for _ in range(400):
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{port}/readyz", timeout=1):
                return
        except OSError:
            time.sleep(0.05)
    raise SystemExit(f"nothing became ready on port {port}")


@contextmanager
def receiver(folder: Path, url: str, port: int, durability: str, log: str) -> Iterator[None]:
    config = folder / "bench.toml"
    config.write_text(
        f'[store]\nurl = "{url}"\ndurability = "{durability}"\n[receiver]\nport = {port}\ninternal_port = 0\n'
        f'[log]\nlevel = "{log}"\nformat = "json"\n'
    )
    environment = {**os.environ, "CONSENT_RELAY_CONFIG": str(config)}
    with process([sys.executable, "-m", "receiver"], core=0, env=environment):
        wait_ready(port)
        yield


async def prepare(url: str) -> None:
    async with Store.open(url, partitions=16, durability="fsync") as store:
        registry = Registry(store)
        await registry.put(Account(id=ACME))
        await registry.put(Campaign(account=ACME, id=CampaignId("1116"), short_code="123456"))
        for provider, token in TOKENS.items():
            await registry.put(
                Source(
                    account=ACME,
                    id=SourceId(provider),
                    provider=provider,
                    token=token,
                    signature_secret=SECRET if provider == "nexmo" else "",
                    tolerance=Millis(24 * 3_600_000),
                )
            )


async def recorded(url: str) -> int:
    async with Store.open(url, partitions=16, durability="fsync") as store:
        return sum([await store.redis.xlen(keys.log) for keys in store.keys])


def main() -> None:
    options = arguments()
    os.sched_setaffinity(0, {1 % (os.cpu_count() or 1)})
    print(f"{load.machine()}; durability {options.durability}, log level {options.log}; medians of {options.rounds}")
    print(
        f"{'workload':<10}{'conns':>6}{'bare/s':>9}{'ours/s':>9}{'ratio':>7}{'p50 ms':>8}{'p99 ms':>8}{'bare p99':>9}"
    )
    with tempfile.TemporaryDirectory(prefix="cr-bench-") as name:
        folder = Path(name)
        (folder / "store").mkdir()
        socket = folder / "store.sock"
        url = f"unix://{socket}"
        store = embedded.command(embedded.find_binary(), folder, socket)
        with process(store, core=1):
            asyncio.run(embedded.wait_ready(url, timeout=10))
            asyncio.run(prepare(url))
            with (
                process([sys.executable, "-m", "bench.bare", str(options.port)], core=0),
                receiver(folder, url, options.port + 1, options.durability, options.log),
            ):
                wait_ready(options.port)
                compare(options, url)


def compare(options: argparse.Namespace, url: str) -> None:
    workloads: dict[str, Callable[[int, int], list[bytes]]] = {"nexmo": nexmo_posts, "skycore": skycore_posts}
    run = int(time.time()) % 1000
    for workload, connections in ((w, c) for w in workloads for c in options.connections):
        rounds = []
        for _ in range(options.rounds):
            run += 1
            requests = workloads[workload](options.requests, run)
            before = asyncio.run(recorded(url))
            bare = load.run(options.port, requests, connections=connections)
            ours = load.run(options.port + 1, requests, connections=connections)
            kept = asyncio.run(recorded(url)) - before
            if ours.statuses != {200: len(requests)} or kept != len(requests):
                raise SystemExit(f"{workload}: sent {len(requests)}, answered {ours.statuses}, recorded {kept}")
            rounds.append((bare, ours))
        ratio = statistics.median(ours.rate / bare.rate for bare, ours in rounds)
        print(
            f"{workload:<10}{connections:>6}"
            f"{statistics.median(bare.rate for bare, _ in rounds):>9.0f}"
            f"{statistics.median(ours.rate for _, ours in rounds):>9.0f}{ratio:>7.2f}"
            f"{statistics.median(ours.percentile(0.5) for _, ours in rounds):>8.1f}"
            f"{statistics.median(ours.percentile(0.99) for _, ours in rounds):>8.1f}"
            f"{statistics.median(bare.percentile(0.99) for bare, _ in rounds):>9.1f}",
            flush=True,
        )


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--requests", type=int, default=30_000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--connections", type=int, nargs="+", default=[64, 256])
    parser.add_argument("--durability", choices=["memory", "fsync"], default="fsync")
    parser.add_argument("--log", choices=["debug", "info", "warning"], default="info")
    parser.add_argument("--port", type=int, default=18700)
    return parser.parse_args()


if __name__ == "__main__":
    main()
