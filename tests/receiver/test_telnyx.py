"""Telnyx's requests: is each read, and is each believed that Telnyx could have sent, and no other?

Telnyx publishes no signed request, so those in samples/telnyx are signed by a key of our own, as its libraries verify:
https://developers.telnyx.com/docs/messaging/messages/receiving-webhooks
"""

import json
from collections.abc import Callable
from dataclasses import replace

import pytest

from consent.errors import Refused, StoreUnavailable, TooLarge, Unverified
from consent.model import Millis, UnixMs
from receiver.codecs import telnyx
from receiver.codecs.codec import Reply
from receiver.inbound import Inbound
from receiver.reports import Hint, ReceiptReported, Report, TextReceived
from tests.builders import a_source

Sample = Callable[[str], Inbound]

PUBLIC_KEY = "A6EHv/POEL4dcN0Y50vAmWfk1jCbpQ1fHdyGZBJVMbg="
SOURCE = a_source(provider="telnyx", signature_secret=PUBLIC_KEY, tolerance=Millis(300_000))
SIGNED_AT = UnixMs(1_764_000_000_000)
RECEIVED_AT = UnixMs(1_763_999_999_120)
SIGNATURE, TIMESTAMP = "telnyx-signature-ed25519", "telnyx-timestamp"
MESSAGE = "7ee4241c-f127-47e5-9c34-3aac291f8058"

A_TEXT = TextReceived(
    identity=MESSAGE,
    sender="+14155552671",
    to="+18005550100",
    text="See you at 8 & bring = signs ÿ 🛑",
    occurred_at=RECEIVED_AT,
    extra={"message_id": MESSAGE},
)


def a_post(event_type: str = "message.received", **payload: object) -> Inbound:
    given = {
        "id": "m-1",
        "from": {"phone_number": "+14155552671"},
        "to": [{"phone_number": "+18005550100"}],
        "text": "STOP",
        **payload,
    }
    kept = {name: value for name, value in given.items() if value is not None}
    body = json.dumps({"data": {"event_type": event_type, "payload": kept}}).encode()
    return Inbound(method="POST", query="", content_type="application/json", body=body)


def the_text(inbound: Inbound) -> TextReceived:
    (report,) = telnyx.decode(inbound)
    assert isinstance(report, TextReceived)
    return report


def with_header(inbound: Inbound, name: str, value: str) -> Inbound:
    others = tuple(header for header in inbound.headers if header[0] != name)
    return replace(inbound, headers=(*others, (name, value)))


# ── what is believed ────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("name", ["text-post-json", "stop-post-json", "mms-post-json", "receipt-post-json"])
def test_a_signed_request_is_believed_within_the_tolerance_and_not_beyond(sample: Sample, name: str) -> None:
    signed = sample(f"telnyx/{name}")

    for off in (-300_000, 0, 300_000):
        telnyx.verify(signed, SOURCE, UnixMs(SIGNED_AT + off))
    for off in (-300_001, 300_001):
        with pytest.raises(Unverified, match="clock"):
            telnyx.verify(signed, SOURCE, UnixMs(SIGNED_AT + off))


@pytest.mark.parametrize(
    ("name", "value"),
    [
        (TIMESTAMP, "1764000001"),
        (TIMESTAMP, ""),
        (TIMESTAMP, "²"),
        (SIGNATURE, ""),
        (SIGNATURE, "é\ud800"),
        (SIGNATURE, "AAAA"),
        (SIGNATURE, "A" * 86 + "=="),
    ],
)
def test_no_header_can_be_exchanged(sample: Sample, name: str, value: str) -> None:
    with pytest.raises(Unverified):
        telnyx.verify(with_header(sample("telnyx/text-post-json"), name, value), SOURCE, SIGNED_AT)


def test_the_body_cannot_be_exchanged(sample: Sample) -> None:
    signed = sample("telnyx/text-post-json")

    with pytest.raises(Unverified, match="must be the public key of the account"):
        telnyx.verify(replace(signed, body=signed.body + b" "), SOURCE, SIGNED_AT)


@pytest.mark.parametrize("key", ["KEY0123456789", "é", "AAAA", PUBLIC_KEY[:-4]])
def test_what_is_no_public_key_believes_nothing_and_says_what_one_is(sample: Sample, key: str) -> None:
    with pytest.raises(Unverified, match="32 bytes in base64"):
        telnyx.verify(sample("telnyx/text-post-json"), replace(SOURCE, signature_secret=key), SIGNED_AT)


def test_an_unsigned_request_is_believed_only_if_no_key_is_set(sample: Sample) -> None:
    unsigned = sample("telnyx/text-post-json-unsigned")

    telnyx.verify(unsigned, replace(SOURCE, signature_secret=""), SIGNED_AT)
    with pytest.raises(Unverified, match=f"no {SIGNATURE}"):
        telnyx.verify(unsigned, SOURCE, SIGNED_AT)


