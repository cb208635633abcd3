"""What does a newcomer start with? A registry that works at once, and what to paste where. Pure."""

from base64 import urlsafe_b64encode
from dataclasses import dataclass
from urllib.parse import urlencode, urlsplit

from rich.text import Text

from consent.model import Account, AccountId, Campaign, CampaignId, Source, SourceId

RANDOM_BYTES = 88
"""What `registry` wants: api key 4, api secret 24, a token of 24 for each source, and 12 for the first message's id."""

_SOMEBODY = "15558937009"
_DASHBOARDS = {"nexmo": "Nexmo / Vonage  inbound SMS webhook", "skycore": "Skycore         postback URL"}
_WIDEST = max(map(len, _DASHBOARDS.values()))


@dataclass(frozen=True, slots=True, kw_only=True)
class Demo:
    account: Account
    campaign: Campaign
    nexmo: Source
    skycore: Source
    message_id: str

    @property
    def sources(self) -> tuple[Source, ...]:
        return self.nexmo, self.skycore

    @property
    def rows(self) -> tuple[Account | Campaign | Source, ...]:
        """All that goes into the registry."""
        return self.account, self.campaign, *self.sources


def registry(random: bytes) -> Demo:
    if len(random) < RANDOM_BYTES:
        raise ValueError(
            f"a demo registry takes {RANDOM_BYTES} random bytes: less would make a secret that can be guessed"
        )
    account = AccountId("demo")
    return Demo(
        account=Account(id=account, api_key=random[:4].hex(), api_secret=_word(random[4:28])),
        campaign=Campaign(
            account=account,
            id=CampaignId("1116"),
            title="My Campaign Name",
            brand="My Brand Name",
            short_code="123456",
        ),
        nexmo=Source(account=account, id=SourceId("nexmo"), provider="nexmo", token=_word(random[28:52])),
        skycore=Source(account=account, id=SourceId("skycore"), provider="skycore", token=_word(random[52:76])),
        message_id=random[76:RANDOM_BYTES].hex()[:16].upper(),
    )


def webhook_url(receiver_url: str, source: Source) -> str:
    return f"{receiver_url.rstrip('/')}/hooks/{source.token}"


def stop_command(demo: Demo, receiver_url: str) -> str:
    """A STOP as Nexmo posts it. Without message-timestamp its arrival counts, so it may be pasted hours later."""
    form = {
        "msisdn": _SOMEBODY,
        "to": demo.campaign.short_code,
        "messageId": demo.message_id,
        "text": "STOP",
        "type": "text",
    }
    return f"curl -i {webhook_url(receiver_url, demo.nexmo)} -d '{urlencode(form)}'"


def welcome(demo: Demo, receiver_url: str, *, program: str = "consent-relay") -> Text:
    """`program`: as it is to be typed here. Print with `soft_wrap=True`: a URL broken in two cannot be copied."""
    text = Text("\nNo configuration yet, so here is a demo account to play with.\n")
    _step(text, 1, "Paste these into your providers' dashboards:")
    for source in demo.sources:
        _line(text, f"{_DASHBOARDS[source.provider]:<{_WIDEST}}  ", webhook_url(receiver_url, source))
    if _is_here_only(receiver_url):
        _line(text, "(providers reach them once receiver.public_url names your proxy or tunnel)", "")
    _step(text, 2, "Or be the provider: somebody answers STOP.")
    _line(text, "", stop_command(demo, receiver_url))
    _step(text, 3, "Name a system that wants to know:")
    _line(text, "", f"{program} endpoint add {demo.account.id}/crm https://crm.example.com/hooks/consent")
    return text


def _step(text: Text, number: int, title: str) -> None:
    text.append(f"\n{number}. ", style="bold cyan").append(f"{title}\n", style="bold")


def _line(text: Text, label: str, copied: str) -> None:
    text.append(f"   {label}", style="dim").append(f"{copied}\n")


def _is_here_only(receiver_url: str) -> bool:
    return urlsplit(receiver_url).hostname in {"127.0.0.1", "::1", "localhost"}


def _word(random: bytes) -> str:
    return urlsafe_b64encode(random).decode().rstrip("=")
