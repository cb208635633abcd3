"""How does a run end? With its report and an exit status; or cancelled, when somebody tells it to by Ctrl-C or SIGTERM:
then all is mended and tidied up."""

import asyncio
import signal
import sys
from collections.abc import Coroutine, Iterable
from typing import Any, Protocol, TypeVar

import uvloop

Result = TypeVar("Result")

_INTERRUPTED = 130


class Told(Protocol):
    """What came of a run."""

    @property
    def has_passed(self) -> bool: ...

    def lines(self) -> Iterable[str]: ...


def reported(work: Coroutine[Any, Any, Told]) -> int:
    """The exit status, once the report is written."""
    report = run(work)
    if report is None:
        return _INTERRUPTED
    sys.stdout.write("\n".join(report.lines()) + "\n")
    return 0 if report.has_passed else 1


def run(work: Coroutine[Any, Any, Result]) -> Result | None:
    """None when it was told to end."""
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        try:
            return runner.run(_cancellable(work))
        except asyncio.CancelledError:
            return None


async def _cancellable(work: Coroutine[Any, Any, Result]) -> Result:
    task = asyncio.current_task()
    assert task is not None
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, task.cancel)
    return await work
