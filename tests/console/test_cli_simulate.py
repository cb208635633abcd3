"""What is simulated is what a provider would post: its own codec believes and understands it."""

import hashlib
from datetime import UTC, datetime
from urllib.parse import parse_qs

import pytest

from consent.errors import Unverified
from consent.ledger import Registry, Store
from consent.model import Account, SignatureMethod, Status
from console import simulation
from console.simulation import Webhook
from receiver.codecs import nexmo, skycore
from receiver.inbound import Inbound
from receiver.reports import ConsentReported, TextReceived
from tests.builders import ACME, ANN, NOON, a_campaign, a_source
from tests.console.command_line import CommandLine


def randomness(count: int) -> bytes:
    return hashlib.shake_128(b"seed").digest(count)


def arriving(webhook: Webhook) -> Inbound:
    return Inbound(method="POST", query="", content_type=webhook.content_type, body=webhook.body)


@pytest.mark.parametrize("method", ["md5hash", "md5", "sha1", "sha256", "sha512"])
def test_a_signed_text_convinces_by_every_method(method: SignatureMethod) -> None:
    source = a_source(signature_secret="s3cr3t", signature_method=method)

    inbound = arriving(simulation.text(source, ANN, "123456", "stop & go = 1", now=NOON, random=randomness))

    nexmo.verify(inbound, source, NOON)
    with pytest.raises(Unverified):
        nexmo.verify(inbound, a_source(signature_secret="other", signature_method=method), NOON)


def test_a_text_says_who_wrote_what_to_whom_and_when() -> None:
    webhook = simulation.text(a_source(), ANN, "123456", "Please stop", now=NOON, random=randomness)

    (report,) = nexmo.decode(arriving(webhook))
    assert isinstance(report, TextReceived)
    assert (report.sender, report.to, report.text, report.occurred_at) == (ANN, "123456", "Please stop", NOON)
    assert "sig" not in parse_qs(webhook.body.decode())


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
        await Registry(store).put(a_source(id="other", token="another-token-of-16-chars"))

    assert "there is no skycore source yet" in cli.run("simulate", "postback", ANN, exit_code=1)
    cli.in_store(more)

    assert "say which source: acme/nexmo-main, acme/other" in cli.run("simulate", "stop", ANN, exit_code=1)
    assert "say which campaign: 1116, 1117" in cli.run("simulate", "stop", ANN, "--source", "other", exit_code=1)
    assert "no short code: say --to" in cli.run(
        "simulate", "start", ANN, "--source", "other", "--campaign", "1117", exit_code=1
    )
