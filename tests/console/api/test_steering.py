"""Consent, tokens, the audit: looked at with whole numbers or without, and steered."""

import json
from typing import Any

import pytest

from consent.ledger import Ledger
from consent.model import Actor, EventId, Status, Via
from tests.builders import ACME, ALERTS, ANN, BOB, NOON, a_change
from tests.console.served import CRM, Served, bury, recorded


@pytest.fixture
async def events(console: Served) -> list[EventId]:
    return await recorded(console.store)


async def whole(console: Served) -> str:
    return await console.token("read", "operate", "numbers")


async def masking(console: Served) -> str:
    return await console.token("read", "operate")


async def test_a_number_is_looked_up_across_campaigns(console: Served, events: list[EventId]) -> None:
    answer = await console.post("/consent/lookup", {"number": f"+{ANN}"}, token=await masking(console))

    (standing,) = answer.json["items"]
    assert (standing["campaign"], standing["status"], standing["may_text"]) == (ALERTS, "opted_in", True)
    assert ANN not in answer.text


async def test_a_history_shows_numbers_and_texts_to_whom_the_token_lets_see_them(
    console: Served, events: list[EventId]
) -> None:
    await Ledger(console.store).apply(a_change(None, at=NOON + 2000, detail='{"text":"hello"}'))

    masked = await console.post("/consent/history", {"number": ANN}, token=await masking(console))
    shown = await console.post("/consent/history", {"number": ANN}, token=await whole(console))

    assert [item["type"] for item in shown.json["items"]][:2] == ["consent.opted_out", "consent.opted_in"]
    assert {item["msisdn"] for item in shown.json["items"]} == {ANN}
    assert shown.json["items"][-1]["detail"] == {"text": "hello"}
    assert ANN not in masked.text
    assert "hello" not in masked.text


async def test_an_operator_decides_with_a_reason(console: Served, events: list[EventId]) -> None:
    decided = await console.post(
        "/consent/decisions",
        {"number": ANN, "campaign": ALERTS, "status": "opted_out", "reason": f"{ANN} called"},
        token=await masking(console),
    )

    assert (decided.status, decided.json["status"], decided.json["previous"]) == (201, "opted_out", "opted_in")
    event = await Ledger(console.store).event(decided.json["event_id"])
    assert event is not None
    assert (event.origin.actor, event.origin.via) == (Actor.OPERATOR, Via.MANAGER)
    assert json.loads(event.detail) == {"reason": f"{ANN} called"}
    (line, *_) = (await console.get("/audit")).json["items"]
    assert (line["what"], line["on"], line["details"]["event"]) == ("consent.opted_out", f"acme/{ALERTS}", event.id)
    assert ANN not in str(line)


async def test_who_stopped_herself_is_opted_in_only_by_who_overrules_it(console: Served, events: list[EventId]) -> None:
    wish = {"number": BOB, "status": "opted_in", "reason": "a letter"}

    refused = await console.post("/consent/decisions", wish)
    done = await console.post("/consent/decisions", {**wish, "overrule": True})

    assert (refused.status, refused.json["code"]) == (409, "self_stopped")
    assert (done.status, done.json["changed"]) == (201, True)
    state = await Ledger(console.store).state(ACME, ALERTS, BOB)
    assert state is not None
    assert state.status is Status.OPTED_IN


@pytest.mark.parametrize(
    ("wish", "told"),
    [
        ({"number": ANN, "status": "opted_out"}, "reason: expected a value"),
        ({"number": ANN, "status": "opted_out", "reason": "  "}, "reason: expected a sentence"),
        ({"number": ANN, "status": "pending", "reason": "x"}, "status"),
        ({"number": "ACME", "status": "opted_in", "reason": "x"}, "number: expected one with its country code"),
        ({"status": "opted_out", "reason": "x"}, "number: expected a value"),
    ],
)
async def test_a_decision_without_what_it_needs_is_none(
    console: Served, events: list[EventId], wish: dict[str, str], told: str
) -> None:
    answer = await console.post("/consent/decisions", wish)

    assert answer.status == 400
    assert told in answer.json["detail"]
    assert ANN not in answer.text


async def test_a_decision_in_a_campaign_that_is_not_there_is_not_found(console: Served, events: list[EventId]) -> None:
    wish = {"number": ANN, "campaign": "9", "status": "opted_out", "reason": "x"}

    assert (await console.post("/consent/decisions", wish)).json["code"] == "no_such"


async def test_a_token_is_made_shown_once_used_and_revoked(console: Served) -> None:
    made = await console.post("/tokens", {"name": "grafana", "scopes": ["read"]})
    again = await console.post("/tokens", {"name": "grafana", "scopes": ["read"]})
    used = await console.get("/accounts", token=made.json["token"])
    listed = await console.get("/tokens")
    revoked = await console.delete("/tokens/grafana")

    assert (made.status, again.status, used.status, revoked.status) == (201, 409, 200, 200)
    assert made.json["token"] not in listed.text
    assert listed.json["items"][0]["created_by"] == "first token"
    assert (await console.get("/accounts", token=made.json["token"])).status == 401
    assert (await console.delete("/tokens/grafana")).status == 404
    assert [what for _, what, _ in await console.audited()] == ["token.revoked", "token.created"]


@pytest.mark.parametrize("body", [{"name": "a b", "scopes": ["read"]}, {"name": "x", "scopes": ["all"]}, {"name": "x"}])
async def test_a_token_without_a_name_or_scopes_is_none(console: Served, body: dict[str, Any]) -> None:
    assert (await console.post("/tokens", body)).status == 400


async def test_the_audit_is_read_page_by_page_and_stays_put(console: Served) -> None:
    for name in ("a", "b", "c"):
        await console.post("/accounts", {"id": name})

    first = (await console.get("/audit?limit=2")).json
    await console.post("/accounts", {"id": "d"})
    second = (await console.get(f"/audit?limit=2&after={first['next']}")).json

    assert [item["on"] for page in (first, second) for item in page["items"]] == ["c", "b", "a"]
    assert second["next"] is None
    assert (await console.get("/audit?after=nowhere")).status == 400


async def test_health_adds_everything_up(console: Served, events: list[EventId]) -> None:
    await bury(console.store)
    await console.post(f"/endpoints/{CRM.id}/disable")

    health = (await console.get("/health")).json

    assert (health["endpoints"], health["disabled"], health["dead"], health["owed"]) == (2, ["acme/crm"], 1, 3)
    assert {"store", "durability"} <= {finding["subject"] for finding in health["findings"]}
