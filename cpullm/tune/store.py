"""What was found, by model and CPU: one small JSON file beside the models."""

from __future__ import annotations

import json
import math
import os
import platform
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from tempfile import TemporaryFile
from typing import Any

from cpullm import installed
from cpullm.cpus import usable_cpus
from cpullm.errors import CpullmError, MachineError
from cpullm.fetch import tell
from cpullm.gguf import sha256_of, write_text
from cpullm.job import Setting
from cpullm.options import Options
from cpullm.rates import Point, Rates
from cpullm.tune.search import Trial

# The instructions that decide which of llama.cpp's kernels run.
_INSTRUCTIONS = frozenset(
    "avx avx2 fma f16c avx_vnni avx512f avx512vl avx512bw avx512_vnni avx512_vbmi avx512_bf16 amx_int8 amx_bf16 "
    "asimd asimdhp asimddp i8mm bf16 sve sve2 sme vsx lsx lasx rvv".split()
)

CPUINFO = Path("/proc/cpuinfo")


@dataclass(frozen=True, slots=True)
class Tuned:
    """The fast way to compute for one model on one kind of CPU.

    `model` is a file with the same weights in another format to use in the model's place, None: the model itself;
    `model_sha256` is that of what is used. The rates are tokens per second of a full engine, measured on prompts of
    `prompt_tokens`, `load_seconds` until its first answer; with `shared` they are those beside `n_busy` busy
    processes. `points` are rates at more shapes, from which seconds are predicted. `trials` is what was tried on a
    quiet machine, `neighbours` beside those processes.
    """

    setting: Setting
    prefill_tokens_per_second: float
    decode_tokens_per_second: float
    load_seconds: float
    prompt_tokens: int
    times_faster: float
    model: Path | None
    model_sha256: str
    format: str
    cpu: str
    date: str
    shared: bool = False
    n_busy: int = 0
    points: tuple[Point, ...] = ()
    trials: tuple[Trial, ...] = ()
    neighbours: tuple[Trial, ...] = ()

    @property
    def rates(self) -> Rates:
        """What an engine takes, as far as it was measured."""
        n, rates = self.setting.n_seq_max, (self.prefill_tokens_per_second, self.decode_tokens_per_second)
        return Rates.fitted([Point(self.prompt_tokens, n, *rates), *self.points], n, self.load_seconds)


def cpu() -> str:
    """This CPU, as far as it decides what is fast: its name, its instructions, and how many this process may use."""
    return f"{' '.join([cpu_name(), *sorted(_INSTRUCTIONS & cpu_flags())])} x {usable_cpus()}"


def cpu_name(cpuinfo: Path = CPUINFO) -> str:
    """What the system calls this CPU, or its kind."""
    facts = _cpu_facts(cpuinfo)
    return facts.get("model name") or facts.get("cpu model") or platform.processor() or platform.machine()


def cpu_flags(cpuinfo: Path = CPUINFO) -> set[str]:
    """The instructions it has, in the system's words; none where they are unknown."""
    facts = _cpu_facts(cpuinfo)
    return set((facts.get("flags") or facts.get("features") or "").split())


def _cpu_facts(cpuinfo: Path) -> dict[str, str]:
    try:
        first = cpuinfo.read_text().split("\n\n")[0]
    except OSError:
        return {}
    pairs = (line.split(":", 1) for line in first.splitlines() if ":" in line)
    return {name.strip().lower(): value.strip() for name, value in pairs}


def path() -> Path:
    """Where it is stored."""
    return installed.home() / "models" / "tuned.json"


def stored(model_sha256: str, on: str | None = None) -> Tuned | None:
    """What was found for a model on a CPU, as `cpu` names it, by default this one.

    None if nothing was, or if the file it names is not there any more; a line on standard error says so.
    """
    try:
        known = _read().get(model_sha256, {}).get(on or cpu())
        return None if known is None else _checked(_tuned(known))
    except (ValueError, TypeError, KeyError, AttributeError, CpullmError) as error:
        tell(f"{path()} is not used for this model ({error}): run `cpullm tune` again.", True)
        return None


def _checked(tuned: Tuned) -> Tuned:
    """Refuse rates that cannot be, and a file that is gone or another one (its sha256 is remembered: one look)."""
    rates = [tuned.prefill_tokens_per_second, tuned.decode_tokens_per_second]
    for point in tuned.points:
        rates += [point.prefill_tokens_per_second, point.decode_tokens_per_second]
    if not all(0 < rate < math.inf for rate in rates):
        raise ValueError("its rates are no tokens per second")
    if not 0 <= tuned.load_seconds < math.inf:
        raise ValueError("its load_seconds are no time")
    if tuned.model is not None:
        if not tuned.model.is_file():
            raise MachineError(f"{tuned.model.name} is gone")
        if sha256_of(tuned.model, path().parent / ".sha256.json") != tuned.model_sha256:
            raise MachineError(f"{tuned.model.name} is another file now")
    return tuned


def check_writable() -> None:
    """Raise MachineError where nothing can be stored: before the search, and not after it."""
    try:
        path().parent.mkdir(parents=True, exist_ok=True)
        with TemporaryFile(dir=path().parent):
            pass
    except OSError as error:
        raise _unwritable(error) from error


def _unwritable(error: OSError) -> MachineError:
    return MachineError(f"{path()} could not be written ({os.strerror(error.errno or 0)}).")


def store(model_sha256: str, tuned: Tuned) -> Path:
    """Store what was found; what is known of other models and CPUs stays. Raises MachineError if it can't be."""
    try:
        known = _read()
    except ValueError:
        known = {}
    for sha256, found in {tuned.model_sha256: replace(tuned, model=None), model_sha256: tuned}.items():
        row = asdict(found) | {"model": found.model.name if found.model else None}
        known[sha256] = {**known.get(sha256, {}), tuned.cpu: row}
    try:
        path().parent.mkdir(parents=True, exist_ok=True)
        write_text(path(), json.dumps(known, indent=1) + "\n")
    except OSError as error:
        raise _unwritable(error) from error
    return path()


def _read() -> dict[str, Any]:
    try:
        known = json.loads(path().read_text("utf-8"))
    except FileNotFoundError:
        return {}
    except OSError as error:
        raise ValueError(error.strerror) from error
    if not isinstance(known, dict) or not all(isinstance(rows, dict) for rows in known.values()):
        raise ValueError("not what `cpullm tune` writes")
    return known


def _tuned(row: dict[str, Any]) -> Tuned:
    model = row["model"]
    trials, neighbours = (tuple(Trial(**one) for one in row[name]) for name in ("trials", "neighbours"))
    return Tuned(
        **{
            **row,
            "setting": _setting(row["setting"]),
            "model": None if model is None else path().parent / Path(model).name,
            "points": tuple(Point(**one) for one in row.get("points", ())),
            "trials": trials,
            "neighbours": neighbours,
        }
    )


def _setting(row: dict[str, Any]) -> Setting:
    if any(value is None for name, value in row.items() if name != "n_threads"):
        raise ValueError("its setting has gaps")
    Options(**row)  # types and ranges are the options'
    return Setting(**row)
