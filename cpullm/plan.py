"""Texts → requests that fit the context → groups of work for the engines there are. Pure: no Spark, no files.

An answer depends on its request alone, on no neighbour and no group, so the same job gives the same answers on one
executor or a hundred, though its groups are others (docs/tuning.md has the kinds of models of which that is not so).
"""

from __future__ import annotations

import hashlib
import heapq
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from math import ceil
from typing import TypeVar

from cpullm.catalog import ResolvedModel
from cpullm.errors import OptionError
from cpullm.job import Job, Way
from cpullm.options import Options
from cpullm.records import Chunk, Prompt, Request
from cpullm.tasks import TaskPrompts
from cpullm.tasks.task import DEFAULT_MAX_TOKENS

DEFAULT_WINDOW_TOKENS = 2048
# A decoded token takes about as long as three prefilled ones with four sequences on two cores (500 and 167 tokens/s
# for 135M, 79 and 52 for 1.1B); the ratio only balances groups.
DECODE_COST = 3
JOINT = "\n\n"  # between texts that are joined
JOINT_TOKENS = 2
MOST_QUESTION_TOKENS = 256  # of one that comes with its text
_CTX_STEP = 256
_RULES = 1  # of guards and extracts: another number whenever they make another answer of the same, so that none is kept
GROUP_WIDTHS = 2  # requests in a group over those that an engine decodes together
# Simulated with 1 to 256 engines, also ones of which some take 1.6 times as long: what is left is dealt out in rounds
# of a group for each engine, at most three quarters of it, so that early ones find more to do (factoring, Hummel,
# Schonberg and Flynn 1992); but engines are fuller, and so faster, if all that is left is one group for each.
_ROUND = 0.75
_LAST_ROUND = 1.25  # times the size of a group for each engine
_T = TypeVar("_T")


@dataclass(frozen=True, slots=True)
class Budget:
    """How the context of one sequence is shared out, in tokens: template and wording, text, answer.

    `merged_tokens` is the longest answer that is merged by asking again, 0 if none is; `so_far_tokens` the room that a
    summary so far takes of the text's, with the wording behind it, 0 if none is brought up to date. With `cut_tokens`
    texts are cut smaller than there is room for.
    """

    overhead_tokens: int
    text_tokens: int
    max_tokens: int
    merged_tokens: int
    so_far_tokens: int = 0
    cut_tokens: int | None = None

    @property
    def piece_tokens(self) -> int:
        """The longest piece that a text is cut into."""
        room = self.text_tokens - self.so_far_tokens
        return min(room, self.cut_tokens or room)

    @property
    def n_ctx(self) -> int:
        """Room of one sequence, rounded up to llama.cpp's step."""
        return ceil((self.overhead_tokens + self.text_tokens + self.max_tokens) / _CTX_STEP) * _CTX_STEP

    @property
    def least_text_tokens(self) -> int:
        """Two answers and the blank line between them; tokens of joined texts may differ a little from their sum."""
        return 2 * self.merged_tokens + 32


@dataclass(frozen=True, slots=True)
class Setup:
    """How texts are going to be asked about: all that is known before there is any."""

    tasks: list[TaskPrompts]
    budget: Budget
    model: ResolvedModel
    job: Job
    options: Options
    tuned_on: str | None = None
    strategy: str = "hierarchical"

    @property
    def group_tokens(self) -> int:
        """The size of a group, about: if not given, twice as many requests as an engine decodes together.

        With fewer the engine is seldom full; with more there is more to be done again when it is lost.
        """
        share = self.budget
        request = share.overhead_tokens + share.text_tokens + DECODE_COST * share.max_tokens
        return self.options.group_tokens or GROUP_WIDTHS * self.job.engine.setting.n_seq_max * request

    def is_incremental(self, task: str) -> bool:
        """Whether the task's summaries are brought up to date piece by piece."""
        return self.strategy == "incremental" and any(
            asked.task.name == task and asked.update is not None for asked in self.tasks
        )

    @property
    def shares_texts(self) -> bool:
        """Whether all tasks' prompts are the same up to the text's end, so that it is prefilled once for all."""
        return len({task.ask.head for task in self.tasks}) == 1


@dataclass(frozen=True, slots=True)
class Plan:
    """What a run is going to do, known before the first token is computed: the setup, and the texts in windows."""

    setup: Setup
    chunks: list[Chunk]
    windows: list[list[str]]
    window_tokens: list[list[int]]
    left_out: list[Chunk] = field(default_factory=list)

    @property
    def text_tokens(self) -> int:
        """Tokens of all windows."""
        return sum(map(sum, self.window_tokens))

    @property
    def n_windows(self) -> int:
        """Pieces that the texts are cut into; each is asked about once for every task."""
        return sum(map(len, self.windows))


