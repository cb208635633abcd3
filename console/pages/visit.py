"""Who looks at which page, and how is she answered? What every page is handed, and what every page returns."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

from aiohttp import web
from yarl import URL

from consent.errors import ConsentError, Unauthorised
from consent.model import UnixMs
from console.desk import Desk
from console.pages.notices import notice
from console.pages.templating import rendered
from console.server.guard import csrf_of, name_of, require, viewer_of
from console.server.keys import CLOCK, DESK
from console.server.scopes import Scope, Viewer

NAVIGATION = (
    ("now", "/", "Now"),
    ("endpoints", "/endpoints", "Endpoints"),
    ("deliveries", "/deliveries", "Deliveries"),
    ("people", "/people", "People"),
    ("sources", "/sources", "Sources"),
    ("set-up", "/set-up", "Set-up"),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Visit:
    request: web.Request
    viewer: Viewer
    desk: Desk
    """In the viewer's name, and with whole numbers only if she may see them."""

    @property
    def now(self) -> UnixMs:
        return self.request.app[CLOCK]()

    @property
    def sees_numbers(self) -> bool:
        return self.viewer.may(Scope.NUMBERS)

    def may(self, scope: str) -> bool:
        return self.viewer.may(Scope(scope))

    def asked(self, name: str) -> str:
        """What the address says."""
        return self.request.query.get(name, "").strip()

    def part(self, name: str) -> str:
        """Of the path."""
        return self.request.match_info.get(name, "")

    async def form(self) -> dict[str, str]:
        """What was filled in; a file that somebody sends along is none of it."""
        return {name: text.strip() for name, text in (await self.request.post()).items() if isinstance(text, str)}


Page = Callable[[Visit], Awaitable[web.StreamResponse]]


def page(visit: Visit, template: str, *, status: int = 200, **names: Any) -> web.Response:
    names.setdefault("notice", notice(visit.request.query.get("said")))
    html = rendered(template, visit=visit, navigation=NAVIGATION, csrf=csrf_of(visit.request), **names)
    return web.Response(status=status, text=html, content_type="text/html")


def see_other(path: str, *, said: str = "", **query: str) -> web.Response:
    """After a change: a page that may be loaded again without doing it twice."""
    target = URL(path, encoded=True).with_query({**query, **({"said": said} if said else {})})
    return web.Response(status=303, headers={"Location": str(target)})


def guarded(answer: Page, scope: Scope) -> Callable[[web.Request], Awaitable[web.StreamResponse]]:
    async def handle(request: web.Request) -> web.StreamResponse:
        try:
            viewer = await require(request, scope)
        except Unauthorised:
            if request.method in {"GET", "HEAD"}:
                raise  # to the log-in, and back (console/server/words.py)
            return _stranger(request)
        except ConsentError as error:
            if name_of(request) is None:
                raise  # nobody knows who it is (console/pages/apologies.py)
            return _refused(request, await viewer_of(request), error)
        try:
            return await answer(visit_of(request, viewer))
        except ConsentError as error:
            return _refused(request, viewer, error)

    return handle


def visit_of(request: web.Request, viewer: Viewer) -> Visit:
    desk = request.app[DESK].acting_as(viewer.name)
    desk = desk.showing_numbers() if viewer.may(Scope.NUMBERS) else desk.hiding_numbers()
    return Visit(request=request, viewer=viewer, desk=desk)


def _stranger(request: web.Request) -> web.Response:
    area = f"/{request.path.split('/')[1]}"
    html = rendered(
        "stranger.html",
        words="Your log-in has ended, so nothing was done. Log in and try again.",
        leads_to=URL("/login").with_query(next=area),
    )
    return web.Response(status=401, text=html, content_type="text/html")


_SECTIONS = frozenset({"endpoints", "deliveries", "replays", "people", "sources", "set-up"})
"""Where somebody may try again: a page without an action behind its address."""


def _refused(request: web.Request, viewer: Viewer, error: ConsentError) -> web.Response:
    title = {403: "You may not do that", 404: "There is no such thing", 503: "The store is away"}
    return page(
        visit_of(request, viewer),
        "error.html",
        status=error.status,
        title=title.get(error.status, "That did not work"),
        words=str(error),
        section=section if (section := request.path.split("/")[1]) in _SECTIONS else "",
    )
