import json
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from consent import keywords
from consent.directory import Directory
from consent.errors import Refused
from consent.model import (
    AccountId,
    Actor,
    Campaign,
    CampaignId,
    Change,
    Condition,
    EventType,
    Msisdn,
    Origin,
    Source,
    SourceId,
    Status,
    UnixMs,
    Via,
)
from receiver.aliases import aliases_of
from receiver.judge import Judged, judge, judge_whole
from receiver.parts import HeldPart, joined, packed, unpacked
from receiver.reports import ConsentReported, Hint, ReceiptReported, Report, TextPart, TextReceived

ACME = AccountId("acme")
SOURCE = Source(account=ACME, id=SourceId("nexmo-main"), provider="nexmo", token="t0ken-of-a-source")
RULES = keywords.rules()
SENT_AT = UnixMs(1_403_893_893_000)
RECEIVED_AT = UnixMs(1_403_893_895_250)

PIZZA = Campaign(account=ACME, id=CampaignId("pizza"), short_code="123456", keywords=("Pizza!", "—"))
SALAD = Campaign(account=ACME, id=CampaignId("salad"), short_code="123456", keywords=("salad",))
NEWS = Campaign(account=ACME, id=CampaignId("news"), short_code="96167", keywords=("pizza", "the news"))
OTHERS = Campaign(account=AccountId("other"), id=CampaignId("theirs"), short_code="123456")
DIRECTORY = Directory.of(1, campaigns=(PIZZA, SALAD, NEWS, OTHERS))
EMPTY = Directory.of(0)


def a_text(text: str, *, to: str = "123456", sender: str = "15558937009") -> TextReceived:
    return TextReceived(
        identity="0A01", sender=sender, to=to, text=text, occurred_at=SENT_AT, extra={"message_id": "0A01"}
    )


def a_decision(status: Status = Status.OPTED_OUT, *, campaign: str = "pizza") -> ConsentReported:
    return ConsentReported(
        identity="digest:d1",
        msisdn="15558937009",
        status=status,
        campaign=CampaignId(campaign),
        actor=Actor.OPERATOR,
        via=Via.MANAGER,
        occurred_at=SENT_AT,
        keyword="",
        short_code="777777",
        title="Soups",
        brand="Example",
    )


def a_part(number: int, text: str, *, total: int = 3, reference: str = "4") -> TextPart:
    return TextPart(
        identity=f"0A0{number}:{number}",
        sender="15558937009",
        to="123456",
        text=text,
        occurred_at=UnixMs(SENT_AT + number),
        reference=reference,
        number=number,
        total=total,
    )


def judged(
    report: Report, directory: Directory = DIRECTORY, source: Source = SOURCE, at: UnixMs = RECEIVED_AT
) -> Judged:
    return judge(report, source=source, directory=directory, rules=RULES, received_at=at)


def the_change(report: Report, directory: Directory = DIRECTORY) -> Change:
    (change,) = judged(report, directory).changes
    return change


def held(part: TextPart, *, source: Source = SOURCE, at: UnixMs = RECEIVED_AT) -> HeldPart:
    verdict = judged(part, source=source, at=at)
    assert verdict.held is not None
    assert not verdict.changes
    return verdict.held


def test_everything_about_a_stop_is_recorded() -> None:
    assert judged(a_text("STOP")) == Judged(
        changes=(
            Change(
                account=ACME,
                msisdn=Msisdn("15558937009"),
                type=EventType.OPTED_OUT,
                campaigns=(PIZZA.id, SALAD.id),
                origin=Origin(
                    actor=Actor.RECIPIENT,
                    via=Via.MO,
                    source=SOURCE.id,
                    provider="nexmo",
                    keyword="STOP",
                    rule="exact:stop",
                ),
                occurred_at=SENT_AT,
                decides_at=UnixMs(SENT_AT + 999),
                received_at=RECEIVED_AT,
                identities=("acme/nexmo-main|0A01|15558937009|123456|STOP",),
                status=Status.OPTED_OUT,
                detail=f'{{"ruleset":"{RULES.version}"}}',
            ),
        )
    )


