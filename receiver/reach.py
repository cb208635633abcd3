"""Which campaigns does a text concern? Those it names, those at the number it was sent to, or one nobody registered."""

from typing import NamedTuple

from consent.directory import Directory
from consent.keywords import OneCampaign, ReachedCampaigns, WholeAccount
from consent.model import AccountId, Campaign, CampaignId

_LONGEST_CODE = 32


class Reach(NamedTuple):
    campaigns: tuple[CampaignId, ...] = ()
    discovered: tuple[Campaign, ...] = ()
    """Those among them that are to be registered first."""


def reach_of(
    scope: WholeAccount | ReachedCampaigns | OneCampaign, *, short_code: str, account: AccountId, directory: Directory
) -> Reach:
    """Never empty: an opt-out at a number that nobody registered holds for that number."""
    if isinstance(scope, OneCampaign):
        return Reach((scope.campaign,))
    here = Reach(_ids(directory.campaigns_at(account, short_code)))
    if not here.campaigns:
        here = _unregistered(short_code, account, directory)
    if isinstance(scope, ReachedCampaigns):
        return here
    everywhere = _ids(directory.campaigns_of(account))
    return Reach(tuple(dict.fromkeys(everywhere + here.campaigns)), here.discovered)


def only_campaign_at(short_code: str, account: AccountId, directory: Directory) -> Reach:
    """Whom an ordinary text belongs to: nobody, where several campaigns share the number."""
    here = directory.campaigns_at(account, short_code)
    return Reach(_ids(here)) if len(here) == 1 else Reach()


def short_code_of(to: str) -> str:
    """The number that was texted, as campaigns are registered at it. It may become the id of a campaign."""
    if to.isalnum() and len(to) <= _LONGEST_CODE:
        return to
    return "".join(filter(str.isalnum, to))[:_LONGEST_CODE] or "unknown"


def _unregistered(short_code: str, account: AccountId, directory: Directory) -> Reach:
    known = directory.campaign(account, CampaignId(short_code))
    if known is not None:
        return Reach((known.id,))
    new = Campaign(account=account, id=CampaignId(short_code), short_code=short_code, discovered=True)
    return Reach((new.id,), (new,))


def _ids(campaigns: tuple[Campaign, ...]) -> tuple[CampaignId, ...]:
    return tuple([campaign.id for campaign in campaigns])
