"""What do the events of one body report? One that cannot be read keeps none of the others from being recorded."""

from collections.abc import Callable, Iterable

from consent.errors import Refused
from receiver.codecs.document import Document
from receiver.reports import Report, Unreadable


def reports_of(events: Iterable[Document], read: Callable[[Document], Report]) -> tuple[Report | Unreadable, ...]:
    return tuple(_report(event, read) for event in events)


def _report(event: Document, read: Callable[[Document], Report]) -> Report | Unreadable:
    try:
        return read(event)
    except Refused as exc:
        return Unreadable(str(exc))
