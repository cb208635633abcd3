"""What is there to see? Configuration, store and processes, each looked at even when another is away."""

import time
from collections.abc import AsyncIterator, Iterable, Iterator
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from shutil import disk_usage

import aiohttp

from config.client_certificates import expiry, unpresentable
from config.secret_keys import seals_of
from config.settings import Settings, load
from consent.errors import ConsentError, Misconfigured, StoreUnavailable
from consent.ledger import Store
from consent.ledger.keys import REGISTRY_META
from consent.model import Endpoint
from console import checkup
from console.addresses import local_url
from console.checkup import Finding, bad, ok, warning
from console.desk import Desk
from console.opening import named, opened
from console.server_binary import find_binary
from receiver.codecs import CODECS

_TIMEOUT = aiohttp.ClientTimeout(total=5)
_OVERCOMMIT = Path("/proc/sys/vm/overcommit_memory")


def configuration(config: Path | None, file: Path | None) -> tuple[Settings | None, list[Finding]]:
    """None: with mistakes in it, nothing else can be judged."""
    try:
        settings = load(config, providers=CODECS)
    except Misconfigured as wrong:
        return None, [bad("configuration", line.strip()) for line in str(wrong).splitlines()]
    return settings, [
        ok("configuration", str(file.absolute()) if file else "no file: the defaults and the environment")
    ]


def machine(settings: Settings) -> Iterator[Finding]:
    """What the embedded store stands on."""
    if not settings.store.is_embedded:
        return
    try:
        yield ok("embedded store", f"{find_binary()}, files in {settings.store.data_dir}")
    except Misconfigured as missing:
        yield bad("embedded store", str(missing))
    if settings.store.data_dir.is_dir():
        yield checkup.of_disk(disk_usage(settings.store.data_dir).free, _size_of(settings.store.data_dir), settings)
    if _OVERCOMMIT.exists() and _OVERCOMMIT.read_text("ascii").strip() == "0":
        yield warning(
            "overcommit", "rewriting the store's log may fail when memory is short: sysctl vm.overcommit_memory=1"
        )


def _size_of(folder: Path) -> int:
    size = 0
    for file in folder.rglob("*"):
        with suppress(OSError):  # gone meanwhile, as when the store has rewritten its file
            size += file.stat().st_size
    return size


async def store(settings: Settings) -> AsyncIterator[Finding]:
    try:
        async with opened(settings.store) as found:
            async for finding in reached(found, settings):
                yield finding
    except ConsentError as away:
        yield bad("store", str(away))


async def reached(store: Store, settings: Settings) -> AsyncIterator[Finding]:
    """What is to be said of a store that answers."""
    for name, told in (await store.told()).items():
        if isinstance(told, StoreUnavailable):
            yield bad("store", f"{name} is a master and does not answer, so nothing of its numbers is taken: {told}")
            continue
        yield checkup.of_place(told, name or named(settings.store))
        for finding in checkup.of_server(told, settings, name):
            yield finding
    kept = await store.redis.hget(REGISTRY_META, "partitions")
    yield checkup.of_layout(kept.decode() if kept else None, settings)
    seconds, microseconds = await store.redis.time()
    yield checkup.of_clocks(round(seconds * 1000 + microseconds / 1000 - time.time_ns() / 1_000_000))
    try:
        registry = Desk.over(settings, store).registry(store)
        directory = await registry.directory()  # first: who lacks a key cannot be told to encrypt anew
        yield checkup.of_secrets(await registry.sealing(), seals_of(settings.store), settings)
    except Misconfigured as wrong:
        yield bad("secrets", str(wrong))
        return
    for finding in checkup.of_registry(directory, settings):
        yield finding
    for finding in certificates(directory.endpoints.values(), now=datetime.now(UTC)):
        yield finding


def certificates(endpoints: Iterable[Endpoint], *, now: datetime) -> Iterator[Finding]:
    """As they are here: a dispatcher on another machine reads its own."""
    shown = [endpoint for endpoint in endpoints if endpoint.client_certificate]
    wrong = unpresentable(shown)
    yield from (bad("certificate", told) for told in wrong.values())
    yield from (checkup.of_certificate(each, expiry(each), now) for each in shown if each.id not in wrong)


async def processes(settings: Settings) -> list[Finding]:
    receiver, dispatcher, console = settings.receiver, settings.dispatcher, settings.console
    async with aiohttp.ClientSession(timeout=_TIMEOUT) as session:
        return [
            await _answering(session, "receiver", local_url(receiver.host, receiver.port) + "/healthz"),
            await _answering(
                session, "receiver", local_url(receiver.internal_host, receiver.internal_port) + "/readyz"
            ),
            await _answering(session, "dispatcher", local_url(dispatcher.host, dispatcher.port) + "/readyz"),
            await _answering(session, "console", local_url(console.host, console.port) + "/readyz"),
        ]


async def _answering(session: aiohttp.ClientSession, name: str, url: str) -> Finding:
    try:
        async with session.get(url) as response:
            said = (await response.text(errors="replace")).strip()[:200]
            status = response.status
    except (aiohttp.ClientError, TimeoutError):
        return bad(name, f"nothing answers at {url}: start it with `consent-relay up` or `consent-relay {name}`")
    return ok(name, f"{said} at {url}") if status == 200 else bad(name, f"HTTP {status} at {url}: {said}")
