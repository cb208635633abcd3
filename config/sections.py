"""Which scalar settings are there, and what are they when nobody says? One class per [section] of the file."""

from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, SecretStr

from config.durations import milliseconds
from config.embedded_socket import socket_path, socket_url
from config.fields import (
    Bytes,
    Count,
    Directory,
    Duration,
    Flag,
    Host,
    Networks,
    Packs,
    Partitions,
    Port,
    ProxyUrl,
    PublicUrl,
    Schedule,
    Share,
    StoreKey,
    StoreKeys,
    StoreUrl,
    Token,
    Words,
)
from consent.locales import DEFAULT_PACKS

CLOSED = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)
"""An unknown key is a mistake: a misspelled setting that is silently ignored is found out by an incident."""

_SCHEDULE = ("0s", "5s", "5m", "30m", "2h", "5h", "10h", "14h", "20h", "24h")


class Store(BaseModel):
    model_config = CLOSED

    url: StoreUrl = Field(default="", repr=False)
    data_dir: Directory = Field(default=Path("var"), validate_default=True)
    partitions: Partitions = 16
    durability: Literal["memory", "fsync", "replicated"] = "fsync"
    retention: Duration = milliseconds("30d")
    secret_key: StoreKey = SecretStr("")
    """Seals the secrets in the registry. Empty: generated where the store is the embedded one, otherwise none."""
    old_secret_keys: StoreKeys = ()
    """Read what they sealed; nothing new is sealed with them."""

    @property
    def is_embedded(self) -> bool:
        return not self.url

    @property
    def socket(self) -> Path:
        """Of the embedded server."""
        return socket_path(self.data_dir)

    @property
    def effective_url(self) -> str:
        return self.url or socket_url(self.data_dir)


class Receiver(BaseModel):
    model_config = CLOSED

    host: Host = "127.0.0.1"
    port: Port = 8080
    public_url: PublicUrl = ""
    """What providers see, where a proxy stands before us; printed in webhook URLs."""
    max_body: Bytes = 65536
    trusted_proxies: Networks = ()
    """Whose X-Forwarded-For is believed, when calls with wrong credentials are counted by address."""
    internal_host: Host = "127.0.0.1"
    internal_port: Port = 8083
    parts_wait: Duration = milliseconds("3m")
    """How long the parts of a long text wait for the rest before they are judged as they are."""
    confirm_within: Duration = milliseconds("24h")
    """How long a YES answers a double opt-in."""


class Dispatcher(BaseModel):
    model_config = CLOSED

    concurrency: Count = 256
    timeout: Duration = milliseconds("15s")
    schedule: Schedule = tuple(map(milliseconds, _SCHEDULE))
    egress_allow: Networks = ()
    """Networks that delivery may reach although they are not public."""
    proxy: ProxyUrl = Field(default="", repr=False)
    """Leads to every endpoint that names no other."""
    breaker_failures: Count = 10
    """So many failures in a row, and nothing more is sent to an endpoint for a while."""
    breaker_wait: Duration = milliseconds("10s")
    """For so long at first; twice as long after each probe that failed, up to thirty times."""
    failing_after: Count = 5
    """So many failures in a row, over at least `failing_for`, and the account is told."""
    failing_for: Duration = milliseconds("1m")
    disable_after: Duration = milliseconds("5d")
    """Nothing but failures for so long, and the endpoint is disabled."""
    optout_deadline: Duration = milliseconds("10m")
    """An opt-out that an endpoint was not told of by then is an alarm."""
    host: Host = "127.0.0.1"
    port: Port = 8082


class Console(BaseModel):
    model_config = CLOSED

    host: Host = "127.0.0.1"
    port: Port = 8081
    public_url: PublicUrl = ""
    """What a browser sees, where a proxy stands before us. With https, the log-in's cookie goes nowhere else."""
    token: Token = SecretStr("")
    """Has every scope. Empty: generated at the first start, and kept in `store.data_dir`."""
    session: Duration = milliseconds("12h")
    """How long a log-in lasts."""
    trusted_proxies: Networks = ()
    """Whose X-Forwarded-For is believed when wrong tokens are counted by address."""


class Log(BaseModel):
    model_config = CLOSED

    format: Literal["auto", "console", "json"] = "auto"
    level: Literal["debug", "info", "warning", "error"] = "info"
    mask_numbers: Flag = True


class Tracing(BaseModel):
    """Where traces go; nowhere, unless somebody says."""

    model_config = CLOSED

    endpoint: PublicUrl = ""
    """Of an OpenTelemetry collector (OTLP over HTTP), as in "http://localhost:4318". Empty: no traces."""
    sample: Share = 1.0
    """Which share of all traces is recorded. The same everywhere, or traces are torn."""


class Keywords(BaseModel):
    """What recipients may answer: shipped packs of words, and words of the operator's own."""

    model_config = CLOSED

    packs: Packs = DEFAULT_PACKS
    opt_out: Words = ()
    opt_in: Words = ()
    help: Words = ()
