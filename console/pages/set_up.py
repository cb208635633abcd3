"""The page Set-up: from nothing to the first STOP that a system of one's own hears of."""

import secrets
from collections import defaultdict
from collections.abc import AsyncIterator, Callable, Mapping
from types import MappingProxyType
from typing import Never, get_args

from aiohttp import web
from markupsafe import Markup

from config.urls import without_secrets
from consent.errors import Refused
from consent.ledger import Ledger
from consent.model import SignatureMethod, UnixMs
from console import deliveries, endpointcare, judging, registering, simulation
from console.commands.simulate import posted, text_through
from console.credentials import new_signing_secret, new_token
from console.deliveries import Story
from console.pages.guide import arrived, guide_of, is_settled, simulating
from console.pages.poller import POLLER
from console.pages.sources import sources_shown
from console.pages.stream import Regions, streamed
from console.pages.templating import rendered
from console.pages.visit import Page, Visit, page, see_other
from console.providers import PROVIDERS
from console.refusals import Unfit
from console.trial import NOBODY

_KEY_BYTES, _SECRET_BYTES = 4, 24
_NOTHING: Mapping[str, Never] = MappingProxyType({})
_LOOKED_THROUGH = 50
_LONGEST_LOOK = 240
"""Pictures, about two a second: then somebody has walked away, or an endpoint fails for longer."""


async def show(visit: Visit) -> web.Response:
    return await _guided(visit, visit.asked("since"))


def _or_again(step: str) -> Callable[[Page], Page]:
    """Where it is refused, the guide is shown with what was typed."""

    def around(make: Page) -> Page:
        async def handle(visit: Visit) -> web.StreamResponse:
            try:
                return await make(visit)
            except Refused as error:
                form = await visit.form()
                told, typed = {step: str(error)}, {step: _without_secrets(form)}
                return await _guided(visit, form.get("since", ""), status=error.status, refused=told, typed=typed)

        return handle

    return around


async def _guided(
    visit: Visit,
    since: str,
    *,
    status: int = 200,
    refused: Mapping[str, str] = _NOTHING,
    typed: Mapping[str, Mapping[str, str]] = _NOTHING,
) -> web.Response:
    """`refused` and `typed` by the step."""
    directory = await visit.desk.directory()
    async with visit.desk.reading() as store:
        newest = list(reversed(await Ledger(store).newest(_LOOKED_THROUGH)))
    known = _since(since, default=newest[0].received_at if newest else 0)
    event = arrived(newest, known)
    story = await deliveries.story(visit.desk, event.id) if event else None
    guide = guide_of(directory, sources_shown(visit, directory, {}), since=known, story=story, now=visit.now)
    return page(
        visit,
        "set_up.html",
        status=status,
        refused=refused,
        typed=defaultdict(dict, typed),
        guide=guide,
        providers=PROVIDERS,
        methods=get_args(SignatureMethod),
        nobody=f"+{NOBODY}",
        arrival=_arrival(story),
    )


async def live(visit: Visit) -> web.StreamResponse:
    return await streamed(visit.request, _regions(visit, _since(visit.asked("since"), default=0)))


@_or_again("account")
async def account(visit: Visit) -> web.Response:
    form = await visit.form()
    table = {
        "id": form.get("id", ""),
        "api_key": secrets.token_hex(_KEY_BYTES),
        "api_secret": secrets.token_urlsafe(_SECRET_BYTES),
    }
    made = judging.account(table)
    await registering.add(visit.desk, made, hint="choose another id")
    return page(visit, "account_made.html", account=made, since=_since(form.get("since", ""), default=0))


@_or_again("campaign")
async def campaign(visit: Visit) -> web.Response:
    form = await visit.form()
    named = ("account", "id", "title", "short_code")
    await registering.add(visit.desk, judging.campaign(_filled(form, *named)), hint="choose another id")
    return _back(form, "campaign", "source")


@_or_again("source")
async def source(visit: Visit) -> web.Response:
    form = await visit.form()
    table = _filled(form, "account", "id", "provider", "signature_secret", "signature_method")
    table = {"id": table.get("provider", ""), **table, "token": new_token(secrets.token_bytes)}
    await registering.add(visit.desk, judging.source(table), hint="choose another name")
    return _back(form, "source", "source")


@_or_again("endpoint")
async def endpoint(visit: Visit) -> web.Response:
    form = await visit.form()
    new = judging.endpoint(_filled(form, "account", "id", "url"))
    made = new_signing_secret(secrets.token_bytes)
    added = await endpointcare.add(visit.desk, new, new_secret=made)
    return page(visit, "added.html", added=added, since=_since(form.get("since", ""), default=0))


async def simulate(visit: Visit) -> web.Response:
    form, chosen = await visit.form(), simulating(await visit.desk.directory())
    if chosen is None:
        raise Unfit("simulating takes a campaign with a number, and a source that is not of Telnyx with its key")
    through, campaign = chosen
    webhook = (
        simulation.notification(campaign, NOBODY, "N302", now=visit.now)
        if through.provider == "skycore"
        else text_through(visit.desk.settings, through, NOBODY, campaign.short_code, "STOP", now=visit.now)
    )
    answer = await posted(visit.desk.settings, through, webhook)
    if answer.status != 200:
        raise Unfit(f"the receiver answered {answer.status}: {answer.meaning}")
    return _back(form, "simulated", "stop")


async def _regions(visit: Visit, since: UnixMs) -> AsyncIterator[Regions]:
    looks = 0
    async for picture in visit.request.app[POLLER].pictures():
        event, story, looks = arrived(picture.latest, since), None, looks + 1
        if event is not None:
            story = await deliveries.story(visit.desk, event.id)
        yield {"arrival": _arrival(story)}
        if (story and is_settled(story, visit.now)) or looks > _LONGEST_LOOK:
            return


def _arrival(story: Story | None) -> Markup:
    return rendered("parts/arrival.html", story=story)


def _filled(form: dict[str, str], *names: str) -> dict[str, object]:
    """As the configuration file has it: what was left empty is not said."""
    return {name: form[name] for name in names if form.get(name)}


def _without_secrets(form: Mapping[str, str]) -> dict[str, str]:
    """What hides one is typed once more."""
    return {
        name: text
        for name, text in form.items()
        if name != "signature_secret" and (name != "url" or text == without_secrets(text))
    }


def _back(form: dict[str, str], said: str, anchor: str) -> web.Response:
    since = _since(form.get("since", ""), default=0)
    answer = see_other("/set-up", said=said, since=str(since))
    answer.headers["Location"] += f"#{anchor}"
    return answer


def _since(written: str, *, default: int) -> UnixMs:
    return UnixMs(int(written)) if written.isdecimal() and len(written) < 16 else UnixMs(default)
