"""What must a request say? Parameters that nothing can be recorded without."""

from collections.abc import Mapping

from consent.errors import Refused


def needed(given: Mapping[str, str], name: str) -> str:
    value = given.get(name, "").strip()
    if not value:
        raise Refused(f"the request has no {name}")
    return value


def place(given: Mapping[str, str], name: str, text: str) -> str:
    """Where a text was sent. A STOP counts wherever that was (receiver/reach.py): only what says nothing needs it."""
    return given.get(name, "").strip() if text.strip() else needed(given, name)
