"""What do the pages say? Headings, links, and blocks of code, of every Markdown file that people read."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

from markdown_it import MarkdownIt
from markdown_it.token import Token

ROOT = Path(__file__).parents[2]


@dataclass(frozen=True)
class Block:
    page: Path
    line: int
    language: str
    text: str

    def __str__(self) -> str:
        return f"{self.page.relative_to(ROOT)}:{self.line}"


@dataclass(frozen=True)
class Link:
    page: Path
    line: int
    target: str

    def __str__(self) -> str:
        return f"{self.page.relative_to(ROOT)}:{self.line}: {self.target}"


def pages() -> list[Path]:
    return sorted([ROOT / "README.md", ROOT / "CHANGELOG.md", ROOT / "bench" / "README.md", *ROOT.glob("docs/**/*.md")])


def _tokens(page: Path) -> list[Token]:
    return MarkdownIt("commonmark").enable("table").parse(page.read_text("utf-8"))


def blocks(page: Path) -> Iterator[Block]:
    for token in _tokens(page):
        if token.type in {"fence", "code_block"}:
            yield Block(page, _line(token), token.info.strip(), token.content)


def inline_codes(page: Path) -> Iterator[Block]:
    for token in _tokens(page):
        for child in token.children or ():
            if child.type == "code_inline":
                yield Block(page, _line(token), "", child.content)


def links(page: Path) -> Iterator[Link]:
    for token in _tokens(page):
        for child in token.children or ():
            if child.type == "link_open":
                yield Link(page, _line(token), str(child.attrGet("href")))


def anchors(page: Path) -> set[str]:
    """As GitHub makes them of headings."""
    found: set[str] = set()
    tokens = _tokens(page)
    for opening, content in pairwise(tokens):
        if opening.type == "heading_open":
            slug = slug_of("".join(child.content for child in content.children or ()))
            found.add(slug if slug not in found else f"{slug}-{sum(other.startswith(slug) for other in found)}")
    return found


def slug_of(heading: str) -> str:
    return re.sub(r"[^\w\- ]", "", heading.strip().lower()).replace(" ", "-")


def _line(token: Token) -> int:
    return token.map[0] + 1 if token.map else 0
