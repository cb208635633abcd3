"""The ledger decides once, by event time, and never without a record."""

import asyncio
from dataclasses import replace

import pytest

from consent.errors import StoreUnavailable
from consent.ledger import Ledger, Store
from consent.ledger.keys import SEEN_SLICE_MS
from consent.model import (
    Actor,
    CampaignId,
    Change,
    Condition,
    Declined,
    Duplicate,
    EventType,
    Msisdn,
    Recorded,
    Status,
    UnixMs,
)
from tests.builders import ACME, ALERTS, ANN, BOB, NOON, a_change, a_start, a_stop, an_origin
from tests.out_of_memory import out_of_memory

NEWS = CampaignId("news")
LATER = UnixMs(NOON + 3_600_000)


async def status_of(ledger: Ledger, msisdn: Msisdn = ANN, campaign: CampaignId = ALERTS) -> Status | None:
    state = await ledger.state(ACME, campaign, msisdn)
    return state and state.status


async def test_a_stop_is_recorded_with_its_event(ledger: Ledger) -> None:
    applied = await ledger.apply(a_stop())

    assert isinstance(applied, Recorded)
    event = await ledger.event(applied.events[0])
    assert event is not None
    assert (event.type, event.status, event.previous, event.changed) == (
        EventType.OPTED_OUT,
        Status.OPTED_OUT,
        Status.UNKNOWN,
        True,
    )
    assert await status_of(ledger) is Status.OPTED_OUT


async def test_an_event_comes_back_from_the_log_as_it_went_in(ledger: Ledger) -> None:
    change = a_stop(
        origin=an_origin(Actor.ACCOUNT, keyword="ARRÊT"),
        detail='{"a":"é\\n"}',
        is_odd=True,
        received_at=UnixMs(NOON + 7),
    )

    applied = await ledger.apply(change)

    assert isinstance(applied, Recorded)
    event = await ledger.event(applied.events[0])
    assert event is not None
    assert event.origin == change.origin
    assert (event.occurred_at, event.received_at, event.detail, event.is_odd) == (NOON, NOON + 7, change.detail, True)


async def test_the_same_message_fifty_times_at_once_changes_the_ledger_once(ledger: Ledger) -> None:
    stop = a_stop()

    applied = await asyncio.gather(*(ledger.apply(stop) for _ in range(50)))

    assert sum(isinstance(one, Recorded) for one in applied) == 1
    assert applied.count(Duplicate()) == 49
    assert len(await ledger.history(ACME, ANN)) == 1


