"""What may an operator do to accounts, campaigns and sources? Add, change, remove; each on the record.

What others hang on is not removed under them, and no two share a key or token: it would answer for the wrong one.
"""

import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import TypeVar

from config.settings import Settings
from consent.directory import Directory
from consent.ledger.registry import Amended
from consent.model import Account, Campaign, Endpoint, Source
from console import judging
from console.credentials import new_token
from console.desk import Desk
from console.judging import Table
from console.lookup import account_meant, campaign_meant, source_name, source_named
from console.refusals import Taken
from console.wording import counted

Row = Account | Campaign | Source
RowT = TypeVar("RowT", Account, Campaign, Source)

_KIND: Mapping[type[Row], str] = {Account: "account", Campaign: "campaign", Source: "source"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Removed:
    removed: str
    still_declared: bool
    """In the configuration file: `apply` and `up` bring it back."""


async def add(desk: Desk, row: Row, *, hint: str = "change that one") -> None:
    """Taken where it is there already; a campaign that a webhook discovered is filled in."""

    def added(directory: Directory) -> Amended[Row]:
        if not isinstance(row, Account):
            account_meant(directory, row.account)
        known = _known(row, directory)
        if not _is_new(known):
            raise Taken(f"{_KIND[type(row)]} {_name(row)} exists already: {hint}")
        _ensure_own(row, directory)
        return Amended(row, known)

    async with desk.writing() as store:
        await desk.registry(store).amend(added)
        await desk.note(store, f"{_KIND[type(row)]}.added", _name(row))


async def change_account(desk: Desk, name: str, patch: Table) -> Account:
    return await _change(desk, lambda directory: account_meant(directory, name), patch, judging.account)


async def change_campaign(desk: Desk, account: str, name: str, patch: Table) -> Campaign:
    return await _change(desk, lambda directory: campaign_of(directory, account, name), patch, judging.campaign)


async def change_source(desk: Desk, account: str, name: str, patch: Table) -> Source:
    """A token that is taken back is followed by a new one: without any, everybody would know the URL."""

    def judged(table: Table) -> Source:
        row = judging.source(table)
        return row if row.token else replace(row, token=new_token(secrets.token_bytes))

    return await _change(desk, lambda directory: source_named(directory, f"{account}/{name}"), patch, judged)


async def remove_account(desk: Desk, name: str) -> Removed:
    def hanging(row: Account, directory: Directory) -> str:
        campaigns = len(directory.campaigns_of(row.id))
        sources = sum(source.account == row.id for source in directory.sources_by_token.values())
        endpoints = len(directory.endpoints_of(row.id))
        if not (campaigns or sources or endpoints):
            return ""
        told = f"{counted(campaigns, 'campaign')}, {counted(sources, 'source')} and {counted(endpoints, 'endpoint')}"
        return f"it has {told}: remove these first"

    return await _remove(desk, lambda directory: account_meant(directory, name), hanging)


async def remove_campaign(desk: Desk, account: str, name: str) -> Removed:
    """What is known of its numbers stays in the ledger, and counts again when the campaign comes back."""

    def hanging(row: Campaign, directory: Directory) -> str:
        asking = [each.id for each in directory.endpoints_of(row.account) if row.id in each.campaigns]
        if len(asking) == 1:
            return f"{asking[0]} asks for it by name: change that one first"
        return f"{', '.join(asking)} ask for it by name: change these first" if asking else ""

    return await _remove(desk, lambda directory: campaign_of(directory, account, name), hanging)


async def remove_source(desk: Desk, account: str, name: str) -> Removed:
    """Its URL answers 404 from then on: take it out of the provider's dashboard first."""
    return await _remove(desk, lambda directory: source_named(directory, f"{account}/{name}"), lambda *_: "")


def campaign_of(directory: Directory, account: str, name: str) -> Campaign:
    return campaign_meant(directory, account_meant(directory, account).id, name)


def is_declared(settings: Settings, row: Row | Endpoint) -> bool:
    match row:
        case Account():
            return any(table.id == row.id for table in settings.accounts)
        case Campaign():
            return any((table.account, table.id) == (row.account, row.id) for table in settings.campaigns)
        case Source():
            return any((table.account, table.id) == (row.account, row.id) for table in settings.sources)
        case Endpoint():
            return any(f"{table.account}/{table.id}" == row.id for table in settings.endpoints)


async def _change(desk: Desk, meant: Callable[[Directory], RowT], patch: Table, judge: Callable[[Table], RowT]) -> RowT:
    def changed(directory: Directory) -> Amended[RowT]:
        known = meant(directory)
        row = judge(judging.patched(judging.table_of(known), patch))
        _ensure_own(row, directory)
        return Amended(row, known)

    async with desk.writing() as store:
        done = await desk.registry(store).amend(changed)
        if done.row != done.before:
            await desk.note(store, f"{_KIND[type(done.row)]}.changed", _name(done.row), fields=sorted(patch))
        return done.row


async def _remove(desk: Desk, meant: Callable[[Directory], RowT], hanging: Callable[[RowT, Directory], str]) -> Removed:
    def removable(directory: Directory) -> RowT:
        row = meant(directory)
        if why := hanging(row, directory):
            raise Taken(f"{_KIND[type(row)]} {_name(row)} cannot be removed: {why}")
        return row

    async with desk.writing() as store:
        row = await desk.registry(store).dismiss(removable)
        await desk.note(store, f"{_KIND[type(row)]}.removed", _name(row))
    return Removed(removed=_name(row), still_declared=is_declared(desk.settings, row))


def _known(row: Row, directory: Directory) -> Row | None:
    match row:
        case Account():
            return directory.accounts.get(row.id)
        case Campaign():
            return directory.campaign(row.account, row.id)
        case Source():
            return directory.source(row.account, row.id)


def _is_new(known: Row | None) -> bool:
    return known is None or (isinstance(known, Campaign) and known.discovered)


def _ensure_own(row: Row, directory: Directory) -> None:
    other: Row | None = None
    if isinstance(row, Account) and row.api_key:
        other = directory.accounts_by_key.get(row.api_key.lower())
    if isinstance(row, Source):
        other = directory.sources_by_token.get(row.token)
    if other is not None and _name(other) != _name(row):
        what = "api_key" if isinstance(row, Account) else "token"
        raise Taken(f"{what}: expected one of its own, got that of {_name(other)}")


def _name(row: Row) -> str:
    match row:
        case Account():
            return row.id
        case Campaign():
            return f"{row.account}/{row.id}"
        case Source():
            return source_name(row)
