"""The part `tasks`: four tasks on one document, prefilled once or once for each task."""

from __future__ import annotations

import time
from functools import partial
from typing import Any

from cpullm import plan, worker
from cpullm.bench import apart, workload
from cpullm.bench.conditions import Conditions, in_turn, median
from cpullm.engine.llama import LlamaModel
from cpullm.options import EngineOptions, Job, Sampling, Setting
from cpullm.records import Prompt, Request, row

QUESTIONS = {
    "summary": "Tell in two sentences what happens.",
    "names": "List the people named.",
    "mood": "Is the mood positive or negative? One word.",
    "title": "Give it a title.",
}
_HEAD = "<|im_start|>user\n"
_TAIL = "\n\n{question}<|im_end|>\n<|im_start|>assistant\n"


def measure(conditions: Conditions) -> dict[str, Any]:
    """The documents' four tasks in one pass and in four passes, in turn. Returns the part's record."""
    n, n_tokens, new_tokens, repeats = (2, 64, 6, 1) if conditions.quick else (4, 1200, 40, 3)
    book = workload.read(conditions.book)
    prompts = workload.equal_prompts(conditions.model, book, n, n_tokens)
    with LlamaModel(conditions.model, vocab_only=True) as vocabulary:
        documents = [vocabulary.detokenize(prompt) for prompt in prompts]
        requests = [_request(vocabulary, text, task, new_tokens) for text in documents for task in QUESTIONS]
    room = -(-(max(request.prompt_tokens for request in requests) + new_tokens) // 256) * 256
    one = [[row(request) for request in requests]]
    four = [[row(request) for request in requests if request.task == task] for task in QUESTIONS]
    setting = row(conditions.setting(n_seq_max=len(QUESTIONS)))
    run = partial(apart.call, answer, model=str(conditions.engine_model), n_ctx=room, setting=setting)
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


def answer(model: str, n_ctx: int, setting: dict[str, Any], passes: list[list[dict[str, Any]]]) -> dict[str, Any]:
    """Answer the passes' requests one pass after the other with one engine; it is loaded before the clock starts."""
    engine = EngineOptions(model, "", n_ctx, Setting(**setting))
    warm = Request("0" * 64, 0, "warm", "", "Once upon a time", "", 4, 2)
    list(worker.answer([warm], Job(engine, {"warm": Sampling()})))
    answers: dict[str, str] = {}
    started = time.perf_counter()
    for rows in passes:
        requests = [Request(**one) for one in rows]
        job = Job(engine, {request.task: Sampling() for request in requests})
        answers |= {completion.id: completion.text for completion in worker.answer(requests, job)}
    seconds = time.perf_counter() - started
    worker.close()
    return {"seconds": seconds, "answers": answers}


def _request(vocabulary: LlamaModel, text: str, task: str, new_tokens: int) -> Request:
    prompt = Prompt(_HEAD, _TAIL.format(question=QUESTIONS[task]))
    request_id = plan.request_id("", prompt, Sampling(), new_tokens, text)
    n_tokens = vocabulary.count_prompt_tokens(prompt.head, text, prompt.tail)
    return Request(request_id, 0, task, prompt.head, text, prompt.tail, n_tokens, new_tokens)
