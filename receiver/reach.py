"""Which campaigns does a text concern? Those it names, those at the number it was sent to, or one nobody registered."""

from typing import NamedTuple

from consent.directory import Directory, texted_ids
from consent.keywords import NamedCampaigns, ReachedCampaigns, Scope, WholeAccount
from consent.model import AccountId, Campaign, CampaignId
from consent.short_codes import short_code_of

_NAMELESS = "unknown"
"""What was texted where a webhook does not say, or says nothing that could be an id."""


class Reach(NamedTuple):
    campaigns: tuple[CampaignId, ...] = ()
    discovered: tuple[Campaign, ...] = ()
    """Those among them that are to be registered first."""


def reach_of(scope: Scope, *, short_code: str, account: AccountId, directory: Directory) -> Reach:
    """Never empty: an opt-out at a number that nobody registered holds for that number."""
    if isinstance(scope, NamedCampaigns):
        return Reach(scope.campaigns)
    here = Reach(_ids(directory.campaigns_at(account, short_code)))
    if not here.campaigns:
        here = _unregistered(short_code, account, directory)
    if isinstance(scope, ReachedCampaigns):
        return here
    everywhere = _ids(directory.campaigns_of(account))
    return Reach(tuple(dict.fromkeys(everywhere + here.campaigns)), here.discovered)


def stopped_at(scope: Scope, *, short_code: str) -> Scope:
    """An opt-out at a number that nobody tells us may be out of any campaign: in doubt it is out of each."""
    return WholeAccount() if short_code == _NAMELESS and isinstance(scope, ReachedCampaigns) else scope


def only_campaign_at(short_code: str, account: AccountId, directory: Directory) -> Reach:
    """Whom an ordinary text belongs to: nobody, where several campaigns share the number."""
    here = directory.campaigns_at(account, short_code)
    return Reach(_ids(here)) if len(here) == 1 else Reach()


def texted_at(to: str) -> str:
    """The number that was texted, as campaigns are registered at it. It may become the id of a campaign."""
    return short_code_of(to) or _NAMELESS


def _unregistered(short_code: str, account: AccountId, directory: Directory) -> Reach:
    first, second = texted_ids(short_code)
    known = directory.campaign(account, first)
    if known is not None and not known.short_code and not known.pool:
        return Reach((known.id,))
    name = first if known is None else second
    return Reach((name,), (Campaign(account=account, id=name, short_code=short_code, discovered=True),))


def _ids(campaigns: tuple[Campaign, ...]) -> tuple[CampaignId, ...]:
    return tuple([campaign.id for campaign in campaigns])
