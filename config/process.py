"""How does a process of ours run? On uvloop, with its log configured, and with a collector that seldom interrupts."""

import asyncio
import gc
import os
import secrets
import socket
from collections.abc import Callable, Coroutine
from typing import Any

import uvloop

from config.logging import Verbosity, configure
from config.settings import Settings
from config.steering import steered

_YOUNG_OBJECTS = 20_000
"""A request makes some hundred objects, which die without the collector. Its default of 700 has it look, in vain, after
every few requests; cycles are rare here and can wait."""


def own_name() -> str:
    """Of this process alone, also after a restart with the same number: a container's first process always has one."""
    return f"{socket.gethostname()}:{os.getpid()}:{secrets.token_hex(3)}"


def run(serve: Callable[[Settings], Coroutine[Any, Any, None]], settings: Settings) -> None:
    verbosity = configure(settings.log)
    gc.freeze()
    gc.set_threshold(_YOUNG_OBJECTS, 20, 20)
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(_steered(serve(settings), verbosity))


async def _steered(serving: Coroutine[Any, Any, None], verbosity: Verbosity) -> None:
    with steered(verbosity):
        await serving
