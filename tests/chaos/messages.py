"""What do recipients say, and how does a provider post it? Pure: a seed is a script, and a message its bytes.

Every message of a number has an instant and word that no other of hers has, so that whoever finds an event in the log
knows which message it came from. Some share the second with the opposite word: then the opt-out wins.
"""

import random
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Literal
from urllib.parse import urlencode

from consent.model import CampaignId, Msisdn, Status, UnixMs
from consent.postback import Postback, encode
from receiver import signature

SHORT_CODE = "123456"
ALERTS, OFFERS = CampaignId("1116"), CampaignId("2227")
"""Both at one number: a text decides about both, a postback names one of them."""
CAMPAIGNS = (ALERTS, OFFERS)
SIGNATURE_SECRET = "my_secret_key_for_testing"
TOKENS = {"nexmo": "t0ken-of-nexmo-16-chars", "skycore": "t0ken-of-skycore-16-chars"}

_TIES = 0.05
_POSTBACKS = 0.3
_TWICE = 0.04
_LONG = 0.05
_MONTH_S = 30 * 24 * 3600


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    identity: str
    msisdn: Msisdn
    status: Status
    second: int
    """When she said so, in whole Unix seconds, as providers stamp."""
    dialect: Literal["nexmo", "skycore"]
    campaigns: tuple[CampaignId, ...]
    is_sent_twice: bool = False
    """The provider sends it to both receivers at once."""
    is_long: bool = False
    """It comes in two parts, each a post of its own, either of them first."""
    number: int = 0
    """Its place in the script."""

    @property
    def word(self) -> str:
        return "STOP" if self.status is Status.OPTED_OUT else "START"


def script(seed: int, *, events: int, numbers: int, now: int) -> list[Message]:
    """Messages enough to make so many events, in the order in which they are said. `now` in Unix seconds."""
    chance = random.Random(f"messages {seed}")
    clocks = {Msisdn(f"1650{n:07}"): now - _MONTH_S for n in range(numbers)}
    last: dict[Msisdn, Status] = {}
    found: list[Message] = []
    made = 0
    while made < events:
        msisdn = Msisdn(f"1650{chance.randrange(numbers):07}")
        is_tie = msisdn in last and chance.random() < _TIES
        clocks[msisdn] += 0 if is_tie else chance.choice((1, 1, 2, 60))
        status = _opposite(last[msisdn]) if is_tie else chance.choice((Status.OPTED_OUT, Status.OPTED_IN))
        if is_tie:  # the next one is later for certain: three in one second would not be told apart
            last.pop(msisdn)
        else:
            last[msisdn] = status
        is_postback, is_long = chance.random() < _POSTBACKS, chance.random() < _LONG
        message = Message(
            identity=f"{seed:X}-{len(found):06}",
            msisdn=msisdn,
            status=status,
            second=clocks[msisdn],
            dialect="skycore" if is_postback else "nexmo",
            campaigns=(chance.choice(CAMPAIGNS),) if is_postback else CAMPAIGNS,
            is_sent_twice=chance.random() < _TWICE,
            is_long=is_long and not is_postback,
            number=len(found),
        )
        made += len(message.campaigns)
        found.append(message)
    return found


def _opposite(status: Status) -> Status:
    return Status.OPTED_IN if status is Status.OPTED_OUT else Status.OPTED_OUT


@dataclass(frozen=True, slots=True)
class Post:
    path: str
    content_type: str
    content: bytes


def posts_of(message: Message, now: int) -> list[Post]:
    """As the provider sends it at `now`, in Unix seconds: signed anew at each attempt, named the same."""
    path = f"/hooks/{TOKENS[message.dialect]}"
    if message.dialect == "skycore":
        return [Post(path, "text/xml", encode(_postback(message)))]
    return [
        Post(path, "application/x-www-form-urlencoded", urlencode(_signed(fields)).encode())
        for fields in _texts(message, now)
    ]


def _signed(fields: dict[str, str]) -> dict[str, str]:
    return {**fields, "sig": signature.sign(fields, secret=SIGNATURE_SECRET, method="md5hash")}


def _texts(message: Message, now: int) -> Iterator[dict[str, str]]:
    whole = dict(_text_fields(message, now))
    if not message.is_long:
        yield whole
        return
    concatenated = {"concat": "true", "concat-ref": str(message.number % 65536), "concat-total": "2"}
    for part, words in ((2, message.word[2:]), (1, message.word[:2])):
        name = f"{message.identity}-{part}"
        yield {**whole, **concatenated, "concat-part": str(part), "text": words, "messageId": name}


def _text_fields(message: Message, now: int) -> Iterator[tuple[str, str]]:
    yield "msisdn", message.msisdn
    yield "to", SHORT_CODE
    yield "messageId", message.identity
    yield "text", message.word
    yield "type", "text"
    yield "keyword", message.word
    yield "message-timestamp", f"{datetime.fromtimestamp(message.second, UTC):%Y-%m-%d %H:%M:%S}"
    yield "timestamp", str(now)
    yield "nonce", "aaaaaaaa-bbbb-cccc-dddd-0123456789ab"


def _postback(message: Message) -> Postback:
    return Postback(
        code="N302" if message.status is Status.OPTED_OUT else "N301",
        msisdn=message.msisdn,
        campaign=message.campaigns[0],
        timestamp=UnixMs(message.second * 1000),
        short_code=SHORT_CODE,
        source="MO",
    )
