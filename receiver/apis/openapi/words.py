"""In which words is everything described? A few functions that write what every description repeats. Pure."""

from typing import Any

Schema = dict[str, Any]

PROBLEM = "application/problem+json"

_PROBLEMS = {
    "400": "The request cannot be understood; `detail` says what is wrong. Sending it again will not help.",
    "401": "No account has these credentials.",
    "404": "The account has no campaign of this id.",
    "410": "Events behind this cursor are no longer kept. Begin again without `after`, and check what holds now.",
    "413": "More than is read at once.",
    "429": "Too many wrong credentials came from this address, or for this key.",
    "503": "The store cannot answer now. The same request will do later.",
}
_HEADERS = {
    "401": {"WWW-Authenticate": {"schema": {"type": "string"}, "required": True}},
    "429": {"Retry-After": {"schema": {"type": "integer"}, "description": "Seconds.", "required": True}},
    "503": {"Retry-After": {"schema": {"type": "integer"}, "description": "Seconds.", "required": True}},
}


def ref(name: str) -> Schema:
    return {"$ref": f"#/components/schemas/{name}"}


def record(properties: dict[str, Schema], *, required: list[str] | None = None, **more: Any) -> Schema:
    """An object that has all of these, unless `required` names those it has."""
    return {
        "type": "object",
        "properties": properties,
        "required": [*properties] if required is None else required,
        **more,
    }


def words(*values: str, **more: Any) -> Schema:
    return {"type": "string", "enum": [*values], **more}


def parameter(name: str, where: str, description: str, schema: Schema, **more: Any) -> Schema:
    return {
        "name": name,
        "in": where,
        "description": description,
        "schema": schema,
        "required": where == "path",
        **more,
    }


def answered(description: str, schema: Schema, media_type: str = "application/json", **more: Any) -> Schema:
    return {"description": description, "content": {media_type: {"schema": schema, **more}}}


def problems(*statuses: str) -> dict[str, Schema]:
    return {
        status: {**answered(_PROBLEMS[status], ref("Problem"), PROBLEM), "headers": _HEADERS.get(status, {})}
        for status in statuses
    }
