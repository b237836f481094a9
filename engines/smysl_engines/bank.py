"""The adapters of an engine as arrays: those a pass needs side by side, and each token's share of them.

Knows the bank's files, names, weights and token ids; never a session, a row's KV or a call's fate.
What the arrays and gates mean to the graph is described in docs/engines.md.
"""

import math
import os
import threading
import weakref
import zipfile
from collections import OrderedDict
from collections.abc import Sequence
from pathlib import Path
from typing import Literal, Protocol

import numpy as np
import numpy.typing as npt
from numpy.lib.npyio import NpzFile

from smysl_engines.base import BadCall, Mix, State
from smysl_engines.manifest import AdapterEntry, Architecture, CorruptEngine, Width

Float32 = npt.NDArray[np.float32]
Inputs = dict[str, Float32]
"""By the name of the graph's input."""
Kind = Literal["lora", "alora"]

ADAPTED_GRAPH_FILE = "adapted.onnx"
"""The graph with adapter inputs; an engine with a bank has it beside the other."""
ROLES = ("qkv", "o", "gate_up", "down")
"""Products of a layer, in the order the graph computes them."""
KEPT_SETS = 4
"""Sets of several adapters whose arrays stay put together: these are copies."""


class Described(Protocol):
    """What a bank reads of a manifest; an engine that is being built has none yet."""

    @property
    def architecture(self) -> Architecture: ...

    @property
    def adapters(self) -> dict[str, AdapterEntry]: ...


