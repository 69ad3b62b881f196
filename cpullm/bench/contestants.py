"""Who is compared: this engine and what a user would run instead, each with the settings it is tried with.

Every `answer` takes a model file, prompts of token ids, the number of new tokens and a setting. It gives `seconds`,
from the first prompt handed over to the last token of the last answer, and `load_seconds` before that, with a warming
up of a few tokens; the `answers` as token ids; and `prefill_seconds` and `decode_seconds` where it can tell them.
"""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from cpullm.bench import ctranslate, peers
from cpullm.bench.conditions import Conditions
from cpullm.cpus import usable_cpus
from cpullm.engine.engine import Engine
from cpullm.engine.llama import LlamaModel, LlamaRunner
from cpullm.engine.sequence import Sequence
from cpullm.errors import EngineError
from cpullm.job import EngineOptions, Sampling, Setting
from cpullm.measure import TimedRunner

Answer = Callable[..., dict[str, Any]]
OURS, RECIPE = "cpullm", "seed recipe"


@dataclass(frozen=True, slots=True)
class Variant:
    """A format of the weights and a setting to try a contestant with."""

    format: str
    model: Path
    setting: dict[str, Any]

    @property
    def label(self) -> str:
        """What tells it from the others, in a few words."""
        told = {name: value for name, value in self.setting.items() if name in _TOLD}
        return ", ".join([self.format, *(f"{name} {_TOLD[name](value)}" for name, value in told.items())])


_TOLD: dict[str, Callable[[Any], str]] = {
    "n_seq_max": str,
    "n_parallel": str,
    "n_ubatch": str,
    "max_batch_size": str,
    "flash_attn": lambda value: "on" if value else "off",
}


@dataclass(frozen=True, slots=True)
class Contestant:
    """One that answers prompts. `ratio` is its name in bench.json; `missing` is why it cannot take part, or None."""

    name: str
    ratio: str | None
    answer: Answer
    missing: Callable[[], str | None]
    settings: Callable[[Conditions, int], list[dict[str, Any]]]
    formats: tuple[str, ...] = ("as it is", "Q8_0", "Q4_0")
    prepare: Callable[..., dict[str, Any]] | None = None


def all_contestants() -> list[Contestant]:
    """Those of equal prompts, this engine first; the seed recipe has chapters of its own."""
    return [
        Contestant(OURS, None, answer, lambda: None, _ours),
        Contestant("llama-cpp-python loop", "vs_loop", peers.loop, lambda: None, _loop),
        Contestant("llama-server", "vs_llama_server", peers.serve, _no_server, _server),
        Contestant(
            "OpenVINO GenAI", "vs_openvino", peers.genai, _absent("openvino_genai"), _openvino, ("Q8_0", "Q4_0")
        ),
        Contestant(
            "CTranslate2 int8", "vs_ctranslate2", ctranslate.answer, _absent("ctranslate2", "gguf"), _ctranslate,
            ("as it is",), ctranslate.prepare,
        ),
    ]  # fmt: skip


def _ours(conditions: Conditions, n_prompts: int) -> list[dict[str, Any]]:
    wide, narrow = (conditions.setting(n_seq_max=min(n, n_prompts), kv_type="f16") for n in (8, 4))
    settings = [
        conditions.setting(n_seq_max=min(conditions.tuned.n_seq_max, n_prompts)),
        *(replace(one, n_ubatch=512, flash_attn=True) for one in (wide, narrow)),
        replace(wide, n_ubatch=256, flash_attn=False),
    ]
    return [asdict(setting) for setting in dict.fromkeys(settings)]


def _loop(conditions: Conditions, _n_prompts: int) -> list[dict[str, Any]]:
    n = conditions.n_threads
    return [
        {"n_threads": n, "n_threads_batch": n, "n_batch": 2048, "n_ubatch": size, "flash_attn": flash}
        for size, flash in ((512, True), (256, False))
    ]


def _server(conditions: Conditions, n_prompts: int) -> list[dict[str, Any]]:
    return [
        {"n_threads": conditions.n_threads, "n_parallel": min(8, n_prompts), "n_ubatch": size, "flash_attn": flash}
        for size, flash in ((512, True), (256, False))
    ]


def _openvino(conditions: Conditions, _n_prompts: int) -> list[dict[str, Any]]:
    return [{"n_threads": conditions.n_threads}]


def _ctranslate(conditions: Conditions, n_prompts: int) -> list[dict[str, Any]]:
    return [
        {"n_threads": conditions.n_threads, "max_batch_size": n} for n in dict.fromkeys((n_prompts, min(4, n_prompts)))
    ]


def _no_server() -> str | None:
    return None if shutil.which(peers.SERVER) else f"not present: no {peers.SERVER} on the PATH"


def _absent(*modules: str) -> Callable[[], str | None]:
    def missing() -> str | None:
        absent = [module for module in modules if find_spec(module) is None]
        return f"not installed: {', '.join(absent)}; pip install 'cpullm[bench]'" if absent else None

    return missing


_BLOCK = 256
GREEDY = Sampling(repeat_penalty=1.0)  # as the others are asked to choose


def answer(model: str, prompts: list[list[int]], new_tokens: int, setting: dict[str, Any]) -> dict[str, Any]:
    """Answer the prompts with exactly `new_tokens` each; seconds as `cpullm.bench.contestants` says."""
    started = time.perf_counter()
    room = max(map(len, prompts)) + new_tokens
    chosen = Setting(**setting)
    options = EngineOptions(model, "", -(-room // _BLOCK) * _BLOCK, chosen)
    with LlamaModel(model, repack=chosen.repack) as loaded:
        runner = LlamaRunner(loaded, options, chosen.n_threads or usable_cpus())
        watched = TimedRunner(runner)
        engine = Engine(watched)
        list(engine.generate([Sequence([1] * 32, 2, GREEDY, loops=None)]))
        watched.start()
        load_seconds = time.perf_counter() - started
        sequences = [Sequence(prompt, new_tokens, GREEDY, loops=None) for prompt in prompts]
        started = time.perf_counter()
        for sequence in engine.generate(sequences):
            if sequence.error is not None:
                raise EngineError(sequence.error)
        seconds = time.perf_counter() - started
        runner.close()
    return {
        "seconds": seconds,
        "load_seconds": load_seconds,
        "prefill_seconds": watched.prefilling.seconds,
        "decode_seconds": watched.decoding.seconds,
        "answers": [sequence.tokens for sequence in sequences],
    }
