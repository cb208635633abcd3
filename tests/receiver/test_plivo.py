"""Plivo's requests: is each read, and is each believed that Plivo could have sent, and no other?

The vectors are those of its own library: https://github.com/plivo/plivo-go (utils_test.go)
"""

from collections.abc import Callable
from dataclasses import replace
from urllib.parse import urlencode

import pytest

from consent.errors import Refused, StoreUnavailable, Unverified
from consent.model import UnixMs
from receiver.codecs import plivo
from receiver.codecs.codec import Reply
from receiver.inbound import Inbound
from receiver.reports import Hint, ReceiptReported, Report, TextReceived
from tests.builders import NOON, a_source

Sample = Callable[[str], Inbound]

SOURCE = a_source(provider="plivo", signature_secret="my_auth_token")
VOICE = replace(SOURCE, signature_secret="Y2Q2ZDgxZmY5YWRiOTI5YmQ1Njg0MTAxZWIyOTc4")
VOICE_URL = "https://plivobin.non-prod.plivops.com/api/v1/validate_signature03.xml"
CALL = {
    "Direction": "outbound",
    "From": "19792014278",
    "ALegUUID": "3e82ae9d-2c78-4d85-b1a4-6eae7dbafb36",
    "CallStatus": "in-progress",
    "BillRate": "0.002",
    "ParentAuthID": "MANWVLYTK4ZWU1YTY4QA",
    "To": "sip:PlivoSignature382029104058171078704104@phone-qa.voice.plivodev.com",
    "ALegRequestUUID": "3e82ae9d-2c78-4d85-b1a4-6eae7dbafb36",
    "CallUUID": "3e82ae9d-2c78-4d85-b1a4-6eae7dbafb36",
    "RequestUUID": "3e82ae9d-2c78-4d85-b1a4-6eae7dbafb36",
    "SIP-H-To": "<sip:PlivoSignature382029104058171078704104@52.9.11.55;transport=udp>;tag=1",
    "SessionStart": "2020-04-08 11:34:33.238707",
    "Event": "StartApp",
}
UUID = "00000000-0000-11f0-8000-0242ac110001"
NONCE = "x-plivo-signature-v3-nonce"

A_TEXT = TextReceived(
    identity=UUID,
    sender="14155552671",
    to="18005550100",
    text="See you at 8 & bring = signs ÿ 🛑",
    occurred_at=None,
    extra={"message_id": UUID},
)
A_STOP = replace(A_TEXT, text="Stop", hint=Hint.OPT_OUT, extra={"message_id": UUID, "message_intent": "optout"})


def a_call(method: str, url: str, signature: str) -> Inbound:
    said = urlencode(CALL)
    if method == "GET":
        url = f"{url}{'&' if '?' in url else '?'}{said}"
    return Inbound(
        method=method,
        query=url.partition("?")[2],
        content_type="application/x-www-form-urlencoded",
        body=said.encode() if method == "POST" else b"",
        headers=(("x-plivo-signature-v3", signature), (NONCE, "31627761595286130198")),
        url=url,
    )


def a_form(**parameters: str) -> Inbound:
    given = {"From": "14155552671", "To": "18005550100", "Text": "STOP", "MessageUUID": "u-1", **parameters}
    return Inbound(method="POST", query="", content_type="", body=urlencode(given).encode())


def the_text(inbound: Inbound) -> TextReceived:
    (report,) = plivo.decode(inbound)
    assert isinstance(report, TextReceived)
    return report


# ── what is believed ────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    "signed",
    [
        pytest.param(
            a_call("POST", f"{VOICE_URL}/?a=b&c=d", "k7Pusd4OxCIjR5IfA9iedDNu/h/gbdYqdzG/MiYtd1c="), id="V3Pass1"
        ),
        pytest.param(
            a_call("GET", f"{VOICE_URL}/?a=b&c=d", "UBq8jAtd32wR8EK9VgxbBn4n5rpI/l1H9iN4WfSEHFQ="), id="V3Pass2"
        ),
        pytest.param(a_call("POST", VOICE_URL, "iAjE5QqI37mbkYe4w3jTMudqEzbDufdqi7sYwTu64e0="), id="V3Pass3"),
        pytest.param(a_call("GET", VOICE_URL, "i/MQsaQSAd6fiKhOh2qeeeLHZ9faldADSb3/7+Akfbc="), id="V3Pass4"),
    ],
)
def test_every_published_signature_of_the_third_version_is_believed(signed: Inbound) -> None:
    plivo.verify(signed, VOICE, NOON)
    with pytest.raises(Unverified):
        plivo.verify(signed, SOURCE, NOON)


