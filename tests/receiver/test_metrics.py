"""What Prometheus and the dashboard are told of webhooks and calls: each counted once, under words of our own."""

from consent.errors import NoSuchSource, StoreUnavailable, Unverified
from consent.ledger import Pulse, Registry, Store
from consent.model import EventId, EventType, SourceId, UnixMs
from receiver.metrics import Metrics
from receiver.reception import ReadInPart, Receipt
from receiver.tally import Tally
from tests.builders import ACME, ANN, NOON, a_source
from tests.e2e.installation import Installation, eventually
from tests.receiver.test_receiver_app import NEXMO, Running, ready, running

ONE = Receipt(events=(EventId("evt_1_1_0"),), types=(EventType.OPTED_OUT,))
NEXMO_LABELS = 'account="acme",provider="nexmo",source="nexmo-main"'


def counted(tally: Tally) -> dict[str, float]:
    """By Prometheus' own reading: name and labels -> value."""
    return {
        sample.name.removeprefix("consent_relay_")
        + "".join(f" {word}" for _, word in sorted(sample.labels.items()) if word): sample.value
        for family in Metrics(tally).collect()
        for sample in family.samples
    }


def test_a_webhook_is_counted_under_one_outcome_and_by_what_it_brought() -> None:
    tally = Tally()
    batch = Receipt(events=(EventId("evt_1_1_0"), EventId("evt_1_2_0")), duplicates=1, superseded=1)

    for receipt in (ONE, ONE, batch, Receipt(duplicates=1), Receipt(parts_held=1), Receipt()):
        tally.accepted(NEXMO, receipt, NOON, 0.002)

    found = counted(tally)
    words = ("recorded", "duplicate", "held", "ignored", "refused")
    outcomes = {word: found[f"webhooks_total acme {word} nexmo nexmo-main"] for word in words}
    assert outcomes == {"recorded": 3, "duplicate": 1, "held": 1, "ignored": 1, "refused": 0}
    assert found["webhook_events_total acme nexmo nexmo-main"] == 4
    assert found["webhook_duplicates_total acme nexmo nexmo-main"] == 2
    assert found["webhook_superseded_total acme nexmo nexmo-main"] == 1
    assert found["webhook_parts_held_total acme nexmo nexmo-main"] == 1
    assert found["ingest_seconds_count"] == found["ingest_seconds_bucket 0.0025"] == 6
    assert found["ingest_seconds_bucket 0.001"] == 0


def test_what_a_batch_brought_that_was_read_in_part_is_counted_though_it_was_refused() -> None:
    tally = Tally()
    brought = Receipt(events=(EventId("evt_1_1_0"), EventId("evt_1_2_0")), duplicates=1, superseded=1)
    tally.refused(NEXMO, ReadInPart("1 of 4 cannot be read", brought), now=NOON)

    found = counted(tally)

    assert found["webhooks_refused_total acme nexmo malformed nexmo-main"] == 1
    assert found["webhooks_total acme refused nexmo nexmo-main"] == 1
    assert found["webhooks_total acme recorded nexmo nexmo-main"] == 0
    assert found["webhook_events_total acme nexmo nexmo-main"] == tally.counters()["events"] == 2
    assert found["webhook_duplicates_total acme nexmo nexmo-main"] == 1


def test_a_refused_webhook_is_counted_by_its_reason_and_one_of_nobody_as_nobodys() -> None:
    tally = Tally()
    tally.refused(NEXMO, Unverified("it is not signed"), now=NOON)
    tally.refused(None, NoSuchSource("no source has this token"), now=NOON)
    tally.refused(NEXMO, StoreUnavailable("the store is away"), now=UnixMs(NOON + 1000))

    found = counted(tally)

    assert found["webhooks_refused_total acme nexmo unverified nexmo-main"] == 1
    assert found["webhooks_refused_total acme nexmo store_unavailable nexmo-main"] == 1
    assert found["webhooks_refused_total unknown_token"] == 1
    assert found["webhooks_total acme refused nexmo nexmo-main"] == 2
    assert found["source_last_received_timestamp_seconds acme nexmo nexmo-main"] == NOON / 1000 + 1


