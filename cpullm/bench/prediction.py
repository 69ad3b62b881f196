"""The part `plan`: how near the seconds that `cpullm plan` predicts are to measured ones, and its packing to the best.

Groups of requests are answered by the engine, each right after the rates it is predicted from, because machines change
their speed. The schedule is simulated with those rates: War and Peace on up to 64 executors, and a table of 100,000
short texts on 1,000.
"""

from __future__ import annotations

import random
import statistics
import time
from pathlib import Path
from typing import Any

from cpullm import corpus, plan, predict
from cpullm.bench import apart, workload
from cpullm.bench.conditions import Conditions, say
from cpullm.engine.llama import LlamaModel
from cpullm.job import Setting
from cpullm.measure import Meter
from cpullm.options import Options
from cpullm.predict import Asked
from cpullm.preparing import prepare
from cpullm.rates import Part, Rates
from cpullm.records import Document, row
from cpullm.tune.meters import Meters
from cpullm.tune.search import Shape, Variant

_EXECUTORS = (1, 8, 64)
_TABLE_EXECUTORS = 1000
_SHORT, _LONG, _STEPS = 192, 1024, 16  # tokens of the prompts that rates are measured with, and steps behind them
_ANY_SECONDS = 1e6
_SHARE = 0.6  # of the part's time, for the groups


def measure(conditions: Conditions) -> dict[str, Any]:
    """Groups predicted and measured, and the schedules. Returns the part's record."""
    groups = apart.call(
        measure_groups, model=str(conditions.engine_model), setting=row(conditions.setting()),
        n_groups=2 if conditions.quick else 24, most=(64, 8) if conditions.quick else (_LONG, 160),
        seconds=_SHARE * max(0.0, conditions.ends_at - time.monotonic()),
    )  # fmt: skip
    rates = Rates(**groups["rates"])
    book = workload.read(conditions.book)
    n_rows = 100 if conditions.quick else 100_000
    schedules = [
        *_book(conditions, book, rates),
        _table(n_rows, rates, plan.GROUP_WIDTHS * rates.n_seq_max, _TABLE_EXECUTORS),
    ]
    ratios = [one["measured"] / one["predicted"] for one in groups["groups"]]
    return {
        "ratios": {
            "group_seconds": statistics.median(ratios),
            "schedule_64": next(one["ratio"] for one in schedules if one["executors"] == max(_EXECUTORS)),
            "schedule_1000": schedules[-1]["ratio"],
        },
        "book": book.name, "note": book.note,
        "within_15_percent": sum(abs(ratio - 1) <= 0.15 for ratio in ratios),
        **groups,
        "schedules": schedules,
    }  # fmt: skip


def measure_groups(
    model: str, setting: dict[str, Any], n_groups: int, most: tuple[int, int], seconds: float
) -> dict[str, Any]:
    """Groups of made-up prompts: what the rates that were just measured predict, and what they take.

    `most` are the tokens of a prompt and of an answer; the last group begins before the `seconds` are over.
    """
    chance, how, ends_at = random.Random(0), Setting(**setting), time.monotonic() + seconds
    variant = Variant(Path(model), how)
    told: list[dict[str, Any]] = []
    given: list[Rates] = []
    shape = Shape(most[0], _STEPS)
    with (
        Meters(shape, Shape(min(_SHORT, most[0]), _STEPS)) as meters,
        LlamaModel(model, repack=how.repack) as loaded,
        Meter(loaded, how, sum(most)) as meter,
    ):
        while len(told) < n_groups and time.monotonic() < ends_at:
            speed = meters(variant)
            short = speed.point(meters.work.prompt_tokens, how.n_seq_max)
            rates = Rates.fitted([short, *meters.points(variant, speed, _ANY_SECONDS)], how.n_seq_max)
            new_tokens = chance.randint(most[1] // 8, most[1])
            sizes = [chance.randint(most[0] // 8, most[0]) for _ in range(chance.randint(1, 2 * how.n_seq_max))]
            measured = meter.run([meter.prompt(n) for n in sizes], new_tokens).seconds
            predicted = rates.seconds([Part(n, n, new_tokens) for n in sizes])
            told.append({"requests": len(sizes), "prompt_tokens": sum(sizes), "new_tokens": new_tokens,
                         "predicted": predicted, "measured": measured})  # fmt: skip
            given.append(rates)
            say(f"group {len(told)}: {len(sizes)} requests, {measured:.2f} s, predicted {predicted:.2f}")
    middle = sorted(given, key=lambda rates: rates.seconds([Part(800, 800, 160)] * how.n_seq_max))[len(given) // 2]
    return {"groups": told, "rates": row(middle)}


def _book(conditions: Conditions, book: workload.Book, rates: Rates) -> list[dict[str, Any]]:
    chapters = [Document(str(i), chapter, row=True) for i, chapter in enumerate(book.chapters)]
    prepared = prepare(
        corpus.read(chapters, progress=False).chunks(None, None, False), tasks=["summarize"],
        model=conditions.model, progress=False,
        options=Options(n_seq_max=rates.n_seq_max, tuned=False, strategy="hierarchical", levels="chapter"),
    )  # fmt: skip
    with LlamaModel(conditions.model, vocab_only=True) as vocabulary:
        return [_schedule(predict.job(prepared, vocabulary, n), rates, n, book.name) for n in _EXECUTORS]


def _table(n_rows: int, rates: Rates, n_requests: int, n_executors: int) -> dict[str, Any]:
    """Rows of 40 to 400 tokens, asked about once, in groups of so many requests."""
    chance = random.Random(0)
    rows = [[chance.randint(40, 400)] for _ in range(n_rows)]
    asked = Asked("summarize", "", 60, 10, 80)
    group_tokens = n_requests * (60 + 220 + plan.DECODE_COST * 80)
    levels = predict.levels(rows, [asked], 1024, group_tokens, n_executors)
    return _schedule(levels, rates, n_executors, f"{n_rows} short texts")


def _schedule(levels: list[predict.Level], rates: Rates, n_executors: int, name: str) -> dict[str, Any]:
    seconds, least = predict.seconds(levels, rates, n_executors), predict.least_seconds(levels, rates, n_executors)
    return {
        "what": name,
        "executors": n_executors,
        "requests": sum(level.requests for level in levels),
        "groups": sum(len(level.groups) for level in levels),
        "seconds": seconds,
        "least_seconds": least,
        "ratio": seconds / least,
    }
