"""Which campaigns does a call mean? Those of the account, or the one that it names. Pure."""

from collections.abc import Mapping

from consent.directory import Directory
from consent.model import AccountId, CampaignId, ConsentState, Status, UnixMs
from receiver.apis.opt_in.errors import INVALID_MSISDN, UNKNOWN_CAMPAIGN, Rejected

_FIRST = (Status.OPTED_OUT, Status.OPTED_IN, Status.PENDING)

States = Mapping[CampaignId, ConsentState | None]


def campaigns_meant(directory: Directory, account: AccountId, named: CampaignId | None) -> tuple[CampaignId, ...]:
    if named is None:
        return tuple(campaign.id for campaign in directory.campaigns_of(account))
    if directory.campaign(account, named) is None:
        raise Rejected(UNKNOWN_CAMPAIGN)
    return (named,)


def to_opt_in(states: States, now: UnixMs, *, is_odd: bool) -> tuple[CampaignId, ...]:
    """Where a number is opted in again: wherever it is on the list.

    If it is so nowhere, the account says what holds already, where it holds; a double opt-in that waits is completed,
    for the account vouches for it. A number that was never seen is opted in if only one campaign can be meant.
    """
    # An opt-out may be kept under what is no number, and taken off the list again; nobody can be texted there.
    for status in _FIRST[:1] if is_odd else _FIRST:
        found = tuple(campaign for campaign, state in states.items() if state and _standing(state, now) is status)
        if found:
            return found
    if is_odd or len(states) != 1:
        raise Rejected(INVALID_MSISDN)
    return tuple(states)


def _standing(state: ConsentState, now: UnixMs) -> Status:
    """Who was opted out and then asked whether she would be in is on the list until she answers."""
    return state.status_at(now) if state.opted_out_at is None else Status.OPTED_OUT
