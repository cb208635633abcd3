"""How does each provider post a text? The other half of receiver/codecs, where each dialect is cited. Pure."""

import base64
import hashlib
import hmac
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Literal
from urllib.parse import urlencode

from consent.instants import moment_of
from consent.model import Msisdn, SignatureMethod, UnixMs
from receiver import signature
from receiver.codecs.mac import mac


@dataclass(frozen=True, slots=True, kw_only=True)
class Webhook:
    content_type: str
    body: bytes = field(repr=False)
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Said:
    """What somebody texts, before her provider has put it into words of its own."""

    sender: Msisdn
    to: str
    text: str
    id: str
    """32 hex digits."""
    nonce: str
    at: UnixMs
    url: str
    """Of the webhook, as the provider was told it."""
    secret: str
    """What to sign with; empty for not at all."""
    method: SignatureMethod

    @property
    def number(self) -> str:
        return f"+{self.sender}"

    @property
    def seconds(self) -> str:
        return str(self.at // 1000)

    @property
    def date(self) -> str:
        return f"{moment_of(self.at):%Y-%m-%dT%H:%M:%S.%f}Z"


def _nexmo(said: Said) -> Webhook:
    form = {
        "msisdn": said.sender,
        "to": said.to,
        "messageId": said.id[:16].upper(),
        "text": said.text,
        "type": "text",
        "keyword": next(iter(said.text.upper().split()), ""),
        "message-timestamp": f"{moment_of(said.at):%Y-%m-%d %H:%M:%S}",
    }
    if said.secret:
        form |= {"timestamp": said.seconds, "nonce": said.nonce}
        form["sig"] = signature.sign(form, secret=said.secret, method=said.method)
    return _form(form)


def _vonage_messages(said: Said) -> Webhook:
    told = {"message_uuid": said.id, "from": said.sender, "to": said.to, "text": said.text, "timestamp": said.date}
    webhook = _json({"channel": "sms", "message_type": "text", **told})
    claims = {"iat": said.at // 1000, "jti": said.nonce, "iss": "Vonage", "api_key": "simulated"}
    claims |= {"payload_hash": hashlib.sha256(webhook.body).hexdigest()}
    signed = b".".join(map(_part_of_a_token, ({"alg": "HS256", "typ": "JWT"}, claims)))
    token = b".".join((signed, _base64url(hmac.digest(said.secret.encode(), signed, "sha256"))))
    return _proved(webhook, said, {"Authorization": f"Bearer {token.decode()}"})


def _twilio(said: Said) -> Webhook:
    form = {"From": said.number, "To": said.to, "Body": said.text, "MessageSid": f"SM{said.id}", "NumMedia": "0"}
    signed = f"{said.url}{_run_together(form)}"
    return _proved(_form(form), said, {"X-Twilio-Signature": _mac(signed, said, algorithm="sha1")})


def _plivo(said: Said) -> Webhook:
    form = {"From": said.sender, "To": said.to, "Text": said.text, "Type": "sms", "MessageUUID": said.id}
    name, signed = "X-Plivo-Signature-V3", f"{said.url}?{_run_together(form)}.{said.nonce}"
    return _proved(_form(form), said, {name: _mac(signed, said), f"{name}-Nonce": said.nonce})


def _sinch(said: Said) -> Webhook:
    told = {"id": said.id, "from": said.sender, "to": said.to, "body": said.text, "received_at": said.date}
    webhook, name = _json({"type": "mo_text", **told}), "X-Sinch-Webhook-Signature"
    signed = f"{webhook.body.decode()}.{said.nonce}.{said.seconds}"
    headers = {name: _mac(signed, said), f"{name}-Algorithm": "HmacSHA256"}
    return _proved(webhook, said, headers | {f"{name}-Nonce": said.nonce, f"{name}-Timestamp": said.seconds})


def _telnyx(said: Said) -> Webhook:
    """Unsigned: the key to that is Telnyx's alone."""
    told = {"id": said.id, "type": "SMS", "text": said.text, "received_at": said.date}
    who = {"from": {"phone_number": said.number}, "to": [{"phone_number": said.to, "status": "webhook_delivered"}]}
    return _json({"data": {"event_type": "message.received", "payload": told | who}})


def _bandwidth(said: Said) -> Webhook:
    told = {"id": said.id, "direction": "in", "from": said.number, "to": [said.to], "text": said.text}
    event = {"type": "message-received", "time": said.date, "to": said.to, "message": told}
    return _proved(_json([event]), said, _password(said))


def _infobip(said: Said) -> Webhook:
    told = {"messageId": said.id, "from": said.sender, "to": said.to, "text": said.text, "receivedAt": said.date}
    return _proved(_json({"results": [told], "messageCount": 1}), said, _password(said))


def _aws(said: Said) -> Webhook:
    told = {"originationNumber": said.number, "destinationNumber": said.to, "messageBody": said.text}
    published = json.dumps(told | {"inboundMessageId": said.id})
    envelope = {"Type": "Notification", "MessageId": said.nonce, "Message": published, "Timestamp": said.date}
    return _proved(_json(envelope), said, _password(said))


TEXTS: Mapping[str, Callable[[Said], Webhook]] = {
    "nexmo": _nexmo,
    "vonage-messages": _vonage_messages,
    "twilio": _twilio,
    "plivo": _plivo,
    "sinch": _sinch,
    "telnyx": _telnyx,
    "bandwidth": _bandwidth,
    "infobip": _infobip,
    "aws": _aws,
}
"""By provider."""


def _form(fields: Mapping[str, str]) -> Webhook:
    return Webhook(content_type="application/x-www-form-urlencoded", body=urlencode(fields).encode())


def _json(told: object) -> Webhook:
    return Webhook(content_type="application/json", body=json.dumps(told).encode())


def _proved(webhook: Webhook, said: Said, headers: Mapping[str, str]) -> Webhook:
    return replace(webhook, headers=headers) if said.secret else webhook


def _password(said: Said) -> Mapping[str, str]:
    return {"Authorization": f"Basic {base64.b64encode(said.secret.encode()).decode()}"}


def _mac(signed: str, said: Said, *, algorithm: Literal["sha1", "sha256"] = "sha256") -> str:
    return mac(signed.encode(), secret=said.secret, algorithm=algorithm).decode()


def _run_together(form: Mapping[str, str]) -> str:
    return "".join(f"{name}{value}" for name, value in sorted(form.items()))


def _part_of_a_token(told: object) -> bytes:
    return _base64url(json.dumps(told).encode())


def _base64url(data: bytes) -> bytes:
    return base64.urlsafe_b64encode(data).rstrip(b"=")
