"""What must a request say? A parameter that nothing can be recorded without."""

from collections.abc import Mapping

from consent.errors import Refused


def needed(given: Mapping[str, str], name: str) -> str:
    value = given.get(name, "").strip()
    if not value:
        raise Refused(f"the request has no {name}")
    return value
