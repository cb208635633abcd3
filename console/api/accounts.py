"""Accounts, told without their secrets."""

from config.tables import AccountTable
from console import judging, registering
from console.api.operation import Call, Operation, Page, Paging, paged
from console.api.patches import AccountPatch
from console.lookup import account_meant
from console.registering import Removed
from console.registrylines import AccountLine, account_told, accounts_told
from console.server.scopes import Scope


async def _list(call: Call) -> Page[AccountLine]:
    lines = accounts_told(await call.desk.directory())
    return paged(lines, lambda line: line.account, call.asked(Paging))


async def _get(call: Call) -> AccountLine:
    directory = await call.desk.directory()
    return account_told(account_meant(directory, call.path["account"]), directory)


async def _add(call: Call) -> AccountLine:
    new = judging.account(call.table)
    await registering.add(call.desk, new)
    return account_told(new, await call.desk.directory())


async def _change(call: Call) -> AccountLine:
    changed = await registering.change_account(call.desk, call.path["account"], call.table)
    return account_told(changed, await call.desk.directory())


async def _remove(call: Call) -> Removed:
    return await registering.remove_account(call.desk, call.path["account"])


OPERATIONS = (
    Operation(
        name="listAccounts",
        method="GET",
        path="/api/v1/accounts",
        tag="accounts",
        summary="Who owns campaigns, sources and endpoints.",
        scope=Scope.READ,
        handle=_list,
        query=Paging,
        answers=Page[AccountLine],
    ),
    Operation(
        name="addAccount",
        method="POST",
        path="/api/v1/accounts",
        tag="accounts",
        summary="Register an account.",
        scope=Scope.ADMIN,
        handle=_add,
        body=AccountTable,
        is_table=True,
        answers=AccountLine,
        status=201,
        conflicts=True,
    ),
    Operation(
        name="getAccount",
        method="GET",
        path="/api/v1/accounts/{account}",
        tag="accounts",
        summary="One account.",
        scope=Scope.READ,
        handle=_get,
        answers=AccountLine,
    ),
    Operation(
        name="changeAccount",
        method="PATCH",
        path="/api/v1/accounts/{account}",
        tag="accounts",
        summary="Change what is sent, leave the rest. Null takes a key back to its default.",
        scope=Scope.ADMIN,
        handle=_change,
        body=AccountPatch,
        is_table=True,
        answers=AccountLine,
        conflicts=True,
    ),
    Operation(
        name="removeAccount",
        method="DELETE",
        path="/api/v1/accounts/{account}",
        tag="accounts",
        summary="Remove an account that has nothing any more.",
        scope=Scope.ADMIN,
        handle=_remove,
        answers=Removed,
        conflicts=True,
    ),
)
