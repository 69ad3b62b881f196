"""The whole way of one file: read, let every system write, score, compare; its record is what eval.json holds of it."""

from __future__ import annotations

import platform
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from cpullm.errors import OptionError
from cpullm.evaluation import bootstrap, judging, labelled, marked, rouge, scoring, systems
from cpullm.evaluation.entities import Marked
from cpullm.evaluation.labelled import Labelled
from cpullm.evaluation.reading import Case, Judged
from cpullm.evaluation.systems import Output, Setup
from cpullm.facts import installed_version
from cpullm.options import LEAST_WORDS, Options
from cpullm.progress import seconds_between
from cpullm.words import words

REFERENCES, JUDGEMENTS = "references", "judgements"
_PACKAGES = ("cpullm", "rouge-score", "scikit-learn", "numpy", "llama-cpp-python")


@dataclass(frozen=True, slots=True)
class Evaluation:
    """One file and what is done with it. `outputs` are other systems' texts, by system and document id.

    `n_words` is how long every summary is asked to be; None: as long as the references are in the mean. `average`
    takes the mean over a document's references, not the best of them.
    """

    path: Path
    rows: list[Case] | list[Judged] | list[Marked] | list[Labelled]
    systems: tuple[str, ...] = systems.USUAL
    outputs: dict[str, dict[str, str]] = field(default_factory=dict)
    n_words: int | None = None
    average: bool = False
    setup: Setup = field(default_factory=Setup)

    @property
    def cases(self) -> list[Case]:
        """The rows with references; none if the file has judgements."""
        return [row for row in self.rows if isinstance(row, Case)]

    @property
    def judged(self) -> list[Judged]:
        """The rows with judgements; none if the file has references."""
        return [row for row in self.rows if isinstance(row, Judged)]

    @property
    def marked(self) -> list[Marked]:
        """The rows with entities; none if the file has others."""
        return [row for row in self.rows if isinstance(row, Marked)]

    @property
    def labelled(self) -> list[Labelled]:
        """The rows with labels; none if the file has others."""
        return [row for row in self.rows if isinstance(row, Labelled)]

    def check(self) -> None:
        """Raise CpullmError for what would stop it later."""
        systems.check(self.systems)
        Options(words=self.n_words)  # its range is the option's
        if self.cases:
            rouge.check_installed()
        if self.labelled:
            labelled.check(self.path, self.labelled)
        if self.cases and not (self.systems or self.outputs):
            raise OptionError("no system is named: give --system or --outputs.")
        for name in self.outputs:
            if name in self.systems:
                raise OptionError(
                    f"system {name!r} is in --outputs and is run here too: rename it, or choose --system."
                )


def evaluate(evaluation: Evaluation, told: Callable[[str], None]) -> tuple[dict[str, Any], dict[str, Output]]:
    """The file's record, and the summaries that were written for it. `told` takes what is begun, for who waits."""
    if evaluation.judged:
        return _judge(evaluation), {}
    if evaluation.marked:
        return marked.evaluate(evaluation.path.name, evaluation.marked, evaluation.setup, told), {}
    if evaluation.labelled:
        return labelled.evaluate(evaluation.path.name, evaluation.labelled, _apart(evaluation), told), {}
    return _score(evaluation, told)


def facts() -> dict[str, Any]:
    """By what the figures were made."""
    return {
        "versions": {"python": platform.python_version(), **{name: installed_version(name) for name in _PACKAGES}},
        "resamples": bootstrap.N_RESAMPLES,
    }


def _judge(evaluation: Evaluation) -> dict[str, Any]:
    scores: dict[str, list[float]] = {name: [] for name in judging.JUDGES}
    for row in _bar(evaluation.judged, "judging", evaluation.setup):
        for name, judge in judging.JUDGES.items():
            scores[name].append(judge(row.document, row.summary))
    told = judging.judge(evaluation.judged, scores)
    rows = [
        {"judgement": row.judgement, **{name: given[i] for name, given in scores.items()}}
        for i, row in enumerate(evaluation.judged)
    ]
    return {"file": evaluation.path.name, "kind": JUDGEMENTS, **told, "scores": rows}


def _score(evaluation: Evaluation, told: Callable[[str], None]) -> tuple[dict[str, Any], dict[str, Output]]:
    cases, name = evaluation.cases, evaluation.path.name
    lengths = [len(words(reference)) for case in cases for reference in case.references]
    n_words = evaluation.n_words or max(LEAST_WORDS, round(sum(lengths) / len(lengths)))
    written: dict[str, Output] = {}
    for system in evaluation.systems:
        told(f"{name}: {system}")
        written[system] = systems.write(system, cases, n_words, _apart(evaluation))
    written |= {system: Output(texts) for system, texts in evaluation.outputs.items()}
    scores: dict[str, list[scoring.Scores]] = {system: [] for system in written}
    told(f"{name}: scores")
    for case in _bar(cases, "scoring", evaluation.setup):
        texts = {system: output.texts[case.id] for system, output in written.items()}
        for system, one in scoring.score(case, texts, n_words, average=evaluation.average).items():
            scores[system].append(one)
    reference = scoring.reference_system(list(written), list(evaluation.outputs))
    record = {
        "file": name,
        "kind": REFERENCES,
        "documents": len(cases),
        "document_words": sum(len(words(case.document)) for case in cases) / len(cases),
        "references": len(lengths),
        "reference_words": sum(lengths) / len(lengths),
        "not_latin": sum(not rouge.is_latin(" ".join(case.references)) for case in cases),
        "words": n_words,
        "over_references": "mean" if evaluation.average else "best",
        "systems": {system: _told(output, scores[system]) for system, output in written.items()},
        "compared": reference,
        "differences": scoring.compare(scores, reference),
        "scores": [
            {"id": case.id, "system": system, **given[i]}
            for i, case in enumerate(cases)
            for system, given in scores.items()
        ],
    }
    return record, {system: written[system] for system in evaluation.systems}


def _apart(evaluation: Evaluation) -> Setup:
    """Each file keeps its answers in a folder of its own."""
    setup = evaluation.setup
    return setup if setup.answers is None else replace(setup, answers=setup.answers / evaluation.path.stem)


def _told(output: Output, scores: Sequence[scoring.Scores]) -> dict[str, Any]:
    return {
        "means": scoring.means(scores),
        "seconds": output.seconds,
        "guards_share": output.guards_share,
        "kept": output.kept,
        "errors": output.errors,
        "run": output.run,
    }


def _bar(rows: list[Any], label: str, setup: Setup) -> Any:
    from tqdm import tqdm

    return tqdm(rows, desc=label, mininterval=seconds_between(), delay=2.0, leave=False, disable=not setup.progress)
