"""What a build will do, decided and printable before it starts.

Knows sizes and names; reads no weight and loads no runtime.
"""

from collections.abc import Sequence
from pathlib import Path

import msgspec

from smysl_build_engines.bank_file import lay_out
from smysl_build_engines.calibration import GENERAL_TEXT, MAX_TOKENS
from smysl_build_engines.checkpoint import CALIBRATION_FILE, Checkpoint
from smysl_build_engines.decoder import Decoder
from smysl_build_engines.errors import BadCheckpoint, BadRequest, UnsupportedModel
from smysl_build_engines.groups import Group, Groups, megabytes
from smysl_build_engines.low_rank import Adapter
from smysl_build_engines.padding import pad_heads
from smysl_build_engines.quantise import Precision
from smysl_build_engines.recipe import HEAD, Recipe, product_shape, products
from smysl_build_engines.tensors import CHUNK_BYTES
from smysl_engines.manifest import Architecture, FileEntry, describe_file

BACKEND = "onnx"
DEFAULT_PRECISION: Precision = "fp32"
MAX_CONTEXT = 4096
"""Rotary tables and KV memory are sized by it;
a longer model is cut unless the caller asks otherwise.
"""

OPEN_BYTES = 64_000_000
"""Of weights, from which on attention in the open pays (`attention`): of the bundled model it would double the time."""


class PlannedAdapter(msgspec.Struct, frozen=True, kw_only=True):
    """An adapter, in the bank or merged."""

    name: str
    kind: str
    ranks: dict[str, int]
    """The largest of each product it changes, by role; where parts of a product have one each, their
    sum."""
    bytes: int
    """Of its arrays in the bank; merged, it takes none."""
    source: dict[str, FileEntry]

    def line(self) -> str:
        ranks = ", ".join(f"{role} {rank}" for role, rank in self.ranks.items())
        return f"{self.kind:<6} {self.name:<20} ranks {ranks}"


class BuildPlan(msgspec.Struct, frozen=True, kw_only=True):
    """All that a build will do."""

    name: str
    backend: str
    family: str
    recipe: Recipe
    architecture: Architecture
    parameters: int
    groups: tuple[Group, ...]
    source: dict[str, FileEntry]
    text: str | None
    """File that rounding is fitted to and measured on."""
    text_entry: FileEntry | None
    engine_bytes: int
    """Of the weights; the graph and the tokenizer come on top."""
    write_memory_bytes: int
    """Most memory while the weights are written, apart from Python and its libraries."""
    verify_memory_bytes: int
    """Most memory while the engine runs beside the reference, likewise."""
    seconds: float
    """Expected, on two cores."""
    bank: tuple[PlannedAdapter, ...] = ()
    """Adapters kept beside the weights, by name in order."""
    merged: PlannedAdapter | None = None
    """The adapter that the weights hold already."""
    embedding_layer: int | None = None
    """Embeddings are made of the states after so many layers; None: of those after the last norm."""

    @property
    def bank_bytes(self) -> int:
        return sum(adapter.bytes for adapter in self.bank)

    @property
    def text_is_general(self) -> bool:
        return self.text == str(GENERAL_TEXT)

    @property
    def precision(self) -> Precision:
        return self.recipe.precision

    def lines(self) -> list[str]:
        """For people."""
        a, r = self.architecture, self.recipe
        stored = sum(entry.bytes for entry in self.source.values())
        lines = [
            f"engine       {self.name} ({self.family}, {self.backend}, {r.precision})",
            f"source       {len(self.source)} files, {megabytes(stored)}",
            f"model        {self.parameters / 1e6:.2f} M parameters, {a.layers} layers, width "
            f"{a.hidden_size}, vocabulary {a.vocabulary}",
            f"context      {a.context} tokens; KV memory {megabytes(self._kv_bytes)} a full row",
        ]
        if r.quantised:
            use = "fitted to and measured on" if r.method == "gptq" else "measured on"
            text = self.text
            if self.text_is_general:
                text = "a short general text; --calibration FILE gives one of the model's own kind"
            lines.append(f"rounding     {r.method}{', mixed' if r.mixed else ''}; {use} {text}")
        if self.embedding_layer is not None:
            lines.append(f"embeddings   of the states after layer {self.embedding_layer}")
        lines += [group.line() for group in self.groups]
        if self.merged is not None:
            lines.append(f"merged       {self.merged.line()}")
        for adapter in self.bank:
            lines.append(f"adapter      {adapter.line()}, {megabytes(adapter.bytes)}")
        return lines + self.cost_lines()

    def cost_lines(self) -> list[str]:
        return [
            f"weights      {megabytes(self.engine_bytes)}",
            f"memory       about {megabytes(self.write_memory_bytes)} to write, "
            f"{megabytes(self.verify_memory_bytes)} to verify",
            f"time         about {max(1, round(self.seconds))} s on two cores",
        ]

    @property
    def _kv_bytes(self) -> int:
        a = self.architecture
        return 2 * 4 * a.layers * a.kv_heads * a.head_dim * a.context


