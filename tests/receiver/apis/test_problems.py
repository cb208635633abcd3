"""How a failure reads to a program, and to the person who debugs it."""

import json

import pytest

from consent.errors import (
    ConsentError,
    Gone,
    Misconfigured,
    NoSuchCampaign,
    Refused,
    StoreUnavailable,
    Throttled,
    TooLarge,
    Unauthorised,
)
from receiver.apis.problems import refuse


@pytest.mark.parametrize(
    ("error", "status", "title", "code", "retry_after"),
    [
        (Refused("what is wrong"), 400, "Bad Request", "malformed", None),
        (Unauthorised("what is wrong"), 401, "Unauthorized", "unauthorised", None),
        (NoSuchCampaign("what is wrong"), 404, "Not Found", "unknown_campaign", None),
        (Gone("what is wrong"), 410, "Gone", "gone", None),
        (TooLarge("what is wrong"), 413, "Content Too Large", "too_large", None),
        (Throttled("what is wrong", retry_after=17), 429, "Too Many Requests", "throttled", 17),
        (StoreUnavailable("what is wrong"), 503, "Service Unavailable", "store_unavailable", 5),
        (Misconfigured("what is wrong"), 500, "Internal Server Error", "misconfigured", None),
    ],
)
def test_a_failure_is_a_problem_document(
    error: ConsentError, status: int, title: str, code: str, retry_after: int | None
) -> None:
    reply = refuse(error, "/v1/consent/1116/16502426055")

    assert (reply.status, reply.content_type, reply.retry_after) == (status, "application/problem+json", retry_after)
    assert json.loads(reply.body) == {
        "type": "about:blank",
        "title": title,
        "status": status,
        "code": code,
        "detail": "what is wrong",
    }


def test_only_who_is_not_known_is_asked_for_credentials() -> None:
    assert dict(refuse(Unauthorised("no"), "/").headers)["WWW-Authenticate"].startswith("Basic ")
    assert refuse(Refused("no"), "/").headers == ()
