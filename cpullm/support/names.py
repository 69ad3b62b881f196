"""Which names, numbers and dates of a sentence has its source not?"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from itertools import pairwise
from typing import NamedTuple

import regex

from cpullm.splitters.sentences import is_whole
from cpullm.support.common import COURTESY, FUNCTION, KIN, OPENERS, TITLES
from cpullm.support.dates import MONTHS, Dates
from cpullm.support.index import Index
from cpullm.support.numbers import SPELLED, Numbers
from cpullm.words import Word, located

_START = regex.compile(r"(?:[.!?…:;]|\s[-–—]+|[—\[(\"“”„«‹*_]|(?<!\p{L})['‘’`]+)[\p{P}`\s]*$")
_JOINT = regex.compile(r"\s|[-‐’']|\.\s?")
_TITLE = 4  # words in capitals, in a headline
_PARTICLES = frozenset("de di da del della der den des du la le van von zu zum bin ibn al el".split())
_DATED = MONTHS | frozenset("monday tuesday wednesday thursday friday saturday sunday".split())
_GAP = 4  # words from one part of a name to the next: Anna Pávlovna Schérer is Anna Schérer
_NOUNS = 0.13  # from this share of capitals within sentences on, nouns have them too, as in German
_CASED = 0.005  # from this share on, a text has capitals at all
_LONGEST = 20  # signs between two words that are looked at
_ENGLISH = frozenset("the of and to in".split())
_SUFFIXES = "ians ian eans ean ans an ns n s es ish ese ic ics ism ist ists ite ites esque".split()
_ARTICLES = frozenset("a an the this these its his her their our my your".split())
_AUXILIARIES = frozenset("is was has had and or will would can could may might do did".split())
_OF_MANY = frozenset({"are", "were", "have"})
_NAMES_TOO = frozenset({"may", "will"})


class _Token(NamedTuple):
    """One word as it stands and as it is compared; `opens` is whether a sentence, a quotation or the like begins."""

    text: str
    folded: str
    start: int
    end: int
    capital: bool
    opens: bool


class Known:
    """What a source has of words, capitals and numbers."""

    def __init__(self, index: Index) -> None:
        self.index = index
        self.tokens = _tokens(index.text, index.words)
        self.small = {token.folded for token in self.tokens if not token.capital}
        inner = [token for token in self.tokens if not token.opens and len(token.text) > 1]
        self.english = sum(token.folded in _ENGLISH for token in self.tokens) > 0.06 * len(self.tokens)
        self.nouns = not self.english and sum(token.capital for token in inner) > _NOUNS * len(inner)
        self.by_key: dict[str, set[str]] = defaultdict(set)
        self.capitals = {token.folded for token in self.tokens if token.capital}
        for word in self.capitals:
            for key in self._keys(word):
                self.by_key[key].add(word)
        self.cased = sum(token.capital for token in inner) > _CASED * len(inner)
        self.numbers = Numbers(index.text)
        self.dates = Dates(index, self.numbers.found)
        self.peoples = {KIN.get(word, word) for word in index.places if word in KIN or word in KIN.values()}

    def missing(self, sentence: str, answer: str = "") -> list[tuple[int, int]]:
        """Spans of the sentence's names and numbers that the source has not, in order."""
        numbers = self.numbers.missing(sentence)
        dates = [
            date for date in self.dates.missing(sentence) if not any(date[0] <= start < date[1] for start, _ in numbers)
        ]
        return sorted([*_missing_names(sentence, self, answer), *numbers, *dates])

    def forms(self, word: str, alone: bool = False) -> set[str]:
        """The source's words that it is a form of; none if the source has nothing like it.

        With a capital and no article (`alone`) it is a name, and not the word that the source has in small letters.
        """
        alone = (alone and self.cased and word not in TITLES) or word in _NAMES_TOO
        if word in (self.capitals if alone else self.index.places):
            return {word}
        found = {form for key in self._keys(word, asked=True) for form in self.by_key.get(key, ())}
        people = KIN.get(word)
        return found or {name for name in (people, word) if name in self.peoples}

    def together(self, one: str, other: str) -> bool:
        """Whether the two stand close to one another within one sentence of the source."""
        ones, others = (
            [place for form in self.forms(word) for place in self.index.places.get(form, ())] for word in (one, other)
        )
        if not ones or not others:
            return True
        near = set(others)
        homes = self.index.homes
        return any(
            place + gap in near and homes[place] == homes[place + gap]
            for place in ones
            for gap in range(-_GAP, _GAP + 1)
            if gap
        )

    def _keys(self, word: str, *, asked: bool = False) -> Iterator[str]:
        """What forms of one name have in common: Russia and Russians, Müller and Mueller. One that is asked for is
        found under the keys of the source's."""
        yield word
        if len(word) > 2 and word.endswith("s"):
            yield word[:-1]
        plain = word.replace("ae", "a").replace("oe", "o").replace("ue", "u")
        for part in {plain, plain.rpartition("'")[2]}:
            if len(part) < 3:
                continue
            yield part
            if self.english:
                yield from _stripped(part, asked)
            else:  # endings of one to three letters, as cases have them
                least = 4 if part.isascii() else 3
                yield from (part[:n] for n in range(max(least, len(part) - 2 - self.nouns), len(part)))


