"""Answers as the reference prints them, to the byte, and read back to what they were."""

import json
from typing import Any

import pytest
from lxml import etree

from consent.model import Msisdn
from receiver.apis.opt_in.bodies import Body, Record, about_one, listing, record, written
from tests.receiver.apis.opt_in_served import at_ms


def a_record(msisdn: str, *, opted_in: str = "", opted_out: str = "") -> Record:
    return record(
        Msisdn(msisdn),
        opted_in_at=at_ms(opted_in) if opted_in else None,
        opted_out_at=at_ms(opted_out) if opted_out else None,
    )


# The first date of the reference has six spaces in its middle; the fixture that a client tests with has one.
EXAMPLES: dict[str, tuple[str, Body, str]] = {
    "query/json": (
        "json",
        listing(
            3,
            [
                a_record("15558937009", opted_out="2014-06-27 18:31:33"),
                a_record("15554908975", opted_out="2014-07-18 16:20:20"),
                a_record("15559912501", opted_in="2014-07-18 15:28:23", opted_out="2014-08-18 23:17:40"),
            ],
        ),
        (
            '{"opt-in-count":"3","opt-in-list":['
            '{"msisdn":"15558937009","opt-in":"false","opt-out":"true","opt-out-date":"2014-06-27 18:31:33"},'
            '{"msisdn":"15554908975","opt-in":"false","opt-out":"true","opt-out-date":"2014-07-18 16:20:20"},'
            '{"msisdn":"15559912501","opt-in":"false","opt-in-date":"2014-07-18 15:28:23","opt-out":"true",'
            '"opt-out-date":"2014-08-18 23:17:40"}]}'
        ),
    ),
    "query/xml": (
        "xml",
        listing(
            3,
            [
                a_record("121326336101", opted_out="2014-07-22 12:41:48"),
                a_record("121326336102", opted_out="2014-07-22 13:00:04"),
                a_record("12132633680", opted_out="2014-07-22 11:02:50"),
            ],
        ),
        (
            '<?xml version="1.0" encoding="UTF-8"?>\n'
            '<opt-in-list opt-in-count="3">'
            '<opt-in msisdn="121326336101" opt-in="false" opt-out="true" opt-out-date="2014-07-22 12:41:48"/>'
            '<opt-in msisdn="121326336102" opt-in="false" opt-out="true" opt-out-date="2014-07-22 13:00:04"/>'
            '<opt-in msisdn="12132633680" opt-in="false" opt-out="true" opt-out-date="2014-07-22 11:02:50"/>'
            "</opt-in-list>"
        ),
    ),
    "manage/json": (
        "json",
        about_one(a_record("15559301529", opted_in="2014-08-21 17:34:47")),
        '{"msisdn":"15559301529","opt-in":"true","opt-in-date":"2014-08-21 17:34:47","opt-out":"false"}',
    ),
    "manage/xml": (
        "xml",
        about_one(a_record("13065897298", opted_in="2015-09-26 04:46:27")),
        '<opt-in msisdn="13065897298" opt-in="true" opt-in-date="2015-09-26 04:46:27" opt-out="false"/>',
    ),
}


def read(form: str, content: bytes) -> dict[str, Any]:
    if form == "json":
        return dict(json.loads(content))
    root = etree.fromstring(content)
    assert not "".join(root.itertext()).strip()
    listed = {"opt-in-list": [dict(one.attrib) for one in root]} if root.tag == "opt-in-list" else {}
    return {**root.attrib, **listed}


@pytest.mark.parametrize("name", EXAMPLES)
def test_an_answer_is_written_as_the_reference_has_it(name: str) -> None:
    form, body, expected = EXAMPLES[name]

    assert written(body, form)[1].decode() == expected


@pytest.mark.parametrize("name", EXAMPLES)
def test_a_printed_answer_reads_as_what_we_would_have_said(name: str) -> None:
    form, body, printed = EXAMPLES[name]

    found = read(form, printed.encode())

    assert found == body.as_object()
    assert list(found) == list(body.as_object())


@pytest.mark.parametrize(("form", "media_type"), [("json", "application/json"), ("xml", "text/xml; charset=utf-8")])
def test_each_form_has_its_media_type(form: str, media_type: str) -> None:
    assert written(listing(0, []), form)[0] == media_type


def test_nobody_on_the_list_is_an_empty_list_in_both_forms() -> None:
    assert written(listing(0, []), "json")[1] == b'{"opt-in-count":"0","opt-in-list":[]}'
    assert read("xml", written(listing(0, []), "xml")[1]) == {"opt-in-count": "0", "opt-in-list": []}


@pytest.mark.parametrize("form", ["json", "xml"])
def test_a_number_that_is_none_is_written_so_that_it_can_be_read_back(form: str) -> None:
    odd = about_one(a_record('Ac"me & <Ü>', opted_out="2014-07-22 12:41:48"))

    assert read(form, written(odd, form)[1])["msisdn"] == 'Ac"me & <Ü>'