@pytest.mark.parametrize("name", ["x-plivo-signature-v2", "x-plivo-signature-ma-v2"])
def test_the_published_signature_of_the_second_version_is_believed(name: str) -> None:
    signed = Inbound(
        method="POST",
        query="",
        content_type="",
        body=b"From=1",
        headers=((name, "ehV3IKhLysWBxC1sy8INm0qGoQYdYsHwuoKjsX7FsXc="), ("x-plivo-signature-v2-nonce", "12345")),
        url="https://answer.url",
    )

    plivo.verify(signed, SOURCE, NOON)
    with pytest.raises(Unverified):
        plivo.verify(signed, VOICE, NOON)


@pytest.mark.parametrize(
    "name",
    [
        "text-post-form-v3",
        "text-post-form-v2",
        "text-get-v3",
        "stop-post-form-v2",
        "stop-in-other-words",
        "mms-post-form",
        "receipt-post-form",
    ],
)
def test_a_signed_request_is_believed_however_old_it_is(sample: Sample, name: str) -> None:
    plivo.verify(sample(f"plivo/{name}"), SOURCE, UnixMs(0))


@pytest.mark.parametrize("listed", ["wrong,{}", "{}, wrong", "wrong , {},"])
def test_one_of_several_signatures_is_enough(sample: Sample, listed: str) -> None:
    signed = sample("plivo/text-post-form-v3")
    headers = (
        ("x-plivo-signature-ma-v3", listed.format(signed.header("x-plivo-signature-v3"))),
        (NONCE, signed.header(NONCE)),
    )

    plivo.verify(replace(signed, headers=headers), SOURCE, NOON)


def test_who_signs_in_the_third_version_is_not_believed_by_the_second(sample: Sample) -> None:
    """It covers what is said; the second does not."""
    second = sample("plivo/text-post-form-v2")
    both = replace(second, headers=(*second.headers, ("x-plivo-signature-v3", "d3Jvbmc="), (NONCE, "1")))

    with pytest.raises(Unverified, match="does not match"):
        plivo.verify(both, SOURCE, NOON)


@pytest.mark.parametrize(
    "forged",
    [
        {"url": "https://other.example.com/hooks/t0ken-of-a-source"},
        {"body": urlencode({"From": "14155552671", "To": "18005550100", "Text": "START"}).encode()},
        {"body": b""},
        {"query": "Text=START"},
        {"headers": (("x-plivo-signature-v3", "é\ud800"), (NONCE, "\ud800"))},
    ],
)
def test_what_was_signed_for_something_else_is_not_believed(sample: Sample, forged: dict[str, object]) -> None:
    with pytest.raises(Unverified, match="does not match"):
        plivo.verify(replace(sample("plivo/text-post-form-v3"), **forged), SOURCE, NOON)  # type: ignore[arg-type]


def test_an_unsigned_request_is_believed_only_if_no_secret_is_set(sample: Sample) -> None:
    unsigned = replace(sample("plivo/text-post-form-v3"), headers=())

    plivo.verify(unsigned, replace(SOURCE, signature_secret=""), NOON)
    with pytest.raises(Unverified, match="no X-Plivo-Signature"):
        plivo.verify(unsigned, SOURCE, NOON)


def test_without_the_public_url_nothing_can_be_verified_and_the_message_says_what_to_set(sample: Sample) -> None:
    with pytest.raises(Unverified, match=r"receiver\.public_url"):
        plivo.verify(replace(sample("plivo/text-post-form-v2"), url=""), SOURCE, NOON)


