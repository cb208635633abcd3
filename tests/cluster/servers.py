"""Real servers that form a Cluster, or a master with replicas and sentinels. All on loopback."""

import os
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from redis import Redis
from redis.exceptions import RedisError

from console import embedded
from tests.e2e.installation import free_port

PATIENCE_S = 40.0
NODE_TIMEOUT_MS = 2000


def until(holds: Callable[[], object], *, within: float = PATIENCE_S) -> None:
    """Wait for a condition of servers, some of which may be away."""
    deadline = time.monotonic() + within
    while True:
        with suppress(RedisError):
            if holds():
                return
        if time.monotonic() > deadline:
            raise AssertionError(f"not within {within:g} s")
        time.sleep(0.05)


@dataclass
class Server:
    """One process, which may be killed and started again with what it kept."""

    folder: Path
    settings: dict[str, str] = field(default_factory=dict)
    port: int = field(default_factory=free_port)
    process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        (self.folder / "store").mkdir(parents=True, exist_ok=True)
        command = embedded.command(embedded.find_binary(), self.folder, self.folder / "s")
        settings = {
            "port": str(self.port),
            "bind": "127.0.0.1",
            "repl-diskless-sync-delay": "0",
            "repl-ping-replica-period": "1",
            **self.settings,
        }
        words = [word for name, value in settings.items() for word in (f"--{name}", value)]
        with (self.folder / "log").open("ab") as log:
            self.process = subprocess.Popen([*command, *words], stdout=log, stderr=log)
        until(lambda: self.said("PING"))

    def said(self, words: str, *more: str | int) -> Any:
        """As it came: word by word, redis-py knows no command whose answer it would remake."""
        with Redis(port=self.port, socket_timeout=5, protocol=2) as redis:
            return redis.execute_command(*words.split(), *more)

    def info(self, section: str) -> dict[str, Any]:
        with Redis(port=self.port, socket_timeout=5, protocol=2) as redis:
            return dict(redis.info(section))

    def send(self, number: signal.Signals) -> None:
        assert self.process is not None
        self.process.send_signal(number)

    def kill(self) -> None:
        if self.process is not None:
            self.process.kill()
            self.process.wait()
            self.process = None

    @property
    def is_running(self) -> bool:
        return self.process is not None

    @property
    def is_master(self) -> bool:
        return self.info("replication")["role"] == "master"

    @property
    def name(self) -> str:
        """In a cluster."""
        return str(self.said("CLUSTER MYID").decode())


