"""What becomes of output that nobody takes? A full disk is told in one line; a reader who left is no error.

Whatever a terminal cannot show is replaced: no name and no mask of a number shall end a command.
"""

import errno
import io
import os
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NoReturn


class Unwritten(SystemExit):
    """Standard output could not be written. An exit, like Ctrl-C: no command takes it for an error of its own, and no
    task group wraps it."""

    def __init__(self, why: OSError) -> None:
        super().__init__(1)
        self.has_reader = why.errno != errno.EPIPE
        self.reason = why.strerror or str(why)
        self.lost = ""
        """What was shown this once, and how to come by it."""

    @property
    def is_quiet(self) -> bool:
        """`| head -1` has what it wanted."""
        return not self.has_reader and not self.lost

    def __str__(self) -> str:
        told = f"standard output cannot be written: {self.reason}"
        return f"{told}; {self.lost}" if self.lost else told


class _Outlet(io.TextIOWrapper):
    def write(self, text: str, /) -> int:
        with _telling():
            return super().write(text)

    def flush(self) -> None:
        with _telling():
            super().flush()


def install() -> None:
    """In place of standard output and standard error."""
    # Where one is closed, there is nobody to tell.
    sys.stdout = sys.stdout or Path(os.devnull).open("w", encoding="utf-8")  # noqa: SIM115 - for as long as we run
    sys.stderr = sys.stderr or Path(os.devnull).open("w", encoding="utf-8")  # noqa: SIM115
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")
    if isinstance(sys.stdout, io.TextIOWrapper):
        encoding, is_terminal = sys.stdout.encoding, sys.stdout.line_buffering
        sys.stdout = _Outlet(sys.stdout.detach(), encoding=encoding, errors="replace", line_buffering=is_terminal)


@contextmanager
def unless_shown(lost: str) -> Iterator[None]:
    """`lost`: what to say where this output, which comes only once, is not written."""
    try:
        yield
    except Unwritten as unwritten:
        unwritten.lost = lost
        raise


def end_as_by_sigpipe() -> NoReturn:
    """As a program ends that knows nothing of pipes: a shell sees 141."""
    signal.signal(signal.SIGPIPE, signal.SIG_DFL)
    os.kill(os.getpid(), signal.SIGPIPE)
    raise SystemExit(1)  # where it is blocked


@contextmanager
def _telling() -> Iterator[None]:
    try:
        yield
    except OSError as exc:
        # What is left in the buffer would fail once more when the interpreter ends.
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
        raise Unwritten(exc) from exc
