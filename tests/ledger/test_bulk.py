"""A list is judged as its lines would be one by one, and says nothing twice."""

import asyncio
import itertools
from collections.abc import Sequence

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from consent.errors import StoreUnavailable
from consent.ledger import Bookmark, Bookmarks, Bulk, Entry, Kind, Ledger, Store, Tally
from consent.ledger.bulk import LINES_A_CALL, told_around
from consent.ledger.keys import CONSENT_BUCKETS, Keys, partition_of, place_among_all
from consent.ledger.state import pack_origin, told
from consent.model import (
    AccountId,
    Actor,
    CampaignId,
    Condition,
    ConsentState,
    Declined,
    Event,
    EventType,
    Msisdn,
    Origin,
    Partition,
    SourceId,
    Status,
    UnixMs,
    Via,
)
from tests.builders import ACME, ALERTS, ANN, BOB, NOON, a_change, a_start, a_stop, an_origin

NEWS = CampaignId("news")
NUMBERS = [ANN, BOB, Msisdn("447911123456")]
LATER = UnixMs(NOON + 3_600_000)
EVER = UnixMs(NOON + 365 * 86_400_000)
OUT, IN = Status.OPTED_OUT, Status.OPTED_IN


def an_entry(status: Status = OUT, *, at: int = NOON, **changed: object) -> Entry:
    kind = Kind(ACME, ALERTS, status)
    kind = kind._replace(**{name: changed.pop(name) for name in kind._fields if name in changed})  # type: ignore[arg-type]
    return Entry(kind, ANN, UnixMs(at), UnixMs(at))._replace(**changed)  # type: ignore[arg-type]


async def enlisted(store: Store, *entries: Entry, now: UnixMs = LATER) -> Tally:
    bulk = Bulk(store)
    window = bulk.window()
    window.add(entries)
    return await bulk.enlist(window, received_at=now, rule="file:list.csv")


async def history(ledger: Ledger, msisdn: Msisdn = ANN) -> list[Event]:
    return (await ledger.history(ACME, msisdn))[::-1]


async def state_of(ledger: Ledger, msisdn: Msisdn = ANN) -> ConsentState:
    state = await ledger.state(ACME, ALERTS, msisdn)
    assert state is not None
    return state


async def test_a_line_is_recorded_with_its_event(store: Store, ledger: Ledger) -> None:
    assert await enlisted(store, an_entry(is_odd=True)) == Tally(changed=1)

    (event,) = await history(ledger)
    assert (event.type, event.status, event.previous, event.changed) == (EventType.OPTED_OUT, OUT, Status.UNKNOWN, True)
    assert event.origin == Origin(
        actor=Actor.IMPORT, via=Via.MANAGER, source=SourceId("import"), provider="import", rule="file:list.csv"
    )
    assert (event.occurred_at, event.received_at, event.is_odd, event.detail) == (NOON, LATER, True, "")
    assert (await state_of(ledger)).sequence == event.sequence == 1
    assert await store.redis.zscore(store.keys_of(ANN).optout(ACME, ALERTS), ANN) == NOON // 1000


async def test_the_same_lines_again_say_nothing(store: Store, ledger: Ledger) -> None:
    lines = [an_entry(), an_entry(IN, msisdn=BOB), an_entry(campaign=NEWS, is_dated=False)]
    await enlisted(store, *lines)
    before = [await history(ledger, msisdn) for msisdn in (ANN, BOB)]

    again = [line if line.kind.is_dated else line._replace(decides_at=UnixMs(LATER + 1)) for line in lines]

    assert await enlisted(store, *again) == Tally(unchanged=3)
    assert [await history(ledger, msisdn) for msisdn in (ANN, BOB)] == before


async def test_who_is_opted_out_is_kept_out_and_it_is_told_once(store: Store, ledger: Ledger) -> None:
    await ledger.apply(a_stop(at=NOON))
    line = an_entry(IN, at=NOON + 5000)

    assert await enlisted(store, line, line) == Tally(kept_out=2)
    assert await enlisted(store, an_entry(IN, at=LATER, is_dated=False)) == Tally(kept_out=1)

    _, event = await history(ledger)
    assert (event.type, event.status, event.previous, event.changed) == (EventType.OPTED_OUT, OUT, OUT, False)
    assert (event.origin.via, event.origin.actor) == (Via.IMPORTED, Actor.IMPORT)
    state = await state_of(ledger)
    assert (state.status, state.actor, state.decides_at, state.origin.keyword) == (OUT, Actor.RECIPIENT, NOON, "STOP")


