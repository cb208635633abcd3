"""Hostile bytes: every codec decodes any request or refuses it, and is quick about it."""

import json
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import asdict, replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from consent.errors import ConsentError, Refused
from consent.model import AccountId, Source, SourceId, UnixMs
from receiver.codecs import CODECS
from receiver.codecs.codec import Codec
from receiver.inbound import Inbound

CONTENT_TYPES = [
    "",
    "application/json",
    "application/x-www-form-urlencoded",
    "multipart/form-data; boundary=edge",
    "text/xml",
]
OPENINGS = [
    b"",
    b"{",
    b'{"msisdn":"1","to":"2","text":',
    b"<",
    b"<?xml version='1.0' encoding='",
    b"<POSTBACK><CODE>N302</CODE>",
    b"xml=%3CPOSTBACK%3E",
    b"msisdn=1&to=2&text=",
    b'--edge\r\nContent-Disposition: form-data; name="xml"\r\n\r\n',
]
CLOSINGS = [b"", b"}", b'"}', b"</POSTBACK>", b"\r\n--edge--"]

requests = st.builds(
    Inbound,
    method=st.sampled_from(["GET", "POST", "HEAD", "PUT"]) | st.text(max_size=5),
    query=st.text(max_size=80) | st.text(alphabet="msisdnto=&%+1xml<", max_size=80),
    content_type=st.sampled_from(CONTENT_TYPES) | st.text(max_size=40),
    body=st.tuples(st.sampled_from(OPENINGS), st.binary(max_size=200), st.sampled_from(CLOSINGS)).map(b"".join),
)


def a_source(provider: str) -> Source:
    return Source(
        account=AccountId("acme"), id=SourceId("main"), provider=provider, token="t", signature_secret="secret"
    )


def decodes_or_refuses(codec: Codec, provider: str, request_: Inbound) -> None:
    with suppress(Refused):
        codec.verify(request_, a_source(provider), UnixMs(0))
    try:
        reports = codec.decode(request_)
    except Refused:
        return

    for report in reports:
        assert json.dumps(asdict(report), ensure_ascii=False).encode(), "every report can be written down"
        assert report.identity


@pytest.mark.parametrize(("provider", "codec"), CODECS.items())
@settings(max_examples=500)
@given(request_=requests)
def test_any_bytes_are_decoded_or_refused(provider: str, codec: Codec, request_: Inbound) -> None:
    decodes_or_refuses(codec, provider, request_)


def mangled(whole: bytes) -> Iterator[bytes]:
    """Cut off at each of some places, and with a hostile byte in each of them."""
    for at in range(0, len(whole), max(1, len(whole) // 40)):
        yield whole[:at]
        yield whole[:at] + b"\x00" + whole[at + 1 :]
        yield whole[:at] + b"\xff" + whole[at:]


@pytest.mark.parametrize(("provider", "codec"), CODECS.items())
def test_every_sample_is_decoded_or_refused_however_it_is_damaged(
    provider: str, codec: Codec, samples: dict[str, Inbound]
) -> None:
    for whole in samples.values():
        decodes_or_refuses(codec, provider, whole)
        for body in mangled(whole.body):
            decodes_or_refuses(codec, provider, replace(whole, body=body))
        for query in mangled(whole.query.encode()):
            decodes_or_refuses(codec, provider, replace(whole, query=query.decode("utf-8", "surrogateescape")))


@pytest.mark.parametrize("name", ["billion-laughs", "external-entity", "external-dtd", "deep"])
def test_a_bomb_or_a_foreign_entity_is_refused_at_once(sample: Callable[[str], Inbound], name: str) -> None:
    hostile = sample(f"skycore/hostile/{name}")

    began = time.process_time()
    with pytest.raises(Refused):
        CODECS["skycore"].decode(hostile)

    assert time.process_time() - began < 0.05


@pytest.mark.parametrize(
    "body",
    [
        b"&" * 65_536,
        b"%41" * 21_845,
        b"[" * 65_536,
        b'{"a":' * 13_107,
        b"--edge\r\ncontent-disposition: form-data; " + b"name=" * 13_000,
        b"<?xml " * 10_000,
        b"xml=%3C%3Fxml" + b"+" * 65_000,
    ],
)
@pytest.mark.parametrize("content_type", CONTENT_TYPES)
@pytest.mark.parametrize("provider", CODECS)
def test_the_largest_hostile_body_takes_no_time(provider: str, content_type: str, body: bytes) -> None:
    hostile = Inbound(method="POST", query="", content_type=content_type, body=body)

    began = time.process_time()
    decodes_or_refuses(CODECS[provider], provider, hostile)

    assert time.process_time() - began < 0.25


@pytest.mark.parametrize(("provider", "codec"), CODECS.items())
def test_every_codec_answers_every_error_without_a_body(provider: str, codec: Codec) -> None:
    for error in (None, *_all_errors(ConsentError)):
        reply = codec.reply(error)

        assert reply.body == b"", provider
        assert reply.status == (error.status if error else 200)
        assert (reply.retry_after is not None) == (error is not None and error.retryable)


def _all_errors(root: type[ConsentError]) -> Iterator[ConsentError]:
    yield root()
    for child in root.__subclasses__():
        yield from _all_errors(child)
