"""The families of encoders the build step compiles: BERT, and RoBERTa, which counts positions from
its padding token on.

Knows config.json and the names of tensors; never a weight's value, and not how texts are pooled.
"""

from collections.abc import Callable, Mapping
from typing import Any

import msgspec

from smysl_build_engines.encoder import Activation, Encoder
from smysl_build_engines.families.fields import Fields

_ACTIVATIONS: dict[str, Activation] = {
    "gelu": "gelu",
    "gelu_new": "gelu_tanh",
    "gelu_pytorch_tanh": "gelu_tanh",
    "relu": "relu",
}

NAMES = {
    "words": "embeddings.word_embeddings",
    "positions": "embeddings.position_embeddings",
    "types": "embeddings.token_type_embeddings",
    "embedding_norm": "embeddings.LayerNorm",
    "q": "encoder.layer.{}.attention.self.query",
    "k": "encoder.layer.{}.attention.self.key",
    "v": "encoder.layer.{}.attention.self.value",
    "o": "encoder.layer.{}.attention.output.dense",
    "attention_norm": "encoder.layer.{}.attention.output.LayerNorm",
    "up": "encoder.layer.{}.intermediate.dense",
    "down": "encoder.layer.{}.output.dense",
    "mlp_norm": "encoder.layer.{}.output.LayerNorm",
}
"""Role -> name in the checkpoint without `.weight` or `.bias`; `{}` is the layer's number."""
BUFFERS = frozenset({"embeddings.position_ids", "embeddings.token_type_ids"})
"""Whole numbers that some files hold: 0, 1, 2 ... and 0, 0, 0 ..."""
UNUSED = frozenset({"pooler.dense.weight", "pooler.dense.bias"})
"""What BERT adds for its training's second task; no sentence vector goes through it."""


class EncoderFamily(msgspec.Struct, frozen=True, kw_only=True):
    model_type: str
    architecture: str
    first_position: Callable[[Fields], int]


def _from_zero(f: Fields) -> int:
    # fields of multilingual BERT that describe its unused pooler
    for name in ("pooler_fc_size", "pooler_num_attention_heads", "pooler_num_fc_layers"):
        f.optional(name, int)
    f.optional("pooler_size_per_head", int)
    f.optional("pooler_type", str)
    f.only("directionality", "bidi")
    return 0


def _after_padding(f: Fields) -> int:
    padding = f.take("pad_token_id", int, 1)
    if padding < 0:
        raise f.bad("pad_token_id", padding, "positions are counted from it")
    return padding + 1


ENCODERS: Mapping[str, EncoderFamily] = {
    family.model_type: family
    for family in (
        EncoderFamily(model_type="bert", architecture="BertModel", first_position=_from_zero),
        EncoderFamily(
            model_type="roberta", architecture="RobertaModel", first_position=_after_padding
        ),
        EncoderFamily(
            model_type="xlm-roberta", architecture="XLMRobertaModel", first_position=_after_padding
        ),
    )
}


def describe_encoder(where: str, values: dict[str, Any]) -> Encoder:
    """`values`: the fields of a config.json whose `model_type` is one of `ENCODERS`.

    Raises `BadCheckpoint` for what cannot be, `UnsupportedModel` by the field's name.
    """
    f = Fields(where, values)
    family = ENCODERS[f.take("model_type", str)]
    for architecture in f.take("architectures", list[str], []):
        if architecture != family.architecture:
            raise f.refusal("architectures", architecture, repr(family.architecture))
    f.only("quantization_config")
    f.only("position_embedding_type", "absolute")
    # of heads for other tasks
    f.optional("classifier_dropout", float)
    f.optional("tie_word_embeddings", bool)
    activation = f.take("hidden_act", str, "gelu")
    if activation not in _ACTIVATIONS:
        raise f.refusal("hidden_act", activation, " or ".join(map(repr, _ACTIVATIONS)))
    hidden = f.positive("hidden_size", int)
    heads = f.positive("num_attention_heads", int)
    if hidden % heads:
        raise f.bad("hidden_size", hidden, f"it must be a multiple of num_attention_heads, {heads}")
    positions, first = f.positive("max_position_embeddings", int), family.first_position(f)
    if positions <= first:
        raise f.bad("max_position_embeddings", positions, f"the first position is {first}")
    encoder = Encoder(
        vocab_size=f.positive("vocab_size", int),
        hidden_size=hidden,
        intermediate_size=f.positive("intermediate_size", int),
        num_attention_heads=heads,
        num_hidden_layers=f.positive("num_hidden_layers", int),
        table_positions=positions,
        first_position=first,
        token_types=f.positive("type_vocab_size", int, 2),
        norm_eps=f.positive("layer_norm_eps", float, 1e-12),
        activation=_ACTIVATIONS[activation],
    )
    f.finish()
    return encoder
