"""What came through each source, and what was refused? From the counters that receivers keep. Pure."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field

from consent.ledger import Beat
from consent.model import UnixMs

_REFUSED = "refused:"

REASONS = {
    "unverified": "the signature is missing, wrong or too old: compare the signature secret and its method",
    "challenged": "without user and password, and asked for them: set them at the provider, unless it comes again with "
    "them",
    "unconfirmed": "SNS asks whether it may post here: the log names the address that somebody has to open",
    "malformed": "not what this provider sends: was the URL pasted at another provider?",
    "too_large": "larger than receiver.max_body",
    "unknown_token": "no source has this token: was the URL cut off, or its source removed?",
    "store_unavailable": "the store could not keep it then; the provider sends it again",
    "store_unsafe": "the store's settings would lose it; the provider sends it again",
    "failed": "a fault of ours; the provider sends it again",
}


@dataclass(slots=True, kw_only=True)
class Intake:
    received: int = 0
    last_at: UnixMs | None = None
    refused: Counter[str] = field(default_factory=Counter)
    """By reason."""


def intakes(beats: Iterable[Beat]) -> dict[str, Intake]:
    """By source, "acme/nexmo"; of all receivers that were heard of within a day, since each of them began."""
    found: dict[str, Intake] = {}
    for beat in beats:
        for counter, count in beat.counters.items():
            if counter.startswith("source:"):
                _add(found, counter.removeprefix("source:"), count)
    return found


def _add(found: dict[str, Intake], counter: str, count: float) -> None:
    source, _, what = counter.partition(":")
    intake = found.setdefault(source, Intake())
    if what == "received":
        intake.received += int(count)
    elif what == "last_at":
        intake.last_at = UnixMs(max(int(count), intake.last_at or 0))
    elif what.startswith(_REFUSED):
        intake.refused[what.removeprefix(_REFUSED)] += int(count)
