"""The document describes what there is, all of it, and what there is behaves as it is described."""

import asyncio
import re
from collections.abc import AsyncIterator, Iterator
from typing import Any

import aiohttp
import pytest

from consent.ledger import Ledger, Registry, Store
from consent.model import EventType
from receiver.apis.openapi import DOCUMENT
from receiver.apis.routes import routes
from receiver.codecs import CODECS
from tests.attack import Attack
from tests.builders import ANN, NOON, a_campaign, a_change, a_source, a_start, a_stop
from tests.receiver.apis.own_served import ACCOUNT, served, tools_of
from tests.receiver.test_receiver_app import ready, running

METHODS = ("get", "put", "post", "delete", "options", "head", "patch", "trace")
NOT_OF_THE_DESK = {"/hooks/{token}", "/healthz", "/readyz"}


def operations() -> Iterator[tuple[str, str, dict[str, Any]]]:
    for path, item in DOCUMENT["paths"].items():
        for method in METHODS:
            if method in item:
                yield path, method, item[method]


def filled(path: str) -> str:
    return re.sub(r"\{[^}]*\}", "1", path)


def test_every_route_is_described_with_each_of_its_methods(store: Store) -> None:
    described = {(path, method.upper()) for path, method, _ in operations()}

    for route in routes(tools_of(store)):
        paths = [path for path in DOCUMENT["paths"] if route.path.fullmatch(filled(path))]
        assert paths, f"{route.name} is not in the document"
        for path in paths:
            # WXML answers every method as its clients understand it, all but these with a failure.
            missing = {(path, method) for method in route.methods & {"GET", "POST"}} - described
            assert not missing


def test_every_description_is_of_one_route_that_takes_this_method(store: Store) -> None:
    there = routes(tools_of(store))

    for path, method, _ in operations():
        found = [route for route in there if route.path.fullmatch(filled(path))]
        assert len(found) == (path not in NOT_OF_THE_DESK), path
        for route in found:
            assert method.upper() in route.methods


def test_what_it_refers_to_is_there_and_nothing_else_is() -> None:
    names = set(re.findall(r"'#/components/schemas/([^']*)'", repr(DOCUMENT)))

    assert names == set(DOCUMENT["components"]["schemas"])


def test_operations_have_names_of_their_own() -> None:
    names = [operation["operationId"] for _, _, operation in operations()]

    assert len(names) == len(set(names))


def test_every_event_that_the_log_may_have_is_described() -> None:
    described = set(DOCUMENT["components"]["schemas"]["Event"]["properties"]["type"]["enum"])

    assert described == set(EventType) - {EventType.ENDPOINT_TEST}


async def test_it_is_served_to_everybody(store: Store) -> None:
    async with served(store) as here:
        answer = await here.get("/openapi.json", auth="")

    assert (answer.status, answer.headers["Content-Type"]) == (200, "application/json")
    assert answer.json == DOCUMENT


@pytest.fixture
async def base_url(store: Store) -> AsyncIterator[str]:
    """The whole receiver, where there is something to find."""
    registry, ledger = Registry(store), Ledger(store)
    for row in (ACCOUNT, a_campaign(), *(a_source(id=name, provider=name, token=token_of(name)) for name in CODECS)):
        await registry.put(row)
    await ledger.apply(a_start())
    await ledger.apply(a_stop(at=NOON + 1000))
    await ledger.apply(a_change(None, at=NOON + 2000, detail='{"text":"hello"}'))
    async with running(store) as here:
        await ready(here)
        yield here.url


def token_of(provider: str) -> str:
    return f"{provider}-token-of-16-chars"


BASIC = aiohttp.encode_basic_auth(ACCOUNT.api_key, ACCOUNT.api_secret)
KEY_AND_SECRET = {"api_key": ACCOUNT.api_key, "api_secret": ACCOUNT.api_secret}
NAMES = {"campaign": "1116", "token": token_of("nexmo"), **KEY_AND_SECRET}
SETTINGS: tuple[dict[str, str], ...] = ({**NAMES, "number": ANN, "msisdn": ANN, "after": "now"}, NAMES, {})
"""What is put in the place of what was made up, in turn."""


def dressed(case: Any, number: int) -> dict[str, str]:
    """Two times of three, with names and credentials that exist."""
    there_is = SETTINGS[number % len(SETTINGS)]
    proof = KEY_AND_SECRET if there_is and "opt-in" in case.path else {}
    case.path_parameters = known(case.path_parameters, there_is)
    case.query = known(case.query, there_is) | proof
    if isinstance(case.body, dict):
        case.body = known(case.body, there_is) | proof
    return {"Authorization": BASIC} if case.path.startswith("/v1/") else {}


def known(parameters: dict[str, Any], there_is: dict[str, str]) -> dict[str, Any]:
    return {name: there_is.get(name, value) for name, value in parameters.items()}


async def test_the_running_service_behaves_as_it_is_described(base_url: str) -> None:
    attack = Attack(DOCUMENT, seconds=10, fewest=12, most=60)
    statuses = {
        operation.label: await asyncio.to_thread(attack.on, operation, base_url, dressed)
        for operation in attack.operations
    }

    answered = {label for label, seen in statuses.items() if seen & {200, 204}}
    # A webhook that is taken is nothing that a schema could make up: each provider's tests have theirs.
    assert answered | {"POST /hooks/{token}"} == {f"{method.upper()} {path}" for path, method, _ in operations()}
