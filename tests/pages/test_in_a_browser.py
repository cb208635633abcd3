"""What an operator does, in a real browser, on a real installation."""

import re
import signal
from collections.abc import AsyncIterator
from contextlib import suppress
from pathlib import Path

import pytest
from playwright.async_api import Page, expect
from playwright.async_api import TimeoutError as BrowserTimeout

from tests.builders import ANN, BOB
from tests.e2e.installation import crm, eventually
from tests.listening import listening
from tests.pages.browsing import browsing, needs_a_browser, reloaded_until, watched
from tests.pages.running import TOKEN, Listener, Running, running

pytestmark = needs_a_browser


@pytest.fixture
async def site(folder: Path) -> AsyncIterator[Running]:
    async with running(folder) as here:
        yield here


@pytest.fixture
async def known(folder: Path) -> AsyncIterator[Running]:
    """With an endpoint that listens."""
    async with running(folder, endpoints=lambda sink: [crm(sink)]) as here:
        yield here


async def test_the_guide_leads_from_nothing_to_the_first_stop_that_arrived(site: Running) -> None:
    listener = Listener()
    async with listening(listener.take) as url, browsing(site, is_logged_in=False) as page:
        await page.goto("/set-up")
        await page.get_by_label("Token").fill(TOKEN)
        await page.get_by_role("button", name="Log in").click()

        await page.get_by_label("Id", exact=True).fill("acme")
        await page.get_by_role("button", name="Make the account").click()
        await page.get_by_role("link", name="I have copied them: go on").click()

        form = page.locator("#campaign")
        await form.get_by_label("Id", exact=True).fill("1116")
        await form.get_by_label("Title").fill("Deals")
        await form.get_by_label("Number that people text to").fill("123456")
        await form.get_by_role("button").click()

        await page.get_by_role("button", name="Make the URL").click()
        await expect(page.locator("#guide-url-1")).to_have_text(re.compile(r"/hooks/[\w-]{32}$"))

        form = page.locator("#endpoint")
        await form.get_by_label("Name").fill("crm")
        await form.get_by_label("URL").fill(url)
        await form.get_by_role("button", name="Add the endpoint").click()
        listener.secret = await page.locator("#secret").inner_text()
        await page.get_by_role("link", name="I have copied it: go on").click()

        await expect(page.locator("#arrival")).to_contain_text("Waiting for your test STOP…")
        await _simulate_until_told(page)

    assert set(listener.heard) == {"consent.opted_out"}


async def _simulate_until_told(page: Page) -> None:
    """Receiver and dispatcher hear of what is new within a moment, a slow machine's a longer one: then again."""

    async def is_told() -> bool:
        await page.get_by_role("button", name="Simulate a STOP").click()
        if not await page.get_by_text("A simulated STOP was sent").count():
            await page.go_back()
            return False
        await expect(page.locator("#arrival")).to_contain_text("A STOP arrived")
        try:
            told = "acme/crm has been told. You are set up."
            await expect(page.locator("#arrival")).to_contain_text(told, timeout=20_000)
        except AssertionError:
            return False
        return True

    await eventually(is_told, within=120)


async def test_the_guide_waits_for_a_stop_that_comes_from_elsewhere(known: Running) -> None:
    async with browsing(known) as page:
        await watched(page, "/set-up")
        await known.texted(ANN, "stop please", identity="m1")

        await expect(page.locator("#arrival")).to_contain_text("A STOP arrived")
        await expect(page.locator("#arrival")).to_contain_text("acme/crm has been told")


async def test_the_dashboard_shows_an_event_as_it_happens(known: Running) -> None:
    async with browsing(known) as page:
        await watched(page, "/")
        await expect(page.locator("#latest")).to_contain_text("Nothing has happened yet")
        await known.texted(ANN, "STOP", identity="m1")

        await expect(page.locator("#latest")).to_contain_text(ANN)
        await expect(page.locator("#latest")).to_contain_text("opted out")
        await expect(page.locator("#headline")).to_contain_text("All is well")


