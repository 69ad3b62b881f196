"""From a source to data for training: cleaned, asked about, chosen, divided; `cpullm.dataset`."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cpullm import catalog, corpus, tree
from cpullm.dataset.dividing import Dataset, divided
from cpullm.dataset.rows import Asked, Candidate, Dropped
from cpullm.errors import OptionError
from cpullm.installed import default_model
from cpullm.job import Way
from cpullm.options import Hygiene, Training
from cpullm.records import row
from cpullm.summarize import run
from cpullm.tasks import Task, chosen, render

if TYPE_CHECKING:
    import pandas as pd
    from pyspark.sql import SparkSession

_NO_MODEL = tuple(way.value for way in Way if not way.asks)
_DEFAULT = Training()


def dataset(
    source: Any,
    *,
    tasks: Sequence[str | Path | Task] = ("summarize",),
    model: str | Path | None = None,
    training: Training = _DEFAULT,
    hygiene: Hygiene | None = None,
    spark: SparkSession | None = None,
    id_column: str | None = None,
    text_column: str = "text",
    limit: int | None = None,
    progress: bool = True,
    **keywords: Any,
) -> Dataset:
    """Ask about a source as `cpullm.run` does, with its keywords, and make rows of the answers, divided by document.

    Summaries are of chapters if `levels` says nothing. `training` says which answers are taken, and how many documents
    are for validation. Raises CpullmError.
    """
    asked = {task.name: task for task in chosen(tasks, prompt=keywords.get("prompt"))}
    if not isinstance(training, Training):
        raise OptionError(f"training must be a Training, as Training(validation=0.2), got {training!r}.")
    corpus.check_limit(limit)
    model = model or default_model()
    if training.row_tokens is not None:
        catalog.resolve_model(training.tokenizer or model, progress=progress)  # what is not there is said at once
    n_rows = limit if hygiene is None else None
    texts = corpus.read(source, id_column=id_column, text_column=text_column, limit=n_rows, progress=progress)
    documents, gone = list(texts.documents), None
    read = len(documents)
    if hygiene is not None:
        kept, gone = corpus.Corpus(documents).cleaned(spark, hygiene)
        documents = list(kept.documents)
    keywords = {"levels": tree.CHAPTER, **keywords}
    result = run(documents, tasks=list(tasks), model=model, spark=spark, limit=limit, progress=progress, **keywords)
    known = _known(asked, result.run)
    with _counting(known, training, model) as count:
        by_id = {document.id: document.text for document in documents}
        made = divided(result.summaries, by_id, known, training, hygiene or Hygiene(), count)
    report = _facts(made.report, source, read, gone) | _origin(result.run, training, hygiene)
    report["model"]["is_asked"] = any(task.model for task in known.values())
    return replace(made, dropped=_gone(gone) + made.dropped, report=report)


def _facts(counts: Mapping[str, Any], source: Any, n_read: int, gone: pd.DataFrame | None) -> dict[str, Any]:
    """What was counted, from the documents that were read on."""
    reasons = {} if gone is None else {why: int(n) for why, n in sorted(gone["reason"].value_counts().items())}
    name = Path(source).name if isinstance(source, (str, Path)) else type(source).__name__
    return {"source": name, **counts, "documents": {"all": n_read, "dropped": reasons, **counts["documents"]}}


def _origin(facts: Mapping[str, Any], training: Training, hygiene: Hygiene | None) -> dict[str, Any]:
    """How the rows came about; nothing of it is another the next time."""
    return {
        "training": row(training),
        "hygiene": None if hygiene is None else row(hygiene),
        "model": {**facts["model"], "licence": _licence(facts["model"]["name"])},
        "strategy": facts["strategy"],
        "asked": facts["tasks"],
        "options": facts["options"],
        "versions": facts["versions"],
    }


def _known(asked: Mapping[str, Task], facts: Mapping[str, Any]) -> dict[str, Asked]:
    """The tasks as they were asked: `run` has the wording for the model's size."""
    found = {}
    for told in facts["tasks"]:
        task = asked[told["name"]]
        is_asked = not (task.retells and facts["strategy"] in _NO_MODEL)
        name = facts["model"]["name"] or facts["model"]["file"]
        named = (name, facts["model"]["sha256"]) if is_asked else ("", "")
        found[task.name] = Asked(told["ask"], task.is_free, *named)
    return found


@contextmanager
def _counting(
    asked: Mapping[str, Asked], training: Training, model: str | Path
) -> Iterator[Callable[[Candidate], int] | None]:
    """What counts the tokens of a row as the trainee reads it: in its chat template, with the token that ends it."""
    if training.row_tokens is None:
        yield None
        return
    from cpullm.engine.llama import LlamaModel

    resolved = catalog.resolve_model(training.tokenizer or model)
    with LlamaModel(resolved.path, vocab_only=True) as vocabulary:
        template = vocabulary.chat_template or (resolved.entry.chat_template if resolved.entry else None)
        bos, eos = vocabulary.bos, vocabulary.eos
        prompts = {name: render(task.wording, template, bos=bos, eos=eos) for name, task in asked.items()}

        def count(one: Candidate) -> int:
            prompt = prompts[one.row.task]
            n_asked = vocabulary.count_prompt_tokens(prompt.head, one.text, prompt.tail)
            return n_asked + vocabulary.count_tokens(one.row.answer) + 1

        yield count


def _gone(report: pd.DataFrame | None) -> list[Dropped]:
    """The documents that hygiene dropped, by their ids."""
    if report is None:
        return []
    lines = sorted(zip(report["document_id"], report["reason"], report["kept_id"], report["similarity"], strict=True))
    return [
        Dropped(id_, None, None, None, reason, f"{similarity:.2f} similar" if kept_id else None, kept_id or None)
        for id_, reason, kept_id, similarity in lines
    ]


def _licence(model: str | None) -> str | None:
    """A model's licence, which may bind what is trained on its answers."""
    return catalog.models()[model].licence if model else None
