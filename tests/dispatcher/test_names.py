"""A name is asked for once at a time, and whose fault it is that nobody answers is found out."""

import asyncio
import socket
from collections.abc import AsyncIterator

import pytest
from aiohttp.abc import AbstractResolver, ResolveResult

from dispatcher.egress import Forbidden
from dispatcher.names import Names, ResolverSilent

CRM = "crm.example.com"


class Resolver(AbstractResolver):
    """Answers by a table; whatever stands in it for an address may also be an error, or an endless wait."""

    def __init__(self, **answers: str | Exception | None) -> None:
        self.answers = answers
        self.asked: list[str] = []

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        self.asked.append(host)
        answer = self.answers[host.rstrip(".").rpartition(".")[2] if host.endswith(".") else "name"]
        await asyncio.sleep(0)
        if answer is None:
            await asyncio.Event().wait()
        if isinstance(answer, Exception):
            raise answer
        assert isinstance(answer, str)
        return [ResolveResult(hostname=host, host=answer, port=port, family=family, proto=0, flags=0)]

    async def close(self) -> None:
        """Nothing is open."""


NO_SUCH_NAME = socket.gaierror(socket.EAI_NONAME, "Name or service not known")
NO_ANSWER = socket.gaierror(socket.EAI_AGAIN, "Temporary failure in name resolution")


@pytest.fixture
async def tidy() -> AsyncIterator[list[Names]]:
    built: list[Names] = []
    yield built
    for names in built:
        await names.__aexit__(None, None, None)


async def test_who_asks_while_a_name_is_asked_for_waits_for_that_answer(tidy: list[Names]) -> None:
    resolver = Resolver(name="192.0.2.1")
    tidy.append(names := Names(resolver))

    found = await asyncio.gather(names.addresses(CRM), names.addresses(CRM))

    assert found == [("192.0.2.1",)] * 2
    assert await names.addresses(CRM) == ("192.0.2.1",)
    assert resolver.asked == [CRM]


async def test_a_name_that_nobody_has_is_its_own_fault(tidy: list[Names]) -> None:
    resolver = Resolver(name=NO_SUCH_NAME)
    tidy.append(names := Names(resolver))

    with pytest.raises(socket.gaierror, match="not known"):
        await names.addresses(CRM)

    assert resolver.asked == [CRM]


@pytest.mark.parametrize("told", ["192.0.2.1", NO_SUCH_NAME, Forbidden()], ids=["address", "no name", "forbidden"])
async def test_a_dead_name_server_is_the_names_own_fault_while_the_resolver_answers_for_others(
    tidy: list[Names], told: str | Exception
) -> None:
    resolver = Resolver(name=NO_ANSWER, com=told)
    tidy.append(names := Names(resolver))

    with pytest.raises(socket.gaierror, match="Temporary failure"):
        await names.addresses(CRM)

    assert resolver.asked == [CRM, "com."]


@pytest.mark.parametrize("host", [CRM, "crm"])
@pytest.mark.parametrize("told", [NO_ANSWER, OSError("no socket")], ids=["no answer", "broken"])
async def test_a_resolver_that_answers_for_nothing_is_ours_to_mend(
    tidy: list[Names], told: Exception, host: str
) -> None:
    tidy.append(names := Names(Resolver(name=NO_ANSWER, com=told)))

    with pytest.raises(ResolverSilent):
        await names.addresses(host)


async def test_a_resolver_that_keeps_silent_is_ours_to_mend(tidy: list[Names]) -> None:
    tidy.append(names := Names(Resolver(com=None), probe_seconds=0.05))

    with pytest.raises(ResolverSilent):
        await names.blame(CRM)
