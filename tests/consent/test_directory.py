"""Does the picture of the registry find who is registered, and only within the account that asks?"""

from dataclasses import replace

import pytest

from consent.directory import Directory
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

ACME, BOB = AccountId("acme"), AccountId("bob")


def a_campaign(account: AccountId, name: str, *, short_code: str = "") -> Campaign:
    return Campaign(account=account, id=CampaignId(name), short_code=short_code)


def a_source(account: AccountId, name: str, *, token: str) -> Source:
    return Source(account=account, id=SourceId(name), provider="nexmo", token=token)


def an_endpoint(account: AccountId, name: str) -> Endpoint:
    return Endpoint(account=account, id=EndpointId(f"{account}/{name}"), url="https://crm.example.com", secrets=())


def test_accounts_and_endpoints_are_found_by_id() -> None:
    acme, crm = Account(id=ACME), an_endpoint(ACME, "crm")

    directory = Directory.of(7, accounts=[acme], endpoints=[crm])

    assert directory.version == 7
    assert directory.accounts == {ACME: acme}
    assert directory.endpoints == {crm.id: crm}


def test_an_account_has_only_its_own_endpoints() -> None:
    mine, other = an_endpoint(ACME, "crm"), an_endpoint(BOB, "crm")

    directory = Directory.of(1, endpoints=[mine, other])

    assert directory.endpoints_of(ACME) == (mine,)


def test_a_campaign_is_found_within_its_account() -> None:
    mine, other = a_campaign(ACME, "1116"), a_campaign(BOB, "1116")

    directory = Directory.of(1, campaigns=[mine, other])

    assert directory.campaign(ACME, CampaignId("1116")) is mine
    assert directory.campaign(ACME, CampaignId("1117")) is None


def test_the_campaigns_of_an_account_come_in_the_order_of_their_ids() -> None:
    late, early, other = a_campaign(ACME, "2"), a_campaign(ACME, "1"), a_campaign(BOB, "0")

    directory = Directory.of(1, campaigns=[late, other, early])

    assert directory.campaigns_of(ACME) == (early, late)
    assert directory.campaigns_of(AccountId("nobody")) == ()


def test_a_text_reaches_all_campaigns_at_its_short_code_in_that_account() -> None:
    first, second = a_campaign(ACME, "1", short_code="123456"), a_campaign(ACME, "2", short_code="123456")
    elsewhere, other = a_campaign(ACME, "3", short_code="777"), a_campaign(BOB, "4", short_code="123456")

    directory = Directory.of(1, campaigns=[first, second, elsewhere, other])

    assert directory.campaigns_at(ACME, "123456") == (first, second)
    assert directory.campaigns_at(ACME, "999") == ()


def test_a_campaign_has_forerunners_where_webhooks_knew_its_short_code_first() -> None:
    found = replace(a_campaign(ACME, "123456", short_code="123456"), discovered=True)
    sibling, nameless = a_campaign(ACME, "2", short_code="123456"), a_campaign(ACME, "3", short_code="")
    campaign = a_campaign(ACME, "1", short_code="123456")

    directory = Directory.of(1, campaigns=[found, campaign, sibling, nameless])

    assert directory.with_forerunners(campaign) == ("1", "123456")
    assert directory.with_forerunners(found) == ("123456",)
    assert directory.with_forerunners(nameless) == ("3",)


def test_a_campaign_of_a_postback_is_no_forerunner_of_another_at_its_short_code() -> None:
    told = replace(a_campaign(ACME, "77", short_code="123456"), discovered=True)
    campaign = a_campaign(ACME, "1", short_code="123456")

    directory = Directory.of(1, campaigns=[told, campaign])

    assert directory.with_forerunners(campaign) == ("1",)


def test_a_campaign_that_somebody_named_after_its_number_is_no_forerunner_either() -> None:
    named = a_campaign(ACME, "123456", short_code="123456")
    campaign = a_campaign(ACME, "1", short_code="123456")

    assert Directory.of(1, campaigns=[named, campaign]).with_forerunners(campaign) == ("1",)
    moved = replace(named, short_code="654321", discovered=True)
    assert Directory.of(1, campaigns=[moved, campaign]).with_forerunners(campaign) == ("1",)


@pytest.mark.parametrize("registered", ["18005551212", "+18005551212", "+1 (800) 555-1212"])
def test_a_number_is_found_however_it_was_registered(registered: str) -> None:
    found = replace(a_campaign(ACME, "18005551212", short_code="18005551212"), discovered=True)
    campaign = a_campaign(ACME, "a", short_code=registered)

    directory = Directory.of(1, campaigns=[found, campaign, a_campaign(ACME, "b", short_code="")])

    assert directory.campaigns_at(ACME, "18005551212") == (found, campaign)
    assert directory.campaigns_at(ACME, registered) == (found, campaign)
    assert directory.with_forerunners(campaign) == ("a", "18005551212")
    assert campaign.short_code == registered


def test_a_campaign_is_reached_at_every_number_of_its_pool() -> None:
    found = replace(a_campaign(ACME, "18005551214", short_code="18005551214"), discovered=True)
    campaign = replace(
        a_campaign(ACME, "a", short_code="+18005551212"), pool=("+1 800 555 1213", "18005551214", "18005551212")
    )

    directory = Directory.of(1, campaigns=[found, campaign])

    assert directory.campaigns_at(ACME, "18005551212") == (campaign,)
    assert directory.campaigns_at(ACME, "18005551213") == (campaign,)
    assert directory.campaigns_at(ACME, "+18005551214") == (found, campaign)
    assert directory.with_forerunners(campaign) == ("a", "18005551214")


def test_a_number_that_was_texted_is_a_stray_until_somebody_registers_it() -> None:
    texted = replace(a_campaign(ACME, "18005551214", short_code="18005551214"), discovered=True)
    told = replace(a_campaign(ACME, "77", short_code="123456"), discovered=True)
    campaign = a_campaign(ACME, "a", short_code="+18005551212")

    assert Directory.of(1, campaigns=[texted, told, campaign]).strays == (texted,)
    assert Directory.of(1, campaigns=[texted, told, replace(campaign, pool=("+18005551214",))]).strays == ()
    assert Directory.of(1, campaigns=[replace(texted, discovered=False)]).strays == ()


def test_a_source_is_found_by_its_token_and_by_its_name() -> None:
    mine, other = a_source(ACME, "main", token="t" * 16), a_source(BOB, "main", token="u" * 16)

    directory = Directory.of(1, sources=[other, mine])

    assert directory.sources_by_token["t" * 16] is mine
    assert directory.source(ACME, SourceId("main")) is mine
    assert directory.source(ACME, SourceId("spare")) is None


def test_a_directory_does_not_show_its_tokens() -> None:
    directory = Directory.of(1, sources=[a_source(ACME, "main", token="very-secret-token")])

    assert "very-secret-token" not in repr(directory)