# ── what is read ────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("name", "report"),
    [
        ("text-post-json", A_TEXT),
        (
            "stop-post-json",
            replace(A_TEXT, text="Stop", hint=Hint.OPT_OUT, extra={"message_id": MESSAGE, "opt_out_type": "STOP"}),
        ),
        (
            "mms-post-json",
            replace(
                A_TEXT,
                text="",
                kind="mms",
                besides=("A picture",),
                extra={
                    "message_id": MESSAGE,
                    "subject": "A picture",
                    "media": "https://media.example.com/1.png https://media.example.com/2.png",
                },
            ),
        ),
    ],
)
def test_every_shape_of_message_is_read(sample: Sample, name: str, report: Report) -> None:
    assert telnyx.decode(sample(f"telnyx/{name}")) == (report,)


def test_a_status_is_a_receipt_of_who_was_texted(sample: Sample) -> None:
    (receipt,) = telnyx.decode(sample("telnyx/receipt-post-json"))

    assert isinstance(receipt, ReceiptReported)
    assert receipt.recipient == "+14155552671"
    assert receipt.occurred_at == 1_763_999_999_574
    assert (receipt.fields["status"], receipt.fields["event_type"]) == ("delivered", "message.finalized")
    assert "phone_number" not in receipt.fields


def test_a_message_to_a_group_is_one_to_each_number_of_ours() -> None:
    ours, others = {"status": "webhook_delivered"}, {"status": "delivered"}
    group = [
        {"phone_number": "+14155552672", **others},
        {"phone_number": "+18005550100", **ours},
        {"phone_number": "+18005550101", **ours},
    ]

    assert [report.to for report in telnyx.decode(a_post(to=group)) if isinstance(report, TextReceived)] == [
        "+18005550100",
        "+18005550101",
    ]
    unsaid = [{"phone_number": each["phone_number"]} for each in group]
    assert len(telnyx.decode(a_post(to=unsaid))) == 3


def test_each_recipient_and_each_status_is_a_receipt_of_its_own() -> None:
    group = [{"phone_number": "+14155552671", "status": "sent"}, {"phone_number": "+14155552672", "status": "sent"}]
    sent, later = (telnyx.decode(a_post(type_, to=group)) for type_ in ("message.sent", "message.finalized"))

    assert [receipt.recipient for receipt in sent if isinstance(receipt, ReceiptReported)] == [
        "+14155552671",
        "+14155552672",
    ]
    assert len({receipt.identity for receipt in (*sent, *later)}) == 4


def test_somebody_who_opens_the_url_is_welcome_and_leaves_nothing(sample: Sample) -> None:
    visit = sample("telnyx/visit-get")

    telnyx.verify(visit, SOURCE, SIGNED_AT)
    assert telnyx.decode(visit) == ()


@pytest.mark.parametrize(
    ("written", "hint"),
    [("STOP", Hint.OPT_OUT), (" stop ", Hint.OPT_OUT), ("START", Hint.OPT_IN), ("HELP", Hint.NONE), ("", Hint.NONE)],
)
def test_what_telnyx_answered_itself_is_a_hint(written: str, hint: Hint) -> None:
    assert the_text(a_post(autoresponse_type=written)).hint is hint


def test_a_message_without_a_name_is_known_by_what_it_says() -> None:
    first, again, other = (the_text(a_post(id=None, text=text)) for text in ("STOP", "STOP", "START"))

    assert first.identity == again.identity != other.identity


def test_a_sender_may_be_written_as_the_number_itself() -> None:
    assert the_text(a_post(**{"from": "+14155552671"})).sender == "+14155552671"


def test_a_stop_is_read_wherever_it_went() -> None:
    assert the_text(a_post(to=[])).to == ""


@pytest.mark.parametrize("damage", [{"from": None}, {"from": {}}, {"to": None, "text": ""}])
def test_a_text_from_nobody_or_to_nobody_and_empty_is_refused(damage: dict[str, object]) -> None:
    with pytest.raises(Refused, match="the request has no"):
        telnyx.decode(a_post(**damage))


@pytest.mark.parametrize("body", [b"[]", b"{}", b'{"data":1}', b'{"data":{"event_type":"call.initiated"}}'])
def test_what_is_no_message_is_refused(body: bytes) -> None:
    with pytest.raises(Refused):
        telnyx.decode(replace(a_post(), body=body))


def test_more_recipients_than_any_group_has_are_too_many() -> None:
    crowd = [{"phone_number": f"+1415555{n:04}"} for n in range(101)]

    with pytest.raises(TooLarge):
        telnyx.decode(a_post("message.sent", to=crowd))
    with pytest.raises(TooLarge):
        telnyx.decode(a_post(to=crowd))


def test_it_is_sent_again_what_could_not_be_kept() -> None:
    assert telnyx.reply(None) == Reply(status=200)
    assert telnyx.reply(StoreUnavailable("away")).status == 503
