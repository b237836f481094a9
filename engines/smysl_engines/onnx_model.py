"""The forward pass of an engine directory on ONNX Runtime, over KV memory in rows and pages.

Knows the graph's inputs and outputs and where keys and values lie; who is computed when, and what is
kept, is decided by others.
"""

import re
from collections import OrderedDict
from collections.abc import Callable, Hashable, Sequence
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import numpy.typing as npt
import onnxruntime as ort

from smysl_engines.bank import ADAPTED_GRAPH_FILE, Bank, Selected
from smysl_engines.base import EngineError, State
from smysl_engines.manifest import Architecture
from smysl_engines.prefix_tree import BLOCK
from smysl_engines.rows import Rows, Shape, arena_lengths
from smysl_engines.sampling import Logits

Arrays = dict[str, npt.NDArray[Any]]
Names = tuple[str, ...]
"""Adapters at work in a pass, in order."""
_RowKey = tuple[bool, int, int, int, int, Names]
"""A pass over one row: whether for embeddings, the arena's length, the place there, tokens, logits and adapters."""
Float32 = npt.NDArray[np.float32]
Key = TypeVar("Key", bound=Hashable)

GRAPH_FILE = "model.onnx"
WEIGHTS_FILE = "weights.bin"
WIDE_GRAPH_FILE = "wide.onnx"
"""A second graph, for passes of many tokens; an engine may have it beside the other."""
WIDE_WEIGHTS_FILE = "wide.bin"
WIDE_ROWS = 12
"""Rows that decode together from which on the wide graph is faster: it does more arithmetic in the
same time, and reads more weights."""
WIDE_ROWS_AMX = 6
"""The same for a CPU that multiplies int8 matrices in tiles (AMX), which the narrow graph's products do not use."""
_CPU = Path("/proc/cpuinfo")
_WIDE_FLAGS = frozenset({"avx512_vnni", "avx_vnni"})
WIDE_TOKENS = 16
"""The same for the tokens of one row."""
ONE_THREAD_BYTES = 64_000_000
"""Up to this size of weights one thread is faster: a product is over before a second one has woken.
"""
KV_BYTES = 1 << 30
"""Of rows and pages together, unless one context takes more."""
KEPT_BINDINGS = 128
_READ_FOR_SCORES = 3
"""A pass reads weights in the time in which attention in the open goes over a third as many bytes of keys and values.
"""


def kv_bytes_per_token(architecture: Architecture) -> int:
    a = architecture
    return a.layers * 2 * a.kv_heads * a.head_dim * np.dtype(np.float32).itemsize


