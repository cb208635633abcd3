"""Does every link between the pages lead somewhere?"""

from pathlib import Path
from urllib.parse import unquote

import pytest

from tests.docs.pages import ROOT, Link, anchors, links, pages, slug_of

ALARMS = {
    "opt-out-overdue",
    "endpoint-failing",
    "endpoint-disabled",
    "backlog-growing",
    "webhooks-refused",
    "store-unsafe",
    "process-down",
    "dead-letters",
}
"""The alert rules and the dashboard link to these."""


@pytest.mark.parametrize("page", pages(), ids=lambda page: str(page.relative_to(ROOT)))
def test_every_link_of_a_page_leads_somewhere(page: Path) -> None:
    assert [str(link) for link in links(page) if _is_ours(link) and not _leads_somewhere(link)] == []


def test_every_page_is_reached_from_the_index() -> None:
    index = ROOT / "docs" / "README.md"
    reached, waiting = {index}, [index]
    while waiting:
        page = waiting.pop()
        for link in links(page):
            target = _target(link)
            if _is_ours(link) and target.suffix == ".md" and target.exists() and target not in reached:
                reached.add(target)
                waiting.append(target)

    assert set(ROOT.glob("docs/**/*.md")) - reached == set()


def test_every_alarm_has_its_place_in_the_operating_page() -> None:
    missing = ALARMS - anchors(ROOT / "docs" / "operating.md")

    assert missing == set()


@pytest.mark.parametrize(
    ("heading", "slug"),
    [
        ("Opt-out overdue", "opt-out-overdue"),
        ("[[accounts]]", "accounts"),
        ("May it?", "may-it"),
        ("`a_b` of §5", "a_b-of-5"),
    ],
)
def test_an_anchor_is_what_github_makes_of_a_heading(heading: str, slug: str) -> None:
    assert slug_of(heading.replace("`", "")) == slug


def _is_ours(link: Link) -> bool:
    return "://" not in link.target and not link.target.startswith("mailto:")


def _target(link: Link) -> Path:
    path = unquote(link.target.partition("#")[0])
    return (link.page.parent / path).resolve() if path else link.page


def _leads_somewhere(link: Link) -> bool:
    target, anchor = _target(link), link.target.partition("#")[2]
    return target.exists() and target.is_relative_to(ROOT) and (not anchor or anchor in anchors(target))
