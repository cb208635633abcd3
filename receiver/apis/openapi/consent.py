"""How are the check and the pull feed called?"""

from consent.model import Actor, EventType, Status, Via
from receiver.apis.check import MOST_NUMBERS
from receiver.apis.feed import DEFAULT_LIMIT, MOST_EVENTS
from receiver.apis.openapi.words import Schema, answered, parameter, problems, record, ref, words

_BASIC: list[Schema] = [{"basic": []}]
_INSTANT = {"type": "string", "format": "date-time", "description": "UTC; a fraction only where there is one."}
_NOT_KNOWN = "null for a number of which nothing is known"

_CHECK = record(
    {
        "campaign": {"type": "string"},
        "msisdn": {"type": "string", "description": "As the ledger writes it: the digits of E.164, without `+`."},
        "may_text": {
            "type": "boolean",
            "description": "opted_in: true; opted_out, pending: false; unknown: unless the campaign requires opt-in.",
        },
        "status": words(*Status),
        "actor": {"enum": [*Actor, None], "description": f"Who decided; {_NOT_KNOWN}."},
        "since": {
            "type": ["string", "null"],
            "format": "date-time",
            "description": f"Opted in or out since; pending: asked at; {_NOT_KNOWN}.",
        },
        "sequence": {
            "type": ["integer", "null"],
            "description": f"Of the event that decided, as in notifications; {_NOT_KNOWN}.",
        },
    },
    example={
        "campaign": "1116",
        "msisdn": "16502426055",
        "may_text": False,
        "status": "opted_out",
        "actor": "recipient",
        "since": "2014-06-27T18:31:33Z",
        "sequence": 42,
    },
)
_RESULT = record(
    {
        "msisdn": {"type": "string", "description": "As it was asked, letter by letter."},
        "may_text": {"type": "boolean"},
        "status": words(*Status),
    }
)
_DATA = record(
    {
        "event_id": {"type": "string", "description": "The `webhook-id` of its notification."},
        "account": {"type": "string"},
        "campaign": {
            "oneOf": [
                record({name: {"type": "string"} for name in ("id", "title", "brand", "short_code")}),
                {"type": "null"},
            ]
        },
        "msisdn": {"type": "string"},
        "odd_number": {"const": True, "description": "Only where the number is not E.164."},
        "status": {"enum": [*Status, None], "description": "Of consent.* alone."},
        "previous": {"enum": [*Status, None], "description": "Of consent.* alone."},
        "changed": {"type": "boolean"},
        "actor": words(*Actor),
        "source": record({"id": {"type": "string"}, "provider": {"type": "string"}, "via": words(*Via)}),
        "keyword": {"type": "string"},
        "rule": {"type": "string"},
        "occurred_at": _INSTANT,
        "received_at": _INSTANT,
        "sequence": {"type": "integer", "description": "Rises with every event of one number; not always by one."},
        "message": {"type": "object", "description": "Of message.*: the text, and what else the provider said."},
        "endpoint": {"type": "object", "description": "Of endpoint.*: which one, and why."},
        "response": {"type": "object", "description": "Of api.response: what was answered, to which call."},
        "evidence": {"type": "object", "description": "Of consent.*: what the decision rested on."},
    },
    required=[
        "event_id", "account", "campaign", "msisdn", "changed", "actor", "source", "keyword", "rule", "occurred_at",
        "received_at", "sequence",
    ],
)  # fmt: skip
_EVENT = record(
    {
        "type": words(*(kind for kind in EventType if kind is not EventType.ENDPOINT_TEST)),
        "timestamp": {**_INSTANT, "description": "When it happened."},
        "data": ref("EventData"),
    },
    description="What an endpoint of format `json` is sent.",
)

SCHEMAS: dict[str, Schema] = {
    "Check": _CHECK,
    "BulkQuestion": record(
        {
            "campaign": {"type": "string"},
            "msisdns": {"type": "array", "maxItems": MOST_NUMBERS, "items": {"type": "string", "minLength": 1}},
        },
        example={"campaign": "1116", "msisdns": ["16502426055", "+1 555 893 7009"]},
    ),
    "BulkAnswer": record({"results": {"type": "array", "items": _RESULT}}),
    "EventData": _DATA,
    "Event": _EVENT,
    "EventPage": record(
        {
            "events": {"type": "array", "maxItems": MOST_EVENTS, "items": ref("Event")},
            "next": {
                "type": "string",
                "description": "The cursor behind them. There is one even if there are no events.",
            },
            "has_more": {"type": "boolean", "description": "Ask again at once; otherwise, after a while."},
        }
    ),
}

PATHS: dict[str, Schema] = {
    "/v1/consent/{campaign}/{number}": {
        "get": {
            "operationId": "checkNumber",
            "tags": ["check"],
            "summary": "May I text this number?",
            "security": _BASIC,
            "parameters": [
                parameter("campaign", "path", "Its id.", {"type": "string", "minLength": 1}, example="1116"),
                parameter(
                    "number",
                    "path",
                    "In any common writing, percent-encoded: `16502426055`, `+16502426055`, `%2B1%20650%20242%206055`.",
                    {"type": "string", "minLength": 1},
                    example="16502426055",
                ),
            ],
            "responses": {
                "200": answered("What holds now.", ref("Check")),
                **problems("400", "401", "404", "429", "503"),
            },
        }
    },
    "/v1/consent/check": {
        "post": {
            "operationId": "checkNumbers",
            "tags": ["check"],
            "summary": f"May I text these numbers? Up to {MOST_NUMBERS} of them.",
            "security": _BASIC,
            "requestBody": {"required": True, "content": {"application/json": {"schema": ref("BulkQuestion")}}},
            "responses": {
                "200": answered("What holds now, in the order asked.", ref("BulkAnswer")),
                **problems("400", "401", "404", "413", "429", "503"),
            },
        }
    },
    "/v1/events": {
        "get": {
            "operationId": "listEvents",
            "tags": ["events"],
            "summary": "What happened to the account's numbers since?",
            "security": _BASIC,
            "parameters": [
                parameter(
                    "after",
                    "query",
                    "`next` of the last answer. Without it, from the first event that is kept; `now`: from now on.",
                    {"type": "string"},
                ),
                parameter(
                    "limit",
                    "query",
                    "How many events at most.",
                    {"type": "integer", "minimum": 1, "maximum": MOST_EVENTS, "default": DEFAULT_LIMIT},
                ),
            ],
            "responses": {
                "200": answered("None is skipped, none comes twice, those of one number in order.", ref("EventPage")),
                **problems("400", "401", "410", "429", "503"),
            },
        }
    },
}