def plan(
    checkpoint: Checkpoint,
    *,
    name: str,
    precision: Precision = DEFAULT_PRECISION,
    recipe: Recipe | None = None,
    context: int | None = None,
    calibration: Path | None = None,
) -> BuildPlan:
    """`recipe` goes before `precision`; `calibration` before the checkpoint's own text. An engine with
    a merged adapter is called `name+adapter`.

    Raises `UnsupportedModel` if the model cannot have the context, `BadCheckpoint` for an unusable
    name, `BadRequest` for options that contradict each other.
    """
    check_name(name)
    if checkpoint.merged is not None:
        name = f"{name}+{checkpoint.merged.name}"
    longest = checkpoint.config.max_position_embeddings
    if context is not None and not 0 < context <= longest:
        raise UnsupportedModel(f"the model takes contexts of 1 to {longest}; {context} was asked")
    context = context or min(longest, MAX_CONTEXT)
    recipe = recipe or Recipe(precision=precision)
    text = calibration_text(checkpoint, recipe, calibration)
    decoder = pad_heads(checkpoint.config.at(context), checkpoint.weights).decoder
    groups = _groups(decoder, recipe, context)
    engine_bytes = sum(group.bytes for group in groups)
    attention = recipe.attention or ("open" if engine_bytes > OPEN_BYTES else "fused")
    recipe = msgspec.structs.replace(recipe, attention=attention)
    shapes = checkpoint.config.shapes().values()
    parameters = sum(_count(shape) for shape in shapes)
    return BuildPlan(
        name=name,
        backend=BACKEND,
        family=checkpoint.family,
        recipe=recipe,
        architecture=Architecture(
            vocabulary=decoder.vocab_size,
            hidden_size=decoder.hidden_size,
            layers=len(decoder.layers),
            kv_heads=decoder.num_key_value_heads,
            head_dim=decoder.head_dim,
            context=context,
            attention=attention,
        ),
        parameters=parameters,
        groups=groups,
        source=checkpoint.source,
        text=None if text is None else str(text),
        text_entry=None if text is None else _describe_text(text),
        engine_bytes=engine_bytes,
        write_memory_bytes=_write_memory(decoder, recipe),
        verify_memory_bytes=_verify_memory(decoder, engine_bytes, checkpoint.bank),
        seconds=_seconds(decoder, recipe, parameters, len(checkpoint.bank)),
        bank=tuple(_planned(adapter, decoder) for adapter in checkpoint.bank),
        merged=None if checkpoint.merged is None else _planned(checkpoint.merged, decoder, 0),
        embedding_layer=decoder.embedding_layer,
    )


def check_name(name: str) -> None:
    """Raises `BadCheckpoint` for a name that cannot be an engine's."""
    if not name or name[0] in ".-" or not all(c.isalnum() or c in "._-" for c in name):
        raise BadCheckpoint(
            f"{name!r} cannot name an engine; use letters, digits, '.', '_' and '-', "
            "starting with a letter or digit"
        )


def _planned(adapter: Adapter, decoder: Decoder, size: int | None = None) -> PlannedAdapter:
    layout = lay_out(adapter, decoder)
    return PlannedAdapter(
        name=adapter.name,
        kind="dora" if adapter.has_magnitudes else adapter.kind,
        ranks=layout.ranks,
        bytes=layout.bytes if size is None else size,
        source=adapter.source,
    )


def calibration_text(checkpoint: Checkpoint, recipe: Recipe, given: Path | None) -> Path | None:
    """The text a build uses: the given one, else the checkpoint's own, else the general one; none for
    fp32."""
    own = checkpoint.folder / CALIBRATION_FILE
    if not recipe.quantised:
        if given is not None:
            raise BadRequest("a calibration text is for int8 and int4 engines; fp32 rounds nothing")
        return None
    text = given or (own if own.is_file() else None)
    if text is None and recipe.method == "gptq":
        raise BadRequest(
            f"gptq fits its rounding to text, and {checkpoint.folder} has no {CALIBRATION_FILE}. "
            "Give one, a sample a line: --calibration FILE"
        )
    return text or GENERAL_TEXT


