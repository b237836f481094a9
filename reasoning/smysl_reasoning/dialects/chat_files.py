"""Reads a chat dialect out of a model's folder: the template, its special tokens, the ids that end a reply and how the
model's makers would have it sampled.

Knows the files' names and fields, as Hugging Face writes them; never an engine or a module.
"""

from pathlib import Path
from typing import Annotated, Any

import msgspec
from tokenizers import Tokenizer

from smysl_engines.base import Sampling
from smysl_reasoning.dialects.chat import ChatDialect
from smysl_reasoning.dialects.template import BadTemplate

TEMPLATE_FILE = "chat_template.jinja"
CONFIG_FILE = "tokenizer_config.json"
SPECIALS_FILE = "special_tokens_map.json"
GENERATION_FILE = "generation_config.json"
ENDS_FILES = (GENERATION_FILE, "config.json")


class BadChatFiles(ValueError):
    """A folder whose chat files cannot be used; names the file."""


class _Advised(msgspec.Struct, frozen=True):
    """What `GENERATION_FILE` says of sampling; its temperature is for the programs to choose."""

    top_k: Annotated[int, msgspec.Meta(ge=0)] | None = None
    top_p: Annotated[float, msgspec.Meta(gt=0, le=1)] | None = None
    min_p: Annotated[float, msgspec.Meta(ge=0, le=1)] | None = None
    repetition_penalty: Annotated[float, msgspec.Meta(gt=0)] | None = None


def chat_dialect(folder: Path, tokenizer: Tokenizer, vocabulary: int) -> ChatDialect:
    """The dialect of the model in `folder`; without a template the plain one. Raises `BadChatFiles`."""
    config = _fields(folder / CONFIG_FILE)
    tokens = _special_tokens(_fields(folder / SPECIALS_FILE)) | _special_tokens(config)
    ends: list[int] = []
    for name in ENDS_FILES:
        ends += _ids(_fields(folder / name).get("eos_token_id"))
    eos = tokenizer.token_to_id(tokens.get("eos_token", ""))
    ends += [] if eos is None else [eos]
    try:
        return ChatDialect(
            tokenizer,
            _template(folder, config),
            tokens,
            [i for i in ends if i < vocabulary],
            _advised(folder),
        )
    except BadTemplate as error:
        raise BadChatFiles(f"{folder}: {error}") from None


def _template(folder: Path, config: dict[str, Any]) -> str | None:
    """The file of its own, else the field, which may be a list of named ones."""
    path = folder / TEMPLATE_FILE
    try:
        return path.read_text(encoding="utf-8")
    except FileNotFoundError:
        pass
    except (OSError, UnicodeDecodeError) as error:
        raise BadChatFiles(f"{path} cannot be read: {error}") from None
    found = config.get("chat_template")
    if isinstance(found, list):
        named = {one.get("name"): one.get("template") for one in found if isinstance(one, dict)}
        found = named.get("default")
    return found if isinstance(found, str) else None


def _advised(folder: Path) -> Sampling:
    path = folder / GENERATION_FILE
    try:
        found = msgspec.convert(_fields(path), _Advised)
    except msgspec.ValidationError as error:
        raise BadChatFiles(f"{path} advises what no engine can do: {error}") from None
    said = msgspec.structs.asdict(found)
    return Sampling(**{name: value for name, value in said.items() if value is not None})


def _special_tokens(fields: dict[str, Any]) -> dict[str, str]:
    """`bos_token` and the like; each is a text, or an object with its `content`."""
    found: dict[str, str] = {}
    for name, value in fields.items():
        content = value.get("content") if isinstance(value, dict) else value
        if name.endswith("_token") and isinstance(content, str):
            found[name] = content
    return found


def _ids(value: object) -> list[int]:
    values = value if isinstance(value, list) else [value]
    return [i for i in values if isinstance(i, int) and not isinstance(i, bool) and i >= 0]


def _fields(path: Path) -> dict[str, Any]:
    """Of a JSON object; empty where there is no file."""
    try:
        return msgspec.json.decode(path.read_bytes(), type=dict[str, Any])
    except FileNotFoundError:
        return {}
    except (OSError, msgspec.MsgspecError) as error:
        raise BadChatFiles(f"{path} cannot be read: {error}") from None