async def test_a_repeat_is_known_on_both_sides_of_the_turn_of_a_slice(ledger: Ledger) -> None:
    turn = UnixMs((NOON // (48 * 3600_000) + 1) * 48 * 3600_000)
    stop = a_stop()

    await ledger.apply(replace(stop, received_at=UnixMs(turn + 60_000)))

    assert await ledger.apply(replace(stop, received_at=UnixMs(turn - 60_000))) == Duplicate()
    assert await ledger.apply(replace(stop, received_at=UnixMs(turn + 47 * 3600_000))) == Duplicate()


async def test_an_older_start_after_a_newer_stop_is_on_record_and_changes_nothing(ledger: Ledger) -> None:
    await ledger.apply(a_stop(at=NOON + 1000))

    late = await ledger.apply(a_start(at=NOON))

    assert isinstance(late, Recorded)
    assert late.superseded
    assert await status_of(ledger) is Status.OPTED_OUT
    newest, oldest = await ledger.history(ACME, ANN)
    assert (newest.type, newest.superseded) == (EventType.OPTED_IN, True)
    assert (oldest.type, oldest.superseded) == (EventType.OPTED_OUT, False)


@pytest.mark.parametrize("stop_first", [True, False])
async def test_an_opt_out_wins_a_tie_whichever_comes_first(ledger: Ledger, stop_first: bool) -> None:
    changes = [a_stop(), a_start()] if stop_first else [a_start(), a_stop()]
    for change in changes:
        await ledger.apply(change)

    assert await status_of(ledger) is Status.OPTED_OUT


async def test_a_second_stop_is_an_event_that_changed_nothing_and_keeps_the_first_date(ledger: Ledger) -> None:
    await ledger.apply(a_stop(at=NOON))
    await ledger.apply(a_stop(at=NOON + 60_000))

    second, first = await ledger.history(ACME, ANN)
    assert (first.changed, second.changed, second.superseded) == (True, False, False)
    assert second.sequence > first.sequence
    state = await ledger.state(ACME, ALERTS, ANN)
    assert state is not None
    assert (state.opted_out_at, state.decides_at) == (NOON, NOON + 60_000)


async def test_the_dates_follow_in_out_and_in_again(ledger: Ledger) -> None:
    await ledger.apply(a_start(at=NOON))
    await ledger.apply(a_stop(at=NOON + 1000))
    out = await ledger.state(ACME, ALERTS, ANN)
    await ledger.apply(a_start(at=NOON + 2000))
    back = await ledger.state(ACME, ALERTS, ANN)

    assert out is not None
    assert (out.opted_in_at, out.opted_out_at) == (NOON, NOON + 1000)
    assert back is not None
    assert (back.opted_in_at, back.opted_out_at) == (NOON + 2000, None)


async def test_one_stop_reaches_every_campaign_named(ledger: Ledger) -> None:
    applied = await ledger.apply(a_stop(campaigns=(ALERTS, NEWS)))

    assert isinstance(applied, Recorded)
    assert len(applied.events) == 2
    assert [await status_of(ledger, campaign=c) for c in (ALERTS, NEWS)] == [Status.OPTED_OUT] * 2


async def test_a_stop_all_reaches_thousands_of_campaigns(ledger: Ledger) -> None:
    campaigns = tuple(CampaignId(f"campaign-{n}") for n in range(4100))
    await ledger.apply(a_start(campaigns=campaigns))

    applied = await ledger.apply(a_stop(campaigns=campaigns, at=NOON + 1))

    assert isinstance(applied, Recorded)
    assert len(applied.events) == len(campaigns)
    states = await ledger.states(ACME, campaigns, ANN)
    assert {state and state.status for state in states} == {Status.OPTED_OUT}
    assert [state and state.sequence for state in states] == list(range(4101, 8201))


async def test_the_opt_out_list_holds_exactly_who_is_out(ledger: Ledger, store: Store) -> None:
    await ledger.apply(a_stop(msisdn=ANN))
    await ledger.apply(a_stop(msisdn=BOB))
    await ledger.apply(a_start(msisdn=BOB, at=NOON + 1))

    listed = [await store.redis.zrange(keys.optout(ACME, ALERTS), 0, -1) for keys in store.keys]
    assert [name for page in listed for name in page] == [ANN.encode()]


async def test_who_stopped_herself_is_not_resubscribed_by_the_account(ledger: Ledger) -> None:
    await ledger.apply(a_stop(at=NOON))
    subscribe = a_start(
        at=NOON + 1000, origin=an_origin(Actor.ACCOUNT), condition=Condition.UNLESS_SELF_STOPPED, identities=()
    )

    assert await ledger.apply(subscribe) == Declined()
    assert await status_of(ledger) is Status.OPTED_OUT
    assert len(await ledger.history(ACME, ANN)) == 1


async def test_whom_the_account_took_out_it_may_take_in_again(ledger: Ledger) -> None:
    await ledger.apply(a_stop(at=NOON, origin=an_origin(Actor.ACCOUNT)))

    await ledger.apply(
        a_start(at=NOON + 1000, origin=an_origin(Actor.ACCOUNT), condition=Condition.UNLESS_SELF_STOPPED)
    )

    assert await status_of(ledger) is Status.OPTED_IN


@pytest.mark.parametrize("actor", [Actor.ACCOUNT, Actor.OPERATOR])
@pytest.mark.parametrize("is_stop_first", [True, False])
async def test_what_a_provider_opted_in_for_the_account_is_recorded_and_yields_to_her_stop(
    ledger: Ledger, actor: Actor, is_stop_first: bool
) -> None:
    """Whichever comes first, and whichever was said first."""
    stop = a_stop(at=NOON, received_at=UnixMs(NOON + 2000))
    start = a_start(at=NOON + 1000, origin=an_origin(actor), condition=Condition.YIELDING)
    for change in (stop, start) if is_stop_first else (start, stop):
        await ledger.apply(change)

    state, events = await ledger.state(ACME, ALERTS, ANN), await ledger.history(ACME, ANN)
    assert state is not None
    assert (state.status, state.actor, state.decides_at) == (Status.OPTED_OUT, Actor.RECIPIENT, stop.decides_at)
    assert [(event.type, event.superseded) for event in events if event.type is EventType.OPTED_IN] == [
        (EventType.OPTED_IN, is_stop_first)
    ]
    assert len(events) == 2


@pytest.mark.parametrize("actor", [Actor.ACCOUNT, Actor.OPERATOR, Actor.IMPORT])
async def test_whom_the_account_took_out_a_provider_may_report_in_again(ledger: Ledger, actor: Actor) -> None:
    await ledger.apply(a_stop(at=NOON, origin=an_origin(actor)))

    await ledger.apply(a_start(at=NOON + 1000, origin=an_origin(actor), condition=Condition.YIELDING))

    state = await ledger.state(ACME, ALERTS, ANN)
    assert state is not None
    assert (state.status, state.actor) == (Status.OPTED_IN, actor)


@pytest.mark.parametrize("own_stop_at", [NOON, NOON + 2000])
async def test_her_own_stop_stays_her_own_whoever_repeats_it(ledger: Ledger, own_stop_at: int) -> None:
    own = a_stop(at=own_stop_at)
    theirs = a_stop(at=NOON + 1000, origin=an_origin(Actor.ACCOUNT))
    for change in (own, theirs) if own_stop_at < theirs.decides_at else (theirs, own):
        await ledger.apply(change)

    state = await ledger.state(ACME, ALERTS, ANN)
    assert state is not None
    assert state.actor is Actor.RECIPIENT


def a_subscription(at: int) -> Change:
    return a_start(at=at, origin=an_origin(Actor.ACCOUNT), condition=Condition.UNLESS_SELF_STOPPED)


async def test_her_stop_is_not_late_against_what_would_have_been_refused_had_it_been_known(ledger: Ledger) -> None:
    """We were away when she stopped; the account subscribed her again, as it does each day; then her STOP comes."""
    await ledger.apply(a_subscription(NOON))
    await ledger.apply(a_subscription(NOON + 7_200_000))

    assert isinstance(stopped := await ledger.apply(a_stop(at=NOON + 3_600_000)), Recorded)

    assert not stopped.superseded
    state = await ledger.state(ACME, ALERTS, ANN)
    assert state is not None
    assert (state.status, state.actor, state.decides_at) == (Status.OPTED_OUT, Actor.RECIPIENT, NOON + 3_600_000)
    assert (state.opted_in_at, state.opted_out_at) == (NOON, NOON + 3_600_000)
    assert await ledger.apply(a_subscription(NOON + 7_300_000)) == Declined()


async def test_nor_against_the_first_of_them(ledger: Ledger) -> None:
    await ledger.apply(a_subscription(NOON))

    await ledger.apply(a_stop(at=NOON - 1000))

    state = await ledger.state(ACME, ALERTS, ANN)
    assert state is not None
    assert (state.status, state.opted_in_at, state.opted_out_at) == (Status.OPTED_OUT, None, NOON - 1000)


async def test_nor_against_an_opt_in_of_a_list(ledger: Ledger) -> None:
    await ledger.apply(a_start(at=NOON, origin=an_origin(Actor.IMPORT)))

    await ledger.apply(a_stop(at=NOON - 1000, received_at=LATER))

    assert await status_of(ledger) is Status.OPTED_OUT


async def test_what_she_said_herself_since_still_outweighs_it(ledger: Ledger) -> None:
    await ledger.apply(a_start(at=NOON))
    await ledger.apply(a_subscription(NOON + 2000))

    assert isinstance(late := await ledger.apply(a_stop(at=NOON - 1000, received_at=LATER)), Recorded)

    assert late.superseded
    state = await ledger.state(ACME, ALERTS, ANN)
    assert state is not None
    assert (state.status, state.actor, state.decides_at) == (Status.OPTED_IN, Actor.RECIPIENT, NOON)


async def test_only_her_stop_is_never_late_against_a_subscription(ledger: Ledger) -> None:
    await ledger.apply(a_subscription(NOON))

    assert isinstance(late := await ledger.apply(a_start(at=NOON - 1000, received_at=LATER)), Recorded)

    assert late.superseded
    state = await ledger.state(ACME, ALERTS, ANN)
    assert state is not None
    assert (state.actor, state.decides_at) == (Actor.ACCOUNT, NOON)


async def test_so_does_what_an_account_vouches_for(ledger: Ledger) -> None:
    await ledger.apply(a_start(at=NOON, origin=an_origin(Actor.ACCOUNT)))

    assert isinstance(late := await ledger.apply(a_stop(at=NOON - 1000, received_at=LATER)), Recorded)

    assert late.superseded
    assert await status_of(ledger) is Status.OPTED_IN


async def test_an_opt_in_by_a_clock_that_is_ahead_does_not_outweigh_a_stop(ledger: Ledger) -> None:
    """One receiver's clock is a minute ahead of the other's; the provider dates nothing."""
    await ledger.apply(a_start(at=NOON + 60_000))

    assert isinstance(stopped := await ledger.apply(a_stop(at=NOON + 10_000)), Recorded)

    assert not stopped.superseded
    state = await ledger.state(ACME, ALERTS, ANN)
    assert state is not None
    assert (state.status, state.decides_at) == (Status.OPTED_OUT, NOON + 10_000)


async def test_a_repeat_in_a_new_time_slice_does_not_make_it_last_for_ever(ledger: Ledger, store: Store) -> None:
    stopped = a_stop()
    await ledger.apply(stopped)
    assert await ledger.apply(replace(stopped, received_at=UnixMs(NOON + SEEN_SLICE_MS))) == Duplicate()

    seen = [key async for key in store.redis.scan_iter("*seen:*")]
    assert len(seen) == 2
    assert all([await store.redis.pttl(key) > 0 for key in seen])


async def test_her_own_stop_counts_as_hers_even_when_it_comes_late(ledger: Ledger) -> None:
    await ledger.apply(a_stop(at=NOON + 1000, origin=an_origin(Actor.ACCOUNT)))
    await ledger.apply(a_stop(at=NOON))

    state = await ledger.state(ACME, ALERTS, ANN)
    assert state is not None
    assert state.actor is Actor.RECIPIENT


@pytest.mark.parametrize("late", [a_start(at=NOON), a_start(at=NOON, origin=an_origin(Actor.ACCOUNT))])
async def test_what_comes_late_and_is_no_opt_out_makes_nobodys_opt_out_hers(ledger: Ledger, late: Change) -> None:
    await ledger.apply(a_stop(at=NOON + 1000, origin=an_origin(Actor.ACCOUNT)))

    assert isinstance(applied := await ledger.apply(late), Recorded)

    assert applied.superseded
    state = await ledger.state(ACME, ALERTS, ANN)
    assert state is not None
    assert (state.status, state.actor) == (Status.OPTED_OUT, Actor.ACCOUNT)


async def test_her_own_stop_that_comes_late_makes_no_opt_in_hers(ledger: Ledger) -> None:
    await ledger.apply(a_start(at=NOON + 1000, origin=an_origin(Actor.ACCOUNT)))

    assert isinstance(applied := await ledger.apply(a_stop(at=NOON, received_at=LATER)), Recorded)

    assert applied.superseded
    state = await ledger.state(ACME, ALERTS, ANN)
    assert state is not None
    assert (state.status, state.actor) == (Status.OPTED_IN, Actor.ACCOUNT)


@pytest.mark.parametrize("after", [0, 1000])
async def test_a_yes_completes_a_pending_opt_in(ledger: Ledger, after: int) -> None:
    """Also within the second that a provider dates it by."""
    await ledger.apply(a_change(Status.PENDING, at=NOON))

    applied = await ledger.apply(a_start(at=NOON + after, condition=Condition.IF_PENDING))

    assert isinstance(applied, Recorded)
    assert not applied.unasked
    assert await status_of(ledger) is Status.OPTED_IN


async def test_a_yes_to_nothing_is_passed_on_as_a_message(ledger: Ledger) -> None:
    await ledger.apply(a_stop(at=NOON))

    applied = await ledger.apply(a_start(at=NOON + 1000, condition=Condition.IF_PENDING, detail='{"text":"yes"}'))

    assert isinstance(applied, Recorded)
    assert applied.unasked
    event = await ledger.event(applied.events[0])
    assert event is not None
    assert (event.type, event.status, event.detail) == (EventType.MESSAGE_RECEIVED, None, '{"text":"yes"}')
    assert await status_of(ledger) is Status.OPTED_OUT


async def test_a_message_touches_no_state(ledger: Ledger) -> None:
    await ledger.apply(a_change(None, campaigns=()))

    assert await status_of(ledger) is None
    (event,) = await ledger.history(ACME, ANN)
    assert (event.type, event.campaign, event.changed) == (EventType.MESSAGE_RECEIVED, None, False)


async def test_a_change_without_an_identity_is_never_a_duplicate(ledger: Ledger) -> None:
    applied = [await ledger.apply(a_stop(identities=())) for _ in range(2)]

    assert all(isinstance(one, Recorded) for one in applied)


async def test_accounts_do_not_see_each_other(ledger: Ledger) -> None:
    await ledger.apply(a_stop(account="other"))

    assert await status_of(ledger) is None
    assert await ledger.history(ACME, ANN) == []


async def test_a_server_that_lost_the_functions_gets_them_again(ledger: Ledger, store: Store) -> None:
    await ledger.apply(a_stop())
    await store.redis.function_flush()

    applied = await asyncio.gather(*(ledger.apply(a_start(at=NOON + i)) for i in range(1, 20)))

    assert all(isinstance(one, Recorded) for one in applied)


async def test_a_full_store_cannot_promise(ledger: Ledger, store: Store) -> None:
    await ledger.apply(a_stop())
    async with out_of_memory(store):
        with pytest.raises(StoreUnavailable, match="OOM"):
            await ledger.apply(a_start(at=NOON + 1))

    assert await status_of(ledger) is Status.OPTED_OUT


async def test_history_finds_one_number_among_many(ledger: Ledger) -> None:
    others = [Msisdn(f"1555{n:07}") for n in range(1200)]
    await ledger.apply(a_stop(at=NOON))
    await asyncio.gather(*(ledger.apply(a_stop(msisdn=other)) for other in others))
    await ledger.apply(a_start(at=NOON + 1))

    assert [event.type for event in await ledger.history(ACME, ANN)] == [EventType.OPTED_IN, EventType.OPTED_OUT]
