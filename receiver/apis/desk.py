"""Who answers an API call? The route that its path matches; every failure in the words of that route's own clients."""

import re
import time
from collections.abc import Sequence

import structlog
from aiohttp import web

from config.fields import Network
from config.probes import target_of
from config.tracing import Traces
from consent.errors import ConsentError
from receiver.answers import response
from receiver.apis.call import Answer, Call, Route
from receiver.apis.caller import caller_of
from receiver.reading import inbound_of
from receiver.tally import Tally
from receiver.tracing import Journey

log = structlog.get_logger()

_SLASHES = re.compile(r"/{2,}")
_MOST_NAMED = 10
"""Events in a log line; a number may be opted out of hundreds of campaigns."""
_BROKE = 500


class Desk:
    def __init__(
        self,
        routes: Sequence[Route],
        *,
        trusted_proxies: Sequence[Network] = (),
        tally: Tally | None = None,
        traces: Traces | None = None,
    ) -> None:
        self._routes = routes
        self._trusted_proxies = trusted_proxies
        self._tally = tally or Tally()
        self._traces = traces

    async def answer(self, request: web.BaseRequest) -> web.Response | None:
        """None where no route has this path."""
        # One published sample of the provider's calls "//sc/us/alert/…".
        path = _SLASHES.sub("/", target_of(request).partition("?")[0])
        route = next((route for route in self._routes if route.path.fullmatch(path)), None)
        if route is None:
            return None
        if request.method not in route.methods:
            raise web.HTTPMethodNotAllowed(request.method, sorted(route.methods))
        began = time.perf_counter()
        journey = Journey(self._traces) if self._traces is not None else None
        try:
            answer = await route.handle(await self._call(request, path, route.max_body))
        except ConsentError as error:
            answer = Answer(reply=route.refuse(error, path), outcome=error.reason, told={"error": str(error)})
        except Exception:
            self._tally.answered(route.name, _BROKE, events=0, seconds=time.perf_counter() - began)
            raise
        seconds = time.perf_counter() - began
        self._tally.answered(route.name, answer.reply.status, events=len(answer.events), seconds=seconds)
        if journey is not None:
            journey.call(route.name, answer.events, answer.reply.status)
        _tell(route, answer, seconds)
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


def _tell(route: Route, answer: Answer, seconds: float) -> None:
    write = log.debug if answer.is_routine else log.info
    write(
        "api.answered",
        route=route.name,
        account=answer.account,
        outcome=answer.outcome,
        status=answer.reply.status,
        ms=round(seconds * 1000),
        **({"events": " ".join(answer.events[:_MOST_NAMED])} if answer.events else {}),
        **answer.told,
    )
