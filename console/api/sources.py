"""Sources: the webhook URLs. A URL is a credential, so only `admin` sees it."""

import secrets

from config.tables import SourceTable
from consent.model import Source
from console import judging, registering
from console.addresses import public_url
from console.api.operation import Call, Operation, Page, Paging, paged
from console.api.patches import SourcePatch
from console.credentials import new_token
from console.lookup import source_named, sources_of
from console.registering import Removed
from console.registrylines import SourceLine, source_told
from console.server.scopes import Scope

_ONE = "/api/v1/sources/{account}/{name}"


def _told(call: Call, source: Source) -> SourceLine:
    return source_told(source, public_url(call.desk.settings), shows_url=call.viewer.may(Scope.ADMIN))


async def _list(call: Call) -> Page[SourceLine]:
    lines = [_told(call, source) for source in sources_of(await call.desk.directory())]
    return paged(lines, lambda line: line.source, call.asked(Paging))


async def _get(call: Call) -> SourceLine:
    return _told(call, source_named(await call.desk.directory(), call.named))


async def _add(call: Call) -> SourceLine:
    table = {name: value for name, value in call.table.items() if (name, value) != ("token", "")}
    new = judging.source({"token": new_token(secrets.token_bytes), **table})
    await registering.add(call.desk, new)
    return _told(call, new)


async def _change(call: Call) -> SourceLine:
    return _told(call, await registering.change_source(call.desk, call.path["account"], call.path["name"], call.table))


async def _remove(call: Call) -> Removed:
    return await registering.remove_source(call.desk, call.path["account"], call.path["name"])


OPERATIONS = (
    Operation(
        name="listSources",
        method="GET",
        path="/api/v1/sources",
        tag="sources",
        summary="All sources; their URLs for `admin` alone.",
        scope=Scope.READ,
        handle=_list,
        query=Paging,
        answers=Page[SourceLine],
    ),
    Operation(
        name="addSource",
        method="POST",
        path="/api/v1/sources",
        tag="sources",
        summary="Make a webhook URL for a provider. Its token is generated unless one is sent.",
        scope=Scope.ADMIN,
        handle=_add,
        body=SourceTable,
        is_table=True,
        answers=SourceLine,
        status=201,
        conflicts=True,
    ),
    Operation(
        name="getSource",
        method="GET",
        path=_ONE,
        tag="sources",
        summary="One source; its URL for `admin` alone.",
        scope=Scope.READ,
        handle=_get,
        answers=SourceLine,
    ),
    Operation(
        name="changeSource",
        method="PATCH",
        path=_ONE,
        tag="sources",
        summary="Change what is sent, leave the rest. A new token is a new URL: the old one answers 404 at once.",
        scope=Scope.ADMIN,
        handle=_change,
        body=SourcePatch,
        is_table=True,
        answers=SourceLine,
        conflicts=True,
    ),
    Operation(
        name="removeSource",
        method="DELETE",
        path=_ONE,
        tag="sources",
        summary="Remove a source. Its URL answers 404 from then on.",
        scope=Scope.ADMIN,
        handle=_remove,
        answers=Removed,
    ),
)
