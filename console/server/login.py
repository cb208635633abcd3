"""How does a person log in, and out? By a form that brings a token; from then on a cookie stands for it.

The pages with the forms are console/pages/'s. Where a log-in fails, the form is shown again, with why in `refused`.
"""

import secrets

from aiohttp import web
from yarl import URL

from consent.errors import Throttled, Unauthorised
from consent.ledger.tokens import Sessions
from console.refusals import CrossSite
from console.server.guard import COOKIE, ensure_same_site, proved
from console.server.keys import DESK

_HERE = frozenset({"", "same-origin", "none"})
"""What a browser says of who sent a form; some say nothing. https://www.w3.org/TR/fetch-metadata/"""


async def log_in(request: web.Request) -> web.Response:
    if request.headers.get("Sec-Fetch-Site", "") not in _HERE:
        raise CrossSite("another site sent this form: log in on the console's own page")
    form = await request.post()
    word, leads_to = str(form.get("token", "")).strip(), str(form.get("next", ""))
    try:
        _, holder = await proved(request, word)
    except (Unauthorised, Throttled) as error:
        return _see_other(URL("/login").with_query(refused=error.reason, next=within(leads_to)))
    lasts = request.app[DESK].settings.console.session
    async with request.app[DESK].reading() as store:
        cookie = await Sessions(store).begin(holder, lasts=lasts, random=secrets.token_bytes)
    answer = _see_other(URL(within(leads_to), encoded=True))
    answer.set_cookie(
        COOKIE,
        cookie,
        max_age=lasts // 1000,
        httponly=True,
        samesite="Strict",
        secure=_is_secure(request),
        path="/",
    )
    return answer


async def log_out(request: web.Request) -> web.Response:
    if cookie := request.cookies.get(COOKIE):
        await ensure_same_site(request)
        async with request.app[DESK].reading() as store:
            await Sessions(store).end(cookie)
    answer = _see_other(URL("/login"))
    answer.del_cookie(COOKIE, path="/", httponly=True, samesite="Strict", secure=_is_secure(request))
    return answer


def add_to(app: web.Application) -> None:
    app.router.add_post("/login", log_in)
    app.router.add_post("/logout", log_out)


def _see_other(where: URL) -> web.Response:
    return web.Response(status=303, headers={"Location": str(where)})


def within(path: str) -> str:
    """A path of ours, or the first page: a log-in shall not lead elsewhere. "//" and "/\\" name another host."""
    is_ours = path.startswith("/") and not path.startswith(("//", "/\\")) and path.isprintable()
    return path if is_ours else "/"


def _is_secure(request: web.Request) -> bool:
    """Behind a proxy that ends TLS, only the configuration knows."""
    return request.secure or request.app[DESK].settings.console.public_url.startswith("https://")
