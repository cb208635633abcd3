"""A real browser: Debian's Chromium, driven by Playwright. Tests that want one are skipped where there is none."""

import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Literal

import pytest
from playwright.async_api import BrowserContext, Page, async_playwright, expect

from tests.e2e.installation import eventually
from tests.pages.running import TOKEN, WITHIN_S, Running

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
expect.set_options(timeout=WITHIN_S * 1000)

needs_a_browser = [
    pytest.mark.browser,
    pytest.mark.skipif(CHROMIUM is None, reason="no Chromium is installed here: apt-get install chromium"),
]


@asynccontextmanager
async def browsing(
    site: Running,
    *,
    colours: Literal["light", "dark"] = "light",
    width: int = 1280,
    is_logged_in: bool = True,
    has_scripts: bool = True,
) -> AsyncIterator[Page]:
    """Ends with a failure where the page complained: a script that broke, something that the policy refused."""
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        context = await browser.new_context(
            color_scheme=colours,
            viewport={"width": width, "height": 900},
            base_url=site.url,
            java_script_enabled=has_scripts,
        )
        context.set_default_timeout(WITHIN_S * 1000)
        try:
            page, complaints = await context.new_page(), list[str]()
            page.on("pageerror", lambda error: complaints.append(str(error)))
            page.on("console", lambda said: complaints.append(said.text) if said.type == "error" else None)
            if is_logged_in:
                await log_in(context, site)
            yield page
            # Chromium reports answers with 4xx as errors, too; those are for the test to judge.
            assert not [each for each in complaints if "the server responded with a status of" not in each]
        finally:
            await browser.close()


async def log_in(context: BrowserContext, site: Running) -> None:
    answer = await context.request.post(f"{site.url}/login", form={"token": TOKEN}, max_redirects=0)
    assert answer.status == 303


async def watched(page: Page, path: str) -> None:
    """Open a page that changes while it is open, and wait until it would."""
    await page.goto(path)
    await expect(page.locator("[data-live-status]")).to_have_text("● live")


async def reloaded_until(page: Page, state: str) -> None:
    """A delivery is shown to be in it."""

    async def is_shown() -> bool:
        await page.reload()
        return await page.locator("td .state", has_text=state).count() > 0

    await eventually(is_shown, within=WITHIN_S)
