"""Who shows the user and the password is believed, and nobody else: with every provider that proves itself so.

The vectors are of https://www.rfc-editor.org/rfc/rfc7617 (sections 2 and 2.1).
"""

from collections.abc import Callable
from dataclasses import replace

import pytest

from consent.errors import StoreUnavailable, Unverified
from consent.model import UnixMs
from receiver.codecs import CODECS, basic
from receiver.inbound import Inbound
from tests.builders import a_source

Sample = Callable[[str], Inbound]

PAIR = "relay:s3cret: with a colon"
NOW = UnixMs(1_764_000_000_000)
THEY = pytest.mark.parametrize(
    ("provider", "name"),
    [("bandwidth", "text-post-json"), ("infobip", "text-post-json"), ("aws", "text-notification")],
)


def a_post(authorization: str) -> Inbound:
    headers = (("authorization", authorization),) if authorization else ()
    return Inbound(method="POST", query="", content_type="", body=b"[]", headers=headers)


@pytest.mark.parametrize(
    ("pair", "authorization"),
    [
        ("Aladdin:open sesame", "Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ=="),
        ("Aladdin:open sesame", "basic  QWxhZGRpbjpvcGVuIHNlc2FtZQ== "),
        ("test:123£", "Basic dGVzdDoxMjPCow=="),
    ],
)
def test_the_published_credentials_are_believed(pair: str, authorization: str) -> None:
    basic.verify(a_post(authorization), a_source(provider="bandwidth", signature_secret=pair))


@pytest.mark.parametrize(
    "authorization",
    [
        "",
        "Basic",
        "Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ",
        "Basic QWxhZGRpbjpvcGVuIHNlc2FtZ1==",
        "Bearer QWxhZGRpbjpvcGVuIHNlc2FtZQ==",
        "QWxhZGRpbjpvcGVuIHNlc2FtZQ==",
        "Basic Aladdin:open sesame",
        "Basic é\ud800",
    ],
)
def test_no_others_are(authorization: str) -> None:
    with pytest.raises(Unverified):
        basic.verify(a_post(authorization), a_source(provider="bandwidth", signature_secret="Aladdin:open sesame"))


@THEY
def test_a_request_needs_them_only_if_the_source_has_them(sample: Sample, provider: str, name: str) -> None:
    codec, shown, open_ = CODECS[provider], sample(f"{provider}/{name}"), sample(f"{provider}/{name}-open")
    source = a_source(provider=provider, signature_secret=PAIR)

    codec.verify(shown, source, NOW)
    codec.verify(open_, replace(source, signature_secret=""), NOW)
    with pytest.raises(Unverified, match="shows no user and password"):
        codec.verify(open_, source, NOW)
    with pytest.raises(Unverified, match="written as user:password"):
        codec.verify(shown, replace(source, signature_secret="relay:another"), NOW)


@THEY
def test_who_shows_none_is_asked_for_them(sample: Sample, provider: str, name: str) -> None:
    codec = CODECS[provider]
    with pytest.raises(Unverified) as refused:
        codec.verify(sample(f"{provider}/{name}-open"), a_source(provider=provider, signature_secret=PAIR), NOW)

    told = codec.reply(refused.value)

    assert (told.status, told.headers) == (
        401,
        (("WWW-Authenticate", 'Basic realm="consent-relay", charset="UTF-8"'),),
    )
    assert not codec.reply(None).headers
    assert not codec.reply(StoreUnavailable("away")).headers


@THEY
def test_somebody_who_opens_the_url_is_welcome_and_leaves_nothing(sample: Sample, provider: str, name: str) -> None:
    codec, visit = CODECS[provider], sample(f"{provider}/visit-get")

    codec.verify(visit, a_source(provider=provider, signature_secret=PAIR), NOW)
    assert codec.decode(visit) == ()


@pytest.mark.parametrize(
    ("written", "is_pair"), [(PAIR, True), ("a:b", True), ("ab", False), (":b", False), ("a:", False), ("", False)]
)
def test_a_pair_has_both(written: str, is_pair: bool) -> None:
    assert basic.is_pair(written) is is_pair
