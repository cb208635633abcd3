"""The model says what the decision record says, whatever the order in which things are said."""

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from consent.model import Msisdn, Status
from tests.chaos.messages import ALERTS, CAMPAIGNS, Message, posts_of, script
from tests.chaos.model import Standing, standings

NOW = 1_764_000_000
OUT, IN = Status.OPTED_OUT, Status.OPTED_IN


def said(status: Status, second: int, **changed: Any) -> Message:
    return Message(
        identity="any",
        msisdn=Msisdn("16502426055"),
        status=status,
        second=second,
        dialect="nexmo",
        campaigns=changed.get("campaigns", (ALERTS,)),
    )


@pytest.mark.parametrize(
    ("messages", "expected"),
    [
        ([said(OUT, 1)], Standing(OUT, 1999)),
        ([said(IN, 1)], Standing(IN, 1000)),
        ([said(OUT, 1), said(IN, 2)], Standing(IN, 2000)),
        ([said(IN, 2), said(OUT, 1)], Standing(IN, 2000)),
        ([said(OUT, 1), said(IN, 1)], Standing(OUT, 1999)),
        ([said(IN, 1), said(OUT, 1)], Standing(OUT, 1999)),
    ],
)
def test_the_latest_word_decides_and_an_opt_out_wins_its_second(messages: list[Message], expected: Standing) -> None:
    assert standings(messages) == {(messages[0].msisdn, ALERTS): expected}


def test_a_text_decides_about_every_campaign_at_its_number() -> None:
    assert {campaign for _, campaign in standings([said(OUT, 1, campaigns=CAMPAIGNS)])} == set(CAMPAIGNS)


@settings(max_examples=20)
@given(seed=st.integers(0, 2**32), order=st.randoms())
def test_the_order_of_arrival_changes_nothing(seed: int, order: Any) -> None:
    messages = script(seed, events=60, numbers=3, now=NOW)
    shuffled = order.sample(messages, len(messages))

    assert standings(shuffled) == standings(messages)


@settings(max_examples=20)
@given(seed=st.integers(0, 2**32))
def test_every_message_of_a_script_can_be_told_from_every_other(seed: int) -> None:
    messages = script(seed, events=100, numbers=3, now=NOW)

    assert messages == script(seed, events=100, numbers=3, now=NOW)
    told = [(one.msisdn, one.status, one.second, campaign) for one in messages for campaign in one.campaigns]
    assert len(told) == len(set(told)) >= 100
    posts = {(post.path, post.content) for post in (post for one in messages for post in posts_of(one, NOW))}
    assert len(posts) == sum(1 + one.is_long for one in messages)
