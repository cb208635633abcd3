"""A webhook goes in; a signed notification comes out: once, in order, and nothing else is disturbed."""

import asyncio
from signal import SIGTERM

import aiohttp

from consent.ledger import Registry
from consent.model import EventType
from tests.builders import ANN, BOB, a_source
from tests.e2e.installation import Installation, crm, eventually, text


async def started(here: Installation, *, receivers: int = 1, dispatchers: int = 1) -> None:
    await here.register(crm(here.sink))
    await asyncio.gather(
        *(here.start_receiver(n) for n in range(receivers)), *(here.start_dispatcher(n) for n in range(dispatchers))
    )


async def test_a_stop_arrives_signed_and_the_log_tells_its_story(
    here: Installation, http: aiohttp.ClientSession
) -> None:
    await started(here)

    async with http.post(here.hook(), data=text(ANN, "STOP", identity="0A01")) as response:
        assert (response.status, await response.read()) == (200, b"")
    await eventually(lambda: bool(here.sink.received), within=5)

    ((webhook_id, body),) = here.sink.received
    assert body["type"] == "consent.opted_out"
    assert body["timestamp"] == "2014-06-27T18:31:33Z"
    assert body["data"]["event_id"] == webhook_id
    assert body["data"]["msisdn"] == ANN
    assert body["data"]["source"] == {"id": "nexmo-main", "provider": "nexmo", "via": "MO"}
    await eventually(lambda: "delivery.attempted" in here.log_of("dispatcher0"))
    story = here.log_of("receiver0") + here.log_of("dispatcher0")
    for told in ("webhook.accepted", "event.routed", "delivery.attempted"):
        assert story.count(told) == 1
    assert ANN not in story


async def test_one_message_fifty_times_over_two_receivers_is_one_event_and_one_delivery(
    here: Installation, http: aiohttp.ClientSession
) -> None:
    await started(here, receivers=2, dispatchers=2)

    async def post(n: int) -> int:
        async with http.post(here.hook(n % 2), data=text(ANN, "STOP", identity="0A01")) as response:
            return response.status

    assert await asyncio.gather(*(post(n) for n in range(50))) == [200] * 50
    async with http.post(here.hook(), data=text(BOB, "STOP", identity="0A02")) as response:
        assert response.status == 200
    await eventually(lambda: len(here.sink.received) >= 2)

    assert len(await here.history(ANN)) == 1
    assert here.sink.told(ANN) == ["opted_out"]
    assert len(here.sink.received) == 2


async def test_a_failing_endpoint_gets_stop_start_stop_in_that_order_and_delays_nobody_else(
    here: Installation, http: aiohttp.ClientSession
) -> None:
    await started(here)
    here.sink.answers[ANN] = 500

    for n, word in enumerate(("STOP", "START", "STOP")):
        async with http.post(
            here.hook(), data=text(ANN, word, identity=f"0A0{n}", at=f"2014-06-27 18:31:3{n}")
        ) as response:
            assert response.status == 200
    async with http.post(here.hook(), data=text(BOB, "STOP", identity="0B01")) as response:
        assert response.status == 200
    await eventually(lambda: here.sink.told(BOB) == ["opted_out"])
    assert here.sink.told(ANN) == []
    del here.sink.answers[ANN]
    await eventually(lambda: len(here.sink.told(ANN)) == 3)

    assert here.sink.told(ANN) == ["opted_out", "opted_in", "opted_out"]


async def test_an_older_start_after_a_newer_stop_is_on_the_history_and_told_to_nobody(
    here: Installation, http: aiohttp.ClientSession
) -> None:
    await started(here)

    for word, identity, at in (("STOP", "0A02", "2014-06-27 18:31:40"), ("START", "0A01", "2014-06-27 18:31:33")):
        async with http.post(here.hook(), data=text(ANN, word, identity=identity, at=at)) as response:
            assert response.status == 200
    async with http.post(here.hook(), data=text(BOB, "STOP", identity="0B01")) as response:
        assert response.status == 200
    await eventually(lambda: here.sink.told(BOB) == ["opted_out"])

    newest, oldest = await here.history(ANN)
    assert (newest.type, newest.superseded) == (EventType.OPTED_IN, True)
    assert (oldest.type, oldest.superseded) == (EventType.OPTED_OUT, False)
    assert here.sink.told(ANN) == ["opted_out"]


