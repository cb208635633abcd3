"""Every failure has a documented status, in the envelope of the SMS API, at an HTTP status at which clients raise."""

import json

import pytest
from lxml import etree

from consent.errors import (
    ConsentError,
    Misconfigured,
    Refused,
    StoreUnavailable,
    StoreUnsafe,
    Throttled,
    TooLarge,
    Unauthorised,
    Unverified,
)
from receiver.apis.opt_in import errors
from receiver.apis.opt_in.errors import Rejected, refuse

JSON, XML = "/sc/us/alert/opt-in/query/json", "/sc/us/alert/opt-in/manage/xml/"

TABLE: list[tuple[ConsentError, int, str]] = [
    (Throttled("wait", retry_after=6), 429, "1"),
    (Rejected(errors.MISSING_KEY), 401, "2"),
    (Rejected(errors.MISSING_SECRET), 401, "2"),
    (Rejected(errors.MISSING_MSISDN), 400, "2"),
    (Rejected(errors.INVALID_PAGE), 400, "3"),
    (Rejected(errors.INVALID_PAGE_SIZE), 400, "3"),
    (Refused("no JSON"), 400, "3"),
    (TooLarge("too much"), 413, "3"),
    (Unauthorised("nobody"), 401, "4"),
    (StoreUnavailable("away"), 503, "5"),
    (StoreUnsafe("forgets"), 503, "5"),
    (Misconfigured("redis://user:secret@host"), 500, "5"),
    (Unverified("forged"), 401, "14"),
    (Rejected(errors.SIGNATURE_AND_SECRET), 400, "32"),
    (Rejected(errors.NO_CAMPAIGN), 400, "101"),
    (Rejected(errors.UNKNOWN_CAMPAIGN), 400, "102"),
    (Rejected(errors.INVALID_MSISDN), 400, "103"),
]


@pytest.mark.parametrize(("error", "http", "status"), TABLE)
def test_a_failure_says_the_same_in_json_and_in_xml(error: ConsentError, http: int, status: str) -> None:
    in_json, in_xml = refuse(error, JSON), refuse(error, XML)

    assert (in_json.status, in_json.content_type) == (http, "application/json")
    assert (in_xml.status, in_xml.content_type) == (http, "text/xml; charset=utf-8")
    envelope = json.loads(in_json.body)
    assert envelope["message-count"] == "1"
    assert [message["status"] for message in envelope["messages"]] == [status]
    root = etree.fromstring(in_xml.body)
    assert root.xpath("string(/mt-submission-response/messages[@count='1']/message/status)") == status
    assert root.xpath("string(//errorText)") == envelope["messages"][0]["error-text"]


@pytest.mark.parametrize(("error", "http", "status"), TABLE)
def test_only_what_may_succeed_later_says_when(error: ConsentError, http: int, status: str) -> None:
    assert (refuse(error, JSON).retry_after is not None) == (http in {429, 503})


@pytest.mark.parametrize(("error", "http", "status"), TABLE)
def test_who_is_not_known_is_told_how_to_say_it(error: ConsentError, http: int, status: str) -> None:
    assert [name for name, _ in refuse(error, JSON).headers] == (["WWW-Authenticate"] if http == 401 else [])


def test_a_fault_of_ours_is_not_told_in_detail() -> None:
    for error in (Misconfigured("redis://user:secret@host"), StoreUnavailable("10.0.0.7 is away")):
        assert b'"error-text":"Server Error"' in refuse(error, JSON).body


def test_the_envelopes_of_the_reference_come_out_to_the_byte() -> None:
    missing = Rejected(errors.Problem(2, "Missing from param"))

    assert refuse(missing, JSON).body == (
        b'{"message-count":"1","messages":[{"status":"2","error-text":"Missing from param"}]}'
    )
    assert refuse(missing, XML).body == (
        b"<?xml version='1.0' encoding='UTF-8' ?>\n<mt-submission-response><messages count='1'><message>"
        b"<status>2</status><errorText>Missing from param</errorText></message></messages></mt-submission-response>"
    )
