"""Was every promise kept? Pure: from what was seen, the list of violations, each naming its evidence.

lost          acknowledged, but not in the ledger; or in the ledger, but never taken by an endpoint
invented      in the ledger, or at an endpoint, and nobody said it
repeated      one message twice in the ledger, or one event under two ids at an endpoint
reordered     an event reached an endpoint before an earlier one of the same number was taken there
misjudged     late or not, changed or not, in or out: not as event time decides
refused       a 4xx for a good webhook: its provider would not send it again
forged        a signature that does not verify
"""

import itertools
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

from consent.model import Event, Msisdn, Status
from tests.chaos.messages import Message
from tests.chaos.model import Cell, Standing, standings
from tests.chaos.records import NEVER, Arrival, Records

Word = Literal["lost", "invented", "repeated", "reordered", "misjudged", "refused", "forged"]
_Said = tuple[Msisdn, str, int, str]
"""Number, status, second, campaign: which message an event came from."""


@dataclass(frozen=True, slots=True)
class Violation:
    word: Word
    evidence: str

    def __str__(self) -> str:
        return f"{self.word}: {self.evidence}"


def violations(records: Records) -> list[Violation]:
    return [
        *_answers(records),
        *_ledger(records),
        *_decisions(records.log),
        *_final(records),
        *deliveries(records),
    ]


def deliveries(records: Records) -> Iterator[Violation]:
    """From the log to the endpoints alone."""
    for name, arrivals in records.arrivals.items():
        yield from _endpoint(name, arrivals, records.log)
    for name, count in records.forged.items():
        if count:
            yield Violation("forged", f"{count} requests at {name}")


def _answers(records: Records) -> Iterator[Violation]:
    for sent in records.sent:
        for status in sent.statuses:
            if 400 <= status < 500 and status != 429:
                yield Violation("refused", f"{status} for {sent.message}")


# ── the ledger ──────────────────────────────────────────────────────────────────────────────────────────────────────


def _said(message: Message) -> Iterator[_Said]:
    for campaign in message.campaigns:
        yield message.msisdn, message.status, message.second, campaign


def _said_in(event: Event) -> _Said:
    return event.msisdn, event.type.partition(".")[2], event.occurred_at // 1000, event.campaign or ""


def _ledger(records: Records) -> Iterator[Violation]:
    recorded = Counter(map(_said_in, records.log))
    expected = {said: sent for sent in records.sent for said in _said(sent.message)}
    for said, sent in expected.items():
        if sent.acknowledged and not recorded[said]:
            yield Violation("lost", f"acknowledged, not in the ledger: {said} of {sent.message}")
        if recorded[said] > 1:
            yield Violation("repeated", f"{recorded[said]} times in the ledger: {said} of {sent.message}")
    for sent in records.sent:
        if len({bool(recorded[said]) for said in _said(sent.message)}) > 1:
            yield Violation("lost", f"half of it is in the ledger: {sent.message}")
    for said in recorded.keys() - expected.keys():
        yield Violation("invented", f"in the ledger, and nobody said it: {said}")


