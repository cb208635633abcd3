"""One line for people says who decided; what nobody decided was found by the dispatchers."""

import pytest

from consent.model import Event, EventType, SourceId
from console.eventlines import because, line_of
from tests.builders import an_event, an_origin

STOPPED = an_event()
FAILING = an_event(EventType.ENDPOINT_FAILING, origin=an_origin(source=SourceId("acme/crm")))


@pytest.mark.parametrize(
    ("event", "reason"),
    [
        (STOPPED, '"STOP" (exact:stop) by recipient via MO, nexmo-main'),
        (FAILING, "found by the dispatchers, acme/crm"),
    ],
)
def test_who_decided(event: Event, reason: str) -> None:
    assert because(line_of(event, mask_numbers=True)) == reason
