"""How is WXML 1.3 called? docs/apis/wxml.md has all five forms of a request, and what leads to which code."""

from receiver.apis.openapi.words import Schema, answered, parameter, words

_TEXT = {"type": "string"}
_PARAMETERS: dict[str, tuple[str, Schema]] = {
    "action": ("", words("subscribe", "unsubscribe")),
    "api_key": ("The key is the only credential.", _TEXT),
    "mobile": ("Country code and number.", _TEXT),
    "campaignid": ("", _TEXT),
    "notify": ("Whether she is to be told.", words("yes", "no")),
    "cta": ("Whether she is to be asked first.", words("yes", "no")),
}
_REPLY = answered(
    "Success or Failure: the body says which, with a code. Never under an XML media type.",
    _TEXT,
    "text/html",
    example=("<RESPONSE><STATUS>Success</STATUS><CAMPAIGNID>1116</CAMPAIGNID><MOBILE>16502426055</MOBILE></RESPONSE>"),
)
_DOCUMENT = (
    "<REQUEST><ACTION>subscribe</ACTION><API_KEY>abcd1234</API_KEY><CAMPAIGNID>1116</CAMPAIGNID>"
    "<MOBILE>16502426055</MOBILE></REQUEST>"
)


def _operation(method: str, **more: object) -> Schema:
    return {
        "operationId": f"{method}Wxml",
        "tags": ["wxml"],
        "summary": "Subscribe a number to a campaign, or unsubscribe it.",
        "description": "`/API/wxml/1.3/`, without the file, is the same address.",
        "security": [],
        "responses": {"200": _REPLY, "503": {**_REPLY, "description": "The store cannot promise to keep it now."}},
        **more,
    }


PATHS: dict[str, Schema] = {
    "/API/wxml/1.3/index.php": {
        "get": _operation(
            "get",
            parameters=[
                parameter(name, "query", description, schema) for name, (description, schema) in _PARAMETERS.items()
            ],
        ),
        "post": _operation(
            "post",
            requestBody={
                "content": {
                    "application/x-www-form-urlencoded": {
                        "schema": {"type": "object", "properties": {"xml": {"type": "string", "example": _DOCUMENT}}}
                    },
                    "text/xml": {"schema": {"type": "string"}, "example": _DOCUMENT},
                }
            },
        ),
    }
}
