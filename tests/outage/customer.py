"""A customer's system that goes away and comes back: it refuses connections, or answers 503, for as long as it is told.

It believes what is signed with its secret, and by the simulated clock not older than five minutes.
"""

from collections.abc import Callable
from datetime import UTC, datetime

from aiohttp import web
from standardwebhooks import Webhook

from tests.builders import SECRET
from tests.e2e.installation import Sink, free_port

_TOLERANCE_S = 300


class Customer(Sink):
    def __init__(self, now_s: Callable[[], float]) -> None:
        super().__init__()
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}/hook"
        self.forged = 0
        self._now_s = now_s
        self._running: web.AppRunner | None = None

    async def come_up(self) -> None:
        app = web.Application()
        app.router.add_post("/hook", self.take)
        self._running = web.AppRunner(app, access_log=None)
        await self._running.setup()
        await web.TCPSite(self._running, "127.0.0.1", self.port).start()

    async def go_down(self) -> None:
        """Connections that were kept end, too."""
        if self._running:
            await self._running.cleanup()
            self._running = None

    async def take(self, request: web.Request) -> web.Response:
        content, headers = await request.read(), request.headers
        at = int(headers["webhook-timestamp"])
        signed = Webhook(SECRET).sign(headers["webhook-id"], datetime.fromtimestamp(at, UTC), content.decode())
        if headers["webhook-signature"] != signed or abs(at - self._now_s()) > _TOLERANCE_S:
            self.forged += 1
            return web.Response(status=401)
        body = await request.json()
        status = self.answers.get("*", 200)
        if status < 300:
            self.received.append((headers["webhook-id"], body))
        else:
            self.refused += 1
        return web.Response(status=status)
