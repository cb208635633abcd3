"""Which pages are there, and what does each take? One table; add_to puts them into the application."""

from aiohttp import web

from console.pages import assets, deliveries, endpoints, login, now, people, replays, set_up, sources
from console.pages.apologies import apologise
from console.pages.picture import Looking
from console.pages.poller import POLLER, Poller
from console.pages.visit import Page, guarded
from console.server.keys import CLOCK, DESK
from console.server.scopes import Scope

PAGES: tuple[tuple[str, str, Scope, Page], ...] = (
    ("GET", "/", Scope.READ, now.show),
    ("GET", "/live", Scope.READ, now.live),
    ("GET", "/endpoints", Scope.READ, endpoints.survey),
    ("GET", "/endpoints/{account}/{name}", Scope.READ, endpoints.one),
    ("GET", "/endpoints/{account}/{name}/disable", Scope.OPERATE, endpoints.disabling),
    ("POST", "/endpoints/{account}/{name}/disable", Scope.OPERATE, endpoints.disable),
    ("POST", "/endpoints/{account}/{name}/enable", Scope.OPERATE, endpoints.enable),
    ("POST", "/endpoints/{account}/{name}/send-now", Scope.OPERATE, endpoints.send_now),
    ("POST", "/endpoints/{account}/{name}/test", Scope.OPERATE, endpoints.test),
    ("POST", "/endpoints/{account}/{name}/revive", Scope.OPERATE, endpoints.revive),
    ("GET", "/endpoints/{account}/{name}/discard", Scope.OPERATE, endpoints.discarding),
    ("POST", "/endpoints/{account}/{name}/discard", Scope.OPERATE, endpoints.discard),
    ("GET", "/endpoints/{account}/{name}/rotate", Scope.ADMIN, endpoints.rotating),
    ("POST", "/endpoints/{account}/{name}/rotate", Scope.ADMIN, endpoints.rotate),
    ("GET", "/deliveries", Scope.READ, deliveries.show),
    ("GET", "/events", Scope.READ, deliveries.find),
    ("GET", "/events/{event}", Scope.READ, deliveries.one),
    ("POST", "/events/{event}/retry", Scope.OPERATE, deliveries.retry),
    ("GET", "/replays", Scope.READ, replays.show),
    ("POST", "/replays", Scope.OPERATE, replays.begin),
    ("POST", "/replays/count", Scope.OPERATE, replays.count),
    ("GET", "/replays/{id}", Scope.READ, replays.one),
    ("GET", "/replays/{id}/live", Scope.READ, replays.live),
    ("POST", "/replays/{id}/cancel", Scope.OPERATE, replays.cancel),
    ("GET", "/people", Scope.READ, people.show),
    ("POST", "/people", Scope.READ, people.look_up),
    ("POST", "/people/change", Scope.OPERATE, people.change),
    ("GET", "/sources", Scope.READ, sources.show),
    ("GET", "/set-up", Scope.READ, set_up.show),
    ("GET", "/set-up/live", Scope.READ, set_up.live),
    ("POST", "/set-up/account", Scope.ADMIN, set_up.account),
    ("POST", "/set-up/campaign", Scope.ADMIN, set_up.campaign),
    ("POST", "/set-up/source", Scope.ADMIN, set_up.source),
    ("POST", "/set-up/endpoint", Scope.ADMIN, set_up.endpoint),
    ("POST", "/set-up/simulate", Scope.OPERATE, set_up.simulate),
)


def add_to(app: web.Application) -> None:
    app[POLLER] = Poller(lambda: Looking(app[DESK]), app[CLOCK])
    app.on_shutdown.append(_stop_polling)
    app.middlewares.append(apologise)
    app.router.add_get(f"{assets.PATH}{{name}}", assets.answer)
    app.router.add_get("/login", login.show)
    for method, path, scope, answer in PAGES:
        app.router.add_route(method, path, guarded(answer, scope))


async def _stop_polling(app: web.Application) -> None:
    await app[POLLER].close()
