"""Who is registered is one picture with one version, and a change of it reaches everybody."""

import asyncio
import json
import secrets
from dataclasses import replace
from pathlib import Path

import pytest
from redis import Redis

from consent.directory import Directory
from consent.errors import Misconfigured, StoreUnavailable
from consent.ledger import Backlog, Depth, Health, HealthRules, Queue, Registry, Said, Store, Watch, Wish
from consent.ledger.keys import REGISTRY_CHANGES, REGISTRY_VERSION, registry_table
from consent.ledger.registry import Amended, Sealing
from consent.ledger.rows import Row, encoded
from consent.ledger.sealing import UNSEALED, Key, Seals
from consent.model import (
    Account,
    AccountId,
    Campaign,
    CampaignId,
    Endpoint,
    EndpointId,
    Header,
    Millis,
    RetiringSecret,
    UnixMs,
)
from tests.builders import ACME, NOON, a_campaign, a_source, a_stop, an_endpoint
from tests.console.served import bury, logged, recorded, routed

ACCOUNT = Account(id=ACME, api_key="abcd1234", api_secret="s3cr3t", signature_method="sha256")
CRM = an_endpoint("crm")
SOON = Millis(5000)
OLD, NEW = Key(bytes(32)), Key(bytes(range(32)))


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

    assert directory.version == await registry.version() > 0
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

    assert versions == sorted(versions)
    assert [versions.index(version) for version in versions] == [0, 0, 2, 3, 3]


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

    assert len((await watch.renew(block=SOON)).campaigns) == 1
    for n in range(3):
        await registry.put(a_campaign(title=str(n)))
        assert (await watch.renew(block=SOON)).campaigns_of(ACME)[0].title == str(n)


async def test_a_watch_that_waits_is_woken_by_a_change(registry: Registry, store: Store) -> None:
    watch = Watch(registry, store)
    await watch.renew(block=SOON)

    async with asyncio.timeout(4), asyncio.TaskGroup() as tasks:
        tasks.create_task(watch.renew(block=SOON))
        await registry.put(a_campaign())

    assert len((await watch.renew(block=Millis(1))).campaigns) == 1


async def test_a_watch_without_a_change_keeps_its_picture(registry: Registry, store: Store) -> None:
    watch = Watch(registry, store)
    before = await watch.renew(block=SOON)

    assert await watch.renew(block=Millis(1)) is before


async def test_a_store_that_was_emptied_is_no_empty_registry(registry: Registry, store: Store) -> None:
    """With an empty one every provider would hear 404, and none sends a STOP again after that."""
    await registry.put(a_campaign())
    watch = Watch(registry, store)
    await watch.renew(block=SOON)

    await store.redis.flushall()
    with pytest.raises(StoreUnavailable, match="lost the registry"):
        await watch.renew(block=SOON)

    await registry.put(a_campaign(title="again"))
    assert (await watch.renew(block=SOON)).campaigns_of(ACME)[0].title == "again"


async def test_a_change_that_a_failover_lost_is_forgotten_when_another_one_follows(
    registry: Registry, store: Store
) -> None:
    """Who had read of it would hold for ever what is owed to an endpoint that nobody else has disabled."""
    await registry.put(an_endpoint())
    version = await registry.version()
    watch = Watch(registry, store)
    await registry.disable(an_endpoint().id, "maintenance")
    assert (await watch.renew(block=SOON)).disabled

    await store.redis.delete(registry_table("disabled"))
    await store.redis.set(REGISTRY_VERSION, version)
    await asyncio.sleep(0.002)
    await registry.put(a_campaign())

    assert not (await watch.renew(block=SOON)).disabled


# ── secrets at rest ─────────────────────────────────────────────────────────────────────────────────────────────────


async def test_sealed_rows_are_read_back_by_who_has_the_key(store: Store) -> None:
    sealed = Registry(store, Seals(NEW))
    for row in (ACCOUNT, a_campaign(), a_source(), an_endpoint()):
        await sealed.put(row)

    directory = await sealed.directory()

    assert directory.accounts == {ACME: ACCOUNT}
    assert directory.sources_by_token == {a_source().token: a_source()}
    assert directory.endpoints == {an_endpoint().id: an_endpoint()}


