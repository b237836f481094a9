"""Renders a checkpoint's own chat template (jinja2, in a sandbox, as transformers does).

Knows messages as plain dictionaries and text; never tokens, modules or files.
"""

import json
from collections.abc import Mapping, Sequence
from datetime import date
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from jinja2 import Template
    from jinja2.parser import Parser

DAY = date(2026, 1, 1)
"""What a template that asks for today's date is told: with the true one every prompt, and so every node, would be
another one each day."""
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
        self._template = _compiled(source, day)

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


def _compiled(source: str, day: date) -> "Template":
    # a native model's daemon must not pay for it
    from jinja2 import TemplateError, nodes
    from jinja2.ext import Extension, loopcontrols
    from jinja2.sandbox import ImmutableSandboxedEnvironment

    class Generation(Extension):
        """`{% generation %} ... {% endgeneration %}` marks the model's words for training."""

        tags = {"generation"}

        def parse(self, parser: "Parser") -> list[nodes.Node]:
            next(parser.stream)
            return parser.parse_statements(("name:endgeneration",), drop_needle=True)

    def raise_exception(message: str) -> None:
        raise TemplateError(message)

    def tojson(value: Any, **options: Any) -> str:
        return json.dumps(value, ensure_ascii=False, **options)

    environment = ImmutableSandboxedEnvironment(
        trim_blocks=True, lstrip_blocks=True, extensions=[Generation, loopcontrols]
    )
    environment.filters["tojson"] = tojson
    environment.globals["raise_exception"] = raise_exception
    environment.globals["strftime_now"] = day.strftime
    try:
        return environment.from_string(source)
    except TemplateError as error:
        raise BadTemplate(f"the chat template cannot be read: {error}") from error
