"""Systems that label texts, held against people's labels, and their figures as lines for the terminal.

The first half of the rows teaches the baselines; all are scored on the second, and cpullm is taught by none.
"""

from __future__ import annotations

import importlib.util
import json
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import regex

from cpullm import tasks
from cpullm.bench.report import aligned
from cpullm.errors import InputError, MachineError, OptionError
from cpullm.evaluation import bootstrap
from cpullm.options import Splitting
from cpullm.records import Document
from cpullm.tasks import Task

if TYPE_CHECKING:
    from cpullm.evaluation.systems import Setup

LABELS = "labels"
MAJORITY, TFIDF, FREE, GRAMMAR, DEFAULT = "majority", "tf-idf", "free", "grammar", "default"
_MOODS = {"positive", "negative", "neutral"}
_HOW = {
    MAJORITY: "the most frequent label of the first half",
    TFIDF: "TF-IDF of words and word pairs, logistic regression; taught by the first half",
    FREE: "asked to choose, the labels named; the first label that stands in what the model says",
    GRAMMAR: "the same question; a grammar allows the labels alone",
    DEFAULT: "what cpullm gives: the likeliest label",
}


@dataclass(frozen=True, slots=True)
class Labelled:
    """A text and the label that people gave it."""

    text: str
    label: str


