"""Which APIs are there? The routes of all of them, in one table."""

from receiver.apis import check, feed, openapi, opt_in, wxml
from receiver.apis.call import Route
from receiver.apis.tools import Tools

__all__ = ["Tools", "routes"]


def routes(tools: Tools) -> tuple[Route, ...]:
    return (
        *opt_in.routes(tools),
        *wxml.routes(tools),
        *check.routes(tools),
        *feed.routes(tools),
        *openapi.routes(),
    )  # fmt: skip