def _decisions(log: Sequence[Event]) -> Iterator[Violation]:
    """Each event as its log, up to there, says it should have been judged."""
    known: dict[Cell, Standing] = {}
    sequences: dict[Msisdn, int] = defaultdict(int)
    for event in log:
        if event.campaign is None or event.status is None:
            yield Violation("invented", f"no decision about a campaign: {event}")
            continue
        if event.sequence <= sequences[event.msisdn]:
            yield Violation("reordered", f"the sequence of {event.id} does not rise: {event.sequence}")
        sequences[event.msisdn] = event.sequence
        cell = event.msisdn, event.campaign
        before, asked = known.get(cell), Standing.asked(event.status, event.occurred_at // 1000)
        is_late = before is not None and before.outweighs(asked)
        has_changed = not is_late and (before is None or before.status is not asked.status)
        if (event.superseded, event.changed) != (is_late, has_changed):
            yield Violation("misjudged", f"superseded should be {is_late}, changed {has_changed}: {event}")
        if event.previous is not (before.status if before else Status.UNKNOWN):
            yield Violation("misjudged", f"what was known before was {before}: {event}")
        if not is_late:
            known[cell] = asked


def _final(records: Records) -> Iterator[Violation]:
    """Numbers with a message that may or may not have been recorded are left out: both ends would be right."""
    open_ended = {sent.message.msisdn for sent in records.sent if not sent.acknowledged}
    expected = standings(sent.message for sent in records.sent)
    for cell in sorted(expected.keys() | records.states.keys()):
        if cell[0] in open_ended:
            continue
        should, found = expected.get(cell), records.states.get(cell)
        if should != found:
            yield Violation("misjudged", f"the state of {cell} is {found}, and should be {should}")
        is_out = should is not None and should.status is Status.OPTED_OUT
        if (cell in records.listed_out) != is_out:
            yield Violation("misjudged", f"on the opt-out list: {cell in records.listed_out}, {cell} is {should}")


# ── an endpoint ─────────────────────────────────────────────────────────────────────────────────────────────────────


def _endpoint(name: str, arrivals: Sequence[Arrival], log: Sequence[Event]) -> Iterator[Violation]:
    owed = {event.id: event for event in log if not event.superseded}
    taken = {arrival.webhook_id for arrival in arrivals if arrival.is_taken}
    for event_id in owed.keys() - taken:
        yield Violation("lost", f"{name} never took {owed[event_id]}")
    yield from _invented(name, arrivals, {str(event_id): event for event_id, event in owed.items()})
    yield from _repeated(name, arrivals)
    yield from _reordered(name, arrivals, owed.values())


def _invented(name: str, arrivals: Iterable[Arrival], owed: dict[str, Event]) -> Iterator[Violation]:
    for arrival in arrivals:
        event = owed.get(arrival.webhook_id)
        if event is None:
            yield Violation("invented", f"{name} was sent what is not in the ledger, or came late: {arrival}")
            continue
        told = (arrival.event_id, arrival.msisdn, arrival.campaign, arrival.type, arrival.sequence)
        if told != (event.id, event.msisdn, event.campaign, event.type, event.sequence):
            yield Violation("invented", f"{name} was told otherwise than the ledger has it: {arrival}, {event}")


def _repeated(name: str, arrivals: Iterable[Arrival]) -> Iterator[Violation]:
    """A repeat has the same id and the same body."""
    ids: dict[tuple[object, ...], str] = {}
    bodies: dict[str, bytes] = {}
    for arrival in arrivals:
        told = (arrival.msisdn, arrival.campaign, arrival.type, arrival.occurred_at)
        if ids.setdefault(told, arrival.webhook_id) != arrival.webhook_id:
            yield Violation("repeated", f"{name} was told the same under {ids[told]} and {arrival.webhook_id}")
        if bodies.setdefault(arrival.webhook_id, arrival.digest) != arrival.digest:
            yield Violation("repeated", f"{name} was told {arrival.webhook_id} in two versions")


def _reordered(name: str, arrivals: Iterable[Arrival], owed: Iterable[Event]) -> Iterator[Violation]:
    """Nothing of a number comes before what precedes it was taken. A repeat may come at any time after that."""
    came: dict[str, float] = {}
    taken: dict[str, float] = {}
    for arrival in arrivals:
        came[arrival.webhook_id] = min(arrival.at, came.get(arrival.webhook_id, NEVER))
        taken[arrival.webhook_id] = min(arrival.answered_at, taken.get(arrival.webhook_id, NEVER))
    by_number: dict[Msisdn, list[Event]] = defaultdict(list)
    for event in sorted(owed, key=lambda event: event.sequence):
        by_number[event.msisdn].append(event)
    for events in by_number.values():
        for earlier, later in itertools.pairwise(events):
            if came.get(later.id, NEVER) < taken.get(earlier.id, NEVER):
                yield Violation("reordered", f"{name} got {later.id} before {earlier.id} was taken: {later}")


# ── what is no violation, and worth a figure ────────────────────────────────────────────────────────────────────────


@dataclass(frozen=True, slots=True, kw_only=True)
class Repeats:
    taken: int = 0
    again: int = 0
    """Taken more than once, though nobody asked for it: the share that an endpoint sorts out by webhook-id."""
    stale: int = 0
    """Of these, how many came after a later event of the same number."""

    def __add__(self, other: "Repeats") -> "Repeats":
        return Repeats(taken=self.taken + other.taken, again=self.again + other.again, stale=self.stale + other.stale)

    @property
    def share(self) -> float:
        return self.again / self.taken if self.taken else 0.0


def repeats(arrivals: Iterable[Arrival]) -> Repeats:
    seen: set[str] = set()
    newest: dict[Msisdn, int] = defaultdict(int)
    again = stale = 0
    for arrival in arrivals:
        if not arrival.is_taken:
            continue
        if arrival.webhook_id in seen and not arrival.is_replay:
            again += 1
            stale += arrival.sequence < newest[arrival.msisdn]
        seen.add(arrival.webhook_id)
        newest[arrival.msisdn] = max(newest[arrival.msisdn], arrival.sequence)
    return Repeats(taken=len(seen), again=again, stale=stale)
