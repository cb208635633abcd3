"""What comes from outside is shown as it is, and obeyed nowhere."""

from consent.ledger import Registry
from consent.model import CampaignId, EventType
from tests.builders import ACME, ANN, NOON, a_campaign, a_change, a_stop, an_endpoint, an_origin
from tests.console.served import Served, bury, logged, recorded
from tests.pages.visitor import visitor

SCRIPT = "<script>alert(1)</script>"
BREAKING_OUT = "\"><img src=x onerror='alert(1)'>{{7*7}}"


async def test_markup_in_a_campaigns_title_is_shown_and_not_obeyed(site: Served) -> None:
    await recorded(site.store)
    for number, title in enumerate((SCRIPT, BREAKING_OUT)):
        await Registry(site.store).put(a_campaign(f"x{number}", title=title))
    somebody = await visitor(site)

    guide = await somebody.get("/set-up")
    person = await somebody.post("/people", number=ANN)

    for page in (guide, person):
        assert SCRIPT in page.text
        assert BREAKING_OUT in page.text
        assert "<script>alert" not in page.html
        assert "<img src=x" not in page.html


async def test_markup_in_an_endpoints_url_is_shown_and_not_obeyed(site: Served) -> None:
    url = "https://crm.example.com/<script>alert(1)</script>/\"onmouseover='alert(1)'"
    await recorded(site.store, an_endpoint("crm", url=url))
    somebody = await visitor(site)

    for path in ("/endpoints", "/endpoints/acme/crm", "/set-up", "/endpoints/acme/crm/disable"):
        page = await somebody.get(path)
        assert "<script>alert(1)</script>" in page.text
        assert "<script>alert" not in page.html
        assert "\"onmouseover='" not in page.html


async def test_an_endpoint_that_is_no_url_at_all_is_refused(site: Served) -> None:
    await recorded(site.store)
    somebody = await visitor(site)

    for url in ("javascript:alert(1)", "<script>alert(1)</script>", "https://"):
        page = await somebody.post("/set-up/endpoint", account=ACME, id="evil", url=url)
        assert page.status == 400
        assert "<script>alert" not in page.html


async def test_markup_in_a_text_message_is_shown_and_not_obeyed(site: Served) -> None:
    await recorded(site.store)
    texted = a_change(
        None,
        origin=an_origin(keyword=SCRIPT, rule=BREAKING_OUT),
        detail='{"text": "<script>alert(1)</script>", "more": "</pre><script>alert(2)</script>"}',
        at=NOON + 5000,
    )
    event = await logged(site.store, texted)
    somebody = await visitor(site)

    for page in (await somebody.get(f"/events/{event}"), await somebody.post("/people", number=ANN)):
        assert SCRIPT in page.text
        assert "<script>alert" not in page.html
        assert "<img src=x" not in page.html


async def test_markup_in_an_endpoints_answer_and_a_reason_is_shown_and_not_obeyed(site: Served) -> None:
    ids = await recorded(site.store)
    await bury(site.store)
    somebody = await visitor(site)

    disabled = await somebody.post("/endpoints/acme/billing/disable", reason=SCRIPT)
    story = await somebody.get(f"/events/{ids[0]}")

    assert SCRIPT in disabled.text
    assert "<script>alert" not in disabled.html + story.html


async def test_markup_in_an_address_is_shown_and_not_obeyed(site: Served) -> None:
    somebody = await visitor(site)
    wanted = "/deliveries?endpoint=%3Cscript%3Ealert(1)%3C/script%3E&state=%22%3E%3Cimg%20src=x%3E"

    for path in (wanted, "/events/%3Cscript%3Ealert(1)", "/?said=%3Cscript%3Ealert(1)", "/set-up?since=%3Cscript%3E"):
        page = await somebody.get(path)
        assert "<script>alert" not in page.html
        assert "<img src=x" not in page.html


async def test_a_discovered_campaign_with_odd_characters_is_shown(site: Served) -> None:
    await recorded(site.store)
    await logged(site.store, a_stop(campaigns=(CampaignId("<b>1"),), at=NOON + 9000))
    somebody = await visitor(site)

    page = await somebody.get("/deliveries")

    assert "acme/<b>1" in page.text
    assert "<b>1" not in page.html


async def test_every_type_of_event_has_its_story(site: Served) -> None:
    await recorded(site.store)
    somebody = await visitor(site)

    for kind in (EventType.MESSAGE_STATUS, EventType.ENDPOINT_FAILING, EventType.API_RESPONSE):
        change = a_change(None, type=kind, campaigns=(), detail='{"id": "acme/crm"}')
        event = await logged(site.store, change)
        assert (await somebody.get(f"/events/{event}")).status == 200
