"""Which pairs does a form have? All of them, repeats too, where a signature covers each.

What is read here is what was signed: the query of a GET that has one, else the body, and never the query of a post. A
body is never taken for JSON, whatever it looks like.
"""

from functools import lru_cache
from urllib.parse import parse_qsl

from consent.errors import Refused, TooLarge
from receiver.fields import MAX_FIELDS
from receiver.inbound import Inbound

Pairs = tuple[tuple[str, str], ...]


# `verify` and `decode` ask one after the other for the pairs of the same request; only the last one is remembered.
@lru_cache(maxsize=1)
def pairs_of(inbound: Inbound) -> Pairs:
    return query_of(inbound) if inbound.is_said_in_query else _pairs(inbound.body)


def query_of(inbound: Inbound) -> Pairs:
    try:
        return _pairs(inbound.query.encode("utf-8", "surrogateescape"))
    except UnicodeEncodeError as exc:
        raise Refused("the query string is not text") from exc


def _pairs(raw: bytes) -> Pairs:
    if raw.count(b"&") >= MAX_FIELDS:
        raise TooLarge(f"more than {MAX_FIELDS} fields")
    try:
        return _decoded(raw, "utf-8")
    except UnicodeDecodeError:
        return _decoded(raw, "latin-1")


def _decoded(raw: bytes, encoding: str) -> Pairs:
    return tuple(parse_qsl(raw.decode(encoding), keep_blank_values=True, encoding=encoding, errors="strict"))
