"""Bandwidth's requests: is each read that it documents? Who is believed: test_basic.py.

https://dev.bandwidth.com/docs/messaging/webhooks
"""

import json
from collections.abc import Callable
from dataclasses import replace

import pytest

from consent.errors import Refused, TooLarge
from receiver.codecs import bandwidth
from receiver.inbound import Inbound
from receiver.reports import ReceiptReported, Report, TextReceived, Unreadable

Sample = Callable[[str], Inbound]

MESSAGE = "14762070468292kw2fuqty55yp2b2"

A_TEXT = TextReceived(
    identity=MESSAGE,
    sender="+14155552671",
    to="+18005550100",
    text="See you at 8 & bring = signs ÿ 🛑",
    occurred_at=1_763_999_999_120,
    extra={"message_id": MESSAGE},
)


def an_event(
    type_: str = "message-received", *, to: str | None = "+18005550100", **message: object
) -> dict[str, object]:
    given = {"id": "m-1", "direction": "in", "from": "+14155552671", "to": ["+18005550100"], "text": "STOP", **message}
    return {"type": type_, "to": to, "message": {name: value for name, value in given.items() if value is not None}}


def a_post(*events: object) -> Inbound:
    return Inbound(method="POST", query="", content_type="application/json", body=json.dumps(events).encode())


def the_text(inbound: Inbound) -> TextReceived:
    (report,) = bandwidth.decode(inbound)
    assert isinstance(report, TextReceived)
    return report


@pytest.mark.parametrize(
    ("name", "report"),
    [
        ("text-post-json", A_TEXT),
        ("text-post-json-open", A_TEXT),
        ("stop-post-json", replace(A_TEXT, text="Stop")),
        ("suggestion-post-json", replace(A_TEXT, text="Stop")),
        (
            "group-mms-post-json",
            replace(
                A_TEXT,
                to="+18005550101",
                text="",
                kind="mms",
                extra={
                    "message_id": MESSAGE,
                    "media": "https://messaging.bandwidth.com/api/v2/users/1/media/1/0/a.jpeg "
                    "https://messaging.bandwidth.com/api/v2/users/1/media/1/1/b.smil",
                },
            ),
        ),
    ],
)
def test_every_shape_of_message_is_read(sample: Sample, name: str, report: Report) -> None:
    assert bandwidth.decode(sample(f"bandwidth/{name}")) == (report,)


def test_a_status_is_a_receipt_of_who_was_texted(sample: Sample) -> None:
    (delivered,) = bandwidth.decode(sample("bandwidth/receipt-post-json"))
    (failed,) = bandwidth.decode(sample("bandwidth/failed-post-json"))

    assert isinstance(delivered, ReceiptReported)
    assert isinstance(failed, ReceiptReported)
    assert (failed.recipient, failed.occurred_at) == ("+14155552671", 1_763_999_999_574)
    assert failed.fields == {
        "type": "message-failed",
        "time": "2025-11-24T15:59:59.574Z",
        "description": "rejected-unallocated-from-number",
        "errorCode": "4720",
        "message.id": MESSAGE,
        "message.from": "+18005550100",
        "message.applicationId": "93de2206-9669-4e07-948d-329f4b722ee2",
        "message.tag": "spring",
    }
    assert delivered.identity != failed.identity


def test_each_recipient_of_a_group_has_a_status_of_its_own() -> None:
    sent = [an_event("message-delivered", to=f"+1415555267{n}", direction="out") for n in range(3)]

    assert (
        len({report.identity for report in bandwidth.decode(a_post(*sent)) if not isinstance(report, Unreadable)}) == 3
    )


def test_one_event_alone_needs_no_array() -> None:
    alone = replace(a_post(), body=json.dumps(an_event()).encode())

    assert the_text(alone) == the_text(a_post(an_event()))


def test_who_was_texted_is_the_owner_where_the_event_does_not_say() -> None:
    assert the_text(a_post(an_event(to=None, owner="+18005550109"))).to == "+18005550109"
    assert the_text(a_post(an_event(to=None))).to == ""


def test_a_message_without_a_name_is_known_by_what_it_says() -> None:
    first, again, other = (the_text(a_post(an_event(id=None, text=text))) for text in ("STOP", "STOP", "START"))

    assert first.identity == again.identity != other.identity


def test_one_event_that_cannot_be_read_keeps_no_other_from_being() -> None:
    nobody, other = an_event(**{"from": None}), {"type": "location-response"}

    from_nobody, unknown, stop = bandwidth.decode(a_post(nobody, other, an_event()))

    assert from_nobody == Unreadable("the request has no from")
    assert isinstance(unknown, Unreadable)
    assert "of no type that we know" in unknown.reason
    assert isinstance(stop, TextReceived)


def test_an_empty_text_to_nobody_says_nothing() -> None:
    assert bandwidth.decode(a_post(an_event(text="", to=None))) == (Unreadable("the request has no to"),)


@pytest.mark.parametrize("body", [b"", b"[1]", b"[[]]", b'"message-received"', b"null"])
def test_what_is_no_event_is_refused(body: bytes) -> None:
    with pytest.raises(Refused):
        bandwidth.decode(replace(a_post(), body=body))


def test_nothing_at_all_is_nothing() -> None:
    assert bandwidth.decode(a_post()) == ()


def test_more_events_than_ever_come_are_too_many() -> None:
    with pytest.raises(TooLarge):
        bandwidth.decode(a_post(*[{}] * 301))
