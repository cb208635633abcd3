"""Are all shapes of a postback read, and is the documented one written to the byte?"""

import re
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from consent.errors import Refused, TooLarge
from consent.model import UnixMs
from consent.postback import MAX_NOTIFICATIONS, Other, Postback, Unreadable, decode, encode, telling

SAMPLES = Path(__file__).parent / "samples"
AT_NINE = UnixMs(1293926952000)
"""2011-01-01T20:09:12-04:00"""

IN = Postback(
    code="N301",
    msisdn="16502426055",
    campaign="1116",
    timestamp=AT_NINE,
    short_code="123456",
    title="My Campaign Name",
    brand="My Brand Name",
    source="API",
)
OUT = replace(IN, code="N302", msisdn="16502424956")
BARE = Postback(code="N302", msisdn="16502426055", campaign="1116", timestamp=None)

TEXTS = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\ufffe\uffff")).map(
    lambda text: "".join(c for c in text if c >= " " or c in "\t\n\r").strip()
)
POSTBACKS = st.builds(
    Postback,
    code=st.sampled_from(["N301", "N302"]),
    msisdn=TEXTS.filter(bool),
    campaign=TEXTS.filter(bool),
    timestamp=st.none() | st.integers(946_684_800, 253_402_300_799).map(lambda second: UnixMs(second * 1000)),
    short_code=TEXTS,
    title=TEXTS,
    brand=TEXTS,
    source=TEXTS,
)
PIECES = (
    *("<POSTBACK>", "</POSTBACK>", "<NOTIFICATION>", "</NOTIFICATION>", "<BODY>", "</BODY>", "<X-Y/>", "text"),
    *("<ORIGIN>SUB</ORIGIN>", "<CODE>N301</CODE>", "<CODE/>", "<MOBILE>1</MOBILE>", "<CAMPAIGNID>2</CAMPAIGNID>"),
    *("<TIMESTAMP>2014</TIMESTAMP>", "<SUBID>3</SUBID>"),
)
INSIDE = st.lists(st.sampled_from(PIECES)).map("".join)
MARKUP = INSIDE | INSIDE.map(lambda inside: f"<POSTBACK>{inside}</POSTBACK>")


def sample(name: str) -> bytes:
    return (SAMPLES / f"{name}.xml").read_bytes()


def flat(**fields: str) -> bytes:
    elements = {"ORIGIN": "SUB", "CODE": "N302", "MOBILE": "16502426055", "CAMPAIGNID": "1116"} | fields
    return f"<POSTBACK>{''.join(f'<{name}>{text}</{name}>' for name, text in elements.items())}</POSTBACK>".encode()


@pytest.mark.parametrize(
    ("name", "postback"),
    [
        ("a_notification", replace(BARE, code="N301", timestamp=UnixMs(1293926952975), notification_id="325")),
        ("a_notification_subid", replace(BARE, timestamp=UnixMs(1293926953500), notification_id="326/N302-656655")),
        ("c_schema", replace(BARE, code="N301", notification_id="N301-656655")),
        ("c_flat_notification", BARE),
        ("d_flat", BARE),
        ("e_n301", IN),
        ("e_n302", OUT),
        ("f_campaignref", replace(OUT, campaign="spring-sale", source="IMPORTED AS UNSUBSCRIBED")),
    ],
)
def test_each_documented_shape_is_read(name: str, postback: Postback) -> None:
    assert decode(sample(name)) == (postback,)


@pytest.mark.parametrize("origin", ["SMS_MO", "MMS_MO", "EMAIL_SUB", "something new"])
def test_a_number_in_or_out_of_a_campaign_is_so_wherever_it_says_that_it_comes_from(origin: str) -> None:
    assert decode(flat(ORIGIN=origin)) == (BARE,)


def test_an_instant_behind_the_last_year_is_written_as_its_end() -> None:
    assert b"<TIMESTAMP>9999-12-31T23:59:59+00:00<" in encode(replace(IN, timestamp=UnixMs(253_402_351_199_000)))


def test_a_batch_is_read_in_its_order() -> None:
    first, text, last = decode(sample("b_batch"))

    assert first == replace(BARE, code="N301", timestamp=UnixMs(1293926952975), notification_id="325")
    assert isinstance(text, Other)
    assert (text.code, text.fields["KEYWORD"], text.fields["ID"]) == ("N211", "STOP", "326")
    assert last == replace(BARE, msisdn="16502424956", timestamp=UnixMs(1293926955001), notification_id="327")


