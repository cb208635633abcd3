"""Where does a URL lead, and how does a post to it begin? Pure; read once for each endpoint.

`target_of` understands a plain URL completely, or says None; then aiohttp is given the same URL, and knows what to make
of it. Plain is: http or https, no user name, a host that is a name or a whole address. yarl reads the URL here as it
does in aiohttp, so that both send the same: normalised, escaped, the host in its ASCII form, without the fragment.
"""

import re
from functools import lru_cache
from ipaddress import ip_address
from typing import NamedTuple

from yarl import URL

from config.urls import HOST_NAME
from dispatcher.exchange import HEADERS, Request

_TARGETS = 4096
# Visible ASCII: no space ends the target early, no line end adds a header.
_PATH = re.compile(r"/[\x21-\x7e]*")


class Origin(NamedTuple):
    """Who is at the other end of a connection: what shares one."""

    is_tls: bool
    host: str
    """As DNS and the system know it: lower case, ASCII, an IPv6 address without brackets."""
    port: int


class Target(NamedTuple):
    origin: Origin
    is_address: bool
    head: bytes
    """Request line and header lines, as far as they are the same for every delivery."""


@lru_cache(maxsize=_TARGETS)
def target_of(url: str, content_type: str) -> Target | None:
    try:
        read = URL(url)
    except ValueError:
        return None
    host, port = read.raw_host or "", read.port
    is_address = _is_address(host)
    if read.scheme not in {"http", "https"} or read.raw_user is not None or read.raw_password is not None:
        return None
    if not port or not (is_address or HOST_NAME.fullmatch(host)) or not _PATH.fullmatch(read.raw_path_qs):
        return None
    lines = _field_lines({"Host": read.host_port_subcomponent or "", **HEADERS, "Content-Type": content_type})
    head = f"POST {read.raw_path_qs} HTTP/1.1\r\n{lines}"
    return Target(Origin(read.scheme == "https", host, port), is_address, head.encode())


def written(target: Target, request: Request) -> bytes:
    """The whole request, as it goes out."""
    lines = _field_lines(request.headers)
    return b"%b%bContent-Length: %d\r\n\r\n%b" % (target.head, lines.encode(), len(request.content), request.content)


def _field_lines(headers: dict[str, str]) -> str:
    lines = ""
    for name, value in headers.items():
        if not (value.isascii() and value.isprintable()):
            raise ValueError(f"{name}: expected a value of visible ASCII")
        lines += f"{name}: {value}\r\n"
    return lines


def _is_address(host: str) -> bool:
    try:
        ip_address(host)
    except ValueError:
        return False
    return "%" not in host
