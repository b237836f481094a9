"""Builds the ONNX graph of a decoder: nodes in one small file,
weights in a second one beside it.

Knows ONNX Runtime's operators and the tensors' names; never the store, a session or sampling.
The graph's inputs and outputs are described in docs/engines.md.
"""

from collections.abc import Callable
from pathlib import Path

import numpy as np
from onnx import ModelProto, TensorProto, ValueInfoProto, helper, save_model

from smysl_build_engines.attention import AttentionBuilder
from smysl_build_engines.decoder import Decoder
from smysl_build_engines.graph_builder import CONTRIB
from smysl_build_engines.recipe import (
    HEAD,
    PARTS,
    Recipe,
    split_product,
)
from smysl_build_engines.rounding import Rounder, whole
from smysl_build_engines.tensors import Tensors
from smysl_build_engines.weights_file import WeightsFile
from smysl_engines.onnx import GRAPH_FILE, WEIGHTS_FILE

OPSET = 17
IR_VERSION = 8

Progress = Callable[[str], None]


def write_graph(
    decoder: Decoder,
    weights: Tensors,
    recipe: Recipe,
    rounder: Rounder,
    folder: Path,
    context: int,
    progress: Progress = lambda line: None,
) -> None:
    """Write `GRAPH_FILE` and `WEIGHTS_FILE` for at most `context` positions into `folder`.

    `rounder` is asked for the products the recipe quantises.
    """
    with (folder / WEIGHTS_FILE).open("wb") as file:
        output = WeightsFile(file, WEIGHTS_FILE)
        model = _Builder(decoder, weights, recipe, rounder, output, context, progress).build()
    save_model(model, folder / GRAPH_FILE)


