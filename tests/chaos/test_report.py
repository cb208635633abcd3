"""How long did it take to recover? From the end of a fault to the first sign of both kinds of work."""

from tests.chaos.faults import Done
from tests.chaos.report import slowest_recovery
from tests.chaos.schedule import FALTERING, STORE, Fault, Kind


def done(began_at: float, ended_at: float, *, target: str = STORE) -> Done:
    fault = Fault(at=began_at, kind=Kind.KILL, target=target, seconds=ended_at - began_at)
    return Done(fault, began_at, ended_at)


def test_a_recovery_lasts_until_both_an_acknowledgement_and_a_delivery() -> None:
    outage = done(10, 12)

    assert slowest_recovery([outage], until=100, acknowledged=[9, 13, 14], delivered=[9, 15]) == (3, outage)


def test_a_recovery_that_the_next_fault_cuts_short_is_that_ones() -> None:
    first, second = done(10, 12), done(13, 20)

    assert slowest_recovery([first, second], until=100, acknowledged=[21], delivered=[22]) == (2, second)


def test_the_slowest_of_several_is_told() -> None:
    quick, slow = done(10, 12), done(20, 22)

    assert slowest_recovery([quick, slow], until=100, acknowledged=[13, 27], delivered=[13, 27]) == (5, slow)


def test_an_endpoints_fault_and_one_after_the_load_are_none_of_our_recoveries() -> None:
    theirs, late = done(10, 12, target=FALTERING), done(60, 70)

    assert slowest_recovery([theirs, late], until=65, acknowledged=[90], delivered=[90]) is None
