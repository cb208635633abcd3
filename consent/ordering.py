"""Which instant decides between two changes to the same number?

Providers stamp in whole seconds, our own APIs in milliseconds, and a clock may be wrong. A change is placed so that
doubt never costs an opt-out (docs/adr/0003-event-time.md):

* no later than its arrival, or a provider whose clock runs ahead would outrank every STOP to come;
* a stamp in whole seconds means "some time in this second": an opt-out is taken at its end, anything else at its start.

What remains equal is a tie, and the ledger lets the opt-out win it.
"""

from consent.model import Status, UnixMs

_REST_OF_SECOND = 999
_OUT = Status.OPTED_OUT
"""Under a name of its own, because an enumeration takes as long to find its member as all else takes here."""


def deciding_time(occurred_at: UnixMs, received_at: UnixMs, *, status: Status | None) -> UnixMs:
    is_to_the_second = status is _OUT and occurred_at % 1000 == 0
    latest = UnixMs(occurred_at + _REST_OF_SECOND) if is_to_the_second else occurred_at
    return latest if latest < received_at else received_at  # noqa: FURB136 - min() takes twice as long