def check(path: Path, rows: Sequence[Labelled]) -> None:
    """Raise CpullmError for rows that cannot be scored, and without scikit-learn."""
    if importlib.util.find_spec("sklearn") is None:
        raise MachineError("A baseline needs the package scikit-learn; install it: pip install 'cpullm[eval]'.")
    if len({row.label for row in rows[: len(rows) // 2]}) < 2:
        raise InputError(f"{path}: the first half of the rows has fewer than two labels; shuffle them, or take more.")
    try:
        _tasks(_labels(rows))
    except OptionError as error:
        raise InputError(f"{path}: its labels cannot be choices: {error}") from None


def evaluate(name: str, rows: Sequence[Labelled], setup: Setup, progress: Callable[[str], None]) -> dict[str, Any]:
    """The file's record: each system's figures on the second half, and its seconds."""
    learnt, scored = rows[: len(rows) // 2], rows[len(rows) // 2 :]
    labels = _labels(rows)
    texts = [row.text for row in scored]
    systems: dict[str, Callable[[], list[str]]] = {
        MAJORITY: lambda: [Counter(row.label for row in learnt).most_common(1)[0][0]] * len(texts),
        TFIDF: lambda: _regression(learnt, texts),
        **{
            system: lambda task=task, system=system: _asked(task, texts, setup, system)  # type: ignore[misc]
            for system, task in _tasks(labels).items()
        },
    }
    told, said = {}, {}
    for system, answer in systems.items():
        progress(f"{name}: {system}")
        started = time.monotonic()
        said[system] = [one if one in labels else _label(one, labels) for one in answer()]
        seconds = time.monotonic() - started
        told[system] = {**_figures(scored, said[system], labels), "seconds": seconds}
    right = {system: [float(a == row.label) for a, row in zip(said[system], scored, strict=True)] for system in said}
    return {
        "file": name,
        "kind": LABELS,
        "texts": len(scored),
        "labels": labels,
        "systems": told,
        "differences": {
            system: asdict(bootstrap.paired(right[DEFAULT], right[system])) for system in said if system != DEFAULT
        },
        "scores": [
            {"label": row.label, **{system: said[system][i] for system in said}} for i, row in enumerate(scored)
        ],
    }


def _labels(rows: Sequence[Labelled]) -> list[str]:
    return sorted({row.label for row in rows})


def _tasks(labels: Sequence[str]) -> dict[str, Task]:
    """What the model is asked, by system."""
    listed = f"{', '.join(labels[:-1])} or {labels[-1]}"
    ask = f"{{text}}\n\nClassify the text above as {listed}. Answer with one of these."
    # GBNF's strings escape as JSON's do.
    rules = "root ::= " + " | ".join(json.dumps(label, ensure_ascii=False) for label in labels)
    default = tasks.classify(labels)
    if set(labels) <= _MOODS:
        default = replace(tasks.find("sentiment"), choices=tuple(labels))
    return {
        FREE: Task(FREE, ask, join="append", max_tokens=32),
        GRAMMAR: Task(GRAMMAR, ask, join="append", max_tokens=32, grammar=rules, sampling={"repeat_penalty": 1}),
        DEFAULT: default,
    }


def _asked(task: Task, texts: Sequence[str], setup: Setup, system: str) -> list[str]:
    from cpullm.summarize import run

    result = run(
        [Document(str(i), text, row=True) for i, text in enumerate(texts)],
        tasks=[task],
        model=setup.model,
        splitting=Splitting("whole"),
        answers=None if setup.answers is None else setup.answers / system,
        progress=setup.progress,
    )
    said = {summary.document_id: summary.summary for summary in result.summaries}
    return [said.get(str(i), "") for i in range(len(texts))]


def _label(said: str, labels: Sequence[str]) -> str:
    """The label that comes first in what was said, the longest of those that begin there; empty if none does."""
    by_length = sorted(labels, key=len, reverse=True)
    pattern = rf"(?<!\w)(?:{'|'.join(map(regex.escape, by_length))})(?!\w)"
    found = regex.search(pattern, said, regex.IGNORECASE)
    if found is None:
        return ""
    return next((one for one in labels if one == found[0]), None) or next(
        one for one in by_length if one.casefold() == found[0].casefold()
    )


def _regression(learnt: Sequence[Labelled], texts: Sequence[str]) -> list[str]:
    from sklearn.feature_extraction.text import TfidfVectorizer
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline

    model = make_pipeline(
        TfidfVectorizer(ngram_range=(1, 2), sublinear_tf=True), LogisticRegression(C=10, max_iter=1000)
    )
    model.fit([row.text for row in learnt], [row.label for row in learnt])
    return [str(label) for label in model.predict(texts)]


def _figures(rows: Sequence[Labelled], said: Sequence[str], labels: Sequence[str]) -> dict[str, Any]:
    """Accuracy, the mean of the labels' F1 (macro-F1), each with its interval; how often no label was given."""
    true, given = (np.array([[float(one == label) for label in labels] for one in column]) for column in (
        [row.label for row in rows], said,
    ))  # fmt: skip
    both = true * given

    def macro_f1(weights: Any) -> Any:
        with np.errstate(invalid="ignore"):  # a label that nobody has and nobody gave
            return np.nanmean(2 * (weights @ both) / (weights @ true + weights @ given), axis=-1)

    everything = np.ones((1, len(rows)))
    low, high = bootstrap.percentiles(bootstrap.resample(macro_f1, len(rows)))
    return {
        "accuracy": asdict(bootstrap.mean(both.sum(axis=1).tolist())),
        "macro_f1": asdict(bootstrap.Interval(float(macro_f1(everything)[0]), low, high)),
        "none": said.count("") / len(said),
    }


def lines(record: dict[str, Any]) -> Iterator[str]:
    """The file's table."""
    systems, labels = record["systems"], record["labels"]
    yield f"{record['file']}: {record['texts']} texts, the second half; {len(labels)} labels: {', '.join(labels)}"
    yield from (f"{system}: {how}" for system, how in _HOW.items())
    yield f"In percent; 95 % intervals from {bootstrap.N_RESAMPLES:,} bootstrap resamples of the texts"
    yield ""
    rows: list[tuple[str, ...]] = [("", "accuracy", "macro-F1", "no label %", "seconds", "accuracy of default - this")]
    for system, one in systems.items():
        gap = record["differences"].get(system)
        against = f"{_interval(gap, '+.1f')}  {gap['verdict']}" if gap else ""
        cells = (_interval(one["accuracy"]), _interval(one["macro_f1"]))
        rows.append((system, *cells, f"{100 * one['none']:.0f}", f"{one['seconds']:.1f}", against))
    yield from aligned(rows)


def _interval(told: dict[str, Any], form: str = ".1f") -> str:
    value, low, high = (format(100 * told[name], form) for name in ("value", "low", "high"))
    return f"{value} [{low}, {high}]"
