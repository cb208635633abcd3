"""What has not arrived, and the whole story of one event."""

import re
from dataclasses import replace

from consent.ledger import Backlog, Health, HealthRules, Registry, Said
from consent.model import AttemptRecord, Millis, Msisdn, Opening
from console.moments import for_people, moment, written
from console.remedies import REMEDIES
from tests.builders import ANN, BOB, NOON, a_stop
from tests.console.served import CRM, FAILED, Served, attempted, bury, logged, recorded, routed
from tests.pages.visitor import visitor


async def stopped(site: Served, count: int) -> None:
    """So many people."""
    for number in range(count):
        await logged(site.store, a_stop(msisdn=Msisdn(f"1555893{7100 + number}"), at=NOON + number))


async def test_with_nothing_owed_the_page_says_so(site: Served) -> None:
    somebody = await visitor(site)

    page = await somebody.get("/deliveries")

    assert "Nothing waits here" in page.text
    assert "Nothing has happened yet" in page.text


async def test_what_waits_is_found_by_endpoint_and_by_state(site: Served) -> None:
    await recorded(site.store)
    await bury(site.store)
    somebody = await visitor(site)

    dead = await somebody.get("/deliveries?endpoint=acme/crm&state=dead")
    waiting = await somebody.get("/deliveries?endpoint=acme/crm&state=due")
    others = await somebody.get("/deliveries?endpoint=acme/billing")

    def listed(html: str) -> list[str]:
        return re.findall(r"/events/([^/]+)/retry", html.partition('id="lately"')[0])

    assert "✕ given up gave up: http_500" in dead.text
    assert len(listed(dead.html)) == 1
    assert set(listed(dead.html)).isdisjoint(listed(waiting.html))
    assert all('value="acme/billing"' in part for part in others.html.split("/retry")[1:])


async def test_a_long_backlog_is_turned_page_by_page(site: Served) -> None:
    await recorded(site.store)
    await stopped(site, 120)
    await routed(site.store)
    somebody = await visitor(site)

    found: list[str] = []
    path: str | None = "/deliveries?endpoint=acme/crm"
    while path:
        page = await somebody.get(path)
        found += re.findall(r'href="/events/(evt_[0-9_]+)">[0-9]+</a>', page.html.partition('id="lately"')[0])
        path = next((link for link in page.links if "after=" in link), None)

    assert len(found) == len(set(found)) == 123


async def test_older_events_are_a_page_away(site: Served) -> None:
    await recorded(site.store)
    await stopped(site, 70)
    somebody = await visitor(site)

    first = await somebody.get("/deliveries")
    second = await somebody.get(next(link for link in first.links if "older=" in link).partition("#")[0])

    def events(html: str) -> set[str]:
        return set(re.findall(r"/events/(evt_[0-9_]+)", html.partition('id="lately"')[2]))

    assert len(events(first.html)) == 50
    assert len(events(second.html)) == 23
    assert events(first.html).isdisjoint(events(second.html))


async def test_an_event_is_found_by_its_id(site: Served) -> None:
    ids = await recorded(site.store)
    somebody = await visitor(site)

    found = await somebody.get(f"/events?id={ids[0]}")
    unknown = await somebody.get("/events?id=evt_0_1_0")
    strange = await somebody.get("/events?id=../../set-up%3Fx")

    assert (found.status, found.path) == (200, f"/events/{ids[0]}")
    assert (unknown.status, strange.status) == (404, 404)
    assert "There is no such thing" in unknown.text


async def test_a_story_tells_who_was_told_and_how_each_attempt_went(site: Served) -> None:
    ids = await recorded(site.store)
    record = AttemptRecord(
        number=1,
        outcome="retry",
        status=503,
        took_ms=120,
        error="http_503",
        response="come back later",
        first_byte_ms=80.0,
        opening=Opening(dns_ms=5.0, connect_ms=10.0, tls_ms=20.0),
    )
    await attempted(site.store, record)
    somebody = await visitor(site)

    page = await somebody.get(f"/events/{ids[0]}")

    assert "acme/crm ↻ waiting http_503 1" in page.text
    assert "acme/billing - not sent the endpoint does not want it" in page.text
    assert "HTTP 503 attempt 1, 120 ms" in page.text
    for phase in ("look-up 5.0 ms", "connect 10.0 ms", "TLS 20.0 ms", "first byte 80.0 ms", "the rest 5.0 ms"):
        assert phase in page.text
    assert "it is overloaded" in page.text
    assert "come back later" in page.text


