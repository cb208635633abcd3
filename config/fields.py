"""What may stand behind a key? The types of single values, each of which says what it expected instead.

Every reader takes whatever the file or the environment held and returns the value, or raises by `expected(...)`;
config/mistakes.py makes the operator's line of that.
"""

import base64
import binascii
import hmac
import ipaddress
import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, NoReturn

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from pydantic import AfterValidator, BeforeValidator, PlainSerializer, SecretStr
from pydantic_core import PydanticCustomError

from config.custom_headers import wrong_with_headers
from config.durations import milliseconds, spelled
from config.urls import (
    without_secrets,
    wrong_with_proxy_url,
    wrong_with_public_url,
    wrong_with_store_url,
    wrong_with_web_url,
)
from consent.locales import PACKS
from consent.model import EventType, Millis

Network = ipaddress.IPv4Network | ipaddress.IPv6Network

_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
_CAMPAIGN = re.compile(r"(?!\.{1,2}\Z)[^\s/:{}\x00-\x1f\x7f]{1,64}")
_HOST = re.compile(r"[A-Za-z0-9._:%-]{1,253}")
_TOKEN = re.compile(r"[A-Za-z0-9_-]{16,128}")
_WORD = re.compile(r"\S(.{0,62}\S)?")
_TEXTED = re.compile(r"(?=.*[^\W_]).{1,32}")
_RATE = re.compile(r"([1-9][0-9]{0,5}/s)?")
_WHOLE = re.compile(r"[0-9]{1,18}")
_SIGNING_PREFIX = "whsec_"
_PRIVATE_PREFIX = "whsk_"
_STORE_KEY_BYTES = 32
_EVENT_PATTERNS = {"*", *EventType, *(event.split(".")[0] + ".*" for event in EventType)} - {EventType.ENDPOINT_TEST}


def expected(what: str) -> NoReturn:
    # pydantic asks for a literal because it fills in {names}; with no context given, it fills in nothing.
    raise PydanticCustomError("expected", what)


def _whole(low: int, high: int, what: str) -> BeforeValidator:
    def read(value: object) -> int:
        number = int(value) if isinstance(value, str) and _WHOLE.fullmatch(value) else value
        # True is an int to Python, never to the person who wrote `port = true`.
        if isinstance(number, bool) or not isinstance(number, int) or not low <= number <= high:
            expected(f"{what} from {low} to {high}")
        return number

    return BeforeValidator(read)


def _flag(value: object) -> bool:
    """In quotes, it is no boolean: who wrote "no" is not to wonder what that was taken for."""
    return value if isinstance(value, bool) else expected("true or false, without quotes")


def _share(value: object) -> float:
    try:
        share = float(value) if isinstance(value, str | int | float) and not isinstance(value, bool) else -1
    except ValueError:
        share = -1
    return share if 0 <= share <= 1 else expected("a number from 0 to 1")


def _duration(least: int, what: str) -> BeforeValidator:
    def read(value: object) -> Millis:
        try:
            duration = milliseconds(value) if isinstance(value, str | int) else None
        except ValueError:
            duration = None
        if duration is None or duration < least:
            expected(f'{what}, as in "250ms", "15s", "5m", "2h" or "30d"')
        return duration

    return BeforeValidator(read)


def _matching(pattern: re.Pattern[str], what: str) -> AfterValidator:
    return _passing(lambda value: "" if pattern.fullmatch(value) else what)


def _passing(wrong_with: Callable[[str], str]) -> AfterValidator:
    def check(value: str) -> str:
        if wrong := wrong_with(value):
            expected(wrong)
        return value

    return AfterValidator(check)


def _without_blanks_around(given: object) -> object:
    """What was pasted along with a secret is no part of it: a webhook signed with the secret itself would be refused.

    Blanks alone are kept: taken for no secret at all, they would let unsigned webhooks be believed.
    """
    return given.strip() or given if isinstance(given, str) else given


def _secret(is_fit: Callable[[str], bool], what: str) -> AfterValidator:
    def check(secret: SecretStr) -> SecretStr:
        if secret and not is_fit(secret.get_secret_value()):
            expected(what)
        return secret

    return AfterValidator(check)


def _listed(value: object) -> object:
    """The environment has no lists: there, one is written as JSON or with commas."""
    if not isinstance(value, str):
        return value
    try:
        return json.loads(value) if value.startswith("[") else [part.strip() for part in value.split(",") if part]
    except ValueError:
        return value


def _network(value: object) -> Network:
    try:
        return ipaddress.ip_network(value if isinstance(value, str) else "")
    except ValueError:
        expected('a network without host bits, as in "10.0.0.0/8" or "fd00::/8"')


def _is_signing_secret(value: str) -> bool:
    if value.startswith(_PRIVATE_PREFIX):
        pair = _decoded(value.removeprefix(_PRIVATE_PREFIX))
        return len(pair) == 64 and _belong_together(pair[:32], pair[32:])
    return value.startswith(_SIGNING_PREFIX) and 16 <= len(_decoded(value.removeprefix(_SIGNING_PREFIX))) <= 64


def _belong_together(seed: bytes, public: bytes) -> bool:
    return hmac.compare_digest(Ed25519PrivateKey.from_private_bytes(seed).public_key().public_bytes_raw(), public)


