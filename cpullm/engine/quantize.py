"""A model's weights in another format, and what can be said of its weights without computing."""

from __future__ import annotations

import contextlib
import ctypes
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from cpullm.engine import log
from cpullm.engine.bindings import c
from cpullm.errors import MachineError

if TYPE_CHECKING:
    from cpullm.engine.llama import LlamaModel


@dataclass(frozen=True, slots=True)
class Format:
    """One format of weights: llama.cpp's number of it, and the bits of one weight with its share of the scales."""

    ftype: int
    bits: float


FORMATS = {"Q8_0": Format(7, 8.5), "Q4_0": Format(2, 4.5)}


def format_of(model: LlamaModel) -> str:
    """The format most of the weights are in, as llama.cpp names it: `Q4_1`, `Q4_K`, `F16`."""
    buffer = ctypes.create_string_buffer(256)
    c.llama_model_desc(model.handle, buffer, len(buffer))
    return buffer.value.decode("utf-8", "replace").split(" - ")[0].rsplit(" ", 1)[-1]


def n_weights(model: LlamaModel) -> int:
    """The number of weights of a model that is loaded whole."""
    return int(c.llama_model_n_params(model.handle))


def quantize(source: Path, target: Path, format: str, n_threads: int) -> None:
    """Write the weights of `source` in a format of `FORMATS`; what is left of a failed attempt is removed.

    Raises MachineError if it cannot be written.
    """
    params = c.llama_model_quantize_default_params()
    params.ftype = FORMATS[format].ftype
    params.allow_requantize = True
    params.nthread = n_threads
    done = False
    try:
        with log.held():
            code = c.llama_model_quantize(str(source).encode(), str(target).encode(), ctypes.byref(params))
        if code != 0:
            raise MachineError(f"{target} could not be written from {source.name} ({log.reason()}): is its disk full?")
        done = True
    finally:
        if not done:
            with contextlib.suppress(OSError):
                target.unlink(missing_ok=True)
