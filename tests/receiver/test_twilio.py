"""Twilio's requests: is each read, and is each believed that Twilio could have sent, and no other?

The vectors are those of its own library: https://github.com/twilio/twilio-python (tests/unit/test_request_validator.py)
"""

from collections.abc import Callable
from dataclasses import replace
from typing import Literal
from urllib.parse import urlencode

import pytest

from consent.errors import Refused, StoreUnavailable, TooLarge, Unverified
from consent.model import UnixMs
from receiver.codecs import twilio
from receiver.codecs.codec import Reply
from receiver.codecs.mac import mac
from receiver.inbound import Inbound
from receiver.reports import Hint, ReceiptReported, Report, TextReceived
from tests.builders import NOON, a_source

Sample = Callable[[str], Inbound]

SOURCE = a_source(provider="twilio", signature_secret="12345")
URL = "https://mycompany.com/myapp.php?foo=1&bar=2"
CALL = [("CallSid", "CA1234567890ABCDE"), ("Digits", "1234"), ("From", "+14158675309"), ("To", "+18005551212"),
        ("Caller", "+14158675309")]  # fmt: skip
DUPLICATES = [("Sid", "CA123"), ("SidAccount", "AC123"), ("Digits", "5678"), ("Digits", "1234"), ("Digits", "1234")]
JSON = b'{"property": "value", "boolean": true}'
JSON_URL = f"{URL}&bodySHA256=0a1ff7634d9ab3b95db5c9a2dfe9416e41502b283a80c7cf19632632f96e6620"
SID = "SM00000000000000000000000000000a01"

A_TEXT = TextReceived(
    identity=SID,
    sender="+14155552671",
    to="+18005550100",
    text="See you at 8 & bring = signs ÿ 🛑",
    occurred_at=None,
    extra={"message_id": SID},
)
A_STOP = replace(A_TEXT, text="Stop", hint=Hint.OPT_OUT, extra={"message_id": SID, "opt_out_type": "STOP"})


def a_post(
    signature: str, *, url: str = URL, body: bytes | None = None, pairs: list[tuple[str, str]] = CALL
) -> Inbound:
    return Inbound(
        method="POST",
        query=url.partition("?")[2],
        content_type="application/x-www-form-urlencoded",
        body=urlencode(pairs).encode() if body is None else body,
        headers=(("x-twilio-signature", signature),),
        url=url,
    )


def a_form(**parameters: str) -> Inbound:
    given = {"From": "+14155552671", "To": "+18005550100", "Body": "STOP", "MessageSid": "SM01", **parameters}
    return Inbound(method="POST", query="", content_type="", body=urlencode(given).encode())


def the_text(inbound: Inbound) -> TextReceived:
    (report,) = twilio.decode(inbound)
    assert isinstance(report, TextReceived)
    return report


# ── what is believed ────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    "signed",
    [
        pytest.param(a_post("RSOYDt4T1cUTdK1PDd93/VVr8B8="), id="compute_signature"),
        pytest.param(a_post("IK+Dwps556ElfBT0I3Rgjkr1wJU=", pairs=DUPLICATES), id="duplicates"),
        pytest.param(
            a_post("RSOYDt4T1cUTdK1PDd93/VVr8B8=", url=URL.replace(".com", ".com:1234")), id="removes_port_on_https"
        ),
        pytest.param(
            a_post("Zmvh+3yNM1Phv2jhDCwEM3q5ebU=", url=URL.replace("https", "http").replace(".com", ".com:1234")),
            id="port_on_http",
        ),
        pytest.param(a_post("kvajT1Ptam85bY51eRf/AJRuM3w="), id="adds_port_on_https"),
        pytest.param(a_post("0ZXoZLH/DfblKGATFgpif+LLRf4=", url=URL.replace("https", "http")), id="adds_port_on_http"),
        pytest.param(a_post("a9nBmqA0ju/hNViExpshrM61xv4=", url=JSON_URL, body=JSON), id="body"),
    ],
)
def test_every_published_signature_is_believed_and_only_with_the_right_token(signed: Inbound) -> None:
    twilio.verify(signed, SOURCE, NOON)
    with pytest.raises(Unverified, match="auth token"):
        twilio.verify(signed, replace(SOURCE, signature_secret="12346"), NOON)


