"""What does `doctor` make of what it sees? Facts in, findings out. Pure."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from ipaddress import IPv4Network, IPv6Network
from typing import Literal
from urllib.parse import urlsplit

from config.settings import Settings
from config.urls import without_secrets
from consent.directory import Directory
from consent.ledger import Server, Standing, unsafe
from consent.ledger.address import Cluster, Sentinels, location_of
from consent.ledger.registry import Sealing
from consent.ledger.sealing import Seals
from consent.model import Endpoint, EndpointId, UnixMs
from console.addresses import all_listeners, clashes, console_url, public_url
from console.endpointcare import out_of_reach, unheard
from console.lookup import source_name, sources_of
from console.moments import for_people, moment, roughly
from console.providers import futile, provider
from console.remedies import remedy_of_reason
from console.wording import counted
from dispatcher.retry import RetryPolicy

CLOCK_TOLERATED_MS = 1000
CLOCK_UNBEARABLE_MS = 60_000
MEMORY_TIGHT, MEMORY_SPENT = 0.8, 0.95
DISK_SPENT = 64 * 2**20
CERTIFICATE_SOON = timedelta(days=21)
_HERE = {"127.0.0.1", "::1", "localhost"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    level: Literal["ok", "warning", "bad"]
    subject: str
    text: str


def ok(subject: str, text: str) -> Finding:
    return Finding(level="ok", subject=subject, text=text)


def warning(subject: str, text: str) -> Finding:
    return Finding(level="warning", subject=subject, text=text)


def bad(subject: str, text: str) -> Finding:
    return Finding(level="bad", subject=subject, text=text)


def of_place(server: Server, place: str) -> Finding:
    replicas = f", {server.replicas} replica{'' if server.replicas == 1 else 's'}" if server.replicas else ""
    return ok("store", f"{server.name} {server.version} at {place}{replicas}")


def of_server(server: Server, settings: Settings, name: str = "") -> Iterator[Finding]:
    """Begin with its name, where there are several."""
    of, durability = f"{name}: " if name else "", settings.store.durability
    dangers = unsafe(server, durability)
    yield from (bad("durability", of + danger) for danger in dangers)
    kept = f"appendonly {'yes' if server.appendonly else 'no'}, appendfsync {server.appendfsync or 'not told'}"
    if durability == "memory":
        yield warning("durability", f"{of}memory: a power failure may cost a second of acknowledged events ({kept})")
    elif not dangers:
        yield ok("durability", f"{of}{durability}: a 2xx means it is on disk ({kept}, {server.maxmemory_policy})")
    if server.most_memory:
        yield of_memory(server, of)
    if isinstance(location_of(settings.store.effective_url), Cluster | Sentinels):
        yield from of_replicas(server, settings, of)


def of_memory(server: Server, of: str) -> Finding:
    share = server.used_memory / server.most_memory
    limit = "maxmemory" if server.maxmemory else "its machine's memory"
    told = f"{of}{server.used_memory / 2**20:,.0f} MiB, {share:.0%} of {limit}"
    if share < MEMORY_TIGHT:
        return ok("memory", told)
    if share < MEMORY_SPENT:
        return warning("memory", f"{told}: once it is full, every webhook is answered with 503; make room in time")
    return bad("memory", f"{told}: once it is full, every webhook is answered with 503; make room now")


def of_disk(free: int, kept: int, settings: Settings) -> Finding:
    """Bytes: of the disk that the embedded store is on, and of its files, which need as much again to be rewritten."""
    told = f"{free / 2**20:,.0f} MiB free in {settings.store.data_dir}, {kept / 2**20:,.0f} MiB in use there"
    if free < DISK_SPENT:
        return bad("disk", f"{told}: a store that cannot write ends, and webhooks are answered with 503; make room now")
    if free < kept:
        return warning("disk", f"{told}: rewriting the store's file needs as much again; make room in time")
    return ok("disk", told)


def of_replicas(server: Server, settings: Settings, of: str) -> Iterator[Finding]:
    """Where another server is meant to take over."""
    if settings.store.durability == "replicated":
        if server.replicas == 1:
            yield warning(
                "replicas", f"{of}the only one is lost with a failover, and then nothing is taken: add another one"
            )
    elif not server.replicas:
        yield warning("replicas", f"{of}it has none: when its machine dies, nobody takes over")


def of_layout(kept: str | None, settings: Settings) -> Finding:
    wanted = str(settings.store.partitions)
    if kept is None:
        return ok("partitions", f"{wanted}, from the first start on; the store is empty")
    if kept != wanted:
        return bad("partitions", f"the store was laid out with {kept}: set store.partitions back from {wanted}")
    return ok("partitions", wanted)


def of_clocks(ahead_ms: int) -> Finding:
    """Of the store's clock, before ours."""
    if abs(ahead_ms) <= CLOCK_TOLERATED_MS:
        return ok("clocks", "the store's and ours agree")
    told = f"the store's clock is {roughly(abs(ahead_ms))} {'ahead of' if ahead_ms > 0 else 'behind'} ours"
    if abs(ahead_ms) > CLOCK_UNBEARABLE_MS:
        return bad("clocks", f"{told}: events would be judged out of order; run NTP on both")
    return warning("clocks", f"{told}: run NTP on both")


