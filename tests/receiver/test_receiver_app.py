"""The receiver as a process has it: it becomes ready, follows the registry, and outlives the store's absences."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

import aiohttp

from config.settings import Settings
from consent.ledger import Ledger, Registry, Store
from consent.model import EventType, SourceId
from receiver.app import Receiver
from tests.builders import ACME, ANN, a_campaign, a_source
from tests.e2e.installation import Installation, eventually, free_port, text

NEXMO = a_source()


@dataclass
class Running:
    receiver: Receiver
    url: str
    internal_url: str
    http: aiohttp.ClientSession

    async def post(self, word: str = "STOP", *, identity: str = "m1", token: str = NEXMO.token, **more: str) -> int:
        url = f"{self.url}/hooks/{token}"
        async with self.http.post(url, data=text(ANN, word, identity=identity, **more)) as response:
            return response.status

    async def get(self, path: str) -> int:
        async with self.http.get(self.internal_url + path) as response:
            return response.status


@asynccontextmanager
async def running(store: Store) -> AsyncIterator[Running]:
    port, internal = free_port(), free_port()
    settings = Settings.model_validate(
        {"receiver": {"port": port, "internal_port": internal, "parts_wait": "1s"}, "store": {"partitions": 4}}
    )
    receiver, stop = Receiver(settings, store), asyncio.Event()
    serving = asyncio.create_task(receiver.serve(stop))
    try:
        async with aiohttp.ClientSession() as http:
            yield Running(receiver, f"http://127.0.0.1:{port}", f"http://127.0.0.1:{internal}", http)
    finally:
        stop.set()
        async with asyncio.timeout(10):
            await serving


async def ready(here: Running) -> None:
    await eventually(lambda: here.receiver.unready is None)


async def test_it_is_ready_once_the_store_is_safe_and_the_registry_was_read(store: Store, registry: Registry) -> None:
    await registry.put(NEXMO)
    async with running(store) as here:
        assert here.receiver.unready == "starting"
        await ready(here)

        assert await here.get("/readyz") == await here.get("/healthz") == await here.get("/metrics") == 200
        assert await here.post() == 200


async def test_what_is_registered_while_it_runs_is_served_at_once(store: Store, registry: Registry) -> None:
    async with running(store) as here:
        await ready(here)
        assert await here.post() == 404
        await registry.put(NEXMO)

        async def is_served() -> bool:
            return await here.post() == 200

        await eventually(is_served, within=3)


async def test_a_text_whose_rest_never_comes_is_judged_in_time(
    store: Store, registry: Registry, ledger: Ledger
) -> None:
    await registry.put(a_campaign())
    await registry.put(NEXMO)
    concat = {"concat": "true", "concat-ref": "7", "concat-total": "2", "concat-part": "1"}
    async with running(store) as here:
        await ready(here)
        assert await here.post(**concat) == 200

        async def is_judged() -> bool:
            return [event.type for event in await ledger.history(ACME, ANN)] == [EventType.OPTED_OUT]

        await eventually(is_judged, within=5)


async def test_it_outlives_the_store_and_needs_no_restart(own: Installation) -> None:
    async with own.opened() as store, running(store) as here:
        await Registry(store).put(NEXMO)
        await Registry(store).put(a_source(id=SourceId("other"), token="other-t0ken-of-16-chars"))
        await ready(here)

        async def is_answered() -> bool:
            return await here.post() == 200

        await eventually(is_answered)
        await own.kill("store")
        assert await here.post(identity="m2") == 503
        await own.start_store()

        async def is_taken() -> bool:
            return await here.post(identity="m2") == 200

        await eventually(is_taken)
        assert len(await Ledger(store).history(ACME, ANN)) == 2


async def test_an_unsafe_store_makes_it_unready_and_every_webhook_comes_again(own: Installation) -> None:
    async with own.opened() as store:
        await Registry(store).put(NEXMO)
        await store.redis.config_set("appendonly", "no")
        async with running(store) as here:
            await eventually(lambda: "does not persist" in (here.receiver.unready or ""))

            assert await here.get("/readyz") == 503
            assert await here.get("/healthz") == 200
            await eventually(lambda: here.receiver.reception.directory is not None)
            assert await here.post() == 503


async def test_a_request_under_way_is_answered_before_it_leaves(store: Store, registry: Registry) -> None:
    await registry.put(NEXMO)
    async with running(store) as here:
        await ready(here)
        posting = [asyncio.create_task(here.post(identity=str(n))) for n in range(20)]
        await eventually(lambda: sum(task.done() for task in posting) > 0)
        await asyncio.gather(*posting)

    assert [task.result() for task in posting] == [200] * 20
