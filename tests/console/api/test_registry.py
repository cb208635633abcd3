"""Accounts, campaigns, sources, endpoints: listed, added, changed, removed; mistakes told by key; all on the record."""

import asyncio
import re
from typing import Any

import pytest
from aiohttp import web
from standardwebhooks import Webhook

from consent.ledger import Registry, Store
from consent.model import Endpoint
from tests.console.served import FIRST_TOKEN, Served, bury, recorded, served, settings_of
from tests.listening import listening

XSS = "<script>alert(1)</script>"
ENDPOINT = {"account": "acme", "id": "crm", "url": "https://crm.example.com/hooks"}


@pytest.fixture
async def acme(console: Served) -> Served:
    assert (await console.post("/accounts", {"id": "acme", "api_key": "abcd1234", "api_secret": "s3"})).status == 201
    return console


async def names(console: Served, kind: str, key: str) -> list[str]:
    return [item[key] for item in (await console.get(f"/{kind}")).json["items"]]


async def test_an_account_is_added_changed_and_removed_and_its_secrets_are_never_told(acme: Served) -> None:
    told = (await acme.get("/accounts/acme")).json
    changed = await acme.patch("/accounts/acme", {"signature_secret": "s1gnature-secret", "signature_method": "sha256"})

    assert told == {
        "account": "acme",
        "campaigns": 0,
        "sources": 0,
        "endpoints": 0,
        "has_api_key": True,
        "signature_method": None,
    }
    assert changed.json["signature_method"] == "sha256"
    assert changed.json["has_api_key"]
    assert "s1gnature" not in changed.text
    assert (await acme.delete("/accounts/acme")).json == {"removed": "acme", "still_declared": False}
    assert await names(acme, "accounts", "account") == []
    assert await acme.audited() == [
        ("first token", "account.removed", "acme"),
        ("first token", "account.changed", "acme"),
        ("first token", "account.added", "acme"),
    ]


async def test_what_others_hang_on_is_not_removed_under_them(acme: Served) -> None:
    await acme.post("/campaigns", {"account": "acme", "id": "1116"})
    await acme.post("/endpoints", {**ENDPOINT, "campaigns": ["1116"]})

    account, campaign = await acme.delete("/accounts/acme"), await acme.delete("/campaigns/acme/1116")

    assert (
        account.status,
        account.json["code"],
        "1 campaign, 0 sources and 1 endpoint:" in account.json["detail"],
    ) == (409, "conflict", True)
    assert (campaign.status, "acme/crm" in campaign.json["detail"]) == (409, True)


async def test_a_campaign_is_added_changed_and_removed(acme: Served) -> None:
    added = await acme.post("/campaigns", {"account": "acme", "id": "1116", "title": "Deals", "keywords": ["DEALS"]})
    again = await acme.post("/campaigns", {"account": "acme", "id": "1116"})
    changed = await acme.patch("/campaigns/acme/1116", {"requires_opt_in": True, "title": None, "pool": ["654321"]})

    assert (added.status, added.json["title"], added.json["keywords"]) == (201, "Deals", ["DEALS"])
    assert (again.status, again.json["code"]) == (409, "conflict")
    assert (changed.json["requires_opt_in"], changed.json["title"], changed.json["keywords"]) == (True, "", ["DEALS"])
    assert changed.json["pool"] == ["654321"]
    assert (await acme.get("/campaigns/acme/1116")).json == changed.json
    assert (await acme.delete("/campaigns/acme/1116")).status == 200
    assert (await acme.get("/campaigns/acme/1116")).status == 404


async def test_a_source_has_a_url_for_admins_alone(acme: Served) -> None:
    added = await acme.post("/sources", {"account": "acme", "id": "main", "provider": "nexmo", "tolerance": "1h"})
    reader = await acme.token("read", "operate", "numbers")

    assert added.status == 201
    assert "/hooks/" in added.json["url"]
    assert (await acme.get("/sources/acme/main")).json == added.json
    assert (await acme.get("/sources/acme/main", token=reader)).json == {**added.json, "url": ""}
    assert [item["url"] for item in (await acme.get("/sources", token=reader)).json["items"]] == [""]


async def test_a_source_is_changed_and_removed(acme: Served) -> None:
    added = await acme.post("/sources", {"account": "acme", "id": "main", "provider": "nexmo"})

    signed = await acme.patch("/sources/acme/main", {"signature_secret": "sssh", "signature_method": "sha256"})
    moved = await acme.patch("/sources/acme/main", {"token": "another-token-of-16"})

    assert (signed.json["signed"], signed.json["url"]) == ("sha256", added.json["url"])
    assert (moved.json["signed"], moved.json["url"].endswith("another-token-of-16")) == ("sha256", True)
    assert "sssh" not in signed.text
    assert (await acme.delete("/sources/acme/main")).json["removed"] == "acme/main"


