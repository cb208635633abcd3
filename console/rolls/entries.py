"""What is to be recorded of one line? An entry, or Refused with the reason. Pure."""

from functools import lru_cache

from consent.errors import Refused
from consent.ledger import Entry, Kind
from consent.model import AccountId, Actor, CampaignId, Status
from console.rolls.cells import date, number, when
from console.rolls.layout import Rules
from console.rolls.vocabulary import STATUS, Row, unguarded, word

_ACTOR = {actor.value: actor for actor in Actor}


def entry_of(cells: Row, rules: Rules) -> Entry:
    """Refused, with the reason, when nothing can be recorded of it."""
    said, dated, account, campaign, status, actor, opted_in, confirmed, odd = cells
    msisdn, is_odd = number(said, is_odd=bool(odd))
    kind, undated = _kinds(rules, account, campaign, status, actor)
    occurred_at, decides_at, is_dated = when(dated, rules.now, kind.status)
    kind = kind if is_dated else undated
    entry = Entry(kind._replace(is_odd=True) if is_odd else kind, msisdn, decides_at, occurred_at)
    return _amended(entry, confirmed, opted_in, rules) if confirmed or opted_in else entry


def _amended(entry: Entry, confirmed: str, opted_in: str, rules: Rules) -> Entry:
    """With the dates that only an export knows."""
    if opted_in:
        entry = entry._replace(opted_in=date(opted_in, rules.now)[0] // 1000)
    if confirmed:
        _, decides_at, _ = when(confirmed, rules.now, entry.kind.status)
        entry = entry._replace(decides_at=decides_at, since=entry.occurred_at // 1000)
    return entry


# Lines differ by number and date; all else is said again and again.
@lru_cache(maxsize=4096)
def _kinds(rules: Rules, account_said: str, campaign_said: str, status_said: str, actor_said: str) -> tuple[Kind, Kind]:
    """With a date and without."""
    account, campaign = _whose(account_said, campaign_said, rules)
    status = _status(status_said, rules)
    kind = Kind(account, campaign, status, _actor(actor_said, status))
    return kind, kind._replace(is_dated=False)


def _whose(account_said: str, campaign_said: str, rules: Rules) -> tuple[AccountId, CampaignId]:
    account = AccountId(unguarded(account_said.strip())) if account_said else rules.account
    campaign = CampaignId(unguarded(campaign_said.strip())) if campaign_said else rules.campaign
    if account is None:
        raise Refused("no account: name one, or say --account")
    if rules.account is not None and account != rules.account:
        raise Refused(f"of account {account!r}: import it with --account {account}")
    campaigns = rules.known.get(account)
    if campaigns is None:
        raise Refused(f"there is no account {account!r}")
    if campaign is None:
        raise Refused("no campaign: name one, or say --campaign")
    if campaign not in campaigns:
        raise Refused(f"{account} has no campaign {campaign!r}: consent-relay campaign add")
    return account, campaign


def _status(said: str, rules: Rules) -> Status:
    status = (STATUS.get(said) or STATUS.get(word(said))) if said else rules.status
    if status is None and said.strip():
        raise Refused(f"status {said[:40]!r}: expected opted_out or opted_in")
    if (status := status or rules.status) is None:
        raise Refused("no status: say opted_out or opted_in, or --status")
    return status


def _actor(said: str, status: Status) -> Actor:
    """Who opted out is kept: what she decided herself, no account may undo. An opt-in is only ever as good as the list
    that says so."""
    if status is not Status.OPTED_OUT or not said.strip():
        return Actor.IMPORT
    if found := _ACTOR.get(said.strip().lower()):
        return found
    raise Refused(f"actor {said[:40]!r}: expected one of {', '.join(_ACTOR)}")
