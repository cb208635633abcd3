"""One number in every campaign, its history, who was told, and an operator's decision."""

from consent.ledger import Ledger, Registry
from consent.model import Status
from tests.builders import ACME, ALERTS, ANN, BOB, a_campaign
from tests.console.served import CRM, Served, recorded
from tests.pages.visitor import visitor


async def status(site: Served, msisdn: str = ANN) -> Status | None:
    state = await Ledger(site.store).state(ACME, ALERTS, msisdn)  # type: ignore[arg-type]
    return state.status if state else None


async def test_a_number_is_found_however_it_is_written(site: Served) -> None:
    await recorded(site.store)
    somebody = await visitor(site)

    for written in (ANN, f"+{ANN}", "+1 (650) 242-6055"):
        page = await somebody.post("/people", number=written)
        assert "acme/1116 My Campaign Name ✓ opted in" in page.text


async def test_the_history_tells_who_decided_and_who_was_told(site: Served) -> None:
    await recorded(site.store)
    somebody = await visitor(site)

    page = await somebody.post("/people", number=ANN)
    newest, oldest = page.html.index("START"), page.html.index("STOP")

    assert newest < oldest
    assert "herself, MO through nexmo-main, by “STOP” (exact:stop)" in page.text
    assert "acme/crm ↻ waiting" in page.text
    assert "acme/billing - not sent" in page.text


async def test_of_a_number_never_seen_nothing_is_on_the_record(site: Served) -> None:
    await recorded(site.store)
    somebody = await visitor(site)

    page = await somebody.post("/people", number="4479111234567")

    assert "never seen" in page.text
    assert "Nothing is on the record" in page.text


async def test_no_number_at_all_is_refused_with_a_sentence(site: Served) -> None:
    somebody = await visitor(site)

    page = await somebody.post("/people", number="  ")

    assert page.status == 400
    assert "the number is empty" in page.text


async def test_an_operator_decides_with_a_reason_that_stays_on_the_record(site: Served) -> None:
    await recorded(site.store)
    somebody = await visitor(site)

    page = await somebody.post(
        "/people/change", number=ANN, campaign="acme/1116", status="opted_out", reason="ticket 4711"
    )

    assert "Changed." in page.text
    assert "an operator, MANAGER through console" in page.text
    assert "“ticket 4711”" in page.text
    assert await status(site) is Status.OPTED_OUT
    assert ("first token", "consent.opted_out", "acme/1116") in await site.audited()


async def test_without_a_reason_nothing_is_changed(site: Served) -> None:
    await recorded(site.store)
    somebody = await visitor(site)

    page = await somebody.post("/people/change", number=ANN, campaign="acme/1116", status="opted_out", reason="")

    assert page.status == 400
    assert await status(site) is Status.OPTED_IN


async def test_a_status_that_was_not_offered_is_refused(site: Served) -> None:
    await recorded(site.store)
    somebody = await visitor(site)

    for word in ("pending", "deleted"):
        page = await somebody.post("/people/change", number=ANN, campaign="acme/1116", status=word, reason="x")
        assert page.status == 400


async def test_who_stopped_herself_is_opted_in_only_by_who_says_so(site: Served) -> None:
    await recorded(site.store)
    somebody = await visitor(site)
    wish = {"number": BOB, "campaign": "acme/1116", "status": "opted_in", "reason": "she asked for it in the shop"}

    refused = await somebody.post("/people/change", **wish)
    between = await status(site, BOB)
    done = await somebody.post("/people/change", overrule="yes", **wish)

    assert refused.status == 409
    assert "She stopped herself, so nothing was changed" in refused.text
    assert between is Status.OPTED_OUT
    assert "Changed." in done.text
    assert await status(site, BOB) is Status.OPTED_IN


async def test_a_decision_that_is_refused_is_shown_again_as_it_was_filled_in(site: Served) -> None:
    await recorded(site.store)
    await Registry(site.store).put(a_campaign("1117"))
    somebody = await visitor(site)
    reason = "she asked for it in the shop"

    refused = await somebody.post("/people/change", number=BOB, campaign="acme/1116", status="opted_in", reason=reason)
    unfit = await somebody.post(
        "/people/change", number=ANN, campaign="acme/1117", status="opted_in", reason="", overrule="yes"
    )

    assert 'role="alert">She stopped herself' in refused.html
    assert '<option value="acme/1116" selected>' in refused.html
    assert '<option value="opted_in" selected>' in refused.html
    assert f'value="{reason}"' in refused.html
    assert 'value="yes" checked>' not in refused.html
    assert 'role="alert">reason: ' in unfit.html
    assert '<option value="acme/1117" selected>' in unfit.html
    assert 'value="yes" checked>' in unfit.html


async def test_a_refused_decision_gives_no_number_back_to_who_sees_none(site: Served) -> None:
    await recorded(site.store)
    somebody = await visitor(site, "read", "operate")

    page = await somebody.post("/people/change", number=BOB, campaign="acme/1116", status="opted_in", reason="a letter")

    assert page.status == 409
    assert 'value="a letter"' in page.html
    assert BOB not in page.html


async def test_who_sees_no_numbers_types_the_number_once_more_to_decide(site: Served) -> None:
    await recorded(site.store)
    somebody = await visitor(site, "read", "operate")

    page = await somebody.post("/people", number=ANN)

    assert "The number once more" in page.text
    assert ANN not in page.html


async def test_a_number_that_exists_nowhere_is_doubted_where_nothing_is_known_of_it(site: Served) -> None:
    await recorded(site.store)
    somebody = await visitor(site, "read")

    nowhere = await somebody.post("/people", number="1 (650) 142-6055")
    somewhere = await somebody.post("/people", number="+1 650 242 6099")
    a_name = await somebody.post("/people", number="12345")

    assert "This number is in no numbering plan: is the country code missing?" in nowhere.text
    assert "numbering plan" not in somewhere.text
    assert "This is not a number with its country code." in a_name.text


async def test_what_waits_for_a_disabled_endpoint_is_held(site: Served) -> None:
    await recorded(site.store)
    await Registry(site.store).disable(CRM.id, "by hand")
    somebody = await visitor(site)

    page = await somebody.post("/people", number=BOB)

    assert "acme/crm ‖ held" in page.text


async def test_a_line_that_is_written_in_two_ways_is_told_by_both(site: Served) -> None:
    await recorded(site.store)

    told = await (await visitor(site)).post("/people", number="525512345678")
    masked = await (await visitor(site, "read")).post("/people", number="525512345678")

    assert "The same line is also written 5215512345678: look that up, too." in told.text
    assert "also written •••••••••5678" in masked.text
