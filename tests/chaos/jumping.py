"""A process of ours whose wall clock can be made to jump while it runs.

    python -m tests.chaos.jumping FILE MODULE

Runs MODULE as `python -m MODULE` would, with `time.time` and `time.time_ns` ahead by as many nanoseconds as FILE says.
The monotonic clock stays what it is, as it does when an administrator or NTP sets the system's. Nothing in the relay
knows of this: the module `time` is changed before the relay is imported.
"""

import mmap
import runpy
import struct
import sys
import time
from pathlib import Path

_LAYOUT = struct.Struct("q")


def set_ahead(file: Path, seconds: float) -> None:
    """From the outside. Written in place: the process has the file mapped."""
    with file.open("r+b" if file.exists() else "wb") as opened:
        opened.write(_LAYOUT.pack(round(seconds * 1_000_000_000)))


def _jump_by(file: Path) -> None:
    with file.open("rb") as opened:
        shared = mmap.mmap(opened.fileno(), _LAYOUT.size, access=mmap.ACCESS_READ)
    true_ns = time.time_ns

    def time_ns() -> int:
        ahead: int = _LAYOUT.unpack_from(shared)[0]
        return true_ns() + ahead

    time.time_ns = time_ns
    time.time = lambda: time_ns() / 1_000_000_000


def main(file: Path, module: str) -> None:
    _jump_by(file)
    sys.argv = [module]
    runpy.run_module(module, run_name="__main__", alter_sys=True)


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2])
