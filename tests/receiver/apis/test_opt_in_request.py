"""What is asked, with which credentials, and which campaigns that means."""

import base64
from contextlib import suppress
from dataclasses import replace
from functools import partial
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from consent.directory import Directory
from consent.model import CampaignId, ConsentState, Status, UnixMs
from receiver.apis.gate import Secret, Signature
from receiver.apis.opt_in import errors, reach, request
from receiver.apis.opt_in.errors import Problem, Rejected
from tests.builders import ACME, ALERTS, NOON, a_campaign, an_origin

NEWS = CampaignId("news")
BASIC = "Basic " + base64.b64encode(b"abcd1234:s3cr3t").decode()
DIRECTORY = Directory.of(1, campaigns=[a_campaign(), a_campaign(NEWS)])


def refused(problem: Problem) -> "pytest.RaisesExc[Rejected]":
    return pytest.RaisesExc(Rejected, check=lambda error: error.problem is problem)


def a_state(status: Status, **changed: Any) -> ConsentState:
    origin = an_origin()
    state = ConsentState(
        status=status,
        actor=origin.actor,
        origin=origin,
        decides_at=NOON,
        sequence=1,
        opted_in_at=None,
        opted_out_at=NOON if status is Status.OPTED_OUT else None,
    )
    return replace(state, **changed)


# ── credentials ─────────────────────────────────────────────────────────────────────────────────────────────────────


def test_key_and_secret_are_a_credential_as_parameters_and_by_header() -> None:
    expected = Secret("abcd1234", "s3cr3t")

    assert request.credential({"api_key": "abcd1234", "api_secret": "s3cr3t"}, "") == expected
    assert request.credential({"page": "0"}, BASIC) == expected
    assert request.credential({"api_key": "abcd1234", "api_secret": " "}, BASIC) == expected


def test_parameters_count_before_the_header() -> None:
    assert request.credential({"api_key": "other", "api_secret": "x"}, BASIC) == Secret("other", "x")


def test_a_sig_covers_all_parameters() -> None:
    fields = {"api_key": "abcd1234", "timestamp": "1", "sig": "0" * 32, "api_secret": ""}

    assert request.credential(fields, BASIC) == Signature(fields)


@pytest.mark.parametrize(
    ("fields", "problem"),
    [
        ({}, errors.MISSING_KEY),
        ({"api_secret": "s3cr3t"}, errors.MISSING_KEY),
        ({"sig": "0" * 32}, errors.MISSING_KEY),
        ({"api_key": " "}, errors.MISSING_KEY),
        ({"api_key": "abcd1234"}, errors.MISSING_SECRET),
        ({"api_key": "abcd1234", "api_secret": "s3cr3t", "sig": "0" * 32}, errors.SIGNATURE_AND_SECRET),
    ],
)
def test_what_a_credential_lacks_is_named(fields: dict[str, str], problem: Problem) -> None:
    with refused(problem):
        request.credential(fields, "")


# ── parameters ──────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("fields", [{}, {"page": "", "page-size": " ", "campaign": ""}])
def test_without_a_page_it_is_the_first_hundred_of_all_campaigns(fields: dict[str, str]) -> None:
    assert request.query(fields) == request.Query(page=0, size=100, campaign=None)


def test_a_page_has_a_number_and_a_size() -> None:
    fields = {"page": "2", "page-size": "10000", "campaign": "1116"}

    assert request.query(fields) == request.Query(page=2, size=10_000, campaign=ALERTS)


@pytest.mark.parametrize("value", ["-1", "1.0", "1e2", "two", "٣", "0x1", "1 0", "9999999999", "9" * 5000, "true"])
@pytest.mark.parametrize(("name", "problem"), [("page", errors.INVALID_PAGE), ("page-size", errors.INVALID_PAGE_SIZE)])
def test_a_page_that_is_no_number_is_refused(name: str, problem: Problem, value: str) -> None:
    with refused(problem):
        request.query({name: value})


