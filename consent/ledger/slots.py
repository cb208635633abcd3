"""Which master of a Cluster has a key? A map of its slots, learned from any node and mended as nodes contradict it."""

import asyncio
from binascii import crc_hqx
from collections.abc import Iterator, Sequence

import hiredis

from consent.errors import StoreUnavailable
from consent.ledger.address import Address, Cluster
from consent.ledger.wire import Reply, Wire, pack

_SLOTS = 16384
_PATIENCE_S = 1.0
"""With each node: one that is dead must not keep us from asking the next."""
_REST_S = 0.2
"""Between two looks. During a failover the nodes themselves need seconds to agree."""


def slot_of(key: str) -> int:
    """All of our keys have a tag in braces (keys.py), and only that counts."""
    begin = key.find("{")
    end = key.find("}", begin)
    return crc_hqx((key[begin + 1 : end] if begin >= 0 and end > begin + 1 else key).encode(), 0) % _SLOTS


class SlotMap:
    def __init__(self, cluster: Cluster) -> None:
        self._seeds = cluster.seeds
        self._masters: list[Address | None] = [None] * _SLOTS
        self._slots: dict[str, int] = {}
        self._renewing: asyncio.Task[None] | None = None
        self._looked_at = -_REST_S

    def master_of(self, key: str) -> Address | None:
        """None: nobody has told yet."""
        tag = key[: key.find("}") + 1] or key
        slot = self._slots.get(tag)
        if slot is None:
            slot = self._slots[tag] = slot_of(key)
        return self._masters[slot]

    @property
    def masters(self) -> list[Address]:
        return list(dict.fromkeys(master for master in self._masters if master is not None))

    async def found(self, key: str) -> Address:
        """`master_of`, having asked if need be. StoreUnavailable if nobody has the slot."""
        master = self.master_of(key)
        if master is None:
            await self.renew()
            master = self.master_of(key)
        if master is None:
            raise StoreUnavailable(f"no node of the cluster serves slot {slot_of(key)}")
        return master

    def moved(self, slot: int, master: Address) -> None:
        """A node said so; where one slot went, others went too."""
        self._masters[slot] = master
        self.doubt()

    def doubt(self) -> "asyncio.Task[None]":
        """A node did not answer, or sent us elsewhere: look again, soon and meanwhile."""
        if self._renewing is None:
            self._renewing = asyncio.create_task(self._renew(), name="slot map")
            self._renewing.add_done_callback(self._renewed)
        return self._renewing

    async def renew(self) -> None:
        """Now, unless somebody is at it. StoreUnavailable if no node tells."""
        await asyncio.shield(self.doubt())

    async def close(self) -> None:
        if self._renewing is not None:
            self._renewing.cancel()
            await asyncio.wait([self._renewing])

    async def _renew(self) -> None:
        clock = asyncio.get_running_loop().time
        await asyncio.sleep(max(self._looked_at + _REST_S - clock(), 0))
        self._looked_at = clock()
        await self._ask_around()

    def _renewed(self, task: "asyncio.Task[None]") -> None:
        self._renewing = None
        if not task.cancelled():
            task.exception()  # whoever waited has it; the others go on by the map that there is

    async def _ask_around(self) -> None:
        """The first node that sees a whole cluster; one that was cut off from it knows no better than we do."""
        second_best, reasons = None, []
        for node in dict.fromkeys((*self.masters, *self._seeds)):
            try:
                told, is_well = await _ask(node)
            except StoreUnavailable as exc:
                reasons.append(f"{node.name}: {exc}")
                continue
            if is_well:
                self._masters = told
                return
            second_best = second_best or told
        if second_best is None:
            raise StoreUnavailable(f"no node of the cluster can be reached: {'; '.join(reasons)}")
        self._masters = second_best


async def _ask(node: Address) -> tuple[list[Address | None], bool]:
    wire = Wire(node, timeout=_PATIENCE_S)
    try:
        slots, info = await wire.exchange([pack(("CLUSTER", "SLOTS")), pack(("CLUSTER", "INFO"))])
    finally:
        wire.close()
    for reply in (slots, info):
        if isinstance(reply, hiredis.ReplyError):
            raise StoreUnavailable(f"the store refused: {reply}")
    masters: list[Address | None] = [None] * _SLOTS
    for first, last, master in ranges(slots, node):
        masters[first : last + 1] = [master] * (last + 1 - first)
    return masters, b"cluster_state:ok" in info


def ranges(reply: Sequence[Reply], asked: Address) -> Iterator[tuple[int, int, Address]]:
    """First and last slot, and their master, of what CLUSTER SLOTS says. A node that does not know its own name is
    where we asked; one whose name nobody knows is left out."""
    for first, last, (host, port, *_), *_ in reply:
        name = host.decode() if host else asked.host
        if name != "?":
            yield first, last, asked.at(name, port)
