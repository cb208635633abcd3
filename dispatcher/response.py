"""What does an endpoint answer? One HTTP/1.1 response, read from its bytes as they come. Pure: no socket, no clock.

    head   1xx responses are skipped; then a status line, header lines, a blank line: whole, or it is a BadResponse
    body   so many bytes | chunks | until the end of the connection: read to its end, or as far as READ_BYTES

The status is the answer: a body that is broken, cut short or too long costs the connection and nothing else. So what is
told of a body is its beginning, and whether the response ended exactly where the bytes did: `is_in_step`. Only then may
the connection carry another request.

Strict where a doubt could put one response's bytes into another: lengths, folded lines, control characters. Tolerant
where real servers differ: bare line feeds, no reason phrase, bytes that are no UTF-8, any case.
Rules: https://www.rfc-editor.org/rfc/rfc9112#section-6.3
"""

import re
from functools import lru_cache
from typing import NamedTuple

from dispatcher.exchange import KEPT_BYTES, READ_BYTES, BadResponse

LONGEST_HEAD = 32 * 1024
MOST_LINES = 128

_START = b"HTTP/1."
_END_OF_HEAD = re.compile(rb"\n\r?\n")
_LONGEST_END = 3
_HEAD = re.compile(
    rb"HTTP/1\.([01]) ([1-9][0-9]{2})(?: [^\r\n\0]*)?\r?\n"
    rb"((?:[A-Za-z0-9!#$%&'*+.^_`|~-]+:[^\r\n\0]*\r?\n)*)\r?\n"
)
_TELLING = frozenset({b"connection", b"content-length", b"retry-after", b"transfer-encoding"})
_LENGTH = re.compile(rb"[0-9]{1,18}")
_CHUNK_SIZE = re.compile(rb"([0-9A-Fa-f]{1,15})[\t ]*(?:;[^\r\n]*)?\r\n")
_SWITCHING_PROTOCOLS = 101
_BODILESS = frozenset({_SWITCHING_PROTOCOLS, 204, 304})


class Length(NamedTuple):
    octets: int


class Chunked(NamedTuple):
    """Each chunk says how long it is; one of length 0 is the last."""


class UntilClose(NamedTuple):
    """It ends when the connection does."""


Framing = Length | Chunked | UntilClose


class Head(NamedTuple):
    status: int
    retry_after: str | None
    framing: Framing
    keeps_connection: bool


class Reader:
    """Of one response: `feed` until it says that there is no more to read. Once `head` is there, there is an answer."""

    __slots__ = ("_body", "_bytes_of_body", "_skipped", "_unread", "beginning", "head", "is_in_step")

    def __init__(self) -> None:
        self.head: Head | None = None
        self.is_in_step = False
        self.beginning = b""
        self._unread = b""
        self._skipped = 0
        self._body: _Octets | _Chunks | None = None
        self._bytes_of_body = 0

    def feed(self, data: bytes) -> bool:
        """Whether that was all, or all that is going to be read."""
        if self._body is None or self.head is None:
            found = self._read_final_head(data)
            if found is None:
                return False
            self.head, data = found
            framing = self.head.framing
            # Nearly every answer is whole in one piece.
            if isinstance(framing, Length) and framing.octets == len(data) <= READ_BYTES:
                self.beginning = data[:KEPT_BYTES]
                self.is_in_step = self.head.keeps_connection
                return True
            self._body = _Chunks() if isinstance(framing, Chunked) else _Octets(framing)
        # One byte more than is read, so that what comes after a body of just that length is seen.
        data = data[: READ_BYTES + 1 - self._bytes_of_body]
        self._bytes_of_body += len(data)
        try:
            surplus = self._body.feed(data)
        except BadResponse:
            return True
        finally:
            self.beginning = self._body.beginning[:KEPT_BYTES]
        if surplus is None:
            return self._bytes_of_body >= READ_BYTES
        self.is_in_step = self.head.keeps_connection and not surplus
        return True

    def _read_final_head(self, data: bytes) -> tuple[Head, bytes] | None:
        """The first head that is not of a 1xx response, and what is behind it; None if that is still to come. Nothing
        is looked at twice, or who sends byte by byte would cost us a core."""
        seen = max(len(self._unread) - _LONGEST_END, 0)
        data = self._unread + data if self._unread else data
        while True:
            if data[: len(_START)] != _START[: len(data)]:
                raise BadResponse
            found = _END_OF_HEAD.search(data, seen, LONGEST_HEAD - self._skipped)
            if found is None:
                if self._skipped + len(data) >= LONGEST_HEAD:
                    raise BadResponse
                self._unread = data
                return None
            head = read_head(data[: found.end()])
            data, seen = data[found.end() :], 0
            if head.status >= 200 or head.status == _SWITCHING_PROTOCOLS:
                self._unread = b""
                return head, data
            self._skipped += found.end()


