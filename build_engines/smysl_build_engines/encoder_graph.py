"""Builds the ONNX graph of a sentence encoder: nodes in one small file, weights in a second one
beside it.

Knows ONNX Runtime's operators and the tensors' names; never the store, a session or how states are
pooled. The graph's inputs and outputs are described in docs/engines.md.
"""

from collections.abc import Callable
from pathlib import Path

import numpy as np
from onnx import ModelProto, TensorProto, helper, save_model

from smysl_build_engines.encoder import Encoder, parts_of
from smysl_build_engines.graph import IR_VERSION, OPSET
from smysl_build_engines.graph_builder import CONTRIB, GraphBuilder
from smysl_build_engines.quantise import quantise
from smysl_build_engines.recipe import Recipe
from smysl_build_engines.rounding import join
from smysl_build_engines.tensors import Tensors
from smysl_build_engines.weights_file import WeightsFile
from smysl_engines.onnx import GRAPH_FILE, WEIGHTS_FILE

_UNSEEN = -1e30
"""Added to scores beyond a text's end: their share of attention is exactly 0, unlike with the
operator's own -10,000 for scores beyond that."""

Progress = Callable[[str], None]


def write_encoder_graph(
    encoder: Encoder,
    weights: Tensors,
    recipe: Recipe,
    folder: Path,
    context: int,
    progress: Progress = lambda line: None,
) -> None:
    """Write `GRAPH_FILE` and `WEIGHTS_FILE` for texts of at most `context` tokens into `folder`."""
    with (folder / WEIGHTS_FILE).open("wb") as file:
        output = WeightsFile(file, WEIGHTS_FILE)
        model = _Builder(encoder, weights, recipe, output, context, progress).build()
    save_model(model, folder / GRAPH_FILE)


class _Builder(GraphBuilder):
    """An encoder's."""

    def __init__(
        self,
        encoder: Encoder,
        weights: Tensors,
        recipe: Recipe,
        output: WeightsFile,
        context: int,
        progress: Progress,
    ) -> None:
        self._encoder = encoder
        self._weights = weights
        self._recipe = recipe
        super().__init__(output)
        self._context = context
        self._progress = progress

    def build(self) -> ModelProto:
        e = self._encoder
        x = self._embed()
        for number in range(e.num_hidden_layers):
            layer = f"layers.{number}"
            x = self._add(f"{layer}.attention_norm", x, f"{layer}.o", self._attention(layer, x))
            last = number == e.num_hidden_layers - 1
            output = "hidden" if last else f"{layer}.mlp_norm.out"
            x = self._add(f"{layer}.mlp_norm", x, f"{layer}.down", self._mlp(layer, x), output)
            self._progress(f"layer {number + 1} of {e.num_hidden_layers} is written")
        inputs = [
            helper.make_tensor_value_info("input_ids", TensorProto.INT64, ["rows", "tokens"]),
            helper.make_tensor_value_info("lengths", TensorProto.INT32, ["rows"]),
        ]
        shape: list[str | int | None] = ["rows", "tokens", e.hidden_size]
        output_info = helper.make_tensor_value_info("hidden", TensorProto.FLOAT, shape)
        return helper.make_model(
            helper.make_graph(
                self._nodes, "encoder", inputs, [output_info], initializer=self._file.tensors
            ),
            opset_imports=[helper.make_opsetid("", OPSET), helper.make_opsetid(CONTRIB, 1)],
            ir_version=IR_VERSION,
            producer_name="smysl-build",
        )

    def _embed(self) -> str:
        e, quantised = self._encoder, self._recipe.quantised
        # half the memory; only the gathered rows are widened
        dtype = np.float16 if quantised else np.float32
        words = "words.weight"
        self._file.stream(words, self._weights.shape(words), dtype, self._weights.chunks(words))
        rows = self._node("Gather", [words, "input_ids"], "embedded")
        if quantised:
            rows = self._node("Cast", [rows], "embedded.wide", to=TensorProto.FLOAT)
        # a single text has type 0 throughout
        first = e.first_position
        positions = self._weights.rows("positions.weight", first, first + self._context)
        table = positions + self._weights.rows("types.weight", 0, 1)
        self._file.store("positions.table", table)
        for name, value in (("zero", 0), ("one", 1)):
            self._file.constant(name, np.array([value], np.int64))
        tokens = self._node("Shape", ["input_ids"], "tokens", start=1, end=2)
        places = self._node("Slice", ["positions.table", "zero", tokens, "zero"], "places")
        places = self._node("Unsqueeze", [places, "zero"], "places.of.a.row")
        norm = "embedding_norm"
        summed = self._node("Add", [rows, places], f"{norm}.in")
        inputs = [summed, *self._norm_weights(norm)]
        attributes = {"epsilon": e.norm_eps, "axis": -1}
        return self._node("LayerNormalization", inputs, f"{norm}.out", **attributes)

    def _norm_weights(self, name: str) -> list[str]:
        names = [f"{name}.weight", f"{name}.bias"]
        for each in names:
            self._file.store(each, self._weights[each])
        return names

    def _add(self, norm: str, x: str, product: str, inner: str, output: str | None = None) -> str:
        """The residual stream after a half of a layer: its last linear layer on `inner`, the sum,
        and the norm of that."""
        change = self._product(product, inner, f"{product}.out")
        inputs = [x, change, *self._norm_weights(norm), self._bias(product)]
        outputs = [output or f"{norm}.out"]
        eps = self._encoder.norm_eps
        return self._contrib("SkipLayerNormalization", inputs, outputs, epsilon=eps)

    def _attention(self, layer: str, x: str) -> str:
        e, product = self._encoder, f"{layer}.qkv"
        qkv = self._product(product, x, f"{product}.out")
        parts = parts_of(product)
        self._nodes.append(helper.make_node("Split", [qkv], parts, axis=-1))
        return self._contrib(
            "MultiHeadAttention",
            [*parts, self._bias(product), "lengths"],
            [f"{layer}.mixed"],
            num_heads=e.num_attention_heads,
            mask_filter_value=_UNSEEN,
        )

    def _mlp(self, layer: str, x: str) -> str:
        product = f"{layer}.up"
        inputs = [self._product(product, x, f"{product}.out"), self._bias(product)]
        active = f"{layer}.active"
        match self._encoder.activation:
            case "gelu":
                # with the error function itself
                return self._contrib("BiasGelu", inputs, [active])
            case "gelu_tanh":
                # the approximation by tanh
                return self._contrib("FastGelu", inputs, [active])
            case "relu":
                return self._node("Relu", [self._node("Add", inputs, f"{product}.in")], active)

    def _bias(self, product: str) -> str:
        parts = [self._weights[f"{part}.bias"] for part in parts_of(product)]
        self._file.store(f"{product}.bias", np.concatenate(parts))
        return f"{product}.bias"

    def _product(self, name: str, x: str, output: str) -> str:
        form = self._encoder.format_of(name, self._recipe)
        if form is not None:
            pieces = [
                quantise(piece, form)
                for part in parts_of(name)
                for piece in self._weights.chunks(f"{part}.weight")
            ]
            return self._rounded_product(name, x, output, join(pieces))
        weight = np.concatenate([self._weights[f"{part}.weight"] for part in parts_of(name)])
        self._file.store(f"{name}.weight", np.ascontiguousarray(weight.T))
        return self._node("MatMul", [x, f"{name}.weight"], output)
