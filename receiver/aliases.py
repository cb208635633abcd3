"""Which keyword means which campaigns? `STOP PIZZA` is about one campaign of many, or about all that share the word."""

from collections import defaultdict
from functools import lru_cache
from types import MappingProxyType

from consent.directory import Directory
from consent.keywords import Aliases, normalise
from consent.model import AccountId, Campaign, CampaignId


# Remembered while the registry stays the same: normalising keywords costs more than judging a text.
@lru_cache(maxsize=1024)
def aliases_of(directory: Directory, account: AccountId, short_code: str) -> Aliases:
    """A keyword means those at the short code that was texted; where none there has it, all of the account's."""
    everywhere, here = directory.campaigns_of(account), directory.campaigns_at(account, short_code)
    return MappingProxyType(_named(everywhere) | _named(here))


def _named(campaigns: tuple[Campaign, ...]) -> dict[str, tuple[CampaignId, ...]]:
    named: defaultdict[str, dict[CampaignId, None]] = defaultdict(dict)
    for campaign in campaigns:
        for keyword in filter(None, map(normalise, campaign.keywords)):
            named[keyword][campaign.id] = None
    return {keyword: tuple(found) for keyword, found in named.items()}
