"""Which parts make one text? Those that were sent together: a reference is one byte, and comes round."""

from itertools import permutations

import pytest

from consent.model import AccountId, Msisdn, SourceId, UnixMs
from receiver.parts import HeldPart, all_of, joined, whole_of
from receiver.reports import TextPart

NOON = UnixMs(1_764_000_000_000)
LATER_S = 60


def a_part(name: str, *, at: float = 0, text: str = "", came: float | None = None, total: int = 2) -> HeldPart:
    """`name` is its number, and a letter for the text that it is of; `at` and `came` are seconds."""
    identity = f"{name}@{at}"
    return HeldPart(
        account=AccountId("acme"),
        msisdn=Msisdn("15558937009"),
        source=SourceId("nexmo-main"),
        group="g",
        identity=identity,
        received_at=UnixMs(NOON + int(1000 * (at if came is None else came))),
        part=TextPart(
            identity=identity,
            sender="15558937009",
            to="123456",
            text=text or name,
            occurred_at=UnixMs(NOON + int(1000 * at)),
            reference="4",
            number=int(name[0]),
            total=total,
        ),
    )


def names(parts: tuple[HeldPart, ...]) -> str:
    return " ".join(sorted(held.part.text for held in parts))


def test_a_part_completes_the_text_that_it_was_sent_with() -> None:
    lost, first, second = a_part("1a"), a_part("1b", at=LATER_S), a_part("2b", at=LATER_S + 2)

    assert names(whole_of(second, [lost, first, second])) == "1b 2b"
    assert names(whole_of(first, [lost, first, second])) == "1b 2b"


def test_a_part_completes_nothing_with_what_was_sent_long_before() -> None:
    lost, second = a_part("1a"), a_part("2b", at=LATER_S)

    assert whole_of(second, [lost, second]) == ()


def test_a_part_that_comes_late_completes_the_text_that_it_was_sent_with() -> None:
    first, other, late = a_part("1a"), a_part("1b", at=LATER_S), a_part("2a", at=1, came=LATER_S + 1)

    assert names(whole_of(late, [first, other, late])) == "1a 2a"


@pytest.mark.parametrize("order", list(permutations(("1a", "2a", "3a"))))
def test_a_part_that_came_twice_under_two_ids_is_in_the_text_once(order: tuple[str, ...]) -> None:
    held = [a_part(name, at=at, total=3) for at, name in enumerate(order)]
    again = a_part(order[0], at=2.5, total=3)

    found = whole_of(held[-1], [*held, again])

    assert found == (*held, again)
    assert joined([each.part for each in found], is_sure=True).text == "1a2a3a"


def test_what_waits_no_longer_is_as_many_texts_as_it_must_be_of() -> None:
    held = [a_part("2b", at=LATER_S + 1), a_part("1a"), a_part("3a", at=1), a_part("3b", at=LATER_S)]

    assert [names(text) for text in all_of(held)] == ["1a 2b 3a", "3b"]


def test_where_it_is_not_sure_that_parts_are_of_one_text_each_is_read_by_itself_too() -> None:
    parts = [a_part("2", text="STOP").part, a_part("1", text="see you").part]

    assert (joined(parts, is_sure=True).text, joined(parts, is_sure=True).besides) == ("see youSTOP", ())
    assert joined(parts, is_sure=False).besides == ("see you", "STOP")
