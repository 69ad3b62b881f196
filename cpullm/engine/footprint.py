"""How much memory llama.cpp takes for an engine, told by llama.cpp itself while it takes none.

Two of its ways are used: `no_alloc` works out context and computation without allocating them, and a load that is
stopped before the first weight says how many of them would be copied for this CPU's kernels. It tells sizes in its log
alone (to 0.01 MiB), so the log is read. Another version may say them otherwise: what is not told is named and counts
as nothing.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any

from cpullm.engine import embedding, log
from cpullm.engine.bindings import c
from cpullm.engine.llama import context_params
from cpullm.errors import EngineError, ModelError
from cpullm.job import EngineOptions

_MIB = 1 << 20
_WEIGHTS = re.compile(r"load_tensors: +(\S+) model buffer size = +([\d.]+) MiB")
_KV = re.compile(r": size = +([\d.]+) MiB \( *\d+ cells")  # one line for each kind of layer's cache
_COMPUTE = re.compile(r": +\S+ +(?:output|compute) buffer size = +([\d.]+) MiB")


@dataclass(frozen=True, slots=True)
class Footprint:
    """Bytes: weights copied for the CPU's kernels, keys and values, buffers for computing; and the tokens known.

    `untold` names those of the three that llama.cpp did not tell, which are 0 here.
    """

    repacked: int
    kv: int
    compute: int
    n_vocab: int
    untold: tuple[str, ...] = ()


class Footprints:
    """One model file, to be asked for any number of engines; each answer takes about 10 ms."""

    def __init__(self, path: str | Path) -> None:
        self._path = str(path)
        self._asked = False
        self._repacked: int | None = None
        c.llama_backend_init()
        params = _model_params(repack=False)
        params.no_alloc = True
        with log.held():
            self._model = c.llama_model_load_from_file(self._path.encode(), params)
        if not self._model:
            raise ModelError(f"llama.cpp cannot load {path}: {log.reason()}. Pull the model again or take another.")
        self._n_vocab = int(c.llama_vocab_n_tokens(c.llama_model_get_vocab(self._model)))

    def of(self, engine: EngineOptions) -> Footprint:
        """What an engine takes; of its model only the file given counts. Raises EngineError."""
        params = embedding.context_params(engine, 1) if engine.embeds else context_params(engine, 1)
        with log.held():
            context = c.llama_init_from_model(self._model, params)
        if not context:
            raise EngineError(f"llama.cpp makes no context for {engine.setting}: {log.reason()}.")
        told = {"kv": _mebibytes(_KV), "compute": _mebibytes(_COMPUTE)}
        if not c.llama_get_memory(context):  # an encoder keeps nothing
            told["kv"] = 0
        elif engine.embeds and told["compute"] is not None:  # a row of logits for each token, wanted or not
            told["compute"] += 4 * self._n_vocab * int(params.n_batch)
        c.llama_free(context)
        told["repacked"] = self._all_repacked() if engine.setting.repack else 0
        untold = tuple(sorted(name for name, found in told.items() if found is None))
        n_bytes = {name: found or 0 for name, found in told.items()}
        return Footprint(**n_bytes, n_vocab=self._n_vocab, untold=untold)

    def _all_repacked(self) -> int | None:
        if not self._asked:
            self._asked, self._repacked = True, _repacked(self._path)
        return self._repacked

    def close(self) -> None:
        """Free the model's metadata; a second call does nothing."""
        if self._model:
            c.llama_model_free(self._model)
            self._model = None

    def __enter__(self) -> Footprints:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        self.close()


def _repacked(path: str) -> int | None:
    """Bytes of the weights that are not used as they lie in the file: those in other buffers than the plain CPU's."""
    params = _model_params(repack=True)
    # Buffers are reserved by now, but no page of them has been touched, and no weight read.
    stop = c.llama_progress_callback(lambda progress, user_data: False)
    params.progress_callback = stop
    with log.held():
        model = c.llama_model_load_from_file(path.encode(), params)
    if model:  # no tensor to be loaded, so nothing to stop
        c.llama_model_free(model)
    lines = [line.text for line in log.lines()]
    buffers = [match for line in lines if (match := _WEIGHTS.search(line))]
    if not buffers:
        # Not even promised: the whole file at most.
        return Path(path).stat().st_size if any("unable to allocate" in line for line in lines) else None
    return sum(int(float(match[2]) * _MIB) for match in buffers if match[1] != "CPU")


def _model_params(*, repack: bool) -> Any:
    params = c.llama_model_default_params()
    params.n_gpu_layers = 0
    params.load_mode = c.LLAMA_LOAD_MODE_NONE
    params.use_extra_bufts = repack
    return params


def _mebibytes(pattern: re.Pattern[str]) -> int | None:
    """The bytes in all lines of the log that match; None if none does."""
    found = [float(match[1]) for line in log.lines() if (match := pattern.search(line.text))]
    return int(sum(found) * _MIB) if found else None