@pytest.mark.parametrize("name", ["text-post-form", "text-get", "stop-post-form", "mms-post-form", "receipt-post-form"])
def test_a_signed_request_is_believed_however_old_it_is(sample: Sample, name: str) -> None:
    twilio.verify(sample(f"twilio/{name}"), SOURCE, UnixMs(0))


@pytest.mark.parametrize(("settings", "algorithm"), [("key=WK1,algorithm=HMAC_SHA256", "sha256"), ("key=WK1", "sha1")])
def test_a_shared_key_signs_by_the_digest_that_it_names(settings: str, algorithm: Literal["sha1", "sha256"]) -> None:
    text = (URL + "".join(name + value for name, value in sorted(CALL))).encode()

    def signed_by(secret: str) -> Inbound:
        signature = mac(text, secret=secret, algorithm=algorithm).decode()
        headers = (("x-twilio-signature", signature), ("x-twilio-webhooks-signature-settings", settings))
        return replace(a_post(signature), headers=headers)

    twilio.verify(signed_by("12345"), SOURCE, NOON)
    with pytest.raises(Unverified):
        twilio.verify(signed_by("54321"), SOURCE, NOON)


def test_a_port_in_the_public_url_does_not_matter_if_it_is_the_usual_one(sample: Sample) -> None:
    signed = sample("twilio/text-post-form")

    twilio.verify(replace(signed, url=signed.url.replace(".com/", ".com:443/")), SOURCE, NOON)


@pytest.mark.parametrize(
    "forged",
    [
        {"url": "https://other.example.com/hooks/t0ken-of-a-source"},
        {"url": "http://relay.example.com/hooks/t0ken-of-a-source"},
        {"url": "https://relay.example.com:444/hooks/t0ken-of-a-source?"},
        {"url": "not a url"},
        {"body": urlencode([("From", "+14155552671"), ("To", "+18005550100"), ("Body", "START")]).encode()},
        {"body": b""},
        {"headers": (("x-twilio-signature", "RSOYDt4T1cUTdK1PDd93/VVr8B8="),)},
        {"headers": (("x-twilio-signature", "é\ud800"),)},
    ],
)
def test_what_was_signed_for_something_else_is_not_believed(sample: Sample, forged: dict[str, object]) -> None:
    with pytest.raises(Unverified, match="does not match"):
        twilio.verify(replace(sample("twilio/text-post-form"), **forged), SOURCE, NOON)  # type: ignore[arg-type]


def test_a_body_that_only_the_url_covers_must_be_the_one_it_names() -> None:
    signed = a_post("a9nBmqA0ju/hNViExpshrM61xv4=", url=JSON_URL, body=JSON.replace(b"true", b"null"))

    with pytest.raises(Unverified, match="another body"):
        twilio.verify(signed, SOURCE, NOON)


def test_json_that_nothing_covers_is_neither_believed_nor_read(sample: Sample) -> None:
    signed = sample("twilio/text-post-form")
    smuggled = replace(signed, content_type="application/json", body=b'{"From":"1","To":"2","Body":"START"}')

    with pytest.raises(Unverified):
        twilio.verify(smuggled, SOURCE, NOON)
    with pytest.raises(Refused):
        twilio.decode(smuggled)


def test_an_unsigned_request_is_believed_only_if_no_secret_is_set(sample: Sample) -> None:
    unsigned = sample("twilio/text-post-form-unsigned")

    twilio.verify(unsigned, replace(SOURCE, signature_secret=""), NOON)
    with pytest.raises(Unverified, match="no X-Twilio-Signature"):
        twilio.verify(unsigned, SOURCE, NOON)


def test_without_the_public_url_nothing_can_be_verified_and_the_message_says_what_to_set(sample: Sample) -> None:
    with pytest.raises(Unverified, match=r"receiver\.public_url"):
        twilio.verify(replace(sample("twilio/text-post-form"), url=""), SOURCE, NOON)