class Bank:
    """The adapters that an engine directory holds. `covering` and `select` belong to one thread; the
    rest to any.

    An adapter's arrays are read when it is first used, and stay. Its file is opened at once: a rebuilt
    engine replaces the folder under a running one.
    """

    def __init__(self, directory: Path, manifest: Described) -> None:
        """Raises `CorruptEngine` for entries that contradict each other."""
        self._directory = directory
        self._layers = manifest.architecture.layers
        self._entries = dict(sorted(manifest.adapters.items()))
        self.widths = self._common_widths()
        """Of every product that some adapter changes, by role."""
        self._files = {name: self._open(entry) for name, entry in self._entries.items()}
        self._reading = threading.Lock()
        self._arrays: dict[str, Inputs] = {}
        self._sets: OrderedDict[tuple[str, ...], Selected] = OrderedDict()

    @property
    def names(self) -> tuple[str, ...]:
        """In order."""
        return tuple(self._entries)

    def kind(self, name: str) -> Kind:
        return self._entries[name].kind

    def invocation(self, name: str) -> tuple[int, ...]:
        """Token ids that an activated adapter sets in at; () for others."""
        return self._entries[name].invocation

    def state(self, adapter: str | Mix | None) -> State:
        """What a call's `adapter` means: () for the base model.

        Parts of weight 0 are left out, parts of one name add up. Raises `BadCall` for a name the
        bank does not have and a weight that is no number.
        """
        if adapter is None:
            return ()
        parts = ((adapter, 1.0),) if isinstance(adapter, str) else adapter.parts
        weights: dict[str, float] = {}
        for name, weight in parts:
            if name not in self._entries:
                known = ", ".join(self._entries) or "none"
                raise BadCall(f"the engine has no adapter {name!r}; it has: {known}")
            weights[name] = weights.get(name, 0.0) + weight
            if not math.isfinite(weights[name]):
                raise BadCall(
                    f"adapter {name!r} has the weight {weights[name]}; give a finite number"
                )
        return tuple(sorted((name, weight) for name, weight in weights.items() if weight))

    def activation(self, prompt: Sequence[int], name: str) -> int:
        """The first token that an adapter sees: 0, or for an activated one the start of the last
        place where its invocation tokens occur, as in PEFT.

        Raises `BadCall` if they do not occur: PEFT would silently answer with the base model.
        """
        invocation = self._entries[name].invocation
        if not invocation:
            return 0
        length = len(invocation)
        for start in range(len(prompt) - length, -1, -1):
            if (
                prompt[start] == invocation[0]
                and tuple(prompt[start : start + length]) == invocation
            ):
                return start
        raise BadCall(
            f"adapter {name!r} sets in at the tokens {list(invocation)}, which the prompt does not "
            "hold. Add them, or give `activation`."
        )

    def since(self, prompt: Sequence[int], state: State, activation: int | None = None) -> int:
        """The first token a state holds for: what the caller gave, else where its adapters set in.

        Raises `BadCall` for a place outside the prompt, and for a mix whose adapters set in at
        different places.
        """
        if activation is not None:
            if not 0 <= activation <= len(prompt):
                raise BadCall(
                    f"activation is {activation}; it is a place in the prompt, which has "
                    f"{len(prompt)} tokens"
                )
            return activation
        places = {name: self.activation(prompt, name) for name, _ in state}
        if len(set(places.values())) > 1:
            where = ", ".join(f"{name} at {place}" for name, place in places.items())
            raise BadCall(
                f"the adapters of the mix set in at different tokens ({where}); give `activation`"
            )
        return next(iter(places.values()), 0)

    def read(self, state: State) -> None:
        """Have the arrays of a state's adapters in memory. Raises `CorruptEngine` for a file that is
        not what the manifest describes."""
        for name, _ in state:
            self._read(name)

    def names_in(self, states: Sequence[State]) -> tuple[str, ...]:
        """The adapters at work in any of these states, in order: what to `select` for them."""
        return tuple(sorted({name for state in states for name, _ in state}))

    def covering(self, names: tuple[str, ...]) -> tuple[str, ...]:
        """What to `select` for these adapters: of the kept sets that hold them the smallest, for a
        few columns more take less time than putting arrays side by side anew; else these."""
        if len(names) < 2 or names in self._sets:
            return names
        wanted = set(names)
        return min((kept for kept in self._sets if wanted.issubset(kept)), key=len, default=names)

    def keeps(self, selected: "Selected") -> bool:
        """Whether it is still kept."""
        return self._sets.get(selected.names) is selected

    def select(self, names: tuple[str, ...]) -> "Selected":
        """These adapters side by side, kept for the last `KEPT_SETS` sets of several.

        Raises `CorruptEngine` for a file that is not what the manifest describes.
        """
        if (selected := self._sets.get(names)) is None:
            selected = self._sets[names] = self._join(names)
            joined = [kept for kept in self._sets if len(kept) > 1]
            if len(joined) > KEPT_SETS:
                del self._sets[joined[0]]
        self._sets.move_to_end(names)
        return selected

    def _join(self, names: tuple[str, ...]) -> "Selected":
        inputs: Inputs = {}
        for role, width in self.widths.items():
            holding = [name for name in names if self._entries[name].ranks.get(role)]
            for layer in range(self._layers):
                product = f"layers.{layer}.{role}"
                for part, shape, axis in (
                    ("a", (width.inputs, 0), 1),
                    ("b", (0, width.outputs), 0),
                ):
                    arrays = [self._read(name)[f"{product}.{part}"] for name in holding]
                    if len(arrays) != 1:
                        arrays = [np.concatenate([np.zeros(shape, np.float32), *arrays], axis)]
                    inputs[f"adapter_{part}.{product}"] = arrays[0]
        ranks = {
            role: [self._entries[name].ranks.get(role, 0) for name in names] for role in self.widths
        }
        return Selected(names, inputs, ranks)

    def _read(self, name: str) -> Inputs:
        with self._reading:
            if name not in self._arrays:
                self._arrays[name] = self._load(name)
            return self._arrays[name]

    def _open(self, entry: AdapterEntry) -> int | None:
        try:
            file = os.open(self._directory / entry.file, os.O_RDONLY)
        except OSError:
            return None
        weakref.finalize(self, os.close, file)
        return file

    def _load(self, name: str) -> Inputs:
        entry = self._entries[name]
        wanted: dict[str, tuple[int, int]] = {}
        for role, rank in entry.ranks.items():
            width = entry.widths[role]
            for layer in range(self._layers):
                wanted[f"layers.{layer}.{role}.a"] = width.inputs, rank
                wanted[f"layers.{layer}.{role}.b"] = rank, width.outputs
        try:
            if (opened := self._files[name]) is None:
                raise self._corrupt(f"{entry.file} cannot be read (it is missing)")
            # numpy leaves a file of its own open if it is damaged
            with os.fdopen(os.dup(opened), "rb") as file:
                file.seek(0)
                stored = np.load(file, allow_pickle=False)
                if not isinstance(stored, NpzFile) or set(stored.files) != set(wanted):
                    raise self._corrupt(f"{entry.file} holds other arrays than it should")
                arrays = {key: stored[key] for key in wanted}
        except (OSError, ValueError, EOFError, NotImplementedError, zipfile.BadZipFile) as error:
            raise self._corrupt(f"{entry.file} cannot be read ({error})") from error
        for key, array in arrays.items():
            if array.dtype != np.float32 or array.shape != wanted[key]:
                raise self._corrupt(
                    f"{key} of {entry.file} is {array.dtype} {list(array.shape)}, not float32 "
                    f"{list(wanted[key])}"
                )
        return {key: np.ascontiguousarray(array) for key, array in arrays.items()}

    def _common_widths(self) -> dict[str, Width]:
        found: dict[str, Width] = {}
        for name, entry in self._entries.items():
            if set(entry.ranks) != set(entry.widths) or set(entry.ranks) - set(ROLES):
                raise self._corrupt(f"adapter {name!r} has ranks of {sorted(entry.ranks)}")
            if (entry.kind == "alora") != bool(entry.invocation):
                raise self._corrupt(f"adapter {name!r} is {entry.kind} with {entry.invocation}")
            for role, width in entry.widths.items():
                if found.setdefault(role, width) != width or entry.ranks[role] < 1:
                    raise self._corrupt(f"adapter {name!r} does not fit the others in {role}")
        return {role: found[role] for role in ROLES if role in found}

    def _corrupt(self, what: str) -> CorruptEngine:
        return CorruptEngine(
            f"engine {self._directory} is damaged: {what}. Rebuild it: smysl build SOURCE --force"
        )


