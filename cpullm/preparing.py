"""Chunks and what is asked about them → a plan: the model found, prompts rendered, tokens counted, windows cut."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

from cpullm import catalog, plan, splitters, tune
from cpullm.catalog import ResolvedModel
from cpullm.errors import InputError, ModelError, OptionError
from cpullm.job import EngineOptions, Job, Sampling, Setting, Way
from cpullm.options import STRATEGIES, Options
from cpullm.records import Chunk, is_blank
from cpullm.tasks import Task, TaskPrompts
from cpullm.tasks import chosen as checked_tasks
from cpullm.tasks.task import CHOICE

if TYPE_CHECKING:
    from cpullm.catalog import ModelEntry
    from cpullm.engine.llama import LlamaModel

_N_COUNTED = 64  # texts of which the number of tokens is remembered


@dataclass(frozen=True, slots=True)
class Chosen:
    """The model's file to use, how to compute with it, and when that was found by `cpullm tune`, if it was."""

    model: ResolvedModel
    setting: Setting
    tuned_on: str | None

    @classmethod
    def of(cls, model: str | Path, options: Options, *, progress: bool = True) -> Chosen:
        """What `cpullm tune` found for this model and CPU, and what was given."""
        resolved = catalog.resolve_model(model, progress=progress)
        found = tune.stored(resolved.sha256) if options.tuned else None
        if found is None:
            return cls(resolved, options.setting(Setting()), None)
        resolved = ResolvedModel(found.model or resolved.path, found.model_sha256, resolved.entry)
        return cls(resolved, options.setting(found.setting), found.date)

    def vocabulary(self) -> LlamaModel:
        """The model without its weights, for tokens and metadata."""
        from cpullm.engine.llama import LlamaModel

        return LlamaModel(self.model.path, vocab_only=True)


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
    body = [chunk for chunk in chunks if chunk.kind == "body"]
    if not body:
        raise InputError("There is nothing to summarize: all of the source is front or back matter.")
    with (chosen := Chosen.of(model, options, progress=progress)).vocabulary() as vocabulary:
        asked = setup(chosen, tasks, options, vocabulary, prompt)
        for task in (one.task for one in asked.tasks):
            if task.has_questions:
                raise OptionError(
                    f"the task {task.name} comes with a question for each text, and a source has none: ask it of a "
                    "table with a column of questions, by cpullm.transform and columns.answer."
                )
        prepared = planned(body, asked, vocabulary)
    return replace(prepared, left_out=[chunk for chunk in chunks if chunk.kind != "body"])


def setup(
    chosen: Chosen,
    tasks: Sequence[str | Path | Task],
    options: Options,
    vocabulary: LlamaModel,
    prompt: str | Path | None = None,
) -> plan.Setup:
    """The tasks as this model is asked them: prompts rendered, grammars checked, the context shared out."""
    from cpullm.engine.embedding import is_embedding

    entry = chosen.model.entry
    found = checked_tasks(tasks, entry.wording if entry else "", prompt)
    strategy = options.strategy or (entry.strategy if entry else None) or STRATEGIES[0]
    ways = {task.name: _way(strategy, options) for task in found if task.retells}
    if not all(task.name in ways and not ways[task.name].asks for task in found) and is_embedding(vocabulary):
        # llama.cpp would end the process.
        raise ModelError(f"{chosen.model.path} gives vectors and no answers: take a language model.")
    asked = _prompts(found, options, entry, vocabulary)
    budget = _budget(asked, options, entry, vocabulary, strategy)
    engine = EngineOptions(
        model=str(chosen.model.path.resolve()),
        model_sha256=chosen.model.sha256,
        n_ctx=budget.n_ctx,
        setting=chosen.setting,
    )
    samplings = {task.name: _sampling(task, options, entry, vocabulary) for task in found}
    if prompt is not None and not any(way.asks for way in ways.values()):
        raise OptionError(
            f"the prompt {prompt} is for a model, and the strategy {strategy} asks none: give strategy "
            f"{STRATEGIES[0]} too, or leave the prompt out."
        )
    job = Job(engine, samplings, options.group_seconds, ways)
    return plan.Setup(asked, budget, chosen.model, job, options, chosen.tuned_on, strategy)


