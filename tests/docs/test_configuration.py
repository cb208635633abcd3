"""Is docs/configuration.md about this configuration, every key and every default of it? And can its files be read?"""

import os
import re
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from pydantic import BaseModel, TypeAdapter

from config.settings import KEYS, Settings, load
from consent.errors import Misconfigured
from consent.model import EventType
from receiver.codecs import CODECS
from tests.docs.pages import ROOT, Block, blocks, pages

PAGE = ROOT / "docs" / "configuration.md"
_TABLES = {"accounts", "campaigns", "sources", "endpoints"}
_HEADING = re.compile(r"^### \[+(?P<name>[a-z]+)\]+$")
_ROW = re.compile(r"^\| (?P<keys>`[a-z_]+`(?:, `[a-z_]+`)*) \| (?P<default>[^|]*) \|")


def rows() -> Iterator[tuple[str, str, str]]:
    """Section, key and default, as the page has them."""
    section = ""
    for line in PAGE.read_text("utf-8").splitlines():
        if heading := _HEADING.match(line):
            section = heading["name"]
        elif line.startswith("#"):
            section = ""
        elif section and (row := _ROW.match(line)):
            for key in re.findall(r"`([a-z_]+)`", row["keys"]):
                yield section, key, row["default"].strip()


def test_every_key_is_on_the_page_and_no_other() -> None:
    known = {(section, key) for section in KEYS[""] for key in KEYS[section]}

    assert {(section, key) for section, key, _ in rows()} == known


@pytest.mark.parametrize(("section", "key", "told"), list(rows()))
def test_the_default_on_the_page_is_the_default(section: str, key: str, told: str) -> None:
    field = _model(section).model_fields[key]
    if told == "required":
        assert field.is_required()
        return
    if told.startswith("generated"):
        assert field.default.get_secret_value() == ""
        return
    written = tomllib.loads(f"it = {re.sub(r'^`|`$', '', told)}")["it"]
    adapter: TypeAdapter[Any] = TypeAdapter(_model(section))
    needed = {name: "x" for name, each in _model(section).model_fields.items() if each.is_required()}
    needed |= {"url": "https://crm.example.com"} if "url" in needed else {}

    assert getattr(adapter.validate_python({**needed, key: written}), key) == getattr(
        adapter.validate_python(needed), key
    )


def test_every_event_that_an_endpoint_may_ask_for_is_on_the_page() -> None:
    page = PAGE.read_text("utf-8")
    kinds = set(EventType) - {EventType.ENDPOINT_TEST}

    named = set(
        re.findall(r"`([a-z]+\.[a-z_*]+|\*)`", page.partition("### [[endpoints]]")[2].partition("## Mistakes")[0])
    )

    assert kinds | {f"{kind.partition('.')[0]}.*" for kind in kinds} | {"*"} <= named


def _model(section: str) -> type[BaseModel]:
    annotation: Any = Settings.model_fields[section].annotation
    kind: type[BaseModel] = annotation.__args__[0] if section in _TABLES else annotation
    return kind


def tomls() -> list[Block]:
    return [block for page in pages() for block in blocks(page) if block.language == "toml"]


@pytest.mark.parametrize("block", tomls(), ids=str)
def test_what_a_page_shows_of_the_file_can_be_read(block: Block, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("CONSENT_RELAY_CONFIG", raising=False)
    if "durabilty" in block.text:
        return  # the page's own example of mistakes: below
    file = folder / "shown.toml"
    for text in _alternatives(_whole(block.text)):
        file.write_text(text, "utf-8")
        load(file, providers=CODECS)


def _alternatives(text: str) -> Iterator[str]:
    """A page may show a key twice in a row, with one value and with another."""
    lines = text.splitlines()
    again = [
        n for n, line in enumerate(lines) if n and "=" in line and line.split("=")[0] == lines[n - 1].split("=")[0]
    ]
    for dropped in [[n - 1 for n in again], again]:
        yield "\n".join(line for n, line in enumerate(lines) if n not in dropped)


def _whole(text: str) -> str:
    """A part of a file, with the account that it speaks of, and without the dots that stand for a secret."""
    named = (
        ""
        if "[[accounts]]" in text
        else "".join(
            f'\n[[accounts]]\nid = "{name}"\n'
            for name in sorted(set(re.findall(r'^account = "(.*)"$', text, re.MULTILINE)))
        )
    )
    return text.replace("whsec_...", f"whsec_{'A' * 32}") + named


def test_the_mistakes_on_the_page_are_told_as_on_the_page(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    found = list(blocks(PAGE))
    wrong = next(block for block in found if "durabilty" in block.text)
    told = next(block for block in found if block.text.startswith("error: "))
    monkeypatch.chdir(folder)
    for name in [name for name in os.environ if name.startswith("CONSENT_RELAY_")]:
        monkeypatch.delenv(name)
    Path("bad.toml").write_text(wrong.text, "utf-8")
    monkeypatch.setenv("CONSENT_RELAY_DISPATCHER__TIMEOUT", "soon")
    monkeypatch.setenv("CONSENT_RELAY_STOR__URL", "x")

    with pytest.raises(Misconfigured) as refused:
        load(Path("bad.toml"), providers=CODECS)

    assert f"error: {refused.value}".strip() == told.text.strip()
