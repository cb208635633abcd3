"""How are the endpoints, and what may an operator do to them? Registry and queue together."""

from dataclasses import dataclass, field, replace
from ipaddress import ip_address
from urllib.parse import urlsplit

from config.settings import Settings
from config.urls import without_secrets
from consent.directory import Directory
from consent.errors import Misconfigured
from consent.ledger import Backlog, Queue, Registry
from consent.model import Endpoint
from console.access import reading, writing
from console.lookup import endpoint_meant
from dispatcher.egress import is_allowed


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


@dataclass(frozen=True, slots=True, kw_only=True)
class Added:
    endpoint: str
    url: str
    secret: str = field(repr=False)
    """A generated one, shown this once; empty where there was one already."""
    warning: str


async def survey(settings: Settings) -> list[Health]:
    async with reading(settings) as store:
        directory, backlog = await Registry(store).directory(), Backlog(store)
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
    )


async def add(settings: Settings, new: Endpoint, *, new_secret: str, may_replace: bool) -> Added:
    """One that is replaced keeps its secret, unless it brings another, and what it is owed."""
    async with writing(settings) as store:
        registry = Registry(store)
        known = (await registry.directory()).endpoints.get(new.id)
        if known is not None and not may_replace:
            raise Misconfigured(f"endpoint {new.id} exists already: change it with --replace, or choose another name")
        secrets = new.secrets or (known.secrets if known else (new_secret,))
        await registry.put(replace(new, secrets=secrets))
    return Added(
        endpoint=new.id,
        url=without_secrets(new.url),
        secret=new_secret if new_secret in secrets else "",
        warning=_out_of_reach(new.url, settings),
    )


async def remove(settings: Settings, name: str) -> Health:
    """What it was owed goes with it."""
    async with writing(settings) as store:
        registry = Registry(store)
        endpoint = endpoint_meant(await registry.directory(), name)
        was = await health(endpoint, Backlog(store))
        await registry.remove(endpoint)
        await Queue(store).purge(endpoint.id)
    return was


async def enable(settings: Settings, name: str) -> Health:
    async with writing(settings) as store:
        registry = Registry(store)
        endpoint = endpoint_meant(await registry.directory(), name)
        await registry.enable(endpoint.id)
        return await health(replace(endpoint, disabled=""), Backlog(store))


async def disable(settings: Settings, name: str, *, reason: str) -> Health:
    async with writing(settings) as store:
        registry = Registry(store)
        endpoint = endpoint_meant(await registry.directory(), name)
        await registry.disable(endpoint.id, reason)
        return await health(endpoint_meant(await registry.directory(), name), Backlog(store))


async def one(settings: Settings, name: str) -> tuple[Health, Directory]:
    async with reading(settings) as store:
        directory = await Registry(store).directory()
        return await health(endpoint_meant(directory, name), Backlog(store)), directory


def _out_of_reach(url: str, settings: Settings) -> str:
    """Only what can be told without asking a name server."""
    host = urlsplit(url).hostname or ""
    address = "127.0.0.1" if host == "localhost" else host
    try:
        ip_address(address)
    except ValueError:
        return ""
    if is_allowed(address, settings.dispatcher.egress_allow):
        return ""
    return f"{host} is not a public address: nothing is sent there until dispatcher.egress_allow names its network"
