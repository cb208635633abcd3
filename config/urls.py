"""Which URLs make sense behind a key, and how is one shown without what it hides? Pure; nothing is resolved.

Every check returns what it expected instead, or "" when all is well.
"""

import re
from ipaddress import ip_address
from urllib.parse import SplitResult, urlsplit

from yarl import URL

WEB_SCHEMES = frozenset({"http", "https"})
STORE_SCHEMES = frozenset(
    {"redis", "rediss", "unix", "redis+sentinel", "rediss+sentinel", "redis+cluster", "rediss+cluster"}
)


_PORT = "a port from 1 to 65535 behind the host"
_LABEL = r"[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?"
# The last label holds a letter: else it is one of the many spellings of an IPv4 address.
HOST_NAME = re.compile(rf"(?=.{{1,254}}\Z)(?:{_LABEL}\.)*(?=[a-z0-9_-]*[a-z]){_LABEL}\.?")


def wrong_with_web_url(value: str) -> str:
    if wrong := _misspelt(value):
        return wrong
    parts = _split(value)
    if parts is None or parts.scheme not in WEB_SCHEMES or not parts.hostname:
        return "an http:// or https:// URL with a host"
    if "@" in parts.netloc:
        return "a URL without user:password@, which would end up in logs"
    if parts.fragment:
        return "a URL without #fragment, which is never sent"
    if not _can_be_found(value):
        return "a host by its name, or by an IP address in full"
    return ""


def wrong_with_public_url(value: str) -> str:
    if value and not (wrong := wrong_with_web_url(value)):
        return "a URL without ?query: /hooks/<token> is put behind it" if "?" in value else ""
    return wrong if value else ""


def wrong_with_proxy_url(value: str) -> str:
    if wrong := _misspelt(value):
        return wrong
    parts = _split(value)
    is_plain = parts is not None and parts.path in {"", "/"} and not parts.query and not parts.fragment
    if value and (parts is None or not is_plain or parts.scheme not in WEB_SCHEMES or not parts.hostname):
        return "an http:// or https:// URL of host and port, as in http://user:password@proxy.example.com:3128"
    return ""


def wrong_with_store_url(value: str) -> str:
    if not value:
        return ""
    # Sentinels and cluster nodes are listed with commas: the first stands for all.
    first = re.sub(r",[^/]*", "", value)
    if wrong := _misspelt(first):
        return wrong
    parts = _split(first)
    if parts is None or parts.scheme not in STORE_SCHEMES:
        return "redis://, rediss://, unix://, redis+sentinel:// or redis+cluster://, or nothing for the embedded server"
    if parts.scheme == "unix":
        return "" if parts.path else "the path of a socket, as in unix:///run/valkey.sock"
    return "" if parts.hostname else "a URL with a host, as in redis://localhost:6379/0"


def without_secrets(url: str) -> str:
    """Fit for logs even when it is no URL: a password stands before the last "@", a key may stand behind "?"."""
    return re.sub(r"\?.*", "?…", re.sub(r"//.*@", "//…@", url, flags=re.DOTALL), flags=re.DOTALL)


def _misspelt(value: str) -> str:
    """What is wrong with a URL that has all its parts."""
    if "://" not in value:
        return ""
    if not value.isprintable() or " " in value:
        return "a URL without spaces and line breaks: %20 stands for a space"
    try:
        parts = urlsplit(value)
    except ValueError:  # brackets that nobody closed
        return ""
    try:
        return "" if parts.port != 0 else _PORT
    except ValueError:
        return _PORT


def _can_be_found(url: str) -> bool:
    """By who posts to it (dispatcher/target.py), and reads it as yarl does."""
    try:
        host = URL(url).raw_host or ""
    except ValueError:
        return False
    try:
        ip_address(host)
    except ValueError:
        return bool(HOST_NAME.fullmatch(host))
    return True


def _split(value: str) -> SplitResult | None:
    """Its parts; None where another program could read it otherwise than we do."""
    if not value.isprintable() or " " in value:
        return None
    try:
        parts = urlsplit(value)
        _ = parts.port  # raises for a port that is no number, or too large
    except ValueError:
        return None
    return parts
