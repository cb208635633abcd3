"""The embedded store is a real server that keeps what it acknowledged, reachable by nobody else."""

import os
import signal
import socket
import stat
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from redis import Redis
from structlog.testing import capture_logs

from config.sections import Store
from consent.errors import Misconfigured, StoreUnavailable
from console import embedded

Start = Callable[[list[str]], "subprocess.Popen[bytes]"]


@pytest.fixture
def start() -> Iterator[Start]:
    running: list[subprocess.Popen[bytes]] = []

    def start(command: list[str]) -> "subprocess.Popen[bytes]":
        running.append(subprocess.Popen(command, stdout=subprocess.DEVNULL))
        return running[-1]

    yield start
    for process in running:
        process.kill()
        process.wait()


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(data_dir=tmp_path / "my data")


async def test_the_server_runs_as_a_2xx_needs_it(store: Store, start: Start) -> None:
    child = await embedded.prepared(store)
    start(list(child.command))

    await embedded.wait_ready(store.effective_url, timeout=10)

    with Redis.from_url(store.effective_url, decode_responses=True) as redis:
        wanted = {
            "port": "0",
            "appendonly": "yes",
            "appendfsync": "always",
            "no-appendfsync-on-rewrite": "no",
            "aof-load-truncated": "yes",
            "maxmemory-policy": "noeviction",
            "save": "",
            "hash-max-listpack-entries": "512",
            "auto-aof-rewrite-min-size": str(256 * 1024 * 1024),
        }
        assert redis.config_get(*wanted) == wanted


async def test_what_was_acknowledged_survives_kill_9_and_the_socket_left_behind(store: Store, start: Start) -> None:
    command = list((await embedded.prepared(store)).command)
    first = start(command)
    await embedded.wait_ready(store.effective_url, timeout=10)
    with Redis.from_url(store.effective_url) as redis:
        redis.set("kept", "yes")
    first.send_signal(signal.SIGKILL)
    first.wait()
    assert store.socket.exists()

    start(list((await embedded.prepared(store)).command))

    await embedded.wait_ready(store.effective_url, timeout=10)
    with Redis.from_url(store.effective_url) as redis:
        assert redis.get("kept") == b"yes"


async def test_nobody_else_may_look_into_its_directories(store: Store, start: Start) -> None:
    start(list((await embedded.prepared(store)).command))
    await embedded.wait_ready(store.effective_url, timeout=10)

    paths = (store.data_dir, store.data_dir / "store", store.socket)
    assert {stat.S_IMODE(path.stat().st_mode) for path in paths} == {0o700}


async def test_a_data_directory_that_is_too_deep_for_a_socket_still_works(tmp_path: Path, start: Start) -> None:
    store = Store(data_dir=tmp_path / ("deep" * 30))

    start(list((await embedded.prepared(store)).command))
    await embedded.wait_ready(store.effective_url, timeout=10)

    assert store.socket.parent != store.data_dir
    store.socket.unlink()
    store.socket.parent.rmdir()


async def test_a_second_store_on_the_same_directory_is_refused(store: Store, start: Start) -> None:
    start(list((await embedded.prepared(store)).command))
    await embedded.wait_ready(store.effective_url, timeout=10)

    with pytest.raises(Misconfigured, match=r"another consent-relay .* set another store.data_dir"):
        await embedded.ensure_free(store.socket, patience=0.05)


async def test_a_store_that_is_still_stopping_is_waited_for(store: Store, start: Start) -> None:
    process = start(list((await embedded.prepared(store)).command))
    await embedded.wait_ready(store.effective_url, timeout=10)

    process.terminate()

    await embedded.ensure_free(store.socket, patience=10)
    assert not embedded.is_listening(store.socket)


async def test_a_server_that_loads_its_data_is_waited_for_however_long_it_takes(store: Store, start: Start) -> None:
    command = list((await embedded.prepared(store)).command)
    first = start(command)
    await embedded.wait_ready(store.effective_url, timeout=10)
    with Redis.from_url(store.effective_url) as redis:
        redis.mset({f"key:{n}": n for n in range(2000)})
        redis.bgrewriteaof()
        while redis.info("persistence")["aof_rewrite_in_progress"]:
            pass
    first.terminate()
    first.wait()

    slowly = ["--key-load-delay", "1000", "--loading-process-events-interval-bytes", "1024"]
    start([*command, *slowly])
    await embedded.wait_ready(store.effective_url, timeout=1.2)

    with Redis.from_url(store.effective_url) as redis:
        assert redis.get("key:1999") == b"1999"


async def test_a_server_that_never_answers_is_given_up(store: Store) -> None:
    with pytest.raises(StoreUnavailable, match=r"no answer within 0.05 s"):
        await embedded.wait_ready(store.effective_url, timeout=0.05)


def test_a_directory_that_cannot_be_made_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")

    with pytest.raises(Misconfigured, match=r"store.data_dir: .*/file/var cannot be made"):
        embedded.make_directories(Store(data_dir=tmp_path / "file" / "var"))


@pytest.mark.parametrize(
    ("mode", "owner", "is_private"),
    [
        (stat.S_IFDIR | 0o700, 1000, True),
        (stat.S_IFDIR | 0o750, 1000, False),
        (stat.S_IFDIR | 0o700, 1001, False),
        (stat.S_IFLNK | 0o700, 1000, False),
    ],
)
def test_a_shared_place_is_used_only_if_it_is_ours_alone(mode: int, owner: int, is_private: bool) -> None:
    assert embedded.is_private(mode, owner, ours=1000) is is_private


def test_a_short_path_that_somebody_else_prepared_is_refused(tmp_path: Path) -> None:
    store = Store(data_dir=tmp_path / ("deep" * 30))
    store.socket.parent.mkdir()
    store.socket.parent.chmod(0o777)

    with pytest.raises(Misconfigured, match="is not ours alone"):
        embedded.make_directories(store)

    store.socket.parent.rmdir()


def test_a_socket_is_free_when_nobody_listens(tmp_path: Path) -> None:
    path = tmp_path / "s"
    with socket.socket(socket.AF_UNIX) as listener:
        assert not embedded.is_listening(path)
        listener.bind(os.fspath(path))
        listener.listen()
        assert embedded.is_listening(path)

    assert not embedded.is_listening(path)


@pytest.mark.parametrize(
    ("line", "level", "text"),
    [
        (
            "4298:M 22 Nov 2026 01:08:39.653 * Ready to accept connections unix",
            "debug",
            "Ready to accept connections unix",
        ),
        ("4298:M 22 Nov 2026 01:08:39.619 # Short read or OOM loading", "warning", "Short read or OOM loading"),
        (
            "4298:signal-handler (1795313212) Received SIGTERM scheduling shutdown...",
            "debug",
            "4298:signal-handler (1795313212) Received SIGTERM scheduling shutdown...",
        ),
        ("*** FATAL CONFIG FILE ERROR", "warning", "*** FATAL CONFIG FILE ERROR"),
    ],
)
def test_what_the_server_says_is_a_line_of_our_log(line: str, level: str, text: str) -> None:
    with capture_logs() as logs:
        embedded.tell(line)

    assert logs == [{"event": "store.said", "text": text, "log_level": level}]


def test_an_empty_line_is_not_worth_one() -> None:
    with capture_logs() as logs:
        embedded.tell("")

    assert logs == []
