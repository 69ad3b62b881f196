"""Variants measured with a real engine: a prompt prefilled, then every sequence decoding after it for a few steps."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from dataclasses import asdict, replace
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING

from cpullm import memory
from cpullm.errors import EngineError, MachineError
from cpullm.job import EngineOptions, Setting
from cpullm.measure import Meter, Speed
from cpullm.rates import Point
from cpullm.tune.search import Shape, Variant

if TYPE_CHECKING:
    from cpullm.engine.llama import LlamaModel

_KEPT = 2  # engines that are compared in turn
_PROMPT_TOKENS = (64, 64)  # at least, and rounded down to a multiple of
_STEPS = (2, 48)
_POINT_STEPS = 16
_PROBE = Shape(32, 4)


class Meters:
    """Measures variants for requests of a shape; keeps the engines of the last two, which are compared in turn."""

    def __init__(self, shape: Shape, work: Shape = _PROBE) -> None:
        self.work = work
        self._shape = shape
        self._needs: dict[Path, memory.Needs] = {}
        self._models: dict[tuple[Path, bool], LlamaModel] = {}
        self._meters: dict[Variant, Meter] = {}
        self._load_seconds: dict[Variant, float] = {}

    def fit(self, variant: Variant, speed: Speed, seconds: float) -> None:
        """Choose the work of one measurement so that a variant of this speed takes about `seconds` for it.

        The prompt is at most that of the shape; on a slow machine it is as short as 64 tokens, and takes longer.
        """
        least, step = _PROMPT_TOKENS
        prompt_tokens = min(self._shape.prompt_tokens, int(0.7 * seconds * speed.prefill_tokens_per_second))
        steps = int(0.3 * seconds * speed.decode_tokens_per_second / variant.setting.n_seq_max)
        self.work = Shape(max(least, prompt_tokens // step * step), min(max(_STEPS[0], steps), _STEPS[1]))

    def __call__(self, variant: Variant) -> Speed:
        """Measure once. Raises ModelError, MachineError or EngineError if it cannot be."""
        if variant.environment:
            return _measured_apart(variant, self.work)
        meter = self._meter(variant)
        head = meter.prompt(self.work.prompt_tokens - 1)
        prefill = meter.run([head + meter.prompt(1)], 1)
        # One prompt's keys and values serve all sequences: what counts is how many tokens each step attends to.
        prompts = [head + meter.prompt(1) for _ in range(variant.setting.n_seq_max)]
        decode = meter.run(prompts, self.work.new_tokens + 1, n_shared=len(head))
        return Speed(
            prefill.prefill_tokens_per_second,
            decode.decode_tokens_per_second,
            prefill.seconds + decode.seconds,
            self._load_seconds[variant],
        )

    def points(self, variant: Variant, speed: Speed, seconds: float) -> tuple[Point, ...]:
        """Rates at the shape's own prompt, as far as it can be prefilled in these seconds, full and of one sequence."""
        work = self.work
        longest = min(self._shape.prompt_tokens, int(seconds * speed.prefill_tokens_per_second))
        self.work = Shape(max(work.prompt_tokens, longest // _PROMPT_TOKENS[1] * _PROMPT_TOKENS[1]), _POINT_STEPS)
        try:
            full, n_tokens = self(variant), self.work.prompt_tokens
            found = [full.point(n_tokens, variant.setting.n_seq_max)]
            if variant.setting.n_seq_max > 1:
                alone = self._meter(variant).run([self._meter(variant).prompt(work.prompt_tokens)], _POINT_STEPS + 1)
                found.append(alone.point(work.prompt_tokens, 1))
        finally:
            self.work = work
        return tuple(found)

    def model(self, path: Path, *, repack: bool = True) -> LlamaModel:
        """A model, loaded if it is not; it stays until the engines measured next need its place."""
        from cpullm.engine.llama import LlamaModel

        key = path, repack
        if key not in self._models:
            self._models[key] = LlamaModel(path, repack=repack)
        return self._models[key]

    def repacked_bytes(self, path: Path) -> int:
        """How much of a model is copied for this CPU's kernels where that is allowed."""
        return self._need(Variant(path, Setting())).repacked

    def forget(self, path: Path) -> None:
        """Close all that was loaded from a file."""
        if path in self._needs:
            self._needs.pop(path).close()
        for variant in [variant for variant in self._meters if variant.model == path]:
            self._meters.pop(variant).close()
        for key in [key for key in self._models if key[0] == path]:
            self._models.pop(key).close()

    def close(self) -> None:
        """Close all."""
        for path in {*self._needs, *(path for path, _ in self._models)}:
            self.forget(path)

    def __enter__(self) -> Meters:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        self.close()

    def _meter(self, variant: Variant) -> Meter:
        meter = self._meters.pop(variant, None)
        if meter is None or meter.n_ctx <= self.work.prompt_tokens + self.work.new_tokens:
            if meter is not None:
                meter.close()
            self._drop_others(variant)
            self._refuse_without_room(variant)
            started = time.perf_counter()
            model = self.model(variant.model, repack=variant.setting.repack)
            meter = Meter(model, variant.setting, self.work.prompt_tokens + self.work.new_tokens + 1)
            self._load_seconds[variant] = time.perf_counter() - started
        self._meters[variant] = meter  # the last used is the last to go
        return meter

    def _drop_others(self, variant: Variant) -> None:
        while len(self._meters) >= _KEPT:
            self._meters.pop(next(iter(self._meters))).close()
        used = {(one.model, one.setting.repack) for one in [*self._meters, variant]}
        for key in set(self._models) - used:
            self._models.pop(key).close()

    def _need(self, variant: Variant) -> memory.Memory:
        """What real requests take."""
        if variant.model not in self._needs:
            self._needs[variant.model] = memory.Needs(variant.model, started=True)
        n_ctx = self._shape.prompt_tokens + self._shape.new_tokens
        return self._needs[variant.model].of(EngineOptions(str(variant.model), "", n_ctx, variant.setting))

    def _refuse_without_room(self, variant: Variant) -> None:
        """What real requests take is refused here: the system kills who takes more memory than there is."""
        need, free = self._need(variant), memory.available()
        if (variant.model, variant.setting.repack) in self._models:  # and is not taken again
            need = replace(need, repacked=0, worker=0)
        if free is not None and need.total > free:
            raise MachineError(
                f"{variant.model.name} needs {memory.gigabytes(need.total)} ({need}) with "
                f"{variant.setting.n_seq_max} sequences of {self._shape.prompt_tokens} tokens, and "
                f"{memory.gigabytes(free)} are free"
            )


def _measured_apart(variant: Variant, work: Shape) -> Speed:
    """Measure in a process of its own, which has the variant's environment from its beginning."""
    asked = json.dumps([str(variant.model), asdict(variant.setting), asdict(work)])
    child = subprocess.run(
        [sys.executable, "-c", "from cpullm.tune import meters; meters.answer()", asked],
        env={**os.environ, **dict(variant.environment)},
        capture_output=True,
        text=True,
    )
    if child.returncode != 0:
        reason = (child.stderr.strip().splitlines() or [f"it ended with {child.returncode}"])[-1]
        raise EngineError(f"the process that measures failed: {reason}")
    return Speed(**json.loads(child.stdout.splitlines()[-1]))


def answer() -> None:
    """What the process apart does: measure what its argument says, print the speed."""
    path, setting, work = json.loads(sys.argv[1])
    with Meters(Shape(**work), Shape(**work)) as meters:
        speed = meters(Variant(Path(path), Setting(**setting)))
    print(json.dumps(asdict(speed)))
