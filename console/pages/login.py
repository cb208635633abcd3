"""The page with the log-in's form. What becomes of it: console/server/login.py."""

from aiohttp import web

from consent.errors import Unauthorised
from console.pages.notices import REFUSALS
from console.pages.templating import rendered
from console.server.guard import viewer_of
from console.server.login import within


async def show(request: web.Request) -> web.StreamResponse:
    refused = REFUSALS.get(request.query.get("refused", ""), "")
    leads_to = within(request.query.get("next", "/"))
    try:
        await viewer_of(request)
    except Unauthorised:
        html = rendered("login.html", refused=refused, leads_to=leads_to)
        return web.Response(text=html, content_type="text/html")
    return web.Response(status=303, headers={"Location": leads_to})
