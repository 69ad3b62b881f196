"""`cpullm bench`: how fast texts are read and split here."""

from __future__ import annotations

import argparse
from typing import Any


def add(commands: Any) -> None:
    """Add the command to the parser."""
    benches = commands.add_parser("bench", help="measure this machine").add_subparsers(required=True, metavar="")
    split = benches.add_parser("split", help="how long a text takes to be read and split, from one book to 100 MB")
    split.add_argument("source", nargs="?", default="sample", help="a book, by name or path (default: sample)")
    split.add_argument(
        "--megabytes", type=_sizes, default=[1, 3, 10, 30, 100], help="sizes, as 1,10,100 (the default goes to 100)"
    )
    split.set_defaults(command=_split)


def _sizes(text: str) -> list[float]:
    sizes = [float(size) for size in text.split(",")]
    if not all(0 < size < 2000 for size in sizes):
        raise ValueError
    return sizes


def _split(arguments: argparse.Namespace) -> int:
    from cpullm import bench, catalog, readers

    path = catalog.resolve_corpus(arguments.source)
    print(f"{path.name}, then copies of it end to end\n{'MB':>7} {'units':>7} {'read s':>7} {'split s':>8} {'MB/s':>6}")
    for timing in bench.split_speed(readers.read(path), arguments.megabytes):
        size, seconds = timing.n_bytes / 1e6, timing.read_seconds + timing.split_seconds
        figures = f"{timing.units:7} {timing.read_seconds:7.2f} {timing.split_seconds:8.2f} {size / seconds:6.1f}"
        print(f"{size:7.1f} {figures}", flush=True)
    return 0
