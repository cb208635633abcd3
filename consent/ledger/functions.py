"""Which code runs inside the store? One library, made of lua/, named after its content.

Because the name changes with the code, a process finds exactly the functions it was written against: old and new
processes work on one store side by side, and a flushed or promoted server is merely one that lacks the library.
"""

from functools import cache
from hashlib import blake2b
from importlib.resources import files

_FIRST = "register"
_SHARED = (
    *("state", "clock", "head", "filing", "soonest", "lane", "advance", "ending"),
    *("event", "precedence", "decide", "states", "repeats", "health", "verdict", "line"),
)
FUNCTIONS = (
    "apply",
    "hold_part",
    "fan_out",
    "look",
    "claim",
    "settle",
    "renew",
    "reap",
    "retry",
    "hasten",
    "replay",
    "discard",
    "purge",
    "enroll",
    "dismiss",
    "enlist",
    "count_optouts",
    "opted_in_at",
    "unheard",
    "report",
    "admit",
    "forgive",
)


@cache
def _body() -> str:
    return "\n".join(map(_text, (*_SHARED, *FUNCTIONS)))


def _text(name: str) -> str:
    return (files("consent.ledger.lua") / f"{name}.lua").read_text("utf-8")


@cache
def version() -> str:
    return blake2b((_text(_FIRST) + _body()).encode(), digest_size=5).hexdigest()


@cache
def library() -> str:
    """The text for FUNCTION LOAD."""
    return f"#!lua name=consent_relay_{version()}\nlocal VERSION = '{version()}'\n{_text(_FIRST)}\n{_body()}"


@cache
def function_name(name: str) -> str:
    if name not in FUNCTIONS:
        raise KeyError(name)
    return f"{name}_{version()}"
