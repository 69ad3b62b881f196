"""What a job will take: levels, requests, groups and seconds, before anything is generated. Pure.

Answers are taken to be as long as they may get, and each that is held against its text to be asked for twice, so
every figure is a most: shorter answers take less time, and need fewer merges.
"""

from __future__ import annotations

import heapq
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import chain
from typing import Protocol

from cpullm import plan, tree
from cpullm.job import Way
from cpullm.rates import Part, Rates
from cpullm.records import Request
from cpullm.tasks import TaskPrompts


@dataclass(frozen=True, slots=True)
class Asked:
    """One task: tokens of its prompt without text, of the part of it behind the text, and of its longest answer.

    `merge_overhead_tokens` is the same of the prompt that merges answers, None if they are not merged, and
    `update_overhead_tokens` of the one that brings a summary up to date, None if none is. `tries` is how often an
    answer is asked for; `extracts` whether it only guides the choice of the text's own sentences, and is not merged.
    Prompts of equal `head` begin alike, so that a text behind them is prefilled once for all such tasks in a group.
    """

    task: str
    head: str
    overhead_tokens: int
    tail_tokens: int
    max_tokens: int
    merge_overhead_tokens: int | None = None
    update_overhead_tokens: int | None = None
    tries: int = 1
    extracts: bool = False


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
    """A unit and one task on their way: the tokens of the texts still to be joined, the units that stand under it.

    `pending` are pieces that wait until the summary so far is brought up to date with them.
    """

    unit: int
    asked: Asked
    texts: list[int]
    under: Sequence[int] = ()
    pending: list[int] = field(default_factory=list)

    @property
    def is_incremental(self) -> bool:
        """Whether its summary is brought up to date piece by piece."""
        return self.asked.update_overhead_tokens is not None


class Vocabulary(Protocol):
    """What counts tokens."""

    def count_prompt_tokens(self, head: str, text: str, tail: str) -> int:
        """Tokens of a whole prompt."""


def job(prepared: plan.Plan, vocabulary: Vocabulary, n_engines: int = 1) -> list[Level]:
    """The levels of a job that is planned, on so many engines."""
    asked = [
        _asked(prepared, prompts, vocabulary)
        for prompts in prepared.setup.tasks
        if prepared.setup.job.asks(prompts.task.name, prompts.max_tokens)
    ]
    nodes = sorted(tree.nodes(prepared.chunks, prepared.setup.options.levels), key=lambda node: node.height)
    places = {id(node): place for place, node in enumerate(nodes)}
    above = [[places[id(child)] for child in node.children] for node in nodes if node.children]
    windows = {chunk.id: counts for chunk, counts in zip(prepared.chunks, prepared.window_tokens, strict=True)}
    chapters = [windows[node.first.id] for node in nodes if not node.children]
    room = prepared.setup.budget
    return levels(chapters, asked, room.text_tokens, prepared.setup.group_tokens, n_engines, above, room.piece_tokens)


def _asked(prepared: plan.Plan, prompts: TaskPrompts, vocabulary: Vocabulary) -> Asked:
    ask, merge, update = prompts.ask, prompts.merge, prompts.update
    name, way = prompts.task.name, prepared.setup.job.way(prompts.task.name)
    return Asked(
        task=name,
        head=ask.head,
        overhead_tokens=vocabulary.count_prompt_tokens(ask.head, "", ask.tail),
        tail_tokens=vocabulary.count_prompt_tokens("", "", ask.tail),
        max_tokens=prompts.max_tokens,
        merge_overhead_tokens=None if merge is None else vocabulary.count_prompt_tokens(merge.head, "", merge.tail),
        update_overhead_tokens=vocabulary.count_prompt_tokens(update.head, update.between, update.tail)
        if update is not None and prepared.setup.is_incremental(name)
        else None,
        tries=1 + (way is Way.GUARDED),
        extracts=way.extracts,
    )


def levels(
    chunks: Sequence[Sequence[int]],
    asked: Sequence[Asked],
    text_tokens: int,
    group_tokens: int,
    n_engines: int = 1,
    above: Sequence[Sequence[int]] = (),
    piece_tokens: int | None = None,
) -> list[Level]:
    """The levels of a job. `chunks` has the tokens of each chunk's windows, `text_tokens` is the room for text.

    `above` are the units over them, each by the units under it: the chunks by their places, then these by theirs.
    """
    chapters = [_State(i, task, list(windows)) for i, windows in enumerate(chunks) for task in asked if windows]
    merging = [task for task in asked if task.merge_overhead_tokens is not None]
    parts = [_State(len(chunks) + i, task, [], under) for i, under in enumerate(above) for task in merging]
    found: list[Level] = []
    tails = {task.task: task.tail_tokens for task in asked}
    tries = {task.task: task.tries for task in asked}
    done: dict[tuple[int, str], _State] = {}
    for states in _heights(chapters, parts, len(chunks)):
        for state in states:
            below = [done.get((unit, state.asked.task)) for unit in state.under]
            state.texts += [sum(one.texts) for one in below if one is not None and one.texts]
            if state.under and state.is_incremental:
                packed = plan.pack_texts([(n, n) for n in state.texts], piece_tokens or text_tokens)
                state.texts = [_joined(part) for part in packed]
            done[state.unit, state.asked.task] = state
        requests = [request for state in states for request in _first(state, text_tokens)]
        while requests:
            found.append(_level(plan.pack(requests, group_tokens, n_engines), tails, tries))
            requests = [request for state in states for request in _next(state, text_tokens)]
    return found