async def test_the_parts_of_a_long_text_are_judged_as_one(here: Installation, http: aiohttp.ClientSession) -> None:
    await started(here)
    concat = {"concat": "true", "concat-ref": "4", "concat-total": "2"}

    for number, words in ((2, "P"), (1, "STO")):
        part = text(ANN, words, identity=f"0A0{number}", **concat, **{"concat-part": str(number)})
        async with http.post(here.hook(), data=part) as response:
            assert response.status == 200
    await eventually(lambda: here.sink.told(ANN) == ["opted_out"])

    assert [event.origin.rule for event in await here.history(ANN)] == ["exact:stop"]


async def test_a_long_text_is_judged_by_what_came_when_the_rest_never_does(
    here: Installation, http: aiohttp.ClientSession
) -> None:
    await started(here)
    concat = {"concat": "true", "concat-ref": "4", "concat-total": "3", "concat-part": "1"}

    async with http.post(here.hook(), data=text(ANN, "STOP", identity="0A01", **concat)) as response:
        assert response.status == 200

    await eventually(lambda: here.sink.told(ANN) == ["opted_out"], within=30)


async def test_a_text_to_an_unknown_short_code_is_not_lost(here: Installation, http: aiohttp.ClientSession) -> None:
    await started(here)

    async with http.post(here.hook(), data={**text(ANN, "STOP", identity="0A01"), "to": "99999"}) as response:
        assert response.status == 200
    await eventually(lambda: here.sink.told(ANN) == ["opted_out"])

    assert here.sink.received[0][1]["data"]["campaign"]["id"] == "99999"


async def test_a_gone_endpoint_is_disabled_and_what_it_is_owed_is_held(
    here: Installation, http: aiohttp.ClientSession
) -> None:
    await started(here)
    here.sink.answers["*"] = 410

    for n in range(3):
        async with http.post(
            here.hook(), data=text(ANN, "STOP", identity=f"0A0{n}", at=f"2014-06-27 18:31:3{n}")
        ) as response:
            assert response.status == 200

    async def is_disabled() -> bool:
        async with here.opened() as store:
            return bool((await Registry(store).directory()).endpoints[crm(here.sink).id].disabled)

    await eventually(is_disabled)
    assert await here.owed(crm(here.sink)) == 1
    assert here.sink.refused == 1


async def test_sigterm_ends_both_processes_cleanly(here: Installation, http: aiohttp.ClientSession) -> None:
    await started(here)
    async with http.post(here.hook(), data=text(ANN, "STOP", identity="0A01")) as response:
        assert response.status == 200
    await eventually(lambda: bool(here.sink.received))

    assert await here.kill("receiver0", SIGTERM) == 0
    assert await here.kill("dispatcher0", SIGTERM) == 0
    for name in ("receiver0", "dispatcher0"):
        assert "Traceback" not in here.log_of(name)


async def test_every_refusal_is_answered_as_the_provider_needs_and_logged_once(
    here: Installation, http: aiohttp.ClientSession
) -> None:
    secret, token = "signature-secret-nobody-logs", "another-token-of-16-chars"
    await started(here)
    async with here.opened() as store:
        await Registry(store).put(a_source(id="signed", token=token, signature_secret=secret))

    async def signed_source_known() -> bool:
        async with http.post(here.hook(token=token), data=text(ANN, "STOP", identity="0A01", sig="0" * 32)) as response:
            return response.status == 403

    await eventually(signed_source_known)
    before = here.log_of("receiver0").count("webhook.refused")
    answers = {}
    wrong = text(ANN, "STOP", identity="0A01", sig="0" * 32, timestamp="1764000000")
    for name, url, data in (
        ("wrong token", here.hook(token="no-such-token-at-all"), wrong),
        ("bad signature", here.hook(token=token), wrong),
        ("too large", here.hook(), {**wrong, "text": "x" * 70_000}),
    ):
        async with http.post(url, data=data) as response:
            answers[name] = (response.status, await response.read())
    await here.kill("store", SIGTERM)
    async with http.post(here.hook(), data=wrong) as response:
        answers["store down"] = (response.status, await response.read())
        retry_after = response.headers["Retry-After"]

    assert answers == {
        "wrong token": (404, b""),
        "bad signature": (403, b""),
        "too large": (413, b""),
        "store down": (503, b""),
    }
    assert int(retry_after) >= 1
    log = here.log_of("receiver0")
    assert log.count("webhook.refused") == before + 4
    for unspeakable in (ANN, secret, token, "no-such-token-at-all"):
        assert unspeakable not in log
