"""Where does a name lead? To addresses that were vetted, remembered for a short while, asked for once at a time.

Where there is no answer, it also says whose fault that is: a resolver that answers for the name's top-level domain is
well, so the name is to blame; one that does not is ours, and no endpoint is charged for it.
"""

import asyncio
import socket
import time
from types import TracebackType
from typing import Self

from aiohttp.abc import AbstractResolver

from dispatcher.egress import DNS_CACHE_SECONDS, Forbidden

MOST_NAMES = 4096
PROBE_SECONDS = 2.0
"""Every resolver that is well has the top-level domains at hand."""

_NO_ANSWER = frozenset({socket.EAI_AGAIN, socket.EAI_FAIL, socket.EAI_SYSTEM})
"""Neither an address nor that there is none: the name's servers, or our own resolver, are out of order."""

Addresses = tuple[str, ...]


class ResolverSilent(socket.gaierror):
    """Our own resolver does not answer."""

    def __init__(self) -> None:
        super().__init__(socket.EAI_AGAIN, "our resolver does not answer")


class Names:
    """In front of a resolver that vets what it finds. Owns the questions under way, not the resolver: `async with`."""

    def __init__(self, resolver: AbstractResolver, *, probe_seconds: float = PROBE_SECONDS) -> None:
        self._resolver = resolver
        self._probe_seconds = probe_seconds
        self._known: dict[str, tuple[float, Addresses]] = {}
        self._asked: dict[str, asyncio.Task[Addresses]] = {}

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        questions = [*self._asked.values()]
        for question in questions:
            question.cancel()
        await asyncio.gather(*questions, return_exceptions=True)

    async def addresses(self, host: str) -> Addresses:
        known = self._known.get(host)
        if known is not None and known[0] > time.monotonic():
            return known[1]
        # A lookup cannot be taken back from its thread. So who asks while one is under way waits for that one, and who
        # gives up does not end it: a dead name server holds one thread for each name, not one for each attempt.
        question = self._asked.get(host)
        if question is None:
            question = self._asked[host] = asyncio.create_task(self._ask(host))
            question.add_done_callback(_hear)
        return await asyncio.shield(question)

    async def blame(self, host: str) -> None:
        """Raise ResolverSilent unless it is the name's own fault that there was no answer, or none in time."""
        label = host.rstrip(".").rpartition(".")[2] if "." in host else "com"
        try:
            async with asyncio.timeout(self._probe_seconds):
                await self._resolver.resolve(f"{label}.", 0, socket.AF_UNSPEC)
        except Forbidden:
            return
        except socket.gaierror as exc:
            if exc.errno in _NO_ANSWER:
                raise ResolverSilent from exc
        except OSError as exc:  # TimeoutError is one, too
            raise ResolverSilent from exc

    async def _ask(self, host: str) -> Addresses:
        try:
            found = await self._resolver.resolve(host, 0, socket.AF_UNSPEC)
        except socket.gaierror as exc:
            if exc.errno in _NO_ANSWER:
                await self.blame(host)
            raise
        finally:
            del self._asked[host]
        if len(self._known) >= MOST_NAMES:
            self._known.clear()
        addresses = tuple(dict.fromkeys(result["host"] for result in found))
        self._known[host] = (time.monotonic() + DNS_CACHE_SECONDS, addresses)
        return addresses


def _hear(question: asyncio.Task[Addresses]) -> None:
    """All who asked may have given up by now: its failure is nobody's surprise."""
    if not question.cancelled():
        question.exception()