def planned(chunks: list[Chunk], asked: plan.Setup, vocabulary: LlamaModel) -> plan.Plan:
    """The chunks cut into windows, with their tokens."""
    counted = [_windows(chunk, asked.budget, vocabulary) for chunk in chunks]
    windows = [[window for window, _ in pieces] for pieces in counted]
    return plan.Plan(asked, chunks, windows, [[n_tokens for _, n_tokens in pieces] for pieces in counted])


def _way(strategy: str, options: Options) -> Way:
    """How summaries come about with this strategy."""
    if strategy in [way.value for way in Way if way.extracts]:
        return Way(strategy)
    return Way.GUARDED if options.guards else Way.PLAIN


def _prompts(
    tasks: Sequence[Task], options: Options, entry: ModelEntry | None, vocabulary: LlamaModel
) -> list[TaskPrompts]:
    template = vocabulary.chat_template or (entry.chat_template if entry else None)
    made = [
        TaskPrompts.of(task, options.max_tokens, template, bos=vocabulary.bos, eos=vocabulary.eos) for task in tasks
    ]
    return [replace(asked, max_tokens=_steps(asked, vocabulary)) if asked.task.choices else asked for asked in made]


def _steps(asked: TaskPrompts, vocabulary: LlamaModel) -> int:
    """How often the model is asked for a choice: as many tokens as it may need the room of."""
    from cpullm.engine import choices

    for choice in asked.task.choices:  # labels may come out of a table
        if vocabulary.tokenize(choice, special=True) != vocabulary.tokenize(choice, special=False):
            raise OptionError(
                f"the task {asked.task.name} cannot be used: the choice {choice!r} holds a token of the model's own; "
                "reword it."
            )
    closing = _closing(asked.task, vocabulary)
    answers = tuple(choice + closing for choice in asked.task.choices)
    try:
        return max(choices.n_steps(choices.tokenized(vocabulary, one.tail, answers)[1]) for one in asked.prompts)
    except OptionError as error:
        raise OptionError(f"the task {asked.task.name} cannot be used: {error}") from error


def _closing(task: Task, vocabulary: LlamaModel) -> str:
    """What stands behind a choice, so that none is the beginning of another."""
    return task.answer.partition(CHOICE)[2] + vocabulary.eos


def _sampling(task: Task, options: Options, entry: ModelEntry | None, vocabulary: LlamaModel) -> Sampling:
    """What was given, else what the task says, else the model's own; and the grammar of the answers, or choices."""
    from cpullm.engine import grammar

    defaults = {**(entry.sampling if entry else {}), **task.sampling}
    rules = task.grammar
    if task.choices:
        return Sampling(choices=task.choices, closing=_closing(task, vocabulary), calibrated=task.calibrate)
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
    if any(task.task.has_questions for task in asked):
        overhead += max(vocabulary.count_tokens(prompt.between) for prompt in prompts) + plan.MOST_QUESTION_TOKENS
    pieces = [task.task.window_tokens for task in asked if task.task.window_tokens and options.window_tokens is None]
    shares = plan.budget(
        options,
        vocabulary.n_ctx_train,
        overhead,
        entry.window_tokens if entry else None,
        max_tokens=max(task.max_tokens for task in asked),
        merged_tokens=max((task.max_tokens for task in asked if task.merge is not None), default=0),
        so_far_tokens=carried and carried + 2 * max(task.max_tokens for task in asked if task.update is not None),
    )
    return replace(shares, cut_tokens=min(pieces, default=None))


def _windows(chunk: Chunk, budget: plan.Budget, vocabulary: LlamaModel) -> list[tuple[str, int]]:
    """The chunk's windows, each with its tokens."""
    if chunk.error is not None:
        return []
    count = lru_cache(_N_COUNTED)(vocabulary.count_tokens)  # who cuts a text has counted the windows, at last
    cut = splitters.windows(chunk.text, budget.piece_tokens, count)
    return [(window, count(window)) for start, end in cut if not is_blank(window := chunk.text[start:end])]
