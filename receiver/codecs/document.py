"""What does a JSON body say? A document with others inside, unlike the flat ones of receiver/fields.py.

Any bytes become a document or raise `Refused`. All text that leaves here is encodable: no lone surrogates.
"""

import json
from collections.abc import Iterator, Mapping

from consent.errors import Refused, TooLarge
from receiver.fields import MAX_FIELDS, json_text

# Numbers stay as they were written.
_JSON = json.JSONDecoder(parse_int=str, parse_float=str, parse_constant=str)

Document = Mapping[str, object]


def read(body: bytes) -> Document:
    return _document(_value(body))


def read_all(body: bytes, *, most: int) -> tuple[Document, ...]:
    """Of an array; of an object, that one."""
    value = _value(body)
    if not isinstance(value, list):
        return (_document(value),)
    if len(value) > most:
        raise TooLarge(f"more than {most} events in one body")
    return tuple(map(_document, value))


def _value(body: bytes) -> object:
    try:
        return _JSON.decode(json_text(body))
    except (ValueError, RecursionError) as exc:
        raise Refused("the body is not JSON") from exc


def _document(value: object) -> Document:
    if not isinstance(value, dict):
        raise Refused("the JSON body must be an object")
    if len(value) > MAX_FIELDS:
        raise TooLarge(f"more than {MAX_FIELDS} fields")
    return value


def inside(document: Document, *path: str) -> Document:
    """The document under these names, one inside the other; an empty one where there is none."""
    for name in path:
        found = document.get(name)
        document = found if isinstance(found, dict) else {}
    return document


def listed(document: Document, name: str) -> Iterator[object]:
    found = document.get(name)
    return iter(found) if isinstance(found, list) else iter(())


def urls_in(document: Document, name: str, *, most: int) -> str:
    """Of the files that it lists under this name, as objects or as URLs, separated by spaces."""
    found = (text_of(file.get("url") if isinstance(file, dict) else file) for file in listed(document, name))
    return " ".join([url for url in found if url][:most])


def texts(document: Document) -> dict[str, str]:
    """What it says itself, without what is inside: by name, blanks and nulls left out."""
    said = ((_encodable(name), text_of(member)) for name, member in document.items())
    return {name: text for name, text in said if text}


def text_of(member: object) -> str:
    """Empty for null, and for what is nested."""
    match member:
        case str():
            return _encodable(member)
        case bool():
            return "true" if member else "false"
        case _:
            return ""


def _encodable(text: str) -> str:
    """Half an emoji, cut off where a long text was split, becomes "?"."""
    return text if text.isascii() else text.encode("utf-8", "replace").decode()