async def test_frozen_figures_are_not_called_live(known: Running) -> None:
    """A store that hangs is not noticed for ten seconds: until then nothing comes."""
    badge = "[data-live-status]"
    async with browsing(known) as page:
        await watched(page, "/")
        store = known.here.processes["store"]
        store.send_signal(signal.SIGSTOP)
        try:
            await expect(page.locator(badge)).to_contain_text("no news since", timeout=10_000)
            await expect(page.locator(badge)).to_contain_text("not live: the store cannot be read", timeout=30_000)
        finally:
            store.send_signal(signal.SIGCONT)
        await expect(page.locator(badge)).to_have_text("● live", timeout=30_000)


async def test_the_keyboards_place_on_the_page_stays_while_it_changes(known: Running) -> None:
    async with browsing(known) as page:
        await watched(page, "/")
        link = page.locator("#endpoints").get_by_role("link", name="acme/crm")
        await link.focus()
        await known.texted(ANN, "STOP", identity="m1")
        await expect(page.locator("#latest")).to_contain_text(ANN)

        await expect(link).to_be_focused()


async def test_an_endpoint_is_disabled_and_enabled_and_then_hears_what_was_held(known: Running) -> None:
    async with browsing(known) as page:
        await page.goto("/endpoints")
        await page.get_by_role("link", name="acme/crm").click()
        await page.get_by_role("link", name="Disable").click()
        await page.get_by_label("Why?").fill("a new certificate")
        await page.get_by_role("button", name="Disable it").click()
        await expect(page.get_by_text("Disabled: a new certificate.")).to_be_visible()

        await known.texted(ANN, "STOP", identity="m1")
        await page.goto("/")
        await expect(page.locator("#endpoints tbody tr")).to_contain_text(["disabled"])
        await expect(page.locator("#endpoints tbody td").nth(2)).to_have_text("1")
        held = list(known.sink.received)

        await page.goto("/endpoints/acme/crm")
        await page.get_by_role("button", name="Enable").click()
        await expect(page.get_by_text("Enabled. What was held for it")).to_be_visible()
        await known.has_heard(ANN, "opted_out")

    assert held == []


async def test_what_was_given_up_is_understood_and_retried(known: Running) -> None:
    known.sink.answers["*"] = 500
    async with browsing(known) as page:
        await known.texted(ANN, "STOP", identity="m1")
        await page.goto("/deliveries?state=dead")
        await reloaded_until(page, "given up")
        await page.get_by_role("link", name=ANN).first.click()
        await expect(page.get_by_text("HTTP 500").first).to_be_visible()
        await expect(page.get_by_text("it failed: look in its own log").first).to_be_visible()
        known.sink.answers.clear()
        await page.get_by_role("button", name="Retry").click()
        await expect(page.get_by_text("Taken up again")).to_be_visible()
        await known.has_heard(ANN, "opted_out")
        await reloaded_until(page, "delivered")


async def test_a_replay_tells_an_endpoint_again_what_it_lost(known: Running) -> None:
    async with browsing(known) as page:
        for number, who in enumerate((ANN, BOB)):
            await known.texted(who, "STOP", identity=f"m{number}")
        await known.has_heard_of(2)
        known.sink.received.clear()

        await page.goto("/deliveries")
        await page.get_by_role("link", name="Replay a range").click()
        await page.get_by_label("Recorded since").fill("1h")
        await page.get_by_role("button", name="Count first").click()
        await page.get_by_role("button", name="Send 2 events again").click()

        await expect(page.locator("#progress")).to_contain_text("finished")
        await expect(page.locator("#progress")).to_contain_text("2 of 2 events")
        await known.has_heard_of(2)


