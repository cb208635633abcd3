"""An installation in which everything happens once, all of it to be recognised, and whatever it tells to anybody."""

import re
import sys
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

import aiohttp
from aiohttp import web
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from consent.ledger import Registry
from consent.model import Account, Header, SourceId
from tests.builders import ACME, SECRET, a_campaign, a_source, an_endpoint
from tests.e2e.installation import Installation, eventually, free_port, installation, text

WAYS = ("plain", "by GET", "long", "postback", "api", "wxml", "SNS")
NUMBERS = {way: f"1555770{place}" for place, way in enumerate(WAYS, start=1001)}
"""Recipients, by the way in which we hear of them."""
SECRETS = {
    "token": "LEAKEDtokenOfAsource0001",
    "signed token": "LEAKEDtokenOfAsource0002",
    "skycore token": "LEAKEDtokenOfAsource0003",
    "wrong token": "LEAKEDtokenOfNobody00004",
    "signature secret": "LEAKEDsignatureSecret005",
    "api key": "LEAKEDkey0006",
    "api secret": "LEAKEDsecret0007",
    "wrong secret": "LEAKEDsecret0008",
    "endpoint header": "LEAKEDheader0009",
    "endpoint address": "LEAKEDaddress0010",
    "console token": "LEAKEDconsoleToken000011",
    "wrong console token": "LEAKEDconsoleToken000012",
    "signing secret": SECRET,
    "what was texted": "LEAKEDtext0013",
    "what an endpoint said": "LEAKEDanswer0014",
    "password token": "LEAKEDtokenOfAsource0015",
    "password": "LEAKEDpassword0016",
}
WAIT_S = 60.0


@dataclass(frozen=True)
class ToldSpan:
    process: str
    name: str
    trace_id: str
    span_id: str
    parent_id: str
    everything: str
    """All that it says, in protobuf's own words."""


@dataclass
class Collector:
    """What a process sends traces to."""

    url: str = ""
    spans: list[ToldSpan] = field(default_factory=list)

    async def take(self, request: web.Request) -> web.Response:
        told = ExportTraceServiceRequest.FromString(await request.read())
        for of in told.resource_spans:
            process = next(one.value.string_value for one in of.resource.attributes if one.key == "service.name")
            for scope in of.scope_spans:
                self.spans += [
                    ToldSpan(
                        process.removeprefix("consent-relay-"),
                        span.name,
                        span.trace_id.hex(),
                        span.span_id.hex(),
                        span.parent_span_id.hex(),
                        f"{of.resource}{span}",
                    )
                    for span in scope.spans
                ]
        return web.Response(content_type="application/x-protobuf")

    def named(self, name: str) -> list[ToldSpan]:
        return [span for span in self.spans if span.name == name]


@dataclass
class Customer:
    """Two of her systems: one that listens, and one that does not."""

    traceparents: list[tuple[str, str]] = field(default_factory=list)
    """webhook-id and traceparent of what one of them got."""

    async def listen(self, request: web.Request) -> web.Response:
        self._note(request)
        return web.Response()

    async def fail(self, request: web.Request) -> web.Response:
        self._note(request)
        return web.Response(status=500, text=SECRETS["what an endpoint said"])

    def _note(self, request: web.Request) -> None:
        self.traceparents.append((request.headers["webhook-id"], request.headers["traceparent"]))


@dataclass
class Watched:
    here: Installation
    http: aiohttp.ClientSession
    collector: Collector
    console_port: int
    customer: Customer

    @property
    def receiver(self) -> str:
        return f"http://127.0.0.1:{self.here.ports['receiver0']}"

    @property
    def console(self) -> str:
        return f"http://127.0.0.1:{self.console_port}"

    def logs(self) -> dict[str, str]:
        return {name: self.here.log_of(name) for name in ("receiver0", "dispatcher0", "console")}

    async def metrics(self) -> dict[str, str]:
        ports = self.here.ports
        found = {"receiver": ports["in0"], "dispatcher": ports["dis0"], "console": self.console_port}
        return {name: await self.metrics_at(port) for name, port in found.items()}

    async def metrics_at(self, port: int) -> str:
        async with self.http.get(f"http://127.0.0.1:{port}/metrics") as response:
            assert response.status == 200
            return await response.text()

    async def ask(self, method: str, url: str, **more: object) -> int:
        async with self.http.request(method, url, **more) as response:  # type: ignore[arg-type]  # as given
            await response.read()
            return response.status