@pytest.mark.parametrize("taken_back", [None, ""])
async def test_a_token_that_is_taken_back_is_followed_by_a_new_one(acme: Served, taken_back: str | None) -> None:
    """Without one, /hooks/ would be the webhook URL, and everybody would know it."""
    added = await acme.post("/sources", {"account": "acme", "id": "main", "provider": "nexmo"})

    changed = await acme.patch("/sources/acme/main", {"token": taken_back})

    assert changed.status == 200
    assert re.search(r"/hooks/[\w-]{32}$", changed.json["url"])
    assert changed.json["url"] != added.json["url"]


async def test_the_provider_of_a_source_stays(acme: Served) -> None:
    await acme.post("/sources", {"account": "acme", "id": "main", "provider": "twilio", "signature_secret": "s3cret"})

    changed = await acme.patch("/sources/acme/main", {"provider": "skycore"})

    assert changed.status == 400
    assert (await acme.get("/sources/acme/main")).json["provider"] == "twilio"


async def test_no_two_share_a_key_or_a_token(acme: Served) -> None:
    token = {"provider": "nexmo", "token": "t0ken-of-at-least-16"}
    await acme.post("/sources", {"account": "acme", "id": "one", **token})

    key = await acme.post("/accounts", {"id": "other", "api_key": "ABCD1234"})
    source = await acme.post("/sources", {"account": "acme", "id": "two", **token})

    assert (key.status, "got that of acme" in key.json["detail"]) == (409, True)
    assert (source.status, "t0ken" in source.text) == (409, False)


@pytest.mark.parametrize(
    ("kind", "bodies"),
    [
        ("accounts", [{"id": "other", "api_key": f"key-{n}"} for n in range(3)]),
        ("accounts", [{"id": f"other{n}", "api_key": "the-same"} for n in range(3)]),
        ("campaigns", [{"account": "acme", "id": "1116", "title": f"Title {n}"} for n in range(3)]),
        ("sources", [{"account": "acme", "id": "main", "provider": "nexmo"}] * 3),
        ("sources", [{"account": "acme", "id": f"s{n}", "provider": "nexmo", "token": "t" * 20} for n in range(3)]),
        ("endpoints", [ENDPOINT] * 3),
    ],
)
async def test_of_those_that_are_added_at_the_same_time_one_is(
    acme: Served, kind: str, bodies: list[dict[str, Any]]
) -> None:
    before = len((await acme.get(f"/{kind}")).json["items"])

    answers = await asyncio.gather(*(acme.post(f"/{kind}", body) for body in bodies))

    assert sorted(answer.status for answer in answers) == [201, 409, 409]
    assert len((await acme.get(f"/{kind}")).json["items"]) == before + 1


async def test_the_secret_that_was_shown_is_the_one_that_signs(acme: Served) -> None:
    answers = await asyncio.gather(*(acme.post("/endpoints", ENDPOINT) for _ in range(5)))

    (endpoint,) = (await Registry(acme.store).directory()).endpoints.values()
    assert [answer.json["secret"] for answer in answers if answer.status == 201] == list(endpoint.secrets)


async def test_no_two_change_to_the_same_key_or_token_at_the_same_time(acme: Served) -> None:
    for n in range(3):
        await acme.post("/accounts", {"id": f"a{n}"})
        await acme.post("/sources", {"account": "acme", "id": f"s{n}", "provider": "nexmo"})

    keys = await asyncio.gather(*(acme.patch(f"/accounts/a{n}", {"api_key": "the-same"}) for n in range(3)))
    tokens = await asyncio.gather(*(acme.patch(f"/sources/acme/s{n}", {"token": "t" * 20}) for n in range(3)))

    assert sorted(answer.status for answer in keys) == [200, 409, 409]
    assert sorted(answer.status for answer in tokens) == [200, 409, 409]
    assert len((await acme.get("/sources")).json["items"]) == 3


@pytest.mark.parametrize(
    ("kind", "body"),
    [
        ("campaigns", {"id": "1116"}),
        ("sources", {"id": "main", "provider": "nexmo"}),
        ("endpoints", {"id": "crm", "url": "https://crm.example.com/hooks"}),
    ],
)
async def test_nothing_is_added_to_an_account_that_is_removed_at_the_same_time(
    console: Served, kind: str, body: dict[str, Any]
) -> None:
    for n in range(5):
        await console.post("/accounts", {"id": f"x{n}"})

        removed, added = await asyncio.gather(
            console.delete(f"/accounts/x{n}"), console.post(f"/{kind}", {"account": f"x{n}", **body})
        )

        assert (removed.status, added.status) in {(200, 404), (409, 201)}