def of_registry(directory: Directory, settings: Settings) -> Iterator[Finding]:
    sources = sources_of(directory)
    found = sum(campaign.discovered for campaign in directory.campaigns.values())
    counts = (
        f"{counted(len(directory.accounts), 'account')}, {counted(len(directory.campaigns), 'campaign')}"
        f"{f' ({found} of them found in webhooks)' if found else ''}, "
        f"{counted(len(sources), 'source')}, {counted(len(directory.endpoints), 'endpoint')}"
    )
    yield ok("registry", counts) if sources else warning("registry", f"{counts}: without a source nothing comes in")
    if strays := [f"{campaign.account}/{campaign.id}" for campaign in directory.strays]:
        yield warning("numbers", f"{_some(strays)}: texted, and no campaign's; register it, or name it in a pool")
    if unsigned := [source_name(s) for s in sources if provider(s.provider).secret and not s.signature_secret]:
        yield warning(
            "signatures", f"{_some(unsigned)}: who knows the URL is believed; set signature_secret to be sure"
        )
    yield from (warning("signatures", told) for source in sources if (told := futile(source)))
    by_url = [source_name(s) for s in sources if provider(s.provider).signs_url and s.signature_secret]
    if by_url and not settings.receiver.public_url:
        yield bad("signatures", f"{_some(by_url)}: the provider signs the URL; set receiver.public_url to what it has")
    for endpoint in directory.endpoints.values():
        if endpoint.disabled:
            held = f"What it is owed is held: {_until_mended(endpoint.id)}"
            yield warning("endpoint", f"{endpoint.id} is disabled: {endpoint.disabled}. {held}")
        for told in unheard(endpoint, directory.campaigns):
            yield warning("endpoint", f"{endpoint.id}: {told}")
        if unreached := out_of_reach(endpoint, settings):
            yield warning("egress", f"{endpoint.id}: {unreached}")
    yield from of_proxies(directory, settings)


def of_endpoints(
    directory: Directory,
    standings: Mapping[EndpointId, Standing],
    unheard: Mapping[EndpointId, UnixMs],
    settings: Settings,
    *,
    now: UnixMs,
) -> Iterator[Finding]:
    """Is anybody not told who should be? `unheard`: when the oldest opt-out was recorded that each has not heard of."""
    failing = {name: standings[name] for name in directory.endpoints if name in standings}
    failing = {name: each for name, each in failing.items() if each.word == "failing"}
    for name, standing in failing.items():
        since = f" since {for_people(moment(standing.failing_since))}" if standing.failing_since else ""
        remedy = remedy_of_reason(standing.reason)
        yield bad(
            "endpoint",
            f"{name} is failing{since} ({standing.reason}){f': {remedy}' if remedy else ''}. {_until_mended(name)}",
        )
    deadline = settings.dispatcher.optout_deadline
    overdue = {name: now - at for name, at in unheard.items() if name in directory.endpoints and now - at > deadline}
    for name, waited in overdue.items():
        yield bad(
            "opt-outs",
            f"{name} was not told of an opt-out of {roughly(waited)} ago, and may still text that person: "
            f"`consent-relay endpoint show {name}` says why",
        )
    if directory.endpoints and not failing and not overdue:
        yield ok("opt-outs", f"no endpoint is failing, and no opt-out waits longer than {roughly(deadline)}")


def of_dead_letters(dead: Mapping[EndpointId, int]) -> Iterator[Finding]:
    """`dead`: how many deliveries each endpoint was given up on. No alarm of an opt-out rings for these any more."""
    for name, count in dead.items():
        if count:
            deliveries = "one delivery" if count == 1 else f"{count:,} deliveries"
            yield warning(
                "dead letters",
                f"{name} was given up on {deliveries}: `consent-relay deliveries list --dead --endpoint {name}` shows "
                "what it was not told; then `deliveries retry` it, or `deliveries discard` it",
            )


