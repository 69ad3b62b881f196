"""Chunks and what is asked about them → a plan: the model found, prompts rendered, tokens counted, windows cut."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

from cpullm import catalog, plan, splitters, tune
from cpullm.catalog import ResolvedModel
from cpullm.errors import InputError, OptionError
from cpullm.job import EngineOptions, Job, Sampling, Setting, Way
from cpullm.options import STRATEGIES, Options
from cpullm.records import Chunk, is_blank
from cpullm.tasks import Task, TaskPrompts, choices_grammar, chosen

if TYPE_CHECKING:
    from cpullm.catalog import ModelEntry
    from cpullm.engine.llama import LlamaModel

_N_COUNTED = 64  # texts of which the number of tokens is remembered


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
