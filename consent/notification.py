"""What is an event to whoever hears of it? The JSON object that endpoints are sent and the pull feed lists.

`{"type", "timestamp", "data"}` as Standard Webhooks asks; the timestamp is when the thing happened, not when it is
told. What only some events have stands in an object of its own, so a customer's schema of `data` holds for all:

    message.*     data.message    the text and whatever else the provider said; no `status`, no `previous`
    endpoint.*    data.endpoint   which endpoint, and why
    api.response  data.response   what the opt-in API answered, and to which call
    consent.*     data.evidence   what the decision rested on, where a rule left something behind (a review, a rule set)

An odd number (not E.164) adds `"odd_number": true`. Pure: the same event and directory give the same bytes.
"""

import json
from collections.abc import Sequence
from functools import lru_cache

import orjson

from consent.directory import Directory
from consent.instants import moment_of
from consent.model import Event, UnixMs

DETAIL_NAMES = {"message": "message", "endpoint": "endpoint", "consent": "evidence", "api": "response"}
"""By the first word of the event's type: under which name its `detail` stands."""

Json = str | int | bool | None | dict[str, "Json"] | Sequence["Json"]


def notification(event: Event, directory: Directory) -> dict[str, Json]:
    return {
        "type": event.type.value,
        "timestamp": written(event.occurred_at),
        "data": _data(event, directory),
    }


def encoded(value: Json) -> bytes:
    try:
        return orjson.dumps(value)
    except orjson.JSONEncodeError:
        # A surrogate without its partner is no character, and a receiver's parser may refuse the whole body for it.
        text = json.dumps(value, ensure_ascii=False, separators=(",", ":"))
        return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace").encode()


def _decoded(detail: str) -> Json:
    try:
        value: Json = orjson.loads(detail)
    except orjson.JSONDecodeError:  # half of a surrogate pair, which only the slow one reads
        value = json.loads(detail)
    return value


# One event is told to several endpoints, and what comes in one second bears one stamp.
@lru_cache(maxsize=1024)
def written(instant: UnixMs) -> str:
    """UTC. Providers stamp whole seconds: a fraction is written only where there is one."""
    moment = moment_of(instant)
    precision = "milliseconds" if moment.microsecond else "seconds"
    return moment.replace(tzinfo=None).isoformat(timespec=precision) + "Z"


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
        "occurred_at": written(event.occurred_at),
        "received_at": written(event.received_at),
        "sequence": event.sequence,
        **({DETAIL_NAMES[kind]: _decoded(event.detail)} if event.detail else {}),
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