async def test_after_another_opt_out_it_is_told_again(store: Store, ledger: Ledger) -> None:
    for at in (NOON, NOON + 1000):
        await ledger.apply(a_stop(at=at))
        await enlisted(store, an_entry(IN, at=NOON + 5000))

    assert [event.origin.via for event in await history(ledger)] == [Via.MO, Via.IMPORTED] * 2


async def test_who_was_asked_after_she_opted_out_is_kept_out_too(store: Store, ledger: Ledger) -> None:
    await ledger.apply(a_stop(at=NOON, origin=an_origin(Actor.ACCOUNT)))
    await ledger.apply(a_change(Status.PENDING, at=NOON + 1))

    assert await enlisted(store, an_entry(IN, at=NOON + 2)) == Tally(kept_out=1)
    assert (await state_of(ledger)).opted_out_at is not None


async def test_who_was_asked_and_never_was_out_is_in_when_a_list_says_so(store: Store, ledger: Ledger) -> None:
    await ledger.apply(a_change(Status.PENDING, at=NOON))

    assert await enlisted(store, an_entry(IN, at=NOON + 1)) == Tally(changed=1)
    assert (await state_of(ledger)).status is IN


@pytest.mark.parametrize("is_dated", [True, False])
async def test_who_was_asked_and_never_was_out_is_out_when_a_list_says_so(
    store: Store, ledger: Ledger, is_dated: bool
) -> None:
    await ledger.apply(a_change(Status.PENDING, at=NOON))

    assert await enlisted(store, an_entry(at=NOON + 1, is_dated=is_dated)) == Tally(changed=1)
    assert (await state_of(ledger)).status is OUT


async def test_a_line_older_than_what_is_known_changes_nothing(store: Store, ledger: Ledger) -> None:
    await ledger.apply(a_start(at=NOON))
    await ledger.apply(a_stop(at=NOON, msisdn=BOB))

    lines = [an_entry(at=NOON - 1), an_entry(IN, at=NOON, msisdn=BOB)]

    assert await enlisted(store, *lines) == Tally(older=2)
    assert [len(await history(ledger, msisdn)) for msisdn in (ANN, BOB)] == [1, 1]


@pytest.mark.parametrize("is_dated", [True, False])
async def test_the_opt_out_that_was_there_before_she_was_asked_does_not_answer_for_her(
    store: Store, ledger: Ledger, is_dated: bool
) -> None:
    """The same list once more, while a double opt-in is pending."""
    listed = an_entry(is_dated=is_dated)
    await enlisted(store, listed, now=NOON)
    await ledger.apply(a_change(Status.PENDING, at=NOON + 60_000, origin=an_origin(Actor.ACCOUNT)))

    assert await enlisted(store, listed) == Tally(unchanged=1)
    assert (await state_of(ledger)).status is Status.PENDING
    for newer in (an_entry(at=NOON + 2000), an_entry(actor=Actor.RECIPIENT)):
        assert await enlisted(store, newer) == Tally(changed=1)
        await ledger.apply(a_change(Status.PENDING, at=NOON + 120_000, origin=an_origin(Actor.ACCOUNT)))


async def test_her_own_opt_out_comes_to_light_though_it_is_older(store: Store, ledger: Ledger) -> None:
    await ledger.apply(a_stop(origin=an_origin(Actor.ACCOUNT)))

    line = an_entry(at=NOON - 1000, actor=Actor.RECIPIENT)

    assert await enlisted(store, line) == Tally(confirmed=1)
    assert await enlisted(store, line) == Tally(unchanged=1)
    state = await state_of(ledger)
    assert (state.actor, state.decides_at) == (Actor.RECIPIENT, NOON)


async def test_her_own_opt_out_is_not_too_old_against_a_subscription(store: Store, ledger: Ledger) -> None:
    """A company that came to us with its subscriptions first, and then brought the list of who had stopped."""
    await ledger.apply(a_start(origin=an_origin(Actor.ACCOUNT), condition=Condition.UNLESS_SELF_STOPPED))

    assert await enlisted(store, an_entry(at=NOON - 1000, actor=Actor.RECIPIENT)) == Tally(changed=1)

    state = await state_of(ledger)
    assert (state.status, state.actor, state.opted_out_at) == (OUT, Actor.RECIPIENT, NOON - 1000)


