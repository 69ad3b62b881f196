"""One unit and one task on their way: the texts still to be joined, what was answered, and the row it becomes."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace

from cpullm import guards, plan, tasks
from cpullm.job import Way
from cpullm.provenance import Passage, Traced
from cpullm.records import Completion, FinishReason, Method, Summary
from cpullm.tasks import TaskPrompts
from cpullm.tree import CLOSE, WORDS, Node


@dataclass(slots=True)
class State:
    """A unit and what is known of it. `texts` are its windows, or what the units under it say, until one is left.

    `pending` are pieces that wait until the summary `so_far` can be brought up to date with them; `told_below` is what
    was found in the answers about the units under it. `question` is what its texts come with.
    """

    node: Node
    asked: TaskPrompts
    way: Way
    words: int | None
    question: str = ""
    texts: list[Traced] = field(default_factory=list)
    pending: list[Traced] = field(default_factory=list)
    so_far: list[Traced] = field(default_factory=list)
    completions: list[Completion] = field(default_factory=list)
    told_below: tuple[str, ...] = ()
    n_texts: int = 0
    merges: int = 0
    missing: int = 0
    error: str | None = None

    @property
    def task(self) -> str:
        """Its name."""
        return self.asked.task.name

    @property
    def wanted(self) -> int:
        """How many words its summary shall have; 0: what the model gives."""
        return self.words or (WORDS[self.node.level] if self.way.extracts else 0)

    @property
    def reasons(self) -> tuple[str, ...]:
        """What was found in the answers it is made of: about it, or, if there are none, about the units under it."""
        own = (reason for completion in self.completions for reason in completion.reasons)
        return tuple(dict.fromkeys(own if self.completions else self.told_below))

    @property
    def is_short(self) -> bool:
        """Whether what there is needs no merging."""
        if self.asked.merge is None or len(self.texts) < 2:
            return True
        return bool(self.wanted) and sum(text.n_words for text in self.texts) <= CLOSE * self.wanted

    def brings_nearer(self, n_answers: int) -> bool:
        """Whether so many answers in place of its texts come nearer to the words wanted, if any are."""
        total = sum(text.n_words for text in self.texts)
        merged = n_answers * total / len(self.texts)
        return not self.wanted or abs(merged - self.wanted) <= abs(total - self.wanted)

    def begin(self, texts: Sequence[Traced]) -> None:
        """Take in what it is about."""
        self.texts, self.n_texts = list(texts), len(texts)

    def shares(self, texts: Sequence[Traced]) -> list[int]:
        """How many words of its summary each of its texts gets, about; 0: what the model gives."""
        if not self.wanted or self.way is Way.PLAIN:
            return [0] * len(texts)
        total = sum(text.n_words for text in self.texts)
        return [max(1, -(-self.wanted * text.n_words // max(1, total))) for text in texts]

    def take(self, asked: Sequence[Traced], completions: Sequence[Completion], said: Sequence[Passage | None]) -> None:
        """Take in a level's completions: the texts that were asked about become their answers, None where one failed.

        A text that was not asked about had no room beside its neighbours, and waits for the next level.
        """
        self.completions += completions
        found = {id(text): passage for text, passage in zip(asked, said, strict=True)}
        answered = [(text, found.get(id(text), Passage.of(text))) for text in self.texts]
        self.texts = [Traced((passage,)) for _, passage in answered if passage is not None]
        if not self.texts:  # a summary that could not be brought up to date stays as it was
            self.texts = self.so_far
        self.so_far = []

    def begin_above(self, children: Sequence[State]) -> None:
        """Begin with what the units under it say."""
        said = [Traced((child.whole,)) for child in children if child.texts]
        self.missing = len(children) - len(said)
        self.told_below = tuple(reason for child in children for reason in child.reasons)
        self.begin(said)

    @property
    def whole(self) -> Passage:
        """All that is left, as one text."""
        return Passage.of(self._left)

    @property
    def _left(self) -> Traced:
        joint = " " if self.way.extracts and not self.node.children else plan.JOINT
        return Traced(tuple(Passage.of(text) for text in self.texts), joint)

    def row(self) -> Summary:
        """What became of it."""
        node, done, first = self.node, self.completions, self.node.first
        left = self._left
        text = left.text
        if self.asked.merge is None and self.texts:
            (text,) = tasks.join(self.asked.task, [part.text for part in self.texts])
        return Summary(
            document_id=first.document_id,
            level=node.level,
            index=first.index,
            levels=node.levels,
            title=node.title,
            line=first.line,
            start=first.start,
            end=node.chunks[-1].end,
            words=sum(chunk.words for chunk in node.chunks),
            task=self.task,
            summary=text,
            windows=self.n_texts,
            merges=self.merges,
            finish_reason=self._reason().value,
            prompt_tokens=sum(completion.prompt_tokens for completion in done),
            completion_tokens=sum(completion.completion_tokens for completion in done),
            seconds=round(sum((completion.seconds for completion in done), 0.0), 3),
            error=self.error or self._failed(),
            method=_method(passage.method for passage in left.passages),
            reasons=self.reasons,
            sentences=left.sentences if self.way is not Way.PLAIN else (),
        )

    def _reason(self) -> FinishReason:
        if not self.texts:
            return FinishReason.ERROR
        reasons = {completion.finish_reason for completion in self.completions}
        ended = (FinishReason.LOOP, FinishReason.LENGTH)
        return next((reason for reason in ended if reason in reasons), FinishReason.STOP)

    def _failed(self) -> str | None:
        first = self.node.first
        if not self.node.children and first.error is not None:
            return first.error
        if self.missing:
            return f"{self.missing} of {len(self.node.children)} units under it have no summary."
        if not self.completions and not self.node.children:
            return "The text is empty; nothing was asked of the model."
        failed = [completion.error for completion in self.completions if completion.error is not None]
        return f"{len(failed)} of {len(self.completions)} answers failed: {failed[0]}" if failed else None


def checked(task: tasks.Task, completion: Completion, text: str | None) -> Completion:
    """The completion, or an error in its place if it is no whole answer; JSON without what the `text` has not."""
    if completion.error is not None:
        return completion
    fault = tasks.fault(task, completion.text, completion.finish_reason)
    if fault is None and text is not None and task.guards and task.schema is not None:
        answer, left_out = tasks.grounded(task, completion.text, text)
        told = tuple(f"{guards.UNSUPPORTED}: {one}" for one in left_out)
        return replace(completion, text=answer, reasons=(*completion.reasons, *told))
    if fault is None:
        return completion
    return replace(completion, text="", finish_reason=FinishReason.ERROR.value, error=fault)


def _method(methods: Iterable[str]) -> str:
    found = set(methods)
    return found.pop() if len(found) == 1 else Method.REPAIRED.value if found else Method.GENERATED.value
