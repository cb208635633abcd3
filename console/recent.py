"""What happened lately, as an operator asks for it? By type, account and campaign; numbers as the desk shows them."""

from collections.abc import Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase

from consent.directory import Directory
from consent.ledger.recent import Recent
from consent.model import Event, EventType
from console.desk import Desk
from console.eventlines import EventLine, line_of
from console.lookup import account_meant, campaign_meant
from console.refusals import Unfit


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    types: tuple[str, ...] = ()
    """Patterns: "consent.*". Empty for all."""
    account: str | None = None
    campaign: str | None = None


async def paged(desk: Desk, asked: Asked, *, after: str, limit: int) -> tuple[list[EventLine], str | None]:
    """Newest first, with the cursor of the next page."""
    types = wanted(asked.types)

    def is_wanted(event: Event) -> bool:
        return (
            event.type in types and asked.account in (None, event.account) and asked.campaign in (None, event.campaign)
        )

    async with desk.reading() as store:
        page = await Recent(store).page(after=after, limit=limit, wanted=is_wanted)
        if not page.events and page.next is None:
            _ensure_known(await desk.registry(store).directory(), asked)
    return [line_of(event, mask_numbers=desk.mask_numbers) for event in page.events], page.next


def _ensure_known(directory: Directory, asked: Asked) -> None:
    """Of a name that nothing was found of: events outlive what they are about, so that is asked only then."""
    if asked.account is not None:
        account = account_meant(directory, asked.account)
        if asked.campaign is not None:
            campaign_meant(directory, account.id, asked.campaign)


def wanted(patterns: Sequence[str]) -> frozenset[EventType]:
    for pattern in patterns:
        if not any(fnmatchcase(kind, pattern) for kind in EventType):
            raise Unfit(f"type: no event is called {pattern[:80]}; there are {', '.join(EventType)}")
    named = patterns or ("*",)
    return frozenset(kind for kind in EventType if any(fnmatchcase(kind, pattern) for pattern in named))
