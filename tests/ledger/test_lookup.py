"""One number or ten thousand: what the ledger says of them, in the order asked."""

import random
from typing import Any

import pytest

from consent.errors import StoreUnavailable
from consent.ledger import Ledger, Lookup, Store
from consent.ledger.keys import consent_cell, consent_field
from consent.ledger.lookup import Known
from consent.model import AccountId, Actor, CampaignId, Change, Msisdn, Question, Status, UnixMs
from tests.builders import ACME, ALERTS, ANN, BOB, NOON, a_change, a_start, a_stop, an_origin

LATER = UnixMs(NOON + 3_600_000)
OTHER = CampaignId("news")


def a_question(*, at: int = NOON, **changed: Any) -> Change:
    return a_change(Status.PENDING, at=at, question=Question(until=UnixMs(at + 60_000)), **changed)


@pytest.fixture
def lookup(store: Store) -> Lookup:
    return Lookup(store)


async def test_a_number_that_was_never_seen_is_not_known(lookup: Lookup) -> None:
    assert await lookup.one(ACME, (ALERTS,), ANN, now=NOON) is None
    assert await lookup.many(ACME, (ALERTS,), [ANN], now=NOON) == [Status.UNKNOWN]


async def test_who_decided_since_when_and_how_often(ledger: Ledger, lookup: Lookup) -> None:
    await ledger.apply(a_start())
    assert await lookup.one(ACME, (ALERTS,), ANN, now=LATER) == Known(Status.OPTED_IN, Actor.RECIPIENT, NOON, 1)
    await ledger.apply(a_stop(at=LATER, origin=an_origin(Actor.ACCOUNT)))

    assert await lookup.one(ACME, (ALERTS,), ANN, now=LATER) == Known(Status.OPTED_OUT, Actor.ACCOUNT, LATER, 2)


async def test_a_repeat_does_not_move_the_date(ledger: Ledger, lookup: Lookup) -> None:
    await ledger.apply(a_stop())
    await ledger.apply(a_stop(at=LATER))

    known = await lookup.one(ACME, (ALERTS,), ANN, now=LATER)

    assert known == Known(Status.OPTED_OUT, Actor.RECIPIENT, NOON, 2)


async def test_accounts_and_campaigns_do_not_know_of_each_other(ledger: Ledger, lookup: Lookup) -> None:
    await ledger.apply(a_stop())

    assert await lookup.one(ACME, (OTHER,), ANN, now=NOON) is None
    assert await lookup.one(AccountId("other"), (ALERTS,), ANN, now=NOON) is None
    assert await lookup.one(ACME, (ALERTS,), BOB, now=NOON) is None


async def test_a_question_is_pending_until_it_lapses(ledger: Ledger, lookup: Lookup) -> None:
    await ledger.apply(a_question())

    for now, status in ((NOON + 60_000, Status.PENDING), (NOON + 61_000, Status.UNKNOWN)):
        known = await lookup.one(ACME, (ALERTS,), ANN, now=UnixMs(now))
        assert (known.status if known else Status.UNKNOWN) is status
        assert await lookup.many(ACME, (ALERTS,), [ANN], now=UnixMs(now)) == [status]


async def test_a_question_that_lapsed_leaves_who_was_out_out_since_then(ledger: Ledger, lookup: Lookup) -> None:
    await ledger.apply(a_stop(origin=an_origin(Actor.ACCOUNT)))
    await ledger.apply(a_question(at=NOON + 1000))

    known = await lookup.one(ACME, (ALERTS,), ANN, now=LATER)

    assert known is not None
    assert (known.status, known.since) == (Status.OPTED_OUT, NOON)
    assert await lookup.many(ACME, (ALERTS,), [ANN], now=LATER) == [Status.OPTED_OUT]


async def test_thousands_are_answered_in_the_order_asked_repeats_and_all(ledger: Ledger, lookup: Lookup) -> None:
    numbers = [Msisdn(f"1650{n:07}") for n in range(300)]
    expected = {}
    for n, msisdn in enumerate(numbers):
        expected[msisdn] = (Status.OPTED_IN, Status.OPTED_OUT, Status.PENDING, Status.UNKNOWN)[n % 4]
        if n % 4 < 3:
            await ledger.apply(a_change(expected[msisdn], msisdn=msisdn))
    asked = random.Random(1).choices(numbers, k=4321)

    statuses = await lookup.many(ACME, (ALERTS,), asked, now=NOON)

    assert statuses == [expected[msisdn] for msisdn in asked]


async def test_of_no_numbers_nothing_is_said(lookup: Lookup) -> None:
    assert await lookup.many(ACME, (ALERTS,), [], now=NOON) == []


async def test_what_the_store_refuses_is_no_answer(store: Store, lookup: Lookup) -> None:
    await store.redis.set(store.keys_of(ANN).consent(ACME, ANN), "no hash")

    with pytest.raises(StoreUnavailable):
        await lookup.one(ACME, (ALERTS,), ANN, now=NOON)
    with pytest.raises(StoreUnavailable):
        await lookup.many(ACME, (ALERTS,), [BOB, ANN], now=NOON)


@pytest.mark.parametrize("msisdn", [ANN, BOB, Msisdn("0049"), Msisdn("Müller"), Msisdn("")])
def test_a_cell_is_where_the_ledger_writes(store: Store, msisdn: Msisdn) -> None:
    key, field = consent_cell(ACME, ALERTS, msisdn, store.partitions)

    assert key == store.keys_of(msisdn).consent(ACME, msisdn)
    assert field == consent_field(msisdn, ALERTS)


