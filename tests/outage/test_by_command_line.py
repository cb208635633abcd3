"""An endpoint was down for an hour: found, understood and repaired by somebody who has a terminal and nothing else."""

import re
from asyncio import gather

from tests.outage.relay import Relay, eventually


async def test_an_endpoint_that_refused_connections_for_an_hour(refusing: Relay) -> None:
    typed = refusing.typed
    doctor, listed, shown = await gather(typed("doctor"), typed("endpoint", "list"), typed("endpoint", "show", "crm"))
    since, unheard = found("in a row since (.{20})", shown.out), found("opt-out waits since (.{20})", shown.out)
    resting_until = found("nothing is sent before (.{19})", shown.out).replace(" ", "T")
    assert doctor.code == 1
    assert (
        f"acme/crm is failing since {since} (connect_refused: Connection refused): nothing listens there" in doctor.out
    )
    assert re.search(r"BAD +opt-outs +acme/crm was not told of an opt-out of 1 hour", doctor.out)
    assert re.search(rf"acme/crm +failing: connect_refused: Connection refused +62 +0 +0 +{unheard}", listed.out)
    assert re.search(r"health +failing, \d+ failures in a row since ", shown.out)
    assert re.search(r"what to do +nothing listens there: check the port, and that the system runs", shown.out)
    assert re.search(r"owed +something for 62 numbers, 0 under way; the oldest opt-out waits since ", shown.out)

    waiting, attempts, refused = await gather(
        typed("deliveries", "list", "--endpoint", "crm", "--json"),
        typed("deliveries", "tail", "--endpoint", "crm", "--failed", "-n", "3"),
        typed("endpoint", "test", "crm"),
    )
    tried = next(each for each in waiting.json if each["attempts"])
    story = await typed("deliveries", "show", tried["event_id"])
    assert tried["reason"] == "connect_refused: Connection refused"
    assert tried["due_at"] >= resting_until
    assert attempts.out.count("connect_refused") == 3
    assert "connect_refused: Connection refused" in story.out
    assert (refused.code, "nothing listens there" in refused.out) == (1, True)

    await refusing.crm.come_up()
    mended = await typed("endpoint", "test", "crm")
    still = await typed("doctor")
    assert (mended.code, mended.out.split()[0]) == (0, "delivered")
    assert (still.code, "acme/crm was not told of an opt-out" in still.out) == (1, True)

    await refusing.minutes(6)  # nobody does anything: the next probe closes the breaker, and all that waited goes out
    await see_it_mended(refusing)
    await refusing.was_alarmed("endpoint.failing", "optout.overdue", "endpoint.recovered")


async def test_an_endpoint_that_was_disabled_after_forty_minutes_of_503(unavailable: Relay) -> None:
    typed = unavailable.typed
    doctor, listed, shown, events = await gather(
        typed("doctor"),
        typed("endpoint", "list"),
        typed("endpoint", "show", "crm"),
        typed("events", "tail", "--type", "endpoint.*"),
    )
    assert doctor.code == 1
    assert re.search(r"warning +endpoint +acme/crm is disabled: .*http_503\. What it is owed is held", doctor.out)
    assert re.search(r"BAD +opt-outs +acme/crm was not told of an opt-out of 1 hour", doctor.out)
    assert re.search(r"acme/crm +disabled: nothing was delivered for .*: http_503 +62 ", listed.out)
    assert re.search(r"what to do +it is overloaded, or closed for maintenance: look there", shown.out)
    assert [line.split()[2] for line in events.out.splitlines()] == ["endpoint.failing", "endpoint.disabled"]

    waiting, too_early, refused = await gather(
        typed("deliveries", "list", "--endpoint", "crm", "--json"),
        typed("deliveries", "replay", "crm", "--since", "2h", "--yes"),
        typed("endpoint", "test", "crm", "--json"),
    )
    assert {each["reason"] for each in waiting.json if each["state"] == "due"} == {"held: the endpoint is disabled"}
    assert (too_early.code, "first `consent-relay endpoint enable acme/crm`" in too_early.err) == (1, True)
    assert (refused.code, refused.json["status"]) == (1, 503)

    unavailable.crm.answers.clear()
    mended = await typed("endpoint", "test", "crm", "--json")
    enabled = await typed("endpoint", "enable", "crm")
    assert (mended.code, mended.json["result"]) == (0, "delivered")
    assert (enabled.code, "goes out within seconds, opt-outs first" in enabled.out) == (0, True)
    await see_it_mended(unavailable)
    await unavailable.was_alarmed("endpoint.failing", "optout.overdue", "endpoint.disabled", "endpoint.recovered")


async def see_it_mended(relay: Relay) -> None:
    await eventually(relay.was_told_all)
    doctor, shown = await gather(relay.typed("doctor"), relay.typed("endpoint", "show", "crm", "--json"))
    line = shown.json
    assert (doctor.code, "no endpoint is failing, and no opt-out waits" in doctor.out) == (0, True)
    assert (line["health"], line["owed"], line["dead"], line["oldest_unheard_optout"]) == ("healthy", 0, 0, None)
    assert relay.crm.forged == 0


def found(pattern: str, text: str) -> str:
    match = re.search(pattern, text)
    assert match, text
    return match[1]
