"""What a lock names is what is installed, today and after the next release of any package in it."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.e2e.installation import ROOT

PLACES = [ROOT / "Makefile", ROOT / "Dockerfile", ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
LOCKS = sorted(ROOT.glob("*.lock"))
VARIABLE = re.compile(r"^(\w+) *:?= *(.*)$", re.MULTILINE)


def commands(place: Path) -> Iterator[str]:
    """Every command of a file that installs from a lock, with what its variables stand for."""
    text = re.sub(r"\\\n", " ", place.read_text())
    variables = dict(VARIABLE.findall(text))
    for line in text.splitlines():
        if re.search(r"-r \S+\.lock", line):
            yield re.sub(r"\$\((\w+)\)", lambda name: variables.get(name[1], name[0]), line)


@pytest.mark.parametrize("place", PLACES, ids=lambda place: place.name)
def test_an_installation_from_a_lock_checks_its_hashes_and_resolves_nothing(place: Path) -> None:
    for command in commands(place):
        assert "--require-hashes" in command
        assert "--no-deps" in command


def test_there_are_such_installations() -> None:
    assert [place.name for place in PLACES for _ in commands(place)] == [
        "Makefile", "Makefile", "Dockerfile", "deploying.md"
    ]  # fmt: skip


@pytest.mark.parametrize("lock", LOCKS, ids=lambda lock: lock.name)
def test_a_lock_pins_each_package_with_hashes_and_names_no_index(lock: Path) -> None:
    pins = re.findall(r"^\S.*?(?=^\S|\Z)", lock.read_text(), re.MULTILINE | re.DOTALL)
    assert pins
    for pin in pins:
        assert re.match(r"[\w.-]+==\S+ ", pin), pin.splitlines()[0]
        assert "--hash=sha256:" in pin, pin.splitlines()[0]
    assert "://" not in lock.read_text()
