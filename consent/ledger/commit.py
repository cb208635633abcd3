"""How do requests in flight together share one trip to the disk? Group commit.

A call that finds no flush under way starts one; calls that arrive meanwhile wait and go together in the next. So the
batch grows with the load and with the slowness of the disk, and an idle service pays no delay. As many flushes may be
under way as there are wires; what two of them hold has no order, so whoever needs one waits for the first answer.
"""

import asyncio
import time
from collections.abc import Callable, Sequence
from typing import Any, Literal, TypeVar

import hiredis

from consent.errors import StoreUnavailable, StoreUnsafe
from consent.ledger.flushes import Flushes
from consent.ledger.functions import function_name, library
from consent.ledger.wire import Reply, StoreRefused, Wire, pack

Durability = Literal["memory", "fsync", "replicated"]
Arguments = Sequence[str | bytes | int]
Answer = TypeVar("Answer")

_TRAILER_TIMEOUT_MS = 2000
_LOAD = pack(("FUNCTION", "LOAD", "REPLACE", library()))
_MAX_BYTES = 256 * 1024
"""Of a flush, unless one call alone is longer: so much that a disk is not asked for little, and so little that where
more is waiting each wire has its share, and the store never waits for us to read its answers."""
_NOT_A_MASTER = ("READONLY", "LOADING", "MASTERDOWN")
"""It was the master before, and this connection outlived that."""

_Call = tuple[bytes, "asyncio.Future[Any]", Callable[[Reply], Any]]
"""A command, where its answer goes, and what makes an answer of its reply."""


def _as_it_came(reply: Reply) -> Any:
    return reply