def test_a_source_that_got_a_new_token_is_one_source_still() -> None:
    tally = Tally()
    tally.accepted(NEXMO, ONE, UnixMs(NOON + 5000), 0.001)
    tally.accepted(a_source(token="another-t0ken-of-its-own"), ONE, NOON, 0.001)

    assert counted(tally)["webhook_events_total acme nexmo nexmo-main"] == 2
    assert counted(tally)["source_last_received_timestamp_seconds acme nexmo nexmo-main"] == NOON / 1000 + 5
    assert tally.counters()["source:acme/nexmo-main:received"] == 2
    assert tally.counters()["source:acme/nexmo-main:last_at"] == NOON + 5000


def test_the_dashboard_is_told_the_same_in_numbers() -> None:
    tally = Tally()
    tally.accepted(NEXMO, ONE, NOON, 0.001)
    tally.accepted(a_source(id=SourceId("other"), token="other-t0ken-of-16-chars"), Receipt(duplicates=1), NOON, 0.001)
    tally.refused(NEXMO, Unverified("it is not signed"), now=UnixMs(NOON + 1))
    tally.refused(None, NoSuchSource("no source has this token"), now=NOON)
    tally.answered("wxml", 200, events=2, seconds=0.001)

    assert tally.counters() == {
        "events": 3, "webhooks": 4, "duplicates": 1, "refused": 2,
        "source:acme/nexmo-main:received": 2,
        "source:acme/nexmo-main:refused:unverified": 1,
        "source:acme/nexmo-main:last_at": NOON + 1,
        "source:acme/other:received": 1,
        "source:acme/other:last_at": NOON,
    }  # fmt: skip


async def metrics_of(here: Running) -> str:
    async with here.http.get(f"{here.internal_url}/metrics") as response:
        assert response.status == 200
        return await response.text()


async def test_a_running_receiver_tells_what_came_in(store: Store, registry: Registry) -> None:
    await registry.put(NEXMO)
    async with running(store) as here:
        await ready(here)
        assert await here.post() == 200
        assert await here.post() == 200
        assert await here.post(token="nobody-has-this-token") == 404
        for path in ("/v1/consent/1116/16502426055", f"/numbers/{ANN}"):
            async with here.http.get(here.url + path) as response:
                assert response.status in {401, 404}
        text = await metrics_of(here)

    for outcome in ("recorded", "duplicate"):
        labels = f'account="acme",outcome="{outcome}",provider="nexmo",source="nexmo-main"'
        assert f"consent_relay_webhooks_total{{{labels}}} 1.0" in text
    assert 'consent_relay_webhooks_refused_total{account="",provider="",reason="unknown_token",source=""} 1.0' in text
    assert f"consent_relay_webhook_duplicates_total{{{NEXMO_LABELS}}} 1.0" in text
    assert 'consent_relay_api_calls_total{route="check",status="401"} 1.0' in text
    assert 'consent_relay_other_requests_total{status="404"} 1.0' in text
    assert "consent_relay_ingest_seconds_count 2.0" in text
    assert "consent_relay_ready 1.0" in text
    assert "consent_relay_store_safe 1.0" in text
    assert "consent_relay_store_clock_ahead_seconds" in text
    assert ANN not in text
    assert NEXMO.token not in text


async def test_a_running_receiver_tells_the_dashboard(store: Store, registry: Registry) -> None:
    await registry.put(NEXMO)
    async with running(store) as here:
        await ready(here)
        assert await here.post() == 200

        async def is_told() -> bool:
            beats = await Pulse(store).beats()
            return [beat.counters.get("source:acme/nexmo-main:received") for beat in beats] == [1]

        await eventually(is_told, within=30)
        (beat,) = await Pulse(store).beats()

    assert beat.kind == "receiver"
    assert (beat.counters["events"], beat.counters["webhooks"], beat.counters["refused"]) == (1, 1, 0)


async def test_a_store_that_is_away_shows_as_unsafe_and_by_the_flushes_that_failed(own: Installation) -> None:
    async with own.opened() as store, running(store) as here:
        await Registry(store).put(NEXMO)
        await ready(here)
        await eventually(lambda: here.receiver.reception.known().source(ACME, NEXMO.id) is not None)
        await own.kill("store")
        assert await here.post() == 503

        async def is_told() -> bool:
            return "consent_relay_store_safe 0.0" in await metrics_of(here)

        await eventually(is_told, within=30)
        text = await metrics_of(here)

    assert "consent_relay_ready 0.0" in text
    assert 'consent_relay_store_checks_failed_total{reason="store_unavailable"}' in text
    assert "consent_relay_flushes_failed_total 0.0" not in text
    assert 'reason="store_unavailable",source="nexmo-main"} 1.0' in text
