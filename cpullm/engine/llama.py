"""The boundary to llama.cpp, where its return codes become errors.

Written against the low-level bindings, because `llama_cpp.Llama` holds one sequence and has defaults of its own.
"""

from __future__ import annotations

import ctypes
import functools
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import Any

import numpy as np

from cpullm.engine import log
from cpullm.engine.bindings import c
from cpullm.engine.sampler import Sampler, log_likelihoods
from cpullm.engine.sequence import Batch, Entry, Outcome, Sequence
from cpullm.errors import EngineError, MachineError, ModelError
from cpullm.job import EngineOptions, Setting

_N_WORDINGS = 64
GGML_TYPES = {"f16": c.GGML_TYPE_F16, "q8_0": c.GGML_TYPE_Q8_0}
DECODE_ERRORS = {
    1: "no room in the KV cache for the batch",
    2: "the computation was aborted",
    -1: "the batch was not valid",
    -2: "llama.cpp could not allocate memory for the batch",
    -3: "the computation failed",
}


class LlamaModel:
    """One GGUF, memory-mapped. With `vocab_only` it has no weights and serves for tokens and metadata alone.

    `repack` copies weights into the order of this CPU's fastest kernels, where there are such; the copy is private.
    """

    def __init__(self, path: str | Path, *, vocab_only: bool = False, repack: bool = True) -> None:
        c.llama_backend_init()
        params = c.llama_model_default_params()
        params.n_gpu_layers = 0
        params.load_mode = c.LLAMA_LOAD_MODE_MMAP
        params.vocab_only = vocab_only
        params.use_extra_bufts = repack
        with log.held():
            self._model = c.llama_model_load_from_file(str(path).encode(), params)
        if not self._model:
            raise ModelError(
                f"llama.cpp cannot load {path}: {log.reason()}. Pull the model again or take another file."
            )
        self.path = path
        self.contexts = ExitStack()  # those that end before the model does
        self._vocab: Any = c.llama_model_get_vocab(self._model)
        self.n_vocab: int = c.llama_vocab_n_tokens(self._vocab)
        # Prompts differ in their texts; what stands round those is the same for thousands.
        self._wording = functools.lru_cache(_N_WORDINGS)(functools.partial(self.tokenize, special=True))

    @property
    def n_ctx_train(self) -> int:
        """The context the model was trained on, in tokens; read from the metadata, which `vocab_only` loads too."""
        architecture = self.metadata("general.architecture")
        length = self.metadata(f"{architecture}.context_length")
        if not length.isdigit():
            raise ModelError(f"{self.path} does not say its context length ({architecture}.context_length).")
        return int(length)

    def metadata(self, key: str) -> str:
        """What the file says under a key, empty if it says nothing."""
        buffer = ctypes.create_string_buffer(256)
        count = c.llama_model_meta_val_str(self._model, key.encode(), buffer, len(buffer))
        return buffer.value.decode("utf-8", "replace") if count >= 0 else ""

    @property
    def handle(self) -> Any:
        """The C pointer, for contexts."""
        return self._model

    @property
    def vocabulary(self) -> Any:
        """The C pointer of the vocabulary, for samplers."""
        return self._vocab

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

    def tokenize(self, text: str, *, special: bool, ends: bool = False) -> list[int]:
        """Token ids of a text; `special` reads `<|im_start|>` and its like as tokens, `ends` adds first and last."""
        data = text.encode("utf-8", "replace")
        size = len(data) + 16
        tokens = (c.llama_token * size)()
        count = c.llama_tokenize(self._vocab, data, len(data), tokens, size, ends, special)
        if count < 0:
            raise EngineError(f"llama.cpp could not tokenize {len(data)} bytes (code {count}).")
        return list(tokens[:count])

    def tokenize_prompt(
        self, head: str, text: str, tail: str, question: str = ""
    ) -> tuple[list[int], list[int], list[int]]:
        """Token ids of a prompt's parts: head; the text as plain data; the question, likewise, and tail. One BOS."""
        tokens = list(self._wording(head))
        bos = c.llama_vocab_bos(self._vocab)
        if c.llama_vocab_get_add_bos(self._vocab) and tokens[:1] != [bos]:
            tokens.insert(0, bos)
        asked = self.tokenize(question, special=False) if question else []
        return tokens, self.tokenize(text, special=False), asked + self._wording(tail)

    def count_prompt_tokens(self, head: str, text: str, tail: str) -> int:
        """Tokens of a whole prompt."""
        return sum(map(len, self.tokenize_prompt(head, text, tail)))

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
        self.contexts.close()
        if self._model:
            c.llama_model_free(self._model)
            self._model = None

    def __enter__(self) -> LlamaModel:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        self.close()