class GroupCommit:
    """Calls functions of the library; every call of one flush is durable before any of them returns."""

    def __init__(self, *wires: Wire) -> None:
        """As many flushes may be under way as there are wires. With two, the store works on one while the answers to
        the other are read; a third would only make them smaller."""
        self._wires = wires
        self._free = list(wires)
        self._required: tuple[int, int] | None = None
        self._trailer: list[bytes] = []
        self._waiting: list[_Call] = []
        self._under_way: set[asyncio.Task[None]] = set()
        self._is_about_to_flush = False
        self.flushes = Flushes()

    def require(self, disks_and_replicas: tuple[int, int] | None) -> None:
        """How many local disks and replicas must have each flush (WAITAOF); None where the server's own settings
        promise enough already."""
        self._required = disks_and_replicas
        if disks_and_replicas is None:
            self._trailer = []
            return
        disks, replicas = disks_and_replicas
        # A replica that is asked for its disk while it writes tells of its last fsync, and of this one a second later.
        # Once it has the data it answers at once: 2 to 10 ms in all.
        has_it = [pack(("WAIT", replicas, _TRAILER_TIMEOUT_MS))] if replicas else []
        self._trailer = [*has_it, pack(("WAITAOF", disks, replicas, _TRAILER_TIMEOUT_MS))]

    def call(self, function: str, keys: Sequence[str], arguments: Arguments) -> "asyncio.Future[Reply]":
        """The reply of one function call. Raises StoreUnavailable when it is not certain to have been kept."""
        return self.ask(function, keys, arguments, _as_it_came)

    def ask(
        self, function: str, keys: Sequence[str], arguments: Arguments, read: Callable[[Reply], Answer]
    ) -> "asyncio.Future[Answer]":
        """`call`, and what `read` makes of the reply. For there is one for every webhook, and a coroutine around the
        future would cost more than reading does."""
        command = pack(("FCALL", function_name(function), len(keys), *keys, *arguments))
        answer: asyncio.Future[Answer] = asyncio.get_running_loop().create_future()
        self._waiting.append((command, answer, read))
        if self._free and not self._is_about_to_flush:
            self._start_flush()
        return answer

    def _start_flush(self) -> None:
        self._is_about_to_flush = True
        flush = asyncio.create_task(self._flush(self._free.pop()), name="group-commit")
        self._under_way.add(flush)
        flush.add_done_callback(self._under_way.discard)

    async def close(self) -> None:
        """Let what is under way finish, then hang up."""
        while self._under_way:
            await asyncio.wait(self._under_way)
        self.hang_up()

    def hang_up(self) -> None:
        """At once: what is under way fails. The next flush connects anew, to where the server is by then."""
        for wire in self._wires:
            wire.close()

    async def _flush(self, wire: Wire) -> None:
        self._is_about_to_flush = False
        try:
            while self._waiting:
                batch = self._next_batch()
                if self._waiting and self._free and not self._is_about_to_flush:
                    self._start_flush()
                replies: list[Reply] = [StoreUnavailable("the flush was interrupted")] * len(batch)
                began, is_kept = time.perf_counter(), False
                try:
                    replies = await self._exchange(wire, [command for command, _, _ in batch])
                    is_kept = True
                except StoreUnavailable as exc:
                    replies = [exc] * len(batch)
                finally:
                    self.flushes.ended(len(batch), time.perf_counter() - began, is_kept=is_kept)
                    for (_, answer, read), reply in zip(batch, replies, strict=True):
                        _resolve(answer, read, reply)
        finally:
            self._free.append(wire)
            for _, answer, read in self._waiting:
                _resolve(answer, read, StoreUnavailable("shutting down"))
            self._waiting = []

    def _next_batch(self) -> list[_Call]:
        size = count = 0
        for command, _, _ in self._waiting:
            size += len(command)
            if size > _MAX_BYTES and count:
                break
            count += 1
        batch, self._waiting = self._waiting[:count], self._waiting[count:]
        return batch

    async def _exchange(self, wire: Wire, commands: list[bytes]) -> list[Reply]:
        replies = await self._send(wire, commands)
        refused = [i for i, reply in enumerate(replies) if isinstance(reply, hiredis.ReplyError)]
        if refused:
            await self._mend(wire, commands, replies, refused)
        return replies

    async def _mend(self, wire: Wire, commands: list[bytes], replies: list[Reply], refused: list[int]) -> None:
        missing = [i for i in refused if _is_missing_function(replies[i])]
        if missing:  # a flushed, failed-over or older server: it ran none of these
            (loaded,) = await wire.exchange([_LOAD])
            if isinstance(loaded, hiredis.ReplyError):
                wire.close()
                raise StoreUnavailable(f"the store refuses our functions: {loaded}")
            for i, reply in zip(missing, await self._send(wire, [commands[i] for i in missing]), strict=True):
                replies[i] = reply
        if any(str(replies[i]).startswith(_NOT_A_MASTER) for i in refused):
            wire.close()  # the next flush looks where the master is by now

    async def _send(self, wire: Wire, commands: list[bytes]) -> list[Reply]:
        required, trailer = self._required, self._trailer  # another need may be told of meanwhile
        if required is None:
            return await wire.exchange(commands)
        answers = await wire.exchange([*commands, *trailer])
        replies, kept = answers[: len(commands)], answers[-1]
        if isinstance(kept, hiredis.ReplyError):
            wire.close()
            raise StoreUnsafe(f"the store refuses to confirm durability: {kept}")
        if any(have < need for have, need in zip(kept, required, strict=True)):
            raise StoreUnavailable(f"the flush reached {kept} disks and replicas, {list(required)} are required")
        return replies


def _is_missing_function(reply: Reply) -> bool:
    return isinstance(reply, hiredis.ReplyError) and "Function not found" in str(reply)


def _resolve(answer: "asyncio.Future[Any]", read: Callable[[Reply], Any], reply: Reply) -> None:
    if answer.done():  # its caller went away; the change is recorded all the same
        return
    if isinstance(reply, StoreUnavailable):
        answer.set_exception(reply)
    elif isinstance(reply, hiredis.ReplyError):
        answer.set_exception(StoreRefused(reply))
    else:
        try:
            answer.set_result(read(reply))
        except Exception as exc:  # noqa: BLE001 - a reply that cannot be read concerns its caller, not the rest of the flush
            answer.set_exception(exc)
