"""The search with a machine that is made up, the store, siblings, and one real tuning."""

from __future__ import annotations

import dataclasses
import json
import os
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
from fakes import TUNED
from hypothesis import given
from hypothesis import strategies as st

from cpullm import catalog, installed, memory, tune
from cpullm.engine import perplexity
from cpullm.engine.llama import LlamaModel
from cpullm.engine.perplexity import token_losses
from cpullm.engine.quantize import format_of, n_weights, quantize
from cpullm.errors import EngineError, MachineError, OptionError
from cpullm.gguf import record
from cpullm.job import Setting
from cpullm.measure import Meter, Speed, measure
from cpullm.options import Tuning
from cpullm.tune import siblings, store, tuning
from cpullm.tune.meters import Meters
from cpullm.tune.search import MARGIN, Search, Shape, Trial, Variant

SHAPE = Shape(1000, 100)
START = Variant(Path("model.gguf"), Setting())


class Machine:
    """Computes nothing: a variant takes the seconds that `seconds_of` says, times the next of `noise`."""

    def __init__(self, seconds_of: Callable[[Setting], float], noise: Iterator[float] | None = None) -> None:
        self.now = 0.0
        self.longest = 0.0
        self.measured: list[Variant] = []
        self._seconds_of, self._noise = seconds_of, noise

    def __call__(self, variant: Variant) -> Speed:
        seconds = self._seconds_of(variant.setting) * (next(self._noise) if self._noise else 1.0)
        self.measured.append(variant)
        self.now += seconds
        self.longest = max(self.longest, seconds)
        return Speed(2 * SHAPE.prompt_tokens / seconds, 2 * SHAPE.new_tokens / seconds, seconds)

    def search(self, seconds: float = 1000.0) -> Search:
        return Search(self, START, SHAPE, seconds, clock=lambda: self.now)


def _threads(seconds: dict[int | None, float]) -> Machine:
    return Machine(lambda setting: seconds[setting.n_threads])


def _breaking(broken: list[int | None]) -> Machine:
    """A machine on which fewer threads are faster, and those that are `broken` fail."""

    def seconds_of(setting: Setting) -> float:
        if setting.n_threads in broken:
            raise EngineError("It broke.")
        return {None: 1.0, 2: 0.5, 1: 0.25}[setting.n_threads]

    return Machine(seconds_of)


