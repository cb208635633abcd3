"""Sinch's requests: is each read, and is each believed that Sinch could have sent, and no other?

The vector is that of its own library: https://github.com/sinch/sinch-sdk-node
(packages/sms/tests/rest/v1/callbacks/callbacks-webhook.test.ts), recorded in samples/sinch/receipt-post-json.http.
"""

import base64
import json
from collections.abc import Callable
from dataclasses import replace

import pytest

from consent.errors import Refused, StoreUnavailable, TooLarge, Unverified
from consent.model import Millis, UnixMs
from receiver.codecs import sinch
from receiver.codecs.codec import Reply
from receiver.inbound import Inbound
from receiver.reports import ReceiptReported, Report, TextReceived
from tests.builders import a_source

Sample = Callable[[str], Inbound]

SOURCE = a_source(provider="sinch", signature_secret="SMSWebhooksSecret", tolerance=Millis(300_000))
SIGNED_AT = UnixMs(1_736_760_161_000)
RECEIVED_AT = UnixMs(1_736_760_160_914)
SIGNATURE = "x-sinch-webhook-signature"

A_TEXT = TextReceived(
    identity="01JHFFHQ0P99JPPNQPJDV7JT01",
    sender="14155552671",
    to="18005550100",
    text="See you at 8 & bring = signs ÿ 🛑",
    occurred_at=RECEIVED_AT,
    extra={"message_id": "01JHFFHQ0P99JPPNQPJDV7JT01"},
)
BATCH = {
    "type": "delivery_report_sms",
    "batch_id": "01JHFFHQ0P99JPPNQPJDV7JTBP",
    "total_message_count": "3",
    "code": "0",
    "count": "2",
    "status": "Delivered",
}


def a_post(**members: object) -> Inbound:
    given = {"type": "mo_text", "id": "m-1", "from": "14155552671", "to": "18005550100", "body": "STOP", **members}
    body = json.dumps({name: value for name, value in given.items() if value is not None}).encode()
    return Inbound(method="POST", query="", content_type="application/json", body=body)


def the_text(inbound: Inbound) -> TextReceived:
    (report,) = sinch.decode(inbound)
    assert isinstance(report, TextReceived)
    return report


def with_header(inbound: Inbound, name: str, value: str) -> Inbound:
    others = tuple(header for header in inbound.headers if header[0] != name)
    return replace(inbound, headers=(*others, (name, value)))


# ── what is believed ────────────────────────────────────────────────────────────────────────────────────────────────


def test_the_published_signature_is_believed_and_only_with_the_right_secret(sample: Sample) -> None:
    published = sample("sinch/receipt-post-json")

    assert published.header(SIGNATURE) == "ZoHei66PPN/kZjw7hFVfGhJOnml3iGNCMWoyQVcE5o0="
    sinch.verify(published, SOURCE, SIGNED_AT)
    with pytest.raises(Unverified, match="does not match"):
        sinch.verify(published, replace(SOURCE, signature_secret="another"), SIGNED_AT)
    with pytest.raises(Unverified, match="does not match"):
        sinch.verify(with_header(published, SIGNATURE, "invalid-signature"), SOURCE, SIGNED_AT)


@pytest.mark.parametrize("name", ["text-post-json", "stop-post-json", "binary-post-json", "receipt-of-a-batch"])
def test_a_signed_request_is_believed_within_the_tolerance_and_not_beyond(sample: Sample, name: str) -> None:
    signed = sample(f"sinch/{name}")

    for off in (-300_000, 0, 300_000):
        sinch.verify(signed, SOURCE, UnixMs(SIGNED_AT + off))
    for off in (-300_001, 300_001):
        with pytest.raises(Unverified, match="clock"):
            sinch.verify(signed, SOURCE, UnixMs(SIGNED_AT + off))


