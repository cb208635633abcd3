"""The page Sources: what to paste where, what came through it, and what was refused and why."""

from collections.abc import Sequence
from dataclasses import dataclass
from urllib.parse import urlsplit

from aiohttp import web

from consent.directory import Directory
from consent.ledger import Pulse
from console.addresses import public_url
from console.lookup import sources_of
from console.pages.intake import REASONS, Intake, intakes
from console.pages.visit import Visit, page
from console.providers import Provider, provider
from console.registrylines import SourceLine, source_told

_HERE = frozenset({"127.0.0.1", "::1", "localhost"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Shown:
    line: SourceLine
    provider: Provider
    intake: Intake


async def show(visit: Visit) -> web.Response:
    directory = await visit.desk.directory()
    async with visit.desk.reading() as store:
        found = intakes(await Pulse(store).beats())
    return page(
        visit,
        "sources.html",
        sources=sources_shown(visit, directory, found),
        reasons=REASONS,
        is_here_only=urlsplit(public_url(visit.desk.settings)).hostname in _HERE,
        now=visit.now,
    )


def sources_shown(visit: Visit, directory: Directory, found: dict[str, Intake]) -> Sequence[Shown]:
    url = public_url(visit.desk.settings)
    lines = [source_told(source, url, shows_url=visit.may("admin")) for source in sources_of(directory)]
    return [
        Shown(line=line, provider=provider(line.provider), intake=found.get(line.source, Intake())) for line in lines
    ]