# Within one second a server's heads are the same.
@lru_cache(maxsize=256)
def read_head(head: bytes) -> Head:
    """From the status line to the blank line, both included."""
    found = _HEAD.fullmatch(head)
    if found is None or found[3].count(b"\n") > MOST_LINES:
        raise BadResponse
    told: dict[bytes, list[bytes]] = {}
    for line in found[3].split(b"\n"):
        name, _, value = line.partition(b":")
        word = name.lower()
        if word in _TELLING:
            told.setdefault(word, []).append(value.strip(b" \t\r"))
    status = int(found[2])
    framing = _framing(status, told)
    is_old = found[1] == b"0"
    keeps = _is_to_be_kept(_words(told, b"connection"), is_old=is_old)
    retry_after = told.get(b"retry-after", [None])[0]
    return Head(
        status=status,
        retry_after=None if retry_after is None else retry_after.decode("latin-1"),
        framing=framing,
        keeps_connection=keeps and not _is_doubtful(status, told, is_old=is_old) and status != _SWITCHING_PROTOCOLS,
    )


def _framing(status: int, told: dict[bytes, list[bytes]]) -> Framing:
    lengths = _words(told, b"content-length")
    if not all(map(_LENGTH.fullmatch, lengths)) or len({int(length) for length in lengths}) > 1:
        raise BadResponse
    if status in _BODILESS:
        return Length(0)
    codings = _words(told, b"transfer-encoding")
    if codings:
        return Chunked() if codings[-1] == b"chunked" else UntilClose()
    return Length(int(lengths[0])) if lengths else UntilClose()


def _is_doubtful(status: int, told: dict[bytes, list[bytes]], *, is_old: bool) -> bool:
    """Whether its end may lie elsewhere than we think."""
    if b"transfer-encoding" in told:
        # Beside a length or in HTTP/1.0, somebody on the way may have read it the other way. And a body that is
        # announced where there is none may come all the same.
        return b"content-length" in told or is_old or status in _BODILESS
    return status == 204 and any(map(int, _words(told, b"content-length")))


def _is_to_be_kept(options: list[bytes], *, is_old: bool) -> bool:
    return b"close" not in options and (not is_old or b"keep-alive" in options)


def _words(told: dict[bytes, list[bytes]], name: bytes) -> list[bytes]:
    """A list may be written in one line or in several."""
    return [word.strip(b" \t").lower() for value in told.get(name, ()) for word in value.split(b",")]


class _Octets:
    """A body of known length, or one without an end."""

    __slots__ = ("_left", "beginning")

    def __init__(self, framing: Length | UntilClose) -> None:
        self._left = framing.octets if isinstance(framing, Length) else None
        self.beginning = b""

    def feed(self, data: bytes) -> bytes | None:
        """What came after its end; None: the end is still to come."""
        taken = data if self._left is None else data[: self._left]
        if len(self.beginning) < KEPT_BYTES:
            self.beginning += taken[:KEPT_BYTES]
        if self._left is None:
            return None
        self._left -= len(taken)
        return None if self._left else data[len(taken) :]


class _Chunks:
    __slots__ = ("_in_chunk", "_is_last", "_unread", "beginning")

    def __init__(self) -> None:
        self._unread = b""
        self._in_chunk = 0
        """So many bytes of the chunk are to come, and the line end after them."""
        self._is_last = False
        self.beginning = b""

    def feed(self, data: bytes) -> bytes | None:
        """What came after its end; None: the end is still to come."""
        self._unread += data
        while not self._is_last:
            is_on_the_way = self._read_chunk() if self._in_chunk else self._read_size()
            if not is_on_the_way:
                return None
        return self._read_trailers()

    def _read_size(self) -> bool:
        if b"\n" not in self._unread:
            return False
        found = _CHUNK_SIZE.match(self._unread)
        if found is None:
            raise BadResponse
        size = int(found[1], 16)
        self._unread = self._unread[found.end() :]
        self._in_chunk = size + 2 if size else 0
        self._is_last = not size
        return True

    def _read_chunk(self) -> bool:
        content = self._unread[: max(self._in_chunk - 2, 0)]
        if content:
            if len(self.beginning) < KEPT_BYTES:
                self.beginning += content[:KEPT_BYTES]
            self._unread = self._unread[len(content) :]
            self._in_chunk -= len(content)
        if self._in_chunk > 2 or len(self._unread) < 2:
            return False
        if self._unread[:2] != b"\r\n":
            raise BadResponse
        self._unread = self._unread[2:]
        self._in_chunk = 0
        return True

    def _read_trailers(self) -> bytes | None:
        """Lines nobody asked for, up to a blank one."""
        while (end := self._unread.find(b"\n")) >= 0:
            line, self._unread = self._unread[:end], self._unread[end + 1 :]
            if line in {b"", b"\r"}:
                return self._unread
        return None
