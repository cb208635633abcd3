"""Which stretch of the log is meant? From the words of an operator to the order of a replay. Pure."""

from dataclasses import dataclass

from config.durations import milliseconds
from consent.instants import read_instant
from consent.ledger import Mark
from consent.model import UnixMs
from console.refusals import Unfit
from console.replay import Order

FOREVER = UnixMs(10**15)


@dataclass(frozen=True, slots=True)
class Range:
    since: str | None
    until: str | None
    after: str | None
    """The cursor that an earlier replay told."""


def order_of(endpoint: str, asked: Range, types: tuple[str, ...], *, now: UnixMs, only_dead: bool) -> Order:
    begin = Mark.before(_instant("since", asked.since, now)) if asked.since else Mark(0, 0)
    end = Mark.before(_instant("until", asked.until, now) if asked.until else FOREVER)
    if asked.after:
        if (reached := Mark.of(asked.after)) is None:
            raise Unfit("after: expected the cursor that a replay printed, as in 1732230000123-0")
        begin = max(begin, reached)
    if begin > end:
        raise Unfit("until: nothing lies between the beginning and this")
    return Order(endpoint=endpoint, after=begin, until=end, types=types, only_dead=only_dead)


def _instant(option: str, written: str, now: UnixMs) -> UnixMs:
    """Digits alone would be seconds as a duration and a year as an instant: neither is meant for sure."""
    if (found := read_instant(written)) is not None:
        return found
    wrong = Unfit(f'{option}: expected an instant such as 2026-11-20T08:00Z, or "2h" for two hours ago')
    if written.strip().isdecimal():
        raise wrong
    try:
        return UnixMs(now - milliseconds(written))
    except ValueError as exc:
        raise wrong from exc
