"""Who may steer, and who did? Tokens, and the audit of every change."""

from pydantic import BaseModel, Field

from console import audits, tokens
from console.api.operation import CLOSED, Call, Operation, Page, Paging, paged
from console.audits import AuditLine
from console.server.scopes import Scope
from console.tokens import Made, TokenLine


class NewToken(BaseModel):
    model_config = CLOSED

    name: str = Field(max_length=64)
    scopes: tuple[Scope, ...] = Field(min_length=1, max_length=len(Scope))


async def _list(call: Call) -> Page[TokenLine]:
    return paged(await tokens.listed(call.desk), lambda line: line.name, call.asked(Paging))


async def _create(call: Call) -> Made:
    said = call.said(NewToken)
    return await tokens.create(call.desk, said.name, said.scopes, now=call.now)


async def _revoke(call: Call) -> TokenLine:
    return await tokens.revoke(call.desk, call.path["token"])


async def _audit(call: Call) -> Page[AuditLine]:
    paging = call.asked(Paging)
    lines, following = await audits.paged(call.desk, after=paging.after, limit=paging.limit)
    return Page(tuple(lines), following)


OPERATIONS = (
    Operation(
        name="listTokens",
        method="GET",
        path="/api/v1/tokens",
        tag="tokens",
        summary="The tokens in the store, without themselves.",
        scope=Scope.ADMIN,
        handle=_list,
        query=Paging,
        answers=Page[TokenLine],
    ),
    Operation(
        name="createToken",
        method="POST",
        path="/api/v1/tokens",
        tag="tokens",
        summary="Make a token, shown this once.",
        scope=Scope.ADMIN,
        handle=_create,
        body=NewToken,
        answers=Made,
        status=201,
        conflicts=True,
    ),
    Operation(
        name="revokeToken",
        method="DELETE",
        path="/api/v1/tokens/{token}",
        tag="tokens",
        summary="Revoke a token. Its log-ins end with it.",
        scope=Scope.ADMIN,
        handle=_revoke,
        answers=TokenLine,
    ),
    Operation(
        name="readAudit",
        method="GET",
        path="/api/v1/audit",
        tag="audit",
        summary="Who changed what, newest first.",
        scope=Scope.READ,
        handle=_audit,
        query=Paging,
        answers=Page[AuditLine],
    ),
)
