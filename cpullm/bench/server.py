"""llama.cpp's own server as a contestant: parallel slots, spoken to over HTTP on this machine."""

from __future__ import annotations

import http.client
import json
import socket
import subprocess
import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from cpullm.bench.child import die_with_parent, peak_bytes
from cpullm.errors import MachineError

BINARY = "llama-server"
_START_SECONDS = 120.0
_ANSWER_SECONDS = 600.0
_BLOCK = 256


def answer(model: str, prompts: list[list[int]], new_tokens: int, setting: dict[str, Any]) -> dict[str, Any]:
    """Answer the prompts with as many slots as `setting["n_parallel"]`, all asked for at once."""
    started = time.perf_counter()
    room = -(-(max(map(len, prompts)) + new_tokens) // _BLOCK) * _BLOCK
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
        BINARY, "--model", model, "--host", "127.0.0.1", "--port", str(port), "--threads", str(setting["n_threads"]),
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
    raise MachineError(f"{BINARY} did not start (code {server.poll()}).")


def _ask(port: int, prompt: list[int], new_tokens: int) -> dict[str, Any]:
    body = {
        "prompt": prompt, "n_predict": new_tokens, "ignore_eos": True, "temperature": 0.0, "cache_prompt": False,
        "return_tokens": True,
    }  # fmt: skip
    status, answer = _request(port, "POST", "/completion", json.dumps(body))
    if status != 200:
        raise MachineError(f"{BINARY} answered HTTP {status}: {answer[:200].decode('utf-8', 'replace')}")
    return dict(json.loads(answer))


def _request(port: int, method: str, path: str, body: str | None) -> tuple[int, bytes]:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=_ANSWER_SECONDS)
    try:
        connection.request(method, path, body, {"Content-Type": "application/json"})
        response = connection.getresponse()
        return response.status, response.read()
    finally:
        connection.close()
