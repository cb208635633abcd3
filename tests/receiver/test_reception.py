"""A webhook is acknowledged when all that it reports is on record, and nothing of it is recorded twice."""

import asyncio
from dataclasses import replace
from itertools import permutations
from urllib.parse import urlencode

import pytest

from consent.errors import NoSuchSource, Refused, StoreUnavailable, StoreUnsafe, Unverified
from consent.keywords import rules
from consent.ledger import Ledger, Registry, Store
from consent.model import (
    CampaignId,
    Event,
    EventType,
    Millis,
    Msisdn,
    Partition,
    SourceId,
    Status,
    UnixMs,
)
from receiver.inbound import Inbound
from receiver.reception import ReadInPart, Receipt, Reception
from tests.builders import ACME, ALERTS, ANN, a_campaign, a_source, let_wait
from tests.out_of_memory import out_of_memory

NOW = UnixMs(1_764_000_000_000)
NEXMO = a_source()
SKYCORE = a_source(id=SourceId("skycore-main"), provider="skycore", token="another-t0ken-of-16-chars")


@pytest.fixture
async def reception(ledger: Ledger, registry: Registry) -> Reception:
    for row in (a_campaign(), NEXMO, SKYCORE):
        await registry.put(row)
    return await a_reception(ledger, registry)


async def a_reception(ledger: Ledger, registry: Registry) -> Reception:
    built = Reception(ledger, registry, rules(("en",)), parts_wait=Millis(60_000))
    built.directory = await registry.directory()
    built.unsafe = None
    return built


def a_text(text: str = "STOP", *, message: str = "m1", sender: str = ANN, **more: str) -> Inbound:
    given = {"msisdn": sender, "to": "123456", "messageId": message, "text": text, "type": "text", **more}
    given.setdefault("message-timestamp", "2014-06-27 18:31:33")
    return Inbound(
        method="POST", query="", content_type="application/x-www-form-urlencoded", body=urlencode(given).encode()
    )


def a_part(number: int, text: str, *, total: int = 3, message: str = "m1", **more: str) -> Inbound:
    concat = {"concat": "true", "concat-ref": "7", "concat-total": str(total), "concat-part": str(number)}
    return a_text(text, message=f"{message}-{number}", **concat, **more)


def a_batch(*numbers: str, code: str = "N302", campaign: str = ALERTS) -> Inbound:
    notifications = "".join(
        f'<NOTIFICATION ID="{n}"><ORIGIN>SUB</ORIGIN><CODE>{code}</CODE><BODY><MOBILE>{number}</MOBILE>'
        f"<CAMPAIGNID>{campaign}</CAMPAIGNID></BODY></NOTIFICATION>"
        for n, number in enumerate(numbers)
    )
    body = f"<POSTBACK>{notifications}</POSTBACK>".encode()
    return Inbound(method="POST", query="", content_type="text/xml", body=body)


async def recorded(ledger: Ledger, msisdn: str = ANN) -> list[Event]:
    return list(reversed(await ledger.history(ACME, Msisdn(msisdn))))


async def swept(reception: Reception) -> Receipt:
    await let_wait(reception._ledger._store, 2**42)
    receipts = [await reception.judge_overdue(Partition(p)) for p in range(4)]
    return next((receipt for receipt in receipts if receipt != Receipt()), Receipt())


# ── who is asking ───────────────────────────────────────────────────────────────────────────────────────────────────


async def test_a_token_names_its_source(reception: Reception) -> None:
    assert reception.source_of(SKYCORE.token) == SKYCORE


async def test_an_unknown_token_is_refused(reception: Reception) -> None:
    with pytest.raises(NoSuchSource):
        reception.source_of("nobody's")


async def test_a_source_that_has_lost_its_token_believes_nobody(ledger: Ledger, registry: Registry) -> None:
    await registry.put(replace(NEXMO, token=""))

    with pytest.raises(NoSuchSource):
        (await a_reception(ledger, registry)).source_of("")


