"""What does an N301 or N302 say, and how is it written? Both ways between bytes and values, and nothing else.

The sender changed its mind about the shape several times between 2011 and the API that is documented today; one
reader takes them all, since an old installation still sends what it always sent:

    <NOTIFICATION id= created=> with a BODY, alone or up to 300 in one POSTBACK      2011 to 2013
    a flat POSTBACK, or a flat NOTIFICATION in one, with or without SUBID            2014
    the nine elements, CAMPAIGNID later renamed to CAMPAIGNREF                       since July 2014

https://github.com/cosmosking2050/API  (1.3/CONTENTS/POSTBACKS)   https://www.skycore.com/help/opt-in-status-postback-v1
We write the nine elements.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from html import escape
from typing import Literal

from lxml import etree

from consent import flat_xml
from consent.errors import Refused, TooLarge
from consent.instants import moment_of, stamp, surest
from consent.model import UnixMs
from consent.safe_xml import NotWellFormed, parse_mended
from consent.values import value

MAX_NOTIFICATIONS = 300

_NOTIFICATION = "NOTIFICATION"
_DECIDING = frozenset({"ORIGIN", "CODE", "MOBILE", "CAMPAIGNID", "CAMPAIGNREF", "TIMESTAMP", "SUBID"})
"""Two answers to one of these are no answer."""

# What XML 1.0 cannot carry, not even escaped.  https://www.w3.org/TR/xml/#charsets
_UNSENDABLE: Mapping[int, None] = dict.fromkeys(
    (*set(range(0x20)) - {0x09, 0x0A, 0x0D}, *range(0xD800, 0xE000), 0xFFFE, 0xFFFF)
)
_OPENS_NOTHING = re.compile(r"<(?![A-Za-z_/!?])")
_REFERENCE = re.compile(r"&#(?:[xX]([0-9A-Fa-f]{1,6})|([0-9]{1,7}));")
_DECLARED = re.compile(r"\A\s*<\?xml[^>]*\?>")
"""Whatever encoding it names, mended it has another."""


@value(frozen=True, slots=True, kw_only=True)
class Postback:
    """A number is in (N301) or out (N302) of a campaign."""

    code: Literal["N301", "N302"]
    msisdn: str
    campaign: str
    timestamp: UnixMs | None
    written: str = ""
    """The TIMESTAMP as it came, where nobody can tell what instant it means."""
    short_code: str = ""
    title: str = ""
    brand: str = ""
    source: str = ""
    notification_id: str = ""
    """What the sender calls it, where it calls it anything."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Other:
    """Another notification: all kinds come to the one postback URL."""

    origin: str
    code: str
    fields: dict[str, str]
    """Every other element by its name in capitals, without hyphens; a repeated one is numbered: FILE, FILE2."""


@dataclass(frozen=True, slots=True)
class Unreadable:
    """One of a batch, whose others are read all the same."""

    reason: str


def decode(data: bytes) -> tuple[Postback | Other | Unreadable, ...]:
    """Refused where nothing can be made of it."""
    fields = flat_xml.read(data, "POSTBACK")
    if fields is not None and _NOTIFICATION not in fields:
        return (_notification(fields),)
    nodes = _nodes(_tree(data))
    return (_told(nodes[0]),) if len(nodes) == 1 else tuple([_told_of_many(node) for node in nodes])


def when(fields: Mapping[str, str], *names: str) -> UnixMs | None:
    """By the fields of these names, or CREATED. In one notification that the vendor published, CREATED says "-04" and
    TIMESTAMP has the same hour and no zone: read as UTC, an opt-out would lie hours in the past."""
    return stamp(surest(*(fields.get(name, "") for name in (*names, "CREATED"))))


def telling(postback: Postback) -> tuple[str, ...]:
    """What tells one from another: there is no id to go by, and a retry repeats every field, TIMESTAMP too.

    Its own id alone would not do: in some shapes that is the subscription's, the same each time she leaves. Without a
    TIMESTAMP a retry and a second decision look alike; the caller must not take that for a repeat then.
    """
    return (
        postback.notification_id,
        postback.code,
        postback.msisdn,
        postback.campaign,
        postback.written or str(postback.timestamp),
        postback.short_code,
        postback.source,
    )


def encode(postback: Postback) -> bytes:
    elements = (
        ("ORIGIN", "SUB"),
        ("CODE", postback.code),
        ("MOBILE", postback.msisdn),
        ("CAMPAIGNID", postback.campaign),
        ("TIMESTAMP", "" if postback.timestamp is None else _written(postback.timestamp)),
        ("SHORTCODE", postback.short_code),
        ("CAMPAIGNTITLE", postback.title),
        ("BRANDNAME", postback.brand),
        ("SOURCE", postback.source),
    )
    lines = "".join(f"    <{name}>{_escaped(text)}</{name}>\n" for name, text in elements)
    return f"<?xml version='1.0'?>\n<POSTBACK>\n{lines}</POSTBACK>".encode()


# ── reading ─────────────────────────────────────────────────────────────────────────────────────────────────────────


def _tree(data: bytes) -> etree._Element:
    try:
        return parse_mended(data)
    except NotWellFormed:
        mended = _mended(data)
        if mended == data:
            raise
    return parse_mended(mended)


