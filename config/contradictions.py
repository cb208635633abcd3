"""Do the tables agree with one another? Twice the same id, accounts and providers that do not exist, one key without
the other.

Works on the tables as they were read, so that these mistakes are reported together with those inside the values; what
is not even of the right type is left to the reader of values.
"""

from collections.abc import Collection, Iterator, Mapping, Sequence
from difflib import get_close_matches

from config.mistakes import Mistake, place

_UNIQUE: Sequence[tuple[str, tuple[str, ...]]] = (
    ("accounts", ("id",)),
    ("accounts", ("api_key",)),
    ("campaigns", ("account", "id")),
    ("sources", ("account", "id")),
    ("sources", ("token",)),
    ("endpoints", ("account", "id")),
)
"""Which keys, taken together, name one thing only. A key or token that two share would answer for the wrong account."""

_OWNED = ("campaigns", "sources", "endpoints")


def contradictions(tables: Mapping[str, object], *, providers: Collection[str] | None) -> list[Mistake]:
    """`providers` are those we have a codec for; None where nobody needs to know."""
    return [
        *(mistake for name, keys in _UNIQUE for mistake in _repeated(tables, name, keys)),
        *(mistake for name in _OWNED for mistake in _orphans(tables, name)),
        *(_unknown_providers(tables, providers) if providers is not None else ()),
        *_unpresentable(tables),
    ]


def _repeated(tables: Mapping[str, object], name: str, keys: tuple[str, ...]) -> Iterator[Mistake]:
    first: dict[tuple[str, ...], int] = {}
    for index, table in _entries(tables, name):
        values = tuple(_named(key, text) for key in keys if (text := _text(table, key)))
        if len(values) < len(keys):
            continue
        earlier = first.setdefault(values, index)
        if earlier != index:
            yield Mistake(
                place((name, index, keys[-1]), tables), f"expected one of its own, got that of {name}[{earlier}]"
            )


def _named(key: str, text: str) -> str:
    """An account is found by its key whatever the case of its letters (consent/directory.py)."""
    return text.strip().lower() if key == "api_key" else text


def _orphans(tables: Mapping[str, object], name: str) -> Iterator[Mistake]:
    known = {text for _, account in _entries(tables, "accounts") if (text := _text(account, "id"))}
    for index, table in _entries(tables, name):
        if (account := _text(table, "account")) and account not in known:
            yield Mistake(
                place((name, index, "account"), tables),
                f'expected the id of one of the [[accounts]], got "{account}"{_hint(account, known)}',
            )


def _unknown_providers(tables: Mapping[str, object], providers: Collection[str]) -> Iterator[Mistake]:
    for index, table in _entries(tables, "sources"):
        if (provider := _text(table, "provider")) and provider not in providers:
            yield Mistake(
                place(("sources", index, "provider"), tables),
                f'expected one of {", ".join(sorted(providers))}, got "{provider}"{_hint(provider, providers)}',
            )


def _unpresentable(tables: Mapping[str, object]) -> Iterator[Mistake]:
    """Client certificates that nobody would ever see."""
    for index, table in _entries(tables, "endpoints"):
        certificate = _text(table, "client_certificate")
        if _text(table, "client_key") and not certificate:
            yield Mistake(
                place(("endpoints", index, "client_key"), tables), "expected client_certificate beside it, got none"
            )
        if certificate and _text(table, "url").lower().startswith("http://"):
            yield Mistake(
                place(("endpoints", index, "client_certificate"), tables),
                "expected an https:// url beside it: a certificate is shown in TLS alone",
            )


def _hint(word: str, known: Collection[str]) -> str:
    return f'; did you mean "{near[0]}"?' if (near := get_close_matches(word, known, n=1)) else ""


def _entries(tables: Mapping[str, object], name: str) -> Iterator[tuple[int, Mapping[str, object]]]:
    listed = tables.get(name)
    for index, entry in enumerate(listed if isinstance(listed, list) else ()):
        if isinstance(entry, dict):
            yield index, entry


def _text(table: Mapping[str, object], key: str) -> str:
    return value if isinstance(value := table.get(key), str) else ""
