"""What the opt-in API answers reaches the endpoint that asks for it: signed, once, behind the change it belongs to."""

import aiohttp

from consent.ledger import Registry
from consent.model import Account
from tests.builders import ACME, ANN
from tests.e2e.installation import Installation, crm, eventually, text

CREDENTIALS = {"api_key": "abcd1234", "api_secret": "s3cr3t"}


async def test_a_list_and_an_opt_in_are_told_to_who_subscribed_to_answers(
    here: Installation, http: aiohttp.ClientSession
) -> None:
    await here.register(crm(here.sink, events=("consent.*", "api.response")))
    async with here.opened() as store:
        await Registry(store).put(Account(id=ACME, api_key="abcd1234", api_secret="s3cr3t"))
    await here.start_receiver()
    await here.start_dispatcher()
    api = f"http://127.0.0.1:{here.ports['receiver0']}/sc/us/alert/opt-in"

    async with http.post(here.hook(), data=text(ANN, "STOP", identity="0A01")) as response:
        assert response.status == 200
    async with http.get(f"{api}/query/json", params=CREDENTIALS) as response:
        listed = await response.json()
    async with http.post(f"{api}/manage/json", json={**CREDENTIALS, "msisdn": int(ANN)}) as response:
        opted_in = await response.json()
    await eventually(lambda: len(here.sink.ids) >= 4)

    about_her = [(body["type"], body["data"].get("response")) for _, body in here.sink.received if _is_about(body, ANN)]
    about_nobody = [body["data"] for _, body in here.sink.received if _is_about(body, "")]
    assert about_her == [
        ("consent.opted_out", None),
        ("consent.opted_in", None),
        ("api.response", {"call": "manage", "asked": {"msisdn": ANN}, "answer": opted_in}),
    ]
    (list_told,) = about_nobody
    assert list_told["response"] == {"call": "query", "asked": {"page": "0", "page-size": "100"}, "answer": listed}
    assert list_told["source"] == {"id": "opt-in", "provider": "nexmo", "via": "WEB"}
    assert listed["opt-in-count"] == "1"
    log = here.log_of("receiver0") + here.log_of("dispatcher0")
    assert "opt-in.query" in log
    for unspeakable in (ANN, "s3cr3t"):
        assert unspeakable not in log


def _is_about(body: dict[str, dict[str, str]], msisdn: str) -> bool:
    return body["data"]["msisdn"] == msisdn
