"""How the endpoints are shown, and what may be done to one."""

import re
from dataclasses import replace

from consent.ledger import Backlog, Health, HealthRules, Registry, Said
from consent.model import AttemptRecord, Header
from tests.builders import SECRET, an_endpoint
from tests.console.served import BILLING, CRM, FAILED, Served, attempted, bury, recorded
from tests.pages.visitor import visitor


async def disabled(site: Served) -> str:
    return (await Registry(site.store).directory()).endpoints[CRM.id].disabled


async def test_without_endpoints_the_page_says_what_to_do_next(site: Served) -> None:
    somebody = await visitor(site)

    page = await somebody.get("/endpoints")

    assert "No endpoint yet" in page.text
    assert "/set-up#endpoint" in page.links


async def test_each_endpoint_is_listed_with_its_backlog(site: Served) -> None:
    await recorded(site.store)
    somebody = await visitor(site)

    page = await somebody.get("/endpoints")

    assert re.search(r"acme/crm https://crm\.example\.com/hooks/consent ✓ healthy 2 0 0", page.text)
    assert "/endpoints/acme/crm" in page.links


async def test_one_that_fails_is_shown_with_its_errors_and_what_to_do(site: Served) -> None:
    await recorded(site.store)
    await bury(site.store)
    await Health(site.store).report(CRM.id, Said(failed=7, reason="http_500"), HealthRules(failing_for=0))  # type: ignore[arg-type]
    somebody = await visitor(site)

    page = await somebody.get("/endpoints/acme/crm")

    assert "! failing" in page.text
    assert "7 attempts in a row" in page.text
    assert "HTTP 500 oh no it failed: look in its own log" in page.text


async def test_its_last_failures_are_shown_newest_first_and_nobody_elses(site: Served) -> None:
    def failed(said: str) -> AttemptRecord:
        return replace(FAILED, outcome="retry", status=None, error=said)

    await recorded(site.store)
    await attempted(site.store, *(failed(f"error_{number}") for number in range(10, 22)))
    await attempted(site.store, replace(FAILED, outcome="done"))
    await attempted(site.store, failed("error_of_another"), endpoint=BILLING)
    somebody = await visitor(site)

    page = await somebody.get("/endpoints/acme/crm")

    assert re.findall(r"error (\w+)", page.text) == [str(number) for number in range(21, 11, -1)]


async def test_secrets_and_the_values_of_headers_are_on_no_page(site: Served) -> None:
    endpoint = an_endpoint(
        url="https://user:pa55word@crm.example.com/in?key=abc123",
        headers=(Header(name="X-Api-Key", value="k3y-of-theirs"),),
        proxy="http://me:pr0xy@proxy.example.com:3128",
    )
    ids = await recorded(site.store, endpoint)
    await bury(site.store)
    somebody = await visitor(site)

    shown = [await somebody.get(path) for path in ("/endpoints", "/endpoints/acme/crm", "/set-up", f"/events/{ids[0]}")]

    assert "X-Api-Key" in shown[1].text
    for secret in ("pa55word", "abc123", "k3y-of-theirs", "pr0xy", SECRET):
        assert not [page.path for page in shown if secret in page.html]


async def test_disabling_is_asked_for_then_done_and_enabling_ends_it(site: Served) -> None:
    await recorded(site.store)
    somebody = await visitor(site)

    asked = await somebody.get("/endpoints/acme/crm/disable")
    before = await disabled(site)
    done = await somebody.post("/endpoints/acme/crm/disable", reason="a new certificate")
    between = await disabled(site)
    ended = await somebody.post("/endpoints/acme/crm/enable")

    assert "Nothing will be sent" in asked.text
    assert before == ""
    assert between == "a new certificate"
    assert "Disabled: a new certificate." in done.text
    assert "Enabled. What was held for it" in ended.text
    assert await disabled(site) == ""
    assert [what for _, what, on in await site.audited() if on == CRM.id] == ["endpoint.enabled", "endpoint.disabled"]


async def test_who_sends_what_waits_does_not_enable_what_somebody_has_just_disabled(site: Served) -> None:
    """The page was loaded before."""
    await recorded(site.store)
    somebody = await visitor(site)
    offered = await somebody.get("/endpoints/acme/crm")
    await Registry(site.store).disable(CRM.id, "legal hold")

    page = await somebody.post("/endpoints/acme/crm/send-now")

    assert "Send all that waits now" in offered.text
    assert page.status == 409
    assert "acme/crm is disabled (legal hold)" in page.text
    assert 'href="/endpoints">Back to endpoints</a>' in page.html
    assert await disabled(site) == "legal hold"


async def test_what_waits_is_sent_at_once_where_it_is_enabled(site: Served) -> None:
    await recorded(site.store)
    somebody = await visitor(site)

    page = await somebody.post("/endpoints/acme/crm/send-now")

    assert "goes out within seconds" in page.text
    assert "deliveries.waiting_retried" in [what for _, what, on in await site.audited() if on == CRM.id]


