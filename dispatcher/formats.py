"""What does the body of a notification say? Pure: the same event and directory give the same bytes at every attempt.

`json` is consent/notification.py's object. `wxml` is the documented POSTBACK, which knows opt-in and opt-out only:
`speaks` is how routing finds that out.
"""

from collections.abc import Callable
from typing import Literal
from urllib.parse import urlencode

from consent.directory import Directory
from consent.model import BodyFormat, CampaignId, Event, EventType
from consent.notification import encoded, notification
from consent.postback import Postback, encode
from consent.values import value

# N301 "Number subscribed", N302 "Number unsubscribed": consent/postback.py cites the document.
POSTBACK_CODES: dict[EventType, Literal["N301", "N302"]] = {EventType.OPTED_IN: "N301", EventType.OPTED_OUT: "N302"}


@value(frozen=True, slots=True, kw_only=False)
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
    return encoded(notification(event, directory))


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


FORMS: dict[BodyFormat, tuple[str, Callable[[Event, Directory], bytes]]] = {
    "json": ("application/json", _json),
    "wxml": ("text/xml; charset=utf-8", _xml),
    "wxml-form": ("application/x-www-form-urlencoded", _form),
}
