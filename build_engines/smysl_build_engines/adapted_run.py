"""Runs rows of tokens through an adapted graph, each under a state of its own.

For verification: a session with plain feeds and KV memory that is handed on, so that nothing of the
engine that it vouches for takes part but the bank. Judges nothing.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import numpy.typing as npt
import onnxruntime as ort

from smysl_build_engines.decoder import Decoder
from smysl_build_engines.tensors import Float32
from smysl_engines.bank import Bank
from smysl_engines.base import State

Feeds = dict[str, npt.NDArray[Any]]


class Row(msgspec.Struct, frozen=True):
    """A text, and the adapters that its tokens from `since` on see."""

    tokens: tuple[int, ...]
    state: State = ()
    since: int = 0


def run_rows(
    graph: Path, decoder: Decoder, bank: Bank, rows: Sequence[Row], steps: int
) -> list[Float32]:
    """Logits after every token of each row, [tokens, vocabulary].

    Each row's tokens but the last `steps` are computed alone, in two chunks, with only its own
    adapters in place; then all rows decode together. `since` is before the last `steps` tokens.
    """
    session = _Session(graph, decoder, max(len(row.tokens) for row in rows))
    logits: list[list[Float32]] = []
    memory: list[Feeds] = []
    for row in rows:
        prompt = row.tokens[: len(row.tokens) - steps]
        selected = bank.select(bank.names_in([row.state]))
        half = len(prompt) // 2
        past = session.empty()
        parts = []
        for start, end in ((0, half), (half, len(prompt))):
            gates = selected.span(row.state, end - start, row.since - start)
            feeds = {**selected.inputs, **gates}
            part, past = session.step([prompt[start:end]], [start], past, feeds)
            parts.append(part[0])
        logits.append(parts)
        memory.append(past)
    past = {name: np.concatenate([each[name] for each in memory]) for name in memory[0]}
    states = [row.state for row in rows]
    selected = bank.select(bank.names_in(states))
    for step in range(-steps, 0):
        feeds = {**selected.inputs, **selected.gates(states)}
        tokens = [row.tokens[step : len(row.tokens) + step + 1] for row in rows]
        held = [len(row.tokens) + step for row in rows]
        after, past = session.step(tokens, held, past, feeds)
        for parts, each in zip(logits, after, strict=True):
            parts.append(each)
    return [np.concatenate(parts) for parts in logits]


class _Session:
    def __init__(self, graph: Path, decoder: Decoder, room: int) -> None:
        """`room`: positions of KV memory."""
        options = ort.SessionOptions()
        options.log_severity_level = 3
        self._session = ort.InferenceSession(
            str(graph), options, providers=["CPUExecutionProvider"]
        )
        self._decoder = decoder
        self._room = room
        self._caches = [
            f"{what}_{number}" for number in range(len(decoder.layers)) for what in ("key", "value")
        ]

    def empty(self) -> Feeds:
        """KV memory of one row."""
        d = self._decoder
        shape = (1, d.num_key_value_heads, self._room, d.head_dim)
        return {cache: np.zeros(shape, np.float32) for cache in self._caches}

    def step(
        self, tokens: Sequence[Sequence[int]], held: Sequence[int], past: Feeds, feeds: Feeds
    ) -> tuple[Float32, Feeds]:
        """Logits [rows, tokens, vocabulary] and the memory after the tokens; rows hold `held`
        positions before."""
        rows, count = len(tokens), len(tokens[0])
        inputs = {
            "input_ids": np.array(tokens, np.int64),
            "positions": np.tile(np.arange(count, dtype=np.int64)[None, :, None], (rows, 1, 1)),
            "seqlens_k": np.array(held, np.int32) + np.int32(count - 1),
            "total_sequence_length": np.array(max(held) + count, np.int32),
            **{f"past_{name}": array for name, array in past.items()},
            **feeds,
        }
        names = ["logits", *(f"present_{cache}" for cache in self._caches)]
        logits, *present = self._session.run(names, inputs)
        return np.asarray(logits), dict(zip(self._caches, present, strict=True))
