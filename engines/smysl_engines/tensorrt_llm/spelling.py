"""The text of tokens that an output began with, for a grammar to go on from.

Knows a tokenizer's file and token ids; never a grammar.
"""

import threading
from collections.abc import Sequence
from pathlib import Path

import msgspec

from smysl_engines.base import BadCall
from smysl_engines.token_bytes import token_bytes
from smysl_engines.tokenizer_file import TokenizerFile


class Spelling:
    """Of one engine. Any thread may call."""

    def __init__(self, tokenizer: Path, vocabulary: int, model: str) -> None:
        """`tokenizer` is read only when it is needed."""
        self._file = TokenizerFile(tokenizer)
        self._vocabulary = vocabulary
        self._model = model
        self._lock = threading.Lock()
        self._table: list[bytes] | None = None

    def text(self, ids: Sequence[int]) -> str:
        """Special tokens are no text. Raises `BadCall` for ids that end within a character, and for an
        engine whose tokenizer is not known here."""
        with self._lock:
            table = self._table = self._table or self._read()
        said = b"".join(table[token] for token in ids)
        try:
            return said.decode()
        except UnicodeDecodeError as error:
            raise BadCall(
                f"position is {len(ids)}, but the prompt's last {len(ids)} tokens end within a character "
                f"({error.reason}), where no grammar of TensorRT-LLM can begin. Ask for the whole output "
                "again."
            ) from error

    def _read(self) -> list[bytes]:
        try:
            if not self._file.exists:
                raise ValueError("there is none")
            return token_bytes(self._file.read(), self._vocabulary).table
        except (OSError, ValueError, msgspec.MsgspecError) as error:
            raise BadCall(
                f"engine {self._model!r} cannot go on with an output under a grammar: its "
                f"tokenizer.json cannot be used ({error}). Ask for the whole output again."
            ) from error
