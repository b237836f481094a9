"""Builds the ONNX graph of a Llama model: nodes in one small file,
weights in a second one beside it.

Knows ONNX Runtime's operators and the tensors' names; never the store, a session or sampling.
The graph's inputs and outputs are described in docs/engines.md.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, BinaryIO

import msgspec
import numpy as np
import numpy.typing as npt
from onnx import ModelProto, NodeProto, TensorProto, ValueInfoProto, helper, save_model

from smysl_build_engines.checkpoint import LlamaConfig, Weights
from smysl_build_engines.quantise import Float32, Precision, dequantise, quantise
from smysl_build_engines.reference import rotary_tables
from smysl_engines.onnx import GRAPH_FILE, WEIGHTS_FILE

OPSET = 17
IR_VERSION = 8
_CONTRIB = "com.microsoft"
_ALIGNMENT = 64
_INT8_ACTIVATIONS = 4
"""MatMulNBits accuracy level: activations are rounded to int8 per block before the product."""


def bits_of(name: str, precision: Precision) -> int | None:
    """Width a tensor is stored with; None is float.

    The head keeps 8 bits in an int4 engine: its rounding errors reach the logits directly.
    """
    if name == "lm_head.weight":
        return None if precision == "fp32" else 8
    if not name.endswith("_proj.weight"):
        return None
    return {"fp32": None, "int8": 8, "int4": 4}[precision]


def as_stored(
    config: LlamaConfig, weights: Weights, precision: Precision
) -> tuple[LlamaConfig, Weights]:
    """The model as an engine of this precision really holds it,
    in float32: what its output must follow.

    A tied head is rounded otherwise than the embedding, so the result is untied.
    """
    stored = {
        name: dequantise(quantise(weights[name], bits))
        if (bits := bits_of(name, precision))
        else weights[name]
        for name in config.shapes()
    }
    embedding = stored["model.embed_tokens.weight"]
    if precision != "fp32":
        stored.setdefault("lm_head.weight", dequantise(quantise(embedding, 8)))
        stored["model.embed_tokens.weight"] = embedding.astype(np.float16).astype(np.float32)
    stored.setdefault("lm_head.weight", embedding)
    return msgspec.structs.replace(config, tie_word_embeddings=False), stored


def write_graph(
    config: LlamaConfig, weights: Weights, precision: Precision, folder: Path, context: int
) -> None:
    """Write `GRAPH_FILE` and `WEIGHTS_FILE` for at most `context` positions into `folder`."""
    with (folder / WEIGHTS_FILE).open("wb") as file:
        model = _Builder(config, weights, precision, file, context).build()
    save_model(model, folder / GRAPH_FILE)


class _Builder:
    """Grows one graph; every method adds nodes and returns the name of its result."""

    def __init__(
        self,
        config: LlamaConfig,
        weights: Weights,
        precision: Precision,
        file: BinaryIO,
        context: int,
    ) -> None:
        self._config = config
        self._weights = weights
        self._precision = precision
        self._file = file
        self._context = context
        self._nodes: list[NodeProto] = []
        self._tensors: list[TensorProto] = []

    def build(self) -> ModelProto:
        c = self._config
        x = self._embed()
        cos, sin = rotary_tables(self._context, c.head_dim, c.rope_theta)
        self._store("rotary.cos", cos)
        self._store("rotary.sin", sin)
        self._store("mlp.halves", np.array([c.intermediate_size] * 2, np.int64), inline=True)
        residual, change = x, None
        for number in range(c.num_hidden_layers):
            layer = f"model.layers.{number}"
            normed, residual = self._norm(f"{layer}.input_layernorm", residual, change)
            change = self._attention(number, normed)
            normed, residual = self._norm(f"{layer}.post_attention_layernorm", residual, change)
            change = self._mlp(layer, normed)
        self._norm("model.norm", residual, change, output="hidden")
        self._head()
        return helper.make_model(
            helper.make_graph(
                self._nodes, "llama", self._inputs(), self._outputs(), initializer=self._tensors
            ),
            opset_imports=[helper.make_opsetid("", OPSET), helper.make_opsetid(_CONTRIB, 1)],
            ir_version=IR_VERSION,
            producer_name="smysl-build",
        )

    def _embed(self) -> str:
        table = self._weights["model.embed_tokens.weight"]
        if self._precision == "fp32":
            self._store("model.embed_tokens.weight", table)
            return self._node("Gather", ["model.embed_tokens.weight", "input_ids"], "embedded")
        # half the memory; only the gathered rows are widened
        self._store("model.embed_tokens.weight", table.astype(np.float16))
        half = self._node("Gather", ["model.embed_tokens.weight", "input_ids"], "embedded_half")
        return self._node("Cast", [half], "embedded", to=TensorProto.FLOAT)

    def _norm(
        self, name: str, residual: str, change: str | None, output: str | None = None
    ) -> tuple[str, str]:
        """Add `change` to the residual stream and normalise it: (normalised, residual)."""
        self._store(f"{name}.weight", self._weights[f"{name}.weight"])
        normed = output or f"{name}.out"
        epsilon = self._config.rms_norm_eps
        if change is None:
            self._node(
                "SimplifiedLayerNormalization",
                [residual, f"{name}.weight"],
                normed,
                epsilon=epsilon,
                axis=-1,
                stash_type=1,
            )
            return normed, residual
        summed = f"{name}.residual"
        self._contrib(
            "SkipSimplifiedLayerNormalization",
            [residual, change, f"{name}.weight"],
            [normed, "", "", summed],
            epsilon=epsilon,
        )
        return normed, summed

    def _attention(self, number: int, x: str) -> str:
        c, name = self._config, f"model.layers.{number}.self_attn"
        qkv = self._linear(f"{name}.qkv_proj", x, [f"{name}.{part}_proj" for part in "qkv"])
        self._contrib(
            "GroupQueryAttention",
            [qkv, "", "", f"past_key_{number}", f"past_value_{number}"]
            + ["seqlens_k", "total_sequence_length", "rotary.cos", "rotary.sin"],
            [f"{name}.mixed", f"present_key_{number}", f"present_value_{number}"],
            num_heads=c.num_attention_heads,
            kv_num_heads=c.num_key_value_heads,
            do_rotary=1,
        )
        return self._linear(f"{name}.o_proj", f"{name}.mixed", [f"{name}.o_proj"])

    def _mlp(self, layer: str, x: str) -> str:
        name = f"{layer}.mlp"
        both = self._linear(f"{name}.gate_up_proj", x, [f"{name}.gate_proj", f"{name}.up_proj"])
        halves = [f"{name}.gate", f"{name}.up"]
        self._nodes.append(helper.make_node("Split", [both, "mlp.halves"], halves, axis=-1))
        # QuickGelu with alpha 1 is x * sigmoid(x)
        self._contrib("QuickGelu", [f"{name}.gate"], [f"{name}.swish"], alpha=1.0)
        product = self._node("Mul", [f"{name}.swish", f"{name}.up"], f"{name}.product")
        return self._linear(f"{name}.down_proj", product, [f"{name}.down_proj"])

    def _head(self) -> None:
        """Logits of the asked positions only: the head is the largest product of a small model."""
        asked = self._node("GatherND", ["hidden", "positions"], "asked", batch_dims=1)
        if self._config.tie_word_embeddings:
            head = self._weights["model.embed_tokens.weight"]
        else:
            head = self._weights["lm_head.weight"]
        self._product("lm_head.weight", head, asked, "logits")

    def _linear(self, name: str, x: str, parts: Sequence[str]) -> str:
        """Several linear layers of one input as one product; their outputs lie side by side."""
        weight = np.concatenate([self._weights[f"{part}.weight"] for part in parts])
        return self._product(f"{name}.weight", weight, x, f"{name}.out")

    def _product(self, name: str, weight: Float32, x: str, output: str) -> str:
        bits = bits_of(name, self._precision)
        if bits is None:
            self._store(name, np.ascontiguousarray(weight.T))
            return self._node("MatMul", [x, name], output)
        stored = quantise(weight, bits)
        self._store(f"{name}.codes", stored.codes)
        self._store(f"{name}.scales", stored.scales)
        return self._contrib(
            "MatMulNBits",
            [x, f"{name}.codes", f"{name}.scales"],
            [output],
            K=weight.shape[1],
            N=weight.shape[0],
            bits=bits,
            block_size=stored.block,
            accuracy_level=_INT8_ACTIVATIONS,
        )

    def _node(self, kind: str, inputs: Sequence[str], output: str, **attributes: Any) -> str:
        self._nodes.append(helper.make_node(kind, inputs, [output], **attributes))
        return output

    def _contrib(
        self, kind: str, inputs: Sequence[str], outputs: Sequence[str], **attributes: Any
    ) -> str:
        node = helper.make_node(kind, inputs, outputs, domain=_CONTRIB, **attributes)
        self._nodes.append(node)
        return outputs[0]

    def _store(self, name: str, array: npt.NDArray[Any], inline: bool = False) -> None:
        if inline:
            self._tensors.append(helper.make_tensor(name, _type(array), array.shape, array))
            return
        self._file.write(bytes(-self._file.tell() % _ALIGNMENT))
        tensor = TensorProto(name=name, data_type=_type(array), dims=array.shape)
        tensor.data_location = TensorProto.EXTERNAL
        place = {"location": WEIGHTS_FILE, "offset": self._file.tell(), "length": array.nbytes}
        for key, value in place.items():
            tensor.external_data.add(key=key, value=str(value))
        array.tofile(self._file)
        self._tensors.append(tensor)

    def _inputs(self) -> list[ValueInfoProto]:
        whole, number = TensorProto.INT64, TensorProto.INT32
        return [
            helper.make_tensor_value_info("input_ids", whole, ["rows", "tokens"]),
            helper.make_tensor_value_info("positions", whole, ["rows", "asked", 1]),
            helper.make_tensor_value_info("seqlens_k", number, ["rows"]),
            helper.make_tensor_value_info("total_sequence_length", number, []),
            *self._caches("past"),
        ]

    def _outputs(self) -> list[ValueInfoProto]:
        c, real = self._config, TensorProto.FLOAT
        return [
            helper.make_tensor_value_info("logits", real, ["rows", "asked", c.vocab_size]),
            helper.make_tensor_value_info("hidden", real, ["rows", "tokens", c.hidden_size]),
            *self._caches("present"),
        ]

    def _caches(self, when: str) -> list[ValueInfoProto]:
        c = self._config
        shape: list[str | int | None] = ["rows", c.num_key_value_heads, "length", c.head_dim]
        return [
            helper.make_tensor_value_info(f"{when}_{what}_{number}", TensorProto.FLOAT, shape)
            for number in range(c.num_hidden_layers)
            for what in ("key", "value")
        ]


def _type(array: npt.NDArray[Any]) -> int:
    return int(helper.np_dtype_to_tensor_dtype(array.dtype))
