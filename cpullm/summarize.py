"""The whole way of a run: read, split, cut into windows, answer and merge; `cpullm.run` and `cpullm.summarize`."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from functools import lru_cache, partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cpullm import catalog, corpus, facts, filesystems, memory, plan, splitters, tune, worker
from cpullm.catalog import ResolvedModel
from cpullm.errors import InputError, OptionError
from cpullm.installed import default_model
from cpullm.job import EngineOptions, Job, Place, Sampling, Setting, Way
from cpullm.merge import Merging, Run
from cpullm.options import STRATEGIES, Hygiene, Options, Splitting
from cpullm.records import Chunk, Document, Summary, columns, is_blank, plain
from cpullm.store import Store
from cpullm.tasks import Task, TaskPrompts, choices_grammar, chosen

if TYPE_CHECKING:
    import pandas as pd
    from pyspark.sql import DataFrame, SparkSession

    from cpullm.catalog import ModelEntry
    from cpullm.engine.llama import LlamaModel

    Source = str | Path | Document | pd.DataFrame | DataFrame | Sequence[Document]

_N_COUNTED = 64  # texts of which the number of tokens is remembered


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


def prepare(
    chunks: list[Chunk],
    *,
    tasks: Sequence[str | Path | Task],
    model: str | Path,
    options: Options,
    prompt: str | Path | None = None,
    progress: bool = True,
) -> plan.Plan:
    """Find the model, check the tasks with it, count tokens and cut what is too long; nothing is generated yet."""
    left_out = [chunk for chunk in chunks if chunk.kind != "body"]
    chunks = [chunk for chunk in chunks if chunk.kind == "body"]
    if not chunks:
        raise InputError("There is nothing to summarize: all of the source is front or back matter.")
    from cpullm.engine.llama import LlamaModel

    resolved, setting, tuned = _tuned(catalog.resolve_model(model, progress=progress), options)
    entry = resolved.entry
    found = chosen(tasks, entry.wording if entry else "", prompt)
    strategy = options.strategy or (entry.strategy if entry else None) or STRATEGIES[0]
    with LlamaModel(resolved.path, vocab_only=True) as vocabulary:
        asked = _prompts(found, options, entry, vocabulary)
        samplings = {task.name: _sampling(task, options, entry, vocabulary) for task in found}
        budget = _budget(asked, options, entry, vocabulary, strategy)
        counted = [_windows(chunk, budget, vocabulary) for chunk in chunks]
    windows = [[window for window, _ in pieces] for pieces in counted]
    window_tokens = [[n_tokens for _, n_tokens in pieces] for pieces in counted]
    engine = EngineOptions(
        model=str(resolved.path.resolve()),
        model_sha256=resolved.sha256,
        n_ctx=budget.n_ctx,
        setting=setting,
    )
    ways = {task.name: _way(strategy, options) for task in found if task.guards}
    if prompt is not None and not any(way.asks for way in ways.values()):
        raise OptionError(
            f"the prompt {prompt} is for a model, and the strategy {strategy} asks none: give strategy "
            f"{STRATEGIES[0]} too, or leave the prompt out."
        )
    job, date = Job(engine, samplings, options.group_seconds, ways), tuned.date if tuned else None
    return plan.Plan(chunks, left_out, windows, asked, budget, resolved, job, options, window_tokens, date, strategy)


def _way(strategy: str, options: Options) -> Way:
    """How summaries come about with this strategy."""
    if strategy in [way.value for way in Way if way.extracts]:
        return Way(strategy)
    return Way.GUARDED if options.guards else Way.PLAIN


def _tuned(resolved: ResolvedModel, options: Options) -> tuple[ResolvedModel, Setting, tune.Tuned | None]:
    """The file to use and how to compute: what `cpullm tune` found for this model and CPU, and what was given."""
    found = tune.stored(resolved.sha256) if options.tuned else None
    if found is None:
        return resolved, options.setting(Setting()), None
    model = ResolvedModel(found.model or resolved.path, found.model_sha256, resolved.entry)
    return model, options.setting(found.setting), found


def _prompts(
    tasks: Sequence[Task], options: Options, entry: ModelEntry | None, vocabulary: LlamaModel
) -> list[TaskPrompts]:
    template = vocabulary.chat_template or (entry.chat_template if entry else None)
    return [
        TaskPrompts.of(task, options.max_tokens, template, bos=vocabulary.bos, eos=vocabulary.eos) for task in tasks
    ]


def _sampling(task: Task, options: Options, entry: ModelEntry | None, vocabulary: LlamaModel) -> Sampling:
    """What was given, else what the task says, else the model's own; and the grammar of the task's answers."""
    from cpullm.engine import grammar

    defaults = {**(entry.sampling if entry else {}), **task.sampling}
    rules = choices_grammar(task.choices) if task.choices else task.grammar
    try:
        if task.schema is not None:
            rules = grammar.from_schema(task.schema)
        sampling = replace(options.sampling(defaults), grammar=rules)
        grammar.check(vocabulary, sampling)
    except OptionError as error:
        raise OptionError(f"the task {task.name} cannot be used: {error}") from error
    return sampling


def _budget(
    asked: list[TaskPrompts], options: Options, entry: ModelEntry | None, vocabulary: LlamaModel, strategy: str
) -> plan.Budget:
    """Windows for the task that leaves least room: all tasks are asked about the same ones."""
    prompts = [prompt for task in asked for prompt in task.prompts]
    between = [vocabulary.count_tokens(task.update.between) for task in asked if task.update is not None]
    carried = max(between, default=0) if strategy == "incremental" else 0
    overhead = max(vocabulary.count_prompt_tokens(prompt.head, "", prompt.tail) for prompt in prompts)
    return plan.budget(
        options,
        vocabulary.n_ctx_train,
        overhead,
        entry.window_tokens if entry else None,
        max_tokens=max(task.max_tokens for task in asked),
        merged_tokens=max((task.max_tokens for task in asked if task.merge is not None), default=0),
        so_far_tokens=carried and carried + 2 * max(task.max_tokens for task in asked if task.update is not None),
    )


def _windows(chunk: Chunk, budget: plan.Budget, vocabulary: LlamaModel) -> list[tuple[str, int]]:
    """The chunk's windows, each with its tokens."""
    if chunk.error is not None:
        return []
    count = lru_cache(_N_COUNTED)(vocabulary.count_tokens)  # who cuts a text has counted the windows, at last
    cut = splitters.windows(chunk.text, budget.piece_tokens, count)
    return [(window, count(window)) for start, end in cut if not is_blank(window := chunk.text[start:end])]


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
    prepared = _placed(prepared, spark, model_at)
    if store is not None and fresh:
        store.clear()
    with LlamaModel(prepared.model.path, vocab_only=True) as vocabulary:
        merging = Merging(prepared, vocabulary, *_run_on(spark), progress=progress, store=store)
        try:
            summaries, levels = merging.all()
        finally:
            worker.close()
    run = facts.of_run(prepared, summaries, levels, time.monotonic() - started)
    run["executors"] = facts.of_executors(merging.finished)
    run["spark"] = {"version": spark.version, "master": spark.sparkContext.master} if spark else None
    return Result(summaries, run, chunks=prepared.chunks)


