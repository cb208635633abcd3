"""The page Now: what is going on, kept true while it is open."""

from collections.abc import AsyncIterator

from aiohttp import web

from console.eventlines import line_of
from console.pages.picture import Picture
from console.pages.poller import POLLER
from console.pages.stream import Regions, streamed
from console.pages.templating import rendered
from console.pages.visit import Visit, page


async def show(visit: Visit) -> web.Response:
    regions = regions_of(await visit.request.app[POLLER].first(), visit)
    return page(visit, "now.html", regions=regions)


async def live(visit: Visit) -> web.StreamResponse:
    return await streamed(visit.request, _regions(visit))


async def _regions(visit: Visit) -> AsyncIterator[Regions]:
    async for picture in visit.request.app[POLLER].pictures():
        yield regions_of(picture, visit)


def regions_of(picture: Picture, visit: Visit) -> Regions:
    latest = [line_of(event, mask_numbers=visit.desk.mask_numbers) for event in picture.latest]
    return {
        "headline": rendered("parts/headline.html", picture=picture),
        "figures": rendered("parts/figures.html", picture=picture),
        "charts": rendered("parts/charts.html", picture=picture),
        "endpoints": rendered("parts/endpoints_now.html", picture=picture),
        "latest": rendered("parts/latest.html", latest=latest),
    }
