"""How is the opt-in API of US short code alerts called? docs/apis/opt-in.md has the reasons."""

from typing import Any

from receiver.apis.openapi.words import Schema, answered, parameter, record, ref, words

_BOOLEAN = words("true", "false")
_DATE = {"type": "string", "pattern": "^[0-9]{4}-[0-9]{2}-[0-9]{2} [0-9]{2}:[0-9]{2}:[0-9]{2}$", "description": "UTC."}
_ENVELOPE = record(
    {
        "message-count": {"const": "1"},
        "messages": {
            "type": "array",
            "minItems": 1,
            "maxItems": 1,
            "items": record({"status": {"type": "string"}, "error-text": {"type": "string"}}),
        },
    },
    description="The documented statuses, in the SMS API's envelope.",
)
_XML = {"type": "string"}
_FAILURES = {
    "400": "A parameter is missing or wrong.",
    "401": "No account has these credentials, or the signature is wrong.",
    "413": "The request is too large.",
    "429": "Too many wrong credentials; the milliseconds to wait are in the text.",
    "503": "The store cannot answer now.",
}
_FAILED_JSON = {status: answered(text, ref("OptInFailure")) for status, text in _FAILURES.items()}
_FAILED_XML = {status: answered(text, _XML, "text/xml") for status, text in _FAILURES.items()}
_PROOF: dict[str, Schema] = {
    "api_key": {"type": "string"},
    "api_secret": {"type": "string", "description": "Or `timestamp` and `sig`, over all parameters."},
    "timestamp": {"type": "string", "description": "In unix seconds."},
    "sig": {"type": "string"},
}
"""In a body, where a security scheme cannot be."""
_SECURITY: list[Schema] = [{"key": [], "secret": []}, {"key": [], "signature": []}, {"basic": []}]

_FIELDS: dict[str, dict[str, Schema]] = {
    "query": {
        "page": {"type": "integer", "minimum": 0, "maximum": 999_999_999, "default": 0},
        "page-size": {"type": "integer", "minimum": 1, "maximum": 10_000, "default": 100},
        "campaign": {"type": "string", "description": "Ours: this campaign alone."},
    },
    "manage": {
        "msisdn": {"type": "string", "description": "Who is opted in again."},
        "campaign": {"type": "string", "description": "Ours: in this campaign alone."},
    },
}
_SUMMARIES = {"query": "Who opted out?", "manage": "Opt a number in again."}
_BODIES = {"query": "OptInList", "manage": "OptIn"}

SCHEMAS: dict[str, Schema] = {
    "OptIn": record(
        {
            "msisdn": {"type": "string"},
            "opt-in": _BOOLEAN,
            "opt-in-date": _DATE,
            "opt-out": _BOOLEAN,
            "opt-out-date": _DATE,
        },
        required=["msisdn", "opt-in", "opt-out"],
    ),
    "OptInList": record(
        {
            "opt-in-count": {"type": "string", "description": "Of the whole list, not of this page."},
            "opt-in-list": {"type": "array", "items": ref("OptIn")},
        }
    ),
    "OptInFailure": _ENVELOPE,
}


def _operation(method: str, verb: str, form: str) -> Schema:
    fields = _FIELDS[verb]
    success = (
        answered("As documented.", ref(_BODIES[verb])) if form == "json" else answered("The same.", _XML, "text/xml")
    )
    described: dict[str, Any] = {
        "operationId": f"{method}OptIn{verb.capitalize()}{form.capitalize()}",
        "tags": ["opt-in"],
        "summary": _SUMMARIES[verb],
        "security": _SECURITY,
        "responses": {"200": success, **(_FAILED_JSON if form == "json" else _FAILED_XML)},
    }
    if method == "get":
        described["parameters"] = [
            {**parameter(name, "query", schema.get("description", ""), schema), "required": name == "msisdn"}
            for name, schema in fields.items()
        ]
    else:
        described["security"] = [{"basic": []}, {}]
        required = ["msisdn"] if verb == "manage" else []
        body = {"type": "object", "properties": {**_PROOF, **fields}, "required": required}
        types = ["application/x-www-form-urlencoded", *(["application/json"] if form == "json" else [])]
        described["requestBody"] = {"content": {name: {"schema": body} for name in types}}
    return described


PATHS: dict[str, Schema] = {
    f"/sc/us/alert/opt-in/{verb}/{form}": {method: _operation(method, verb, form) for method in ("get", "post")}
    for verb in _FIELDS
    for form in ("json", "xml")
}
