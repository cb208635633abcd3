"""Every change is on the record: who, what, when, on what; newest first, and pages that stay where they are."""

import pytest

from consent.errors import Refused
from consent.ledger import Store
from consent.ledger.audit import Audit


@pytest.fixture
def audit(store: Store) -> Audit:
    return Audit(store)


async def test_what_was_recorded_is_read(audit: Audit) -> None:
    await audit.record("cli:ann", "endpoint.disabled", "acme/crm", {"reason": "“maintenance”", "fields": ["a", "b"]})

    (entry,) = (await audit.read()).entries

    assert (entry.who, entry.what, entry.on) == ("cli:ann", "endpoint.disabled", "acme/crm")
    assert entry.details == {"reason": "“maintenance”", "fields": ["a", "b"]}
    assert entry.id.startswith(f"{entry.at}-")


async def test_pages_go_from_the_newest_to_the_oldest_whatever_is_recorded_meanwhile(audit: Audit) -> None:
    for number in range(5):
        await audit.record("ann", "account.added", f"a{number}", {})

    first = await audit.read(limit=2)
    await audit.record("ann", "account.added", "late", {})
    second = await audit.read(first.next or "", limit=2)
    third = await audit.read(second.next or "", limit=2)

    assert [[entry.on for entry in page.entries] for page in (first, second, third)] == [
        ["a4", "a3"],
        ["a2", "a1"],
        ["a0"],
    ]
    assert third.next is None


async def test_nothing_was_recorded_yet(audit: Audit) -> None:
    page = await audit.read()

    assert (page.entries, page.next) == ((), None)


@pytest.mark.parametrize("after", ["x", "1", "-", "1-2-3", "(1-2", "9" * 30 + "-0"])
async def test_a_cursor_that_was_never_handed_out_is_refused(audit: Audit, after: str) -> None:
    with pytest.raises(Refused, match="after"):
        await audit.read(after)
