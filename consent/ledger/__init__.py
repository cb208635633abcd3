"""All of Redis lives here: what is known, what happened, and what is owed to whom.

`Ledger` (consent state and event log), `OptOuts` (its lists, page by page), `Queue` (deliveries), `Backlog` (the queue
as an operator sees it) and `Registry` (who is registered) share one `Store`.
"""

from consent.ledger.backlog import Attempt, Backlog, Depth, Owed
from consent.ledger.bookmarks import Bookmark, Bookmarks
from consent.ledger.bulk import Bulk, Entry, Kind, Listed, Tally, Window
from consent.ledger.commit import Durability
from consent.ledger.feed import Feed, Page
from consent.ledger.glance import Glance
from consent.ledger.health import Grant, Health, HealthRules, Said, Standing, Transition, Wish
from consent.ledger.ledger import HeldPart, Ledger, Waiting, Whole
from consent.ledger.lookup import Lookup
from consent.ledger.optouts import OptOuts
from consent.ledger.pulse import Beat, Pulse, Pulsing
from consent.ledger.queue import LEASE_MS, Queue
from consent.ledger.registry import Registry, Watch
from consent.ledger.replay import Mark, Passage, Replays
from consent.ledger.routing import Routing
from consent.ledger.schedule import Claimed, Due, Look, Order, Settled, Stretch, Verdict
from consent.ledger.store import Server, Store, unsafe

__all__ = [
    "LEASE_MS",
    "Attempt",
    "Backlog",
    "Beat",
    "Bookmark",
    "Bookmarks",
    "Bulk",
    "Claimed",
    "Depth",
    "Due",
    "Durability",
    "Entry",
    "Feed",
    "Glance",
    "Grant",
    "Health",
    "HealthRules",
    "HeldPart",
    "Kind",
    "Ledger",
    "Listed",
    "Look",
    "Lookup",
    "Mark",
    "OptOuts",
    "Order",
    "Owed",
    "Page",
    "Passage",
    "Pulse",
    "Pulsing",
    "Queue",
    "Registry",
    "Replays",
    "Routing",
    "Said",
    "Server",
    "Settled",
    "Standing",
    "Store",
    "Stretch",
    "Tally",
    "Transition",
    "Verdict",
    "Waiting",
    "Watch",
    "Whole",
    "Window",
    "Wish",
    "unsafe",
]
