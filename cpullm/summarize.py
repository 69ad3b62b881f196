"""The whole way of a run: read, split, cut into windows, answer and merge; what `cpullm.summarize` calls."""

from __future__ import annotations

import platform
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cpullm import catalog, corpus, plan, splitters, tasks, worker
from cpullm.errors import InputError, OptionError
from cpullm.merge import Merging, Run
from cpullm.options import EngineOptions, Hygiene, Job, Options, Sampling, Splitting
from cpullm.records import Chunk, Document, FinishReason, Level, Prompt, Summary, columns, row

if TYPE_CHECKING:
    import pandas as pd
    from pyspark.sql import DataFrame, SparkSession

    from cpullm.engine.llama import LlamaModel


@dataclass(slots=True)
class Result:
    """What a run gave: one Summary per chunk in document order, and `run`, the facts about how it came about.

    `dropped` has a row for each document that hygiene dropped: document_id, reason, kept_id, similarity, words.
    """

    summaries: list[Summary]
    run: dict[str, Any]
    dropped: pd.DataFrame | None = None

    def to_pandas(self) -> pd.DataFrame:
        """The summaries as a table with the columns of `Summary`."""
        import pandas as pd

        return pd.DataFrame([row(summary) for summary in self.summaries], columns=columns(Summary))

    def to_spark(self, spark: SparkSession) -> DataFrame:
        """The summaries as a Spark DataFrame of the schema `Summary.SCHEMA`."""
        return spark.createDataFrame([tuple(row(summary).values()) for summary in self.summaries], Summary.SCHEMA)

    def write(self, folder: str | Path) -> list[Path]:
        """Write summaries.parquet, summaries.md and run.json; see `cpullm.report`."""
        from cpullm import report

        return report.write(self, Path(folder))


def summarize(
    source: str | Path | Document | pd.DataFrame | DataFrame | Sequence[Document],
    *,
    model: str | Path = catalog.STARTER,
    spark: SparkSession | None = None,
    splitting: Splitting | None = None,
    hygiene: Hygiene | None = None,
    limit: int | None = None,
    id_column: str | None = None,
    text_column: str = "text",
    progress: bool = True,
    **options: Any,
) -> Result:
    """Summarize a book, a file or a folder of files (by name or path; chapter by chapter), or a table (row by row).

    `source` is a name of the corpus catalog, a path, Documents, or a pandas or Spark DataFrame with an id and a text
    column. `splitting` says how documents are cut; `hygiene`, on Spark only, drops duplicates first. With a `spark`
    session the executors answer, without one this process does. `limit` takes the first n chunks. Further keywords
    are the fields of `Options`. Raises CpullmError; a bad text is a Summary with `error`.
    """
    settings = Options.of(options)
    corpus.check_limit(limit)
    rows = limit if hygiene is None else None
    texts = corpus.read(source, id_column=id_column, text_column=text_column, limit=rows, progress=progress)
    dropped = None
    if hygiene is not None:
        texts, dropped = texts.cleaned(spark, hygiene)
    prepared = prepare(texts.chunks(splitting, limit, progress), model=model, options=settings, progress=progress)
    result = execute(prepared, spark=spark, progress=progress)
    return replace(result, dropped=dropped)


