"""Is this, whole, the one XML document that we get all day? A pure reader of a root with elements of plain text in it.

    <ROOT> <NAME>text</NAME> <OTHER>text</OTHER> … </ROOT>    in ASCII, every name once, no attributes, no references

`read` understands such a document completely, or says None; then consent/safe_xml.py reads the same bytes, and judges
whatever they are. So nothing here has to be lenient, and a doubt costs only time: to build a tree, check its shape and
walk it takes several times as long as this.
"""

import re
from functools import lru_cache

_LONGEST = 8192
_BLANKS = " \t\r\n"
# No "<", "&" or ">" in the text: it is what it says. Nor a carriage return, which a parser turns into a line feed.
_ELEMENT = re.compile(rf"<([A-Z]+)>([\t\n\x20-\x25\x27-\x3b\x3d\x3f-\x7e]*)</\1>[{_BLANKS}]*")
_DECLARATION = r"""<\?xml version=(?:"1\.0"|'1\.0')(?: encoding=(?:"(?i:utf-8)"|'(?i:utf-8)'))? ?\?>"""
_OPENING = re.compile(rf"[{_BLANKS}]*(?:{_DECLARATION})?[{_BLANKS}]*<([A-Z]+)>[{_BLANKS}]*")


def read(data: bytes, root: str) -> dict[str, str] | None:
    """The text of each element by its name, without the blanks around it."""
    if len(data) > _LONGEST or not data.isascii():
        return None
    pieces = _ELEMENT.split(data.decode("ascii"))
    names, texts, between = pieces[1::3], pieces[2::3], pieces[3:-1:3]
    if not names or any(between) or _opened(pieces[0]) != root or pieces[-1].rstrip(_BLANKS) != f"</{root}>":
        return None
    fields = {name: text.strip() for name, text in zip(names, texts, strict=True)}
    return fields if len(fields) == len(names) else None


@lru_cache(maxsize=64)
def _opened(opening: str) -> str | None:
    """Which root this opens, if that is all it does."""
    found = _OPENING.fullmatch(opening)
    return found and found[1]
