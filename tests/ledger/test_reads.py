"""Who asks together is answered together, each her own; and one trip's misfortune is not the next one's."""

import asyncio
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from redis import Redis

from consent.errors import StoreUnavailable
from consent.ledger import Store
from consent.ledger.address import Address
from consent.ledger.reads import Reads
from consent.ledger.wire import Wire, pack
from tests.e2e.installation import Installation


@asynccontextmanager
async def reading(url: str, *, timeout: float = 5.0) -> AsyncIterator[Reads]:  # noqa: ASYNC109  # the wire's
    reads = Reads(Wire(Address.of(url), timeout=timeout))
    try:
        yield reads
    finally:
        await reads.close()


def echo(word: object) -> bytes:
    return pack(("ECHO", str(word)))


async def test_everybody_gets_her_own_replies_in_order(store: Store) -> None:
    asked = [[echo((who, n)) for n in range(who % 4)] for who in range(3000)]

    answers = await asyncio.gather(*map(store.reads.ask, asked))

    assert answers == [[str((who, n)).encode() for n in range(who % 4)] for who in range(3000)]


async def test_a_question_longer_than_a_trip_is_answered_whole(store: Store) -> None:
    before, long, after = await asyncio.gather(
        store.reads.ask([echo("before")]),
        store.reads.ask([echo(n) for n in range(5000)]),
        store.reads.ask([echo("after")]),
    )

    assert (before, after) == ([b"before"], [b"after"])
    assert long == [str(n).encode() for n in range(5000)]


async def test_a_refusal_is_its_askers_alone(store: Store) -> None:
    await store.redis.set("text", "no hash")
    refused = store.reads.ask([echo("a"), pack(("HGET", "text", "field"))])
    answered = store.reads.ask([echo("b")])

    with pytest.raises(StoreUnavailable, match=r"the store refused: WRONGTYPE"):
        await refused
    assert await answered == [b"b"]


async def test_who_stops_waiting_disturbs_nobody(store: Store) -> None:
    questions = [store.reads.ask([echo(n)]) for n in range(3)]
    questions[1].cancel()

    outcomes = await asyncio.gather(*questions, return_exceptions=True)

    assert outcomes[::2] == [[b"0"], [b"2"]]
    assert isinstance(outcomes[1], asyncio.CancelledError)


async def test_a_reader_does_not_wait_for_the_disk(own: Installation) -> None:
    async with own.opened() as store:
        store.commit.require((1, 0))
        await store.reads.ask([echo("hello")])

    with Redis.from_url(own.url) as redis:
        assert "cmdstat_waitaof" not in redis.info("commandstats")


async def test_a_silent_server_fails_the_trip_in_time_and_the_next_one_goes(own: Installation) -> None:
    async with reading(own.url, timeout=0.1) as reads:
        await reads.ask([echo("before")])
        own.processes["store"].send_signal(signal.SIGSTOP)
        waiting = [reads.ask([echo(n)]) for n in range(100)]
        outcomes = await asyncio.gather(*waiting, return_exceptions=True)
        own.processes["store"].send_signal(signal.SIGCONT)

        assert {type(outcome) for outcome in outcomes} == {StoreUnavailable}
        assert await reads.ask([echo("after")]) == [b"after"]


async def test_a_server_that_came_back_is_asked_again(own: Installation) -> None:
    async with reading(own.url) as reads:
        await reads.ask([echo("before")])
        await own.kill("store")
        with pytest.raises(StoreUnavailable):
            await reads.ask([echo("meanwhile")])
        await own.start_store()

        assert await reads.ask([echo("after")]) == [b"after"]


async def test_closing_lets_what_is_under_way_finish(store_url: str) -> None:
    async with reading(store_url) as reads:
        questions = [reads.ask([echo(n)]) for n in range(10)]

    assert [await question for question in questions] == [[str(n).encode()] for n in range(10)]


async def test_a_trip_cut_off_leaves_nobody_waiting(own: Installation) -> None:
    async with reading(own.url) as reads:
        await reads.ask([echo("before")])
        own.processes["store"].send_signal(signal.SIGSTOP)
        questions = [reads.ask([echo(n) for n in range(1500)]) for _ in range(3)]
        await asyncio.sleep(0)
        (trips,) = (task for task in asyncio.all_tasks() if task.get_name() == "reads")
        trips.cancel()
        outcomes = await asyncio.gather(*questions, return_exceptions=True)
        own.processes["store"].send_signal(signal.SIGCONT)

        assert {type(outcome) for outcome in outcomes} == {StoreUnavailable}
        assert await reads.ask([echo("after")]) == [b"after"]


async def test_who_asks_nothing_is_answered_nothing(store: Store) -> None:
    async with asyncio.timeout(5):
        assert await store.reads.ask([]) == []
