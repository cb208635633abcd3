"""Does docs/operating.md list every line that the log may have, and none that it has not?"""

import re

from tests.docs.pages import ROOT

PACKAGES = ("config", "consent", "receiver", "dispatcher", "console")
_LOGGED = re.compile(r"\blog\.(?:debug|info|warning|error|exception|log)\(\s*\"([a-z_]+\.[a-z_]+)\"")
_ROW = re.compile(r"^\| ((?:`[a-z_]+\.[a-z_]+`(?:, )?)+) \| (?:error|warning|info|debug)", re.MULTILINE)


def sources() -> str:
    return "\n".join(file.read_text("utf-8") for package in PACKAGES for file in sorted((ROOT / package).rglob("*.py")))


def listed() -> set[str]:
    page = (ROOT / "docs" / "operating.md").read_text("utf-8")
    return {event for row in _ROW.findall(page) for event in re.findall(r"`([a-z_.]+)`", row)}


def test_every_line_of_the_log_is_on_the_page() -> None:
    assert set(_LOGGED.findall(sources())) - listed() == set()


def test_every_line_on_the_page_is_one_that_the_log_may_have() -> None:
    code = sources()

    assert {event for event in listed() if f'"{event}"' not in code} == set()
