"""What arrived? One HTTP request as bytes, before anybody believes it."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Inbound:
    method: str
    query: str
    """The query string as it was on the wire, still percent-encoded; empty for none."""
    content_type: str
    """The header as sent; empty when there was none (a real Nexmo client sends JSON that way)."""
    body: bytes
