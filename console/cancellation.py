"""Are we to end? Asked by whoever follows a stream until Ctrl-C."""

import asyncio


def end_if_cancelled() -> None:
    """Below Python 3.12, a cancellation at the wrong moment is lost: https://github.com/python/cpython/issues/86296

    The client of the store runs into it, and Ctrl-C would have to be pressed twice.
    """
    task = asyncio.current_task()
    if task is not None and task.cancelling():
        raise asyncio.CancelledError
