"""What builders of graphs share: nodes that grow in order, and products of rounded weights.

Knows ONNX and MatMulNBits; never an architecture.
"""

from collections.abc import Sequence
from typing import Any

from onnx import NodeProto, helper

from smysl_build_engines.quantise import Quantised
from smysl_build_engines.weights_file import WeightsFile

CONTRIB = "com.microsoft"
_INT8_ACTIVATIONS = 4
"""MatMulNBits accuracy level: activations are rounded to int8 per block before the product."""


class GraphBuilder:
    """Grows one graph; every method adds nodes and returns the name of its result."""

    def __init__(self, output: WeightsFile) -> None:
        self._file = output
        self._nodes: list[NodeProto] = []

    def _node(self, kind: str, inputs: Sequence[str], output: str, **attributes: Any) -> str:
        self._nodes.append(helper.make_node(kind, inputs, [output], **attributes))
        return output

    def _contrib(
        self, kind: str, inputs: Sequence[str], outputs: Sequence[str], **attributes: Any
    ) -> str:
        node = helper.make_node(kind, inputs, outputs, domain=CONTRIB, **attributes)
        self._nodes.append(node)
        return outputs[0]

    def _rounded_product(self, name: str, x: str, output: str, stored: Quantised) -> str:
        """x [..., in] times a weight [out, in] in blocks."""
        inputs = [x, f"{name}.codes", f"{name}.scales"]
        self._file.store(f"{name}.codes", stored.codes)
        self._file.store(f"{name}.scales", stored.scales)
        if stored.zeros is not None:
            inputs.append(f"{name}.zeros")
            self._file.store(f"{name}.zeros", stored.zeros)
        return self._contrib(
            "MatMulNBits",
            inputs,
            [output],
            K=stored.width,
            N=len(stored.codes),
            bits=stored.format.bits,
            block_size=stored.format.block,
            accuracy_level=_INT8_ACTIVATIONS,
        )
