"""Boundaries found against the hand-checked ones of the shared corpora: `python -m tests.gold` prints the table."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from difflib import SequenceMatcher
from pathlib import Path
from typing import Any

from cpullm.readers import read
from cpullm.records import Chunk, Document
from cpullm.splitters import split


def corpora() -> Path | None:
    """The folder of the shared corpora, beside the checkout or under CPULLM_PATH; None if there is none."""
    roots = [Path(__file__).parents[2] / "shared" / "corpora"]
    roots += [Path(root) / "corpora" for root in os.environ.get("CPULLM_PATH", "").split(os.pathsep) if root]
    return next((root for root in roots if (root / "MANIFEST.json").is_file()), None)


@dataclass(frozen=True, slots=True)
class Comparison:
    """One book: what was found, what is right, and how many of the right units have the right words too."""

    slug: str
    document: Document
    chunks: list[Chunk]
    units: list[dict[str, Any]]
    levels: int

    @property
    def expected(self) -> dict[int, int]:
        """Words by line of every unit; units without number are right as body and as front or back matter."""
        return {unit["line"]: unit["words"] for unit in self.units}

    @property
    def found(self) -> dict[int, int]:
        """Words by line of the units found."""
        extra = {unit["line"] for unit in self.units if unit["kind"] == "extra"}
        return {chunk.line: chunk.words for chunk in self.chunks if chunk.kind == "body" or chunk.line in extra}

    @property
    def right(self) -> int:
        """Units found on their line."""
        return len(self.expected.keys() & self.found.keys())

    @property
    def exact(self) -> int:
        """Units found on their line with all their words and no more."""
        return len(self.expected.items() & self.found.items())


def compare(root: Path, book: dict[str, Any]) -> Comparison:
    """Reads and splits one plain text of the manifest and sets it against its gold file."""
    units = _gold(root, book["gold_file"])
    document = read(root / book["file"])
    leaves = [unit for unit in units if unit["kind"] in ("leaf", "extra")]
    levels = sum(unit["kind"] == "high" for unit in units)
    return Comparison(book["slug"], document, list(split(document).chunks), leaves, levels)


def compare_starts(root: Path, book: dict[str, Any]) -> tuple[int, int, int]:
    """For a book in another format: units found, expected, and how many begin with the words that they should.

    The truth is that of the plain text of the same book. Editions differ in a word here and there, so a unit is right
    if most of its first words are the same.
    """
    sibling = next(one for one in books(root) if one["gutenberg_id"] == book["gutenberg_id"])
    expected = [_words(unit["starts"]) for unit in _gold(root, sibling["gold_file"]) if unit["kind"] == "leaf"]
    body = [chunk for chunk in split(read(root / book["file"])).chunks if chunk.kind == "body"]
    found = [_words(chunk.text[:200]) for chunk in body]
    matcher = SequenceMatcher(None, [words[:5] for words in expected], [words[:5] for words in found], autojunk=False)
    return len(found), len(expected), sum(block.size for block in matcher.get_matching_blocks())


def books(root: Path, *, others: bool = False) -> list[dict[str, Any]]:
    """The manifest's plain texts, which have a gold file each; or its `others`, which have not."""
    manifest = json.loads((root / "MANIFEST.json").read_text(encoding="utf-8"))
    return [book for book in manifest if ("gold_file" in book) != others]


def _gold(root: Path, file: str) -> list[dict[str, Any]]:
    units: list[dict[str, Any]] = json.loads((root / file).read_text(encoding="utf-8"))["units"]
    return units


def _words(text: str) -> tuple[str, ...]:
    return tuple("".join(sign if sign.isalnum() else " " for sign in text.casefold()).split()[:12])


def main() -> None:
    """Prints one line for each book: boundaries by line in plain text, by the first words in other formats."""
    root = corpora()
    if root is None:
        print("no shared corpora beside this checkout: nothing to compare")
        return
    print(f"{'book':26} {'found':>6} {'expected':>8} {'precision':>9} {'recall':>7} {'exact':>6}")
    for book in books(root):
        result = compare(root, book)
        precision, recall = result.right / len(result.found), result.right / len(result.expected)
        figures = f"{len(result.found):6} {len(result.expected):8} {precision:9.3f} {recall:7.3f} {result.exact:6}"
        print(f"{result.slug:26} {figures}")
    for book in books(root, others=True):
        found, expected, right = compare_starts(root, book)
        print(f"{book['slug']:26} {found:6} {expected:8} {right / max(found, 1):9.3f} {right / expected:7.3f}")


if __name__ == "__main__":
    main()
