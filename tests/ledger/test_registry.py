"""Who is registered is one picture with one version, and a change of it reaches everybody."""

import asyncio
import json

import pytest

from consent.ledger import Registry, Store, Watch
from consent.ledger.keys import registry_table
from consent.ledger.registry import Row
from consent.model import Account, CampaignId, Millis
from tests.builders import ACME, a_campaign, a_source, an_endpoint

ACCOUNT = Account(id=ACME, api_key="abcd1234", api_secret="s3cr3t", signature_method="sha256")
SOON = Millis(5000)


async def test_an_empty_registry_is_version_0(registry: Registry) -> None:
    directory = await registry.directory()

    assert (directory.version, await registry.version()) == (0, 0)
    assert (directory.accounts, directory.campaigns, directory.sources_by_token, directory.endpoints) == (
        {},
        {},
        {},
        {},
    )


async def test_every_row_is_read_back_as_it_was_put(registry: Registry) -> None:
    campaign = a_campaign(keywords=("pizza", "crêpes"), requires_opt_in=True)
    source, endpoint = a_source(), an_endpoint(campaigns=(CampaignId("1116"),), rate="50/s")
    for row in (ACCOUNT, campaign, source, endpoint):
        await registry.put(row)

    directory = await registry.directory()

    assert directory.version == 4
    assert directory.accounts == {ACME: ACCOUNT}
    assert directory.campaigns_of(ACME) == (campaign,)
    assert directory.sources_by_token == {source.token: source}
    assert directory.endpoints == {endpoint.id: endpoint}


async def test_only_what_changes_something_moves_the_version(registry: Registry) -> None:
    versions = [
        await registry.put(a_campaign(title="one")),
        await registry.put(a_campaign(title="one")),
        await registry.put(a_campaign(title="two")),
        await registry.remove(a_campaign()),
        await registry.remove(a_campaign()),
    ]

    assert versions == [1, 1, 2, 3, 3]


async def test_a_discovered_campaign_does_not_replace_a_registered_one(registry: Registry) -> None:
    await registry.put(a_campaign(title="Registered"))

    await registry.discover(a_campaign(title="", discovered=True))
    await registry.discover(a_campaign("new", discovered=True))

    campaigns = {campaign.id: campaign for campaign in (await registry.directory()).campaigns_of(ACME)}
    assert (campaigns[CampaignId("1116")].title, campaigns[CampaignId("1116")].discovered) == ("Registered", False)
    assert campaigns[CampaignId("new")].discovered


async def test_accounts_may_use_the_same_names(registry: Registry) -> None:
    for account in ("acme", "other"):
        await registry.put(a_campaign(account=account))
        await registry.put(a_source(account=account, token=f"t0ken-of-{account}-16-chars"))

    directory = await registry.directory()
    assert len(directory.campaigns) == len(directory.sources_by_token) == 2


@pytest.mark.parametrize("row", [ACCOUNT, a_campaign(), a_source(), an_endpoint()])
async def test_what_is_removed_is_gone(registry: Registry, store: Store, row: Row) -> None:
    await registry.put(row)

    await registry.remove(row)

    tables = [registry_table(name) for name in ("accounts", "campaigns", "sources", "endpoints", "disabled")]
    assert await store.redis.exists(*tables) == 0


async def test_the_first_reason_for_disabling_stays_until_the_endpoint_is_enabled(registry: Registry) -> None:
    crm = an_endpoint("crm")
    await registry.put(crm)

    await registry.disable(crm.id, "gone")
    await registry.disable(crm.id, "an operator's whim")
    disabled = (await registry.directory()).endpoints[crm.id].disabled
    await registry.enable(crm.id)

    assert disabled == "gone"
    assert (await registry.directory()).endpoints[crm.id].disabled == ""


async def test_applying_the_configuration_again_enables_nothing(registry: Registry) -> None:
    crm = an_endpoint("crm")
    await registry.put(crm)
    await registry.disable(crm.id, "gone")

    await registry.put(an_endpoint("crm", max_in_flight=1))

    endpoint = (await registry.directory()).endpoints[crm.id]
    assert (endpoint.disabled, endpoint.max_in_flight) == ("gone", 1)


async def test_an_endpoint_that_is_removed_and_comes_back_is_enabled(registry: Registry) -> None:
    crm = an_endpoint("crm")
    await registry.put(crm)
    await registry.disable(crm.id, "gone")
    await registry.remove(crm)

    await registry.put(crm)

    assert (await registry.directory()).endpoints[crm.id].disabled == ""


async def test_what_a_newer_process_wrote_besides_is_skipped(registry: Registry, store: Store) -> None:
    row = {"id": "acme", "api_key": "abcd1234", "favourite_colour": ["blue"]}
    await store.redis.hset(registry_table("accounts"), "acme", json.dumps(row))

    assert (await registry.directory()).accounts == {ACME: Account(id=ACME, api_key="abcd1234")}


async def test_a_watch_has_the_picture_at_once_and_again_after_each_change(registry: Registry, store: Store) -> None:
    await registry.put(a_campaign())
    watch = Watch(registry, store)

    assert await watch.renew(block=SOON)
    for n in range(3):
        await registry.put(a_campaign(title=str(n)))
        assert await watch.renew(block=SOON)
        assert watch.directory is not None
        assert watch.directory.campaigns_of(ACME)[0].title == str(n)


async def test_a_watch_that_waits_is_woken_by_a_change(registry: Registry, store: Store) -> None:
    watch = Watch(registry, store)
    await watch.renew(block=SOON)

    async with asyncio.timeout(4), asyncio.TaskGroup() as tasks:
        waiting = tasks.create_task(watch.renew(block=SOON))
        await registry.put(a_campaign())

    assert waiting.done()
    if not waiting.result():
        await watch.renew(block=SOON)
    assert watch.directory is not None
    assert len(watch.directory.campaigns) == 1


async def test_a_watch_without_a_change_keeps_its_picture(registry: Registry, store: Store) -> None:
    watch = Watch(registry, store)
    await watch.renew(block=SOON)
    before = watch.directory

    assert not await watch.renew(block=Millis(1))

    assert watch.directory is before
