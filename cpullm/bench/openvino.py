"""OpenVINO GenAI as a contestant: continuous batching, the GGUF read by itself."""

from __future__ import annotations

import time
from typing import Any

_BLOCK_TOKENS = 32  # of its KV cache, on CPUs


def answer(model: str, prompts: list[list[int]], new_tokens: int, setting: dict[str, Any]) -> dict[str, Any]:
    """Answer the prompts together, greedily. Prefill and decode run in the same steps there, so they are not told."""
    import numpy as np
    import openvino
    import openvino_genai

    started = time.perf_counter()
    scheduler = openvino_genai.SchedulerConfig()
    scheduler.num_kv_blocks = sum(-(-(len(prompt) + new_tokens) // _BLOCK_TOKENS) + 1 for prompt in prompts)
    scheduler.max_num_seqs = max(2, len(prompts))
    scheduler.enable_prefix_caching = False
    properties = {"INFERENCE_NUM_THREADS": setting["n_threads"]}
    pipeline = openvino_genai.ContinuousBatchingPipeline(model, scheduler, "CPU", properties)

    def generate(batch: list[list[int]], n_tokens: int) -> list[list[int]]:
        config = openvino_genai.GenerationConfig()
        config.max_new_tokens, config.ignore_eos, config.do_sample = n_tokens, True, False
        tensors = [openvino.Tensor(np.array([prompt], dtype=np.int64)) for prompt in batch]
        results = pipeline.generate(tensors, [config] * len(batch))
        return [[int(token) for token in result.m_generation_ids[0]] for result in results]

    generate([[1] * 32], 2)
    load_seconds = time.perf_counter() - started
    started = time.perf_counter()
    answers = generate(prompts, new_tokens)
    seconds = time.perf_counter() - started
    return {"seconds": seconds, "load_seconds": load_seconds, "answers": answers}
