"""What must a codec do? Three functions of a module: believe a request, read it, and answer it as its provider expects.

To add a provider: one module here, one folder of samples, one line in `CODECS` (receiver/codecs/__init__.py).
"""

from dataclasses import dataclass
from typing import Protocol

from consent.errors import ConsentError, Refused
from consent.model import Source, UnixMs
from receiver.inbound import Inbound
from receiver.reports import Report, Unreadable


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

    def __hash__(self) -> int:
        """Nearly all are the same one, and it is looked up for every webhook."""
        return hash(self.status)


class Codec(Protocol):
    @property
    def HEADERS(self) -> tuple[str, ...]:  # noqa: N802 - a constant of the module
        """The request headers that `verify` looks at, in lower case: no other reaches it."""
        ...

    def verify(self, inbound: Inbound, source: Source, now: UnixMs) -> None:
        """Raise Unverified unless the request proves what the source asks it to prove."""
        ...

    def decode(self, inbound: Inbound) -> tuple[Report | Unreadable, ...]:
        """What the request reports, possibly nothing. For any other bytes Refused or TooLarge, nothing else."""
        ...

    def reply(self, error: ConsentError | None) -> Reply:
        """The answer once everything is recorded, or the one that makes the provider do what the error asks for."""
        ...


_ACCEPTED = Reply(status=200)


def reply_by_status(error: ConsentError | None, *, retry_after: int) -> Reply:
    """What is accepted without a body: some providers send a body on to the recipient. What is malformed with what to
    change, which dashboards show; who has proved nothing is told nothing."""
    if error is None:
        return _ACCEPTED
    said = str(error) if error.reason == Refused.reason else ""
    return Reply(
        status=error.status,
        body=said.encode(),
        content_type="text/plain; charset=utf-8" if said else "",
        retry_after=retry_after if error.retryable else None,
    )
