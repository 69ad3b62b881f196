"""Memory that is known before it is used: what llama.cpp tells is what a process then takes, and refusals are right."""

from __future__ import annotations

import re
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from cpullm import memory
from cpullm.engine import footprint
from cpullm.engine.footprint import Footprints
from cpullm.engine.quantize import quantize
from cpullm.errors import MachineError, ModelError
from cpullm.job import EngineOptions, Setting
from cpullm.memory import Memory
from cpullm.options import Options
from cpullm.plan import Budget, budget

# What a process that answers one prompt has, in bytes: all, and what no file backs.
REAL = """
import sys
from pathlib import Path
from cpullm.engine.engine import Engine
from cpullm.engine.llama import LlamaModel, LlamaRunner
from cpullm.engine.sequence import Sequence
from cpullm.job import EngineOptions, Setting

path, n_ctx, setting = sys.argv[1], int(sys.argv[2]), eval(sys.argv[3])
model = LlamaModel(path, repack=setting.repack)
runner = LlamaRunner(model, EngineOptions(path, "", n_ctx, setting), 2)
(answer,) = Engine(runner).generate([Sequence([100 + i for i in range(200)], 2)])
assert answer.error is None, answer.error
lines = [line.split() for line in Path("/proc/self/smaps_rollup").read_text().splitlines()[1:]]
found = {line[0]: int(line[1]) * 1024 for line in lines}
print(found["Rss:"], found["Anonymous:"])
"""
DEFAULT = Setting()
needs_linux = pytest.mark.skipif(not Path("/proc/self/smaps_rollup").exists(), reason="Linux tells what a process has")


def _engine(model: Path, n_ctx: int, setting: Setting = DEFAULT) -> EngineOptions:
    return EngineOptions(str(model), "", n_ctx, setting)


