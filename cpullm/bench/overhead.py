"""The part `spark`: the same groups of requests answered by a bare engine and under Spark's local session."""

from __future__ import annotations

import time
from functools import partial
from typing import Any

from cpullm import plan, worker
from cpullm.bench import apart, workload
from cpullm.bench.conditions import Conditions, in_turn, median, say
from cpullm.engine.llama import LlamaModel
from cpullm.options import EngineOptions, Job, Options, Sampling, Setting
from cpullm.records import Prompt, Request, row

_TASK = "summarize"
_SECONDS = 66.0  # of the job, at least a minute
_PROMPT = Prompt("<|im_start|>user\n", "\n\nTell in two sentences what happens.<|im_end|>\n<|im_start|>assistant\n")


def measure(conditions: Conditions) -> dict[str, Any]:
    """A job of about a minute, bare and under Spark, in turn. Returns the part's record."""
    from cpullm.spark import check_java

    check_java()
    n_tokens, new_tokens, repeats = (48, 6, 1) if conditions.quick else (700, 80, 2)
    book = workload.read(conditions.book)
    n = 4 if conditions.quick else _n_requests(conditions, n_tokens, new_tokens)
    requests = _requests(conditions, workload.equal_prompts(conditions.model, book, n, n_tokens), new_tokens)
    room = -(-(max(request.prompt_tokens for request in requests) + new_tokens) // 256) * 256
    shared = {
        "model": str(conditions.engine_model),
        "n_ctx": room,
        "setting": row(conditions.setting()),
        "requests": [row(request) for request in requests],
    }
    runs = in_turn(
        {"bare": partial(apart.call, bare, **shared), "Spark": partial(apart.call, under_spark, **shared)},
        repeats,
        conditions.ends_at,
    )
    return {
        "ratios": {"spark_overhead": median(runs["Spark"]) / median(runs["bare"]) - 1},
        "book": book.name, "note": book.note,
        "requests": n, "prompt_tokens": n_tokens, "new_tokens": new_tokens,
        "groups": len({request.group_id for request in requests}),
        "session_seconds": median(runs["Spark"], "session_seconds"),
        "runs": runs,
    }  # fmt: skip


def bare(model: str, n_ctx: int, setting: dict[str, Any], requests: list[dict[str, Any]]) -> dict[str, Any]:
    """Answer the groups one after the other in this process; loading the engine counts."""
    asked = [Request(**one) for one in requests]
    started = time.perf_counter()
    n_answered = len(list(worker.run(asked, _job(model, n_ctx, setting))))
    seconds = time.perf_counter() - started
    worker.close()
    return {"seconds": seconds, "answered": n_answered}


def under_spark(model: str, n_ctx: int, setting: dict[str, Any], requests: list[dict[str, Any]]) -> dict[str, Any]:
    """Answer the groups as Spark tasks; starting the session is timed apart, the workers and engines count."""
    from cpullm import spark as on_spark

    asked = [Request(**one) for one in requests]
    started = time.perf_counter()
    session = on_spark.session("local[*]")
    session_seconds = time.perf_counter() - started
    try:
        started = time.perf_counter()
        n_answered = len(list(on_spark.run(session, asked, _job(model, n_ctx, setting))))
        seconds = time.perf_counter() - started
    finally:
        session.stop()
    return {"seconds": seconds, "session_seconds": session_seconds, "answered": n_answered}


def _job(model: str, n_ctx: int, setting: dict[str, Any]) -> Job:
    return Job(EngineOptions(model, "", n_ctx, Setting(**setting)), {_TASK: Sampling()})


def _n_requests(conditions: Conditions, n_tokens: int, new_tokens: int) -> int:
    """How many requests take the job's time here, from a short measurement."""
    from cpullm.bench.growth import speed

    n = conditions.setting().n_seq_max
    told = apart.call(
        speed, model=str(conditions.engine_model), setting=row(conditions.setting()), prompt_tokens=n_tokens,
        new_tokens=new_tokens, n_requests=n,
    )  # fmt: skip
    n_requests: int = max(n, round(_SECONDS * n / told["seconds"]))
    say(f"{n_requests} requests take about {_SECONDS:.0f} s here")
    return n_requests


def _requests(conditions: Conditions, prompts: list[list[int]], new_tokens: int) -> list[Request]:
    with LlamaModel(conditions.model, vocab_only=True) as vocabulary:
        texts = [vocabulary.detokenize(prompt) for prompt in prompts]
        counts = [vocabulary.count_prompt_tokens(_PROMPT.head, text, _PROMPT.tail) for text in texts]
    requests = [
        Request(
            plan.request_id("", _PROMPT, Sampling(), new_tokens, text), 0, _TASK, _PROMPT.head, text, _PROMPT.tail,
            count, new_tokens,
        )
        for text, count in zip(texts, counts, strict=True)
    ]  # fmt: skip
    return plan.pack(requests, Options().group_tokens)