class TestSearch:
    def test_what_is_faster_is_taken(self) -> None:
        search = _threads({None: 1.0, 2: 0.5}).search()
        assert search.consider("two", START.changed(n_threads=2))
        assert search.best.setting.n_threads == 2
        assert search.times_faster == pytest.approx(2.0)
        assert [(trial.change, trial.verdict) for trial in search.trials] == [("default", ""), ("two", "taken")]

    @pytest.mark.parametrize(("seconds", "verdict"), [(1.2, "slower"), (0.99, "no faster beyond noise")])
    def test_what_is_not_faster_beyond_noise_is_left(self, seconds: float, verdict: str) -> None:
        search = _threads({None: 1.0, 2: seconds}).search()
        assert not search.consider("two", START.changed(n_threads=2))
        assert search.best == START
        assert search.trials[-1].verdict == verdict

    def test_gains_multiply(self) -> None:
        search = _threads({None: 1.0, 2: 0.5, 1: 0.25}).search()
        search.consider("two", START.changed(n_threads=2))
        search.consider("one", START.changed(n_threads=1))
        assert search.trials[-1].times_faster == pytest.approx(4.0)

    def test_a_judge_can_refuse_what_is_faster_and_its_reason_is_told(self) -> None:
        search = _threads({None: 1.0, 2: 0.5}).search()
        assert not search.consider("two", START.changed(n_threads=2), lambda: (False, "it loses words"))
        assert search.trials[-1].verdict == "not taken: it loses words"
        assert search.best == START

    def test_no_judge_is_asked_about_what_is_slower(self) -> None:
        search = _threads({None: 1.0, 2: 2.0}).search()
        assert not search.consider("two", START.changed(n_threads=2), lambda: pytest.fail("asked"))

    def test_an_error_is_a_verdict(self) -> None:
        def fail(setting: Setting) -> float:
            if setting.n_threads:
                raise EngineError("It broke.")
            return 1.0

        search = Machine(fail).search()
        assert not search.consider("two", START.changed(n_threads=2))
        assert search.trials[-1].verdict == "not possible: It broke."

    def test_a_ladder_is_climbed_as_long_as_that_gains(self) -> None:
        search = Machine(lambda setting: {4: 1.0, 8: 0.8, 16: 0.6, 32: 0.7}[setting.n_seq_max]).search()
        search.climb("n_seq_max", [1, 2, 4, 8, 16, 32])
        assert search.best.setting.n_seq_max == 16

    def test_a_ladder_is_climbed_down_where_up_gains_nothing(self) -> None:
        search = Machine(lambda setting: {1: 0.9, 2: 0.5, 4: 1.0, 8: 1.2}[setting.n_seq_max]).search()
        search.climb("n_seq_max", [1, 2, 4, 8])
        assert search.best.setting.n_seq_max == 2

    def test_without_time_nothing_is_measured_but_the_start(self) -> None:
        machine = _threads({None: 1.0, 2: 0.1})
        search = machine.search(seconds=2.0)
        assert not search.consider("two", START.changed(n_threads=2))
        search.confirm()
        assert machine.measured == [START]
        assert search.trials[-1].verdict == "not tried: no time left"

    def test_a_gain_that_does_not_come_again_is_undone(self) -> None:
        seconds = {None: 1.0, 2: 0.5}
        search = _threads(seconds).search()
        search.consider("two", START.changed(n_threads=2))
        seconds[2] = 1.0
        search.confirm()
        assert (search.best, search.times_faster) == (START, 1.0)

    @pytest.mark.parametrize("failing", [None, 2], ids=["the start", "the best"])
    def test_a_last_comparison_that_fails_leaves_the_start(self, failing: int | None) -> None:
        broken: list[int | None] = []
        search = _breaking(broken).search()
        search.consider("two", START.changed(n_threads=2))
        search.begin_again("longer prompts")
        broken.append(failing)
        search.confirm()
        assert (search.best, search.times_faster) == (START, 1.0)
        assert search.trials[-1] == Trial("all of it together", "not taken: It broke.")
        assert search.speed(search.best).seconds == 1.0

    def test_if_the_best_cannot_be_measured_anew_the_search_goes_on_from_the_start(self) -> None:
        broken: list[int | None] = []
        search = _breaking(broken).search()
        search.consider("two", START.changed(n_threads=2))
        broken.append(2)
        search.begin_again("longer prompts")
        assert (search.best, search.trials[-1].verdict) == (START, "not taken: It broke.")
        assert search.consider("one", START.changed(n_threads=1))

    @given(
        effects=st.lists(st.floats(0.5, 2.0), min_size=5, max_size=5),
        noise=st.randoms(use_true_random=False),
        budget=st.floats(1.0, 200.0),
    )
    def test_it_ends_in_time_and_never_worse_than_it_began(
        self, effects: list[float], noise: object, budget: float
    ) -> None:
        def seconds_of(setting: Setting) -> float:
            changed = [
                setting.n_threads is not None, setting.n_seq_max != 4, setting.n_ubatch != 256, setting.flash_attn,
                not setting.repack,
            ]  # fmt: skip
            seconds = 1.0
            for effect, is_changed in zip(effects, changed, strict=True):
                seconds *= effect if is_changed else 1.0
            return seconds

        jitter = MARGIN / 3
        machine = Machine(seconds_of, iter(lambda: noise.uniform(1 - jitter, 1 + jitter), None))  # type: ignore[attr-defined]
        search = machine.search(budget)
        search.consider("flash", search.best.changed(flash_attn=True))
        search.climb("n_seq_max", [1, 2, 4, 8])
        search.climb("n_ubatch", [128, 256, 512])
        search.consider("threads", search.best.changed(n_threads=1))
        search.consider("repack", search.best.changed(repack=False))
        search.confirm()
        assert seconds_of(search.best.setting) <= seconds_of(Setting())
        assert machine.now <= budget + 2 * machine.longest


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(installed, "home", lambda: tmp_path)
    monkeypatch.setattr(store, "path", lambda: tmp_path / "models" / "tuned.json")
    return tmp_path


