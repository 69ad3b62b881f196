"""CTranslate2 as a contestant: the GGUF's weights taken out, and quantized again to its int8.

CTranslate2 reads no GGUF. Its own converter's way for Llama models is gone here with dequantized weights, so that it
computes what the others do, in the one 8-bit form that it has.
"""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

from cpullm.bench.files import cache, draft, stamp
from cpullm.bench.peers import timed
from cpullm.errors import ModelError

_FUSED = (("attn_q", "attn_k", "attn_v"), ("attn_output",))
_FEED_FORWARD = {"linear_0": "ffn_gate", "linear_0_noact": "ffn_up", "linear_1": "ffn_down"}


def answer(model: str, prompts: list[list[int]], new_tokens: int, setting: dict[str, Any]) -> dict[str, Any]:
    """Answer the prompts greedily, `max_batch_size` of them at once. It does not tell prefill and decode apart."""
    import ctranslate2

    started = time.perf_counter()
    threads = {"inter_threads": 1, "intra_threads": setting["n_threads"]}
    generator = ctranslate2.Generator(str(_folder(Path(model))), device="cpu", compute_type="int8", **threads)
    names = _Source(Path(model)).tokens

    def generate(batch: list[list[int]], n_tokens: int) -> list[list[int]]:
        results = generator.generate_batch(
            [[names[token] for token in prompt] for prompt in batch],
            max_batch_size=setting["max_batch_size"], max_length=n_tokens, min_length=n_tokens,
            include_prompt_in_result=False,
        )  # fmt: skip
        return [result.sequences_ids[0] for result in results]

    return timed(generate, prompts, new_tokens, started)


def prepare(model: str) -> dict[str, Any]:
    """Convert the model, if that is not done yet; to be called before `answer`. Raises ModelError."""
    target = _folder(Path(model))
    if not target.exists():
        with draft(target, 4 * Path(model).stat().st_size) as path:
            path.mkdir()
            _convert(_Source(Path(model)), path)
    return {}


def _folder(model: Path) -> Path:
    return cache() / f"{stamp(model)}.ct2-int8"


class _Source:
    """A Llama's GGUF: its metadata, its tokens, its weights in fp32."""

    def __init__(self, path: Path) -> None:
        import gguf

        self._reader = gguf.GGUFReader(path)
        self._tensors = {tensor.name: tensor for tensor in self._reader.tensors}
        self._dequantize = gguf.quants.dequantize
        architecture = self.value("general.architecture")
        if architecture != "llama":
            raise ModelError(f"CTranslate2 cannot load {path.name}: only llama is converted, and it is {architecture}.")

    @property
    def tokens(self) -> list[str]:
        return list(self.value("tokenizer.ggml.tokens"))

    def value(self, key: str, default: Any = None) -> Any:
        field = self._reader.get_field(key)
        return default if field is None else field.contents()

    def weights(self, name: str) -> Any:
        """A tensor in fp32, a row for each output; None if the file has none of that name."""
        tensor = self._tensors.get(f"{name}.weight")
        if tensor is None:
            return None
        import numpy as np

        return np.ascontiguousarray(self._dequantize(tensor.data, tensor.tensor_type), np.float32)


def _convert(source: _Source, folder: Path) -> None:
    from ctranslate2.specs import common_spec, transformer_spec

    n_head = source.value("llama.attention.head_count")
    n_head_kv = source.value("llama.attention.head_count_kv", n_head)
    spec = transformer_spec.TransformerDecoderModelSpec.from_config(
        source.value("llama.block_count"),
        n_head,
        activation=common_spec.Activation.SWISH,
        ffn_glu=True,
        rms_norm=True,
        rotary_dim=0,
        rotary_interleave=True,  # as GGUF has the rows of queries and keys
        rotary_base=source.value("llama.rope.freq_base", 10_000.0),
        num_heads_kv=None if n_head_kv == n_head else n_head_kv,
    )
    _fill(spec.decoder, source)
    tokens = source.tokens
    spec.register_vocabulary(tokens)
    spec.config.bos_token = tokens[source.value("tokenizer.ggml.bos_token_id", 1)]
    spec.config.eos_token = tokens[source.value("tokenizer.ggml.eos_token_id", 2)]
    spec.config.unk_token = tokens[source.value("tokenizer.ggml.unknown_token_id", 0)]
    spec.config.layer_norm_epsilon = source.value("llama.attention.layer_norm_rms_epsilon")
    spec.validate()
    spec.optimize(quantization="int8")
    spec.save(str(folder))


def _fill(decoder: Any, source: _Source) -> None:
    import numpy as np

    decoder.scale_embeddings = False
    decoder.embeddings.weight = source.weights("token_embd")
    decoder.layer_norm.gamma = source.weights("output_norm")
    output = source.weights("output")
    decoder.projection.weight = decoder.embeddings.weight if output is None else output
    for i, layer in enumerate(decoder.layer):
        layer.self_attention.layer_norm.gamma = source.weights(f"blk.{i}.attn_norm")
        layer.ffn.layer_norm.gamma = source.weights(f"blk.{i}.ffn_norm")
        for linear, names in zip(layer.self_attention.linear, _FUSED, strict=True):
            linear.weight = np.concatenate([source.weights(f"blk.{i}.{name}") for name in names])
        for place, name in _FEED_FORWARD.items():
            getattr(layer.ffn, place).weight = source.weights(f"blk.{i}.{name}")