async def test_a_row_that_is_put_again_unchanged_changes_nothing_though_it_is_sealed(store: Store) -> None:
    sealed = Registry(store, Seals(NEW))

    versions = [await sealed.put(ACCOUNT), await sealed.put(ACCOUNT), await Registry(store, Seals(NEW)).put(ACCOUNT)]

    assert len(set(versions)) == 1


@pytest.mark.parametrize("seals", [UNSEALED, Seals(OLD)])
async def test_without_the_key_the_registry_is_not_read_at_all(store: Store, seals: Seals) -> None:
    await Registry(store, Seals(NEW)).put(ACCOUNT)

    with pytest.raises(Misconfigured, match=f"store.secret_key: .* sealed with the key {NEW.id}"):
        await Registry(store, seals).directory()


async def test_a_process_that_lacks_the_key_is_told_at_its_start_and_one_whose_store_is_away_is_not(
    store: Store, tmp_path: Path
) -> None:
    await Registry(store, Seals(NEW)).put(ACCOUNT)

    await Registry(store, Seals(NEW)).ensure_readable()
    with pytest.raises(Misconfigured, match=NEW.id):
        await Registry(store).ensure_readable()
    async with Store.open(f"unix://{tmp_path}/gone.sock", partitions=4, durability="fsync") as away:
        await Registry(away).ensure_readable()


async def test_the_stores_files_and_values_hold_no_secret_in_plain_text(store: Store) -> None:
    hidden = [secrets.token_urlsafe(24) for _ in range(10)]
    key, secret, signing, token, source_signing, query, signs, retiring, header, password = hidden
    sealed = Registry(store, Seals(NEW))
    await sealed.put(Account(id=ACME, api_key=key, api_secret=secret, signature_secret=signing))
    await sealed.put(a_source(token=token, signature_secret=source_signing))
    await sealed.put(
        an_endpoint(
            url=f"https://crm.example.com/?key={query}",
            secrets=(signs,),
            retiring=(RetiringSecret(value=retiring, until=UnixMs(5)),),
            headers=(Header(name="X-Api-Key", value=header),),
            proxy=f"http://relay:{password}@proxy.example.com",
        )
    )

    held = await _everything_in(store)

    assert b"X-Api-Key" in held
    assert [each for each in hidden if each.encode() in held] == []


async def test_plain_rows_are_read_and_sealed_when_they_are_written_next(store: Store) -> None:
    await Registry(store).put(ACCOUNT)
    sealed = Registry(store, Seals(NEW))

    before = await sealed.directory()
    await sealed.put(ACCOUNT)

    assert before.accounts == {ACME: ACCOUNT}
    assert await sealed.sealing() == Sealing(newest=1, older=0, plain=0, keys=frozenset({NEW.id}))


async def test_sealing_again_moves_every_row_to_the_newest_key_once(store: Store) -> None:
    await Registry(store).put(ACCOUNT)
    await Registry(store, Seals(OLD)).put(a_source())
    await Registry(store, Seals(NEW)).put(an_endpoint())
    await Registry(store).put(a_campaign())
    rotating = Registry(store, Seals(NEW, [OLD]))

    before, changed, again = await rotating.sealing(), await rotating.reseal(), await rotating.reseal()

    assert before == Sealing(newest=1, older=1, plain=1, keys=frozenset({OLD.id, NEW.id}))
    assert (changed, again) == (2, 0)
    assert await rotating.sealing() == Sealing(newest=3, older=0, plain=0, keys=frozenset({NEW.id}))
    assert (await Registry(store, Seals(NEW)).directory()).accounts == {ACME: ACCOUNT}


async def test_sealing_again_without_a_newest_key_gives_the_keys_up(store: Store) -> None:
    await Registry(store, Seals(OLD)).put(ACCOUNT)

    await Registry(store, Seals(None, [OLD])).reseal()

    assert (await Registry(store).directory()).accounts == {ACME: ACCOUNT}


# ── decided on what is there ────────────────────────────────────────────────────────────────────────────────────────


class InTheWay(Exception):
    pass


def one_more(directory: Directory) -> Amended[Endpoint]:
    known = directory.endpoints[CRM.id]
    return Amended(replace(known, max_in_flight=known.max_in_flight + 1), known)


def only_one(directory: Directory) -> Amended[Account]:
    """Of all accounts."""
    if directory.accounts:
        raise InTheWay
    return Amended(Account(id=AccountId(secrets.token_hex(4))), None)


