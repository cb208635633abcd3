"""Is anything wrong, at a glance? What `doctor` finds in the store, and all endpoints added up."""

from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from consent.ledger import Backlog, Glance, Health
from consent.model import UnixMs
from console import examination
from console.checkup import Finding
from console.desk import Desk
from console.moments import moment

Level = Literal["ok", "warning", "bad"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Overview:
    level: Level
    """The worst of all findings; bad while an endpoint is failing, or was not told of an opt-out in time."""
    at: datetime
    endpoints: int
    failing: tuple[str, ...]
    disabled: tuple[str, ...]
    owed: int
    """Numbers with something under way or waiting, over all endpoints."""
    in_flight: int
    dead: int
    oldest_unheard_optout: datetime | None
    """When the oldest opt-out was recorded that some endpoint was not told of."""
    findings: tuple[Finding, ...]


async def told(desk: Desk, *, now: UnixMs) -> Overview:
    async with desk.reading() as store:
        directory, standings = await desk.registry(store).directory(), await Health(store).standings()
        depths = (await Backlog(store).depths(directory.endpoints)).values()
        unheard = await Glance(store).unheard()
        findings = tuple([finding async for finding in examination.reached(store, desk.settings)])
    waiting = [unheard[name] for name in directory.endpoints if name in unheard]  # one that is gone waits for nothing
    is_overdue = bool(waiting) and now - min(waiting) > desk.settings.dispatcher.optout_deadline
    failing = tuple(
        sorted(name for name in directory.endpoints if name in standings and standings[name].word == "failing")
    )
    return Overview(
        level="bad" if failing or is_overdue else worst(findings),
        at=moment(now),
        endpoints=len(directory.endpoints),
        failing=failing,
        disabled=tuple(sorted(directory.disabled)),
        owed=sum(depth.owed for depth in depths),
        in_flight=sum(depth.in_flight for depth in depths),
        dead=sum(depth.dead for depth in depths),
        oldest_unheard_optout=moment(min(waiting)) if waiting else None,
        findings=findings,
    )


def worst(findings: tuple[Finding, ...]) -> Level:
    levels = {finding.level for finding in findings}
    return "bad" if "bad" in levels else "warning" if "warning" in levels else "ok"