@pytest.mark.parametrize("at", [NOON, NOON - 5000])
@pytest.mark.parametrize("actor", [Actor.ACCOUNT, Actor.RECIPIENT])
async def test_her_own_opt_out_comes_to_light_behind_an_opt_in_that_somebody_ended(
    store: Store, ledger: Ledger, at: UnixMs, actor: Actor
) -> None:
    """Whether it had outlived her STOP is not known any more: a subscription would not have come about behind that."""
    again = a_start(at=NOON + 9000, origin=an_origin(Actor.ACCOUNT), condition=Condition.UNLESS_SELF_STOPPED)
    await ledger.apply(a_start(at=NOON, origin=an_origin(actor)))
    await ledger.apply(a_stop(at=NOON + 5000, origin=an_origin(Actor.ACCOUNT)))

    assert await enlisted(store, an_entry(at=at, actor=Actor.RECIPIENT)) == Tally(confirmed=1)
    assert await ledger.apply(again) == Declined()


async def test_an_opt_out_of_1970_with_another_date_beside_it_is_on_the_list_and_comes_off_it(
    store: Store, ledger: Ledger
) -> None:
    optouts = store.keys_of(ANN).optout(ACME, ALERTS)
    await enlisted(store, an_entry(since=0))

    assert await store.redis.zscore(optouts, ANN) == 1
    assert await enlisted(store, an_entry(IN, at=NOON + 1)) == Tally(kept_out=1)
    await ledger.apply(a_start(at=NOON + 5000))
    assert await store.redis.zscore(optouts, ANN) is None


async def test_her_own_opt_out_stays_hers_when_a_newer_list_repeats_it(store: Store, ledger: Ledger) -> None:
    await ledger.apply(a_stop())

    assert await enlisted(store, an_entry(at=NOON + 1)) == Tally(confirmed=1)
    state = await state_of(ledger)
    assert (state.actor, state.decides_at, state.origin.via) == (Actor.RECIPIENT, NOON + 1, Via.MO)


