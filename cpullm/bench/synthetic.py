"""Llama-shaped GGUFs with random weights: as fast and as large as real ones, because speed does not ask for the values.

They measure sizes whose weights cannot be had; what they write is noise.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cpullm.bench.files import cache, draft
from cpullm.errors import MachineError
from cpullm.fetch import tell

N_VOCAB = 32_000
_N_SPECIAL = 3
_N_CTX = 4096
_BLOCK = 32  # weights in a block of Q4_0: one fp16 scale and 16 bytes of pairs
_BLOCK_BYTES = 18
_SCALE = 0.02 / 4.6  # gives weights the spread that trained ones have


@dataclass(frozen=True, slots=True)
class Shape:
    """A Llama's measures, as its configuration names them."""

    n_embd: int
    n_layer: int
    n_head: int
    n_head_kv: int
    n_ff: int

    @property
    def matrices(self) -> list[tuple[str, int, int]]:
        """Name, rows and columns of one layer's weight matrices."""
        d, kv = self.n_embd, self.n_embd // self.n_head * self.n_head_kv
        return [
            ("attn_q", d, d), ("attn_k", kv, d), ("attn_v", kv, d), ("attn_output", d, d),
            ("ffn_gate", self.n_ff, d), ("ffn_up", self.n_ff, d), ("ffn_down", d, self.n_ff),
        ]  # fmt: skip

    @property
    def layer_weights(self) -> int:
        """Weights of all layers' matrices: what every token of a prompt is multiplied with."""
        return self.n_layer * sum(rows * columns for _, rows, columns in self.matrices)

    def prefill_flops(self, n_tokens: int) -> float:
        """Floating-point operations of a prompt: two a weight and token, and attention to all tokens before."""
        attention = 4 * self.n_layer * self.n_embd * n_tokens * (n_tokens + 1) / 2
        return 2.0 * self.layer_weights * n_tokens + attention + 2.0 * N_VOCAB * self.n_embd

    @property
    def decode_bytes(self) -> int:
        """Bytes of weights, as Q4_0, that one new token reads: all but the table of embeddings."""
        return (self.layer_weights + N_VOCAB * self.n_embd) * _BLOCK_BYTES // _BLOCK


SHAPES = {
    "synthetic-tiny": Shape(64, 2, 2, 1, 192),  # for tests
    "synthetic-1.1b": Shape(2048, 22, 32, 4, 5632),  # TinyLlama's
    "synthetic-7b": Shape(4096, 32, 32, 32, 11008),  # Llama 2's
}


def model(name: str) -> Path:
    """The file of that name in Q4_0, written if it is not there yet. Raises MachineError without `gguf` or room."""
    target = cache() / f"{name}.Q4_0.gguf"
    if not target.exists():
        shape = SHAPES[name]
        tell(f"writing {target.name} with random weights, once", True)
        n_weights = shape.layer_weights + 2 * N_VOCAB * shape.n_embd
        with draft(target, n_weights // _BLOCK * _BLOCK_BYTES + (8 << 20)) as path:
            _write(path, name, shape)
    return target


def _write(path: Path, name: str, shape: Shape) -> None:
    try:
        import gguf
    except ImportError as error:
        raise MachineError(f"{name} is written with gguf, which is missing: pip install 'cpullm[bench]'.") from error
    import numpy as np

    writer = gguf.GGUFWriter(path, "llama")
    _describe(writer, name, shape, gguf)
    tensors = list(_tensors(shape))
    for title, rows, columns in tensors:
        if rows == 1:
            writer.add_tensor_info(title, (columns,), np.dtype("float32"), 4 * columns)
        else:
            width = columns // _BLOCK * _BLOCK_BYTES
            kind = gguf.GGMLQuantizationType.Q4_0
            writer.add_tensor_info(title, (rows, width), np.dtype("uint8"), rows * width, raw_dtype=kind)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_ti_data_to_file()
    random = np.random.default_rng(0)
    for _, rows, columns in tensors:
        writer.write_tensor_data(np.ones(columns, np.float32) if rows == 1 else _weights(random, rows, columns))
    writer.close()


def _tensors(shape: Shape) -> list[tuple[str, int, int]]:
    """Name, rows and columns of all tensors; one row means a norm, kept in fp32."""
    d = shape.n_embd
    tensors = [("token_embd.weight", N_VOCAB, d)]
    for i in range(shape.n_layer):
        tensors += [(f"blk.{i}.{name}.weight", rows, columns) for name, rows, columns in shape.matrices]
        tensors += [(f"blk.{i}.{name}.weight", 1, d) for name in ("attn_norm", "ffn_norm")]
    return [*tensors, ("output_norm.weight", 1, d), ("output.weight", N_VOCAB, d)]


def _weights(random: Any, rows: int, columns: int) -> Any:
    """Random Q4_0 blocks, a row of bytes for each row of weights."""
    import numpy as np

    n_blocks = rows * columns // _BLOCK
    blocks = np.frombuffer(bytearray(random.bytes(n_blocks * _BLOCK_BYTES)), np.uint8).reshape(n_blocks, _BLOCK_BYTES)
    blocks[:, :2] = np.array([_SCALE], np.float16).view(np.uint8)
    return blocks.reshape(rows, -1)


def _describe(writer: Any, name: str, shape: Shape, gguf: Any) -> None:
    writer.add_name(name)
    writer.add_context_length(_N_CTX)
    writer.add_embedding_length(shape.n_embd)
    writer.add_block_count(shape.n_layer)
    writer.add_feed_forward_length(shape.n_ff)
    writer.add_head_count(shape.n_head)
    writer.add_head_count_kv(shape.n_head_kv)
    writer.add_layer_norm_rms_eps(1e-5)
    writer.add_rope_dimension_count(shape.n_embd // shape.n_head)
    writer.add_file_type(gguf.LlamaFileType.MOSTLY_Q4_0)
    writer.add_vocab_size(N_VOCAB)
    tokens, merges = _vocabulary()
    writer.add_tokenizer_model("gpt2")
    writer.add_tokenizer_pre("gpt-2")
    writer.add_token_list(tokens)
    writer.add_token_types([gguf.TokenType.CONTROL] * _N_SPECIAL + [gguf.TokenType.NORMAL] * (N_VOCAB - _N_SPECIAL))
    writer.add_token_merges(merges)
    writer.add_unk_token_id(0)
    writer.add_bos_token_id(1)
    writer.add_eos_token_id(2)


def _vocabulary() -> tuple[list[str], list[str]]:
    """As many tokens as Llama 2 has, and how each is joined from two: special ones, bytes, pairs and fours of letters.

    Byte-pair encoding, because not every peer reads Llama 2's kind.
    """
    printable = [*range(33, 127), *range(161, 173), *range(174, 256)]
    # GPT-2's letters for bytes: those that cannot be printed begin at 256.
    letters = [chr(byte) for byte in printable] + [chr(256 + i) for i in range(256 - len(printable))]
    common = "etaoinshrdlucmfw"
    pairs = [(one, other) for one in common for other in common]
    words = ["".join(pair) for pair in pairs]
    n_fours = N_VOCAB - _N_SPECIAL - len(letters) - len(pairs)
    fours = [(words[i // len(words)], words[i % len(words)]) for i in range(n_fours)]
    joined = [*pairs, *fours]
    tokens = ["<unk>", "<s>", "</s>", *letters, *(one + other for one, other in joined)]
    return tokens, [f"{one} {other}" for one, other in joined]
