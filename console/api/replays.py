"""Replays: what an endpoint is told again, as jobs of this process. Dead letters come back the same way."""

from pydantic import BaseModel, Field

from console.api.operation import CLOSED, Call, Nothing, Operation, Page, Paging
from console.jobs import JobLine
from console.ranges import Range, order_of
from console.refusals import Unfit
from console.replay import Order, Replay, Replaying, ensure_possible
from console.server.scopes import Scope

_ALL = "/api/v1/replays"
_ONE = "/api/v1/replays/{replay}"
_INSTANT = 'An ISO 8601 instant, or "2h" for two hours ago.'


class Wanted(BaseModel):
    model_config = CLOSED

    endpoint: str = Field(max_length=130)
    since: str | None = Field(default=None, max_length=40, description=f"Recorded since. {_INSTANT}")
    until: str | None = Field(default=None, max_length=40, description=f"Recorded before. {_INSTANT}")
    after: str | None = Field(default=None, max_length=40, description="Go on behind the `cursor` of an earlier one.")
    types: tuple[str, ...] = Field(default=(), max_length=20, description='Only such events: "consent.*".')
    dead_only: bool = Field(default=False, description="Only what the endpoint was given up on.")


class DeadLetters(BaseModel):
    model_config = CLOSED

    endpoint: str = Field(max_length=130)


async def _list(call: Call) -> Page[JobLine]:
    paging, lines = call.asked(Paging), call.jobs.listed()
    if paging.after:
        names = [line.id for line in lines]
        lines = lines[names.index(call.jobs.one(paging.after).id) + 1 :]
    shown = tuple(lines[: paging.limit])
    return Page(shown, shown[-1].id if len(lines) > paging.limit else None)


async def _get(call: Call) -> JobLine:
    return call.jobs.one(call.path["replay"])


async def _start(call: Call) -> JobLine:
    return await call.jobs.start(call.desk, _order(call), now=call.now)


async def _count(call: Call) -> Replay:
    order = _order(call)
    await ensure_possible(call.desk, order)
    return await Replaying(order).count(call.desk)


async def _cancel(call: Call) -> JobLine:
    return await call.jobs.cancel(call.desk, call.path["replay"])


async def _retry_dead(call: Call) -> JobLine:
    everything = Range(None, None, None)
    order = order_of(call.said(DeadLetters).endpoint, everything, (), now=call.now, only_dead=True)
    return await call.jobs.start(call.desk, order, now=call.now)


def _order(call: Call) -> Order:
    said = call.said(Wanted)
    if not (said.since or said.after or said.dead_only):
        raise Unfit("since: say since when, or `dead_only`, or `after` a cursor")
    asked = Range(said.since, said.until, said.after)
    return order_of(said.endpoint, asked, said.types, now=call.now, only_dead=said.dead_only)


OPERATIONS = (
    Operation(
        name="listReplays",
        method="GET",
        path=_ALL,
        tag="replays",
        summary="Replays of this process, newest first.",
        scope=Scope.READ,
        handle=_list,
        query=Paging,
        answers=Page[JobLine],
    ),
    Operation(
        name="startReplay",
        method="POST",
        path=_ALL,
        tag="replays",
        summary="Send an endpoint again what the log has for it: oldest first, behind what waits for the same number.",
        scope=Scope.OPERATE,
        handle=_start,
        body=Wanted,
        answers=JobLine,
        status=202,
        conflicts=True,
    ),
    Operation(
        name="countReplay",
        method="POST",
        path=f"{_ALL}/count",
        tag="replays",
        summary="How many events that would be. Nothing is sent.",
        scope=Scope.READ,
        handle=_count,
        body=Wanted,
        answers=Replay,
        conflicts=True,
    ),
    Operation(
        name="getReplay",
        method="GET",
        path=_ONE,
        tag="replays",
        summary="How far a replay is.",
        scope=Scope.READ,
        handle=_get,
        answers=JobLine,
    ),
    Operation(
        name="cancelReplay",
        method="POST",
        path=f"{_ONE}/cancel",
        tag="replays",
        summary="Queue no more. What was queued goes out; another replay goes on after the cursor.",
        scope=Scope.OPERATE,
        handle=_cancel,
        body=Nothing,
        answers=JobLine,
    ),
    Operation(
        name="retryDeadLetters",
        method="POST",
        path="/api/v1/dead-letters/retry",
        tag="dead letters",
        summary="Send all that one endpoint was given up on again, as a replay.",
        scope=Scope.OPERATE,
        handle=_retry_dead,
        body=DeadLetters,
        answers=JobLine,
        status=202,
        conflicts=True,
    ),
)