async def test_before_the_registry_was_read_everybody_shall_come_again(ledger: Ledger, registry: Registry) -> None:
    unready = Reception(ledger, registry, rules(("en",)), parts_wait=Millis(60_000))

    with pytest.raises(StoreUnavailable, match="registry has not been read"):
        unready.source_of(NEXMO.token)
    unready.unsafe = None
    with pytest.raises(StoreUnavailable, match="registry has not been read"):
        await unready.take(a_text(), NEXMO, NOW)


async def test_nothing_is_taken_that_an_unsafe_store_could_lose(reception: Reception, ledger: Ledger) -> None:
    reception.unsafe = "it does not persist"

    with pytest.raises(StoreUnsafe, match="does not persist"):
        await reception.take(a_text(), NEXMO, NOW)

    assert await ledger.history(ACME, ANN) == []


async def test_what_is_not_signed_leaves_no_trace(reception: Reception, ledger: Ledger) -> None:
    with pytest.raises(Unverified):
        await reception.take(a_text(), replace(NEXMO, signature_secret="s3cret"), NOW)

    assert await recorded(ledger) == []


# ── one report ──────────────────────────────────────────────────────────────────────────────────────────────────────


async def test_a_stop_is_on_record_when_its_receipt_is_there(reception: Reception, ledger: Ledger) -> None:
    receipt = await reception.take(a_text("STOP"), NEXMO, NOW)

    (event,) = await recorded(ledger)
    assert (receipt.events, receipt.types) == ((event.id,), (EventType.OPTED_OUT,))
    assert (event.origin.source, event.received_at) == (NEXMO.id, NOW)


async def test_a_yes_that_nobody_asked_for_is_told_as_the_message_that_it_was_recorded_as(
    reception: Reception, ledger: Ledger
) -> None:
    receipt = await reception.take(a_text("YES"), NEXMO, NOW)

    (event,) = await recorded(ledger)
    assert receipt.types == (event.type,) == (EventType.MESSAGE_RECEIVED,)


async def test_a_repeat_is_a_duplicate_and_a_late_one_superseded(reception: Reception) -> None:
    await reception.take(a_text("STOP", message="m1"), NEXMO, NOW)

    again = await reception.take(a_text("STOP", message="m1"), NEXMO, NOW)
    late = await reception.take(
        a_text("START", message="m0", **{"message-timestamp": "2014-06-27 18:31:32"}), NEXMO, NOW
    )

    assert (again.duplicates, again.events) == (1, ())
    assert (late.superseded, len(late.events)) == (1, 1)


async def test_a_visit_reports_nothing(reception: Reception) -> None:
    visit = Inbound(method="GET", query="", content_type="", body=b"")

    assert await reception.take(visit, NEXMO, NOW) == Receipt()


async def test_a_stop_to_a_number_nobody_registered_discovers_its_campaign(
    reception: Reception, registry: Registry, ledger: Ledger
) -> None:
    await reception.take(a_text("STOP", to="999"), NEXMO, NOW)

    (event,) = await recorded(ledger)
    discovered = (await registry.directory()).campaign(ACME, event.campaign or CampaignId(""))
    assert discovered is not None
    assert (discovered.discovered, discovered.short_code) == (True, "999")


# ── batches ─────────────────────────────────────────────────────────────────────────────────────────────────────────

THREE_HUNDRED = [f"1650{n:07}" for n in range(300)]


async def test_a_batch_of_three_hundred_is_recorded_whole_and_its_repeat_not_at_all(
    reception: Reception, ledger: Ledger
) -> None:
    receipt = await reception.take(a_batch(*THREE_HUNDRED), SKYCORE, NOW)
    again = await reception.take(a_batch(*THREE_HUNDRED), SKYCORE, NOW)

    assert len(set(receipt.events)) == 300
    assert (again.events, again.duplicates, again.types) == ((), 300, (EventType.OPTED_OUT,))
    assert len(await ledger.newest(1000)) == 300


