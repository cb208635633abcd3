"""How amounts, waits and instants are written, and how states look."""

import math
from datetime import UTC, datetime

import pytest

from consent.ledger import Beat
from consent.model import EventType, UnixMs
from console.deliveries import AttemptLine
from console.pages.intake import intakes
from console.pages.signs import SIGNS, event_word, sign
from console.pages.spent import phases
from console.pages.templating import amount, instant, pretty, rendered, seconds, span


@pytest.mark.parametrize(
    ("number", "told"), [(0, "0"), (0.34, "0.3"), (12.5, "12.5"), (1234, "1,234"), (99999.6, "100,000")]
)
def test_an_amount_is_written_for_people(number: float, told: str) -> None:
    assert amount(number) == told


@pytest.mark.parametrize(
    ("length", "told"),
    [
        (None, "-"),
        (0.085, "85 ms"),
        (1.42, "1.4 s"),
        (59, "59 s"),
        (200, "3 min 20 s"),
        (7300, "2 h 1 min"),
        (200_000, "2 days 7 h"),
        (math.inf, "> 60 s"),
    ],
)
def test_a_wait_is_as_short_as_it_may_be(length: float | None, told: str) -> None:
    assert seconds(length) == told


def test_a_span_below_a_second_is_not_told_in_milliseconds() -> None:
    assert (span(3), span(2500), span(-5)) == ("under a second", "2 seconds", "under a second")


def test_an_instant_is_told_to_people_and_to_programs() -> None:
    at = datetime(2026, 11, 22, 8, 5, 33, 688_000, tzinfo=UTC)

    assert instant(at) == '<time datetime="2026-11-22T08:05:33.688Z" title="UTC">2026-11-22 08:05:33</time>'
    assert instant(UnixMs(0)) == '<time datetime="1970-01-01T00:00:00Z" title="UTC">1970-01-01 00:00:00</time>'
    assert instant(None) == "-"


def test_every_state_has_a_sign_and_a_word_and_not_a_colour_alone() -> None:
    assert all(each.mark and each.word for each in SIGNS.values())


def test_a_state_of_a_newer_version_is_shown_by_its_own_word() -> None:
    assert sign("not_yet_invented").word == "not yet invented"
    assert event_word("consent.invented") == "consent.invented"


def test_every_type_of_event_in_the_log_has_a_word() -> None:
    assert all(event_word(kind) != kind for kind in set(EventType) - {EventType.ENDPOINT_TEST})


def test_what_has_markup_in_it_is_shown_and_not_obeyed() -> None:
    assert "<script>" not in rendered(
        "stranger.html", words=pretty({"text": "<script>alert(1)</script>"}), leads_to="/login"
    )


def an_attempt(**changed: float | None) -> AttemptLine:
    measured: dict[str, float | None] = {"dns_ms": None, "connect_ms": None, "tls_ms": None, "first_byte_ms": None}
    return AttemptLine(
        endpoint="acme/crm",
        event_id="evt_0_1_0",
        at=datetime(2026, 11, 22, tzinfo=UTC),
        number=1,
        outcome="done",
        status=200,
        ms=100,
        error="",
        response="",
        **{**measured, **changed},
    )


def test_the_phases_of_an_attempt_fill_its_bar() -> None:
    found = phases(an_attempt(dns_ms=10, connect_ms=20, tls_ms=30, first_byte_ms=35))

    assert [phase.kind for phase in found] == ["dns", "connect", "tls", "wait", "rest"]
    assert sum(phase.width for phase in found) == pytest.approx(100)
    assert found[-1].start == pytest.approx(95)


def test_an_attempt_without_an_answer_has_no_phases() -> None:
    assert phases(an_attempt(dns_ms=10)) == ()


def test_what_came_through_a_source_adds_up_over_all_receivers() -> None:
    one = {"source:acme/nexmo:received": 3, "source:acme/nexmo:last_at": 500, "events": 9}
    other = {
        "source:acme/nexmo:received": 4,
        "source:acme/nexmo:last_at": 400,
        "source:acme/nexmo:refused:unverified": 2,
        "source:acme/twilio:refused:malformed": 1,
    }
    found = intakes([Beat("r1", "receiver", UnixMs(1), one), Beat("r2", "receiver", UnixMs(2), other)])

    assert (found["acme/nexmo"].received, found["acme/nexmo"].last_at) == (7, 500)
    assert found["acme/nexmo"].refused == {"unverified": 2}
    assert found["acme/twilio"].refused == {"malformed": 1}
    assert found["acme/twilio"].last_at is None
