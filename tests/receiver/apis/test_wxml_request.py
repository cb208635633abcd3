"""Five forms, one request: how each is read, and what happens to bytes that are none of them."""

import time
from contextlib import suppress
from typing import Any
from urllib.parse import urlencode

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from consent.errors import Refused
from receiver.apis.wxml.errors import INVALID_REQUEST, Rejected
from receiver.apis.wxml.request import LONGEST, MOST_DATA, Request, check_action, check_parameters, read
from receiver.inbound import Inbound

FORM = "application/x-www-form-urlencoded"


def a_post(body: str | bytes, *, content_type: str = FORM, query: str = "") -> Inbound:
    content = body.encode() if isinstance(body, str) else body
    return Inbound(method="POST", query=query, content_type=content_type, body=content)


def a_get(**said: str) -> Inbound:
    return Inbound(method="GET", query=urlencode(said), content_type="", body=b"")


def of_xml(inside: str) -> Request:
    return read(a_post(f"<REQUEST>{inside}</REQUEST>"))


def test_the_documented_form_of_a_subscribe_has_a_place_for_everything() -> None:
    request = of_xml("""
    <ACTION>subscribe</ACTION>
    <API_KEY>apiKey</API_KEY>
    <CAMPAIGNID>Campaign ID</CAMPAIGNID>
    <MOBILE>Number to subscribe</MOBILE>
    <DATA>
        <FIRST_NAME>First Name</FIRST_NAME>
        <LAST_NAME>Last Name</LAST_NAME>
        <GENDER>Gender</GENDER>
        ...
    </DATA>
    <NOTIFY>yes</NOTIFY>
    <SPID>the carrier ID</SPID>
    <CTA>yes</CTA>
        <TIMEZONE>EST</TIMEZONE>
    """)

    assert request == Request(
        action="subscribe",
        api_key="apiKey",
        campaign="Campaign ID",
        mobile="Number to subscribe",
        data={"FIRST_NAME": "First Name", "LAST_NAME": "Last Name", "GENDER": "Gender"},
        notify=True,
        spid="the carrier ID",
        asks_first=True,
        timezone="EST",
    )


def test_the_documented_form_of_an_unsubscribe_has_no_more_than_that() -> None:
    request = of_xml(
        "<ACTION>unsubscribe</ACTION><API_KEY>apiKey</API_KEY><CAMPAIGNID>Campaign ID</CAMPAIGNID>"
        "<MOBILE>Number to unsubscribe</MOBILE><NOTIFY>no</NOTIFY>"
    )

    assert request == Request(
        action="unsubscribe", api_key="apiKey", campaign="Campaign ID", mobile="Number to unsubscribe"
    )


def test_what_was_put_together_by_hand_with_a_bare_ampersand_is_read_as_it_is_meant() -> None:
    """An unsubscribe that is refused for a name beside it is one that is lost."""
    request = of_xml(
        "<ACTION>unsubscribe</ACTION><API_KEY>k</API_KEY><CAMPAIGNID>1116</CAMPAIGNID>"
        "<MOBILE>16502426055</MOBILE><DATA><LAST_NAME>Ann & Bob</LAST_NAME></DATA>"
    )

    assert (request.action, request.mobile, request.data) == ("unsubscribe", "16502426055", {"LAST_NAME": "Ann & Bob"})


@pytest.mark.parametrize("again", ["mobile=16502426056", "MOBILE=16502426056", "Mobile=16502426056&mobile=16502426055"])
def test_two_numbers_in_fields_are_no_request_for_one_of_them(again: str) -> None:
    form = f"action=unsubscribe&api_key=k&campaignid=1116&mobile=16502426055&{again}"
    multipart = "".join(
        f'--b\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value}\r\n'
        for name, _, value in (field.partition("=") for field in form.split("&"))
    )
    asked = [
        a_post(form),
        a_post("", query=form),
        a_post(f"{multipart}--b--\r\n", content_type="multipart/form-data; boundary=b"),
    ]

    for inbound in asked:
        with pytest.raises(Rejected) as rejected:
            read(inbound)
        assert rejected.value.args == Rejected(INVALID_REQUEST).args


def test_the_same_said_twice_is_said_once() -> None:
    assert read(a_post("action=unsubscribe&mobile=1&MOBILE=1")) == Request(action="unsubscribe", mobile="1")