def _heights(chapters: list[_State], parts: list[_State], n_chunks: int) -> Iterator[list[_State]]:
    """The chapters, then those of which all units under them have gone before."""
    yield chapters
    gone, left = set(range(n_chunks)), parts
    while left:
        ready = [part for part in left if gone.issuperset(part.under)]
        yield ready
        gone |= {part.unit for part in ready}
        left = [part for part in left if part.unit not in gone]


def _first(state: _State, text_tokens: int) -> list[Request]:
    """What a unit is asked first: a chunk about its windows, another about what is to be merged."""
    if state.is_incremental:
        state.texts, state.pending = [], state.texts
        return _update(state)
    if state.under:
        return _merges(state, text_tokens)
    # Named by its place, a text is the same for all tasks that begin alike.
    asked, n = state.asked, len(state.texts)
    names = [f"{asked.head}/{state.unit}/{i}" for i in range(n)]
    requests = [
        _request(asked, name, tokens, asked.overhead_tokens) for name, tokens in zip(names, state.texts, strict=True)
    ]
    state.texts = [asked.max_tokens] * n
    return requests


def _next(state: _State, text_tokens: int) -> list[Request]:
    return _update(state) if state.is_incremental else _merges(state, text_tokens)


def _request(asked: Asked, text: str, text_tokens: int, overhead_tokens: int) -> Request:
    prompt_tokens = overhead_tokens + text_tokens
    return Request(f"{text}/{asked.task}", 0, asked.task, asked.head, text, "", prompt_tokens, asked.max_tokens)


def _update(state: _State) -> list[Request]:
    """The summary so far with the next piece; the first piece alone."""
    if not state.pending:
        return []
    asked, (piece, *state.pending) = state.asked, state.pending
    so_far, place = sum(state.texts), len(state.pending)
    overhead = asked.merge_overhead_tokens if state.under else asked.overhead_tokens
    # The first window is the same text for all tasks that begin alike.
    name = f"update/{asked.task}/{state.unit}/{place}" if so_far or state.under else f"{asked.head}/{state.unit}/0"
    if so_far:
        overhead = asked.update_overhead_tokens
    assert overhead is not None
    state.texts = [asked.max_tokens]
    return [_request(asked, name, piece + so_far, overhead)]


def _merges(state: _State, text_tokens: int) -> list[Request]:
    """The state's next merges; its texts become their answers, a text without neighbour waits as it is."""
    overhead = state.asked.merge_overhead_tokens
    if overhead is None or len(state.texts) < 2 or state.asked.extracts:
        return []
    parts = plan.pack_texts([(n, n) for n in state.texts], text_tokens)
    merged = [_joined(part) for part in parts if len(part) > 1]
    if not merged:  # answers too long to be merged: the run says so
        return []
    state.texts = [state.asked.max_tokens if len(part) > 1 else part[0] for part in parts]
    name = f"merge/{state.asked.task}/{state.unit}"
    return [_request(state.asked, f"{name}/{i}", n, overhead) for i, n in enumerate(merged)]


def _joined(texts: Sequence[int]) -> int:
    return sum(texts) + plan.JOINT_TOKENS * (len(texts) - 1)


def _level(requests: list[Request], tails: Mapping[str, int], tries: Mapping[str, int]) -> Level:
    groups: dict[int, list[Request]] = {}
    for request in requests:
        groups.setdefault(request.group_id, []).append(request)
    return Level(
        requests=len(requests),
        prompt_tokens=sum(request.prompt_tokens for request in requests),
        groups=tuple(_group(members, tails, tries) for members in groups.values()),
    )


def _group(requests: list[Request], tails: Mapping[str, int], tries: Mapping[str, int]) -> tuple[Part, ...]:
    seen: set[str] = set()
    parts = []
    for request in requests:
        prefilled = tails[request.task] if request.text in seen else request.prompt_tokens
        parts.append(Part(request.prompt_tokens, prefilled, tries[request.task] * request.max_tokens))
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
