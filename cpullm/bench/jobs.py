"""The parts `tasks` and `spark`: jobs of requests, in one pass or in four, by the bare engine or under Spark."""

from __future__ import annotations

import time
from functools import partial
from typing import Any

from cpullm import plan, worker
from cpullm.bench import apart, workload
from cpullm.bench.conditions import Conditions, in_turn, median, say
from cpullm.bench.machine import speed
from cpullm.engine.llama import LlamaModel
from cpullm.job import EngineOptions, Job, Sampling, Setting
from cpullm.records import Prompt, Request, row

QUESTIONS = {
    "summary": "Tell in two sentences what happens.",
    "names": "List the people named.",
    "mood": "Is the mood positive or negative? One word.",
    "title": "Give it a title.",
}
_HEAD = "<|im_start|>user\n"
_TAIL = "\n\n{question}<|im_end|>\n<|im_start|>assistant\n"
_SPARK_SECONDS = 70.0  # of the job, about: it shall take a minute or more
_BLOCK = 256


def tasks(conditions: Conditions) -> dict[str, Any]:
    """The documents' four tasks in one pass and in four passes, in turn. Returns the part's record.

    Documents are nearly as long as the pieces that the engine is given by default.
    """
    n, n_tokens, new_tokens, repeats = (2, 64, 6, 1) if conditions.quick else (4, 1900, 40, 2)
    book = workload.read(conditions.book)
    prompts = workload.equal_prompts(conditions.model, book, n, n_tokens)
    requests = _requests(conditions, prompts, list(QUESTIONS), new_tokens)
    one = [[row(request) for request in requests]]
    four = [[row(request) for request in requests if request.task == task] for task in QUESTIONS]
    run = partial(
        apart.call, answer_passes, model=str(conditions.engine_model), n_ctx=_room(requests),
        setting=row(conditions.setting(n_seq_max=len(QUESTIONS))),
    )  # fmt: skip
    runs = in_turn(
        {"one pass": partial(run, passes=one), "four passes": partial(run, passes=four)}, repeats, conditions.ends_at
    )
    shared, separate = (given[0]["answers"] for given in runs.values())
    return {
        "ratios": {"four_tasks": median(runs["four passes"]) / median(runs["one pass"])},
        "book": book.name,
        "note": book.note,
        "documents": n, "prompt_tokens": n_tokens, "new_tokens": new_tokens, "tasks": list(QUESTIONS),
        "answers": len(shared),
        "same_answers": sum(shared[request_id] == separate[request_id] for request_id in shared),
        "runs": {
            name: [{key: value for key, value in run.items() if key != "answers"} for run in given]
            for name, given in runs.items()
        },
    }  # fmt: skip


def answer_passes(
    model: str, n_ctx: int, setting: dict[str, Any], passes: list[list[dict[str, Any]]]
) -> dict[str, Any]:
    """Answer the passes' requests one pass after the other, each with an engine loaded before its clock starts.

    An engine of its own, because an engine keeps its last prompts: a second pass would find the documents there.
    """
    warm = Request("0" * 64, 0, "warm", "", "Once upon a time", "", 4, 2)
    answers: dict[str, str] = {}
    seconds = 0.0
    for rows in passes:
        requests = [Request(**one) for one in rows]
        list(worker.answer([warm], _job(model, n_ctx, setting, "warm")))
        started = time.perf_counter()
        job = _job(model, n_ctx, setting, *(request.task for request in requests))
        answers |= {completion.id: completion.text for completion in worker.answer(requests, job)}
        seconds += time.perf_counter() - started
        worker.close()
    return {"seconds": seconds, "answers": answers}


def spark(conditions: Conditions) -> dict[str, Any]:
    """A job of about a minute, bare and under Spark, in turn. Returns the part's record."""
    from cpullm.spark import check_java

    check_java()
    n_tokens, new_tokens, repeats = (48, 6, 1) if conditions.quick else (700, 80, 2)
    book = workload.read(conditions.book)
    n = 4 if conditions.quick else _n_requests(conditions, n_tokens, new_tokens)
    prompts = workload.equal_prompts(conditions.model, book, n, n_tokens)
    requests = _requests(conditions, prompts, ["summary"], new_tokens)
    requests = plan.pack(
        requests, plan.GROUP_WIDTHS * conditions.setting().n_seq_max * (n_tokens + plan.DECODE_COST * new_tokens)
    )
    shared = {
        "model": str(conditions.engine_model),
        "n_ctx": _room(requests),
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
        "requests": len(requests), "prompt_tokens": n_tokens, "new_tokens": new_tokens,
        "groups": len({request.group_id for request in requests}),
        "session_seconds": median(runs["Spark"], "session_seconds"),
        "runs": runs,
    }  # fmt: skip


def bare(model: str, n_ctx: int, setting: dict[str, Any], requests: list[dict[str, Any]]) -> dict[str, Any]:
    """Answer the groups one after the other in this process; loading the engine counts."""
    asked = [Request(**one) for one in requests]
    started = time.perf_counter()
    n_answered = len(list(worker.run(asked, _job(model, n_ctx, setting, "summary"))))
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
        n_answered = len(list(on_spark.run(session, asked, _job(model, n_ctx, setting, "summary"))))
        seconds = time.perf_counter() - started
    finally:
        session.stop()
    return {"seconds": seconds, "session_seconds": session_seconds, "answered": n_answered}


def _job(model: str, n_ctx: int, setting: dict[str, Any], *names: str) -> Job:
    return Job(EngineOptions(model, "", n_ctx, Setting(**setting)), {name: Sampling() for name in names})


def _room(requests: list[Request]) -> int:
    most = max(request.prompt_tokens + request.max_tokens for request in requests)
    return -(-most // _BLOCK) * _BLOCK


def _n_requests(conditions: Conditions, n_tokens: int, new_tokens: int) -> int:
    """How many requests take the job's time here, from a short measurement."""
    n = 2 * conditions.setting().n_seq_max
    told = apart.call(
        speed, model=str(conditions.engine_model), setting=row(conditions.setting()), prompt_tokens=n_tokens,
        new_tokens=new_tokens, n_requests=n,
    )  # fmt: skip
    n_requests: int = max(n, round(_SPARK_SECONDS * n / told["seconds"]))
    say(f"{n_requests} requests take about {_SPARK_SECONDS:.0f} s here")
    return n_requests


def _requests(conditions: Conditions, prompts: list[list[int]], names: list[str], new_tokens: int) -> list[Request]:
    """A request for every document and task, a document's next to each other."""
    with LlamaModel(conditions.model, vocab_only=True) as vocabulary:
        texts = [vocabulary.detokenize(prompt) for prompt in prompts]
        return [_request(vocabulary, text, name, new_tokens) for text in texts for name in names]


def _request(vocabulary: LlamaModel, text: str, task: str, new_tokens: int) -> Request:
    prompt = Prompt(_HEAD, _TAIL.format(question=QUESTIONS[task]))
    job = Job(EngineOptions("", "", 0), {task: Sampling()})
    request_id = plan.request_id(job, task, prompt, new_tokens, text)
    n_tokens = vocabulary.count_prompt_tokens(prompt.head, text, prompt.tail)
    return Request(request_id, 0, task, prompt.head, text, prompt.tail, n_tokens, new_tokens)
