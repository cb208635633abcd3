"""Which one is meant? A name as an operator types it, to what the registry has; or what there is instead. Pure."""

from collections.abc import Callable, Iterable, Sequence
from difflib import get_close_matches
from typing import TypeVar

from consent.directory import Directory
from consent.model import Account, AccountId, Campaign, CampaignId, Endpoint, EndpointId, Source
from console.refusals import NoSuch, Unfit

Row = TypeVar("Row")

_SHOWN = 10


def accounts_meant(directory: Directory, name: str | None) -> tuple[Account, ...]:
    """All of them, or the one that is named."""
    return tuple(directory.accounts.values()) if name is None else (account_meant(directory, name),)


def account_meant(directory: Directory, name: str | None) -> Account:
    """Without a name, the only one."""
    if name is None:
        return _only(list(directory.accounts.values()), "account", lambda account: account.id, remedy="name one")
    if found := directory.accounts.get(AccountId(name)):
        return found
    raise _unknown("account", name, directory.accounts)


def endpoint_meant(directory: Directory, name: str) -> Endpoint:
    """ "acme/crm", or "crm" where only one account has such an endpoint."""
    return _named(directory.endpoints.values(), "endpoint", name, lambda endpoint: endpoint.id)


def source_meant(directory: Directory, name: str | None, *, provider: str) -> Source:
    """Without a name, the only one of this provider."""
    sources = [source for source in sources_of(directory) if source.provider == provider]
    if name is None:
        return _only(sources, f"{provider} source", source_name, remedy="say which source")
    return _named(sources, f"{provider} source", name, source_name)


def texted_source_meant(directory: Directory, name: str | None) -> Source:
    """Without a name, the only one that texts come through: Skycore tells what it made of one."""
    if name is not None:
        return source_named(directory, name)
    sources = [source for source in sources_of(directory) if source.provider != "skycore"]
    return _only(sources, "source of texts", source_name, remedy="say which source")


def source_named(directory: Directory, name: str) -> Source:
    """ "acme/nexmo", or "nexmo" where only one account has such a source."""
    return _named(sources_of(directory), "source", name, source_name)


def campaign_meant(directory: Directory, account: AccountId, name: str | None) -> Campaign:
    campaigns = directory.campaigns_of(account)
    if name is None:
        return _only(campaigns, f"{account} campaign", lambda campaign: campaign.id, remedy="say which campaign")
    if found := directory.campaign(account, CampaignId(name)):
        return found
    raise _unknown(f"{account} campaign", name, [campaign.id for campaign in campaigns])


def endpoint_id(directory: Directory, name: str) -> EndpointId:
    """Of a new one: its account must be there already."""
    account, slash, own = name.rpartition("/")
    return EndpointId(f"{account_meant(directory, account if slash else None).id}/{own}")


def sources_of(directory: Directory) -> list[Source]:
    return sorted(directory.sources_by_token.values(), key=lambda source: (source.account, source.id))


def source_name(source: Source) -> str:
    return f"{source.account}/{source.id}"


def _named(rows: Iterable[Row], kind: str, name: str, name_of: Callable[[Row], str]) -> Row:
    by_name = {name_of(row): row for row in rows}
    if name in by_name:
        return by_name[name]
    matching = [full for full in by_name if full.rpartition("/")[2] == name]
    if len(matching) > 1:
        raise Unfit(f"several accounts have {_one(kind)} {name}: say {' or '.join(matching)}")
    if not matching:
        raise _unknown(kind, name, by_name)
    return by_name[matching[0]]


def _only(rows: Sequence[Row], kind: str, name_of: Callable[[Row], str], *, remedy: str) -> Row:
    match rows:
        case [row]:
            return row
        case []:
            raise NoSuch(
                f"there is no {kind} yet: declare one in the configuration file and `apply` it, or add one by command"
            )
        case _:
            raise Unfit(f"there is more than one {kind}, so {remedy}: {_listed(map(name_of, rows))}")


def _unknown(kind: str, name: str, known: Iterable[str]) -> NoSuch:
    names = list(known)
    if near := _nearest(name, names):
        return NoSuch(f"there is no {kind} {name}; did you mean {near}?")
    return NoSuch(f"there is no {kind} {name}; {f'there are: {_listed(names)}' if names else 'there is none'}")


def _nearest(name: str, names: Sequence[str]) -> str | None:
    """What an account's names have in common is no likeness: "demo/nope" is not "demo/y" misspelled."""
    account, slash, own = name.rpartition("/")
    same = {each.rpartition("/")[2]: each for each in names if not slash or each.startswith(f"{account}/")}
    if near := get_close_matches(own, same, n=1):
        return same[near[0]]
    others = [each for each in names if get_close_matches(own, [each.rpartition("/")[2]])]
    return next(iter(get_close_matches(name, others, n=1)), None)


def _one(kind: str) -> str:
    return f"{'an' if kind[0] in 'aeiou' else 'a'} {kind}"


def _listed(names: Iterable[str]) -> str:
    listed = list(names)
    return ", ".join(listed[:_SHOWN]) + (", …" if len(listed) > _SHOWN else "")
