"""Text to token ids with an engine's tokenizer, special tokens included, nothing cut off.

Knows a tokenizer's file; never a model. For callers who have text where an engine takes ids.
"""

import os
import threading
import weakref
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from smysl_engines.base import BadCall

if TYPE_CHECKING:
    from tokenizers import Tokenizer


class Texts:
    """The tokenizer of one engine. Any thread may call."""

    def __init__(self, tokenizer: Path, model: str) -> None:
        """`tokenizer` is opened, and read only when a text comes: a rebuilt engine replaces the
        folder under a running one."""
        self._model = model
        self._lock = threading.Lock()
        self._tokenizer: Tokenizer | None = None
        try:
            self._file: int | None = os.open(tokenizer, os.O_RDONLY | os.O_CLOEXEC)
        except FileNotFoundError:
            self._file = None
        else:
            weakref.finalize(self, os.close, self._file)

    def ids(self, texts: Sequence[str]) -> list[list[int]]:
        """Token ids of each text, stripped of white space at its ends (as sentence-transformers
        does). A limit of length that the file sets is not kept to: what is too long is for the engine
        to refuse.

        Raises `BadCall` for what is not Unicode text, and for an engine without a usable tokenizer.
        """
        for number, text in enumerate(texts):
            try:
                text.encode()
            except UnicodeEncodeError as error:
                raise BadCall(
                    f"text {number} is not Unicode text: {error}. Give it without surrogates"
                ) from error
        with self._lock:
            tokenizer = self._tokenizer = self._tokenizer or self._read()
        return [found.ids for found in tokenizer.encode_batch([text.strip() for text in texts])]

    def _read(self) -> "Tokenizer":
        # a compiled library that only texts need
        from tokenizers import Tokenizer

        if self._file is None:
            raise BadCall(
                f"engine {self._model!r} has no tokenizer.json, so it cannot embed text. Give token "
                "ids, or build it again from a folder that has the file."
            )
        try:
            size = os.fstat(self._file).st_size
            tokenizer = Tokenizer.from_buffer(os.pread(self._file, size, 0))
        except Exception as error:
            raise BadCall(
                f"tokenizer.json of engine {self._model!r} is no tokenizer: {error}. Give token ids, "
                "or build it again from a folder that has a sound one."
            ) from error
        tokenizer.no_truncation()
        tokenizer.no_padding()
        return tokenizer
