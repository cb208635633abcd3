"""What processes counted is told to whoever watches, and costs nothing while nothing happens."""

from collections import Counter

import pytest

from config.clock import system_clock
from consent.errors import StoreUnavailable
from consent.ledger import Beat, Pulse, Pulsing, Store
from consent.ledger.keys import PULSE
from consent.ledger.pulse import AT_MOST_EVERY_S, HEARD_BOUNDS, KEPT_MS, heard_counter
from consent.model import UnixMs

DAY_AGO = KEPT_MS + 60_000


class Process:
    """One that counts, with a clock that is moved."""

    def __init__(self, store: Store, name: str = "receiver-1") -> None:
        self.counted: Counter[str] = Counter()
        self.now = system_clock()
        self.pulsing = Pulsing(
            Pulse(store), process=name, kind="receiver", counted=lambda: self.counted, clock=lambda: self.now
        )


async def test_a_beat_is_read_as_it_was_written(store: Store) -> None:
    now = system_clock()
    beat = Beat("host-1", "dispatcher", now, {"attempts": 3, "heard_seconds_sum": 0.25, "endpoint:acme/crm:failed": 1})

    await Pulse(store).beat(beat)

    assert await Pulse(store).beats() == [beat]


async def test_processes_are_told_by_name_and_each_by_its_last_beat(store: Store) -> None:
    pulse, now = Pulse(store), system_clock()
    for process, count in (("b", 1), ("a", 1), ("b", 2)):
        await pulse.beat(Beat(process, "receiver", now, {"webhooks": count}))

    assert [(beat.process, beat.counters["webhooks"]) for beat in await pulse.beats()] == [("a", 1), ("b", 2)]


async def test_who_was_silent_for_a_day_is_not_told_of(store: Store) -> None:
    pulse = Pulse(store)
    await pulse.beat(Beat("old", "receiver", UnixMs(system_clock() - DAY_AGO), {}))

    assert await pulse.beats() == []


async def test_a_process_that_starts_clears_away_who_was_silent_for_a_day(store: Store) -> None:
    await Pulse(store).beat(Beat("old", "receiver", UnixMs(system_clock() - DAY_AGO), {}))
    await Pulse(store).beat(Beat("other", "receiver", system_clock(), {}))

    await Process(store).pulsing.step()

    assert set(await store.redis.hkeys(PULSE)) == {b"other", b"receiver-1"}


async def test_a_process_says_that_it_started_and_then_what_changed(store: Store) -> None:
    process, pulse = Process(store), Pulse(store)
    await process.pulsing.step()
    (started,) = await pulse.beats()
    process.counted["webhooks"] += 1
    process.now = UnixMs(process.now + 1000)

    await process.pulsing.step()

    (beat,) = await pulse.beats()
    assert (started.counters, beat.counters) == ({}, {"webhooks": 1})
    assert beat.at == started.at + 1000


async def test_a_process_at_rest_writes_nothing(store: Store) -> None:
    process = Process(store)
    await process.pulsing.step()
    await store.redis.delete(PULSE)

    assert await process.pulsing.step() == AT_MOST_EVERY_S

    assert not await store.redis.exists(PULSE)


async def test_what_could_not_be_written_is_written_next_time(store: Store) -> None:
    process = Process(store)
    await process.pulsing.step()
    process.counted["webhooks"] += 1
    await store.redis.delete(PULSE)
    await store.redis.set(PULSE, "in the way")
    with pytest.raises(StoreUnavailable):
        await process.pulsing.step()
    await store.redis.delete(PULSE)

    await process.pulsing.step()

    assert [beat.counters for beat in await Pulse(store).beats()] == [{"webhooks": 1}]


def test_bounds_are_named_as_people_write_them() -> None:
    assert [heard_counter(bound) for bound in HEARD_BOUNDS] == [
        f"heard_le_{written}" for written in ("0.1", "0.25", "0.5", "1", "2.5", "5", "10", "60")
    ]
