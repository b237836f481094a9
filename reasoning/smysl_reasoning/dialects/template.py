"""Renders a checkpoint's own chat template (jinja2, in a sandbox, as transformers does).

Knows messages as plain dictionaries and text; never tokens, modules or files.
"""

from collections.abc import Mapping, Sequence
from datetime import date

from smysl_engines.chat_template import DAY, compiled

PLAIN = (
    "{{ bos_token }}{% for message in messages %}"
    "{% if message.role == 'system' %}{{ message.content }}\n\n"
    "{% elif message.role == 'user' %}Question: {{ message.content }}\n\n"
    "{% else %}Reply: {{ message.content }}{{ eos_token }}\n\n{% endif %}"
    "{% endfor %}{% if add_generation_prompt %}Reply:{% endif %}"
)
"""For a model without a template: the system's words, then `Question: ...` and `Reply: ...` in turn."""


class BadTemplate(ValueError):
    """A chat template that cannot be read, or refuses the messages it is given."""


class ChatTemplate:
    """One template and the special tokens that it may name (`bos_token` ...)."""

    def __init__(self, source: str, tokens: Mapping[str, str], day: date = DAY) -> None:
        """Raises `BadTemplate`."""
        self._tokens = {"bos_token": "", "eos_token": ""} | dict(tokens)
        try:
            self._template = compiled(source, day)
        except ValueError as error:
            raise BadTemplate(str(error)) from error

    def render(
        self, messages: Sequence[Mapping[str, str]], *, begin: bool = True, thinking: bool = True
    ) -> str:
        """The text of a conversation; with `begin` up to where the model's own words begin. Raises
        `BadTemplate`."""
        try:
            return self._template.render(
                messages=list(messages),
                tools=None,
                documents=None,
                add_generation_prompt=begin,
                enable_thinking=thinking,
                **self._tokens,
            )
        except Exception as error:  # a template is a program: it may fail with anything
            raise BadTemplate(f"the chat template fails: {error}") from error
