"""Vonage's Messages API: is each request read, and is each believed that Vonage could have sent, and no other?"""

import base64
import hashlib
import hmac
import json
from collections.abc import Callable
from dataclasses import replace

import pytest

from consent.errors import Refused, StoreUnavailable, Unverified
from consent.model import Millis, UnixMs
from consent.numbers import recipient
from receiver.codecs import vonage_messages
from receiver.codecs.codec import Reply
from receiver.inbound import Inbound
from receiver.reports import ReceiptReported, Report, TextReceived
from tests.builders import a_source
from tests.receiver.test_bearer import J1, J1_SECRET, J2, J2_SECRET

Sample = Callable[[str], Inbound]

SOURCE = a_source(provider="vonage-messages", signature_secret=J1_SECRET, tolerance=Millis(300_000))
SIGNED_AT = UnixMs(1_587_494_962_000)
UUID = "aaaaaaaa-bbbb-cccc-dddd-0123456789ab"
J3 = (
    "eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9."
    "eyJpYXQiOjE1ODc0OTQ5NjIsImp0aSI6ImM1YmE4ZjI0LTFhMTQtNGMxMC1iZmRmLTNmYmU4Y2U1MTFiNSIsImlzcyI6IlZvbmFnZSIsInBh"
    "eWxvYWRfaGFzaCI6IjI1YjkxNmEwNDdiMTIzMWM1YWRlYzJjYTYwMzZiYTEwOTRkMmM4MWY3NWVjYTAxMzI4MWQwNTU3OGNhMDNlNTIiLCJh"
    "cGlfa2V5IjoiYTFiMmMzZCJ9."
    "1JpLmJyuaI7fI7Xu9Vt3IN3DfQMpAD48Z4vg9W9KJz0"
)

A_TEXT = TextReceived(
    identity=UUID,
    sender="447700900001",
    to="447700900000",
    text="Hello From Vonage!",
    occurred_at=UnixMs(1_577_893_401_000),
    extra={"message_id": UUID, "keyword": "HELLO"},
)
A_RECEIPT = ReceiptReported(
    identity="dlr:aaaaaaaa-bbbb-cccc-dddd-0123456789ac:delivered",
    recipient="447700900001",
    occurred_at=UnixMs(1_577_893_402_000),
    fields={
        "message_uuid": "aaaaaaaa-bbbb-cccc-dddd-0123456789ac",
        "timestamp": "2020-01-01T15:43:22.000Z",
        "status": "delivered",
        "client_ref": "abc123",
    },
)


def bearing(inbound: Inbound, token: str, *, scheme: str = "Bearer") -> Inbound:
    return replace(inbound, headers=(("authorization", f"{scheme} {token}"),))


def a_token(body: bytes, **changed: object) -> str:
    claims = {"iat": 1_587_494_962, "api_key": "k", "payload_hash": hashlib.sha256(body).hexdigest()}
    claims = {name: value for name, value in {**claims, **changed}.items() if value is not None}
    parts = (b'{"alg":"HS256"}', json.dumps(claims).encode())
    signed = b".".join(base64.urlsafe_b64encode(part).rstrip(b"=") for part in parts)
    signature = hmac.digest(J1_SECRET.encode(), signed, "sha256")
    return b".".join((signed, base64.urlsafe_b64encode(signature).rstrip(b"="))).decode()


def a_post(**members: object) -> Inbound:
    given = {"message_uuid": "m-1", "from": "15558937009", "to": "96167", "text": "STOP", **members}
    body = json.dumps({name: value for name, value in given.items() if value is not None}).encode()
    return Inbound(method="POST", query="", content_type="application/json", body=body)


def the_text(inbound: Inbound) -> TextReceived:
    (report,) = vonage_messages.decode(inbound)
    assert isinstance(report, TextReceived)
    return report


# ── what is believed ────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_request_signed_from_end_to_end_is_believed(sample: Sample) -> None:
    stop = sample("vonage-messages/stop-v1")

    assert stop.header("authorization") == f"Bearer {J3}"
    vonage_messages.verify(stop, SOURCE, SIGNED_AT)
    with pytest.raises(Unverified, match="another body"):
        vonage_messages.verify(replace(stop, body=stop.body + b" "), SOURCE, SIGNED_AT)