async def test_a_replay_is_cancelled(known: Running) -> None:
    async with browsing(known) as page:
        await known.texted(ANN, "STOP", identity="m1")
        await known.has_heard_of(1)
        await page.goto("/replays")
        await page.get_by_role("button", name="Count first").click()
        await page.get_by_role("button", name="Send 1 events again").click()
        await page.wait_for_url("**/replays/*")

        # It may be faster than the button; either way it is over, and says so.
        with suppress(BrowserTimeout):
            await page.get_by_role("button", name="Cancel").click(timeout=2000)
        await expect(page.locator("#progress")).to_contain_text(re.compile("finished|cancelled"))


async def test_a_number_is_looked_up_and_decided_for(known: Running) -> None:
    async with browsing(known) as page:
        await known.texted(ANN, "START", identity="m1")
        await known.has_heard(ANN, "opted_in")
        await page.goto("/people")
        await page.get_by_label("Number, with its country code").fill("+1 650 242 6055")
        await page.keyboard.press("Enter")
        await expect(page.get_by_text("opted in").first).to_be_visible()

        await page.get_by_label("Why?").fill("ticket 4711")
        await page.get_by_role("button", name="Put it on the record").click()

        await expect(page.get_by_text("“ticket 4711”")).to_be_visible()
        await known.has_heard(ANN, "opted_in", "opted_out")
        assert ANN not in page.url


async def test_the_keyboard_alone_is_enough(known: Running) -> None:
    async with browsing(known) as page:
        await page.goto("/")
        await page.keyboard.press("Tab")
        await expect(page.get_by_role("link", name="Skip to the content")).to_be_focused()
        await page.keyboard.press("Enter")
        await expect(page.locator("#main")).to_be_focused()

        await page.goto("/")
        reached = []
        for _ in range(40):
            await page.keyboard.press("Tab")
            focused = page.locator(":focus")
            reached.append((await focused.get_attribute("aria-label")) or (await focused.inner_text()).strip())
            outline = await focused.evaluate("each => getComputedStyle(each).outlineStyle")
            assert outline != "none", reached[-1]
            if "acme/crm" in reached:
                break

    pages = ["Now", "Endpoints", "Deliveries", "People", "Sources", "Set-up"]
    assert [name for name in reached if name in pages] == pages
    assert reached[-1] == "acme/crm"


async def test_colours_follow_the_system_until_somebody_chooses(known: Running) -> None:
    async with browsing(known, colours="dark") as page:

        async def ground() -> str:
            return str(await page.evaluate("getComputedStyle(document.documentElement).backgroundColor"))

        await page.goto("/")
        dark = await ground()
        switch = page.get_by_role("button", name="Colours: auto. Switch to light")
        await switch.click()
        light = await ground()
        await page.goto("/people")

        assert dark == "rgb(17, 23, 27)"
        assert light == "rgb(245, 247, 248)"
        assert await ground() == light


async def test_a_url_is_copied_with_one_press(known: Running) -> None:
    async with browsing(known) as page:
        await page.context.grant_permissions(["clipboard-read", "clipboard-write"])
        await page.goto("/sources")
        await page.get_by_role("button", name="Copy the webhook URL of acme/nexmo-main").click()

        await expect(page.get_by_text("Copied to the clipboard.")).to_have_count(1)
        copied = await page.evaluate("navigator.clipboard.readText()")
        assert copied == known.here.hook()


async def test_without_scripts_everything_but_the_live_parts_works(known: Running) -> None:
    async with browsing(known, has_scripts=False) as page:
        await known.texted(ANN, "STOP", identity="m1")
        await known.has_heard(ANN, "opted_out")

        await page.goto("/")
        await expect(page.locator("#latest")).to_contain_text(ANN)
        await page.goto("/endpoints/acme/crm/disable")
        await page.get_by_role("button", name="Disable it").click()
        await expect(page.get_by_text("Disabled: by hand.")).to_be_visible()
        await expect(page.locator("[data-theme-switch]")).to_be_hidden()
