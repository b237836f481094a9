"""A branch's graph as a document: `FORMATS[name](title, graph)`. Pure; JSON for programs is in `archive`."""

from collections.abc import Callable, Mapping
from types import MappingProxyType

from smysl_reasoning.export import dot, html, markdown, svg
from smysl_reasoning.graph import Graph

FORMATS: Mapping[str, Callable[[str, Graph], str]] = MappingProxyType(
    {
        "markdown": markdown.render,
        "dot": dot.render,
        "svg": svg.render,
        "html": html.render,
    }
)
