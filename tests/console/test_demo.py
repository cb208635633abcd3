"""A newcomer gets a registry that works, and lines that can be copied."""

import shlex
from urllib.parse import parse_qs

import pytest

from console.demo import RANDOM_BYTES, registry, stop_command, webhook_url, welcome
from receiver.codecs import CODECS, nexmo
from receiver.inbound import Inbound
from receiver.reports import TextReceived

RANDOM = bytes(range(RANDOM_BYTES))
URL = "http://127.0.0.1:8080"


def test_the_registry_has_the_documented_sample_campaign_and_a_source_for_each_provider() -> None:
    demo = registry(RANDOM)

    assert demo.account.id == demo.campaign.account == "demo"
    assert (demo.campaign.id, demo.campaign.title, demo.campaign.brand, demo.campaign.short_code) == (
        "1116",
        "My Campaign Name",
        "My Brand Name",
        "123456",
    )
    assert {source.provider for source in demo.sources} <= set(CODECS)


def test_every_secret_is_long_and_differs_from_the_others_and_from_start_to_start() -> None:
    demo, other = registry(RANDOM), registry(bytes(reversed(RANDOM)))

    secrets = {
        secret for each in (demo, other) for secret in (each.account.api_secret, each.nexmo.token, each.skycore.token)
    }
    assert len(secrets) == 6
    assert all(len(secret) >= 16 for secret in secrets)
    assert demo.message_id != other.message_id


def test_too_little_randomness_is_refused() -> None:
    with pytest.raises(ValueError, match="random bytes"):
        registry(RANDOM[:-1])


def test_the_command_shown_is_a_stop_that_the_codec_understands() -> None:
    demo = registry(RANDOM)

    program, _, url, _, body = shlex.split(stop_command(demo, URL))
    form = Inbound(method="POST", query="", content_type="application/x-www-form-urlencoded", body=body.encode())
    (report,) = nexmo.decode(form)
    assert (program, url) == ("curl", webhook_url(URL, demo.nexmo))
    assert isinstance(report, TextReceived)
    assert (report.text, report.to, report.occurred_at) == ("STOP", "123456", None)
    assert parse_qs(body)["messageId"] == [demo.message_id]


def test_what_is_printed_has_every_url_the_stop_and_the_next_command_on_lines_of_their_own() -> None:
    demo = registry(RANDOM)

    lines = welcome(demo, URL, program=".venv/bin/consent-relay").plain.splitlines()

    for copied in (webhook_url(URL, demo.nexmo), webhook_url(URL, demo.skycore), stop_command(demo, URL)):
        assert any(line.endswith(copied) for line in lines)
    assert any(".venv/bin/consent-relay endpoint add demo/crm https://" in line for line in lines)
    assert len(lines) < 20


@pytest.mark.parametrize(("url", "is_hinted"), [(URL, True), ("https://sms.example.com/", False)])
def test_a_url_that_no_provider_can_reach_is_said_to_be_one(url: str, is_hinted: bool) -> None:
    text = welcome(registry(RANDOM), url).plain

    assert ("receiver.public_url" in text) is is_hinted
    assert "//hooks" not in text