def _decoded(value: str) -> bytes:
    """Empty where it is no base64."""
    try:
        return base64.b64decode(value, validate=True)
    except (binascii.Error, ValueError):
        return b""


def _headers(value: object) -> dict[str, str]:
    """Read as a whole, so that no mistake can show a value."""
    if not isinstance(value, dict) or not all(isinstance(text, str) for pair in value.items() for text in pair):
        expected('a table of texts, as in { "X-Api-Key" = "…" }')
    if wrong := wrong_with_headers(value):
        expected(wrong)
    return value


def _not_empty(example: str) -> AfterValidator:
    def check(listed: tuple[object, ...]) -> tuple[object, ...]:
        return listed or expected(f"at least one, as in {example}")

    return AfterValidator(check)


def _absolute(path: Path) -> Path:
    """From the start: who changes the directory later does not move the store."""
    if "\0" in str(path):
        expected("a path without a null character")
    try:
        return path.expanduser().absolute()
    except RuntimeError:
        expected("a path below the home of somebody whom this machine knows")


_AS_WRITTEN = PlainSerializer(spelled, when_used="json")
_WITHOUT_SECRETS = PlainSerializer(without_secrets, when_used="json")
_LISTED = BeforeValidator(_listed)

Flag = Annotated[bool, BeforeValidator(_flag)]
Port = Annotated[int, _whole(0, 65535, "a port number")]
Partitions = Annotated[int, _whole(1, 1024, "a whole number")]
Count = Annotated[int, _whole(1, 65536, "a whole number")]
Bytes = Annotated[int, _whole(1024, 16 * 1024 * 1024, "a number of bytes")]
Duration = Annotated[Millis, _duration(1, "a duration above zero"), _AS_WRITTEN]
Wait = Annotated[Millis, _duration(0, "a duration"), _AS_WRITTEN]
FilePath = Annotated[str, AfterValidator(lambda path: str(_absolute(Path(path))) if path else "")]
Directory = Annotated[Path, AfterValidator(_absolute)]
Share = Annotated[float, BeforeValidator(_share)]
Host = Annotated[str, _matching(_HOST, 'an address to listen on, as in "127.0.0.1", "0.0.0.0" or "::"')]
WebUrl = Annotated[str, _passing(wrong_with_web_url), _WITHOUT_SECRETS]
PublicUrl = Annotated[str, _passing(wrong_with_public_url), AfterValidator(lambda url: url.rstrip("/"))]
StoreUrl = Annotated[str, _passing(wrong_with_store_url), _WITHOUT_SECRETS]
ProxyUrl = Annotated[str, _passing(wrong_with_proxy_url), _WITHOUT_SECRETS]
Id = Annotated[str, _matching(_ID, "1 to 64 letters, digits, '.', '_' or '-', the first a letter or digit")]
CampaignKey = Annotated[
    str, _matching(_CAMPAIGN, "1 to 64 characters without spaces and without / : { }, and not a dot or two")
]
Word = Annotated[str, _matching(_WORD, "a word or phrase of 1 to 64 characters")]
Texted = Annotated[str, _matching(_TEXTED, "a number that is texted, of at most 32 characters")]
Pack = Annotated[str, _passing(lambda name: "" if name in PACKS else "one of " + ", ".join(PACKS))]
Rate = Annotated[str, _matching(_RATE, 'a rate, as in "50/s", or "" for no limit')]
EventPattern = Annotated[
    str, _passing(lambda event: "" if event in _EVENT_PATTERNS else "one of " + ", ".join(sorted(_EVENT_PATTERNS)))
]
Secret = Annotated[SecretStr, BeforeValidator(_without_blanks_around)]
# RFC 7617: the first colon ends the user name, and the rest would be taken for part of the password.
ApiKey = Annotated[
    Secret,
    _secret(lambda key: ":" not in key, "a key without a colon, which would end it in HTTP Basic"),
]
Token = Annotated[SecretStr, _secret(lambda token: bool(_TOKEN.fullmatch(token)), "16 to 128 letters, digits, - or _")]
SigningSecret = Annotated[
    SecretStr,
    _secret(
        _is_signing_secret,
        '"whsec_" and then 16 to 64 bytes in base64, or "whsk_" and then an ed25519 seed and its public key in base64',
    ),
]
StoreKey = Annotated[
    SecretStr,
    _secret(
        lambda key: len(_decoded(key)) == _STORE_KEY_BYTES,
        "32 bytes in base64, as openssl rand -base64 32 prints them",
    ),
]
Headers = Annotated[dict[str, SecretStr], BeforeValidator(_headers)]

Schedule = Annotated[tuple[Wait, ...], _LISTED, _not_empty('["0s", "5s", "5m"]')]
StoreKeys = Annotated[tuple[StoreKey, ...], _LISTED]
Networks = Annotated[tuple[Annotated[Network, BeforeValidator(_network)], ...], _LISTED]
Packs = Annotated[tuple[Pack, ...], _LISTED]
Words = Annotated[tuple[Word, ...], _LISTED]
Pool = Annotated[tuple[Texted, ...], _LISTED]
CampaignKeys = Annotated[tuple[CampaignKey, ...], _LISTED]
EventPatterns = Annotated[tuple[EventPattern, ...], _LISTED, _not_empty('["consent.*"]')]
