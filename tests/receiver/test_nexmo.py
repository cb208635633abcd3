import json
from collections.abc import Callable, Mapping
from dataclasses import replace
from urllib.parse import urlencode

import pytest

from consent.errors import Misconfigured, Refused, StoreUnavailable, StoreUnsafe, TooLarge, Unverified
from consent.model import AccountId, SignatureMethod, Source, SourceId, UnixMs
from receiver.codecs import nexmo
from receiver.codecs.codec import Reply
from receiver.inbound import Inbound
from receiver.reports import ReceiptReported, Report, TextPart, TextReceived
from tests.receiver.test_signature import TESTING, VECTORS

Sample = Callable[[str], Inbound]

SIGNED_AT = UnixMs(1_461_605_396_000)
STOPPED_AT = UnixMs(1_403_893_893_000)

A_SOURCE = Source(account=AccountId("acme"), id=SourceId("nexmo-main"), provider="nexmo", token="t0ken-of-a-source")
SIGNING = replace(A_SOURCE, signature_secret="my_secret_key_for_testing")

A_TEXT = TextReceived(
    identity="0A000000012A4C01",
    sender="15550100001",
    to="96167",
    text="See you at 8 & bring = signs",
    occurred_at=SIGNED_AT,
    extra={"message_id": "0A000000012A4C01", "keyword": "SEE"},
)
A_RECEIPT = ReceiptReported(
    identity="dlr:0A000000012A4C03:delivered",
    recipient="15550100001",
    occurred_at=UnixMs(1_461_605_397_000),
    fields={
        "to": "96167",
        "network-code": "310090",
        "messageId": "0A000000012A4C03",
        "price": "0.00570000",
        "status": "delivered",
        "scts": "1604251729",
        "err-code": "0",
        "message-timestamp": "2016-04-25 17:29:57",
    },
)
A_STOP = TextReceived(
    identity="0A0000000123ABCD1",
    sender="15558937009",
    to="96167",
    text="STOP",
    occurred_at=STOPPED_AT,
    extra={"message_id": "0A0000000123ABCD1", "keyword": "STOP"},
)
IN_FRENCH = {"message_id": "0A000000012A4C01", "keyword": "ARRÊT"}


def a_form(**parameters: str) -> Inbound:
    named = {"msisdn": "15550100001", "to": "96167", "messageId": "0A01", "text": "STOP", **parameters}
    body = "&".join(f"{name.replace('_', '-')}={value}" for name, value in named.items())
    return Inbound(method="POST", query="", content_type="application/x-www-form-urlencoded", body=body.encode())


def the_text(inbound: Inbound) -> TextReceived:
    (report,) = nexmo.decode(inbound)
    assert isinstance(report, TextReceived)
    return report


@pytest.mark.parametrize(
    ("data", "udh", "text"),
    [
        ("53544F50", "", "STOP"),
        ("53544f500d0a00", "", "STOP"),
        ("53544F50", "0605040B8423F0", ""),
        ("53544F50", "050003CC0201", "STOP"),
        ("EA0601AE", "", ""),
        ("010203", "", ""),
        ("5354F", "", ""),
        ("", "", ""),
    ],
)
def test_letters_that_were_sent_as_data_are_a_text(data: str, udh: str, text: str) -> None:
    found = the_text(a_form(type="binary", text="", keyword="BINARY", data=data, udh=udh))

    assert (found.kind, found.text, found.extra.get("data", "")) == ("binary", text, data)


@pytest.mark.parametrize(
    ("data", "udh", "is_read"),
    [
        ("STOP".encode("utf-16-be"), "", True),
        ("ARRÊT".encode("latin-1"), "", True),
        ("СТОП".encode("utf-16-be"), "0608040CC30101", True),
        ("STOP".encode("utf-16-be"), "0B0504158A00000003CC0101", False),
        ("STOP".encode("utf-16-be"), "050003CC0101240101", True),
        (b"\xff", "", False),
        (b"", "050003", False),
    ],
)
def test_letters_of_any_alphabet_that_were_sent_as_data_are_looked_at(data: bytes, udh: str, *, is_read: bool) -> None:
    found = the_text(a_form(type="binary", text="", data=data.hex(), udh=udh))

    assert bool({"STOP", "ARRÊT", "СТОП"} & {*found.besides}) == is_read
    assert found.text == ""


