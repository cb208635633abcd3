"""What is each key called? The only place where keys are built.

All that concerns one recipient carries the hash tag of her partition, so that every function works on one slot of a
Cluster. Bucket counts are part of the layout: changing one moves every key.
"""

import re
from functools import lru_cache
from zlib import crc32

from consent.model import AccountId, CampaignId, EndpointId, EventId, Msisdn, Partition, UnixMs

CONSENT_BUCKETS = 1024
"""Per partition and account: at 16 partitions and a million numbers, 61 numbers a hash; a listpack up to 512."""
SEEN_BUCKETS = 256
"""Divides the above."""
SEEN_SLICE_MS = 48 * 3600 * 1000
"""De-duplication forgets by whole slices: a message is remembered for one to two of them."""
CLOCK_SKEW_MS = 5 * 60 * 1000
"""How far receivers' clocks may lie apart around the turn of a slice without missing a duplicate."""
SEPARATOR = "\x1f"
_EVENT_ID = re.compile(r"evt_([0-9]{1,5})_([0-9]{1,15})_([0-9]{1,19})")
BAND_MS = 2**43
"""How far apart opt-outs and others, first attempts and later ones are filed in one set (lua/head.lua)."""

REGISTRY_VERSION = "{registry}:version"
REGISTRY_CHANGES = "{registry}:changes"
REGISTRY_META = "{registry}:meta"
BOOKMARKS = "{registry}:bookmarks"
"""How far each import got, by what it reads."""
HEALTH = "{registry}:health"
RATES = "{registry}:rates"
AUDIT = "{registry}:audit"
TOKENS = "{registry}:tokens"
TOKENS_USED = "{registry}:tokens_used"
PULSE = "{registry}:pulse"


def registry_table(name: str) -> str:
    return f"{{registry}}:{name}"


def alarm(endpoint: EndpointId) -> str:
    """There while somebody has said lately that this endpoint's opt-outs are overdue."""
    return f"{{registry}}:overdue:{endpoint}"


def session(digest: str) -> str:
    """Of a log-in to the console, by the digest of its cookie; there until it ends."""
    return f"{{registry}}:session:{digest}"


def partition_of(msisdn: str, partitions: int) -> Partition:
    return Partition(crc32(msisdn.encode()) % partitions)


def place_among_all(msisdn: str, partitions: int) -> int:
    """partition * CONSENT_BUCKETS + consent bucket, for who asks so often that the digest is to be made once."""
    digest = crc32(msisdn.encode())
    return digest % partitions * CONSENT_BUCKETS + (digest >> 8) % CONSENT_BUCKETS


def bucket_of(msisdn: str) -> int:
    """`place_among_all` without the partition, for who is there already."""
    return (crc32(msisdn.encode()) >> 8) % CONSENT_BUCKETS


class Keys:
    """The keys of one partition."""

    __slots__ = (
        "_tag",
        "attempts",
        "failures",
        "leased",
        "log",
        "next",
        "origins",
        "partials",
        "partition",
        "purged",
        "routed",
        "told",
        "unheard",
    )

    def __init__(self, partition: Partition) -> None:
        self.partition = partition
        self._tag = tag = f"{{{partition}}}:"
        self.log = tag + "log"
        self.origins = tag + "origins"
        self.routed = tag + "routed"
        self.next = tag + "next"
        self.leased = tag + "leased"
        self.unheard = tag + "unheard"
        self.attempts = tag + "attempts"
        self.told = tag + "told"
        self.failures = tag + "failures"
        self.partials = tag + "partials"
        self.purged = tag + "purged"

    @property
    def trails(self) -> tuple[str, str, str]:
        """Attempts that went well, those among them that told of an opt-out, and those that did not go well."""
        return self.attempts, self.told, self.failures

    def parts(self, group: str) -> str:
        return f"{self._tag}parts:{group}"

    def consent(self, account: AccountId, msisdn: Msisdn) -> str:
        return self.consent_bucket(account, bucket_of(msisdn))

    def consent_bucket(self, account: AccountId, bucket: int) -> str:
        return f"{self._tag}consent:{account}:{bucket}"

    def optout(self, account: AccountId, campaign: CampaignId) -> str:
        return f"{self._tag}optout:{account}:{campaign}"

    def seen(self, msisdn: Msisdn, now: UnixMs) -> tuple[str, ...]:
        """The de-duplication hashes to ask, the one to write first."""
        return self.seen_in(bucket_of(msisdn), now)

    def seen_in(self, bucket: int, now: UnixMs) -> tuple[str, ...]:
        """`seen`, for who knows the consent bucket: every so many of these share one for de-duplication."""
        current, soon = now // SEEN_SLICE_MS, (now + CLOCK_SKEW_MS) // SEEN_SLICE_MS
        return _seen_names(self._tag, bucket % SEEN_BUCKETS, current, soon)

    def due(self, endpoint: EndpointId) -> str:
        return f"{self._tag}due:{endpoint}"

    def heads(self, endpoint: EndpointId) -> str:
        return f"{self._tag}heads:{endpoint}"

    def lane(self, endpoint: EndpointId, msisdn: Msisdn) -> str:
        return f"{self._tag}lane:{endpoint}:{msisdn}"

    def dead(self, endpoint: EndpointId) -> str:
        return f"{self._tag}dead:{endpoint}"

    def graves(self, endpoint: EndpointId) -> str:
        return f"{self._tag}graves:{endpoint}"

    def unheard_by(self, endpoint: EndpointId) -> str:
        return f"{self._tag}unheard:{endpoint}"

    def given_up(self, endpoint: EndpointId) -> str:
        return f"{self._tag}given_up:{endpoint}"


# Each is asked for again and again until its slice ends, which is two days.
@lru_cache(maxsize=8192)
def _seen_names(tag: str, bucket: int, current: int, soon: int) -> tuple[str, ...]:
    names = (f"{tag}seen:{current}:{bucket}", f"{tag}seen:{current - 1}:{bucket}")
    return names if soon == current else (*names, f"{tag}seen:{soon}:{bucket}")


def consent_field(msisdn: Msisdn, campaign: CampaignId) -> str:
    return f"{msisdn}{SEPARATOR}{campaign}"


def consent_cell(account: AccountId, campaign: CampaignId, msisdn: Msisdn, partitions: int) -> tuple[str, str]:
    """Key and field of one state: what `Keys.consent` and `consent_field` say, for who asks for ten thousand."""
    hashed = crc32(msisdn.encode())
    key = f"{{{hashed % partitions}}}:consent:{account}:{(hashed >> 8) % CONSENT_BUCKETS}"
    return key, f"{msisdn}{SEPARATOR}{campaign}"


def event_id(partition: Partition, stream_id: str) -> EventId:
    """An event is named by its place in the log, `evt_3_1732230000123_0`. No dot: the signature joins by dots."""
    return EventId(f"evt_{partition}_{stream_id.replace('-', '_')}")


def event_place(event: EventId) -> tuple[Partition, str] | None:
    """Where in which log an event is; None if that is no event id."""
    found = _EVENT_ID.fullmatch(event)
    return (Partition(int(found[1])), f"{found[2]}-{found[3]}") if found else None


def log_order(place: str) -> tuple[int, int]:
    """Of a place in a log, to be compared."""
    ms, _, counter = place.partition("-")
    return int(ms), int(counter)


def place_in_log(event: EventId) -> str:
    """Of what is one: ValueError for anything else."""
    place = event_place(event)
    if place is None:
        raise ValueError(f"{event} is no event id")
    return place[1]
