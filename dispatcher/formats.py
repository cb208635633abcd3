"""What does the body of a notification say? Pure: the same event and directory give the same bytes at every attempt.

`json` is `{"type", "timestamp", "data"}` as Standard Webhooks asks; the timestamp is when the thing happened, not when
it is told. What only some events have stands in an object of its own, so a customer's schema of `data` holds for all:

    message.*     data.message    the text and whatever else the provider said; no `status`, no `previous`
    endpoint.*    data.endpoint   which endpoint, and why
    api.response  data.response   what the opt-in API answered, and to which call
    consent.*     data.evidence   what the decision rested on, where a rule left something behind (a review, a rule set)

An odd number (not E.164) adds `"odd_number": true`. `wxml` is the documented POSTBACK, which knows opt-in and opt-out
only: `speaks` is how routing finds that out.
"""

import json
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Literal
from urllib.parse import urlencode

from consent.directory import Directory
from consent.model import BodyFormat, CampaignId, Event, EventType, UnixMs
from consent.postback import Postback, encode

# N301 "Number subscribed", N302 "Number unsubscribed": consent/postback.py cites the document.
POSTBACK_CODES: dict[EventType, Literal["N301", "N302"]] = {EventType.OPTED_IN: "N301", EventType.OPTED_OUT: "N302"}
DETAIL_NAMES = {"message": "message", "endpoint": "endpoint", "consent": "evidence", "api": "response"}
"""By the first word of the event's type: under which name its `detail` stands."""

Json = str | int | bool | None | dict[str, "Json"]

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Payload:
    content_type: str
    content: bytes


def speaks(body_format: BodyFormat, event_type: EventType) -> bool:
    """Whether the format has a form for such events."""
    return body_format == "json" or event_type in POSTBACK_CODES


def body(event: Event, format: BodyFormat, directory: Directory) -> Payload:  # noqa: A002  # the setting's name
    content_type, write = FORMS[format]
    return Payload(content_type, write(event, directory))


def _json(event: Event, directory: Directory) -> bytes:
    notification: dict[str, Json] = {
        "type": event.type.value,
        "timestamp": _iso(event.occurred_at),
        "data": _data(event, directory),
    }
    # A surrogate without its partner is no character, and a receiver's parser may refuse the whole body for it.
    text = json.dumps(notification, ensure_ascii=False, separators=(",", ":"))
    return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace").encode()


def _data(event: Event, directory: Directory) -> dict[str, Json]:
    kind = event.type.partition(".")[0]
    return {
        "event_id": event.id,
        "account": event.account,
        "campaign": _campaign(event, directory),
        "msisdn": event.msisdn,
        **({"odd_number": True} if event.is_odd else {}),
        **({"status": event.status, "previous": event.previous} if kind == "consent" else {}),
        "changed": event.changed,
        "actor": event.origin.actor.value,
        "source": {"id": event.origin.source, "provider": event.origin.provider, "via": event.origin.via.value},
        "keyword": event.origin.keyword,
        "rule": event.origin.rule,
        "occurred_at": _iso(event.occurred_at),
        "received_at": _iso(event.received_at),
        "sequence": event.sequence,
        **({DETAIL_NAMES[kind]: json.loads(event.detail)} if event.detail else {}),
    }


def _campaign(event: Event, directory: Directory) -> dict[str, Json] | None:
    """A campaign that was removed since keeps its id: whom it concerned is not forgotten with its title."""
    if event.campaign is None:
        return None
    campaign = directory.campaign(event.account, event.campaign)
    return {
        "id": event.campaign,
        "title": campaign.title if campaign else "",
        "brand": campaign.brand if campaign else "",
        "short_code": campaign.short_code if campaign else "",
    }


def _xml(event: Event, directory: Directory) -> bytes:
    campaign_id = event.campaign or CampaignId("")
    campaign = directory.campaign(event.account, campaign_id)
    return encode(
        Postback(
            code=POSTBACK_CODES[event.type],
            msisdn=event.msisdn,
            campaign=campaign_id,
            timestamp=event.occurred_at,
            short_code=campaign.short_code if campaign else "",
            title=campaign.title if campaign else "",
            brand=campaign.brand if campaign else "",
            source=event.origin.via.value,
        )
    )


def _form(event: Event, directory: Directory) -> bytes:
    return urlencode({"XML": _xml(event, directory)}).encode()


def _iso(instant: UnixMs) -> str:
    """UTC. Providers stamp whole seconds: a fraction is written only where there is one."""
    written = _EPOCH + timedelta(milliseconds=instant)
    precision = "milliseconds" if instant % 1000 else "seconds"
    return written.replace(tzinfo=None).isoformat(timespec=precision) + "Z"


FORMS: dict[BodyFormat, tuple[str, Callable[[Event, Directory], bytes]]] = {
    "json": ("application/json", _json),
    "wxml": ("text/xml; charset=utf-8", _xml),
    "wxml-form": ("application/x-www-form-urlencoded", _form),
}