@pytest.mark.parametrize("size", ["0", "10001"])
def test_a_page_holds_one_to_ten_thousand_numbers(size: str) -> None:
    with refused(errors.INVALID_PAGE_SIZE):
        request.query({"page-size": size})


@pytest.mark.parametrize("fields", [{}, {"msisdn": ""}, {"msisdn": "  "}])
def test_manage_needs_a_number(fields: dict[str, str]) -> None:
    with refused(errors.MISSING_MSISDN):
        request.manage(fields)


def test_a_number_of_nothing_visible_is_no_number() -> None:
    with refused(errors.INVALID_MSISDN):
        request.manage({"msisdn": "\u200b"})


@pytest.mark.parametrize("written", ["15559301529", "+15559301529", " 15559301529", "+1 (555) 930-1529"])
def test_a_number_is_the_same_however_it_is_written(written: str) -> None:
    asked = request.manage({"msisdn": written})

    assert (asked.recipient.msisdn, asked.recipient.is_odd, asked.campaign) == ("15559301529", False, None)


@given(st.dictionaries(st.sampled_from(["api_key", "api_secret", "sig", "page", "page-size", "msisdn"]), st.text()))
def test_any_parameters_are_read_or_refused(given_fields: dict[str, str]) -> None:
    for read in (request.query, request.manage, partial(request.credential, authorization=given_fields.get("sig", ""))):
        with suppress(Rejected):
            read(given_fields)


# ── campaigns ───────────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_call_means_every_campaign_of_the_account_or_the_one_it_names() -> None:
    assert reach.campaigns_meant(DIRECTORY, ACME, None) == (ALERTS, NEWS)
    assert reach.campaigns_meant(DIRECTORY, ACME, NEWS) == (NEWS,)
    with refused(errors.UNKNOWN_CAMPAIGN):
        reach.campaigns_meant(DIRECTORY, ACME, CampaignId("none-of-hers"))


OUT, IN, PENDING = a_state(Status.OPTED_OUT), a_state(Status.OPTED_IN), a_state(Status.PENDING)
OUT_AND_ASKED = a_state(Status.PENDING, opted_out_at=NOON)
LAPSED = a_state(Status.PENDING, pending_until=UnixMs(NOON - 1))


@pytest.mark.parametrize(
    ("states", "reached"),
    [
        ({ALERTS: OUT, NEWS: OUT}, (ALERTS, NEWS)),
        ({ALERTS: OUT, NEWS: IN}, (ALERTS,)),
        ({ALERTS: None, NEWS: OUT}, (NEWS,)),
        ({ALERTS: PENDING, NEWS: OUT}, (NEWS,)),
        ({ALERTS: IN, NEWS: None}, (ALERTS,)),
        ({ALERTS: IN, NEWS: PENDING}, (ALERTS,)),
        ({ALERTS: None, NEWS: PENDING}, (NEWS,)),
        ({ALERTS: OUT_AND_ASKED, NEWS: IN}, (ALERTS,)),
        ({ALERTS: LAPSED, NEWS: PENDING}, (NEWS,)),
        ({ALERTS: LAPSED}, (ALERTS,)),
        ({ALERTS: None}, (ALERTS,)),
    ],
)
def test_a_number_is_opted_in_where_it_is_out_or_else_where_it_is_known(
    states: dict[CampaignId, ConsentState | None], reached: tuple[CampaignId, ...]
) -> None:
    assert reach.to_opt_in(states, NOON, is_odd=False) == reached


def test_a_number_never_seen_is_no_number_of_several_campaigns() -> None:
    with refused(errors.INVALID_MSISDN):
        reach.to_opt_in({ALERTS: None, NEWS: LAPSED}, NOON, is_odd=False)


@pytest.mark.parametrize("state", [None, IN, PENDING])
def test_what_is_no_number_is_only_taken_off_the_list(state: ConsentState | None) -> None:
    assert reach.to_opt_in({ALERTS: replace(OUT, is_odd=True)}, NOON, is_odd=True) == (ALERTS,)
    with refused(errors.INVALID_MSISDN):
        reach.to_opt_in({ALERTS: state}, NOON, is_odd=True)
