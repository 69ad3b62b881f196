"""A file's record as lines for the terminal, within 120 columns."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from cpullm.bench.report import aligned
from cpullm.evaluation.bootstrap import N_RESAMPLES
from cpullm.evaluation.evaluating import JUDGEMENTS
from cpullm.evaluation.judging import OVERLAP, SUPPORT
from cpullm.evaluation.labelled import LABELS as LABELLED
from cpullm.evaluation.labelled import lines as labelled_lines
from cpullm.evaluation.marked import ENTITIES
from cpullm.evaluation.marked import lines as marked_lines
from cpullm.evaluation.rouge import ROUGE
from cpullm.evaluation.scoring import COMPARED

Record = dict[str, Any]
LABELS = {"rouge1": "ROUGE-1", "rouge2": "ROUGE-2", "rougeL": "ROUGE-L", "rougeLsum": "ROUGE-Lsum"}
_DASH = "-"
_WIDTH = 120
_NAME_WIDTH = 20
_RESAMPLES = f"95 % intervals from {N_RESAMPLES:,} bootstrap resamples of the documents"
# How a trait is headed and shown.
_TRAITS: dict[str, tuple[str, Callable[[float], str]]] = {
    "words": ("words", "{:.0f}".format),
    "compression": ("compr.", "{:.1f}".format),
    "coverage": ("cover.", "{:.2f}".format),
    "density": ("density", "{:.1f}".format),
    "novelty": ("novel %", lambda value: f"{100 * value:.0f}"),
    "support": ("support", "{:.2f}".format),
    "invented": ("inv./100", lambda value: f"{100 * value:.0f}"),
    "loop": ("loop %", lambda value: f"{100 * value:.0f}"),
    "cut_off": ("cut %", lambda value: f"{100 * value:.0f}"),
    "empty": ("empty %", lambda value: f"{100 * value:.0f}"),
}


def lines(told: Record) -> Iterator[str]:
    """All tables of one file."""
    kinds = {JUDGEMENTS: _judged, ENTITIES: marked_lines, LABELLED: labelled_lines}
    for line in kinds.get(told["kind"], _scored)(told):
        yield line if len(line) <= _WIDTH else f"{line[: _WIDTH - 1]}…"


def _scored(told: Record) -> Iterator[str]:
    documents, references = told["documents"], told["references"]
    yield (
        f"{told['file']}: {documents} documents of {told['document_words']:,.0f} words, {references / documents:.1f} "
        f"references each, of {told['reference_words']:.0f} words"
    )
    over = "the mean over" if told["over_references"] == "mean" else "the best of"
    yield f"ROUGE: F1 x 100 with Porter's stemmer, {over} a document's references; what is longer"
    yield f"than {told['words']} words, which all are asked for, is cut there; {_RESAMPLES}"
    yield from _other_letters(told)
    yield ""
    yield from _rouge(told)
    yield ""
    yield "The whole texts, before that cut, beside their documents:"
    yield from _traits(told)
    yield from _notes(told)
    if told["differences"]:
        yield ""
        yield from _differences(told)


def _other_letters(told: Record) -> Iterator[str]:
    if told["not_latin"]:
        n, all_ = told["not_latin"], told["documents"]
        yield f"rouge-score splits and stems English; {n} of {all_} documents are in other letters: words as cpullm's."


def _rouge(told: Record) -> Iterator[str]:
    rows = [("", *(LABELS[name] for name in ROUGE))]
    rows += [
        (_short(system), *(_interval(one["means"][name], 100) for name in ROUGE))
        for system, one in told["systems"].items()
    ]
    yield from aligned(rows)


def _traits(told: Record) -> Iterator[str]:
    rows = [("", *(head for head, _ in _TRAITS.values()), "seconds", "guards %")]
    for system, one in told["systems"].items():
        means = (one["means"][name] for name in _TRAITS)
        cells = [
            _DASH if mean is None else form(mean["value"])
            for mean, (_, form) in zip(means, _TRAITS.values(), strict=True)
        ]
        seconds = _DASH if one["seconds"] is None else f"{one['seconds']:.1f}"
        guards = _DASH if one["guards_share"] is None else f"{100 * one['guards_share']:.1f}"
        rows.append((_short(system), *cells, seconds, guards))
    yield from aligned(rows)


def _notes(told: Record) -> Iterator[str]:
    for system, one in told["systems"].items():
        if one["run"]:
            yield f"{_short(system)}: {_how(one['run'])}"
        if one["kept"]:
            yield f"{_short(system)}: {one['kept']} answers were there from an earlier run; seconds are of the rest"
        if one["errors"]:
            id, error = next(iter(one["errors"].items()))
            yield f"{_short(system)}: {len(one['errors'])} of {told['documents']} summaries failed, as {id}: {error}"


def _how(run: Record) -> str:
    """Which model and strategy it was, and where the words of its summaries come from."""
    methods = ", ".join(f"{n} {method}" for method, n in run.get("methods", {}).items())
    name = run["model"]["name"] or run["model"]["file"]
    return "; ".join(part for part in (f"{name}, {run.get('strategy')}", methods) if part)


def _differences(told: Record) -> Iterator[str]:
    yield "On the same documents, less what the other has, x 100:"
    for measure in COMPARED:
        rows: list[tuple[str, ...]] = [(f"{_short(told['compared'])}, {LABELS[measure]}", "difference", "p", "")]
        for other, by_measure in told["differences"].items():
            rows.append((f"- {_short(other)}", *_difference(by_measure[measure], 100)))
        yield from aligned(rows)


def _judged(told: Record) -> Iterator[str]:
    yield (
        f"{told['file']}: {told['summaries']} summaries of {told['documents']} documents, {told['faithful']} of them "
        f"faithful (judged {told['faithful_judgement']:g})"
    )
    yield f"AUROC of scores that take no reference; {_RESAMPLES}"
    rows: list[tuple[str, ...]] = [
        ("", "AUROC"),
        *((name, _interval(one, 1, 3)) for name, one in told["auroc"].items()),
    ]
    yield from aligned(rows)
    gap, p, verdict = _difference(told["difference"], 1, 3)
    yield f"{SUPPORT} - {OVERLAP}: {gap}, p {p}: {verdict}"


def _interval(told: Record, times: float, digits: int = 1) -> str:
    value, low, high = (f"{times * told[name]:.{digits}f}" for name in ("value", "low", "high"))
    return f"{value} [{low}, {high}]"


def _difference(told: Record, times: float, digits: int = 2) -> tuple[str, str, str]:
    value, low, high = (f"{times * told[name]:+.{digits}f}" for name in ("value", "low", "high"))
    least = 2 / N_RESAMPLES
    p = f"<{least:g}" if told["p"] < least else f"{told['p']:.3f}"
    return f"{value} [{low}, {high}]", p, told["verdict"]


def _short(name: str) -> str:
    return name if len(name) <= _NAME_WIDTH else f"{name[: _NAME_WIDTH - 1]}…"
