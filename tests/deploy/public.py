"""Which paths does the receiver answer, and which of them may the world ask for? For what stands in front of it."""

import re
from collections.abc import Iterator
from typing import Any

from receiver.apis.openapi import DOCUMENT

INSIDE = ("/healthz", "/readyz", "/metrics", "/", "/login", "/api/v1/accounts", "/v1")
"""Probes, and what other processes have: none of it for the world."""
SPELLINGS = ("/API/wxml/1.3", "/API/wxml/1.3/", "/API/wxml/1.3/index.php", "/API/wxml/1.3/index.php/")
"""Further ones that are documented for clients (docs/apis/wxml.md)."""


def public_paths() -> Iterator[str]:
    """Examples of every path there is, public and other."""
    paths: dict[str, Any] = DOCUMENT["paths"]  # type: ignore[assignment]  # a document is of anything
    for template in paths:
        path = re.sub(r"\{[^}]*\}", "t0ken-16502426055", template)
        if path.rpartition("/")[2] not in {"healthz", "readyz"}:
            yield path
    yield from SPELLINGS
    yield from INSIDE


def is_public(path: str) -> bool:
    return path not in INSIDE
