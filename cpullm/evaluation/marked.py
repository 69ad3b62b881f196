"""Systems that mark private data and names in texts, and their figures as lines for the terminal."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Any

from cpullm import masking, worker
from cpullm.bench.report import aligned
from cpullm.evaluation.bootstrap import N_RESAMPLES
from cpullm.evaluation.entities import Marked, told
from cpullm.masking import Private

if TYPE_CHECKING:
    from cpullm.evaluation.systems import Setup

RULES, CAPITALS, DEFAULT = "rules", "capitals", "default"
ENTITIES = "entities"
_HOW = {
    RULES: "what has a shape: no names",
    CAPITALS: "all runs of capitals are names as well: no model",
    DEFAULT: "the model says which of them are names",
}


def evaluate(name: str, rows: Sequence[Marked], setup: Setup, progress: Callable[[str], None]) -> dict[str, Any]:
    """The file's record: each system's figures, and its seconds."""
    found: dict[str, list[list[Private]]] = {}
    seconds: dict[str, float] = {}
    for system, mark in {RULES: _by_rules, CAPITALS: _capitals, DEFAULT: _default}.items():
        progress(f"{name}: {system}")
        started = time.monotonic()
        found[system] = mark([row.text for row in rows], setup)
        seconds[system] = time.monotonic() - started
    progress(f"{name}: scores")
    systems = {system: {**one, "seconds": seconds[system]} for system, one in told(rows, found).items()}
    return {"file": name, "kind": ENTITIES, "texts": len(rows), "systems": systems}


def _by_rules(texts: Sequence[str], _: Setup) -> list[list[Private]]:
    return [masking.find(text) for text in texts]


def _capitals(texts: Sequence[str], _: Setup) -> list[list[Private]]:
    found = []
    for text in texts:
        by_rules = masking.find(text)
        named = masking.names(text, masking.candidates(text, by_rules), [], [])
        found.append(masking.found(text, by_rules, named))
    return found


def _default(texts: Sequence[str], setup: Setup) -> list[list[Private]]:
    from cpullm import tasks
    from cpullm.columns.masking import private
    from cpullm.installed import default_model
    from cpullm.options import Options
    from cpullm.preparing import Chosen
    from cpullm.preparing import setup as prepared

    chosen = Chosen.of(setup.model or default_model(), Options(), progress=setup.progress)
    with chosen.vocabulary() as vocabulary:
        asked = prepared(chosen, [tasks.naming()], Options(), vocabulary)
    try:
        return private(asked, texts, progress=setup.progress)
    finally:
        worker.close()


def lines(record: dict[str, Any]) -> Iterator[str]:
    """The file's tables."""
    systems = record["systems"]
    first = next(iter(systems.values()))
    n_spans = sum(kind["spans"] for kind in first["kinds"].values())
    yield f"{record['file']}: {record['texts']} texts with {n_spans} marked spans, {first['names']} of them names"
    yield from (f"{system}: {_HOW[system]}; {one['seconds']:.1f} seconds" for system, one in systems.items())
    yield f"In percent, of letters and digits; 95 % intervals from {N_RESAMPLES:,} bootstrap resamples of the texts"
    yield ""
    measures = {
        "spans masked whole": "recall",
        "of what is masked, marked": "precision",
        "of the rest, masked": "others_masked",
        "names, F1 of spans": "f1",
        "names, F1 of spans and types": "typed_f1",
    }
    rows: list[tuple[str, ...]] = [("", *systems)]
    rows += [(said, *(_interval(one[key]) for one in systems.values())) for said, key in measures.items()]
    yield from aligned(rows)
    yield ""
    yield "Spans masked whole, and in part:"
    rows = [("", "spans", *systems)]
    for kind in sorted(first["kinds"], key=lambda kind: -first["kinds"][kind]["spans"]):
        counts = [one["kinds"][kind] for one in systems.values()]
        cells = (f"{_interval(one['whole'], 0)} {100 * one['in_part'] / one['spans']:.0f}" for one in counts)
        rows.append((kind, str(counts[0]["spans"]), *cells))
    yield from aligned(rows)


def _interval(told: dict[str, float] | None, digits: int = 1) -> str:
    if told is None:
        return "-"
    value, low, high = (f"{100 * told[name]:.{digits}f}" for name in ("value", "low", "high"))
    return f"{value} [{low}, {high}]"
