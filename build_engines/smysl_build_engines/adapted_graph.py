"""Gives a decoder's graph adapter inputs: to the products some adapter changes, and nothing else.

Knows the graph's names of products; never an adapter. The weights' file stays shared with the graph
it was made from. The inputs are described in docs/engines.md.
"""

from collections.abc import Mapping

from onnx import ModelProto, NodeProto, TensorProto, ValueInfoProto, helper

from smysl_engines.manifest import Width


def adapted(model: ModelProto, widths: Mapping[str, Width], layers: int) -> ModelProto:
    """A copy of the graph in which y = product(x), with its bias, is y + ((x @ a) * gates) @ b.

    `widths`: of the products to change, by role.
    """
    changed = ModelProto()
    changed.CopyFrom(model)
    graph = changed.graph
    makers = {output: node for node in graph.node for output in node.output}
    after: dict[str, list[NodeProto]] = {}
    for layer in range(layers):
        for role in widths:
            product = f"layers.{layer}.{role}"
            first = makers[f"{product}.out"]
            # after the bias, so that the runtime can fuse it as it does without adapters: a row of
            # none then gets the same to the last bit
            last = makers.get(f"{product}.biased", first)
            change = _change(product, first.input[0], last)
            after[last.output[0]] = change
    nodes = [each for node in graph.node for each in (node, *after.get(node.output[0], []))]
    del graph.node[:]
    graph.node.extend(nodes)
    graph.input.extend(_inputs(widths, layers))
    return changed


def _change(product: str, x: str, last: NodeProto) -> list[NodeProto]:
    """The nodes after a product's last, whose own result gets another name."""
    result, role = last.output[0], product.rsplit(".", 1)[1]
    last.output[0] = f"{result}.plain"
    low, gated, change = (f"{product}.{each}" for each in ("low", "gated", "change"))
    return [
        helper.make_node("MatMul", [x, f"adapter_a.{product}"], [low]),
        helper.make_node("Mul", [low, f"gates.{role}"], [gated]),
        helper.make_node("MatMul", [gated, f"adapter_b.{product}"], [change]),
        helper.make_node("Add", [last.output[0], change], [result]),
    ]


def _inputs(widths: Mapping[str, Width], layers: int) -> list[ValueInfoProto]:
    real, inputs = TensorProto.FLOAT, list[ValueInfoProto]()
    for role, width in widths.items():
        rank = f"rank_{role}"
        gates = ["rows", "tokens", rank]
        inputs.append(helper.make_tensor_value_info(f"gates.{role}", real, gates))
        for layer in range(layers):
            product = f"layers.{layer}.{role}"
            a: list[str | int | None] = [width.inputs, rank]
            b: list[str | int | None] = [rank, width.outputs]
            inputs.append(helper.make_tensor_value_info(f"adapter_a.{product}", real, a))
            inputs.append(helper.make_tensor_value_info(f"adapter_b.{product}", real, b))
    return inputs
