"""Providers that prove themselves in headers: over a socket, plainly and not so plainly, to the ledger and back."""

import asyncio
import base64
import hashlib
import hmac
import json
import time
from collections.abc import AsyncIterator, Callable, Mapping
from urllib.parse import urlencode

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from config.settings import Settings
from consent.ledger import Ledger, Registry, Store
from consent.model import Event, EventType, Msisdn, SourceId
from receiver.app import Receiver
from tests.builders import ACME, a_campaign, a_source
from tests.e2e.installation import eventually, free_port
from tests.receiver.test_hooks import Client, answers, connected

PUBLIC_URL = "https://relay.example.com"
SECRET = "the s3cret of every source here"
PASSWORD = "relay:the s3cret of those that sign nothing"
TELNYX_KEY = Ed25519PrivateKey.from_private_bytes(bytes(32))
PUBLIC_KEY = base64.b64encode(TELNYX_KEY.public_key().public_bytes_raw()).decode()
ANN = Msisdn("14155552671")

Headers = Mapping[str, str]
Signed = tuple[bytes, str, Headers]
"""The body, its content type, and what proves it."""
Sign = Callable[[str, str, str], Signed]
"""(webhook URL, text, name of the message) -> a request as the provider would sign it."""

FORM = "application/x-www-form-urlencoded; charset=UTF-8"
JSON = "application/json"


def token_of(provider: str) -> str:
    return f"{provider}-t0ken-of-16-chars"


def mac(text: bytes, algorithm: str) -> str:
    return base64.b64encode(hmac.digest(SECRET.encode(), text, algorithm)).decode()


def by_twilio(url: str, text: str, message: str) -> Signed:
    given = {"From": f"+{ANN}", "To": "123456", "Body": text, "MessageSid": message, "NumMedia": "0"}
    signed = url + "".join(f"{name}{value}" for name, value in sorted(given.items()))
    return urlencode(given).encode(), FORM, {"X-Twilio-Signature": mac(signed.encode(), "sha1")}


def by_plivo(url: str, text: str, message: str) -> Signed:
    given = {"From": ANN, "To": "123456", "Text": text, "MessageUUID": message, "Type": "sms"}
    signed = f"{url}?{''.join(f'{name}{value}' for name, value in sorted(given.items()))}.4711"
    headers = {"X-Plivo-Signature-V3": mac(signed.encode(), "sha256"), "X-Plivo-Signature-V3-Nonce": "4711"}
    return urlencode(given).encode(), FORM, headers


def by_plivo_of_old(url: str, text: str, message: str) -> Signed:
    body, content_type, _ = by_plivo(url, text, message)
    headers = {"X-Plivo-Signature-V2": mac(f"{url}4711".encode(), "sha256"), "X-Plivo-Signature-V2-Nonce": "4711"}
    return body, content_type, headers


def by_sinch(url: str, text: str, message: str) -> Signed:
    given = {"type": "mo_text", "id": message, "from": ANN, "to": "123456", "body": text}
    body, at = json.dumps(given).encode(), str(int(time.time()))
    name = "X-Sinch-Webhook-Signature"
    signature = mac(body + f".n0nce.{at}".encode(), "sha256")
    return body, JSON, {
        name: signature, f"{name}-Algorithm": "HmacSHA256", f"{name}-Nonce": "n0nce", f"{name}-Timestamp": at
    }  # fmt: skip


def by_vonage(url: str, text: str, message: str) -> Signed:
    given = {"channel": "sms", "message_uuid": message, "from": ANN, "to": "123456", "text": text}
    body = json.dumps(given).encode()
    claims = {"iat": int(time.time()), "api_key": "k", "payload_hash": hashlib.sha256(body).hexdigest()}
    parts = ({"alg": "HS256", "typ": "JWT"}, claims)
    signed = b".".join(base64.urlsafe_b64encode(json.dumps(part).encode()).rstrip(b"=") for part in parts)
    signature = base64.urlsafe_b64encode(hmac.digest(SECRET.encode(), signed, "sha256")).rstrip(b"=")
    return body, JSON, {"Authorization": f"Bearer {signed.decode()}.{signature.decode()}"}


def by_telnyx(url: str, text: str, message: str) -> Signed:
    payload = {"id": message, "from": {"phone_number": f"+{ANN}"}, "to": [{"phone_number": "123456"}], "text": text}
    body, at = json.dumps({"data": {"event_type": "message.received", "payload": payload}}).encode(), int(time.time())
    signature = base64.b64encode(TELNYX_KEY.sign(b"%d|%b" % (at, body))).decode()
    return body, JSON, {"Telnyx-Signature-Ed25519": signature, "Telnyx-Timestamp": str(at)}


