"""What did the recipient mean? A text in, a verdict out, with the rule that decided: nothing else is looked at.

In this order, and the first that speaks decides:

    exact      the whole message is a keyword                        "Stop."  "ＳＴＯＰ"  "Arrêt"  "start"  "help"
    alias      a keyword and the name of one campaign                "STOP PIZZA"  "start pizza"  "pizza stop"
    prefix     a short sentence that opens with a plain opt-out      "stop it please"  "Stop all texts"
    sentence   one sentence or line of a longer message is one       "I moved away. STOP"
    words      keywords and courtesies, nothing else                 "start, no wait, stop"  "please cancel"
    phrase     what a reasonable person reads as revocation          "take me off your list"
    clause     a plain opt-out between commas, dashes or the like    "I'm not interested, STOP"

Only `exact` and `alias` opt in; all seven opt out, and an opt-out wins where both occur. Where there is doubt she is
out, and `review` asks an operator to look: a lost STOP is a lawsuit. What is not doubt but plain English must stay an
ordinary text: "don't stop", "we have to STOP this bill" (https://github.com/ProgressiveCoders/Spoke/issues/1016).
A short text that says nothing so is looked at once more, for how a keyword may be mistyped:

    calmed     no letter thrice                                      "STOOOP"  "stoppp texting me"
    alike      letters and digits that look like a keyword's, alone  "ꜱᴛᴏᴘ"  "ЅТОР"  "ST0P"
    mistyped   a plain opt-out with two letters swapped, or one less "STPO"  "unsuscribe"
    ending     a plain opt-out in capitals, behind a few small words "Im not interested STOP"
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from itertools import chain

from consent.locales import DEFAULT_PACKS
from consent.model import CampaignId
from consent.reactions import is_reaction
from consent.rules import (
    Help,
    NamedCampaigns,
    OptIn,
    OptOut,
    Other,
    ReachedCampaigns,
    Rules,
    Scope,
    Verdict,
    WholeAccount,
    Yes,
    rules,
)
from consent.spelling import calmed, in_latin, is_drawn_out, looked_at, normalise, words_of

__all__ = [
    "DEFAULT_PACKS",
    "Aliases",
    "Help",
    "NamedCampaigns",
    "OptIn",
    "OptOut",
    "Other",
    "ReachedCampaigns",
    "Rules",
    "Scope",
    "Verdict",
    "WholeAccount",
    "Yes",
    "judge",
    "normalise",
    "rules",
]

Aliases = Mapping[str, tuple[CampaignId, ...]]
"""By a keyword, normalised: the campaigns that have it."""

_MOST_FURTHER_WORDS = 5
_NEGATED_WITHIN_WORDS = 4
_SHORTEST_SPELT = 3
_MOST_MISTYPED_WORDS = 6
_OTHER = Other()
_SENTENCE_END = re.compile(r"(?<=[.!?…。！？])\s+|[\r\n]+")
# A hyphen with letters on both sides parts no clauses ("non-stop"), nor a colon without a space (an address).
_CLAUSE_END = re.compile(rf"{_SENTENCE_END.pattern}|[,;，；、—]|[:：](?=\s)|--|\s[-–]|[-–]\s")
_BEHIND_THE_LAST_WORD = " .!\r\n"
_QUOTE = re.compile(r'["“”„«»]')
_QUOTES = ' "“”„«»'


def judge(text: str, rules: Rules, aliases: Aliases) -> Verdict:
    text = looked_at(text)
    words = words_of(text)
    said = " ".join(words)
    known = rules.exact.get(said)
    if known is not None:
        return known
    found = None
    if not rules.triggers.isdisjoint(words):
        if is_reaction(text):
            return _OTHER
        found = (
            _about_one_campaign(words, rules, aliases)
            or _opening(words, rules)
            or _sentence(text, rules)
            or _bare_words(words, rules)
            or _phrase(said, rules)
            or _clause(text, rules)
        )
    if found is None and len(words) <= _MOST_MISTYPED_WORDS:
        found = _spelt(words, rules) or _mistyped(text, said, rules, aliases)
    return found or _OTHER


def _spelt(words: Sequence[str], rules: Rules) -> OptOut | None:
    """Letter by letter, as S.T.O.P.; or a plain opt-out with a blank inside: "un-subscribe", "st op"."""
    if len(words) <= 1:
        return None
    verdict = rules.exact.get("".join(words))
    is_by_letter = len(words) >= _SHORTEST_SPELT and all(len(word) == 1 for word in words)
    if isinstance(verdict, OptOut) and (is_by_letter or "".join(words) in rules.openings):
        return replace(verdict, rule=f"spelt:{verdict.keyword.lower()}")
    return None


def _mistyped(text: str, said: str, rules: Rules, aliases: Aliases) -> OptOut | None:
    """Whose letters only look like it may be no hurried reader: hence the review. Nobody is opted in."""
    calm = calmed(text) if is_drawn_out(said) else text
    if calm != text and isinstance(found := judge(calm, rules, aliases), OptOut):
        return found
    alike = rules.exact.get(in_latin(said))
    if isinstance(alike, OptOut):
        return replace(alike, rule=f"alike:{alike.keyword.lower()}", review=True)
    return rules.mistyped.get(said) or _ending(text, said, rules)


def _ending(text: str, said: str, rules: Rules) -> OptOut | None:
    """Who writes that one word large means the word that we told her; or a bus STOP, hence the review."""
    shown = text.rstrip(_BEHIND_THE_LAST_WORD)
    if not shown[-1:].isupper() or text.isupper() or not rules.negations.isdisjoint(said.split()):
        return None
    last = shown.split()[-1]
    if not last.isupper() or (word := last.lower()) not in rules.openings:
        return None
    return replace(rules.openings[word], rule=f"ending:{word}", review=True)


def _about_one_campaign(words: Sequence[str], rules: Rules, aliases: Aliases) -> Verdict | None:
    """Only in so many words does anybody opt in: "please stop pizza" and "pizza stop" opt out alone."""
    if (verdict := _named(words, rules, aliases)) is not None:
        return verdict
    polite = _without_courtesies(words, rules)
    looser = (_named([*polite[at:], *polite[:at]], rules, aliases) for at in (0, -1, -2))
    return next((verdict for verdict in looser if isinstance(verdict, OptOut)), None)


def _named(words: Sequence[str], rules: Rules, aliases: Aliases) -> OptOut | OptIn | None:
    """A keyword that campaigns share opts out of all of them, and in to the first alone."""
    for length in (1, 2):
        verb, alias = " ".join(words[:length]), " ".join(words[length:])
        if alias in aliases:
            named, keyword, rule = aliases[alias], f"{verb} {alias}".upper(), f"alias:{verb}"
            match rules.exact.get(verb):
                case OptOut():
                    return OptOut(NamedCampaigns(named), keyword, rule)
                case OptIn():
                    return OptIn(NamedCampaigns(named[:1]), keyword, rule)
    return None


def _without_courtesies(words: Sequence[str], rules: Rules) -> Sequence[str]:
    telling = [at for at, word in enumerate(words) if word not in rules.courtesies]
    return words[telling[0] : telling[-1] + 1] if telling else ()


def _opening(words: Sequence[str], rules: Rules) -> OptOut | None:
    first = next((at for at, word in enumerate(words) if word not in rules.courtesies), len(words))
    for length in (3, 2, 1):
        verdict = rules.openings.get(" ".join(words[first : first + length]))
        if verdict is not None:
            return _sure_of(verdict, words[first + length :], rules)
    return None


def _sure_of(verdict: OptOut, further: Sequence[str], rules: Rules) -> OptOut | None:
    """Doubt: digits may be for an app, or name a campaign that nobody registered; "stop, I don't…" may be anything."""
    if len(_without_courtesies(further, rules)) > _MOST_FURTHER_WORDS:
        return None
    if _is_innocent(verdict.keyword.lower(), further, rules):
        return None
    if any(character.isdigit() for word in further for character in word):
        return replace(verdict, rule=f"{verdict.rule} digits", review=True)
    if not rules.negations.isdisjoint(further):
        return replace(verdict, rule=f"{verdict.rule} negated", review=True)
    return verdict


def _is_innocent(last: str, further: Sequence[str], rules: Rules) -> bool:
    return bool(further) and f"{last} {further[0]}" in rules.innocent


def _sentence(text: str, rules: Rules) -> OptOut | None:
    """What follows does not weaken it: "STOP! I have asked you so many times to leave my family and me in peace"."""
    for sentence in _SENTENCE_END.split(text):
        said = normalise(sentence)
        if said in rules.openings:
            return replace(rules.openings[said], rule=f"sentence:{said}")
    return None


def _bare_words(words: Sequence[str], rules: Rules) -> OptOut | None:
    """A courtesy around "cancel" makes it likelier that an appointment is meant: hence the review."""
    if not all(word in rules.courtesies or word in rules.exact for word in words):
        return None
    for word in words:
        match rules.exact.get(word):
            case OptOut() as verdict:
                return replace(verdict, rule=f"words:{word}", review=word not in rules.openings)
    return None


def _phrase(said: str, rules: Rules) -> OptOut | None:
    """Not if it is negated. With the negation some words away, that may belong to something else, and she is out; so is
    who asks about it, and an operator should look."""
    for found in chain.from_iterable(pattern.finditer(said) for pattern in rules.phrase):
        verdict = rules.phrases[found[0]]
        if _is_innocent(found[0].split()[-1], said[found.end() :].split(), rules):
            continue
        before = said[: found.start()].split()[-_NEGATED_WITHIN_WORDS:]
        if rules.negations.isdisjoint(before):
            return verdict if rules.questions.isdisjoint(before) else replace(verdict, review=True)
        if before[-1] not in rules.negations:
            return replace(verdict, rule=f"{verdict.rule} negated", review=True)
    return None


def _clause(text: str, rules: Rules) -> OptOut | None:
    """Only plain opt-outs, and an operator should look: "Cancel, I can't make it" must stay an ordinary text. Quotes
    count around the first word alone: what else is quoted is somebody else's, often ours."""
    quoted = _QUOTE.split(text.lstrip(_QUOTES), maxsplit=1)[0]
    for clause in (quoted, *_CLAUSE_END.split(text)):
        said = " ".join(_without_courtesies(words_of(clause), rules))
        if said in rules.openings:
            return replace(rules.openings[said], rule=f"clause:{said}", review=True)
    return None
