"""What is to be recorded of a report? The consent rules (docs/architecture.md), applied to one message.

    text     STOP            out of every campaign at the number that was texted; where nobody tells which, as STOP ALL
             STOP ALL        out of every campaign of the account
             STOP <keyword>  out of that one; START likewise, the other way
             YES             in, where a double opt-in is pending; otherwise a text like any other
             anything else   passed on
             besides         a subject, a caption: opts out where the text does not, and does nothing else
             a hint          of the provider's: its opt-out is one of ours; its opt-in needs a word of ours as well
    part     held until its siblings are there, then judged as one text
    receipt  passed on
    decided  by the provider already: in or out of the campaign it names; in by the account, not against her own STOP

What nobody registered is discovered, not lost. An odd number is opted out like any other, but never opted in.
Pure: the caller brings the registry, the rules and the time, and carries out what is judged.
"""

import json
from collections.abc import Sequence
from dataclasses import replace
from functools import lru_cache
from typing import NamedTuple

from consent.directory import Directory
from consent.keywords import OptIn, OptOut, Other, ReachedCampaigns, Rules, Verdict, Yes, normalise
from consent.keywords import judge as judge_text
from consent.model import (
    CONSENT_EVENT,
    LONGEST_TITLE,
    Actor,
    Campaign,
    CampaignId,
    Change,
    Condition,
    EventType,
    Origin,
    Source,
    Status,
    UnixMs,
    Via,
)
from consent.numbers import Recipient, recipient
from consent.ordering import deciding_time
from consent.values import value
from receiver.aliases import aliases_of
from receiver.codecs.identity import is_digest
from receiver.parts import HeldPart, group_of, joined
from receiver.reach import Reach, only_campaign_at, reach_of, stopped_at, texted_at
from receiver.reports import ConsentReported, Hint, ReceiptReported, Report, TextPart, TextReceived

_NOWHERE = Reach()
_COMPACT = json.JSONEncoder(separators=(",", ":"), ensure_ascii=False)
_LONGEST_KEYWORD = 30
_SHORT = 64
"""Up to so many characters a text may be one that many send."""


@value(frozen=True, slots=True, kw_only=True)
class Judged:
    changes: tuple[Change, ...] = ()
    discovered: tuple[Campaign, ...] = ()
    """Campaigns that nobody registered: to be registered before the changes are applied."""
    held: HeldPart | None = None


class _Ruling(NamedTuple):
    """What the rules make of a report; the rest of a change is the same for all of them.

    A tuple, like Reach, because one is made for every webhook, and a frozen dataclass takes four times as long.
    """

    type: EventType
    origin: Origin
    reach: Reach = _NOWHERE
    status: Status | None = None
    condition: Condition = Condition.ALWAYS
    detail: str = ""


def judge(report: Report, *, source: Source, directory: Directory, rules: Rules, received_at: UnixMs) -> Judged:
    identity = _identity(report, source)
    match report:
        case TextPart():
            return Judged(held=_held(report, source, identity, received_at))
        case TextReceived():
            who = recipient(report.sender)
            ruling = _text(report, who, source, directory, rules)
        case ReceiptReported():
            who = recipient(report.recipient)
            ruling = _receipt(report, source)
        case ConsentReported():
            who = recipient(report.msisdn)
            ruling = _decided(report, who, source, directory)
    if _may_be_another(report, ruling):
        identity = f"{identity}@{received_at}"
    occurred_at = received_at if report.occurred_at is None else report.occurred_at
    change = Change(
        account=source.account,
        msisdn=who.msisdn,
        type=ruling.type,
        campaigns=ruling.reach.campaigns,
        origin=ruling.origin,
        occurred_at=occurred_at,
        decides_at=deciding_time(occurred_at, received_at, status=ruling.status),
        received_at=received_at,
        identities=(identity,),
        status=ruling.status,
        condition=ruling.condition,
        is_odd=who.is_odd,
        detail=ruling.detail,
    )
    return Judged(changes=(change,), discovered=ruling.reach.discovered)