async def test_a_change_is_made_to_the_row_as_it_is_and_not_as_it_was(registry: Registry) -> None:
    await registry.put(CRM)

    done = await asyncio.gather(*(registry.amend(one_more) for _ in range(30)))

    assert (await registry.directory()).endpoints[CRM.id].max_in_flight == 16 + 30
    assert sorted(each.row.max_in_flight for each in done) == list(range(17, 17 + 30))
    assert all(each.before and each.before.max_in_flight == each.row.max_in_flight - 1 for each in done)


async def test_what_was_decided_on_is_still_so_when_it_is_written(registry: Registry) -> None:
    done = await asyncio.gather(*(registry.amend(only_one) for _ in range(10)), return_exceptions=True)

    assert sum(isinstance(each, InTheWay) for each in done) == 9
    assert len((await registry.directory()).accounts) == 1


async def test_nothing_is_removed_under_what_was_hung_on_it_meanwhile(registry: Registry) -> None:
    def an_account_without_campaigns(directory: Directory) -> Account:
        if directory.campaigns:
            raise InTheWay
        return directory.accounts[ACME]

    def a_campaign_of_an_account(directory: Directory) -> Amended[Campaign]:
        if ACME not in directory.accounts:
            raise InTheWay
        return Amended(a_campaign(), None)

    await registry.put(ACCOUNT)

    done = await asyncio.gather(
        registry.dismiss(an_account_without_campaigns),
        registry.amend(a_campaign_of_an_account),
        return_exceptions=True,
    )

    directory = await registry.directory()
    assert [isinstance(each, InTheWay) for each in done].count(True) == 1
    assert len(directory.accounts) == len(directory.campaigns)


async def test_a_campaign_that_is_discovered_meanwhile_is_in_nobodys_way(registry: Registry) -> None:
    class Busy(Registry):
        looks = 0

        async def directory(self) -> Directory:
            found = await super().directory()
            self.looks += 1
            if self.looks <= 5:
                await self.discover(a_campaign(f"new{self.looks}", discovered=True))
            return found

    await registry.put(CRM)
    busy = Busy(registry._store)

    await busy.amend(one_more)
    await busy.dismiss(lambda directory: directory.endpoints[CRM.id])

    assert busy.looks == 6 + 1


async def test_what_is_decided_in_vain_changes_nothing(registry: Registry) -> None:
    with pytest.raises(KeyError):
        await registry.amend(one_more)
    with pytest.raises(KeyError):
        await registry.dismiss(lambda directory: directory.endpoints[CRM.id])

    assert await registry.version() == 0


async def test_a_registry_that_never_stands_still_is_given_up_on(registry: Registry, store_url: str) -> None:
    await registry.put(CRM)

    with Redis.from_url(store_url) as somebody_else:

        def disturbed(directory: Directory) -> Amended[Endpoint]:
            somebody_else.incr(REGISTRY_VERSION)
            return one_more(directory)

        with pytest.raises(StoreUnavailable, match="try again"):
            await registry.amend(disturbed)
        with pytest.raises(StoreUnavailable, match="try again"):
            await registry.dismiss(lambda directory: disturbed(directory).row)

    assert (await registry.directory()).endpoints == {CRM.id: CRM}


# ── endpoints that are gone ─────────────────────────────────────────────────────────────────────────────────────────


@pytest.fixture
async def half_removed(registry: Registry, store: Store) -> Registry:
    """The CRM is registered no more; whoever removed it died before he forgot a dead letter and a delivery of its."""
    await registry.put(CRM)
    await recorded(store, CRM)
    await bury(store)
    await registry.dismiss(lambda directory: directory.endpoints[CRM.id])
    assert await Backlog(store).depth(CRM.id) == Depth(owed=2, in_flight=0, dead=1)
    return registry


async def test_with_an_endpoint_goes_all_that_is_kept_under_its_name(
    registry: Registry, store: Store, health: Health
) -> None:
    await registry.put(CRM)
    await health.report(CRM.id, Said(failed=1), HealthRules())
    await health.admit({CRM.id: Wish(1, rate=5)}, token="t", probe_for=Millis(1000))
    await registry.disable(CRM.id, "by hand")
    version = await registry.version()

    await registry.dismiss(lambda directory: directory.endpoints[CRM.id])

    assert await registry.version() > version  # nobody has seen it enabled and still there
    assert set(await store.redis.keys()) == {b"{registry}:version", b"{registry}:changes", b"{registry}:removed"}