@pytest.fixture(scope="module")
def repackable(starter: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The starter in a format that most CPUs repack."""
    path = tmp_path_factory.mktemp("models") / "starter.Q4_0.gguf"
    quantize(starter, path, "Q4_0", 2)
    return path


def _real(model: Path, n_ctx: int, setting: Setting) -> tuple[int, int]:
    argv = [sys.executable, "-c", REAL, str(model), str(n_ctx), repr(setting)]
    rss, private = subprocess.run(argv, capture_output=True, text=True, check=True).stdout.split()
    return int(rss), int(private)


@pytest.mark.model
@needs_linux
class TestEstimate:
    @pytest.mark.parametrize(
        ("n_ctx", "setting"),
        [
            (1024, Setting(n_seq_max=1)),
            (2048, Setting(n_seq_max=8)),
            (2048, Setting(n_seq_max=8, kv_type="q8_0", flash_attn=True)),
            (4096, Setting(n_seq_max=2, flash_attn=True, n_ubatch=512)),
        ],
    )
    def test_a_process_takes_what_was_told_within_a_tenth(self, starter: Path, n_ctx: int, setting: Setting) -> None:
        told = memory.estimate(starter, _engine(starter, n_ctx, setting))
        rss, _ = _real(starter, n_ctx, setting)
        assert told.total + told.read_once == pytest.approx(rss, rel=0.1)

    @pytest.mark.parametrize("repack", [True, False])
    def test_so_does_one_with_repacked_weights_or_without(self, repackable: Path, repack: bool) -> None:
        setting = Setting(repack=repack)
        told = memory.estimate(repackable, _engine(repackable, 1024, setting))
        rss, private = _real(repackable, 1024, setting)
        assert told.total + told.read_once == pytest.approx(rss, rel=0.1)
        # Of Python's share about half is files, of the rest none.
        assert private == pytest.approx(told.private - memory.need.PYTHON_BYTES / 2, rel=0.1)


@pytest.mark.model
class TestFootprints:
    def test_keys_and_values_are_layers_heads_and_tokens(self, starter: Path) -> None:
        with Footprints(starter) as footprints:
            found = footprints.of(_engine(starter, 512, Setting(n_seq_max=3)))
        n_layers, n_heads, head_size, n_bytes = 30, 3, 64, 2
        assert found.kv == pytest.approx(3 * 512 * 2 * n_layers * n_heads * head_size * n_bytes, rel=0.001)
        assert (found.n_vocab, found.compute > 0) == (49152, True)

    def test_without_repacking_nothing_is_copied(self, repackable: Path) -> None:
        with Footprints(repackable) as footprints:
            assert footprints.of(_engine(repackable, 512, Setting(repack=False))).repacked == 0
            assert footprints.of(_engine(repackable, 512)).repacked < repackable.stat().st_size

    @pytest.mark.parametrize(("pattern", "part"), [("_KV", "kv"), ("_COMPUTE", "compute"), ("_WEIGHTS", "repacked")])
    def test_what_the_log_says_otherwise_is_unknown_and_named(
        self, starter: Path, monkeypatch: pytest.MonkeyPatch, pattern: str, part: str
    ) -> None:
        monkeypatch.setattr(footprint, pattern, re.compile("no line is like this"))
        with Footprints(starter) as footprints:
            found = footprints.of(_engine(starter, 512))
        assert (found.untold, getattr(found, part)) == ((part,), 0)

    def test_an_unknown_part_is_told_as_unknown_and_refuses_nothing(
        self, starter: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(footprint, "_KV", re.compile("no line is like this"))
        need = memory.check(starter, _engine(starter, 512), free=10**12)
        assert str(need).endswith(", keys and values unknown")

    def test_a_file_that_is_no_model_is_refused_in_one_line(self, tmp_path: Path) -> None:
        path = tmp_path / "text.gguf"
        path.write_text("This is no model.\n" * 100)
        with pytest.raises(ModelError, match=str(path)) as raised:
            Footprints(path)
        assert "\n" not in str(raised.value)


@pytest.mark.model
class TestCheck:
    BUDGET = Budget(overhead_tokens=90, text_tokens=1800, max_tokens=150, merged_tokens=150)

    def _line(self, model: Path, free: int, setting: Setting = DEFAULT, **more: int) -> str:
        engine = _engine(model, self.BUDGET.n_ctx, setting)
        with pytest.raises(MachineError) as raised:
            memory.check(model, engine, budget=self.BUDGET, free=free, **more)
        return str(raised.value)

    def _changed(self, flags: str, model: Path) -> EngineOptions:
        """The engine with flags as a refusal gives them."""
        setting, budget = Setting(), self.BUDGET
        for name, value in re.findall(r"--([\w-]+) ?(\w+)?", flags):
            if name == "n-seq-max":
                setting = replace(setting, n_seq_max=int(value))
            elif name == "kv-type":
                setting = replace(setting, kv_type=value, flash_attn=True)
            elif name == "no-repack":
                setting = replace(setting, repack=False)
            elif name == "window-tokens":
                budget = replace(budget, text_tokens=int(value))
            else:
                assert name == "flash-attn"
        return _engine(model, budget.n_ctx, setting)

    def test_what_fits_is_told_and_not_refused(self, starter: Path) -> None:
        engine = _engine(starter, 1024)
        need = memory.check(starter, engine, free=10**12)
        assert memory.check(starter, engine, free=need.total) == need == memory.estimate(starter, engine)

    def test_a_refusal_has_the_numbers_in_one_line(self, starter: Path) -> None:
        line = self._line(starter, 400_000_000)
        assert line.startswith(f"{starter.name} with 4 sequences of 2048 tokens needs 0.47 GB (weights 0.10 GB, ")
        assert "keys and values 0.19 GB" in line and "0.40 GB are free; it fits with" in line and "\n" not in line

    @pytest.mark.parametrize("free", [440_000_000, 400_000_000, 370_000_000, 340_000_000])
    def test_whatever_is_said_to_fit_does(self, starter: Path, free: int) -> None:
        _, advice = self._line(starter, free).split("it fits with ")
        for flags in advice.rstrip(".").replace(", or ", ", ").split(", "):
            memory.check(starter, self._changed(flags, starter), free=free)

    def test_a_change_is_no_larger_than_need_be(self, starter: Path) -> None:
        free = 400_000_000
        found = re.search(r"--n-seq-max (\d+)", self._line(starter, free))
        assert found
        with pytest.raises(MachineError):
            memory.check(starter, self._changed(f"--n-seq-max {int(found[1]) + 1}", starter), free=free)

    def test_a_window_that_is_shortened_beside_other_changes_is_no_shorter_than_need_be(self, starter: Path) -> None:
        setting = Setting(n_seq_max=2, n_ubatch=2048)
        least = self._changed("--n-seq-max 1 --kv-type q8_0 --flash-attn --window-tokens 1000", starter)
        free = memory.estimate(starter, replace(least, setting=replace(least.setting, n_ubatch=2048))).total
        found = re.search(r"it fits with (--n-seq-max 1 .*--window-tokens (\d+))", self._line(starter, free, setting))
        assert found and int(found[2]) >= 1000

    @pytest.mark.parametrize("merged_tokens", [0, 100])
    def test_a_window_may_be_as_short_as_the_answers_that_are_merged_allow(
        self, starter: Path, merged_tokens: int
    ) -> None:
        def shares(options: Options) -> Budget:
            return budget(options, 8192, 90, None, max_tokens=1000, merged_tokens=merged_tokens)

        setting, asked = Setting(n_seq_max=1, kv_type="q8_0", flash_attn=True), shares(Options())
        free = memory.estimate(starter, _engine(starter, 1536, setting)).total  # windows of 446 tokens at most
        with pytest.raises(MachineError) as raised:
            memory.check(starter, _engine(starter, asked.n_ctx, setting), budget=asked, free=free)
        found = re.search(r"it fits with --window-tokens (\d+)", str(raised.value))
        assert found and 256 < int(found[1]) <= 446
        memory.check(starter, _engine(starter, shares(Options(window_tokens=int(found[1]))).n_ctx, setting), free=free)

    def test_where_nothing_fits_the_least_need_is_told(self, starter: Path) -> None:
        line = self._line(starter, 200_000_000)
        assert "at its smallest (--n-seq-max 1" in line and "take a smaller model" in line

    def test_engines_of_one_host_share_weights_and_jvm(self, starter: Path) -> None:
        engine = _engine(starter, 1024)
        one = memory.check(starter, engine, jvm=True, free=10**12)
        four = memory.check(starter, engine, jvm=True, free=10**12, n_engines=4)
        assert (four.weights, four.jvm, four.private) == (one.weights, one.jvm, 4 * one.private)

    def test_where_free_memory_is_unknown_nothing_is_refused(
        self, starter: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(memory.fit, "available", lambda: None)
        assert memory.check(starter, _engine(starter, 8192, Setting(n_seq_max=64))).kv > 10**10


class TestMemory:
    def test_pages_that_are_read_once_are_no_part_of_the_total(self) -> None:
        assert Memory(1, 2, 4, 8, 16, jvm=32, read_once=64).total == 63

    def test_its_line_leaves_out_what_is_not_there(self) -> None:
        assert str(Memory(0, 0, 10**9, 0, 2 * 10**10)) == "keys and values 1.00 GB, Python 20.0 GB"


class TestAvailable:
    @pytest.fixture
    def proc(self, tmp_path: Path) -> Path:
        (tmp_path / "proc/self").mkdir(parents=True)
        (tmp_path / "proc/meminfo").write_text("MemTotal:  9000 kB\nMemFree:  100 kB\nMemAvailable:    8000 kB\n")
        return tmp_path / "proc"

    def _group(self, folder: Path, limit: str, used: int, cached: int, *, v1: bool = False) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        names = ("memory.limit_in_bytes", "memory.usage_in_bytes") if v1 else ("memory.max", "memory.current")
        (folder / names[0]).write_text(f"{limit}\n")
        (folder / names[1]).write_text(f"{used}\n")
        prefix = "total_" if v1 else ""
        (folder / "memory.stat").write_text(f"anon 7\n{prefix}inactive_file {cached}\n{prefix}active_file 0\n")

    def _available(self, proc: Path, group: str) -> int | None:
        (proc / "self/cgroup").write_text(f"{group}\n")
        return memory.available(proc, proc.parent / "cgroup")

    def test_without_a_limit_it_is_the_machines(self, proc: Path) -> None:
        self._group(proc.parent / "cgroup/job", "max", 500, 0)
        assert self._available(proc, "0::/job") == 8000 * 1024

    def test_a_groups_limit_counts_and_its_cached_files_are_free(self, proc: Path) -> None:
        self._group(proc.parent / "cgroup/job", "1000000", 600_000, 500_000)
        assert self._available(proc, "0::/job") == 900_000

    def test_a_limit_further_up_counts(self, proc: Path) -> None:
        self._group(proc.parent / "cgroup/all", "700000", 600_000, 0)
        self._group(proc.parent / "cgroup/all/job", "max", 0, 0)
        assert self._available(proc, "0::/all/job") == 100_000

    def test_in_a_container_the_root_is_its_group(self, proc: Path) -> None:
        self._group(proc.parent / "cgroup", "1000000", 600_000, 0)
        assert self._available(proc, "0::/name/on/the/host") == 400_000

    def test_groups_of_version_1_are_read(self, proc: Path) -> None:
        self._group(proc.parent / "cgroup/memory/job", "1000000", 600_000, 100_000, v1=True)
        assert self._available(proc, "4:memory:/job") == 500_000

    def test_a_group_over_its_limit_has_nothing_free(self, proc: Path) -> None:
        self._group(proc.parent / "cgroup/job", "1000", 6000, 0)
        assert self._available(proc, "0::/job") == 0

    def test_a_system_that_does_not_tell_gives_none(self, tmp_path: Path) -> None:
        assert memory.available(tmp_path, tmp_path) is None
