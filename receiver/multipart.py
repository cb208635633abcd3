"""Which parts does a multipart/form-data body have? Names and values, as bytes (RFC 7578).

Only what form posts need: no nesting, no transfer encodings, file names ignored.
"""

import re
from collections.abc import Iterator

from consent.errors import Refused, TooLarge

_BOUNDARY = re.compile(r'boundary=(?:"([^"]{1,70})"|([^\s";,]{1,70}))', re.IGNORECASE)
_NAME = re.compile(
    rb'content-disposition:\s*form-data\s*;(?:[^\r\n]*[;\s])?name=(?:"([^"\r\n]*)"|([^\s";]+))', re.IGNORECASE
)
_MAX_HEAD = 1024
"""Bytes of headers in one part: also what bounds the search for its name."""


def parts(body: bytes, content_type: str, *, at_most: int) -> Iterator[tuple[bytes, bytes]]:
    """Refused without a boundary or a closing delimiter: a form cut short may lack what mattered."""
    named = _BOUNDARY.search(content_type)
    if named is None:
        raise Refused("the multipart content type names no boundary")
    delimiter = b"\r\n--" + (named[1] or named[2]).encode("utf-8", "replace")
    _, *between = (b"\r\n" + body).split(delimiter, at_most + 2)
    if len(between) > at_most + 1:
        raise TooLarge(f"more than {at_most} parts")
    if not between or not between[-1].startswith(b"--"):
        raise Refused("the multipart body has no closing delimiter")
    return map(_part, between[:-1])


def _part(raw: bytes) -> tuple[bytes, bytes]:
    head, blank_line, value = raw.partition(b"\r\n\r\n")
    if len(head) > _MAX_HEAD:
        raise TooLarge("a part of the multipart body has too many headers")
    name = _NAME.search(head)
    if name is None or not blank_line:
        raise Refused("a part of the multipart body has no name")
    return name[1] or name[2] or b"", value
