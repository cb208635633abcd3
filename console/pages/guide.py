"""How far has somebody got with setting up? From what is registered, and whether a STOP came since she began. Pure."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta

from config.urls import without_secrets
from consent.directory import Directory
from consent.model import Campaign, Endpoint, Event, EventType, Source, UnixMs
from console.deliveries import Story
from console.lookup import sources_of
from console.moments import moment
from console.pages.sources import Shown
from console.simulation import is_possible

STEPS = ("account", "campaign", "source", "endpoint", "stop")
_SETTLED = frozenset({"delivered", "dead", "not_known"})
_ROUTED_WITHIN = timedelta(seconds=15)
"""Who is not owed it by then never will be."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Guide:
    since: UnixMs
    """A STOP that was received later is the one that is waited for."""
    accounts: Sequence[str]
    campaigns: Sequence[Campaign]
    sources: Sequence[Shown]
    endpoints: Sequence[Endpoint]
    can_simulate: bool
    has_stop: bool
    is_settled: bool
    """Whoever wants to know of it has been told: nothing more will happen here."""

    def is_done(self, step: str) -> bool:
        done = {
            "account": self.accounts,
            "campaign": self.campaigns,
            "source": self.sources,
            "endpoint": self.endpoints,
            "stop": self.has_stop,
        }
        return bool(done[step])

    @property
    def next(self) -> str:
        return next((step for step in STEPS if not self.is_done(step)), "")


def guide_of(
    directory: Directory, sources: Sequence[Shown], *, since: UnixMs, story: Story | None, now: UnixMs
) -> Guide:
    endpoints = sorted(directory.endpoints.values(), key=lambda each: each.id)
    return Guide(
        since=since,
        accounts=sorted(directory.accounts),
        campaigns=sorted(directory.campaigns.values(), key=lambda each: (each.account, each.id)),
        sources=sources,
        endpoints=[replace(endpoint, url=without_secrets(endpoint.url)) for endpoint in endpoints],
        can_simulate=simulating(directory) is not None,
        has_stop=story is not None,
        is_settled=story is not None and is_settled(story, now),
    )


def is_settled(story: Story, now: UnixMs) -> bool:
    ended = _SETTLED if moment(now) - story.event.received_at < _ROUTED_WITHIN else _SETTLED | {"not_sent"}
    return bool(story.deliveries) and all(delivery.state in ended for delivery in story.deliveries)


def simulating(directory: Directory) -> tuple[Source, Campaign] | None:
    """Through which source, and to which campaign, a STOP can be simulated."""
    for source in sources_of(directory):
        campaigns = [each for each in directory.campaigns_of(source.account) if not each.discovered]
        with_number = [each for each in campaigns if each.short_code]
        if is_possible(source) and with_number:
            return source, with_number[0]
        if source.provider == "skycore" and campaigns:
            return source, campaigns[0]
    return None


def arrived(events: Iterable[Event], since: UnixMs) -> Event | None:
    """The newest opt-out since then; the events are given newest first."""
    return next((each for each in events if each.type is EventType.OPTED_OUT and each.received_at > since), None)