def prepare(chunks: list[Chunk], *, model: str | Path, options: Options, progress: bool = True) -> plan.Plan:
    """Find the model, count tokens and cut what is too long; nothing is generated yet."""
    left_out = [chunk for chunk in chunks if chunk.kind != "body"]
    chunks = [chunk for chunk in chunks if chunk.kind == "body"]
    if not chunks:
        raise InputError("There is nothing to summarize: all of the source is front or back matter.")
    from cpullm.engine.llama import LlamaModel

    resolved = catalog.resolve_model(model, progress=progress)
    entry = resolved.entry
    with LlamaModel(resolved.path, vocab_only=True) as vocabulary:
        template = vocabulary.chat_template or (entry.chat_template if entry else None)
        prompts = {
            task: tasks.render(tasks.wording(task), template, bos=vocabulary.bos, eos=vocabulary.eos)
            for task in ("summarize", "merge")
        }
        overhead = max(_overhead(vocabulary, prompt) for prompt in prompts.values())
        budget = plan.budget(options, vocabulary.n_ctx_train, overhead, entry.window_tokens if entry else None)
        windows = [_windows(chunk, budget, vocabulary) for chunk in chunks]
        text_tokens = sum(vocabulary.count_tokens(window) for chunk in windows for window in chunk)
    engine = EngineOptions(
        model=str(resolved.path.resolve()),
        model_sha256=resolved.sha256,
        n_ctx=budget.n_ctx,
        n_threads=options.n_threads,
        n_seq_max=options.n_seq_max,
        n_batch=options.n_batch,
        n_ubatch=options.n_ubatch,
    )
    sampling = Sampling(options.temperature, options.top_p, options.repeat_penalty, options.seed)
    return plan.Plan(chunks, left_out, windows, prompts, budget, resolved, Job(engine, sampling), options, text_tokens)


def _windows(chunk: Chunk, budget: plan.Budget, vocabulary: LlamaModel) -> list[str]:
    if chunk.error is not None:
        return []
    cut = splitters.windows(chunk.text, budget.text_tokens, vocabulary.count_tokens)
    return [chunk.text[start:end] for start, end in cut]


def _overhead(vocabulary: LlamaModel, prompt: Prompt) -> int:
    return len(vocabulary.tokenize_prompt(prompt.head, "", prompt.tail))


def execute(prepared: plan.Plan, *, spark: SparkSession | None = None, progress: bool = True) -> Result:
    """Answer and merge, on Spark's executors if there is a session, else in this process."""
    from cpullm.engine.llama import LlamaModel

    started = time.monotonic()
    with LlamaModel(prepared.model.path, vocab_only=True) as vocabulary:
        try:
            summaries, levels = Merging(prepared, vocabulary, _run_on(spark), progress).all()
        finally:
            worker.close()
    run = _facts(prepared, summaries, levels, time.monotonic() - started)
    run["spark"] = {"version": spark.version, "master": spark.sparkContext.master} if spark else None
    return Result(summaries, run)


def _run_on(spark: SparkSession | None) -> Run:
    if spark is None:
        return worker.run
    from cpullm import spark as on_spark

    if not hasattr(spark, "_jsc"):
        raise OptionError("spark is a Spark Connect session, which cannot ship the model; pass a classic SparkSession.")
    return lambda requests, job, on_progress: on_spark.run(spark, requests, job, on_progress)


def _version(package: str) -> str | None:
    """None where a package is not installed but on the path, as Spark's own pyspark may be."""
    try:
        return version(package)
    except PackageNotFoundError:
        return None


def _facts(prepared: plan.Plan, summaries: list[Summary], levels: list[Level], seconds: float) -> dict[str, Any]:
    entry = prepared.model.entry
    packages = ("cpullm", "llama-cpp-python", "pyspark", "pandas", "pyarrow")
    return {
        "versions": {"python": platform.python_version(), **{name: _version(name) for name in packages}},
        "model": {
            "name": entry.name if entry else None,
            "file": prepared.model.path.name,
            "sha256": prepared.model.sha256,
        },
        "options": row(prepared.options)
        | {"n_ctx": prepared.budget.n_ctx, "window_tokens": prepared.budget.text_tokens},
        "documents": len({chunk.document_id for chunk in prepared.chunks}),
        "chunks": len(prepared.chunks),
        "left_out": [{"kind": chunk.kind, "title": chunk.title, "words": chunk.words} for chunk in prepared.left_out],
        "windows": prepared.n_windows,
        "levels": [row(level) for level in levels],
        "prompt_tokens": sum(level.prompt_tokens for level in levels),
        "completion_tokens": sum(level.completion_tokens for level in levels),
        "seconds": round(seconds, 3),
        "cut_at_max_tokens": sum(summary.finish_reason == FinishReason.LENGTH for summary in summaries),
        "errors": [
            {"document_id": summary.document_id, "index": summary.index, "error": summary.error}
            for summary in summaries
            if summary.error is not None
        ],
    }