@pytest.mark.parametrize(
    "inside",
    [
        "<CTA>yes</CTA><TIMEZONE>EST</TIMEZONE>",
        "<TIMEZONE>EST</TIMEZONE><CTA>yes</CTA>",
        "<CTA><TIMEZONE>EST</TIMEZONE></CTA>",
        "<CTA>yes<TIMEZONE>EST</TIMEZONE></CTA>",
        "<CTA>\n<TIMEZONE>EST</TIMEZONE>\nYES\n</CTA>",
        "<cta>Yes</cta><TZ>EST</TZ>",
    ],
)
def test_a_timezone_stands_inside_cta_or_beside_it(inside: str) -> None:
    request = of_xml(inside)

    assert (request.asks_first, request.timezone) == (True, "EST")


@pytest.mark.parametrize(
    ("cta", "asks_first"),
    [("yes", True), ("no", False), ("", False), ("0", False), ("TRUE", True), ("'yes/no'", True), ("maybe", True)],
)
def test_whatever_is_not_a_no_asks_her_first(cta: str, asks_first: bool) -> None:
    assert of_xml(f"<CTA>{cta}</CTA>").asks_first is asks_first
    assert read(a_get(cta=cta)).asks_first is asks_first


def test_a_cta_of_no_stays_one_whatever_stands_inside() -> None:
    assert not of_xml("<CTA>no<TIMEZONE>EST</TIMEZONE></CTA>").asks_first


@pytest.mark.parametrize(("notify", "notifies"), [("yes", True), ("1", True), ("no", False), ("", False), ("?", False)])
def test_only_a_yes_asks_for_a_confirmation(notify: str, notifies: bool) -> None:
    assert read(a_get(notify=notify)).notify is notifies


def test_neither_case_nor_order_matters() -> None:
    request = of_xml("<mobile>1</mobile><Data><First_Name>Jo</First_Name></Data><Action>SubScribe</Action>")

    assert (request.action, request.mobile, request.data) == ("subscribe", "1", {"FIRST_NAME": "Jo"})
    assert read(a_get(ACTION="SUBSCRIBE", Mobile="1", DATA_first_name="Jo")) == request


@pytest.mark.parametrize("field", ["xml", "XML", "Xml"])
def test_the_form_field_is_called_xml_in_any_case(field: str) -> None:
    document = '<?xml version="1.0" encoding="ISO-8859-1"?><REQUEST><MOBILE>1</MOBILE></REQUEST>'

    assert read(a_post(urlencode({field: document}))).mobile == "1"
    part = f'--b\r\nContent-Disposition: form-data; name="{field}"\r\n\r\n{document}\r\n--b--\r\n'
    assert read(a_post(part, content_type="multipart/form-data; boundary=b")).mobile == "1"


@pytest.mark.parametrize("content_type", ["", FORM, "text/xml", "application/octet-stream", "application/json"])
@pytest.mark.parametrize("before", ["", "\ufeff", " \r\n", '<?xml version="1.0"?>'])
def test_raw_xml_is_found_under_any_content_type(content_type: str, before: str) -> None:
    document = f"{before}<REQUEST><MOBILE>1</MOBILE></REQUEST>"

    assert read(a_post(document, content_type=content_type)).mobile == "1"


@pytest.mark.parametrize("body", ["", "\r\n"])
def test_a_post_without_a_body_says_it_in_its_query(body: str) -> None:
    assert read(a_post(body, query="mobile=1")).mobile == "1"


def test_the_variables_themselves_may_be_posted() -> None:
    assert read(a_post("action=subscribe&mobile=%2B1&data_pet=Dog")).data == {"PET": "Dog"}


def test_a_plus_in_a_query_is_a_space() -> None:
    assert read(Inbound(method="GET", query="data_name=A+B&mobile=1+2", content_type="", body=b"")).data == {
        "NAME": "A B"
    }


def test_a_carrier_id_keeps_its_zeros() -> None:
    assert of_xml("<SPID>0001470</SPID>").spid == "0001470"


def test_an_encoding_is_the_one_declared() -> None:
    document = '<?xml version="1.0" encoding="ISO-8859-1"?><REQUEST><DATA><N>é</N></DATA></REQUEST>'

    assert read(a_post(document.encode("latin-1"), content_type="text/xml")).data == {"N": "é"}


