from collections.abc import Callable
from dataclasses import replace

import pytest

from consent.errors import Refused, StoreUnavailable
from consent.model import AccountId, Actor, CampaignId, Source, SourceId, Status, UnixMs, Via
from receiver.codecs import skycore
from receiver.codecs.codec import Reply
from receiver.inbound import Inbound
from receiver.reports import ConsentReported, ReceiptReported, TextReceived

Sample = Callable[[str], Inbound]

STOPPED_AT = UnixMs(1_404_325_943_000)

UNSUBSCRIBED = ConsentReported(
    identity="",
    msisdn="16505550101",
    status=Status.OPTED_OUT,
    campaign=CampaignId("1116"),
    actor=Actor.RECIPIENT,
    via=Via.MO,
    occurred_at=STOPPED_AT,
    keyword="",
    short_code="123456",
    title="Slices & Sides",
    brand="Pizza Example",
)
UNDATED = replace(UNSUBSCRIBED, occurred_at=None, short_code="", title="", brand="")
CREATED_AT = UnixMs(1_293_926_952_975)
SUBSCRIBED_2011 = replace(UNDATED, status=Status.OPTED_IN, actor=Actor.ACCOUNT, via=Via.API, occurred_at=CREATED_AT)


def consents(inbound: Inbound) -> list[ConsentReported]:
    reports = skycore.decode(inbound)
    assert all(isinstance(report, ConsentReported) for report in reports)
    return [report for report in reports if isinstance(report, ConsentReported)]


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("a-notification", [SUBSCRIBED_2011]),
        (
            "b-batch",
            [SUBSCRIBED_2011, replace(UNDATED, msisdn="16505550102", occurred_at=UnixMs(1_293_927_000_000))],
        ),
        ("c-with-schema", [UNDATED]),
        ("c-flat-notification", [UNDATED]),
        ("d-flat", [UNDATED]),
        ("e-raw-text-xml", [UNSUBSCRIBED]),
        ("e-raw-untyped", [UNSUBSCRIBED]),
        ("e-raw-octets", [UNSUBSCRIBED]),
        ("e-raw-as-form", [UNSUBSCRIBED]),
        ("e-raw-marked", [UNSUBSCRIBED]),
        ("e-raw-latin1", [replace(UNSUBSCRIBED, title="Crêpes")]),
        ("e-form-lower", [UNSUBSCRIBED]),
        ("e-form-upper", [UNSUBSCRIBED]),
        ("e-form-mixed-case", [UNSUBSCRIBED]),
        ("e-form-latin1", [replace(UNSUBSCRIBED, title="Crêpes")]),
        ("e-multipart-lower", [UNSUBSCRIBED]),
        ("e-multipart-upper", [UNSUBSCRIBED]),
        ("e-imported", [replace(UNSUBSCRIBED, actor=Actor.IMPORT, via=Via.IMPORTED)]),
        ("e-subscribed-web", [replace(UNSUBSCRIBED, status=Status.OPTED_IN, via=Via.WEB)]),
        ("f-campaignref", [replace(UNSUBSCRIBED, campaign=CampaignId("slices-and-sides"))]),
    ],
)
def test_every_shape_of_postback_is_read_however_it_is_sent(
    sample: Sample, name: str, expected: list[ConsentReported]
) -> None:
    assert [replace(report, identity="") for report in consents(sample(f"skycore/{name}"))] == expected


@pytest.mark.parametrize(
    ("source", "actor", "via"),
    [
        ("MO", Actor.RECIPIENT, Via.MO),
        ("WEB", Actor.RECIPIENT, Via.WEB),
        ("API", Actor.ACCOUNT, Via.API),
        ("MANAGER", Actor.OPERATOR, Via.MANAGER),
        ("IMPORTED AS UNSUBSCRIBED", Actor.IMPORT, Via.IMPORTED),
        ("something new", Actor.RECIPIENT, Via.MO),
    ],
)
def test_who_decided_is_read_from_the_source_and_an_opt_out_of_unknown_source_is_her_own(
    sample: Sample, source: str, actor: Actor, via: Via
) -> None:
    inbound = sample("skycore/e-raw-untyped")
    (report,) = consents(replace(inbound, body=inbound.body.replace(b">MO<", f">{source}<".encode())))

    assert (report.actor, report.via) == (actor, via)


@pytest.mark.parametrize("source", ["MANAGER", "API", "MO", "WEB", "", "something new"])
def test_an_opt_in_of_unknown_source_is_not_her_own(sample: Sample, source: str) -> None:
    inbound = sample("skycore/e-subscribed-web")
    (report,) = consents(replace(inbound, body=inbound.body.replace(b">WEB<", f">{source}<".encode())))

    assert report.status is Status.OPTED_IN
    assert (report.actor is Actor.RECIPIENT) == (source in {"MO", "WEB"})


