"""How many CPUs this process may use."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from cpullm import cpus


class TestUsableCpus:
    @pytest.mark.skipif(not hasattr(os, "sched_setaffinity"), reason="this system has no CPU affinity")
    def test_respects_the_affinity(self) -> None:
        code = (
            "import os; from cpullm import cpus; os.sched_setaffinity(0, {min(os.sched_getaffinity(0))}); "
            "print(cpus.usable_cpus())"
        )
        told = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
        assert told.strip() == "1"

    def test_respects_the_quota_where_it_is_smaller(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(os, "sched_getaffinity", lambda _: set(range(16)))
        for quota, n_cpus in [(4, 4), (64, 16), (None, 16)]:
            monkeypatch.setattr(cpus, "_cgroup_cpus", lambda _, quota=quota: quota)
            assert cpus.usable_cpus() == n_cpus

    @pytest.mark.parametrize(
        ("cpu_max", "n_cpus"),
        [
            ("200000 100000\n", 2),
            ("250000 100000\n", 2),
            ("50000 100000\n", 1),
            ("max 100000\n", None),
            ("", None),
        ],
    )
    def test_reads_the_quota_of_cgroup_v2(self, tmp_path: Path, cpu_max: str, n_cpus: int | None) -> None:
        (tmp_path / "cpu.max").write_text(cpu_max)
        assert cpus._cgroup_cpus(tmp_path) == n_cpus

    @pytest.mark.parametrize(("quota", "n_cpus"), [("300000", 3), ("20000", 1), ("-1", None)])
    def test_reads_the_quota_of_cgroup_v1(self, tmp_path: Path, quota: str, n_cpus: int | None) -> None:
        (tmp_path / "cpu").mkdir()
        (tmp_path / "cpu/cpu.cfs_quota_us").write_text(quota + "\n")
        (tmp_path / "cpu/cpu.cfs_period_us").write_text("100000\n")
        assert cpus._cgroup_cpus(tmp_path) == n_cpus

    def test_no_cgroup_means_no_quota(self, tmp_path: Path) -> None:
        assert cpus._cgroup_cpus(tmp_path) is None
