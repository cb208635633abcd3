"""How is what is left of the public port called: where providers post, and what tells of the process itself?"""

from receiver.apis.openapi.words import Schema, answered, parameter

_TOKEN = parameter(
    "token",
    "path",
    "Names the source; `consent-relay source list` shows the whole URL.",
    {"type": "string", "minLength": 1},
)
_ANSWERS = {
    "200": {"description": "It is on disk, or was before."},
    "400": {"description": "It cannot be read."},
    "403": {"description": "It does not prove that it is the provider's."},
    "404": {"description": "No source has this token."},
    "413": {"description": "It is larger than `receiver.max_body`, or has more fields than a provider ever sends."},
    "503": {"description": "The store cannot promise to keep it now: send it again."},
    "default": {"description": "As this provider expects it."},
}
_PLAIN = {"type": "string"}


def _hook(method: str, **more: object) -> Schema:
    return {
        "operationId": f"{method}Hook",
        "tags": ["hooks"],
        "summary": "A provider reports what somebody texted, or what became of a text.",
        "description": "The body, its signature and the answer are those of the source's provider: docs/providers.md",
        "security": [],
        "parameters": [_TOKEN],
        "responses": _ANSWERS,
        **more,
    }


def _probe(name: str, summary: str, **answers: Schema) -> Schema:
    told = {status.removeprefix("_"): answer for status, answer in answers.items()}
    return {"get": {"operationId": name, "tags": ["service"], "summary": summary, "security": [], "responses": told}}


PATHS: dict[str, Schema] = {
    "/hooks/{token}": {
        "get": _hook("get"),
        "post": _hook(
            "post",
            requestBody={
                "content": {
                    "application/x-www-form-urlencoded": {"schema": {"type": "object"}},
                    "application/json": {"schema": {"type": "object"}},
                    "text/xml": {"schema": {"type": "string"}},
                }
            },
        ),
    },
    "/healthz": _probe("live", "Is it alive?", _200=answered("It is.", _PLAIN, "text/plain")),
    "/readyz": _probe(
        "ready",
        "Is it ready: can the store be reached, and is it safe?",
        _200=answered("It is.", _PLAIN, "text/plain"),
        _503=answered("It is not, and why.", _PLAIN, "text/plain"),
    ),
    "/openapi.json": _probe("describe", "This document.", _200=answered("It.", {"type": "object"})),
}
