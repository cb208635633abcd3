"""Which events an endpoint asks for."""

import pytest

from consent.model import CampaignId, EventType
from consent.subscriptions import asks_for
from tests.builders import ALERTS, an_endpoint


@pytest.mark.parametrize(
    ("pattern", "asked_for"),
    [
        ("api.response", True),
        ("api.*", True),
        ("*.response", True),
        ("*.*", True),
        ("*", True),
        ("consent.*", False),
        ("api", False),
        ("api.response.*", False),
        ("API.RESPONSE", False),
        ("", False),
    ],
)
def test_a_star_stands_for_a_word_and_alone_for_everything(pattern: str, asked_for: bool) -> None:
    endpoint = an_endpoint(events=("message.status", pattern))

    assert asks_for(endpoint, EventType.API_RESPONSE, None) is asked_for


def test_an_endpoint_of_some_campaigns_hears_of_nothing_else() -> None:
    endpoint = an_endpoint(campaigns=(ALERTS,))

    assert asks_for(endpoint, EventType.OPTED_OUT, ALERTS)
    assert not asks_for(endpoint, EventType.OPTED_OUT, CampaignId("news"))
    assert not asks_for(endpoint, EventType.OPTED_OUT, None)
