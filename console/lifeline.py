"""Who stops the children when the supervisor itself is killed? A small process that holds the other end of a pipe.

The kernel closes the pipe however the supervisor ends, so the end of its input is news that cannot get lost. What still
runs then is stopped as the supervisor would have: last started first, politely, and by force when that takes too long.
PR_SET_PDEATHSIG would need Linux and could only kill; a pipe that the children watch would need their help, which the
store cannot give.

Run as a script by path, it needs nothing but the standard library.
"""

import contextlib
import os
import select
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from types import TracebackType

_GRACE_S = 10.0
_POLL_S = 0.02
_TOGETHER = "together"


class Lifeline:
    """The supervisor's end: says which processes to stop when it is gone."""

    def __init__(self, *, together: bool = False) -> None:
        """Where none stands on another, all are stopped together."""
        self._words = [_TOGETHER] if together else []
        self._watched: list[int] = []

    def __enter__(self) -> "Lifeline":
        self._process = _start(self._words)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        _close(self._process)

    @property
    def pid(self) -> int:
        return self._process.pid

    def watch(self, pid: int) -> None:
        self._watched.append(pid)
        self._tell(f"+{pid}\n")

    def forget(self, pid: int) -> None:
        self._watched.remove(pid)
        self._tell(f"-{pid}\n")

    def _tell(self, line: str) -> None:
        try:
            _write(self._process, line)
        except BrokenPipeError:  # somebody killed it; the next one hears everything again
            _close(self._process)
            self._process = _start(self._words)
            _write(self._process, "".join(f"+{pid}\n" for pid in self._watched))


def _start(words: Sequence[str]) -> "subprocess.Popen[bytes]":
    # In a session of its own, where Ctrl-C does not reach it.
    command = [sys.executable, "-I", "-S", __file__, *words]
    return subprocess.Popen(command, stdin=subprocess.PIPE, start_new_session=True)


def _write(process: "subprocess.Popen[bytes]", text: str) -> None:
    assert process.stdin is not None  # noqa: S101 - it was started with a pipe
    process.stdin.write(text.encode())
    process.stdin.flush()


def _close(process: "subprocess.Popen[bytes]") -> None:
    assert process.stdin is not None  # noqa: S101 - it was started with a pipe
    with contextlib.suppress(BrokenPipeError):
        process.stdin.close()
    process.wait()


def main() -> None:
    """The other end: until the pipe closes, and then until nothing that was watched is left."""
    for wanted in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(wanted, signal.SIG_IGN)
    watched: list[int] = []
    for line in sys.stdin:
        pid = int(line[1:])
        watched = [*watched, pid] if line[0] == "+" else [other for other in watched if other != pid]
    _stop_all(watched[::-1], together=_TOGETHER in sys.argv[1:])


def _stop_all(pids: Sequence[int], *, together: bool) -> None:
    if together:
        for pid in pids:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGTERM)
    for pid in pids:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGTERM)
            _wait_for_end(pid)
        with contextlib.suppress(ProcessLookupError):
            os.killpg(pid, signal.SIGKILL)  # it, or what it left behind


def _wait_for_end(pid: int) -> None:
    if sys.platform == "linux":
        # An orphan stays a zombie where no init reaps it, as in many containers; a pidfd tells its end all the same.
        descriptor = os.pidfd_open(pid)
        select.select([descriptor], [], [], _GRACE_S)
        os.close(descriptor)
        return
    deadline = time.monotonic() + _GRACE_S
    while time.monotonic() < deadline:
        os.kill(pid, 0)  # raises once it is gone
        time.sleep(_POLL_S)


if __name__ == "__main__":
    main()
