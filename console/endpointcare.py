"""What may an operator do to an endpoint? Add, change, rotate, disable, enable, test, remove; each on the record."""

import secrets
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from difflib import get_close_matches
from ipaddress import ip_address
from types import MappingProxyType
from urllib.parse import urlsplit

from config.settings import Settings
from config.urls import without_secrets
from consent.directory import Directory
from consent.ledger import Backlog, Health, Store
from consent.ledger.registry import Amended
from consent.model import AccountId, CampaignId, Endpoint, EndpointId, Millis, UnixMs
from consent.subscriptions import types_of
from console import judging
from console.desk import Desk
from console.endpoints import EndpointLine, known_of, line_of
from console.hastening import hastened
from console.judging import Table
from console.lookup import account_meant, endpoint_meant
from console.moments import moment
from console.refusals import Taken
from console.registering import Removed, is_declared
from console.rotation import mark, rotated
from console.trial import Trial, attempted
from dispatcher.egress import is_allowed
from dispatcher.formats import speaks
from dispatcher.signing import public_key


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
    """What keeps it from hearing, as far as one can tell; empty where nothing does."""


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


async def add(desk: Desk, new: Endpoint, *, new_secret: str, hint: str = "change that one") -> Added:
    """`new_secret` is its own if it brings none."""

    def added(directory: Directory) -> Amended[Endpoint]:
        account_meant(directory, new.account)
        if new.id in directory.endpoints:
            raise Taken(f"endpoint {new.id} exists already: {hint}, or choose another name")
        return Amended(new if new.secrets else replace(new, secrets=(new_secret,)), None)

    async with desk.writing() as store:
        registry = desk.registry(store)
        await registry.amend(added)
        await desk.note(store, "endpoint.added", new.id)
        return _added(new, await registry.directory(), desk.settings, made="" if new.secrets else new_secret)


async def add_again(desk: Desk, name: EndpointId, said: Table) -> Added:
    """What is not said stays as it is: its secret, too, unless it brings another, and what it is owed."""
    patch = {key: value for key, value in said.items() if key != "secret"}
    secret = {"secret": said["secret"]} if said.get("secret") else {}

    def changed(directory: Directory) -> Amended[Endpoint]:
        known = endpoint_meant(directory, name)
        return Amended(_patched(known, patch, secret), known)

    async with desk.writing() as store:
        registry = desk.registry(store)
        endpoint = (await registry.amend(changed)).row
        await desk.note(store, "endpoint.changed", endpoint.id, fields=sorted(said))
        return _added(endpoint, await registry.directory(), desk.settings, made="")


async def change(desk: Desk, name: str, patch: Table, *, now: UnixMs) -> EndpointLine:
    """It keeps its secrets, what it is owed, and whether it is disabled."""

    def changed(directory: Directory) -> Amended[Endpoint]:
        known = endpoint_meant(directory, name)
        return Amended(_patched(known, patch), known)

    async with desk.writing() as store:
        done = await desk.registry(store).amend(changed)
        if done.row != done.before:
            await desk.note(store, "endpoint.changed", done.row.id, fields=sorted(patch))
        return await _line(store, done.row, now)


async def rotate(
    desk: Desk, name: str, new_secret: str, *, now: UnixMs, grace: Millis, in_place_of: str | None = None
) -> Rotated:
    """Taken where a secret of another mark than `in_place_of` signs by now."""

    def changed(directory: Directory) -> Amended[Endpoint]:
        known = endpoint_meant(directory, name)
        if in_place_of is not None and mark(known) != in_place_of:
            raise Taken(
                f"{known.id} has had a new secret since this page was opened, so nothing was done. "
                "If nobody copied it, rotate once more."
            )
        return Amended(rotated(known, new_secret, now=now, grace=grace), known)

    async with desk.writing() as store:
        endpoint = (await desk.registry(store).amend(changed)).row
        await desk.note(store, "endpoint.secret_rotated", endpoint.id, grace_ms=grace)
    return Rotated(
        endpoint=endpoint.id,
        secret=_to_hand_over(new_secret),
        public_key=public_key(new_secret),
        signing=len(endpoint.secrets) + len(endpoint.retiring),
        until=moment(max(secret.until for secret in endpoint.retiring)) if endpoint.retiring else None,
    )


async def remove(desk: Desk, name: str) -> Removed:
    """What it was owed goes with it; should we not come to that, a dispatcher sees to it."""
    async with desk.writing() as store:
        registry = desk.registry(store)
        endpoint = await registry.dismiss(lambda directory: endpoint_meant(directory, name))
        depth = await Backlog(store).depth(endpoint.id)
        await desk.note(store, "endpoint.removed", endpoint.id, owed=depth.owed, dead=depth.dead)
        await registry.purge(endpoint.id)
    return Removed(removed=endpoint.id, still_declared=is_declared(desk.settings, endpoint))


