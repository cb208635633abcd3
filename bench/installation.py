"""A whole installation for a benchmark: real processes, each on the core it is given."""

import asyncio
import os
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from redis.asyncio import Redis

from consent.ledger import Registry, Store
from consent.model import Account, AccountId, Campaign, CampaignId, Endpoint, EndpointId, Millis, Source, SourceId
from console import embedded

SIGNATURE_SECRET = "my_secret_key_for_testing"
ENDPOINT_SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
TOKENS = {"nexmo": "bench-nexmo-token-16", "skycore": "bench-skycore-token-16"}
ACME = AccountId("acme")
ACCOUNT = Account(id=ACME)
CAMPAIGN = Campaign(account=ACME, id=CampaignId("1116"), short_code="123456")
SOURCES = tuple(
    Source(
        account=ACME,
        id=SourceId(provider),
        provider=provider,
        token=token,
        signature_secret=SIGNATURE_SECRET if provider == "nexmo" else "",
        tolerance=Millis(24 * 3_600_000),
    )
    for provider, token in TOKENS.items()
)
_PATIENCE_S = 20
SERVER_CORE, OTHER_CORE = 0, 1
"""What is measured has the first; the load, the store and the sink share the second."""
_BEHIND = 10
"""The store's niceness there: a provider or a customer sits on a machine of its own, and does not wait until our store
has worked through a batch, as it does not wait for one beside a handler that has none."""


@contextmanager
def process(
    command: list[str], *, core: int | None, env: dict[str, str] | None = None, nice: int = 0
) -> Iterator[subprocess.Popen[bytes]]:
    """On any core if it is None."""
    started = subprocess.Popen(command, env=env, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    os.setpriority(os.PRIO_PROCESS, started.pid, nice)
    if core is not None:
        os.sched_setaffinity(started.pid, {core % (os.cpu_count() or 1)})
    try:
        yield started
    finally:
        started.terminate()
        try:
            started.wait(_PATIENCE_S)
        except subprocess.TimeoutExpired:
            started.kill()
            started.wait()


@contextmanager
def store(core: int | None = OTHER_CORE) -> Iterator[tuple[Path, str]]:
    """A fresh embedded server, everything registered: its folder and URL."""
    with tempfile.TemporaryDirectory(prefix="cr-bench-") as name:
        folder = Path(name)
        socket = folder / "store.sock"
        url = f"unix://{socket}"
        command = embedded.command(embedded.find_binary(), folder, socket)
        with process(command, core=core, nice=0 if core is None else _BEHIND):
            asyncio.run(embedded.wait_ready(url, timeout=10))
            asyncio.run(_register(url))
            yield folder, url


@contextmanager
def relay(
    folder: Path, url: str, port: int, *, durability: str = "fsync", log: str = "info", with_dispatcher: bool = False
) -> Iterator[subprocess.Popen[bytes]]:
    """A receiver on `port`, and a dispatcher if asked for."""
    environment = _configured(folder, url, port, durability=durability, log=log)
    with process([sys.executable, "-m", "receiver"], core=SERVER_CORE, env=environment) as started:
        wait_ready(port)
        if not with_dispatcher:
            yield started
            return
        with dispatcher(folder, url, port, log=log):
            yield started


@contextmanager
def dispatcher(
    folder: Path, url: str, port: int, *, log: str = "info", core: int | None = SERVER_CORE
) -> Iterator[subprocess.Popen[bytes]]:
    environment = _configured(folder, url, port, durability="fsync", log=log)
    with process([sys.executable, "-m", "dispatcher"], core=core, env=environment) as started:
        wait_ready(port + 2)
        yield started


def _configured(folder: Path, url: str, port: int, *, durability: str, log: str) -> dict[str, str]:
    """The environment of a process; its ports are `port` and the next two."""
    config = folder / "bench.toml"
    config.write_text(
        f'[store]\nurl = "{url}"\ndurability = "{durability}"\n'
        f"[receiver]\nport = {port}\ninternal_port = {port + 1}\n"
        f'[dispatcher]\nport = {port + 2}\negress_allow = ["127.0.0.0/8"]\n'
        f'[log]\nlevel = "{log}"\nformat = "json"\n'
    )
    return {**os.environ, "CONSENT_RELAY_CONFIG": str(config)}


def wait_ready(port: int) -> None:
    for _ in range(400):
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{port}/readyz", timeout=1):
                return
        except OSError:
            time.sleep(0.05)
    raise SystemExit(f"nothing became ready on port {port}")


async def recorded(url: str) -> int:
    async with Store.open(url, partitions=16, durability="fsync") as opened:
        return sum([await opened.redis.xlen(keys.log) for keys in opened.keys])


@dataclass(frozen=True, slots=True)
class StoreState:
    pid: int
    memory: int
    """Bytes of what it holds: without its clients and what is on its way to its file."""
    written: int
    """Bytes in its file; they only grow, once `keep_file` was called."""


async def state_of(url: str) -> StoreState:
    async with Redis.from_url(url) as redis:
        told = await redis.info()
    memory = told["used_memory"] - told["mem_clients_normal"] - told["mem_aof_buffer"]
    return StoreState(told["process_id"], memory, told["aof_current_size"])


async def keep_file(url: str) -> None:
    """It is not to be rewritten in the middle of a measurement."""
    async with Redis.from_url(url) as redis:
        await redis.config_set("auto-aof-rewrite-percentage", 0)


async def add_endpoint(url: str, target: str, *, max_in_flight: int, name: str = "sink") -> None:
    async with Store.open(url, partitions=16, durability="fsync") as opened:
        await Registry(opened).put(
            Endpoint(
                account=ACME,
                id=EndpointId(f"{ACME}/{name}"),
                url=target,
                secrets=(ENDPOINT_SECRET,),
                max_in_flight=max_in_flight,
            )
        )


async def _register(url: str) -> None:
    async with Store.open(url, partitions=16, durability="fsync") as opened:
        registry = Registry(opened)
        rows: tuple[Account | Campaign | Source, ...] = (ACCOUNT, CAMPAIGN, *SOURCES)
        for row in rows:
            await registry.put(row)
