"""Events: what happened lately."""

from pydantic import Field

from console import recent
from console.api.operation import Call, Operation, Page, Paging
from console.eventlines import EventLine
from console.recent import Asked
from console.server.scopes import Scope


class Wanted(Paging):
    type: tuple[str, ...] = Field(default=(), max_length=20, description='Patterns: "consent.*". Repeat for more.')
    account: str | None = Field(default=None, max_length=64)
    campaign: str | None = Field(default=None, max_length=64)


async def _list(call: Call) -> Page[EventLine]:
    asked = call.asked(Wanted)
    wish = Asked(types=asked.type, account=asked.account, campaign=asked.campaign)
    lines, following = await recent.paged(call.desk, wish, after=asked.after, limit=asked.limit)
    return Page(tuple(lines), following)


OPERATIONS = (
    Operation(
        name="listEvents",
        method="GET",
        path="/api/v1/events",
        tag="events",
        summary="What happened, newest first. A page may be short where few events are of the kind: follow `next`.",
        scope=Scope.READ,
        handle=_list,
        query=Wanted,
        answers=Page[EventLine],
    ),
)
