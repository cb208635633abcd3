"""What should be true of a number after all that was said? The rule of event time, in plain Python.

Written from docs/adr/0003-event-time.md, not from the code: it shares none with the ledger. A stamp in whole seconds
is taken at the end of its second for an opt-out, at its start otherwise; the later decides; in a tie, the opt-out.
Messages here are always older than their arrival, so that no receiver's clock has a part in it.
"""

from collections.abc import Iterable
from dataclasses import dataclass

from consent.model import CampaignId, Msisdn, Status
from tests.chaos.messages import Message

Cell = tuple[Msisdn, CampaignId]


@dataclass(frozen=True, slots=True)
class Standing:
    status: Status
    at: int
    """The instant that decided, Unix ms."""

    @classmethod
    def asked(cls, status: Status, second: int) -> "Standing":
        return cls(status, second * 1000 + (999 if status is Status.OPTED_OUT else 0))

    def outweighs(self, other: "Standing") -> bool:
        if self.at == other.at:
            return self.status is Status.OPTED_OUT is not other.status
        return self.at > other.at


def standings(messages: Iterable[Message]) -> dict[Cell, Standing]:
    """Whatever the order: the latest of each cell."""
    found: dict[Cell, Standing] = {}
    for message in messages:
        asked = Standing.asked(message.status, message.second)
        for campaign in message.campaigns:
            cell = message.msisdn, campaign
            if cell not in found or not found[cell].outweighs(asked):
                found[cell] = asked
    return found