@pytest.mark.parametrize(
    ("text", "to", "campaigns"),
    [
        ("STOP", "123456", ("pizza", "salad")),
        ("STOP", "96167", ("news",)),
        ("STOP", "+96167", ("news",)),
        ("STOP", "whatsapp:+96167", ("news",)),
        ("STOP ALL", "96167", ("news", "pizza", "salad")),
        ("STOP salad", "96167", ("salad",)),
        ("STOP PIZZA", "123456", ("pizza",)),
        ("STOP PIZZA", "96167", ("news",)),
        ("STOP PIZZA", "555555", ("news", "pizza")),
        ("stop The News", "123456", ("news",)),
    ],
)
def test_a_stop_reaches_the_campaigns_it_means(text: str, to: str, campaigns: tuple[str, ...]) -> None:
    verdict = judged(a_text(text, to=to))

    assert verdict.changes[0].type is EventType.OPTED_OUT
    assert verdict.changes[0].campaigns == campaigns
    assert verdict.discovered == ()


def test_a_keyword_that_campaigns_share_at_a_number_stops_all_of_them_and_starts_one() -> None:
    slices = replace(PIZZA, id=CampaignId("slices"), keywords=("pizza", "PIZZA!"))
    shared = Directory.of(1, campaigns=(slices, *DIRECTORY.campaigns.values()))

    assert the_change(a_text("STOP PIZZA"), shared).campaigns == ("pizza", "slices")
    assert the_change(a_text("START PIZZA"), shared).campaigns == ("pizza",)
    assert the_change(a_text("START PIZZA", to="96167"), shared).campaigns == ("news",)


@pytest.mark.parametrize(
    ("text", "to", "campaigns"),
    [("START", "123456", ("pizza", "salad")), ("START salad", "96167", ("salad",)), ("unstop", "96167", ("news",))],
)
def test_a_start_reaches_the_same(text: str, to: str, campaigns: tuple[str, ...]) -> None:
    change = the_change(a_text(text, to=to))

    assert (change.type, change.status, change.condition) == (
        EventType.OPTED_IN,
        Status.OPTED_IN,
        Condition.ALWAYS,
    )
    assert change.campaigns == campaigns
    assert change.decides_at == SENT_AT


@pytest.mark.parametrize("text", ["STOP", "START"])
def test_a_number_that_nobody_registered_is_discovered(text: str) -> None:
    verdict = judged(a_text(text, to="555555"))

    new = Campaign(account=ACME, id=CampaignId("555555"), short_code="555555", discovered=True)
    assert verdict.discovered == (new,)
    assert verdict.changes[0].campaigns == ("555555",)


@pytest.mark.parametrize("registered", ["+18005551212", "1 800 555 1212"])
@pytest.mark.parametrize("to", ["18005551212", "+1 (800) 555-1212", "whatsapp:+18005551212"])
def test_a_number_is_the_same_however_it_was_registered_or_texted(registered: str, to: str) -> None:
    verdict = judged(a_text("STOP", to=to), Directory.of(1, campaigns=(replace(PIZZA, short_code=registered),)))

    assert verdict.changes[0].campaigns == ("pizza",)
    assert verdict.discovered == ()


def test_a_stop_at_any_number_of_a_pool_is_out_of_the_campaign() -> None:
    pooled = replace(PIZZA, short_code="+18005551212", pool=("+18005551213", "+18005551214"))

    verdict = judged(a_text("STOP", to="18005551214"), Directory.of(1, campaigns=(pooled,)))

    assert verdict.changes[0].campaigns == ("pizza",)
    assert verdict.discovered == ()


def test_a_campaign_that_is_only_called_like_the_number_is_another() -> None:
    namesake = replace(PIZZA, id=CampaignId("777"), short_code="999999")
    known = Directory.of(1, campaigns=(namesake,))

    verdict = judged(a_text("STOP", to="777"), known)

    (new,) = verdict.discovered
    assert (verdict.changes[0].campaigns, new.short_code) == ((new.id,), "777")
    assert new.id != namesake.id
    late = replace(PIZZA, short_code="777")
    again = Directory.of(2, campaigns=(namesake, new, late))
    assert again.with_forerunners(late) == (late.id, new.id)
    assert judged(a_text("STOP", to="777"), again).changes[0].campaigns == (new.id, late.id)


