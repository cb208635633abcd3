"""What is sent again: counted first, started on purpose, watched, cancelled."""

import re

import pytest

from consent.ledger import Registry
from tests.console.served import CRM, Served, recorded
from tests.e2e.installation import eventually
from tests.pages.visitor import Page, Visitor, visitor


async def begin(somebody: Visitor, counted: Page) -> Page:
    form = counted.html.partition('action="/replays"')[2].partition("</form>")[0]
    fields = dict(re.findall(r'name="([a-z]+)" value="([^"]*)"', form))
    return await somebody.post("/replays", **fields)


async def test_a_replay_is_counted_before_anything_is_sent(site: Served) -> None:
    await recorded(site.store)
    somebody = await visitor(site)

    counted = await somebody.post("/replays/count", endpoint="acme/crm", since="")

    assert "Send 3 events to acme/crm again?" in counted.text
    assert await site.audited() == []


async def test_a_replay_runs_and_is_shown_to_its_end(site: Served) -> None:
    await recorded(site.store)
    somebody = await visitor(site)

    begun = await begin(somebody, await somebody.post("/replays/count", endpoint="acme/crm"))

    async def is_over() -> bool:
        return "✓ finished" in (await somebody.get(begun.path)).text

    await eventually(is_over, within=30)
    shown = await somebody.get(begun.path)
    listed = await somebody.get("/replays")
    assert "3 of 3 events" in shown.text
    assert begun.path in listed.links
    assert ("first token", "replay.started", "acme/crm") in await site.audited()


async def test_a_part_of_the_log_is_confirmed_with_a_warning(site: Served) -> None:
    await recorded(site.store)
    somebody = await visitor(site)

    counted = await somebody.post("/replays/count", endpoint="acme/crm", types="consent.opted_out")

    assert "Send 2 events to acme/crm again?" in counted.text
    assert "Newer events may be left out" in counted.text


async def test_a_range_with_nothing_in_it_says_so(site: Served) -> None:
    await recorded(site.store)
    somebody = await visitor(site)

    counted = await somebody.post("/replays/count", endpoint="acme/crm", until="2020-01-01T00:00Z")

    assert "Nothing in that range is for this endpoint" in counted.text


@pytest.mark.parametrize("since", ["yesterday", "2024", "-5h", "<b>"])
async def test_a_time_that_nobody_can_read_is_refused_with_an_example(site: Served, since: str) -> None:
    await recorded(site.store)
    somebody = await visitor(site)

    refused = await somebody.post("/replays/count", endpoint="acme/crm", since=since)

    assert refused.status == 400
    assert "2026-11-20T08:00Z" in refused.text


async def test_what_was_typed_is_there_again_where_it_was_refused(site: Served) -> None:
    await recorded(site.store)
    somebody = await visitor(site)
    typed = {"endpoint": "acme/crm", "since": "yesterday", "types": "message.*", "dead": "yes"}

    refused = await somebody.post("/replays/count", **typed)

    assert "<option selected>acme/crm</option>" in refused.html
    assert 'value="yesterday"' in refused.html
    assert "<option selected>message.*</option>" in refused.html
    assert 'value="yes" checked' in refused.html


async def test_to_a_disabled_endpoint_nothing_is_replayed(site: Served) -> None:
    await recorded(site.store)
    await Registry(site.store).disable(CRM.id, "by hand")
    somebody = await visitor(site)

    refused = await somebody.post("/replays/count", endpoint="acme/crm")

    assert refused.status == 409
    assert "is disabled (by hand)" in refused.text


async def test_a_replay_that_nobody_started_is_told_as_such(site: Served) -> None:
    somebody = await visitor(site)

    assert (await somebody.get("/replays/4711")).status == 404
    assert (await somebody.get("/replays/4711/live")).status == 404
    assert (await somebody.post("/replays/4711/cancel")).status == 404
