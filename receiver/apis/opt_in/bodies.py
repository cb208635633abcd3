"""What does the answer say? The documented bodies, JSON and XML: every value text, what is absent left out.

A record is its documented fields in their documented order, so both forms are the same record written twice: members of
an object, attributes of an element.
"""

import time
from collections.abc import Sequence
from dataclasses import dataclass

import orjson

from consent.model import Msisdn, UnixMs

JSON = "application/json"
"""Exactly: published clients compare it, and one reads nothing else as JSON."""
XML = "text/xml; charset=utf-8"

Record = dict[str, str]

_ESCAPES = str.maketrans({"&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;"})


@dataclass(frozen=True, slots=True)
class Body:
    """An answer that was not written down yet."""

    record: Record
    listed: Sequence[Record] | None = None
    """The numbers of a list; None for an answer about one number."""

    def as_object(self) -> dict[str, object]:
        return {**self.record} if self.listed is None else {**self.record, "opt-in-list": self.listed}


def record(msisdn: Msisdn, *, opted_in_at: UnixMs | None, opted_out_at: UnixMs | None) -> Record:
    """Opted out if there is a date of it. A number that came back has none: its history is not shown."""
    is_out = opted_out_at is not None
    return {
        "msisdn": msisdn,
        "opt-in": "false" if is_out else "true",
        **({"opt-in-date": _date(opted_in_at)} if opted_in_at is not None else {}),
        "opt-out": "true" if is_out else "false",
        **({"opt-out-date": _date(opted_out_at)} if opted_out_at is not None else {}),
    }


def listing(total: int, listed: Sequence[Record]) -> Body:
    return Body({"opt-in-count": str(total)}, listed)


def about_one(one: Record) -> Body:
    return Body(one)


def written(body: Body, form: str) -> tuple[str, bytes]:
    """The media type and the bytes."""
    content_type, write = _FORMS[form]
    return content_type, write(body)


def form_of(path: str) -> str:
    """The address names the form, not the Accept header."""
    return "xml" if path.rstrip("/").endswith("xml") else "json"


def attribute(text: str) -> str:
    return text.translate(_ESCAPES)


def _json(body: Body) -> bytes:
    return orjson.dumps(body.as_object())


def _xml(body: Body) -> bytes:
    """Only the list has a declaration, in the reference. No blanks between elements: there is no text in them."""
    if body.listed is None:
        return f"<opt-in {_attributes(body.record)}/>".encode()
    listed = "".join([f"<opt-in {_attributes(one)}/>" for one in body.listed])
    head = '<?xml version="1.0" encoding="UTF-8"?>\n'
    return f"{head}<opt-in-list {_attributes(body.record)}>{listed}</opt-in-list>".encode()


def _attributes(fields: Record) -> str:
    return " ".join([f'{name}="{attribute(value)}"' for name, value in fields.items()])


def _date(instant: UnixMs) -> str:
    """UTC, in whole seconds, as in every date of the provider's."""
    return time.strftime("%Y-%m-%d %H:%M:%S", time.gmtime(instant // 1000))


_FORMS = {"json": (JSON, _json), "xml": (XML, _xml)}
