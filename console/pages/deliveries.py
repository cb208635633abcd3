"""The pages Deliveries: what waits or was given up, and the whole story of one event."""

from dataclasses import dataclass
from datetime import timedelta
from urllib.parse import quote

from aiohttp import web
from yarl import URL

from consent.directory import Directory
from consent.ledger import Ledger
from consent.ledger.arrears import STATES as EVERY
from consent.model import EndpointId, Event, EventId
from console import deliveries, recent
from console.deliveries import AttemptLine
from console.pages.lately import remedy_of
from console.pages.sent import Sent, sent
from console.pages.spent import Phase, phases
from console.pages.visit import Visit, page, see_other
from console.recent import Asked

STATES = {
    "": "all that is not delivered",
    "due": "waiting for its next attempt",
    "in_flight": "under way",
    "behind": "behind an earlier one",
    "dead": "given up",
}
_A_PAGE = 50


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """One attempt, with what can be said of it."""

    line: AttemptLine
    phases: tuple[Phase, ...]
    remedy: str
    sent: Sent | None
    """None where the endpoint was removed since."""


async def show(visit: Visit) -> web.Response:
    name, state = visit.asked("endpoint"), visit.asked("state")
    state = state if state in STATES else ""
    directory = await visit.desk.directory()
    lines, more = await deliveries.paged(
        visit.desk, name or None, states={state} if state else EVERY, after=visit.asked("after"), limit=_A_PAGE
    )
    latest, older = await recent.paged(visit.desk, Asked(), after=visit.asked("older"), limit=_A_PAGE)
    return page(
        visit,
        "deliveries.html",
        lines=lines,
        more=_address(endpoint=name, state=state, after=more) if more else "",
        endpoints=sorted(directory.endpoints),
        disabled=directory.disabled,
        states=STATES,
        chosen=(name, state),
        latest=latest,
        older=_address(endpoint=name, state=state, older=older) if older else "",
    )


def _address(**query: str) -> str:
    return str(URL("/deliveries").with_query({name: value for name, value in query.items() if value}))


async def find(visit: Visit) -> web.Response:
    """By its id, as a log line or a customer's `webhook-id` has it."""
    wanted = visit.asked("id")
    return see_other(f"/events/{quote(wanted, safe='')}" if wanted else "/deliveries")


async def one(visit: Visit) -> web.Response:
    event_id = EventId(visit.part("event"))
    story = await deliveries.story(visit.desk, event_id)
    directory = await visit.desk.directory()
    async with visit.desk.reading() as store:
        event = await Ledger(store).event(event_id)
    attempts = [_told(line, event, directory, visit) for line in story.attempts]
    return page(visit, "event.html", story=story, attempts=attempts, disabled=directory.disabled)


async def retry(visit: Visit) -> web.Response:
    event_id, endpoint = EventId(visit.part("event")), (await visit.form()).get("endpoint") or None
    results = [each.result for each in await deliveries.retry(visit.desk, event_id, endpoint)]
    said = next((word for word in ("revived", "hastened", *results) if word in results), "unknown")
    return see_other(f"/events/{event_id}", said=said)


def _told(line: AttemptLine, event: Event | None, directory: Directory, visit: Visit) -> Told:
    endpoint = directory.endpoints.get(EndpointId(line.endpoint))
    began = line.at - timedelta(milliseconds=line.ms)
    return Told(
        line=line,
        phases=phases(line),
        remedy=remedy_of(error=line.error, status=line.status),
        sent=sent(event, endpoint, directory, began=began, mask_numbers=visit.desk.mask_numbers)
        if event and endpoint
        else None,
    )
