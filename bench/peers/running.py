"""Who takes part, in which processes? Servers and workers have the server's core, one after the other: a worker is held
while its server takes webhooks, and while it is others' turn."""

import os
import signal
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager, nullcontext, suppress
from dataclasses import dataclass
from pathlib import Path

from redis import Redis

from bench.cpu import family
from bench.installation import SERVER_CORE, process, relay, wait_ready
from bench.peers import job

BARE = "bare aiohttp"
OURS = "consent-relay"
_PATIENCE_S = 60.0
_LOOK_EVERY_S = 0.01


@dataclass(frozen=True, slots=True)
class Worker:
    """Does what is queued, while it is let go."""

    pid: int
    url: str
    owed: Callable[[Redis], int]
    go: signal.Signals
    hold: signal.Signals | None = None
    """None for one that stops by itself when nothing is queued."""

    @contextmanager
    def let_go(self) -> Iterator[None]:
        self.send(self.go)
        yield
        # Only then may it be held: a command in the middle of which it stood still would have timed out.
        with Redis.from_url(self.url) as redis:
            deadline = time.monotonic() + _PATIENCE_S
            while self.owed(redis):
                if time.monotonic() > deadline:
                    raise SystemExit(f"a worker left {self.owed(redis)} in its queue")
                time.sleep(_LOOK_EVERY_S)
        if self.hold is not None:
            self.send(self.hold)

    def send(self, number: signal.Signals) -> None:
        for member in family(self.pid):
            with suppress(ProcessLookupError):
                os.kill(member, number)


@dataclass(frozen=True, slots=True)
class Peer:
    name: str
    port: int
    server: int
    """Its process id."""
    worker: Worker | None = None
    """Who does what the server only queued."""

    @property
    def processes(self) -> dict[str, int]:
        return {"server": self.server} if self.worker is None else {"server": self.server, "worker": self.worker.pid}

    def working(self) -> AbstractContextManager[None]:
        return nullcontext() if self.worker is None else self.worker.let_go()


@contextmanager
def all_of_them(folder: Path, url: str, port: int, *, log: str) -> Iterator[list[Peer]]:
    with ExitStack() as stack:
        ours = stack.enter_context(relay(folder, url, port, log=log))

        def server(module: str, at: int) -> int:
            command = [sys.executable, "-m", module, str(at), url]
            started = stack.enter_context(process(command, core=SERVER_CORE))
            wait_ready(at)
            return started.pid

        yield [
            Peer(BARE, port + 3, server("bench.bare", port + 3)),
            Peer(OURS, port, ours.pid),
            Peer("FastAPI, redis-py", port + 4, server("bench.peers.fastapi_redis", port + 4)),
            Peer(
                "FastAPI, Celery",
                port + 5,
                server("bench.peers.fastapi_celery", port + 5),
                stack.enter_context(celery_worker(url)),
            ),
            Peer(
                "aiohttp, arq",
                port + 6,
                server("bench.peers.aiohttp_arq", port + 6),
                stack.enter_context(arq_worker(url)),
            ),
        ]


@contextmanager
def celery_worker(url: str) -> Iterator[Worker]:
    """Runs until it is held for the first time."""
    quiet = ["--without-gossip", "--without-mingle", "--without-heartbeat", "--loglevel", "ERROR"]
    words = ["-A", "bench.peers.celery_tasks", "worker", "--pool", "prefork", "--concurrency", "4", *quiet]
    environment = {**os.environ, "PEERS_STORE": url}
    with process([sys.executable, "-m", "celery", *words], core=SERVER_CORE, env=environment) as started:
        worker = Worker(started.pid, url, _owed_by_celery, go=signal.SIGCONT, hold=signal.SIGSTOP)
        try:
            yield worker
        finally:
            worker.send(signal.SIGCONT)  # held, it could not end


@contextmanager
def arq_worker(url: str) -> Iterator[Worker]:
    with process([sys.executable, "-m", "bench.peers.arq_jobs", url], core=SERVER_CORE) as started:
        with Redis.from_url(url) as redis:
            while not redis.exists(job.LISTENS):
                if started.poll() is not None:
                    raise SystemExit("arq's worker did not start")
                time.sleep(_LOOK_EVERY_S)
        yield Worker(started.pid, url, _owed_by_arq, go=job.GO)


def _owed_by_celery(redis: Redis) -> int:
    return int(redis.llen("celery")) + int(redis.hlen("unacked"))


def _owed_by_arq(redis: Redis) -> int:
    return int(redis.zcard("arq:queue"))
