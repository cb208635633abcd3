"""What the delivery loop hears, in its place."""

from collections.abc import Sequence, Set

from consent.model import Delivery, EndpointId, Lease, Partition, UnixMs
from dispatcher.deliver import Reserved


class Told:
    def __init__(self) -> None:
        self.due: list[tuple[Partition, EndpointId]] = []
        self.urgent: list[tuple[Partition, EndpointId]] = []
        """Those of them with an opt-out among it."""
        self.room = 0
        """For so many of each stretch."""
        self.reserved: list[Reserved] = []
        """And not answered yet."""
        self.held: list[Lease] = []

    def reserve(self, deliveries: Sequence[Delivery]) -> Reserved:
        places = frozenset(range(min(self.room, len(deliveries))))
        self.reserved.append(Reserved(places, {}, f"token-{id(self)}", UnixMs(0)))
        return self.reserved[-1]

    def hold(self, reserved: Reserved, leases: Sequence[Lease]) -> None:
        self.reserved.remove(reserved)
        self.held += leases

    def became_due(
        self, partition: Partition, endpoints: Set[EndpointId], *, urgent: Set[EndpointId] = frozenset()
    ) -> None:
        self.urgent += [(partition, endpoint) for endpoint in endpoints & urgent]
        self.due += [(partition, endpoint) for endpoint in endpoints]
