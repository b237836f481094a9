"""What a build of an encoder will do, decided and printable before it starts.

Knows sizes and names; reads no weight and loads no runtime.
"""

from math import prod

from smysl_build_engines.encoder import Encoder
from smysl_build_engines.encoder_folder import EncoderCheckpoint
from smysl_build_engines.errors import BadRequest, UnsupportedModel
from smysl_build_engines.groups import Group, Groups, megabytes
from smysl_build_engines.plan import (
    BACKEND,
    VERIFIED_A_SECOND,
    WRITTEN_A_SECOND,
    BuildPlan,
    check_name,
)
from smysl_build_engines.recipe import Recipe
from smysl_build_engines.tensors import CHUNK_BYTES
from smysl_engines.manifest import Architecture, EncoderEntry

_PLACES = {"qkv": "attention", "o": "attention", "up": "mlp", "down": "mlp"}


class EncoderPlan(BuildPlan, frozen=True, kw_only=True):
    """Of the fields of a decoder's plan those about text and adapters are empty."""

    encoder: EncoderEntry

    def lines(self) -> list[str]:
        """For people."""
        a = self.architecture
        ends = "normalised" if self.encoder.normalise else "normalised by the engine"
        lines = [
            f"engine       {self.name} ({self.family}, encoder, {self.backend}, {self.precision})",
            f"source       {len(self.source)} files, "
            f"{megabytes(sum(entry.bytes for entry in self.source.values()))}",
            f"model        {self.parameters / 1e6:.2f} M parameters, {a.layers} layers, width "
            f"{a.hidden_size}, vocabulary {a.vocabulary}",
            f"texts        up to {a.context} tokens; pooled by {self.encoder.pooling}, {ends}",
        ]
        lines += [group.line() for group in self.groups]
        return lines + self.cost_lines()


def plan_encoder(
    checkpoint: EncoderCheckpoint, *, name: str, recipe: Recipe, context: int | None = None
) -> EncoderPlan:
    """`context`: most tokens of a text; None is what the checkpoint was tuned for.

    Raises `UnsupportedModel` if the model cannot have the context, `BadCheckpoint` for an unusable
    name, `BadRequest` for a recipe that is for decoders.
    """
    check_name(name)
    if recipe.method != "nearest":
        raise BadRequest(
            f"{recipe.method} fits the rounding of decoders; {name} is an encoder. Ask for --rounding "
            "nearest."
        )
    for option, given in (("--mixed", recipe.mixed), ("--wide", recipe.wide)):
        if given:
            raise BadRequest(f"{option} is for decoders; {name} is an encoder. Leave it out.")
    encoder = checkpoint.encoder
    if context is not None and not 0 < context <= encoder.longest:
        raise UnsupportedModel(
            f"the model takes texts of 1 to {encoder.longest} tokens; {context} was asked"
        )
    context = context or checkpoint.longest
    groups = _groups(encoder, recipe, context)
    engine_bytes = sum(group.bytes for group in groups)
    parameters = sum(prod(shape) for shape in encoder.shapes().values())
    return EncoderPlan(
        name=name,
        backend=BACKEND,
        family=checkpoint.family,
        recipe=recipe,
        architecture=Architecture(
            vocabulary=encoder.vocab_size,
            hidden_size=encoder.hidden_size,
            layers=encoder.num_hidden_layers,
            kv_heads=encoder.num_attention_heads,
            head_dim=encoder.hidden_size // encoder.num_attention_heads,
            context=context,
        ),
        parameters=parameters,
        groups=groups,
        source=checkpoint.source,
        text=None,
        text_entry=None,
        engine_bytes=engine_bytes,
        write_memory_bytes=_write_memory(encoder, recipe),
        verify_memory_bytes=_verify_memory(encoder, engine_bytes),
        seconds=parameters / WRITTEN_A_SECOND + parameters / VERIFIED_A_SECOND,
        encoder=checkpoint.entry,
    )


def _groups(encoder: Encoder, recipe: Recipe, context: int) -> tuple[Group, ...]:
    """By place in the model and format, in the order of the graph."""
    groups = Groups()
    words = encoder.vocab_size * encoder.hidden_size
    width = 2 if recipe.quantised else 4
    groups.add("embedding", f"float{8 * width}", words, width * words)
    tables = (encoder.table_positions + encoder.token_types) * encoder.hidden_size
    groups.add("positions", "float32", tables, 4 * context * encoder.hidden_size)
    for product in encoder.products():
        rows, columns = encoder.product_shape(product)
        form, place = encoder.format_of(product, recipe), _PLACES[product.rsplit(".", 1)[1]]
        groups.add_product(place, rows, columns, form)
    small = sum(shape[0] for shape in encoder.shapes().values() if len(shape) == 1)
    groups.add("norms", "float32", small, 4 * small)
    return groups.all()


def _write_memory(encoder: Encoder, recipe: Recipe) -> int:
    tables = 4 * (encoder.table_positions + encoder.token_types) * encoder.hidden_size
    largest = max(prod(encoder.product_shape(product)) for product in encoder.products())
    if not recipe.quantised:
        # a product, its transpose and the pieces it was read from, or a piece of the embedding
        return max(3 * 4 * largest, CHUNK_BYTES, 2 * tables)
    return 8 * CHUNK_BYTES + max(2 * largest, 2 * tables)


def _verify_memory(encoder: Encoder, engine_bytes: int) -> int:
    """The runtime's copy of the weights beside one layer, or the embedding, in float32."""
    layer = sum(4 * prod(shape) for shape in encoder.widths.values())
    return 2 * engine_bytes + 3 * max(layer, 4 * encoder.vocab_size * encoder.hidden_size)
