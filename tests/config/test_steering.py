"""A running process is told by signal to log more, and it does so at once, in loggers that were bound long before."""

import io
import json
import os
import signal
from collections.abc import Iterator

import pytest
import structlog

from config.logging import Verbosity, configure
from config.sections import Log
from config.steering import steered
from tests.e2e.installation import eventually


@pytest.fixture
def stream() -> io.StringIO:
    return io.StringIO()


@pytest.fixture
def verbosity(stream: io.StringIO) -> Verbosity:
    return configure(Log(level="warning", format="json"), "receiver", stream=stream)


@pytest.fixture(autouse=True)
def _as_before() -> Iterator[None]:
    yield
    structlog.reset_defaults()


def events(stream: io.StringIO) -> list[str]:
    return [json.loads(line)["event"] for line in stream.getvalue().splitlines()]


def test_each_step_shows_one_level_more_until_all_are_shown(verbosity: Verbosity) -> None:
    shown = [verbosity.level]
    for _ in range(3):
        verbosity.more()
        shown.append(verbosity.level)

    assert shown == ["warning", "info", "debug", "debug"]


def test_a_logger_that_was_bound_before_follows_there_and_back(verbosity: Verbosity, stream: io.StringIO) -> None:
    bound = structlog.get_logger().bind()
    bound.info("before")
    verbosity.more()
    bound.info("more")
    assert bound.is_enabled_for(20)
    verbosity.as_configured()
    bound.info("after")

    assert events(stream) == ["more"]
    assert not bound.is_enabled_for(20)


async def test_signals_turn_it_up_and_back_and_end_nothing(verbosity: Verbosity, stream: io.StringIO) -> None:
    with steered(verbosity):
        os.kill(os.getpid(), signal.SIGUSR1)
        await eventually(lambda: verbosity.level == "info", within=30)
        os.kill(os.getpid(), signal.SIGUSR2)
        await eventually(lambda: verbosity.level == "warning", within=30)

    told = [json.loads(line) for line in stream.getvalue().splitlines()]
    assert [(line["event"], line["shown"]) for line in told] == [("log.level", "info"), ("log.level", "warning")]
