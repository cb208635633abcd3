"""What does a person see where no page can be shown? A page all the same: what is wrong, and what to do.

Without the navigation, for it may not even be known who looks.
"""

from http import HTTPStatus

from aiohttp import web
from aiohttp.typedefs import Handler

from consent.errors import ConsentError, Unauthorised
from console.pages.templating import rendered
from console.server.words import COME_AGAIN_S, PROGRAMS

_TITLES = {404: "There is nothing here", 405: "That cannot be done here", 503: "The store is away"}
_WORDS = {
    404: "No page has this address. It may have been mistyped, or what it showed is gone.",
    405: "This address is not for what was tried.",
}


@web.middleware
async def apologise(request: web.Request, handler: Handler) -> web.StreamResponse:
    try:
        return await handler(request)
    except Unauthorised:
        raise  # to the log-in (console/server/words.py)
    except ConsentError as error:
        if request.path.startswith(PROGRAMS):
            raise
        return _apology(error.status, str(error), {"Retry-After": str(COME_AGAIN_S)} if error.retryable else {})
    except web.HTTPException as exc:
        if exc.status not in _WORDS or request.path.startswith(PROGRAMS):
            raise
        return _apology(exc.status, _WORDS[exc.status], {"Allow": exc.headers["Allow"]} if exc.status == 405 else {})


def _apology(status: int, words: str, headers: dict[str, str]) -> web.Response:
    title = _TITLES.get(status, "That did not work")
    html = rendered("apology.html", title=title, words=words, is_away=status == HTTPStatus.SERVICE_UNAVAILABLE)
    return web.Response(status=status, text=html, content_type="text/html", headers=headers)
