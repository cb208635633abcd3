"""Who is registered? The rows of the registry."""

from dataclasses import dataclass, field

from consent.model.words import AccountId, BodyFormat, CampaignId, EndpointId, Millis, SignatureMethod, SourceId, UnixMs

LONGEST_TITLE = 256
"""Characters of a title or brand: every notification has both."""
_A_DAY = Millis(24 * 3600 * 1000)


@dataclass(frozen=True, slots=True, kw_only=True)
class Account:
    id: AccountId
    api_key: str = field(default="", repr=False)
    api_secret: str = field(default="", repr=False)
    signature_secret: str = field(default="", repr=False)
    signature_method: SignatureMethod = "md5hash"


@dataclass(frozen=True, slots=True, kw_only=True)
class Campaign:
    account: AccountId
    id: CampaignId
    title: str = ""
    brand: str = ""
    short_code: str = ""
    pool: tuple[str, ...] = ()
    """Further numbers that it texts from, and people answer to."""
    keywords: tuple[str, ...] = ()
    requires_opt_in: bool = False
    discovered: bool = False
    """Nobody registered it: it was created from what a webhook said, so that nothing was lost."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """A webhook URL: who posts to it, for which account, and how a post proves where it comes from."""

    account: AccountId
    id: SourceId
    provider: str
    token: str = field(repr=False)
    signature_secret: str = field(default="", repr=False)
    signature_method: SignatureMethod = "md5hash"
    tolerance: Millis = _A_DAY

    def __hash__(self) -> int:
        """By the token, which no two share: rulings are remembered by their source, and asked for with every text."""
        return hash(self.token)


@dataclass(frozen=True, slots=True, kw_only=True)
class RetiringSecret:
    """One that a rotation replaced: it signs beside the others for a while, so that nobody is cut off."""

    value: str = field(repr=False)
    until: UnixMs
    """From this instant on it does not sign."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Header:
    """What an endpoint wants to see besides: a key of its API, mostly."""

    name: str
    value: str = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Endpoint:
    """A customer's URL that wants to know."""

    account: AccountId
    id: EndpointId
    url: str
    secrets: tuple[str, ...] = field(repr=False)
    """`whsec_…` (HMAC) or `whsk_…` (ed25519); every one signs."""
    retiring: tuple[RetiringSecret, ...] = ()
    declared_secret: str = field(default="", repr=False)
    """Digest of the secret that the file had when it was applied last: whether the file changed, or a rotation did."""
    format: BodyFormat = "json"
    events: tuple[str, ...] = ("consent.*",)
    campaigns: tuple[CampaignId, ...] = ()
    changes_only: bool = False
    rate: str = ""
    max_in_flight: int = 16
    headers: tuple[Header, ...] = ()
    client_certificate: str = ""
    """Path of a PEM file on the dispatchers' machines, shown to whoever asks for one in TLS."""
    client_key: str = ""
    """Path of its private key; empty where the certificate's file holds it."""
    proxy: str = field(default="", repr=False)
    """URL of the HTTP proxy that leads there, with its password; empty: that of the dispatcher, if it has one."""
    disabled: str = ""
    """Why nothing is sent; empty while it is enabled. Its deliveries are held meanwhile, not lost."""
