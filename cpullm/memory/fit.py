"""Whether engines fit into the memory that is free; if not, what would fit."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path

from cpullm.errors import EngineError, MachineError
from cpullm.job import EngineOptions
from cpullm.memory.free import available
from cpullm.memory.need import Memory, Needs, gigabytes
from cpullm.plan import Budget

_LEAST_WINDOW_TOKENS = 64  # that the option takes


def check(
    model: Path,
    engine: EngineOptions,
    *,
    budget: Budget | None = None,
    n_engines: int = 1,
    jvm: bool = False,
    started: bool = False,
    free: int | None = None,
) -> Memory:
    """What `n_engines` at once take; MachineError, with the numbers and what would fit, if it is more than `free`.

    `free` is `available()` if not given; where that is unknown nothing is refused. `budget` is how the job shares out
    its context: with it, shorter windows are among what is tried. `jvm` and `started` as `estimate` has them.
    Nothing is loaded or changed.
    """
    room = available() if free is None else free
    with Needs(model, jvm=jvm, started=started) as needs:
        needed = needs.of(engine).of_engines(n_engines)
        if room is None or needed.total <= room:
            return needed
        advice = _Search(needs, n_engines, room).advice(engine, budget)
    n_seq_max = engine.setting.n_seq_max
    what = f"{model.name} with {n_seq_max} sequence{'s' if n_seq_max > 1 else ''} of {engine.n_ctx} tokens"
    if n_engines > 1:
        what = f"{n_engines} engines at once, each {what},"
    verb = "need" if n_engines > 1 else "needs"
    raise MachineError(f"{what} {verb} {gigabytes(needed.total)} ({needed}) and {gigabytes(room)} are free; {advice}.")


@dataclass(frozen=True, slots=True)
class _Change:
    """An engine that takes less, and the flags that make it so."""

    flags: str
    engine: EngineOptions


class _Search:
    """What fits into the room there is."""

    def __init__(self, needs: Needs, n_engines: int, room: int) -> None:
        self._needs, self._n_engines, self._room = needs, n_engines, room

    def advice(self, engine: EngineOptions, budget: Budget | None) -> str:
        """Every single change that is enough by itself; else all that it takes together; else the least there is."""
        enough = [change.flags for change in self._largest(engine, budget)]
        if enough:
            return f"it fits with {', or '.join(enough)}"
        flags, least = [], engine
        for change in self._smallest(budget):
            with suppress(EngineError):
                both = change(least)
                if self._total(both.engine) >= self._total(least):
                    continue
                flags.append(both.flags)
                least = both.engine
            if self._total(least) <= self._room:
                return f"it fits with {' '.join(flags)}"
        smallest = f"at its smallest ({' '.join(flags)}) it needs" if flags else "it cannot do with less than"
        return f"{smallest} {gigabytes(self._total(least))}: take a smaller model or a machine with more memory"

    def _smallest(self, budget: Budget | None) -> list[Callable[[EngineOptions], _Change]]:
        """Each kind of change at its utmost, in the order in which they cost least speed or quality.

        The last, the window, is shortened no more than need be, if that is enough.
        """
        changes: list[Callable[[EngineOptions], _Change]] = [lambda least: _sequences(least, 1), _small_kv, _as_in_file]
        if budget is not None and _least_window(budget) < budget.text_tokens:
            shortest = _least_window(budget)
            changes.append(lambda least: self._longest_window(least, budget) or _window(least, budget, shortest))
        return changes

    def _largest(self, engine: EngineOptions, budget: Budget | None) -> Iterator[_Change]:
        """Of each kind of change the mildest that is enough."""
        several = [_sequences(engine, n) for n in range(engine.setting.n_seq_max - 1, 0, -1)]
        for kind in (several, [_small_kv(engine)], [_as_in_file(engine)]):
            yield from [change for change in kind if change.engine != engine and self._fits(change)][:1]
        if budget is not None:
            shorter = self._longest_window(engine, budget)
            if shorter is not None:
                yield shorter

    def _longest_window(self, engine: EngineOptions, budget: Budget) -> _Change | None:
        low, high = _least_window(budget), budget.text_tokens
        if low >= high or not self._fits(_window(engine, budget, low)):
            return None
        while high - low > 1:
            middle = (low + high) // 2
            low, high = (middle, high) if self._fits(_window(engine, budget, middle)) else (low, middle)
        return _window(engine, budget, low)

    def _fits(self, change: _Change) -> bool:
        try:
            return self._total(change.engine) <= self._room
        except EngineError:  # not every model can have q8_0 keys and values
            return False

    def _total(self, engine: EngineOptions) -> int:
        return self._needs.of(engine).of_engines(self._n_engines).total


def _sequences(engine: EngineOptions, n: int) -> _Change:
    return _Change(f"--n-seq-max {n}", replace(engine, setting=replace(engine.setting, n_seq_max=n)))


def _small_kv(engine: EngineOptions) -> _Change:
    flags = "--kv-type q8_0" if engine.setting.flash_attn else "--kv-type q8_0 --flash-attn"
    return _Change(flags, replace(engine, setting=replace(engine.setting, kv_type="q8_0", flash_attn=True)))


def _as_in_file(engine: EngineOptions) -> _Change:
    return _Change("--no-repack", replace(engine, setting=replace(engine.setting, repack=False)))


def _window(engine: EngineOptions, budget: Budget, n_tokens: int) -> _Change:
    shorter = replace(budget, text_tokens=n_tokens)
    return _Change(f"--window-tokens {n_tokens}", replace(engine, n_ctx=shorter.n_ctx))


def _least_window(budget: Budget) -> int:
    return max(_LEAST_WINDOW_TOKENS, budget.least_text_tokens)
