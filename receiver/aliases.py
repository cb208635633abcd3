"""Which keyword means which campaign? `STOP PIZZA` is about one campaign of many.

The answer is remembered while the registry stays the same: normalising keywords costs more than judging a text.
"""

from collections.abc import Mapping
from types import MappingProxyType

from consent.directory import Directory
from consent.keywords import normalise
from consent.model import AccountId, Campaign, CampaignId

Aliases = Mapping[str, CampaignId]

_MOST_REMEMBERED = 1024
_remembered: dict[tuple[int, int], tuple[tuple[Campaign, ...], tuple[Campaign, ...], Aliases]] = {}
"""By the identity of the directory's own tuples, which it keeps for as long as it lives; held here, so that no other
tuple can take their place in memory."""


def aliases_of(directory: Directory, account: AccountId, short_code: str) -> Aliases:
    """Where campaigns share a keyword, it means the one at the short code that was texted."""
    everywhere, here = directory.campaigns_of(account), directory.campaigns_at(account, short_code)
    found = _remembered.get((id(everywhere), id(here)))
    if found is not None:
        return found[2]
    if len(_remembered) >= _MOST_REMEMBERED:
        _remembered.clear()
    aliases = MappingProxyType(_named(everywhere) | _named(here))
    _remembered[id(everywhere), id(here)] = (everywhere, here, aliases)
    return aliases


def _named(campaigns: tuple[Campaign, ...]) -> dict[str, CampaignId]:
    named = ((normalise(keyword), campaign.id) for campaign in reversed(campaigns) for keyword in campaign.keywords)
    return {keyword: campaign for keyword, campaign in named if keyword}
