"""Which keyword means which campaign? `STOP PIZZA` is about one campaign of many."""

from collections.abc import Mapping
from functools import lru_cache
from types import MappingProxyType

from consent.directory import Directory
from consent.keywords import normalise
from consent.model import AccountId, Campaign, CampaignId

Aliases = Mapping[str, CampaignId]


# Remembered while the registry stays the same: normalising keywords costs more than judging a text.
@lru_cache(maxsize=1024)
def aliases_of(directory: Directory, account: AccountId, short_code: str) -> Aliases:
    """Where campaigns share a keyword, it means the one at the short code that was texted."""
    everywhere, here = directory.campaigns_of(account), directory.campaigns_at(account, short_code)
    return MappingProxyType(_named(everywhere) | _named(here))


def _named(campaigns: tuple[Campaign, ...]) -> dict[str, CampaignId]:
    named = ((normalise(keyword), campaign.id) for campaign in reversed(campaigns) for keyword in campaign.keywords)
    return {keyword: campaign for keyword, campaign in named if keyword}