@pytest.mark.parametrize(("name", "postback"), [("e_n301", IN), ("e_n302", OUT)])
def test_the_documented_example_is_written_to_the_byte_but_for_its_zone(name: str, postback: Postback) -> None:
    documented = sample(name).replace(b"2011-01-01T20:09:12-04:00", b"2011-01-02T00:09:12+00:00")

    assert encode(postback) == documented


@given(POSTBACKS)
def test_what_is_written_is_read_back(postback: Postback) -> None:
    assert decode(encode(postback)) == (postback,)


def test_markup_in_a_title_is_escaped_and_quotes_are_left_alone() -> None:
    assert b'<CAMPAIGNTITLE>Tom &amp; "Jerry\'s" &lt;b&gt;</CAMPAIGNTITLE>' in encode(
        replace(IN, title='Tom & "Jerry\'s" <b>')
    )


def test_what_xml_cannot_carry_is_dropped() -> None:
    assert decode(encode(replace(IN, title="a\x00b\ud800c\ufffed\x1f"))) == (replace(IN, title="abcd"),)


def test_a_missing_time_is_written_as_an_empty_element() -> None:
    assert b"    <TIMESTAMP></TIMESTAMP>\n" in encode(replace(IN, timestamp=None))


@pytest.mark.parametrize(
    ("written", "instant"),
    [
        ("2011-01-01T20:09:12-04:00", 1293926952000),
        ("2014-07-02T14:32:23-04", 1404325943000),
        ("2014-07-02 14:32:23-04", 1404325943000),
        ("2014-07-02 14:32:23-04 ", 1404325943000),
        ("2012-06-07 07:28:09.90765-04", 1339068489907),
        ("2014-07-23T09:38:07.123456-04:00", 1406122687123),
        ("2012-06-07 07:27:29", 1339054049000),
        ("2014-07-02T18:32:23Z", 1404325943000),
        ("", None),
        ("yesterday", None),
        ("1970-01-01 00:00:00", None),
        ("1969-12-31T23:59:59", None),
        ("0001-01-01T00:00:00+14:00", None),
    ],
)
def test_a_time_is_read_in_every_documented_form_and_is_never_a_reason_to_refuse(
    written: str, instant: int | None
) -> None:
    (found,) = decode(flat(TIMESTAMP=written))

    assert isinstance(found, Postback)
    assert found.timestamp == instant


def test_tags_are_read_in_any_case() -> None:
    assert decode(sample("d_flat").lower().replace(b"n302", b"N302")) == (BARE,)


@pytest.mark.parametrize(
    ("inner", "text"),
    [
        (b"STOP<br/>", "STOP"),
        (b"see you<br/>STOP", "see you\nSTOP"),
        (b"<br/><i>STOP</i> it", "STOP\n it"),
        (b"\n STOP \n", "STOP"),
    ],
)
def test_markup_in_a_text_costs_no_opt_out(inner: bytes, text: str) -> None:
    (told,) = decode(b"<POSTBACK><CODE>N211</CODE><BODY><FROM>1</FROM><TEXT>" + inner + b"</TEXT></BODY></POSTBACK>")

    assert isinstance(told, Other)
    assert (told.fields["TEXT"], told.fields["FROM"], "BODY" in told.fields) == (text, "1", False)


@pytest.mark.parametrize(
    ("written", "text"),
    [
        (b"I <3 you", "I <3 you"),
        (b"STOP &#55357;&#57041;", "STOP 🛑"),
        (b"STOP &#xD83D;&#xDED1;", "STOP 🛑"),
        (b"STOP &#xd83d;", "STOP �"),
        (b"STOP\x03&#3;&#x0;", "STOP"),
        (b"<3 ARR\xcaT &", "<3 ARRÊT &"),
    ],
)
@pytest.mark.parametrize("declaration", [b"", b"<?xml version='1.0' encoding='ISO-8859-1'?>\n"])
def test_what_she_typed_costs_no_opt_out_however_it_was_escaped(written: bytes, text: str, declaration: bytes) -> None:
    (told,) = decode(declaration + b"<POSTBACK><CODE>N211</CODE><TEXT>" + written + b"</TEXT></POSTBACK>\0")

    assert isinstance(told, Other)
    assert told.fields["TEXT"] == text


