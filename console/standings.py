"""What is known of a number, campaign by campaign, and how did it come to be?"""

from dataclasses import dataclass
from datetime import datetime

from consent.ledger import Ledger
from consent.model import Campaign, ConsentState, Event, Msisdn, Status, UnixMs
from consent.permission import may_text
from console.desk import Desk
from console.lookup import accounts_meant, campaign_meant
from console.moments import moment


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    account: str
    campaign: str
    title: str
    status: str
    may_text: bool
    actor: str | None
    via: str | None
    source: str | None
    since: datetime | None
    keyword: str
    rule: str
    sequence: int | None


async def looked_up(
    desk: Desk, msisdn: Msisdn, account: str | None, campaign: str | None, *, now: UnixMs
) -> list[Standing]:
    async with desk.reading() as store:
        directory, ledger = await desk.registry(store).directory(), Ledger(store)
        found = []
        for owner in accounts_meant(directory, account):
            campaigns = (
                directory.campaigns_of(owner.id)
                if campaign is None
                else (campaign_meant(directory, owner.id, campaign),)
            )
            states = await ledger.states(owner.id, [each.id for each in campaigns], msisdn)
            found += [standing(each, state, now) for each, state in zip(campaigns, states, strict=True)]
    return sorted(found, key=lambda each: (each.status == Status.UNKNOWN, each.account, each.campaign))


async def happened(desk: Desk, msisdn: Msisdn, account: str | None, *, limit: int) -> list[Event]:
    """Newest last, as far back as the log is kept."""
    async with desk.reading() as store:
        directory, ledger = await desk.registry(store).directory(), Ledger(store)
        owners = {owner.id for owner in accounts_meant(directory, account)}
        events = await ledger.history_at(owners, msisdn, limit=limit)
    return events[::-1]


def standing(campaign: Campaign, state: ConsentState | None, now: UnixMs) -> Standing:
    status = state.status_at(now) if state else Status.UNKNOWN
    return Standing(
        account=campaign.account,
        campaign=campaign.id,
        title=campaign.title,
        status=status,
        may_text=may_text(status, campaign),
        actor=state.actor if state else None,
        via=state.origin.via if state else None,
        source=state.origin.source if state else None,
        since=_since(state, status) if state else None,
        keyword=state.origin.keyword if state else "",
        rule=state.origin.rule if state else "",
        sequence=state.sequence if state else None,
    )


def _since(state: ConsentState, status: Status) -> datetime:
    instants = {Status.OPTED_OUT: state.opted_out_at, Status.OPTED_IN: state.opted_in_at}
    return moment(instants.get(status) or state.decides_at)
