"""`cpullm bench`: how fast this machine is, by itself and beside what else could be run on it."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

_NO_CHART = "no chart: that takes matplotlib and the parts compare or growth"
PARTS = ("split", "compare", "tasks", "columns", "spark", "plan", "machine", "growth", "variants")


def add(commands: Any) -> None:
    """Add the command to the parser."""
    from cpullm.bench.files import FORMATS
    from cpullm.installed import default_model

    parser = commands.add_parser(
        "bench", help="measure this machine", description=f"Parts: {', '.join(PARTS)}; without one all of them in turn."
    )
    parser.add_argument("part", nargs="?", choices=PARTS, metavar="PART", help="the part to measure, by default all")
    parser.add_argument("--book", help="a book, by name or path (default: war_and_peace; for split: sample)")
    parser.add_argument(
        "--model",
        default=default_model(),
        help="a model's name, a .gguf file, synthetic-1.1b or synthetic-7b (default: starter)",
    )
    parser.add_argument(
        "--format", choices=FORMATS, help="compare all in this format of the weights (default: each in its fastest)"
    )
    parser.add_argument("--out", default="bench.json", help="where results go; other parts' results in it stay")
    parser.add_argument(
        "--quick", action="store_true", help="a small form in seconds: to see that it works, not to measure"
    )
    parser.add_argument("--megabytes", type=_sizes, help="sizes for split, as 1,10 (default: 1,3,10,30,100)")
    parser.set_defaults(command=_bench)


def _sizes(text: str) -> list[float]:
    sizes = [float(size) for size in text.split(",")]
    if not all(0 < size < 2000 for size in sizes):
        raise ValueError
    return sizes


def _bench(arguments: argparse.Namespace) -> int:
    from cpullm.bench import parts, report
    from cpullm.bench.conditions import conditions

    path = Path(arguments.out)
    model = None if arguments.part == "split" else arguments.model
    given = conditions(model, arguments.book, arguments.quick, arguments.format)
    results: dict[str, Any] = {}
    for name in (arguments.part,) if arguments.part else PARTS:
        more = {"megabytes": arguments.megabytes} if name == "split" else {}
        results = parts.run(name, given, path, **more)
        lines = [*report.lines(name, results["parts"][name]), *report.ratios(results, parts.RATIOS_OF.get(name, ()))]
        print("\n".join(lines), end="\n\n", flush=True)
    if not arguments.part:
        print("\n".join(report.ratios(results, parts.RATIOS)), end="\n\n")
    picture = path.with_suffix(".png")
    print(f"{path}, {picture}" if report.draw(results, picture) else f"{path}; {_NO_CHART}")
    return 0
