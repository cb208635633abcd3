"""Is a text what a phone sends in place of a reaction? It quotes a text of ours, and ours often ends in "STOP".

    Liked “…”   Laughed at “…”   Removed a heart from “…”    iPhones
    Reacted 👍 to “…”                                         iPhones since iOS 18
    👍 to “…”                                                 Google Messages

https://www.ithinkdiff.com/apple-take-credit-emoji-reactions-android/, https://github.com/quik-sms/quik/pull/533
"""

import re
import unicodedata

_REACTION = re.compile(
    r"""\s*
    (?: Liked | Loved | Disliked | Laughed\ at | Emphasi[sz]ed | Questioned
      | Reacted\ \S{1,12}\ to
      | Removed\ (?:an?\ [a-z]+(?:\ [a-z]+)?|\S{1,12})\ from
      | [^\w\s]{1,12}\s+to )
    \s+ [“"].*[”"] \s*""",
    re.VERBOSE | re.DOTALL,
)


def is_reaction(text: str) -> bool:
    """To the last quote: what she adds of her own makes it a text of hers."""
    if not text.rstrip().endswith(("”", '"')):
        return False
    visible = "".join([character for character in text if unicodedata.category(character) != "Cf"])
    return _REACTION.fullmatch(visible) is not None
