"""Who gets in, and what every page is sent with."""

import re

import pytest
from yarl import URL

from consent.ledger import Store
from console.pages import assets
from console.pages.routes import PAGES
from tests.console.served import FIRST_TOKEN, Served, recorded, served
from tests.e2e.installation import Installation
from tests.pages.visitor import Visitor, visitor

STRICT = {
    "default-src": "'none'",
    "script-src": "'self'",
    "style-src": "'self'",
    "img-src": "'self' data:",
    "connect-src": "'self'",
    "form-action": "'self'",
    "base-uri": "'none'",
    "frame-ancestors": "'none'",
}
PLAIN = ("/", "/endpoints", "/endpoints/acme/crm", "/deliveries", "/replays", "/people", "/sources", "/set-up")
FORMS = tuple(
    path.format(account="acme", name="crm", event="evt_0_1_0", id="x") for kind, path, _, _ in PAGES if kind == "POST"
)


async def test_a_stranger_is_led_to_the_log_in_and_then_where_she_wanted_to_go(site: Served) -> None:
    stranger = Visitor(site.http)

    asked = await stranger.get("/sources?x=1")
    arrived = await stranger.log_in(next=asked.query["next"])

    assert "Log in" in asked.text
    assert (arrived.status, arrived.path) == (200, "/sources?x=1")


async def test_the_form_leads_who_is_logged_in_already_where_she_wanted_to_go(site: Served) -> None:
    somebody = await visitor(site)

    assert (await somebody.get("/login?next=/sources")).path == "/sources"
    assert (await somebody.get("/login?next=//evil.example/")).path == "/"


@pytest.mark.parametrize(
    "elsewhere", ["https://evil.example/", "//evil.example/", "/\\evil.example/", "javascript:alert(1)"]
)
async def test_a_log_in_leads_nowhere_else(site: Served, elsewhere: str) -> None:
    form = await Visitor(site.http).get(str(URL("/login").with_query(next=elsewhere)))
    arrived = await Visitor(site.http).log_in(next=elsewhere)

    assert (arrived.status, arrived.path) == (200, "/")
    assert not [link for link in form.links if "evil" in link or "alert" in link]


async def test_a_wrong_token_is_refused_with_a_sentence_and_not_repeated(site: Served) -> None:
    somebody = Visitor(site.http)

    refused = await somebody.log_in("wrong-token-of-somebody")

    assert "Nobody has this token" in refused.text
    assert "wrong-token-of-somebody" not in refused.html + str(somebody.seen)
    assert (await somebody.get("/endpoints")).path.startswith("/login")


async def test_who_logs_out_is_a_stranger_again(site: Served) -> None:
    somebody = await visitor(site)

    await somebody.post("/logout")

    assert (await somebody.get("/endpoints")).path.startswith("/login")


async def test_the_token_itself_stands_on_no_page(site: Served) -> None:
    somebody = await visitor(site)

    assert not [path for path in PLAIN if FIRST_TOKEN in (await somebody.get(path)).html]


async def test_every_page_is_sent_with_a_strict_policy_and_kept_nowhere(site: Served) -> None:
    await recorded(site.store)
    stranger = Visitor(site.http)
    shown = [await stranger.get("/login")]
    await stranger.log_in()
    shown += [await stranger.get(path) for path in (*PLAIN, "/nowhere", "/events/evt_0_1_0")]

    for headers in (page.headers for page in shown):
        policy = dict(directive.strip().split(" ", 1) for directive in headers["Content-Security-Policy"].split(";"))
        assert policy | STRICT == policy
        assert not [directive for directive, allowed in policy.items() if "unsafe" in allowed or "*" in allowed]
        assert headers["X-Content-Type-Options"] == "nosniff"
        assert headers["Referrer-Policy"] == "no-referrer"
        assert headers["Cache-Control"] == "no-store"


async def test_nothing_on_a_page_is_inline_or_from_elsewhere(site: Served) -> None:
    await recorded(site.store)
    stranger = Visitor(site.http)
    shown = [await stranger.get("/login")]
    await stranger.log_in()
    shown += [await stranger.get(path) for path in PLAIN]

    for page in shown:
        assert not re.search(r"<[^>]+\s(?:style|on\w+)\s*=", page.html)
        assert not re.search(r"<script(?![^>]*\ssrc=)", page.html)
        assert "<style" not in page.html
        assert not [link for link in page.links if re.match(r"(?:[a-z]+:)?//", link)]


