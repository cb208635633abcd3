"""Nobody gets in without a token, none does more than its token is good for, and no other site does anything."""

import re
from typing import Any

import pytest

from consent.ledger import Store
from consent.ledger.tokens import Tokens
from console.api.routes import OPERATIONS
from console.server.guard import COOKIE, CSRF_HEADER, csrf_for
from console.server.scopes import Scope
from tests.console.served import FIRST_TOKEN, Served, served, settings_of

EVERY = pytest.mark.parametrize("operation", OPERATIONS, ids=lambda operation: operation.name)


def filled(path: str) -> str:
    return re.sub(r"\{[^}]*\}", "x", path)


async def ask(console: Served, operation: Any, token: str) -> Any:
    more = {"json": {}} if operation.body else {}
    return await console.ask(operation.method, filled(operation.path), token=token, **more)


async def test_without_a_token_nothing_is_answered_and_nothing_is_told(console: Served) -> None:
    for operation in OPERATIONS:
        for token, detail in (("", "send a token"), ("crt_nobody.guess", "nobody has this token")):
            answer = await ask(console, operation, token)
            if answer.status == 429:  # these were guesses, after all
                continue
            assert answer.status == 401, operation.name
            assert answer.headers["WWW-Authenticate"] == 'Bearer realm="consent-relay"'
            assert answer.headers["Content-Type"] == "application/problem+json"
            assert detail in answer.json["detail"]


async def test_a_token_without_the_scope_is_refused_by_every_operation_and_the_scope_is_named(console: Served) -> None:
    for scope in Scope:
        token = await console.token(*(set(Scope) - {scope}))
        for operation in OPERATIONS:
            if operation.scope is not scope:
                continue
            answer = await ask(console, operation, token)
            assert (answer.status, answer.json["code"]) == (403, "missing_scope"), operation.name
            assert f"needs the scope {scope}" in answer.json["detail"]


async def test_a_scope_opens_what_needs_it_and_nothing_else(console: Served) -> None:
    token = await console.token("read")

    assert (await console.get("/accounts", token=token)).status == 200
    assert (await console.post("/accounts", {"id": "acme"}, token=token)).status == 403


async def test_a_revoked_token_is_nobodys(console: Served) -> None:
    token = await console.token("read")
    assert (await console.get("/accounts", token=token)).status == 200

    name = (await Tokens(console.store).list())[0].name
    await Tokens(console.store).revoke(name)

    assert (await console.get("/accounts", token=token)).status == 401


async def test_guesses_are_throttled_but_not_who_has_proved_a_token(console: Served) -> None:
    known, unknown = await console.token("read"), await console.token("read")
    assert (await console.get("/accounts", token=known)).status == 200

    statuses = [(await console.get("/accounts", token=f"guess-{n}")).status for n in range(12)]

    assert statuses[:10] == [401] * 10
    assert statuses[-1] == 429
    throttled = await console.get("/accounts", token=unknown)
    assert (throttled.status, int(throttled.headers["Retry-After"]) > 0) == (429, True)
    assert (await console.get("/accounts", token=known)).status == 200


@pytest.mark.parametrize(("trusted", "status"), [([], 429), (["127.0.0.0/8"], 200)])
async def test_behind_a_proxy_guesses_count_for_who_made_them(store: Store, trusted: list[str], status: int) -> None:
    async with served(store, settings_of(console={"trusted_proxies": trusted})) as console:
        for guess in range(12):
            await console.get("/accounts", token=f"guess-{guess}", headers={"X-Forwarded-For": "203.0.113.9"})

        another = await console.get("/accounts", headers={"X-Forwarded-For": "198.51.100.7"})

    assert another.status == status


async def log_in(console: Served, token: str = FIRST_TOKEN, **form: str) -> Any:
    return await console.ask("POST", "/login", token="", data={"token": token, **form})


def cookie_of(console: Served) -> str:
    return next(morsel.value for morsel in console.http.cookie_jar if morsel.key == COOKIE)


async def test_a_log_in_stands_for_its_token(console: Served) -> None:
    answer = await log_in(console, next="/endpoints?x=1")

    assert (answer.status, answer.headers["Location"]) == (303, "/endpoints?x=1")
    cookie = answer.headers["Set-Cookie"]
    assert "HttpOnly" in cookie
    assert "SameSite=Strict" in cookie
    assert "Secure" not in cookie
    assert FIRST_TOKEN not in cookie
    assert (await console.get("/accounts", token="")).status == 200


