"""What is simulated is what a provider would post: its own codec believes and understands it."""

import hashlib
import re
import secrets
from dataclasses import replace
from datetime import UTC, datetime

import pytest

from consent.errors import Unverified
from consent.ledger import Registry, Store
from consent.model import Account, SignatureMethod, Source, Status
from console import simulation
from console.dialects import TEXTS, Webhook
from console.refusals import Unfit
from receiver.codecs import CODECS, HEADERS, nexmo, skycore
from receiver.inbound import Inbound
from receiver.reports import ConsentReported, TextReceived, Unreadable
from tests.builders import ACME, ANN, NOON, a_campaign, a_source
from tests.console.command_line import CommandLine


def randomness(count: int) -> bytes:
    return hashlib.shake_128(b"seed").digest(count)


URL = "https://relay.example.com/hooks/t0ken"
EVERY_PROVIDER = pytest.mark.parametrize("provider", TEXTS)


def arriving(webhook: Webhook) -> Inbound:
    headers = tuple((name.lower(), value) for name, value in webhook.headers.items())
    assert {name for name, _ in headers} <= HEADERS
    return Inbound(
        method="POST", query="", content_type=webhook.content_type, body=webhook.body, headers=headers, url=URL
    )


def simulated(source: Source, words: str = "stop & go = 1, ÿ 🛑") -> Inbound:
    return arriving(simulation.text(source, ANN, "123456", words, url=URL, now=NOON, random=randomness))


def test_a_text_can_be_simulated_of_every_provider_that_posts_texts() -> None:
    assert {*TEXTS, "skycore"} == {*CODECS}


@EVERY_PROVIDER
def test_a_text_says_who_wrote_what_to_whom(provider: str) -> None:
    source = a_source(provider=provider)

    inbound = simulated(source)

    CODECS[provider].verify(inbound, source, NOON)
    (report,) = CODECS[provider].decode(inbound)
    assert isinstance(report, TextReceived)
    assert (report.sender.removeprefix("+"), report.to, report.text) == (ANN, "123456", "stop & go = 1, ÿ 🛑")
    assert report.occurred_at == (None if provider in {"twilio", "plivo"} else NOON)  # which date nothing
    assert inbound.headers == ()


@EVERY_PROVIDER
def test_another_text_is_no_repeat_of_it(provider: str) -> None:
    source, codec = a_source(provider=provider), CODECS[provider]
    texts = [
        simulation.text(source, ANN, "123456", "STOP", url=URL, now=NOON, random=secrets.token_bytes) for _ in range(2)
    ]

    identities = {
        report.identity
        for text in texts
        for report in codec.decode(arriving(text))
        if not isinstance(report, Unreadable)
    }

    assert len(identities) == 2


@pytest.mark.parametrize("provider", [provider for provider in TEXTS if provider != "telnyx"])
def test_a_signed_text_convinces_its_codec_and_no_other_secret_does(provider: str) -> None:
    source = a_source(provider=provider, signature_secret="relay:s3cr3t")

    inbound = simulated(source)

    CODECS[provider].verify(inbound, source, NOON)
    with pytest.raises(Unverified):
        CODECS[provider].verify(inbound, replace(source, signature_secret="relay:another"), NOON)


@pytest.mark.parametrize("method", ["md5hash", "md5", "sha1", "sha256", "sha512"])
def test_nexmos_convinces_by_every_method(method: SignatureMethod) -> None:
    source = a_source(signature_secret="s3cr3t", signature_method=method)

    nexmo.verify(simulated(source), source, NOON)


@pytest.mark.parametrize(
    ("source", "url", "remedy"),
    [
        (a_source(provider="telnyx", signature_secret="key"), URL, "take a source without signature_secret"),
        (a_source(provider="twilio", signature_secret="s3cr3t"), "", "set receiver.public_url"),
        (a_source(provider="plivo", signature_secret="s3cr3t"), "", "set receiver.public_url"),
        (a_source(provider="skycore"), URL, "`consent-relay simulate postback`"),
    ],
)
def test_what_the_receiver_would_not_believe_is_not_simulated(source: Source, url: str, remedy: str) -> None:
    with pytest.raises(Unfit, match=re.escape(remedy)):
        simulation.text(source, ANN, "123456", "STOP", url=url, now=NOON, random=randomness)


@pytest.mark.parametrize(
    ("source", "is_possible"),
    [
        (a_source(provider="aws"), True),
        (a_source(provider="telnyx"), True),
        (a_source(provider="telnyx", signature_secret="key"), False),
        (a_source(provider="skycore"), False),
    ],
)
def test_it_is_known_before_where_that_is(source: Source, is_possible: bool) -> None:
    assert simulation.is_possible(source) is is_possible


@pytest.mark.parametrize(("code", "status"), [("N301", Status.OPTED_IN), ("N302", Status.OPTED_OUT)])
def test_a_postback_is_one_that_skycore_sends(code: simulation.Code, status: Status) -> None:
    (report,) = skycore.decode(arriving(simulation.notification(a_campaign(), ANN, code, now=NOON)))

    assert isinstance(report, ConsentReported)
    assert (report.msisdn, report.campaign, report.status) == (ANN, "1116", status)
    assert report.occurred_at == datetime.fromtimestamp(NOON / 1000, UTC).timestamp() * 1000


@pytest.fixture
def cli(cli: CommandLine) -> CommandLine:
    cli.configure("[receiver]\nport = 9")
    cli.register(Account(id=ACME), a_campaign(), a_source())
    return cli


def test_a_receiver_that_is_away_is_told_with_the_remedy(cli: CommandLine) -> None:
    assert "the receiver does not answer on 127.0.0.1 port 9" in cli.run("simulate", "stop", ANN, exit_code=1)


def test_what_cannot_be_guessed_has_to_be_said(cli: CommandLine) -> None:
    async def more(store: Store) -> None:
        await Registry(store).put(a_campaign("1117", short_code=""))
        await Registry(store).put(a_source(id="other", provider="twilio", token="another-token-of-16-chars"))
        await Registry(store).put(a_source(id="sky", provider="skycore", token="a-third-token-of-16-chars"))

    assert "there is no skycore source yet" in cli.run("simulate", "postback", ANN, exit_code=1)
    cli.in_store(more)

    assert "simulate postback" in cli.run("simulate", "stop", ANN, "--source", "sky", "--to", "1", exit_code=1)
    assert "say which source: acme/nexmo-main, acme/other" in cli.run("simulate", "stop", ANN, exit_code=1)
    assert "say which campaign: 1116, 1117" in cli.run("simulate", "stop", ANN, "--source", "other", exit_code=1)
    assert "no short code: say --to" in cli.run(
        "simulate", "start", ANN, "--source", "other", "--campaign", "1117", exit_code=1
    )