def test_stop_all_holds_for_an_unregistered_number_too() -> None:
    assert judged(a_text("STOP ALL", to="555555")).changes[0].campaigns == ("news", "pizza", "salad", "555555")
    assert [new.id for new in judged(a_text("STOP ALL"), EMPTY).discovered] == ["123456"]


def test_a_discovered_number_is_not_discovered_again() -> None:
    (new,) = judged(a_text("STOP", to="555555")).discovered
    moved = replace(new, short_code="")

    for known in (new, moved):
        verdict = judged(a_text("STOP", to="555555"), Directory.of(2, campaigns=(PIZZA, known)))
        assert verdict.discovered == ()
        assert verdict.changes[0].campaigns == ("555555",)


@pytest.mark.parametrize(("to", "campaign"), [("+1 (555) 01", "155501"), ("a\x1fb{c}", "abc"), ("7" * 99, "7" * 32)])
def test_a_discovered_campaign_is_named_in_letters_and_digits(to: str, campaign: str) -> None:
    assert the_change(a_text("STOP", to=to)).campaigns == (campaign,)


@pytest.mark.parametrize("to", ["", "--"])
def test_a_stop_that_does_not_say_where_it_was_sent_is_out_of_the_whole_account(to: str) -> None:
    assert the_change(a_text("STOP", to=to)).campaigns == ("news", "pizza", "salad", "unknown")
    assert the_change(a_text("STOP PIZZA", to=to)).campaigns == ("news", "pizza")
    assert the_change(a_text("START", to=to)).campaigns == ("unknown",)


def test_a_yes_counts_only_where_something_is_pending_and_is_otherwise_a_text() -> None:
    change = the_change(a_text("Yes"))

    assert (change.type, change.status) == (EventType.OPTED_IN, Status.OPTED_IN)
    assert change.condition is Condition.IF_PENDING
    assert change.campaigns == ("pizza", "salad")
    assert json.loads(change.detail)["text"] == "Yes"


def test_a_yes_to_an_unregistered_number_is_a_text() -> None:
    verdict = judged(a_text("Yes", to="555555"))

    assert verdict.changes[0].type is EventType.MESSAGE_RECEIVED
    assert verdict.discovered == ()


@pytest.mark.parametrize(
    ("text", "keyword"), [("HELP", "HELP"), ("See you at 8", ""), ("", ""), ("we have to STOP this bill", "")]
)
def test_any_other_text_is_passed_on(text: str, keyword: str) -> None:
    change = the_change(a_text(text, to="96167"))

    assert (change.type, change.status, change.origin.keyword) == (EventType.MESSAGE_RECEIVED, None, keyword)
    assert change.campaigns == ("news",)
    assert json.loads(change.detail) == {"text": text, "to": "96167", "message_id": "0A01"}


def test_a_text_to_a_number_that_campaigns_share_belongs_to_none_of_them() -> None:
    assert the_change(a_text("See you at 8")).campaigns == ()


def test_a_binary_message_keeps_its_data() -> None:
    binary = replace(a_text("", to="96167"), kind="binary", extra={"data": "EA06", "udh": "0605"})

    assert json.loads(the_change(binary).detail) == {
        "text": "",
        "to": "96167",
        "kind": "binary",
        "data": "EA06",
        "udh": "0605",
    }


def test_a_doubtful_opt_out_is_marked_for_review() -> None:
    assert json.loads(the_change(a_text("Stop 12345")).detail) == {"ruleset": RULES.version, "review": True}


@given(text=st.text(max_size=200), to=st.sampled_from(["123456", "96167", "555555"]))
def test_what_the_provider_takes_for_an_opt_out_is_one_whatever_it_says(text: str, to: str) -> None:
    change = the_change(replace(a_text(text, to=to), hint=Hint.OPT_OUT))

    assert change.status is Status.OPTED_OUT
    assert change.campaigns
    assert change.origin.rule


