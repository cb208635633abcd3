"""A question is not an answer: what holds before, while and after somebody is asked to say YES."""

from typing import Any

import pytest

from consent.ledger import Ledger, Store
from consent.model import (
    Actor,
    Attached,
    CampaignId,
    Change,
    Condition,
    ConsentState,
    Declined,
    Event,
    EventType,
    Msisdn,
    Question,
    Recorded,
    Status,
    UnixMs,
    Via,
)
from tests.builders import ACME, ALERTS, ANN, NOON, a_change, a_start, a_stop, an_origin

NEWS = CampaignId("news")
UNTIL = UnixMs(NOON + 60_000)
BY_API = an_origin(Actor.ACCOUNT, via=Via.API, keyword="", rule="subscribe")
ASK = Attached(EventType.MESSAGE_REQUESTED, '{"request":"confirm_opt_in"}')


def a_question(*, at: int = NOON, until: int = UNTIL, confirms: bool = False, **changed: Any) -> Change:
    question = Question(until=UnixMs(until), promises_confirmation=confirms)
    return a_change(Status.PENDING, at=at, **{"origin": BY_API, "question": question, "attached": (ASK,), **changed})


def a_yes(*, at: int = NOON + 1000, **changed: Any) -> Change:
    return a_start(at=at, condition=Condition.IF_PENDING, detail='{"text":"yes"}', **changed)


async def state(ledger: Ledger) -> ConsentState:
    found = await ledger.state(ACME, ALERTS, ANN)
    assert found is not None
    return found


async def events(ledger: Ledger) -> list[Event]:
    """Oldest first."""
    return (await ledger.history(ACME, ANN))[::-1]


async def types(ledger: Ledger) -> list[EventType]:
    return [event.type for event in await events(ledger)]


async def listed(store: Store) -> list[tuple[bytes, float]]:
    keys = store.keys_of(ANN)
    return list(await store.redis.zrange(keys.optout(ACME, ALERTS), 0, -1, withscores=True))


async def test_a_question_is_pending_and_asks_for_a_text(ledger: Ledger) -> None:
    applied = await ledger.apply(a_question())

    assert isinstance(applied, Recorded)
    pending, requested = await events(ledger)
    assert (pending.type, pending.status, pending.previous) == (EventType.PENDING, Status.PENDING, Status.UNKNOWN)
    assert (requested.type, requested.detail, requested.campaign) == (EventType.MESSAGE_REQUESTED, ASK.detail, ALERTS)
    kept = await state(ledger)
    assert (kept.pending_until, kept.opted_in_at, kept.opted_out_at) == (UNTIL, None, None)


