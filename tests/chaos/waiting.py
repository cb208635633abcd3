"""Did it come true in time? As `eventually`, for who goes on either way."""

from collections.abc import Awaitable, Callable

from tests.e2e.installation import eventually


async def came_true(holds: Callable[[], Awaitable[bool]] | Callable[[], bool], *, within: float) -> bool:
    try:
        await eventually(holds, within=within)
    except AssertionError:
        return False
    return True