@pytest.mark.parametrize(
    ("text", "to", "rule", "keyword", "campaigns"),
    [
        ("BASTA ya!", "123456", "provider:nexmo", "BASTA YA", ("pizza", "salad")),
        ("start", "123456", "provider:nexmo", "START", ("pizza", "salad")),
        ("yes", "96167", "provider:nexmo", "YES", ("news",)),
        ("", "96167", "provider:nexmo", "", ("news",)),
        ("word " * 20, "96167", "provider:nexmo", "", ("news",)),
        ("basta", "777777", "provider:nexmo", "BASTA", ("777777",)),
        ("STOP", "96167", "exact:stop", "STOP", ("news",)),
        ("STOP ALL", "96167", "all:stop all", "STOP ALL", ("news", "pizza", "salad")),
        ("stop salad", "96167", "alias:stop", "STOP SALAD", ("salad",)),
    ],
)
def test_an_opt_out_of_the_providers_reaches_what_was_texted_unless_our_words_say_more(
    text: str, to: str, rule: str, keyword: str, campaigns: tuple[str, ...]
) -> None:
    change = the_change(replace(a_text(text, to=to), hint=Hint.OPT_OUT))

    assert (change.origin.rule, change.origin.keyword, change.campaigns) == (rule, keyword, campaigns)
    assert json.loads(change.detail) == {"ruleset": RULES.version}


@pytest.mark.parametrize(
    ("text", "type_"),
    [
        ("START", EventType.OPTED_IN),
        ("JOIN", EventType.MESSAGE_RECEIVED),
        ("hello", EventType.MESSAGE_RECEIVED),
        ("STOP", EventType.OPTED_OUT),
    ],
)
def test_what_the_provider_takes_for_an_opt_in_is_one_only_if_our_words_say_so_too(text: str, type_: EventType) -> None:
    hinted = the_change(replace(a_text(text), hint=Hint.OPT_IN))

    assert hinted.type is type_
    assert hinted == the_change(a_text(text))


def test_a_yes_that_the_provider_takes_for_an_opt_in_still_counts_only_where_something_is_pending() -> None:
    assert the_change(replace(a_text("YES"), hint=Hint.OPT_IN)).condition is Condition.IF_PENDING


@pytest.mark.parametrize("text", ["", "a picture of a dog", "START"])
def test_a_stop_beside_the_text_is_one(text: str) -> None:
    beside = the_change(replace(a_text(text), besides=("a subject", "Stop all")))

    assert replace(beside, identities=()) == replace(the_change(a_text("Stop all")), identities=())


def test_what_is_beside_the_text_opts_nobody_in_and_narrows_no_stop() -> None:
    assert the_change(replace(a_text(""), besides=("START",))).type is EventType.MESSAGE_RECEIVED
    assert the_change(replace(a_text("STOP ALL"), besides=("STOP PIZZA",))).campaigns == ("news", "pizza", "salad")


def test_one_recipient_is_one_however_the_providers_write_the_number() -> None:
    written = ("14155552671", "+14155552671", " 14155552671", "tel:+14155552671", "+1 (415) 555-2671")

    assert {the_change(a_text("STOP", sender=number)).msisdn for number in written} == {"14155552671"}


def test_the_opt_out_of_an_odd_number_is_kept_and_flagged() -> None:
    change = the_change(a_text("STOP", sender="777"))

    assert (change.type, change.msisdn, change.is_odd) == (EventType.OPTED_OUT, "777", True)


@pytest.mark.parametrize("text", ["START", "Yes"])
def test_an_odd_number_is_never_opted_in_but_its_text_is_passed_on(text: str) -> None:
    change = the_change(a_text(text, sender="777", to="96167"))

    assert (change.type, change.status, change.is_odd) == (EventType.MESSAGE_RECEIVED, None, True)
    assert change.origin.keyword == text.upper()
    assert json.loads(change.detail)["text"] == text


def test_a_text_without_a_date_happened_when_it_came() -> None:
    change = the_change(replace(a_text("STOP"), occurred_at=None))

    assert (change.occurred_at, change.decides_at, change.received_at) == (RECEIVED_AT, RECEIVED_AT, RECEIVED_AT)


