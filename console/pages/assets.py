"""Where do style sheets and scripts come from? This package's own files, under addresses that change with their
content, so that a browser keeps them for good and yet never has an old one."""

from functools import cache
from hashlib import sha256
from importlib.resources import files

from aiohttp import web

PATH = "/static/"
_TYPES = {".css": "text/css", ".js": "text/javascript", ".svg": "image/svg+xml"}
_KEPT = {"Cache-Control": "public, max-age=31536000, immutable"}


def address(name: str) -> str:
    content, _ = _files()[name]
    return f"{PATH}{name}?v={sha256(content).hexdigest()[:12]}"


async def answer(request: web.Request) -> web.Response:
    """Open to all: a log-in page needs them, and they hold no secret."""
    found = _files().get(request.match_info["name"])
    if found is None:
        raise web.HTTPNotFound(text="there is nothing at this address\n")
    content, kind = found
    return web.Response(body=content, content_type=kind, charset="utf-8", headers=_KEPT)


@cache
def _files() -> dict[str, tuple[bytes, str]]:
    here = files("console.pages") / "static"
    return {
        file.name: (file.read_bytes(), _TYPES[suffix])
        for file in here.iterdir()
        if (suffix := f".{file.name.rpartition('.')[2]}") in _TYPES
    }
