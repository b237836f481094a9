"""Compiles a checkpoint's own chat template (jinja2, in a sandbox, with what transformers gives it).

Knows a template's text; never messages, tokens or files.
"""

import json
from datetime import date
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from jinja2 import Template
    from jinja2.parser import Parser

DAY = date(2026, 1, 1)
"""What a template that asks for today's date is told: with the true one every prompt, and so every node, would be
another one each day."""


def compiled(source: str, day: date = DAY) -> "Template":
    """Raises `ValueError` for a template that cannot be read."""
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
        raise ValueError(f"the chat template cannot be read: {error}") from error
