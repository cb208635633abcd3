"""From nothing to the first STOP: the guide, step by step, without a browser."""

import re

import pytest

from consent.directory import Directory
from consent.ledger import Registry
from consent.model import Account, AccountId, UnixMs
from console.deliveries import Story
from console.deliverylines import DeliveryLine
from console.eventlines import line_of
from console.pages.guide import arrived, is_settled, simulating
from tests.builders import ACME, NOON, a_campaign, a_source, a_stop, an_endpoint, an_event
from tests.console.served import Served, logged, recorded
from tests.pages.visitor import visitor


def steps(html: str) -> dict[str, str]:
    return {name: state for state, name in re.findall(r'<li class="(\w*)" id="([a-z]+)">', html)}


async def test_the_guide_begins_with_an_account_and_goes_on_from_what_is_there(site: Served) -> None:
    somebody = await visitor(site)

    begun = steps((await somebody.get("/set-up")).html)
    made = await somebody.post("/set-up/account", id="acme")
    await somebody.post("/set-up/campaign", account="acme", id="1116", title="Deals", short_code="123456")
    await somebody.post("/set-up/source", account="acme", provider="nexmo")
    added = await somebody.post("/set-up/endpoint", account="acme", id="crm", url="https://crm.example.com/in")
    ended = steps((await somebody.get("/set-up")).html)
    directory = await Registry(site.store).directory()

    assert begun == {"account": "next", "campaign": "", "source": "", "endpoint": "", "stop": ""}
    assert ended == {"account": "done", "campaign": "done", "source": "done", "endpoint": "done", "stop": "next"}
    assert directory.accounts[ACME].api_secret in made.text
    assert directory.endpoints["acme/crm"].secrets[0] in added.text  # type: ignore[index]
    assert [what for _, what, _ in await site.audited()] == [
        "endpoint.added",
        "source.added",
        "campaign.added",
        "account.added",
    ]


async def test_a_mistake_in_a_form_is_told_by_its_field(site: Served) -> None:
    await recorded(site.store)
    somebody = await visitor(site)

    for path, fields, told in (
        ("account", {"id": "a b"}, "id: "),
        ("campaign", {"account": "acme", "id": "1116"}, "exists already"),
        ("source", {"account": "acme", "provider": "carrier-pigeon"}, "provider: "),
        ("source", {"account": "nobody", "provider": "nexmo"}, "there is no account nobody"),
        ("endpoint", {"account": "acme", "id": "x", "url": "ftp://x"}, "url: "),
    ):
        page = await somebody.post(f"/set-up/{path}", **fields)
        assert page.status in {400, 404, 409}, page.text
        assert told in page.text


@pytest.mark.parametrize(
    ("step", "fields", "shown"),
    [
        (
            "campaign",
            {"account": "zoo", "id": "a b", "title": '"Deals"'},
            ["<option selected>zoo", "a b", "&#34;Deals&#34;"],
        ),
        ("source", {"account": "zoo", "provider": "twilio", "id": "a b"}, ["<option selected>zoo", "a b", "twilio"]),
        ("endpoint", {"account": "acme", "id": "crm", "url": "https://x.example/in"}, ["crm", "https://x.example/in"]),
    ],
)
async def test_a_refused_form_is_shown_again_as_it_was_filled_in(
    site: Served, step: str, fields: dict[str, str], shown: list[str]
) -> None:
    await recorded(site.store)
    await Registry(site.store).put(Account(id=AccountId("zoo")))

    page = await (await visitor(site)).post(f"/set-up/{step}", since="17", **fields)
    opened = page.html[page.html.index('role="alert"') :].partition("<details open>")[2].partition("</form>")[0]

    assert page.status in {400, 409}
    assert f'action="/set-up/{step}#{step}"' in opened
    assert 'name="since" value="17"' in opened
    for text in shown:
        assert text in opened if text[0] == "<" else re.search(f'value="{text}"( selected)?', opened), text


async def test_a_refused_account_is_shown_again_as_it_was_typed(site: Served) -> None:
    page = await (await visitor(site)).post("/set-up/account", id="a b")

    assert 'role="alert">id: ' in page.html
    assert 'value="a b"' in page.html


