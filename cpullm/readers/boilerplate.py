"""What of a web page is not its text: menus, side columns, footers, banners, lists of links.

Two steps: elements that say what they are (their names, roles and classes), then blocks that are links for the most
part (link density: Kohlschuetter, Fankhauser, Nejdl 2010, "Boilerplate detection using shallow text features"). In
doubt a block stays: a line of menu too many harms less than a paragraph lost.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Any

from cpullm.readers.markup import etree, name
from cpullm.readers.rendering import HEADINGS, Block, is_unseen

_NAMES = frozenset(("nav", "form", "button", "dialog", "aside", "footer", "header", "menu"))
_ROLES = frozenset(
    "alertdialog banner complementary contentinfo dialog directory form menu menubar navigation search toolbar".split()
)
# Inside a text these hold its notes, titles and boxes.
_OUTSIDE_ONLY = frozenset(("aside", "footer", "header", "banner", "complementary", "contentinfo"))
_INSIDE = frozenset(("main", "article", "section", "blockquote", "figure"))
_BY_CLASS = frozenset(("div", "section", "ul", "ol", "aside", "table", "td", "p", "span", "dl", "header", "a"))
_LINKS = frozenset(
    "nav navigation navbar navbox menu sidebar sidenav breadcrumb breadcrumbs pagination pager related recommended "
    "toolbar tags".split()
)
_BANNERS = frozenset(
    "cookie cookies consent gdpr share sharing addthis newsletter subscribe signup ad ads advert advertisement "
    "sponsored promo popup modal skip editsection noprint footer".split()
)
_NEUTRAL = frozenset(
    "site page main global top bottom left right side sub mobile primary secondary sticky blog post article entry js "
    "the bar box link links list item items wrapper wrap container content inner area section block banner notice "
    "overlay button buttons icon icons media social posts articles stories form widget widgets col column unit slot "
    "text message dialog to".split()
)
_KNOWN = _LINKS | _BANNERS | _NEUTRAL
_WORDS = re.compile(r"[A-Z]?[a-z]+|[A-Z]+(?![a-z])|\d+")
_SENTENCE = re.compile(r"[.!?…。！？।؟][\"'’”»)\]]*$")

_MOST_NAMED = 0.5
_MOST_CLASSED = 0.3
_LEAST_LINKED = 0.4
_LEAST_IN_MAIN = 0.5
_MOSTLY_LINKS = 0.8
_TABLE_OF_LINKS = 0.9
_FEWEST_LINKS = 3
_SHORT = 25
_LEAST_LEFT = 0.2


@dataclass(frozen=True, slots=True)
class _Found:
    """An element that may not be text, and why: `named` by the language, or by `words` of its classes."""

    element: Any
    named: str
    words: frozenset[str]
    inside: bool
    letters: int
    linked: int
    titles: int
    headings: int


def apart(root: Any) -> set[Any]:
    """The elements of the tree that name themselves as something else than the text."""
    found, whole, has_main = _found(root)
    unlinked = max(1, whole.letters - whole.linked)
    named = [each for each in found if each.named and _is_apart(each, has_main, _MOST_NAMED * unlinked)]
    classed = [each for each in found if not each.named and _is_classed(each, _MOST_CLASSED * unlinked)]
    # Many small ones that make up the page, as the dishes of a menu, are its text.
    if sum(each.letters - each.linked for each in classed) > _MOST_NAMED * unlinked:
        classed = []
    return {each.element for each in (*named, *classed)}


def content(blocks: Sequence[Block]) -> list[Block]:
    """The blocks without lists of links and, where `main` or `article` hold most of the text, what is about them.

    A page that is links for the most part stays whole.
    """
    kept = _without_link_lists(_within_main(blocks))
    if _unlinked(kept) < _LEAST_LEFT * sum(block.letters for block in blocks):
        return list(blocks)
    return kept


def _is_apart(found: _Found, has_main: bool, most: float) -> bool:
    if found.titles or found.letters - found.linked > most:
        return False
    if found.headings and found.named in ("header", "banner"):
        return False
    if found.named not in _OUTSIDE_ONLY:
        return True
    if found.inside:
        return False
    return has_main or found.named not in ("aside", "complementary") or _is_linked(found)


def _is_classed(found: _Found, most: float) -> bool:
    if found.titles or found.letters - found.linked > most:
        return False
    return bool(found.words & _BANNERS) or _is_linked(found)


def _is_linked(found: _Found) -> bool:
    return found.linked >= _LEAST_LINKED * found.letters


class _Census:
    """Letters, linked letters and page titles passed so far on a walk through a tree."""

    def __init__(self) -> None:
        self.letters = self.linked = self.titles = self.headings = self.mains = 0
        self.links = self.inside = self.open_headings = 0

    def enter(self, element: Any, tag: str, step: int) -> None:
        self.links += step * (tag == "a" and element.get("href") is not None)
        self.inside += step * (tag in _INSIDE)
        self.open_headings += step * (tag in HEADINGS)
        if step > 0:
            self.titles += tag == "h1"
            self.headings += tag in HEADINGS
            self.mains += tag in ("main", "article")

    def read(self, text: str | None) -> None:
        length = len("".join(text.split())) if text else 0
        self.letters += length
        self.linked += length * (self.links > 0)

    def counts(self) -> tuple[int, int, int, int]:
        return self.letters, self.linked, self.titles, self.headings

    def since(self, element: Any, before: tuple[int, int, int, int], kind: tuple[str, frozenset[str]]) -> _Found:
        passed = [now - then for now, then in zip(self.counts(), before, strict=True)]
        return _Found(element, *kind, self.inside > 0, *passed)


def _found(root: Any) -> tuple[list[_Found], _Found, bool]:
    """The elements that may not be text, the whole page, and whether it has a `main` or `article`."""
    census = _Census()
    found: list[_Found] = []
    opened: list[tuple[Any, tuple[int, int, int, int], tuple[str, frozenset[str]]]] = []
    walk = etree().iterwalk(root, events=("start", "end"))
    unseen = None
    for event, element in walk:
        tag = name(element)
        if event == "start":
            if is_unseen(element, tag):
                unseen = element
                walk.skip_subtree()
                continue
            kind = _kind(element, tag, census.open_headings > 0)
            if kind[0] or kind[1]:
                opened.append((element, census.counts(), kind))
            census.enter(element, tag, 1)
            census.read(element.text)
            continue
        if element is not unseen:
            census.enter(element, tag, -1)
            if opened and opened[-1][0] is element:
                found.append(census.since(*opened.pop()))
        census.read(element.tail)
    return found, census.since(root, (0, 0, 0, 0), ("", frozenset())), census.mains > 0


def _kind(element: Any, tag: str, in_heading: bool) -> tuple[str, frozenset[str]]:
    nothing: frozenset[str] = frozenset()
    if tag in ("html", "body", "main", "article") or (in_heading and tag in _NAMES):
        return "", nothing
    if tag in _NAMES:
        return tag, nothing
    if not element.attrib:
        return "", nothing
    role = element.get("role", "").lower()
    if role in _ROLES or element.get("aria-hidden") == "true":
        return role if role in _ROLES else "aria-hidden", nothing
    if tag not in _BY_CLASS:
        return "", nothing
    words: set[str] = set()
    for token in (*element.get("class", "").split(), element.get("id", "")):
        parts = {part.lower() for part in _WORDS.findall(token)}
        if parts <= _KNOWN:
            words |= parts & (_LINKS | _BANNERS)
    return "", frozenset(words)


def _within_main(blocks: Sequence[Block]) -> list[Block]:
    """Where `main` holds most of the text: what stands in it, its title before it, and sentences outside it."""
    if _unlinked(block for block in blocks if block.main) < _LEAST_IN_MAIN * max(1, _unlinked(blocks)):
        return list(blocks)
    first = next(index for index, block in enumerate(blocks) if block.main)
    opening = next((index for index, block in enumerate(blocks[:first]) if block.level == 1), first)
    return [
        block
        for index, block in enumerate(blocks)
        if block.main or opening <= index < first or (_SENTENCE.search(block.text) and not _is_dense(block))
    ]


def _without_link_lists(blocks: Sequence[Block]) -> list[Block]:
    dropped: set[int] = set()
    for listed, run in groupby(range(len(blocks)), key=lambda index: _is_listed(blocks[index])):
        dense = [index for index in run if _is_dense(blocks[index])] if listed else []
        # Within the text itself one line of links may be a formula or a list of names.
        if sum(1 if blocks[index].main else blocks[index].links for index in dense) >= _FEWEST_LINKS:
            dropped.update(range(dense[0], dense[-1] + 1))
    dropped |= _titles_of(blocks, dropped)
    return [block for index, block in enumerate(blocks) if index not in dropped]


def _titles_of(blocks: Sequence[Block], dropped: set[int]) -> set[int]:
    """The headings under which nothing is left of what they had."""
    titles: set[int] = set()
    heading, under = None, 0
    for index, block in enumerate(blocks):
        if block.level:
            if heading is not None and under:
                titles.add(heading)
            heading, under = (index if block.level > 1 else None), 0
        elif index in dropped:
            under += 1
        else:
            heading = None
    if heading is not None and under:
        titles.add(heading)
    return titles


def _is_dense(block: Block) -> bool:
    return not block.level and block.linked >= (_TABLE_OF_LINKS if block.table else _MOSTLY_LINKS) * block.letters


def _is_listed(block: Block) -> bool:
    """Whether the block can be part of a list of links: one of them, or a few words between them."""
    return _is_dense(block) or (not block.level and len(block.text) < _SHORT and not _SENTENCE.search(block.text))


def _unlinked(blocks: Iterable[Block]) -> int:
    return sum(block.letters - block.linked for block in blocks)