def blocks_for(architecture: Architecture, rows: int, limit: int = KV_BYTES) -> int:
    """Blocks of KV memory for so many rows: twice what they can hold, so that as much again stays
    cached, at most `limit` bytes, and one context at least."""
    least = -(-architecture.context // BLOCK)
    most = limit // (kv_bytes_per_token(architecture) * BLOCK)
    return max(least, min(2 * rows * least, most))


class OnnxModel:
    """`batch.Model` over one session."""

    def __init__(
        self,
        graph: Path,
        architecture: Architecture,
        *,
        rows: int,
        threads: int | None = None,
        blocks: int | None = None,
        bank: Bank | None = None,
        wide: bool = True,
        even: bool = False,
    ) -> None:
        """`blocks`: of KV memory; None: `blocks_for`. `bank`: of the graph's directory. `wide`: use
        the graph for many tokens where there is one. `even`: decode an even number of rows always, one
        of them for nothing: some kernels compute a single row otherwise than two. Raises `EngineError`
        if ONNX Runtime refuses the graph."""
        self.rows = rows
        self._even = even
        self.context = architecture.context
        self.vocabulary = architecture.vocabulary
        self.blocks = blocks_for(architecture, rows) if blocks is None else blocks
        self._architecture = a = architecture
        self._graph = graph
        self._threads = threads
        self._bank = bank
        self._adapted: ort.InferenceSession | None = None
        self._session = open_session(graph, threads)
        if bank is not None and not _large(graph):
            self._adapted = open_session(graph.with_name(ADAPTED_GRAPH_FILE), threads)
        other = graph.with_name(WIDE_GRAPH_FILE)
        # how many tokens share a pass must not decide the bits of a deterministic engine
        self._wide_rows = wide_rows() or 0
        used = wide and not even and self._wide_rows and other.exists()
        self._wide = open_session(other, threads) if used else None
        shape = Shape(a.layers, a.kv_heads, a.head_dim)
        lengths: tuple[int, ...] = (a.context,)
        pass_cost = 0.0
        if a.attention == "open":
            lengths = arena_lengths(a.context)
            # a deterministic engine's row is computed at a length that no other row decides
            weights = 0 if even else graph.with_name(WEIGHTS_FILE).stat().st_size
            pass_cost = weights / (_READ_FOR_SCORES * shape.bytes)
        self._rows = Rows(shape, rows, lengths, pass_cost)
        self._alone = Rows(shape, 1, lengths)
        """For embeddings."""
        self._pages: Float32 = np.zeros(
            (self.blocks, a.layers, 2, a.kv_heads, BLOCK, a.head_dim), np.float32
        )
        self._ids = np.zeros((rows + 1, 1), np.int64)
        self._last = np.zeros(rows + 1, np.int32)
        self._total = np.zeros((), np.int32)
        self._first_position = np.zeros((rows + 1, 1, 1), np.int64)
        self._logits = np.zeros((rows + 1, 1, a.vocabulary), np.float32)
        self._decoding: OrderedDict[tuple[int, int, Names], _Pass] = OrderedDict()
        self._extending: OrderedDict[_RowKey, _Pass] = OrderedDict()

    def decode(
        self, tokens: Sequence[int], lengths: Sequence[int], states: Sequence[State] = ()
    ) -> Logits:
        runs = self._rows.gather(lengths)
        states = states or [()] * len(tokens)
        if len(runs) == 1 and runs[0].rows == tuple(range(len(tokens))):
            return self._decode(runs[0].length, tokens, lengths, states)
        logits = np.empty((len(tokens), self._architecture.vocabulary), np.float32)
        for length, rows in runs:
            logits[list(rows)] = self._decode(
                length,
                [tokens[row] for row in rows],
                [lengths[row] for row in rows],
                [states[row] for row in rows],
            )
        return logits

    def _decode(
        self,
        length: int,
        tokens: Sequence[int],
        lengths: Sequence[int],
        states: Sequence[State],
    ) -> Logits:
        """For the rows of the arena of that length."""
        count = len(tokens)
        self._ids[:count, 0] = tokens
        self._last[:count] = lengths
        self._total[...] = max(lengths) + 1
        computed = count + count % 2 if self._even else count
        self._last[count:computed] = 0
        names = self._names_for(states)
        key = length, computed, names
        one = self._recent(self._decoding, key, lambda: self._decoding_pass(*key))
        if one.selected is not None and one.states != (padded := [*states, ()][:computed]):
            one.states = padded
            for name, gate in one.selected.gates(padded).items():
                one.arrays[name][...] = gate
        one.session.run_with_iobinding(one.binding)
        return np.asarray(self._logits[:count, 0])

    def extend(
        self,
        row: int,
        tokens: Sequence[int],
        length: int,
        asked: Sequence[int],
        state: State = (),
        since: int = 0,
    ) -> Logits:
        logits = np.empty((1, len(asked), self._architecture.vocabulary), np.float32)
        if since >= len(tokens):
            state = ()
        self._run_row(self._rows, row, tokens, length, asked, {"logits": logits}, state, since)
        return np.asarray(logits[0])

    def hidden(self, tokens: Sequence[int], length: int = 0) -> Float32:
        """[len(tokens), hidden size]: the states after the last norm, of tokens on their own, or after
        the `length` ones that were the last given here."""
        hidden = np.empty((1, len(tokens), self._architecture.hidden_size), np.float32)
        self._run_row(self._alone, 0, tokens, length, [0], {"hidden": hidden})
        return np.asarray(hidden[0])

    def copy(self, source: int, target: int, count: int) -> None:
        self._rows.fit(target, count, 0)
        self._rows.row(target)[..., :count, :] = self._rows.row(source)[..., :count, :]

    def load(self, page: int, row: int, start: int, count: int) -> None:
        self._rows.fit(row, start + count, start)
        self._rows.row(row)[..., start : start + count, :] = self._pages[page, ..., :count, :]

    def store(self, row: int, start: int, page: int, count: int) -> None:
        held = self._rows.row(row)[..., start : start + count, :]
        self._pages[page, ..., :count, :] = held

    def read_page(self, page: int) -> Float32:
        """[layers, 2, kv heads, BLOCK, head size]: the page's memory itself, to read or to write."""
        memory: Float32 = self._pages[page]
        return memory

    def trim(self, first_row: int) -> None:
        self._rows.trim(first_row)
        if first_row == 0:
            self._alone.trim(0)

    def _run_row(
        self,
        memory: Rows,
        row: int,
        tokens: Sequence[int],
        length: int,
        asked: Sequence[int],
        outputs: Arrays,
        state: State = (),
        since: int = 0,
    ) -> None:
        total = length + len(tokens)
        memory.fit(row, total, length)
        place = memory is self._alone, *memory.place(row)
        key = *place, len(tokens), len(asked), self._names_for([state])
        one = self._recent(self._extending, key, lambda: self._row_pass(*key))
        one.arrays["input_ids"][0] = tokens
        one.arrays["positions"][0, :, 0] = asked
        one.arrays["seqlens_k"][0] = total - 1
        one.arrays["total_sequence_length"][...] = total
        if one.selected is not None:
            for name, gate in one.selected.span(state, len(tokens), since).items():
                one.arrays[name][...] = gate
        for name, array in outputs.items():
            one.binding.bind_output(*_place(name, array))
        one.session.run_with_iobinding(one.binding)

    def _names_for(self, states: Sequence[State]) -> Names:
        if self._bank is None:
            return ()
        names = self._bank.names_in(states)
        # how many columns others have beside an adapter's decides the bits of its products
        return self._bank.names if names and self._even else self._bank.covering(names)

    def _recent(
        self, passes: OrderedDict[Key, "_Pass"], key: Key, make: Callable[[], "_Pass"]
    ) -> "_Pass":
        """A pass, made if it is not known; the last `KEPT_BINDINGS` are kept, and of those with
        adapters the ones whose set the bank keeps."""
        if (one := passes.get(key)) is None:
            one = passes[key] = make()
            if len(passes) > KEPT_BINDINGS:
                passes.popitem(last=False)
            if one.selected is not None:
                _forget_sets(self._decoding, self._bank)
                _forget_sets(self._extending, self._bank)
        elif one.selected is not None:
            assert self._bank is not None
            self._bank.select(one.selected.names)  # used lately
        passes.move_to_end(key)
        return one

    def _decoding_pass(self, length: int, count: int, names: Names) -> "_Pass":
        inputs: Arrays = {
            "input_ids": self._ids[:count],
            "positions": self._first_position[:count],
            "seqlens_k": self._last[:count],
            "total_sequence_length": self._total,
        }
        memory = self._rows.memory(length)[:, :, :count]
        return self._bind(inputs, {"logits": self._logits[:count]}, memory, names)

    def _row_pass(
        self, alone: bool, length: int, place: int, tokens: int, asked: int, names: Names
    ) -> "_Pass":
        inputs: Arrays = {
            "input_ids": np.zeros((1, tokens), np.int64),
            "positions": np.zeros((1, asked, 1), np.int64),
            "seqlens_k": np.zeros(1, np.int32),
            "total_sequence_length": np.zeros((), np.int32),
        }
        memory = (self._alone if alone else self._rows).memory(length)
        return self._bind(inputs, {}, memory[:, :, place : place + 1], names)

    def _bind(self, inputs: Arrays, outputs: Arrays, kv: Float32, names: Names) -> "_Pass":
        """Bind arrays by address: `kv` [layers, 2, rows, ...] in place, and these adapters' arrays."""
        selected, session = None, self._session
        rows, tokens = inputs["input_ids"].shape
        if not names and self._wide and (rows >= self._wide_rows or tokens >= WIDE_TOKENS):
            session = self._wide
        elif names or session is self._adapted:
            assert self._bank is not None
            session, selected = self._adapted or self._switch(), self._bank.select(names)
        binding = session.io_binding()
        one = _Pass(session, binding, inputs, selected)
        if selected is not None:
            for name, gate in selected.span((), tokens, 0).items():
                one.arrays[name] = np.repeat(gate, rows, axis=0)
            for name, array in selected.inputs.items():
                binding.bind_input(*_place(name, array))
        for name, array in one.arrays.items():
            binding.bind_input(*_place(name, array))
        for name, array in outputs.items():
            binding.bind_output(*_place(name, array))
        for layer, keys_and_values in enumerate(kv):
            for what, memory in zip(("key", "value"), keys_and_values, strict=True):
                binding.bind_input(*_place(f"past_{what}_{layer}", memory))
                binding.bind_output(*_place(f"present_{what}_{layer}", memory))
        return one

    def _switch(self) -> ort.InferenceSession:
        """A large model is kept once: with the first call under an adapter the graph that takes them
        comes in the place of the other, and from then on the base model runs in it too, with none. Not
        sooner, for that costs it an eighth of a decoding step.
        """
        self._decoding.clear()
        self._extending.clear()
        del self._session
        try:
            self._adapted = open_session(self._graph.with_name(ADAPTED_GRAPH_FILE), self._threads)
        except EngineError:
            self._session = open_session(self._graph, self._threads)
            raise
        self._session = self._adapted
        return self._adapted


class _Pass:
    """A binding, and the arrays it reads that change from run to run."""

    def __init__(
        self,
        session: ort.InferenceSession,
        binding: ort.IOBinding,
        arrays: Arrays,
        selected: Selected | None,
    ) -> None:
        self.session = session
        self.binding = binding
        self.arrays = arrays
        self.selected = selected
        self.states: list[State] | None = None


def _forget_sets(passes: OrderedDict[Key, _Pass], bank: Bank | None) -> None:
    """Drop the passes whose adapters are no longer kept side by side: they hold the arrays."""
    assert bank is not None
    for key in [k for k, one in passes.items() if one.selected and not bank.keeps(one.selected)]:
        del passes[key]


def _large(graph: Path) -> bool:
    """Whether the weights beside a graph gain by more than one thread."""
    return graph.with_name(WEIGHTS_FILE).stat().st_size > ONE_THREAD_BYTES


def wide_rows(cpu: Path = _CPU) -> int | None:
    """On the machine that `cpu` describes, as Linux does in /proc/cpuinfo; None where the wide graph is not to be used:
    an x86 CPU without VNNI adds pairs of int8 products in 16 bits, which is too narrow for them."""
    try:
        found = re.search(r"^flags\s*:(.*)", cpu.read_text(), re.MULTILINE)
    except OSError:
        return None
    if found is None:  # of another architecture, whose products have room
        return WIDE_ROWS
    flags = set(found[1].split())
    if "amx_int8" in flags:
        return WIDE_ROWS_AMX
    return WIDE_ROWS if flags & _WIDE_FLAGS else None


def open_session(graph: Path, threads: int | None) -> ort.InferenceSession:
    """Raises `EngineError` if ONNX Runtime refuses the graph."""
    options = ort.SessionOptions()
    if threads is None:
        # 0 lets ONNX Runtime take one thread a physical core
        threads = 0 if _large(graph) else 1
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    options.log_severity_level = 3
    # waiting threads may spin within a pass, where work comes at once, but not between passes
    options.add_session_config_entry("session.force_spinning_stop", "1")
    try:
        return ort.InferenceSession(str(graph), options, providers=["CPUExecutionProvider"])
    except Exception as error:
        raise EngineError(f"ONNX Runtime {ort.__version__} refuses {graph}: {error}") from error


def _place(name: str, array: npt.NDArray[Any]) -> tuple[str, str, int, Any, tuple[int, ...], int]:
    """An array as ONNX Runtime's binding wants it: its memory, not a copy."""
    assert array.flags.c_contiguous
    return name, "cpu", 0, array.dtype.type, array.shape, array.ctypes.data
