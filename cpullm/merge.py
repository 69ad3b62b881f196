"""Level by level: every chunk's texts become requests, and their answers the next level's texts, until one is left.

Hierarchical merging as in Wu et al. 2021 (arXiv 2109.10862); a level is one more call of the same run, with the
requests of all tasks together.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from itertools import chain
from typing import TYPE_CHECKING, Protocol

from cpullm import plan, tasks
from cpullm.job import Job
from cpullm.progress import Bar
from cpullm.records import Chunk, Completion, Finished, FinishReason, Level, Prompt, Request, Summary
from cpullm.store import Store
from cpullm.tasks import TaskPrompts
from cpullm.worker import Watch

if TYPE_CHECKING:
    from cpullm.engine.llama import LlamaModel


class Run(Protocol):
    """What answers requests: this process (`cpullm.worker.run`), or Spark's executors (`cpullm.spark.run`)."""

    def __call__(
        self, requests: Sequence[Request], job: Job, *, store: Store | None, watch: Watch
    ) -> Iterator[Completion]:
        """One completion for each request; groups that are finished are kept in the store."""


@dataclass(slots=True)
class _State:
    """One chunk and one task on their way: the texts still to be joined, and all completions so far."""

    chunk: Chunk
    asked: TaskPrompts
    texts: list[str]
    completions: list[Completion] = field(default_factory=list)
    merges: int = 0
    error: str | None = None


@dataclass(frozen=True, slots=True)
class _Question:
    """Texts of one state that a level asks about with one prompt."""

    state: _State
    prompt: Prompt
    texts: list[str]


class Merging:
    """One run over all levels. Requests are built here, on the driver; `run` answers them, here or on Spark.

    What the `store` has is not asked again. `n_engines` says how many engines `run` has at work, now: groups are made
    for so many. `finished` are the groups of all levels as they end.
    """

    def __init__(
        self,
        prepared: plan.Plan,
        vocabulary: LlamaModel,
        run: Run,
        n_engines: Callable[[], int] = lambda: 1,
        *,
        progress: bool,
        store: Store | None = None,
    ) -> None:
        self.finished: list[Finished] = []
        self._plan = prepared
        self._vocabulary = vocabulary
        self._run = run
        self._progress = progress
        self._store = store
        self._n_engines = n_engines
        self._kept = store.answers() if store else {}
        self._overheads: dict[Prompt, int] = {}
        counted = zip(chain(*prepared.windows), chain(*prepared.window_tokens), strict=True)
        self._counted = dict(counted)
        self._states = [
            _State(chunk, asked, list(windows))
            for chunk, windows in zip(prepared.chunks, prepared.windows, strict=True)
            for asked in prepared.tasks
        ]

    def all(self) -> tuple[list[Summary], list[Level]]:
        """Every chunk's answers, a row for each task, and what each level was."""
        levels: list[Level] = []
        questions = [_Question(state, state.asked.ask, list(state.texts)) for state in self._states if state.texts]
        while questions:
            levels.append(self._level(len(levels), questions))
            questions = [question for state in self._states if (question := self._merge(state))]
        for state in self._states:
            if state.asked.merge is None:
                state.texts = tasks.join(state.asked.task, state.texts)
        return [_summary(state) for state in self._states], levels

    def _merge(self, state: _State) -> _Question | None:
        """The state's texts in as few parts as fit a prompt; those of two or more texts are to be asked about."""
        if state.asked.merge is None or len(state.texts) < 2:
            return None
        counted = [(text, self._vocabulary.count_tokens(text)) for text in state.texts]
        parts = plan.pack_texts(counted, self._plan.budget.text_tokens)
        state.texts = [plan.JOINT.join(part) for part in parts]
        joined = [text for text, part in zip(state.texts, parts, strict=True) if len(part) > 1]
        if not joined:
            state.error = f"{len(parts)} answers are too long to be merged; raise window_tokens."
            return None
        state.merges += len(joined)
        return _Question(state, state.asked.merge, joined)

    def _level(self, level: int, questions: list[_Question]) -> Level:
        made = [(question, [self._request(question, text) for text in question.texts]) for question in questions]
        # The same text twice is one request: its id is its content.
        unique = {request.id: request for _, requests in made for request in requests}
        kept = {request_id: self._kept.pop(request_id) for request_id in unique if request_id in self._kept}
        left = [request for request_id, request in unique.items() if request_id not in kept]
        n_engines = self._n_engines() if left else 1
        packed = plan.pack(left, self._plan.group_tokens, n_engines)
        started = time.monotonic()
        names = tuple(dict.fromkeys(question.state.asked.task.name for question in questions))
        unit = "windows" if level == 0 else f"merges, level {level}"
        label = f"{unit}, {len(names)} tasks" if len(names) > 1 else unit
        with Bar(label, packed, len(kept), n_engines, self._progress) as bar:
            watch = Watch(bar.show, self.finished.append)
            new = list(self._run(packed, self._plan.job, store=self._store, watch=watch))
        answers = {**kept, **{completion.id: completion for completion in new}}
        for question, requests in made:
            _take(question.state, {request.text: answers[request.id] for request in requests}, requests)
        return Level(
            tasks=names,
            requests=len(unique),
            kept=len(kept),
            groups=len({request.group_id for request in packed}),
            workers=tuple(sorted({completion.worker for completion in new})),
            prompt_tokens=sum(completion.prompt_tokens for completion in new),
            completion_tokens=sum(completion.completion_tokens for completion in new),
            seconds=round(time.monotonic() - started, 3),
        )

    def _request(self, question: _Question, text: str) -> Request:
        prompt, asked, job = question.prompt, question.state.asked, self._plan.job
        n_tokens = self._overhead(prompt) + self._count(text)
        name, max_tokens = asked.task.name, asked.max_tokens
        request_id = plan.request_id(job.engine, prompt, job.samplings[name], max_tokens, text)
        return Request(request_id, 0, name, prompt.head, text, prompt.tail, n_tokens, max_tokens)

    def _overhead(self, prompt: Prompt) -> int:
        """Tokens of the wording round a text."""
        if prompt not in self._overheads:
            self._overheads[prompt] = self._vocabulary.count_prompt_tokens(prompt.head, "", prompt.tail)
        return self._overheads[prompt]

    def _count(self, text: str) -> int:
        """Tokens of a text; windows were counted when they were cut."""
        return self._counted.get(text) or self._vocabulary.count_tokens(text)