async def test_a_batch_sent_twice_at_once_is_recorded_once(reception: Reception, ledger: Ledger) -> None:
    receipts = await asyncio.gather(*(reception.take(a_batch(*THREE_HUNDRED[:50]), SKYCORE, NOW) for _ in range(3)))

    assert sum(len(receipt.events) for receipt in receipts) == 50
    assert sum(receipt.duplicates for receipt in receipts) == 100


async def test_what_can_be_read_of_a_batch_is_recorded_and_the_rest_is_refused(
    reception: Reception, ledger: Ledger
) -> None:
    batch = a_batch("16505550101", "", "16505550103")
    brought = []
    for _ in range(2):
        with pytest.raises(ReadInPart, match="1 of 3 cannot be read, the others are recorded; the first: ") as refused:
            await reception.take(batch, SKYCORE, NOW)
        brought.append(refused.value.receipt)

    assert [(len(receipt.events), receipt.duplicates) for receipt in brought] == [(2, 0), (0, 2)]
    assert {event.msisdn for event in await ledger.newest(10)} == {"16505550101", "16505550103"}
    assert len(await ledger.newest(10)) == 2


async def test_a_batch_of_which_nothing_can_be_read_is_refused(reception: Reception, ledger: Ledger) -> None:
    with pytest.raises(Refused, match=r"^N302 needs MOBILE"):
        await reception.take(a_batch("", ""), SKYCORE, NOW)

    assert await ledger.newest(10) == []


async def test_an_odd_number_in_a_batch_is_opted_out_like_the_others(reception: Reception, ledger: Ledger) -> None:
    receipt = await reception.take(a_batch("16505550101", "PizzaBot", "12"), SKYCORE, NOW)

    assert len(receipt.events) == 3
    assert [event.is_odd for event in await recorded(ledger, "PizzaBot")] == [True]


async def test_a_batch_that_the_store_refuses_is_not_acknowledged_and_may_come_again(
    reception: Reception, store: Store, ledger: Ledger
) -> None:
    await reception.take(a_text("hello"), NEXMO, NOW)
    async with out_of_memory(store):
        with pytest.raises(StoreUnavailable):
            await reception.take(a_batch(*THREE_HUNDRED[:5]), SKYCORE, NOW)

    assert len((await reception.take(a_batch(*THREE_HUNDRED[:5]), SKYCORE, NOW)).events) == 5


async def test_a_stop_is_recorded_under_whatever_id_its_provider_gives_it(reception: Reception, ledger: Ledger) -> None:
    for text in ("hello", "STOP", "hello", "STOP"):
        await reception.take(a_text(text, message="1"), NEXMO, NOW)

    assert [event.type for event in await recorded(ledger)] == [EventType.MESSAGE_RECEIVED, EventType.OPTED_OUT]


# ── parts ───────────────────────────────────────────────────────────────────────────────────────────────────────────

PARTS = {1: "ST", 2: "O", 3: "P"}


@pytest.mark.parametrize("order", list(permutations(PARTS)))
async def test_parts_make_one_text_in_whatever_order_they_come(
    reception: Reception, ledger: Ledger, order: tuple[int, ...]
) -> None:
    receipts = [await reception.take(a_part(n, PARTS[n]), NEXMO, NOW) for n in order]

    assert [receipt.parts_held for receipt in receipts] == [1, 1, 0]
    assert receipts[-1].types == (EventType.OPTED_OUT,)
    assert [event.status for event in await recorded(ledger)] == [Status.OPTED_OUT]


async def test_parts_that_are_repeated_make_one_text_all_the_same(reception: Reception, ledger: Ledger) -> None:
    for n in (2, 2, 1, 2, 3, 1, 3, 2):
        await reception.take(a_part(n, PARTS[n]), NEXMO, NOW)

    (event,) = await recorded(ledger)
    assert event.type is EventType.OPTED_OUT


