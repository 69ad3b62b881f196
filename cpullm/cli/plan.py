"""`cpullm plan`: what a job will take of time and memory, and whether it fits; nothing is generated."""

from __future__ import annotations

import argparse
import json
from contextlib import ExitStack
from dataclasses import asdict, dataclass
from typing import Any

from cpullm.cli import arguments as shared
from cpullm.cli import summarize
from cpullm.cli.session import Session

NO_MODEL = "no model is asked: a book takes seconds, and the memory of its text"
NO_RATES = "no seconds: run `cpullm tune {model}` first, they are predicted from what it measures"

MOST_EXECUTORS = 100_000
OTHER = "predicted from the rates of the tuned setting; this job would use another one"


def add(commands: Any) -> None:
    """Add the command to the parser."""
    parser = commands.add_parser(
        "plan",
        help="say what a job would take of time and memory, without doing it",
        description="Takes the flags of `cpullm summarize`. Exit code 1 says that the job does not fit here.",
        formatter_class=argparse.ArgumentDefaultsHelpFormatter,
    )
    summarize.add_flags(parser)
    parser.add_argument("--executors", type=_counts, default=[1, 10, 100], help="how many to predict for, as 1,10,100")
    parser.add_argument("--json", action="store_true", help="one JSON object instead of tables")
    parser.set_defaults(command=_plan)


def _counts(text: str) -> list[int]:
    counts = [int(count) if count.strip().isdecimal() else 0 for count in text.split(",")]
    if not all(0 < count <= MOST_EXECUTORS for count in counts):
        raise argparse.ArgumentTypeError(f"{text!r} are no numbers from 1 to {MOST_EXECUTORS}, as 1,10,100")
    return counts


def _plan(arguments: argparse.Namespace) -> int:
    from cpullm import predict, tune
    from cpullm.engine.llama import LlamaModel

    # Of the flags that a run has, this only says where it would run.
    arguments.quiet = arguments.quiet or arguments.json
    arguments.master = shared.master(arguments)
    with ExitStack() as stack:
        prepared, dropped = summarize.planned(arguments, Session(arguments.master, stack))
        vocabulary = stack.enter_context(LlamaModel(prepared.setup.model.path, vocab_only=True))
        spread = {n: predict.job(prepared, vocabulary, n) for n in arguments.executors}
    tuned = tune.stored(prepared.setup.model.sha256) if prepared.setup.tuned_on else None
    rates = tuned.rates if tuned else None
    levels = next(iter(spread.values()))
    times = [_Time.of(n, on, rates) for n, on in spread.items()] if rates else []
    need, refusal, free = _memory(prepared, arguments.master)
    if arguments.json:
        print(json.dumps(_record(prepared, levels, rates, times) | _memory_record(need, free, refusal), indent=1))
    elif not prepared.setup.job.needs_engine:
        print(f"{summarize.plan_lines(arguments, prepared, dropped)}\n\n{NO_MODEL}")
    else:
        lines = [summarize.plan_lines(arguments, prepared, dropped), "", *_level_lines(levels), ""]
        lines += _time_lines(times, levels) if rates else [NO_RATES.format(model=arguments.model)]
        lines += [OTHER] if tuned and not _as_tuned(prepared, tuned) else []
        print("\n".join([*lines, "", *_memory_lines(prepared, need, free, refusal)]))
    return 0 if refusal is None else 1


@dataclass(frozen=True, slots=True)
class _Time:
    """What so many executors make of the job: its groups, its seconds, and those that no order of the work can beat."""

    executors: int
    groups: int
    seconds: float
    least_seconds: float

    @classmethod
    def of(cls, executors: int, levels: list[Any], rates: Any) -> _Time:
        from cpullm import predict

        return cls(
            executors,
            sum(len(level.groups) for level in levels),
            predict.seconds(levels, rates, executors),
            predict.least_seconds(levels, rates, executors),
        )


def _as_tuned(prepared: Any, tuned: Any) -> bool:
    engine = prepared.setup.job.engine
    return (engine.setting, engine.model_sha256) == (tuned.setting, tuned.model_sha256)


