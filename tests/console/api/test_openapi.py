"""The document describes what there is, all of it, and what there is behaves as it is described."""

import asyncio
import itertools
import re
from collections.abc import Callable
from typing import Any

from aiohttp import web

from consent.ledger.tokens import Tokens
from consent.model import UnixMs
from console.api.openapi import document
from console.api.routes import OPERATIONS, add_to
from console.ranges import Range, order_of
from console.server.scopes import Scope
from tests.attack import Attack, Dressing
from tests.builders import ANN
from tests.console.served import FIRST_TOKEN, Served, bury, recorded

DOCUMENT = document(OPERATIONS)
_COUNTER = itertools.count()


def test_every_operation_is_described_once_with_its_scope() -> None:
    described = {
        (method.upper(), path): operation
        for path, item in DOCUMENT["paths"].items()
        for method, operation in item.items()
    }

    assert set(described) == {(operation.method, operation.path) for operation in OPERATIONS}
    for operation in OPERATIONS:
        assert f"`{operation.scope}`" in described[operation.method, operation.path]["description"]
    names = [operation["operationId"] for operation in described.values()]
    assert len(names) == len(set(names))


def test_the_table_is_what_is_routed() -> None:
    app = web.Application()
    add_to(app)

    routed = {(route.method, route.resource.canonical) for route in app.router.routes() if route.resource}

    assert {(operation.method, operation.path) for operation in OPERATIONS} <= routed


def test_looking_changes_nothing_and_changing_needs_more_than_looking() -> None:
    looking = {"lookUpNumber", "tellHistory", "countReplay"}

    for operation in OPERATIONS:
        only_looks = operation.method == "GET" or operation.name in looking
        assert (operation.scope is Scope.READ) == (only_looks and operation.tag != "tokens"), operation.name


def test_what_it_refers_to_is_there_and_nothing_else_is() -> None:
    names = set(re.findall(r"'#/components/schemas/([^']*)'", repr(DOCUMENT)))

    assert names == set(DOCUMENT["components"]["schemas"])


async def test_it_is_served_to_everybody(console: Served) -> None:
    answer = await console.ask("GET", "/api/openapi.json", token="")

    assert (answer.status, answer.json) == (200, DOCUMENT)


async def seeded(console: Served) -> dict[str, Any]:
    """Something to find for every operation; what one removed is there again for the next."""
    await console.store.redis.flushdb()
    events = await recorded(console.store)
    await bury(console.store)
    await Tokens(console.store).create("grafana", ["read"], by="a test", now=UnixMs(0), random=bytes)
    await console.post("/accounts", {"id": "empty"})
    order = await console.post("/replays", {"endpoint": "billing", "since": "2h"})
    return {"event_id": events[0], "replay": order.json.get("id", "gone"), "token": "grafana"}


NAMES: dict[str, Callable[[], Any]] = {
    "account": lambda: "acme",
    "campaign": lambda: "1116",
    "endpoint": lambda: "acme/crm",
    "id": lambda: f"x{next(_COUNTER)}",
    "name": lambda: f"x{next(_COUNTER)}",
    "provider": lambda: "nexmo",
    "url": lambda: "https://crm.example.com/",
    "number": lambda: ANN,
    "since": lambda: "2h",
    "grace": lambda: "1h",
    "status": lambda: "opted_out",
    "reason": lambda: "she called",
    "scopes": lambda: ["read"],
    "dead_only": lambda: True,
    "limit": lambda: 10,
}
"""What is put in the place of what was made up."""
ALSO = {
    "/api/v1/replays": ("since",),
    "/api/v1/replays/count": ("since",),
    "/api/v1/consent/decisions": ("account", "campaign"),
}
"""Optional each, but one of several is needed, or all of them where there is more than one account."""
OF_PATH = {"campaigns": "1116", "sources": "nexmo-main", "endpoints": "crm"}


def dressing(there_is: dict[str, Any]) -> Dressing:
    """Every other time, with names that exist."""

    def dressed(case: Any, number: int) -> dict[str, str]:
        if number % 2 == 0:
            kind = case.path.split("/")[3]
            account = "empty" if case.method == "DELETE" and kind == "accounts" else "acme"
            known = {**there_is, "account": account, "name": OF_PATH.get(kind, "x")}
            case.path_parameters = {name: known[name] for name in case.path_parameters}
            case.query = {}
            if isinstance(case.body, dict):
                wanted = {*case.body, *ALSO.get(case.path, ())}
                case.body = {name: NAMES[name]() for name in wanted if name in NAMES}
        return {"Authorization": f"Bearer {FIRST_TOKEN}"}

    return dressed


async def test_the_running_console_behaves_as_it_is_described(console: Served) -> None:
    attack, answered = Attack(DOCUMENT, seconds=25, fewest=6, most=30), dict[str, set[int]]()
    for operation in attack.operations:
        dressed = dressing(await seeded(console))
        answered[operation.label] = await asyncio.to_thread(attack.on, operation, console.url, dressed)

    without = {label: seen for label, seen in answered.items() if not seen & {200, 201, 202}}
    assert without == {}


def test_the_words_for_a_range_are_those_of_the_command_line() -> None:
    order = order_of("crm", Range("1h", None, None), (), now=UnixMs(10_000_000), only_dead=False)

    assert order.after.ms == 10_000_000 - 3_600_000 - 1
