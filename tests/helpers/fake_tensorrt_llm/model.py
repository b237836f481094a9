"""The model that the fake runs: the float32 reference, token by token over kept keys and values.

Adapters are merged into weights of their own, read from the folder a request names. Knows arrays; never
a request.
"""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import numpy as np

from smysl_build_engines.adapters import merge
from smysl_build_engines.checkpoint import open_checkpoint
from smysl_build_engines.decoder import Decoder
from smysl_build_engines.peft_folder import open_adapter
from smysl_build_engines.reference import Block, Reference
from smysl_build_engines.rotary import Rope, tables
from smysl_build_engines.tensors import Float32, Tensors

KEPT = 64
"""Texts whose keys and values stay for the next one that begins so."""


class Text:
    """Tokens read so far, and their keys and values: per layer [tokens, heads, head size]."""

    def __init__(self, layers: int) -> None:
        self.tokens: list[int] = []
        self.keys: list[Float32 | None] = [None] * layers
        self.values: list[Float32 | None] = [None] * layers

    def beginning(self, count: int) -> "Text":
        """The first tokens of it, as a text of their own."""
        other = Text(len(self.keys))
        other.tokens = self.tokens[:count]
        other.keys = [None if k is None else k[:count] for k in self.keys]
        other.values = [None if v is None else v[:count] for v in self.values]
        return other


class Weights:
    """One set of weights: the base's, or an adapter's merged."""

    def __init__(self, decoder: Decoder, tensors: Mapping[str, Float32]) -> None:
        held = {name: tensors[name] for name in tensors}
        self._decoder = decoder
        self._reference = Reference(decoder, _Held(held))
        self._blocks = []
        for number in range(len(decoder.layers)):
            start = f"layers.{number}."
            own = {n.removeprefix(start): held[n] for n in held if n.startswith(start)}
            self._blocks.append(Block(decoder, number, own))

    def text(self) -> Text:
        return Text(len(self._blocks))

    def read(self, text: Text, tokens: Sequence[int]) -> Float32:
        """Go on with the text; logits after each token, [tokens, vocabulary]."""
        state = self._reference.embed([tokens])[0]
        for number, block in enumerate(self._blocks):
            inner = self._attend(block, number, block.enter("attention", state), text)
            state = block.add("attention", state, inner)
            state = block.add("mlp", state, block.activate(block.enter("mlp", state)))
        text.tokens += tokens
        return self._reference.finish([state])[0].logits

    def _attend(self, block: Block, number: int, x: Float32, text: Text) -> Float32:
        d, count, past = self._decoder, len(x), len(text.tokens)
        linear = block.weights
        queries = (x @ linear["q.weight"].T).reshape(count, d.num_attention_heads, -1)
        keys = (x @ linear["k.weight"].T).reshape(count, d.num_key_value_heads, -1)
        values = (x @ linear["v.weight"].T).reshape(count, d.num_key_value_heads, -1)
        if (rope := d.layers[number].rope) is not None:
            queries, keys = (_rotate(each, d.ropes[rope], past) for each in (queries, keys))
        known_keys, known_values = text.keys[number], text.values[number]
        if known_keys is not None and known_values is not None:
            keys = np.concatenate((known_keys, keys))
            values = np.concatenate((known_values, values))
        text.keys[number], text.values[number] = keys, values
        shared_by = d.num_attention_heads // d.num_key_value_heads
        keys, values = keys.repeat(shared_by, axis=1), values.repeat(shared_by, axis=1)
        scores = queries.transpose(1, 0, 2) @ keys.transpose(1, 2, 0)
        scores = scores * np.float32(d.attention_scale)
        seen = np.arange(past, past + count)[:, None] >= np.arange(past + count)
        scores = np.where(seen, scores, np.float32(-np.inf))
        odds = np.exp(scores - scores.max(axis=-1, keepdims=True))
        mixed = (odds / odds.sum(axis=-1, keepdims=True)) @ values.transpose(1, 0, 2)
        return np.ascontiguousarray(mixed.transpose(1, 0, 2)).reshape(count, -1)


class FakeModel:
    """A checkpoint, adapters as they are asked for, and what is kept of texts."""

    def __init__(self, folder: Path) -> None:
        self._checkpoint = open_checkpoint(folder)
        self.decoder = self._checkpoint.config
        base = Weights(self.decoder, self._checkpoint.weights)
        self._weights: dict[int, Weights] = {0: base}
        """By the integer that an adapter is known by: another folder under the same one is not seen."""
        self._kept: dict[tuple[int, str | None], list[Text]] = {}

    def weights(self, lora: int, name: str, folder: str, most: int) -> Weights:
        """Raises `ValueError` for an adapter of a higher rank than was planned for."""
        if lora not in self._weights:
            adapter = open_adapter(name, Path(folder), self._checkpoint)
            rank = max(change.a.shape[0] for change in adapter.changes.values())
            if rank > most:
                raise ValueError(f"LoRA rank {rank} is greater than max_lora_rank {most}")
            merged = merge(self._checkpoint, adapter)
            self._weights[lora] = Weights(self.decoder, merged.weights)
        return self._weights[lora]

    def base(self) -> Weights:
        return self._weights[0]

    def begin(self, lora: int, salt: str | None, prompt: Sequence[int], blank: Text) -> Text:
        """The longest kept beginning of the prompt under the same adapter and salt, less its end."""
        best, known = 0, blank
        for text in self._kept.get((lora, salt), []):
            count = 0
            for a, b in zip(prompt[:-1], text.tokens, strict=False):
                if a != b:
                    break
                count += 1
            if count > best:
                best, known = count, text
        return known.beginning(best)

    def keep(self, lora: int, salt: str | None, text: Text) -> None:
        kept = self._kept.setdefault((lora, salt), [])
        kept.append(text)
        del kept[:-KEPT]


class _Held(Tensors):
    """Kept in memory."""

    def __init__(self, held: Mapping[str, Float32]) -> None:
        self._held = held

    def __iter__(self) -> Iterator[str]:
        return iter(self._held)

    def __len__(self) -> int:
        return len(self._held)

    def shape(self, name: str) -> tuple[int, ...]:
        return self._held[name].shape

    def rows(self, name: str, start: int, stop: int) -> Float32:
        return self._held[name][start:stop]


def _rotate(x: Float32, rope: Rope, past: int) -> Float32:
    cos, sin = (table[past:, None, :] for table in tables(rope, past + len(x)))
    turned, rest = x[..., : rope.features], x[..., rope.features :]
    first, second = np.split(turned, 2, axis=-1)
    return np.concatenate((first * cos - second * sin, second * cos + first * sin, rest), axis=-1)