# ── what is read ────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("name", "report"),
    [
        ("text-post-form", A_TEXT),
        ("text-get", A_TEXT),
        ("text-post-form-unsigned", replace(A_TEXT, text="STOP")),
        ("stop-post-form", A_STOP),
        ("stop-in-other-words", replace(A_STOP, text="BASTA")),
        (
            "mms-post-form",
            replace(
                A_TEXT,
                text="",
                kind="mms",
                extra={
                    "message_id": SID,
                    "media": "https://api.example.com/Media/ME01 https://api.example.com/Media/ME02",
                },
            ),
        ),
        (
            "receipt-post-form",
            ReceiptReported(
                identity="dlr:SM00000000000000000000000000000a02:undelivered",
                recipient="+14155552671",
                occurred_at=None,
                fields={
                    "SmsSid": "SM00000000000000000000000000000a02",
                    "SmsStatus": "undelivered",
                    "MessageStatus": "undelivered",
                    "MessageSid": "SM00000000000000000000000000000a02",
                    "ErrorCode": "30003",
                    "From": "+18005550100",
                },
            ),
        ),
    ],
)
def test_every_shape_of_request_is_read(sample: Sample, name: str, report: Report) -> None:
    assert twilio.decode(sample(f"twilio/{name}")) == (report,)


def test_somebody_who_opens_the_url_is_welcome_and_leaves_nothing(sample: Sample) -> None:
    visit = sample("twilio/visit-get")

    twilio.verify(visit, SOURCE, NOON)
    assert twilio.decode(visit) == ()


def test_what_a_get_says_in_its_body_must_be_signed_like_any_other() -> None:
    url = "https://relay.example.com/hooks/t0ken"
    body = b"From=%2B14155552671&To=%2B18005550100&Body=START"
    of_the_url_alone = mac(url.encode(), secret=SOURCE.signature_secret, algorithm="sha1").decode()
    asked = Inbound(
        method="GET", query="", content_type="", body=body, headers=(("x-twilio-signature", of_the_url_alone),), url=url
    )

    with pytest.raises(Unverified, match="does not match"):
        twilio.verify(asked, SOURCE, NOON)


@pytest.mark.parametrize(
    ("written", "hint"),
    [
        ("STOP", Hint.OPT_OUT),
        ("stop ", Hint.OPT_OUT),
        ("START", Hint.OPT_IN),
        ("HELP", Hint.NONE),
        ("", Hint.NONE),
        ("something new", Hint.NONE),
    ],
)
def test_what_advanced_opt_out_made_of_it_is_a_hint(written: str, hint: Hint) -> None:
    assert the_text(a_form(OptOutType=written)).hint is hint


@pytest.mark.parametrize("name", ["MessageSid", "SmsMessageSid", "SmsSid"])
def test_a_message_is_known_by_any_of_its_names(name: str) -> None:
    assert the_text(a_form(**{"MessageSid": "", name: "SM77"})).identity == "SM77"


def test_a_message_without_a_name_is_known_by_what_it_says() -> None:
    first, again = (the_text(a_form(MessageSid="", AccountSid=account)).identity for account in ("AC1", "AC2"))

    assert first == again
    assert first.startswith("digest:")
    assert first != the_text(a_form(MessageSid="", Body="START")).identity


def test_each_status_of_a_message_is_a_receipt_of_its_own() -> None:
    sent, delivered, unnamed = (
        twilio.decode(a_form(Body="", MessageStatus=status, MessageSid=sid))[0]
        for status, sid in (("sent", "SM1"), ("delivered", "SM1"), ("delivered", ""))
    )

    assert len({sent.identity, delivered.identity, unnamed.identity}) == 3


@pytest.mark.parametrize("status", ["received", "receiving", "delivered"])
def test_a_text_that_has_a_status_is_a_text(status: str) -> None:
    assert the_text(a_form(SmsStatus=status)).text == "STOP"


@pytest.mark.parametrize(("damage", "missing"), [({"From": " "}, "From"), ({"To": " ", "Body": " "}, "To")])
def test_a_text_from_nobody_or_to_nobody_and_empty_is_refused(damage: dict[str, str], missing: str) -> None:
    with pytest.raises(Refused, match=missing):
        twilio.decode(a_form(**damage))


def test_a_stop_is_read_wherever_it_went() -> None:
    assert the_text(a_form(To=" ")).to == ""


def test_more_fields_than_twilio_ever_sends_are_too_many() -> None:
    with pytest.raises(TooLarge):
        twilio.decode(Inbound(method="POST", query="", content_type="", body=b"&" * 256))


def test_the_answer_has_no_body_for_twilio_would_text_it_to_the_recipient() -> None:
    assert twilio.reply(None) == Reply(status=200)
    assert twilio.reply(StoreUnavailable("")) == Reply(status=503, retry_after=1)
    assert twilio.reply(Unverified("")) == Reply(status=403)
