"""Is it XML that we dare to read? Bytes in, a small tree out, or Refused: for any bytes.

No DOCTYPE, hence no entities; no network; bounded bytes, depth and elements. Comments and processing instructions are
gone, so that every node is an element and a comment cannot cut a value in two.

The library is told to keep its hands off entities, and a document that has a DOCTYPE is refused after the parse, when
it is known in every encoding: looking for the bytes "<!DOCTYPE" misses UTF-16. What a bomb can do before that, libxml2
bounds: it stops when entities grow out of proportion to the input.
"""

import re
from collections.abc import Iterator
from functools import cache

from lxml import etree

from consent.errors import Refused, TooLarge

MAX_BYTES = 262_144
MAX_DEPTH = 16
MAX_ELEMENTS = 10_000
"""A full batch of 300 notifications with every documented field has about 6,000."""
_STRAY_AMPERSAND = re.compile(r"&(?!#[0-9]+;|#x[0-9A-Fa-f]+;|(?:amp|lt|gt|quot|apos);)")
_DECLARED = re.compile(r"""\A\s*<\?xml[^>]*\?>""")


class NotWellFormed(Refused):
    """No parser would read it as it is."""


def parse(data: bytes, *, max_bytes: int = MAX_BYTES) -> etree._Element:
    if len(data) > max_bytes:
        raise TooLarge(f"the XML has {len(data)} bytes; at most {max_bytes} are read")
    try:
        # White space before the declaration is an error in XML, and common in hand-made requests.
        root = etree.fromstring(data.lstrip(b" \t\r\n"), _parser())
    except etree.XMLSyntaxError as exc:
        raise NotWellFormed(f"the XML is not well-formed: {exc.msg}") from exc
    if root.getroottree().docinfo.internalDTD is not None:
        raise Refused("the XML has a DOCTYPE: send the document without it")
    _check_shape(root)
    return root


def parse_mended(data: bytes, *, max_bytes: int = MAX_BYTES) -> etree._Element:
    """`parse`, for what was put together by hand and must not be refused for it: a bare "&" in a brand, or letters that
    are Latin-1 whatever it says."""
    try:
        return parse(data, max_bytes=max_bytes)
    except NotWellFormed:
        try:
            return parse(_mended(data), max_bytes=2 * max_bytes)
        except Refused:
            pass
        raise


def _mended(data: bytes) -> bytes:
    try:
        text = data.decode()
    except UnicodeDecodeError:
        text = data.decode("latin-1")
    return _DECLARED.sub("", _STRAY_AMPERSAND.sub("&amp;", text)).encode()


@cache
def _parser() -> etree.XMLParser:
    """Keeps nothing of one document for the next; making one costs as much as reading a postback."""
    return etree.XMLParser(
        resolve_entities=False,
        load_dtd=False,
        no_network=True,
        huge_tree=False,
        remove_comments=True,
        remove_pis=True,
    )


def _check_shape(root: etree._Element) -> None:
    if len(root) < MAX_ELEMENTS and not any(map(len, root)):
        return  # flat, as nearly all are
    elements = 0
    for depth, level in enumerate(_levels(root), start=1):
        elements += len(level)
        if depth > MAX_DEPTH or elements > MAX_ELEMENTS:
            raise TooLarge(f"the XML is deeper than {MAX_DEPTH} levels or has more than {MAX_ELEMENTS} elements")


def _levels(root: etree._Element) -> Iterator[list[etree._Element]]:
    level = [root]
    while level:
        yield level
        level = [child for element in level for child in element]