@pytest.mark.parametrize(
    ("written", "occurred_at"),
    [
        ("2011-01-01T20:09:12-04:00", 1_293_926_952_000),
        ("2014-07-02T14:32:23-04", 1_404_325_943_000),
        ("2014-07-02 14:32:23-04", 1_404_325_943_000),
        ("2012-06-07 07:28:09.90765-04", 1_339_068_489_907),
        ("2014-07-23T09:38:07.123456-04:00", 1_406_122_687_123),
        ("2012-06-07 07:27:29", 1_339_054_049_000),
        ("yesterday", None),
    ],
)
def test_every_documented_way_to_write_a_time_is_read(sample: Sample, written: str, occurred_at: int | None) -> None:
    inbound = sample("skycore/e-raw-untyped")
    (report,) = consents(replace(inbound, body=inbound.body.replace(b"2014-07-02T14:32:23-04", written.encode())))

    assert report.occurred_at == occurred_at


def test_a_repeat_has_the_same_identity_however_it_is_sent(sample: Sample) -> None:
    names = ("e-raw-untyped", "e-raw-as-form", "e-form-upper", "e-multipart-lower")

    assert len({consents(sample(f"skycore/{name}"))[0].identity for name in names}) == 1


def test_the_same_subscription_ended_twice_is_two_messages(sample: Sample) -> None:
    inbound = sample("skycore/c-with-schema")
    dated = [
        inbound.body.replace(b"</POSTBACK>", f"<TIMESTAMP>2014-07-0{day}</TIMESTAMP></POSTBACK>".encode())
        for day in (1, 2)
    ]
    first, second = (consents(replace(inbound, body=body))[0] for body in dated)

    assert first.identity != second.identity


def test_a_text_through_this_provider_is_a_text_to_be_judged(sample: Sample) -> None:
    assert skycore.decode(sample("skycore/sms-mo")) == (
        TextReceived(
            identity="mo:77001",
            sender="16505550101",
            to="123456",
            text="STOP",
            occurred_at=STOPPED_AT,
            extra={"message_id": "77001"},
        ),
    )


def test_the_keyword_of_an_early_text_is_its_text(sample: Sample) -> None:
    (report,) = skycore.decode(sample("skycore/sms-mo-2011-keyword"))

    assert isinstance(report, TextReceived)
    assert report.text == "STOP"


def test_a_second_text_is_read_beside_the_first() -> None:
    told = (
        b"<POSTBACK><CODE>N401</CODE><FROM>1</FROM><CONTENT><TEXT>see you</TEXT><TEXT>STOP</TEXT></CONTENT></POSTBACK>"
    )
    (report,) = skycore.decode(Inbound(method="POST", query="", content_type="text/xml", body=told))

    assert isinstance(report, TextReceived)
    assert (report.text, report.besides) == ("see you", ("STOP",))


@pytest.mark.parametrize("written", ["see you<br/>STOP", "see you&lt;BR /&gt;STOP", "see you&#10;STOP"])
def test_a_line_of_a_text_is_one_however_it_was_broken(written: str) -> None:
    told = f"<POSTBACK><CODE>N211</CODE><FROM>16505550101</FROM><TO>123456</TO><TEXT>{written}</TEXT></POSTBACK>"
    (report,) = skycore.decode(Inbound(method="POST", query="", content_type="text/xml", body=told.encode()))

    assert isinstance(report, TextReceived)
    assert report.text == "see you\nSTOP"


def test_a_picture_message_is_a_text_with_a_subject(sample: Sample) -> None:
    assert skycore.decode(sample("skycore/mms-mo")) == (
        TextReceived(
            identity="mo:MMS_MO_77002",
            sender="16505550101",
            to="123456",
            text="HELLO",
            occurred_at=STOPPED_AT,
            kind="mms",
            besides=("a picture",),
            extra={"message_id": "MMS_MO_77002", "keyword": "HELLO", "subject": "a picture"},
        ),
    )


def test_the_subject_of_sinchs_picture_messages_is_one_too() -> None:
    told = (
        b"<postback><origin>MMS_MO</origin><code>N401</code><from>17745550001</from><to>18885551234</to>"
        b"<tracking-id>mo1</tracking-id><timestamp>2024-02-07T09:17:44-05:00</timestamp>"
        b"<message-subject>STOP</message-subject><content><file>https://files.example.com/1.jpg</file></content>"
        b"</postback>"
    )
    (report,) = skycore.decode(Inbound(method="POST", query="", content_type="text/xml", body=told))

    assert isinstance(report, TextReceived)
    assert (report.text, report.besides, report.extra["subject"]) == ("", ("STOP",), "STOP")


