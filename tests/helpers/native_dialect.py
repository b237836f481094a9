"""The native dialect over a tokenizer of single bytes: what tests speak without a model."""

from tokenizers import AddedToken, Tokenizer, decoders, models, pre_tokenizers

from smysl_reasoning.dialects.native import SPECIALS, NativeDialect


def native_dialect() -> NativeDialect:
    tokens = [*SPECIALS, *sorted(pre_tokenizers.ByteLevel.alphabet())]
    tokenizer = Tokenizer(models.BPE({token: i for i, token in enumerate(tokens)}, []))
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    tokenizer.add_special_tokens(
        [AddedToken(token, normalized=False, special=True) for token in SPECIALS]
    )
    return NativeDialect(tokenizer)
