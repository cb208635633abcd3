"""How are the store's functions called on a Cluster? Each at the master of its slot, and where that sends us.

The same face as GroupCommit, of which there is one for each master: a dead one holds up nobody else's calls. What a
master refuses because a slot moved, or is moving, has not run; so it is called again where the slot is. What a broken
connection leaves open is told to the caller, as with one server.
"""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

from consent.errors import StoreUnavailable
from consent.ledger.address import Address
from consent.ledger.commit import Answer, Arguments, GroupCommit
from consent.ledger.flushes import Flushes
from consent.ledger.following import follow
from consent.ledger.redirects import Ask, Redirect, redirect_of
from consent.ledger.slots import SlotMap
from consent.ledger.wire import Asking, Reply, StoreRefused, Wire


@dataclass(frozen=True, slots=True)
class _Call:
    function: str
    keys: Sequence[str]
    arguments: Arguments
    read: Callable[[Reply], Any]


class ClusterCommit:
    def __init__(self, slots: SlotMap, *, timeout: float) -> None:
        self._slots = slots
        self._timeout = timeout
        self._masters: dict[Address, GroupCommit] = {}
        self._importing: dict[Address, GroupCommit] = {}
        """Ways to masters that are about to get a slot, and serve its keys to who says ASKING."""
        self._required: tuple[int, int] | None = None
        self._following: set[asyncio.Task[None]] = set()
        self.flushes = Flushes()
        """Of all masters."""

    def require(self, disks_and_replicas: tuple[int, int] | None) -> None:
        """Of each master, its own disk and its own replicas."""
        self._required = disks_and_replicas
        for commit in (*self._masters.values(), *self._importing.values()):
            commit.require(disks_and_replicas)

    def call(self, function: str, keys: Sequence[str], arguments: Arguments) -> "asyncio.Future[Reply]":
        return self.ask(function, keys, arguments, _as_it_came)

    def ask(
        self, function: str, keys: Sequence[str], arguments: Arguments, read: Callable[[Reply], Answer]
    ) -> "asyncio.Future[Answer]":
        answer: asyncio.Future[Answer] = asyncio.get_running_loop().create_future()
        call = _Call(function, keys, arguments, read)
        master = self._slots.master_of(keys[0])
        if master is None:
            self._follow(call, answer, None)
        else:
            asked = self._to(master).ask(function, keys, arguments, read)
            asked.add_done_callback(partial(self._answered, call, answer, master))
        return answer

    async def close(self) -> None:
        """Let what is under way finish, then hang up."""
        while self._following:
            await asyncio.wait(self._following)
        for commit in (*self._masters.values(), *self._importing.values()):
            await commit.close()

    def _to(self, master: Address) -> GroupCommit:
        if (commit := self._masters.get(master)) is None:
            wires = (Wire(master, timeout=self._timeout), Wire(master, timeout=self._timeout))
            commit = self._masters[master] = self._opened(*wires)
        return commit

    def _asking(self, master: Address) -> GroupCommit:
        if (commit := self._importing.get(master)) is None:
            commit = self._importing[master] = self._opened(Asking(master, timeout=self._timeout))
        return commit

    def _opened(self, *wires: Wire) -> GroupCommit:
        commit = GroupCommit(*wires)
        commit.flushes = self.flushes
        commit.require(self._required)
        return commit

    def _answered(
        self, call: _Call, answer: "asyncio.Future[Any]", master: Address, asked: "asyncio.Future[Any]"
    ) -> None:
        exc = asked.exception()
        if isinstance(exc, StoreRefused) and (redirect := redirect_of(exc.reply, master)) is not None:
            self._follow(call, answer, redirect)
            return
        if isinstance(exc, StoreUnavailable):
            self._slots.doubt()
        _settle(answer, asked.result() if exc is None else None, exc)

    def _follow(self, call: _Call, answer: "asyncio.Future[Any]", redirect: Redirect | None) -> None:
        task = asyncio.create_task(self._followed(call, answer, redirect), name="redirected")
        self._following.add(task)
        task.add_done_callback(self._following.discard)

    async def _followed(self, call: _Call, answer: "asyncio.Future[Any]", redirect: Redirect | None) -> None:
        async def ask(master: Address, after: Redirect | None) -> Any:
            commit = self._asking(master) if isinstance(after, Ask) else self._to(master)
            return await commit.ask(call.function, call.keys, call.arguments, call.read)

        outcome: Any = None
        error: Exception | None = StoreUnavailable("the call was interrupted")
        try:
            outcome, error = await follow(self._slots, call.keys[0], redirect, ask), None
        except Exception as exc:  # noqa: BLE001 - whatever reading the reply raised concerns its caller
            error = exc
        finally:
            _settle(answer, outcome, error)


def _settle(answer: "asyncio.Future[Any]", outcome: Any, error: BaseException | None) -> None:
    if answer.done():  # its caller went away; the change is recorded all the same
        return
    if error is None:
        answer.set_result(outcome)
    else:
        answer.set_exception(error)


def _as_it_came(reply: Reply) -> Any:
    return reply
