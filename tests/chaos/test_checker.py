"""The checker finds what it is there to find. Each test breaks one promise in records that kept them all."""

from collections import Counter
from dataclasses import replace
from typing import Any

import pytest

from consent.model import Event, EventId, EventType, Msisdn, Status
from consent.notification import written
from tests.builders import an_event
from tests.chaos.checker import Repeats, Violation, repeats, violations
from tests.chaos.messages import ALERTS, CAMPAIGNS, OFFERS, Message
from tests.chaos.model import Standing
from tests.chaos.records import NEVER, Arrival, Records, Sent

ANN, BOB = Msisdn("16502426055"), Msisdn("15558937009")
EARLY, LATE = 1_764_000_000, 1_764_000_060
TYPES = {Status.OPTED_OUT: EventType.OPTED_OUT, Status.OPTED_IN: EventType.OPTED_IN}


def said(status: Status, second: int = EARLY, msisdn: Msisdn = ANN, **changed: Any) -> Message:
    message = Message(
        identity=f"{msisdn}-{second}-{status}",
        msisdn=msisdn,
        status=status,
        second=second,
        dialect="nexmo",
        campaigns=(ALERTS,),
    )
    return replace(message, **changed)


def recorded(message: Message, place: int, **changed: Any) -> Event:
    event = an_event(
        TYPES[message.status],
        id=EventId(f"evt_3_{place}_0"),
        msisdn=message.msisdn,
        campaign=message.campaigns[0],
        occurred_at=message.second * 1000,
        status=message.status,
        previous=Status.UNKNOWN,
        sequence=place,
    )
    return replace(event, **changed)


def told(event: Event, at: float, **changed: Any) -> Arrival:
    assert event.campaign is not None
    arrival = Arrival(
        at=at,
        answered_at=at,
        webhook_id=event.id,
        event_id=event.id,
        msisdn=event.msisdn,
        campaign=event.campaign,
        type=event.type,
        occurred_at=written(event.occurred_at),
        sequence=event.sequence,
        digest=event.id.encode(),
    )
    return replace(arrival, **changed)


OUT, BACK_IN = said(Status.OPTED_OUT), said(Status.OPTED_IN, LATE)
FIRST, SECOND = recorded(OUT, 1), recorded(BACK_IN, 2, previous=Status.OPTED_OUT)
KEPT = Records(
    sent=[Sent(OUT, acknowledged=True), Sent(BACK_IN, acknowledged=True)],
    log=[FIRST, SECOND],
    states={(ANN, ALERTS): Standing(Status.OPTED_IN, LATE * 1000)},
    listed_out=frozenset(),
    arrivals={"crm": [told(FIRST, 1.0), told(SECOND, 2.0)]},
)


def words(records: Records) -> list[str]:
    return sorted({violation.word for violation in violations(records)})


def at_the_endpoint(*arrivals: Arrival) -> Records:
    return replace(KEPT, arrivals={"crm": arrivals})


def test_kept_promises_are_no_violation() -> None:
    assert violations(KEPT) == []


def test_what_was_never_acknowledged_may_be_missing() -> None:
    unanswered = Sent(said(Status.OPTED_OUT, LATE + 1))

    assert violations(replace(KEPT, sent=[*KEPT.sent, unanswered])) == []


def test_what_was_never_acknowledged_may_be_recorded_all_the_same() -> None:
    sent = [KEPT.sent[0], replace(KEPT.sent[1], acknowledged=False)]

    assert violations(replace(KEPT, sent=sent)) == []


def test_a_repeat_with_the_same_id_is_no_violation_even_behind_a_later_one() -> None:
    assert violations(at_the_endpoint(told(FIRST, 1.0), told(FIRST, 1.5), told(SECOND, 2.0), told(FIRST, 3.0))) == []


def test_a_refused_attempt_and_its_retry_are_no_violation() -> None:
    refused = told(FIRST, 0.5, answered_at=NEVER)

    assert violations(at_the_endpoint(refused, told(FIRST, 1.0), told(SECOND, 2.0))) == []


def test_an_acknowledged_message_that_is_not_in_the_ledger_is_lost() -> None:
    assert words(replace(KEPT, sent=[*KEPT.sent, Sent(said(Status.OPTED_OUT, msisdn=BOB), acknowledged=True)])) == [
        "lost",
        "misjudged",
    ]


def test_half_of_a_message_is_lost() -> None:
    about_both = Sent(replace(OUT, campaigns=CAMPAIGNS))

    found = violations(replace(KEPT, sent=[about_both, KEPT.sent[1]]))

    assert [violation.word for violation in found] == ["lost"]


def test_an_event_that_no_endpoint_took_is_lost() -> None:
    assert words(at_the_endpoint(told(FIRST, 1.0))) == ["lost"]


def test_an_event_that_was_only_attempted_is_lost() -> None:
    assert words(at_the_endpoint(told(FIRST, 1.0), told(SECOND, 2.0, answered_at=NEVER))) == ["lost"]


def test_an_event_that_nobody_said_is_invented() -> None:
    assert words(replace(KEPT, sent=[KEPT.sent[0]], states={(ANN, ALERTS): Standing.asked(OUT.status, EARLY)}))[0] == (
        "invented"
    )


def test_a_notification_of_no_event_is_invented() -> None:
    strange = told(FIRST, 3.0, webhook_id="evt_9_9_9", type="consent.pending")

    assert words(at_the_endpoint(told(FIRST, 1.0), told(SECOND, 2.0), strange)) == ["invented"]


@pytest.mark.parametrize("changed", [{"msisdn": BOB}, {"campaign": OFFERS}, {"sequence": 7}, {"event_id": "evt_9_9_9"}])
def test_a_notification_that_says_something_else_is_invented(changed: dict[str, Any]) -> None:
    assert "invented" in words(at_the_endpoint(told(FIRST, 1.0), told(SECOND, 2.0, **changed)))


