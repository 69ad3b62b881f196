"""The part `columns`: four new columns of a table in one call, over one alone."""

from __future__ import annotations

import time
from functools import partial
from typing import Any

import pandas as pd

from cpullm import columns
from cpullm.bench import apart, workload
from cpullm.bench.conditions import Conditions, in_turn, median
from cpullm.columns import transform
from cpullm.engine.llama import LlamaModel

TASKS = ("summarize", "sentiment", "title", "keywords")
ALL = "all four"


def measure(conditions: Conditions) -> dict[str, Any]:
    """A table of texts of 1,000 tokens, asked four things, one by one and at once, in turn. Returns the part's record.

    Each run is a process of its own, and loads the model, which counts.
    """
    n, n_tokens, repeats = (2, 120, 1) if conditions.quick else (8, 1000, 3)
    book = workload.read(conditions.book)
    prompts = workload.equal_prompts(conditions.model, book, n, n_tokens)
    with LlamaModel(conditions.model, vocab_only=True) as vocabulary:
        texts = [vocabulary.detokenize(prompt) for prompt in prompts]
    run = partial(
        apart.call, answer, model=str(conditions.engine_model), texts=texts, n_seq_max=conditions.setting().n_seq_max,
        max_tokens=8 if conditions.quick else None,
    )  # fmt: skip
    asked = {ALL: list(TASKS), **{task: [task] for task in TASKS}}
    runs = in_turn({name: partial(run, tasks=given) for name, given in asked.items()}, repeats, conditions.ends_at)
    alone = [median(runs[task]) for task in TASKS]
    return {
        "ratios": {
            "four_columns": median(runs[ALL]) / max(alone),
            "four_columns_mean": median(runs[ALL]) / (sum(alone) / len(alone)),
        },
        "book": book.name, "note": book.note,
        "documents": n, "prompt_tokens": n_tokens, "tasks": list(TASKS),
        "runs": runs,
    }  # fmt: skip


def answer(model: str, texts: list[str], tasks: list[str], n_seq_max: int, max_tokens: int | None) -> dict[str, Any]:
    """The seconds of one call; one before it, about another text, imports what the first call imports."""
    table = pd.DataFrame({"text": texts})
    asked = {task: getattr(columns, task)("text") for task in tasks}
    options: dict[str, Any] = {"strategy": "hierarchical", "tuned": False}
    options |= {"n_seq_max": n_seq_max, "max_tokens": max_tokens}
    transform(pd.DataFrame({"text": ["Once upon a time."]}), asked, model=model, progress=False, **options)
    started = time.perf_counter()
    transform(table, asked, model=model, progress=False, **options)
    return {"seconds": time.perf_counter() - started}
