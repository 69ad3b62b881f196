"""How well a model foretells a text, token by token: what is compared before and after its weights change format."""

from __future__ import annotations

from contextlib import ExitStack
from typing import TYPE_CHECKING, Any

import numpy as np

from cpullm.engine.bindings import c
from cpullm.errors import EngineError, MachineError

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from cpullm.engine.llama import LlamaModel

_SLICE_TOKENS = 128  # rows of logits held at once: a row has one number for each token of the vocabulary


def token_losses(model: LlamaModel, tokens: list[int], n_threads: int) -> NDArray[np.float64]:
    """The negative log-likelihood of each token but the first, in nats, given all before it; exp(mean) is perplexity.

    Raises MachineError without memory for a context of so many tokens, EngineError if llama.cpp fails.
    """
    with ExitStack() as stack:
        context = c.llama_init_from_model(model.handle, _params(len(tokens), n_threads))
        if not context:
            raise MachineError(f"No memory for a context of {len(tokens)} tokens.")
        stack.callback(c.llama_free, context)
        batch = c.llama_batch_init(_SLICE_TOKENS, 0, 1)
        stack.callback(c.llama_batch_free, batch)
        losses = [np.empty(0)]
        for start in range(0, len(tokens) - 1, _SLICE_TOKENS):
            wanted = tokens[start + 1 : start + 1 + _SLICE_TOKENS]
            _decode(context, batch, tokens[start : start + len(wanted)], start)
            logits = np.ctypeslib.as_array(c.llama_get_logits(context), (len(wanted), model.n_vocab))
            losses.append(_losses(logits, wanted))
        return np.concatenate(losses)


def _params(n_ctx: int, n_threads: int) -> Any:
    params = c.llama_context_default_params()
    params.n_ctx = max(n_ctx, _SLICE_TOKENS)
    params.n_batch = params.n_ubatch = params.n_outputs_max = _SLICE_TOKENS
    params.n_threads = params.n_threads_batch = n_threads
    params.no_perf = True
    return params


def _losses(logits: Any, wanted: list[int]) -> NDArray[np.float64]:
    highest = logits.max(axis=1)
    total = np.exp(logits - highest[:, None]).sum(axis=1, dtype=np.float64)
    return np.asarray(highest + np.log(total) - logits[np.arange(len(wanted)), wanted])


def _decode(context: Any, batch: Any, tokens: list[int], start: int) -> None:
    batch.n_tokens = len(tokens)
    for i, token in enumerate(tokens):
        batch.token[i] = token
        batch.pos[i] = start + i
        batch.n_seq_id[i] = 1
        batch.seq_id[i][0] = 0
        batch.logits[i] = 1
    code = c.llama_decode(context, batch)
    if code != 0:
        raise EngineError(f"llama_decode failed with {code} on {len(tokens)} tokens.")