def test_a_provider_whose_clock_is_ahead_does_not_outrank_what_is_to_come() -> None:
    ahead = UnixMs(RECEIVED_AT + 3_600_000)
    change = the_change(replace(a_text("START"), occurred_at=ahead))

    assert (change.occurred_at, change.decides_at) == (ahead, RECEIVED_AT)


def test_two_sources_never_take_each_others_messages_for_repeats() -> None:
    sources = (
        SOURCE,
        replace(SOURCE, id=SourceId("nexmo-backup")),
        replace(SOURCE, account=AccountId("other")),
    )

    assert len({judged(a_text("STOP"), source=source).changes[0].identities for source in sources}) == 3


@pytest.mark.parametrize(
    "another",
    [
        a_text("STOP"),
        replace(a_text("hello"), besides=("STOP",)),
        a_text("hello", to="96167"),
        a_text("hello", sender="16502426055"),
    ],
)
def test_what_says_something_else_is_no_repeat_though_its_provider_calls_it_the_same(another: TextReceived) -> None:
    first = a_text("hello")

    assert the_change(another).identities != the_change(first).identities
    assert the_change(replace(first, occurred_at=None)).identities == the_change(first).identities


def test_an_undated_unnamed_opt_out_is_no_repeat_of_an_earlier_one() -> None:
    undated, second = replace(a_decision(), occurred_at=None), RECEIVED_AT

    def identities(report: Report, *times: int) -> set[tuple[str, ...]]:
        return {judged(report, at=UnixMs(at)).changes[0].identities for at in times}

    assert len(identities(undated, second, second + 1000)) == 2
    assert len(identities(replace(undated, identity="notification:1"), second, second + 1000)) == 1
    assert len(identities(replace(undated, status=Status.OPTED_IN), second, second + 1000)) == 1
    assert len(identities(a_decision(), second, second + 1000)) == 1


@pytest.mark.parametrize(
    ("status", "type_"), [(Status.OPTED_IN, EventType.OPTED_IN), (Status.OPTED_OUT, EventType.OPTED_OUT)]
)
def test_what_the_provider_decided_is_recorded_as_it_says(status: Status, type_: EventType) -> None:
    verdict = judged(a_decision(status))
    (change,) = verdict.changes

    assert (change.type, change.status, change.campaigns) == (type_, status, ("pizza",))
    assert (change.origin.actor, change.origin.via) == (Actor.OPERATOR, Via.MANAGER)
    assert change.condition is (Condition.YIELDING if status is Status.OPTED_IN else Condition.ALWAYS)
    assert verdict.discovered == ()


def test_what_she_decided_at_the_provider_yields_to_nothing() -> None:
    (change,) = judged(replace(a_decision(Status.OPTED_IN), actor=Actor.RECIPIENT)).changes

    assert change.condition is Condition.ALWAYS


def test_a_campaign_that_only_the_provider_knows_is_discovered_with_all_it_says() -> None:
    verdict = judged(a_decision(campaign="soups"))

    assert verdict.discovered == (
        Campaign(
            account=ACME,
            id=CampaignId("soups"),
            title="Soups",
            brand="Example",
            short_code="777777",
            discovered=True,
        ),
    )
    assert verdict.changes[0].campaigns == ("soups",)


def test_of_an_endless_title_as_much_is_kept_as_may_be_declared() -> None:
    (new,) = judged(replace(a_decision(campaign="soups"), title="t" * 10_000, brand="b" * 10_000)).discovered

    assert (new.title, new.brand) == ("t" * 256, "b" * 256)


def test_an_odd_number_that_the_provider_opted_in_is_passed_on_and_not_opted_in() -> None:
    verdict = judged(replace(a_decision(Status.OPTED_IN, campaign="soups"), msisdn="777"))
    (change,) = verdict.changes

    assert (change.type, change.status) == (EventType.MESSAGE_RECEIVED, None)
    assert json.loads(change.detail) == {"status": "opted_in", "campaign": "soups", "to": "777777"}
    assert verdict.discovered == ()


def test_a_receipt_is_passed_on() -> None:
    receipt = ReceiptReported(
        identity="dlr:0A01:delivered", recipient="15558937009", occurred_at=SENT_AT, fields={"status": "delivered"}
    )
    change = the_change(receipt)

    assert (change.type, change.status, change.campaigns) == (EventType.MESSAGE_STATUS, None, ())
    assert json.loads(change.detail) == {"status": "delivered"}


