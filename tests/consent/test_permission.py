"""What a status means for a sender."""

import pytest

from consent.model import Status
from consent.permission import may_text
from tests.builders import a_campaign


@pytest.mark.parametrize(
    ("status", "unless_opted_out", "only_opted_in"),
    [
        (Status.OPTED_IN, True, True),
        (Status.OPTED_OUT, False, False),
        (Status.PENDING, False, False),
        (Status.UNKNOWN, True, False),
    ],
)
def test_only_of_an_unknown_number_does_the_campaign_decide(
    status: Status, unless_opted_out: bool, only_opted_in: bool
) -> None:
    assert may_text(status, a_campaign()) is unless_opted_out
    assert may_text(status, a_campaign(requires_opt_in=True)) is only_opted_in