@pytest.mark.parametrize("at", [NOON + 1, UNTIL])
async def test_a_yes_in_time_opts_in(ledger: Ledger, at: int) -> None:
    await ledger.apply(a_question())
    await ledger.apply(a_yes(at=at))

    opted_in = (await events(ledger))[-1]
    assert (opted_in.type, opted_in.previous, opted_in.changed) == (EventType.OPTED_IN, Status.PENDING, True)
    kept = await state(ledger)
    assert (kept.status, kept.opted_in_at, kept.pending_until) == (Status.OPTED_IN, at // 1000 * 1000, None)


@pytest.mark.parametrize("at", [UNTIL + 1, NOON - 1])
async def test_a_yes_that_comes_too_late_or_from_before_is_an_ordinary_text(ledger: Ledger, at: int) -> None:
    await ledger.apply(a_question())
    await ledger.apply(a_yes(at=at))

    text = (await events(ledger))[-1]
    assert (text.type, text.superseded, text.detail) == (EventType.MESSAGE_RECEIVED, False, '{"text":"yes"}')
    assert (await state(ledger)).status is Status.PENDING


async def test_a_yes_answers_only_where_she_was_asked(ledger: Ledger) -> None:
    await ledger.apply(a_question(campaigns=(NEWS,)))
    await ledger.apply(a_yes(campaigns=(ALERTS, NEWS)))

    assert [kept and kept.status for kept in await ledger.states(ACME, (ALERTS, NEWS), ANN)] == [None, Status.OPTED_IN]


async def test_an_unanswered_question_leaves_what_held_before(ledger: Ledger) -> None:
    await ledger.apply(a_question())
    unknown = await state(ledger)
    await ledger.apply(a_stop(at=NOON + 1000, origin=BY_API))
    await ledger.apply(a_question(at=NOON + 2000))
    out = await state(ledger)

    assert [unknown.status_at(UNTIL), unknown.status_at(UnixMs(UNTIL + 1))] == [Status.PENDING, Status.UNKNOWN]
    assert [out.status_at(UNTIL), out.status_at(UnixMs(UNTIL + 1))] == [Status.PENDING, Status.OPTED_OUT]


async def test_what_follows_an_unanswered_question_is_told_what_held_before_it(ledger: Ledger) -> None:
    await ledger.apply(a_question(attached=()))
    await ledger.apply(a_stop(at=UNTIL + 1000, origin=BY_API))
    await ledger.apply(a_question(at=UNTIL + 2000, until=UNTIL + 3000, attached=()))
    await ledger.apply(a_stop(at=UNTIL + 4000, origin=BY_API))

    told = [(event.previous, event.changed) for event in await events(ledger)]
    assert told == [
        (Status.UNKNOWN, True),
        (Status.UNKNOWN, True),
        (Status.OPTED_OUT, True),
        (Status.OPTED_OUT, False),
    ]


async def test_who_was_out_stays_on_the_opt_out_list_until_she_says_yes(ledger: Ledger, store: Store) -> None:
    await ledger.apply(a_stop(at=NOON - 5000, origin=BY_API))
    on_the_list = [(ANN.encode(), float((NOON - 5000) // 1000))]
    await ledger.apply(a_question())
    assert await listed(store) == on_the_list
    await ledger.apply(a_yes())

    assert await listed(store) == []
    assert (await state(ledger)).opted_out_at is None


async def test_who_was_out_and_says_stop_to_the_question_is_out_since_the_first_time(
    ledger: Ledger, store: Store
) -> None:
    await ledger.apply(a_stop(at=NOON - 5000, origin=BY_API))
    await ledger.apply(a_question())
    await ledger.apply(a_stop(at=NOON + 1000))

    assert await listed(store) == [(ANN.encode(), float((NOON - 5000) // 1000))]
    kept = await state(ledger)
    assert (kept.status, kept.actor, kept.opted_out_at) == (Status.OPTED_OUT, Actor.RECIPIENT, NOON - 5000)


@pytest.mark.parametrize("at", [NOON + 1000, NOON - 1000])
async def test_a_stop_outweighs_a_question_whichever_was_first(ledger: Ledger, store: Store, at: int) -> None:
    await ledger.apply(a_question())

    applied = await ledger.apply(a_stop(at=at))

    assert isinstance(applied, Recorded)
    assert not applied.superseded
    assert (await state(ledger)).status is Status.OPTED_OUT
    assert len(await listed(store)) == 1
    await ledger.apply(a_yes(at=NOON + 2000))
    assert (await types(ledger))[-1] is EventType.MESSAGE_RECEIVED


async def test_a_stop_that_counts_as_an_answer_only_is_her_own_all_the_same(ledger: Ledger) -> None:
    await ledger.apply(a_question())
    await ledger.apply(a_stop(at=NOON + 1000, condition=Condition.IF_PENDING))

    assert await ledger.apply(a_question(at=NOON + 2000)) == Declined()


async def test_an_opt_in_from_before_a_stop_that_ended_a_question_stays_late(ledger: Ledger) -> None:
    await ledger.apply(a_question())
    await ledger.apply(a_stop(at=NOON - 1000))
    await ledger.apply(a_start(at=NOON - 1))

    assert (await state(ledger)).status is Status.OPTED_OUT


async def test_who_is_in_stays_in_and_is_not_asked(ledger: Ledger) -> None:
    await ledger.apply(a_start(at=NOON - 1000))
    await ledger.apply(a_question())

    _, again = await events(ledger)
    assert (again.type, again.status, again.previous, again.changed) == (
        EventType.OPTED_IN,
        Status.OPTED_IN,
        Status.OPTED_IN,
        False,
    )
    assert again.origin == BY_API
    kept = await state(ledger)
    assert (kept.status, kept.opted_in_at, kept.pending_until) == (Status.OPTED_IN, NOON - 1000, None)


async def test_a_second_question_is_asked_again_and_has_its_own_time(ledger: Ledger) -> None:
    await ledger.apply(a_question())
    await ledger.apply(a_question(at=NOON + 1000, until=UNTIL + 1000))

    assert await types(ledger) == [EventType.PENDING, EventType.MESSAGE_REQUESTED] * 2
    assert (await state(ledger)).pending_until == UNTIL + 1000


@pytest.mark.parametrize("condition", [Condition.ALWAYS, Condition.UNLESS_SELF_STOPPED])
async def test_who_stopped_herself_is_not_even_asked(ledger: Ledger, condition: Condition) -> None:
    await ledger.apply(a_stop(at=NOON - 1000))

    assert await ledger.apply(a_question(condition=condition)) == Declined()
    assert await types(ledger) == [EventType.OPTED_OUT]


async def test_a_question_without_an_end_waits_for_ever(ledger: Ledger) -> None:
    await ledger.apply(a_question(question=None))
    await ledger.apply(a_yes(at=NOON + 10**12))

    assert (await state(ledger)).status is Status.OPTED_IN


@pytest.mark.parametrize("answer", [a_yes(), a_start(at=NOON + 1000)], ids=["yes", "start"])
async def test_a_promised_confirmation_is_asked_for_once_she_opts_in(ledger: Ledger, answer: Change) -> None:
    await ledger.apply(a_question(confirms=True))
    applied = await ledger.apply(answer)

    opted_in, requested = (await events(ledger))[2:]
    assert applied == Recorded(events=(opted_in.id, requested.id))
    assert opted_in.type is EventType.OPTED_IN
    assert (requested.type, requested.campaign) == (EventType.MESSAGE_REQUESTED, ALERTS)
    assert requested.detail == '{"request":"opt_in_confirmation"}'
    assert requested.origin == answer.origin


@pytest.mark.parametrize(
    "answer",
    [
        a_stop(at=NOON + 1000),
        a_yes(at=UNTIL + 1),
        a_start(at=UNTIL + 1),
        a_start(at=NOON + 1000, origin=BY_API),
    ],
    ids=["stop", "late yes", "late start", "the account's own opt-in"],
)
async def test_nothing_else_keeps_the_promise(ledger: Ledger, answer: Change) -> None:
    await ledger.apply(a_question(confirms=True))
    await ledger.apply(answer)

    assert (await types(ledger)).count(EventType.MESSAGE_REQUESTED) == 1


async def test_a_confirmation_is_asked_for_at_once_where_the_question_found_her_in(ledger: Ledger) -> None:
    await ledger.apply(a_start(at=NOON - 1000))
    await ledger.apply(a_question(confirms=True))

    assert await types(ledger) == [EventType.OPTED_IN, EventType.OPTED_IN, EventType.MESSAGE_REQUESTED]
    assert (await events(ledger))[-1].detail == '{"request":"opt_in_confirmation"}'


async def test_what_is_for_changes_only_is_not_attached_to_a_repeat(ledger: Ledger) -> None:
    farewell = Attached(EventType.MESSAGE_REQUESTED, '{"request":"opt_out_confirmation"}', if_changed=True)
    for at in (NOON, NOON + 1000):
        await ledger.apply(a_stop(at=at, attached=(farewell,)))

    assert await types(ledger) == [EventType.OPTED_OUT, EventType.MESSAGE_REQUESTED, EventType.OPTED_OUT]


async def test_a_late_question_asks_nobody(ledger: Ledger) -> None:
    await ledger.apply(a_stop(at=NOON + 1000, origin=BY_API))
    await ledger.apply(a_question())

    assert await types(ledger) == [EventType.OPTED_OUT, EventType.PENDING]
    assert (await state(ledger)).status is Status.OPTED_OUT


async def test_an_opt_out_of_1970_is_on_the_list_and_comes_off_it(ledger: Ledger, store: Store) -> None:
    await ledger.apply(a_stop(at=7, received_at=NOON))
    assert await listed(store) == [(ANN.encode(), 1.0)]
    await ledger.apply(a_start(at=NOON))

    assert await listed(store) == []


async def test_another_number_is_not_asked(ledger: Ledger) -> None:
    await ledger.apply(a_question(msisdn=Msisdn("15558937009")))

    assert await ledger.state(ACME, ALERTS, ANN) is None


@pytest.mark.parametrize("at", [NOON - 1000, NOON + 500])
async def test_a_stop_that_would_have_made_the_question_void_is_not_late_against_the_yes(
    ledger: Ledger, at: int
) -> None:
    """Before the question it would have forbidden it, behind it ended it: her YES was to something else."""
    await ledger.apply(a_question())
    await ledger.apply(a_yes(at=NOON + 1000))

    assert isinstance(stopped := await ledger.apply(a_stop(at=at, received_at=UnixMs(NOON + 9000))), Recorded)

    assert not stopped.superseded
    found = await state(ledger)
    assert (found.status, found.actor, found.decides_at) == (Status.OPTED_OUT, Actor.RECIPIENT, at)


async def test_but_against_a_start_of_hers_since_it_is(ledger: Ledger) -> None:
    await ledger.apply(a_question())
    await ledger.apply(a_yes(at=NOON + 1000))
    await ledger.apply(a_start(at=NOON + 2000))

    assert isinstance(stopped := await ledger.apply(a_stop(at=NOON + 500, received_at=UnixMs(NOON + 9000))), Recorded)

    assert stopped.superseded
    assert (await state(ledger)).status is Status.OPTED_IN