def test_a_report_about_nobody_is_refused() -> None:
    with pytest.raises(Refused):
        judged(a_text("STOP", sender="\u200b"))


def test_a_part_is_held_with_all_that_its_judgement_will_need() -> None:
    part = a_part(2, "ST")

    assert unpacked(packed(held(part))) == held(part)
    assert held(part).identity == f"acme/nexmo-main|0A02:2|15558937009|123456|{part.text}"


def test_parts_of_one_text_are_one_group_and_of_no_other() -> None:
    first, second = a_part(1, "ST"), a_part(2, "OP")
    strangers = [
        held(replace(first, reference="5")),
        held(replace(first, total=4)),
        held(replace(first, to="96167")),
        held(replace(first, sender="15558937010")),
        held(first, source=replace(SOURCE, id=SourceId("nexmo-backup"))),
        held(first, source=replace(SOURCE, account=AccountId("other"))),
    ]

    assert held(first).group == held(second).group
    assert len({held(first).group, *(stranger.group for stranger in strangers)}) == 7


def test_a_text_is_judged_whole_in_the_order_of_its_parts() -> None:
    parts = [
        held(a_part(3, " texting me"), at=UnixMs(RECEIVED_AT + 1)),
        held(a_part(1, "please st")),
        held(a_part(2, "op")),
    ]
    (change,) = judge_whole(parts, is_sure=True, source=SOURCE, directory=DIRECTORY, rules=RULES).changes

    assert change.type is EventType.OPTED_OUT
    assert set(change.identities) == {each.identity for each in parts}
    assert change.held_parts == parts[0].group
    assert change.occurred_at == SENT_AT + 3
    assert change.received_at == RECEIVED_AT + 1


def test_what_there_is_of_a_text_is_judged_when_the_rest_never_comes() -> None:
    parts = [held(a_part(3, "of all this. STOP"))]
    (change,) = judge_whole(parts, is_sure=True, source=SOURCE, directory=DIRECTORY, rules=RULES).changes

    assert change.type is EventType.OPTED_OUT


def test_the_message_of_a_whole_text_is_its_first_part() -> None:
    whole = joined([a_part(2, "two"), replace(a_part(1, "one "), occurred_at=None)], is_sure=True)

    assert (whole.text, whole.extra) == ("one two", {"message_id": "0A01"})
    assert whole.occurred_at == SENT_AT + 2


def test_keywords_are_normalised_once_for_as_long_as_the_registry_stays() -> None:
    first = aliases_of(DIRECTORY, ACME, "123456")

    assert aliases_of(DIRECTORY, ACME, "123456") is first
    assert first == {"pizza": ("pizza",), "salad": ("salad",), "the news": ("news",)}
    assert aliases_of(DIRECTORY, ACME, "96167")["pizza"] == ("news",)


def test_a_changed_registry_is_noticed_however_often_it_changes() -> None:
    for version in range(1500):
        campaign = replace(PIZZA, keywords=(f"k{version}",))

        assert aliases_of(Directory.of(version, campaigns=(campaign,)), ACME, "123456") == {f"k{version}": ("pizza",)}


@given(
    text=st.text(max_size=40) | st.sampled_from(["STOP", "START", "YES", "STOP ALL", "stop pizza"]),
    to=st.text(min_size=1, max_size=40),
    sender=st.text(min_size=1, max_size=70),
    occurred_at=st.none() | st.integers(0, 2**45).map(UnixMs),
)
def test_every_text_becomes_exactly_one_change_that_can_be_kept(
    text: str, to: str, sender: str, occurred_at: UnixMs | None
) -> None:
    report = replace(a_text(text, to=to, sender=sender), occurred_at=occurred_at)
    try:
        verdict = judged(report)
    except Refused:
        return

    (change,) = verdict.changes
    assert change.decides_at <= change.received_at
    assert change.campaigns or change.status is None
    assert not (change.is_odd and change.status is Status.OPTED_IN)
    assert change.identities
    assert all(new.id in change.campaigns for new in verdict.discovered)