def _memory(prepared: Any, master: str) -> tuple[Any, str | None, int | None]:
    """What an engine takes, why it does not fit here, and what is free here (None for a cluster: it is not here)."""
    from pathlib import Path

    from cpullm import memory, spark
    from cpullm.errors import MachineError

    if not prepared.setup.job.needs_engine:
        return None, None, None
    engine = prepared.setup.job.engine
    local = master == shared.IN_PROCESS or spark.local_cpus(master) is not None
    jvm = local and master != shared.IN_PROCESS
    need = memory.estimate(Path(engine.model), engine, jvm=jvm)
    free = memory.available() if local else None
    if free is None:
        return need, None, None
    try:
        memory.check(Path(engine.model), engine, budget=prepared.setup.budget, jvm=jvm, free=free)
    except MachineError as error:
        return need, str(error), free
    return need, None, free


def _level_lines(levels: list[Any]) -> list[str]:
    rows = [(_name(i), level.requests, level.prompt_tokens, level.new_tokens) for i, level in enumerate(levels)]
    if len(rows) > 1:
        rows.append(("all", *(sum(column) for column in list(zip(*rows, strict=True))[1:])))
    head = f"{'':18} {'requests':>9} {'prompt tokens':>14} {'new tokens, at most':>20}"
    return [head, *(f"{name:18} {n:>9} {prompt:>14} {new:>20}" for name, n, prompt, new in rows)]


def _name(level: int) -> str:
    return "windows" if level == 0 else f"merges, level {level}"


def _time_lines(times: list[_Time], levels: list[Any]) -> list[str]:
    widest = max((level.requests for level in levels), default=0)
    lines = [f"{'executors':>18} {'groups':>9} {'at most':>9} {'the least for so many':>22}"]
    lines += [
        f"{time.executors:>18} {time.groups:>9} {_duration(time.seconds):>9} {_duration(time.least_seconds):>22}"
        for time in times
    ]
    if max(time.executors for time in times) > widest:
        lines.append(f"more than {widest} executors have nothing to do")
    return lines


def _duration(seconds: float) -> str:
    whole = round(seconds)
    if whole < 120:
        return f"{whole} s"
    return f"{whole // 60} min" if whole < 7200 else f"{whole // 3600} h {whole % 3600 // 60} min"


def _memory_lines(prepared: Any, need: Any, free: int | None, refusal: str | None) -> list[str]:
    from cpullm.memory import gigabytes
    from cpullm.memory.need import NAMES

    engine = prepared.setup.job.engine
    n = engine.setting.n_seq_max
    lines = [f"memory of one engine, {shared.count(n, 'sequence')} of {engine.n_ctx} tokens"]
    lines += [f"{name:>18} {gigabytes(getattr(need, part)):>12}" for part, name in NAMES.items() if getattr(need, part)]
    lines += [f"{NAMES[part]:>18} {'unknown':>12}" for part in need.untold]
    lines.append(f"{'all':>18} {gigabytes(need.total):>12}")
    if need.read_once:
        lines.append(f"and {gigabytes(need.read_once)} of the file, read once; they stay in memory while there is room")
    if refusal is not None:
        return [*lines, refusal]
    if free is not None:
        return [*lines, f"{gigabytes(free)} are free here: it fits"]
    overhead = need.weights + need.private
    return [
        *lines,
        f"on the cluster: spark.executor.memoryOverhead of {gigabytes(overhead)} or more for each task at once",
    ]


def _record(prepared: Any, levels: list[Any], rates: Any, times: list[_Time]) -> dict[str, Any]:
    return {
        "units": len(prepared.chunks),
        "windows": prepared.n_windows,
        "text_tokens": prepared.text_tokens,
        "tasks": [asked.task.name for asked in prepared.setup.tasks],
        "model": prepared.setup.model.path.name,
        "model_sha256": prepared.setup.model.sha256,
        "n_ctx": prepared.setup.job.engine.n_ctx,
        "setting": asdict(prepared.setup.job.engine.setting),
        "levels": [
            {
                "requests": level.requests,
                "prompt_tokens": level.prompt_tokens,
                "new_tokens": level.new_tokens,
            }
            for level in levels
        ],
        "rates": asdict(rates) if rates else None,
        "executors": [asdict(time) for time in times] or None,
    }


def _memory_record(need: Any, free: int | None, refusal: str | None) -> dict[str, Any]:
    parts = None if need is None else asdict(need) | {"total": need.total}
    return {"memory": parts, "free": free, "refusal": refusal}
