"""An event's trace leads from the webhook through the store to every attempt, and on into the customer's system."""

from pathlib import Path

import pytest

from consent.model import EventId
from consent.trace import root_of
from tests.e2e.installation import eventually, text
from tests.e2e.watched import NUMBERS, SECRETS, WAIT_S, ToldSpan, watched


@pytest.fixture(autouse=True)
def _prompt_exports(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OTEL_BSP_SCHEDULE_DELAY", "100")


async def test_one_trace_leads_from_the_webhook_to_every_attempt_and_on(folder: Path) -> None:
    async with watched(folder) as at:
        hook = f"{at.receiver}/hooks/{SECRETS['token']}"
        assert await at.ask("POST", hook, data=text(NUMBERS["plain"], "STOP", identity="m1")) == 200
        # Two endpoints fail, each twice.
        await eventually(lambda: len(at.collector.named("delivery.attempted")) == 5, within=WAIT_S)
        await eventually(lambda: bool(at.collector.named("webhook.accepted")), within=WAIT_S)
        told = at.customer.traceparents

    ((event, _), *_) = told
    root = root_of(EventId(event))
    trace_id, root_id = f"{root.trace_id:032x}", f"{root.span_id:016x}"
    spans = at.collector.spans
    assert {span.trace_id for span in spans} == {trace_id}
    assert sorted((span.process, span.name) for span in spans) == [
        *[("dispatcher", "delivery.attempted")] * 5,
        ("dispatcher", "event.routed"),
        ("receiver", "store.kept"),
        ("receiver", "webhook.accepted"),
    ]
    assert all(parent_of(span) == root_id for span in spans)
    attempts = {span.span_id for span in spans if span.name == "delivery.attempted"}
    assert len(told) == 3
    for webhook_id, traceparent in told:
        version, carried, parent, flags = traceparent.split("-")
        assert (webhook_id, version, carried, flags) == (event, "00", trace_id, "01")
        assert parent in attempts


def parent_of(span: ToldSpan) -> str:
    """Of the first span, itself."""
    return span.parent_id or span.span_id
