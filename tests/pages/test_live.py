"""How pages stay true while they are open: two looks a second for everybody, and none for nobody."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import suppress

import aiohttp
import pytest

from config.clock import system_clock
from consent.errors import StoreUnavailable
from consent.ledger import Beat, Pulse, Registry, Store
from consent.ledger.tokens import Tokens
from consent.model import UnixMs
from console.desk import Desk
from console.pages.picture import Looking, Picture
from console.pages.poller import Poller
from console.pages.stream import ASKED_EVERY_S
from tests.builders import BOB, a_stop, an_endpoint
from tests.console.served import FIRST_TOKEN, Served, bury, logged, recorded, served, settings_of
from tests.e2e.installation import eventually
from tests.pages.visitor import Visitor, regions, visitor, watching


class Counted(Looking):
    """A real look, counted."""

    looks = 0
    fails = False

    async def look(self, now: UnixMs) -> Picture:
        type(self).looks += 1
        if self.fails:
            raise StoreUnavailable("the store is away for this test")
        return await super().look(now)


@pytest.fixture
async def poller(store: Store) -> AsyncIterator[Poller]:
    Counted.looks, Counted.fails = 0, False
    desk = Desk.over(settings_of(), store)
    polling = Poller(lambda: Counted(desk), system_clock, every_s=0.02, linger_s=0.1)
    yield polling
    await polling.close()


async def taken(poller: Poller, count: int) -> list[Picture]:
    found: list[Picture] = []
    async for picture in poller.pictures():
        found.append(picture)
        if len(found) == count:
            break
    return found


async def test_all_who_watch_share_one_look(poller: Poller) -> None:
    watchers = await asyncio.gather(*(taken(poller, 5) for _ in range(20)))

    assert all(watched == watchers[0] for watched in watchers)
    assert Counted.looks <= 7


async def test_nobody_looks_for_nobody(poller: Poller) -> None:
    await taken(poller, 2)
    await eventually(lambda: not poller.is_polling, within=30)
    after = Counted.looks

    await taken(poller, 1)

    assert Counted.looks == after + 1


async def test_a_store_that_is_away_is_told_and_looked_for_again(poller: Poller) -> None:
    troubled: list[bool] = []
    async for picture in poller.pictures():
        Counted.fails = not troubled
        troubled.append(bool(picture.trouble))
        if troubled[-1:] == [False] and True in troubled:
            break

    assert troubled[0] is False
    assert True in troubled


async def test_who_watches_is_let_go_when_the_process_stops(poller: Poller) -> None:
    async def watch() -> int:
        return len([picture async for picture in poller.pictures()])

    watching = asyncio.create_task(watch())
    await eventually(lambda: Counted.looks > 0, within=30)
    await poller.close()

    assert await asyncio.wait_for(watching, 30) >= 0


async def test_a_look_costs_the_store_little(store: Store) -> None:
    for number in range(30):
        await Registry(store).put(an_endpoint(f"e{number}"))
    looking = Looking(Desk.over(settings_of(), store))
    await looking.look(system_clock())

    async def commands() -> int:
        return int((await store.redis.info("stats"))["total_commands_processed"])

    before = await commands()
    await looking.look(system_clock())
    spent = await commands() - before

    # Four backlogs of three counts for each partition, who is owed something there and who has not heard of an opt-out,
    # its newest events, and a handful.
    assert spent < (4 * 3 + 2 + 1) * store.partitions + 20


async def test_the_backlog_of_every_endpoint_is_known_before_long(store: Store) -> None:
    endpoints = [an_endpoint(f"e{number:02}") for number in range(30)]
    await recorded(store, *endpoints)
    looking = Looking(Desk.over(settings_of(), store))

    for _ in range(20):
        picture = await looking.look(system_clock())

    assert [line.owed for line in picture.endpoints] == [2] * 30
    assert all(line.oldest_ms is not None for line in picture.endpoints)


async def test_what_wants_attention_comes_first(store: Store) -> None:
    await recorded(store, an_endpoint("a"), an_endpoint("b"))
    await Registry(store).disable(an_endpoint("b").id, "by hand")

    picture = await Looking(Desk.over(settings_of(), store)).look(system_clock())

    assert [line.id for line in picture.endpoints] == ["acme/b", "acme/a"]
    assert [line.id for line in picture.unwell] == ["acme/b"]


async def test_an_event_appears_without_the_page_being_loaded_again(site: Served) -> None:
    await recorded(site.store)
    async with watching(site) as told:
        await anext(told)
        event = await logged(site.store, a_stop(msisdn=BOB, at=system_clock()))
        await Pulse(site.store).beat(Beat("r1", "receiver", system_clock(), {"events": 1.0}))

        async for each in told:
            if event in each.get("latest", ""):
                break


async def test_what_did_not_change_is_not_sent_again(site: Served) -> None:
    await recorded(site.store)
    async with watching(site) as told:
        first = await anext(told)
        later = [await anext(told) for _ in range(2)]

    assert set(first) == {"headline", "figures", "charts", "endpoints", "latest"}
    assert not any({"headline", "latest"} & set(each) for each in later)


async def test_a_stream_ends_when_the_process_stops(store: Store) -> None:
    async with aiohttp.ClientSession(cookie_jar=aiohttp.CookieJar(unsafe=True)) as outside:
        async with served(store) as here:
            await outside.post(f"{here.url}/login", data={"token": FIRST_TOKEN})
            told = regions(await outside.get(f"{here.url}/live"))
            await anext(told)
            reading = asyncio.create_task(_rest(told))

        await asyncio.wait_for(reading, 30)


async def _rest(told: AsyncIterator[dict[str, str]]) -> None:
    with suppress(aiohttp.ClientError):  # that the connection was closed is an end, too
        async for _ in told:
            pass


@pytest.mark.parametrize("ends", ["her token is revoked", "she logs out"])
async def test_who_may_no_more_watches_no_more(site: Served, ends: str) -> None:
    await recorded(site.store)
    async with watching(site, "read") as told:
        await anext(told)
        if ends == "she logs out":
            await Visitor(site.http).post("/logout")
        else:
            await Tokens(site.store).revoke((await Tokens(site.store).list())[0].name)

        await asyncio.wait_for(_rest(told), 2 * ASKED_EVERY_S)

    async with site.http.get("/live", allow_redirects=False) as answer:
        assert answer.status == 303


async def test_a_stranger_watches_nothing(site: Served) -> None:
    async with site.http.get("/live", allow_redirects=False) as answer:
        assert answer.status == 303


async def test_without_an_endpoint_the_dashboard_does_not_say_that_all_is_well(site: Served) -> None:
    page = await (await visitor(site)).get("/")

    assert "Nobody is told of a STOP yet" in page.text
    assert "All is well" not in page.text


async def test_an_endpoint_that_is_disabled_is_pointed_out_at_the_top(site: Served) -> None:
    await recorded(site.store)
    await Registry(site.store).disable(an_endpoint().id, "by hand")

    page = await (await visitor(site)).get("/")

    assert "1 of 2 endpoints needs attention: acme/crm (disabled)" in page.text


async def test_an_opt_out_that_waits_too_long_is_pointed_out_before_all_else(store: Store) -> None:
    await recorded(store)
    async with served(store, settings_of(dispatcher={"optout_deadline": "1ms"})) as here:
        page = await (await visitor(here)).get("/")

    assert "Opt-outs are overdue at acme/crm" in page.text


async def test_while_something_is_given_up_the_dashboard_does_not_say_that_all_is_well(site: Served) -> None:
    await recorded(site.store)
    await bury(site.store)
    await bury(site.store, BOB)
    await Pulse(site.store).beat(Beat("d1", "dispatcher", system_clock(), {"delivered": 1.0}))

    page = await (await visitor(site)).get("/")

    assert "All is well" not in page.text
    assert "2 deliveries were given up." in page.text
    assert "every endpoint has heard all of them" not in page.text
    assert "/deliveries?state=dead" in page.links
