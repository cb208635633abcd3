"""What is an API call, and what becomes of it? A request with its address and its credentials, and the answer to it."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from re import Pattern

from consent.errors import ConsentError
from consent.model import AccountId, EventId
from receiver.codecs.codec import Reply
from receiver.inbound import Inbound


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    inbound: Inbound
    path: str
    """Without the query, still percent-encoded; a run of slashes counts as one."""
    authorization: str = ""
    """The header as sent."""
    caller: str = ""
    """The address of who calls; behind a trusted proxy, of who called that."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    reply: Reply
    account: AccountId | None = None
    outcome: str
    """One word for the log."""
    events: tuple[EventId, ...] = ()
    """What was recorded for it."""
    told: Mapping[str, object] = field(default_factory=dict)
    """More for the log; never a number, a secret or a body."""
    is_routine: bool = False
    """Nothing changed, and it happens before every text: not worth a line unless somebody debugs."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Route:
    name: str
    path: Pattern[str]
    """Matched against the whole of `Call.path`."""
    methods: frozenset[str]
    """HEAD among them where a GET changes nothing: it is answered as one, without the body."""
    handle: Callable[[Call], Awaitable[Answer]]
    """May raise any ConsentError; `refuse` words the answer to it."""
    refuse: Callable[[ConsentError, str], Reply]
    """(error, path) -> the answer as the clients of this API understand it."""
    max_body: int = 64 * 1024
    """Bytes. Some HTTP clients send a body with a GET, and it says nothing."""
