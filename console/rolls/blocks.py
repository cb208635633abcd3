"""Where does a line end? A stream of bytes, cut into whole lines. Pure."""

from typing import NamedTuple

from console.rolls.vocabulary import LONGEST_LINE


class Block(NamedTuple):
    """Some whole lines."""

    first: int
    """The number of the first one."""
    lines: list[bytes]
    ends_at: int
    """The byte behind the last one."""


class Blocks:
    """Cuts a stream of bytes into whole lines. A line longer than any list has is cut, and so a bad one."""

    def __init__(self, *, at: int, line: int, line_end: bytes = b"\n") -> None:
        self._line_end = line_end
        self._rest = b""
        self._at = at
        self._line = line

    def push(self, chunk: bytes) -> Block:
        *lines, self._rest = (self._rest + chunk).split(self._line_end)
        if len(self._rest) > 2 * LONGEST_LINE:
            # What of it is kept is too long still; its end is somewhere ahead.
            self._at += len(self._rest) - LONGEST_LINE - 1
            self._rest = self._rest[: LONGEST_LINE + 1]
        return self._block(lines, sum(map(len, lines)) + len(lines))

    def end(self) -> Block:
        """The last line, which nobody ended."""
        lines, self._rest = ([self._rest] if self._rest else []), b""
        return self._block(lines, sum(map(len, lines)))

    def _block(self, lines: list[bytes], size: int) -> Block:
        block = Block(self._line, lines, self._at + size)
        self._at, self._line = block.ends_at, self._line + len(lines)
        return block