async def enable(desk: Desk, name: str, *, now: UnixMs) -> EndpointLine:
    """Somebody says that it is mended: the breaker closes, and all that waits is attempted now."""
    async with desk.writing() as store:
        registry = desk.registry(store)
        endpoint = endpoint_meant(await registry.directory(), name)
        # First, or a dispatcher that hears of it at once would count what it did before.
        await Health(store).start_afresh(endpoint.id)
        await registry.enable(endpoint.id)
        sent = await hastened(store, endpoint, now=now)
        await desk.note(store, "endpoint.enabled", endpoint.id, was=endpoint.disabled, hastened=len(sent))
        return await _line(store, replace(endpoint, disabled=""), now)


async def send_now(desk: Desk, name: str, *, now: UnixMs) -> EndpointLine:
    """As `enable`, to one that is enabled: who asks for this may not know that somebody has just disabled it."""
    async with desk.writing() as store:
        endpoint = endpoint_meant(await desk.registry(store).directory(), name)
        if endpoint.disabled:
            raise Taken(f"{endpoint.id} is disabled ({endpoint.disabled}): what it is owed is held until it is enabled")
        await Health(store).start_afresh(endpoint.id)
        sent = await hastened(store, endpoint, now=now)
        await desk.note(store, "deliveries.waiting_retried", endpoint.id, count=len(sent))
        return await _line(store, endpoint, now)


async def disable(desk: Desk, name: str, *, reason: str, now: UnixMs) -> EndpointLine:
    async with desk.writing() as store:
        registry = desk.registry(store)
        endpoint = endpoint_meant(await registry.directory(), name)
        await registry.disable(endpoint.id, reason)
        await desk.note(store, "endpoint.disabled", endpoint.id, reason=reason)
        return await _line(store, endpoint_meant(await registry.directory(), endpoint.id), now)


async def test(desk: Desk, name: str, *, now: UnixMs) -> Trial:
    """One signed test event, right now."""
    directory = await desk.directory()
    endpoint = endpoint_meant(directory, name)
    trial = await attempted(endpoint, directory, desk.settings, nonce=secrets.token_hex(8), now=now)
    async with desk.reading() as store:
        await desk.note(store, "endpoint.tested", endpoint.id, result=trial.result)
    return trial


async def _line(store: Store, endpoint: Endpoint, now: UnixMs) -> EndpointLine:
    return await line_of(endpoint, store, await known_of(store), now=now)


def _added(endpoint: Endpoint, directory: Directory, settings: Settings, *, made: str) -> Added:
    return Added(
        endpoint=endpoint.id,
        url=without_secrets(endpoint.url),
        secret=_to_hand_over(made),
        public_key=public_key(made) if made else None,
        warning=".\n".join(caveats(endpoint, directory.campaigns, settings)),
    )


def _patched(known: Endpoint, patch: Table, secret: Table = MappingProxyType({})) -> Endpoint:
    """With what nobody says by changing it; of its secrets, unless it brings one."""
    new = judging.endpoint({**judging.patched(judging.table_of(known), patch), **secret})
    if new.secrets:
        return new
    return replace(
        new,
        secrets=known.secrets,
        retiring=known.retiring,
        declared_secret=known.declared_secret,
        disabled=known.disabled,
    )


def _to_hand_over(secret: str) -> str:
    """A customer verifies with the public key; who knows the private one could sign as we do."""
    return "" if not secret or public_key(secret) else secret


def caveats(
    endpoint: Endpoint, campaigns: Iterable[tuple[AccountId, CampaignId]], settings: Settings
) -> tuple[str, ...]:
    """What keeps it from hearing though it is registered. `campaigns`: all that there are."""
    unreached = out_of_reach(endpoint, settings)
    return (*((unreached,) if unreached else ()), *unheard(endpoint, campaigns))


def unheard(endpoint: Endpoint, campaigns: Iterable[tuple[AccountId, CampaignId]]) -> tuple[str, ...]:
    """What it asks for, and does not hear of. A campaign that nobody registered is no mistake: it may be later, or be
    found in a webhook."""
    known = [campaign for account, campaign in campaigns if account == endpoint.account]
    silent = () if any(speaks(endpoint.format, each) for each in types_of(endpoint.events)) else (_silent(endpoint),)
    return (*silent, *(_unregistered(asked, known) for asked in endpoint.campaigns if asked not in known))


def _silent(endpoint: Endpoint) -> str:
    asked = ", ".join(endpoint.events) or "none at all"
    return f"no event is sent there: it asks for {asked}, and format {endpoint.format} has a form for none of these"


def _unregistered(asked: CampaignId, known: Sequence[CampaignId]) -> str:
    near = get_close_matches(asked, known, n=1)
    meant = f"; did you mean {near[0]}?" if near else ""
    return f"no campaign {asked} is registered: the endpoint hears of nothing of it{meant}"


def out_of_reach(endpoint: Endpoint, settings: Settings) -> str:
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
