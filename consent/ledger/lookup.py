"""What is known of these numbers? The state of one, or the status of many, read over the shared way (reads.py).

Made for a sender that asks before every text. It says who decided, not how: `Ledger.states` does. A line that is
written in two ways is asked for by both: a STOP from it is kept under the one that the provider used.
"""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass

from consent.ledger.keys import consent_cell
from consent.ledger.state import STATUS_LETTER, pack_origin, unpack_state
from consent.ledger.store import Store
from consent.ledger.wire import Reply, pack
from consent.model import AccountId, Actor, CampaignId, Msisdn, Origin, SourceId, Status, UnixMs, Via
from consent.numbers import other_way

_STRETCH = 1000
"""Numbers asked for in one trip: whoever asks for one only waits behind no more of them."""
_SETTLED: dict[bytes | None, Status] = {
    None: Status.UNKNOWN,
    **{STATUS_LETTER[status].encode(): status for status in (Status.OPTED_IN, Status.OPTED_OUT)},
}
"""By the first letter of a state: those that no time changes. Ten thousand states are not taken apart for less."""
_NOT_READ = pack_origin(Origin(actor=Actor.RECIPIENT, via=Via.API, source=SourceId(""), provider=""))
"""In place of a state's origin, which lies elsewhere and would cost a second trip."""


@dataclass(frozen=True, slots=True)
class Known:
    status: Status
    actor: Actor
    since: UnixMs
    sequence: int


class Lookup:
    def __init__(self, store: Store) -> None:
        self._partitions = store.partitions
        self._reads = store.reads

    async def one(
        self, account: AccountId, campaigns: Sequence[CampaignId], msisdn: Msisdn, *, now: UnixMs
    ) -> Known | None:
        """What was decided in the first of the campaigns, unless an opt-out in one of the others, its forerunners, or
        by the number's other writing is as new: they have no other say. None where nothing is known: the number was
        never seen, or never answered the one question it was asked."""
        return _known(await self._reads.ask(self._questions(account, campaigns, msisdn)), now)

    async def many(
        self, account: AccountId, campaigns: Sequence[CampaignId], msisdns: Sequence[Msisdn], *, now: UnixMs
    ) -> list[Status]:
        """Likewise, of each number in the order asked."""
        if len(campaigns) > 1:
            return await self._merged(account, campaigns, msisdns, now)
        statuses = await self._statuses(account, campaigns[0], msisdns, now)
        places = [place for place, msisdn in enumerate(msisdns) if other_way(msisdn)]
        merged = await self._merged(account, campaigns, [msisdns[place] for place in places], now)
        for place, status in zip(places, merged, strict=True):
            statuses[place] = status
        return statuses

    async def _merged(
        self, account: AccountId, campaigns: Sequence[CampaignId], msisdns: Sequence[Msisdn], now: UnixMs
    ) -> list[Status]:
        statuses: list[Status] = []
        for begin in range(0, len(msisdns), _STRETCH):
            asked = [self._questions(account, campaigns, each) for each in msisdns[begin : begin + _STRETCH]]
            answers = iter(await self._reads.ask([question for questions in asked for question in questions]))
            known = [_known([next(answers) for _ in questions], now) for questions in asked]
            statuses += [Status.UNKNOWN if each is None else each.status for each in known]
        return statuses

    async def _statuses(
        self, account: AccountId, campaign: CampaignId, msisdns: Sequence[Msisdn], now: UnixMs
    ) -> list[Status]:
        statuses: list[Status] = []
        under_way: asyncio.Future[list[Reply]] | None = None
        for begin in range(0, len(msisdns), _STRETCH):
            stretch = msisdns[begin : begin + _STRETCH]
            asked = self._reads.ask([self._question(account, campaign, msisdn) for msisdn in stretch])
            await asyncio.sleep(0)  # it leaves now, so that the store works on it while the next one is packed
            if under_way is not None:
                statuses += _statuses(await under_way, now)
            under_way = asked
        return statuses if under_way is None else statuses + _statuses(await under_way, now)

    def _questions(self, account: AccountId, campaigns: Sequence[CampaignId], msisdn: Msisdn) -> list[bytes]:
        """Its own first."""
        other = other_way(msisdn)
        return [
            self._question(account, campaign, number)
            for number in ((msisdn, other) if other else (msisdn,))
            for campaign in campaigns
        ]

    def _question(self, account: AccountId, campaign: CampaignId, msisdn: Msisdn) -> bytes:
        return pack(("HGET", *consent_cell(account, campaign, msisdn, self._partitions)))


def _statuses(states: Sequence[bytes | None], now: UnixMs) -> list[Status]:
    return [_SETTLED.get(packed and packed[:1]) or _status(packed or b"", now) for packed in states]


def _status(packed: bytes, now: UnixMs) -> Status:
    return unpack_state(packed, _NOT_READ, is_odd=False).status_at(now)


def _known(packed: Sequence[bytes | None], now: UnixMs) -> Known | None:
    """Of the campaign's own state and those that only opt out. A question there took nobody off the opt-out list."""
    own, *before = [each and unpack_state(each, _NOT_READ, is_odd=False) for each in packed]
    status = own.status_at(now) if own else Status.UNKNOWN
    told = [(own, status)] if own and status is not Status.UNKNOWN else []
    told += [(state, Status.OPTED_OUT) for state in before if state and state.opted_out_at is not None]
    if not told:
        return None
    state, status = max(told, key=lambda one: (one[0].decides_at, one[1] is Status.OPTED_OUT))
    since = {Status.OPTED_IN: state.opted_in_at, Status.OPTED_OUT: state.opted_out_at}.get(status)
    return Known(status, state.actor, since or state.decides_at, state.sequence)
