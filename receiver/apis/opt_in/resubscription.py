"""What is recorded when an account opts a number in again, and what does it hear of it? Pure."""

from collections.abc import Sequence

from consent.model import Account, Attached, CampaignId, Change, ConsentState, EventType, Msisdn, Status, UnixMs
from consent.numbers import Recipient
from consent.ordering import deciding_time
from receiver.apis.opt_in import told
from receiver.apis.opt_in.bodies import Record, record
from receiver.apis.opt_in.reach import States


def change(
    account: Account,
    who: Recipient,
    campaigns: tuple[CampaignId, ...],
    attached: tuple[Attached, ...],
    now: UnixMs,
) -> Change:
    """Without an identity: the account may say so as often as it likes, and each time it is on the record."""
    return Change(
        account=account.id,
        msisdn=who.msisdn,
        type=EventType.OPTED_IN,
        campaigns=campaigns,
        origin=told.origin("manage"),
        occurred_at=now,
        decides_at=deciding_time(now, now, status=Status.OPTED_IN),
        received_at=now,
        identities=(),
        status=Status.OPTED_IN,
        is_odd=who.is_odd,
        attached=attached,
    )


def opted_in(msisdn: Msisdn, before: Sequence[ConsentState | None], now: UnixMs) -> Record:
    """Who was opted in everywhere already keeps her date; to any other, the date is now."""
    since = [state.opted_in_at for state in before if state is not None and state.status is Status.OPTED_IN]
    dates = [date for date in since if date is not None]
    return record(msisdn, opted_in_at=max(dates, default=now) if len(since) == len(before) else now, opted_out_at=None)


def as_it_is(msisdn: Msisdn, states: States) -> Record:
    """Opted out if she is so anywhere."""
    known = [state for state in states.values() if state is not None]
    out = [state for state in known if state.opted_out_at is not None]
    opted_in = [state.opted_in_at for state in out or known if state.opted_in_at is not None]
    opted_out = [state.opted_out_at for state in out if state.opted_out_at is not None]
    return record(msisdn, opted_in_at=max(opted_in, default=None), opted_out_at=max(opted_out, default=None))
