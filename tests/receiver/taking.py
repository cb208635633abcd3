"""What a door asks for, made of one coroutine function: for tests that say themselves how a post is answered."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from consent.errors import ConsentError
from receiver.codecs.codec import Reply
from receiver.inbound import Inbound

ReplyTo = Callable[[str, Inbound], Awaitable[Reply]]


@dataclass(frozen=True)
class Taking:
    reply_to: ReplyTo

    def take(self, token: str, inbound: Inbound) -> "asyncio.Future[Reply]":
        return asyncio.ensure_future(self.reply_to(token, inbound))

    def refuse(self, token: str, error: ConsentError, *, ms: int) -> Reply:
        return Reply(status=error.status)

    def broke(self) -> None:
        """Nobody counts."""
