"""llama-cpp-python's own `Llama` as a contestant: as the seed recipe uses it, and as a tuned loop."""

from __future__ import annotations

import time
from itertools import islice
from typing import Any

_BLOCK = 256


def recipe(model: str, prompts: list[list[int]], new_tokens: int, setting: dict[str, Any]) -> dict[str, Any]:
    """The seed article's way: the model loaded for every chapter, the library's defaults, the whole chapter in.

    Only the context is not the default, 512, which holds no chapter.
    """
    from llama_cpp import Llama

    answers, load_seconds, first_seconds = [], 0.0, 0.0
    began = time.perf_counter()
    for prompt in prompts:
        started = time.perf_counter()
        llama = Llama(model_path=model, n_ctx=_room([prompt], new_tokens), verbose=False, **setting)
        load_seconds += time.perf_counter() - started
        tokens, first = _answer(llama, prompt, new_tokens)
        first_seconds += first
        answers.append(tokens)
        llama.close()
    seconds = time.perf_counter() - began
    return {
        "seconds": seconds,  # loading is a part of every chapter here
        "load_seconds": 0.0,
        "prefill_seconds": first_seconds,
        "decode_seconds": seconds - load_seconds - first_seconds,
        "answers": answers,
    }


def loop(model: str, prompts: list[list[int]], new_tokens: int, setting: dict[str, Any]) -> dict[str, Any]:
    """One prompt after another with one `Llama`, greedy, its prefix cache as it comes."""
    from llama_cpp import Llama

    started = time.perf_counter()
    llama = Llama(model_path=model, n_ctx=_room(prompts, new_tokens), verbose=False, **setting)
    _answer(llama, [1] * 32, 2, temp=0.0)
    load_seconds = time.perf_counter() - started
    answers, first_seconds = [], 0.0
    started = time.perf_counter()
    for prompt in prompts:
        tokens, first = _answer(llama, prompt, new_tokens, temp=0.0)
        first_seconds += first
        answers.append(tokens)
    seconds = time.perf_counter() - started
    llama.close()
    return {
        "seconds": seconds,
        "load_seconds": load_seconds,
        "prefill_seconds": first_seconds,
        "decode_seconds": seconds - first_seconds,
        "answers": answers,
    }


def _room(prompts: list[list[int]], new_tokens: int) -> int:
    return -(-(max(map(len, prompts)) + new_tokens) // _BLOCK) * _BLOCK


def _answer(llama: Any, prompt: list[int], new_tokens: int, **sampling: Any) -> tuple[list[int], float]:
    """The tokens, and the seconds to the first; `generate` does not stop at end tokens."""
    started = time.perf_counter()
    tokens = llama.generate(prompt, **sampling)
    first = next(tokens)
    first_seconds = time.perf_counter() - started
    return [first, *islice(tokens, new_tokens - 1)], first_seconds
