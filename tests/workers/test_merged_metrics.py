"""What workers count is added up, what they only see is told once, and nothing that was told falls when one dies."""

import asyncio

import aiohttp
import pytest
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.parser import text_string_to_metric_families

from config.merging import GAUGES, Merging, Telling
from tests.e2e.installation import Installation, eventually, text
from tests.workers.crewed import PATIENCE_S, Crew, crew

FIRST = """
# TYPE consent_relay_webhooks_total counter
consent_relay_webhooks_total{source="a",outcome="recorded"} 3
consent_relay_webhooks_total{outcome="recorded",source="b"} 1
# TYPE consent_relay_flush_calls histogram
consent_relay_flush_calls_bucket{le="1.0"} 1
consent_relay_flush_calls_bucket{le="+Inf"} 2
consent_relay_flush_calls_count 2
consent_relay_flush_calls_sum 9
# TYPE consent_relay_attempts_under_way gauge
consent_relay_attempts_under_way 4
# TYPE consent_relay_deliveries gauge
consent_relay_deliveries{state="due"} 70
# TYPE consent_relay_oldest_optout_seconds gauge
consent_relay_oldest_optout_seconds{endpoint="crm"} 5
# TYPE consent_relay_store_safe gauge
consent_relay_store_safe 1
# TYPE consent_relay_ready gauge
consent_relay_ready 1
"""
SECOND = """
# TYPE consent_relay_webhooks_total counter
consent_relay_webhooks_total{outcome="recorded",source="a"} 10
consent_relay_webhooks_total{outcome="refused",source="c"} 2
# TYPE consent_relay_flush_calls histogram
consent_relay_flush_calls_bucket{le="1.0"} 0
consent_relay_flush_calls_bucket{le="+Inf"} 5
consent_relay_flush_calls_count 5
consent_relay_flush_calls_sum 50.5
# TYPE consent_relay_attempts_under_way gauge
consent_relay_attempts_under_way 3
# TYPE consent_relay_deliveries gauge
consent_relay_deliveries{state="due"} 71
# TYPE consent_relay_oldest_optout_seconds gauge
consent_relay_oldest_optout_seconds{endpoint="crm"} 7.5
# TYPE consent_relay_store_safe gauge
consent_relay_store_safe 0
# TYPE consent_relay_ready gauge
consent_relay_ready 0
"""
COUNT = 'consent_relay_webhooks_total{outcome="recorded",source="a"}'
UNDER_WAY = "consent_relay_attempts_under_way"


def told(merging: Merging) -> dict[str, float]:
    """As Prometheus reads it."""
    registry = CollectorRegistry()
    registry.register(merging)
    lines = (line for line in generate_latest(registry).decode().splitlines() if not line.startswith("#"))
    return {name: float(value) for name, _, value in (line.rpartition(" ") for line in lines)}


def heard(**processes: str) -> Merging:
    merging = Merging()
    for number, (process, said) in enumerate(processes.items(), start=1):
        merging.hear(number, Telling.read(process, said))
    return merging


def test_each_metric_is_joined_by_what_it_means() -> None:
    assert told(heard(first=FIRST, second=SECOND)) == {
        COUNT: 13,
        'consent_relay_webhooks_total{outcome="recorded",source="b"}': 1,
        'consent_relay_webhooks_total{outcome="refused",source="c"}': 2,
        'consent_relay_flush_calls_bucket{le="1.0"}': 1,
        'consent_relay_flush_calls_bucket{le="+Inf"}': 7,
        "consent_relay_flush_calls_count": 7,
        "consent_relay_flush_calls_sum": 59.5,
        UNDER_WAY: 7,
        'consent_relay_deliveries{state="due"}': 71,
        'consent_relay_oldest_optout_seconds{endpoint="crm"}': 7.5,
        "consent_relay_store_safe": 0,
        "consent_relay_ready": 1,
    }


def test_what_a_worker_counted_stays_counted_when_another_process_takes_its_place() -> None:
    merging = heard(first=FIRST, second=SECOND)

    merging.miss(1)
    while_dead = told(merging)
    merging.hear(1, Telling.read("third", FIRST))

    assert (while_dead[COUNT], while_dead[UNDER_WAY]) == (13, 3)
    assert (told(merging)[COUNT], told(merging)[UNDER_WAY]) == (16, 7)
    merging.hear(1, Telling.read("third", FIRST))
    assert told(merging)[COUNT] == 16
    merging.hear(1, Telling.read("fourth", FIRST))
    assert told(merging)[COUNT] == 19
    assert told(merging)["consent_relay_flush_calls_count"] == 3 * 2 + 5


def test_who_never_spoke_is_missed_by_nobody() -> None:
    merging = heard(first=FIRST)
    merging.miss(2)

    assert told(merging)[COUNT] == 3


async def test_together_workers_tell_what_was_sent_also_after_one_was_killed(here: Installation) -> None:
    await here.register()
    async with crew(here, "receiver") as receivers:
        await post(here, range(40))
        before = await receivers.value("consent_relay_webhooks_total", outcome="recorded")
        assert before == 40
        assert await receivers.value("consent_relay_ingest_seconds_count") == 40
        assert await receivers.value("consent_relay_build_info") == 1

        receivers.kill(1)
        counted = [before]
        looking = asyncio.create_task(looked_at(receivers, counted))
        await receivers.back_after(1)
        await post(here, range(40, 100))
        await eventually(lambda: counted[-1] == 100, within=PATIENCE_S)

        looking.cancel()
        assert counted == sorted(counted)
        assert await receivers.value("consent_relay_ingest_seconds_count") == 100
        assert await receivers.value("consent_relay_workers") == 2
        assert receivers.active("webhook.accepted") == {1, 2}


async def looked_at(receivers: Crew, counted: list[float]) -> None:
    """As often as it can be."""
    while True:
        counted.append(await receivers.value("consent_relay_webhooks_total"))


async def post(here: Installation, turns: range) -> None:
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(force_close=True)) as http:
        texts = [text(f"16502420{turn:03}", "STOP", identity=f"m{turn}") for turn in turns]
        answers = await asyncio.gather(*(http.post(here.hook(), data=sms) for sms in texts))
        assert {answer.status for answer in answers} == {200}


@pytest.mark.parametrize("kind", ["receiver", "dispatcher"])
async def test_of_every_gauge_it_was_decided_how_two_are_one(here: Installation, kind: str) -> None:
    """By a process that stands alone: this is what each worker tells."""
    await (here.start_receiver() if kind == "receiver" else here.start_dispatcher())
    port = here.ports["in0" if kind == "receiver" else "dis0"]
    async with aiohttp.ClientSession() as http, http.get(f"http://127.0.0.1:{port}/metrics") as response:
        families = [*text_string_to_metric_families(await response.text())]

    assert {family.name for family in families if family.type == "gauge"} <= GAUGES.keys()
    assert {family.type for family in families} == {"gauge", "counter", "histogram"}