def _identity(report: Report, source: Source) -> str:
    """Qualified, so that neither two accounts nor two of their sources take each other's messages for repeats.

    Of a text by its words too: where a counter begins anew, or a gateway calls all texts the same, a STOP is no repeat.
    """
    named = f"{source.account}/{source.id}|{report.identity}"
    if isinstance(report, TextReceived):
        said = f"{named}|{report.sender}|{report.to}|{report.text}"
        return "|".join((said, *report.besides)) if report.besides else said
    return f"{named}|{report.sender}|{report.to}|{report.text}" if isinstance(report, TextPart) else named


def _may_be_another(report: Report, ruling: _Ruling) -> bool:
    """STOP, START, STOP: where a provider gives neither id nor date, the last looks like a repeat of the first.

    Then none is one. A repeat is recorded again and changes nothing, whereas a lost opt-out would; an opt-in stays
    remembered, lest its repeat undo a STOP.
    """
    return ruling.status is Status.OPTED_OUT and report.occurred_at is None and is_digest(report.identity)


def judge_whole(
    parts: Sequence[HeldPart], *, is_sure: bool, source: Source, directory: Directory, rules: Rules
) -> Judged:
    """The text that these parts make. Its change settles their group; each of them, seen again, is a repeat of it."""
    judged = judge(
        joined([held.part for held in parts], is_sure=is_sure),
        source=source,
        directory=directory,
        rules=rules,
        received_at=max(held.received_at for held in parts),
    )
    identities = tuple(dict.fromkeys(held.identity for held in parts))
    settling = [replace(change, identities=identities, held_parts=parts[0].group) for change in judged.changes]
    return replace(judged, changes=tuple(settling))


def _held(part: TextPart, source: Source, identity: str, received_at: UnixMs) -> HeldPart:
    msisdn = recipient(part.sender).msisdn
    return HeldPart(
        account=source.account,
        msisdn=msisdn,
        source=source.id,
        group=group_of(part, msisdn=msisdn, source=source),
        identity=identity,
        received_at=received_at,
        part=part,
    )


def _text(report: TextReceived, who: Recipient, source: Source, directory: Directory, rules: Rules) -> _Ruling:
    is_short = len(report.text) + len(report.to) <= _SHORT
    ruling_on = _ruling_on if is_short else _ruling_on.__wrapped__
    ruling = ruling_on(report.text, report.to, report.hint, source, directory, rules, is_odd=who.is_odd)
    if report.besides and ruling.status is not Status.OPTED_OUT:
        alone = (replace(report, text=text, besides=()) for text in report.besides)
        others = (_text(other, who, source, directory, rules) for other in alone)
        ruling = next((other for other in others if other.status is Status.OPTED_OUT), ruling)
    return ruling if ruling.detail else ruling._replace(detail=_message(report))


# Everybody's STOP to one number is the same STOP: ruled once for as long as registry and rules stay what they are.
@lru_cache(maxsize=4096)
def _ruling_on(
    text: str, to: str, hint: Hint, source: Source, directory: Directory, rules: Rules, *, is_odd: bool
) -> _Ruling:
    """Without `detail` where that is to hold the text itself."""
    code, account = texted_at(to), source.account
    verdict = _heeding(hint, judge_text(text, rules, aliases_of(directory, account, code)), text, source)
    origin = _by_text(source, verdict)
    match verdict:
        case OptOut(scope=scope, review=review):
            return _Ruling(
                type=EventType.OPTED_OUT,
                status=Status.OPTED_OUT,
                origin=origin,
                reach=reach_of(
                    stopped_at(scope, short_code=code), short_code=code, account=account, directory=directory
                ),
                detail=_ruled_by(rules.version, review=review),
            )
        case OptIn(scope=scope) if not is_odd:
            return _Ruling(
                type=EventType.OPTED_IN,
                status=Status.OPTED_IN,
                origin=origin,
                reach=reach_of(scope, short_code=code, account=account, directory=directory),
                detail=_ruled_by(rules.version, review=False),
            )
        case Yes() if not is_odd and directory.campaigns_at(account, code):
            return _Ruling(
                type=EventType.OPTED_IN,
                status=Status.OPTED_IN,
                condition=Condition.IF_PENDING,
                origin=origin,
                reach=reach_of(ReachedCampaigns(), short_code=code, account=account, directory=directory),
            )
        case _:
            return _Ruling(
                type=EventType.MESSAGE_RECEIVED, origin=origin, reach=only_campaign_at(code, account, directory)
            )


