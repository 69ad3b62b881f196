"""Vectors of token sequences: a text's meaning as numbers, by an embedding model or by a language model's last states.

A text's vector depends on no other text, to the last bit. llama.cpp adds up attention over a batch in an order that
follows the rows' places, and rounds to 8 bits in between: beside others the same text comes out up to 0.003 away. So
what stands together has the same length and streams apart, or a text is computed alone, as an encoder's are; of texts
with more than some 20 tokens a batch computes no more in a second than one text after another.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from itertools import groupby
from typing import TYPE_CHECKING, Any

import numpy as np

from cpullm.engine import log
from cpullm.engine.bindings import c
from cpullm.engine.llama import DECODE_ERRORS
from cpullm.errors import EngineError, MachineError, ModelError
from cpullm.job import EngineOptions

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from cpullm.engine.llama import LlamaModel

    Vectors = NDArray[np.float32]

_POOLED = {c.LLAMA_POOLING_TYPE_MEAN, c.LLAMA_POOLING_TYPE_CLS, c.LLAMA_POOLING_TYPE_LAST}


class Embedder:
    """A context of one model that gives each token sequence a vector, of length 1.

    The file says how the vectors of a text's tokens become one, if it is an embedding model's; else it is their mean.
    """

    def __init__(self, model: LlamaModel, options: EngineOptions, n_threads: int) -> None:
        self._stack = ExitStack()
        self.is_open = True
        self.n_ctx = options.n_ctx
        params = context_params(options, n_threads)
        with log.held():
            self._context = c.llama_init_from_model(model.handle, params)
        if not self._context:
            raise MachineError(f"No memory for texts of {options.n_ctx} tokens ({log.reason()}); take a smaller model.")
        self._stack.callback(c.llama_free, self._context)
        pooling = c.llama_pooling_type(self._context)
        self._is_pooled = pooling in _POOLED
        if pooling == c.LLAMA_POOLING_TYPE_RANK:
            self.close()
            raise ModelError(f"{model.path} gives scores of pairs and no vectors: take an embedding model.")
        self.n_embd = int(c.llama_model_n_embd_out(model.handle))
        self._memory = c.llama_get_memory(self._context)
        encodes = not self._memory or c.llama_model_has_encoder(model.handle)
        self._compute = c.llama_encode if encodes else c.llama_decode
        # llama.cpp adds up a mean of its own over all of a batch.
        self._n_places = 1 if encodes or pooling == c.LLAMA_POOLING_TYPE_MEAN else int(params.n_seq_max)
        self._batch = c.llama_batch_init(params.n_batch, 0, 1)
        self._stack.callback(c.llama_batch_free, self._batch)
        model.contexts.callback(self.close)

    def embed(self, sequences: Sequence[list[int]]) -> Vectors:
        """One row for each sequence, of 1 to `n_ctx` tokens. Raises EngineError."""
        vectors = np.empty((len(sequences), self.n_embd), np.float32)
        places: dict[tuple[int, ...], list[int]] = {}
        for i, tokens in enumerate(sequences):
            if not 0 < len(tokens) <= self.n_ctx:
                raise EngineError(f"A sequence of {len(tokens)} tokens has no vector: 1 to {self.n_ctx} can be.")
            places.setdefault(tuple(tokens), []).append(i)
        for together in self._batches(list(places)):
            for one, vector in zip(together, self._vectors(together), strict=True):
                vectors[places[one]] = normalized(vector)
        return vectors

    def _batches(self, sequences: list[tuple[int, ...]]) -> Iterator[list[tuple[int, ...]]]:
        """Sequences to be computed together."""
        for n_tokens, equal in groupby(sorted(sequences, key=len), key=len):
            members = list(equal)
            n = min(self._n_places, self.n_ctx // n_tokens)
            yield from (members[i : i + n] for i in range(0, len(members), n))

    def _vectors(self, sequences: list[tuple[int, ...]]) -> NDArray[np.float64]:
        if self._memory:
            c.llama_memory_clear(self._memory, False)
        self._fill(sequences)
        with log.held():
            code = self._compute(self._context, self._batch)
        if code != 0:
            raise EngineError(f"llama.cpp failed with {code}: {DECODE_ERRORS.get(code, log.reason())}.")
        if self._is_pooled:
            return np.stack([self._pooled(place) for place in range(len(sequences))])
        shape = (len(sequences), len(sequences[0]), self.n_embd)
        states = np.ctypeslib.as_array(c.llama_get_embeddings(self._context), shape)
        return np.asarray(states.mean(axis=1, dtype=np.float64))

    def _pooled(self, place: int) -> NDArray[np.float64]:
        found = c.llama_get_embeddings_seq(self._context, place)
        return np.ctypeslib.as_array(found, (self.n_embd,)).astype(np.float64)

    def _fill(self, sequences: list[tuple[int, ...]]) -> None:
        batch, row = self._batch, 0
        for place, tokens in enumerate(sequences):
            for position, token in enumerate(tokens):
                batch.token[row], batch.pos[row] = token, position
                batch.n_seq_id[row], batch.seq_id[row][0], batch.logits[row] = 1, place, 1
                row += 1
        batch.n_tokens = row

    def close(self) -> None:
        """Free context and batch; a second call does nothing. Its model's end is its own."""
        self.is_open = False
        self._stack.close()


def is_embedding(model: LlamaModel) -> bool:
    """Whether the model is made for vectors: its file says how tokens' become a text's, or that it reads both ways."""
    architecture = model.metadata("general.architecture")
    pools = model.metadata(f"{architecture}.pooling_type") not in ("", "0")
    return pools or model.metadata(f"{architecture}.attention.causal") == "false"


def normalized(vector: NDArray[np.float64]) -> NDArray[np.float64]:
    """The vector at length 1; one of zeros stays."""
    length = np.linalg.norm(vector)
    return vector / length if length else vector


def context_params(options: EngineOptions, n_threads: int) -> Any:
    """A context that gives vectors. A batch has room for the longest text: what is not causal is computed at once."""
    params = c.llama_context_default_params()
    params.n_ctx = options.n_ctx * options.setting.n_seq_max
    params.n_seq_max = options.setting.n_seq_max
    params.n_batch = params.n_ubatch = options.n_ctx
    params.n_threads = params.n_threads_batch = n_threads
    params.embeddings = True
    params.kv_unified = False
    params.flash_attn_type = c.LLAMA_FLASH_ATTN_TYPE_DISABLED
    params.no_perf = True
    return params
