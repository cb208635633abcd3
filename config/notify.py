"""What does the service manager learn of us? That we start, are ready, live, and stop: datagrams to $NOTIFY_SOCKET.

https://www.freedesktop.org/software/systemd/man/latest/sd_notify.html
Without that variable nothing happens. The signs of life come from the event loop that does the work, so a loop that
hangs is missed and its process started again.
"""

import asyncio
import os
import socket
from collections.abc import AsyncIterator, Mapping, MutableMapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager, suppress
from dataclasses import dataclass

from config.probes import Readiness

_LOOK_EVERY_S = 5.0
"""At least so often: how late a changed status may be told."""
_STARTING_EVERY_S = 0.1
_MORE_TIME = "EXTEND_TIMEOUT_USEC=30000000"
"""While a store is waited for. Who hangs at that does not say so, and its start fails after these seconds."""
_NAMES = ("NOTIFY_SOCKET", "WATCHDOG_USEC", "WATCHDOG_PID")


@dataclass(frozen=True, slots=True, kw_only=True)
class Manager:
    address: str
    """Of its socket; the first byte is NUL where that is in no file system."""
    watchdog_s: float | None = None
    """It kills us after so long a silence."""

    @property
    def sign_every_s(self) -> float:
        return min(_LOOK_EVERY_S, self.watchdog_s / 2) if self.watchdog_s else _LOOK_EVERY_S

    def tell(self, *words: str) -> None:
        """Whatever becomes of it: no work is left undone because nobody listens."""
        with suppress(OSError), socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as sender:
            sender.setblocking(False)
            sender.sendto("\n".join(words).encode(), self.address)


def manager_in(environment: Mapping[str, str], *, pid: int) -> Manager | None:
    """Pure. None where there is none, or none whose address we can use."""
    address = environment.get("NOTIFY_SOCKET", "")
    if not address.startswith(("/", "@")):
        return None
    silence, whose = environment.get("WATCHDOG_USEC", ""), environment.get("WATCHDOG_PID", str(pid))
    is_watched = silence.isdecimal() and int(silence) > 0 and whose == str(pid)
    return Manager(
        address=address.replace("@", "\0", 1) if address.startswith("@") else address,
        watchdog_s=int(silence) / 1_000_000 if is_watched else None,
    )


def our_manager(environment: MutableMapping[str, str] = os.environ) -> Manager | None:
    """Once, before there are children: they shall not speak for us, so what they would read is taken out."""
    manager = manager_in(environment, pid=os.getpid())
    for name in _NAMES:
        environment.pop(name, None)
    return manager


def notifying(readiness: Readiness, stop: asyncio.Event) -> AbstractAsyncContextManager[None]:
    """As long as it is open, the manager is told what `readiness` says, and that we stop once `stop` is set."""
    return telling(our_manager(), readiness, stop)


@asynccontextmanager
async def telling(manager: Manager | None, readiness: Readiness, stop: asyncio.Event) -> AsyncIterator[None]:
    if manager is None:
        yield
        return
    task = asyncio.create_task(_tell(manager, readiness, stop), name="tell the service manager")
    try:
        yield
    finally:
        task.cancel()
        await asyncio.wait([task])


class Story:
    """What has been told, and so what is new. Pure."""

    def __init__(self, *, is_watched: bool) -> None:
        self._is_watched = is_watched
        self.has_begun = False
        """Whether it was ever ready."""
        self.is_ending = False
        self._status = ""

    def goes_on(self, reason: str | None, *, is_stopping: bool) -> list[str]:
        """`reason`: why the process is not ready."""
        words = []
        if not self.has_begun:
            self.has_begun = reason is None
            words.append("READY=1" if self.has_begun else _MORE_TIME)
        if is_stopping and not self.is_ending:
            self.is_ending = True
            words.append("STOPPING=1")
        if (status := _status(reason, is_stopping=is_stopping)) != self._status:
            self._status = status
            words.append(f"STATUS={status}")
        return [*words, "WATCHDOG=1"] if self._is_watched else words


async def _tell(manager: Manager, readiness: Readiness, stop: asyncio.Event) -> None:
    story = Story(is_watched=manager.watchdog_s is not None)
    while True:
        if words := story.goes_on(readiness(), is_stopping=stop.is_set()):
            manager.tell(*words)
        rest = manager.sign_every_s if story.has_begun else min(_STARTING_EVERY_S, manager.sign_every_s)
        await (asyncio.sleep(rest) if story.is_ending else _unless(stop, within=rest))


def _status(reason: str | None, *, is_stopping: bool) -> str:
    if is_stopping:
        return "stopping: what is under way ends"
    # Its lines are fields of the datagram: a reason of two lines would begin another.
    return "ready" if reason is None else " ".join(f"not ready: {reason}".split())


async def _unless(event: asyncio.Event, *, within: float) -> None:
    with suppress(TimeoutError):
        async with asyncio.timeout(within):
            await event.wait()
