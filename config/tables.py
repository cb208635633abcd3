"""What may be declared in the file: accounts, their campaigns, sources and endpoints. One class per [[table]].

As written, that is: tokens and secrets may be absent, ids are not yet qualified. config/declared.py makes the domain's
values of them.
"""

from pydantic import BaseModel, Field, SecretStr

from config.durations import milliseconds
from config.fields import (
    ApiKey,
    CampaignKey,
    CampaignKeys,
    Count,
    Duration,
    EventPatterns,
    FilePath,
    Flag,
    Headers,
    Id,
    Pool,
    ProxyUrl,
    Rate,
    Secret,
    SigningSecret,
    Token,
    WebUrl,
    Words,
)
from config.sections import CLOSED
from consent.model import LONGEST_TITLE, BodyFormat, SignatureMethod

_NOTHING = SecretStr("")


class AccountTable(BaseModel):
    model_config = CLOSED

    id: Id
    api_key: ApiKey = _NOTHING
    """Hidden like a secret, because for WXML it is the only credential."""
    api_secret: Secret = _NOTHING
    signature_secret: Secret = _NOTHING
    signature_method: SignatureMethod = "md5hash"


class CampaignTable(BaseModel):
    model_config = CLOSED

    account: Id
    id: CampaignKey
    title: str = Field(default="", max_length=LONGEST_TITLE)
    brand: str = Field(default="", max_length=LONGEST_TITLE)
    short_code: str = Field(default="", max_length=32)
    pool: Pool = ()
    keywords: Words = ()
    requires_opt_in: Flag = False


class SourceTable(BaseModel):
    model_config = CLOSED

    account: Id
    id: Id
    provider: Id
    token: Token = _NOTHING
    signature_secret: Secret = _NOTHING
    signature_method: SignatureMethod = "md5hash"
    tolerance: Duration = milliseconds("24h")


class EndpointTable(BaseModel):
    model_config = CLOSED

    account: Id
    id: Id
    url: WebUrl = Field(repr=False)
    """Hidden, because some systems have their key in the query."""
    secret: SigningSecret = _NOTHING
    format: BodyFormat = "json"
    events: EventPatterns = ("consent.*",)
    campaigns: CampaignKeys = ()
    changes_only: Flag = False
    rate: Rate = ""
    max_in_flight: Count = 16
    headers: Headers = {}
    client_certificate: FilePath = ""
    client_key: FilePath = ""
    proxy: ProxyUrl = Field(default="", repr=False)