@asynccontextmanager
async def watched(folder: Path) -> AsyncIterator[Watched]:
    """Receiver, dispatcher and console run at level debug, with every trace recorded."""
    collector, customer, port = Collector(), Customer(), free_port()
    async with AsyncExitStack() as stack:
        app = web.Application()
        app.router.add_post("/v1/traces", collector.take)
        app.router.add_post("/listening", customer.listen)
        app.router.add_post("/failing", customer.fail)
        runner = web.AppRunner(app, access_log=None)
        await runner.setup()
        stack.push_async_callback(runner.cleanup)
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        collector.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
        extra = (
            f'breaker_wait = "100ms"\n[console]\nport = {port}\ntoken = "{SECRETS["console token"]}"\n'
            f'[log]\nlevel = "debug"\n[tracing]\nendpoint = "{collector.url}"'
        )
        here = await stack.enter_async_context(installation(folder, schedule='["0s", "100ms"]', extra=extra))
        http = await stack.enter_async_context(aiohttp.ClientSession())
        await _registered(here, collector.url)
        built = Watched(here, http, collector, port, customer)
        await here.start_receiver()
        await here.start_dispatcher()
        await here._spawn("console", [sys.executable, "-m", "console"], here._config(0))
        await here.wait_for(f"{built.console}/readyz")
        yield built


async def _registered(here: Installation, listening: str) -> None:
    secret = f"?key={SECRETS['endpoint address']}"
    signing = SECRETS["signature secret"]
    header = (Header(name="X-Api-Key", value=SECRETS["endpoint header"]),)
    async with here.opened() as store:
        registry = Registry(store)
        for row in (
            Account(id=ACME, api_key=SECRETS["api key"], api_secret=SECRETS["api secret"]),
            a_campaign(),
            a_source(token=SECRETS["token"]),
            a_source(id=SourceId("signed"), token=SECRETS["signed token"], signature_secret=signing),
            a_source(id=SourceId("skycore"), token=SECRETS["skycore token"], provider="skycore"),
            a_source(
                id=SourceId("aws"),
                token=SECRETS["password token"],
                provider="aws",
                signature_secret=f"relay:{SECRETS['password']}",
            ),
            an_endpoint("listening", url=f"{listening}/listening{secret}", headers=header, events=("*",)),
            an_endpoint("failing", url=f"{listening}/failing{secret}"),
            an_endpoint("refusing", url=f"http://127.0.0.1:{free_port()}/hook{secret}"),
        ):
            await registry.put(row)


async def live_through_everything(at: Watched) -> None:
    await _webhooks(at)
    await _calls(at)
    await _looks(at)
    await eventually(lambda: _is_over(at), within=WAIT_S)


