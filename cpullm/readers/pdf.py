"""PDF with a text layer → Document. PDFium reads the file in a process of its own, see `readers/pdfium.py`."""

from __future__ import annotations

import inspect
import json
import os
import re
import signal
import subprocess
import sys
import unicodedata
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, replace
from importlib.util import find_spec
from typing import Any

from cpullm.errors import InputError, MachineError
from cpullm.readers import formats, pdfium
from cpullm.readers.blocks import Blocks
from cpullm.readers.pages import LARGER, Line, body_size, feet_last, in_reading_order, without_furniture
from cpullm.readers.paragraphs import Block, blocks, text, words
from cpullm.records import Document, encodable

_HEADING_LINES = 4
_HEADING_CHARACTERS = 200
_LEVELS = 6
_MEMORY = 1 << 30
_SECONDS_PER_PAGE = 10.0
_MOST_UNKNOWN = 0.3
_TOO_LONG = {-signal.SIGPROF, -signal.SIGXCPU}
_NUMBER_BEFORE = re.compile(r"^\d+(?=[^\W\d])")
_UNPRINTABLE = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\ufffe\uffff]")
_LIGATURES = {code: unicodedata.normalize("NFKC", chr(code)) for code in range(0xFB00, 0xFB07)}


@dataclass(frozen=True, slots=True)
class _Bookmark:
    level: int
    page: int
    title: str


@dataclass(frozen=True, slots=True)
class _Read:
    title: str
    outline: tuple[_Bookmark, ...]
    pages: list[list[Line]]


def parse(data: bytes, id_: str) -> Document:
    """The text of a PDF: paragraphs joined from lines, columns one after the other, running heads left out.

    Headings are the outline's, where its titles stand on their pages; without an outline, what is set clearly larger
    than the text. Footnotes stand after the paragraph that was open at the page's end; text across the page's
    direction is left out. InputError: damaged, encrypted, no text layer, or a page that cannot be read.
    """
    formats.require(formats.PDF)
    read = _read(data)
    pages = [in_reading_order(feet_last(page)) for page in without_furniture(read.pages)]
    marked = _from_outline(read.outline, pages)
    read_blocks = list(blocks(pages, marked))
    if not marked:
        read_blocks = list(_by_size(read_blocks, body_size(pages)))
    known = words(line for page in pages for line in page)
    out = Blocks()
    for block in read_blocks:
        if block.level:
            out.heading(text(block, known), block.level)
        else:
            out.paragraph(text(block, known))
    return out.document(id_, read.title)


def _read(data: bytes) -> _Read:
    found = find_spec(formats.PDF.module)
    place = os.path.dirname(os.path.dirname(str(found and found.origin)))
    run = _run(data, [place, str(_MEMORY), str(_SECONDS_PER_PAGE)])
    answers = [json.loads(line) for line in run.stdout.splitlines(keepends=True) if line.endswith(b"\n")]
    if answers and "error" in answers[-1]:
        raise InputError(answers[-1]["error"])
    if not answers or len(answers) <= answers[0]["pages"]:
        raise InputError(_died(run, len(answers)))
    return _checked(answers[0], answers[1:])


def _run(data: bytes, arguments: list[str]) -> subprocess.CompletedProcess[bytes]:
    # Isolated: neither the working directory nor PYTHONPATH may put a module in the place of another.
    command = [sys.executable, "-I", "-c", inspect.getsource(pdfium), *arguments]
    try:
        return subprocess.run(command, input=data, capture_output=True, check=False)
    except OSError as error:
        raise MachineError(f"Reading PDF could not start {sys.executable!r} ({error}); see to that first.") from error


def _died(run: subprocess.CompletedProcess[bytes], n_answers: int) -> str:
    where = f"page {n_answers} of which" if n_answers else "which"
    if run.returncode in _TOO_LONG:
        return f"is a PDF {where} takes longer to read than any honest one; print it to a new PDF."
    said = run.stderr.decode("utf-8", "replace").strip().rpartition("\n")[2] or f"signal {-run.returncode}"
    return (
        f"is a PDF {where} cannot be read, or needs too much memory ({said}); get it again, or print it to a new PDF."
    )


