"""An endpoint was down for an hour: found, understood and repaired by somebody who has a browser and nothing else."""

import re

from playwright.async_api import Page, expect

from tests.outage.relay import Relay, eventually
from tests.pages.browsing import browsing, needs_a_browser

pytestmark = needs_a_browser


async def test_an_endpoint_that_refused_connections_for_an_hour(refusing: Relay) -> None:
    async with browsing(refusing.console) as page:
        await find(page)
        await understand(page, "Failing: ", "connect_refused", "nothing listens there: check the port")

        await page.get_by_role("button", name="Send a test event").click()
        await expect(page.get_by_role("alert")).to_contain_text("Not delivered: connect refused")
        await expect(page.get_by_role("alert")).to_contain_text("nothing listens there")
        await refusing.crm.come_up()
        await page.get_by_role("button", name="Send another").click()
        await expect(page.get_by_role("alert")).to_contain_text("Delivered: it answered HTTP 200")
        await page.get_by_role("button", name="Send what waits now").click()

        await see_it_mended(page, refusing)
    assert refusing.crm.forged == 0
    await refusing.was_alarmed("endpoint.failing", "optout.overdue", "endpoint.recovered")


async def test_an_endpoint_that_was_disabled_after_forty_minutes_of_503(unavailable: Relay) -> None:
    async with browsing(unavailable.console, width=390) as page:
        await find(page)
        await understand(page, "Disabled: ", "http_503", "it is overloaded, or closed for maintenance")
        await expect(page.get_by_role("region", name="Table: deliveries")).to_contain_text("held")

        unavailable.crm.answers.clear()
        await page.get_by_role("button", name="Send a test event").click()
        await expect(page.get_by_role("alert")).to_contain_text("Delivered: it answered HTTP 200")
        await page.get_by_role("button", name="Enable it, and send what was held").click()

        await see_it_mended(page, unavailable)
    assert unavailable.crm.forged == 0
    await unavailable.was_alarmed("endpoint.failing", "optout.overdue", "endpoint.disabled", "endpoint.recovered")


async def find(page: Page) -> None:
    """*Now* says that something is wrong, how badly, and whose it is; a link leads there."""
    await page.goto("/")
    await expect(page.get_by_text("Opt-outs are overdue at acme/crm.")).to_be_visible()
    await expect(page.locator("#headline")).to_contain_text(
        re.compile(r"waited 1 h( \d min)? \(the limit is 10m\)\. The endpoint is (failing|disabled): ")
    )
    await expect(page.locator(".tile", has_text="Oldest opt-out not told")).to_contain_text("1 h")
    await expect(page.locator(".tile", has_text="Backlog")).to_contain_text("62")
    await page.get_by_role("link", name="See why").click()


async def understand(page: Page, state: str, error: str, remedy: str) -> None:
    """The endpoint's page says what is wrong, since when, how much waits, and what to do."""
    told = page.locator(".notice", has_text=state)
    await expect(told).to_contain_text(error)
    await expect(told).to_contain_text(f"What to do: {remedy}")
    await expect(page.locator(".tile", has_text="Owed")).to_contain_text("62")
    await expect(page.locator(".tile", has_text="Oldest opt-out not told")).to_contain_text(re.compile("1 h.*since 20"))
    await expect(page.get_by_role("region", name="Table: last errors")).to_contain_text(re.compile("refused|HTTP 503"))


async def see_it_mended(page: Page, relay: Relay) -> None:
    await expect(page.get_by_text("goes out within seconds")).to_be_visible()
    await eventually(relay.was_told_all)
    await page.get_by_role("link", name="Now", exact=True).click()
    await expect(page.get_by_text("All is well.")).to_be_visible()
    await expect(page.locator(".tile", has_text="Oldest opt-out not told")).to_contain_text("none")
    await page.locator("#endpoints").get_by_role("link", name="acme/crm").click()
    await expect(page.locator(".tile", has_text="State")).to_contain_text("healthy")
    await expect(page.locator(".tile", has_text="Owed")).to_contain_text("0")
