"""The order of the search: what decides most comes first, and everything is tried on top of what was taken before."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import replace
from datetime import datetime, timezone
from pathlib import Path

from cpullm import catalog
from cpullm.cpus import usable_cpus
from cpullm.errors import CpullmError
from cpullm.installed import default_model
from cpullm.job import Setting
from cpullm.options import Tuning
from cpullm.rates import Point
from cpullm.tune import siblings, store
from cpullm.tune.meters import Meters
from cpullm.tune.search import Search, Shape, Trial, Variant
from cpullm.tune.store import Tuned

N_UBATCH = (64, 128, 256, 512, 1024, 2048)
N_SEQ_MAX = (1, 2, 4, 8, 16)
NEW_TOKENS = 160  # an answer, as summaries are
WINDOW_TOKENS = 2048  # a piece of text, where the catalog does not know the model's own
_MEASUREMENTS = 90  # about as many fit into the time
_LATER = 1.25  # times that for one measurement, when the formats are done
_QUIET_SHARE = 0.75  # of the time; the rest is for measuring beside a busy process
_SIBLING_SHARE = 0.2  # of the time, at most, for writing a sibling, and for measuring what it loses
_POINTS_SHARE = 0.06  # of the time, for a prompt as long as real ones at the end
_SHOWING_SLICES = 512  # and for more than 256 of its tokens to be computed at once
_SHOWING_ATTENTION = 128  # tokens a prompt needs for attention to show in its time
# A process that is busy. It ends with its parent, however that ends.
_BUSY = "import os\nparent = os.getppid()\nwhile os.getppid() == parent:\n    sum(range(100_000))"
# OpenMP's threads sleep at once instead of spinning first. It reads this once, when it is loaded.
_PASSIVE = ("OMP_WAIT_POLICY", "passive")

Told = Callable[[Trial, int], None]


def tune(
    model: str | Path | None = None,
    tuning: Tuning | None = None,
    *,
    shared: bool = False,
    sibling: bool = True,
    progress: bool = True,
    told: Told = lambda trial, n_busy: None,
) -> Tuned:
    """Find the fast way to compute for a model on this CPU, and store it.

    With `shared` it is the fastest beside busy processes, else on a quiet machine. With `sibling` the weights may be
    written in another format, if that is faster and loses at most `tuning.loss` of perplexity. `told` gets each trial
    and the number of busy processes beside it. Raises CpullmError.
    """
    resolved = catalog.resolve_model(model or default_model(), progress=progress)
    store.check_writable()
    window = resolved.entry.window_tokens if resolved.entry else WINDOW_TOKENS
    with _Run(resolved, Shape(window, NEW_TOKENS), tuning or Tuning(), told) as run:
        run.search_quiet(sibling)
        run.search_beside()
        tuned = run.tuned(shared)
    store.store(resolved.sha256, tuned)
    return tuned


class _Run:
    """One tuning: the engines, the searches, and the siblings that were written."""

    def __init__(self, model: catalog.ResolvedModel, shape: Shape, tuning: Tuning, told: Told) -> None:
        self._model, self._shape, self._tuning, self._told = model, shape, tuning, told
        self._ends_at = time.monotonic() + tuning.seconds
        self._stack = ExitStack()
        self._meters = self._stack.enter_context(Meters(shape))
        self._siblings: list[siblings.Sibling] = []
        self._losses: dict[int, list[float]] = {}
        self._unit = tuning.seconds / _MEASUREMENTS
        self._n_busy = max(1, usable_cpus() // 2)
        self._neighbours: list[Trial] = []
        self._points: dict[bool, tuple[Point, ...]] = {}
        self.beside: Search | None = None

    def __enter__(self) -> _Run:
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()
        for sibling in self._siblings:
            sibling.discard()

    def search_quiet(self, sibling: bool) -> None:
        """What is fast on a machine that does nothing else."""
        from cpullm.engine.quantize import format_of

        start = Variant(self._model.path, Setting())
        self._meters.fit(start, self._meters(start), self._unit)
        self._format = format_of(self._meters.model(self._model.path))
        quiet = self._tuning.seconds * _QUIET_SHARE
        spent = self._tuning.seconds - self._seconds_left()
        self.quiet = search = Search(self._meters, start, self._shape, quiet - spent, lambda one: self._told(one, 0))
        if sibling and self._search_formats(search):
            # A faster format leaves time for longer prompts, where attention shows.
            self._meters.fit(search.best, search.speed(search.best), _LATER * self._unit)
            self._work_on(self._meters.work, search)
        self._search_attention(search)
        self._search_slices(search)
        cpus = usable_cpus()
        for n_threads in sorted({cpus // 2, cpus - 1} - {0, cpus}):
            search.consider(f"n_threads {n_threads}", search.best.changed(n_threads=n_threads))
        search.climb("n_seq_max", N_SEQ_MAX)
        if self._meters.repacked_bytes(search.best.model):
            search.consider("repack no", search.best.changed(repack=False))
        else:
            search.skip("repack no", "this format is not repacked here")
        search.confirm()
        self._measure_points(search, beside=False)
        self._quiet_work = self._meters.work

    def search_beside(self) -> None:
        """The same setting beside processes that are busy, and what may help there."""
        name = "as chosen"
        with busy(self._n_busy):
            # Everything takes twice as long here, and there is less time.
            self._meters.work = Shape(self._quiet_work.prompt_tokens // 2, self._quiet_work.new_tokens // 2)
            rest = self._seconds_left()
            told = self._told_beside
            try:
                search = Search(self._meters, self.quiet.best, self._shape, rest, told, name=name, kept_back=0)
            except CpullmError as error:
                self._told_beside(Trial(name, f"not possible: {error}"))
                return
            self._search_sharing(search)
            self._measure_points(search, beside=True)
            self.beside = search

    def _measure_points(self, search: Search, beside: bool) -> None:
        seconds = self._tuning.seconds * _POINTS_SHARE
        with suppress(CpullmError):  # without them predictions are rougher, and what was found still counts
            self._points[beside] = self._meters.points(search.best, search.speed(search.best), seconds)

    def _told_beside(self, trial: Trial) -> None:
        self._neighbours.append(trial)
        self._told(trial, self._n_busy)

    def _search_sharing(self, search: Search) -> None:
        from cpullm.engine.bindings import uses_openmp

        chosen, n_free = search.best, usable_cpus() - self._n_busy
        if n_free:
            search.consider(f"n_threads {n_free}", chosen.changed(n_threads=n_free))
        if uses_openmp():
            variant = replace(chosen, environment=(_PASSIVE,))
            search.consider("=".join(_PASSIVE), variant, lambda: (False, "yours to set"))

    def tuned(self, shared: bool) -> Tuned:
        """What was found, beside busy processes if that is `shared` and could be; a sibling in it gets its name."""
        beside = self.beside if shared else None
        search = beside or self.quiet
        best, speed = search.best, search.speed(search.best)
        kept = next((one for one in self._siblings if one.path == best.model), None)
        return Tuned(
            setting=best.setting,
            prefill_tokens_per_second=speed.prefill_tokens_per_second,
            decode_tokens_per_second=speed.decode_tokens_per_second,
            load_seconds=speed.load_seconds,
            prompt_tokens=(self._meters.work if beside else self._quiet_work).prompt_tokens,
            times_faster=self.quiet.times_faster,
            model_sha256=kept.keep() if kept else self._model.sha256,
            model=kept.path if kept else None,
            format=kept.format if kept else self._format,
            cpu=store.cpu(),
            date=datetime.now(timezone.utc).date().isoformat(),
            shared=beside is not None,
            n_busy=self._n_busy,
            points=self._points.get(beside is not None, ()),
            trials=tuple(self.quiet.trials),
            neighbours=tuple(self._neighbours),
        )

    def _seconds_left(self) -> float:
        return self._ends_at - time.monotonic()

    def _search_formats(self, search: Search) -> bool:
        """Whether a sibling is the best."""
        from cpullm.engine.quantize import n_weights

        weights = n_weights(self._meters.model(self._model.path))
        for format in siblings.formats(self._format):
            change = f"weights {self._format} as {format}"
            seconds = siblings.trial_seconds(weights, search.speed(search.start).prefill_tokens_per_second)
            if seconds > self._tuning.seconds * _SIBLING_SHARE:
                search.skip(change, f"writing and judging it takes about {seconds:.0f} s; give more --seconds")
                continue
            sibling = siblings.Sibling(self._model.path, self._model.sha256, format)
            self._siblings.append(sibling)
            try:
                sibling.write(weights)
            except CpullmError as error:
                search.skip(change, str(error))
                continue
            variant = replace(search.best, model=sibling.path)
            search.consider(change, variant, lambda sibling=sibling: self._judge(sibling))  # type: ignore[misc]
            if search.best != variant:
                self._meters.forget(sibling.path)
        return search.best.model != self._model.path

    def _judge(self, sibling: siblings.Sibling) -> tuple[bool, str]:
        ends_at = time.monotonic() + self._tuning.seconds * _SIBLING_SHARE
        losses = self._paired_losses(sibling.path)
        rise = siblings.perplexity_rise(losses, self._tuning.loss, lambda: time.monotonic() < ends_at)
        if rise is None:
            return False, "what it loses could not be measured in the time; give more --seconds"
        return rise.share <= self._tuning.loss, str(rise)

    def _paired_losses(self, path: Path) -> Iterator[tuple[list[float], list[float]]]:
        """Both models' losses on one window after the other; the original, whose are known, is not loaded for them."""
        from cpullm.engine.perplexity import token_losses

        other = self._meters.model(path)
        for i, window in enumerate(siblings.sample_windows(other)):  # a sibling has the same vocabulary
            if i not in self._losses:
                original = self._meters.model(self._model.path)
                self._losses[i] = token_losses(original, window, usable_cpus()).tolist()
            yield self._losses[i], token_losses(other, window, usable_cpus()).tolist()

    def _search_attention(self, search: Search) -> None:
        if self._meters.work.prompt_tokens < _SHOWING_ATTENTION:
            search.skip("flash_attn yes", self._too_short())
        elif search.consider("flash_attn yes", search.best.changed(flash_attn=True)):
            search.consider("kv_type q8_0", search.best.changed(kv_type="q8_0"))

    def _search_slices(self, search: Search) -> None:
        work, prefill = self._meters.work, search.speed(search.best).prefill_tokens_per_second
        longer = work.prompt_tokens < _SHOWING_SLICES <= self._shape.prompt_tokens
        if longer := longer and _SHOWING_SLICES / prefill < 2 * self._unit:
            self._work_on(Shape(_SHOWING_SLICES, work.new_tokens // 4), search)
        ladder = [n for n in N_UBATCH if n <= self._meters.work.prompt_tokens]
        if search.best.setting.n_ubatch in ladder:
            search.climb("n_ubatch", ladder)
        if search.best.setting.n_ubatch >= max(ladder):
            search.skip("n_ubatch, more", self._too_short())
        if longer:
            self._work_on(work, search)

    def _work_on(self, work: Shape, search: Search) -> None:
        self._meters.work = work
        search.begin_again(f"prompts of {work.prompt_tokens}")

    def _too_short(self) -> str:
        return f"prompts of {self._meters.work.prompt_tokens} tokens do not show it; give more --seconds"


@contextmanager
def busy(n: int) -> Iterator[None]:
    """While this lasts, `n` other processes compute without end."""
    processes = [subprocess.Popen([sys.executable, "-c", _BUSY]) for _ in range(n)]
    try:
        yield
    finally:
        for process in processes:
            process.kill()
        for process in processes:
            process.wait()