@pytest.mark.parametrize(
    ("name", "report"),
    [
        ("text-get-signed", A_TEXT),
        ("text-post-form", A_TEXT),
        ("text-post-form-signed", A_TEXT),
        ("text-post-json", A_TEXT),
        ("text-post-json-untyped", A_TEXT),
        ("text-post-json-numbers", A_TEXT),
        ("text-post-json-iso-time", replace(A_TEXT, occurred_at=UnixMs(1_461_605_396_250))),
        ("text-get-2013", replace(A_TEXT, extra={"message_id": "0A000000012A4C01"})),
        ("unicode-get", replace(A_TEXT, text="ARRÊT 🛑", extra=IN_FRENCH)),
        ("latin1-post-form", replace(A_TEXT, text="ARRÊT", extra=IN_FRENCH)),
        (
            "part-get",
            TextPart(
                identity="0A000000012A4C01:3",
                sender="15550100001",
                to="96167",
                text="the third quarter\n\nof a long one",
                occurred_at=SIGNED_AT,
                reference="4",
                number=3,
                total=4,
            ),
        ),
        (
            "binary-get",
            TextReceived(
                identity="0A000000012A4C02",
                sender="15550100001",
                to="96167",
                text="",
                occurred_at=SIGNED_AT,
                kind="binary",
                extra={
                    "message_id": "0A000000012A4C02",
                    "keyword": "BINARY",
                    "data": "EA0601AE02056A0045C60C037777772E",
                    "udh": "0605040B8423F0",
                },
            ),
        ),
        ("receipt-get", A_RECEIPT),
        ("receipt-post-form", A_RECEIPT),
        ("receipt-post-json", A_RECEIPT),
        ("stop-get-signed", A_STOP),
        ("stop-post-form-sha256", A_STOP),
    ],
)
def test_every_shape_of_request_is_read(sample: Sample, name: str, report: Report) -> None:
    assert nexmo.decode(sample(f"nexmo/{name}")) == (report,)


def test_where_there_is_no_text_its_keyword_says_what_it_was() -> None:
    assert the_text(a_form(text="", keyword="STOP")).text == "STOP"
    assert the_text(a_form(text="", keyword="BINARY", data="EA06")).text == ""


@pytest.mark.parametrize("name", ["text-get-signed", "text-post-json-numbers", "stop-get-signed"])
def test_a_signed_request_is_believed(sample: Sample, name: str) -> None:
    now = STOPPED_AT if name.startswith("stop") else SIGNED_AT

    nexmo.verify(sample(f"nexmo/{name}"), SIGNING, now)


INBOUND_VECTORS = [vector for vector in VECTORS if "msisdn" in vector[1] and vector[2] == TESTING]


def as_get(given: Mapping[str, str]) -> Inbound:
    return Inbound(method="GET", query=urlencode(given), content_type="", body=b"")


def as_form(given: Mapping[str, str]) -> Inbound:
    form = "application/x-www-form-urlencoded; charset=UTF-8"
    return Inbound(method="POST", query="", content_type=form, body=urlencode(given).encode())


def as_json(given: Mapping[str, str]) -> Inbound:
    return Inbound(method="POST", query="", content_type="application/json", body=json.dumps(given).encode())


def as_untyped_json(given: Mapping[str, str]) -> Inbound:
    return replace(as_json(given), content_type="")


@pytest.mark.parametrize("sent", [as_get, as_form, as_json, as_untyped_json])
@pytest.mark.parametrize("vector", INBOUND_VECTORS, ids=lambda vector: f"{vector[0]} {vector[3]}")
def test_every_published_inbound_vector_is_believed_and_read_however_it_is_sent(
    vector: tuple[str, Mapping[str, str], str, SignatureMethod, str], sent: Callable[[Mapping[str, str]], Inbound]
) -> None:
    _, given, secret, method, sig = vector
    source = replace(A_SOURCE, signature_secret=secret, signature_method=method)
    inbound = sent({**given, "sig": sig})

    nexmo.verify(inbound, source, UnixMs(int(given["timestamp"]) * 1000))
    text = the_text(inbound)
    assert (text.identity, text.sender, text.text) == (given["messageId"], given["msisdn"], given["text"])


@pytest.mark.parametrize(("name", "now"), [("text-post-form-signed", SIGNED_AT), ("stop-post-form-sha256", STOPPED_AT)])
def test_a_request_signed_by_the_method_of_the_source_is_believed(sample: Sample, name: str, now: UnixMs) -> None:
    nexmo.verify(sample(f"nexmo/{name}"), replace(SIGNING, signature_method="sha256"), now)


@pytest.mark.parametrize("name", ["text-post-form", "text-post-json", "receipt-get", "stop-post-form-sha256"])
def test_an_unsigned_or_otherwise_signed_request_is_not_believed(sample: Sample, name: str) -> None:
    with pytest.raises(Unverified):
        nexmo.verify(sample(f"nexmo/{name}"), SIGNING, STOPPED_AT)


def test_a_late_retry_is_believed_for_as_long_as_the_source_tolerates(sample: Sample) -> None:
    stop = sample("nexmo/stop-get-signed")
    last = UnixMs(STOPPED_AT + SIGNING.tolerance)

    nexmo.verify(stop, SIGNING, last)
    with pytest.raises(Unverified):
        nexmo.verify(stop, SIGNING, UnixMs(last + 1))


def test_a_source_without_a_secret_believes_everybody(sample: Sample) -> None:
    nexmo.verify(sample("nexmo/text-post-form"), A_SOURCE, SIGNED_AT)