async def test_many_different_ones_are_added_at_the_same_time(acme: Served) -> None:
    answers = await asyncio.gather(*(acme.post("/campaigns", {"account": "acme", "id": f"c{n}"}) for n in range(60)))

    assert {answer.status for answer in answers} == {201}


async def test_an_endpoint_that_was_removed_and_is_added_again_begins_with_nothing(console: Served) -> None:
    await recorded(console.store)
    await bury(console.store)

    removed = await console.delete("/endpoints/acme/crm")
    left = [name for name in await console.store.redis.keys() if b"crm" in name]
    added = await console.post("/endpoints", ENDPOINT)

    assert (removed.status, left, added.status) == (200, [], 201)
    line = (await console.get("/endpoints/acme/crm")).json
    assert (line["owed"], line["dead"], line["disabled"]) == (0, 0, "")


async def test_an_endpoint_is_added_with_a_secret_that_is_shown_once(acme: Served) -> None:
    added = await acme.post("/endpoints", ENDPOINT)

    assert (added.status, added.json["secret"].startswith("whsec_")) == (201, True)
    one, listed = await acme.get("/endpoints/acme/crm"), await acme.get("/endpoints")
    assert listed.json["items"] == [one.json]
    assert added.json["secret"] not in one.text
    assert (one.json["health"], one.json["owed"], one.json["dead"]) == ("healthy", 0, 0)


async def test_an_endpoint_is_changed_and_keeps_its_secret(acme: Served) -> None:
    await acme.post("/endpoints", {**ENDPOINT, "headers": {"X-Api-Key": "key-of-the-crm"}})
    before = (await Registry(acme.store).directory()).endpoints
    await acme.post("/endpoints/acme/crm/disable", {"reason": "maintenance"})

    changed = await acme.patch("/endpoints/acme/crm", {"rate": "50/s", "events": ["consent.*", "message.received"]})

    after = (await Registry(acme.store).directory()).endpoints
    assert (changed.json["rate"], changed.json["events"]) == ("50/s", ["consent.*", "message.received"])
    assert (changed.json["disabled"], changed.json["headers"]) == ("maintenance", ["X-Api-Key"])
    assert _only(after).secrets == _only(before).secrets
    assert _only(after).headers == _only(before).headers
    assert "key-of-the-crm" not in changed.text


async def test_a_change_that_changes_nothing_is_not_on_the_record(acme: Served) -> None:
    await acme.post("/campaigns", {"account": "acme", "id": "1116", "title": "Deals", "keywords": ["DEALS"]})
    await acme.post("/sources", {"account": "acme", "id": "main", "provider": "nexmo"})
    await acme.post("/endpoints", {**ENDPOINT, "headers": {"X-Api-Key": "key-of-the-crm"}})
    await acme.post("/endpoints/acme/crm/disable", {"reason": "maintenance"})
    before = await acme.audited()

    for path, same in (
        ("/accounts/acme", {"api_key": "abcd1234"}),
        ("/campaigns/acme/1116", {"title": "Deals", "keywords": ["DEALS"]}),
        ("/sources/acme/main", {"tolerance": "24h"}),
        ("/endpoints/acme/crm", {"url": ENDPOINT["url"]}),
    ):
        answers = [await acme.patch(path, patch) for patch in ({}, same)]
        assert [answer.status for answer in answers] == [200, 200], path

    assert await acme.audited() == before


def _only(endpoints: dict[Any, Endpoint]) -> Endpoint:
    (endpoint,) = endpoints.values()
    return endpoint


async def test_a_secret_is_rotated_and_not_changed_in_passing(acme: Served) -> None:
    old = (await acme.post("/endpoints", ENDPOINT)).json["secret"]

    refused = await acme.patch("/endpoints/acme/crm", {"secret": "whsec_" + "A" * 32})
    rotated = await acme.post("/endpoints/acme/crm/rotate-secret", {"grace": "1h"})
    paired = await acme.post("/endpoints/acme/crm/rotate-secret", {"grace": "0s", "algorithm": "ed25519"})
    unfit = await acme.post("/endpoints/acme/crm/rotate-secret", {"grace": "soon"})

    assert (refused.status, "rotation" in refused.json["detail"]) == (400, True)
    assert rotated.json["secret"] not in {"", old}
    assert (rotated.json["signing"], rotated.json["until"] is not None) == (2, True)
    assert (paired.json["secret"], paired.json["public_key"].startswith("whpk_")) == ("", True)
    assert (unfit.status, unfit.json["detail"].startswith("grace: expected a duration")) == (400, True)


