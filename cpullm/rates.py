"""How long one engine takes for a group of requests, from what was measured of it. Pure.

Its loop is gone through as `cpullm.engine.scheduler` does it, without computing. A prompt takes seconds for each token,
and for each token before that one (attention); a decoding step takes seconds for reading the weights, and for each
sequence, by the length of what it attends to.
"""

from __future__ import annotations

import heapq
from collections import deque
from collections.abc import Iterable, Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Point:
    """Measured: a prompt of `prompt_tokens` prefilled, then so many sequences decoding together behind it."""

    prompt_tokens: int
    n_sequences: int
    prefill_tokens_per_second: float
    decode_tokens_per_second: float


@dataclass(frozen=True, slots=True)
class Part:
    """One request of a group: its prompt, the last part of it that has to be prefilled, and its new tokens."""

    prompt_tokens: int
    prefill_tokens: int
    new_tokens: int


@dataclass(frozen=True, slots=True)
class Rates:
    """Seconds of one engine: for each `token` of a prompt and each pair of tokens (`attention`); for each decoding
    `step`, each `sequence` in it and each token of its `context`; and until it is loaded.
    """

    n_seq_max: int
    token: float
    sequence: float
    attention: float = 0.0
    step: float = 0.0
    context: float = 0.0
    load_seconds: float = 0.0

    @classmethod
    def fitted(cls, points: Sequence[Point], n_seq_max: int, load_seconds: float = 0.0) -> Rates:
        """The rates that these points show. Some of it shows only in points that differ; what does not is 0."""
        full = sorted((one for one in points if one.n_sequences == n_seq_max), key=lambda one: one.prompt_tokens)
        short, long = full[0], full[-1]
        distance = max(1, long.prompt_tokens - short.prompt_tokens)
        rise = 1 / long.prefill_tokens_per_second - 1 / short.prefill_tokens_per_second
        attention = max(0.0, 2 * rise / distance)
        token = 1 / long.prefill_tokens_per_second - attention * long.prompt_tokens / 2
        if token <= 0:  # no model is so: the measurements differ by more than it takes
            token, attention = 1 / long.prefill_tokens_per_second, 0.0
        ends, starts = (n_seq_max / one.decode_tokens_per_second for one in (long, short))
        context = max(0.0, (ends - starts) / n_seq_max / distance)
        alone = next((one for one in points if one.n_sequences == 1 != n_seq_max), None)
        if alone is None:
            each = ends / n_seq_max
        else:
            apart = 1 / alone.decode_tokens_per_second - context * (alone.prompt_tokens - long.prompt_tokens)
            each = min(ends / n_seq_max, max(0.0, (ends - apart) / (n_seq_max - 1)))
        context = min(context, each / max(1, long.prompt_tokens))
        return cls(
            n_seq_max=n_seq_max,
            token=token,
            sequence=each - context * long.prompt_tokens,
            attention=attention,
            step=ends - n_seq_max * each,
            context=context,
            load_seconds=load_seconds,
        )

    def seconds(self, group: Iterable[Part]) -> float:
        """How long a group takes that is answered in this order."""
        seconds, steps = 0.0, 0
        running: list[tuple[int, int]] = []  # the step at which a sequence ends, and its tokens at step 0
        waiting = deque(group)
        while waiting or running:
            while waiting and len(running) < self.n_seq_max:
                part = waiting.popleft()
                seconds += self._prefill(part)
                # The first new token comes with the prompt.
                heapq.heappush(running, (steps + part.new_tokens - 1, part.prompt_tokens - steps))
            n = running[0][0] - steps
            attended = sum(n * (start + steps) + n * n / 2 for _, start in running)
            seconds += n * (self.step + len(running) * self.sequence) + self.context * attended
            steps += n
            while running and running[0][0] == steps:
                heapq.heappop(running)
        return seconds

    def least(self, parts: Iterable[Part]) -> float:
        """How long they take an engine that is always full: no order of work is faster."""
        return sum(
            self._prefill(part)
            + (part.new_tokens - 1)
            * (
                self.step / self.n_seq_max
                + self.sequence
                + self.context * (part.prompt_tokens + (part.new_tokens - 1) / 2)
            )
            for part in parts
        )

    def _prefill(self, part: Part) -> float:
        before = part.prompt_tokens - part.prefill_tokens
        return part.prefill_tokens * self.token + self.attention * (part.prompt_tokens**2 - before**2) / 2
