"""What must a request say? Parameters that nothing can be recorded without."""

from collections.abc import Container, Mapping

from consent.errors import Refused


def needed(given: Mapping[str, str], name: str, *, strangers: Mapping[str, str] | None = None) -> str:
    value = given.get(name, "").strip()
    if not value:
        refuse_strangers(given, strangers or {})
        raise Refused(f"the request has no {name}")
    return value


def refuse_strangers(given: Container[str], strangers: Mapping[str, str]) -> None:
    """What of the same provider was pasted into the wrong field there: told by a name that only it has, with the
    remedy."""
    for name, remedy in strangers.items():
        if name in given:
            raise Refused(remedy)


def place(given: Mapping[str, str], name: str, text: str) -> str:
    """Where a text was sent. A STOP counts wherever that was (receiver/reach.py): only what says nothing needs it."""
    return given.get(name, "").strip() if text.strip() else needed(given, name)
