"""How is the admin API told to programs? One OpenAPI document, made of the table of operations and of their types."""

import re
from collections.abc import Sequence
from importlib.metadata import version
from typing import Any

from pydantic import TypeAdapter

from console.api.operation import Operation

Schema = dict[str, Any]

_PROBLEM_TYPE = "application/problem+json"
_PROBLEMS = {
    "400": "The request is not fit: `detail` says which key, and what was expected. Sending it again will not help.",
    "401": "Nobody has this token, or none was sent.",
    "403": "The token lacks the scope that `detail` names; or a change by cookie came without its CSRF token.",
    "404": "Nothing has that name.",
    "409": "Something is in the way: one of that name, one like it under way, what still hangs on it.",
    "413": "The body is larger than is read.",
    "415": "The body does not say that it is JSON.",
    "429": "Too many wrong tokens came from this address.",
    "503": "The store cannot answer, or not keep it now. The same request will do later.",
}
_HEADERS: dict[str, Schema] = {
    "401": {"WWW-Authenticate": {"schema": {"type": "string"}, "required": True}},
    "429": {"Retry-After": {"schema": {"type": "integer"}, "description": "Seconds.", "required": True}},
    "503": {"Retry-After": {"schema": {"type": "integer"}, "description": "Seconds.", "required": True}},
}
_PROBLEM: Schema = {
    "type": "object",
    "description": "https://www.rfc-editor.org/rfc/rfc9457",
    "properties": {
        "type": {"type": "string", "description": "urn:consent-relay:problem: and the code."},
        "title": {"type": "string", "description": "The status, in words."},
        "status": {"type": "integer", "minimum": 400, "maximum": 599},
        "code": {"type": "string", "description": "What a program looks at: `missing_scope`, `no_such`, `unfit`, …"},
        "detail": {"type": "string", "description": "What is wrong with this request, and what to do about it."},
    },
    "required": ["type", "title", "status", "code", "detail"],
}
_DURATION: Schema = {"type": ["string", "integer", "null"], "description": '"250ms", "15s", "5m", "2h" or "30d".'}
_REF = "#/components/schemas/{model}"
_IN_PATH = re.compile(r"\{([a-z_]+)\}")


def document(operations: Sequence[Operation]) -> Schema:
    schemas, components = _schemas(operations)
    paths: dict[str, Schema] = {}
    for operation in operations:
        paths.setdefault(operation.path, {})[operation.method.lower()] = _described(operation, schemas)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "consent-relay admin API",
            "version": version("consent-relay"),
            "license": {"name": "MIT", "identifier": "MIT"},
            "description": (
                "Watch and steer. Each operation says which scope its token needs; numbers are masked without "
                "`numbers`. Pages: ask for `next` as `after` until it is null."
            ),
        },
        "tags": [{"name": tag} for tag in dict.fromkeys(operation.tag for operation in operations)],
        "security": [{"token": []}],
        "paths": paths,
        "components": {
            "schemas": {"Problem": _PROBLEM, **components},
            "securitySchemes": {
                "token": {"type": "http", "scheme": "bearer", "description": "Made by `consent-relay token create`."}
            },
        },
    }


def _schemas(operations: Sequence[Operation]) -> tuple[dict[tuple[str, str], Schema], Schema]:
    """What each operation takes and answers, and all that these refer to."""
    wanted: list[tuple[str, Any, TypeAdapter[Any]]] = []
    for operation in operations:
        wanted.append((f"{operation.name} answers", "serialization", TypeAdapter(operation.answers)))
        if operation.body:
            wanted.append((f"{operation.name} takes", "validation", TypeAdapter(operation.body)))
    found, definitions = TypeAdapter.json_schemas(wanted, ref_template=_REF)
    components = _widened(definitions.get("$defs", {}))
    return {(name.split(" ")[0], name.split(" ")[1]): schema for (name, _), schema in found.items()}, components


def _widened(components: Schema) -> Schema:
    """With what pydantic cannot know: a duration is written in several ways, and read as milliseconds."""
    for component in components.values():
        if "tolerance" in component.get("properties", {}) and component.get("additionalProperties") is False:
            component["properties"]["tolerance"] = _DURATION
    return components


def _described(operation: Operation, schemas: dict[tuple[str, str], Schema]) -> Schema:
    described: Schema = {
        "operationId": operation.name,
        "tags": [operation.tag],
        "summary": operation.summary,
        "description": f"Scope: `{operation.scope}`.",
        "parameters": [*_path_parameters(operation), *_query_parameters(operation)],
        "responses": {
            str(operation.status): {
                "description": "Done.",
                "content": {"application/json": {"schema": schemas[operation.name, "answers"]}},
            },
            **{status: _problem(status) for status in _statuses(operation)},
        },
    }
    if operation.body:
        schema = schemas[operation.name, "takes"]
        described["requestBody"] = {"required": True, "content": {"application/json": {"schema": schema}}}
    return described


def _statuses(operation: Operation) -> list[str]:
    own = {"404": True, "409": operation.conflicts, "413": operation.body, "415": operation.body}
    always = {"400": True, "401": True, "403": True, "429": True, "503": True}
    return sorted(status for status, is_there in {**always, **own}.items() if is_there)


def _problem(status: str) -> Schema:
    return {
        "description": _PROBLEMS[status],
        "headers": _HEADERS.get(status, {}),
        "content": {_PROBLEM_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}}},
    }


def _path_parameters(operation: Operation) -> list[Schema]:
    return [
        {"name": name, "in": "path", "required": True, "schema": {"type": "string", "minLength": 1}}
        for name in _IN_PATH.findall(operation.path)
    ]


def _query_parameters(operation: Operation) -> list[Schema]:
    schema = operation.query.model_json_schema()
    return [
        {
            "name": name,
            "in": "query",
            "required": False,
            "description": told.pop("description", ""),
            "schema": _without_null(told),
        }
        for name, told in schema.get("properties", {}).items()
    ]


def _without_null(schema: Schema) -> Schema:
    """A query has no null: what is not said is left out."""
    match schema:
        case {"anyOf": [schema_of, {"type": "null"}]}:
            return dict(schema_of)
        case {"default": None}:
            return {key: value for key, value in schema.items() if key != "default"}
    return schema