def _stripped(word: str, asked: bool) -> Iterator[str]:
    """The word without an ending. One of two words must have one: Fiorelli is not Fiorello, Russia is the Russians'."""
    for suffix in ("", *_SUFFIXES):
        if word.endswith(suffix):
            bare = word[: len(word) - len(suffix)].rstrip("aeiouy")
            if len(bare) >= 4:
                yield f"{bare}-{int(bool(suffix) != asked)}"
                if asked and suffix:
                    yield f"{bare}-1"
    yield word[:-1] + "+i" if asked and word.endswith("i") else f"{word}+i"  # the Iraqis of Iraq


def _tokens(text: str, words: list[Word]) -> list[_Token]:
    """The words but for numbers in digits."""
    found: list[_Token] = []
    previous = 0
    for word, start, end in words:
        if not word.isdigit():
            as_is = text[start:end]
            opens = not previous or _opens(text[previous:start], found[-1].text if found else "")
            found.append(_Token(as_is, word, start, end, as_is != as_is.lower(), opens))
        previous = end
    return found


def _opens(between: str, before: str) -> bool:
    if between == " " or _START.search(between[-_LONGEST:]) is None:
        return False
    return not (between.rstrip() == "." and _is_abbreviated(before))


def _is_abbreviated(word: str) -> bool:
    return len(word) == 1 or word.lower() in TITLES


def _missing_names(sentence: str, known: Known, answer: str) -> Iterator[tuple[int, int]]:
    tokens = _tokens(sentence, located(sentence))
    before = {following.start: token.folded for token, following in pairwise(tokens)}
    after = {  # what follows without a comma: “Offers a ship” is no name, “Ava, a sailor” is one
        token.start: following.folded
        for token, following in pairwise(tokens)
        if sentence[token.end : following.start].isspace()
    }
    runs = _runs(sentence, tokens)
    if _is_headline(sentence, tokens):
        after = {}
        runs = ([token._replace(opens=True)] for token in tokens if token.capital)
    for run in runs:
        names = [token for token in run if not _is_common(token, after.get(token.start, ""), known, answer)]
        if names and not _has(names, before.get(run[0].start, ""), known):
            yield names[0].start, names[-1].end


def _is_headline(sentence: str, tokens: list[_Token]) -> bool:
    if sum(token.capital for token in tokens) < _TITLE or is_whole(sentence):
        return False
    return all(token.capital or token.folded in FUNCTION for token in tokens)


def _runs(sentence: str, tokens: list[_Token]) -> Iterator[list[_Token]]:
    """Capitalised words that follow one another, as one name's do."""
    run: list[_Token] = []
    end = 0
    for token in tokens:
        between = sentence[end : token.start]
        end = token.end
        if run and (token.opens or _JOINT.fullmatch(between) is None):
            yield run
            run = []
        if token.capital:
            run.append(token)
        elif run and token.folded not in _PARTICLES:
            yield run
            run = []
    if run:
        yield run


def _is_common(token: _Token, after: str, known: Known, answer: str) -> bool:
    """Whether a word has its capital from where it stands, or is a title."""
    word = token.folded
    if word in _NAMES_TOO and not token.opens:
        return False
    if word in FUNCTION or word in COURTESY or word in SPELLED or len(word) == 1:
        return True
    if not token.opens:
        return False
    if not known.english:  # no list of its openers is here
        return True
    if word in OPENERS or word in known.small or _sounds_common(word, after):
        return True
    return any(found == word and answer[start:end].islower() for found, start, end in located(answer))


def _sounds_common(word: str, after: str) -> bool:
    """Whether a word at the start is most likely none but a word: by its ending, or as what a verb stands before."""
    if after in _ARTICLES or (word.endswith("s") and after in _OF_MANY):
        return True
    if word.endswith(("ing", "ed")):
        return len(word) > 4 and not after.endswith(("s", "ed")) and after not in _AUXILIARIES
    return len(word) > 6 and word.endswith(("ly", "tion", "tions", "ment", "ments", "ness", "ity", "ous"))


def _has(names: list[_Token], before: str, known: Known) -> bool:
    words = [token.folded for token in names]
    alone = not names[0].opens and before not in _ARTICLES
    if not all(known.forms(word, alone) for word in words):
        return False
    parts = [word for word in words if word not in _DATED and word not in TITLES]
    return known.nouns or all(one == other or known.together(one, other) for one, other in pairwise(parts))