async def test_what_a_page_loads_is_there_and_may_be_kept_for_good(site: Served) -> None:
    page = await (somebody := await visitor(site)).get("/sources")
    loaded = [link for link in page.links if link.startswith(assets.PATH)]

    answers = [await somebody.get(link) for link in loaded]

    assert {"tokens.css", "parts.css", "copy.js"} <= {link.split("/")[-1].partition("?")[0] for link in loaded}
    assert [answer.status for answer in answers] == [200] * len(answers)
    assert all("immutable" in answer.headers["Cache-Control"] for answer in answers)
    assert all(answer.headers["X-Content-Type-Options"] == "nosniff" for answer in answers)


@pytest.mark.parametrize("name", ["../routes.py", "..%2froutes.py", "%2e%2e/visit.py", "nothing.css"])
async def test_nothing_but_its_own_files_is_served_there(site: Served, name: str) -> None:
    async with site.http.get(URL(f"{site.url}{assets.PATH}{name}", encoded=True)) as answer:
        assert answer.status == 404
        assert "import" not in await answer.text()


async def test_a_form_without_the_log_ins_own_token_changes_nothing(site: Served) -> None:
    await recorded(site.store)
    somebody = await visitor(site)
    before = await site.audited()

    for path in FORMS:
        answers = [await somebody.post(path, csrf=given, number="16502426055") for given in ("", "0" * 64, "ü")]
        assert [answer.status for answer in answers] == [403] * 3, path
    assert await site.audited() == before


async def test_a_stranger_changes_nothing(site: Served) -> None:
    await recorded(site.store)

    for path in FORMS:
        answer = await Visitor(site.http).post(path, csrf="")
        assert answer.status == 401, path
        assert "Log in" in answer.text
    assert await site.audited() == []


@pytest.mark.parametrize("path", FORMS)
async def test_whose_log_in_ended_over_a_form_is_led_back_to_its_area(site: Served, path: str) -> None:
    await recorded(site.store)
    somebody = Visitor(site.http)

    refused = await somebody.post(path, csrf="")
    (link,) = [link for link in refused.links if link.startswith("/login")]
    arrived = await somebody.log_in(next=URL(link).query["next"])

    assert arrived.status == 200
    area = "/" + path.split("/")[1]
    assert arrived.path == {"/events": "/deliveries"}.get(area, area)


@pytest.mark.parametrize("scope", sorted({scope for _, _, scope, _ in PAGES}))
async def test_every_page_asks_for_its_scope(site: Served, scope: str) -> None:
    await recorded(site.store)
    somebody = await visitor(site, *({"read", "operate", "admin", "numbers"} - {scope}))
    csrf = await csrf_of_any_page(somebody)
    before = await site.audited()

    for kind, path, wanted, _ in PAGES:
        if wanted == scope:
            there = path.format(account="acme", name="crm", event="evt_0_1_0", id="x")
            answer = await somebody.get(there) if kind == "GET" else await somebody.post(there, csrf=csrf)
            assert answer.status == 403, there
            assert f"this needs the scope {scope}" in answer.text
    assert await site.audited() == before


async def csrf_of_any_page(somebody: Visitor) -> str:
    """One that refuses has it too: it offers to log out."""
    return (await somebody.get("/endpoints/acme/crm/rotate")).csrf


async def test_while_the_store_is_away_every_page_says_so_and_what_to_do(own: Installation) -> None:
    async with Store.open(own.url, partitions=4, durability="fsync") as store, served(store) as site:
        somebody = await visitor(site)
        await own.kill("store")

        seen = [await somebody.get(path) for path in ("/", "/endpoints", "/endpoints/acme/crm", "/login")]
        seen.append(await somebody.log_in("another-token"))
        seen.append(await somebody.post("/people", csrf="0", number="15558937009"))

        for found in seen:
            assert (found.status, found.headers["Retry-After"]) == (503, "5")
            assert "The store is away" in found.text
            assert "consent-relay doctor" in found.text


@pytest.mark.parametrize("is_known", [True, False])
async def test_an_address_that_there_is_not_leads_back(site: Served, *, is_known: bool) -> None:
    somebody = await visitor(site) if is_known else Visitor(site.http)

    found = await somebody.get("/nothing")

    assert found.status == 404
    assert "No page has this address" in found.text
    assert "/" in found.links
