"""What happened to the account's numbers? The pull feed: what endpoints are told, to be fetched (docs/apis/feed.md)."""

import re

from consent.errors import Refused
from consent.ledger import Feed
from consent.notification import Json, encoded, notification
from receiver import fields
from receiver.apis.call import Answer, Call, Route
from receiver.apis.problems import refuse
from receiver.apis.tools import Tools
from receiver.codecs.codec import Reply

DEFAULT_LIMIT = 100
MOST_EVENTS = 1000
FROM_NOW_ON = "now"
_LIMIT = re.compile(r"[1-9][0-9]{0,3}")


class Events:
    def __init__(self, tools: Tools) -> None:
        self._tools = tools
        self._feed = Feed(tools.store)

    async def answer(self, call: Call) -> Answer:
        directory = self._tools.directory()
        account = self._tools.gate.admit_basic(call.authorization, call.caller, directory)
        asked = fields.of(call.inbound)
        limit, after = _limit(asked.get("limit", str(DEFAULT_LIMIT))), asked.get("after", "")
        events: list[Json] = []
        if after == FROM_NOW_ON:
            cursor, has_more = await self._feed.end(), False
        else:
            page = await self._feed.page(account.id, after=after, limit=limit)
            events = [notification(event, directory) for event in page.events]
            cursor, has_more = page.next, page.has_more
        body = encoded({"events": events, "next": cursor, "has_more": has_more})
        return Answer(
            reply=Reply(status=200, body=body, content_type="application/json"),
            account=account.id,
            outcome="listed",
            told={"listed": len(events)},
            is_routine=True,
        )


def _limit(written: str) -> int:
    limit = int(written) if _LIMIT.fullmatch(written) else 0
    if not 1 <= limit <= MOST_EVENTS:
        raise Refused(f"limit: expected a whole number from 1 to {MOST_EVENTS}")
    return limit


def routes(tools: Tools) -> tuple[Route, ...]:
    return (
        Route(
            name="events",
            path=re.compile(r"/v1/events"),
            methods=frozenset({"GET", "HEAD"}),
            handle=Events(tools).answer,
            refuse=refuse,
        ),
    )
