"""What is about sockets has to hold on both event loops; what stands above them is tested on one."""

import asyncio
import ssl
from collections.abc import Callable, Mapping

import pytest
import trustme
import uvloop

from tests.dispatcher.told import Told

ON_BOTH_LOOPS = frozenset({"test_client.py", "test_http_conformance.py"})

LoopFactory = Callable[[], asyncio.AbstractEventLoop]


def pytest_asyncio_loop_factories(config: pytest.Config, item: pytest.Item) -> Mapping[str, LoopFactory]:
    one: dict[str, LoopFactory] = {"asyncio": asyncio.new_event_loop}
    return {**one, "uvloop": uvloop.new_event_loop} if item.path.name in ON_BOTH_LOOPS else one


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    return trustme.CA()


@pytest.fixture
def trusting(authority: trustme.CA) -> ssl.SSLContext:
    context = ssl.create_default_context()
    authority.configure_trust(context)
    return context


@pytest.fixture
def told() -> Told:
    return Told()
