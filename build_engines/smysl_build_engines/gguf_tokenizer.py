"""Says in GGUF's metadata what a tokenizer.json says: tokens, their kinds, merges and how text is split.

Knows byte-level BPE and SentencePiece's BPE as Hugging Face writes them, and llama.cpp's names for ways of
splitting; never a model or a file's layout. What llama.cpp cannot be told (a normaliser, say) is left out and
named in `left_out`: token ids mean the same in any case, only text may be cut otherwise.
"""

from typing import Any

import msgspec

from smysl_build_engines.errors import UnsupportedModel
from smysl_build_engines.gguf_file import U32, Kinds, Names, Scores, Value

NORMAL, UNKNOWN, CONTROL, USER_DEFINED, UNUSED, BYTE = 1, 2, 3, 4, 5, 6
"""GGUF's kinds of tokens."""
_LLAMA_3 = r"\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*"
_QWEN_2 = r"\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*"


class Tokens(msgspec.Struct, frozen=True):
    """What a GGUF file says of a tokenizer."""

    metadata: dict[str, Value]
    left_out: tuple[str, ...]
    """What of the tokenizer has no place in the format."""


class Ends(msgspec.Struct, frozen=True, kw_only=True):
    """Special tokens by their role, as config.json has them."""

    bos: int | None = None
    eos: int | None = None
    pad: int | None = None


class _Added(msgspec.Struct):
    id: int
    content: str
    special: bool = False


class _Model(msgspec.Struct):
    type: str = ""
    vocab: dict[str, int] = {}
    merges: list[str | tuple[str, str]] = []
    byte_fallback: bool = False
    unk_token: str | None = None


class _Tokenizer(msgspec.Struct):
    model: _Model
    added_tokens: list[_Added] = []
    normalizer: dict[str, Any] | None = None
    pre_tokenizer: dict[str, Any] | None = None
    post_processor: dict[str, Any] | None = None


def describe_tokens(where: str, text: bytes, vocabulary: int, ends: Ends) -> Tokens:
    """`text`: of tokenizer.json, which errors call `where`; `vocabulary`: rows of the embedding. Raises
    `UnsupportedModel`."""
    try:
        found = msgspec.json.decode(text, type=_Tokenizer)
    except msgspec.MsgspecError as error:
        raise UnsupportedModel(
            f"{where} cannot be written as GGUF: {error}. Only BPE tokenizers can"
        ) from error
    model = found.model
    if model.type != "BPE":
        raise UnsupportedModel(
            f"{where} is a {model.type or 'nameless'} tokenizer; only BPE can be written as GGUF"
        )
    names, kinds = _tokens(found, vocabulary)
    metadata: dict[str, Value] = {
        "tokenizer.ggml.tokens": Names(names),
        "tokenizer.ggml.token_type": Kinds(kinds),
    }
    left_out = []
    if model.byte_fallback:
        metadata["tokenizer.ggml.model"] = "llama"
        # SentencePiece numbers pieces in the order in which they are merged
        metadata["tokenizer.ggml.scores"] = Scores(-float(number) for number in range(vocabulary))
    else:
        pre = _splitting(found.pre_tokenizer)
        if pre == "default":
            left_out.append("how text is split before merging")
        if found.normalizer is not None:
            left_out.append("the normaliser")
        metadata["tokenizer.ggml.model"] = "gpt2"
        metadata["tokenizer.ggml.pre"] = pre
        metadata["tokenizer.ggml.merges"] = Names(
            merge if isinstance(merge, str) else " ".join(merge) for merge in model.merges
        )
    for role, id in (("bos", ends.bos), ("eos", ends.eos), ("padding", ends.pad)):
        if id is not None and 0 <= id < vocabulary:
            metadata[f"tokenizer.ggml.{role}_token_id"] = U32(id)
    metadata["tokenizer.ggml.add_bos_token"] = _adds_bos(found.post_processor)
    metadata["tokenizer.ggml.add_eos_token"] = False
    return Tokens(metadata, tuple(left_out))


def _tokens(found: _Tokenizer, vocabulary: int) -> tuple[list[str], list[int]]:
    """Every row of the embedding has a name of its own, also those without a token."""
    names = [f"[UNUSED{number}]" for number in range(vocabulary)]
    kinds = [UNUSED] * vocabulary
    for token, id in found.model.vocab.items():
        if 0 <= id < vocabulary:
            names[id] = token
            kinds[id] = NORMAL
            if found.model.byte_fallback and len(token) == 6 and token.startswith("<0x"):
                kinds[id] = BYTE
            if token == found.model.unk_token:
                kinds[id] = UNKNOWN
    for added in found.added_tokens:
        if 0 <= added.id < vocabulary:
            names[added.id] = added.content
            if kinds[added.id] != UNKNOWN:
                kinds[added.id] = CONTROL if added.special else USER_DEFINED
    return names, kinds


def _splitting(pre_tokenizer: dict[str, Any] | None) -> str:
    """llama.cpp's name for it; "default" where it has none that is known here."""
    parts = [pre_tokenizer or {}]
    if parts[0].get("type") == "Sequence":
        parts = parts[0].get("pretokenizers", [])
    match parts:
        case [{"type": "ByteLevel", "add_prefix_space": False, **rest}] if rest.get(
            "use_regex", True
        ):
            return "gpt-2"
        case [
            {"type": "Digits", "individual_digits": True},
            {"type": "ByteLevel", "add_prefix_space": False, **rest},
        ] if rest.get("use_regex", True):
            return "smollm"
        case [{"type": "Split", "pattern": {"Regex": str(pattern)}}, {"type": "ByteLevel"}]:
            if _LLAMA_3 in pattern:
                return "llama-bpe"
            if _QWEN_2 in pattern:
                return "qwen2"
    return "default"


def _adds_bos(post_processor: dict[str, Any] | None) -> bool:
    parts = [post_processor or {}]
    if parts[0].get("type") == "Sequence":
        parts = parts[0].get("processors", [])
    return any(
        part.get("type") == "TemplateProcessing"
        and "SpecialToken" in (part.get("single") or [{}])[0]
        for part in parts
    )
