"""What an endpoint was told comes once more when an operator asks for it, by real processes."""

import aiohttp

from config.clock import system_clock
from config.settings import load
from console.commands.replay import Range, order_of
from console.desk import Desk
from console.progress import shown
from console.replay import Replaying
from tests.builders import ANN
from tests.e2e.installation import Installation, crm, eventually, text


async def test_a_replay_arrives_in_order_under_the_same_ids_and_is_counted(
    here: Installation, http: aiohttp.ClientSession
) -> None:
    await here.register(crm(here.sink))
    await here.start_receiver()
    await here.start_dispatcher()
    for word, minute in (("STOP", 31), ("START", 32), ("STOP", 33)):
        post = text(ANN, word, identity=f"0A{minute}", at=f"2014-06-27 18:{minute}:33")
        async with http.post(here.hook(), data=post) as response:
            assert response.status == 200
    await eventually(lambda: len(here.sink.received) == 3)
    order = order_of("crm", Range("1h", None, None), (), now=system_clock(), only_dead=False)

    done = await Replaying(order).carry_out(Desk.of(load(here.folder / "relay0.toml")), shown("replaying", 3))

    assert done.queued == 3
    await eventually(lambda: len(here.sink.received) == 6)
    ids = [webhook_id for webhook_id, _ in here.sink.received]
    assert ids[3:] == ids[:3]
    async with http.get(f"http://127.0.0.1:{here.ports['dis0']}/metrics") as response:
        figures = await response.text()
    assert 'consent_relay_attempts_total{endpoint="acme/crm",outcome="delivered"} 6.0' in figures
    assert 'consent_relay_oldest_optout_seconds{endpoint="acme/crm"} 0.0' in figures