@dataclass
class ClusterOfServers:
    servers: list[Server]

    @property
    def url(self) -> str:
        return "redis+cluster://" + ",".join(f"127.0.0.1:{server.port}" for server in self.servers)

    @property
    def masters(self) -> list[Server]:
        return [server for server in self.servers if server.is_running and server.is_master]

    def master_of(self, key: str) -> Server:
        slot = self.slot_of(key)
        for first, last, (_, port, *_), *_ in self.masters[0].said("CLUSTER SLOTS"):
            if first <= slot <= last:
                return next(server for server in self.servers if server.port == port)
        raise AssertionError(f"nobody has slot {slot}")

    def form(self) -> None:
        first, *others = self.servers
        for other in others:
            first.said("CLUSTER MEET", "127.0.0.1", other.port, int(other.settings["cluster-port"]))
        masters, replicas = self.servers[:3], self.servers[3:]
        for i, master in enumerate(masters):
            master.said("CLUSTER ADDSLOTSRANGE", i * 16384 // 3, (i + 1) * 16384 // 3 - 1)
        until(lambda: all(len(self._nodes(server)) == len(self.servers) for server in self.servers))
        for master, replica in zip(masters, replicas, strict=True):
            replica.said("CLUSTER REPLICATE", master.name)
        until(self.is_well)

    def is_well(self) -> bool:
        """Everybody agrees who has what, and each of three masters has a replica that is up to date."""
        return (
            all(b"cluster_state:ok" in server.said("CLUSTER INFO") for server in self.servers)
            and all(self._linked(server) for server in self.servers if not server.is_master)
            and [server.info("replication").get("connected_slaves") for server in self.masters] == [1, 1, 1]
            and len({self._map(server) for server in self.servers}) == 1
            and all(len(row) == 4 for row in self._map(self.servers[0]))
        )

    def empty(self) -> None:
        until(self.is_well)
        for master in self.masters:
            master.said("FLUSHALL")
            master.said("FUNCTION FLUSH")

    def slot_of(self, key: str) -> int:
        return int(self.masters[0].said("CLUSTER KEYSLOT", key))

    def migrate_at_once(self, slot: int, source: Server, target: Server) -> None:
        """As Valkey 9 does it: a copy is kept up to date, then the slot changes hands in one moment."""
        source.said("CLUSTER MIGRATESLOTS SLOTSRANGE", slot, slot, "NODE", target.name)
        until(lambda: all((slot, target.port) in self._owners(server) for server in self.servers))

    def migrate_key_by_key(self, slot: int, source: Server, target: Server) -> None:
        """As all others do it: meanwhile some keys are here and some are there."""
        target.said("CLUSTER SETSLOT", slot, "IMPORTING", source.name)
        source.said("CLUSTER SETSLOT", slot, "MIGRATING", target.name)
        while keys := source.said("CLUSTER GETKEYSINSLOT", slot, 5):
            source.said("MIGRATE 127.0.0.1", target.port, "", 0, 5000, "KEYS", *keys)
        for server in (target, source, *self.masters):
            server.said("CLUSTER SETSLOT", slot, "NODE", target.name)
        until(lambda: all((slot, target.port) in self._owners(server) for server in self.servers))

    def _owners(self, server: Server) -> set[tuple[int, int]]:
        return {
            (slot, port)
            for first, last, (_, port, *_), *_ in server.said("CLUSTER SLOTS")
            for slot in range(first, last + 1)
        }

    def _linked(self, server: Server) -> bool:
        return bool(server.info("replication")["master_link_status"] == "up")

    def _map(self, server: Server) -> tuple[tuple[int, ...], ...]:
        """Who has which slots, masters and replicas."""
        told = server.said("CLUSTER SLOTS")
        return tuple(sorted((first, last, *(place[1] for place in places)) for first, last, *places in told))

    def _nodes(self, server: Server) -> list[str]:
        lines = server.said("CLUSTER NODES").decode().splitlines()
        return [line for line in lines if "handshake" not in line]


@contextmanager
def running(*servers: Server) -> Iterator[None]:
    try:
        for server in servers:
            server.start()
        yield
    finally:
        for server in servers:
            server.kill()


@contextmanager
def cluster_of_servers(folder: Path) -> Iterator[ClusterOfServers]:
    """Three masters with a replica each."""
    servers = []
    for number in range(6):
        settings = {
            "cluster-enabled": "yes",
            "cluster-port": str(free_port()),
            "cluster-config-file": "nodes.conf",
            "cluster-node-timeout": str(NODE_TIMEOUT_MS),
            "cluster-replica-validity-factor": "0",
            "cluster-require-full-coverage": "no",
            "cluster-allow-replica-migration": "no",
        }
        servers.append(Server(folder / str(number), settings))
    with running(*servers):
        cluster = ClusterOfServers(servers)
        cluster.form()
        yield cluster


class Sentinel(Server):
    """One of those that watch a master."""

    def start(self) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)
        path = self.folder / "sentinel.conf"
        path.write_text("".join(f"{name} {value}\n" for name, value in {"port": self.port, **self.settings}.items()))
        with (self.folder / "log").open("ab") as log:
            self.process = subprocess.Popen(
                [os.fspath(embedded.find_binary()), os.fspath(path), "--sentinel"], stdout=log, stderr=log
            )
        until(lambda: self.said("PING"))


@dataclass
class WatchedServers:
    servers: list[Server]
    sentinels: list[Sentinel]

    @property
    def url(self) -> str:
        return "redis+sentinel://" + ",".join(f"127.0.0.1:{each.port}" for each in self.sentinels) + "/relay"

    @property
    def master(self) -> Server:
        return self.master_as(self.sentinels[0])

    def master_as(self, sentinel: Sentinel) -> Server:
        """As this one knows it."""
        _, port = sentinel.said("SENTINEL GET-MASTER-ADDR-BY-NAME relay")
        return next(server for server in self.servers if server.port == int(port))

    def is_well(self) -> bool:
        """The sentinels know one another and the replicas, and these are up to date."""
        for sentinel in self.sentinels:
            told = sentinel.said("SENTINEL MASTER relay")
            known = dict(zip(told[::2], told[1::2], strict=True))
            others, replicas = int(known[b"num-other-sentinels"]), int(known[b"num-slaves"])
            if others != len(self.sentinels) - 1 or replicas < len(self.servers) - 1:
                return False
        return bool(self.master.info("replication")["connected_slaves"] == len(self.servers) - 1)


@contextmanager
def watched_servers(folder: Path, *, replicas: int = 2) -> Iterator[WatchedServers]:
    """A master, its replicas, three sentinels."""
    master = Server(folder / "0")
    others = [Server(folder / str(n + 1), {"replicaof": f"127.0.0.1 {master.port}"}) for n in range(replicas)]
    watching = {
        "dir": str(folder),
        "bind": "127.0.0.1",
        "sentinel monitor relay 127.0.0.1": f"{master.port} 2",
        "sentinel down-after-milliseconds relay": "1500",
        "sentinel failover-timeout relay": "6000",
        "sentinel parallel-syncs relay": "2",
    }
    sentinels = [Sentinel(folder / f"sentinel{n}", dict(watching)) for n in range(3)]
    with running(master, *others, *sentinels):
        watched = WatchedServers([master, *others], sentinels)
        until(watched.is_well)
        yield watched