def of_secrets(sealing: Sealing, seals: Seals, settings: Settings) -> Finding:
    """How the tokens and secrets of the registry are kept."""
    key, rows = seals.newest, sealing.newest + sealing.older + sealing.plain
    if key is None and settings.store.is_embedded and not sealing.keys:
        return ok("secrets", "in plain text until `consent-relay up` starts the store: it makes a key then")
    if key is None:
        return warning(
            "secrets",
            "written to the store in plain text: set store.secret_key to what `consent-relay secrets new-key` prints, "
            "in every process, then run `consent-relay secrets reencrypt`",
        )
    if sealing.plain or sealing.older:
        return warning(
            "secrets",
            f"of {rows} rows with secrets, {sealing.plain} have some in plain text and {sealing.older} under another "
            f"key than {key.id}: run `consent-relay secrets reencrypt`",
        )
    idle = "; nothing under store.old_secret_keys" if settings.store.old_secret_keys else ""
    return ok("secrets", f"encrypted under the key {key.id}{idle}")


def of_certificate(endpoint: Endpoint, expiry: datetime, now: datetime) -> Finding:
    told = f"{endpoint.id} shows {endpoint.client_certificate}, which"
    if expiry <= now:
        return bad("certificate", f"{told} ended on {expiry:%Y-%m-%d}: replace the file, then restart the dispatchers")
    if expiry - now < CERTIFICATE_SOON:
        return warning("certificate", f"{told} ends on {expiry:%Y-%m-%d}: replace it in time")
    return ok("certificate", f"{told} is good until {expiry:%Y-%m-%d}")


def of_proxies(directory: Directory, settings: Settings) -> Iterator[Finding]:
    own = sorted(endpoint.id for endpoint in directory.endpoints.values() if endpoint.proxy)
    everywhere = settings.dispatcher.proxy
    if everywhere or own:
        through = f"notifications go through {without_secrets(everywhere)}" if everywhere else f"{_some(own)} by proxy"
        yield warning(
            "egress", f"{through}: what a proxy may reach is its to say, dispatcher.egress_allow does not bind it"
        )


def of_settings(settings: Settings) -> Iterator[Finding]:
    yield from (bad("ports", told) for told in clashes(all_listeners(settings)))
    yield of_webhooks(settings)
    yield ok("retries", retry_window(settings))
    yield _egress(settings.dispatcher.egress_allow)
    yield of_console(settings)


def of_webhooks(settings: Settings) -> Finding:
    url = public_url(settings)
    if urlsplit(url).hostname in _HERE:
        return warning("webhooks", f"URLs begin with {url}, which no provider reaches: set receiver.public_url")
    return ok("webhooks", f"URLs begin with {url}")


def of_console(settings: Settings) -> Finding:
    where, url = settings.console, console_url(settings)
    if where.host in _HERE or urlsplit(url).scheme == "https":
        return ok("dashboard", f"at {url}")
    return warning(
        "dashboard",
        f"console.host {where.host} is reached from elsewhere, and {url} is not https: log-ins and numbers go there in "
        "the clear; put a proxy before it that speaks TLS, and name it in console.public_url",
    )


def retry_window(settings: Settings) -> str:
    """The longest time between an event and the end of its last attempt."""
    where = settings.dispatcher
    waits = sum(where.schedule)
    most = round(waits * (1 + RetryPolicy(schedule=where.schedule).jitter_ratio)) + len(where.schedule) * where.timeout
    if len(where.schedule) == 1:
        return "one attempt, then a notification is dead: dispatcher.schedule has no other"
    return f"{len(where.schedule)} attempts over {roughly(waits)}, at most {roughly(most)}; then it is dead, replayable"


def _egress(allowed: Sequence[IPv4Network | IPv6Network]) -> Finding:
    if not allowed:
        return ok("egress", "notifications go to public addresses only")
    networks = ", ".join(map(str, allowed))
    if any(network.prefixlen == 0 for network in allowed):
        return warning("egress", f"notifications may go anywhere ({networks}): name your own networks instead")
    return ok("egress", f"notifications go to public addresses, and to {networks}")


def _until_mended(name: EndpointId) -> str:
    return f"`consent-relay endpoint test {name}` until it is delivered, then `consent-relay endpoint enable {name}`"


def _some(names: Sequence[str]) -> str:
    return ", ".join(names[:3]) + (f" and {len(names) - 3} more" if len(names) > 3 else "")