@pytest.mark.parametrize(
    ("step", "fields"),
    [
        ("source", {"account": "acme", "provider": "nexmo", "id": "a b", "signature_secret": "passw0rd"}),
        ("endpoint", {"account": "acme", "id": "x", "url": "https://ann:passw0rd@x.example/"}),
        ("endpoint", {"account": "acme", "id": "x", "url": "ftp://x.example/?key=passw0rd"}),
    ],
)
async def test_a_refused_form_gives_no_secret_back(site: Served, step: str, fields: dict[str, str]) -> None:
    await recorded(site.store)

    page = await (await visitor(site)).post(f"/set-up/{step}", **fields)

    assert page.status == 400
    assert 'role="alert"' in page.html
    assert "passw0rd" not in page.html


async def test_an_endpoint_that_there_is_already_is_told_without_a_word_of_the_command_line(site: Served) -> None:
    await recorded(site.store)

    page = await (await visitor(site)).post("/set-up/endpoint", account="acme", id="crm", url="https://x.example/in")

    assert "endpoint acme/crm exists already: change that one, or choose another name" in page.text
    assert "--replace" not in page.text


async def test_a_stop_that_came_since_is_shown_with_who_was_told(site: Served) -> None:
    await recorded(site.store)
    somebody = await visitor(site)

    waiting = await somebody.get("/set-up")
    since = re.search(r"live\?since=(\d+)", waiting.html)
    await logged(site.store, a_stop(at=NOON + 60_000))
    assert since
    arrived = await somebody.get(f"/set-up?since={since[1]}")

    assert "Waiting for your test STOP" in waiting.text
    assert "A STOP arrived" in arrived.text
    assert steps(arrived.html)["stop"] == "done"


async def test_simulating_without_a_receiver_says_what_to_start(site: Served) -> None:
    await recorded(site.store)
    somebody = await visitor(site)

    page = await somebody.post("/set-up/simulate")

    assert page.status >= 400
    assert "the receiver does not answer" in page.text


async def test_simulating_without_anything_to_simulate_with_is_not_offered(site: Served) -> None:
    somebody = await visitor(site)

    offered = await somebody.get("/set-up")
    refused = await somebody.post("/set-up/simulate")

    assert "Simulate a STOP" not in offered.text
    assert refused.status == 400


def test_a_stop_is_simulated_where_somebody_could_text_it() -> None:
    def known(*campaigns: object, provider: str) -> Directory:
        return Directory.of(
            1,
            accounts=[Account(id=ACME)],
            campaigns=campaigns,  # type: ignore[arg-type]
            sources=[a_source(provider=provider)],
            endpoints=[an_endpoint()],
        )

    assert simulating(known(a_campaign(), provider="nexmo")) is not None
    assert simulating(known(a_campaign(short_code=""), provider="skycore")) is not None
    assert simulating(known(a_campaign(short_code=""), provider="nexmo")) is None
    assert simulating(known(a_campaign(discovered=True), provider="nexmo")) is None
    assert simulating(known(a_campaign(), provider="twilio")) is not None
    assert simulating(known(a_campaign(), provider="another")) is None


def test_the_guide_waits_a_while_for_an_endpoint_that_is_not_owed_the_stop_yet() -> None:
    def told(state: str) -> Story:
        line = DeliveryLine(
            endpoint="acme/crm", event_id="e", msisdn="", state=state, attempts=0, due_at=None, reason=""
        )
        return Story(event=line_of(an_event(), mask_numbers=True), deliveries=(line,), attempts=())

    soon, later = UnixMs(NOON + 1000), UnixMs(NOON + 60_000)

    assert not is_settled(told("not_sent"), soon)
    assert is_settled(told("not_sent"), later)
    assert is_settled(told("delivered"), soon)
    assert is_settled(told("not_known"), soon)
    assert not is_settled(told("due"), later)


def test_only_an_opt_out_that_came_later_is_the_one() -> None:
    early, late = an_event(received_at=NOON), an_event(received_at=UnixMs(NOON + 5))

    assert arrived([late, early], NOON) is late
    assert arrived([early], NOON) is None
    assert arrived([], NOON) is None
