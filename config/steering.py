"""How is a running process told to log more? By signal: SIGUSR1, one level more; SIGUSR2, as configured again.

A signal needs no port and no password: only who may stop the process may send it one.
"""

import asyncio
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import structlog

from config.logging import Verbosity

log = structlog.get_logger()


@contextmanager
def steered(verbosity: Verbosity, also: Callable[[signal.Signals], None] = lambda _: None) -> Iterator[None]:
    """Within a running event loop. Without this, either signal would end the process. `also` is told of each."""
    loop = asyncio.get_running_loop()
    answers: dict[signal.Signals, Callable[[], None]] = {
        signal.SIGUSR1: verbosity.more,
        signal.SIGUSR2: verbosity.as_configured,
    }

    def answer(number: signal.Signals) -> None:
        answers[number]()
        # A warning, so that it is seen at nearly every level.
        log.warning("log.level", shown=verbosity.level)
        also(number)

    for number in answers:
        loop.add_signal_handler(number, answer, number)
    try:
        yield
    finally:
        for number in answers:
            loop.remove_signal_handler(number)