# ── what is read ────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("name", "report"),
    [
        ("text-post-form-v3", A_TEXT),
        ("text-post-form-v2", A_TEXT),
        ("text-get-v3", A_TEXT),
        ("stop-post-form-v2", A_STOP),
        ("stop-in-other-words", replace(A_STOP, text="RESIGN")),
        (
            "mms-post-form",
            replace(
                A_TEXT,
                text="look",
                kind="mms",
                extra={
                    "message_id": UUID,
                    "media": "https://media.example.com/1.jpg https://media.example.com/2.jpg",
                },
            ),
        ),
        (
            "receipt-post-form",
            ReceiptReported(
                identity="dlr:00000000-0000-11f0-8000-0242ac110002:delivered",
                recipient="14155552671",
                occurred_at=UnixMs(1_461_605_397_250),
                fields={
                    "From": "18005550100",
                    "MessageUUID": "00000000-0000-11f0-8000-0242ac110002",
                    "ParentMessageUUID": "00000000-0000-11f0-8000-0242ac110002",
                    "PartInfo": "1 of 1",
                    "Status": "delivered",
                    "Type": "sms",
                    "Units": "1",
                    "MCC": "310",
                    "MNC": "090",
                    "ErrorCode": "000",
                    "Sequence": "3",
                    "DeliveryReportTime": "2016-04-25 17:29:57.250000",
                },
            ),
        ),
    ],
)
def test_every_shape_of_request_is_read(sample: Sample, name: str, report: Report) -> None:
    assert plivo.decode(sample(f"plivo/{name}")) == (report,)


def test_somebody_who_opens_the_url_is_welcome_and_leaves_nothing(sample: Sample) -> None:
    visit = sample("plivo/visit-get")

    plivo.verify(visit, SOURCE, NOON)
    assert plivo.decode(visit) == ()


@pytest.mark.parametrize(
    ("written", "hint"),
    [("optout", Hint.OPT_OUT), ("OptOut", Hint.OPT_OUT), ("optin", Hint.OPT_IN), ("help", Hint.NONE), ("", Hint.NONE)],
)
def test_what_plivo_made_of_it_is_a_hint(written: str, hint: Hint) -> None:
    assert the_text(a_form(MessageIntent=written)).hint is hint


def test_a_message_of_another_channel_says_so() -> None:
    assert the_text(a_form(Type="whatsapp", Text="", Body="STOP")).extra["channel"] == "whatsapp"


@pytest.mark.parametrize("sent", [{"Type": "mms"}, {"Type": "sms", "Media10": "https://media.example.com/10.jpg"}])
def test_a_picture_without_a_word_is_a_message_all_the_same(sent: dict[str, str]) -> None:
    text = the_text(a_form(Text="", **sent))

    assert (text.kind, text.text, text.extra.get("media", "")) == ("mms", "", sent.get("Media10", ""))


def test_a_text_with_a_status_beside_it_is_a_text() -> None:
    assert the_text(a_form(Status="received")).text == "STOP"


def test_a_message_without_a_name_is_known_by_what_it_says() -> None:
    first, again = (the_text(a_form(MessageUUID="", Units=units)).identity for units in "12")

    assert first == again
    assert first.startswith("digest:")
    assert first != the_text(a_form(MessageUUID="", Text="START")).identity


def test_each_status_of_a_message_is_a_receipt_of_its_own() -> None:
    sent, delivered, unnamed = (
        plivo.decode(a_form(Text="", Status=status, MessageUUID=uuid))[0]
        for status, uuid in (("sent", "u"), ("delivered", "u"), ("delivered", ""))
    )

    assert len({sent.identity, delivered.identity, unnamed.identity}) == 3


@pytest.mark.parametrize(("damage", "missing"), [({"From": " "}, "From"), ({"To": " ", "Text": " "}, "To")])
def test_a_text_from_nobody_or_to_nobody_and_empty_is_refused(damage: dict[str, str], missing: str) -> None:
    with pytest.raises(Refused, match=missing):
        plivo.decode(a_form(**damage))


def test_a_stop_is_read_wherever_it_went() -> None:
    assert the_text(a_form(To=" ")).to == ""


def test_only_what_will_do_later_is_asked_for_again() -> None:
    assert plivo.reply(None) == Reply(status=200)
    assert plivo.reply(StoreUnavailable("")) == Reply(status=503, retry_after=60)
    assert plivo.reply(Unverified("")) == Reply(status=403)