@pytest.mark.parametrize(
    ("name", "value"),
    [
        (f"{SIGNATURE}-nonce", "01JHFFHWYY7HSS4FWTMDTQEK8W"),
        (f"{SIGNATURE}-nonce", "\ud800"),
        (f"{SIGNATURE}-timestamp", "1736760162"),
        (f"{SIGNATURE}-timestamp", ""),
        (f"{SIGNATURE}-timestamp", "²"),
        (f"{SIGNATURE}-timestamp", "9" * 13),
        (f"{SIGNATURE}-algorithm", "none"),
        (SIGNATURE, ""),
        (SIGNATURE, "é\ud800"),
    ],
)
def test_no_header_can_be_exchanged(sample: Sample, name: str, value: str) -> None:
    with pytest.raises(Unverified):
        sinch.verify(with_header(sample("sinch/text-post-json"), name, value), SOURCE, SIGNED_AT)


def test_the_body_cannot_be_exchanged(sample: Sample) -> None:
    signed = sample("sinch/text-post-json")

    with pytest.raises(Unverified):
        sinch.verify(replace(signed, body=signed.body + b" "), SOURCE, SIGNED_AT)


def test_an_unsigned_request_is_believed_only_if_no_secret_is_set(sample: Sample) -> None:
    unsigned = sample("sinch/text-post-json-unsigned")

    sinch.verify(unsigned, replace(SOURCE, signature_secret=""), SIGNED_AT)
    with pytest.raises(Unverified, match=f"no {SIGNATURE}"):
        sinch.verify(unsigned, SOURCE, SIGNED_AT)


# ── what is read ────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("name", "report"),
    [
        ("text-post-json", A_TEXT),
        ("text-post-json-unsigned", A_TEXT),
        (
            "stop-post-json",
            replace(
                A_TEXT,
                sender="+14155552671",
                text="Stop.",
                extra={**A_TEXT.extra, "client_reference": "spring"},
            ),
        ),
        (
            "binary-post-json",
            replace(
                A_TEXT,
                text="",
                kind="binary",
                extra={**A_TEXT.extra, "udh": "0605040B8423F0", "data": "VGhpcyBpcyBiaW5hcnk="},
            ),
        ),
        (
            "media-post-json",
            replace(
                A_TEXT,
                text="look",
                kind="mms",
                besides=("a picture",),
                extra={**A_TEXT.extra, "subject": "a picture", "media": "https://media.example.com/1.png"},
            ),
        ),
    ],
)
def test_every_shape_of_message_is_read(sample: Sample, name: str, report: Report) -> None:
    assert sinch.decode(sample(f"sinch/{name}")) == (report,)


@pytest.mark.parametrize(("body", "text"), [("U1RPUA==", "STOP"), ("AQIDBA==", ""), ("STOP!", "")])
def test_letters_that_were_sent_as_data_are_a_text(body: str, text: str) -> None:
    message = {"type": "mo_binary", "id": "01", "from": "14155552671", "to": "96167", "body": body}

    (report,) = sinch.decode(a_post(**message))

    assert isinstance(report, TextReceived)
    assert (report.kind, report.text, report.extra["data"]) == ("binary", text, body)


def test_letters_of_any_alphabet_that_were_sent_as_data_are_looked_at() -> None:
    body = base64.b64encode("STOP".encode("utf-16-be")).decode()

    (alone,) = sinch.decode(a_post(type="mo_binary", body=body, udh="050003CC0101"))
    (of_an_application,) = sinch.decode(a_post(type="mo_binary", body=body, udh="0605040B8423F0"))

    assert isinstance(alone, TextReceived)
    assert isinstance(of_an_application, TextReceived)
    assert ("STOP" in alone.besides, of_an_application.besides) == (True, ())


def test_a_subject_is_read_beside_the_message_and_needs_no_place_either() -> None:
    (report,) = sinch.decode(a_post(type="mo_media", to=None, body={"subject": "STOP", "media": []}))

    assert isinstance(report, TextReceived)
    assert (report.text, report.besides, report.to) == ("", ("STOP",), "")


def test_a_report_about_one_recipient_is_a_receipt(sample: Sample) -> None:
    (report,) = sinch.decode(sample("sinch/receipt-post-json"))

    assert isinstance(report, ReceiptReported)
    assert (report.recipient, report.occurred_at) == ("33662162466", RECEIVED_AT)
    assert report.fields == {
        "type": "recipient_delivery_report_sms",
        "at": "2025-01-13T09:22:40.914Z",
        "batch_id": "01JHFFHQ0P99JPPNQPJDV7JTBP",
        "client_reference": "a client reference",
        "code": "0",
        "operator_status_at": "2025-01-13T09:22:00Z",
        "status": "Delivered",
    }


