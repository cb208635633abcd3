"""How are the endpoints? Registry, queue and health together, in one shape for the list and for one of them."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from config.urls import without_secrets
from consent.directory import Directory
from consent.ledger import Backlog, Glance, Health, Standing, Store
from consent.model import Endpoint, EndpointId, RetiringSecret, UnixMs
from console.desk import Desk
from console.lookup import endpoint_meant
from console.moments import moment
from console.remedies import remedy_of_reason
from dispatcher.signing import public_key


@dataclass(frozen=True, slots=True, kw_only=True)
class Signing:
    """One secret, without itself."""

    version: Literal["v1", "v1a"]
    public_key: str | None
    until: datetime | None
    """None: until it is rotated."""


@dataclass(frozen=True, slots=True, kw_only=True)
class EndpointLine:
    endpoint: str
    url: str
    format: str
    events: tuple[str, ...]
    campaigns: tuple[str, ...]
    """Empty: all of the account."""
    changes_only: bool
    rate: str
    max_in_flight: int
    headers: tuple[str, ...]
    """Names alone: the values are kept like secrets."""
    client_certificate: str
    client_key: str
    proxy: str
    secrets: tuple[Signing, ...]
    public_keys: tuple[str, ...]
    """Of those secrets that have one."""
    disabled: str
    """Why; empty while it is enabled."""
    health: Literal["healthy", "failing", "disabled"]
    failures: int
    """In a row, the last ones."""
    failing_since: datetime | None
    last_failure: datetime | None
    last_reason: str
    paused_until: datetime | None
    """Nothing is sent before then: too many failures, or it asked for it."""
    owed: int
    """Numbers with something under way or waiting."""
    in_flight: int
    dead: int
    """Notifications that were given up, and not revived."""
    given_up: Mapping[str, int]
    """How many deliveries died ever, by their last failure."""
    oldest_unheard_optout: datetime | None
    """When the oldest opt-out was recorded that it was not told of."""
    remedy: str
    """What can be done about its last failure."""


@dataclass(frozen=True, slots=True)
class Known:
    """What is read once, however many endpoints are shown."""

    standings: Mapping[EndpointId, Standing]
    unheard: Mapping[EndpointId, UnixMs]


async def survey(desk: Desk, *, now: UnixMs) -> list[EndpointLine]:
    async with desk.reading() as store:
        directory = await desk.registry(store).directory()
        known = await known_of(store)
        return [
            await line_of(endpoint, store, known, now=now)
            for endpoint in sorted(directory.endpoints.values(), key=lambda each: each.id)
        ]


async def one(desk: Desk, name: str, *, now: UnixMs) -> EndpointLine:
    line, _ = await one_with_directory(desk, name, now=now)
    return line


async def one_with_directory(desk: Desk, name: str, *, now: UnixMs) -> tuple[EndpointLine, Directory]:
    async with desk.reading() as store:
        directory = await desk.registry(store).directory()
        endpoint = endpoint_meant(directory, name)
        return await line_of(endpoint, store, await known_of(store), now=now), directory


async def known_of(store: Store) -> Known:
    return Known(await Health(store).standings(), await Glance(store).unheard())


async def line_of(endpoint: Endpoint, store: Store, known: Known, *, now: UnixMs) -> EndpointLine:
    backlog, standing = Backlog(store), known.standings.get(endpoint.id, Standing())
    depth, given_up = await backlog.depth(endpoint.id), await backlog.given_up(endpoint.id)
    return EndpointLine(
        endpoint=endpoint.id,
        url=without_secrets(endpoint.url),
        format=endpoint.format,
        events=endpoint.events,
        campaigns=endpoint.campaigns,
        changes_only=endpoint.changes_only,
        rate=endpoint.rate,
        max_in_flight=endpoint.max_in_flight,
        headers=tuple(header.name for header in endpoint.headers),
        client_certificate=endpoint.client_certificate,
        client_key=endpoint.client_key,
        proxy=without_secrets(endpoint.proxy),
        secrets=(
            *(_signing(secret) for secret in endpoint.secrets),
            *(_signing(secret.value, secret) for secret in endpoint.retiring if secret.until > now),
        ),
        public_keys=tuple(key for secret in _all_secrets(endpoint) if (key := public_key(secret))),
        disabled=endpoint.disabled,
        health=standing.word,
        failures=standing.failures,
        failing_since=_moment(standing.failing_since),
        last_failure=_moment(standing.last_failure),
        last_reason=standing.reason,
        paused_until=moment(standing.shut_until) if standing.opened and standing.shut_until > now else None,
        owed=depth.owed,
        in_flight=depth.in_flight,
        dead=depth.dead,
        given_up=dict(given_up.most_common()),
        oldest_unheard_optout=_moment(known.unheard.get(endpoint.id)),
        remedy=remedy_of_reason(standing.reason),
    )


def _all_secrets(endpoint: Endpoint) -> tuple[str, ...]:
    return (*endpoint.secrets, *(secret.value for secret in endpoint.retiring))


def _signing(secret: str, retiring: RetiringSecret | None = None) -> Signing:
    public = public_key(secret)
    return Signing(
        version="v1a" if public else "v1", public_key=public, until=moment(retiring.until) if retiring else None
    )


def _moment(instant: UnixMs | None) -> datetime | None:
    return None if instant is None else moment(instant)
