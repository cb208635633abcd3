"""Who is registered? An immutable picture of the registry at one version, with the look-ups that requests need."""

from collections import defaultdict
from collections.abc import Hashable, Iterable
from dataclasses import dataclass, field
from typing import TypeVar

from consent.model import (
    Account,
    AccountId,
    Campaign,
    CampaignId,
    Endpoint,
    EndpointId,
    Source,
    SourceId,
)
from consent.short_codes import short_code_of

Key = TypeVar("Key", bound=Hashable)


@dataclass(frozen=True, slots=True, eq=False)
class Directory:
    """Compared and remembered by identity: what was worked out for one picture holds for that picture."""

    version: int
    accounts: dict[AccountId, Account] = field(default_factory=dict)
    campaigns: dict[tuple[AccountId, CampaignId], Campaign] = field(default_factory=dict)
    sources_by_token: dict[str, Source] = field(default_factory=dict, repr=False)
    endpoints: dict[EndpointId, Endpoint] = field(default_factory=dict)
    accounts_by_key: dict[str, Account] = field(default_factory=dict, repr=False)
    """By API key in lower case: one documented client sends it so."""
    _by_account: dict[AccountId, tuple[Campaign, ...]] = field(default_factory=dict, repr=False)
    _by_short_code: dict[tuple[AccountId, str], tuple[Campaign, ...]] = field(default_factory=dict, repr=False)

    @classmethod
    def of(
        cls,
        version: int,
        *,
        accounts: Iterable[Account] = (),
        campaigns: Iterable[Campaign] = (),
        sources: Iterable[Source] = (),
        endpoints: Iterable[Endpoint] = (),
    ) -> "Directory":
        known = list(accounts)
        listed = sorted(campaigns, key=lambda campaign: campaign.id)
        return cls(
            version,
            {account.id: account for account in known},
            {(campaign.account, campaign.id): campaign for campaign in listed},
            {source.token: source for source in sources},
            {endpoint.id: endpoint for endpoint in endpoints},
            {account.api_key.lower(): account for account in known if account.api_key},
            _grouped((campaign.account, campaign) for campaign in listed),
            _grouped(((each.account, code), each) for each in listed for code in _codes_of(each)),
        )

    def campaigns_of(self, account: AccountId) -> tuple[Campaign, ...]:
        return self._by_account.get(account, ())

    def campaigns_at(self, account: AccountId, short_code: str) -> tuple[Campaign, ...]:
        """Those that a text to `short_code` reaches, however it and theirs are written."""
        return self._by_short_code.get((account, short_code_of(short_code)), ())

    def campaign(self, account: AccountId, campaign: CampaignId) -> Campaign | None:
        return self.campaigns.get((account, campaign))

    def with_forerunners(self, campaign: Campaign) -> tuple[CampaignId, ...]:
        """The campaign, and those that a text made of its numbers before anybody registered them: a STOP from that
        time holds for the number, whatever campaign it belongs to now. What an N301 or N302 made is no forerunner,
        even at the same number: it is another campaign of the provider's."""
        forerunners = [
            each.id
            for code in _codes_of(campaign)
            for name in texted_ids(code)
            if name != campaign.id and (each := self.campaign(campaign.account, name))
            if each.discovered and short_code_of(each.short_code) == code
        ]
        return (campaign.id, *forerunners)

    @property
    def strays(self) -> tuple[Campaign, ...]:
        """What a text made of a number that nobody has registered since: whoever asks about another campaign does not
        hear of a STOP there."""
        return tuple(
            each
            for each in self.campaigns.values()
            if each.discovered
            and each.id in texted_ids(code := short_code_of(each.short_code))
            and self.campaigns_at(each.account, code) == (each,)
        )

    def endpoints_of(self, account: AccountId) -> tuple[Endpoint, ...]:
        return tuple(e for e in self.endpoints.values() if e.account == account)

    @property
    def disabled(self) -> frozenset[EndpointId]:
        return frozenset(endpoint.id for endpoint in self.endpoints.values() if endpoint.disabled)

    def source(self, account: AccountId, source: SourceId) -> Source | None:
        return next((s for s in self.sources_by_token.values() if s.account == account and s.id == source), None)


def texted_ids(short_code: str) -> tuple[CampaignId, CampaignId]:
    """What a text makes of a number that nobody registered; the other where a campaign elsewhere is called like it."""
    return CampaignId(short_code), CampaignId(f"{short_code}-texted")


def _codes_of(campaign: Campaign) -> Iterable[str]:
    """All that it is texted at, each once."""
    return dict.fromkeys(map(short_code_of, (campaign.short_code, *campaign.pool)))


def _grouped(campaigns: Iterable[tuple[Key, Campaign]]) -> dict[Key, tuple[Campaign, ...]]:
    groups: defaultdict[Key, list[Campaign]] = defaultdict(list)
    for key, campaign in campaigns:
        groups[key].append(campaign)
    return {name: tuple(members) for name, members in groups.items()}
