"""Trains the native tokenizer: byte-level BPE over lower-cased text, digits apart, control tokens first."""

from collections.abc import Iterable

from tokenizers import (
    AddedToken,
    Tokenizer,
    decoders,
    models,
    normalizers,
    pre_tokenizers,
    trainers,
)

from smysl_reasoning.dialects.native import SPECIALS


def train(texts: Iterable[str], vocabulary: int) -> Tokenizer:
    """A tokenizer with exactly `vocabulary` ids at most, `SPECIALS` being the first."""
    tokenizer = Tokenizer(models.BPE())
    tokenizer.normalizer = normalizers.Sequence([normalizers.NFKC(), normalizers.Lowercase()])
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [
            pre_tokenizers.Digits(individual_digits=True),
            pre_tokenizers.ByteLevel(add_prefix_space=False),
        ]
    )
    tokenizer.decoder = decoders.ByteLevel()
    tokenizer.train_from_iterator(
        texts,
        trainers.BpeTrainer(
            vocab_size=vocabulary,
            special_tokens=[
                AddedToken(token, normalized=False, special=True) for token in SPECIALS
            ],
            initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
            min_frequency=3,
            show_progress=False,
        ),
    )
    return tokenizer
