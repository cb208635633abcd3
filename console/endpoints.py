"""How are the endpoints, and what may an operator do to them? Registry and queue together."""

from dataclasses import dataclass, field, replace
from datetime import datetime
from ipaddress import ip_address
from typing import Literal
from urllib.parse import urlsplit

from config.settings import Settings
from config.urls import without_secrets
from consent.directory import Directory
from consent.errors import Misconfigured
from consent.ledger import Backlog, Queue, Standing
from consent.ledger import Health as EndpointHealth
from consent.model import Endpoint, Millis, RetiringSecret, UnixMs
from console.access import reading, registry_in, writing
from console.lookup import endpoint_meant
from console.moments import moment
from console.rotation import rotated
from dispatcher.egress import is_allowed
from dispatcher.signing import public_key


@dataclass(frozen=True, slots=True, kw_only=True)
class Health:
    endpoint: str
    url: str
    format: str
    events: tuple[str, ...]
    disabled: str
    """Why; empty while it is enabled."""
    owed: int
    in_flight: int
    dead: int
    public_keys: tuple[str, ...]
    """Of those secrets that have one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Added:
    endpoint: str
    url: str
    secret: str = field(repr=False)
    """A generated one, shown this once; empty where there was one already, and for a private key, which nobody needs
    to know."""
    public_key: str | None
    """Of the generated one."""
    warning: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Rotated:
    endpoint: str
    secret: str = field(repr=False)
    """The new one, shown this once; empty for a private key."""
    public_key: str | None
    signing: int
    """How many sign now, the new one included."""
    until: datetime | None
    """When the last of the old ones ends; None where they ended at once."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Signing:
    """One secret, without itself."""

    version: Literal["v1", "v1a"]
    public_key: str | None
    until: datetime | None
    """None: until it is rotated."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Detail:
    endpoint: str
    url: str
    format: str
    events: tuple[str, ...]
    campaigns: tuple[str, ...]
    """Empty: all of the account."""
    changes_only: bool
    max_in_flight: int
    headers: tuple[str, ...]
    """Names alone: the values are kept like secrets."""
    client_certificate: str
    client_key: str
    proxy: str
    secrets: tuple[Signing, ...]
    disabled: str
    health: Literal["healthy", "failing", "disabled"]
    failures: int
    """In a row, the last ones."""
    failing_since: datetime | None
    last_failure: datetime | None
    last_reason: str
    paused_until: datetime | None
    """Nothing is sent before then: too many failures, or it asked for it."""
    given_up: dict[str, int]
    """How many deliveries died ever, by their last failure."""


async def survey(settings: Settings) -> list[Health]:
    async with reading(settings) as store:
        directory, backlog = await registry_in(store, settings).directory(), Backlog(store)
        return [
            await health(endpoint, backlog) for endpoint in sorted(directory.endpoints.values(), key=lambda e: e.id)
        ]


async def health(endpoint: Endpoint, backlog: Backlog) -> Health:
    depth = await backlog.depth(endpoint.id)
    return Health(
        endpoint=endpoint.id,
        url=without_secrets(endpoint.url),
        format=endpoint.format,
        events=endpoint.events,
        disabled=endpoint.disabled,
        owed=depth.owed,
        in_flight=depth.in_flight,
        dead=depth.dead,
        public_keys=tuple(key for secret in _all_secrets(endpoint) if (key := public_key(secret))),
    )


async def add(settings: Settings, new: Endpoint, *, new_secret: str, may_replace: bool) -> Added:
    """One that is replaced keeps its secret, unless it brings another, and what it is owed."""
    async with writing(settings) as store:
        registry = registry_in(store, settings)
        known = (await registry.directory()).endpoints.get(new.id)
        if known is not None and not may_replace:
            raise Misconfigured(f"endpoint {new.id} exists already: change it with --replace, or choose another name")
        await registry.put(_with_secrets(new, known, new_secret))
    is_used = not (new.secrets or known)
    return Added(
        endpoint=new.id,
        url=without_secrets(new.url),
        secret=_to_hand_over(new_secret) if is_used else "",
        public_key=public_key(new_secret) if is_used else None,
        warning=_out_of_reach(new, settings),
    )


async def rotate(settings: Settings, name: str, new_secret: str, *, now: UnixMs, grace: Millis) -> Rotated:
    async with writing(settings) as store:
        registry = registry_in(store, settings)
        meant = endpoint_meant(await registry.directory(), name)
        endpoint = await registry.revise(Endpoint, meant.id, lambda e: rotated(e, new_secret, now=now, grace=grace))
    if endpoint is None:
        raise Misconfigured(f"endpoint {meant.id} was removed meanwhile")
    return Rotated(
        endpoint=endpoint.id,
        secret=_to_hand_over(new_secret),
        public_key=public_key(new_secret),
        signing=len(endpoint.secrets) + len(endpoint.retiring),
        until=moment(max(secret.until for secret in endpoint.retiring)) if endpoint.retiring else None,
    )


async def detail(settings: Settings, name: str, *, now: UnixMs) -> Detail:
    async with reading(settings) as store:
        endpoint = endpoint_meant(await registry_in(store, settings).directory(), name)
        standing = (await EndpointHealth(store).standings()).get(endpoint.id, Standing())
        given_up = await Backlog(store).given_up(endpoint.id)
    return Detail(
        endpoint=endpoint.id,
        url=without_secrets(endpoint.url),
        format=endpoint.format,
        events=endpoint.events,
        campaigns=endpoint.campaigns,
        changes_only=endpoint.changes_only,
        max_in_flight=endpoint.max_in_flight,
        headers=tuple(header.name for header in endpoint.headers),
        client_certificate=endpoint.client_certificate,
        client_key=endpoint.client_key,
        proxy=without_secrets(endpoint.proxy),
        secrets=(
            *(_signing(secret) for secret in endpoint.secrets),
            *(_signing(secret.value, secret) for secret in endpoint.retiring if secret.until > now),
        ),
        disabled=endpoint.disabled,
        health=standing.word,
        failures=standing.failures,
        failing_since=_moment(standing.failing_since),
        last_failure=_moment(standing.last_failure),
        last_reason=standing.reason,
        paused_until=moment(standing.shut_until) if standing.opened and standing.shut_until > now else None,
        given_up=dict(given_up.most_common()),
    )


async def remove(settings: Settings, name: str) -> Health:
    """What it was owed goes with it."""
    async with writing(settings) as store:
        registry = registry_in(store, settings)
        endpoint = endpoint_meant(await registry.directory(), name)
        was = await health(endpoint, Backlog(store))
        await registry.remove(endpoint)
        await Queue(store).purge(endpoint.id)
    return was


async def enable(settings: Settings, name: str) -> Health:
    async with writing(settings) as store:
        registry = registry_in(store, settings)
        endpoint = endpoint_meant(await registry.directory(), name)
        # First, or a dispatcher that hears of it at once would count what it did before.
        await EndpointHealth(store).start_afresh(endpoint.id)
        await registry.enable(endpoint.id)
        return await health(replace(endpoint, disabled=""), Backlog(store))


async def disable(settings: Settings, name: str, *, reason: str) -> Health:
    async with writing(settings) as store:
        registry = registry_in(store, settings)
        endpoint = endpoint_meant(await registry.directory(), name)
        await registry.disable(endpoint.id, reason)
        return await health(endpoint_meant(await registry.directory(), name), Backlog(store))


async def one(settings: Settings, name: str) -> tuple[Health, Directory]:
    async with reading(settings) as store:
        directory = await registry_in(store, settings).directory()
        return await health(endpoint_meant(directory, name), Backlog(store)), directory


def _with_secrets(new: Endpoint, known: Endpoint | None, new_secret: str) -> Endpoint:
    if new.secrets:
        return new
    if known is None:
        return replace(new, secrets=(new_secret,))
    return replace(new, secrets=known.secrets, retiring=known.retiring, declared_secret=known.declared_secret)


def _all_secrets(endpoint: Endpoint) -> tuple[str, ...]:
    return (*endpoint.secrets, *(secret.value for secret in endpoint.retiring))


def _to_hand_over(secret: str) -> str:
    """A customer verifies with the public key; who knows the private one could sign as we do."""
    return "" if public_key(secret) else secret


def _signing(secret: str, retiring: RetiringSecret | None = None) -> Signing:
    public = public_key(secret)
    return Signing(
        version="v1a" if public else "v1", public_key=public, until=moment(retiring.until) if retiring else None
    )


def _moment(instant: UnixMs | None) -> datetime | None:
    return None if instant is None else moment(instant)


def _out_of_reach(endpoint: Endpoint, settings: Settings) -> str:
    """Only what can be told without asking a name server."""
    if endpoint.proxy or settings.dispatcher.proxy:
        return ""
    host = urlsplit(endpoint.url).hostname or ""
    address = "127.0.0.1" if host == "localhost" else host
    try:
        ip_address(address)
    except ValueError:
        return ""
    if is_allowed(address, settings.dispatcher.egress_allow):
        return ""
    return f"{host} is not a public address: nothing is sent there until dispatcher.egress_allow names its network"
