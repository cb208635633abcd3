"""The page People: one number in every campaign, its whole history, who was told, and a decision of one's own.

The number comes by POST, and goes into no address, no log and no audit.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType

from aiohttp import web

from consent.errors import Refused
from consent.model import EndpointId, Event, Msisdn, Status
from consent.numbers import Recipient, other_way, recipient
from console import decisions, deliveries, standings
from console.decisions import Wish
from console.deliverylines import DeliveryLine
from console.eventlines import EventLine, line_of, shown
from console.numbering import exists
from console.pages.notices import NOTICES, Notice
from console.pages.visit import Visit, page
from console.refusals import SelfStopped, Unfit
from console.standings import Standing

_SHE_STOPPED = (
    "She stopped herself, so nothing was changed. If she has asked for it since, and you can show that, tick the box "
    "that says so."
)
_HISTORY = 200
_WITH_DELIVERIES = 10
"""Of the newest events it is looked up who was told; the others' stories tell."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Happened:
    event: EventLine
    words: str
    """What she wrote, or why an operator decided; nothing while numbers are masked."""
    deliveries: tuple[DeliveryLine, ...] | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Person:
    msisdn: Msisdn = field(repr=False)
    shown: str
    doubt: str
    """Why this may be nobody's number, or not all there is; nothing where there is no doubt."""
    disabled: frozenset[EndpointId]
    """What they are owed is held."""
    standings: Sequence[Standing]
    history: Sequence[Happened]
    """Newest first."""


async def show(visit: Visit) -> web.Response:
    return page(visit, "people.html", person=None)


async def look_up(visit: Visit) -> web.Response:
    return await _shown(visit, (await visit.form()).get("number", ""))


async def change(visit: Visit) -> web.Response:
    form = await visit.form()
    number = form.get("number", "")
    try:
        await decisions.decide(visit.desk, _wish(form), now=visit.now)
    except SelfStopped as error:
        return await _shown(visit, number, status=error.status, refused=_SHE_STOPPED, typed=form)
    except Refused as error:
        return await _shown(visit, number, status=error.status, refused=str(error), typed=form)
    # Shown at once, not by way of another address: that would have to hold the number.
    return await _shown(visit, number, notice=NOTICES["changed"])


async def _shown(
    visit: Visit,
    number: str,
    *,
    status: int = 200,
    notice: Notice | None = None,
    refused: str = "",
    typed: Mapping[str, str] = MappingProxyType({}),
) -> web.Response:
    """`typed`: what a decision that was refused is filled in with again."""
    person = await _person(visit, number)
    return page(visit, "people.html", status=status, person=person, notice=notice, refused=refused, typed=typed)


def _wish(form: Mapping[str, str]) -> Wish:
    account, _, campaign = form.get("campaign", "").partition("/")
    return Wish(
        number=form.get("number", ""),
        account=account,
        campaign=campaign,
        status=_status(form.get("status", "")),
        reason=form.get("reason", ""),
        overrules=form.get("overrule") == "yes",
    )


async def _person(visit: Visit, number: str) -> Person:
    who = recipient(number)
    found = await standings.looked_up(visit.desk, who.msisdn, None, None, now=visit.now)
    events = await standings.happened(visit.desk, who.msisdn, None, limit=_HISTORY)
    return Person(
        msisdn=who.msisdn,
        shown=shown(who.msisdn, mask_numbers=visit.desk.mask_numbers),
        doubt=_doubt(who, is_known=bool(events), mask_numbers=visit.desk.mask_numbers),
        disabled=(await visit.desk.directory()).disabled,
        standings=found,
        history=[
            await _happened(visit, event, is_told=place < _WITH_DELIVERIES)
            for place, event in enumerate(reversed(events))
        ],
    )


def _doubt(who: Recipient, *, is_known: bool, mask_numbers: bool) -> str:
    if who.is_odd:
        return "This is not a number with its country code."
    if other := other_way(who.msisdn):
        return f"The same line is also written {shown(other, mask_numbers=mask_numbers)}: look that up, too."
    return "" if is_known or exists(who.msisdn) else "This number is in no numbering plan: is the country code missing?"


async def _happened(visit: Visit, event: Event, *, is_told: bool) -> Happened:
    line = line_of(event, mask_numbers=visit.desk.mask_numbers)
    detail = line.detail if isinstance(line.detail, dict) else {}
    story = await deliveries.story(visit.desk, event.id) if is_told else None
    return Happened(
        event=line,
        words=str(detail.get("text") or detail.get("reason") or ""),
        deliveries=story.deliveries if story else None,
    )


def _status(written: str) -> Status:
    try:
        return Status(written)
    except ValueError:
        raise Unfit("status: expected opted_in or opted_out") from None