async def test_an_endpoint_that_signs_with_too_many_secrets_is_not_rotated_further(acme: Served) -> None:
    await acme.post("/endpoints", ENDPOINT)
    answers = [await acme.post("/endpoints/acme/crm/rotate-secret", {"grace": "1h"}) for _ in range(10)]

    assert [answer.status for answer in answers] == [200] * 9 + [409]
    assert "until one ends" in answers[-1].json["detail"]


async def test_an_endpoint_is_disabled_enabled_and_removed(acme: Served) -> None:
    await acme.post("/endpoints", ENDPOINT)
    operator = await acme.token("operate")

    disabled = await acme.post("/endpoints/acme/crm/disable", {"reason": "maintenance"}, token=operator)
    enabled = await acme.post("/endpoints/acme/crm/enable", token=operator)

    assert (disabled.json["disabled"], enabled.json["disabled"]) == ("maintenance", "")
    assert (await acme.delete("/endpoints/acme/crm", token=operator)).status == 403
    assert (await acme.delete("/endpoints/acme/crm")).json["removed"] == "acme/crm"
    assert [what for _, what, on in await acme.audited() if on == "acme/crm"] == [
        "endpoint.removed",
        "endpoint.enabled",
        "endpoint.disabled",
        "endpoint.added",
    ]


async def test_a_test_event_tells_what_came_back(acme: Served) -> None:
    await acme.post("/endpoints", {**ENDPOINT, "url": "http://127.0.0.1:9/"})

    trial = await acme.post("/endpoints/acme/crm/test")

    assert (trial.status, trial.json["result"], trial.json["error"]) == (200, "failed", "egress_refused")


async def test_a_test_event_arrives_signed(store: Store) -> None:
    received: list[tuple[bytes, dict[str, str]]] = []

    async def take(request: web.Request) -> web.Response:
        received.append((await request.read(), dict(request.headers)))
        return web.Response(text="thanks")

    local = settings_of(dispatcher={"egress_allow": ["127.0.0.0/8"]})
    async with listening(take) as url, served(store, local) as console:
        await console.post("/accounts", {"id": "acme"})
        added = await console.post("/endpoints", {**ENDPOINT, "url": url})
        trial = await console.post("/endpoints/acme/crm/test")

    assert (trial.json["result"], trial.json["status"], trial.json["response"]) == ("delivered", 200, "thanks")
    body, headers = received[0]
    assert Webhook(added.json["secret"]).verify(body, headers)["type"] == "endpoint.test"


@pytest.mark.parametrize(
    ("kind", "body", "told"),
    [
        ("accounts", {}, "id: expected a value, got none"),
        ("accounts", {"id": "a b"}, "id: expected"),
        ("accounts", {"id": "other", "colour": "red"}, "colour: unknown key"),
        ("campaigns", {"account": "acme"}, "id: expected a value, got none"),
        ("campaigns", {"id": "1116"}, "account: expected a value, got none"),
        ("campaigns", {"account": 7, "id": "1116"}, "account: expected"),
        ("sources", {"account": "acme", "id": "x", "provider": "nobody"}, "provider: expected one of"),
        ("sources", {"account": "acme", "id": "x", "provider": "nexmo", "tolerance": "soon"}, "tolerance: expected"),
        ("endpoints", {**ENDPOINT, "url": "javascript:alert(1)"}, "url: expected"),
        ("endpoints", {**ENDPOINT, "events": ["nothing.*"]}, "events[0]: expected"),
        ("endpoints", {**ENDPOINT, "max_in_flight": "many"}, "max_in_flight: expected"),
        ("endpoints", {**ENDPOINT, "secret": "whsec_short"}, "secret: expected"),
    ],
)
async def test_a_mistake_is_told_by_its_key_and_secrets_are_not(
    acme: Served, kind: str, body: dict[str, Any], told: str
) -> None:
    answer = await acme.post(f"/{kind}", body)

    assert (answer.status, answer.json["code"]) == (400, "unfit")
    assert told in answer.json["detail"]
    assert "short" not in answer.text