@pytest.mark.parametrize(
    ("token", "secret", "complaint"),
    [
        pytest.param(J1, J1_SECRET, "another body", id="J1: its body was never published"),
        pytest.param(
            J1, "ZYtdTtGV3BCFN7tWmOWr1md66XsquMggr4W2cTtXtcPgf55555", "signature secret", id="J1, wrong secret"
        ),
        pytest.param(J2, J2_SECRET, "does not claim api_key and payload_hash", id="J2 claims too little"),
        pytest.param(
            J2.rpartition(".")[0] + ".XsaXHXqxe2kfIbPy-JH2J6hfbHnEv8jdWsOhEuvzU98",
            J2_SECRET,
            "signature secret",
            id="J2, bad signature",
        ),
    ],
)
def test_a_published_token_that_is_not_for_this_request_is_not_believed(
    sample: Sample, token: str, secret: str, complaint: str
) -> None:
    inbound = bearing(sample("vonage-messages/stop-v1"), token)

    with pytest.raises(Unverified, match=complaint):
        vonage_messages.verify(inbound, replace(SOURCE, signature_secret=secret, tolerance=Millis(10**12)), SIGNED_AT)


@pytest.mark.parametrize("name", ["text-v1", "text-v01", "image-whatsapp", "receipt-v1", "receipt-v01"])
def test_a_signed_request_is_believed_within_the_tolerance_and_not_beyond(sample: Sample, name: str) -> None:
    signed = sample(f"vonage-messages/{name}")

    for off in (-300_000, 0, 300_000):
        vonage_messages.verify(signed, SOURCE, UnixMs(SIGNED_AT + off))
    for off in (-300_001, 300_001):
        with pytest.raises(Unverified, match="clock"):
            vonage_messages.verify(signed, SOURCE, UnixMs(SIGNED_AT + off))


@pytest.mark.parametrize("claim", ["iat", "api_key", "payload_hash"])
@pytest.mark.parametrize("value", [None, "", {}, []])
def test_every_claim_that_counts_must_be_made(claim: str, value: object) -> None:
    inbound = a_post()

    vonage_messages.verify(bearing(inbound, a_token(inbound.body)), SOURCE, SIGNED_AT)
    with pytest.raises(Unverified, match=claim):
        vonage_messages.verify(bearing(inbound, a_token(inbound.body, **{claim: value})), SOURCE, SIGNED_AT)


@pytest.mark.parametrize("iat", [True, -1, 1.5, "yesterday", 10**400])
def test_a_token_is_of_a_time(iat: object) -> None:
    inbound = a_post()

    with pytest.raises(Unverified, match="timestamp"):
        vonage_messages.verify(bearing(inbound, a_token(inbound.body, iat=iat)), SOURCE, SIGNED_AT)


def test_the_digest_of_the_body_may_be_written_in_either_case() -> None:
    inbound = a_post()
    token = a_token(inbound.body, payload_hash=hashlib.sha256(inbound.body).hexdigest().upper())

    vonage_messages.verify(bearing(inbound, token), SOURCE, SIGNED_AT)


def test_an_unsigned_request_is_not_believed_and_is_asked_for_again(sample: Sample) -> None:
    unsigned = sample("vonage-messages/text-v1-unsigned")

    for given in (unsigned, bearing(unsigned, J1, scheme="Basic"), bearing(unsigned, "")):
        with pytest.raises(Unverified) as refused:
            vonage_messages.verify(given, SOURCE, SIGNED_AT)
        assert vonage_messages.reply(refused.value) == Reply(status=503, retry_after=5)
        assert refused.value.reason == "unverified"


def test_a_badly_signed_request_is_not_asked_for_again(sample: Sample) -> None:
    with pytest.raises(Unverified) as refused:
        vonage_messages.verify(bearing(sample("vonage-messages/text-v1"), J1 + "x"), SOURCE, SIGNED_AT)

    assert vonage_messages.reply(refused.value) == Reply(status=403)


def test_a_source_without_a_secret_believes_everybody(sample: Sample) -> None:
    vonage_messages.verify(sample("vonage-messages/text-v1-unsigned"), replace(SOURCE, signature_secret=""), SIGNED_AT)


# ── what is read ────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("name", "report"),
    [
        ("text-v1", A_TEXT),
        ("text-v1-unsigned", A_TEXT),
        (
            "text-v01",
            replace(
                A_TEXT,
                text="See you at 8 & bring = signs ÿ 🛑",
                occurred_at=UnixMs(1_577_887_200_000),
                extra={"message_id": UUID},
            ),
        ),
        (
            "stop-v1",
            replace(
                A_TEXT,
                sender="15558937009",
                to="96167",
                text="STOP",
                occurred_at=UnixMs(1_577_887_200_000),
                extra={"message_id": UUID, "keyword": "STOP"},
            ),
        ),
        (
            "image-whatsapp",
            replace(
                A_TEXT,
                text="",
                kind="mms",
                extra={"message_id": UUID, "channel": "whatsapp", "media": "https://media.example.com/1.jpg"},
            ),
        ),
        ("receipt-v01", A_RECEIPT),
        (
            "receipt-v1",
            replace(
                A_RECEIPT,
                identity="dlr:aaaaaaaa-bbbb-cccc-dddd-0123456789ac:rejected",
                fields={
                    **A_RECEIPT.fields,
                    "timestamp": "2020-01-01T15:43:22Z",
                    "status": "rejected",
                    "from": "447700900000",
                    "channel": "sms",
                    "error.type": "https://developer.example.com/errors/1320",
                    "error.title": "1320",
                    "error.detail": "not to be sent",
                },
            ),
        ),
    ],
)
def test_every_shape_of_request_is_read(sample: Sample, name: str, report: Report) -> None:
    assert vonage_messages.decode(sample(f"vonage-messages/{name}")) == (report,)


