"""What to paste where, what came through it, and what was refused and why."""

from config.clock import system_clock
from consent.ledger import Beat, Pulse, Registry
from consent.model import SourceId
from console.providers import PROVIDERS
from receiver.codecs import CODECS
from tests.builders import a_source
from tests.console.served import Served, recorded, served, settings_of
from tests.pages.visitor import visitor


def test_of_every_provider_it_is_known_where_to_paste() -> None:
    assert set(PROVIDERS) == set(CODECS)
    assert all(provider.paste for provider in PROVIDERS.values())


async def test_each_source_has_its_url_and_where_to_paste_it(site: Served) -> None:
    await recorded(site.store)
    twilio = a_source(
        id=SourceId("tw"), provider="twilio", token="another-token-of-16", signature_secret="5ecret-of-twilio"
    )
    await Registry(site.store).put(twilio)
    somebody = await visitor(site)

    page = await somebody.get("/sources")

    assert "http://127.0.0.1:8080/hooks/t0ken-of-at-least-16-chars" in page.text
    assert "/hooks/another-token-of-16#rc=5&rp=all" in page.text
    assert PROVIDERS["twilio"].paste in page.text
    assert "These URLs lead to this machine only" in page.text
    assert "5ecret-of-twilio" not in page.html


async def test_a_url_begins_with_what_providers_see(site: Served) -> None:
    await recorded(site.store)
    settings = settings_of(receiver={"public_url": "https://relay.example.com"})
    async with served(site.store, settings) as here:
        page = await (await visitor(here)).get("/sources")

    assert "https://relay.example.com/hooks/t0ken-of-at-least-16-chars" in page.text
    assert "this machine only" not in page.text


async def test_a_url_is_a_credential_and_shown_to_who_may_see_it(site: Served) -> None:
    await recorded(site.store)
    somebody = await visitor(site, "read", "operate", "numbers")

    shown = [await somebody.get(path) for path in ("/sources", "/set-up")]

    assert not [page.path for page in shown if "t0ken-of-at-least" in page.html]
    assert all("needs a token with the scope admin" in page.text for page in shown)


async def test_what_came_and_what_was_refused_is_told_with_why(site: Served) -> None:
    await recorded(site.store)
    name, now = "source:acme/nexmo-main", system_clock()
    counters = {f"{name}:received": 1234.0, f"{name}:last_at": float(now), f"{name}:refused:unverified": 3.0}
    await Pulse(site.store).beat(Beat("r1", "receiver", now, counters))
    somebody = await visitor(site)

    page = await somebody.get("/sources")

    assert "1,234 in all" in page.text
    assert "✕ 3 unverified the signature is missing, wrong or too old" in page.text


async def test_without_sources_the_page_says_what_to_do_next(site: Served) -> None:
    page = await (await visitor(site)).get("/sources")

    assert "No source yet" in page.text
    assert "/set-up#source" in page.links
