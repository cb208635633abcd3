"""Where do log lines go? To a stream that may fail, on a full disk for one, and whose failure is nobody else's."""

from typing import ClassVar, TextIO


class Lines:
    """A webhook is not refused for want of a line about it: what cannot be written is lost, and counted."""

    lost: ClassVar[int] = 0
    """Of all that this process logged."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def write(self, line: str) -> None:
        try:
            self._stream.write(line)
            self._stream.flush()
        except OSError:
            Lines.lost += 1

    def flush(self) -> None:
        """Each line is, as it is written."""
