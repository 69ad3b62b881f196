"""What a job will take: levels, requests, groups and seconds, before anything is generated. Pure.

Answers are taken to be as long as they may get, so every figure is a most: shorter answers take less time, and need
fewer merges.
"""

from __future__ import annotations

import heapq
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import Protocol

from cpullm import plan
from cpullm.rates import Part, Rates
from cpullm.records import Request
from cpullm.tasks import TaskPrompts


@dataclass(frozen=True, slots=True)
class Asked:
    """One task: tokens of its prompt without text, of the part of it behind the text, and of its longest answer.

    `merge_overhead_tokens` is the same of the prompt that merges answers, None if they are not merged.
    Prompts of equal `head` begin alike, so that a text behind them is prefilled once for all such tasks in a group.
    """

    task: str
    head: str
    overhead_tokens: int
    tail_tokens: int
    max_tokens: int
    merge_overhead_tokens: int | None = None


@dataclass(frozen=True, slots=True)
class Level:
    """One round of requests: level 0 asks about the windows, each next one merges."""

    requests: int
    prompt_tokens: int
    groups: tuple[tuple[Part, ...], ...]

    @property
    def parts(self) -> Iterator[Part]:
        """All requests."""
        return chain.from_iterable(self.groups)

    @property
    def new_tokens(self) -> int:
        """Of all answers together, at most."""
        return sum(part.new_tokens for part in self.parts)


@dataclass(slots=True)
class _State:
    """One chunk and one task on their way: the tokens of the texts still to be joined."""

    chunk: int
    asked: Asked
    texts: list[int]


class Vocabulary(Protocol):
    """What counts tokens."""

    def count_prompt_tokens(self, head: str, text: str, tail: str) -> int:
        """Tokens of a whole prompt."""


def job(prepared: plan.Plan, vocabulary: Vocabulary, n_engines: int = 1) -> list[Level]:
    """The levels of a job that is planned, on so many engines."""
    asked = [_asked(prompts, vocabulary) for prompts in prepared.tasks]
    return levels(prepared.window_tokens, asked, prepared.budget.text_tokens, prepared.group_tokens, n_engines)


def _asked(prompts: TaskPrompts, vocabulary: Vocabulary) -> Asked:
    ask, merge = prompts.ask, prompts.merge
    return Asked(
        task=prompts.task.name,
        head=ask.head,
        overhead_tokens=vocabulary.count_prompt_tokens(ask.head, "", ask.tail),
        tail_tokens=vocabulary.count_prompt_tokens("", "", ask.tail),
        max_tokens=prompts.max_tokens,
        merge_overhead_tokens=None if merge is None else vocabulary.count_prompt_tokens(merge.head, "", merge.tail),
    )


def levels(
    chunks: Sequence[Sequence[int]], asked: Sequence[Asked], text_tokens: int, group_tokens: int, n_engines: int = 1
) -> list[Level]:
    """The levels of a job. `chunks` has the tokens of each chunk's windows, `text_tokens` is the room for text."""
    states = [_State(i, task, list(windows)) for i, windows in enumerate(chunks) for task in asked if windows]
    # Named by its place, a text is the same for all tasks that begin alike.
    requests = [
        _request(state.asked, f"{state.asked.head}/{state.chunk}/{i}", n, state.asked.overhead_tokens)
        for state in states
        for i, n in enumerate(state.texts)
    ]
    for state in states:
        state.texts = [state.asked.max_tokens] * len(state.texts)
    found = []
    tails = {task.task: task.tail_tokens for task in asked}
    while requests:
        found.append(_level(plan.pack(requests, group_tokens, n_engines), tails))
        requests = [request for state in states for request in _merges(state, text_tokens)]
    return found


def _request(asked: Asked, text: str, text_tokens: int, overhead_tokens: int) -> Request:
    prompt_tokens = overhead_tokens + text_tokens
    return Request(f"{text}/{asked.task}", 0, asked.task, asked.head, text, "", prompt_tokens, asked.max_tokens)


def _merges(state: _State, text_tokens: int) -> list[Request]:
    """The state's next merges; its texts become their answers, a text without neighbour waits as it is."""
    overhead = state.asked.merge_overhead_tokens
    if overhead is None or len(state.texts) < 2:
        return []
    parts = plan.pack_texts([(n, n) for n in state.texts], text_tokens)
    merged = [sum(part) + plan.JOINT_TOKENS * (len(part) - 1) for part in parts if len(part) > 1]
    if not merged:  # answers too long to be merged: the run says so
        return []
    state.texts = [state.asked.max_tokens if len(part) > 1 else part[0] for part in parts]
    name = f"merge/{state.asked.task}/{state.chunk}"
    return [_request(state.asked, f"{name}/{i}", n, overhead) for i, n in enumerate(merged)]


def _level(requests: list[Request], tails: Mapping[str, int]) -> Level:
    groups: dict[int, list[Request]] = {}
    for request in requests:
        groups.setdefault(request.group_id, []).append(request)
    return Level(
        requests=len(requests),
        prompt_tokens=sum(request.prompt_tokens for request in requests),
        groups=tuple(_group(members, tails) for members in groups.values()),
    )


def _group(requests: list[Request], tails: Mapping[str, int]) -> tuple[Part, ...]:
    seen: set[str] = set()
    parts = []
    for request in requests:
        prefilled = tails[request.task] if request.text in seen else request.prompt_tokens
        parts.append(Part(request.prompt_tokens, prefilled, request.max_tokens))
        seen.add(request.text)
    return tuple(parts)


def seconds(found: Sequence[Level], rates: Rates, n_engines: int) -> float:
    """How long the levels take on so many engines: one level after the other."""
    if not any(level.groups for level in found):
        return 0.0
    return rates.load_seconds + sum(makespan(map(rates.seconds, level.groups), n_engines) for level in found)


def least_seconds(found: Sequence[Level], rates: Rates, n_engines: int) -> float:
    """What no order of the work can beat: the engines always full and all at work, but each level's longest request."""
    if not any(level.groups for level in found):
        return 0.0
    return rates.load_seconds + sum(
        max(rates.least(level.parts) / n_engines, max(rates.seconds([part]) for part in level.parts)) for level in found
    )


def makespan(lengths: Iterable[float], n_executors: int) -> float:
    """When the last of the pieces is done if each executor takes the longest one left (Graham 1969)."""
    ends = [0.0] * n_executors
    for length in sorted(lengths, reverse=True):
        heapq.heapreplace(ends, ends[0] + length)
    return max(ends)
