"""Level by level: every unit's texts become requests, and their answers the next level's texts, until one is left.

Hierarchical merging as in Wu et al. 2021 (arXiv 2109.10862), incremental updating as in Chang et al. 2024 (BooookScore,
arXiv 2310.00785). First all chapters, then what stands directly above finished units, up to the book; each level is one
more call of the same run, with the requests of all tasks and units together.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Protocol

from cpullm import guards, plan, tree
from cpullm.job import Job, Way
from cpullm.progress import Bar
from cpullm.provenance import Passage, Traced
from cpullm.records import Chunk, Completion, Finished, Level, Prompt, Request, Summary, is_blank
from cpullm.splitters import estimated_tokens
from cpullm.store import Store
from cpullm.units import State, checked
from cpullm.worker import Watch

if TYPE_CHECKING:
    from cpullm.engine.llama import LlamaModel


_NONE = Prompt("", "")  # what no model is asked
Questions = Mapping[str, Mapping[str, str]]  # by the task's name and the chunk's id


class Run(Protocol):
    """What answers requests: this process (`cpullm.worker.run`), or Spark's executors (`cpullm.spark.run`)."""

    def __call__(
        self, requests: Sequence[Request], job: Job, *, store: Store | None, watch: Watch
    ) -> Iterator[Completion]:
        """One completion for each request; groups that are finished are kept in the store."""


@dataclass(frozen=True, slots=True)
class _Question:
    """Texts of one unit that a level asks about with one prompt."""

    state: State
    prompt: Prompt
    texts: list[Traced]


