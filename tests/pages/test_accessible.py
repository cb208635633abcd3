"""Can everybody use every page? axe-core's rules, in light and dark, narrow and wide.

axe-core is fetched by npm into a folder of the test's own, for it is not ours to ship; where npm cannot, these tests
are skipped.
https://github.com/dequelabs/axe-core
"""

import json
import shutil
import subprocess
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any, Literal

import pytest
from playwright.async_api import Page

from consent.ledger import Registry
from consent.model import Endpoint
from tests.builders import ANN, BOB, a_campaign, an_endpoint
from tests.e2e.installation import Sink, crm
from tests.pages.browsing import browsing, needs_a_browser
from tests.pages.running import Running, running

pytestmark = needs_a_browser

AXE = "axe-core@4"
RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
SERIOUS = {"serious", "critical"}
PATHS = (
    "/",
    "/endpoints",
    "/endpoints/acme/crm",
    "/endpoints/acme/gone",
    "/endpoints/acme/gone/disable",
    "/endpoints/acme/crm/disable",
    "/endpoints/acme/crm/discard",
    "/endpoints/acme/crm/rotate",
    "/deliveries",
    "/deliveries?state=dead",
    "/replays",
    "/people",
    "/sources",
    "/set-up",
    "/events/evt_0_1_0",
)


@pytest.fixture(scope="session")
def axe(tmp_path_factory: pytest.TempPathFactory) -> str:
    npm, folder = shutil.which("npm"), tmp_path_factory.mktemp("axe")
    if npm is None:
        pytest.skip("npm is not installed here, so axe-core cannot be fetched")
    command = [npm, "install", "--no-save", "--no-audit", "--no-fund", "--prefix", str(folder), AXE]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=300)
    if done.returncode:
        pytest.skip(f"axe-core cannot be fetched here: {done.stderr.strip()[-200:]}")
    return (folder / "node_modules/axe-core/axe.min.js").read_text(encoding="utf-8")


LONG = f"/workflows/{'0123456789abcdef' * 2}/triggers/manual/paths/invoke"
"""As some build their URLs: no place to break at."""


@pytest.fixture
async def site(folder: Path) -> AsyncIterator[Running]:
    """Where something is healthy, something fails, something is disabled, and something was given up."""

    def endpoints(sink: Sink) -> list[Endpoint]:
        return [crm(sink), an_endpoint("gone", url=sink.url.replace("/hook", LONG))]

    async with running(folder, endpoints=endpoints) as here:
        async with here.here.opened() as store:
            await Registry(store).put(a_campaign("1117", title="Another", short_code="654321"))
        for number, who in enumerate((ANN, BOB)):
            await here.texted(who, "STOP", identity=f"m{number}")
        await here.has_heard_of(2)
        yield here


async def violations(page: Page, axe: str) -> list[Any]:
    # Past the page's policy, as only a debugger may.
    await page.evaluate(axe)
    found = await page.evaluate(
        """async (rules) => (await axe.run({ runOnly: { type: "tag", values: rules } })).violations
            .map(({ id, impact, nodes }) => ({ id, impact, where: nodes.map((node) => node.html.slice(0, 200)) }))""",
        RULES,
    )
    return [each for each in found if each["impact"] in SERIOUS]


async def is_too_wide(page: Page) -> bool:
    return bool(await page.evaluate("document.documentElement.scrollWidth > document.documentElement.clientWidth"))


@pytest.mark.parametrize("colours", ["light", "dark"])
@pytest.mark.parametrize("width", [390, 1280])
async def test_no_page_has_a_serious_violation_or_is_too_wide(
    site: Running, axe: str, colours: Literal["light", "dark"], width: int
) -> None:
    found: dict[str, Any] = {}

    async def look(page: Page, name: str) -> None:
        if serious := await violations(page, axe):
            found[name] = serious
        if await is_too_wide(page):
            found[f"{name}, width"] = "the page can be scrolled sideways"

    async with browsing(site, colours=colours, width=width, is_logged_in=False) as page:
        await page.goto("/login?refused=unauthorised")
        await look(page, "log-in")
    async with browsing(site, colours=colours, width=width) as page:
        for path in PATHS:
            await page.goto(path)
            await look(page, path)
        await page.goto("/people")
        await page.get_by_label("Number, with its country code").fill(ANN)
        await page.keyboard.press("Enter")
        await page.get_by_role("heading", name="What happened").wait_for()
        await look(page, "a person")
        await page.get_by_role("link", name="Its whole story").first.click()
        await page.locator("summary").first.click()
        await look(page, "an event")
        await page.goto("/endpoints/acme/crm")
        await page.get_by_role("button", name="Send a test event").click()
        await look(page, "a test")
        await page.goto("/endpoints/acme/crm/rotate")
        await page.get_by_role("button", name="Rotate it").click()
        await look(page, "a new secret")
        await page.goto("/replays")
        await page.get_by_role("button", name="Count first").click()
        await look(page, "a replay, counted")
        await page.locator("button.danger-button").click()
        await look(page, "a replay")

    assert not found, json.dumps(found, indent=2)