def test_a_report_about_a_batch_is_a_receipt_for_each_recipient_it_names(sample: Sample) -> None:
    reports = sinch.decode(sample("sinch/receipt-of-a-batch"))
    aborted = {**BATCH, "code": "402", "count": "1", "status": "Aborted"}

    assert [(report.recipient, report.fields) for report in reports if isinstance(report, ReceiptReported)] == [
        ("+14155552671", BATCH),
        ("14155552672", BATCH),
        ("14155552673", aborted),
    ]
    assert len({report.identity for report in reports}) == 3


def test_a_summary_names_nobody_and_leaves_nothing(sample: Sample) -> None:
    assert sinch.decode(sample("sinch/receipt-summary")) == ()


@pytest.mark.parametrize("kind", ["sms", "mms"])
def test_each_status_of_a_message_is_a_receipt_of_its_own(kind: str) -> None:
    queued, delivered = (
        sinch.decode(a_post(type=f"recipient_delivery_report_{kind}", recipient="1", batch_id="b", status=status))[0]
        for status in ("Queued", "Delivered")
    )

    assert queued.identity != delivered.identity


def test_a_batch_of_more_recipients_than_there_may_be_is_too_large() -> None:
    most = [{"status": "Delivered", "code": 0, "recipients": [str(n) for n in range(1000)]}]

    assert len(sinch.decode(a_post(type="delivery_report_sms", statuses=most))) == 1000
    with pytest.raises(TooLarge):
        sinch.decode(a_post(type="delivery_report_sms", statuses=[*most, {"recipients": ["1000"]}]))


def test_somebody_who_opens_the_url_is_welcome_and_leaves_nothing(sample: Sample) -> None:
    visit = sample("sinch/visit-get")

    sinch.verify(visit, SOURCE, SIGNED_AT)
    assert sinch.decode(visit) == ()


@pytest.mark.parametrize(
    ("times", "occurred_at"),
    [
        ({"received_at": "2025-01-13T09:22:40.914Z", "sent_at": "2025-01-13T09:00:00Z"}, RECEIVED_AT),
        ({"sent_at": "2025-01-13T09:22:40.914Z"}, RECEIVED_AT),
        ({"received_at": "yesterday"}, None),
        ({}, None),
    ],
)
def test_it_happened_when_sinch_received_it(times: dict[str, str], occurred_at: UnixMs | None) -> None:
    assert the_text(a_post(**times)).occurred_at == occurred_at


def test_a_message_without_an_id_is_known_by_what_it_says() -> None:
    first, again, other = (
        the_text(a_post(id=None, body=body, operator_id=operator)).identity
        for body, operator in (("STOP", "1"), ("STOP", "2"), ("START", "1"))
    )

    assert first == again
    assert first.startswith("digest:")
    assert first != other


@pytest.mark.parametrize(
    "damage",
    [
        {"from": None},
        {"to": " ", "body": " "},
        {"type": "mo_unheard_of"},
        {"type": None},
        {"type": "recipient_delivery_report_sms"},
        {"type": "delivery_report_sms", "statuses": ["Delivered"]},
    ],
)
def test_what_sinch_does_not_send_is_refused(damage: dict[str, object]) -> None:
    with pytest.raises(Refused):
        sinch.decode(a_post(**damage))


def test_a_stop_is_read_wherever_it_went() -> None:
    assert the_text(a_post(to=" ")).to == ""


def test_what_is_said_in_the_query_is_not_read() -> None:
    """No signature covers it."""
    with pytest.raises(Refused):
        sinch.decode(Inbound(method="GET", query="type=mo_text&from=1&to=2&body=STOP", content_type="", body=b""))


def test_only_what_will_do_later_is_asked_for_again() -> None:
    assert sinch.reply(None) == Reply(status=200)
    assert sinch.reply(StoreUnavailable("")) == Reply(status=503, retry_after=5)
    assert sinch.reply(Unverified("")) == Reply(status=403)
