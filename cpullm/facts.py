"""The facts about a run, as run.json has them: how its answers came about, and what the same ones need."""

from __future__ import annotations

import platform
from collections import Counter
from collections.abc import Sequence
from importlib.metadata import PackageNotFoundError, version
from typing import Any

from cpullm import plan, tune
from cpullm.job import Sampling
from cpullm.records import Finished, FinishReason, Level, Summary, row
from cpullm.tasks import TaskPrompts


def installed_version(package: str) -> str | None:
    """A package's version; None where it is not installed but on the path, as Spark's own pyspark may be."""
    try:
        return version(package)
    except PackageNotFoundError:
        return None


# What must stay as it is for the same answers; docs/tuning.md says why.
_SAME_ANSWERS_NEED = ["versions", "model", "options", "flash_attn", "kv_type", "repack", "the kind of CPU"]


def of_run(prepared: plan.Plan, summaries: list[Summary], levels: list[Level], seconds: float) -> dict[str, Any]:
    """What was asked, how it was computed, and what came of it."""
    entry = prepared.setup.model.entry
    packages = ("cpullm", "llama-cpp-python", "pyspark", "pandas", "pyarrow")
    return {
        "versions": {"python": platform.python_version(), **{name: installed_version(name) for name in packages}},
        "model": {
            "name": entry.name if entry else None,
            "file": prepared.setup.model.path.name,
            "sha256": prepared.setup.model.sha256,
        },
        "options": row(prepared.setup.options)
        | {"n_ctx": prepared.setup.budget.n_ctx, "window_tokens": prepared.setup.budget.text_tokens},
        "setting": row(prepared.setup.job.engine.setting),
        "cpu": tune.cpu(),
        "same_answers_need": _SAME_ANSWERS_NEED,
        "tasks": [_task_facts(asked, prepared.setup.job.samplings[asked.task.name]) for asked in prepared.setup.tasks],
        "documents": len({chunk.document_id for chunk in prepared.chunks}),
        "chunks": len(prepared.chunks),
        "left_out": [{"kind": chunk.kind, "title": chunk.title, "words": chunk.words} for chunk in prepared.left_out],
        "windows": prepared.n_windows,
        "levels": [row(level) for level in levels],
        "prompt_tokens": sum(level.prompt_tokens for level in levels),
        "completion_tokens": sum(level.completion_tokens for level in levels),
        "strategy": prepared.setup.strategy,
        "methods": Counter(summary.method for summary in summaries if summary.sentences),
        "guards": Counter(reason.partition(":")[0] for summary in summaries for reason in summary.reasons),
        "guard_seconds": round(sum(level.guard_seconds for level in levels), 3),
        "seconds": round(seconds, 3),
        "cut_at_max_tokens": _n_ended(summaries, FinishReason.LENGTH),
        "looped": _n_ended(summaries, FinishReason.LOOP),
        "errors": [
            {"document_id": s.document_id, "level": s.level, "index": s.index, "task": s.task, "error": s.error}
            for s in summaries
            if s.error is not None
        ],
    }


def _n_ended(summaries: list[Summary], reason: FinishReason) -> int:
    """Answers that ended so and are shown as they came; those that were held against their text were mended."""
    return sum(summary.finish_reason == reason and not summary.sentences for summary in summaries)


def of_executors(finished: Sequence[Finished]) -> list[dict[str, Any]]:
    """What each executor did, by its name: groups, tokens, seconds, engines loaded, groups retried; and its kernels."""
    by_name: dict[str, list[Finished]] = {}
    for group in finished:
        by_name.setdefault(group.executor, []).append(group)
    return [
        {
            "executor": name,
            "groups": len(groups),
            "requests": sum(group.requests for group in groups),
            "tokens": sum(group.tokens for group in groups),
            "seconds": round(sum(group.seconds for group in groups), 3),
            "slowest_group_seconds": round(max(group.seconds for group in groups), 3),
            "loads": sum(group.load_seconds > 0 for group in groups),
            "load_seconds": round(sum(group.load_seconds for group in groups), 3),
            "retried": sum(group.attempt > 0 for group in groups),
            "errors": sum(group.errors for group in groups),
            "cpu_variant": next((group.cpu_variant for group in reversed(groups) if group.cpu_variant), None),
        }
        for name, groups in sorted(by_name.items())
    ]


def _task_facts(asked: TaskPrompts, sampling: Sampling) -> dict[str, Any]:
    task = asked.task
    wording = {"name": task.name, "ask": task.ask, "merge": task.merge, "join": task.join, "update": task.update}
    return wording | {"max_tokens": asked.max_tokens, "sampling": row(sampling)}
