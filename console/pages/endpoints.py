"""The pages Endpoints: how each of them is doing, and what may be done to one.

What stops or changes something is asked for on a page of its own, with what will come of it; a new secret is shown in
the answer to its making, and never again.
"""

import secrets

from aiohttp import web

from config.durations import milliseconds
from consent.model import Millis
from console import deadletters, deliveries, endpointcare, endpoints
from console.credentials import new_signing_secret
from console.endpoints import EndpointLine
from console.lookup import endpoint_meant
from console.moments import moment
from console.pages import lately
from console.pages.visit import Visit, page, see_other
from console.refusals import Unfit
from console.rotation import mark

GRACES = {"24h": "for one more day", "1h": "for one more hour", "0s": "not at all: the old one leaked"}
"""How long the old secret signs beside the new one."""
_SHOWN = 10


async def survey(visit: Visit) -> web.Response:
    lines = await endpoints.survey(visit.desk, now=visit.now)
    return page(visit, "endpoints.html", lines=lines)


async def one(visit: Visit) -> web.Response:
    line = await endpoints.one(visit.desk, _name(visit), now=visit.now)
    waiting = await deliveries.listed(visit.desk, line.endpoint, only_dead=False, limit=_SHOWN)
    failures = await lately.failures(visit.desk, line.endpoint)
    return page(
        visit,
        "endpoint.html",
        line=line,
        waited=(waited := _waited_s(line, visit)),
        is_overdue=waited is not None and waited * 1000 > visit.desk.settings.dispatcher.optout_deadline,
        waiting=waiting,
        failures=failures,
        shown=_SHOWN,
    )


async def disabling(visit: Visit) -> web.Response:
    return page(visit, "disable.html", line=await endpoints.one(visit.desk, _name(visit), now=visit.now))


async def disable(visit: Visit) -> web.Response:
    reason = (await visit.form()).get("reason", "") or "by hand"
    line = await endpointcare.disable(visit.desk, _name(visit), reason=reason, now=visit.now)
    return see_other(f"/endpoints/{line.endpoint}", said="disabled")


async def enable(visit: Visit) -> web.Response:
    line = await endpointcare.enable(visit.desk, _name(visit), now=visit.now)
    return see_other(f"/endpoints/{line.endpoint}", said="enabled")


async def send_now(visit: Visit) -> web.Response:
    """Without a rest, and what waits without its wait."""
    line = await endpointcare.send_now(visit.desk, _name(visit), now=visit.now)
    return see_other(f"/endpoints/{line.endpoint}", said="sending")


async def rotating(visit: Visit) -> web.Response:
    line = await endpoints.one(visit.desk, _name(visit), now=visit.now)
    known = endpoint_meant(await visit.desk.directory(), line.endpoint)
    return page(visit, "rotate.html", line=line, graces=GRACES, in_place_of=mark(known))


async def rotate(visit: Visit) -> web.Response:
    form = await visit.form()
    if (grace := form.get("grace", "24h")) not in GRACES:
        raise Unfit(f"grace: expected one of {', '.join(GRACES)}")
    made = new_signing_secret(secrets.token_bytes, is_ed25519=form.get("kind") == "ed25519")
    wait = Millis(milliseconds(grace))
    rotated = await endpointcare.rotate(
        visit.desk, _name(visit), made, now=visit.now, grace=wait, in_place_of=form.get("in_place_of", "")
    )
    return page(visit, "rotated.html", rotated=rotated)


async def test(visit: Visit) -> web.Response:
    trial = await endpointcare.test(visit.desk, _name(visit), now=visit.now)
    line = await endpoints.one(visit.desk, trial.endpoint, now=visit.now)
    return page(visit, "trial.html", trial=trial, line=line)


async def discarding(visit: Visit) -> web.Response:
    return page(visit, "discard.html", line=await endpoints.one(visit.desk, _name(visit), now=visit.now))


async def discard(visit: Visit) -> web.Response:
    """All that it was given up on."""
    reason = (await visit.form()).get("reason", "")
    done = await deadletters.discard(visit.desk, _name(visit), None, reason=reason)
    return see_other(f"/endpoints/{done.endpoint}", said="discarded")


async def revive(visit: Visit) -> web.Response:
    """All that it was given up on."""
    results = await deliveries.retry_dead(visit.desk, name := _name(visit))
    is_held = any(each.result == "held" for each in results)
    return see_other(f"/endpoints/{name}", said="held" if is_held else "revived_all")


def _waited_s(line: EndpointLine, visit: Visit) -> float | None:
    """Its oldest opt-out that it was not told of."""
    return (moment(visit.now) - line.oldest_unheard_optout).total_seconds() if line.oldest_unheard_optout else None


def _name(visit: Visit) -> str:
    return f"{visit.part('account')}/{visit.part('name')}"
