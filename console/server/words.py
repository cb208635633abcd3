"""How does a failure read, and what is logged of a request? One line each: the path's template, never the path.

Programs are answered by a problem document (RFC 9457), people by a line of text, unless their pages said it better.
"""

import time
from http import HTTPStatus

import orjson
import structlog
from aiohttp import web
from aiohttp.hdrs import METH_ALL
from aiohttp.typedefs import Handler
from yarl import URL

from config.statuses import phrase_of
from consent.errors import ConsentError, Throttled, TooLarge, Unauthorised
from console.server.guard import name_of
from console.server.keys import TALLY

log = structlog.get_logger()

MEDIA_TYPE = "application/problem+json"
PROGRAMS = "/api/"
"""Who asks below it is one."""
CHALLENGE = 'Bearer realm="consent-relay"'
COME_AGAIN_S = 5
_DETAILS = {
    404: "there is nothing at this address: /api/openapi.json says what there is",
    405: "nothing is done here by this method: /api/openapi.json says what is",
    413: "the body is larger than is read",
}
_CODES = {413: TooLarge.reason}
_ROUTINE = frozenset({"/healthz", "/readyz", "/metrics"})


@web.middleware
async def tell(request: web.Request, handler: Handler) -> web.StreamResponse:
    """One line for each request, when it is over."""
    began, status, is_stream = time.monotonic(), 500, False
    try:
        response = await handler(request)
    except web.HTTPException as exc:
        status = exc.status
        raise
    else:
        status, is_stream = response.status, not isinstance(response, web.Response | web.FileResponse)
        return response
    finally:
        seconds, route = time.monotonic() - began, template_of(request)
        request.app[TALLY].answered(method_of(request), route, status, seconds=seconds, is_stream=is_stream)
        write = log.debug if request.path in _ROUTINE else log.info
        write(
            "console.answered",
            method=method_of(request),
            route=route,
            status=status,
            ms=round(seconds * 1000),
            who=name_of(request),
        )


@web.middleware
async def word(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Whatever fails, in the words of who asked."""
    try:
        return await handler(request)
    except ConsentError as error:
        return _refused(request, error)
    except web.HTTPException as exc:
        if exc.status < 400 or not request.path.startswith(PROGRAMS):
            raise
        detail = _DETAILS.get(exc.status, exc.reason)
        return problem(exc.status, code_of(exc.status), detail, allow=exc.headers.get("Allow", ""))
    except Exception:
        log.exception("console.failed", method=method_of(request), route=template_of(request))
        if not request.path.startswith(PROGRAMS):
            return web.Response(status=500, text="Something failed here; the console's log says what.\n")
        return problem(500, "failed", "something failed here: the console's log says what")


def method_of(request: web.Request) -> str:
    """One of those there are: anybody can make one up, and labels shall not grow."""
    return request.method if request.method in METH_ALL else "OTHER"


def template_of(request: web.Request) -> str:
    """A path may hold what somebody typed; its template holds names alone."""
    resource = request.match_info.route.resource
    return resource.canonical if resource is not None else "(none)"


def problem(status: int, code: str, detail: str, *, allow: str = "", retry_after: int | None = None) -> web.Response:
    headers = {
        **({"WWW-Authenticate": CHALLENGE} if status == HTTPStatus.UNAUTHORIZED else {}),
        **({"Allow": allow} if allow else {}),
        **({"Retry-After": str(retry_after)} if retry_after is not None else {}),
    }
    told = {
        "type": f"urn:consent-relay:problem:{code}",
        "title": phrase_of(status),
        "status": status,
        "code": code,
        "detail": detail,
    }
    return web.Response(status=status, body=orjson.dumps(told), content_type=MEDIA_TYPE, headers=headers)


def code_of(status: int) -> str:
    """ "not_found", "method_not_allowed"; what the receiver's APIs refuse as well, as they call it."""
    return _CODES.get(status) or phrase_of(status).lower().replace(" ", "_")


def _refused(request: web.Request, error: ConsentError) -> web.StreamResponse:
    if request.path.startswith(PROGRAMS):
        return problem(error.status, error.reason, str(error), retry_after=_retry_after(error))
    if isinstance(error, Unauthorised) and request.method in {"GET", "HEAD"}:
        leads_to = URL("/login").with_query(next=request.path_qs)
        return web.Response(status=303, headers={"Location": str(leads_to)})
    return web.Response(status=error.status, text=f"{error}\n")


def _retry_after(error: ConsentError) -> int | None:
    if isinstance(error, Throttled):
        return error.retry_after
    return COME_AGAIN_S if error.retryable else None