def test_somebody_who_opens_the_url_is_welcome_and_leaves_nothing(sample: Sample) -> None:
    visit = sample("vonage-messages/visit-get")

    vonage_messages.verify(visit, SOURCE, SIGNED_AT)
    assert vonage_messages.decode(visit) == ()


def test_a_message_without_an_id_is_known_by_what_it_says() -> None:
    first, again, other = (
        the_text(a_post(message_uuid=None, text=text, client_ref=ref)).identity
        for text, ref in (("STOP", "1"), ("STOP", "2"), ("START", "1"))
    )

    assert first == again
    assert first.startswith("digest:")
    assert first != other


def test_a_receipt_without_an_id_is_known_by_recipient_and_time() -> None:
    first, later = (
        vonage_messages.decode(a_post(message_uuid=None, text=None, status="read", timestamp=at))[0].identity
        for at in ("2020-01-01T15:43:22Z", "2020-01-01T15:43:23Z")
    )

    assert first != later


def test_a_text_that_has_a_status_is_a_text() -> None:
    assert the_text(a_post(status="submitted")).text == "STOP"


@pytest.mark.parametrize(
    "tapped",
    [
        {"message_type": "button", "button": {"text": "STOP", "payload": "stop-clicked"}},
        {"message_type": "reply", "reply": {"id": "row1", "title": "STOP", "description": "no more of these"}},
    ],
)
def test_what_a_button_or_a_list_says_is_what_she_said(tapped: dict[str, object]) -> None:
    assert the_text(a_post(text=None, channel="whatsapp", **tapped)).text == "STOP"


@pytest.mark.parametrize(
    "said",
    [
        {"message_type": "image", "channel": "mms", "image": {"url": "https://x.example/1.png", "caption": "STOP"}},
        {"message": {"content": {"type": "image", "image": {"url": "https://x.example/1.png", "caption": "STOP"}}}},
        {"message_type": "text", "sms": {"num_messages": "1", "keyword": "STOP"}},
    ],
)
def test_what_stands_below_a_picture_or_is_left_of_a_text_is_what_she_said(said: dict[str, object]) -> None:
    assert the_text(a_post(text=None, **said)).text == "STOP"


def test_what_else_a_message_says_is_read_beside_its_text() -> None:
    pictured = the_text(a_post(text="look", image={"url": "https://x.example/1.png", "caption": "STOP"}))

    assert (pictured.text, pictured.besides) == ("look", ("STOP",))


@pytest.mark.parametrize(
    "said",
    [{"from": {"type": "messenger", "id": "123456789012345"}}, {"from": "123456789012345", "channel": "messenger"}],
)
def test_a_sender_on_a_channel_without_numbers_is_nobodys_number(said: dict[str, object]) -> None:
    who = recipient(the_text(a_post(**said)).sender)

    assert who == ("messenger:123456789012345", True)


@pytest.mark.parametrize(
    "damage", [{"from": None}, {"to": " ", "text": None}, {"from": {}}, {"to": None, "status": "read", "text": None}]
)
def test_a_message_from_nobody_or_to_nobody_and_empty_is_refused(damage: dict[str, object]) -> None:
    with pytest.raises(Refused):
        vonage_messages.decode(a_post(**damage))


def test_a_stop_is_read_wherever_it_went() -> None:
    assert the_text(a_post(to=" ")).to == ""


def test_what_is_said_in_the_query_is_not_read() -> None:
    """No signature covers it."""
    with pytest.raises(Refused):
        vonage_messages.decode(Inbound(method="GET", query="from=1&to=2&text=STOP", content_type="", body=b""))


def test_only_what_will_do_later_is_asked_for_again() -> None:
    assert vonage_messages.reply(None) == Reply(status=200)
    assert vonage_messages.reply(StoreUnavailable("")) == Reply(status=503, retry_after=5)
    assert vonage_messages.reply(Refused("")) == Reply(status=400)
