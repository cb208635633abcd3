"""How does one hear of what is logged? Waits on several logs at once, past a place in each.

One server waits on all of them in one command. A Cluster refuses that for logs of different slots, even where one node
has them all, so there each log has a connection of its own on which it is waited for; and a log that had nothing new is
asked for long, or at rest the questions alone would keep the servers busy.
"""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import hiredis

from consent.errors import StoreUnavailable
from consent.ledger.address import Address
from consent.ledger.redirects import Moved, redirect_of
from consent.ledger.slots import SlotMap
from consent.ledger.wire import Reply, StoreRefused, Wire, pack
from consent.model import Millis

_LONG_MS = Millis(20_000)
"""How long a log that had nothing new is asked for. That its master fell silent is found out sooner, by whoever asks it
something else: then the map of the slots names another one."""
_ANSWERS_WITHIN_S = 1.0
"""Beyond what it is asked to wait."""

Entries = Sequence[tuple[bytes, dict[bytes, bytes]]]


class Tail(Protocol):
    async def read(self, places: Mapping[str, str], *, count: int, block: Millis) -> list[tuple[str, Entries]]:
        """What was logged past these places, up to `count` entries of each log that has any. Waits for the first of
        them, at most `block`."""
        ...

    async def close(self) -> None: ...


class ServerTail:
    def __init__(self, redis: Any) -> None:
        self._redis = redis

    async def read(self, places: Mapping[str, str], *, count: int, block: Millis) -> list[tuple[str, Entries]]:
        found = await self._redis.xread(dict(places), count=count, block=block)
        return [(name.decode(), entries) for name, entries in found or []]

    async def close(self) -> None:
        pass


@dataclass(frozen=True, slots=True)
class _Question:
    place: str
    master: Address | None
    """Who has the log, as far as was known."""
    answer: "asyncio.Task[Entries]"


class ClusterTail:
    def __init__(self, slots: SlotMap, *, timeout: float) -> None:
        self._slots = slots
        self._timeout = timeout
        self._wires: dict[str, Wire] = {}
        self._asked: dict[str, _Question] = {}
        """Go on waiting from one `read` to the next."""
        self._quiet: dict[str, str] = {}
        """Places that nothing had been logged past when they were last asked about."""

    async def read(self, places: Mapping[str, str], *, count: int, block: Millis) -> list[tuple[str, Entries]]:
        clock = asyncio.get_running_loop().time
        patience_ends = clock() + block / 1000
        fresh: set[str] = set()
        """Those that this call asked about for the first time. The others would have answered by now."""
        while True:
            if not fresh or clock() < patience_ends:
                fresh |= {log for log, place in places.items() if await self._wait_for(log, place, count, block)}
            answers = [self._asked[log].answer for log in places if log in self._asked]
            patience = None if fresh else max(patience_ends - clock(), 0)
            await asyncio.wait(answers, timeout=patience, return_when=asyncio.FIRST_COMPLETED)
            if found := self._answered(places):
                return found
            fresh &= self._asked.keys()
            if not fresh and clock() >= patience_ends:
                return []

    def _answered(self, places: Mapping[str, str]) -> list[tuple[str, Entries]]:
        found: list[tuple[str, Entries]] = []
        failed: StoreUnavailable | None = None
        for log in places:
            if log not in self._asked or not self._asked[log].answer.done():
                continue
            asked = self._asked.pop(log)
            try:
                if entries := asked.answer.result():
                    found.append((log, entries))
                else:
                    self._quiet[log] = asked.place
            except StoreUnavailable as exc:
                failed = exc
        if failed is not None and not found:  # what one master does not tell must not hide what another did
            raise failed
        return found

    async def close(self) -> None:
        for log in list(self._asked):
            await self._forget(log)
        for wire in self._wires.values():
            wire.close()

    async def _wait_for(self, log: str, place: str, count: int, block: Millis) -> bool:
        """Whether it had to be asked for the first time."""
        asked, master = self._asked.get(log), self._slots.master_of(log)
        if asked is not None:
            if asked.place == place and asked.master in (None, master):
                return False
            await self._forget(log)  # somebody else was faster, or the log is somewhere else now
        is_quiet = self._quiet.get(log) == place
        answer = asyncio.create_task(
            self._ask(log, place, count, _LONG_MS if is_quiet else block), name=f"tail of {log}"
        )
        self._asked[log] = _Question(place, master, answer)
        return not is_quiet

    async def _forget(self, log: str) -> None:
        answer = self._asked.pop(log).answer
        answer.cancel()
        await asyncio.gather(answer, return_exceptions=True)

    async def _ask(self, log: str, place: str, count: int, block: Millis) -> Entries:
        if (wire := self._wires.get(log)) is None:
            wire = self._wires[log] = Wire(_Home(self._slots, log), timeout=_LONG_MS / 1000 + self._timeout)
        command = pack(("XREAD", "COUNT", count, "BLOCK", block, "STREAMS", log, place))
        patience = max(block / 1000 + _ANSWERS_WITHIN_S, self._timeout)
        try:
            async with asyncio.timeout(patience):
                (reply,) = await wire.exchange([command])
        except TimeoutError:
            self._slots.doubt()
            raise StoreUnavailable(f"the store did not answer within {patience:g} s") from None
        except StoreUnavailable:
            self._slots.doubt()
            raise
        if isinstance(reply, hiredis.ReplyError):
            wire.close()
            if isinstance(moved := redirect_of(str(reply), await self._slots.found(log)), Moved):
                self._slots.moved(moved.slot, moved.master)
                return ()
            self._slots.doubt()
            raise StoreRefused(reply)
        return entries_of(reply[0][1]) if reply else ()


@dataclass(frozen=True, slots=True)
class _Home:
    """Of one log: the master of its slot, whoever that is when a connection is made."""

    slots: SlotMap
    log: str

    async def found(self) -> Address:
        return await self.slots.found(self.log)


def entries_of(reply: Reply) -> Entries:
    """As redis-py would give them."""
    return [(place, dict(zip(fields[::2], fields[1::2], strict=True))) for place, fields in reply]