@pytest.mark.parametrize("kind", ["campaigns", "sources", "endpoints"])
async def test_what_belongs_to_an_account_that_is_not_there_is_not_added(acme: Served, kind: str) -> None:
    answer = await acme.post(
        f"/{kind}",
        {**ENDPOINT, "account": "acne"}
        if kind == "endpoints"
        else {"account": "acne", "id": "x", **({"provider": "nexmo"} if kind == "sources" else {})},
    )

    assert (answer.status, answer.json["code"]) == (404, "no_such")
    assert "did you mean acme?" in answer.json["detail"]


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/accounts/nobody"),
        ("PATCH", "/accounts/nobody"),
        ("DELETE", "/accounts/nobody"),
        ("GET", "/campaigns/acme/9"),
        ("PATCH", "/campaigns/acme/9"),
        ("DELETE", "/campaigns/acme/9"),
        ("GET", "/sources/acme/x"),
        ("PATCH", "/sources/acme/x"),
        ("DELETE", "/sources/acme/x"),
        ("GET", "/endpoints/acme/x"),
        ("PATCH", "/endpoints/acme/x"),
        ("DELETE", "/endpoints/acme/x"),
        ("GET", "/endpoints/acme/x/backlog"),
        ("POST", "/endpoints/acme/x/enable"),
        ("POST", "/endpoints/acme/x/disable"),
        ("POST", "/endpoints/acme/x/rotate-secret"),
        ("POST", "/endpoints/acme/x/test"),
    ],
)
async def test_what_is_not_there_is_not_found(acme: Served, method: str, path: str) -> None:
    answer = await acme.ask(method, f"/api/v1{path}", json={} if method in {"POST", "PATCH"} else None)

    assert (answer.status, answer.json["code"]) == (404, "no_such")


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b'"x"', b"\xff", b'{"id": "\\ud800"}', b"[" * 50_000])
async def test_a_malformed_body_is_refused(console: Served, body: bytes) -> None:
    answer = await console.ask("POST", "/api/v1/accounts", data=body, headers={"Content-Type": "application/json"})

    assert answer.status == 400


async def test_too_large_a_body_is_not_read(console: Served) -> None:
    answer = await console.post("/accounts", {"id": "x" * 300_000})

    assert (answer.status, answer.headers["Content-Type"]) == (413, "application/problem+json")
    assert (answer.json["title"], answer.json["code"]) == ("Content Too Large", "too_large")


@pytest.mark.parametrize(
    ("query", "told"),
    [
        ("limit=0", "limit"),
        ("limit=many", "limit"),
        ("limit=1&limit=2", "limit: expected once"),
        ("colour=red", "colour: unknown in the query"),
    ],
)
async def test_a_wrong_parameter_is_told(console: Served, query: str, told: str) -> None:
    answer = await console.get(f"/accounts?{query}")

    assert (answer.status, answer.json["code"]) == (400, "unfit")
    assert told in answer.json["detail"]


async def test_what_is_of_the_wrong_type_is_told_in_our_own_words(console: Served) -> None:
    answer = await console.post("/tokens", {"name": 5, "scopes": "read"})

    assert 'scopes: expected a list, as in ["a", "b"]' in answer.json["detail"]
    assert "name: expected text in quotes" in answer.json["detail"]


async def test_pages_hold_everything_once_though_something_comes_and_goes_meanwhile(console: Served) -> None:
    for name in ("b", "d", "f", "h"):
        await console.post("/accounts", {"id": name})

    first = (await console.get("/accounts?limit=2")).json
    await console.post("/accounts", {"id": "a"})
    await console.post("/accounts", {"id": "e"})
    await console.delete("/accounts/d")
    second = (await console.get(f"/accounts?limit=2&after={first['next']}")).json
    third = (await console.get(f"/accounts?limit=2&after={second['next']}")).json

    pages = [[item["account"] for item in page["items"]] for page in (first, second, third)]
    assert pages == [["b", "d"], ["e", "f"], ["h"]]
    assert third["next"] is None


async def test_a_script_for_a_title_is_stored_and_comes_back_as_inert_json(acme: Served) -> None:
    await acme.post("/campaigns", {"account": "acme", "id": "1116", "title": XSS, "brand": XSS})
    await acme.post("/endpoints", {**ENDPOINT, "url": "https://x.example/<script>"})

    campaign = await acme.get("/campaigns/acme/1116")

    assert campaign.json["title"] == XSS
    assert campaign.headers["Content-Type"] == "application/json"
    assert campaign.headers["X-Content-Type-Options"] == "nosniff"


async def test_what_the_file_declares_is_told_when_it_is_removed(store: Store) -> None:
    async with served(store, settings_of(accounts=[{"id": "acme"}])) as console:
        await console.post("/accounts", {"id": "acme"})

        assert (await console.delete("/accounts/acme", token=FIRST_TOKEN)).json["still_declared"]