def _describe_text(path: Path) -> FileEntry:
    try:
        return describe_file(path)
    except OSError as error:
        raise BadRequest(f"the calibration text {path} cannot be read: {error.strerror}") from error


def _count(shape: tuple[int, ...]) -> int:
    return shape[0] * (shape[1] if len(shape) > 1 else 1)


def _groups(decoder: Decoder, recipe: Recipe, context: int) -> tuple[Group, ...]:
    """By place in the model and format, in the order of the graph."""
    groups = Groups()
    embedding = decoder.vocab_size * decoder.hidden_size
    width = 2 if recipe.quantised else 4
    groups.add("embedding", f"float{8 * width}", embedding, width * embedding)
    for product in products(decoder):
        rows, columns = product_shape(product, decoder)
        form = recipe.format_of(product, decoder)
        place = "head" if product == HEAD else _PLACES[product.rsplit(".", 1)[1]]
        groups.add_product(place, rows, columns, form)
    if recipe.wide:
        sizes = [product_shape(product, decoder) for product in products(decoder)]
        parameters = sum(rows * columns for rows, columns in sizes)
        scales = sum(4 * rows for rows, _ in sizes)
        groups.add("wide graph", "8 bits, one scale a column", 0, parameters + scales)
    small = sum(_count(s) for n, s in decoder.shapes().items() if len(s) == 1)
    groups.add("norms", "float32", small, 4 * small)
    turns = sum(2 * len(rope.frequencies) for rope in decoder.ropes) * context
    groups.add("positions", "float32", 0, 4 * turns)
    return groups.all()


_PLACES = {"qkv": "attention", "o": "attention", "gate_up": "mlp", "down": "mlp"}


def _write_memory(decoder: Decoder, recipe: Recipe) -> int:
    shapes = {product: product_shape(product, decoder) for product in products(decoder)}
    if not recipe.quantised:
        # a product, its transpose and the pieces it was read from
        return max(3 * 4 * rows * width for rows, width in shapes.values())
    pieces = 8 * CHUNK_BYTES
    codes = 2 * max(rows * width for rows, width in shapes.values())
    if recipe.method == "nearest":
        return pieces + codes
    widest = max(width for rows, width in shapes.values())
    layer = sum(4 * _count(shape) for shape in decoder.widths.values())
    table = 4 * decoder.vocab_size * decoder.hidden_size
    states = 2 * 4 * MAX_TOKENS * decoder.hidden_size
    return pieces + states + max(table, 2 * layer + 5 * 8 * widest * widest)


def _verify_memory(decoder: Decoder, engine_bytes: int, bank: Sequence[Adapter]) -> int:
    """The runtime's own copy of the weights, then a layer, or the head, in float32 as the reference
    reads it. Of the adapters, as they were read, in the bank, and as the runtime gets them."""
    layer = sum(4 * _count(shape) for shape in decoder.widths.values())
    table = 4 * decoder.vocab_size * decoder.hidden_size
    positions = max(_VERIFIED_POSITIONS, _ROW_POSITIONS * (len(bank) + 2) if bank else 0)
    logits = 8 * 4 * positions * decoder.vocab_size
    adapters = 3 * sum(lay_out(adapter, decoder).bytes for adapter in bank)
    return max(engine_bytes * 5 // 4, max(layer, table) * 7 // 2) + logits + adapters


_VERIFIED_POSITIONS = 100
_ROW_POSITIONS = 30
"""Of each adapter, the base model beside them and a mix."""
WRITTEN_A_SECOND = 30e6
"""Parameters read, rounded and written; measured on one core."""
VERIFIED_A_SECOND = 8e6
"""Parameters read again for the reference and run twice by the runtime; measured on one core."""


def _seconds(decoder: Decoder, recipe: Recipe, parameters: int, adapters: int) -> float:
    seconds = parameters / WRITTEN_A_SECOND + parameters / VERIFIED_A_SECOND
    if adapters:
        # the weights are read once more for all of them; each is merged and run
        seconds += (1 + 0.25 * (adapters + 2)) * parameters / VERIFIED_A_SECOND
    if recipe.method == "gptq":
        cubes = sum(shape[1] ** 3 for shape in decoder.widths.values())
        passes = 8 * 2 * MAX_TOKENS * parameters
        seconds += (8 * cubes * len(decoder.layers) + passes) / 60e9
    return seconds