def _take(state: _State, answered: dict[str, Completion], requests: list[Request]) -> None:
    """Take in a level's completions: the state's texts become their answers."""
    checked = {text: _checked(state.asked.task, completion) for text, completion in answered.items()}
    state.completions += [checked[request.text] for request in requests]
    # A text that was not asked about had no room beside its neighbours, and waits for the next level.
    state.texts = [
        checked[text].text if text in checked else text
        for text in state.texts
        if text not in checked or checked[text].error is None
    ]


def _checked(task: tasks.Task, completion: Completion) -> Completion:
    """The completion, or an error in its place if it is no whole answer to the task."""
    if completion.error is not None:
        return completion
    fault = tasks.fault(task, completion.text, completion.finish_reason)
    if fault is None:
        return completion
    return replace(completion, text="", finish_reason=FinishReason.ERROR.value, error=fault)


def _summary(state: _State) -> Summary:
    chunk, completions = state.chunk, state.completions
    return Summary(
        document_id=chunk.document_id,
        index=chunk.index,
        levels=chunk.levels,
        title=chunk.title,
        line=chunk.line,
        start=chunk.start,
        end=chunk.end,
        words=chunk.words,
        task=state.asked.task.name,
        summary="\n\n".join(state.texts),
        windows=len(completions) - state.merges,
        merges=state.merges,
        finish_reason=_reason(state).value,
        prompt_tokens=sum(completion.prompt_tokens for completion in completions),
        completion_tokens=sum(completion.completion_tokens for completion in completions),
        seconds=round(sum((completion.seconds for completion in completions), 0.0), 3),
        error=state.error or _error(state),
    )


def _reason(state: _State) -> FinishReason:
    if not state.texts:
        return FinishReason.ERROR
    reasons = {completion.finish_reason for completion in state.completions}
    return next((reason for reason in (FinishReason.LOOP, FinishReason.LENGTH) if reason in reasons), FinishReason.STOP)


def _error(state: _State) -> str | None:
    if state.chunk.error is not None:
        return state.chunk.error
    if not state.completions:
        return "The text is empty; nothing was asked of the model."
    failed = [completion.error for completion in state.completions if completion.error is not None]
    return f"{len(failed)} of {len(state.completions)} answers failed: {failed[0]}" if failed else None
