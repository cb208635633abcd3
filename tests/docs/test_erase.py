"""Does the program of docs/security.md leave nothing of a number, and everything of the others?"""

import asyncio
import subprocess
import sys

from redis import Redis

from consent.ledger import Ledger, Queue, Store
from consent.model import Millis
from tests.builders import ACME, ALERTS, ANN, BOB, a_delivery, a_start, a_stop, an_endpoint
from tests.docs.pages import ROOT

PROGRAM = ROOT / "docs" / "samples" / "erase_number.py"


async def test_nothing_of_the_number_is_left_and_all_of_the_others(
    store: Store, ledger: Ledger, queue: Queue, store_url: str
) -> None:
    await store.ensure_safe()
    for change in (a_stop(msisdn=ANN), a_start(msisdn=ANN), a_stop(msisdn=ANN), a_stop(msisdn=BOB)):
        await ledger.apply(change)
    await delivered(store, queue)

    done = await asyncio.to_thread(erase, store_url, ACME, ANN, ALERTS)

    assert done.returncode == 0, done.stderr
    assert await ledger.state(ACME, ALERTS, ANN) is None
    assert await ledger.history(ACME, ANN) == []
    assert len(await ledger.history(ACME, BOB)) == 1
    with Redis.from_url(store_url) as redis:
        assert [key for key in redis.scan_iter() if tells_of(redis, key, ANN)] == []
        assert [key for key in redis.scan_iter() if tells_of(redis, key, BOB)] != []


def test_without_arguments_it_says_how_to_use_it() -> None:
    done = erase()

    usage = "usage: python docs/samples/erase_number.py STORE_URL ACCOUNT NUMBER CAMPAIGN...\n"
    assert (done.returncode, done.stdout, done.stderr) == (1, "", usage)


def erase(*arguments: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [sys.executable, str(PROGRAM), *arguments],
        cwd=ROOT,
        env={"PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def tells_of(redis: Redis, key: bytes, number: str) -> bool:
    """A stream keeps the bytes of what was deleted from it until the whole block goes, but tells nobody."""
    if redis.type(key) == b"stream":
        return any(number.encode() in text for _, fields in redis.xrange(key) for text in fields.values())
    return number.encode() in redis.dump(key)


async def delivered(store: Store, queue: Queue) -> None:
    """To one endpoint, all of it."""
    for stretch in await queue.unrouted(await queue.cursors(), block=Millis(1)):
        await queue.fan_out(stretch, [a_delivery(event) for event in stretch.events])
    for keys in store.keys:
        while leases := (await queue.claim(keys.partition, {an_endpoint().id: 8}, token="it")).leases:
            for lease in leases:
                await queue.settle(lease, "done", None, wait=Millis(0))