def test_comments_and_sections_do_not_cut_a_value() -> None:
    assert of_xml("<MOBILE>165<!-- x -->02<![CDATA[42]]>6055</MOBILE>").mobile == "16502426055"


def test_data_is_kept_up_to_a_bound_and_says_when_it_was_cut() -> None:
    many = of_xml("<DATA>" + "".join(f"<F{n}>x</F{n}>" for n in range(MOST_DATA + 1)) + "</DATA>")
    long = read(a_get(data_name="x" * (LONGEST + 1)))
    short = read(a_get(data_name="x" * LONGEST))

    assert (len(many.data), many.is_data_cut) == (MOST_DATA, True)
    assert (long.data, long.is_data_cut) == ({"NAME": "x" * LONGEST}, True)
    assert not short.is_data_cut


def test_the_later_name_of_a_campaign_is_taken_and_remembered() -> None:
    assert of_xml("<CAMPAIGNREF>7</CAMPAIGNREF>").campaign_name == "CAMPAIGNREF"
    both = of_xml("<CAMPAIGNREF>7</CAMPAIGNREF><CAMPAIGNID>7</CAMPAIGNID>")
    assert (both.campaign, both.campaign_name) == ("7", "CAMPAIGNID")


@pytest.mark.parametrize(
    "inside",
    [
        "<CAMPAIGNREF>7</CAMPAIGNREF><CAMPAIGNID>8</CAMPAIGNID>",
        "<MOBILE>1</MOBILE><MOBILE>2</MOBILE>",
        "<ACTION>subscribe</ACTION><action>unsubscribe</action>",
        "<TIMEZONE>EST</TIMEZONE><CTA><TIMEZONE>PST</TIMEZONE></CTA>",
    ],
)
def test_two_answers_to_one_question_are_no_request(inside: str) -> None:
    with pytest.raises(Rejected) as caught:
        of_xml(inside)

    assert caught.value.failure == INVALID_REQUEST


def test_a_key_is_not_shown() -> None:
    assert "s3cr3t" not in repr(read(a_get(api_key="s3cr3t")))


@pytest.mark.parametrize(
    ("said", "code"),
    [
        ({}, "E101"),
        ({"action": "subscribe"}, "E102"),
        ({"action": "resubscribe", "api_key": "k"}, "E101"),
        ({"action": "sendsms", "api_key": "k"}, "E107"),
        ({"action": "unsubscribe", "api_key": "k"}, "E901"),
        ({"action": "unsubscribe", "api_key": "k", "mobile": "1"}, "E902"),
    ],
)
def test_the_checks_come_in_the_documented_order(said: dict[str, str], code: str) -> None:
    with pytest.raises(Rejected, match=code):
        _check(Request(**said))

    _check(Request(action="SUBSCRIBE".lower(), api_key="k", mobile="1", campaign="1"))


def _check(request: Request) -> None:
    check_action(request)
    check_parameters(request)


requests: st.SearchStrategy[Inbound] = st.builds(
    Inbound,
    method=st.sampled_from(["GET", "POST", "POST", "HEAD"]),
    query=st.sampled_from(["", "action=subscribe&mobile=1", "data_=1&data_%ff=%00", "%"]),
    content_type=st.sampled_from(["", FORM, "application/json", "multipart/form-data; boundary=edge", "text/xml"]),
    body=st.builds(
        lambda opening, middle, closing: opening + middle + closing,
        st.sampled_from(
            [b"", b"<", b"<REQUEST><MOBILE>", b"<REQUEST><DATA><", b"xml=%3CREQUEST%3E", b"{", b"<?xml version='1.0' "]
        ),
        st.binary(max_size=60),
        st.sampled_from([b"", b"</MOBILE></REQUEST>", b"></DATA></REQUEST>", b"\r\n--edge--"]),
    ),
)


@settings(max_examples=300)
@given(requests)
def test_any_bytes_are_a_request_or_refused_and_quickly(inbound: Inbound) -> None:
    began = time.process_time()
    request: Any = None
    with suppress(Refused):
        request = read(inbound)

    assert request is None or str(request).encode()
    assert time.process_time() - began < 1