@pytest.mark.parametrize("source", [A_SOURCE, SIGNING])
def test_somebody_who_opens_the_url_is_welcome_and_leaves_nothing(sample: Sample, source: Source) -> None:
    visit = sample("nexmo/visit-get")

    nexmo.verify(visit, source, SIGNED_AT)
    assert nexmo.decode(visit) == ()


@pytest.mark.parametrize(
    ("written", "occurred_at"),
    [
        ("2016-04-25 17:29:56", SIGNED_AT),
        ("2016-04-25T17:29:56Z", SIGNED_AT),
        ("2016-04-25T17:29:56.000%2B00:00", SIGNED_AT),
        ("2016-04-25T10:29:56-07:00", SIGNED_AT),
        (" 2016-04-25 17:29:56.5 ", UnixMs(SIGNED_AT + 500)),
        ("yesterday", None),
        ("", None),
        ("0001-01-01 00:00:00", None),
        ("1970-01-01 00:00:00", None),
        ("0001-01-01T00:00:00%2B23:59", None),
        ("2016-04-25 17:29:56 PST", None),
    ],
)
def test_an_opt_out_is_read_whatever_its_date_looks_like(written: str, occurred_at: UnixMs | None) -> None:
    assert the_text(a_form(message_timestamp=written)).occurred_at == occurred_at


@pytest.mark.parametrize(
    "damage",
    [
        {"concat_total": "1"},
        {"concat_total": "256", "concat_part": "2"},
        {"concat_part": "0"},
        {"concat_part": "4"},
        {"concat_part": "two"},
        {"concat_part": "²"},
        {"concat_part": ""},
        {"concat": "false"},
        {"text": ""},
        {"data": "AA", "type": "binary"},
    ],
)
def test_what_only_looks_like_a_part_is_judged_alone(damage: dict[str, str]) -> None:
    part = {"concat": "true", "concat_ref": "4", "concat_total": "3", "concat_part": "2"}
    whole, damaged = nexmo.decode(a_form(**part)), nexmo.decode(a_form(**{**part, **damage}))

    assert isinstance(whole[0], TextPart)
    assert isinstance(damaged[0], TextReceived)


def test_a_message_without_an_id_is_known_by_what_it_says() -> None:
    stop = the_text(a_form(messageId="", message_timestamp="2016-04-25 17:29:56"))
    again = the_text(a_form(messageId="", message_timestamp="2016-04-25 17:29:56", nonce="another", timestamp="1"))
    later = the_text(a_form(messageId="", message_timestamp="2016-04-25 17:29:57"))

    assert stop.identity == again.identity
    assert stop.identity != later.identity
    assert stop.identity.startswith("digest:")


def test_each_status_of_a_message_is_a_receipt_of_its_own() -> None:
    (accepted,) = nexmo.decode(a_form(text="", status="accepted"))
    (delivered,) = nexmo.decode(a_form(text="", status="delivered"))

    assert accepted.identity != delivered.identity


def test_a_text_that_has_a_status_is_a_text() -> None:
    assert the_text(a_form(status="delivered")).text == "STOP"


@pytest.mark.parametrize(("damage", "missing"), [({"msisdn": " "}, "msisdn"), ({"to": " ", "text": " "}, "to")])
def test_a_text_from_nobody_or_to_nobody_and_empty_is_refused(damage: dict[str, str], missing: str) -> None:
    with pytest.raises(Refused, match=missing):
        nexmo.decode(a_form(**damage))


def test_a_stop_is_read_wherever_it_went() -> None:
    stop = the_text(a_form(to=" "))

    assert (stop.text, stop.to) == ("STOP", "")


@pytest.mark.parametrize(
    "blank", [{"concat_part": "%20"}, {"status": "%20%20"}, {"data": "%E2%80%83"}, {"keyword": "+"}, {"udh": "%09"}]
)
def test_a_blank_parameter_is_an_absent_one(blank: dict[str, str]) -> None:
    """A signature does not cover those: with one more, a request of before would be another one."""
    assert the_text(a_form(**blank)) == the_text(a_form())


def test_an_empty_post_is_refused() -> None:
    with pytest.raises(Refused):
        nexmo.decode(Inbound(method="POST", query="", content_type="", body=b""))


def test_only_what_will_do_later_is_asked_for_again() -> None:
    assert nexmo.reply(None) == Reply(status=200)
    assert nexmo.reply(StoreUnavailable("")) == Reply(status=503, retry_after=5)
    assert nexmo.reply(StoreUnsafe("")) == Reply(status=503, retry_after=5)
    assert nexmo.reply(Misconfigured("")) == Reply(status=500)
    assert nexmo.reply(Refused("")) == Reply(status=400)
    assert nexmo.reply(TooLarge("")) == Reply(status=413)
    assert nexmo.reply(Unverified("")) == Reply(status=403)
