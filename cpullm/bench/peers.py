"""What a user would run instead, as contestants: llama-cpp-python, OpenVINO GenAI and llama.cpp's own server.

Each `answer` is as `cpullm.bench.contestants` says.
"""

from __future__ import annotations

import http.client
import json
import socket
import subprocess
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from itertools import islice
from typing import Any

from cpullm.bench.apart import die_with_parent, peak_bytes
from cpullm.errors import MachineError

SERVER = "llama-server"
_BLOCK = 256  # contexts are whole blocks of this many tokens, for all
_GENAI_BLOCK = 32  # of OpenVINO's KV cache, on CPUs
_START_SECONDS = 120.0
_ANSWER_SECONDS = 600.0


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


def genai(model: str, prompts: list[list[int]], new_tokens: int, setting: dict[str, Any]) -> dict[str, Any]:
    """OpenVINO GenAI with continuous batching, all prompts at once; it reads the GGUF itself.

    Prefill and decode run in the same steps there, so they are not told.
    """
    import numpy as np
    import openvino
    import openvino_genai

    started = time.perf_counter()
    scheduler = openvino_genai.SchedulerConfig()
    scheduler.num_kv_blocks = sum(-(-(len(prompt) + new_tokens) // _GENAI_BLOCK) + 1 for prompt in prompts)
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

    return timed(generate, prompts, new_tokens, started)


def timed(
    generate: Callable[[list[list[int]], int], list[list[int]]],
    prompts: list[list[int]],
    new_tokens: int,
    started: float,
) -> dict[str, Any]:
    """One answer to all prompts, timed after a short one that ends the loading, which began at `started`."""
    generate([[1] * 32], 2)
    load_seconds = time.perf_counter() - started
    started = time.perf_counter()
    answers = generate(prompts, new_tokens)
    seconds = time.perf_counter() - started
    return {"seconds": seconds, "load_seconds": load_seconds, "answers": answers}


def serve(model: str, prompts: list[list[int]], new_tokens: int, setting: dict[str, Any]) -> dict[str, Any]:
    """llama.cpp's own server over HTTP on this machine, all prompts at once to `setting["n_parallel"]` slots."""
    started = time.perf_counter()
    room = _room(prompts, new_tokens)
    port = _free_port()
    server = subprocess.Popen(_command(model, port, room, setting), preexec_fn=die_with_parent)
    try:
        _wait(server, port)
        _ask(port, [1] * 32, 2)
        load_seconds = time.perf_counter() - started
        started = time.perf_counter()
        with ThreadPoolExecutor(len(prompts)) as threads:
            given = list(threads.map(lambda prompt: _ask(port, prompt, new_tokens), prompts))
        seconds = time.perf_counter() - started
        peak = peak_bytes(server.pid)
    finally:
        server.kill()
        server.wait()
    answers = [one["tokens"] for one in given]
    return {"seconds": seconds, "load_seconds": load_seconds, "answers": answers, "peak_bytes": peak}


def _command(model: str, port: int, room: int, setting: dict[str, Any]) -> list[str]:
    n = setting["n_parallel"]
    return [
        SERVER, "--model", model, "--host", "127.0.0.1", "--port", str(port), "--threads", str(setting["n_threads"]),
        "--parallel", str(n), "--ctx-size", str(n * room), "--cont-batching", "--ubatch-size", str(setting["n_ubatch"]),
        "--flash-attn", "on" if setting["flash_attn"] else "off", "--no-webui",
    ]  # fmt: skip


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _wait(server: subprocess.Popen[bytes], port: int) -> None:
    ends_at = time.monotonic() + _START_SECONDS
    while time.monotonic() < ends_at and server.poll() is None:
        try:
            if _request(port, "GET", "/health", None)[0] == 200:
                return
        except OSError:
            pass
        time.sleep(0.1)
    raise MachineError(f"{SERVER} did not start (code {server.poll()}).")


def _ask(port: int, prompt: list[int], new_tokens: int) -> dict[str, Any]:
    body = {
        "prompt": prompt, "n_predict": new_tokens, "ignore_eos": True, "temperature": 0.0, "cache_prompt": False,
        "return_tokens": True,
    }  # fmt: skip
    status, answer = _request(port, "POST", "/completion", json.dumps(body))
    if status != 200:
        raise MachineError(f"{SERVER} answered HTTP {status}: {answer[:200].decode('utf-8', 'replace')}")
    return dict(json.loads(answer))


def _request(port: int, method: str, path: str, body: str | None) -> tuple[int, bytes]:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=_ANSWER_SECONDS)
    try:
        connection.request(method, path, body, {"Content-Type": "application/json"})
        response = connection.getresponse()
        return response.status, response.read()
    finally:
        connection.close()
