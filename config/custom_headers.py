"""Which headers may an operator add to the requests to an endpoint? Names and values; pure.

Those that we sign by, that say how the body is framed or written, or that concern one connection alone, are ours.
"""

import re
from collections.abc import Mapping

MOST = 32
_TOKEN = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]{1,128}")
# https://www.rfc-editor.org/rfc/rfc9110#section-5.5 allows more, which proxies and logs between us and there may not.
_VALUE = re.compile(r"[!-~]([ -~]{0,4094}[!-~])?")
_OURS = frozenset(
    {
        "accept",
        "accept-encoding",
        "connection",
        "date",
        "expect",
        "host",
        "keep-alive",
        "te",
        "traceparent",
        "trailer",
        "transfer-encoding",
        "upgrade",
        "user-agent",
        "via",
    }
)
_OUR_PREFIXES = ("content-", "proxy-", "webhook-")


def wrong_with_headers(headers: Mapping[str, str]) -> str:
    """What was expected instead, without any value; "" when all is well."""
    if len(headers) > MOST:
        return f"at most {MOST} headers"
    if len({name.lower() for name in headers}) < len(headers):
        return "every header once, whatever the case of its letters"
    return next((wrong for name, value in headers.items() if (wrong := _wrong_with(name, value))), "")


def _wrong_with(name: str, value: str) -> str:
    if not _TOKEN.fullmatch(name):
        return "names of letters, digits and -"
    if name.lower() in _OURS or name.lower().startswith(_OUR_PREFIXES):
        return f"headers other than {name}, which we set ourselves"
    if not _VALUE.fullmatch(value):
        return f"1 to 4096 printable ASCII characters as the value of {name}, without a line break"
    return ""
