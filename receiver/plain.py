"""Is this, whole, the one request that we get all day? A pure reader of plain webhook posts.

    POST /hooks/{token} HTTP/1.1, headers of visible ASCII, one Content-Length, the body all there, nothing unusual

`read` understands such a request completely, or says None; then aiohttp reads the same bytes, and answers whatever they
are. So nothing here has to be lenient, and a doubt costs only time (docs/adr/0006-plain-posts.md).
"""

import re
from functools import lru_cache
from typing import NamedTuple

from receiver.codecs import HEADERS
from receiver.inbound import Inbound

_MOST_LINES = 100
"""aiohttp takes 128."""
_LONGEST_HEAD = 8190
"""aiohttp's own limit for a line; a head as long as that is not the one we get all day."""

# RFC 9110 tokens, a colon, then visible ASCII. No folded lines, no space before the colon, no bare line feeds.
_HEAD = re.compile(
    rb"POST /hooks/([A-Za-z0-9_~-]{1,256}) HTTP/1\.1\r\n"
    rb"((?:[A-Za-z0-9!#$%&'*+.^_`|~-]+:[\t\x20-\x7e]*\r\n)+)\r\n"
)
_CARRIED = frozenset(name.encode() for name in HEADERS)
"""What proves where a request comes from. One that comes twice is aiohttp's to read."""
# What says how to read the body or what becomes of the connection; anything else in a head is none of our business.
_HARMLESS = frozenset(
    {
        b"content-length",
        b"content-type",
        b"host",
        # aiohttp refuses these when they come twice
        b"content-location",
        b"content-range",
        b"etag",
        b"max-forwards",
        b"server",
        b"user-agent",
    }
    | _CARRIED
)
_TELLING = _HARMLESS | {
    b"connection",
    b"content-encoding",
    b"expect",
    b"proxy-connection",
    b"sec-websocket-key1",
    b"te",
    b"trailer",
    b"transfer-encoding",
    b"upgrade",
}
_LENGTH = re.compile(rb"[0-9]{1,7}")


class _Head(NamedTuple):
    token: str
    content_type: str
    length: int
    headers: tuple[tuple[str, str], ...]


def read(data: bytes) -> tuple[str, Inbound, int] | None:
    """The request at the start of `data`: its token, what it brings, and where it ends."""
    body_at = data.find(b"\r\n\r\n", 0, _LONGEST_HEAD) + 4
    head = _read_head(data[:body_at]) if body_at > 4 else None
    if head is None:
        return None
    end = body_at + head.length
    if len(data) < end:
        return None
    inbound = Inbound(
        method="POST", query="", content_type=head.content_type, body=data[body_at:end], headers=head.headers
    )
    return head.token, inbound, end


# One client writes the same head all day, but for its length; reading it costs as much as judging the body.
@lru_cache(maxsize=512)
def _read_head(head: bytes) -> _Head | None:
    """From the request line to the blank line, both included."""
    found = _HEAD.fullmatch(head)
    if found is None or found[2].count(b"\n") > _MOST_LINES:
        return None
    told: dict[bytes, bytes] = {}
    for line in found[2].split(b"\r\n"):
        name, _, value = line.partition(b":")
        word = name.lower()
        if word not in _TELLING:
            continue
        value = value.strip(b" \t")
        is_plain = word in _HARMLESS or (word == b"connection" and value.lower() == b"keep-alive")
        if not is_plain or word in told:
            return None
        told[word] = value
    length = told.get(b"content-length", b"")
    if b"host" not in told or not _LENGTH.fullmatch(length):
        return None
    headers = tuple((word.decode("ascii"), told[word].decode("ascii")) for word in told if word in _CARRIED)
    return _Head(found[1].decode("ascii"), told.get(b"content-type", b"").decode("ascii"), int(length), headers)
