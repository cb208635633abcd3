"""The published clients get what they need: some by themselves over TLS, the others by what they put on the wire."""

import asyncio
import ssl
import warnings
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import trustme

from consent.ledger import Store
from consent.model import Status
from tests.receiver.apis.opt_in_served import QUERY, Served, served

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # old code: one of them announces that there is a newer version of it
    import nexmo
    import vonage

_SAMPLES = Path(__file__).parent / "samples" / "opt_in"
NUMBER = "15559301529"
GUIDE_NUMBER = "441632960960"
NAMES = sorted(path.stem for path in _SAMPLES.glob("*.http"))


def sample(name: str) -> bytes:
    return (_SAMPLES / f"{name}.http").read_bytes()


# ── what they put on the wire ───────────────────────────────────────────────────────────────────────────────────────


@pytest.fixture
async def here(store: Store) -> AsyncIterator[Served]:
    """At the time at which the signed sample was signed."""
    async with served(store, now="2016-04-25 17:29:56") as here:
        await here.opt_out(NUMBER, "2014-08-20 12:00:00")
        await here.opt_out(GUIDE_NUMBER, "2014-08-20 12:00:01")
        yield here


@pytest.mark.parametrize("name", [name for name in NAMES if "query" in name and not name.endswith(("xml", "slash"))])
async def test_a_query_as_it_was_sent_is_answered_with_the_list(here: Served, name: str) -> None:
    answer = await here.exchange(sample(name))

    assert (answer.status, answer.headers["content-type"]) == (200, "application/json")
    assert answer.json["opt-in-count"] == "2"
    assert sorted(answer.json["opt-in-list"], key=lambda one: one["opt-out-date"]) == [
        {"msisdn": NUMBER, "opt-in": "false", "opt-out": "true", "opt-out-date": "2014-08-20 12:00:00"},
        {"msisdn": GUIDE_NUMBER, "opt-in": "false", "opt-out": "true", "opt-out-date": "2014-08-20 12:00:01"},
    ]


@pytest.mark.parametrize("name", [name for name in NAMES if "manage" in name and not name.endswith("xml")])
async def test_a_number_is_opted_in_again_as_it_was_asked_for(here: Served, name: str) -> None:
    number = GUIDE_NUMBER if name.startswith("guide") else NUMBER

    answer = await here.exchange(sample(name))

    assert (answer.status, answer.headers["content-type"]) == (200, "application/json")
    assert answer.json == {
        "msisdn": number,
        "opt-in": "true",
        "opt-in-date": "2016-04-25 17:29:56",
        "opt-out": "false",
    }
    assert await here.status(number) is Status.OPTED_IN


@pytest.mark.parametrize(("name", "root"), [("query", b"<opt-in-list "), ("manage", b"<opt-in ")])
async def test_the_xml_addresses_of_the_reference_answer_in_xml(here: Served, name: str, root: bytes) -> None:
    answer = await here.exchange(sample(f"reference-{name}-xml"))

    assert (answer.status, answer.headers["content-type"]) == (200, "text/xml; charset=utf-8")
    assert root in answer.body


async def test_the_guides_path_without_a_slash_is_no_http_and_refused(here: Served) -> None:
    """Node really sends it so; the provider's own front end may have mended it. No parser of ours takes it."""
    answer = await here.exchange(sample("guide-node-query-without-a-slash"))

    assert answer.status == 400


async def test_one_connection_serves_one_call_after_the_other(here: Served) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", here.port)
    writer.write(sample("python-vonage-3-query") + sample("python-vonage-3-manage"))
    for expected in (b"opt-in-list", b'"opt-in":"true"'):
        head = await reader.readuntil(b"\r\n\r\n")
        length = next(int(line[16:]) for line in head.split(b"\r\n") if line.lower().startswith(b"content-length: "))
        assert expected in await reader.readexactly(length)
    writer.close()
    await writer.wait_closed()


# ── by themselves ───────────────────────────────────────────────────────────────────────────────────────────────────


@dataclass
class Behind:
    """The API behind TLS, as behind any proxy."""

    here: Served
    host: str

    @asynccontextmanager
    async def vonage(self, secret: str = "s3cr3t") -> AsyncIterator[Any]:
        client = vonage.Client(key="abcd1234", secret=secret)
        client.host(self.host)
        try:
            yield client.short_codes
        finally:
            client.session.close()

    def nexmo(self, secret: str = "s3cr3t") -> Any:
        client = nexmo.Client(key="abcd1234", secret=secret)
        client.host = self.host
        return client


