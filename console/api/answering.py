"""How is a request to the admin API answered? Let in, read, handled, written: the same for every operation."""

from collections.abc import Mapping
from typing import Any

import orjson
from aiohttp import web
from aiohttp.typedefs import Handler
from pydantic import BaseModel, ValidationError

from config.mistakes import EXPECTED
from consent.errors import Refused
from console.api.operation import Call, Nothing, Operation
from console.desk import Desk
from console.refusals import NotJson, Unfit
from console.server.guard import require
from console.server.keys import CLOCK, DESK, JOBS
from console.server.scopes import Scope, Viewer
from console.terminal import plain

JSON = "application/json"


def answering(operation: Operation) -> Handler:
    async def answer(request: web.Request) -> web.StreamResponse:
        viewer = await require(request, operation.scope)
        table = await _table(request) if operation.body else {}
        call = Call(
            desk=_desk_for(request.app[DESK], viewer),
            viewer=viewer,
            jobs=request.app[JOBS],
            now=request.app[CLOCK](),
            path=request.match_info,
            query=_read(operation.query, _queried(request, operation.query), "the query"),
            body=_body(operation, table),
            table=table,
        )
        return web.Response(
            status=operation.status, body=orjson.dumps(plain(await operation.handle(call))), content_type=JSON
        )

    return answer


def _desk_for(desk: Desk, viewer: Viewer) -> Desk:
    """Whole numbers are for those whose token says so, whatever the logs show."""
    named = desk.acting_as(viewer.name)
    return named.showing_numbers() if viewer.may(Scope.NUMBERS) else named.hiding_numbers()


async def _table(request: web.Request) -> Mapping[str, object]:
    if request.content_type != JSON:
        raise NotJson("send the body as JSON, with `Content-Type: application/json`")
    try:
        table = orjson.loads(await request.read() or b"{}")
    except orjson.JSONDecodeError as wrong:
        raise Refused(f"the body is no JSON: {wrong}") from wrong
    if not isinstance(table, dict):
        raise Refused("the body is no JSON object")
    return table


def _body(operation: Operation, table: Mapping[str, object]) -> BaseModel:
    if operation.body is None or operation.is_table:
        return Nothing()
    return _read(operation.body, table, "the body")


def _queried(request: web.Request, kind: type[BaseModel]) -> dict[str, object]:
    """A parameter that may be repeated is a list, any other is there once."""
    found: dict[str, object] = {}
    for name in request.query:
        values = request.query.getall(name)
        default = kind.model_fields[name].default if name in kind.model_fields else None
        if isinstance(default, tuple):
            found[name] = values
        elif len(values) > 1:
            raise Unfit(f"{name}: expected once, got {len(values)} times")
        else:
            found[name] = values[0]
    return found


def _read(kind: type[BaseModel], values: Mapping[str, Any], where: str) -> BaseModel:
    try:
        return kind.model_validate(values)
    except ValidationError as wrong:
        raise Unfit("\n".join(_told(error, kind, where) for error in wrong.errors(include_url=False))) from None


def _told(error: Any, kind: type[BaseModel], where: str) -> str:
    """By its key, without what was there: it may be a number or a token."""
    key = ".".join(map(str, error["loc"])) or where
    if error["type"] == "extra_forbidden":
        return f"{key[:80]}: unknown in {where}; known are {', '.join(kind.model_fields) or 'none'}"
    if error["type"] == "missing":
        return f"{key}: expected a value, got none"
    if error["type"] in EXPECTED:
        return f"{key}: expected {EXPECTED[error['type']]}"
    return f"{key}: {error['msg'].removeprefix('Value error, ')}"
