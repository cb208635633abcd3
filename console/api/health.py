"""Health: is anything wrong, at a glance?"""

from console import overview
from console.api.operation import Call, Operation
from console.overview import Overview
from console.server.scopes import Scope


async def _get(call: Call) -> Overview:
    return await overview.told(call.desk, now=call.now)


OPERATIONS = (
    Operation(
        name="getHealth",
        method="GET",
        path="/api/v1/health",
        tag="health",
        summary="Store, endpoints and what they are owed, in one answer; and everything that is wrong.",
        scope=Scope.READ,
        handle=_get,
        answers=Overview,
    ),
)