async def test_a_new_secret_is_shown_once_and_the_old_one_signs_on(site: Served) -> None:
    await recorded(site.store)
    somebody = await visitor(site)

    asked = await somebody.get("/endpoints/acme/crm/rotate")
    page = await somebody.post("/endpoints/acme/crm/rotate", **asked.hidden, grace="1h", kind="hmac")
    kept = (await Registry(site.store).directory()).endpoints[CRM.id]

    assert "Rotate it" in asked.text
    assert kept.secrets[0] in page.text
    assert kept.secrets[0] != SECRET
    assert [secret.value for secret in kept.retiring] == [SECRET]
    assert kept.secrets[0] not in (await somebody.get("/endpoints/acme/crm")).html


async def test_a_rotation_that_is_sent_again_is_done_once(site: Served) -> None:
    """By a page that is loaded again, or by two who had the same thought."""
    await recorded(site.store)
    somebody = await visitor(site)
    asked = await somebody.get("/endpoints/acme/crm/rotate")
    await somebody.post("/endpoints/acme/crm/rotate", **asked.hidden, grace="0s", kind="hmac")
    kept = (await Registry(site.store).directory()).endpoints[CRM.id]

    again = await somebody.post("/endpoints/acme/crm/rotate", **asked.hidden, grace="0s", kind="hmac")

    assert (again.status, "rotate once more" in again.text) == (409, True)
    assert (await Registry(site.store).directory()).endpoints[CRM.id] == kept
    afresh = await somebody.get("/endpoints/acme/crm/rotate")
    assert (await somebody.post("/endpoints/acme/crm/rotate", **afresh.hidden, grace="0s", kind="hmac")).status == 200


async def test_of_a_key_pair_only_the_public_half_is_shown(site: Served) -> None:
    await recorded(site.store)
    somebody = await visitor(site)

    asked = await somebody.get("/endpoints/acme/crm/rotate")
    page = await somebody.post("/endpoints/acme/crm/rotate", **asked.hidden, grace="0s", kind="ed25519")
    kept = (await Registry(site.store).directory()).endpoints[CRM.id]

    assert "whpk_" in page.text
    assert kept.secrets[0] not in page.html
    assert kept.retiring == () or "does not sign any more" in page.text


async def test_a_grace_that_was_not_offered_is_refused(site: Served) -> None:
    await recorded(site.store)
    somebody = await visitor(site)

    assert (await somebody.post("/endpoints/acme/crm/rotate", grace="9y")).status == 400


async def test_a_test_event_that_does_not_arrive_says_why_and_what_to_do(site: Served) -> None:
    await recorded(site.store, an_endpoint(url="http://127.0.0.1:9/in"))
    somebody = await visitor(site)

    page = await somebody.post("/endpoints/acme/crm/test")

    assert "Not delivered: egress refused" in page.text
    assert "dispatcher.egress_allow" in page.text


async def test_all_that_was_given_up_is_taken_up_again_at_once(site: Served) -> None:
    await recorded(site.store)
    await bury(site.store)
    somebody = await visitor(site)

    offered = await somebody.get("/endpoints/acme/crm")
    page = await somebody.post("/endpoints/acme/crm/revive")

    assert "Send all 1 given up again" in offered.text
    assert "on its way again" in page.text
    assert (await Backlog(site.store).depth(CRM.id)).dead == 0


async def test_discarding_is_asked_for_with_a_reason_then_done(site: Served) -> None:
    await recorded(site.store)
    await bury(site.store)
    somebody = await visitor(site)

    offered = await somebody.get("/endpoints/acme/crm")
    asked = await somebody.get("/endpoints/acme/crm/discard")
    unreasoned = await somebody.post("/endpoints/acme/crm/discard", reason=" ")
    kept = (await Backlog(site.store).depth(CRM.id)).dead
    page = await somebody.post("/endpoints/acme/crm/discard", reason="has an export")

    assert "Discard them" in offered.text
    assert "1 deliveries" not in asked.text
    assert (unreasoned.status, kept) == (400, 1)
    assert "Discarded." in page.text
    assert (await Backlog(site.store).depth(CRM.id)).dead == 0


async def test_who_may_only_read_is_offered_nothing_to_do(site: Served) -> None:
    ids = await recorded(site.store)
    somebody = await visitor(site, "read")

    shown = [
        await somebody.get(path) for path in ("/endpoints/acme/crm", "/deliveries", f"/events/{ids[0]}", "/set-up")
    ]

    assert all(re.findall(r'<form method="post" action="([^"]*)"', page.html) == ["/logout"] for page in shown)


async def test_an_endpoint_that_nobody_has_is_told_as_such(site: Served) -> None:
    await recorded(site.store)
    somebody = await visitor(site)

    page = await somebody.get("/endpoints/acme/crn")

    assert page.status == 404
    assert "did you mean acme/crm?" in page.text
