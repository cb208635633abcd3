"""What is asked, and with which credentials? Parameters in, values out, or the documented problem. Pure.

A blank parameter is an absent one: some clients leave blanks out of what they sign.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from consent.errors import Refused
from consent.model import CampaignId
from consent.numbers import Recipient, recipient
from receiver.apis.gate import Credential, Secret, Signature, basic
from receiver.apis.opt_in.errors import (
    INVALID_MSISDN,
    INVALID_PAGE,
    INVALID_PAGE_SIZE,
    MISSING_KEY,
    MISSING_MSISDN,
    MISSING_SECRET,
    SIGNATURE_AND_SECRET,
    Problem,
    Rejected,
)

Fields = Mapping[str, str]

DEFAULT_SIZE = 100
LARGEST_SIZE = 10_000
LAST_PAGE = 999_999_999


@dataclass(frozen=True, slots=True, kw_only=True)
class Query:
    page: int
    size: int
    campaign: CampaignId | None
    """An extension: this campaign's list alone."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Manage:
    recipient: Recipient
    campaign: CampaignId | None
    """An extension: in this campaign alone."""


def credential(fields: Fields, authorization: str) -> Credential:
    """Parameters count before the header: whoever sends both is an old client behind something that adds headers."""
    key, secret, sig = (_given(fields, name) for name in ("api_key", "api_secret", "sig"))
    if sig and secret:
        raise Rejected(SIGNATURE_AND_SECRET)
    if not (sig or secret) and (by_header := basic(authorization)) is not None:
        return by_header
    if not key:
        raise Rejected(MISSING_KEY)
    if not (sig or secret):
        raise Rejected(MISSING_SECRET)
    return Signature(fields) if sig else Secret(key, secret)


def query(fields: Fields) -> Query:
    return Query(
        page=_number(fields, "page", default=0, least=0, most=LAST_PAGE, problem=INVALID_PAGE),
        size=_number(fields, "page-size", default=DEFAULT_SIZE, least=1, most=LARGEST_SIZE, problem=INVALID_PAGE_SIZE),
        campaign=_campaign(fields),
    )


def manage(fields: Fields) -> Manage:
    msisdn = _given(fields, "msisdn")
    if not msisdn:
        raise Rejected(MISSING_MSISDN)
    try:
        return Manage(recipient=recipient(msisdn), campaign=_campaign(fields))
    except Refused as exc:  # nothing is left of it once what cannot be seen is gone
        raise Rejected(INVALID_MSISDN) from exc


def _number(fields: Fields, name: str, *, default: int, least: int, most: int, problem: Problem) -> int:
    text = _given(fields, name)
    if not text:
        return default
    if not (text.isascii() and text.isdecimal() and len(text) <= 9 and least <= int(text) <= most):
        raise Rejected(problem)
    return int(text)


def _campaign(fields: Fields) -> CampaignId | None:
    return CampaignId(_given(fields, "campaign")) or None


def _given(fields: Fields, name: str) -> str:
    return fields.get(name, "").strip()
