"""Makes a second graph for passes of many tokens: int8 weights with one scale a column.

Where many tokens share a pass, arithmetic is the limit and not the reading of weights. ONNX Runtime's
product of two int8 matrices does twice as much of it as the one over blocks of 4 or 8 bits, which must
unpack them first. Inputs are rounded to int8 by the largest of each token (dynamic quantisation, as in
LLM.int8(); Dettmers et al., 2022, without its outlier columns). Knows the graph's names of products;
never a session or when the graph is used.
"""

from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from onnx import ModelProto, NodeProto, TensorProto, helper, load_model, numpy_helper, save_model

from smysl_build_engines.decoder import Decoder
from smysl_build_engines.quantise import Float32
from smysl_build_engines.recipe import product_shape, products, weights_of
from smysl_build_engines.tensors import Tensors
from smysl_build_engines.weights_file import WeightsFile
from smysl_engines.onnx_model import GRAPH_FILE, WIDE_GRAPH_FILE, WIDE_WEIGHTS_FILE

_CONTRIB = "com.microsoft"
_LARGEST = 127


def write_wide(decoder: Decoder, weights: Tensors, folder: Path) -> None:
    """Write `WIDE_GRAPH_FILE` and `WIDE_WEIGHTS_FILE` beside the graph of a quantised engine; all but
    the products' weights stays shared with it.
    """
    model = load_model(folder / GRAPH_FILE, load_external_data=False)
    with (folder / WIDE_WEIGHTS_FILE).open("wb") as file:
        output = WeightsFile(file, WIDE_WEIGHTS_FILE)
        for product in products(decoder):
            codes, scales = columns(product, decoder, weights)
            halves = _halves(product)
            for half, part in enumerate(np.split(codes, halves, axis=1)):
                output.store(f"{product}.wide.{half}", part)
            for half, some in enumerate(np.split(scales, halves)):
                output.store(f"{product}.wide_scales.{half}", some)
    save_model(widened(model, output.tensors), folder / WIDE_GRAPH_FILE)


def columns(
    product: str, decoder: Decoder, weights: Tensors
) -> tuple[npt.NDArray[np.int8], Float32]:
    """A product's weight as codes [in, out] and the scale of each column [out]."""
    rows, width = product_shape(product, decoder)
    codes = np.empty((width, rows), np.int8)
    scales = np.empty(rows, np.float32)
    start = 0
    for tensor in weights_of(product, decoder):
        for piece in weights.chunks(tensor):
            end = start + len(piece)
            scale = np.abs(piece).max(axis=1) / np.float32(_LARGEST)
            scales[start:end] = scale
            safe = np.where(scale > 0, scale, np.float32(1))
            codes[:, start:end] = np.rint(piece / safe[:, None]).T
            start = end
    return codes, scales


def _halves(product: str) -> int:
    """Products of one input that are computed apart, because what reads them wants them apart."""
    return 2 if product.endswith(".gate_up") else 1


def widened(model: ModelProto, tensors: list[TensorProto]) -> ModelProto:
    """The graph with its rounded products replaced; `tensors` are the new ones' weights."""
    graph, nodes, gone = model.graph, list[NodeProto](), set[str]()
    readers = {name: node for node in graph.node for name in node.input}
    lacking: dict[str, str] = {}
    """Values that each token's scale has yet to be multiplied to, and that scale."""
    for node in graph.node:
        if node.op_type == "MatMulNBits":
            name = node.input[1].removesuffix(".codes")
            gone.update(node.input[1:])
            split = readers.get(node.output[0])
            if _halves(name) == 2 and split is not None and split.op_type == "Split":
                # the half that is bent gets its scale now; the other's passes through their product,
                # and out of what is rounded next, because that is rounded in units of its largest
                gate, up = split.output
                nodes += [*_rounded(node.input[0], name), *_codes(name, 0, f"{gate}.unscaled")]
                nodes += [
                    *_codes(name, 1, up),
                    _scaled(f"{gate}.unscaled", f"{name}.largest", gate),
                ]
                lacking[up] = f"{name}.largest"
            else:
                nodes += _product(node, name, lacking.get(node.input[0]))
        elif node.op_type == "Split" and node.output[1] in lacking:
            continue
        else:
            nodes.append(node)
            if node.op_type == "Mul" and (found := lacking.keys() & set(node.input)):
                lacking[node.output[0]] = lacking[found.pop()]
    kept = [tensor for tensor in graph.initializer if tensor.name not in gone]
    constants: dict[str, npt.NDArray[Any]] = {
        "wide.unit": np.array(1 / _LARGEST, np.float32),
        "wide.zero": np.array(128, np.uint8),
        "wide.tiny": np.array(np.finfo(np.float32).tiny, np.float32),
        "wide.weight_zero": np.array(0, np.int8),
    }
    kept += [numpy_helper.from_array(value, name) for name, value in constants.items()]
    del graph.node[:], graph.initializer[:]
    graph.node.extend(nodes)
    graph.initializer.extend([*kept, *tensors])
    return model


def _product(node: NodeProto, name: str, lacking: str | None) -> list[NodeProto]:
    """`lacking`: a scale of each token that the input should have been multiplied by."""
    largest, halves = f"{name}.largest", _halves(name)
    nodes = _rounded(node.input[0], name)
    if lacking is not None:
        nodes.append(_scaled(largest, lacking, f"{largest}.whole"))
        largest = f"{largest}.whole"
    for half in range(halves):
        nodes += _codes(name, half, f"{name}.product.{half}")
    product = f"{name}.product.0"
    if halves > 1:
        parts = [f"{name}.product.{half}" for half in range(halves)]
        product = f"{name}.product"
        nodes.append(helper.make_node("Concat", parts, [product], axis=-1))
    return [*nodes, _scaled(product, largest, node.output[0])]


def _rounded(x: str, name: str) -> list[NodeProto]:
    """x in units of each token's largest value, as int8."""
    size, largest, unit = (f"{name}.{part}" for part in ("sizes", "largest", "units"))
    return [
        helper.make_node("Abs", [x], [size]),
        helper.make_node("ReduceMax", [size], [f"{largest}.raw"], axes=[-1], keepdims=1),
        helper.make_node("Max", [f"{largest}.raw", "wide.tiny"], [largest]),
        helper.make_node("Div", [x, largest], [unit]),
        helper.make_node("QuantizeLinear", [unit, "wide.unit", "wide.zero"], [f"{name}.rounded"]),
    ]


def _codes(name: str, half: int, result: str) -> list[NodeProto]:
    """The rounded input times the codes, in units of each token's largest value."""
    inputs = [f"{name}.rounded", f"{name}.wide.{half}", "wide.unit", f"{name}.wide_scales.{half}"]
    inputs += ["wide.zero", "wide.weight_zero"]
    return [helper.make_node("MatMulIntegerToFloat", inputs, [result], domain=_CONTRIB)]


def _scaled(x: str, scale: str, result: str) -> NodeProto:
    return helper.make_node("Mul", [x, scale], [result])
