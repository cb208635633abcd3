"""Is a table fit for the registry? By the rules, and in the words, of the configuration file."""

import re
from collections.abc import Mapping
from dataclasses import asdict

from config import declared
from config.durations import spelled
from config.settings import Settings, judged
from consent.errors import Misconfigured
from consent.model import Account, Campaign, Endpoint, Source
from console.refusals import Unfit
from receiver.codecs import CODECS

Table = Mapping[str, object]
"""As one writes it in the file."""

_WHERE = re.compile(r'^\s*\w+\[\d+\](?: "[^"]*")?\.', re.MULTILINE)
_NOT_IN_A_CHANGE = frozenset({"id", "account", "provider", "secret"})
_SECRETS_APART = "secret: a change of the secret is a rotation, in which the old one may sign for a while"


def account(table: Table) -> Account:
    return declared.accounts(_judged({"accounts": [table]}))[0]


def campaign(table: Table) -> Campaign:
    return declared.campaigns(_owned("campaigns", table))[0]


def source(table: Table) -> Source:
    return declared.sources(_owned("sources", table))[0]


def endpoint(table: Table) -> Endpoint:
    return declared.endpoints(_owned("endpoints", table))[0]


def table_of(row: Account | Campaign | Source | Endpoint) -> dict[str, object]:
    """What a file would have to say for this row; of an endpoint, without the secrets."""
    match row:
        case Account():
            return asdict(row)
        case Campaign():
            return {name: value for name, value in asdict(row).items() if name != "discovered"} | {
                "pool": list(row.pool),
                "keywords": list(row.keywords),
            }
        case Source():
            return asdict(row) | {"tolerance": spelled(row.tolerance)}
        case Endpoint():
            kept = ("url", "format", "changes_only", "rate", "max_in_flight", "client_certificate", "client_key")
            return {
                "account": row.account,
                "id": row.id.partition("/")[2],
                "events": list(row.events),
                "campaigns": list(row.campaigns),
                "headers": {header.name: header.value for header in row.headers},
                "proxy": row.proxy,
                **{name: getattr(row, name) for name in kept},
            }


def patched(table: Table, patch: Table) -> dict[str, object]:
    """As a merge patch has it (RFC 7396): null takes a key back to what it is when nobody says."""
    for name in _NOT_IN_A_CHANGE & set(patch):
        raise Unfit(_SECRETS_APART if name == "secret" else f"{name}: cannot be changed; add another, and remove this")
    merged = {**table, **patch}
    return {name: value for name, value in merged.items() if value is not None}


def mistakes_in(report: str) -> str:
    """Without where in the file they would be."""
    _, _, mistakes = report.partition("\n")
    return _WHERE.sub("", mistakes)


def _owned(kind: str, table: Table) -> Settings:
    return _judged({"accounts": [{"id": table["account"]}] if "account" in table else [], kind: [table]})


def _judged(tables: Mapping[str, object]) -> Settings:
    try:
        return judged(tables, {}, where="the request", providers=CODECS)
    except Misconfigured as wrong:
        raise Unfit(mistakes_in(str(wrong))) from wrong
