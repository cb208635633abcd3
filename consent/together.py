"""How are several things awaited of which one may fail? All to their end: none is cut off for the sake of another."""

import asyncio
from collections.abc import Awaitable, Iterable
from typing import TypeVar

T = TypeVar("T")


async def all_of(calls: Iterable[Awaitable[T]]) -> list[T]:
    """What each came to. If any failed, the first failure, once the others are done."""
    done: list[T] = []
    failures: list[BaseException] = []
    for one in await asyncio.gather(*calls, return_exceptions=True):
        if isinstance(one, BaseException):
            failures.append(one)
        else:
            done.append(one)
    if failures:
        raise failures[0]
    return done
