"""How is a row of the registry written down? As JSON, its secrets sealed. Pure.

Unknown fields are skipped when a row is read: a newer process may have written it.
"""

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict, fields
from typing import Any, TypeVar

from consent.ledger.sealing import Place, Seals
from consent.model import Account, Campaign, Endpoint, Header, RetiringSecret, Source

Row = Account | Campaign | Source | Endpoint
RowT = TypeVar("RowT", Account, Campaign, Source, Endpoint)

TABLES: Mapping[type[Row], str] = {
    Account: "accounts",
    Campaign: "campaigns",
    Source: "sources",
    Endpoint: "endpoints",
}
_SECRET: Mapping[type[Row], tuple[str, ...]] = {
    Account: ("api_key", "api_secret", "signature_secret"),
    Campaign: (),
    Source: ("token", "signature_secret"),
    # Some systems have their key in the URL.
    Endpoint: ("url", "secrets", "retiring", "declared_secret", "headers", "proxy"),
}
"""What is sealed. Of an object, its `value` is; everything else it says is bound to that."""
_NESTED: Mapping[str, type[RetiringSecret] | type[Header]] = {"retiring": RetiringSecret, "headers": Header}
_KEPT_APART = {"disabled"}


def row_id(row: Row) -> str:
    return row.id if isinstance(row, Account | Endpoint) else f"{row.account}/{row.id}"


def encoded(row: Row, seals: Seals) -> str:
    values = {name: value for name, value in asdict(row).items() if name not in _KEPT_APART}
    return _written(_with_secrets(type(row), row_id(row), values, seals.sealed))


def decoded(kind: type[RowT], name: str, text: str, seals: Seals) -> RowT:
    """`name` is the row's id: what was sealed for another row does not open."""
    known = {field.name for field in fields(kind)}
    values = _with_secrets(kind, name, json.loads(text), seals.opened)
    return kind(**{field: _frozen(field, value) for field, value in values.items() if field in known})


def resealed(kind: type[Row], name: str, text: str, seals: Seals) -> str:
    """The same row under the newest key, with what a newer process wrote besides."""

    def again(secret: str, place: Place) -> str:
        return seals.sealed(seals.opened(secret, place), place)

    return _written(_with_secrets(kind, name, json.loads(text), again))


def secrets_of(kind: type[Row], text: str) -> Iterator[str]:
    """As they stand in the store."""
    found: list[str] = []

    def note(secret: str, _: Place) -> str:
        found.append(secret)
        return secret

    _with_secrets(kind, "", json.loads(text), note)
    yield from filter(None, found)


def _with_secrets(
    kind: type[Row], name: str, values: dict[str, Any], change: Callable[[str, Place], str]
) -> dict[str, Any]:
    return values | {
        field: _changed(values[field], (TABLES[kind], name, field), change)
        for field in _SECRET[kind]
        if field in values
    }


def _changed(value: Any, place: Place, change: Callable[[str, Place], str]) -> Any:
    match value:
        case str():
            return change(value, place)
        case list() | tuple():
            return [_changed(each, place, change) for each in value]
        case {"value": str(text), **rest}:
            bound = sorted(f"{name}={said}" for name, said in rest.items())
            return {**rest, "value": change(text, (*place, *bound))}
        case _:
            return value


def _frozen(field: str, value: Any) -> Any:
    if not isinstance(value, list):
        return value
    return tuple(_nested(_NESTED[field], each) if field in _NESTED else each for each in value)


def _nested(kind: type[RetiringSecret] | type[Header], values: dict[str, Any]) -> RetiringSecret | Header:
    known = {field.name for field in fields(kind)}
    return kind(**{name: value for name, value in values.items() if name in known})


def _written(values: dict[str, Any]) -> str:
    return json.dumps(values, separators=(",", ":"), sort_keys=True)
