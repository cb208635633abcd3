"""How do readers in flight together share one trip to the store? Whoever asks during a trip goes along with the next.

On a connection of their own: a reader neither waits for a writer's disk nor holds a writer up.
"""

import asyncio
from collections.abc import Sequence

import hiredis

from consent.errors import StoreUnavailable
from consent.ledger.wire import Reply, StoreRefused, Wire

_MAX_COMMANDS = 2048
"""A trip takes on no more than this before it leaves, or a single question would wait behind many thousand others."""


_Outcome = list[Reply] | StoreUnavailable


class Reads:
    def __init__(self, wire: Wire, *, keeps_errors: bool = False) -> None:
        """With errors kept, a command that is refused has its hiredis.ReplyError among the replies."""
        self._wire = wire
        self._resolve = _tell if keeps_errors else _resolve
        self._waiting: list[tuple[Sequence[bytes], asyncio.Future[list[Reply]]]] = []
        self._trips: asyncio.Task[None] | None = None

    def ask(self, commands: Sequence[bytes]) -> "asyncio.Future[list[Reply]]":
        """The replies to packed commands that change nothing, in order. StoreUnavailable if one of them failed."""
        replies: asyncio.Future[list[Reply]] = asyncio.get_running_loop().create_future()
        if not commands:
            replies.set_result([])
            return replies
        self._waiting.append((commands, replies))
        if self._trips is None:
            self._trips = asyncio.create_task(self._travel(), name="reads")
        return replies

    async def close(self) -> None:
        """Let what is under way finish, then hang up."""
        while self._trips is not None:
            await asyncio.wait([self._trips])
        self._wire.close()

    def hang_up(self) -> None:
        """At once; the next trip connects anew, to where the server is by then."""
        self._wire.close()

    async def _travel(self) -> None:
        try:
            while self._waiting:
                await self._trip(self._next_batch())
        finally:
            self._trips = None
            for _, future in self._waiting:
                self._resolve(future, StoreUnavailable("shutting down"))
            self._waiting = []

    def _next_batch(self) -> list[tuple[Sequence[bytes], "asyncio.Future[list[Reply]]"]]:
        count = length = 0
        for commands, _ in self._waiting:
            length += len(commands)
            if count and length > _MAX_COMMANDS:
                break
            count += 1
        batch, self._waiting = self._waiting[:count], self._waiting[count:]
        return batch

    async def _trip(self, batch: list[tuple[Sequence[bytes], "asyncio.Future[list[Reply]]"]]) -> None:
        outcome: _Outcome = StoreUnavailable("the trip was interrupted")
        try:
            outcome = await self._wire.exchange([command for commands, _ in batch for command in commands])
        except StoreUnavailable as exc:
            outcome = exc
        finally:
            end = 0
            for commands, future in batch:
                begin, end = end, end + len(commands)
                self._resolve(future, outcome if isinstance(outcome, StoreUnavailable) else outcome[begin:end])


def _resolve(future: "asyncio.Future[list[Reply]]", outcome: _Outcome) -> None:
    if not isinstance(outcome, StoreUnavailable):
        refusal = next((reply for reply in outcome if isinstance(reply, hiredis.ReplyError)), None)
        if refusal is not None:
            outcome = StoreRefused(refusal)
    _tell(future, outcome)


def _tell(future: "asyncio.Future[list[Reply]]", outcome: _Outcome) -> None:
    if future.done():  # who asked went away
        return
    if isinstance(outcome, StoreUnavailable):
        future.set_exception(outcome)
    else:
        future.set_result(outcome)
