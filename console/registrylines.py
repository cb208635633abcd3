"""How are accounts and sources told? Accounts without secrets; a source with its URL, for who may see it. Pure."""

from dataclasses import dataclass

from config.durations import spelled
from consent.directory import Directory
from consent.model import Account, Source
from console.demo import webhook_url
from console.lookup import accounts_meant, source_name, sources_of
from console.providers import signed_by


@dataclass(frozen=True, slots=True, kw_only=True)
class AccountLine:
    account: str
    campaigns: int
    sources: int
    endpoints: int
    has_api_key: bool
    signature_method: str | None
    """None: requests of this account are not signed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceLine:
    source: str
    provider: str
    url: str
    """Who knows it may post to it; empty for who may not see it."""
    signed: str | None
    """By what a webhook has to be verified: a method, or what else its provider has; None: it need not be."""
    tolerance: str


def accounts_told(directory: Directory) -> list[AccountLine]:
    return [
        account_told(account, directory) for account in sorted(directory.accounts.values(), key=lambda each: each.id)
    ]


def account_told(account: Account, directory: Directory) -> AccountLine:
    return AccountLine(
        account=account.id,
        campaigns=len(directory.campaigns_of(account.id)),
        sources=sum(source.account == account.id for source in directory.sources_by_token.values()),
        endpoints=len(directory.endpoints_of(account.id)),
        has_api_key=bool(account.api_key),
        signature_method=account.signature_method if account.signature_secret else None,
    )


def sources_told(directory: Directory, account: str | None, receiver_url: str) -> list[SourceLine]:
    owners = {owner.id for owner in accounts_meant(directory, account)}
    return [source_told(source, receiver_url) for source in sources_of(directory) if source.account in owners]


def source_told(source: Source, receiver_url: str, *, shows_url: bool = True) -> SourceLine:
    return SourceLine(
        source=source_name(source),
        provider=source.provider,
        url=webhook_url(receiver_url, source) if shows_url else "",
        signed=signed_by(source),
        tolerance=spelled(source.tolerance),
    )
