"""What holds for all of them? Who we are, how a caller proves who she is, and the table of what is described where."""

from importlib.metadata import version

from receiver.apis.openapi import consent, hooks, opt_in, wxml
from receiver.apis.openapi.words import Schema, record

_PROBLEM = record(
    {
        "type": {"type": "string", "const": "about:blank"},
        "title": {"type": "string", "description": "The status, in words."},
        "status": {"type": "integer", "minimum": 400, "maximum": 599},
        "code": {
            "type": "string",
            "description": "What a program looks at: `unknown_campaign`, `gone`, `throttled`, …",
        },
        "detail": {"type": "string", "description": "What is wrong with this request, and what to do about it."},
    },
    description="https://www.rfc-editor.org/rfc/rfc9457",
)

DOCUMENT: Schema = {
    "openapi": "3.1.0",
    "info": {
        "title": "consent-relay",
        "version": version("consent-relay"),
        "license": {"name": "MIT", "identifier": "MIT"},
        "description": (
            "Who may be texted, and who must be told. Providers post to `/hooks/…`; the account's own systems ask "
            "`/v1/…`, or the two documented APIs that they speak already. A run of slashes in a path counts as one."
        ),
    },
    "tags": [
        {"name": "check", "description": "May I text this number? docs/apis/check.md"},
        {"name": "events", "description": "What happened since? docs/apis/feed.md"},
        {"name": "opt-in", "description": "The opt-in API of US short code alerts, as documented. docs/apis/opt-in.md"},
        {"name": "wxml", "description": "WXML 1.3 subscribe and unsubscribe, as documented. docs/apis/wxml.md"},
        {"name": "hooks", "description": "Where providers post."},
        {"name": "service", "description": "Of the process itself."},
    ],
    "paths": {**consent.PATHS, **opt_in.PATHS, **wxml.PATHS, **hooks.PATHS},
    "components": {
        "schemas": {"Problem": _PROBLEM, **consent.SCHEMAS, **opt_in.SCHEMAS},
        "securitySchemes": {
            "basic": {"type": "http", "scheme": "basic", "description": "The account's api_key and api_secret."},
            "key": {"type": "apiKey", "in": "query", "name": "api_key"},
            "secret": {"type": "apiKey", "in": "query", "name": "api_secret"},
            "signature": {
                "type": "apiKey",
                "in": "query",
                "name": "sig",
                "description": "Over all parameters, with `timestamp` among them. docs/apis/opt-in.md",
            },
        },
    },
}
