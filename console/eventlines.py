"""How is an event shown? One line for people, or an object; numbers masked unless the operator decided otherwise."""

import json
from dataclasses import dataclass
from datetime import datetime

from rich.text import Text

from consent.model import Event
from consent.numbers import masked
from console.moments import for_people, moment
from console.terminal import clean
from dispatcher.announce import ABOUT_ENDPOINTS

_STYLES = {
    "consent.opted_out": "bold red",
    "consent.opted_in": "bold green",
    "consent.pending": "yellow",
    "message.received": "cyan",
}
_TYPE_WIDTH = len("endpoint.recovered")


@dataclass(frozen=True, slots=True, kw_only=True)
class EventLine:
    event_id: str
    type: str
    account: str
    campaign: str | None
    msisdn: str
    status: str | None
    previous: str | None
    changed: bool
    superseded: bool
    actor: str
    via: str
    source: str
    provider: str
    keyword: str
    rule: str
    occurred_at: datetime
    received_at: datetime
    sequence: int
    detail: object
    """What only this type has, such as the text of a message; None while numbers are masked."""

    @property
    def is_found(self) -> bool:
        """Nobody decided it: the dispatchers found an endpoint to be so."""
        return self.type in ABOUT_ENDPOINTS


def line_of(event: Event, *, mask_numbers: bool) -> EventLine:
    return EventLine(
        event_id=event.id,
        type=event.type,
        account=event.account,
        campaign=event.campaign,
        msisdn=shown(event.msisdn, mask_numbers=mask_numbers),
        status=event.status,
        previous=event.previous,
        changed=event.changed,
        superseded=event.superseded,
        actor=event.origin.actor,
        via=event.origin.via,
        source=event.origin.source,
        provider=event.origin.provider,
        keyword=event.origin.keyword,
        rule=event.origin.rule,
        occurred_at=moment(event.occurred_at),
        received_at=moment(event.received_at),
        sequence=event.sequence,
        detail=json.loads(event.detail) if event.detail and not mask_numbers else None,
    )


def shown(msisdn: str, *, mask_numbers: bool) -> str:
    return masked(msisdn) if mask_numbers else msisdn


def told(line: EventLine) -> Text:
    """By when it happened; an event that came too late to decide anything is dim."""
    where = f"{line.account}/{line.campaign}" if line.campaign else line.account
    text = Text.assemble(
        (for_people(line.occurred_at), "dim"),
        "  ",
        (f"{line.type:<{_TYPE_WIDTH}}", _STYLES.get(line.type, "")),
        f"  {clean(line.msisdn)}  {clean(where)}",
        f"  {because(line)}",
        (f"  {line.event_id}", "dim"),
    )
    if line.superseded:
        text.append("  too late: something newer had decided").stylize("dim")
    return text


def because(line: EventLine) -> str:
    """Who decided, by which words and rule."""
    if line.is_found:
        return f"found by the dispatchers, {clean(line.source)}"
    words = f'"{clean(line.keyword)}" ' if line.keyword else ""
    rule = f"({clean(line.rule)}) " if line.rule else ""
    return f"{words}{rule}by {line.actor} via {line.via}, {clean(line.source)}"