def _placed(prepared: plan.Plan, spark: SparkSession | None, model_at: str | None) -> plan.Plan:
    """The plan where it is to run. What cannot fit here is refused; executors elsewhere look for themselves."""
    from cpullm import spark as on_spark

    if spark is not None and not hasattr(spark, "_jsc"):
        raise OptionError("spark is a Spark Connect session, which cannot ship the model; pass a classic SparkSession.")
    if spark is None and prepared.options.group_seconds is not None:
        raise OptionError("group_seconds ends a worker of Spark, and there is no Spark session: leave it out.")
    if model_at is not None and not model_at.strip():
        raise OptionError("model_at names no file: give a path of every host or a URI, or leave it out.")
    n_engines = 1 if spark is None else on_spark.engines_here(spark)
    if n_engines and model_at is not None:
        raise OptionError(f"model_at {model_at} is for executors elsewhere; here the model is read where it lies.")
    if n_engines and prepared.job.needs_engine:
        worker.check_threads(prepared.options.n_threads)
        memory.check(
            prepared.model.path,
            prepared.job.engine,
            budget=prepared.budget,
            n_engines=n_engines,
            started=spark is None,
        )
    if n_engines == 1:
        return prepared
    # Tuned threads are for one engine that has this machine to itself; a task has its own CPUs.
    engine = prepared.job.engine
    engine = replace(engine, setting=replace(engine.setting, n_threads=prepared.options.n_threads))
    if model_at is not None:
        engine = replace(engine, model=model_at, place=Place.URI if filesystems.is_uri(model_at) else Place.EVERY_HOST)
    return replace(prepared, job=replace(prepared.job, engine=engine))


def _run_on(spark: SparkSession | None) -> tuple[Run, Callable[[], int]]:
    """What answers requests, and with how many engines at once."""
    if spark is None:
        return worker.run, lambda: 1
    from cpullm import spark as on_spark

    return partial(on_spark.run, spark), partial(on_spark.n_engines, spark)