class Selected:
    """Some adapters side by side: columns of every role's rank, in the order of `names`."""

    def __init__(self, names: tuple[str, ...], inputs: Inputs, ranks: dict[str, list[int]]) -> None:
        """`ranks`: of each adapter, by role."""
        self.names = names
        self.inputs = inputs
        """`adapter_a.layers.N.role` [in, rank] and `adapter_b.layers.N.role` [rank, out], float32 and
        C-contiguous; valid as long as this object lives."""
        self._owners = {
            role: np.repeat(np.arange(len(names)), counts) for role, counts in ranks.items()
        }

    def gates(self, states: Sequence[State]) -> Inputs:
        """`gates.role` [rows, 1, rank]: one new token of each row under the row's state."""
        weights = np.stack([self._weights(state) for state in states])
        return {
            f"gates.{role}": np.ascontiguousarray(weights[:, None, owners])
            for role, owners in self._owners.items()
        }

    def span(self, state: State, tokens: int, since: int) -> Inputs:
        """`gates.role` [1, tokens, rank]: tokens of one row, the first `since` of them without
        adapters, the rest under the state."""
        weights = self._weights(state)
        gates = {}
        for role, owners in self._owners.items():
            gate = np.zeros((1, tokens, len(owners)), np.float32)
            gate[:, max(since, 0) :] = weights[owners]
            gates[f"gates.{role}"] = gate
        return gates

    def _weights(self, state: State) -> Float32:
        """[len(names)]"""
        weights = dict(state)
        assert weights.keys() <= set(self.names)
        return np.array([weights.get(name, 0.0) for name in self.names], np.float32)