async def test_what_was_decided_last_in_any_of_the_campaigns_counts(lookup: Lookup, ledger: Ledger) -> None:
    await ledger.apply(a_stop(campaigns=(OTHER,)))
    await ledger.apply(a_start(msisdn=BOB, campaigns=(OTHER,)))
    await ledger.apply(a_stop(msisdn=BOB, campaigns=(ALERTS,), at=LATER))

    known = await lookup.one(ACME, (ALERTS, OTHER), ANN, now=LATER)

    assert known is not None
    assert known.status is Status.OPTED_OUT
    assert await lookup.many(ACME, (ALERTS, OTHER), [BOB, ANN, Msisdn("15550000000")], now=LATER) == [
        Status.OPTED_OUT,
        Status.OPTED_OUT,
        Status.UNKNOWN,
    ]


async def test_in_a_tie_between_campaigns_the_opt_out_counts(lookup: Lookup, ledger: Ledger) -> None:
    await ledger.apply(a_start(campaigns=(ALERTS,)))
    await ledger.apply(a_stop(campaigns=(OTHER,)))

    assert await lookup.many(ACME, (ALERTS, OTHER), [ANN], now=NOON) == [Status.OPTED_OUT]


async def test_a_forerunner_opts_nobody_in(lookup: Lookup, ledger: Ledger) -> None:
    """She left the campaign, and was opted in at its short code's forerunner later: that is about the forerunner."""
    await ledger.apply(a_stop(campaigns=(ALERTS,)))
    await ledger.apply(a_start(campaigns=(OTHER,), at=LATER))
    await ledger.apply(a_start(msisdn=BOB, campaigns=(OTHER,)))

    known = await lookup.one(ACME, (ALERTS, OTHER), ANN, now=LATER)

    assert known == Known(Status.OPTED_OUT, Actor.RECIPIENT, NOON, 1)
    assert await lookup.one(ACME, (ALERTS, OTHER), BOB, now=LATER) is None
    assert await lookup.many(ACME, (ALERTS, OTHER), [ANN, BOB], now=LATER) == [Status.OPTED_OUT, Status.UNKNOWN]


async def test_an_opt_in_since_then_outweighs_the_stop_of_a_forerunner(lookup: Lookup, ledger: Ledger) -> None:
    await ledger.apply(a_stop(campaigns=(OTHER,)))
    await ledger.apply(a_start(campaigns=(ALERTS,), at=LATER))

    assert await lookup.many(ACME, (ALERTS, OTHER), [ANN], now=LATER) == [Status.OPTED_IN]


async def test_a_question_in_a_forerunner_takes_nobody_off_its_opt_out_list(lookup: Lookup, ledger: Ledger) -> None:
    await ledger.apply(a_stop(campaigns=(OTHER,), origin=an_origin(Actor.ACCOUNT)))
    await ledger.apply(a_question(campaigns=(OTHER,), at=NOON + 1000))
    await ledger.apply(a_question(msisdn=BOB, campaigns=(OTHER,), at=NOON + 1000))

    statuses = await lookup.many(ACME, (ALERTS, OTHER), [ANN, BOB], now=UnixMs(NOON + 2000))

    assert statuses == [Status.OPTED_OUT, Status.UNKNOWN]


MEXICAN, ON_WHATSAPP = Msisdn("525512345678"), Msisdn("5215512345678")


async def test_a_stop_by_the_other_writing_of_a_number_holds(lookup: Lookup, ledger: Ledger) -> None:
    await ledger.apply(a_start(msisdn=MEXICAN))
    await ledger.apply(a_stop(msisdn=ON_WHATSAPP, at=LATER))

    known = await lookup.one(ACME, (ALERTS,), MEXICAN, now=LATER)
    statuses = await lookup.many(ACME, (ALERTS,), [ANN, MEXICAN, BOB, ON_WHATSAPP], now=LATER)

    assert known == Known(Status.OPTED_OUT, Actor.RECIPIENT, LATER, 1)
    assert statuses == [Status.UNKNOWN, Status.OPTED_OUT, Status.UNKNOWN, Status.OPTED_OUT]
    assert await lookup.many(ACME, (OTHER, ALERTS), [MEXICAN], now=LATER) == [Status.OPTED_OUT]


async def test_a_start_by_the_number_itself_outweighs_an_earlier_stop_by_its_other_writing(
    lookup: Lookup, ledger: Ledger
) -> None:
    await ledger.apply(a_stop(msisdn=ON_WHATSAPP))
    await ledger.apply(a_start(msisdn=MEXICAN, at=LATER))

    assert await lookup.many(ACME, (ALERTS,), [MEXICAN], now=LATER) == [Status.OPTED_IN]


async def test_the_other_writing_of_a_number_opts_nobody_in(lookup: Lookup, ledger: Ledger) -> None:
    await ledger.apply(a_start(msisdn=ON_WHATSAPP))

    assert await lookup.one(ACME, (ALERTS,), MEXICAN, now=LATER) is None
    assert await lookup.many(ACME, (ALERTS,), [MEXICAN, ON_WHATSAPP], now=LATER) == [Status.UNKNOWN, Status.OPTED_IN]
