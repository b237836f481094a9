"""Measures an engine under each adapter of its bank against the float32 reference.

The reference computes with whole merged weights, the engine with low-rank arrays beside its own:
they agree only if layout, scaling, gates and places are right. Knows logits; judges as `verify` does.
"""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import msgspec
import numpy as np

from smysl_build_engines.adapted_run import Row, run_rows
from smysl_build_engines.decoder import Decoder
from smysl_build_engines.diagnose import beside, first_diverged, unrounded
from smysl_build_engines.errors import VerificationFailed
from smysl_build_engines.families.table import layer_of
from smysl_build_engines.low_rank import Adapter, Changes, Merged, scaled
from smysl_build_engines.padding import Padded, pad_change
from smysl_build_engines.quantise import Precision
from smysl_build_engines.reference import Reference
from smysl_build_engines.stored import as_stored
from smysl_build_engines.tensors import Float32, Tensors
from smysl_build_engines.verify import compare, judge
from smysl_engines.bank import Bank
from smysl_engines.base import State
from smysl_engines.manifest import Verification

PROMPT_TOKENS = 24
DECODING_STEPS = 6
MIX = (0.75, -0.5)
"""Weights of the first adapters in the row that mixes them."""


def verify_adapters(
    graph: Path,
    bank: Bank,
    adapters: Sequence[Adapter],
    checkpointed: Decoder,
    model: Padded,
    context: int,
    precision: Precision,
) -> dict[str, Verification]:
    """What each adapter's row measured, by name. A row of the base model and one of a mix run in the
    same batch, and must be right too.

    `graph`: with adapter inputs; `checkpointed`: the shapes of the adapters, `model`: of the graph.
    Raises `VerificationFailed`.
    """
    changes = {
        adapter.name: {
            name: pad_change(checkpointed, model.decoder, name, change)
            for name, change in adapter.changes.items()
        }
        for adapter in adapters
    }
    rows = _rows(bank, context, model.decoder.vocab_size)
    measured = run_rows(graph, model.decoder, bank, rows, DECODING_STEPS)
    stored = as_stored(graph, model.decoder, model.weights)
    rounded = stored.weights is not model.weights
    exact: list[Float32] | None = None
    if rounded:
        with beside(graph, unrounded(graph)) as path:
            exact = run_rows(path, model.decoder, bank, rows, DECODING_STEPS)
    expected = original = _logits(stored.decoder, stored.weights, changes, rows)
    if rounded:
        original = _logits(model.decoder, model.weights, changes, rows)
    results: dict[str, Verification] = {}
    for number, row in enumerate(rows):
        result = compare(measured[number], expected[number], original[number])
        if exact is not None:
            against = expected[number], original[number]
            difference = compare(exact[number], *against).relative_difference
            result = msgspec.structs.replace(result, exact_difference=difference)
        if failure := judge(result, precision):
            selected = bank.select(bank.names_in([row.state]))
            gates = selected.span(row.state, len(row.tokens), row.since)
            reference = _reference(stored.decoder, stored.weights, changes, row)
            where = first_diverged(graph, reference, row.tokens, {**selected.inputs, **gates})
            raise VerificationFailed(
                f"the built {precision} engine under {_describe(row.state)} is {failure}, beginning "
                f"with {where}. Nothing was published. This is a bug of the build or the runtime: "
                "please report it."
            )
        if len(row.state) == 1 and row.state[0][1] == 1:
            results[row.state[0][0]] = result
    return results


def _rows(bank: Bank, context: int, vocabulary: int) -> list[Row]:
    """Random prompts under the base model, each adapter and a mix. An activated adapter's invocation
    stands in the middle of its prompt."""
    longest = max(len(bank.invocation(name)) for name in bank.names)
    length = min(max(PROMPT_TOKENS, longest + 4), context - DECODING_STEPS)
    if length < longest + 2:
        raise VerificationFailed(
            f"a context of {context} is too small to verify adapters with an invocation of {longest} "
            f"tokens; at least {longest + 2 + DECODING_STEPS} are needed"
        )
    random = np.random.default_rng(20261124)
    states: list[State] = [(), *(((name, 1.0),) for name in bank.names)]
    states.append(tuple(zip(bank.names, MIX, strict=False)))
    rows = []
    for state in states:
        tokens = random.integers(0, vocabulary, length + DECODING_STEPS).tolist()
        invocation = bank.invocation(state[0][0]) if len(state) == 1 else ()
        middle = (length - len(invocation)) // 2
        tokens[middle : middle + len(invocation)] = invocation
        prompt = tokens[:length]
        since = bank.activation(prompt, state[0][0]) if invocation else 0
        rows.append(Row(tuple(tokens), state, since))
    return rows


def _logits(
    decoder: Decoder, weights: Tensors, changes: Mapping[str, Changes], rows: Sequence[Row]
) -> list[Float32]:
    """[tokens, vocabulary] of each row; each layer's weights are read once for all of them."""
    shared = _LayerAtATime(weights)
    references = [_reference(decoder, shared, changes, row) for row in rows]
    pairs = list(zip(references, rows, strict=True))
    states = [reference.embed([row.tokens])[0] for reference, row in pairs]
    for number in range(len(decoder.layers)):
        states = [r.block(number).forward(s) for r, s in zip(references, states, strict=True)]
    return [r.finish([s])[0].logits for r, s in zip(references, states, strict=True)]


def _reference(
    decoder: Decoder, weights: Tensors, changes: Mapping[str, Changes], row: Row
) -> Reference:
    adapted = weights
    for name, weight in row.state:
        adapted = Merged(adapted, scaled(changes[name], weight))
    return Reference(decoder, weights, adapted if row.state else None, row.since)


class _LayerAtATime(Tensors):
    """Tensors that are kept until one of another layer is asked for; to be read, not changed."""

    def __init__(self, weights: Tensors) -> None:
        self._weights = weights
        self._layer = ""
        self._kept: dict[str, Float32] = {}

    def __iter__(self) -> Iterator[str]:
        return iter(self._weights)

    def __len__(self) -> int:
        return len(self._weights)

    def shape(self, name: str) -> tuple[int, ...]:
        return self._weights.shape(name)

    def rows(self, name: str, start: int, stop: int) -> Float32:
        if (layer := layer_of(name)) != self._layer:
            self._layer = layer
            self._kept.clear()
        if name not in self._kept:
            self._kept[name] = self._weights[name]
        return self._kept[name][start:stop]


def _describe(state: State) -> str:
    if not state:
        return "no adapter"
    return " and ".join(f"{weight:g} of {name}" for name, weight in state)