@pytest.mark.parametrize("is_put", [True, False])
async def test_an_endpoint_that_comes_back_is_owed_nothing_of_what_the_one_before_was(
    half_removed: Registry, store: Store, is_put: bool
) -> None:
    if is_put:
        await half_removed.put(CRM)
    else:
        await half_removed.amend(lambda directory: Amended(CRM, None))

    assert (await half_removed.directory()).endpoints == {CRM.id: CRM}
    assert await Backlog(store).depth(CRM.id) == Depth(owed=0, in_flight=0, dead=0)
    assert await half_removed.removed() == set()


async def test_what_one_is_owed_that_is_registered_again_is_not_forgotten(half_removed: Registry, store: Store) -> None:
    keys = (registry_table("endpoints"), REGISTRY_VERSION, REGISTRY_CHANGES)
    as_an_older_process = store.commit.call("enroll", keys, (CRM.id, encoded(CRM, UNSEALED), "put"))
    await as_an_older_process

    await half_removed.purge(CRM.id)
    await half_removed.finish_removal(CRM.id)

    assert (await Backlog(store).depth(CRM.id)).owed == 2
    assert await half_removed.removed() == set()


async def test_who_comes_late_to_finish_a_removal_forgets_nothing_of_what_was_added_since(
    half_removed: Registry, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    purge, has_read, is_added = Queue.purge, asyncio.Event(), asyncio.Event()

    async def purged_late(queue: Queue, endpoint: EndpointId, *, removed_at: UnixMs, is_last: bool) -> None:
        if asyncio.current_task() is late:
            has_read.set()
            await is_added.wait()
        await purge(queue, endpoint, removed_at=removed_at, is_last=is_last)

    monkeypatch.setattr(Queue, "purge", purged_late)
    late = asyncio.create_task(Registry(store).finish_removal(CRM.id))
    await has_read.wait()  # that the endpoint is gone

    await half_removed.put(CRM)
    await logged(store, a_stop(at=NOON + 5000))
    await routed(store)
    is_added.set()
    await late

    assert (await Backlog(store).depth(CRM.id)).owed == 1
    assert await half_removed.removed() == set()


async def test_what_was_filed_behind_a_removal_is_forgotten_by_the_next(half_removed: Registry, store: Store) -> None:
    await half_removed.finish_removal(CRM.id)
    await recorded(store, CRM)
    await half_removed.remove(CRM)

    await half_removed.finish_removal(CRM.id)

    assert await Backlog(store).depth(CRM.id) == Depth(owed=0, in_flight=0, dead=0)


async def test_one_that_cannot_be_forgotten_is_not_added(half_removed: Registry, store: Store) -> None:
    class Hindered(Registry):
        async def finish_removal(self, endpoint: EndpointId) -> None:
            """It is removed again and again."""

    with pytest.raises(StoreUnavailable, match="try again"):
        await Hindered(store).put(CRM)

    assert (await half_removed.directory()).endpoints == {}


async def test_one_that_is_removed_again_meanwhile_stays_noted(half_removed: Registry, store: Store) -> None:
    class Slow(Registry):
        async def purge(self, endpoint: EndpointId, *, is_last: bool = False) -> str:
            removed_at = await super().purge(endpoint, is_last=is_last)
            await half_removed.put(CRM)
            await half_removed.remove(CRM)
            return removed_at

    await Slow(store).finish_removal(CRM.id)

    assert await half_removed.removed() == {CRM.id}


async def test_what_nobody_removed_is_not_forgotten(registry: Registry, store: Store) -> None:
    await recorded(store, CRM)

    await registry.finish_removal(CRM.id)

    assert (await Backlog(store).depth(CRM.id)).owed == 2


async def _everything_in(store: Store) -> bytes:
    """Values as they are and as they are dumped, and the append-only file, which has every command since it was
    rewritten."""
    held = b""
    for key in await store.redis.keys():
        held += await store.redis.dump(key)
        if await store.redis.type(key) == b"hash":
            held += b"".join(b"".join(pair) for pair in (await store.redis.hgetall(key)).items())
    where = await store.redis.config_get("*dir*")
    files = [path for path in (Path(where["dir"]) / where["appenddirname"]).iterdir() if path.is_file()]
    assert files
    return held + b"".join(path.read_bytes() for path in files)