@pytest.mark.parametrize("written", [b"&#x&;", b"&#99999999;", b"&#xFFFFFF;", b"&#FF;", b"<TEXT>"])
def test_what_cannot_be_mended_is_refused(written: bytes) -> None:
    with pytest.raises(Refused):
        decode(b"<POSTBACK><CODE>N211</CODE><TEXT>" + written + b"\x03</POSTBACK>")


def test_stray_letters_between_elements_hide_none_of_them() -> None:
    inner = b"; <MOBILE>16502426055</MOBILE>, <CAMPAIGNID>1116</CAMPAIGNID>"

    assert decode(b"<POSTBACK><CODE>N302</CODE><BODY>" + inner + b"</BODY></POSTBACK>") == (BARE,)


def test_an_origin_may_be_missing() -> None:
    assert decode(flat(ORIGIN="")) == (BARE,)


def test_a_text_from_a_recipient_keeps_all_it_says() -> None:
    assert decode(sample("other_n211")) == (
        Other(
            origin="SMS_MO",
            code="N211",
            fields={
                "FROM": "16502424956",
                "TO": "123456",
                "TEXT": "STOP",
                "RECEIVED": "2014-07-23T09:38:07.123456-04:00",
                "TRANSACTIONID": "mo-4711",
            },
        ),
    )


@pytest.mark.parametrize(
    ("name", "origin", "code", "field", "text"),
    [
        ("other_n303", "EMAIL_SUB", "N303", "EMAIL", "john@example.com"),
        ("other_pass", "GENERATE_PASS", "", "STATUSCODE", "N801"),
        ("other_n401", "MMS_MO", "N401", "FILE2", "https://mms.example/2.jpg"),
        ("other_hyphenated", "MMS_MO", "N401", "TRACKINGID", "mo123"),
    ],
)
def test_other_notifications_pass_through(name: str, origin: str, code: str, field: str, text: str) -> None:
    (found,) = decode(sample(name))

    assert isinstance(found, Other)
    assert (found.origin, found.code, found.fields[field]) == (origin, code, text)


def test_a_subscription_code_of_another_origin_without_a_number_is_something_else() -> None:
    assert isinstance(decode(flat(ORIGIN="EMAIL_SUB", MOBILE=""))[0], Other)


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"ORIGIN=SUB&CODE=N302",
        b"<REQUEST><ACTION>subscribe</ACTION></REQUEST>",
        b"<POSTBACK/>",
        b"<POSTBACK>N302</POSTBACK>",
        b"<POSTBACK><MOBILE>16502426055</MOBILE></POSTBACK>",
        b"<NOTIFICATION id='1'/>",
        flat(MOBILE=""),
        flat(CAMPAIGNID=" "),
        b"<POSTBACK><ORIGIN>SUB</ORIGIN><FROM_MASK><FROM_MASK></POSTBACK>",
    ],
)
def test_what_is_no_postback_is_refused(data: bytes) -> None:
    with pytest.raises(Refused):
        decode(data)


def test_a_postback_that_contradicts_itself_is_refused() -> None:
    with pytest.raises(Refused, match="MOBILE"):
        decode(sample("d_flat").replace(b"</POSTBACK>", b"<MOBILE>16502424956</MOBILE></POSTBACK>"))


def test_a_postback_that_repeats_itself_is_not_refused() -> None:
    assert decode(sample("d_flat").replace(b"</POSTBACK>", b"<MOBILE>16502426055</MOBILE></POSTBACK>")) == (BARE,)


def test_one_bad_notification_spoils_no_batch() -> None:
    *read, bad = decode(sample("b_batch").replace(b"<MOBILE>16502424956</MOBILE>", b""))

    assert tuple(read) == decode(sample("b_batch"))[:2]
    assert bad == Unreadable("N302 needs MOBILE, and CAMPAIGNID or CAMPAIGNREF")


