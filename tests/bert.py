"""A tiny embedding model: a BERT of two layers with random weights, written as GGUF."""

from __future__ import annotations

from pathlib import Path

import numpy as np

WORDS = ("the", "mill", "burned", "down", "on", "monday", "nobody", "was", "hurt", "miller", "wept", ".", ",", "a", "s")
SPECIAL = ("[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]")
N_EMBD, N_FF, N_LAYERS, N_CTX = 64, 128, 2, 512


def write(path: Path, pooling: str = "MEAN") -> Path:
    """`pooling` names one of gguf's PoolingType."""
    import gguf

    tokens = [*SPECIAL, *("▁" + word for word in WORDS)]
    writer = gguf.GGUFWriter(path, "bert")
    writer.add_context_length(N_CTX)
    writer.add_embedding_length(N_EMBD)
    writer.add_feed_forward_length(N_FF)
    writer.add_block_count(N_LAYERS)
    writer.add_head_count(4)
    writer.add_layer_norm_eps(1e-12)
    writer.add_causal_attention(False)
    writer.add_pooling_type(gguf.PoolingType[pooling])
    writer.add_token_type_count(2)
    writer.add_tokenizer_model("bert")
    writer.add_tokenizer_pre("default")
    writer.add_token_list(tokens)
    kinds = [gguf.TokenType.CONTROL] * len(SPECIAL) + [gguf.TokenType.NORMAL] * len(WORDS)
    writer.add_token_types(kinds)
    for name, token in (("pad", 0), ("unk", 1), ("bos", 2), ("eos", 3), ("sep", 3), ("mask", 4)):
        getattr(writer, f"add_{name}_token_id")(token)
    random = np.random.default_rng(0)
    for name, shape in _shapes(len(tokens)).items():
        values = random.normal(0, 0.2, shape).astype(np.float32)
        matrix = len(shape) == 2 and "embd" not in name and "types" not in name
        kind = gguf.GGMLQuantizationType.Q8_0 if matrix else gguf.GGMLQuantizationType.F32
        writer.add_tensor(name, gguf.quants.quantize(values, kind), raw_dtype=kind)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return path


def _shapes(n_tokens: int) -> dict[str, tuple[int, ...]]:
    shapes: dict[str, tuple[int, ...]] = {
        "token_embd.weight": (n_tokens, N_EMBD),
        "token_types.weight": (2, N_EMBD),
        "position_embd.weight": (N_CTX, N_EMBD),
        **_with_bias("token_embd_norm", N_EMBD),
    }
    for layer in range(N_LAYERS):
        for name, shape in (
            *((part, (N_EMBD, N_EMBD)) for part in ("attn_q", "attn_k", "attn_v", "attn_output")),
            ("ffn_up", (N_FF, N_EMBD)),
            ("ffn_down", (N_EMBD, N_FF)),
            ("attn_output_norm", (N_EMBD,)),
            ("layer_output_norm", (N_EMBD,)),
        ):
            shapes |= _with_bias(f"blk.{layer}.{name}", *shape)
    return shapes


def _with_bias(name: str, *shape: int) -> dict[str, tuple[int, ...]]:
    return {f"{name}.weight": shape, f"{name}.bias": shape[:1]}
