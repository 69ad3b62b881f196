"""The whole way of a run: read, split, cut into windows, answer and merge; `cpullm.run` and `cpullm.summarize`."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cpullm import corpus, facts, plan, worker
from cpullm.errors import OptionError
from cpullm.installed import default_model
from cpullm.merge import Merging, Run
from cpullm.options import Hygiene, Options, Splitting
from cpullm.placement import placed
from cpullm.preparing import prepare
from cpullm.records import Chunk, Document, Summary, columns, plain
from cpullm.store import Store
from cpullm.tasks import Task, chosen

if TYPE_CHECKING:
    import pandas as pd
    from pyspark.sql import DataFrame, SparkSession

    Source = str | Path | Document | pd.DataFrame | DataFrame | Sequence[Document]


@dataclass(slots=True)
class Result:
    """What a run gave: a Summary per chunk and task, in document order, and `run`, the facts about how it came about.

    `dropped` has a row for each document that hygiene dropped: document_id, reason, kept_id, similarity, words.
    `chunks` are the texts that were asked about.
    """

    summaries: list[Summary]
    run: dict[str, Any]
    dropped: pd.DataFrame | None = None
    chunks: list[Chunk] = field(default_factory=list, repr=False)

    def to_pandas(self) -> pd.DataFrame:
        """The summaries as a table with the columns of `Summary`."""
        import pandas as pd

        return pd.DataFrame([plain(summary) for summary in self.summaries], columns=columns(Summary))

    def to_spark(self, spark: SparkSession) -> DataFrame:
        """The summaries as a Spark DataFrame of the schema `Summary.SCHEMA`."""
        return spark.createDataFrame([tuple(plain(summary).values()) for summary in self.summaries], Summary.SCHEMA)

    def write(self, folder: str | Path) -> list[Path]:
        """Write summaries.parquet, summaries.md and run.json; see `cpullm.report`."""
        from cpullm import report

        return report.write(self, Path(folder))


def summarize(source: Source, **keywords: Any) -> Result:
    """Summarize a book, a file or a folder of files, or a table: `run` with the task `summarize`, and its keywords."""
    return run(source, tasks=["summarize"], **keywords)


def run(
    source: Source,
    *,
    tasks: Sequence[str | Path | Task],
    model: str | Path | None = None,
    spark: SparkSession | None = None,
    splitting: Splitting | None = None,
    hygiene: Hygiene | None = None,
    prompt: str | Path | None = None,
    limit: int | None = None,
    id_column: str | None = None,
    text_column: str = "text",
    answers: str | Path | None = None,
    fresh: bool = False,
    model_at: str | None = None,
    progress: bool = True,
    **options: Any,
) -> Result:
    """Ask about a book, a file or a folder of files (by name or path; chapter by chapter), or a table (row by row).

    `source` is a name of the corpus catalog, a path, Documents, or a pandas or Spark DataFrame with an id and a text
    column. `tasks` are names (`cpullm.tasks.NAMES`), paths of task files, or Tasks; all are asked about every chunk.
    `prompt` is a file with another wording for summaries.
    `splitting` says how documents are cut; `hygiene`, on Spark only, drops duplicates first. With a `spark`
    session the executors answer, without one this process does. `limit` takes the first n chunks. In the folder or
    URI `answers` every answer is kept as it comes, and what it has is not computed again, unless `fresh`. `model_at` is
    where executors find the model themselves: a path of every host, or a URI. Further keywords are the fields of
    `Options`. Raises CpullmError; a bad text is a Summary with `error`.
    """
    settings = Options.of(options)
    chosen(tasks, prompt=prompt)
    corpus.check_limit(limit)
    rows = limit if hygiene is None else None
    texts = corpus.read(source, id_column=id_column, text_column=text_column, limit=rows, progress=progress)
    dropped = None
    if hygiene is not None:
        texts, dropped = texts.cleaned(spark, hygiene)
    chunks = texts.chunks(splitting, limit, progress)
    prepared = prepare(
        chunks, tasks=tasks, prompt=prompt, model=model or default_model(), options=settings, progress=progress
    )
    store = kept_answers(answers)
    result = execute(prepared, spark=spark, store=store, fresh=fresh, model_at=model_at, progress=progress)
    result.run["limit"] = limit
    return replace(result, dropped=dropped)


def kept_answers(answers: str | Path | None) -> Store | None:
    """The store of answers at this place; none for None."""
    if answers is None:
        return None
    if not str(answers).strip():
        raise OptionError("answers names no folder: give a path or a URI, or leave it out.")
    return Store.prepared(str(answers))


def execute(
    prepared: plan.Plan,
    *,
    spark: SparkSession | None = None,
    store: Store | None = None,
    fresh: bool = False,
    model_at: str | None = None,
    progress: bool = True,
) -> Result:
    """Answer and merge, on Spark's executors if there is a session, else in this process.

    What the `store` has is forgotten first for a `fresh` run, once nothing refuses it.
    """
    from cpullm.engine.llama import LlamaModel

    started = time.monotonic()
    prepared = replace(prepared, setup=placed(prepared.setup, spark, model_at))
    if store is not None and fresh:
        store.clear()
    with LlamaModel(prepared.setup.model.path, vocab_only=True) as vocabulary:
        merging = Merging(prepared, vocabulary, *_run_on(spark), progress=progress, store=store)
        try:
            summaries, levels = merging.all()
        finally:
            worker.close()
    run = facts.of_run(prepared, summaries, levels, time.monotonic() - started)
    run["executors"] = facts.of_executors(merging.finished)
    run["spark"] = {"version": spark.version, "master": spark.sparkContext.master} if spark else None
    return Result(summaries, run, chunks=prepared.chunks)


def _run_on(spark: SparkSession | None) -> tuple[Run, Callable[[], int]]:
    """What answers requests, and with how many engines at once."""
    if spark is None:
        return worker.run, lambda: 1
    from cpullm import spark as on_spark

    return partial(on_spark.run, spark), partial(on_spark.n_engines, spark)