class _Builder(AttentionBuilder):
    """A decoder's."""

    def __init__(
        self,
        decoder: Decoder,
        weights: Tensors,
        recipe: Recipe,
        rounder: Rounder,
        output: WeightsFile,
        context: int,
        progress: Progress,
    ) -> None:
        super().__init__(decoder, recipe.attention or "fused", context, output)
        self._weights = weights
        self._recipe = recipe
        self._rounder = rounder
        self._progress = progress

    def build(self) -> ModelProto:
        d = self._decoder
        residual = self._embed()
        self._constants()
        change: str | None = None
        for number in range(len(d.layers)):
            layer = f"layers.{number}"
            normed, residual = self._norm(f"{layer}.attention_norm", residual, change)
            if number == d.embedding_layer:
                self._node("Identity", [residual], "hidden")
            change = self._out(f"{layer}.attention_out_norm", self._attention(number, normed))
            normed, residual = self._norm(f"{layer}.mlp_norm", residual, change)
            change = self._out(f"{layer}.mlp_out_norm", self._mlp(layer, normed))
            self._progress(f"layer {number + 1} of {len(d.layers)} is written")
        last = "hidden" if d.embedding_layer is None else None
        normed, _ = self._norm("norm", residual, change, output=last)
        self._head(normed)
        return helper.make_model(
            helper.make_graph(
                self._nodes,
                "decoder",
                self._inputs(),
                self._outputs(),
                initializer=self._file.tensors,
            ),
            opset_imports=[helper.make_opsetid("", OPSET), helper.make_opsetid(CONTRIB, 1)],
            ir_version=IR_VERSION,
            producer_name="smysl-build",
        )

    def _constants(self) -> None:
        d = self._decoder
        self._file.constant("mlp.halves", np.array([d.intermediate_size] * 2, np.int64))
        self._attention_constants()

    def _embed(self) -> str:
        name, scale = "embedding.weight", self._decoder.embedding_scale
        # half the memory; only the gathered rows are widened
        dtype = np.float16 if self._recipe.quantised else np.float32
        chunks = self._weights.chunks(name)
        self._file.stream(name, self._weights.shape(name), dtype, chunks)
        rows = self._node("Gather", [name, "input_ids"], "embedded")
        if self._recipe.quantised:
            rows = self._node("Cast", [rows], "embedded.wide", to=TensorProto.FLOAT)
        return self._scaled(rows, scale)

    def _scaled(self, x: str, scale: float) -> str:
        if scale == 1:
            return x
        name = f"{x}.scale"
        self._file.constant(name, np.array(scale, np.float32))
        return self._node("Mul", [x, name], f"{x}.scaled")

    def _norm_weight(self, name: str) -> str:
        weight = self._weights[f"{name}.weight"] + np.float32(self._decoder.norm_offset)
        self._file.store(f"{name}.weight", weight)
        return f"{name}.weight"

    def _plain_norm(self, name: str, x: str, output: str, eps: float) -> str:
        attributes = {"epsilon": eps, "axis": -1, "stash_type": 1}
        inputs = [x, self._norm_weight(name)]
        return self._node("SimplifiedLayerNormalization", inputs, output, **attributes)

    def _norm(
        self, name: str, residual: str, change: str | None, output: str | None = None
    ) -> tuple[str, str]:
        """Add `change` to the residual stream and normalise it: (normalised, residual)."""
        normed, eps = output or f"{name}.out", self._decoder.norm_eps
        if change is None:
            return self._plain_norm(name, residual, normed, eps), residual
        summed = f"{name}.residual"
        self._contrib(
            "SkipSimplifiedLayerNormalization",
            [residual, change, self._norm_weight(name)],
            [normed, "", "", summed],
            epsilon=eps,
        )
        return normed, summed

    def _out(self, norm: str, change: str) -> str:
        """What a layer's half adds to the residual stream."""
        d = self._decoder
        if d.sandwich:
            change = self._plain_norm(norm, change, f"{norm}.out", d.norm_eps)
        return self._scaled(change, d.residual_scale)

    def _attention(self, number: int, x: str) -> str:
        name = f"layers.{number}"
        parts = [self._linear(f"{name}.qkv", x)]
        if self._decoder.qk_norm:
            three = [f"{name}.{part}" for part in "qkv"]
            self._split(parts[0], "qkv.widths", three)
            parts = [self._head_norm(part) for part in three[:2]] + three[2:]
        return self._linear(f"{name}.o", self._mixed(name, number, parts))

    def _head_norm(self, x: str) -> str:
        """Normalise each head of queries or keys on its own."""
        apart = self._node("Reshape", [x, "heads.apart"], f"{x}.heads")
        normed = self._plain_norm(f"{x}_norm", apart, f"{x}.normed", self._decoder.qk_norm_eps)
        return self._node("Reshape", [normed, "heads.joined"], f"{x}.joined")

    def _mlp(self, name: str, x: str) -> str:
        both = self._linear(f"{name}.gate_up", x)
        halves = [f"{name}.gate", f"{name}.up"]
        self._nodes.append(helper.make_node("Split", [both, "mlp.halves"], halves, axis=-1))
        active = f"{name}.active"
        if self._decoder.activation == "silu":
            # QuickGelu with alpha 1 is x * sigmoid(x)
            self._contrib("QuickGelu", halves[:1], [active], alpha=1.0)
        else:
            # the approximation by tanh
            self._contrib("FastGelu", halves[:1], [active])
        product = self._node("Mul", [active, halves[1]], f"{name}.product")
        return self._linear(f"{name}.down", product)

    def _head(self, x: str) -> None:
        """Logits of the asked positions only: the head is the largest product of a small model."""
        d = self._decoder
        asked = self._node("GatherND", [x, "positions"], "asked", batch_dims=1)
        if d.logit_scale == 1 and d.logit_softcap is None:
            self._product(HEAD, asked, "logits")
            return
        logits = self._scaled(self._product(HEAD, asked, f"{HEAD}.out"), d.logit_scale)
        if d.logit_softcap is not None:
            logits = self._softcapped(logits, d.logit_softcap)
        self._node("Identity", [logits], "logits")

    def _linear(self, product: str, x: str) -> str:
        """A product of a layer, and its parts' biases side by side."""
        number, role = split_product(product)
        y, parts = self._product(product, x, f"{product}.out"), PARTS[role]
        if not self._decoder.has_bias(parts[0]):
            return y
        bias = np.concatenate([self._weights[f"layers.{number}.{part}.bias"] for part in parts])
        self._file.store(f"{product}.bias", bias)
        return self._node("Add", [y, f"{product}.bias"], f"{product}.biased")

    def _product(self, name: str, x: str, output: str) -> str:
        form = self._recipe.format_of(name, self._decoder)
        if form is not None:
            return self._rounded_product(name, x, output, self._rounder.product(name, form))
        weight = whole(name, self._decoder, self._weights)
        self._file.store(f"{name}.weight", np.ascontiguousarray(weight.T))
        return self._node("MatMul", [x, f"{name}.weight"], output)

    def _inputs(self) -> list[ValueInfoProto]:
        whole_number, number = TensorProto.INT64, TensorProto.INT32
        return [
            helper.make_tensor_value_info("input_ids", whole_number, ["rows", "tokens"]),
            helper.make_tensor_value_info("positions", whole_number, ["rows", "asked", 1]),
            helper.make_tensor_value_info("seqlens_k", number, ["rows"]),
            helper.make_tensor_value_info("total_sequence_length", number, []),
            *self._caches("past"),
        ]

    def _outputs(self) -> list[ValueInfoProto]:
        d, real = self._decoder, TensorProto.FLOAT
        return [
            helper.make_tensor_value_info("logits", real, ["rows", "asked", d.vocab_size]),
            helper.make_tensor_value_info("hidden", real, ["rows", "tokens", d.hidden_size]),
            *self._caches("present"),
        ]

    def _caches(self, when: str) -> list[ValueInfoProto]:
        d = self._decoder
        shape: list[str | int | None] = ["rows", d.num_key_value_heads, "length", d.head_dim]
        return [
            helper.make_tensor_value_info(f"{when}_{what}_{number}", TensorProto.FLOAT, shape)
            for number in range(len(d.layers))
            for what in ("key", "value")
        ]