def _checked(opened: dict[str, Any], answers: list[dict[str, Any]]) -> _Read:
    pages = [
        [
            Line(plain, left, right, base, size, number)
            for said, left, right, base, size in answer["lines"]
            if (plain := _plain(said))
        ]
        for number, answer in enumerate(answers)
    ]
    n_drawn, n_text = sum(answer["drawn"] for answer in answers), sum(map(bool, pages))
    if n_drawn and not n_text:
        raise InputError(
            f"has no text layer (images on {n_drawn} of {len(pages)} pages); run OCR over it first, as with ocrmypdf."
        )
    if n_drawn > n_text:
        raise InputError(
            f"has text on only {n_text} of {len(pages)} pages, the others are images; run OCR, as with ocrmypdf."
        )
    n_unknown = sum(_is_unknown(character) for page in pages for line in page for character in line.text)
    if n_unknown > _MOST_UNKNOWN * sum(len(line.text) for page in pages for line in page):
        raise InputError("has fonts that do not say which characters they show; run OCR, as with ocrmypdf --force-ocr.")
    return _Read(_plain(opened["title"]), tuple(_Bookmark(*bookmark) for bookmark in opened["outline"]), pages)


def _plain(said: str) -> str:
    """The text as one line without control characters, the Latin ligatures written out."""
    return encodable(" ".join(_UNPRINTABLE.sub(" ", said).translate(_LIGATURES).split()))


def _is_unknown(character: str) -> bool:
    return character == "\ufffd" or "\ue000" <= character <= "\uf8ff"


def _from_outline(outline: tuple[_Bookmark, ...], pages: list[list[Line]]) -> dict[Line, tuple[int, int]]:
    """First line → number of lines and level, for the bookmarks whose title stands on its page."""
    places: dict[int, dict[str, list[list[Line]]]] = {}
    found: dict[Line, tuple[int, int]] = {}
    taken: set[Line] = set()
    for bookmark in outline:
        if not 0 <= bookmark.page < len(pages):
            continue
        if bookmark.page not in places:
            places[bookmark.page] = _titles(pages[bookmark.page])
        runs = [run for key in _keys(bookmark.title) for run in places[bookmark.page].get(key, ())[:_HEADING_LINES]]
        runs = [run for run in runs if taken.isdisjoint(run)]
        if runs:
            best = max(runs, key=lambda run: run[0].size)
            found[best[0]] = len(best), bookmark.level
            taken.update(best)
    return found


def _titles(page: list[Line]) -> dict[str, list[list[Line]]]:
    """What could be a title: each run of a few lines by its letters and digits."""
    runs: dict[str, list[list[Line]]] = defaultdict(list)
    for first in range(len(page)):
        for n_lines in range(1, _HEADING_LINES + 1):
            run = page[first : first + n_lines]
            said = " ".join(line.text for line in run)
            if len(run) < n_lines or len(said) > _HEADING_CHARACTERS:
                break
            for key in _keys(said):
                runs[key].append(run)
    return runs


def _keys(title: str) -> list[str]:
    """The title's letters and digits, with and without a number before them; none for an empty one."""
    letters = "".join(filter(str.isalnum, unicodedata.normalize("NFKC", title[:_HEADING_CHARACTERS]).casefold()))
    return [key for key in dict.fromkeys((letters, _NUMBER_BEFORE.sub("", letters))) if key]


def _by_size(found: list[Block], size: float) -> Iterator[Block]:
    """The blocks, those in clearly larger type being headings, the largest type the first level."""
    sizes = sorted({round(block.lines[0].size) for block in found if _is_heading(block, size)}, reverse=True)
    for block in found:
        if _is_heading(block, size):
            yield replace(block, level=min(_LEVELS, 1 + sizes.index(round(block.lines[0].size))))
        else:
            yield block


def _is_heading(block: Block, size: float) -> bool:
    said = "".join(line.text for line in block.lines)
    return (
        min(line.size for line in block.lines) > LARGER * size
        and len(block.lines) <= _HEADING_LINES
        and len(said) <= _HEADING_CHARACTERS
        and any(map(str.isalnum, said))
    )