async def test_behind_https_the_cookie_goes_nowhere_else(store: Store) -> None:
    async with served(store, settings_of(console={"public_url": "https://console.example.com"})) as console:
        assert "Secure" in (await log_in(console)).headers["Set-Cookie"]


@pytest.mark.parametrize("elsewhere", ["//evil.example/", "https://evil.example/", "/\\evil.example", "javascript:x"])
async def test_a_log_in_leads_to_our_own_pages_alone(console: Served, elsewhere: str) -> None:
    assert (await log_in(console, next=elsewhere)).headers["Location"] == "/"


@pytest.mark.parametrize("token", ["", "wrong"])
async def test_a_wrong_token_logs_nobody_in(console: Served, token: str) -> None:
    answer = await log_in(console, token)

    assert answer.status == 303
    assert answer.headers["Location"].startswith("/login?refused=unauthorised")
    assert "Set-Cookie" not in answer.headers


async def test_another_site_cannot_log_somebody_in(console: Served) -> None:
    answer = await console.ask(
        "POST", "/login", token="", data={"token": FIRST_TOKEN}, headers={"Sec-Fetch-Site": "cross-site"}
    )

    assert answer.status == 403
    assert "Set-Cookie" not in answer.headers


@pytest.mark.parametrize("given", ["", "wrong", csrf_for("another cookie")])
async def test_a_change_by_cookie_alone_is_refused(console: Served, given: str) -> None:
    await log_in(console)

    answer = await console.post("/accounts", {"id": "acme"}, token="", headers={CSRF_HEADER: given} if given else {})

    assert (answer.status, answer.json["code"]) == (403, "cross_site")
    assert (await console.get("/accounts")).json["items"] == []


async def test_a_change_by_cookie_with_its_csrf_token_is_made(console: Served) -> None:
    await log_in(console)

    answer = await console.post(
        "/accounts", {"id": "acme"}, token="", headers={CSRF_HEADER: csrf_for(cookie_of(console))}
    )

    assert answer.status == 201


async def test_a_form_cannot_be_sent_to_the_api(console: Served) -> None:
    await log_in(console)

    form = {"id": "acme", "csrf": csrf_for(cookie_of(console))}
    answer = await console.ask("POST", "/api/v1/accounts", token="", data=form)

    assert (answer.status, answer.json["code"]) == (415, "not_json")


async def test_logging_out_ends_the_log_in_for_good(console: Served) -> None:
    await log_in(console)
    cookie = cookie_of(console)

    refused = await console.ask("POST", "/logout", token="")
    done = await console.ask("POST", "/logout", token="", data={"csrf": csrf_for(cookie)})

    assert (refused.status, done.status, done.headers["Location"]) == (403, 303, "/login")
    again = await console.get("/accounts", token="", headers={"Cookie": f"{COOKIE}={cookie}"})
    assert again.status == 401


async def test_a_log_in_ends_with_its_token(console: Served) -> None:
    token = await console.token("read")
    await log_in(console, token)
    assert (await console.get("/accounts", token="")).status == 200

    await Tokens(console.store).revoke((await Tokens(console.store).list())[0].name)

    assert (await console.get("/accounts", token="")).status == 401


async def test_every_answer_forbids_what_a_browser_might_do_with_it(console: Served) -> None:
    for path in ("/api/v1/accounts", "/api/openapi.json", "/healthz", "/api/nothing"):
        headers = (await console.ask("GET", path)).headers
        assert "default-src 'none'" in headers["Content-Security-Policy"]
        assert headers["X-Content-Type-Options"] == "nosniff"
        assert headers["Cache-Control"] == "no-store"


async def test_what_is_not_there_is_a_problem_too(console: Served) -> None:
    missing, wrong_method = await console.get("/nothing"), await console.ask("PUT", "/api/v1/accounts")

    assert (missing.status, missing.json["code"]) == (404, "not_found")
    assert missing.json["type"] == "urn:consent-relay:problem:not_found"
    assert (wrong_method.status, wrong_method.json["code"]) == (405, "method_not_allowed")
    assert wrong_method.headers["Allow"] == "GET,POST"
    assert wrong_method.headers["Content-Type"] == "application/problem+json"


async def test_the_use_of_a_token_is_noted_by_the_day(console: Served) -> None:
    token = await console.token("read")
    await console.get("/accounts", token=token)

    (line,) = (await console.get("/tokens")).json["items"]

    assert line["used_on"].endswith("T00:00:00Z")
