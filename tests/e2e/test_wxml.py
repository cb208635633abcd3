"""An account's own WXML client calls, its recipients text, and its other systems hear of both, as documented."""

from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from xml.etree import ElementTree as ET

import aiohttp
import pytest
from aiohttp import web

from consent.ledger import Registry
from consent.model import Account
from tests.builders import ACME, ANN, BOB, an_endpoint
from tests.e2e.installation import Installation, crm, eventually, text
from tests.listening import listening

KEY = "qTFkykO9JTfahCOqJ0V2Wf5Cg1t8iWlZ"
ELEMENTS = ["ORIGIN", "CODE", "MOBILE", "CAMPAIGNID", "TIMESTAMP", "SHORTCODE", "CAMPAIGNTITLE", "BRANDNAME", "SOURCE"]


@dataclass
class PostbackStore:
    """Another system of the account's, which has taken Skycore's postbacks for years."""

    url: str = ""
    received: list[bytes] = field(default_factory=list)

    async def take(self, request: web.Request) -> web.Response:
        self.received.append(await request.read())
        return web.Response()

    def told(self, msisdn: str) -> list[tuple[str, str]]:
        """Code and source of each postback about a number, in the order of arrival."""
        found = []
        for content in self.received:
            assert content.startswith(b"<?xml version='1.0'?>\n<POSTBACK>\n    <ORIGIN>SUB</ORIGIN>\n")
            said = {element.tag: element.text for element in ET.fromstring(content.decode())}
            assert list(said) == ELEMENTS
            assert (said["CAMPAIGNID"], said["SHORTCODE"]) == ("1116", "123456")
            assert (said["CAMPAIGNTITLE"], said["BRANDNAME"]) == ("My Campaign Name", "My Brand Name")
            if said["MOBILE"] == msisdn:
                found.append((said["CODE"] or "", said["SOURCE"] or ""))
        return found


@pytest.fixture
async def old(here: Installation) -> AsyncIterator[PostbackStore]:
    store = PostbackStore()
    async with listening(store.take, path="/postbacks") as store.url:
        yield store


async def test_api_calls_and_texts_reach_old_and_new_systems(
    here: Installation, old: PostbackStore, http: aiohttp.ClientSession
) -> None:
    await here.register(
        an_endpoint("old", url=old.url, format="wxml"), crm(here.sink, events=("consent.pending", "message.requested"))
    )
    async with here.opened() as opened:
        await Registry(opened).put(Account(id=ACME, api_key=KEY))
    await here.start_receiver()
    await here.start_dispatcher()
    url = here.hook().partition("/hooks/")[0] + "/API/wxml/1.3/index.php"

    async def call(action: str, msisdn: str, **more: str) -> str:
        said = {"action": action, "api_key": KEY, "campaignid": "1116", "mobile": msisdn, **more}
        async with http.get(url, params=said) as response:
            assert (response.status, response.content_type) == (200, "text/html")
            answer = ET.fromstring(await response.text())
            return answer.findtext("ERRORCODE") or answer.findtext("STATUS") or ""

    async def say(msisdn: str, word: str, identity: str) -> None:
        soon = (datetime.now(UTC) + timedelta(seconds=1)).strftime("%Y-%m-%d %H:%M:%S")
        async with http.post(here.hook(), data=text(msisdn, word, identity=identity, at=soon)) as response:
            assert response.status == 200

    assert await call("subscribe", ANN) == "Success"
    assert await call("unsubscribe", ANN) == "Success"
    await say(ANN, "STOP", "0A01")
    assert await call("subscribe", ANN) == "E904"
    assert await call("subscribe", BOB, cta="yes", timezone="EST") == "Success"
    await eventually(lambda: len(here.sink.received) == 2)
    await say(BOB, "YES", "0B01")
    await eventually(lambda: len(old.received) == 4)

    assert old.told(ANN) == [("N301", "API"), ("N302", "API"), ("N302", "MO")]
    assert old.told(BOB) == [("N301", "MO")]
    assert len(await here.history(ANN)) == 3
    pending, requested = [body for _, body in here.sink.received]
    assert (pending["type"], pending["data"]["status"]) == ("consent.pending", "pending")
    assert (requested["type"], requested["data"]["msisdn"]) == ("message.requested", BOB)
    assert requested["data"]["message"]["request"] == "confirm_opt_in"
    assert requested["data"]["message"]["timezone"] == "EST"
