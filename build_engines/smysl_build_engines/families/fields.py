"""The fields of a config.json, each read at most once by name, none left unread.

Knows what a field may be, not what it means; a field that nobody asked for is refused.
"""

from pathlib import Path
from typing import Any, TypeVar

import msgspec

from smysl_build_engines.errors import BadCheckpoint, UnsupportedModel

T = TypeVar("T")
N = TypeVar("N", int, float)

HARMLESS = frozenset(
    # names and versions
    "_name_or_path _attn_implementation_autoset architectures auto_map dtype model_type torch_dtype"
    " transformers_version transformers.js_config name_or_path id2label label2id task_specific_params problem_type"
    # marks of who published it
    " is_llama_config unsloth_fixed unsloth_version"
    # training
    " attention_dropout attention_probs_dropout_prob embd_pdrop hidden_dropout_prob"
    " initializer_range residual_dropout resid_pdrop use_cache gradient_checkpointing"
    # special tokens and defaults of generation, which callers choose
    " bos_token_id eos_token_id pad_token_id sep_token_id unk_token_id decoder_start_token_id"
    " boi_token_index eoi_token_index image_token_index"
    " temperature top_k top_p typical_p do_sample max_length min_length num_beams"
    " repetition_penalty length_penalty no_repeat_ngram_size early_stopping bad_words_ids"
    " num_return_sequences output_scores remove_invalid_values suppress_tokens"
    " begin_suppress_tokens forced_bos_token_id forced_eos_token_id diversity_penalty"
    " num_beam_groups exponential_decay_length_penalty encoder_no_repeat_ngram_size prefix"
    # what a library returns or how it computes
    " return_dict return_dict_in_generate output_attentions output_hidden_states torchscript"
    " use_bfloat16 pruned_heads cache_implementation pretraining_tp chunk_size_feed_forward"
    " tf_legacy_loss tokenizer_class finetuning_task use_flash_attn".split()
)
"""Fields that do not change what the model computes."""

HARMLESS_IF_OFF = frozenset(
    "is_decoder is_encoder_decoder add_cross_attention cross_attention_hidden_size"
    " tie_encoder_decoder rope_interleaved use_mrope lm_head_bias".split()
)
"""Fields that change nothing when they are false."""


class Fields:
    """One JSON object. `where` names it in errors."""

    def __init__(self, where: str, values: dict[str, Any]) -> None:
        self.where = where
        self._values = values
        self._read: set[str] = set()

    def take(self, name: str, kind: type[T], default: T | None = None) -> T:
        """The value; absent or null is `default`, and an error without one.
        Raises `BadCheckpoint`.
        """
        self._read.add(name)
        value = self._values.get(name)
        if value is None:
            if default is None:
                raise BadCheckpoint(f"{self.where} has no {name}; this model demands it")
            return default
        return self._convert(name, value, kind)

    def optional(self, name: str, kind: type[T], default: T | None = None) -> T | None:
        """The value; absent is `default`, null is None. Raises `BadCheckpoint`."""
        self._read.add(name)
        if name not in self._values:
            return default
        value = self._values[name]
        return None if value is None else self._convert(name, value, kind)

    def positive(self, name: str, kind: type[N], default: N | None = None) -> N:
        """Raises `BadCheckpoint` for a number that is not above zero."""
        return self._above_zero(name, self.take(name, kind, default))

    def optional_positive(self, name: str, kind: type[N], default: N | None = None) -> N | None:
        value = self.optional(name, kind, default)
        return None if value is None else self._above_zero(name, value)

    def only(self, name: str, *supported: object) -> None:
        """Raises `UnsupportedModel` if the field is there with another value; null is absent."""
        self._read.add(name)
        value = self._values.get(name)
        if value is not None and value not in supported:
            wanted = " or ".join(repr(each) for each in supported) or "models without it"
            raise self.refusal(name, value, wanted)

    def refusal(self, name: str, value: object, supported: str) -> UnsupportedModel:
        return UnsupportedModel(
            f"{self.where}: {name} is {value!r}; the build compiles {supported} only"
        )

    def bad(self, name: str, value: object, demand: str) -> BadCheckpoint:
        return BadCheckpoint(f"{self.where}: {name} is {value!r}; {demand}")

    def finish(self) -> None:
        """Raises `UnsupportedModel` for a field nobody read that may change the computation."""
        for name, value in self._values.items():
            if name in self._read or name in HARMLESS or value is None:
                continue
            if value is False and name in HARMLESS_IF_OFF:
                continue
            raise UnsupportedModel(
                f"{self.where}: the field {name} ({value!r}) is not known for this model, so the "
                "build cannot tell what it changes. Remove it from the file if it changes nothing."
            )

    def _convert(self, name: str, value: object, kind: type[T]) -> T:
        try:
            return msgspec.convert(value, kind)
        except msgspec.ValidationError as error:
            raise self.bad(name, value, f"{error}") from error

    def _above_zero(self, name: str, value: N) -> N:
        # not "value <= 0": what is not a number fails too
        if not value > 0:
            raise self.bad(name, value, "it must be positive")
        return value


def read_object(path: Path) -> dict[str, Any]:
    """A JSON object from a file. Raises `BadCheckpoint`."""
    try:
        values = msgspec.json.decode(path.read_bytes())
    except (OSError, msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise BadCheckpoint(f"{path} cannot be read: {error}") from error
    if not isinstance(values, dict):
        raise BadCheckpoint(f"{path} is not a JSON object")
    return values