async def test_parts_of_two_senders_do_not_mix(reception: Reception, ledger: Ledger) -> None:
    for n, text in PARTS.items():
        await reception.take(a_part(n, text), NEXMO, NOW)
        await reception.take(a_part(n, text.lower() + "x", sender="15558937009"), NEXMO, NOW)

    assert [event.type for event in await recorded(ledger)] == [EventType.OPTED_OUT]
    assert [event.type for event in await recorded(ledger, "15558937009")] == [EventType.MESSAGE_RECEIVED]


async def test_what_came_of_a_text_is_judged_when_the_rest_is_overdue(reception: Reception, ledger: Ledger) -> None:
    await reception.take(a_part(1, "STOP", total=2), NEXMO, NOW)

    receipt = await swept(reception)

    assert receipt.types == (EventType.OPTED_OUT,)
    assert [event.id for event in await recorded(ledger)] == [*receipt.events]
    assert await swept(reception) == Receipt()


async def test_a_reference_that_comes_round_joins_no_two_texts_and_costs_no_stop(
    reception: Reception, ledger: Ledger
) -> None:
    at = {"message-timestamp": "2014-06-27 18:33:00"}
    await reception.take(a_part(1, "see you", total=2, message="a"), NEXMO, NOW)
    await reception.take(a_part(2, "OP", total=2, message="b", **at), NEXMO, NOW)
    await reception.take(a_part(1, "ST", total=2, message="b", **at), NEXMO, NOW)

    assert [event.type for event in await recorded(ledger)] == [EventType.OPTED_OUT]
    assert (await swept(reception)).types == (EventType.MESSAGE_RECEIVED,)
    assert '"text":"see you"' in (await recorded(ledger))[-1].detail


async def test_of_parts_that_may_be_of_two_texts_a_stop_counts_by_itself(reception: Reception, ledger: Ledger) -> None:
    later = {"message-timestamp": "2014-06-27 18:33:00"}
    await reception.take(a_part(1, "see you", total=2, message="a"), NEXMO, NOW)
    receipt = await reception.take(a_part(2, "STOP", total=2, message="b", **later), NEXMO, NOW)

    assert receipt.parts_held == 1
    assert (await swept(reception)).types == (EventType.OPTED_OUT,)
    assert await swept(reception) == Receipt()


async def test_a_part_that_is_not_overdue_waits(reception: Reception, ledger: Ledger) -> None:
    await reception.take(a_part(1, "STOP", total=2), NEXMO, NOW)

    assert [await reception.judge_overdue(Partition(p)) for p in range(4)] == [Receipt()] * 4
    assert await recorded(ledger) == []


async def test_an_overdue_text_is_judged_once_though_two_receivers_sweep(
    reception: Reception, ledger: Ledger, registry: Registry
) -> None:
    other = await a_reception(ledger, registry)
    for n in range(10):
        await reception.take(a_part(1, "STOP", total=2, sender=f"1650555{n:04}"), NEXMO, NOW)

    await let_wait(reception._ledger._store, 2**42)
    receipts = await asyncio.gather(*(one.judge_overdue(Partition(p)) for one in (reception, other) for p in range(4)))

    assert sum(len(receipt.events) for receipt in receipts) == 10
    assert len(await ledger.newest(100)) == 10


async def test_a_text_counts_though_its_source_was_removed_meanwhile(
    reception: Reception, ledger: Ledger, registry: Registry
) -> None:
    await reception.take(a_part(1, "STOP", total=2), NEXMO, NOW)
    await registry.remove(NEXMO)
    reception.directory = await registry.directory()

    await swept(reception)

    (event,) = await recorded(ledger)
    assert (event.type, event.origin.source) == (EventType.OPTED_OUT, NEXMO.id)


async def test_a_text_to_an_unknown_number_is_swept_with_its_campaign_discovered(
    reception: Reception, registry: Registry
) -> None:
    await reception.take(a_part(1, "STOP", total=2, to="999"), NEXMO, NOW)

    await swept(reception)

    assert [c.short_code for c in (await registry.directory()).campaigns.values() if c.discovered] == ["999"]
