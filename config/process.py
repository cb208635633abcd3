"""How does a process of ours run? On uvloop, with its log configured, and with a collector that seldom interrupts."""

import asyncio
import gc
from collections.abc import Callable, Coroutine
from typing import Any

import uvloop

from config.logging import configure
from config.settings import Settings

_YOUNG_OBJECTS = 20_000
"""A request makes some hundred objects, which die without the collector. Its default of 700 has it look, in vain, after
every few requests; cycles are rare here and can wait."""


def run(serve: Callable[[Settings], Coroutine[Any, Any, None]], settings: Settings) -> None:
    configure(settings.log)
    gc.freeze()
    gc.set_threshold(_YOUNG_OBJECTS, 20, 20)
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(serve(settings))
