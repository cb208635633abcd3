"""All benchmarks, one after the other, and one table of what came of them.

    python -m bench [NAME ...]

One that fails is named at the end, and does not keep the others from running.
"""

import os
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from bench import table
from bench.peers import INSTALL, missing

BENCHMARKS = {
    "ingest": ("ingest",),
    "workers": ("workers",),
    "check": ("check",),
    "optouts": ("optouts",),
    "imports": ("imports",),
    "lists": ("lists",),
    "clients": ("clients",),
    "dispatch": ("dispatch",),
    "drain": ("drain",),
    "pipeline": ("pipeline",),
    "isolation": ("isolation",),
    "peers": ("peers",),
    "deliveries": ("peers", "--dispatch"),
}
"""The words after `python -m bench.`, by name."""


def main(names: Sequence[str]) -> int:
    if unknown := [name for name in names if name not in BENCHMARKS]:
        sys.exit(f"no such benchmark: {', '.join(unknown)}; there are {', '.join(BENCHMARKS)}")
    with tempfile.NamedTemporaryFile(prefix="cr-bench-rows-") as rows:
        failed = [name for name in names or BENCHMARKS if is_possible(name) and not has_run(name, rows.name)]
        print("\n== all of them ==")
        print("\n".join(table.lines(table.noted(Path(rows.name)))))
    if failed:
        print(f"failed: {', '.join(failed)}")
    return 1 if failed else 0


def is_possible(name: str) -> bool:
    if BENCHMARKS[name][0] == "peers" and missing():
        print(f"\n== {name} ==\nnot run: {INSTALL}")
        return False
    return True


def has_run(name: str, rows: str) -> bool:
    print(f"\n== {name} ==", flush=True)
    module, *words = BENCHMARKS[name]
    command = [sys.executable, "-m", f"bench.{module}", *words]
    return subprocess.run(command, env={**os.environ, table.FILE: rows}, check=False).returncode == 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
