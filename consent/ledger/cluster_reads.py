"""How are many questions put to a Cluster at once? To each master those about its slots, the answers in their order.

The same face as Reads, of which there is one for each master. Which slot a command is about is read off its packed
form: the first tag in braces is its first key's, for no command and no function of ours has a brace in its name.
"""

import asyncio
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import hiredis

from consent.errors import StoreUnavailable
from consent.ledger.address import Address
from consent.ledger.following import follow
from consent.ledger.reads import Reads
from consent.ledger.redirects import Ask, Redirect, redirect_of
from consent.ledger.slots import SlotMap
from consent.ledger.wire import EXEC, MULTI, Asking, Reply, StoreRefused, Wire

_NO_TAG = "{}"


@dataclass(frozen=True, slots=True)
class Unit:
    """What must go to one master together: a command, or a transaction."""

    tag: str
    first: int
    """Place of its first command among all of them."""
    commands: Sequence[bytes]


class ClusterReads:
    def __init__(self, slots: SlotMap, *, timeout: float) -> None:
        self._slots = slots
        self._timeout = timeout
        self._masters: dict[Address, Reads] = {}
        self._importing: dict[Address, Reads] = {}
        self._under_way: set[asyncio.Task[list[Reply]]] = set()

    def ask(self, commands: Sequence[bytes]) -> "asyncio.Future[list[Reply]]":
        task = asyncio.create_task(self._ask(commands), name="reads of a cluster")
        self._under_way.add(task)
        task.add_done_callback(self._under_way.discard)
        return task

    async def close(self) -> None:
        """Let what is under way finish, then hang up."""
        while self._under_way:
            await asyncio.wait(self._under_way)
        for reads in (*self._masters.values(), *self._importing.values()):
            await reads.close()

    async def _ask(self, commands: Sequence[bytes]) -> list[Reply]:
        by_master: defaultdict[Address, list[Unit]] = defaultdict(list)
        for unit in units_of(commands):
            by_master[await self._slots.found(unit.tag)].append(unit)
        replies: list[Reply] = [None] * len(commands)
        await asyncio.gather(*(self._part(master, units, replies) for master, units in by_master.items()))
        return replies

    async def _part(self, master: Address, units: Sequence[Unit], replies: list[Reply]) -> None:
        try:
            answers = await self._to(master).ask([command for unit in units for command in unit.commands])
        except StoreUnavailable:
            self._slots.doubt()
            raise
        end = 0
        for unit in units:
            begin, end = end, end + len(unit.commands)
            answer = answers[begin:end]
            if refusal := _refusal(answer):
                redirect = redirect_of(refusal, master)
                if redirect is None:
                    self._slots.doubt()
                    raise StoreRefused(refusal)
                answer = await self._followed(unit, redirect)
            replies[unit.first : unit.first + len(unit.commands)] = answer

    async def _followed(self, unit: Unit, redirect: Redirect) -> list[Reply]:
        async def ask(master: Address, after: Redirect | None) -> list[Reply]:
            reads = self._asking(master) if isinstance(after, Ask) else self._to(master)
            answer = await reads.ask(unit.commands)
            if refusal := _refusal(answer):
                raise StoreRefused(refusal)
            return answer

        return await follow(self._slots, unit.tag, redirect, ask)

    def _to(self, master: Address) -> Reads:
        if (reads := self._masters.get(master)) is None:
            wire = Wire(master, timeout=self._timeout)
            reads = self._masters[master] = Reads(wire, keeps_errors=True)
        return reads

    def _asking(self, master: Address) -> Reads:
        if (reads := self._importing.get(master)) is None:
            wire = Asking(master, timeout=self._timeout)
            reads = self._importing[master] = Reads(wire, keeps_errors=True)
        return reads


def units_of(commands: Sequence[bytes]) -> Iterator[Unit]:
    first = 0
    while first < len(commands):
        end = commands.index(EXEC, first) + 1 if commands[first] == MULTI else first + 1
        together = commands[first:end]
        yield Unit(next((tag for tag in map(_tag, together) if tag), _NO_TAG), first, together)
        first = end


def _tag(command: bytes) -> str:
    begin = command.find(b"{")
    return command[begin : command.index(b"}", begin) + 1].decode() if begin >= 0 else ""


def _refusal(answer: Sequence[Reply]) -> str:
    return next((str(reply) for reply in answer if isinstance(reply, hiredis.ReplyError)), "")
