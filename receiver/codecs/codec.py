"""What must a codec do? Three functions of a module: believe a request, read it, and answer it as its provider expects.

To add a provider: one module here, one folder of samples, one line in `CODECS` (receiver/codecs/__init__.py).
"""

from dataclasses import dataclass
from typing import Protocol

from consent.errors import ConsentError
from consent.model import Source, UnixMs
from receiver.inbound import Inbound
from receiver.reports import Report


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    """What the provider is told: it reads the status, and at most when to come again."""

    status: int
    body: bytes = b""
    content_type: str = ""
    headers: tuple[tuple[str, str], ...] = ()
    """More of them, where a client expects one."""
    retry_after: int | None = None
    """Seconds."""


class Codec(Protocol):
    def verify(self, inbound: Inbound, source: Source, now: UnixMs) -> None:
        """Raise Unverified unless the request proves what the source asks it to prove."""
        ...

    def decode(self, inbound: Inbound) -> tuple[Report, ...]:
        """What the request reports, possibly nothing. For any other bytes Refused or TooLarge, nothing else."""
        ...

    def reply(self, error: ConsentError | None) -> Reply:
        """The answer once everything is recorded, or the one that makes the provider do what the error asks for."""
        ...
