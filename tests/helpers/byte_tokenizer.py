"""A byte-level tokenizer of 300 tokens."""

from functools import cache

from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers

TEXT = 'the {"name": "Anna", "age": 12, "tags": ["red", "blue"], "ok": true} end of the text null '
END = 2


@cache
def byte_tokenizer() -> Tokenizer:
    made = Tokenizer(models.BPE())
    made.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    made.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=300,
        special_tokens=["<pad>", "<think>", "<end>"],
        initial_alphabet=sorted(pre_tokenizers.ByteLevel.alphabet()),
        min_frequency=1,
        show_progress=False,
    )
    made.train_from_iterator([TEXT], trainer)
    return made
