"""What does the application know? The names under which its parts find what was built once, in app.py."""

import asyncio
from collections.abc import Callable

from aiohttp import web

from consent.model import UnixMs
from console.desk import Desk
from console.jobs import Jobs
from console.server.metrics import Tally
from receiver.apis.throttle import Throttle

Clock = Callable[[], UnixMs]

DESK: web.AppKey[Desk] = web.AppKey("DESK", Desk)
CLOCK: web.AppKey[Clock] = web.AppKey("CLOCK", Callable)  # type: ignore[arg-type]  # a Callable is no class
THROTTLE: web.AppKey[Throttle] = web.AppKey("THROTTLE", Throttle)
FIRST_TOKEN: web.AppKey[str] = web.AppKey("FIRST_TOKEN", str)
"""Empty: there is none, and only tokens in the store count."""
TALLY: web.AppKey[Tally] = web.AppKey("TALLY", Tally)
JOBS: web.AppKey[Jobs] = web.AppKey("JOBS", Jobs)
STOPPING: web.AppKey[asyncio.Event] = web.AppKey("STOPPING", asyncio.Event)
"""Set when the process is told to stop: who streams ends."""
USED_ON: web.AppKey[dict[str, int]] = web.AppKey("USED_ON", dict)
"""Day by token: a use is noted once a day."""
