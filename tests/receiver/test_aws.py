"""What AWS publishes: is each read, in its envelope and without? Who is believed: test_basic.py.

https://docs.aws.amazon.com/sms-voice/latest/userguide/two-way-sms-payload.html
https://docs.aws.amazon.com/sns/latest/dg/http-subscription-confirmation-json.html
"""

import json
from collections.abc import Callable
from dataclasses import replace
from urllib.parse import parse_qs, urlsplit

import pytest

from config.masking import without_numbers
from consent.errors import Refused
from receiver.codecs import aws
from receiver.inbound import Inbound
from receiver.reports import ReceiptReported, Report, TextReceived

Sample = Callable[[str], Inbound]

MESSAGE = "cae173d2-66b9-564c-8309-21f858e9fb84"

A_TEXT = TextReceived(
    identity=MESSAGE,
    sender="+14155552671",
    to="+18005550100",
    text="See you at 8 & bring = signs ÿ 🛑",
    occurred_at=1_763_999_999_120,
    extra={
        "message_id": MESSAGE,
        "keyword": "KEYWORD_123456789012",
        "in_reply_to": "862a8790-60c0-4430-9b2b-658bdexample",
    },
)
A_MESSAGE = {"originationNumber": "+14155552671", "destinationNumber": "+18005550100", "messageBody": "STOP"}


def a_post(document: object) -> Inbound:
    body = document if isinstance(document, bytes) else json.dumps(document).encode()
    return Inbound(method="POST", query="", content_type="text/plain; charset=UTF-8", body=body)


def published(message: object, **envelope: object) -> Inbound:
    told = {"Type": "Notification", "MessageId": "n-1", "Message": json.dumps(message), **envelope}
    return a_post({name: value for name, value in told.items() if value is not None})


def the_text(inbound: Inbound) -> TextReceived:
    (report,) = aws.decode(inbound)
    assert isinstance(report, TextReceived)
    return report


@pytest.mark.parametrize(
    ("name", "report"),
    [
        ("text-notification", A_TEXT),
        ("text-notification-open", A_TEXT),
        ("stop-notification", replace(A_TEXT, text="Stop")),
        ("stop-raw", replace(A_TEXT, text="Stop", occurred_at=None)),
    ],
)
def test_a_text_is_read_in_its_envelope_and_alone(sample: Sample, name: str, report: Report) -> None:
    assert aws.decode(sample(f"aws/{name}")) == (report,)


def test_a_status_is_a_receipt_of_who_was_texted(sample: Sample) -> None:
    (receipt,) = aws.decode(sample("aws/status-notification"))

    assert isinstance(receipt, ReceiptReported)
    assert (receipt.recipient, receipt.occurred_at) == ("+14155552671", 1_763_999_999_574)
    assert (receipt.fields["eventType"], receipt.fields["messageStatus"]) == ("TEXT_DELIVERED", "DELIVERED")
    assert "destinationPhoneNumber" not in receipt.fields


def test_each_status_of_a_message_is_a_receipt_of_its_own() -> None:
    status = {"destinationPhoneNumber": "+14155552671", "messageId": "m-1"}
    posts = [published({**status, "eventType": kind}) for kind in ("TEXT_QUEUED", "TEXT_SENT", "TEXT_SENT")]
    queued, sent, again = (report.identity for post in posts for report in aws.decode(post))

    assert queued != sent == again


def test_a_text_without_a_name_has_that_of_its_envelope_or_is_known_by_what_it_says() -> None:
    assert the_text(published(A_MESSAGE)).identity == "n-1"
    first, again, other = (the_text(a_post({**A_MESSAGE, "messageBody": text})) for text in ("STOP", "STOP", "GO"))
    assert first.identity == again.identity != other.identity


@pytest.mark.parametrize(
    ("name", "says"),
    [("subscription-confirmation", "until somebody opens, "), ("unsubscribe-confirmation", "any more; if that is a ")],
)
def test_what_to_open_for_a_subscription_is_told_and_not_masked(sample: Sample, name: str, says: str) -> None:
    post = sample(f"aws/{name}")
    address = urlsplit(json.loads(post.body)["SubscribeURL"])

    with pytest.raises(aws.Unconfirmed) as told:
        aws.decode(post)

    said = without_numbers(str(told.value))
    opened = urlsplit(said.rpartition(" ")[2])
    assert said.startswith(f"SNS posts nothing of its topic inbound here {says}")
    assert (opened.hostname, parse_qs(opened.query)) == (address.hostname, parse_qs(address.query))


@pytest.mark.parametrize(
    "address",
    [
        "",
        "https://evil.example.com/?Action=ConfirmSubscription",
        "https://sns.us-east-1.amazonaws.com.evil.example.com/",
        "https://sns.us-east-1.amazonaws.com@evil.example.com/",
        "http://sns.us-east-1.amazonaws.com/?Action=ConfirmSubscription",
        "https://sns.us-east-1.amazonaws.com/ https://evil.example.com/",
        "https://bucket.s3.amazonaws.com/",
    ],
)
def test_nobody_is_told_to_open_what_does_not_lead_to_sns(address: str) -> None:
    with pytest.raises(aws.Unconfirmed) as told:
        aws.decode(a_post({"Type": "SubscriptionConfirmation", "TopicArn": "arn:aws:sns:x", "SubscribeURL": address}))

    assert "does not lead to SNS" in str(told.value)
    assert "evil" not in str(told.value)


def test_a_stop_is_read_wherever_it_went() -> None:
    assert the_text(published({**A_MESSAGE, "destinationNumber": None})).to == ""


@pytest.mark.parametrize(
    "post",
    [
        published("You have chosen to subscribe"),
        published({"eventType": "REGISTRATION_STATUS_UPDATED"}),
        published({"destinationPhoneNumber": "+14255550182"}),
        published({**A_MESSAGE, "originationNumber": ""}),
        published({**A_MESSAGE, "messageBody": "", "destinationNumber": ""}),
        a_post({"Type": "Notification", "Message": "STOP"}),
        a_post({}),
        a_post(b"STOP"),
        a_post(b"[]"),
    ],
)
def test_what_is_neither_is_refused(post: Inbound) -> None:
    with pytest.raises(Refused):
        aws.decode(post)