async def _webhooks(at: Watched) -> None:
    hook = f"{at.receiver}/hooks/{SECRETS['token']}"
    stop = text(NUMBERS["plain"], "STOP", identity="LEAKS1")
    for params in (stop, stop, text(NUMBERS["plain"], SECRETS["what was texted"], identity="LEAKS2")):
        assert await at.ask("POST", hook, data=params) == 200
    assert await at.ask("GET", hook, params=text(NUMBERS["by GET"], "STOP", identity="LEAKS3")) == 200
    part = {"concat": "true", "concat-ref": "7", "concat-total": "2", "concat-part": "1"}
    assert await at.ask("POST", hook, data=text(NUMBERS["long"], "STOP", identity="LEAKS4", **part)) == 200
    signed = f"{at.receiver}/hooks/{SECRETS['signed token']}"
    assert await at.ask("POST", signed, data=stop) == 403
    assert await at.ask("POST", f"{at.receiver}/hooks/{SECRETS['wrong token']}", data=stop) == 404
    skycore = f"{at.receiver}/hooks/{SECRETS['skycore token']}"
    postback = (
        f"<POSTBACK><NOTIFICATION><ORIGIN>SUB</ORIGIN><CODE>N302</CODE><MOBILE>{NUMBERS['postback']}</MOBILE>"
        "<CAMPAIGNID>1116</CAMPAIGNID></NOTIFICATION></POSTBACK>"
    )
    headers = {"Content-Type": "text/xml"}
    assert await at.ask("POST", skycore, data=postback, headers=headers) == 200
    assert await at.ask("POST", skycore, data=postback[:-9], headers=headers) == 400
    assert await at.ask("PUT", hook, data=stop) == 405
    aws = f"{at.receiver}/hooks/{SECRETS['password token']}"
    told = {"originationNumber": NUMBERS["SNS"], "destinationNumber": "123456", "messageBody": "STOP"}
    shown = {"Authorization": aiohttp.encode_basic_auth("relay", SECRETS["password"])}
    assert await at.ask("POST", aws, json=told) == 401
    assert await at.ask("POST", aws, json=told, headers=shown) == 200


async def _calls(at: Watched) -> None:
    key, secret, wrong = SECRETS["api key"], SECRETS["api secret"], SECRETS["wrong secret"]
    opt_in = f"{at.receiver}/sc/us/alert/opt-in"
    right = {"api_key": key, "api_secret": secret}
    assert await at.ask("GET", f"{opt_in}/manage/json", params={**right, "msisdn": NUMBERS["api"]}) == 200
    assert await at.ask("GET", f"{opt_in}/query/xml", params=right) == 200
    assert await at.ask("POST", f"{opt_in}/query/json", data={"api_key": key, "api_secret": wrong}) == 401
    wxml = {"action": "unsubscribe", "api_key": key, "mobile": NUMBERS["wxml"], "campaignid": "1116"}
    assert await at.ask("GET", f"{at.receiver}/API/wxml/1.3/", params=wxml) == 200
    assert await at.ask("GET", f"{at.receiver}/API/wxml/1.3/", params={**wxml, "api_key": wrong}) == 200
    for password, status in ((secret, 200), (wrong, 401)):
        headers = {"Authorization": aiohttp.encode_basic_auth(key, password)}
        assert await at.ask("GET", f"{at.receiver}/v1/consent/1116/{NUMBERS['plain']}", headers=headers) == status
        assert await at.ask("GET", f"{at.receiver}/v1/events", headers=headers) == status
    assert await at.ask("GET", f"{at.receiver}/{NUMBERS['plain']}?api_secret={secret}") == 404


async def _looks(at: Watched) -> None:
    """What an operator does, and somebody who guesses."""
    for token, statuses in ((SECRETS["console token"], {200, 302, 303}), (SECRETS["wrong console token"], {401, 403})):
        headers = {"Authorization": f"Bearer {token}"}
        for path in ("/api/v1/endpoints", "/api/v1/sources", "/api/v1/deliveries"):
            assert await at.ask("GET", at.console + path, headers=headers) in statuses
        await at.ask("POST", f"{at.console}/login", data={"token": token}, allow_redirects=False)
    headers = {"Authorization": f"Bearer {SECRETS['console token']}"}
    for path in ("/", "/people", "/sources", "/endpoints", "/deliveries", f"/{NUMBERS['plain']}"):
        await at.ask("GET", at.console + path, headers=headers)


async def _is_over(at: Watched) -> bool:
    """The long text was judged, all was attempted, some of it given up, and the traces have come."""
    logs = at.logs()
    metrics = await at.metrics_at(at.here.ports["dis0"])
    given_up = re.findall(r"consent_relay_given_up_total{.*} (\d+)", metrics)
    sent = {span.trace_id for span in at.collector.named("delivery.attempted")}
    return (
        "parts.judged" in logs["receiver0"]
        and sum(map(int, given_up)) >= 2 * (len(NUMBERS) - 1)
        and len(sent) >= len(NUMBERS)
        and "store.kept" in {span.name for span in at.collector.spans}
    )
