"""Who answers an API call? The route that its path matches; every failure in the words of that route's own clients."""

import re
from collections.abc import Sequence

import structlog
from aiohttp import web

from config.clock import system_clock
from config.fields import Network
from consent.errors import ConsentError
from consent.model import UnixMs
from receiver.answers import response
from receiver.apis.call import Answer, Call, Route
from receiver.apis.caller import caller_of
from receiver.reading import inbound_of

log = structlog.get_logger()

_SLASHES = re.compile(r"/{2,}")


class Desk:
    def __init__(self, routes: Sequence[Route], *, trusted_proxies: Sequence[Network] = ()) -> None:
        self._routes = routes
        self._trusted_proxies = trusted_proxies

    async def answer(self, request: web.BaseRequest) -> web.Response | None:
        """None where no route has this path."""
        # One published sample of the provider's calls "//sc/us/alert/…".
        path = _SLASHES.sub("/", request.raw_path.partition("?")[0])
        route = next((route for route in self._routes if route.path.fullmatch(path)), None)
        if route is None:
            return None
        if request.method not in route.methods:
            raise web.HTTPMethodNotAllowed(request.method, sorted(route.methods))
        began = system_clock()
        try:
            answer = await route.handle(await self._call(request, path, route.max_body))
        except ConsentError as error:
            answer = Answer(reply=route.refuse(error, path), outcome=error.reason, told={"error": str(error)})
        _tell(route, answer, began)
        return response(answer.reply)

    async def _call(self, request: web.BaseRequest, path: str, max_body: int) -> Call:
        return Call(
            inbound=await inbound_of(request, max_body=max_body),
            path=path,
            authorization=request.headers.get("Authorization", ""),
            caller=self._caller(request),
        )

    def _caller(self, request: web.BaseRequest) -> str:
        # A proxy may add a line of its own behind one that the caller invented.
        forwarded = ",".join(request.headers.getall("X-Forwarded-For", ()))
        return caller_of(request.remote or "", forwarded, trusted=self._trusted_proxies)


def _tell(route: Route, answer: Answer, began: UnixMs) -> None:
    write = log.debug if answer.is_routine else log.info
    write(
        "api.answered",
        route=route.name,
        account=answer.account,
        outcome=answer.outcome,
        status=answer.reply.status,
        ms=system_clock() - began,
        **answer.told,
    )
