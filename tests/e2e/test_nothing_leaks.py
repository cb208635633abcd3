"""Whatever happens, logs, metrics and traces name no phone number and no secret: masks, ids and words of our own."""

from pathlib import Path

import pytest

from tests.e2e.watched import NUMBERS, SECRETS, live_through_everything, watched


@pytest.fixture
def _prompt_exports(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OTEL_BSP_SCHEDULE_DELAY", "100")


@pytest.mark.usefixtures("_prompt_exports")
async def test_no_number_and_no_secret_is_in_a_log_a_metric_or_a_trace(folder: Path) -> None:
    async with watched(folder) as at:
        await live_through_everything(at)
        told = {
            **{f"log of {name}": log for name, log in at.logs().items()},
            **{f"metrics of {name}": text for name, text in (await at.metrics()).items()},
            "traces": "\n".join(span.everything for span in at.collector.spans),
        }

    for where, text in told.items():
        leaked = [what for what, secret in {**NUMBERS, **SECRETS}.items() if secret in text]
        assert not leaked, where
    for log in ("log of receiver0", "log of dispatcher0"):
        assert '"level":"debug"' in told[log] or log.endswith("dispatcher0")
    assert f"•••••••{NUMBERS['plain'][-4:]}" in told["log of dispatcher0"]