class LlamaRunner:
    """A context of one model: KV streams apart, one sampler per sequence."""

    def __init__(self, model: LlamaModel, options: EngineOptions, n_threads: int) -> None:
        setting = options.setting
        self.n_seq_max = setting.n_seq_max
        self.n_ctx = options.n_ctx
        self.n_ubatch = min(setting.n_ubatch, options.n_ctx)
        self.end_tokens = model.end_tokens
        # A recurrent state holds all that was read: no part of it can be kept, or taken back.
        self.keeps_beginnings = not (c.llama_model_is_recurrent(model.handle) or c.llama_model_is_hybrid(model.handle))
        self._fills = _is_split(setting) and self.keeps_beginnings
        self._model = model
        self._samplers: dict[int, Sampler] = {}
        self._stack = ExitStack()
        params = context_params(options, n_threads)
        self._n_places = int(params.n_seq_max)
        with log.held():
            self._context = c.llama_init_from_model(model.handle, params)
        if not self._context:
            raise MachineError(
                f"No memory for {self.n_seq_max} sequences of {self.n_ctx} tokens ({log.reason()}); "
                "lower --n-seq-max or --window-tokens."
            )
        self._stack.callback(c.llama_free, self._context)
        self._batch = c.llama_batch_init(params.n_batch, 0, 1)
        self._stack.callback(c.llama_batch_free, self._batch)
        self._rows = _rows(self._batch, params.n_batch)
        self._memory = c.llama_get_memory(self._context)

    def enter(self, entry: Entry) -> None:
        """Keep, or copy from another stream, the KV of the entering sequence's first tokens; drop the rest."""
        if entry.source != entry.seq_id:
            c.llama_memory_seq_cp(self._memory, entry.source, entry.seq_id, -1, -1)
        if not c.llama_memory_seq_rm(self._memory, entry.seq_id, entry.n_kept or -1, -1):
            raise EngineError(f"llama.cpp cannot keep {entry.n_kept} tokens of what place {entry.seq_id} holds.")

    def decode(self, batch: Batch) -> list[Outcome]:
        """Compute the rows; per output sample one token, or look at those that are wanted."""
        fillers = {place: self._length(place) for place in self._idle_beside(batch)}
        rows = self._fill(batch, fillers)
        with log.held():
            code = c.llama_decode(self._context, self._batch)
        for place, length in fillers.items():
            c.llama_memory_seq_rm(self._memory, place, length, -1)
        if code != 0:
            raise EngineError(f"llama_decode failed with {code}: {DECODE_ERRORS.get(code, log.reason())}.")
        return [self._outcome(sequence, rows[row]) for row, sequence in batch.outputs]

    def _outcome(self, sequence: Sequence, row: int) -> Outcome:
        if sequence.choosing is None:
            return self._sampler(sequence).sample(self._context, row)
        return log_likelihoods(self._model, self._context, row, sequence.choosing.wanted)

    def _idle_beside(self, batch: Batch) -> list[int]:
        """Places to be given a row that nobody reads, so that no row of the batch is without a neighbour.

        llama.cpp computes rows together whose places are neighbours. With flash attention it adds up a row that is
        alone by another kernel, each thread a part: a token would depend on the threads, and on who else is running.
        """
        used = set(batch.seq_ids) if self._fills and len(batch.parts) == len(batch.tokens) else set()
        idle = []
        for place in sorted(used):
            if not used & {place - 1, place + 1}:
                idle.append(place + 1 if place + 1 < self._n_places else place - 1)
                used.add(idle[-1])
        return idle

    def _length(self, place: int) -> int:
        """Tokens whose keys and values a place holds."""
        return int(c.llama_memory_seq_pos_max(self._memory, place)) + 1

    def _fill(self, batch: Batch, fillers: dict[int, int]) -> list[int]:
        """Put the batch into llama.cpp's, with a row for each filler at its place; where the batch's rows went."""
        rows = list(zip(batch.seq_ids, batch.positions, batch.tokens, range(len(batch.tokens)), strict=True))
        if fillers:
            rows += [(place, length, 0, -1) for place, length in fillers.items()]
            rows.sort()
        n_rows = len(rows)
        went = [0] * len(batch.tokens)
        for i, (seq_id, _, _, row) in enumerate(rows):
            self._batch.seq_id[i][0] = seq_id
            if row >= 0:
                went[row] = i
        self._batch.n_tokens = n_rows
        self._rows["token"][:n_rows] = [token for _, _, token, _ in rows]
        self._rows["pos"][:n_rows] = [position for _, position, _, _ in rows]
        self._rows["logits"][:n_rows] = 0
        self._rows["logits"][[went[row] for row, _ in batch.outputs]] = 1
        return went

    def _sampler(self, sequence: Sequence) -> Sampler:
        assert sequence.seq_id is not None
        if sequence.seq_id not in self._samplers:
            self._samplers[sequence.seq_id] = Sampler(self._model, sequence.sampling)
        return self._samplers[sequence.seq_id]

    def release(self, seq_id: int) -> None:
        """Drop the sequence's sampler, with its memory of past tokens."""
        sampler = self._samplers.pop(seq_id, None)
        if sampler is not None:
            sampler.close()

    def close(self) -> None:
        """Free context, batch and samplers; a second call does nothing."""
        for seq_id in list(self._samplers):
            self.release(seq_id)
        self._stack.close()