def _heeding(hint: Hint, verdict: Verdict, text: str, source: Source) -> Verdict:
    """What the provider takes for an opt-out is one, whatever we read, for it sends her nothing more. What it takes for
    an opt-in is none by itself: a YES about an appointment must not undo a STOP."""
    if hint is not Hint.OPT_OUT or isinstance(verdict, OptOut):
        return verdict
    said = normalise(text).upper()
    return OptOut(ReachedCampaigns(), said if len(said) <= _LONGEST_KEYWORD else "", f"provider:{source.provider}")


def _receipt(report: ReceiptReported, source: Source) -> _Ruling:
    """Nobody decided anything: it tells of a text that the account had sent."""
    origin = Origin(actor=Actor.ACCOUNT, via=Via.API, source=source.id, provider=source.provider)
    return _Ruling(type=EventType.MESSAGE_STATUS, origin=origin, detail=_COMPACT.encode(report.fields))


def _decided(report: ConsentReported, who: Recipient, source: Source, directory: Directory) -> _Ruling:
    is_known = directory.campaign(source.account, report.campaign) is not None
    of_campaign = _of_campaign if is_known else _of_campaign.__wrapped__
    ruling = of_campaign(report.campaign, report.status, report.actor, report.via, source)
    if report.keyword:
        ruling = ruling._replace(origin=replace(ruling.origin, keyword=report.keyword))
    if who.is_odd and report.status is not Status.OPTED_OUT:
        said = {"status": report.status, "campaign": report.campaign, "to": report.short_code}
        return _Ruling(type=EventType.MESSAGE_RECEIVED, origin=ruling.origin, detail=_COMPACT.encode(said))
    return ruling if is_known else ruling._replace(reach=_discovered(report, source))


# What a provider decides about one campaign is the same for everybody.
@lru_cache(maxsize=4096)
def _of_campaign(campaign: CampaignId, status: Status, actor: Actor, via: Via, source: Source) -> _Ruling:
    origin = Origin(actor=actor, via=via, source=source.id, provider=source.provider)
    is_hers = actor is Actor.RECIPIENT or status is Status.OPTED_OUT
    condition = Condition.ALWAYS if is_hers else Condition.YIELDING
    type_, reach = CONSENT_EVENT[status], Reach((campaign,))
    return _Ruling(type=type_, status=status, condition=condition, origin=origin, reach=reach)


def _discovered(report: ConsentReported, source: Source) -> Reach:
    new = Campaign(
        account=source.account,
        id=report.campaign,
        title=report.title[:LONGEST_TITLE],
        brand=report.brand[:LONGEST_TITLE],
        short_code=report.short_code,
        discovered=True,
    )
    return Reach((new.id,), (new,))


def _by_text(source: Source, verdict: Verdict) -> Origin:
    keyword, rule = ("", "") if isinstance(verdict, Other) else (verdict.keyword, verdict.rule)
    return Origin(
        actor=Actor.RECIPIENT, via=Via.MO, source=source.id, provider=source.provider, keyword=keyword, rule=rule
    )


def _ruled_by(version: str, *, review: bool) -> str:
    return _COMPACT.encode({"ruleset": version, "review": True} if review else {"ruleset": version})


def _message(report: TextReceived) -> str:
    kind = {} if report.kind == "text" else {"kind": report.kind}
    return _COMPACT.encode({"text": report.text, "to": report.to, **kind, **report.extra})
