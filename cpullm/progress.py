"""The bar of a level: documents answered, tokens a second, and the time that is left."""

from __future__ import annotations

import sys
import time
from collections.abc import Sequence
from itertools import accumulate
from types import TracebackType

from cpullm import plan
from cpullm.records import Request

_FORMAT = "{desc}: {percentage:3.0f}%|{bar}| {n_fmt}/{total_fmt} [{elapsed}{postfix}]"


class Bar:
    """Shows how far the requests of a level are, in the order they are begun in; `n_kept` were there before.

    Answers are told when a group is done, or one by one where it is answered here. Of what `n_engines` are at, half a
    group each is taken to be done.
    """

    def __init__(self, label: str, requests: Sequence[Request], n_kept: int, n_engines: int, shown: bool) -> None:
        from tqdm import tqdm

        self._work = list(accumulate((plan.cost([request]) for request in requests), initial=0))
        n_groups = len({request.group_id for request in requests})
        self._unseen = n_engines * len(requests) // (2 * max(1, n_groups))
        self._n_kept, self._tokens, self._started = n_kept, 0, time.monotonic()
        self._bar = tqdm(
            desc=label,
            total=n_kept + len(requests),
            initial=n_kept,
            bar_format=_FORMAT,
            disable=not shown,
            mininterval=seconds_between(),
        )

    def show(self, requests: int, tokens: int) -> None:
        """So many more requests were answered, with so many tokens in and out."""
        self._tokens += tokens
        n = min(self._bar.n - self._n_kept + requests, len(self._work) - 1)  # a job begun anew counts some again
        elapsed = time.monotonic() - self._started
        left = seconds_left(self._work, n, self._unseen, elapsed)
        rate = f", {self._tokens / max(elapsed, 0.001):.0f} tokens/s" if self._tokens else ""
        self._bar.set_postfix_str(f"{self._bar.format_interval(left)} left{rate}", refresh=False)
        self._bar.update(n + self._n_kept - self._bar.n)

    def __enter__(self) -> Bar:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        self._bar.close()


def seconds_between() -> float:
    """How often a bar is drawn: on a terminal it also shows that time goes on, in a log only that answers came."""
    return 0.5 if sys.stderr.isatty() else 10.0


def seconds_left(work: Sequence[float], n_done: int, n_unseen: int, elapsed: float) -> float:
    """What the rest takes at the pace so far. `work` is what the first 0, 1, 2 … pieces take together, in any unit.

    Of those after the first `n_done`, `n_unseen` more are taken to be done.
    """
    done = work[min(n_done + min(n_unseen, (len(work) - 1 - n_done) // 2), len(work) - 1)]
    return (work[-1] - done) * elapsed / done if done else 0.0