def _mended(data: bytes) -> bytes:
    """What she typed, as a sender writes it who escapes by hand: "<3" as it is, an emoji as references to its two
    halves, a control character, a zero byte behind it all."""
    try:
        text = data.decode()
    except UnicodeDecodeError:
        text = data.decode("latin-1")
    text = _REFERENCE.sub(_referred, _OPENS_NOTHING.sub("&lt;", _DECLARED.sub("", text)))
    whole = text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")
    return whole.translate(_UNSENDABLE).encode()


def _referred(found: re.Match[str]) -> str:
    """The character itself, where no reference may name it: half an emoji finds its other half then."""
    code = int(found[1], 16) if found[1] else int(found[2])
    return chr(code) if code in _UNSENDABLE else found[0]


def _nodes(root: etree._Element) -> list[etree._Element]:
    name = _name(root.tag)
    if name not in {"POSTBACK", _NOTIFICATION}:
        raise Refused("not a postback: the root is neither POSTBACK nor NOTIFICATION")
    is_batch = name == "POSTBACK" and len(root) > 0 and _name(root[0].tag) == _NOTIFICATION
    batch = [child for child in root if _name(child.tag) == _NOTIFICATION] if is_batch else []
    if len(batch) > MAX_NOTIFICATIONS:
        raise TooLarge(f"the postback has {len(batch)} notifications; {MAX_NOTIFICATIONS} are the documented most")
    if batch and len(batch) < len(root):
        raise Refused("the postback is both a batch and a notification")
    return batch or [root]


def _told_of_many(node: etree._Element) -> Postback | Other | Unreadable:
    try:
        return _told(node)
    except Refused as exc:
        return Unreadable(str(exc))


def _told(node: etree._Element) -> Postback | Other:
    return _notification({**_attributes(node), **_elements(node)})


def _notification(fields: dict[str, str]) -> Postback | Other:
    origin, code = fields.pop("ORIGIN", "").upper(), fields.pop("CODE", "").upper()
    match code:
        case "N301" | "N302" if origin in {"SUB", ""} or fields.get("MOBILE"):
            return _postback(code, fields)
        case "" if not origin:
            raise Refused("the notification has neither ORIGIN nor CODE")
        case _:
            return Other(origin=origin, code=code, fields=fields)


def _postback(code: Literal["N301", "N302"], fields: Mapping[str, str]) -> Postback:
    msisdn, campaign = fields.get("MOBILE", ""), fields.get("CAMPAIGNID") or fields.get("CAMPAIGNREF", "")
    if not (msisdn and campaign):
        raise Refused(f"{code} needs MOBILE, and CAMPAIGNID or CAMPAIGNREF")
    timestamp = when(fields, "TIMESTAMP")
    return Postback(
        code=code,
        msisdn=msisdn,
        campaign=campaign,
        timestamp=timestamp,
        written=fields.get("TIMESTAMP", "") if timestamp is None else "",
        short_code=fields.get("SHORTCODE", ""),
        title=fields.get("CAMPAIGNTITLE", ""),
        brand=fields.get("BRANDNAME", ""),
        source=fields.get("SOURCE", ""),
        notification_id=_identity(code, fields),
    )


def _identity(code: str, fields: Mapping[str, str]) -> str:
    """SUBID names the subscription, not the message: it is the same in her N301 and her N302."""
    own, subscription = fields.get("ID", ""), fields.get("SUBID", "")
    if not subscription:
        return own
    return f"{own}/{code}-{subscription}" if own else f"{code}-{subscription}"


def _attributes(node: etree._Element) -> dict[str, str]:
    """Of a NOTIFICATION; the others only point to a schema."""
    named = {_name(str(name)): str(text).strip() for name, text in node.attrib.items()}
    return {name: text for name, text in named.items() if name in {"ID", "CREATED"}}


def _elements(node: etree._Element) -> dict[str, str]:
    """The text of every element that has one, for BODY and CONTENT only wrap. Repeated ones are numbered."""
    fields: dict[str, str] = {}
    repeats: dict[str, int] = {}
    for element in node.iterdescendants():
        name = _name(element.tag)
        if name == _NOTIFICATION:
            raise Refused("the postback is both a batch and a notification")
        if len(element) and not _is_mixed(element):
            continue
        text = _text(element)
        if name not in fields:
            fields[name] = text
            continue
        if name in _DECIDING and fields[name] != text:
            raise Refused(f"the notification contradicts itself: several values for {name}")
        repeats[name] = repeats.get(name, 1) + 1
        fields[f"{name}{repeats[name]}"] = text
    return fields


def _is_mixed(element: etree._Element) -> bool:
    """A text with markup in it, as <TEXT>STOP<br/></TEXT>: somebody made a page of it."""
    return any(between and between.strip() for between in (element.text, *(child.tail for child in element)))


def _text(element: etree._Element) -> str:
    """A new line in the place of markup: nearly all of it is line breaks, and a STOP may have a line of its own."""
    return ("\n".join(map(str, element.itertext())) if len(element) else element.text or "").strip()


@lru_cache(maxsize=1024)
def _name(tag: str) -> str:
    """Case is free by example, and a younger relative of this API writes <tracking-id>.

    https://developers.sinch.com/docs/mms/postbacks
    """
    return tag.rpartition("}")[2].replace("-", "").upper()


# ── writing ─────────────────────────────────────────────────────────────────────────────────────────────────────────


def _written(timestamp: UnixMs) -> str:
    return moment_of(timestamp).replace(microsecond=0).isoformat()


def _escaped(text: str) -> str:
    """A bare carriage return would be read back as a line feed."""
    return escape(text.translate(_UNSENDABLE), quote=False).replace("\r", "&#13;")
