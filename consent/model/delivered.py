"""What is owed to whom, who may attempt it, and how did it go?"""

from dataclasses import dataclass

from consent.model.recorded import Event
from consent.model.words import EndpointId, EventId, EventType, Msisdn, Partition
from consent.values import value


@value(frozen=True, slots=True, kw_only=True)
class Delivery:
    """One event owed to one endpoint."""

    event: EventId
    endpoint: EndpointId
    msisdn: Msisdn
    is_opt_out: bool
    is_listed: bool = False

    @property
    def is_urgent(self) -> bool:
        """It goes before all else."""
        return self.is_opt_out and not self.is_listed


@value(frozen=True, slots=True, kw_only=True)
class Lease:
    """The right, for some seconds, to attempt one delivery."""

    partition: Partition
    endpoint: EndpointId
    msisdn: Msisdn
    event_id: EventId
    event: Event | None
    """None when the log no longer has it."""
    attempt: int
    """This attempt's number, from 1."""
    token: str
    """Proves at settle time that the lease is still ours."""
    is_replay: bool = False
    """An operator asked for it to be sent again."""

    @property
    def is_urgent(self) -> bool:
        return self.event is not None and self.event.type is EventType.OPTED_OUT and not self.event.is_listed


@dataclass(frozen=True, slots=True, kw_only=True)
class Opening:
    """What a new connection cost."""

    dns_ms: float
    connect_ms: float
    tls_ms: float | None
    """None for http."""


@value(frozen=True, slots=True, kw_only=True)
class AttemptRecord:
    """What the console shows of one attempt."""

    number: int
    outcome: str
    status: int | None
    took_ms: int
    error: str
    response: str
    first_byte_ms: float | None = None
    """From the request written to the answer begun; None where none came, or nobody measured."""
    opening: Opening | None = None
    """None where none came, and on a connection that was kept."""
