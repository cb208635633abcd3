"""Where do traces go? To an OTLP collector over HTTP, if one is configured; otherwise there are none, at no cost.

OpenTelemetry is an optional extra, known to config/otlp.py alone. Attributes are ids and words from lists of our
own: no number, no URL, no secret, no text that came from outside.
"""

import asyncio
import time
from collections.abc import AsyncIterator, Iterable, Mapping
from contextlib import asynccontextmanager
from importlib.metadata import version
from typing import NamedTuple, Protocol

import structlog

from config.sections import Tracing
from consent.model import EventId

log = structlog.get_logger()

Attributes = Mapping[str, str | int]

_EXTRA = "install the extra: pip install 'consent-relay[tracing]'"


class Part(NamedTuple):
    """A stretch of time within a span."""

    name: str
    began_ns: int
    ended_ns: int


class Span(Protocol):
    """One that is open."""

    @property
    def traceparent(self) -> str:
        """The header that makes what happens there part of the trace; empty where the trace is not recorded."""
        ...

    def end(self, attributes: Attributes, *, failure: str = "") -> None: ...


class Traces(Protocol):
    def begun(self, event: EventId, name: str, *, began_ns: int, attributes: Attributes, parts: Iterable[Part]) -> None:
        """The first span of an event's trace, which ends now, with parts."""
        ...

    def done(self, event: EventId, name: str, *, began_ns: int, attributes: Attributes) -> None:
        """A span of an event's trace that ends now."""
        ...

    def open(self, event: EventId, name: str, attributes: Attributes) -> Span:
        """A request to somebody else, as part of an event's trace."""
        ...

    def close(self) -> None:
        """Send what was not sent. Blocks for some seconds at most."""
        ...


def now_ns() -> int:
    return time.time_ns()


@asynccontextmanager
async def opened(settings: Tracing, *, process: str) -> AsyncIterator[Traces | None]:
    """None where nobody wants any. A collector that is away costs spans, and never a webhook."""
    traces = _traces(settings, process)
    try:
        yield traces
    finally:
        if traces is not None:
            await asyncio.to_thread(traces.close)


def _traces(settings: Tracing, process: str) -> Traces | None:
    if not settings.endpoint:
        return None
    try:
        from config.otlp import Exported  # noqa: PLC0415 - its libraries are optional, and take a moment to load
    except ImportError:
        log.error("tracing.off", remedy=_EXTRA)  # noqa: TRY400 - the traceback tells no more
        return None
    return Exported(settings, process=process, release=version("consent-relay"))
