"""What becomes of the registry when the declarative tables are applied? Added or changed, never removed.

A token or secret that the file leaves out is kept where there is one, and generated where there is none, so that
applying twice does not change a webhook URL. A secret that was rotated is not rotated back (rotation.py).
"""

from collections.abc import Sequence
from dataclasses import dataclass, field, fields, replace
from typing import Literal

from config import declared
from config.settings import Settings
from consent.directory import Directory
from consent.ledger import Registry, Store
from consent.model import Account, Campaign, Endpoint, Source
from console.credentials import Random, new_signing_secret, new_token
from console.desk import Desk
from console.rotation import digest, reconciled

Row = Account | Campaign | Source | Endpoint


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    kind: Literal["account", "campaign", "source", "endpoint"]
    id: str
    done: Literal["added", "changed", "unchanged"]
    fields: tuple[str, ...] = ()
    """What changed, by name."""
    secret: str = field(default="", repr=False)
    """A signing secret that was generated: this is the only time it is shown."""


@dataclass(frozen=True, slots=True)
class Planned:
    step: Step
    row: Row = field(repr=False)


def plan(settings: Settings, directory: Directory, random: Random) -> tuple[Planned, ...]:
    return (
        *(_account(row, directory) for row in declared.accounts(settings)),
        *(_campaign(row, directory) for row in declared.campaigns(settings)),
        *(_source(row, directory, random) for row in declared.sources(settings)),
        *(_endpoint(row, directory, random) for row in declared.endpoints(settings)),
    )


async def carry_out(planned: Sequence[Planned], registry: Registry) -> tuple[Step, ...]:
    for each in planned:
        if each.step.done != "unchanged":
            await registry.put(each.row)
    return tuple(each.step for each in planned)


async def note(steps: Sequence[Step], desk: Desk, store: Store) -> None:
    """On the record: what was added or changed."""
    for step in steps:
        if step.done != "unchanged":
            await desk.note(store, f"{step.kind}.{step.done}", step.id, fields=list(step.fields), by="the file")


def _account(row: Account, directory: Directory) -> Planned:
    return _compared("account", row.id, directory.accounts.get(row.id), row)


def _campaign(row: Campaign, directory: Directory) -> Planned:
    return _compared("campaign", f"{row.account}/{row.id}", directory.campaign(row.account, row.id), row)


def _source(row: Source, directory: Directory, random: Random) -> Planned:
    known = directory.source(row.account, row.id)
    token = row.token or (known.token if known else new_token(random))
    return _compared("source", f"{row.account}/{row.id}", known, replace(row, token=token))


def _endpoint(row: Endpoint, directory: Directory, random: Random) -> Planned:
    known = directory.endpoints.get(row.id)
    if known is not None:
        # Whether it is disabled is not the file's to say.
        return _compared("endpoint", row.id, known, replace(reconciled(row, known), disabled=known.disabled))
    if row.secrets:
        return _compared("endpoint", row.id, None, replace(row, declared_secret=digest(row.secrets[0])))
    secret = new_signing_secret(random)
    planned = _compared("endpoint", row.id, None, replace(row, secrets=(secret,)))
    return replace(planned, step=replace(planned.step, secret=secret))


def _compared(
    kind: Literal["account", "campaign", "source", "endpoint"], name: str, known: Row | None, row: Row
) -> Planned:
    if known is None:
        return Planned(Step(kind=kind, id=name, done="added"), row)
    differing = tuple(f.name for f in fields(row) if getattr(known, f.name) != getattr(row, f.name))
    return Planned(Step(kind=kind, id=name, done="changed" if differing else "unchanged", fields=differing), row)
