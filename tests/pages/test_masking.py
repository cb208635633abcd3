"""Who sees whole phone numbers, and where a number never stands."""

import json

from tests.builders import ANN, BOB, NOON, a_change
from tests.console.served import Served, bury, logged, recorded
from tests.pages.visitor import Visitor, visitor, watching

READ = ("/", "/endpoints", "/endpoints/acme/crm", "/deliveries", "/replays", "/people", "/sources", "/set-up?since=0")


async def pages(somebody: Visitor, site: Served) -> dict[str, str]:
    """Every page that tells of a person, by its address."""
    ids = await recorded(site.store)
    text = a_change(None, at=NOON + 3000, detail=json.dumps({"text": "my secret wish"}))
    ids.append(await logged(site.store, text))
    await bury(site.store)
    found = [await somebody.get(path) for path in (*READ, *(f"/events/{event}" for event in ids))]
    looked_up = await somebody.post("/people", number=f"+{ANN}")
    return {page.path: page.html for page in found} | {"looked up": looked_up.html}


async def test_numbers_and_what_people_wrote_are_masked_from_who_may_not_see_them(site: Served) -> None:
    somebody = await visitor(site, "read", "operate", "admin")

    shown = await pages(somebody, site)

    assert not [path for path, html in shown.items() if ANN in html or BOB in html]
    assert not [path for path, html in shown.items() if "my secret wish" in html]
    assert any(f"{'•' * 7}{ANN[-4:]}" in html for html in shown.values())
    assert "Phone numbers are masked" in shown["/"]


async def test_who_may_see_numbers_sees_them_whole(site: Served) -> None:
    somebody = await visitor(site, "read", "numbers")

    shown = await pages(somebody, site)

    assert ANN in shown["/deliveries"]
    assert "my secret wish" in shown["looked up"]
    assert "Whole phone numbers are shown" in shown["/"]


async def test_a_number_stands_in_no_address_and_no_audit(site: Served) -> None:
    somebody = await visitor(site)

    shown = await pages(somebody, site)
    await somebody.post(
        "/people/change", number=ANN, campaign="acme/1116", status="opted_out", reason=f"{ANN} called us"
    )
    written = [link for html in shown.values() for link in html.split('"') if link.startswith("/")]

    assert not [address for address in (*somebody.seen, *written) if ANN in address or BOB in address]
    assert ANN not in str(await site.audited())


async def test_what_is_sent_live_is_masked_like_the_page(site: Served) -> None:
    await recorded(site.store)
    for scopes, is_shown in ((("read",), False), (("read", "numbers"), True)):
        async with watching(site, *scopes) as told:
            assert (ANN in str(await anext(told))) is is_shown