async def test_a_story_tells_what_was_sent(site: Served) -> None:
    ids = await recorded(site.store)
    await bury(site.store)
    somebody = await visitor(site)

    page = await somebody.get(f"/events/{ids[0]}")

    assert "POST https://crm.example.com/hooks/consent" in page.text
    assert f"webhook-id: {ids[0]}" in page.text
    assert f'"msisdn":"{ANN}"' in page.text
    assert "webhook-signature: v1,… (not kept)" in page.text


async def test_what_was_given_up_is_taken_up_again(site: Served) -> None:
    ids = await recorded(site.store)
    await bury(site.store, BOB)
    somebody = await visitor(site)

    page = await somebody.post(f"/events/{ids[2]}/retry", endpoint="acme/crm")

    assert "Taken up again" in page.text
    assert (await Backlog(site.store).depth(CRM.id)).dead == 0
    assert ("delivery.retried", ids[2]) in [(what, on) for _, what, on in await site.audited()]


async def test_a_retry_of_what_is_not_owed_says_so(site: Served) -> None:
    ids = await recorded(site.store)
    somebody = await visitor(site)

    page = await somebody.post(f"/events/{ids[0]}/retry", endpoint="acme/billing")

    assert "Nothing is owed" in page.text


async def test_what_a_disabled_endpoint_is_owed_is_held_and_not_to_be_retried(site: Served) -> None:
    ids = await recorded(site.store)
    await Registry(site.store).disable(CRM.id, "by hand")
    somebody = await visitor(site)

    for path in ("/deliveries?endpoint=acme/crm", "/endpoints/acme/crm", f"/events/{ids[0]}"):
        page = await somebody.get(path)
        assert "‖ held" in page.text
        assert 'value="acme/crm"><button' not in page.html


async def test_what_waits_for_an_endpoint_that_rests_is_told_with_when_and_why(site: Served) -> None:
    """The attempt is due before the endpoint is called again: nothing is sent before that."""
    ids = await recorded(site.store)
    await attempted(site.store, replace(FAILED, outcome="retry", status=503, error="http_503"), msisdn=BOB)
    rests = await Health(site.store).report(
        CRM.id, Said(failed=1, reason="http_503", pause=Millis(60_000)), HealthRules()
    )
    until = for_people(moment(rests.shut_until)).replace("Z", "")
    somebody = await visitor(site)

    pages = [
        await somebody.get(path)
        for path in ("/deliveries?endpoint=acme/crm&state=due", "/endpoints/acme/crm", f"/events/{ids[2]}")
    ]
    told = await site.get(f"/deliveries/{ids[2]}")

    for page in pages:
        assert re.search(rf"waiting http_503( acme/crm)?( {BOB})?( acme/crm)? 1 {until}", page.text)
    (crm,) = [line for line in told.json["deliveries"] if line["endpoint"] == "acme/crm"]
    assert crm["reason"] == "http_503"
    assert crm["due_at"] == written(moment(rests.shut_until))


async def test_where_a_choice_finds_nothing_it_is_not_said_that_everything_was_delivered(site: Served) -> None:
    await recorded(site.store)
    somebody = await visitor(site)

    page = await somebody.get("/deliveries?endpoint=acme/crm&state=dead")

    assert "Nothing of that kind" in page.text
    assert "Every event was delivered" not in page.text


async def test_an_attempt_that_ended_it_is_told_with_what_can_be_done(site: Served) -> None:
    ids = await recorded(site.store)
    await attempted(site.store, replace(FAILED, status=None, error="gave up: tls_failed"))
    somebody = await visitor(site)

    page = await somebody.get(f"/events/{ids[0]}")

    assert REMEDIES["tls_failed"] in page.text
