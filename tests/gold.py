"""Boundaries found against the hand-checked ones of the shared corpora: `python -m tests.gold` prints the table."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
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
    """Reads and splits one book of the manifest and sets it against its gold file."""
    gold = json.loads((root / book["gold_file"]).read_text(encoding="utf-8"))["units"]
    document = read(root / book["file"])
    units = [unit for unit in gold if unit["kind"] in ("leaf", "extra")]
    return Comparison(book["slug"], document, split(document), units, sum(u["kind"] == "high" for u in gold))


def books(root: Path) -> list[dict[str, Any]]:
    """The manifest's plain texts that have a gold file."""
    manifest = json.loads((root / "MANIFEST.json").read_text(encoding="utf-8"))
    return [book for book in manifest if book["format"] == "txt" and "gold_file" in book]


def main() -> None:
    """Prints one line for each book."""
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


if __name__ == "__main__":
    main()
