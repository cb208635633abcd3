"""What parameters does a request carry? A query, a form or a JSON object, read into one flat mapping of text.

The bytes decide before the header does: real clients send JSON without a content type, and XML as a form. A query and a
body are never merged: the provider does not support both at once, and a signature covers one of them. Where a name
repeats, the last one counts, for the signature and for the codec alike.

Any bytes become fields or raise `Refused`. All text that leaves here is encodable: no lone surrogates.
"""

import json
import re
from collections.abc import Mapping, Sequence
from functools import lru_cache
from urllib.parse import unquote_to_bytes

from consent.errors import Refused, TooLarge
from receiver import multipart
from receiver.inbound import Inbound

MAX_FIELDS = 256

JSON_TYPES = frozenset(
    {
        "application/json",
        "application/jsonrequest",
        "application/x-javascript",
        "text/json",
        "text/javascript",
        "text/x-javascript",
        "text/x-json",
    }
)

_BEFORE_JSON = b"\xef\xbb\xbf\xff\xfe\0 \t\r\n"
"""A byte order mark of any encoding, the first half of a letter, and blanks."""
_BLANK = b"\xef\xbb\xbf \t\r\n"
"""A byte order mark, and what people leave before it."""
_XML_BEGINS = (b"<", b"\0<", b"\xff\xfe", b"\xfe\xff")
"""All but the first in UTF-16."""
_XML_DECLARATION = re.compile(r"\A\s*<\?xml\s[^>]*\?>")
# Numbers stay as they were written: the signature covers their decimal text.
_JSON = json.JSONDecoder(parse_int=str, parse_float=str, parse_constant=str)


# `verify` and `decode` ask one after the other for the fields of the same request; only the last one is remembered.
@lru_cache(maxsize=1)
def of(inbound: Inbound) -> Mapping[str, str]:
    return dict(pairs(inbound))


def pairs(inbound: Inbound) -> Sequence[tuple[str, str]]:
    """As often as each is there, for who must not take the last word of two."""
    body = inbound.body
    if not body or inbound.is_said_in_query:
        return _query(inbound.query)
    media_type = _media_type(inbound.content_type)
    if media_type == "multipart/form-data":
        return _multipart(body, inbound.content_type)
    if body.lstrip(_BEFORE_JSON)[:1] == b"{" or (media_type in JSON_TYPES and b"=" not in body):
        return _json_object(body)
    return _urlencoded(_text(body))


def json_text(body: bytes) -> str:
    """In UTF-8, or in UTF-16 as its first bytes tell; else in Latin-1, like any other text here."""
    try:
        return body.decode(json.detect_encoding(body))
    except UnicodeDecodeError:
        return body.decode("latin-1")


def xml_of(inbound: Inbound) -> bytes | None:
    """The XML document a request carries, raw or in a field called xml in any case; None when there is none.

    Raw comes first: one known client posts its XML raw under a form's content type, and parsing that as a form
    destroys it. https://github.com/tatango/skycore
    """
    body = inbound.body.lstrip(_BLANK)
    if body.startswith(_XML_BEGINS):
        return body
    document = next((value for name, value in of(inbound).items() if name.lower() == "xml"), None)
    # Its declaration names the encoding it once had; the form has decoded it since.
    return None if document is None else _XML_DECLARATION.sub("", document, count=1).strip().encode()


@lru_cache(maxsize=256)
def _media_type(content_type: str) -> str:
    return content_type.partition(";")[0].strip().lower()


def _query(query: str) -> list[tuple[str, str]]:
    if query.isascii():
        return _urlencoded(query)
    try:
        return _urlencoded(_text(query.encode("utf-8", "surrogateescape")))
    except UnicodeEncodeError as exc:
        raise Refused("the query string is not text") from exc


def _urlencoded(raw: str) -> list[tuple[str, str]]:
    """By hand because the standard one takes four times as long, on the path of every webhook (bench/README.md)."""
    if raw.count("&") >= MAX_FIELDS:
        raise TooLarge(f"more than {MAX_FIELDS} fields")
    # Nearly every escape is the colon of a timestamp, and to undo it first cannot make or break another escape.
    raw = raw.replace("+", " ").replace("%3A", ":")
    has_escapes = "%" in raw
    found = []
    for pair in raw.split("&"):
        name, _, value = pair.partition("=")
        if has_escapes and "%" in pair:
            name, value = _text(unquote_to_bytes(name)), _text(unquote_to_bytes(value))
        if pair:
            found.append((name, value))
    return found


def _multipart(body: bytes, content_type: str) -> list[tuple[str, str]]:
    return [(_text(name), _text(value)) for name, value in multipart.parts(body, content_type, at_most=MAX_FIELDS)]


def _json_object(body: bytes) -> list[tuple[str, str]]:
    try:
        value = _JSON.decode(json_text(body.lstrip(_BLANK)))
    except (ValueError, RecursionError) as exc:
        raise Refused("the body is not JSON, although it says so") from exc
    if not isinstance(value, dict):
        raise Refused("the JSON body must be an object")
    if len(value) > MAX_FIELDS:
        raise TooLarge(f"more than {MAX_FIELDS} fields")
    plain = ((_encodable(name), _plain(member)) for name, member in value.items())
    return [(name, text) for name, text in plain if text is not None]


def _plain(member: object) -> str | None:
    """None for null, and for what is nested: no parameter we read is, and a new one must not cost an opt-out."""
    match member:
        case str():
            return _encodable(member)
        case bool():
            return "true" if member else "false"
        case _:
            return None


def _encodable(text: str) -> str:
    """Half an emoji, cut off where a long text was split, becomes "?", as in the provider's own UTF-8."""
    return text if text.isascii() else text.encode("utf-8", "replace").decode()


def _text(raw: bytes) -> str:
    """UTF-8, or else Latin-1: "ARRÊT" from an old gateway is an opt-out, not a malformed request."""
    try:
        return raw.decode()
    except UnicodeDecodeError:
        return raw.decode("latin-1")