def with_the_password(body: bytes, content_type: str) -> Signed:
    return body, content_type, {"Authorization": f"Basic {base64.b64encode(PASSWORD.encode()).decode()}"}


def by_bandwidth(url: str, text: str, message: str) -> Signed:
    told = {"id": message, "direction": "in", "from": f"+{ANN}", "owner": "123456", "text": text}
    event = {"type": "message-received", "to": "123456", "message": told}
    return with_the_password(json.dumps([event]).encode(), JSON)


def by_infobip(url: str, text: str, message: str) -> Signed:
    told = {"messageId": message, "from": ANN, "to": "123456", "text": text}
    return with_the_password(json.dumps({"results": [told]}).encode(), JSON)


def by_aws(url: str, text: str, message: str) -> Signed:
    told = {"originationNumber": f"+{ANN}", "destinationNumber": "123456", "messageBody": text}
    envelope = {"Type": "Notification", "MessageId": message, "Message": json.dumps(told)}
    return with_the_password(json.dumps(envelope).encode(), "text/plain; charset=UTF-8")


SIGNERS: list[tuple[str, Sign]] = [
    ("twilio", by_twilio),
    ("plivo", by_plivo),
    ("plivo", by_plivo_of_old),
    ("sinch", by_sinch),
    ("telnyx", by_telnyx),
    ("vonage-messages", by_vonage),
]
KNOWERS: list[tuple[str, Sign]] = [("bandwidth", by_bandwidth), ("infobip", by_infobip), ("aws", by_aws)]
"""They sign nothing, and show a user and a password."""
SECRETS = {"telnyx": PUBLIC_KEY, **{provider: PASSWORD for provider, _ in KNOWERS}}


def plainly(provider: str, signed: Signed) -> bytes:
    body, content_type, headers = signed
    lines = [
        f"POST /hooks/{token_of(provider)} HTTP/1.1",
        "Host: an-inner-name:8080",
        "X-Forwarded-Host: evil.example.com",
        f"Content-Type: {content_type}",
        f"Content-Length: {len(body)}",
        *(f"{name}: {value}" for name, value in headers.items()),
    ]
    return "\r\n".join([*lines, "", ""]).encode() + body


def in_chunks(provider: str, signed: Signed) -> bytes:
    head, _, body = plainly(provider, signed).partition(b"\r\n\r\n")
    head = head.replace(b"Content-Length: %d" % len(body), b"Transfer-Encoding: chunked")
    pieces = (body[at : at + 50] for at in range(0, len(body), 50))
    return head + b"\r\n\r\n" + b"".join(b"%x\r\n%b\r\n" % (len(piece), piece) for piece in pieces) + b"0\r\n\r\n"


WAYS = pytest.mark.parametrize("sent", [plainly, in_chunks])
PROVIDERS, KNOWING = (
    pytest.mark.parametrize(("provider", "sign"), they, ids=lambda value: getattr(value, "__name__", None))
    for they in (SIGNERS, KNOWERS)
)


@pytest.fixture
async def client(store: Store, registry: Registry) -> AsyncIterator[Client]:
    """Of a receiver that is ready."""
    await registry.put(a_campaign())
    for provider in {provider for provider, _ in (*SIGNERS, *KNOWERS)}:
        secret = SECRETS.get(provider, SECRET)
        await registry.put(
            a_source(id=SourceId(provider), provider=provider, token=token_of(provider), signature_secret=secret)
        )
    port = free_port()
    settings = Settings.model_validate(
        {"receiver": {"port": port, "internal_port": free_port(), "public_url": PUBLIC_URL}}
    )
    receiver, stop = Receiver(settings, store), asyncio.Event()
    serving = asyncio.create_task(receiver.serve(stop))
    try:
        await eventually(lambda: answers(port))
        await eventually(lambda: receiver.unready is None)
        async with connected(port) as client:
            yield client
    finally:
        stop.set()
        await serving


def url_of(provider: str) -> str:
    return f"{PUBLIC_URL}/hooks/{token_of(provider)}"


async def recorded(ledger: Ledger) -> list[Event]:
    return list(reversed(await ledger.history(ACME, ANN)))


@WAYS
@PROVIDERS
async def test_a_signed_stop_is_on_record_once_however_often_it_comes(
    client: Client, ledger: Ledger, provider: str, sign: Sign, sent: Callable[[str, Signed], bytes]
) -> None:
    for _ in range(2):
        client.send(sent(provider, sign(url_of(provider), "Stop.", "m-1")))
        status, headers, body = await client.answer()
        assert (status, headers.get("content-length", "0"), body) == (200, "0", b"")

    (event,) = await recorded(ledger)
    assert (event.type, event.origin.provider, event.origin.rule) == (EventType.OPTED_OUT, provider, "exact:stop")


