"""Builds the attention of a decoder's layers, as one operator or, where one token a row is computed, in the open.

ONNX Runtime's GroupQueryAttention reads the keys once for every query head, one small product after the other. In
the open all heads that share keys are the rows of one product over them, which is twice to three times as fast for
one token a row; a longer piece of a prompt is better off in the operator, which skips what no token sees. So the
open form has both, and chooses by the number of tokens. It costs a dozen small nodes a layer, which a small model has
no use for, and it computes every row up to the length of the memory that is bound, so that has to be near what
the rows hold (`smysl_engines.rows`). Both forms have the same inputs and outputs.
Knows ONNX; never a weight.
"""

import numpy as np
from onnx import TensorProto, helper

from smysl_build_engines.decoder import Decoder
from smysl_build_engines.graph_builder import GraphBuilder
from smysl_build_engines.rotary import tables
from smysl_build_engines.weights_file import WeightsFile
from smysl_engines.manifest import Attention

_HIDDEN = np.finfo(np.float32).min
"""A score that softmax makes 0, and that may be added to."""


class AttentionBuilder(GraphBuilder):
    """Grows a graph that has attention in one of the two forms."""

    def __init__(
        self, decoder: Decoder, form: Attention, context: int, output: WeightsFile
    ) -> None:
        super().__init__(output)
        self._decoder = decoder
        self._form = form
        self._context = context
        self._biases: dict[int | None, str] = {}
        """Of the open form: what is added to the scores of a layer with such a window."""

    def _attention_constants(self) -> None:
        d = self._decoder
        for number, rope in enumerate(d.ropes):
            cos, sin = tables(rope, self._context)
            self._file.store(f"rotary.{number}.cos", cos)
            self._file.store(f"rotary.{number}.sin", sin)
        queries, keys = (d.widths[part][0] for part in "qk")
        if d.qk_norm or self._form == "open":
            self._file.constant("qkv.widths", np.array([queries, keys, keys], np.int64))
            self._file.constant("heads.apart", np.array([0, 0, -1, d.head_dim], np.int64))
            self._file.constant("heads.joined", np.array([0, 0, -1], np.int64))
        if self._form == "open":
            self._open_constants(queries, keys)

    def _mixed(self, name: str, number: int, parts: list[str]) -> str:
        """[rows, tokens, heads * head size]: what each token takes from those it sees. `parts`: the layer's queries,
        keys and values side by side in one array, or in three."""
        if self._form == "open":
            return self._either(name, number, parts)
        memory = [f"present_key_{number}", f"present_value_{number}"]
        return self._fused(name, number, parts, memory)

    def _fused(
        self, name: str, number: int, parts: list[str], memory: list[str], bias: str = ""
    ) -> str:
        d, layer = self._decoder, self._decoder.layers[number]
        inputs = [*parts, *[""] * (3 - len(parts)), f"past_key_{number}", f"past_value_{number}"]
        inputs += ["seqlens_k", "total_sequence_length"]
        if layer.rope is not None:
            inputs += [f"rotary.{layer.rope}.cos", f"rotary.{layer.rope}.sin"]
        return self._contrib(
            "GroupQueryAttention",
            inputs,
            [f"{name}.mixed", *memory],
            num_heads=d.num_attention_heads,
            kv_num_heads=d.num_key_value_heads,
            do_rotary=int(layer.rope is not None),
            scale=d.attention_scale,
            softcap=d.attention_softcap or 0.0,
            local_window_size=-1 if layer.window is None else layer.window,
        )

    def _open_constants(self, queries: int, keys: int) -> None:
        """And what every layer shares: where each row's token stands and is written, and what it sees."""
        d, constant, node = self._decoder, self._file.constant, self._node
        heads, shared = d.num_attention_heads, d.num_key_value_heads
        whole = {
            "qkv.rotated": [queries + keys, keys],
            "qk.widths": [queries, keys],
            # heads that share keys are the rows of one product
            "heads.grouped": [0, shared, heads // shared, d.head_dim],
            "heads.flat": [0, 1, heads * d.head_dim],
            "axes.first": [0],
            "axes.row": [1],
            "axes.place": [1, 2, 3],
            "kv.heads": [1, shared, 1],
        }
        for name, values in whole.items():
            constant(name, np.array(values, np.int64))
        for number in range(3):
            constant(f"number.{number}", np.array(number, np.int64))
        constant("score.hidden", np.array(_HIDDEN, np.float32))
        constant("score.seen", np.array(0, np.float32))
        constant("kv.numbers", np.arange(shared, dtype=np.int64)[None, None, :, None])

        asked = node("Shape", ["input_ids"], "asked.shape")
        rows = node("Gather", [asked, "number.0"], "asked.rows", axis=0)
        tokens = node("Gather", [asked, "number.1"], "asked.tokens", axis=0)
        node("Equal", [tokens, "number.1"], "asked.single")
        last = node("Cast", ["seqlens_k"], "places.last", to=TensorProto.INT64)
        node("Unsqueeze", [last, "axes.row"], "places")
        apart = node("Unsqueeze", [last, "axes.place"], "places.apart")

        # [rows, 1, kv heads, 3]: where a token's keys and values are written
        per_row = node("Unsqueeze", [rows, "axes.first"], "written.rows.count")
        shape = node("Concat", [per_row, "kv.heads"], "written.shape", axis=0)
        numbers = node("Range", ["number.0", rows, "number.1"], "written.rows.numbers")
        numbers = node("Unsqueeze", [numbers, "axes.place"], "written.rows.apart")
        parts = {"rows": numbers, "heads": "kv.numbers", "places": apart}
        wide = [node("Expand", [part, shape], f"written.{of}") for of, part in parts.items()]
        node("Concat", wide, "written", axis=3)

        memory = node("Shape", ["past_key_0"], "memory.shape")
        length = node("Gather", [memory, "number.2"], "memory.length", axis=0)
        node("Range", ["number.0", length, "number.1"], "memory.places")
        node("LessOrEqual", ["memory.places", "places.apart"], "memory.seen")

    def _bias(self, window: int | None) -> str:
        """[rows, 1, 1, memory]: 0 where a row's token sees a place."""
        if window not in self._biases:
            seen, name = "memory.seen", "bias"
            if window is not None:
                name = f"bias.{window}"
                self._file.constant(f"{name}.window", np.array(window, np.int64))
                start = self._node("Sub", ["places.apart", f"{name}.window"], f"{name}.start")
                near = self._node("Greater", ["memory.places", start], f"{name}.near")
                seen = self._node("And", [seen, near], f"{name}.seen")
            self._biases[window] = self._node("Where", [seen, "score.seen", "score.hidden"], name)
        return self._biases[window]

    def _either(self, name: str, number: int, parts: list[str]) -> str:
        """In the open for one token a row, else by the operator."""
        bias = self._bias(self._decoder.layers[number].window)
        branches = {}
        for branch, mix in (("then", self._open), ("else", self._fused)):
            before, self._nodes = self._nodes, []
            memory = [f"{name}.{branch}.key", f"{name}.{branch}.value"]
            mixed = mix(f"{name}.{branch}", number, parts, memory, bias)
            outputs = [
                helper.make_tensor_value_info(each, TensorProto.FLOAT, None)
                for each in (mixed, *memory)
            ]
            graph = helper.make_graph(self._nodes, f"{name}.{branch}", [], outputs)
            branches[f"{branch}_branch"], self._nodes = graph, before
        results = [f"{name}.mixed", f"present_key_{number}", f"present_value_{number}"]
        self._nodes.append(helper.make_node("If", ["asked.single"], results, **branches))
        return results[0]

    def _open(self, name: str, number: int, parts: list[str], memory: list[str], bias: str) -> str:
        d, layer, node = self._decoder, self._decoder.layers[number], self._node
        queries, *new = self._rotated(name, layer.rope, parts)
        for what, one, present in zip(("key", "value"), new, memory, strict=True):
            apart = node("Reshape", [one, "heads.apart"], f"{name}.{what}.heads")
            # in place where both are bound to the same memory
            node("ScatterND", [f"past_{what}_{number}", "written", apart], present)
        grouped = node("Reshape", [queries, "heads.grouped"], f"{name}.queries.grouped")
        scores = self._contrib(
            "FusedMatMul",
            [grouped, memory[0]],
            [f"{name}.scores"],
            transB=1,
            alpha=d.attention_scale,
        )
        if d.attention_softcap is not None:
            scores = self._softcapped(scores, d.attention_softcap)
        scores = node("Add", [scores, bias], f"{name}.scores.seen")
        shares = node("Softmax", [scores], f"{name}.shares", axis=-1)
        mixed = node("MatMul", [shares, memory[1]], f"{name}.mixed.grouped")
        return node("Reshape", [mixed, "heads.flat"], f"{name}.mixed")

    def _rotated(self, name: str, rope: int | None, parts: list[str]) -> list[str]:
        """Queries and keys turned by their places, and the values."""
        d = self._decoder
        heads, shared = d.num_attention_heads, d.num_key_value_heads
        if len(parts) == 1:
            # one turn for both
            two = [f"{name}.qk", f"{name}.v"]
            self._split(parts[0], "qkv.rotated", two)
            three = [f"{name}.queries", f"{name}.keys"]
            turned = self._turned(name, two[0], rope, heads + shared)
            self._split(turned, "qk.widths", three)
            return [*three, two[1]]
        queries, keys, values = parts
        queries = self._turned(f"{name}.q", queries, rope, heads)
        return [queries, self._turned(f"{name}.k", keys, rope, shared), values]

    def _split(self, x: str, widths: str, parts: list[str]) -> None:
        self._nodes.append(helper.make_node("Split", [x, widths], parts, axis=-1))

    def _turned(self, name: str, x: str, rope: int | None, heads: int) -> str:
        if rope is None:
            return x
        features = self._decoder.ropes[rope].features
        return self._contrib(
            "RotaryEmbedding",
            [x, "places", f"rotary.{rope}.cos", f"rotary.{rope}.sin"],
            [f"{name}.turned"],
            num_heads=heads,
            rotary_embedding_dim=features if features < self._decoder.head_dim else 0,
        )

    def _softcapped(self, x: str, cap: float) -> str:
        name = f"{x}.cap"
        self._file.constant(name, np.array(cap, np.float32))
        bent = self._node("Tanh", [self._node("Div", [x, name], f"{x}.relative")], f"{x}.bent")
        return self._node("Mul", [bent, name], f"{x}.capped")
