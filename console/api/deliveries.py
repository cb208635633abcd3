"""Deliveries: what has not arrived, what was given up, the story of one event, and sending it again."""

from typing import Literal

from pydantic import BaseModel, Field

from consent.model import EventId
from console import deliveries
from console.api.operation import CLOSED, Call, Operation, Page, Paging
from console.deadletters import LONGEST_REASON, Discarded, discard
from console.deliveries import Retried, Story
from console.deliverylines import DeliveryLine
from console.server.scopes import Scope


class Owed(Paging):
    endpoint: str | None = Field(default=None, max_length=130, description="Only this endpoint.")
    state: tuple[Literal["due", "in_flight", "behind", "dead"], ...] = Field(
        default=(), max_length=4, description="Only such. Repeat for more."
    )


class Buried(Paging):
    endpoint: str | None = Field(default=None, max_length=130, description="Only this endpoint.")


class Retry(BaseModel):
    model_config = CLOSED

    endpoint: str | None = Field(default=None, max_length=130, description="Otherwise to all that are owed it.")


class Discard(BaseModel):
    model_config = CLOSED

    endpoint: str = Field(max_length=130)
    event_id: str | None = Field(default=None, max_length=64, description="Otherwise all that it was given up on.")
    reason: str = Field(min_length=1, max_length=LONGEST_REASON, description="On the record.")


async def _list(call: Call) -> Page[DeliveryLine]:
    asked = call.asked(Owed)
    states = asked.state or ("due", "in_flight", "behind", "dead")
    return await _page(call, asked, asked.endpoint, states)


async def _dead(call: Call) -> Page[DeliveryLine]:
    asked = call.asked(Buried)
    return await _page(call, asked, asked.endpoint, ("dead",))


async def _page(call: Call, paging: Paging, endpoint: str | None, states: tuple[str, ...]) -> Page[DeliveryLine]:
    lines, following = await deliveries.paged(
        call.desk, endpoint, states=states, after=paging.after, limit=paging.limit
    )
    return Page(tuple(lines), following)


async def _story(call: Call) -> Story:
    return await deliveries.story(call.desk, EventId(call.path["event_id"]))


async def _retry(call: Call) -> Page[Retried]:
    retried = await deliveries.retry(call.desk, EventId(call.path["event_id"]), call.said(Retry).endpoint)
    return Page(tuple(retried), None)


async def _discard(call: Call) -> Discarded:
    said = call.said(Discard)
    event_id = EventId(said.event_id) if said.event_id else None
    return await discard(call.desk, said.endpoint, event_id, reason=said.reason)


OPERATIONS = (
    Operation(
        name="listDeliveries",
        method="GET",
        path="/api/v1/deliveries",
        tag="deliveries",
        summary="What has not arrived: waiting, under way, or given up. A page may hold a few more than asked for.",
        scope=Scope.READ,
        handle=_list,
        query=Owed,
        answers=Page[DeliveryLine],
    ),
    Operation(
        name="tellStory",
        method="GET",
        path="/api/v1/deliveries/{event_id}",
        tag="deliveries",
        summary="The whole story of one event: what it was, who is to be told, and every attempt.",
        scope=Scope.READ,
        handle=_story,
        answers=Story,
    ),
    Operation(
        name="retryDelivery",
        method="POST",
        path="/api/v1/deliveries/{event_id}/retry",
        tag="deliveries",
        summary="Send what is waiting or was given up now, without waiting for its time.",
        scope=Scope.OPERATE,
        handle=_retry,
        body=Retry,
        answers=Page[Retried],
    ),
    Operation(
        name="listDeadLetters",
        method="GET",
        path="/api/v1/dead-letters",
        tag="dead letters",
        summary="What was given up, by endpoint.",
        scope=Scope.READ,
        handle=_dead,
        query=Buried,
        answers=Page[DeliveryLine],
    ),
    Operation(
        name="discardDeadLetters",
        method="POST",
        path="/api/v1/dead-letters/discard",
        tag="dead letters",
        summary="Take what was given up off the list: the endpoint will not hear of it. Waiting deliveries stay.",
        scope=Scope.OPERATE,
        handle=_discard,
        body=Discard,
        answers=Discarded,
    ),
)
