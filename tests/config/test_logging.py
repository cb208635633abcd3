"""Lines for people on a terminal, JSON elsewhere; libraries speak through the same pipeline."""

import asyncio
import io
import json
import logging
import os
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import pytest
import structlog
from aiohttp import web
from structlog.testing import capture_logs
from structlog.typing import FilteringBoundLogger

from config.logging import Forward, pipeline
from config.probes import listening
from config.sections import Log

NUMBER = "16502426055"


def test_elsewhere_each_line_is_one_json_object() -> None:
    log, stream = _logging_to(Log())

    log.info("delivery.attempted", delivery="evt_3_1732230000123_0", attempt=1, note="a\nb", who=Path("/srv"))

    line = json.loads(stream.getvalue())
    assert list(line) == ["timestamp", "level", "event", "delivery", "attempt", "note", "who"]
    assert datetime.fromisoformat(line.pop("timestamp")).tzinfo == UTC
    assert line == {
        "level": "info",
        "event": "delivery.attempted",
        "delivery": "evt_3_1732230000123_0",
        "attempt": 1,
        "note": "a\nb",
        "who": "/srv",
    }


def test_for_people_a_line_is_time_level_event_and_fields() -> None:
    log, stream = _logging_to(Log(format="console"))

    log.warning("endpoint.failing", endpoint="acme/crm", reason="connection refused", note="")

    time, rest = stream.getvalue().split(" ", 1)
    assert datetime.strptime(time, "%H:%M:%S").replace(tzinfo=UTC)
    assert rest == 'warning endpoint.failing   endpoint=acme/crm reason="connection refused" note=""\n'


def test_a_terminal_gets_lines_for_people_in_colours() -> None:
    log, stream = _logging_to(Log(), is_terminal=True)

    log.error("worker.crashed", endpoint="acme/crm")

    assert "\x1b[31merror" in stream.getvalue()
    assert "\x1b[36mendpoint\x1b[0m=acme/crm" in stream.getvalue()


def test_a_terminal_gets_json_when_the_operator_says_so() -> None:
    log, stream = _logging_to(Log(format="json"), is_terminal=True)

    log.info("started")

    assert json.loads(stream.getvalue())["event"] == "started"


def test_what_came_from_outside_neither_starts_a_line_nor_steers_the_terminal() -> None:
    log, stream = _logging_to(Log(format="console"))

    log.info("webhook.\nrefused", reason="\x1b[2Jforged\n12:00:00 info fine")

    assert stream.getvalue().count("\n") == 1
    assert "\x1b" not in stream.getvalue()


@pytest.mark.parametrize("layout", ["json", "console"])
def test_a_traceback_is_told_without_numbers_and_without_local_variables(layout: str) -> None:
    log, stream = _logging_to(Log.model_validate({"format": layout}))
    local_secret = "hunter2".upper()

    try:
        raise ValueError(f"no campaign for {NUMBER}")
    except ValueError:
        log.exception("webhook.crashed", msisdn=NUMBER)

    shown = stream.getvalue()
    assert "ValueError: no campaign for •••••••6055" in shown
    assert "Traceback" in shown
    assert NUMBER not in shown
    assert local_secret not in shown


def test_levels_below_the_configured_one_say_nothing() -> None:
    log, stream = _logging_to(Log(level="warning"))

    log.info("quiet")
    log.debug("quiet")

    assert stream.getvalue() == ""


@pytest.mark.parametrize(
    ("level", "shown"), [(logging.WARNING, "warning"), (logging.CRITICAL, "error"), (35, "warning"), (5, "")]
)
def test_libraries_are_forwarded_under_their_name(level: int, shown: str) -> None:
    log, stream = _logging_to(Log(level="info"))
    handler = Forward(log)

    handler.handle(logging.LogRecord("aiohttp.server", level, "", 0, "request from %s 100%%", (NUMBER,), None))

    lines = [json.loads(line) for line in stream.getvalue().splitlines()]
    assert [(line["level"], line["event"], line["logger"]) for line in lines] == (
        [(shown, "request from •••••••6055 100%", "aiohttp.server")] if shown else []
    )


@pytest.mark.parametrize(
    "head",
    [
        b"GET /manage?api_secret=s3cr3t&note=\xc3\xa9 HTTP/1.1\r\nHost: a\r\n\r\n",
        b"GET /manage HTTP/1.1\r\nHost: a\r\nauthorization s3cr3t\r\n\r\n",
        b"GET /manage?api_secret=s3cr3t" + b"t" * 10_000 + b" HTTP/1.1\r\nHost: a\r\n\r\n",
    ],
)
async def test_a_request_that_nobody_can_read_is_not_quoted(head: bytes) -> None:
    with capture_logs() as logs:
        handler = Forward(structlog.get_logger())
        logging.getLogger("aiohttp.server").addHandler(handler)
        try:
            async with listening(answer_nothing, "127.0.0.1", 0) as port:
                reader, writer = await asyncio.open_connection("127.0.0.1", port)
                writer.write(head)
                assert (await reader.readline()).split()[1] == b"400"
                writer.close()
        finally:
            logging.getLogger("aiohttp.server").removeHandler(handler)

    assert [(line["event"], line["log_level"]) for line in logs] == [("request.unreadable", "warning")]
    assert "s3cr3t" not in str(logs)


async def answer_nothing(_request: web.BaseRequest) -> web.Response:
    return web.Response()


def test_a_configured_process_logs_everything_to_its_error_stream(tmp_path: Path) -> None:
    program = (
        "import logging, warnings, structlog\nfrom config.logging import configure\nfrom config.sections import Log\n"
        "log = structlog.get_logger()\nconfigure(Log(level='info'), 'receiver')\n"
        "log.info('ours', msisdn='16502426055')\nlog.debug('quiet')\n"
        "logging.getLogger('redis').error('theirs')\nlogging.getLogger('redis').info('quiet')\n"
        "warnings.warn('worn out')"
    )

    ran = subprocess.run(
        [sys.executable, "-W", "always", "-c", program],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])},
        capture_output=True,
        text=True,
        check=True,
        timeout=30,
    )

    ours, theirs, warned = map(json.loads, ran.stderr.splitlines())
    assert (ours["event"], ours["msisdn"]) == ("ours", "•••••••6055")
    assert (theirs["event"], theirs["logger"]) == ("theirs", "redis")
    assert "worn out" in warned["event"]
    assert {line["process"] for line in (ours, theirs, warned)} == {"receiver"}
    assert ran.stdout == ""


def _logging_to(log: Log, *, is_terminal: bool = False) -> tuple[FilteringBoundLogger, io.StringIO]:
    stream = io.StringIO()
    logger: FilteringBoundLogger = structlog.wrap_logger(
        structlog.WriteLogger(stream),
        processors=pipeline(log, is_terminal=is_terminal),
        wrapper_class=structlog.make_filtering_bound_logger(log.level),
    )
    return logger, stream


def test_a_line_that_cannot_be_written_is_lost_and_nothing_else() -> None:
    program = """
import structlog
from config.lines import Lines
from config.logging import configure
from config.sections import Log
configure(Log(), 'receiver')
structlog.get_logger().warning("the disk is full")
structlog.get_logger().warning("still")
print(Lines.lost)
"""
    with Path("/dev/full").open("w") as full:
        done = subprocess.run(
            [sys.executable, "-c", program], stdout=subprocess.PIPE, stderr=full, text=True, check=False
        )

    assert done.stdout == "2\n"
