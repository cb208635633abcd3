"""A process of ours that lives by a simulated clock, together with its store.

    python -m tests.outage.simulated FILE MODULE [ARGUMENT ...]

Runs MODULE as `python -m MODULE ARGUMENT ...` would. Its time of day and its steady clock are ahead by as much as FILE
says (tests/chaos/jumping.py); waits for a network or for another process stay what they are. The store's clock is ahead
by as much as the key AHEAD says: simulated.lua stands before the functions that are loaded into it. A library is named
after its content, so this is one beside the real one, and whoever is not simulated goes on with that.
"""

import runpy
import sys
import time
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

from redis.commands.core import ManagementCommands

from consent.ledger import commit, functions
from consent.ledger.wire import pack
from tests.chaos import jumping

AHEAD = "{simulated}:ahead"
"""A key: microseconds. simulated.lua knows it, too."""
_CLOCK = Path(__file__).with_suffix(".lua")


def main(file: Path, module: str, *arguments: str) -> None:
    real_ns, steady_ns = time.time_ns, time.monotonic_ns
    jumping._jump_by(file)
    time.monotonic_ns = lambda: steady_ns() + time.time_ns() - real_ns()
    _take_the_store_along(ahead_s=lambda: (time.time_ns() - real_ns()) / 1e9)
    sys.argv = [module, *arguments]
    runpy.run_module(module, run_name="__main__", alter_sys=True)


def _take_the_store_along(*, ahead_s: Callable[[], float]) -> None:
    real_body, ask = functions._body, ManagementCommands.time
    functions._body = cache(lambda: _CLOCK.read_text("utf-8") + real_body())
    for known in (functions.version, functions.library, functions.function_name):
        known.cache_clear()
    commit._LOAD = pack(("FUNCTION", "LOAD", "REPLACE", functions.library()))

    async def simulated(self: Any) -> tuple[int, int]:
        seconds, micros = await ask(self)
        return divmod(round((seconds + ahead_s()) * 1_000_000) + micros, 1_000_000)

    ManagementCommands.time = simulated  # type: ignore[method-assign]  # where TIME is asked past the functions


if __name__ == "__main__":
    main(Path(sys.argv[1]), *sys.argv[2:])
