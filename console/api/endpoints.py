"""Endpoints: who is told, how they are doing, and what an operator does about it."""

import secrets
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from pydantic import BaseModel, Field

from config.durations import milliseconds
from config.tables import EndpointTable
from consent.ledger import Backlog, Glance
from consent.model import Millis
from console import endpointcare, endpoints, judging
from console.api.operation import CLOSED, Call, Nothing, Operation, Page, Paging, paged
from console.api.patches import EndpointPatch
from console.credentials import new_signing_secret
from console.endpointcare import Added, Rotated
from console.endpoints import EndpointLine
from console.lookup import endpoint_meant
from console.moments import moment
from console.refusals import Unfit
from console.registering import Removed
from console.server.scopes import Scope
from console.trial import Trial

_ALL = "/api/v1/endpoints"
_ONE = "/api/v1/endpoints/{account}/{name}"


class Disabling(BaseModel):
    model_config = CLOSED

    reason: str = Field(default="by hand", min_length=1, max_length=500, description="For whoever finds it disabled.")


class Rotation(BaseModel):
    model_config = CLOSED

    grace: str = Field(default="24h", max_length=20, description='How long the old secrets sign, too: "24h", "0s".')
    algorithm: Literal["hmac-sha256", "ed25519"] = "hmac-sha256"


@dataclass(frozen=True, slots=True, kw_only=True)
class Arrear:
    """How much an endpoint is owed."""

    endpoint: str
    owed: int
    """Numbers with something under way or waiting."""
    in_flight: int
    dead: int
    oldest_unheard_optout: datetime | None
    """When the oldest opt-out was recorded that it was not told of."""
    given_up: dict[str, int]
    """How many deliveries died ever, by their last failure."""


async def _list(call: Call) -> Page[EndpointLine]:
    lines = await endpoints.survey(call.desk, now=call.now)
    return paged(lines, lambda line: line.endpoint, call.asked(Paging))


async def _get(call: Call) -> EndpointLine:
    return await endpoints.one(call.desk, call.named, now=call.now)


async def _add(call: Call) -> Added:
    new = judging.endpoint(call.table)
    made = new_signing_secret(secrets.token_bytes)
    return await endpointcare.add(call.desk, new, new_secret=made)


async def _change(call: Call) -> EndpointLine:
    return await endpointcare.change(call.desk, call.named, call.table, now=call.now)


async def _remove(call: Call) -> Removed:
    return await endpointcare.remove(call.desk, call.named)


async def _disable(call: Call) -> EndpointLine:
    return await endpointcare.disable(call.desk, call.named, reason=call.said(Disabling).reason, now=call.now)


async def _enable(call: Call) -> EndpointLine:
    return await endpointcare.enable(call.desk, call.named, now=call.now)


async def _rotate(call: Call) -> Rotated:
    said = call.said(Rotation)
    made = new_signing_secret(secrets.token_bytes, is_ed25519=said.algorithm == "ed25519")
    return await endpointcare.rotate(call.desk, call.named, made, now=call.now, grace=_span(said.grace))


async def _test(call: Call) -> Trial:
    return await endpointcare.test(call.desk, call.named, now=call.now)


async def _backlog(call: Call) -> Arrear:
    async with call.desk.reading() as store:
        endpoint = endpoint_meant(await call.desk.registry(store).directory(), call.named)
        backlog = Backlog(store)
        depth, given_up = await backlog.depth(endpoint.id), await backlog.given_up(endpoint.id)
        unheard = (await Glance(store).unheard()).get(endpoint.id)
    return Arrear(
        endpoint=endpoint.id,
        owed=depth.owed,
        in_flight=depth.in_flight,
        dead=depth.dead,
        oldest_unheard_optout=moment(unheard) if unheard else None,
        given_up=dict(given_up.most_common()),
    )


def _span(grace: str) -> Millis:
    try:
        return milliseconds(grace)
    except ValueError:
        raise Unfit('grace: expected a duration, as in "24h" or "0s"') from None


OPERATIONS = (
    Operation(
        name="listEndpoints",
        method="GET",
        path=_ALL,
        tag="endpoints",
        summary="All endpoints, and how they are doing.",
        scope=Scope.READ,
        handle=_list,
        query=Paging,
        answers=Page[EndpointLine],
    ),
    Operation(
        name="addEndpoint",
        method="POST",
        path=_ALL,
        tag="endpoints",
        summary="Tell a system. Unless a secret is sent, one is generated, and shown this once.",
        scope=Scope.ADMIN,
        handle=_add,
        body=EndpointTable,
        is_table=True,
        answers=Added,
        status=201,
        conflicts=True,
    ),
    Operation(
        name="getEndpoint",
        method="GET",
        path=_ONE,
        tag="endpoints",
        summary="One endpoint: what it wants, how it can know that it was us, how it is doing.",
        scope=Scope.READ,
        handle=_get,
        answers=EndpointLine,
    ),
    Operation(
        name="changeEndpoint",
        method="PATCH",
        path=_ONE,
        tag="endpoints",
        summary="Change what is sent, leave the rest. Null takes a key back to its default.",
        scope=Scope.ADMIN,
        handle=_change,
        body=EndpointPatch,
        is_table=True,
        answers=EndpointLine,
    ),
    Operation(
        name="removeEndpoint",
        method="DELETE",
        path=_ONE,
        tag="endpoints",
        summary="Remove an endpoint, and forget what it is still owed.",
        scope=Scope.ADMIN,
        handle=_remove,
        answers=Removed,
    ),
    Operation(
        name="getBacklog",
        method="GET",
        path=f"{_ONE}/backlog",
        tag="endpoints",
        summary="What it is owed, and since when the oldest opt-out waits.",
        scope=Scope.READ,
        handle=_backlog,
        answers=Arrear,
    ),
    Operation(
        name="disableEndpoint",
        method="POST",
        path=f"{_ONE}/disable",
        tag="endpoints",
        summary="Stop sending. What it is owed is kept.",
        scope=Scope.OPERATE,
        handle=_disable,
        body=Disabling,
        answers=EndpointLine,
    ),
    Operation(
        name="enableEndpoint",
        method="POST",
        path=f"{_ONE}/enable",
        tag="endpoints",
        summary="Send again, what was held first.",
        scope=Scope.OPERATE,
        handle=_enable,
        body=Nothing,
        answers=EndpointLine,
    ),
    Operation(
        name="rotateSecret",
        method="POST",
        path=f"{_ONE}/rotate-secret",
        tag="endpoints",
        summary="Sign with a new secret, shown this once, and with the old ones until the grace ends.",
        scope=Scope.ADMIN,
        handle=_rotate,
        body=Rotation,
        answers=Rotated,
        conflicts=True,
    ),
    Operation(
        name="testEndpoint",
        method="POST",
        path=f"{_ONE}/test",
        tag="endpoints",
        summary="Send one signed test event right now, and tell what came back.",
        scope=Scope.OPERATE,
        handle=_test,
        body=Nothing,
        answers=Trial,
    ),
)
