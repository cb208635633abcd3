"""The pages Replay: what is sent to an endpoint again. Counted first, started on purpose, watched, cancelled."""

from collections.abc import AsyncIterator, Mapping
from types import MappingProxyType

from aiohttp import web
from markupsafe import Markup

from consent.errors import Refused
from consent.ledger import Mark
from consent.model import UnixMs
from console.jobs import JobLine
from console.moments import moment, written
from console.pages.poller import POLLER
from console.pages.stream import Regions, streamed
from console.pages.templating import rendered
from console.pages.visit import Visit, page, see_other
from console.ranges import FOREVER, Range, order_of
from console.refusals import Unfit
from console.replay import Order, Replaying
from console.server.guard import csrf_of
from console.server.keys import JOBS

_END = Mark.before(FOREVER)
_UNDER_WAY = frozenset({"counting", "running"})
_TYPES = ("consent.*", "consent.opted_out", "consent.opted_in", "message.*")


async def show(visit: Visit) -> web.Response:
    return await _asking(visit)


async def _asking(
    visit: Visit, *, status: int = 200, refused: str = "", typed: Mapping[str, str] = MappingProxyType({})
) -> web.Response:
    """`typed`: what a form that was refused is filled in with again."""
    return page(
        visit,
        "replays.html",
        status=status,
        endpoints=sorted((await visit.desk.directory()).endpoints),
        jobs=visit.request.app[JOBS].listed(),
        types=_TYPES,
        refused=refused,
        typed=typed,
    )


async def count(visit: Visit) -> web.Response:
    form = await visit.form()
    try:
        order = _order(form, visit.now)
        planned = await Replaying(order).count(visit.desk)
    except Refused as error:
        return await _asking(visit, status=error.status, refused=str(error), typed=form)
    is_partial = order.only_dead or bool(order.types) or order.until != _END
    return page(visit, "replay_counted.html", planned=planned, asked=_fixed(form, order), is_partial=is_partial)


async def begin(visit: Visit) -> web.Response:
    job = await visit.request.app[JOBS].start(visit.desk, _order(await visit.form(), visit.now), now=visit.now)
    return see_other(f"/replays/{job.id}")


async def one(visit: Visit) -> web.Response:
    job = visit.request.app[JOBS].one(visit.part("id"))
    return page(visit, "replay.html", job=job, is_under_way=job.state in _UNDER_WAY, progress=_progress(visit, job))


async def cancel(visit: Visit) -> web.Response:
    job = await visit.request.app[JOBS].cancel(visit.desk, visit.part("id"))
    return see_other(f"/replays/{job.id}", said="cancelled" if job.state == "cancelled" else "")


async def live(visit: Visit) -> web.StreamResponse:
    visit.request.app[JOBS].one(visit.part("id"))
    return await streamed(visit.request, _regions(visit))


async def _regions(visit: Visit) -> AsyncIterator[Regions]:
    """At the pace of the pictures."""
    async for _ in visit.request.app[POLLER].pictures():
        job = visit.request.app[JOBS].one(visit.part("id"))
        yield {"progress": _progress(visit, job)}
        if job.state not in _UNDER_WAY:
            return


def _progress(visit: Visit, job: JobLine) -> Markup:
    return rendered("parts/progress.html", job=job, visit=visit, csrf=csrf_of(visit.request))


def _order(form: Mapping[str, str], now: UnixMs) -> Order:
    if not (endpoint := form.get("endpoint", "")):
        raise Unfit("endpoint: say who is to be told again")
    asked = Range(form.get("since"), form.get("until"), form.get("after"))
    types = (form["types"],) if form.get("types") else ()
    return order_of(endpoint, asked, types, now=now, only_dead=form.get("dead") == "yes")


def _fixed(form: Mapping[str, str], order: Order) -> dict[str, str]:
    """What was asked for, as instants: "2h" shall not move while somebody makes up her mind."""
    until = "" if order.until == _END else written(moment(UnixMs(order.until.ms + 1)))
    kept = {name: form.get(name, "") for name in ("endpoint", "types", "dead")}
    return kept | {"after": order.after.word, "until": until}
