"""Which words decide, and what? The packs of consent/locales.py, compiled once for consent/keywords.py."""

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from hashlib import sha256
from itertools import chain

from consent.errors import Misconfigured
from consent.locales import DEFAULT_PACKS, PACKS, Pack
from consent.model import CampaignId
from consent.spelling import normalise

_READING = 6
"""Raise it when consent/keywords.py reads a message differently: it is part of `Rules.version`."""
_LONG = 8
"""Letters of a word that is still itself without one of them."""


@dataclass(frozen=True, slots=True)
class WholeAccount:
    """Every campaign of the account."""


@dataclass(frozen=True, slots=True)
class ReachedCampaigns:
    """The campaigns at the number that the text was sent to."""


@dataclass(frozen=True, slots=True)
class NamedCampaigns:
    """Those that have the keyword: one, or for an opt-out all that share it."""

    campaigns: tuple[CampaignId, ...]


Scope = WholeAccount | ReachedCampaigns | NamedCampaigns


@dataclass(frozen=True, slots=True)
class OptOut:
    scope: Scope
    keyword: str
    rule: str
    review: bool = False
    """Somebody should look whether she meant it; she is out meanwhile."""


@dataclass(frozen=True, slots=True)
class OptIn:
    scope: Scope
    keyword: str
    rule: str


@dataclass(frozen=True, slots=True)
class Yes:
    """Counts only as the answer to a double opt-in: a YES to an appointment must not undo a STOP."""

    keyword: str
    rule: str


@dataclass(frozen=True, slots=True)
class Help:
    keyword: str
    rule: str


@dataclass(frozen=True, slots=True)
class Other:
    """An ordinary text."""


Verdict = OptOut | OptIn | Yes | Help | Other


# ── compiled ────────────────────────────────────────────────────────────────────────────────────────────────────────


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Rules:
    """The packs, compiled. Made by `rules`; never changed, and remembered by identity."""

    version: str
    exact: Mapping[str, Verdict]
    openings: Mapping[str, OptOut]
    mistyped: Mapping[str, OptOut]
    """The plain words, with two letters the wrong way round; the long ones also with one left out."""
    innocent: frozenset[str]
    phrases: Mapping[str, OptOut]
    phrase: tuple[re.Pattern[str], ...]
    """For the plain ones, and for those that leave doubt: "how do i stop" is the beginning of plain ones too."""
    courtesies: frozenset[str]
    negations: frozenset[str]
    questions: frozenset[str]
    triggers: frozenset[str]
    """A message with none of these words is an ordinary text, which most are."""


def rules(
    packs: Sequence[str] = DEFAULT_PACKS,
    *,
    opt_out: Sequence[str] = (),
    opt_in: Sequence[str] = (),
    help: Sequence[str] = (),  # noqa: A002 - the key of the configuration file
) -> Rules:
    chosen = [*map(_pack, packs), _extra(opt_out=opt_out, opt_in=opt_in, help=help)]
    exact, openings, phrases = _exact(chosen), _openings(chosen), _phrases(chosen)
    telling = chain(openings, phrases, (word for word, verdict in exact.items() if isinstance(verdict, OptOut | OptIn)))
    return Rules(
        version=_digest(chosen),
        exact=exact,
        openings=openings,
        mistyped=_mistyped(exact, openings),
        innocent=frozenset(_all(chosen, "innocent")),
        phrases=phrases,
        phrase=tuple(_any_of(name for name in phrases if phrases[name].review is review) for review in (False, True)),
        courtesies=frozenset(_all(chosen, "courtesies")),
        negations=frozenset(_all(chosen, "negations")),
        questions=frozenset(_all(chosen, "questions")),
        triggers=frozenset(max(reversed(words.split()), key=len) for words in telling),
    )


def _pack(name: str) -> Pack:
    if name not in PACKS:
        raise Misconfigured(f"keywords.packs: no pack is called {name!r}; there are {', '.join(PACKS)}")
    return PACKS[name]


def _extra(**words: Sequence[str]) -> Pack:
    normalised = {key: tuple(map(normalise, listed)) for key, listed in words.items()}
    for key, listed in normalised.items():
        if "" in listed:
            raise Misconfigured(f"keywords.{key}: every keyword needs a letter or a digit")
    return Pack(**normalised)


def _all(packs: Iterable[Pack], kind: str) -> Iterable[str]:
    return chain.from_iterable(getattr(pack, kind) for pack in packs)


def _exact(packs: Sequence[Pack]) -> dict[str, Verdict]:
    """Later ones replace earlier ones, so that a word with two meanings opts out."""
    reached, everywhere = ReachedCampaigns(), WholeAccount()
    return {
        **{word: Help(word.upper(), f"help:{word}") for word in _all(packs, "help")},
        **{word: Yes(word.upper(), f"yes:{word}") for word in _all(packs, "yes")},
        **{word: OptIn(reached, word.upper(), f"exact:{word}") for word in _all(packs, "opt_in")},
        **{word: OptOut(reached, word.upper(), f"exact:{word}") for word in _all(packs, "opt_out")},
        **{word: OptOut(everywhere, word.upper(), f"all:{word}") for word in _all(packs, "opt_out_all")},
    }


def _openings(packs: Sequence[Pack]) -> dict[str, OptOut]:
    openings = tuple(_all(packs, "openings"))
    everywhere = (f"{opening} {word}" for opening in openings for word in _all(packs, "everything"))
    return {
        **{word: OptOut(ReachedCampaigns(), word.upper(), f"prefix:{word}") for word in openings},
        **{word: OptOut(WholeAccount(), word.upper(), f"all:{word}") for word in everywhere},
        **{word: OptOut(WholeAccount(), word.upper(), f"all:{word}") for word in _all(packs, "opt_out_all")},
    }


def _mistyped(exact: Mapping[str, Verdict], openings: Mapping[str, OptOut]) -> dict[str, OptOut]:
    return {
        typed: replace(verdict, rule=f"mistyped:{word}", review=True)
        for word, verdict in openings.items()
        if " " not in word
        for typed in _mistypings(word)
        if typed not in exact
    }


def _mistypings(word: str) -> Iterable[str]:
    for at in range(len(word) - 1):
        yield f"{word[:at]}{word[at + 1]}{word[at]}{word[at + 2 :]}"
    if len(word) >= _LONG:
        yield from (word[:at] + word[at + 1 :] for at in range(len(word)))


def _phrases(packs: Sequence[Pack]) -> dict[str, OptOut]:
    doubtful = frozenset(_all(packs, "doubtful"))
    return {
        phrase: OptOut(ReachedCampaigns(), phrase.upper(), f"phrase:{phrase}", review=phrase in doubtful)
        for phrase in chain(_all(packs, "phrases"), doubtful)
    }


def _any_of(phrases: Iterable[str]) -> re.Pattern[str]:
    longest_first = sorted(phrases, key=len, reverse=True)
    return re.compile(rf"(?<![^ ])(?:{'|'.join(longest_first) or '(?!)'})(?![^ ])")


def _digest(packs: Sequence[Pack]) -> str:
    return sha256(json.dumps([_READING, *map(asdict, packs)]).encode()).hexdigest()[:12]