def budget(
    options: Options,
    n_ctx_train: int,
    overhead_tokens: int,
    window_tokens: int | None,
    *,
    max_tokens: int | None = None,
    merged_tokens: int | None = None,
    so_far_tokens: int = 0,
) -> Budget:
    """The shares for a model of this context; `window_tokens` is the catalog's word where the user gave none.

    `overhead_tokens` and `max_tokens` are the largest of all tasks, `merged_tokens` the longest answer that is merged
    by asking again (0: none is). Two of these must fit one prompt, or merging would never end: that, too, is checked.
    """
    max_tokens = max_tokens or options.max_tokens or DEFAULT_MAX_TOKENS
    merged_tokens = max_tokens if merged_tokens is None else merged_tokens
    room = n_ctx_train // _CTX_STEP * _CTX_STEP - overhead_tokens - max_tokens
    wanted = options.window_tokens or min(window_tokens or DEFAULT_WINDOW_TOKENS, room)
    shares = Budget(overhead_tokens, wanted, max_tokens, merged_tokens, so_far_tokens)
    least = shares.least_text_tokens + so_far_tokens
    if room < least:
        raise OptionError(
            f"The model's context of {n_ctx_train} tokens leaves {max(room, 0)} for text beside {overhead_tokens} "
            f"of prompt and max_tokens {max_tokens}; at least {least} are needed. "
            "Lower max_tokens or take another model."
        )
    if options.window_tokens is not None and options.window_tokens > room:
        raise OptionError(
            f"window_tokens {options.window_tokens} is more than the {room} tokens that the model's context of "
            f"{n_ctx_train} leaves for text."
        )
    if wanted < least:
        raise OptionError(
            f"window_tokens {wanted} must be {least} or more with max_tokens {merged_tokens}, so that two answers "
            "can be merged. Raise window_tokens or lower max_tokens."
        )
    return shares


def request_id(
    job: Job, task: str, prompt: Prompt, max_tokens: int, text: str, n_words: int = 0, question: str = ""
) -> str:
    """Identity is content: the sha256 over all that decides the answer, but for the kind of CPU and versions."""
    setting, way = job.engine.setting, job.way(task)
    kernels = repr((setting.kv_type, setting.flash_attn, setting.repack))
    model = (job.engine.model_sha256, kernels, prompt.head, prompt.tail, repr(job.samplings[task]), str(max_tokens))
    rules = "" if way is Way.PLAIN else f"{way.value} {_RULES}"
    asked = (question,) if question else ()
    parts = (*(model if job.asks(task, max_tokens) else ()), rules, str(n_words), text, *asked)
    digest = hashlib.sha256()
    for part in parts:
        data = part.encode("utf-8", "replace")
        digest.update(len(data).to_bytes(8, "big") + data)
    return digest.hexdigest()


def pack(requests: Sequence[Request], group_tokens: int, n_engines: int = 1) -> list[Request]:
    """The requests with `group_id`s, by groups, largest groups first. Requests about one text stay together.

    Texts go longest first into the group that has most room (Graham 1969). Groups are of about `group_tokens`, and
    smaller where that gives each of `n_engines` its part; those that come last are ever smaller ones, which fill the
    gaps that the others leave when engines end at different times.
    """
    if not requests:
        return []
    families = texts(requests)
    groups: list[list[list[Request]]] = []
    room: list[tuple[float, int]] = []
    for size in _sizes(sum(map(cost, families)), group_tokens, len(families), n_engines):
        room.append((-size, len(groups)))
        groups.append([])
    for family in families:
        left, place = room[0]
        groups[place].append(family)
        heapq.heapreplace(room, (left + cost(family), place))
    filled = sorted(filter(None, groups), key=lambda group: -sum(map(cost, group)))
    return [replace(request, group_id=i) for i, group in enumerate(filled) for family in group for request in family]


def _sizes(total: float, group_tokens: int, n_texts: int, n_engines: int) -> list[float]:
    """How large the groups shall be."""
    most = _LAST_ROUND * group_tokens
    if n_engines == 1 or total <= most * n_engines:
        n = min(n_texts, n_engines * ceil(total / n_engines / most))
        return [total / n] * n
    mean = total / n_texts
    sizes: list[float] = []
    while total > mean / 2:
        size = max(mean, min(group_tokens, _ROUND * total / n_engines))
        if total <= 2 * mean * n_engines:
            size = total / min(n_engines, ceil(total / mean))
        n = min(n_engines, round(total / size) or 1)
        sizes += [size] * n
        total -= n * size
    return sizes


def texts(requests: Iterable[Request]) -> list[list[Request]]:
    """Requests that begin alike, head and text, together; longest first. A group is answered in this order anywhere."""
    families: dict[tuple[str, str], list[Request]] = {}
    for request in sorted(requests, key=lambda request: (-request.prompt_tokens, request.id)):
        families.setdefault((request.head, request.text), []).append(request)
    return sorted(families.values(), key=lambda family: (-cost(family), family[0].id))


def cost(family: Sequence[Request]) -> int:
    """How long the requests about one text take at most, in units of one prefilled token."""
    return family[0].prompt_tokens + DECODE_COST * sum(request.max_tokens for request in family)


def pack_texts(texts: Iterable[tuple[_T, int]], budget_tokens: int) -> list[list[_T]]:
    """Neighbouring texts, each with its token count, to be joined into as few parts as fit, as even as they come."""
    counted = [(text, n_tokens + JOINT_TOKENS) for text, n_tokens in texts]
    if not counted:
        return []
    n_parts = ceil(sum(n for _, n in counted) / budget_tokens)
    target = sum(n for _, n in counted) / n_parts
    parts: list[list[_T]] = []
    load = float("inf")
    for text, n_tokens in counted:
        if load + n_tokens > budget_tokens or load >= target:
            parts.append([])
            load = 0
        parts[-1].append(text)
        load += n_tokens
    return parts
