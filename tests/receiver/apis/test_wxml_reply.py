"""Every failure has its documented code, and no answer claims to be XML."""

import pytest

from consent.errors import (
    ConsentError,
    Misconfigured,
    Refused,
    StoreUnavailable,
    StoreUnsafe,
    Throttled,
    TooLarge,
    Unauthorised,
)
from receiver.apis.wxml.errors import MOBILE_MISSING, Rejected, not_xml
from receiver.apis.wxml.reply import failed, refuse, success
from receiver.apis.wxml.request import LONGEST, Request


@pytest.mark.parametrize(
    ("error", "code", "status", "retry_after"),
    [
        (Rejected(MOBILE_MISSING), "E901", 200, None),
        (Refused("the body did not arrive whole"), "E100", 200, None),
        (TooLarge("10 MB"), "E100", 200, None),
        (Unauthorised("no account"), "E104", 200, None),
        (Throttled("wait", retry_after=7), "E106", 200, 7),
        (StoreUnavailable("away"), "E503", 503, 5),
        (StoreUnsafe("would lose it"), "E503", 503, 5),
        (Misconfigured("store.partitions"), "E503", 500, None),
    ],
)
def test_every_failure_has_a_code_and_says_nothing_of_ours(
    error: ConsentError, code: str, status: int, retry_after: int | None
) -> None:
    reply = refuse(error, "/API/wxml/1.3/")

    assert (reply.status, reply.retry_after) == (status, retry_after)
    assert reply.body.startswith(f"<RESPONSE><STATUS>Failure</STATUS><ERRORCODE>{code}</ERRORCODE>".encode())
    assert "xml" not in reply.content_type
    assert b"would lose it" not in reply.body


def test_what_is_sent_back_is_bounded() -> None:
    reply = success(Request(mobile="1" * 5000, campaign="1"))

    assert len(reply.body) < LONGEST + 200


def test_the_text_of_a_parse_error_is_escaped_and_not_logged() -> None:
    rejected = Rejected(not_xml("<b> is not closed"))

    assert b"&lt;b&gt; is not closed." in failed(rejected.failure).body
    assert str(rejected) == "E108"
