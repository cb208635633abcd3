"""What does a log line look like? For people: time, level, event, fields. For machines: one JSON object. Both pure."""

import json

import orjson
from structlog.typing import EventDict, Processor, WrappedLogger

_RESET, _BOLD, _DIM, _CYAN = "\x1b[0m", "\x1b[1m", "\x1b[2m", "\x1b[36m"
_LEVEL_STYLES = {"debug": _DIM, "info": "\x1b[32m", "warning": "\x1b[33m", "error": "\x1b[31m", "critical": "\x1b[31m"}
_LEVEL_WIDTH = len("warning")
_EVENT_WIDTH = len("delivery.attempted")
"""So that the fields of most lines start in one column."""


def as_json(_logger: WrappedLogger, _method: str, fields: EventDict) -> str:
    first = {name: fields.pop(name) for name in ("timestamp", "level", "event")}
    line = {**first, **fields}
    try:
        return orjson.dumps(line, default=str).decode()
    except TypeError:  # half of a surrogate pair, or an integer past 64 bits, which only the slow one can write
        return json.dumps(line, default=str)


def readable(*, with_colours: bool) -> Processor:
    def render(_logger: WrappedLogger, _method: str, fields: EventDict) -> str:
        return _line(fields, with_colours=with_colours)

    return render


def _line(fields: EventDict, *, with_colours: bool) -> str:
    def styled(style: str, text: str) -> str:
        return f"{style}{text}{_RESET}" if with_colours else text

    traceback = fields.pop("exception", "")
    level = fields.pop("level")
    words = [
        styled(_DIM, fields.pop("timestamp")),
        styled(_LEVEL_STYLES[level], level.ljust(_LEVEL_WIDTH)),
        styled(_BOLD, _on_one_line(fields.pop("event")).ljust(_EVENT_WIDTH)),
        *(f"{styled(_CYAN, name)}={_quoted(value)}" for name, value in fields.items()),
    ]
    return " ".join(words).rstrip() + (f"\n{traceback}" if traceback else "")


def _on_one_line(value: object) -> str:
    """What came from outside must neither start a new line nor steer the terminal."""
    text = str(value)
    return text if text.isprintable() else repr(text)[1:-1]


def _quoted(value: object) -> str:
    text = _on_one_line(value)
    return f'"{text}"' if not text or " " in text else text
