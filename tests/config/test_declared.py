"""The tables of the file become the values of the domain."""

from pathlib import Path

from config.declared import accounts, campaigns, endpoints, sources
from config.settings import judged
from consent.model import (
    Account,
    AccountId,
    Campaign,
    CampaignId,
    Endpoint,
    EndpointId,
    Header,
    Millis,
    Source,
    SourceId,
)

ACME = AccountId("acme")
COMPLETE = judged(
    {
        "accounts": [
            {"id": "acme", "api_key": "k", "api_secret": "s", "signature_secret": "g", "signature_method": "sha256"}
        ],
        "campaigns": [
            {
                "account": "acme",
                "id": "1116",
                "title": "Title",
                "brand": "Brand",
                "short_code": "123456",
                "pool": ["+1 800 555 1212"],
                "keywords": ["VIP"],
                "requires_opt_in": True,
            }
        ],
        "sources": [
            {
                "account": "acme",
                "id": "main",
                "provider": "nexmo",
                "token": "t0ken-of-at-least-16-chars",
                "signature_secret": "g",
                "signature_method": "sha1",
                "tolerance": "1h",
            }
        ],
        "endpoints": [
            {
                "account": "acme",
                "id": "crm",
                "url": "https://crm.example.com/",
                "secret": "whsec_MDEyMzQ1Njc4OWFiY2RlZg==",
                "format": "wxml",
                "events": ["*"],
                "campaigns": ["1116"],
                "changes_only": True,
                "rate": "50/s",
                "max_in_flight": 2,
                "headers": {"X-Api-Key": "key", "Authorization": "Bearer abc"},
                "client_certificate": "client.pem",
                "client_key": "/etc/relay/client.key",
                "proxy": "http://proxy.example.com:3128",
            }
        ],
    },
    {},
    where="here",
)


def test_what_is_written_is_carried_over() -> None:
    assert accounts(COMPLETE) == (
        Account(id=ACME, api_key="k", api_secret="s", signature_secret="g", signature_method="sha256"),
    )
    assert campaigns(COMPLETE) == (
        Campaign(
            account=ACME,
            id=CampaignId("1116"),
            title="Title",
            brand="Brand",
            short_code="123456",
            pool=("+1 800 555 1212",),
            keywords=("VIP",),
            requires_opt_in=True,
        ),
    )
    assert sources(COMPLETE) == (
        Source(
            account=ACME,
            id=SourceId("main"),
            provider="nexmo",
            token="t0ken-of-at-least-16-chars",
            signature_secret="g",
            signature_method="sha1",
            tolerance=Millis(3_600_000),
        ),
    )
    assert endpoints(COMPLETE) == (
        Endpoint(
            account=ACME,
            id=EndpointId("acme/crm"),
            url="https://crm.example.com/",
            secrets=("whsec_MDEyMzQ1Njc4OWFiY2RlZg==",),
            format="wxml",
            events=("*",),
            campaigns=(CampaignId("1116"),),
            changes_only=True,
            rate="50/s",
            max_in_flight=2,
            headers=(Header(name="X-Api-Key", value="key"), Header(name="Authorization", value="Bearer abc")),
            client_certificate=str(Path.cwd() / "client.pem"),
            client_key="/etc/relay/client.key",
            proxy="http://proxy.example.com:3128",
        ),
    )


def test_a_private_key_may_stand_where_a_shared_secret_may() -> None:
    pair = "whsk_6Xb/dCcHpPea21PS1N9VY/NZW723CEc77N4rJCubMbfVKIDij2HKpMKkioLlX0dRqSKJp4AJ6p9lMicMFs6Kvg=="
    endpoint = {"account": "acme", "id": "crm", "url": "https://crm.example.com/", "secret": pair}
    settings = judged({"accounts": [{"id": "acme"}], "endpoints": [endpoint]}, {}, where="here")

    assert endpoints(settings)[0].secrets == (pair,)


def test_what_is_left_out_has_the_defaults_of_the_domain_and_no_secret_yet() -> None:
    settings = judged(
        {
            "accounts": [{"id": "acme"}],
            "campaigns": [{"account": "acme", "id": "1116"}],
            "sources": [{"account": "acme", "id": "main", "provider": "nexmo"}],
            "endpoints": [{"account": "acme", "id": "crm", "url": "https://crm.example.com/"}],
        },
        {},
        where="here",
    )

    assert accounts(settings) == (Account(id=ACME),)
    assert campaigns(settings) == (Campaign(account=ACME, id=CampaignId("1116")),)
    assert sources(settings) == (Source(account=ACME, id=SourceId("main"), provider="nexmo", token=""),)
    assert endpoints(settings) == (
        Endpoint(account=ACME, id=EndpointId("acme/crm"), url="https://crm.example.com/", secrets=()),
    )
