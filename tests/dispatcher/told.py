"""What the delivery loop hears, in its place."""

from collections.abc import Set

from consent.model import EndpointId, Partition


class Told:
    def __init__(self) -> None:
        self.due: list[tuple[Partition, EndpointId]] = []

    def became_due(self, partition: Partition, endpoints: Set[EndpointId]) -> None:
        self.due += [(partition, endpoint) for endpoint in endpoints]
