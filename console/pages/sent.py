"""What did we send at one attempt? As far as it can be known afterwards: made again from the event, not kept. Pure.

The body is the same at every attempt. The signature is not made again: it would have to be with secrets that may have
been rotated since. What an endpoint's own headers say is kept like a secret.
"""

from dataclasses import dataclass
from datetime import datetime

from config.urls import without_secrets
from consent.directory import Directory
from consent.model import Endpoint, Event
from dispatcher.exchange import HEADERS
from dispatcher.formats import body, speaks


@dataclass(frozen=True, slots=True, kw_only=True)
class Sent:
    url: str
    headers: tuple[tuple[str, str], ...]
    body: str
    """Empty where numbers are masked, for it holds one."""


def sent(event: Event, endpoint: Endpoint, directory: Directory, *, began: datetime, mask_numbers: bool) -> Sent:
    payload = body(event, endpoint.format, directory) if speaks(endpoint.format, event.type) else None
    headers = [
        ("Content-Type", payload.content_type if payload else "-"),
        ("User-Agent", HEADERS["User-Agent"]),
        ("webhook-id", event.id),
        ("webhook-timestamp", f"{int(began.timestamp())} (to the second or so)"),
        ("webhook-signature", "v1,… (not kept)"),
        *((header.name, "… (kept secret)") for header in endpoint.headers),
    ]
    text = payload.content.decode("utf-8", "replace") if payload and not mask_numbers else ""
    return Sent(url=without_secrets(endpoint.url), headers=tuple(headers), body=text)
