"""A text → its sentences, by offsets; and where a sentence stops, for all who cut texts there."""

from __future__ import annotations

import regex

NO_MARK = r"(?![\p{GCB=Extend}\p{GCB=SpacingMark}\p{GCB=ZWJ}])"  # never between a letter and its marks
CLOSING = r"[\p{Pe}\p{Pf}\"'*_]{0,5}+"
# A full stop after a short capitalised word or an initial (Mr., J.) most often ends no sentence.
STOP = rf"(?<![.!?…؟।॥])(?:(?<!\b\p{{Lu}}\p{{Ll}}{{0,2}})\.|[!?…؟।॥])[.!?…؟।॥]*+{CLOSING}\s++"
WIDE_STOP = rf"(?<![。．！？｡])[。．！？｡]++{CLOSING}\s*+"
BREAK = rf"\n[^\S\n]*+\n\s*+{NO_MARK}"  # between paragraphs

# A sentence goes on in lower case after what only looks like its end: “Go!” he said. Vol. 3, etc. and so on.
_END = regex.compile(rf"(?:{BREAK}|(?:{STOP}(?!\p{{Ll}})|{WIDE_STOP}){NO_MARK})")
_WHOLE = regex.compile(rf"[.!?…؟।॥。．！？｡]{CLOSING}$")


def sentences(text: str) -> list[tuple[int, int]]:
    """Spans of the text's sentences, in order, without the white space between them; a paragraph's end ends one."""
    found = []
    start = 0
    for end in [*(match.end() for match in _END.finditer(text)), len(text)]:
        sentence = text[start:end]
        left = start + len(sentence) - len(sentence.lstrip())
        right = start + len(sentence.rstrip())
        if left < right:
            found.append((left, right))
        start = end
    return found


def is_whole(sentence: str) -> bool:
    """Whether it ends as a sentence does, with a full stop or another mark and what closes behind it."""
    return _WHOLE.search(sentence.rstrip()) is not None
