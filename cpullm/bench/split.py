"""The part `split`: how fast texts are read and split, on this machine."""

from __future__ import annotations

import statistics
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from cpullm import catalog, readers, splitters
from cpullm.bench.conditions import Conditions
from cpullm.installed import SAMPLE
from cpullm.options import Splitting
from cpullm.records import Document, row

_NAME = "copies.txt"
MEGABYTES = (1.0, 3.0, 10.0, 30.0, 100.0)


@dataclass(frozen=True, slots=True)
class SplitTiming:
    """Seconds (medians of several runs) to read and to split a text of `n_bytes`, and how many units it gave."""

    n_bytes: int
    units: int
    read_seconds: float
    split_seconds: float


def measure(conditions: Conditions, megabytes: Sequence[float] | None = None) -> dict[str, Any]:
    """How fast a book (default: the sample) and copies of it are read and split. Returns the part's record."""
    path = catalog.resolve_corpus(conditions.book or SAMPLE)
    sizes = megabytes or ((0.01,) if conditions.quick else MEGABYTES)
    return {
        "ratios": {},
        "book": path.name,
        "timings": [row(one) for one in split_speed(readers.read(path), sizes)],
    }


def split_speed(book: Document, megabytes: Sequence[float], runs: int = 3) -> Iterator[SplitTiming]:
    """Read and split a book's text as UTF-8, then copies of its body end to end, up to each size in 10⁶ bytes."""
    yield _timed(book.text.encode(), runs)
    whole = splitters.split(book, Splitting("whole")).chunks
    body = "".join(f"{chunk.text}\n\n\n" for chunk in whole if chunk.kind == "body").encode()
    for size in megabytes:
        copies = -(-int(size * 1e6) // len(body))
        yield _timed(body * copies, runs if size <= 10 else 1)


def _timed(data: bytes, runs: int) -> SplitTiming:
    reading: list[float] = []
    splitting: list[float] = []
    units = 0
    for _ in range(runs):
        began = time.perf_counter()
        [document] = readers.documents_of(data, _NAME)
        read = time.perf_counter()
        units = sum(chunk.kind == "body" for chunk in splitters.split(document).chunks)
        splitting.append(time.perf_counter() - read)
        reading.append(read - began)
    return SplitTiming(len(data), units, statistics.median(reading), statistics.median(splitting))
