"""Chapters by their headings, with the titles of the parts and books above them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

from cpullm.splitters import extents, outline, sequence
from cpullm.splitters.headings import Heading, candidates
from cpullm.splitters.nesting import has_text
from cpullm.splitters.outline import Outline
from cpullm.splitters.sections import Section, framed, opening, plain


def sections(outlined: Outline) -> list[Section]:
    """The sections that the text's own headings make; empty if it has none that convince, beside marked ones too."""
    text, start, end = outlined.text, outlined.start, outlined.end
    chosen = sequence.headings(text, candidates(text, start, end))
    if not chosen or not outline.agrees(outlined, chosen):
        return []
    chosen = extents.with_titles(text, outline.merged(outlined, chosen))
    stop = extents.text_end(text, chosen[-1].end, end)
    cut = list(_cut(text, chosen, stop))
    if not any(section.kind == "body" for section in cut):
        return []
    return framed(text, [opening(start, chosen[0].start, end), *cut, plain("back", stop, end)])


def _cut(text: str, chosen: Sequence[Heading], stop: int) -> Iterator[Section]:
    above: list[tuple[int, str]] = []
    depths = sequence.levels(text, chosen)
    ends = [*(heading.start for heading in chosen[1:]), stop]
    opened = False
    for heading, depth, below, end in zip(chosen, depths, [*depths[1:], 0], ends, strict=True):
        if depth is not None:
            above = [level for level in above if level[0] < depth]
        elif heading.kind != "body":
            above = []
        kind = ("back" if opened else "front") if heading.kind == "contents" else heading.kind
        if kind == "front" and heading.number is not None:
            kind = "body"  # a chapter called Introduction counts as one
        titles = tuple(title for _, title in above)
        section = Section(kind, titles, heading.title, heading.start, heading.end, end)
        opened = opened or kind == "body"
        if depth is not None:
            above.append((depth, heading.title))
            opens = below is None or below > depth
            if opens and not has_text(text, heading.end, end):
                section = replace(section, kind="front")
        yield section