class Merging:
    """One run over all levels. Requests are built here, on the driver; `run` answers them, here or on Spark.

    What the `store` has is not asked again. `n_engines` says how many engines `run` has at work, now: groups are made
    for so many. `finished` are the groups of all levels as they end. `questions` are those of tasks whose texts come
    with one.
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
        questions: Questions | None = None,
    ) -> None:
        self.finished: list[Finished] = []
        self._setup = asked = prepared.setup
        self._vocabulary = vocabulary
        self._run = run
        self._progress = progress
        self._store = store
        self._n_engines = n_engines
        self._questions = questions or {}
        self._kept = store.answers() if store else {}
        self._overheads: dict[Prompt, int] = {}
        self._counted: dict[str, int] = {}
        self._windows: dict[str, list[Traced]] = {}
        for chunk, texts, counts in zip(prepared.chunks, prepared.windows, prepared.window_tokens, strict=True):
            self._windows[chunk.id] = list(_traced(chunk, texts))
            self._counted.update(zip(texts, counts, strict=True))
        self._states = [
            State(node, task, asked.job.way(task.task.name), task.task.words or asked.options.words)
            for node in tree.nodes(prepared.chunks, asked.options.levels)
            for task in asked.tasks
            if task.merge is not None or not node.children
        ]

    def all(self) -> tuple[list[Summary], list[Level]]:
        """Every unit's answers, a row for each task, and what each level was."""
        levels: list[Level] = []
        of = {(id(state.node), state.task): state for state in self._states}
        by_height: dict[int, list[State]] = {}
        for state in self._states:
            by_height.setdefault(state.node.height, []).append(state)
        for _, states in sorted(by_height.items()):
            for state in states:
                if state.node.children:
                    state.begin_above([of[id(child), state.task] for child in state.node.children])
                else:
                    self._begin(state)
            questions = [question for state in states if (question := self._first(state))]
            n_before = len(levels)
            while questions:
                levels.append(self._level(len(levels) - n_before, questions))
                questions = [question for state in states if (question := self._next(state))]
        return [state.row() for state in self._states], levels

    def _begin(self, state: State) -> None:
        """A chapter's windows, unless it lacks the question that it is to come with."""
        chunk = state.node.first
        if state.asked.task.has_questions and chunk.error is None:
            state.question = self._questions[state.task].get(chunk.id, "")
            n_tokens = self._count(state.question)
            if is_blank(state.question) or n_tokens > plan.MOST_QUESTION_TOKENS:
                most = f"The question has {n_tokens} tokens, and {plan.MOST_QUESTION_TOKENS} are the most."
                state.error = "The question is empty." if is_blank(state.question) else most
                return
        state.begin(self._cut(chunk, state.way))

    def _cut(self, chunk: Chunk, way: Way) -> list[Traced]:
        """A chunk's windows; all of it at once where no model has to read it."""
        windows = self._windows[chunk.id]
        return windows if way.asks or not windows else list(_traced(chunk, [chunk.text.strip()]))

    def _first(self, state: State) -> _Question | None:
        """What a unit is asked first: a chapter about its windows, others about what is to be merged."""
        if self._setup.is_incremental(state.task) and state.texts:
            room = self._setup.budget.piece_tokens
            state.pending = self._packed(state.texts, room) if state.node.children else state.texts
            state.texts = []
            return self._updated(state)
        if state.node.children:
            return self._merged(state)
        return _Question(state, state.asked.ask, list(state.texts)) if state.texts else None

    def _next(self, state: State) -> _Question | None:
        """What it is asked then, None if it is done."""
        return self._updated(state) if self._setup.is_incremental(state.task) else self._merged(state)

    def _merged(self, state: State) -> _Question | None:
        """The state's texts in as few parts as fit a prompt; those of two or more texts are to be asked about."""
        if state.is_short:
            return None
        if state.way.extracts:  # chosen among by the words they cover, all at once: a model has said what it could
            state.texts = [Traced(tuple(map(Passage.of, state.texts)), plan.JOINT)]
            return _Question(state, _NONE, state.texts)
        packed = self._packed(state.texts, self._setup.budget.text_tokens)
        joined = [text for text in packed if len(text.passages) > 1]
        if not joined:
            state.error = f"{len(packed)} answers are too long to be merged; raise window_tokens."
        if not joined or not state.brings_nearer(len(packed)):
            return None
        state.texts = packed
        assert state.asked.merge is not None
        return _Question(state, state.asked.merge, joined)

    def _updated(self, state: State) -> _Question | None:
        """The summary so far and the piece that comes next; the first piece alone."""
        if not state.pending:
            return None
        asked, (piece, *state.pending) = state.asked, state.pending
        prompt = asked.merge if state.node.children else asked.ask
        if state.texts:
            prompt = asked.update
            assert prompt is not None
            state.so_far, piece = state.texts, Traced((state.whole, Passage.of(piece)), prompt.between)
        assert prompt is not None
        if self._count(piece.text) > self._setup.budget.text_tokens:
            state.error = (
                f"{len(state.pending) + 1} pieces have no room beside the summary so far; raise window_tokens."
            )
            state.pending = []
            return None
        state.texts = [piece]
        return _Question(state, prompt, [piece])

    def _packed(self, texts: Sequence[Traced], room: int) -> list[Traced]:
        """Neighbours joined, as few and as even as fit."""
        parts = plan.pack_texts([(Passage.of(text), self._count(text.text)) for text in texts], room)
        return [Traced(tuple(part), plan.JOINT) for part in parts]

    def _level(self, level: int, questions: list[_Question]) -> Level:
        made = [(question, self._requests(question)) for question in questions]
        # The same text twice is one request: its id is its content.
        unique = {request.id: request for _, requests in made for request in requests}
        kept = {request_id: self._kept.pop(request_id) for request_id in unique if request_id in self._kept}
        left = [request for request_id, request in unique.items() if request_id not in kept]
        n_engines = self._n_engines() if left else 1
        packed = plan.pack(left, self._setup.group_tokens, n_engines)
        started = time.monotonic()
        names = tuple(dict.fromkeys(question.state.task for question in questions))
        units = tuple(dict.fromkeys(question.state.node.level for question in questions))
        asks = self._setup.job.needs_engine
        with Bar(_label(level, units, names, asks=asks), packed, len(kept), n_engines, self._progress) as bar:
            watch = Watch(bar.show, self.finished.append)
            new = list(self._run(packed, self._setup.job, store=self._store, watch=watch))
        answers = {**kept, **{completion.id: completion for completion in new}}
        for question, requests in made:
            self._take(question, [answers[request.id] for request in requests])
        return Level(
            units=units,
            tasks=names,
            requests=len(unique),
            kept=len(kept),
            groups=len({request.group_id for request in packed}),
            workers=tuple(sorted({completion.worker for completion in new})),
            prompt_tokens=sum(completion.prompt_tokens for completion in new),
            completion_tokens=sum(completion.completion_tokens for completion in new),
            seconds=round(time.monotonic() - started, 3),
            guard_seconds=round(sum(completion.guard_seconds for completion in new), 3),
        )

    def _requests(self, question: _Question) -> list[Request]:
        shares = question.state.shares(question.texts)
        return [
            self._request(question, text.text, n_words) for text, n_words in zip(question.texts, shares, strict=True)
        ]

    def _request(self, question: _Question, text: str, n_words: int) -> Request:
        prompt, asked, job = question.prompt, question.state.asked, self._setup.job
        max_tokens = 0 if prompt is _NONE else asked.max_tokens
        asks = job.asks(asked.task.name, max_tokens)
        said = prompt.between + question.state.question if question.state.question else ""
        n_tokens = self._overhead(prompt) + self._count(text) + self._count(said) if asks else estimated_tokens(text)
        name = asked.task.name
        request_id = plan.request_id(job, name, prompt, max_tokens, text, n_words, said)
        return Request(request_id, 0, name, prompt.head, text, prompt.tail, n_tokens, max_tokens, n_words, said)

    def _take(self, question: _Question, completions: Sequence[Completion]) -> None:
        """A level's completions to their unit, each as a passage that leads to the documents."""
        state = question.state
        texts = [text.text if self._setup.options.guards else None for text in question.texts]
        done = [checked(state.asked.task, *pair) for pair in zip(completions, texts, strict=True)]
        said = [
            None if one.error else self._passage(state, one, text)
            for one, text in zip(done, question.texts, strict=True)
        ]
        state.take(question.texts, [_told(*pair) for pair in zip(done, said, strict=True)], said)
        state.merges += len(done) if question.prompt is not state.asked.ask else 0

    def _passage(self, state: State, completion: Completion, asked: Traced) -> Passage:
        """The answer, each sentence led to the documents; what was held against answers is held against these too."""
        passage = Passage.answer(completion, asked)
        if state.way is not Way.GUARDED or asked.is_verbatim:
            return passage
        chunks = {chunk.index: chunk for chunk in state.node.chunks}
        return passage.held(chunks, guards.LEAST_SUPPORT)

    def _overhead(self, prompt: Prompt) -> int:
        """Tokens of the wording round a text."""
        if prompt not in self._overheads:
            self._overheads[prompt] = self._vocabulary.count_prompt_tokens(prompt.head, "", prompt.tail)
        return self._overheads[prompt]

    def _count(self, text: str) -> int:
        """Tokens of a text; windows were counted when they were cut."""
        return self._counted.get(text) or self._vocabulary.count_tokens(text)


def _told(completion: Completion, passage: Passage | None) -> Completion:
    """The completion with its reason, if a sentence went that the documents do not bear out."""
    if passage is None or len(passage.sentences) == len(completion.sentences):
        return completion
    return replace(completion, reasons=(*completion.reasons, guards.UNSUPPORTED))


def _traced(chunk: Chunk, windows: Sequence[str]) -> Iterator[Traced]:
    """The chunk's windows, which are stretches of it in order, by their places in the document."""
    place = 0
    for window in windows:
        place = chunk.text.index(window, place)
        yield Traced((Passage.window(window, chunk.index, chunk.start + place),))
        place += len(window)


def _label(level: int, units: Sequence[str], names: Sequence[str], *, asks: bool) -> str:
    """What a level is about, for its bar."""
    of = " and ".join(f"{unit}s" for unit in units)
    first = units == (tree.CHAPTER,) and level == 0
    merges = f"{of}, merges, level {level if units == (tree.CHAPTER,) else level + 1}"
    label = of if not asks else "windows" if first else merges
    return f"{label}, {len(names)} tasks" if len(names) > 1 else label
