"""The boundary to llama.cpp: the only module that imports llama_cpp, and where its return codes become errors.

Written against the low-level bindings, because `llama_cpp.Llama` holds one sequence and has defaults of its own.
"""

from __future__ import annotations

import ctypes
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import Any

from llama_cpp import llama_cpp as c

from cpullm.engine.sequence import Batch
from cpullm.errors import EngineError, MachineError, ModelError
from cpullm.options import EngineOptions, Sampling

PENALTY_LAST_N = 64
LOG_LEVEL_ERROR = 4  # ggml_log_level, which the bindings do not name
DECODE_ERRORS = {
    1: "no room in the KV cache for the batch",
    2: "the computation was aborted",
    -1: "the batch was not valid",
    -2: "llama.cpp could not allocate memory for the batch",
    -3: "the computation failed",
}
_log_tail: list[str] = []


@c.llama_log_callback  # type: ignore[untyped-decorator, unused-ignore]
def _keep_log(level: int, text: bytes, _user_data: Any) -> None:
    """Hold back llama.cpp's chatter; its last errors become part of our message."""
    if level == LOG_LEVEL_ERROR:
        _log_tail.append(text.decode("utf-8", "replace").strip())
        del _log_tail[:-3]


def _reason() -> str:
    # The cause comes first; the lines after it only say that the caller gave up as well.
    reason = _log_tail[0] if _log_tail else "no reason given"
    _log_tail.clear()
    return reason.rsplit(": ", 1)[-1] if reason.startswith("llama_model_load") else reason


class LlamaModel:
    """One GGUF, memory-mapped. With `vocab_only` it has no weights and serves for tokens and metadata alone."""

    def __init__(self, path: str | Path, *, vocab_only: bool = False) -> None:
        c.llama_log_set(_keep_log, ctypes.c_void_p(0))
        c.llama_backend_init()
        params = c.llama_model_default_params()
        params.n_gpu_layers = 0
        params.load_mode = c.LLAMA_LOAD_MODE_MMAP
        params.vocab_only = vocab_only
        _log_tail.clear()
        self._model = c.llama_model_load_from_file(str(path).encode(), params)
        if not self._model:
            raise ModelError(f"llama.cpp cannot load {path}: {_reason()}. Pull the model again or take another file.")
        self.path = path
        self._vocab = c.llama_model_get_vocab(self._model)
        self.n_vocab: int = c.llama_vocab_n_tokens(self._vocab)

    @property
    def n_ctx_train(self) -> int:
        """The context the model was trained on, in tokens; read from the metadata, which `vocab_only` loads too."""
        architecture = self._metadata("general.architecture")
        length = self._metadata(f"{architecture}.context_length")
        if not length.isdigit():
            raise ModelError(f"{self.path} does not say its context length ({architecture}.context_length).")
        return int(length)

    def _metadata(self, key: str) -> str:
        buffer = ctypes.create_string_buffer(256)
        count = c.llama_model_meta_val_str(self._model, key.encode(), buffer, len(buffer))
        return buffer.value.decode("utf-8", "replace") if count >= 0 else ""

    @property
    def handle(self) -> Any:
        """The C pointer, for contexts and samplers."""
        return self._model

    @property
    def chat_template(self) -> str | None:
        """The template in the file's metadata, as Jinja source: a stranger's code, to be rendered in a sandbox."""
        template = c.llama_model_chat_template(self._model, None)
        return template.decode("utf-8", "replace") if template else None

    @property
    def bos(self) -> str:
        """The text of the token that begins a prompt, empty if there is none."""
        return self._token_text(c.llama_vocab_bos(self._vocab))

    @property
    def eos(self) -> str:
        """The text of the token that ends an answer, empty if there is none."""
        return self._token_text(c.llama_vocab_eos(self._vocab))

    @property
    def end_tokens(self) -> frozenset[int]:
        """All tokens that end an answer."""
        return frozenset(token for token in range(self.n_vocab) if c.llama_vocab_is_eog(self._vocab, token))

    def _token_text(self, token: int) -> str:
        text = c.llama_vocab_get_text(self._vocab, token) if token >= 0 else None
        return text.decode("utf-8", "replace") if text else ""

    def tokenize(self, text: str, *, special: bool) -> list[int]:
        """Token ids of a text; `special` also reads `<|im_start|>` and its like as the tokens they name."""
        data = text.encode("utf-8", "replace")
        size = len(data) + 16
        tokens = (c.llama_token * size)()
        count = c.llama_tokenize(self._vocab, data, len(data), tokens, size, False, special)
        if count < 0:
            raise EngineError(f"llama.cpp could not tokenize {len(data)} bytes (code {count}).")
        return tokens[:count]

    def tokenize_prompt(self, head: str, text: str, tail: str) -> list[int]:
        """Token ids of a whole prompt: the text between head and tail as plain data, one BOS at most."""
        tokens = self.tokenize(head, special=True)
        bos = c.llama_vocab_bos(self._vocab)
        if c.llama_vocab_get_add_bos(self._vocab) and tokens[:1] != [bos]:
            tokens.insert(0, bos)
        return tokens + self.tokenize(text, special=False) + self.tokenize(tail, special=True)

    def count_tokens(self, text: str) -> int:
        """Tokens of a text as plain data."""
        return len(self.tokenize(text, special=False))

    def detokenize(self, tokens: list[int]) -> str:
        """The text of token ids, special tokens left out; a character cut in half becomes U+FFFD."""
        array = (c.llama_token * len(tokens))(*tokens)
        size = 16 * len(tokens) + 16
        while True:
            buffer = ctypes.create_string_buffer(size)
            count = c.llama_detokenize(self._vocab, array, len(tokens), buffer, size, True, False)
            if count >= 0:
                return buffer.raw[:count].decode("utf-8", "replace")
            size = -count

    def close(self) -> None:
        """Free the model; a second call does nothing."""
        if self._model:
            c.llama_model_free(self._model)
            self._model = None

    def __enter__(self) -> LlamaModel:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        self.close()