def test_a_notification_of_what_came_late_is_invented() -> None:
    late = said(Status.OPTED_IN, EARLY - 60)
    event = recorded(late, 3, superseded=True, changed=False, previous=Status.OPTED_IN)
    records = replace(
        KEPT,
        sent=[*KEPT.sent, Sent(late, acknowledged=True)],
        log=[*KEPT.log, event],
        arrivals={"crm": [*KEPT.arrivals["crm"], told(event, 3.0)]},
    )

    assert words(records) == ["invented"]


def test_a_message_twice_in_the_ledger_is_repeated() -> None:
    again = recorded(BACK_IN, 3, previous=Status.OPTED_IN, changed=False)
    records = replace(
        KEPT, log=[*KEPT.log, again], arrivals={"crm": [*KEPT.arrivals["crm"], told(again, 3.0, occurred_at="once")]}
    )

    assert words(records) == ["repeated"]


def test_the_same_under_another_id_is_repeated() -> None:
    renamed = told(SECOND, 3.0, webhook_id="evt_9_9_9")

    assert "repeated" in words(at_the_endpoint(told(FIRST, 1.0), told(SECOND, 2.0), renamed))


def test_a_repeat_with_another_body_is_repeated() -> None:
    assert words(at_the_endpoint(told(FIRST, 1.0), told(FIRST, 1.5, digest=b"other"), told(SECOND, 2.0))) == [
        "repeated"
    ]


def test_a_later_event_before_an_earlier_one_was_taken_is_reordered() -> None:
    assert words(at_the_endpoint(told(SECOND, 1.0), told(FIRST, 2.0))) == ["reordered"]


def test_a_later_event_while_an_earlier_one_is_being_answered_is_reordered() -> None:
    slow = told(FIRST, 1.0, answered_at=2.0)

    assert words(at_the_endpoint(slow, told(SECOND, 1.5))) == ["reordered"]


def test_a_mere_attempt_of_a_later_event_is_reordered_too() -> None:
    hasty = told(SECOND, 0.5, answered_at=NEVER)

    assert words(at_the_endpoint(hasty, told(FIRST, 1.0), told(SECOND, 2.0))) == ["reordered"]


def test_events_of_different_numbers_may_come_in_any_order() -> None:
    other = said(Status.OPTED_IN, msisdn=BOB)
    event = recorded(other, 3)
    records = replace(
        KEPT,
        sent=[*KEPT.sent, Sent(other, acknowledged=True)],
        log=[*KEPT.log, event],
        states={**KEPT.states, (BOB, ALERTS): Standing(Status.OPTED_IN, EARLY * 1000)},
        arrivals={"crm": [told(event, 0.5), *KEPT.arrivals["crm"]]},
    )

    assert violations(records) == []


def test_a_sequence_that_does_not_rise_is_reordered() -> None:
    standing_still = replace(SECOND, sequence=1)
    arrivals = {"crm": [told(FIRST, 1.0), told(standing_still, 2.0)]}

    assert words(replace(KEPT, log=[FIRST, standing_still], arrivals=arrivals)) == ["reordered"]


@pytest.mark.parametrize("changed", [{"superseded": True}, {"changed": False}, {"previous": Status.UNKNOWN}])
def test_an_event_that_event_time_judges_otherwise_is_misjudged(changed: dict[str, Any]) -> None:
    assert "misjudged" in words(replace(KEPT, log=[FIRST, replace(SECOND, **changed)]))


@pytest.mark.parametrize(
    "standing",
    [Standing(Status.OPTED_OUT, LATE * 1000 + 999), Standing(Status.OPTED_IN, EARLY * 1000), None],
)
def test_another_final_state_is_misjudged(standing: Standing | None) -> None:
    states = {} if standing is None else {(ANN, ALERTS): standing}

    assert words(replace(KEPT, states=states)) == ["misjudged"]


def test_an_opt_out_list_that_disagrees_with_the_state_is_misjudged() -> None:
    assert words(replace(KEPT, listed_out=frozenset({(ANN, ALERTS)}))) == ["misjudged"]


@pytest.mark.parametrize("status", [400, 403, 404, 413])
def test_a_good_webhook_that_is_told_never_to_come_back_is_refused(status: int) -> None:
    sent = [replace(KEPT.sent[0], statuses=Counter({status: 1, 200: 1})), KEPT.sent[1]]

    assert words(replace(KEPT, sent=sent)) == ["refused"]


@pytest.mark.parametrize("status", [0, 429, 500, 503])
def test_a_webhook_that_is_told_to_come_back_is_not(status: int) -> None:
    sent = [replace(KEPT.sent[0], statuses=Counter({status: 9, 200: 1})), KEPT.sent[1]]

    assert violations(replace(KEPT, sent=sent)) == []


def test_a_wrong_signature_is_forged() -> None:
    assert violations(replace(KEPT, forged={"crm": 2})) == [Violation("forged", "2 requests at crm")]


def test_repeats_are_counted_and_those_behind_a_later_one_apart() -> None:
    refused = told(SECOND, 1.9, answered_at=NEVER)
    arrivals = [told(FIRST, 1.0), told(FIRST, 1.5), refused, told(SECOND, 2.0), told(FIRST, 3.0)]

    assert repeats(arrivals) == Repeats(taken=2, again=2, stale=1)


def test_what_is_replayed_is_no_repeat() -> None:
    arrivals = [told(FIRST, 1.0), told(SECOND, 2.0), told(FIRST, 3.0, is_replay=True), told(SECOND, 4.0)]

    assert repeats(arrivals) == Repeats(taken=2, again=1, stale=0)
