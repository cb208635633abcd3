"""Why does a delivery still wait, and until when? The queue knows when it is due; whether its endpoint is sent anything
then, and what it died of the last time, is known elsewhere."""

from collections.abc import Mapping, Sequence
from dataclasses import replace

from consent.directory import Directory
from consent.ledger import Attempt, Standing
from consent.model import EndpointId
from console.deliverylines import DeliveryLine
from console.moments import moment

_HEALTHY = Standing()


def explained(
    lines: Sequence[DeliveryLine],
    attempts: Sequence[Attempt],
    directory: Directory,
    standings: Mapping[EndpointId, Standing],
) -> list[DeliveryLine]:
    """`attempts`: the newest first, delivered ones among them or not."""
    last: dict[tuple[str, str], str] = {}
    for attempt in attempts:
        last.setdefault((attempt.endpoint, attempt.event), attempt.record.error)
    return [
        _explained(
            line,
            last.get((line.endpoint, line.event_id), ""),
            directory,
            standings.get(EndpointId(line.endpoint), _HEALTHY),
        )
        if line.state == "due"
        else line
        for line in lines
    ]


def _explained(line: DeliveryLine, last: str, directory: Directory, standing: Standing) -> DeliveryLine:
    endpoint = directory.endpoints.get(EndpointId(line.endpoint))
    if endpoint and endpoint.disabled:
        return replace(line, due_at=None, reason="held: the endpoint is disabled")
    if standing.opened and line.due_at and line.due_at < moment(standing.shut_until):
        return replace(line, due_at=moment(standing.shut_until), reason=last or "the endpoint gets a rest")
    return replace(line, reason=last)
