"""How one sequence's next token is chosen: a chain of llama.cpp's samplers, and a grammar's word on its choice."""

from __future__ import annotations

import ctypes
from typing import TYPE_CHECKING, Any

import numpy as np

from cpullm.engine import log
from cpullm.engine.bindings import c
from cpullm.errors import OptionError
from cpullm.job import Sampling

if TYPE_CHECKING:
    from cpullm.engine.llama import LlamaModel

PENALTY_LAST_N = 64
DRY_LAST_N = 512
DRY_BASE = 1.75
DRY_ALLOWED_LENGTH = 2
DRY_BREAKERS = ("\n", ":", '"', "*")
_CANDIDATE = np.dtype([("id", np.int32), ("logit", np.float32), ("p", np.float32)])


class Sampler:
    """Samples one sequence's tokens and remembers them, for penalties, the draw and the grammar."""

    def __init__(self, model: LlamaModel, sampling: Sampling) -> None:
        self._n_vocab = model.n_vocab
        self._end = min(model.end_tokens, default=-1)
        self._grammar: Any = None
        if sampling.grammar is not None:
            with log.held():
                self._grammar = c.llama_sampler_init_grammar(model.vocabulary, sampling.grammar.encode(), b"root")
            if not self._grammar:
                raise OptionError(
                    f"the grammar is no GBNF with a rule `root` that llama.cpp can read ({log.reason()})."
                )
        self._chain = _chain(model, sampling)

    def sample(self, context: Any, row: int) -> int:
        """The next token, from the logits of a row of the last batch."""
        if self._grammar is None:
            return int(c.llama_sampler_sample(self._chain, context, row))
        logits = _logits(context, row, self._n_vocab)
        # The grammar looks at the chosen token first: asking it about the whole vocabulary takes far longer.
        token = self._choose(_candidates(logits))
        if not self._allows(token):
            candidates = _candidates(logits)
            c.llama_sampler_apply(self._grammar, ctypes.byref(_array(candidates)))
            token = self._choose(candidates)
            if not self._allows(token):
                return self._end  # no token goes on from here: llama.cpp would abort the process
        c.llama_sampler_accept(self._grammar, token)
        c.llama_sampler_accept(self._chain, token)
        return token

    def _choose(self, candidates: Any) -> int:
        array = _array(candidates)
        c.llama_sampler_apply(self._chain, ctypes.byref(array))
        return int(array.data[array.selected].id)

    def _allows(self, token: int) -> bool:
        candidate = np.array([(token, 1.0, 0.0)], _CANDIDATE)
        c.llama_sampler_apply(self._grammar, ctypes.byref(_array(candidate)))
        return bool(np.isfinite(candidate["logit"][0]))

    def close(self) -> None:
        """Free the samplers."""
        c.llama_sampler_free(self._chain)
        if self._grammar:
            c.llama_sampler_free(self._grammar)


def log_likelihoods(model: LlamaModel, context: Any, row: int, tokens: list[int]) -> list[float]:
    """Of tokens that may follow on a row of the last batch, in nats."""
    logits = _logits(context, row, model.n_vocab)
    highest = logits.max()
    total = highest + np.log(np.exp(logits - highest).sum(dtype=np.float64))
    return [float(logits[token] - total) for token in tokens]


def _logits(context: Any, row: int, n_vocab: int) -> Any:
    return np.ctypeslib.as_array(c.llama_get_logits_ith(context, row), (n_vocab,))


def _candidates(logits: Any) -> Any:
    candidates = np.zeros(len(logits), _CANDIDATE)
    candidates["id"] = np.arange(len(logits))
    candidates["logit"] = logits
    return candidates


def _array(candidates: Any) -> Any:
    data = candidates.ctypes.data_as(ctypes.POINTER(c.llama_token_data))
    return c.llama_token_data_array(data=data, size=len(candidates), selected=-1, sorted=False)


def _chain(model: LlamaModel, sampling: Sampling) -> Any:
    chain = c.llama_sampler_chain_init(c.llama_sampler_chain_default_params())
    penalties = _penalties(model, sampling)
    if sampling.temperature == 0.0:
        if penalties:
            # Penalties only lower tokens of the last so many: the likeliest of the others is among one more.
            # Looking at those few instead of the whole vocabulary gives the same token, several times as fast.
            n_lowered = DRY_LAST_N if sampling.dry_multiplier else PENALTY_LAST_N
            c.llama_sampler_chain_add(chain, c.llama_sampler_init_top_k(n_lowered + 1))
        choice = [c.llama_sampler_init_greedy()]
    else:
        choice = [
            c.llama_sampler_init_top_p(sampling.top_p, 1),
            c.llama_sampler_init_min_p(sampling.min_p, 1),
            c.llama_sampler_init_temp(sampling.temperature),
            c.llama_sampler_init_dist(sampling.seed),
        ]
    for sampler in (*penalties, *choice):
        c.llama_sampler_chain_add(chain, sampler)
    return chain


def _penalties(model: LlamaModel, sampling: Sampling) -> list[Any]:
    penalties = []
    if sampling.repeat_penalty != 1.0:
        penalties.append(
            c.llama_sampler_init_penalties(model.n_vocab, PENALTY_LAST_N, sampling.repeat_penalty, 0.0, 0.0)
        )
    if sampling.dry_multiplier:
        breakers = (ctypes.c_char_p * len(DRY_BREAKERS))(*(text.encode() for text in DRY_BREAKERS))
        penalties.append(
            c.llama_sampler_init_dry(
                model.vocabulary, sampling.dry_multiplier, DRY_BASE, DRY_ALLOWED_LENGTH,
                DRY_LAST_N, breakers, len(DRY_BREAKERS),
            )
        )  # fmt: skip
    return penalties
