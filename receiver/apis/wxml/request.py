"""What is asked? A request in any of the five forms that clients send, read into one value. Pure.

    GET                                  ?action=subscribe&api_key=…&mobile=…&campaignid=…&data_first_name=…
    POST, the same in the query          with an empty body, often chunked (the PHP SDK of 2013)
    POST, a form field xml               urlencoded, as documented
    POST, a multipart field XML          the PHP SDK 1.0
    POST, raw XML                        under a form's content type, or any other (the Ruby gem)

Names and the action are free in case, elements in order. Every form comes down to the same names in capitals.
https://github.com/cosmosking2050/API  (1.3/README.md, 1.3/CONTENTS/METHODS/subscribe+unsubscribe.md)
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace

from lxml import etree

from consent.errors import Refused
from consent.safe_xml import parse_mended
from receiver import fields
from receiver.apis.wxml.errors import (
    ACTION_MISSING,
    ACTION_UNKNOWN,
    CAMPAIGN_MISSING,
    INVALID_REQUEST,
    KEY_MISSING,
    MOBILE_MISSING,
    NOT_SERVED,
    Rejected,
    not_xml,
)
from receiver.inbound import Inbound

MOST_DATA = 32
"""Fields of DATA that are kept, where the document sets no limit."""
LONGEST = 256
"""Characters that are kept of any one value."""

SERVED = frozenset({"subscribe", "unsubscribe"})
_ELSEWHERE = frozenset(
    {
        "createemailcampaign",
        "createmmscampaign",
        "createuser",
        "getemailcampaigns",
        "getmmscampaigns",
        "getsendingstatistics",
        "getsendingstatus",
        "loginuser",
        "savemms",
        "sendmessagebysubscriberref",
        "sendmms",
        "sendsavedemail",
        "sendsavedmms",
        "sendsavedmmscampaign",
        "sendsms",
        "subscribeemail",
        "unsubscribeemail",
    }
)
"""Documented, and no business of a consent ledger."""

_YES = frozenset({"yes", "y", "true", "1", "on"})
_NO = frozenset({"", "no", "n", "false", "0", "off"})
_DATA = "DATA_"


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    action: str = ""
    """In lower case."""
    api_key: str = field(default="", repr=False)
    mobile: str = ""
    campaign: str = ""
    campaign_name: str = "CAMPAIGNID"
    """CAMPAIGNREF where the client calls it so: the same URL renamed it later, and its answers with it.
    https://www.skycore.com/help/subscribe-v1"""
    subscriber: str = ""
    """SUBSCRIBERREF, another addition of that time."""
    notify: bool = False
    asks_first: bool = False
    """CTA: a double opt-in."""
    timezone: str = ""
    spid: str = ""
    """Text: the leading zeros of "0001470" are part of it."""
    data: Mapping[str, str] = field(default_factory=dict)
    is_data_cut: bool = False


@dataclass(slots=True)
class _Said:
    plain: dict[str, str] = field(default_factory=dict)
    data: dict[str, str] = field(default_factory=dict)


def read(inbound: Inbound) -> Request:
    """Rejected for any bytes that are no request; what a request lacks, the checks below say."""
    if inbound.method not in {"GET", "POST"}:
        raise Rejected(INVALID_REQUEST)
    given = inbound if inbound.body.strip() else replace(inbound, body=b"")
    document = fields.xml_of(given)
    return _request(_of_fields(fields.pairs(given)) if document is None else _of_xml(document))


def check_action(request: Request) -> None:
    """What is looked at before the credentials, in the documented order."""
    if not request.action:
        raise Rejected(ACTION_MISSING)
    if not request.api_key:
        raise Rejected(KEY_MISSING)
    if request.action not in SERVED | _ELSEWHERE:
        raise Rejected(ACTION_UNKNOWN)


def check_parameters(request: Request) -> None:
    """And behind them."""
    if request.action not in SERVED:
        raise Rejected(NOT_SERVED)
    if not request.mobile:
        raise Rejected(MOBILE_MISSING)
    if not request.campaign:
        raise Rejected(CAMPAIGN_MISSING)


def _of_fields(given: Iterable[tuple[str, str]]) -> _Said:
    said = _Said()
    for name, value in given:
        capital, text = name.strip().upper(), value.strip()
        if capital.startswith(_DATA):
            said.data[capital.removeprefix(_DATA)] = text
        else:
            _put(said.plain, [(capital, text)])
    return said


def _of_xml(document: bytes) -> _Said:
    try:
        root = parse_mended(document)
    except Refused as exc:
        raise Rejected(not_xml(str(exc))) from exc
    if _name(root) != "REQUEST":
        raise Rejected(INVALID_REQUEST)
    said = _Said()
    for element in root:
        match _name(element):
            case "DATA":
                said.data.update((_name(child), _text(child)) for child in element)
            case "CTA":
                _put(said.plain, _of_cta(element))
            case name:
                _put(said.plain, [(name, _text(element))])
    return said


def _of_cta(element: etree._Element) -> Iterable[tuple[str, str]]:
    """The grammar has TIMEZONE inside a CTA without text, the examples beside a CTA of yes or no. Who sends a
    TIMEZONE inside asks for the text that it is meant for."""
    answer = "".join([element.text or "", *(child.tail or "" for child in element)]).strip()
    inside = [(_name(child), _text(child)) for child in element]
    return [("CTA", answer or ("yes" if inside else "")), *inside]


def _put(plain: dict[str, str], pairs: Iterable[tuple[str, str]]) -> None:
    """Two answers to one question are no answer: half of them would be left undone."""
    for name, text in pairs:
        if plain.setdefault(name, text) != text:
            raise Rejected(INVALID_REQUEST)


def _name(element: etree._Element) -> str:
    return etree.QName(element).localname.upper()


def _text(element: etree._Element) -> str:
    return "".join(map(str, element.itertext())).strip()


def _request(said: _Said) -> Request:
    plain = said.plain
    by_id, by_ref = plain.get("CAMPAIGNID", ""), plain.get("CAMPAIGNREF", "")
    if by_id and by_ref and by_id != by_ref:
        raise Rejected(INVALID_REQUEST)
    kept = {name[:LONGEST]: value[:LONGEST] for name, value in [*said.data.items()][:MOST_DATA]}
    return Request(
        action=plain.get("ACTION", "").lower(),
        api_key=plain.get("API_KEY", ""),
        mobile=plain.get("MOBILE", ""),
        campaign=by_id or by_ref,
        campaign_name="CAMPAIGNREF" if by_ref and not by_id else "CAMPAIGNID",
        subscriber=plain.get("SUBSCRIBERREF", "")[:LONGEST],
        notify=plain.get("NOTIFY", "").lower() in _YES,
        # Whatever is not a no asks her: who was asked in vain can still be subscribed, not the other way round.
        asks_first=plain.get("CTA", "").lower() not in _NO,
        timezone=(plain.get("TIMEZONE") or plain.get("TZ", ""))[:LONGEST],
        spid=plain.get("SPID", "")[:LONGEST],
        data=kept,
        is_data_cut=kept != said.data,
    )
