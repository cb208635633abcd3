"""Parts of a long text wait in the store for one another, survive repeats, and are judged once."""

import asyncio
from dataclasses import replace

from consent.ledger import HeldPart, Ledger, Store, Waiting, Whole
from consent.model import Duplicate, Millis, Partition, Recorded
from tests.builders import ANN, NOON, a_stop, let_wait

WAIT = Millis(60_000)


def a_part(number: int, total: int = 3, **changed: object) -> HeldPart:
    part = HeldPart(
        msisdn=ANN, group="g1", identity=f"message-1:{number}", number=number, total=total, content=f"part {number}"
    )
    return replace(part, **changed)  # type: ignore[arg-type]  # each test names fields of its own


async def hold(ledger: Ledger, part: HeldPart) -> Whole | Waiting | Duplicate:
    return await ledger.hold_part(part, wait=WAIT, now=NOON)


async def overdue(ledger: Ledger) -> list[Whole]:
    """When the wait is long over."""
    await let_wait(ledger._store, 100 * WAIT)
    return [whole for p in range(4) for whole in await ledger.overdue_parts(Partition(p))]


async def test_the_last_part_completes_the_text_whatever_their_order(ledger: Ledger) -> None:
    assert await hold(ledger, a_part(3)) == Waiting()
    assert await hold(ledger, a_part(1)) == Waiting()

    whole = await hold(ledger, a_part(2))

    assert isinstance(whole, Whole)
    assert (whole.group, set(whole.contents)) == ("g1", {"part 1", "part 2", "part 3"})


async def test_a_repeated_part_is_not_taken_for_another(ledger: Ledger) -> None:
    for _ in range(3):
        assert await hold(ledger, a_part(1)) == Waiting()

    (whole,) = await overdue(ledger)
    assert whole.contents == ("part 1",)


async def test_a_repeat_completes_the_text_again_until_it_was_applied(ledger: Ledger) -> None:
    first = [await hold(ledger, a_part(n, 2)) for n in (1, 2)][-1]

    assert await hold(ledger, a_part(1, 2)) == first
    identities = ("message-1:1", "message-1:2")
    assert isinstance(await ledger.apply(a_stop(identities=identities, held_parts="g1")), Recorded)
    assert await hold(ledger, a_part(1, 2)) == Duplicate()
    assert await overdue(ledger) == []


async def test_all_parts_at_once_complete_the_text_at_least_once_and_it_is_applied_once(ledger: Ledger) -> None:
    held = await asyncio.gather(*(hold(ledger, a_part(n, 5)) for n in (4, 2, 5, 1, 3)))
    wholes = [one for one in held if isinstance(one, Whole)]
    stop = a_stop(identities=tuple(f"message-1:{n}" for n in range(1, 6)), held_parts="g1")

    applied = await asyncio.gather(*(ledger.apply(stop) for _ in range(len(wholes) + 2)))

    assert len(wholes) == 1
    assert sum(isinstance(one, Recorded) for one in applied) == 1


async def test_two_texts_under_one_reference_do_not_swallow_each_other(ledger: Ledger) -> None:
    await hold(ledger, a_part(1, 2))
    other = a_part(1, 2, identity="message-2:1", content="another part 1")
    assert await hold(ledger, other) == Waiting()

    whole = await hold(ledger, a_part(2, 2))

    assert isinstance(whole, Whole)
    assert set(whole.contents) == {"part 1", "another part 1", "part 2"}


async def test_parts_are_overdue_when_their_time_is_up_and_not_before(ledger: Ledger, store: Store) -> None:
    await hold(ledger, a_part(1))
    partition = store.keys_of(ANN).partition

    await let_wait(store, WAIT - 5000)
    assert await ledger.overdue_parts(partition) == []
    await let_wait(store, 5000)
    assert await ledger.overdue_parts(partition) == [Whole("g1", ("part 1",))]


async def test_a_later_part_does_not_prolong_the_wait(ledger: Ledger, store: Store) -> None:
    await hold(ledger, a_part(1))
    before = await store.redis.zscore(store.keys_of(ANN).partials, "g1")

    await ledger.hold_part(a_part(2), wait=Millis(10 * WAIT), now=NOON)

    assert await store.redis.zscore(store.keys_of(ANN).partials, "g1") == before


async def test_overdue_texts_come_by_the_page_oldest_first(ledger: Ledger, store: Store) -> None:
    for n in range(5):
        await ledger.hold_part(a_part(1, group=f"g{n}"), wait=Millis(WAIT * (5 - n)), now=NOON)

    await let_wait(store, 100 * WAIT)
    partition = store.keys_of(ANN).partition
    assert [whole.group for whole in await ledger.overdue_parts(partition, limit=2)] == ["g4", "g3"]


async def test_a_late_part_of_a_text_judged_without_it_is_still_heard(ledger: Ledger) -> None:
    await hold(ledger, a_part(1, 2))
    await ledger.apply(a_stop(identities=("message-1:1",), held_parts="g1"))

    assert await hold(ledger, a_part(2, 2)) == Waiting()
    assert [whole.contents for whole in await overdue(ledger)] == [("part 2",)]


async def test_a_part_that_comes_while_the_others_are_judged_is_not_lost(ledger: Ledger) -> None:
    await hold(ledger, a_part(1))
    (judged,) = await overdue(ledger)
    assert await hold(ledger, a_part(2)) == Waiting()

    await ledger.apply(a_stop(identities=("message-1:1",), held_parts=judged.group))

    assert [whole.contents for whole in await overdue(ledger)] == [("part 2",)]
