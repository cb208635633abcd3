"""Twilio: incoming messages and message statuses, as form posts or as GET.

https://www.twilio.com/docs/messaging/guides/webhook-request
https://www.twilio.com/docs/usage/webhooks/webhooks-security
https://www.twilio.com/docs/usage/webhooks/webhook-shared-keys
"""

import hashlib
import re
from collections.abc import Iterator, Mapping
from typing import Literal

from consent.errors import ConsentError, Unverified
from consent.model import Source, UnixMs
from receiver.codecs.codec import Reply, reply_by_status
from receiver.codecs.form import pairs_of, query_of
from receiver.codecs.identity import digest_of
from receiver.codecs.mac import is_same, mac
from receiver.codecs.needed import needed, place, refuse_strangers
from receiver.inbound import Inbound
from receiver.reports import Hint, ReceiptReported, Report, TextReceived

_SIGNATURE, _SETTINGS = "x-twilio-signature", "x-twilio-webhooks-signature-settings"
HEADERS = (_SIGNATURE, _SETTINGS)

_RETRY_AFTER_SECONDS = 1
"""Sent again only as the fragment of the webhook URL asks for (docs/providers.md), and not for long.
https://www.twilio.com/docs/usage/webhooks/webhooks-connection-overrides"""
_HINTS = {"STOP": Hint.OPT_OUT, "START": Hint.OPT_IN}
_OF_AN_INCOMING_MESSAGE = frozenset({"", "received", "receiving"})
_MOST_MEDIA = 10
_TELLING = ("From", "To", "Body")
_STRANGERS = {
    "CallSid": "this is of a call: paste the URL where a message comes in at Twilio, not where a call comes in",
    "ConversationSid": "this is of Conversations: paste the URL where a message comes in at Twilio, at the number "
    "or its Messaging Service",
}
_NOT_OF_THE_RECEIPT = frozenset({"AccountSid", "ApiVersion", "To"})
_ADDRESS = re.compile(r"(https?)://([^/?#:@]+|\[[0-9A-Fa-f:.]+\])(:[0-9]+)?(?=[/?#]|\Z)")
_DEFAULT_PORT = {"http": ":80", "https": ":443"}


def verify(inbound: Inbound, source: Source, now: UnixMs) -> None:
    """No time is signed: that a request is not an old one again is for de-duplication to see. Nor is it signed where a
    name ends and its value begins: who has caught a request on its way could still misplace that."""
    if not source.signature_secret or inbound.is_visit:
        return
    given = inbound.header(_SIGNATURE)
    if not given:
        raise Unverified("the request has no X-Twilio-Signature")
    if not inbound.url:
        raise Unverified("Twilio signs the webhook URL, and we do not know it: set receiver.public_url")
    covered, algorithm = _covered(inbound), _algorithm(inbound)
    for url in _spellings(inbound.url):
        text = (url + covered).encode("utf-8", "replace")
        if is_same(given, mac(text, secret=source.signature_secret, algorithm=algorithm)):
            return
    raise Unverified(
        "the X-Twilio-Signature does not match: signature_secret must be the auth token of the account, or the shared "
        "key that signs instead, and receiver.public_url what the webhook URL in its console begins with"
    )


def decode(inbound: Inbound) -> tuple[Report, ...]:
    if inbound.is_visit:
        return ()
    given = dict(pairs_of(inbound))
    if not (_identity(given) and given.get("From")):
        refuse_strangers(given, _STRANGERS)
    status = given.get("MessageStatus") or given.get("SmsStatus", "")
    if status not in _OF_AN_INCOMING_MESSAGE and not given.get("Body"):
        return (_receipt(given, status),)
    return (_text(given),)


def reply(error: ConsentError | None) -> Reply:
    return reply_by_status(error, retry_after=_RETRY_AFTER_SECONDS)


def _algorithm(inbound: Inbound) -> Literal["sha1", "sha256"]:
    """A shared key, which signs in the place of the auth token, may do so with the longer digest."""
    return "sha256" if "HMAC_SHA256" in inbound.header(_SETTINGS).upper() else "sha1"


def _covered(inbound: Inbound) -> str:
    """What is signed besides the URL. A body that is no form is covered by its digest in the URL."""
    digest = dict(query_of(inbound)).get("bodySHA256")
    if digest is not None:
        if not is_same(digest.lower(), hashlib.sha256(inbound.body).hexdigest().encode()):
            raise Unverified("the request was signed for another body")
        return ""
    if inbound.is_said_in_query:
        return ""
    return "".join(name + value for name, value in sorted(set(pairs_of(inbound))))


def _spellings(url: str) -> Iterator[str]:
    """With its port and without: Twilio signs now one, now the other. https://github.com/twilio/twilio-node/issues/505"""
    yield url
    found = _ADDRESS.match(url)
    if found is not None:
        scheme, host, port = found.groups()
        yield f"{scheme}://{host}{'' if port else _DEFAULT_PORT[scheme]}{url[found.end() :]}"


def _text(given: Mapping[str, str]) -> TextReceived:
    named = _identity(given)
    media = " ".join(filter(None, (given.get(f"MediaUrl{number}", "") for number in range(_MOST_MEDIA))))
    extra = {"message_id": named, "opt_out_type": given.get("OptOutType", ""), "media": media}
    return TextReceived(
        identity=named or digest_of(given.get(name, "") for name in _TELLING),
        sender=needed(given, "From"),
        to=place(given, "To", given.get("Body", "")),
        text=given.get("Body", ""),
        occurred_at=None,
        kind="mms" if given.get("NumMedia", "0") not in {"", "0"} else "text",
        hint=_HINTS.get(given.get("OptOutType", "").strip().upper(), Hint.NONE),
        extra={name: value for name, value in extra.items() if value},
    )


def _receipt(given: Mapping[str, str], status: str) -> ReceiptReported:
    """`To` is the recipient here. One message gets several, one per status."""
    named = _identity(given) or digest_of(sorted(f"{name}={value}" for name, value in given.items()))
    return ReceiptReported(
        identity=f"dlr:{named}:{status}",
        recipient=needed(given, "To"),
        occurred_at=None,
        fields={name: value for name, value in given.items() if value and name not in _NOT_OF_THE_RECEIPT},
    )


def _identity(given: Mapping[str, str]) -> str:
    return given.get("MessageSid") or given.get("SmsMessageSid") or given.get("SmsSid", "")