async def test_the_dates_that_an_export_knows_besides_are_kept(store: Store, ledger: Ledger) -> None:
    known = {"since": NOON // 1000 - 60, "opted_in": NOON // 1000 - 120}

    await enlisted(store, an_entry(**known), an_entry(IN, msisdn=BOB, since=NOON // 1000 - 60))

    out, into = await state_of(ledger), await state_of(ledger, BOB)
    assert (out.decides_at, out.opted_out_at, out.opted_in_at) == (NOON, NOON - 60_000, NOON - 120_000)
    assert (into.decides_at, into.opted_in_at) == (NOON, NOON - 60_000)
    assert await store.redis.zscore(store.keys_of(ANN).optout(ACME, ALERTS), ANN) == NOON // 1000 - 60


async def test_what_is_older_takes_no_dates_from_an_export(store: Store, ledger: Ledger) -> None:
    await ledger.apply(a_stop(origin=an_origin(Actor.ACCOUNT)))
    line = an_entry(at=NOON - 1000, actor=Actor.RECIPIENT, opted_in=NOON // 1000 - 120)

    assert await enlisted(store, line) == Tally(confirmed=1)
    assert (await state_of(ledger)).opted_in_at is None


@pytest.mark.parametrize("calls", [3, 250])
async def test_one_number_many_times_is_one_state_with_rising_sequence(
    store: Store, ledger: Ledger, calls: int
) -> None:
    """Also where there are more calls than may be under way: which of two flushes comes first is anybody's guess."""
    many = calls * LINES_A_CALL + 1

    assert await enlisted(store, *(an_entry(at=NOON + n) for n in range(many))) == Tally(changed=1, confirmed=many - 1)
    events = await ledger.history(ACME, ANN, limit=many + 1)
    assert [event.sequence for event in events] == list(range(many, 0, -1))
    assert (await state_of(ledger)).decides_at == NOON + many - 1


def test_an_event_of_a_list_is_told_as_any_other() -> None:
    origin = Origin(actor=Actor.IMPORT, via=Via.MANAGER, source=SourceId("import"), provider="import", rule="file:é")
    change = a_change(OUT, origin=origin, is_odd=True, received_at=LATER)

    before, behind = told_around(an_entry(is_odd=True).kind, LATER, pack_origin(origin))

    assert f"{ANN}{before}{NOON}{behind}" == told(change, pack_origin(origin), "")


@given(msisdn=st.text(), partitions=st.integers(1, 64))
def test_a_place_is_the_same_key_as_everywhere(msisdn: str, partitions: int) -> None:
    partition, bucket = divmod(place_among_all(msisdn, partitions), CONSENT_BUCKETS)

    assert partition == partition_of(msisdn, partitions)
    keys = Keys(Partition(partition))
    assert keys.consent_bucket(ACME, bucket) == keys.consent(ACME, Msisdn(msisdn))


async def test_what_the_store_did_not_keep_is_nobodys_success() -> None:
    async with Store.open("unix:///nowhere/store.sock", partitions=4, durability="fsync") as away:
        with pytest.raises(StoreUnavailable):
            await enlisted(away, *(an_entry(msisdn=Msisdn(f"1555{n:07}")) for n in range(20_000)))


async def test_lines_of_every_kind_share_a_bucket(store: Store, ledger: Ledger) -> None:
    await ledger.apply(a_stop(at=NOON + 1000))
    known = {"since": NOON // 1000 - 60, "opted_in": NOON // 1000 - 120}
    first, second, third, fourth = (CampaignId(f"c{n}") for n in range(4))
    lines = [
        an_entry(at=NOON, occurred_at=UnixMs(NOON - 999), campaign=first),
        an_entry(IN, campaign=second),
        an_entry(campaign=third, **known),
        an_entry(IN, at=NOON + 2000),
        an_entry(at=NOON + 1, occurred_at=NOON, campaign=first),
        an_entry(campaign=fourth),
        an_entry(campaign=fourth),
        an_entry(at=NOON - 1),
    ]

    assert await enlisted(store, *lines) == Tally(changed=4, confirmed=1, unchanged=2, kept_out=1)

    states = await ledger.states(ACME, [first, second, third, fourth], ANN)
    dates = [state and (state.status, state.decides_at, state.opted_in_at, state.opted_out_at) for state in states]
    assert dates == [
        (OUT, NOON + 1, None, NOON),
        (IN, NOON, NOON, None),
        (OUT, NOON, NOON - 120_000, NOON - 60_000),
        (OUT, NOON, None, NOON),
    ]
    told = [(event.sequence, event.campaign, event.occurred_at) for event in await history(ledger)]
    assert told == [
        (1, ALERTS, NOON + 1000),
        (2, first, NOON - 999),
        (3, second, NOON),
        (4, third, NOON),
        (5, ALERTS, NOON + 2000),
        (6, first, NOON),
        (7, fourth, NOON),
    ]


async def test_accounts_of_one_list_are_kept_apart(store: Store, ledger: Ledger) -> None:
    globex = AccountId("globex")

    assert await enlisted(store, an_entry(), an_entry(account=globex)) == Tally(changed=2)
    assert await ledger.state(globex, ALERTS, ANN) is not None


async def test_a_bookmark_is_found_until_it_is_removed(store: Store) -> None:
    bookmarks = Bookmarks(store)
    here = Bookmark(at=17, line=3, began_at=NOON, tally=Tally(changed=2), bad=1, reported=40)

    assert await bookmarks.find("list") is None
    await bookmarks.put("list", here)
    assert await bookmarks.find("list") == here
    await bookmarks.remove("list")
    assert await bookmarks.find("list") is None


@pytest.mark.parametrize("text", ['{"tally":{}}', '{"at":1}', '{"tally":{"lost":1},"at":1,"line":1,"began_at":1}'])
async def test_a_bookmark_of_another_version_is_none(store: Store, text: str) -> None:
    await store.redis.hset("{registry}:bookmarks", "list", text)

    assert await Bookmarks(store).find("list") is None


async def test_a_crowded_bucket_is_listed_whole(store: Store, ledger: Ledger) -> None:
    campaigns = [CampaignId(f"c{n}") for n in range(1500)]
    await enlisted(store, *(an_entry(campaign=campaign) for campaign in campaigns))

    listed = [each async for page in Bulk(store).listed([ACME]) for each in page]

    assert {each.campaign for each in listed} == set(campaigns)
    assert {(each.account, each.msisdn, each.state.origin.rule) for each in listed} == {(ACME, ANN, "file:list.csv")}
    assert {each.state.sequence for each in listed} == set(range(1, 1501))
    told = await ledger.history(ACME, ANN, limit=1501)
    assert [event.sequence for event in told] == list(range(1500, 0, -1))


lines = st.lists(
    st.builds(
        an_entry,
        st.sampled_from([OUT, IN]),
        at=st.integers(NOON, NOON + 4),
        msisdn=st.sampled_from(NUMBERS),
        campaign=st.sampled_from([ALERTS, NEWS]),
        actor=st.sampled_from([Actor.IMPORT, Actor.RECIPIENT, Actor.ACCOUNT]),
        is_dated=st.booleans(),
    ),
    max_size=12,
)


def with_the_rules_of_a_list(entries: Sequence[Entry]) -> list[Entry]:
    """An undated line means now; an opt-in is only ever the list's."""
    return [
        entry._replace(
            decides_at=entry.decides_at if entry.kind.is_dated else LATER,
            kind=entry.kind if entry.kind.status is OUT else entry.kind._replace(actor=Actor.IMPORT),
        )
        for entry in entries
    ]


def makes_way_for_an_earlier_line(entries: Sequence[Entry]) -> bool:
    """An opt-out that an opt-in outweighed, and behind it an older one of her own that undoes this opt-in. Read again,
    the first one is news."""
    return any(
        one.kind.status is OUT is other.kind.status
        and (one.msisdn, one.kind.campaign) == (other.msisdn, other.kind.campaign)
        and one.kind.actor is not Actor.RECIPIENT is other.kind.actor
        and one.decides_at > other.decides_at
        for one, other in itertools.combinations(entries, 2)
    )


async def one_by_one(ledger: Ledger, entries: Sequence[Entry]) -> None:
    """What a list is said to be: a change for each line, unless that would opt somebody in again or say nothing new."""
    for kind, msisdn, at, *_ in entries:
        state = await ledger.state(ACME, kind.campaign, msisdn)
        if state and state.status is OUT and kind.status is IN:
            continue
        is_claimed = state and kind.actor is Actor.RECIPIENT is not state.actor
        is_news = kind.is_dated and state and at > state.decides_at
        if state and state.status is kind.status and not is_news and not is_claimed:
            continue
        origin = an_origin(kind.actor, via=Via.MANAGER)
        line = a_change(kind.status, msisdn=msisdn, campaigns=(kind.campaign,), at=at, received_at=EVER, origin=origin)
        await ledger.apply(line)


async def states(ledger: Ledger) -> list[object]:
    found = [state for msisdn in NUMBERS for state in await ledger.states(ACME, [ALERTS, NEWS], msisdn)]
    return [
        state and (state.status, state.actor, state.decides_at, state.opted_in_at, state.opted_out_at)
        for state in found
    ]


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(before=lines, listed=lines)
def test_a_list_comes_to_what_its_lines_would_one_by_one(
    server_url: str, before: list[Entry], listed: list[Entry]
) -> None:
    async def compared() -> None:
        async with Store.open(server_url, partitions=2, durability="fsync") as store:
            ledger, found = Ledger(store), []
            earlier, entries = with_the_rules_of_a_list(before), with_the_rules_of_a_list(listed)
            for as_list in (False, True):
                await store.redis.flushdb()
                await one_by_one(ledger, earlier)
                await (enlisted(store, *entries) if as_list else one_by_one(ledger, entries))
                found.append(await states(ledger))
            assert found[0] == found[1]
            if makes_way_for_an_earlier_line(entries):
                return

            logged = sum([await store.redis.xlen(keys.log) for keys in store.keys])
            told_out = [entry for entry in entries if entry.kind.status is IN]
            await enlisted(store, *entries)
            assert await states(ledger) == found[1]
            again = sum([await store.redis.xlen(keys.log) for keys in store.keys])
            assert again - logged <= len(told_out)
            await enlisted(store, *entries)
            assert sum([await store.redis.xlen(keys.log) for keys in store.keys]) == again

    asyncio.run(compared())
