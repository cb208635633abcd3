"""What has every peer to do? What our receiver does: believe, read and judge a webhook by the same pure code, and call
the same function of the store. How it gets there is the peer's own."""

import signal
import time

from bench.installation import ACCOUNT, CAMPAIGN, SOURCES
from config.sections import Keywords
from consent.directory import Directory
from consent.keywords import rules
from consent.ledger.functions import function_name
from consent.ledger.keys import Keys, partition_of
from consent.ledger.recording import keys_and_arguments
from consent.model import Partition, UnixMs
from receiver.codecs import nexmo
from receiver.inbound import Inbound
from receiver.judge import judge

PATH = "/hooks/{token}"
MOST_CONNECTIONS = 1024
"""To the store. A hundred, the default, would answer 256 clients with errors."""
DELIVERED = "peers:delivered"
"""A hash: what a delivery's durable "done" is, for who has no ledger."""
GO = signal.SIGUSR1
"""Tells arq's worker to do what is queued, and this key that it listens."""
LISTENS = "peers:listens"
_PARTITIONS = 16
_LOGS = [Keys(Partition(partition)) for partition in range(_PARTITIONS)]
_SOURCE = next(source for source in SOURCES if source.provider == "nexmo")
_DIRECTORY = Directory.of(1, accounts=[ACCOUNT], campaigns=[CAMPAIGN], sources=SOURCES)
_WORDS = Keywords()
_RULES = rules(_WORDS.packs, opt_out=_WORDS.opt_out, opt_in=_WORDS.opt_in, help=_WORDS.help)

Call = tuple[str, int, list[str | bytes | int]]
"""What redis-py's `fcall` takes: the function, how many keys, keys and arguments."""


def believed(content_type: str, body: bytes) -> Inbound:
    """Raises Unverified for a bad signature."""
    inbound = Inbound(method="POST", query="", content_type=content_type, body=body)
    nexmo.verify(inbound, _SOURCE, _now())
    return inbound


def call_for(inbound: Inbound) -> Call:
    """That records it, once."""
    (report,) = nexmo.decode(inbound)
    judged = judge(report, source=_SOURCE, directory=_DIRECTORY, rules=_RULES, received_at=_now())
    (change,) = judged.changes
    keys, arguments = keys_and_arguments(change, _LOGS[partition_of(change.msisdn, _PARTITIONS)])
    return function_name("apply"), len(keys), [*keys, *arguments]


def broker_of(url: str) -> str:
    """Celery's way to say it."""
    return url.replace("unix://", "redis+socket://")


def _now() -> UnixMs:
    return UnixMs(time.time_ns() // 1_000_000)
