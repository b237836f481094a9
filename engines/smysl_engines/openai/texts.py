"""Tokens to text and back with the model's own tokenizer, where a server speaks text.

Knows tokenizer.json; never a server or a call. Special tokens are text here: what the prompt says must arrive
whole.
"""

import hashlib
from collections.abc import Sequence
from pathlib import Path

import msgspec
from tokenizers import Tokenizer

from smysl_engines.base import EngineError
from smysl_engines.openai.conversation import Conversations
from smysl_engines.token_bytes import TokenBytes, token_bytes

SPLITS = 2
"""Ways of cutting bytes into tokens that are looked for: one more than one means doubt."""


CONFIGS = ("generation_config.json", "config.json")


class _Config(msgspec.Struct):
    eos_token_id: int | list[int] | None = None


def _ends(folder: Path, vocabulary: int) -> tuple[int, ...]:
    found: list[int] = []
    for name in CONFIGS:
        try:
            ids = msgspec.json.decode((folder / name).read_bytes(), type=_Config).eos_token_id
        except (OSError, msgspec.MsgspecError, UnicodeDecodeError):
            continue
        found += ids if isinstance(ids, list) else [] if ids is None else [ids]
    return tuple(id for id in dict.fromkeys(found) if 0 <= id < vocabulary)


class Words:
    """The tokenizer of one server's model."""

    def __init__(self, file: Path) -> None:
        """Raises `EngineError` for a file that is missing or no tokenizer."""
        try:
            data = file.read_bytes()
            self._tokenizer = Tokenizer.from_buffer(data)
        except Exception as error:  # the tokenizers library raises bare Exception for a bad file
            raise EngineError(
                f"{file} cannot be used: {error}. Name a folder with the tokenizer.json of the model that the "
                "server runs"
            ) from error
        self._tokenizer.no_truncation()
        self._tokenizer.no_padding()
        self.file = file
        self.hash = hashlib.blake2b(data, digest_size=16).hexdigest()
        self.vocabulary = 1 + max(self._tokenizer.get_vocab(with_added_tokens=True).values())
        self.ends = _ends(file.parent, self.vocabulary)
        """Tokens that end a text of this model, as its other files have it."""
        self._conversations: Conversations | None = None
        self._data = data
        self._table: TokenBytes | None = None

    @property
    def conversations(self) -> Conversations:
        """The model's chat template. Raises `EngineError` where there is none that can be used."""
        if self._conversations is None:
            try:
                self._conversations = Conversations(self.file.parent)
            except (OSError, ValueError, UnicodeDecodeError) as error:
                raise EngineError(
                    f"{self.file.parent} cannot be used for a server that only chats: {error}. Put the model's "
                    "tokenizer_config.json or chat_template.jinja there"
                ) from error
        return self._conversations

    def require_template(self) -> None:
        """Raises `EngineError` where `conversations` would."""
        assert self.conversations

    def text(self, ids: Sequence[int]) -> str:
        return str(self._tokenizer.decode(list(ids), skip_special_tokens=False))

    def ids(self, text: str) -> list[int]:
        return list(self._tokenizer.encode(text, add_special_tokens=False).ids)

    def id_of(self, token: str) -> int | None:
        """Of a token as servers spell it: `token_id:17`, its text, or its name in the vocabulary."""
        if token.startswith("token_id:") and token[9:].isdigit():
            return int(token[9:])
        ids = self.ids(token)
        if len(ids) == 1 and self.text(ids) == token:
            return ids[0]
        found: int | None = self._tokenizer.token_to_id(token)
        return found

    def hidden(self, said: str, last: int, count: int) -> tuple[int, ...] | None:
        """The `count` tokens that the text `said` begins with and that `last` completes; None where its bytes can
        be cut into them in no way, or in several."""
        table = self._bytes().table
        text, end = said.encode(), table[last]
        if "\ufffd" in said or not end or not text.endswith(end):
            return None
        found = self._cuts(text[: len(text) - len(end)], count)
        return found[0] if len(found) == 1 else None

    def _cuts(self, text: bytes, count: int) -> list[tuple[int, ...]]:
        table = self._bytes().table
        by_bytes: dict[bytes, int] = {}
        for id, spelt in enumerate(table):
            if spelt and spelt in text:
                by_bytes.setdefault(spelt, id)
        found: list[tuple[int, ...]] = []

        def cut(at: int, so_far: tuple[int, ...]) -> None:
            if len(found) == SPLITS:
                return
            if at == len(text) or len(so_far) == count:
                if at == len(text) and len(so_far) == count:
                    found.append(so_far)
                return
            for spelt, id in by_bytes.items():
                if text.startswith(spelt, at):
                    cut(at + len(spelt), (*so_far, id))

        cut(0, ())
        return found

    def _bytes(self) -> TokenBytes:
        if self._table is None:
            try:
                self._table = token_bytes(self._data, self.vocabulary)
            except ValueError as error:
                raise EngineError(f"{self.file} cannot be read byte by byte: {error}") from error
        return self._table


class Reencoder:
    """Token ids of a text that comes in pieces. The last token of what has come waits for more: text may go on
    within it."""

    def __init__(self, words: Words) -> None:
        self._words = words
        self._text = ""
        """Since the last token that was given."""

    @property
    def waiting(self) -> bool:
        """Some text has not been given yet."""
        return bool(self._text)

    def push(self, text: str) -> list[int]:
        """The tokens that are settled now."""
        self._text += text
        ids = self._words.ids(self._text)
        settled = ids[:-1]
        said = self._words.text(settled)
        if not settled or not self._text.startswith(said) or not self._text[len(said) :]:
            return []
        self._text = self._text[len(said) :]
        return settled

    def end(self) -> list[int]:
        """The rest."""
        ids, self._text = self._words.ids(self._text), ""
        return ids
