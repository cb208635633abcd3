"""What do the declarative tables say, in the words of the domain? Settings in, registry values out.

Tokens and secrets that the file leaves out stay empty: whoever applies the tables keeps those that exist and generates
the rest, so that starting twice does not change a webhook URL.
"""

from config.settings import Settings
from consent.model import Account, AccountId, Campaign, CampaignId, Endpoint, EndpointId, Header, Source, SourceId


def accounts(settings: Settings) -> tuple[Account, ...]:
    return tuple(
        Account(
            id=AccountId(table.id),
            api_key=table.api_key.get_secret_value(),
            api_secret=table.api_secret.get_secret_value(),
            signature_secret=table.signature_secret.get_secret_value(),
            signature_method=table.signature_method,
        )
        for table in settings.accounts
    )


def campaigns(settings: Settings) -> tuple[Campaign, ...]:
    return tuple(
        Campaign(
            account=AccountId(table.account),
            id=CampaignId(table.id),
            title=table.title,
            brand=table.brand,
            short_code=table.short_code,
            pool=table.pool,
            keywords=table.keywords,
            requires_opt_in=table.requires_opt_in,
        )
        for table in settings.campaigns
    )


def sources(settings: Settings) -> tuple[Source, ...]:
    return tuple(
        Source(
            account=AccountId(table.account),
            id=SourceId(table.id),
            provider=table.provider,
            token=table.token.get_secret_value(),
            signature_secret=table.signature_secret.get_secret_value(),
            signature_method=table.signature_method,
            tolerance=table.tolerance,
        )
        for table in settings.sources
    )


def endpoints(settings: Settings) -> tuple[Endpoint, ...]:
    return tuple(
        Endpoint(
            account=AccountId(table.account),
            id=EndpointId(f"{table.account}/{table.id}"),
            url=table.url,
            secrets=(table.secret.get_secret_value(),) if table.secret else (),
            format=table.format,
            events=table.events,
            campaigns=tuple(map(CampaignId, table.campaigns)),
            changes_only=table.changes_only,
            rate=table.rate,
            max_in_flight=table.max_in_flight,
            headers=tuple(Header(name=name, value=value.get_secret_value()) for name, value in table.headers.items()),
            client_certificate=table.client_certificate,
            client_key=table.client_key,
            proxy=table.proxy,
        )
        for table in settings.endpoints
    )