def _rows(batch: Any, n_batch: int) -> dict[str, Any]:
    """The batch's columns as arrays over llama.cpp's memory: filled at once, not row by row."""
    for i in range(n_batch):
        batch.n_seq_id[i] = 1
    return {name: np.ctypeslib.as_array(getattr(batch, name), (n_batch,)) for name in ("token", "pos", "logits")}


def _is_split(setting: Setting) -> bool:
    """Whether llama.cpp splits the attention of a row that is alone (`use_split_kv_path` in its ggml-cpu/ops.cpp)."""
    return setting.flash_attn and setting.kv_type == "f16"


def context_params(options: EngineOptions, n_threads: int) -> Any:
    """An engine's options as llama.cpp's; batches hold a slice of a prompt, or a token of every sequence."""
    setting = options.setting
    n_places = max(2, setting.n_seq_max) if _is_split(setting) else setting.n_seq_max
    params = c.llama_context_default_params()
    params.n_ctx = options.n_ctx * n_places
    params.n_seq_max = n_places
    params.n_ubatch = min(setting.n_ubatch, options.n_ctx)
    params.n_batch = max(params.n_ubatch, n_places)
    params.n_outputs_max = n_places
    params.n_threads = params.n_threads_batch = n_threads
    # Streams apart: a shared cache makes every token attend over all sequences' cells (530 against 350-425 tokens/s).
    params.kv_unified = False
    params.type_k = params.type_v = GGML_TYPES[setting.kv_type]
    params.flash_attn_type = c.LLAMA_FLASH_ATTN_TYPE_ENABLED if setting.flash_attn else c.LLAMA_FLASH_ATTN_TYPE_DISABLED
    params.no_perf = True
    return params
