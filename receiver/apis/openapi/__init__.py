"""What can be called on the public port, told to programs: one OpenAPI document, served at /openapi.json.

Written by hand: document.py says what holds everywhere, and each other file describes one family of routes. Tests hold
it against the routes that there are, and against what the running service answers.
"""

import re

import orjson

from receiver.apis.call import Answer, Call, Route
from receiver.apis.openapi.document import DOCUMENT
from receiver.apis.problems import refuse
from receiver.codecs.codec import Reply

__all__ = ["DOCUMENT", "routes"]

PATH = "/openapi.json"
_REPLY = Reply(status=200, body=orjson.dumps(DOCUMENT), content_type="application/json")


async def _answer(_: Call) -> Answer:
    return Answer(reply=_REPLY, outcome="described", is_routine=True)


def routes() -> tuple[Route, ...]:
    return (
        Route(
            name="openapi",
            path=re.compile(re.escape(PATH)),
            methods=frozenset({"GET", "HEAD"}),
            handle=_answer,
            refuse=refuse,
        ),
    )
