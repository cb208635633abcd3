"""Who is asking, and may she? By a bearer token, or by the cookie of a log-in; guesses are counted.

A browser sends the cookie along whoever wrote the page, so a change by cookie needs the log-in's CSRF token besides.
A bearer token is sent by nobody but its holder.
"""

import hmac
from hashlib import sha256

from aiohttp import web

from consent.errors import Unauthorised
from consent.ledger.tokens import Sessions, Token, Tokens, digest
from console.refusals import CrossSite, Forbidden
from console.server.keys import CLOCK, DESK, FIRST_TOKEN, THROTTLE, USED_ON
from console.server.scopes import ALL, Scope, Viewer
from receiver.apis.caller import caller_of

COOKIE = "consent_relay_session"
CSRF_HEADER = "X-CSRF-Token"
CSRF_FIELD = "csrf"
FIRST = "first token"
"""Its name. No other token has a space in its own."""

_SAFE = frozenset({"GET", "HEAD", "OPTIONS"})
_FORMS = frozenset({"application/x-www-form-urlencoded", "multipart/form-data"})
_DAY_MS = 24 * 3600 * 1000
_VIEWER: web.RequestKey[Viewer] = web.RequestKey("VIEWER", Viewer)


async def require(request: web.Request, scope: Scope) -> Viewer:
    """Unauthorised, Throttled, CrossSite or Forbidden unless this is somebody who may."""
    viewer = await viewer_of(request)
    await ensure_same_site(request)
    if not viewer.may(scope):
        raise Forbidden(f"this needs the scope {scope}, and {viewer.name} has {', '.join(sorted(viewer.scopes))}")
    return viewer


async def viewer_of(request: web.Request) -> Viewer:
    if _VIEWER not in request:
        request[_VIEWER] = await _asking(request)
    return request[_VIEWER]


async def ensure_still(request: web.Request) -> None:
    """Unauthorised if the token was revoked, or the log-in has ended, since the request began."""
    if await _asking(request) != request[_VIEWER]:
        raise Unauthorised("this may see other things by now than when it began")


async def _asking(request: web.Request) -> Viewer:
    if bearer := _bearer(request):
        viewer, _ = await proved(request, bearer)
        return viewer
    if cookie := request.cookies.get(COOKIE):
        return await _logged_in(request, cookie)
    raise Unauthorised("send a token as `Authorization: Bearer …`; `consent-relay token create` makes one")


async def proved(request: web.Request, word: str) -> tuple[Viewer, str]:
    """Whose token it is, and how a log-in remembers it (see `_holder`). Unauthorised; Throttled after too many."""
    throttle, now = request.app[THROTTLE], request.app[CLOCK]()
    caller, key = _caller(request), digest(word)
    throttle.check(caller, key, now)
    first = request.app[FIRST_TOKEN]
    if first and hmac.compare_digest(digest(word), digest(first)):
        throttle.proved(caller, key, now)
        return Viewer(name=FIRST, scopes=ALL), _holder(FIRST, key)
    async with request.app[DESK].reading() as store:
        token = await Tokens(store).holder(word)
    if token is None:
        throttle.failed(caller, key, now)
        raise Unauthorised("nobody has this token, or it was revoked")
    throttle.proved(caller, key, now)
    await _note_use(request, token)
    return _viewer(token), _holder(token.name, key)


def _caller(request: web.Request) -> str:
    forwarded = ",".join(request.headers.getall("X-Forwarded-For", ()))
    return caller_of(request.remote or "", forwarded, trusted=request.app[DESK].settings.console.trusted_proxies)


async def _logged_in(request: web.Request, cookie: str) -> Viewer:
    async with request.app[DESK].reading() as store:
        name, _, kept = (await Sessions(store).holder(cookie) or "").rpartition(":")
        token = await Tokens(store).find(name) if name and name != FIRST else None
    if name == FIRST and hmac.compare_digest(digest(request.app[FIRST_TOKEN]), kept):
        return Viewer(name=FIRST, scopes=ALL)
    if token is None or not hmac.compare_digest(token.digest, kept):
        raise Unauthorised("this log-in has ended: log in again")
    await _note_use(request, token)
    return _viewer(token)


async def ensure_same_site(request: web.Request) -> None:
    """CrossSite for a change by cookie without the CSRF token, in the header or in the field of a form."""
    if request.method in _SAFE or _bearer(request):
        return
    given = request.headers.get(CSRF_HEADER, "")
    if not given and request.content_type in _FORMS:
        field = (await request.post()).get(CSRF_FIELD, "")
        given = field if isinstance(field, str) else ""
    if not hmac.compare_digest(given.encode("utf-8", "replace"), csrf_of(request).encode()):
        raise CrossSite(f"the log-in's CSRF token is missing or wrong: send it as {CSRF_HEADER}, or as `{CSRF_FIELD}`")


def csrf_of(request: web.Request) -> str:
    """Of this log-in: whoever cannot read its pages cannot know it."""
    return csrf_for(request.cookies.get(COOKIE, ""))


def csrf_for(cookie: str) -> str:
    return sha256(f"csrf:{cookie}".encode("utf-8", "surrogatepass")).hexdigest()


def _bearer(request: web.Request) -> str:
    scheme, _, word = request.headers.get("Authorization", "").partition(" ")
    return word.strip() if scheme.lower() == "bearer" else ""


def _holder(name: str, key: str) -> str:
    """With the digest: a log-in does not outlive the token it was made with, nor pass to another of that name."""
    return f"{name}:{key}"


def _viewer(token: Token) -> Viewer:
    return Viewer(name=token.name, scopes=frozenset(scope for scope in Scope if scope in token.scopes))


async def _note_use(request: web.Request, token: Token) -> None:
    now, used_on = request.app[CLOCK](), request.app[USED_ON]
    if used_on.get(token.name) == now // _DAY_MS:
        return
    used_on[token.name] = now // _DAY_MS
    async with request.app[DESK].reading() as store:
        await Tokens(store).used(token.name, now)


def name_of(request: web.Request) -> str | None:
    """Who it was, as far as she was asked: for the log."""
    return request[_VIEWER].name if _VIEWER in request else None