class TestStore:
    def test_what_was_stored_comes_back(self, home: Path) -> None:
        store.store("a" * 64, TUNED)
        assert tune.stored("a" * 64, "a CPU") == TUNED

    def test_another_model_or_cpu_has_nothing(self, home: Path) -> None:
        store.store("a" * 64, TUNED)
        assert tune.stored("b" * 64, "a CPU") is None
        assert tune.stored("a" * 64, "another CPU") is None
        assert tune.stored("a" * 64) is None

    def test_where_nothing_can_be_stored_nothing_is_measured(self, home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        def read_only(**_: object) -> None:
            raise OSError(30, "Read-only file system")

        monkeypatch.setattr(store, "TemporaryFile", read_only)
        monkeypatch.setattr(catalog, "resolve_model", lambda *_, **__: catalog.ResolvedModel(home, "a" * 64, None))
        with pytest.raises(MachineError, match=r"tuned\.json could not be written \(Read-only"):
            tune.tune("any", told=lambda *_: pytest.fail("something was measured"))

    def test_what_is_known_of_others_stays(self, home: Path) -> None:
        other = dataclasses.replace(TUNED, cpu="another CPU", model_sha256="b" * 64)
        store.store("a" * 64, TUNED)
        store.store("b" * 64, other)
        assert tune.stored("a" * 64, "a CPU") == TUNED
        assert tune.stored("b" * 64, "another CPU") == other

    def test_a_sibling_is_found_beside_the_store_and_by_its_own_content(self, home: Path) -> None:
        path = home / "models" / "sibling.gguf"
        path.parent.mkdir()
        path.write_bytes(b"weights")
        sha256 = catalog.sha256_of(path, home / "cache")
        tuned = dataclasses.replace(TUNED, model=path, model_sha256=sha256)
        store.store("a" * 64, tuned)
        assert tune.stored("a" * 64, "a CPU") == tuned
        assert tune.stored(sha256, "a CPU") == dataclasses.replace(tuned, model=None)

    @pytest.mark.parametrize("content", [None, b"other weights"])
    def test_a_sibling_that_is_gone_or_another_file_is_not_used(
        self, home: Path, capsys: pytest.CaptureFixture[str], content: bytes | None
    ) -> None:
        path = home / "models" / "sibling.gguf"
        store.store("a" * 64, dataclasses.replace(TUNED, model=path))
        if content is not None:
            path.write_bytes(content)
        assert tune.stored("a" * 64, "a CPU") is None
        _one_warning(capsys)

    @pytest.mark.parametrize(
        "text",
        [
            "",
            "{",
            "[]",
            '{"%s": 1}',
            '{"%s": {"a CPU": 1}}',
            '{"%s": {"a CPU": {}}}',
            '{"%s": {"a CPU": {"model": 3}}}',
        ],
    )
    def test_a_broken_store_is_ignored_with_one_line(
        self, home: Path, capsys: pytest.CaptureFixture[str], text: str
    ) -> None:
        store.path().parent.mkdir()
        store.path().write_text(text.replace("%s", "a" * 64))
        assert tune.stored("a" * 64, "a CPU") is None
        _one_warning(capsys)

    def test_a_setting_that_cannot_be_is_ignored_with_one_line(
        self, home: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        store.store("a" * 64, TUNED)
        store.path().write_text(store.path().read_text().replace('"kv_type": "f16"', '"kv_typ": "f16"'))
        assert tune.stored("a" * 64, "a CPU") is None
        _one_warning(capsys)

    @pytest.mark.parametrize(
        ("was", "is_now"),
        [
            ('"n_seq_max": 8', '"n_seq_max": 0'),
            ('"n_seq_max": 8', '"n_seq_max": "8"'),
            ('"n_seq_max": 8', '"n_seq_max": null'),
            ('"flash_attn": true', '"flash_attn": "yes"'),
            ('"prefill_tokens_per_second": 700.0', '"prefill_tokens_per_second": 0'),
            ('"decode_tokens_per_second": 200.0', '"decode_tokens_per_second": NaN'),
            ('"decode_tokens_per_second": 200.0', '"decode_tokens_per_second": "fast"'),
            ('"load_seconds": 0.3', '"load_seconds": -1'),
            ('"model": null', '"model": ""'),
        ],
    )
    def test_values_that_cannot_be_are_ignored_with_one_line(
        self, home: Path, capsys: pytest.CaptureFixture[str], was: str, is_now: str
    ) -> None:
        store.store("a" * 64, TUNED)
        store.path().write_text(store.path().read_text().replace(was, is_now))
        assert tune.stored("a" * 64, "a CPU") is None
        _one_warning(capsys)

    def test_a_broken_store_is_replaced_by_the_next_tuning(self, home: Path) -> None:
        store.path().parent.mkdir()
        store.path().write_text("{")
        store.store("a" * 64, TUNED)
        assert tune.stored("a" * 64, "a CPU") == TUNED

    def test_a_write_that_fails_leaves_the_old_content(self, home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        store.store("a" * 64, TUNED)
        before = store.path().read_text()

        def full(*_: object) -> None:
            raise OSError(28, "No space left on device")

        monkeypatch.setattr("os.replace", full)
        with pytest.raises(MachineError, match="could not be written"):
            store.store("b" * 64, dataclasses.replace(TUNED, model_sha256="b" * 64))
        assert store.path().read_text() == before
        assert [path.name for path in store.path().parent.iterdir()] == ["tuned.json"]

    def test_fewer_cpus_are_another_cpu(self, monkeypatch: pytest.MonkeyPatch) -> None:
        names = set()
        for n_cpus in (1, 2):
            monkeypatch.setattr(store, "usable_cpus", lambda n_cpus=n_cpus: n_cpus)
            names.add(store.cpu())
        assert len(names) == 2


def _one_warning(capsys: pytest.CaptureFixture[str]) -> None:
    err = capsys.readouterr().err
    assert err.count("\n") == 1 and "tuned.json" in err and "run `cpullm tune`" in err


class TestSiblings:
    @pytest.mark.parametrize(
        ("own", "others"),
        [
            ("Q4_1", ["Q8_0", "Q4_0"]),
            ("F16", ["Q8_0", "Q4_0"]),
            ("Q8_0", ["Q4_0"]),
            ("Q4_0", ["Q8_0"]),
            ("Q2_K", ["Q8_0"]),
        ],
    )
    def test_formats_to_try_are_others_that_can_gain(self, own: str, others: list[str]) -> None:
        assert siblings.formats(own) == others

    def test_equal_losses_are_no_rise(self) -> None:
        losses = [([1.0, 2.0, 3.0], [1.0, 2.0, 3.0])] * 4
        assert siblings.perplexity_rise(losses, 0.005, lambda: True) == siblings.Rise(0.0, 0.0, 12)

    def test_a_rise_is_that_of_perplexity(self) -> None:
        rise = siblings.perplexity_rise([([1.0, 1.0], [1.1, 1.1])], 1.0, lambda: True)
        assert rise is not None and rise.share == pytest.approx(0.10517, abs=1e-4)

    def test_a_clear_loss_ends_the_measurement_early(self) -> None:
        rise = siblings.perplexity_rise([([1.0, 2.0], [2.0, 3.0])] * 6, 0.005, lambda: True)
        assert rise is not None and rise.n_tokens == 4

    def test_time_for_one_window_is_not_enough(self) -> None:
        assert siblings.perplexity_rise([([1.0, 2.0], [1.0, 2.0])] * 6, 0.005, lambda: False) is None

    def test_a_file_of_that_name_is_not_overwritten(self, home: Path) -> None:
        sibling = siblings.Sibling(Path("model.gguf"), "a" * 64, "Q8_0")
        sibling.target.parent.mkdir()
        sibling.target.write_bytes(b"mine")
        record(sibling.target, {"made_from": "b" * 64})
        with pytest.raises(MachineError, match="was not made from this model"):
            sibling.write(1000)
        sibling.discard()
        assert sibling.target.read_bytes() == b"mine"

    def test_without_room_on_the_disk_nothing_is_written(self, home: Path) -> None:
        sibling = siblings.Sibling(Path("model.gguf"), "a" * 64, "Q8_0")
        with pytest.raises(MachineError, match=r"GB are needed in .*models"):
            sibling.write(10**15)
        assert list((home / "models").iterdir()) == []

    def test_a_draft_that_nobody_can_be_writing_any_more_is_deleted(self, home: Path) -> None:
        sibling = siblings.Sibling(Path("model.gguf"), "a" * 64, "Q8_0")
        (home / "models").mkdir()
        old, young = (home / "models" / f".model.Q8_0.gguf.{process}" for process in (1, 2))
        for draft in old, young:
            draft.write_bytes(b"half")
        os.utime(old, (0, 0))
        with pytest.raises(MachineError, match="are needed"):
            sibling.write(10**15)
        assert (old.exists(), young.exists()) == (False, True)


class TestRun:
    """The order of a tuning, with speeds that are made up."""

    @pytest.fixture
    def run(self, home: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[tuning._Run]:
        model = catalog.ResolvedModel(home / "model.gguf", "a" * 64, None)
        monkeypatch.setattr(tuning.Meters, "__call__", lambda meters, variant: Speed(100.0, 100.0, 0.001))
        with tuning._Run(model, SHAPE, Tuning(seconds=5), lambda trial, n_busy: None) as run:
            run.quiet = Search(run._meters, Variant(model.path, Setting()), SHAPE, 1.0)
            run._format, run._quiet_work = "Q4_1", SHAPE
            yield run

    @pytest.mark.parametrize("shared", [False, True])
    def test_what_was_found_is_kept_if_nothing_can_be_measured_beside_busy_processes(
        self, run: tuning._Run, monkeypatch: pytest.MonkeyPatch, shared: bool
    ) -> None:
        def fail(meters: Meters, variant: Variant) -> Speed:
            raise MachineError("no memory is free")

        monkeypatch.setattr(tuning.Meters, "__call__", fail)
        run.search_beside()
        found = run.tuned(shared)
        assert found.neighbours == (Trial("as chosen", "not possible: no memory is free"),)
        assert (found.shared, found.prefill_tokens_per_second) == (False, 100.0)

    def test_the_original_is_not_loaded_again_to_judge_a_second_sibling(
        self, run: tuning._Run, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        loaded: list[str] = []
        monkeypatch.setattr(Meters, "model", lambda meters, path: loaded.append(path.name))
        monkeypatch.setattr(siblings, "sample_windows", lambda model: [[1, 2], [3, 4]])
        monkeypatch.setattr(perplexity, "token_losses", lambda model, window, n_threads: np.array(window))
        for name in ("first.gguf", "second.gguf"):
            assert list(run._paired_losses(Path(name))) == [([1, 2], [1, 2]), ([3, 4], [3, 4])]
        assert loaded == ["first.gguf", "model.gguf", "model.gguf", "second.gguf"]


def test_busy_processes_end_with_the_block() -> None:
    children = Path(f"/proc/self/task/{os.getpid()}/children")
    if not children.exists():
        pytest.skip("this system does not tell a process's children")
    before = set(children.read_text().split())
    with tuning.busy(2):
        began = set(children.read_text().split()) - before
    assert len(began) == 2
    assert not any(Path(f"/proc/{child}").exists() for child in began)


@pytest.mark.parametrize("values", [{"seconds": 1}, {"loss": -0.1}, {"loss": 2.0}])
def test_tuning_out_of_range_is_refused(values: dict[str, float]) -> None:
    with pytest.raises(OptionError, match=next(iter(values))):
        Tuning(**values)


@pytest.mark.model
class TestWithAModel:
    def test_measuring_times_prefill_and_decode(self, starter: Path) -> None:
        speed = measure(starter, Setting(n_seq_max=2), prompt_tokens=24, new_tokens=4, n_requests=3)
        assert speed.prefill_tokens_per_second > 0 and speed.decode_tokens_per_second > 0
        assert 72 / speed.prefill_tokens_per_second < speed.seconds
        assert speed.load_seconds > 0

    def test_measuring_ends_when_its_time_is_up(self, starter: Path) -> None:
        speed = measure(starter, Setting(), prompt_tokens=16, new_tokens=1000, n_requests=1, seconds=0.2)
        assert speed.seconds < 1000 / speed.decode_tokens_per_second

    def test_an_answer_is_as_long_as_asked_whatever_the_model_says(self, starter: Path) -> None:
        with LlamaModel(starter) as model, Meter(model, Setting(), 256) as meter:
            meter.run([meter.prompt(8)], 40)
            assert meter._timed.decoding.tokens == 39

    def test_a_text_is_foretold_better_than_its_words_in_disorder(self, starter: Path) -> None:
        with LlamaModel(starter) as model:
            tokens = siblings.sample_windows(model)[2]
            losses, shuffled = token_losses(model, tokens, 2), token_losses(model, sorted(tokens), 2)
            assert len(losses) == len(tokens) - 1
            assert losses.mean() < shuffled.mean() - 1

    def test_losses_do_not_depend_on_what_comes_after(self, starter: Path) -> None:
        with LlamaModel(starter) as model:
            tokens = siblings.sample_windows(model)[0]
            assert token_losses(model, tokens[:129], 2) == pytest.approx(token_losses(model, tokens, 2)[:128], abs=1e-3)

    def test_a_sibling_has_the_same_weights_in_its_format(self, starter: Path, home: Path) -> None:
        sibling = siblings.Sibling(starter, "a" * 64, "Q8_0")
        with LlamaModel(starter) as original:
            weights = n_weights(original)
        sibling.write(weights)
        draft = sibling.path
        with LlamaModel(draft) as model:
            assert (format_of(model), n_weights(model)) == ("Q8_0", weights)
        sha256 = sibling.keep()
        sibling.discard()
        assert not draft.exists()
        assert catalog.verify_model(sibling.target).sha256 == sha256

    def test_a_draft_that_is_not_kept_is_gone(self, starter: Path, home: Path) -> None:
        sibling = siblings.Sibling(starter, "a" * 64, "Q8_0")
        sibling.write(1000)
        sibling.discard()
        assert list((home / "models").iterdir()) == []

    def test_a_kept_sibling_is_taken_again_instead_of_written(self, starter: Path, home: Path) -> None:
        for _ in range(2):
            sibling = siblings.Sibling(starter, "a" * 64, "Q8_0")
            sibling.write(1000)
            sibling.keep()
        written = sibling.target.stat().st_mtime_ns
        again = siblings.Sibling(starter, "a" * 64, "Q8_0")
        again.write(1000)
        assert again.path == again.target and again.target.stat().st_mtime_ns == written

    def test_a_folder_that_is_not_there_is_refused_in_one_line(self, starter: Path, tmp_path: Path) -> None:
        with pytest.raises(MachineError, match="could not be written"):
            quantize(starter, tmp_path / "nowhere" / "x.gguf", "Q8_0", 1)

    def test_a_variant_of_the_environment_is_measured_apart(self, starter: Path) -> None:
        with Meters(Shape(64, 8)) as meters:
            speed = meters(Variant(starter, Setting(), (("OMP_WAIT_POLICY", "passive"),)))
        assert speed.decode_tokens_per_second > 0

    def test_what_finds_no_room_is_refused_and_a_loaded_model_is_not_counted_again(
        self, starter: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        variant, wider = (Variant(starter, Setting(n_seq_max=n)) for n in (1, 2))
        with Meters(Shape(64, 8)) as meters:
            needed = meters._need(wider)
            monkeypatch.setattr(memory, "available", lambda: needed.total - 1)
            with pytest.raises(MachineError, match=r"needs .* \(weights .* with 2 sequences of 64 tokens, and .* free"):
                meters(wider)
            meters(variant)
            assert meters(wider).decode_tokens_per_second > 0

    def test_tuning_stores_what_it_found(self, starter: Path, home: Path) -> None:
        told: list[tuple[str, int]] = []
        tuned = tune.tune(starter, Tuning(seconds=5), told=lambda trial, n_busy: told.append((trial.change, n_busy)))
        assert tune.stored(catalog.resolve_model(starter).sha256) == tuned
        assert told[0] == ("default", 0)
        assert next(change for change, n_busy in told if n_busy) == "as chosen"
        assert not [path for path in (home / "models").iterdir() if path.name.startswith(".Smol")]
        assert json.loads(store.path().read_text())
