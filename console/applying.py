"""What becomes of the registry when the declarative tables are applied? Added or changed, never removed.

A key, token or secret that the file leaves out is kept where there is one: what was set by a command is not lost, and
applying twice does not change a webhook URL. An account's keys, a signature_secret, and an endpoint's headers and
proxy, in which keys are, are cleared by `""` or `{}` alone. A token, and an endpoint's secret, is generated where there
is none. One that was rotated stays so (rotation.py).
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field, fields, replace
from typing import Literal, TypedDict

from config import declared
from config.settings import Settings
from config.tables import AccountTable, EndpointTable, SourceTable
from consent.directory import Directory
from consent.ledger import Registry, Store
from consent.model import Account, AccountId, Campaign, CampaignId, Endpoint, SignatureMethod, Source
from console.credentials import Random, new_signing_secret, new_token
from console.desk import Desk
from console.endpointcare import unheard
from console.lookup import source_name
from console.providers import futile
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
    warnings: tuple[str, ...] = ()
    """What is done all the same, though it may not be what was meant."""


class Signature(TypedDict):
    signature_secret: str
    signature_method: SignatureMethod


@dataclass(frozen=True, slots=True)
class Planned:
    step: Step
    row: Row = field(repr=False)


def plan(settings: Settings, directory: Directory, random: Random) -> tuple[Planned, ...]:
    campaigns = {*directory.campaigns, *((row.account, row.id) for row in declared.campaigns(settings))}
    return (
        *(
            _account(row, table, directory, settings)
            for row, table in zip(declared.accounts(settings), settings.accounts, strict=True)
        ),
        *(_campaign(row, directory) for row in declared.campaigns(settings)),
        *(
            _source(row, table, directory, random)
            for row, table in zip(declared.sources(settings), settings.sources, strict=True)
        ),
        *(
            _warned(_endpoint(row, table, directory, random), row, campaigns)
            for row, table in zip(declared.endpoints(settings), settings.endpoints, strict=True)
        ),
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


def _account(row: Account, table: AccountTable, directory: Directory, settings: Settings) -> Planned:
    known = directory.accounts.get(row.id)
    if known is not None:
        given = table.model_fields_set
        if "api_key" not in given and not _is_given_to_another(known, settings):
            row = replace(row, api_key=known.api_key)
        if "api_secret" not in given:
            row = replace(row, api_secret=known.api_secret)
        row = replace(row, **_signature(row, given, known))
    return _compared("account", row.id, known, row)


def _campaign(row: Campaign, directory: Directory) -> Planned:
    return _compared("campaign", f"{row.account}/{row.id}", directory.campaign(row.account, row.id), row)


def _source(row: Source, table: SourceTable, directory: Directory, random: Random) -> Planned:
    known = directory.source(row.account, row.id)
    if known is None:
        row = replace(row, token=row.token or new_token(random))
    else:
        row = replace(row, token=row.token or known.token, **_signature(row, table.model_fields_set, known))
    warnings = [futile(row)]
    if known and known.signature_secret and not row.signature_secret:
        warnings += [f"{source_name(row)} has no signature_secret any more: who knows its URL is believed, unverified"]
    planned = _compared("source", source_name(row), known, row)
    return replace(planned, step=replace(planned.step, warnings=tuple(filter(None, warnings))))


def _endpoint(row: Endpoint, table: EndpointTable, directory: Directory, random: Random) -> Planned:
    known = directory.endpoints.get(row.id)
    if known is not None:
        given = table.model_fields_set
        kept = replace(
            reconciled(row, known),
            headers=row.headers if "headers" in given else known.headers,
            proxy=row.proxy if "proxy" in given else known.proxy,
            disabled=known.disabled,  # not the file's to say
        )
        return _compared("endpoint", row.id, known, kept)
    if row.secrets:
        return _compared("endpoint", row.id, None, replace(row, declared_secret=digest(row.secrets[0])))
    secret = new_signing_secret(random)
    planned = _compared("endpoint", row.id, None, replace(row, secrets=(secret,)))
    return replace(planned, step=replace(planned.step, secret=secret))


def _signature(row: Account | Source, given: Collection[str], known: Account | Source) -> Signature:
    """The method belongs to the secret: it stays where that stays, unless the file names another."""
    if "signature_secret" in given or not known.signature_secret:
        return Signature(signature_secret=row.signature_secret, signature_method=row.signature_method)
    method = row.signature_method if "signature_method" in given else known.signature_method
    return Signature(signature_secret=known.signature_secret, signature_method=method)


def _is_given_to_another(known: Account, settings: Settings) -> bool:
    """By the file: kept as well, the key would answer for both."""
    key = known.api_key.lower()
    return any(table.id != known.id and table.api_key.get_secret_value().lower() == key for table in settings.accounts)


def _warned(planned: Planned, row: Endpoint, campaigns: Collection[tuple[AccountId, CampaignId]]) -> Planned:
    warnings = tuple(f"{row.id}: {told}" for told in unheard(row, campaigns))
    return replace(planned, step=replace(planned.step, warnings=warnings))


def _compared(
    kind: Literal["account", "campaign", "source", "endpoint"], name: str, known: Row | None, row: Row
) -> Planned:
    if known is None:
        return Planned(Step(kind=kind, id=name, done="added"), row)
    differing = tuple(f.name for f in fields(row) if getattr(known, f.name) != getattr(row, f.name))
    return Planned(Step(kind=kind, id=name, done="changed" if differing else "unchanged", fields=differing), row)
