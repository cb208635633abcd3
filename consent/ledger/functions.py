"""Which code runs inside the store? One library, made of lua/, named after its content.

Because the name changes with the code, a process finds exactly the functions it was written against: old and new
processes work on one store side by side, and a flushed or promoted server is merely one that lacks the library.
"""

from functools import cache
from hashlib import blake2b
from importlib.resources import files

_SHARED = ("state", "clock", "schedule", "event", "decide", "states", "repeats", "health")
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
    "purge",
    "enroll",
    "enlist",
    "count_optouts",
    "opted_in_at",
    "unheard",
    "report",
    "admit",
    "forgive",
)

_REGISTER = """\
local function register(name, callback, ...)
  redis.register_function{function_name = name .. '_%(version)s', callback = callback, flags = {...}}
end
"""


@cache
def _body() -> str:
    lua = files("consent.ledger.lua")
    return "\n".join((lua / f"{name}.lua").read_text("utf-8") for name in (*_SHARED, *FUNCTIONS))


@cache
def version() -> str:
    return blake2b(_body().encode(), digest_size=5).hexdigest()


@cache
def library() -> str:
    """The text for FUNCTION LOAD."""
    return f"#!lua name=consent_relay_{version()}\n{_REGISTER % {'version': version()}}{_body()}"


@cache
def function_name(name: str) -> str:
    if name not in FUNCTIONS:
        raise KeyError(name)
    return f"{name}_{version()}"
