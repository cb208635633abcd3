"""Two operators at once, or one who clicks twice: it comes out as if one had come after the other."""

import asyncio
from collections.abc import Awaitable

import pytest

from consent.directory import Directory
from consent.ledger import Registry, Store
from consent.model import Account, AccountId, Campaign, CampaignId, Source, SourceId
from console import endpointcare, registering
from console.desk import Desk
from console.refusals import NoSuch, Taken
from tests.builders import ACME, a_campaign, a_source, an_endpoint
from tests.console.served import settings_of

OTHER = AccountId("other")


class InStep(Registry):
    """Nobody goes on before all have read who is registered; what is read again is read at once."""

    def __init__(self, store: Store, barrier: asyncio.Barrier) -> None:
        super().__init__(store)
        self._barrier: asyncio.Barrier | None = barrier

    async def directory(self) -> Directory:
        found = await super().directory()
        if self._barrier:
            barrier, self._barrier = self._barrier, None
            await barrier.wait()
        return found


def shared_by_two(store: Store) -> Desk:
    barrier = asyncio.Barrier(2)

    class Shared(Desk):
        def registry(self, store: Store) -> Registry:
            return InStep(store, barrier)

    return Shared.over(settings_of(), store)


async def both(first: Awaitable[object], second: Awaitable[object]) -> list[type[Exception]]:
    """What was refused."""
    async with asyncio.timeout(10):
        done = await asyncio.gather(first, second, return_exceptions=True)
    return [type(each) for each in done if isinstance(each, Exception)]


@pytest.fixture
async def desk(store: Store, registry: Registry) -> Desk:
    for row in (Account(id=ACME), Account(id=OTHER)):
        await registry.put(row)
    return shared_by_two(store)


@pytest.mark.parametrize(
    ("one", "two"),
    [
        (Account(id=AccountId("new"), api_key="key-1"), Account(id=AccountId("new"), api_key="key-2")),
        (Account(id=AccountId("new"), api_key="the-same"), Account(id=AccountId("newer"), api_key="THE-SAME")),
        (a_campaign(title="One"), a_campaign(title="Two")),
        (a_source(token="t" * 20), a_source(token="u" * 20)),
        (a_source(), a_source(account=OTHER, id=SourceId("theirs"))),
    ],
)
async def test_one_of_two_is_added(
    desk: Desk, one: Account | Campaign | Source, two: Account | Campaign | Source
) -> None:
    assert await both(registering.add(desk, one), registering.add(desk, two)) == [Taken]


async def test_one_of_two_endpoints_is_added_and_its_secret_is_the_one_that_was_shown(
    desk: Desk, registry: Registry
) -> None:
    new = an_endpoint("crm", secrets=())
    shown: list[str] = []

    async def added(secret: str) -> None:
        shown.append((await endpointcare.add(desk, new, new_secret=secret)).secret)

    refused = await both(added("whsec_one"), added("whsec_two"))

    assert refused == [Taken]
    assert [endpoint.secrets for endpoint in (await registry.directory()).endpoints.values()] == [tuple(shown)]


async def test_one_of_two_changes_to_a_key_or_to_a_token(desk: Desk, registry: Registry, store: Store) -> None:
    for name in ("one", "two"):
        await registry.put(a_source(id=SourceId(name), token=f"t0ken-of-at-least-16-{name}"))

    keys = await both(*(registering.change_account(desk, each, {"api_key": "the-same"}) for each in (ACME, OTHER)))
    desk = shared_by_two(store)
    tokens = await both(*(registering.change_source(desk, ACME, each, {"token": "t" * 20}) for each in ("one", "two")))

    assert (keys, tokens) == ([Taken], [Taken])


async def test_two_changes_of_different_fields_are_both_made(desk: Desk, registry: Registry) -> None:
    await registry.put(a_campaign())

    refused = await both(
        registering.change_campaign(desk, ACME, "1116", {"title": "Deals"}),
        registering.change_campaign(desk, ACME, "1116", {"brand": "Ours"}),
    )

    changed = (await registry.directory()).campaigns[ACME, CampaignId("1116")]
    assert (refused, changed.title, changed.brand) == ([], "Deals", "Ours")


@pytest.mark.parametrize("new", [a_campaign(account=OTHER), a_source(account=OTHER)])
async def test_nothing_is_added_to_an_account_that_is_removed(
    desk: Desk, registry: Registry, new: Campaign | Source
) -> None:
    refused = await both(registering.remove_account(desk, OTHER), registering.add(desk, new))

    directory = await registry.directory()
    assert len(refused) == 1
    assert len(directory.campaigns) + len(directory.sources_by_token) == (OTHER in directory.accounts)


async def test_no_endpoint_is_added_to_an_account_that_is_removed(desk: Desk, registry: Registry) -> None:
    new = an_endpoint("crm")

    refused = await both(
        registering.remove_account(desk, ACME),
        endpointcare.add(desk, new, new_secret="whsec_new"),
    )

    directory = await registry.directory()
    assert refused in ([Taken], [NoSuch])
    assert len(directory.endpoints) == (ACME in directory.accounts)


async def test_one_of_two_removes(desk: Desk, registry: Registry) -> None:
    await registry.put(a_source())

    refused = await both(*(registering.remove_source(desk, ACME, "nexmo-main") for _ in range(2)))

    assert refused == [NoSuch]
