"""A messaging provider: posts every message, and again until it is answered 2xx. Each is repeated for itself, so they
arrive in any order, as they do in earnest."""

import asyncio
import random
import time
from collections.abc import Sequence
from dataclasses import dataclass, field

import aiohttp

from tests.chaos.messages import Message, Post, posts_of
from tests.chaos.records import Sent

_TIMEOUT = aiohttp.ClientTimeout(total=6)
_FIRST_WAIT_S, _LONGEST_WAIT_S = 0.25, 3.0
_MOST_OPEN = 1500
"""So many unanswered at once, then the provider holds back: it shares the machine with what it tests."""


@dataclass(frozen=True, slots=True)
class Acknowledged:
    at: float
    receiver: int


@dataclass(slots=True)
class Provider:
    """`ports` are the receivers'."""

    http: aiohttp.ClientSession
    ports: Sequence[int]
    chance: random.Random
    sent: list[Sent] = field(default_factory=list)
    acknowledged: list[Acknowledged] = field(default_factory=list)
    refusals: int = 0
    done_at: float = float("inf")
    """When the last of a script was acknowledged."""

    async def run(self, script: Sequence[Message], *, rate: float) -> None:
        """About so many messages a second. Returns when all are acknowledged."""
        room = asyncio.Semaphore(_MOST_OPEN)
        async with asyncio.TaskGroup() as tasks:
            began = time.monotonic()
            for n, message in enumerate(script):
                await room.acquire()
                if (ahead := began + n / rate - time.monotonic()) > 0:
                    await asyncio.sleep(ahead)
                task = tasks.create_task(self.send(message))
                task.add_done_callback(lambda _: room.release())
        self.done_at = time.monotonic()

    async def send(self, message: Message) -> None:
        sent = Sent(message)
        self.sent.append(sent)
        first = self.chance.randrange(len(self.ports))
        receivers = (first, first + 1) if message.is_sent_twice else (first,)
        parts = range(len(posts_of(message, 0)))
        await asyncio.gather(*(self._until_answered(sent, part, receiver) for part in parts for receiver in receivers))
        sent.acknowledged = True

    async def _until_answered(self, sent: Sent, part: int, receiver: int) -> None:
        wait = _FIRST_WAIT_S
        while not await self.post_part(sent, part, receiver % len(self.ports)):
            receiver += 1
            await asyncio.sleep(wait * self.chance.uniform(0.8, 1.2))
            wait = min(wait * 2, _LONGEST_WAIT_S)

    async def insist(self, message: Message, receiver: int, *, within: float) -> float:
        """Post it to this receiver alone, until it is acknowledged. Seconds that took; infinite if it did not."""
        sent = Sent(message)
        self.sent.append(sent)
        began = time.monotonic()
        for part in range(len(posts_of(message, 0))):
            while not await self.post_part(sent, part, receiver):
                if time.monotonic() > began + within:
                    return float("inf")
                await asyncio.sleep(_FIRST_WAIT_S)
        sent.acknowledged = True
        return time.monotonic() - began

    async def post_part(self, sent: Sent, part: int, receiver: int) -> bool:
        status = await self._post(posts_of(sent.message, int(time.time()))[part], receiver)
        sent.statuses[status] += 1
        if not 200 <= status < 300:
            self.refusals += 1
            return False
        self.acknowledged.append(Acknowledged(time.monotonic(), receiver))
        return True

    async def _post(self, post: Post, receiver: int) -> int:
        """The status it was answered; 0 for no answer."""
        url = f"http://127.0.0.1:{self.ports[receiver]}{post.path}"
        headers = {"Content-Type": post.content_type}
        try:
            async with self.http.post(url, data=post.content, headers=headers, timeout=_TIMEOUT) as response:
                return response.status
        except (aiohttp.ClientError, TimeoutError):
            return 0