@WAYS
@PROVIDERS
async def test_what_was_signed_for_another_url_or_by_another_is_refused_for_good(
    client: Client, ledger: Ledger, provider: str, sign: Sign, sent: Callable[[str, Signed], bytes]
) -> None:
    body, content_type, headers = sign("https://evil.example.com/hooks/t", "START", "m-1")
    if provider in {"sinch", "telnyx", "vonage-messages"}:  # which sign the body, and no URL
        body = body.replace(b"START", b"START ")

    client.send(sent(provider, (body, content_type, headers)))

    assert await client.status() == 403
    assert await recorded(ledger) == []


@WAYS
@PROVIDERS
async def test_what_is_not_signed_is_refused_and_only_vonage_is_asked_to_send_it_again(
    client: Client, ledger: Ledger, provider: str, sign: Sign, sent: Callable[[str, Signed], bytes]
) -> None:
    body, content_type, _ = sign(url_of(provider), "STOP", "m-1")

    client.send(sent(provider, (body, content_type, {})))
    status, headers, _ = await client.answer()

    assert (status, "retry-after" in headers) == ((503, True) if provider == "vonage-messages" else (403, False))
    assert await recorded(ledger) == []


@WAYS
@KNOWING
async def test_who_shows_no_password_is_asked_for_it_and_believed_with_it(
    client: Client, ledger: Ledger, provider: str, sign: Sign, sent: Callable[[str, Signed], bytes]
) -> None:
    body, content_type, headers = sign(url_of(provider), "Stop.", "m-1")

    for shown in ({}, {"Authorization": "Basic cmVsYXk6YW5vdGhlcg=="}):
        client.send(sent(provider, (body, content_type, shown)))
        status, answered, _ = await client.answer()
        assert (status, answered["www-authenticate"]) == (401, 'Basic realm="consent-relay", charset="UTF-8"')
    assert await recorded(ledger) == []

    for _ in range(2):
        client.send(sent(provider, (body, content_type, headers)))
        assert await client.status() == 200
    (event,) = await recorded(ledger)
    assert (event.type, event.origin.provider, event.origin.rule) == (EventType.OPTED_OUT, provider, "exact:stop")


@pytest.mark.parametrize(
    ("provider", "sign"),
    [signer for signer in SIGNERS if signer[0] != "plivo"],  # which may send several in one header
)
async def test_a_signature_that_comes_twice_is_not_believed(
    client: Client, ledger: Ledger, provider: str, sign: Sign
) -> None:
    body, content_type, headers = sign(url_of(provider), "STOP", "m-1")
    twice = {**headers, **{name.lower(): "another" for name in headers}}

    client.send(plainly(provider, (body, content_type, twice)))

    assert await client.status() == 403
    assert await recorded(ledger) == []


@pytest.mark.parametrize("provider", ["twilio", "plivo"])
async def test_a_signed_get_counts_as_a_post_does(client: Client, ledger: Ledger, provider: str) -> None:
    given = {"From": ANN, "To": "123456", "Body": "STOP", "Text": "STOP", "MessageSid": "m", "MessageUUID": "m"}
    target, headers = f"/hooks/{token_of(provider)}?{urlencode(given)}", {
        "X-Twilio-Signature": mac(f"{url_of('twilio')}?{urlencode(given)}".encode(), "sha1"),
        "X-Plivo-Signature-V2": mac(f"{url_of('plivo')}4711".encode(), "sha256"),
        "X-Plivo-Signature-V2-Nonce": "4711",
    }  # fmt: skip
    lines = [f"GET {target} HTTP/1.1", "Host: inner", *(f"{name}: {value}" for name, value in headers.items())]

    client.send("\r\n".join([*lines, "", ""]).encode())

    assert await client.status() == 200
    assert len(await recorded(ledger)) == 1


async def test_a_url_is_signed_as_the_provider_was_told_it(client: Client, ledger: Ledger) -> None:
    body, _, headers = by_twilio(f"{url_of('twilio')}/", "STOP", "m-1")
    lines = [
        f"POST /hooks/{token_of('twilio')}/ HTTP/1.1",
        "Host: inner",
        f"Content-Type: {FORM}",
        f"Content-Length: {len(body)}",
        *(f"{name}: {value}" for name, value in headers.items()),
    ]

    client.send("\r\n".join([*lines, "", ""]).encode() + body)

    assert await client.status() == 200
    assert len(await recorded(ledger)) == 1
