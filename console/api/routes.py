"""Which operations are there? All of them, in one table."""

import orjson
from aiohttp import web

from console.api import accounts, campaigns, consent, deliveries, endpoints, events, health, replays, sources, steering
from console.api.answering import JSON, answering
from console.api.openapi import document
from console.api.operation import Operation

OPERATIONS: tuple[Operation, ...] = (
    *health.OPERATIONS,
    *accounts.OPERATIONS,
    *campaigns.OPERATIONS,
    *sources.OPERATIONS,
    *endpoints.OPERATIONS,
    *consent.OPERATIONS,
    *events.OPERATIONS,
    *deliveries.OPERATIONS,
    *replays.OPERATIONS,
    *steering.OPERATIONS,
)
DOCUMENT_PATH = "/api/openapi.json"


def add_to(app: web.Application) -> None:
    for operation in OPERATIONS:
        app.router.add_route(operation.method, operation.path, answering(operation))
    described = orjson.dumps(document(OPERATIONS))

    async def describe(_: web.Request) -> web.Response:
        return web.Response(body=described, content_type=JSON)

    app.router.add_get(DOCUMENT_PATH, describe)
