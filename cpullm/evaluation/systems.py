"""What makes summaries, by name: baselines that need no model, the bare model, and the strategies with their guards."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from cpullm.errors import OptionError
from cpullm.evaluation.reading import Case
from cpullm.evaluation.traits import first_words
from cpullm.options import STRATEGIES, Splitting
from cpullm.records import Document
from cpullm.splitters import sentences

LEAD, LEXRANK, TEXTRANK, BARE, DEFAULT = "lead", "lexrank", "textrank", "bare", "default"
USUAL = (LEAD, LEXRANK, TEXTRANK, BARE, DEFAULT)
BASELINES = (LEAD, LEXRANK, TEXTRANK)
# By name: the strategy, and whether the answers are held against their text.
_BY_MODEL: dict[str, tuple[str | None, bool]] = {
    BARE: ("hierarchical", False),
    DEFAULT: (None, True),
    **{strategy: (strategy, True) for strategy in STRATEGIES if strategy not in BASELINES},
}
NAMES = (*BASELINES, *_BY_MODEL)


@dataclass(frozen=True, slots=True)
class Setup:
    """What the systems with a model are run with: its name or path, and the folder where answers are kept, if any."""

    model: str | None = None
    answers: Path | None = None
    progress: bool = False


@dataclass(frozen=True, slots=True)
class Output:
    """A system's summaries by document id. `seconds` passed; `errors` say why a text is empty or not all of it.

    `run` has the facts about a model's run, as run.json has them.
    """

    texts: dict[str, str]
    seconds: float | None = None
    errors: dict[str, str] = field(default_factory=dict)
    run: dict[str, Any] | None = None

    @property
    def guards_share(self) -> float | None:
        """The part of the run's seconds that went into holding answers against their texts, if that is known."""
        run = self.run or {}
        return run["guard_seconds"] / run["seconds"] if run.get("guard_seconds") is not None else None

    @property
    def kept(self) -> int:
        """Answers that were there from an earlier run: what took no time this time."""
        return sum(level["kept"] for level in (self.run or {}).get("levels", ()))


def check(names: Sequence[str]) -> None:
    """Raise OptionError for a name that no system has, or that comes twice."""
    for i, name in enumerate(names):
        if name not in NAMES:
            raise OptionError(f"no system is called {name!r}; there are {', '.join(NAMES)}.")
        if name in names[:i]:
            raise OptionError(f"system {name!r} was given twice.")


def write(name: str, cases: Sequence[Case], n_words: int, setup: Setup) -> Output:
    """The summaries of one system, of about so many words each."""
    started = time.monotonic()
    if name in _BY_MODEL:
        return _summarized(name, cases, n_words, setup)
    choose = _first if name == LEAD else _ranked(name)
    texts = {case.id: choose(case.document, n_words) for case in cases}
    return Output(texts, time.monotonic() - started)


def _first(document: str, n_words: int) -> str:
    return first_words(document, n_words)


def _ranked(name: str) -> Callable[[str, int], str]:
    """A document's best sentences as the named ranking has them."""
    from cpullm import extract

    rank = {LEXRANK: extract.lexrank, TEXTRANK: extract.textrank}[name]

    def choose(document: str, n_words: int) -> str:
        found = [document[start:end] for start, end in sentences(document)]
        return "\n".join(found[i] for i in rank(found, n_words))

    return choose


def _summarized(name: str, cases: Sequence[Case], n_words: int, setup: Setup) -> Output:
    """The model's summaries. Each system keeps its own answers, or one would find another's and take no time."""
    from cpullm.summarize import run

    strategy, guards = _BY_MODEL[name]
    documents = [Document(case.id, case.document, row=True) for case in cases]
    started = time.monotonic()
    result = run(
        documents,
        tasks=["summarize"],
        model=setup.model,
        splitting=Splitting("whole"),
        strategy=strategy,
        guards=guards,
        words=n_words,
        answers=None if setup.answers is None else setup.answers / name,
        progress=setup.progress,
    )
    seconds = time.monotonic() - started
    texts = dict.fromkeys((case.id for case in cases), "")
    texts |= {summary.document_id: summary.summary for summary in result.summaries}
    errors = {summary.document_id: summary.error for summary in result.summaries if summary.error is not None}
    return Output(texts, seconds, errors, result.run)