@pytest.fixture
async def behind(here: Served, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Behind]:
    authority = trustme.CA()
    authority.cert_pem.write_to_path(tmp_path / "ca.pem")
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(tmp_path / "ca.pem"))
    async with tls_in_front_of(here.port, authority) as port:
        yield Behind(here, f"localhost:{port}")


@asynccontextmanager
async def tls_in_front_of(port: int, authority: trustme.CA) -> AsyncIterator[int]:
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    authority.issue_cert("localhost").configure_cert(context)

    async def relay(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        there_reader, there_writer = await asyncio.open_connection("127.0.0.1", port)
        await asyncio.gather(copy(reader, there_writer), copy(there_reader, writer))

    async def copy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        async with AsyncExitStack() as stack:
            stack.callback(writer.close)
            while data := await reader.read(65536):
                writer.write(data)
                await writer.drain()

    async with await asyncio.start_server(relay, "127.0.0.1", 0, ssl=context) as server:
        yield int(server.sockets[0].getsockname()[1])


async def test_vonage_lists_and_resubscribes(behind: Behind) -> None:
    async with behind.vonage() as client:
        listed = await asyncio.to_thread(client.get_event_alert_numbers)
        again = await asyncio.to_thread(client.resubscribe_event_alert_number, msisdn=NUMBER)
        left = await asyncio.to_thread(client.get_event_alert_numbers)

    assert {one["msisdn"] for one in listed["opt-in-list"]} == {NUMBER, GUIDE_NUMBER}
    assert (again["msisdn"], again["opt-in"]) == (NUMBER, "true")
    assert (left["opt-in-count"], [one["msisdn"] for one in left["opt-in-list"]]) == ("1", [GUIDE_NUMBER])


async def test_nexmo_lists_and_resubscribes(behind: Behind) -> None:
    client = behind.nexmo()
    listed = await asyncio.to_thread(client.get_event_alert_numbers)
    again = await asyncio.to_thread(client.resubscribe_event_alert_number, {"msisdn": NUMBER})
    left = await asyncio.to_thread(client.get_event_alert_numbers)

    assert {one["msisdn"] for one in listed["opt-in-list"]} == {NUMBER, GUIDE_NUMBER}
    assert (again["msisdn"], again["opt-in"]) == (NUMBER, "true")
    assert (left["opt-in-count"], [one["msisdn"] for one in left["opt-in-list"]]) == ("1", [GUIDE_NUMBER])


async def test_wrong_credentials_raise_in_both(behind: Behind) -> None:
    async with behind.vonage("wrong") as client:
        with pytest.raises(vonage.AuthenticationError):
            await asyncio.to_thread(client.get_event_alert_numbers)
    with pytest.raises(nexmo.AuthenticationError):
        await asyncio.to_thread(behind.nexmo("wrong").get_event_alert_numbers)


async def test_a_call_that_cannot_be_done_raises_in_both(behind: Behind) -> None:
    async with behind.vonage() as client:
        with pytest.raises(vonage.ClientError, match="103"):
            await asyncio.to_thread(client.resubscribe_event_alert_number, msisdn="nobody")
    with pytest.raises(nexmo.ClientError):
        await asyncio.to_thread(behind.nexmo().resubscribe_event_alert_number, {"msisdn": "nobody"})


async def test_a_fault_of_ours_raises_in_both(behind: Behind) -> None:
    behind.here.unsafe = "it does not persist"

    async with behind.vonage() as client:
        with pytest.raises(vonage.ServerError):
            await asyncio.to_thread(client.resubscribe_event_alert_number, msisdn=NUMBER)
    with pytest.raises(nexmo.ServerError):
        await asyncio.to_thread(behind.nexmo().resubscribe_event_alert_number, {"msisdn": NUMBER})


async def test_who_guesses_too_often_is_told_to_wait_and_raises(behind: Behind) -> None:
    for _ in range(10):
        assert (await behind.here.get(f"{QUERY}?api_key=abcd1234&api_secret=guess")).status == 401

    # A GET of this client waits for as long as Retry-After says, three times, before it raises.
    async with behind.vonage() as client:
        with pytest.raises(vonage.ClientError, match="Throughput Rate Exceeded"):
            await asyncio.to_thread(client.resubscribe_event_alert_number, msisdn=NUMBER)
    with pytest.raises(nexmo.ClientError):
        await asyncio.to_thread(behind.nexmo().get_event_alert_numbers)
