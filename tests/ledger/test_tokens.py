"""A token is known by its digest alone, and a log-in lasts as long as it may."""

import secrets

import pytest

from consent.ledger import Store
from consent.ledger.tokens import PREFIX, Sessions, Tokens, digest
from consent.model import Millis, UnixMs
from tests.builders import NOON

DAY = 24 * 3600 * 1000


@pytest.fixture
def tokens(store: Store) -> Tokens:
    return Tokens(store)


async def made(tokens: Tokens, name: str = "grafana", *scopes: str) -> str:
    found = await tokens.create(name, scopes or ("read",), by="ann", now=NOON, random=secrets.token_bytes)
    assert found is not None
    return found[1]


async def test_who_has_the_token_is_its_holder_and_nobody_else_is(tokens: Tokens) -> None:
    word = await made(tokens, "grafana", "read", "numbers")

    holder = await tokens.holder(word)

    assert holder is not None
    assert (holder.name, holder.scopes, holder.created_by) == ("grafana", {"read", "numbers"}, "ann")
    for other in ("", "x", word[:-1], word + "A", word.upper(), f"{PREFIX}grafana.", f"{PREFIX}other.{word}", "\ud800"):
        assert await tokens.holder(other) is None


async def test_a_name_with_dots_is_told_from_the_secret(tokens: Tokens) -> None:
    word = await made(tokens, "night.shift.2")

    holder = await tokens.holder(word)

    assert holder is not None
    assert holder.name == "night.shift.2"


async def test_the_store_has_no_token(tokens: Tokens, store: Store) -> None:
    word = await made(tokens)
    cookie = await Sessions(store).begin("grafana:x", lasts=Millis(DAY), random=secrets.token_bytes)

    kept = [await store.redis.dump(key) for key in await store.redis.keys("*")]
    names = await store.redis.keys("*")

    for secret in (word, word.rpartition(".")[2], cookie):
        assert not any(secret.encode() in each for each in (*kept, *names))
    assert digest(word) not in repr(await tokens.find("grafana"))


async def test_a_name_is_given_once(tokens: Tokens) -> None:
    word = await made(tokens)

    assert await tokens.create("grafana", ["admin"], by="bob", now=NOON, random=secrets.token_bytes) is None
    assert await tokens.holder(word) is not None


async def test_a_use_is_noted_by_its_day_and_does_not_bring_a_revoked_token_back(tokens: Tokens) -> None:
    word = await made(tokens)
    await tokens.used("grafana", UnixMs(NOON + 5))

    (listed,) = await tokens.list()

    assert listed.used_on == NOON - NOON % DAY
    assert await tokens.revoke("grafana")
    await tokens.used("grafana", NOON)
    assert await tokens.list() == []
    assert await tokens.holder(word) is None
    assert not await tokens.revoke("grafana")


async def test_a_log_in_lasts_until_it_ends(store: Store) -> None:
    sessions = Sessions(store)
    word = await sessions.begin("grafana:digest", lasts=Millis(DAY), random=secrets.token_bytes)

    assert await sessions.holder(word) == "grafana:digest"
    assert await sessions.holder("another") is None
    (key,) = await store.redis.keys("*session*")
    assert 0 < await store.redis.pttl(key) <= DAY
    await sessions.end(word)
    assert await sessions.holder(word) is None
