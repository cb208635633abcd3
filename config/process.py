"""How does a process of ours run? On uvloop, with its log configured, and with a collector that seldom interrupts."""

import asyncio
import gc
import os
import secrets
import socket
from collections.abc import Callable, Coroutine, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import uvloop

from config.logging import Verbosity, configure
from config.settings import Settings
from config.steering import steered
from consent.errors import Misconfigured

_YOUNG_OBJECTS = 20_000
"""A request makes some hundred objects, which die without the collector. Its default of 700 has it look, in vain, after
every few requests; cycles are rare here and can wait."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Worker:
    """One of several processes that do the same, under a parent that speaks for them (console/workers.py)."""

    number: int
    socket: Path
    """Where the parent asks how it is, in place of an internal port."""


def worker_in(arguments: Sequence[str]) -> Worker | None:
    """As its parent says it: `python -m receiver 2 /tmp/…/2.sock`. None for a process that stands alone."""
    match arguments:
        case [number, socket]:
            return Worker(number=int(number), socket=Path(socket))
        case _:
            return None


def own_name() -> str:
    """Of this process alone, also after a restart with the same number: a container's first process always has one."""
    return f"{socket.gethostname()}:{os.getpid()}:{secrets.token_hex(3)}"


def run(
    name: str,
    serve: Callable[[Settings], Coroutine[Any, Any, None]],
    settings: Settings,
    worker: Worker | None = None,
) -> None:
    verbosity = configure(settings.log, name, worker=worker.number if worker else None)
    gc.freeze()
    gc.set_threshold(_YOUNG_OBJECTS, 20, 20)
    try:
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            runner.run(_steered(serve(settings), verbosity))
    except* Misconfigured as wrong:
        raise Misconfigured("\n".join(_told(wrong))) from None


def _told(wrong: BaseExceptionGroup[Misconfigured]) -> Iterator[str]:
    """As text: raised among tasks, it comes wrapped in a group."""
    for each in wrong.exceptions:
        yield from _told(each) if isinstance(each, BaseExceptionGroup) else [str(each)]


async def _steered(serving: Coroutine[Any, Any, None], verbosity: Verbosity) -> None:
    with steered(verbosity):
        await serving
