"""One thing changed at a time, kept if it is faster beyond noise. Pure: what measures is handed in.

A machine's speed drifts, by a third and more on a rented one. So measurements are short, and a variant and the best so
far are measured in turn: only such neighbours in time are compared. It wins by the median of their ratios, and by all
of them but one.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from statistics import median
from typing import Any

from cpullm.errors import CpullmError
from cpullm.job import Setting
from cpullm.measure import Speed

TAKEN = "taken"
MARGIN = 0.03  # what is less than this much faster is not told from noise, and leaves things as they are
_PAIRS = 5  # measurements of each that a close comparison takes
_LEAST_PAIRS = 3  # that it takes when time is short
_ALL = "all of it together"
_CONFIRMING = 6  # measurements kept back for the last comparison with the start


@dataclass(frozen=True, slots=True)
class Shape:
    """A typical request: tokens in, tokens out."""

    prompt_tokens: int
    new_tokens: int


@dataclass(frozen=True, slots=True)
class Variant:
    """A way to compute: a model file, a setting, and variables of the environment that the engine starts in."""

    model: Path
    setting: Setting
    environment: tuple[tuple[str, str], ...] = ()

    def changed(self, **values: Any) -> Variant:
        """The same with other values of the setting."""
        return replace(self, setting=replace(self.setting, **values))


@dataclass(frozen=True, slots=True)
class Trial:
    """One thing that was tried. `times_faster` is against the start; None are figures of what was not measured.

    `seconds` are those that a typical request takes of a full engine's time.
    """

    change: str
    verdict: str
    prefill_tokens_per_second: float | None = None
    decode_tokens_per_second: float | None = None
    seconds: float | None = None
    times_faster: float | None = None


class Search:
    """The best variant so far and what was tried on the way; ends when `seconds` have passed.

    `measure` gives a variant's speed; a CpullmError it raises is the variant's verdict. `told` gets every trial.
    `name` is what the start is called, `kept_back` the number of measurements that `confirm` has time for.
    """

    def __init__(
        self,
        measure: Callable[[Variant], Speed],
        start: Variant,
        shape: Shape,
        seconds: float,
        told: Callable[[Trial], None] = lambda trial: None,
        *,
        name: str = "default",
        kept_back: int = _CONFIRMING,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.best = self.start = start
        self.times_faster = 1.0  # than the start; the best
        self.trials: list[Trial] = []
        self._measure, self._shape, self._told, self._clock = measure, shape, told, clock
        self._ends_at = clock() + seconds
        self._kept_back = kept_back
        self._unit = 0.0  # seconds that a measurement takes, of late
        self._speeds: dict[Variant, list[Speed]] = {}
        self._earlier: dict[Variant, list[Speed]] = {}  # with other work
        self._seconds_of(start)
        self._record(self._trial(name, "", start, 1.0))

    def consider(
        self, change: str, variant: Variant, judge: Callable[[], tuple[bool, str]] = lambda: (True, "")
    ) -> bool:
        """Try a variant; it becomes the best if it is faster than that beyond noise.

        What is faster at first comes before `judge`, which may refuse it and says why.
        """
        if variant == self.best:
            return False
        try:
            trial = self._tried(change, variant, judge)
        except CpullmError as error:
            trial = Trial(change, f"not possible: {error}")
        if trial.verdict.startswith(TAKEN):
            assert trial.times_faster is not None
            self.best, self.times_faster = variant, trial.times_faster
        self._record(trial)
        return self.best == variant

    def begin_again(self, change: str) -> None:
        """Measure the best anew, because the work of a measurement is another from here on.

        If that fails, the start is the best again.
        """
        self._earlier, self._speeds = self._speeds, {}
        try:
            self._seconds_of(self.best)
        except CpullmError as error:
            self._give_up(change, error)
            return
        self._record(self._trial(change, "", self.best, self.times_faster))

    def skip(self, change: str, reason: str) -> None:
        """Note what is not tried, and why."""
        self._record(Trial(change, f"not tried: {reason}"))

    def climb(self, name: str, ladder: Sequence[int]) -> None:
        """Change a number of the setting rung by rung, upwards and else downwards, as long as that gains."""
        here = ladder.index(getattr(self.best.setting, name))
        for rungs in (ladder[here + 1 :], ladder[:here][::-1]):
            for rung in rungs:
                if not self.consider(f"{name} {rung}", self.best.changed(**{name: rung})):
                    break
            if getattr(self.best.setting, name) != ladder[here]:
                return

    def confirm(self) -> None:
        """Compare the best with the start once more, in turn; if it does not win again, the start it is."""
        if self.best == self.start:
            return
        try:
            ratios = list(self._ratios(self.best, self.start, self._ends_at))
        except CpullmError as error:
            self._give_up(_ALL, error)
            return
        if ratios:
            won = median(ratios) <= 1 - MARGIN
            verdict = "confirmed against the start" if won else "no faster than the start beyond noise: undone"
            self._record(self._trial(_ALL, verdict, self.best, 1 / median(ratios)))
            self.best, self.times_faster = (self.best, 1 / median(ratios)) if won else (self.start, 1.0)

    def _give_up(self, change: str, error: CpullmError) -> None:
        self._record(Trial(change, f"not taken: {error}"))
        self.best, self.times_faster = self.start, 1.0

    def speed(self, variant: Variant) -> Speed:
        """The medians of what was measured of a variant, of late."""
        speeds = (self._speeds.get(variant) or self._earlier[variant])[-_PAIRS:]
        return Speed(
            *(
                median(getattr(speed, name) for speed in speeds)
                for name in ("prefill_tokens_per_second", "decode_tokens_per_second", "seconds", "load_seconds")
            )
        )

    @property
    def _stops_at(self) -> float:
        """When trying ends: what is left then is for the last comparison."""
        return self._ends_at - self._kept_back * self._unit

    def _tried(self, change: str, variant: Variant, judge: Callable[[], tuple[bool, str]]) -> Trial:
        turns = self._ratios(variant, self.best, self._stops_at)
        first = next(turns, None)
        if first is None:
            return Trial(change, "not tried: no time left")
        why = ""
        if first <= 1:
            allowed, why = judge()
            if not allowed:
                return self._trial(change, f"not taken: {why}", variant, self.times_faster / first)
        ratios = [first, *turns]
        return self._trial(change, _verdict(ratios, why), variant, self.times_faster / median(ratios))

    def _ratios(self, variant: Variant, other: Variant, stops_at: float) -> Iterator[float]:
        """The one's seconds over the other's, measured in turn, until it is clear which is faster or time is up."""
        ratios: list[float] = []
        while len(ratios) < _PAIRS and not _lost(ratios) and not _won_clearly(ratios):
            if self._clock() + 2 * self._unit > stops_at:
                return
            first, second = (variant, other) if len(ratios) % 2 else (other, variant)
            seconds = {first: self._seconds_of(first), second: self._seconds_of(second)}
            ratios.append(seconds[variant] / seconds[other])
            yield ratios[-1]

    def _seconds_of(self, variant: Variant) -> float:
        started = self._clock()
        speed = self._measure(variant)
        self._speeds.setdefault(variant, []).append(speed)
        self._unit = max(self._unit / 2, self._clock() - started)
        return self._request_seconds(speed)

    def _request_seconds(self, speed: Speed) -> float:
        return speed.request_seconds(self._shape.prompt_tokens, self._shape.new_tokens)

    def _trial(self, change: str, verdict: str, variant: Variant, faster: float) -> Trial:
        speed = self.speed(variant)
        rates = speed.prefill_tokens_per_second, speed.decode_tokens_per_second
        return Trial(change, verdict, *rates, self._request_seconds(speed), faster)

    def _record(self, trial: Trial) -> None:
        self.trials.append(trial)
        self._told(trial)


def _verdict(ratios: list[float], why: str) -> str:
    if _won(ratios):
        return f"{TAKEN}: {why}" if why else TAKEN
    if median(ratios) > 1 + MARGIN:
        return "slower"
    return "no faster beyond noise" if _lost(ratios) or len(ratios) == _PAIRS else "not decided: no time left"


def _lost(ratios: list[float]) -> bool:
    """Far slower once, or twice not faster by half of what it takes."""
    if len(ratios) < 2:
        return max(ratios, default=0.0) > 1 + 3 * MARGIN
    return sum(ratio >= 1 for ratio in ratios) > 1 or median(ratios) > 1 - MARGIN / 2


def _won(ratios: list[float]) -> bool:
    enough = len(ratios) >= _LEAST_PAIRS or _won_clearly(ratios)
    return enough and not _lost(ratios) and median(ratios) <= 1 - MARGIN


def _won_clearly(ratios: list[float]) -> bool:
    """Far beyond noise twice, or beyond it every time."""
    return len(ratios) >= 2 and max(ratios) < 1 - (MARGIN if len(ratios) >= _LEAST_PAIRS else 3 * MARGIN)
