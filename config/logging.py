"""How does a log line come to be? One pipeline for our events and for what libraries say: stamp, clean, render.

On a terminal, lines for people; anywhere else, one JSON object a line. A level that is off costs one call that returns.
What is shown can be changed while the process runs, for all loggers at once, those that were bound long ago too.
"""

import logging
import sys
import time
from datetime import UTC, datetime
from typing import TextIO, cast

import structlog
from structlog.typing import EventDict, FilteringBoundLogger, Processor, WrappedLogger

from config.lines import Lines
from config.masking import cleaned
from config.rendering import as_json, readable
from config.sections import Log

_LEVELS = {"debug": logging.DEBUG, "info": logging.INFO, "warning": logging.WARNING, "error": logging.ERROR}
_WORDS = tuple(_LEVELS)
_READS_REQUESTS = "aiohttp.http_exceptions"
"""By its name: the command line, which serves nobody, need not load it."""


class Verbosity:
    """Which levels are shown: as configured, until somebody wants to see more."""

    def __init__(self, configured: str) -> None:
        self._configured = self.level = configured
        # Every logger is an instance of this one class. Its parent decides what is shown, and may be another tomorrow;
        # so a level that is off costs no more than if it were off for good.
        self.wrapper = type("Logger", (_filtering(configured),), {})

    def more(self) -> None:
        """One level further down, as far as debug."""
        self._show(_WORDS[max(_WORDS.index(self.level) - 1, 0)])

    def as_configured(self) -> None:
        self._show(self._configured)

    def _show(self, level: str) -> None:
        self.level = level
        self.wrapper.__bases__ = (_filtering(level),)


def _filtering(level: str) -> type[FilteringBoundLogger]:
    return structlog.make_filtering_bound_logger(_LEVELS[level])


def configure(log: Log, process: str, *, worker: int | None = None, stream: TextIO | None = None) -> Verbosity:
    """Once, at the start of the process, before the first line is logged: loggers keep what they find then. Each line
    says whose it is: several may share one stream."""
    target = sys.stderr if stream is None else stream
    verbosity = Verbosity(log.level)
    structlog.configure(
        processors=[_naming(process, worker), *pipeline(log, is_terminal=target.isatty())],
        wrapper_class=verbosity.wrapper,
        logger_factory=structlog.WriteLoggerFactory(cast("TextIO", Lines(target))),
        cache_logger_on_first_use=True,
    )
    # Libraries are quiet until something is wrong.
    logging.basicConfig(handlers=[Forward(structlog.get_logger())], level=logging.WARNING, force=True)
    logging.captureWarnings(capture=True)
    return verbosity


def pipeline(log: Log, *, is_terminal: bool) -> list[Processor]:
    for_people = log.format == "console" or (log.format == "auto" and is_terminal)
    return [
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="%H:%M:%S", utc=False) if for_people else _stamper(),
        # Before cleaning, so that a number in a traceback is found too; without local variables, which hold secrets.
        structlog.processors.format_exc_info,
        _cleaner(mask_numbers=log.mask_numbers),
        readable(with_colours=is_terminal) if for_people else as_json,
    ]


def _naming(process: str, worker: int | None) -> Processor:
    names = {"process": process} if worker is None else {"process": process, "worker": worker}

    def name(_logger: WrappedLogger, _method: str, fields: EventDict) -> EventDict:
        fields.update(names)
        return fields

    return name


class Forward(logging.Handler):
    """Hands what libraries log to our pipeline, under the name of their logger."""

    def __init__(self, logger: FilteringBoundLogger) -> None:
        super().__init__()
        self._logger = logger

    def emit(self, record: logging.LogRecord) -> None:
        failure = record.exc_info[1] if record.exc_info else None
        if type(failure).__module__ == _READS_REQUESTS:
            # It quotes what it could not read, and that may be a secret, a number or a text.
            self._logger.warning("request.unreadable", error=type(failure).__name__)
            return
        # A library may invent levels; a line has one of ours.
        level = max((known for known in _LEVELS.values() if known <= record.levelno), default=logging.DEBUG)
        self._logger.log(level, record.getMessage(), logger=record.name, exc_info=record.exc_info)


def _stamper() -> Processor:
    """ISO 8601 in UTC, to the millisecond. The date is written once a second, not for each of thousands of lines."""
    written: tuple[int, str] = (0, "")

    def stamp(_logger: WrappedLogger, _method: str, fields: EventDict) -> EventDict:
        nonlocal written
        seconds, nanos = divmod(time.time_ns(), 1_000_000_000)
        if seconds != written[0]:
            written = (seconds, datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%S"))
        fields["timestamp"] = f"{written[1]}.{nanos // 1_000_000:03}Z"
        return fields

    return stamp


def _cleaner(*, mask_numbers: bool) -> Processor:
    def clean(_logger: WrappedLogger, _method: str, fields: EventDict) -> EventDict:
        return cleaned(fields, mask_numbers=mask_numbers)

    return clean
