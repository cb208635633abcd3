"""Infobip's requests: is each read that it documents? Who is believed: test_basic.py.

https://www.infobip.com/docs/api/channels/sms/inbound-sms/receive-inbound-sms-messages
"""

import json
from collections.abc import Callable
from dataclasses import replace

import pytest

from consent.errors import Refused, TooLarge
from receiver.codecs import infobip
from receiver.inbound import Inbound
from receiver.reports import ReceiptReported, Report, TextReceived, Unreadable

Sample = Callable[[str], Inbound]

MESSAGE = "817790313235066447"

A_TEXT = TextReceived(
    identity=MESSAGE,
    sender="14155552671",
    to="18005550100",
    text="See you at 8 & bring = signs ÿ 🛑",
    occurred_at=1_763_999_999_120,
    extra={"message_id": MESSAGE, "keyword": "SEE", "callback_data": "spring"},
)


def a_result(**given: object) -> dict[str, object]:
    said = {"messageId": "m-1", "from": "14155552671", "to": "18005550100", "text": "STOP", **given}
    return {name: value for name, value in said.items() if value is not None}


def a_post(*results: object) -> Inbound:
    body = json.dumps({"results": results}).encode()
    return Inbound(method="POST", query="", content_type="application/json", body=body)


def the_text(inbound: Inbound) -> TextReceived:
    (report,) = infobip.decode(inbound)
    assert isinstance(report, TextReceived)
    return report


@pytest.mark.parametrize(
    ("name", "report"),
    [
        ("text-post-json", A_TEXT),
        ("text-post-json-open", A_TEXT),
        ("stop-post-json", replace(A_TEXT, text="Stop", extra={**A_TEXT.extra, "keyword": "STOP"})),
        (
            "mms-post-json",
            replace(A_TEXT, text="Stop", kind="mms", extra={"message_id": MESSAGE, "callback_data": "spring"}),
        ),
    ],
)
def test_every_shape_of_message_is_read(sample: Sample, name: str, report: Report) -> None:
    assert infobip.decode(sample(f"infobip/{name}")) == (report,)


@pytest.mark.parametrize(
    ("given", "text"),
    [
        ({"text": None, "keyword": "STOP", "cleanText": ""}, "STOP"),
        ({"text": None, "keyword": "STOP", "cleanText": "texting me"}, "STOP texting me"),
        ({"text": "", "keyword": None, "cleanText": "Stop"}, "Stop"),
    ],
)
def test_a_stop_is_read_though_only_its_keyword_is_told(given: dict[str, str], text: str) -> None:
    assert the_text(a_post(a_result(**given))).text == text


def test_each_delivery_report_is_a_receipt_of_who_was_texted(sample: Sample) -> None:
    one, other = infobip.decode(sample("infobip/receipts-post-json"))

    assert isinstance(one, ReceiptReported)
    assert isinstance(other, ReceiptReported)
    assert (one.recipient, other.recipient, one.occurred_at) == ("14155552671", "14155552672", 1_763_999_999_574)
    assert (one.fields["status.name"], one.fields["error.name"]) == ("DELIVERED_TO_HANDSET", "NO_ERROR")
    assert "to" not in one.fields
    assert one.identity != other.identity


def test_each_status_of_a_message_is_a_receipt_of_its_own() -> None:
    statuses = ({"id": 7, "name": "PENDING_ENROUTE"}, {"id": 5, "name": "DELIVERED_TO_HANDSET"})
    reports = infobip.decode(a_post(*(a_result(status=status) for status in statuses)))

    assert len({report.identity for report in reports if isinstance(report, ReceiptReported)}) == 2


def test_a_message_without_a_name_is_known_by_what_it_says() -> None:
    first, again, other = (the_text(a_post(a_result(messageId=None, text=text))) for text in ("STOP", "STOP", "GO"))

    assert first.identity == again.identity != other.identity


def test_one_result_that_cannot_be_read_keeps_no_other_from_being() -> None:
    nobody, nothing, stop = infobip.decode(a_post(a_result(**{"from": None}), 1, a_result(to=None)))

    assert nobody == nothing == Unreadable("the request has no from")
    assert isinstance(stop, TextReceived)
    assert stop.to == ""


@pytest.mark.parametrize("body", [b"", b"[]", b"{}", b'{"results":[]}', b'{"results":"STOP"}'])
def test_what_has_no_results_is_refused(body: bytes) -> None:
    with pytest.raises(Refused):
        infobip.decode(replace(a_post(), body=body))


def test_more_results_than_ever_come_are_too_many() -> None:
    with pytest.raises(TooLarge):
        infobip.decode(a_post(*[1] * 1001))
