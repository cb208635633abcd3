"""Is there a body of this event already? Where several endpoints are told of one event, each format is built once."""

from consent.directory import Directory
from consent.model import BodyFormat, Event, EventId
from dispatcher.formats import Payload, body

_MOST = 1024


class Bodies:
    def __init__(self) -> None:
        self._directory: Directory | None = None
        """What they were built with: a campaign's title may change."""
        self._built: dict[tuple[EventId, BodyFormat], Payload] = {}

    def of(self, event: Event, format: BodyFormat, directory: Directory) -> Payload:  # noqa: A002  # the setting's name
        if directory is not self._directory or len(self._built) >= _MOST:
            self._directory, self._built = directory, {}
        payload = self._built.get((event.id, format))
        if payload is None:
            payload = self._built[event.id, format] = body(event, format, directory)
        return payload
