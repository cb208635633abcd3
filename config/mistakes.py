"""How is a mistake told? One line each: the key, what was expected, what was there; secrets are never shown."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Any

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from config.urls import without_secrets

Place = Sequence[str | int]
"""Where it stands: ("endpoints", 0, "url")."""

_SECRETS = frozenset(
    {
        "api_key",
        "api_secret",
        "headers",
        "old_secret_keys",
        "proxy",
        "secret",
        "secret_key",
        "signature_secret",
        "token",
    }
)
_LONGEST_SHOWN = 60
EXPECTED = {
    "bool_parsing": "true or false",
    "bool_type": "true or false",
    "model_type": "a table, written [name]",
    "path_type": "a path in quotes",
    "string_type": "text in quotes",
    "tuple_type": 'a list, as in ["a", "b"]',
}
"""pydantic's names for what the types of config/fields.py leave to it."""


@dataclass(frozen=True, slots=True)
class Mistake:
    key: str
    what: str

    def __str__(self) -> str:
        return f"{self.key}: {self.what}"


def report(mistakes: Sequence[Mistake], where: str) -> str:
    count = "1 mistake" if len(mistakes) == 1 else f"{len(mistakes)} mistakes"
    return "\n".join([f"{count} in {where}:", *(f"  {mistake}" for mistake in mistakes)])


def in_values(
    wrong: ValidationError, tables: Mapping[str, object], known: Mapping[str, Sequence[str]]
) -> list[Mistake]:
    """`known` holds the keys of every section."""
    return [_told(error, tables, known) for error in wrong.errors(include_url=False)]


def place(where: Place, tables: Mapping[str, object]) -> str:
    """As the operator finds it: `endpoints[0] "crm".url`."""
    key = "".join(f"[{step}]" if isinstance(step, int) else f".{step}" for step in where).removeprefix(".")
    name = _name_of(where, tables)
    return key.replace("]", f'] "{name}"', 1) if name else key


def suggestion(word: str, known: Sequence[str]) -> str:
    near = get_close_matches(word, known, n=1)
    return f'did you mean "{near[0]}"?' if near else f"known are {', '.join(known)}"


def _told(error: ErrorDetails, tables: Mapping[str, object], known: Mapping[str, Sequence[str]]) -> Mistake:
    where = error["loc"]
    key = place(where, tables)
    if error["type"] == "extra_forbidden":
        section = "" if len(where) == 1 else str(where[0])
        kind = "key" if section else "section"
        return Mistake(key, f"unknown {kind}; {suggestion(str(where[-1]), known[section])}")
    if error["type"] == "missing":
        return Mistake(key, "expected a value, got none")
    return Mistake(key, f"expected {_expectation(error)}, got {_shown(where, error['input'])}")


def _expectation(error: ErrorDetails) -> str:
    match error["type"]:
        case "expected":
            return error["msg"]
        case "literal_error":
            return f"one of {error['ctx']['expected']}".replace("'", '"')
        case "string_too_long":
            return f"at most {error['ctx']['max_length']} characters"
        case "tuple_type" if len(error["loc"]) == 1:
            return f"a list of tables, written [[{error['loc'][0]}]]"
        case known:
            return EXPECTED.get(known, error["msg"].removeprefix("Input should be "))


def _shown(where: Place, value: Any) -> str:
    if next((step for step in reversed(where) if isinstance(step, str)), "") in _SECRETS:
        return "something else (a secret, not shown)"
    match value:
        case str():
            text = without_secrets(value)
            return json.dumps(text if len(text) <= _LONGEST_SHOWN else text[:_LONGEST_SHOWN] + "…", ensure_ascii=False)
        case bool():
            return str(value).lower()
        case dict():
            return "a table"
        case list() | tuple():
            return "a list"
        case _:
            return str(value)


def _name_of(where: Place, tables: Mapping[str, object]) -> str:
    match where:
        case [str(section), int(index), *_]:
            listed = tables.get(section)
            entry = listed[index] if isinstance(listed, list) else None
            name = entry.get("id") if isinstance(entry, dict) else None
            return name if isinstance(name, str) else ""
        case _:
            return ""
