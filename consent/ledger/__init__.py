"""All of Redis lives here: what is known, what happened, and what is owed to whom.

`Ledger` (consent state and event log), `Queue` (deliveries), `Backlog` (the queue as an operator sees it) and
`Registry` (who is registered) share one `Store`.
"""

from consent.ledger.backlog import Attempt, Backlog, Depth, Owed
from consent.ledger.commit import Durability
from consent.ledger.ledger import HeldPart, Ledger, Waiting, Whole
from consent.ledger.queue import LEASE_MS, Look, Queue, Stretch, Verdict
from consent.ledger.registry import Registry, Watch
from consent.ledger.store import Server, Store, unsafe

__all__ = [
    "LEASE_MS",
    "Attempt",
    "Backlog",
    "Depth",
    "Durability",
    "HeldPart",
    "Ledger",
    "Look",
    "Owed",
    "Queue",
    "Registry",
    "Server",
    "Store",
    "Stretch",
    "Verdict",
    "Waiting",
    "Watch",
    "Whole",
    "unsafe",
]