def test_what_became_of_a_message_is_a_receipt(sample: Sample) -> None:
    (report,) = skycore.decode(sample("skycore/sms-status"))

    assert isinstance(report, ReceiptReported)
    assert (report.recipient, report.occurred_at) == ("16505550101", STOPPED_AT)
    assert report.fields == {
        "CODE": "N202",
        "STATUS": "Message Delivered",
        "FROM": "123456",
        "TRACKINGID": "SMS_77003",
        "SPID": "0001470",
        "TIMESTAMP": "2014-07-02T14:32:23-04",
    }


@pytest.mark.parametrize(
    ("origin", "code"),
    [
        *(("SMS_MT", code) for code in ("N201", "N202", "E201", "E202")),
        *(("MMS_MT", code) for code in ("N101", "N102", "E101", "E102", "N501", "N502")),
    ],
)
def test_every_status_of_a_message_is_a_receipt_of_its_own(sample: Sample, origin: str, code: str) -> None:
    inbound = sample("skycore/sms-status")
    body = inbound.body.replace(b"SMS_MT", origin.encode()).replace(b">N202<", f">{code}<".encode())
    (report,) = skycore.decode(replace(inbound, body=body))

    assert isinstance(report, ReceiptReported)
    assert report.fields["CODE"] == code
    assert (report.identity == skycore.decode(inbound)[0].identity) == (body == inbound.body)


@pytest.mark.parametrize(
    "said",
    [
        b"<ORIGIN>EMAIL_SUB</ORIGIN><CODE>N303</CODE><EMAIL>john@example.com</EMAIL><CAMPAIGNID>1116</CAMPAIGNID>",
        b"<ORIGIN>EMAIL_SUB</ORIGIN><CODE>N304</CODE><EMAIL>john@example.com</EMAIL><SUBID>656655</SUBID>",
        b"<ORIGIN>MMS_MT</ORIGIN><CODE>N003</CODE><MMSID>4711</MMSID>",
        b"<ORIGIN>MMS_MT</ORIGIN><CODE>E002</CODE><MMSID>4711</MMSID><AUDIONAME>a.mp3</AUDIONAME>",
        b"<ORIGIN>GENERATE_PASS</ORIGIN><STATUSCODE>N801</STATUSCODE><SERIALNUMBER>77</SERIALNUMBER>",
    ],
)
def test_a_notification_about_no_number_leaves_nothing(said: bytes) -> None:
    body = b"<POSTBACK>" + said + b"</POSTBACK>"

    assert skycore.decode(Inbound(method="POST", query="", content_type="text/xml", body=body)) == ()


@pytest.mark.parametrize("name", ["pass", "email-unsubscribed", "visit-get"])
def test_what_concerns_no_number_is_accepted_and_leaves_nothing(sample: Sample, name: str) -> None:
    assert skycore.decode(sample(f"skycore/{name}")) == ()


def test_a_text_from_nobody_leaves_nothing(sample: Sample) -> None:
    inbound = sample("skycore/sms-mo")

    assert skycore.decode(replace(inbound, body=inbound.body.replace(b"16505550101", b""))) == ()


@pytest.mark.parametrize("to", [b"", b"<TO></TO>", b"<TO> </TO>"])
def test_a_text_to_nobody_is_a_text_all_the_same(sample: Sample, to: bytes) -> None:
    """Refused, it would take its whole batch with it; and a STOP is one wherever it went (receiver/reach.py)."""
    inbound = sample("skycore/sms-mo")

    (report,) = skycore.decode(replace(inbound, body=inbound.body.replace(b"<TO>123456</TO>", to)))

    assert isinstance(report, TextReceived)
    assert report.to.strip() == ""


def test_an_opt_out_that_calls_itself_a_text_is_an_opt_out(sample: Sample) -> None:
    inbound = sample("skycore/e-raw-untyped")
    (report,) = consents(replace(inbound, body=inbound.body.replace(b">SUB<", b">SMS_MO<")))

    assert (report.status, report.msisdn) == (Status.OPTED_OUT, UNSUBSCRIBED.msisdn)


@pytest.mark.parametrize("body", [b"", b"text=STOP", b"xml=", b"<A/>", b"{}", b"<POSTBACK>"])
def test_what_is_no_postback_is_refused(body: bytes) -> None:
    with pytest.raises(Refused):
        skycore.decode(Inbound(method="POST", query="", content_type="", body=body))


def test_whoever_knows_the_token_is_believed(sample: Sample) -> None:
    source = Source(account=AccountId("acme"), id=SourceId("sky"), provider="skycore", token="t", signature_secret="s")

    skycore.verify(sample("skycore/e-raw-untyped"), source, STOPPED_AT)


def test_the_reply_is_exactly_200_or_makes_the_provider_come_again() -> None:
    assert skycore.reply(None) == Reply(status=200)
    assert skycore.reply(StoreUnavailable("")) == Reply(status=503, retry_after=300)
    assert skycore.reply(Refused("")) == Reply(status=400)
