"""What does the console's port answer? The probes, the log-in, the admin API, the dashboard; put together here."""

import asyncio
from collections.abc import Collection

from aiohttp import web
from prometheus_client.registry import Collector

from config import console_token
from config.clock import system_clock
from config.metrics import exposition
from config.probes import Readiness, probes
from console.api import routes as api
from console.desk import Desk
from console.jobs import Jobs
from console.pages import routes as pages
from console.server import login
from console.server.keys import CLOCK, DESK, FIRST_TOKEN, JOBS, STOPPING, TALLY, THROTTLE, USED_ON, Clock
from console.server.metrics import Metrics, Tally
from console.server.words import tell, word
from receiver.apis.throttle import Throttle

__all__ = ["CLOCK", "DESK", "JOBS", "STOPPING", "build"]

MOST_BODY = 256 * 1024
_HEADERS = {
    # Nothing inline, nothing from elsewhere, in nobody's frame.
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; font-src 'self'; "
        "connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cache-Control": "no-store",
}
"""Of every answer that does not say otherwise."""


def build(
    desk: Desk,
    *,
    clock: Clock = system_clock,
    readiness: Readiness = lambda: None,
    vitals: Collection[Collector] = (),
) -> web.Application:
    """`vitals`: what the process tells Prometheus besides its requests."""
    app = web.Application(middlewares=[tell, word], client_max_size=MOST_BODY)
    app[DESK] = desk
    app[CLOCK] = clock
    app[THROTTLE] = Throttle()
    app[FIRST_TOKEN] = console_token.configured(desk.settings) or ""
    app[TALLY] = Tally()
    app[JOBS] = Jobs()
    app[STOPPING] = asyncio.Event()
    app[USED_ON] = {}
    app.on_response_prepare.append(_with_headers)
    app.on_shutdown.append(_stop)
    app.on_cleanup.append(_end_jobs)
    for path, answer in {**probes(readiness), "/metrics": exposition(*vitals, Metrics(app[TALLY]))}.items():
        app.router.add_get(path, answer)
    login.add_to(app)
    api.add_to(app)
    pages.add_to(app)
    return app


async def _with_headers(_: web.Request, response: web.StreamResponse) -> None:
    for name, value in _HEADERS.items():
        response.headers.setdefault(name, value)


async def _stop(app: web.Application) -> None:
    app[STOPPING].set()


async def _end_jobs(app: web.Application) -> None:
    await app[JOBS].close()
