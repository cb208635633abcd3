"""Does the suite itself work? A few seconds of it; `make chaos` is the run that counts."""

from tests.chaos.run import Plan, carried_out
from tests.chaos.schedule import DISPATCHERS, RECEIVERS


async def test_a_few_faults_break_no_promise() -> None:
    report = await carried_out(Plan(seed=7, events=300, faults=5, minutes=0.1, rate=60, numbers=20, takes_over=False))

    assert report.violations == [], "\n".join(report.lines())
    assert report.events == 300
    assert len(report.done) == 5
    assert report.work_alone.keys() == {*RECEIVERS, *DISPATCHERS}