@pytest.mark.parametrize(
    ("wrong", "brand"),
    [
        (b"Ben & Jerry's", "Ben & Jerry's"),
        (b"A &amp; B & C &copy D", "A & B & C &copy D"),
        ("Café Olé".encode("latin-1"), "Café Olé"),
        ("Café & Co".encode(), "Café & Co"),
    ],
)
@pytest.mark.parametrize("declaration", [b"", b"<?xml version='1.0' encoding='UTF-8'?>\n"])
def test_what_a_sender_did_not_escape_costs_no_opt_out(wrong: bytes, brand: str, declaration: bytes) -> None:
    data = declaration + sample("e_n302").split(b"?>")[-1].strip()
    name = re.search(rb"<BRANDNAME>(.*)</BRANDNAME>", data)
    assert name

    assert decode(data.replace(name[1], wrong)) == (replace(OUT, brand=brand),)


def test_mending_lets_nothing_in_that_is_refused_otherwise() -> None:
    bomb = b'<!DOCTYPE a [<!ENTITY b "c">]><POSTBACK><CODE>N302</CODE><BRANDNAME>a & b</BRANDNAME></POSTBACK>'

    with pytest.raises(Refused):
        decode(bomb)


@pytest.mark.parametrize(
    ("tag", "with_more"),
    [(b"<POSTBACK>", b"<POSTBACK><CODE>N302</CODE>"), (b"</POSTBACK>", b"<CODE>N302</CODE></POSTBACK>")],
)
def test_a_postback_that_is_both_a_batch_and_a_notification_is_refused(tag: bytes, with_more: bytes) -> None:
    with pytest.raises(Refused, match="both"):
        decode(sample("b_batch").replace(tag, with_more))


@pytest.mark.parametrize(("count", "is_read"), [(MAX_NOTIFICATIONS, True), (MAX_NOTIFICATIONS + 1, False)])
def test_a_batch_has_a_documented_most(count: int, *, is_read: bool) -> None:
    data = b"<POSTBACK>" + sample("a_notification") * count + b"</POSTBACK>"

    if is_read:
        assert len(decode(data)) == count
    else:
        with pytest.raises(TooLarge):
            decode(data)


@given(st.binary(max_size=300) | MARKUP.map(str.encode))
def test_any_bytes_are_postbacks_or_refused(data: bytes) -> None:
    try:
        found = decode(data)
    except Refused:
        return

    assert 1 <= len(found) <= MAX_NOTIFICATIONS


def test_a_retry_tells_the_same() -> None:
    assert telling(decode(sample("e_n302"))[0]) == telling(OUT)  # type: ignore[arg-type] # the sample is a Postback


@pytest.mark.parametrize(
    "other",
    [
        replace(OUT, code="N301"),
        replace(OUT, msisdn="16502426055"),
        replace(OUT, campaign="1117"),
        replace(OUT, timestamp=UnixMs(AT_NINE + 1000)),
        replace(OUT, timestamp=None),
        replace(OUT, short_code="654321"),
        replace(OUT, source="MO"),
    ],
)
def test_another_decision_tells_something_else(other: Postback) -> None:
    assert telling(other) != telling(OUT)


def test_dates_that_nobody_can_read_tell_one_decision_from_another_too() -> None:
    first, second = (
        decode(sample("e_n302").replace(b"<TIMESTAMP>", f"<TIMESTAMP>the {n}th, ".encode()))[0] for n in (6, 7)
    )

    assert isinstance(first, Postback)
    assert isinstance(second, Postback)
    assert (first.timestamp, second.timestamp) == (None, None)
    assert telling(first) != telling(second)


def test_a_renamed_campaign_is_the_same_decision() -> None:
    assert telling(replace(OUT, title="New name", brand="New brand")) == telling(OUT)


def test_a_stamp_without_a_zone_yields_to_one_that_has_it() -> None:
    data = (
        b'<NOTIFICATION created="2012-06-07 07:27:29.954258-04"><ORIGIN>SUB</ORIGIN><CODE>N302</CODE><BODY>'
        b"<MOBILE>16502426055</MOBILE><CAMPAIGNID>1116</CAMPAIGNID><TIMESTAMP>2012-06-07 07:27:29</TIMESTAMP>"
        b"</BODY></NOTIFICATION>"
    )

    assert decode(data) == (replace(BARE, timestamp=UnixMs(1339068449954)),)
