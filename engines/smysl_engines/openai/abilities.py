"""What a server was found to be able to do.

Knows names and numbers; never how they were found out.
"""

from typing import Literal

import msgspec

Flavour = Literal["llama.cpp", "vllm", "openai"]
"""How it is spoken to: llama.cpp's own `/completion`, `/v1/completions` with vLLM's fields, or as OpenAI has it."""
Guided = Literal["structured_outputs", "guided", "response_format"]
"""Fields that hold an output to a form: vLLM's newer and older ones, OpenAI's."""


class Abilities(msgspec.Struct, frozen=True, kw_only=True):
    flavour: Flavour
    model: str
    """Its name at the server."""
    identity: str
    """What the server says of its model beyond the name: sizes, path. Another identity is another model."""
    precision: str = "as served"
    version: str = ""
    context: int | None = None
    """Most tokens of prompt and output together; None where it does not say."""
    vocabulary: int | None = None
    slots: int | None = None
    """Calls that it computes at once."""
    completions: bool = True
    chat: bool = False
    token_prompts: bool = False
    """A prompt may be given as token ids."""
    token_ids: bool = False
    """The output comes as token ids."""
    logprobs: int = 0
    """Most of the likeliest tokens it tells at one place; 0 tells none."""
    n: bool = False
    """Several completions of one prompt in a request."""
    guided: Guided | None = None
    adapters: dict[str, int | str] = {}
    """By the name in smysl: llama.cpp's number of it, or vLLM's name of it as a model."""

    @property
    def exact(self) -> bool:
        """Tokens go in and come out as they are, and which may come next can be limited to the last one: every
        constraint is kept to here, token by token."""
        return self.token_prompts and self.token_ids and self.flavour != "openai"
