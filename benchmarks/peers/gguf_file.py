"""Writes a checkpoint's weights as a GGUF file in Q4_0, and an adapter's in float16, as llama.cpp
reads them.

Knows the names and layout of Qwen2 tensors on both sides; nothing of running them. Every matrix is
Q4_0 (4 bits, a float16 scale each 32 inputs), the tied embedding and head too: llama.cpp's fastest.
"""

import json
from collections.abc import Iterator
from pathlib import Path

import gguf  # type: ignore[import-not-found,unused-ignore]
import numpy as np
import numpy.typing as npt

_LAYER = {
    "input_layernorm.weight": "attn_norm.weight",
    "post_attention_layernorm.weight": "ffn_norm.weight",
    "self_attn.q_proj": "attn_q",
    "self_attn.k_proj": "attn_k",
    "self_attn.v_proj": "attn_v",
    "self_attn.o_proj": "attn_output",
    "mlp.gate_proj": "ffn_gate",
    "mlp.up_proj": "ffn_up",
    "mlp.down_proj": "ffn_down",
}


def write_gguf(checkpoint: Path, target: Path) -> None:
    config = json.loads((checkpoint / "config.json").read_text())
    partial = target.with_suffix(".part")
    writer = gguf.GGUFWriter(partial, "qwen2")
    writer.add_context_length(config["max_position_embeddings"])
    writer.add_embedding_length(config["hidden_size"])
    writer.add_block_count(config["num_hidden_layers"])
    writer.add_feed_forward_length(config["intermediate_size"])
    writer.add_head_count(config["num_attention_heads"])
    writer.add_head_count_kv(config["num_key_value_heads"])
    writer.add_rope_freq_base(config["rope_theta"])
    writer.add_layer_norm_rms_eps(config["rms_norm_eps"])
    writer.add_file_type(gguf.LlamaFileType.MOSTLY_Q4_0)
    _add_tokenizer(writer, checkpoint, config["eos_token_id"])
    for name, tensor in _tensors(checkpoint / "model.safetensors"):
        if tensor.ndim == 1:
            writer.add_tensor(_renamed(name), tensor)
        else:
            kind = gguf.GGMLQuantizationType.Q4_0
            writer.add_tensor(_renamed(name), gguf.quants.quantize(tensor, kind), raw_dtype=kind)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    partial.rename(target)


def write_adapter_gguf(folder: Path, target: Path, activated: bool) -> None:
    """Convert PEFT's `folder`. Without its invocation tokens it is an ordinary LoRA."""
    config = json.loads((folder / "adapter_config.json").read_text())
    partial = target.with_suffix(".part")
    writer = gguf.GGUFWriter(partial, "qwen2")
    writer.add_type(gguf.GGUFType.ADAPTER)
    writer.add_string(gguf.Keys.Adapter.TYPE, "lora")
    writer.add_float32(gguf.Keys.Adapter.LORA_ALPHA, float(config["lora_alpha"]))
    if activated:
        kinds = gguf.GGUFValueType.ARRAY, gguf.GGUFValueType.UINT32
        tokens = config["alora_invocation_tokens"]
        writer.add_key_value(gguf.Keys.Adapter.ALORA_INVOCATION_TOKENS, tokens, *kinds)
    for name, tensor in _tensors(folder / "adapter_model.safetensors"):
        layer, part, _ = name.removeprefix("base_model.model.").rsplit(".", 2)
        layer = _renamed(f"{layer}.weight")
        writer.add_tensor(f"{layer}.{part.lower()}", tensor.astype(np.float16))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    partial.rename(target)


def _add_tokenizer(writer: gguf.GGUFWriter, checkpoint: Path, end: int) -> None:
    model = json.loads((checkpoint / "tokenizer.json").read_text())["model"]
    texts = sorted(model["vocab"], key=model["vocab"].__getitem__)
    kinds = [gguf.TokenType.NORMAL] * len(texts)
    kinds[end] = gguf.TokenType.CONTROL
    writer.add_tokenizer_model("gpt2")
    writer.add_tokenizer_pre("qwen2")
    writer.add_token_list(texts)
    writer.add_token_types(kinds)
    writer.add_token_merges(model["merges"])
    writer.add_eos_token_id(end)
    writer.add_bos_token_id(end)
    writer.add_add_bos_token(False)


def _renamed(name: str) -> str:
    whole = {
        "model.embed_tokens.weight": "token_embd.weight",
        "model.norm.weight": "output_norm.weight",
    }
    if name in whole:
        return whole[name]
    _, _, number, rest = name.split(".", 3)
    if rest in _LAYER:
        return f"blk.{number}.{_LAYER[rest]}"
    part, _, kind = rest.rpartition(".")
    return f"blk.{number}.{_LAYER[part]}.{kind}"


def _tensors(path: Path) -> Iterator[tuple[str, npt.NDArray[np.float32]]]:
    """The tensors of a safetensors file in BF16 or F32, as float32."""
    with path.open("rb") as file:
        size = int.from_bytes(file.read(8), "little")
        header = json.loads(file.read(size))
        for name, entry in header.items():
            if name == "__metadata__":
                continue
            first, end = entry["data_offsets"]
            file.seek(8 + size + first)
            data = file.read(end - first)
            if entry["dtype"] == "F32":
                yield name, np.frombuffer(data, "<f4").reshape(entry["shape"])
                continue
            half = np.frombuffer(data, "<u2").astype(np.uint32)
            yield name, (half << 16).view(np.float32).reshape(entry["shape"])
