"""What goes out to an endpoint and what comes back, whichever client carries it."""

from importlib.metadata import version
from typing import NamedTuple, Protocol

USER_AGENT = f"consent-relay/{version('consent-relay')}"
HEADERS = {
    "Accept": "*/*",
    # A compressed answer would be read by nobody; one that comes all the same is not unpacked.
    "Accept-Encoding": "identity",
    "User-Agent": USER_AGENT,
}
KEPT_BYTES = 1024
"""Of an answer's body, for the operator."""
READ_BYTES = 16 * 1024
"""Up to here an answer is read to its end, to keep the connection; a longer one costs the connection and no more."""
CONNECT_SHARE = 2 / 3
"""Of the timeout, for name, connection and TLS: what connects later than this leaves no time to answer."""


class Request(NamedTuple):
    """A post."""

    url: str
    content_type: str
    headers: dict[str, str]
    """Those of this delivery alone: the signature's, and what the endpoint wants besides."""
    content: bytes


class Opening(NamedTuple):
    """What a new connection cost."""

    dns_ms: float
    connect_ms: float
    tls_ms: float | None
    """None for http."""


class Timings(NamedTuple):
    opening: Opening | None
    """None on a connection that was kept."""
    first_byte_ms: float
    """From the request written to the answer begun."""
    unread_ms: float = 0.0
    """From the answer's last byte to when we came to it. That is no time of the endpoint's."""

    @property
    def our_share(self) -> float:
        """Of the time from the request written to the answer read: how much of it the answer lay here unread."""
        return self.unread_ms / (self.first_byte_ms + self.unread_ms) if self.unread_ms else 0.0


class Answer(NamedTuple):
    status: int
    retry_after: str | None
    beginning: bytes
    """At most KEPT_BYTES of the body, not unpacked."""
    timings: Timings | None = None
    """None from a client that does not measure."""


class ConnectTimeout(TimeoutError):
    """No connection within its share of the time."""


class CannotConnect(OSError):
    """The number says why, as the system does."""


class BadResponse(Exception):
    """What came back is not HTTP: nothing that we can do about it, and nothing that is shown of it."""


class Client(Protocol):
    async def post(self, request: Request, *, seconds: float) -> Answer:
        """What the endpoint said, within so many seconds. Raises what failure.py lists."""
        ...