class LlamaRunner:
    """A context of one model: KV streams apart, one sampler chain per sequence."""

    def __init__(self, model: LlamaModel, options: EngineOptions, sampling: Sampling, n_threads: int) -> None:
        self.n_seq_max = options.n_seq_max
        self.n_ctx = options.n_ctx
        self.n_batch = min(options.n_batch, options.n_ctx)
        self.end_tokens = model.end_tokens
        self._sampling = sampling
        self._n_vocab = model.n_vocab
        self._samplers: dict[int, Any] = {}
        self._stack = ExitStack()
        self._context = c.llama_init_from_model(model.handle, _context_params(options, self.n_batch, n_threads))
        if not self._context:
            raise MachineError(
                f"No memory for {options.n_seq_max} sequences of {options.n_ctx} tokens ({_reason()}); "
                "lower --n-seq-max or --window-tokens."
            )
        self._stack.callback(c.llama_free, self._context)
        self._batch = c.llama_batch_init(self.n_batch, 0, 1)
        self._stack.callback(c.llama_batch_free, self._batch)
        self._memory = c.llama_get_memory(self._context)

    def decode(self, batch: Batch) -> list[int]:
        """Compute the rows and sample one token per output."""
        self._fill(batch)
        _log_tail.clear()
        code = c.llama_decode(self._context, self._batch)
        if code != 0:
            raise EngineError(f"llama_decode failed with {code}: {DECODE_ERRORS.get(code, _reason())}.")
        return [
            c.llama_sampler_sample(self._sampler(seq_id), self._context, row)
            for row, seq_id in ((row, batch.seq_ids[row]) for row, _ in batch.outputs)
        ]

    def _fill(self, batch: Batch) -> None:
        rows = self._batch
        rows.n_tokens = len(batch.tokens)
        for i, (token, position, seq_id) in enumerate(zip(batch.tokens, batch.positions, batch.seq_ids, strict=True)):
            rows.token[i] = token
            rows.pos[i] = position
            rows.n_seq_id[i] = 1
            rows.seq_id[i][0] = seq_id
            rows.logits[i] = 0
        for row, _ in batch.outputs:
            rows.logits[row] = 1

    def _sampler(self, seq_id: int) -> Any:
        if seq_id not in self._samplers:
            self._samplers[seq_id] = _sampler_chain(self._sampling, self._n_vocab)
        return self._samplers[seq_id]

    def release(self, seq_id: int) -> None:
        """Drop the sequence's KV cells and its sampler's memory of past tokens."""
        c.llama_memory_seq_rm(self._memory, seq_id, -1, -1)
        sampler = self._samplers.pop(seq_id, None)
        if sampler is not None:
            c.llama_sampler_free(sampler)

    def close(self) -> None:
        """Free context, batch and samplers; a second call does nothing."""
        for sampler in self._samplers.values():
            c.llama_sampler_free(sampler)
        self._samplers.clear()
        self._stack.close()


def _context_params(options: EngineOptions, n_batch: int, n_threads: int) -> Any:
    params = c.llama_context_default_params()
    params.n_ctx = options.n_ctx * options.n_seq_max
    params.n_seq_max = options.n_seq_max
    params.n_batch = n_batch
    params.n_ubatch = min(options.n_ubatch, n_batch)
    params.n_outputs_max = options.n_seq_max
    params.n_threads = params.n_threads_batch = n_threads
    # Streams apart: a shared cache makes every token attend over all sequences' cells (530 against 350-425 tokens/s).
    params.kv_unified = False
    # On CPUs flash attention costs more in decoding than it gains in prefill at these lengths.
    params.flash_attn_type = c.LLAMA_FLASH_ATTN_TYPE_DISABLED
    params.no_perf = True
    return params


def _sampler_chain(sampling: Sampling, n_vocab: int) -> Any:
    chain = c.llama_sampler_chain_init(c.llama_sampler_chain_default_params())
    if sampling.repeat_penalty != 1.0:
        penalties = c.llama_sampler_init_penalties(n_vocab, PENALTY_LAST_N, sampling.repeat_penalty, 0.0, 0.0)
        c.llama_sampler_chain_add(chain, penalties)
    if sampling.temperature == 0.0:
        c.llama_sampler_chain_add(chain, c.llama_sampler_init_greedy())
        return chain
    c.llama_sampler_chain_add(chain, c.llama_sampler_init_top_p(sampling.top_p, 1))
    c.llama_sampler_chain_add(chain, c.llama_sampler_init_temp(sampling.temperature))
    c.llama_sampler_chain_add(chain, c.llama_sampler_init_dist(sampling.seed))
    return chain
