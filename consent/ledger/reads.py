"""How do readers in flight together share one trip to the store? Whoever asks during a trip goes along with the next.

On a connection of their own: a reader neither waits for a writer's disk nor holds a writer up.
"""

import asyncio
from collections.abc import Sequence

import hiredis

from consent.errors import StoreUnavailable
from consent.ledger.wire import Reply, Wire

_MAX_COMMANDS = 2048
"""A trip takes on no more than this before it leaves, or a single question would wait behind many thousand others."""


class Reads:
    def __init__(self, wire: Wire) -> None:
        self._wire = wire
        self._waiting: list[tuple[Sequence[bytes], asyncio.Future[list[Reply]]]] = []
        self._trips: asyncio.Task[None] | None = None

    def ask(self, commands: Sequence[bytes]) -> "asyncio.Future[list[Reply]]":
        """The replies to packed commands that change nothing, in order. StoreUnavailable if one of them failed."""
        replies: asyncio.Future[list[Reply]] = asyncio.get_running_loop().create_future()
        self._waiting.append((commands, replies))
        if self._trips is None:
            self._trips = asyncio.create_task(self._travel(), name="reads")
        return replies

    async def close(self) -> None:
        """Let what is under way finish, then hang up."""
        while self._trips is not None:
            await asyncio.wait([self._trips])
        self._wire.close()

    async def _travel(self) -> None:
        try:
            while self._waiting:
                await self._trip(self._next_batch())
        finally:
            self._trips = None
            for _, future in self._waiting:
                _resolve(future, StoreUnavailable("shutting down"))
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
        outcome: list[Reply] | StoreUnavailable = StoreUnavailable("the trip was interrupted")
        try:
            outcome = await self._wire.exchange([command for commands, _ in batch for command in commands])
        except StoreUnavailable as exc:
            outcome = exc
        finally:
            end = 0
            for commands, future in batch:
                begin, end = end, end + len(commands)
                _resolve(future, outcome if isinstance(outcome, StoreUnavailable) else outcome[begin:end])


def _resolve(future: "asyncio.Future[list[Reply]]", outcome: list[Reply] | StoreUnavailable) -> None:
    if future.done():  # who asked went away
        return
    if isinstance(outcome, StoreUnavailable):
        future.set_exception(outcome)
        return
    refusal = next((reply for reply in outcome if isinstance(reply, hiredis.ReplyError)), None)
    if refusal is not None:
        future.set_exception(StoreUnavailable(f"the store refused: {refusal}"))
    else:
        future.set_result(outcome)
