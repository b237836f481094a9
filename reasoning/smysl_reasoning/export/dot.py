"""A graph in Graphviz's language, for whoever wants another layout or to draw it larger.

Draws nothing itself.
"""

from smysl_reasoning.export.marks import SYMBOLS, remarks
from smysl_reasoning.export.text import clean, wrap
from smysl_reasoning.graph import ATTACHABLE, ATTACHED, Graph
from smysl_reasoning.nodes import Kind

SHAPES: dict[Kind, str] = {
    "question": "ellipse",
    "context": "note",
    "plan": "hexagon",
    "step": "box",
    "candidate": "box3d",
    "check": "octagon",
    "critique": "cds",
    "choice": "invtrapezium",
    "answer": "doubleoctagon",
    "note": "note",
    "memory": "cylinder",
    "computed": "component",
}
WIDTH = 36
LINES = 12


def render(title: str, graph: Graph) -> str:
    """A `digraph` with a node for each node, named by its id, and an edge for each input that is shown."""
    stale = set(graph.stale())
    out = [
        "digraph smysl {",
        f"  graph [label={quoted([title])}, labelloc=t, rankdir=TB, fontname=Courier];",
        "  node [fontname=Courier, fontsize=11];",
        "  edge [fontname=Courier, fontsize=9];",
    ]
    for id in graph:
        one = graph.placed(id)
        lines = [f"{SYMBOLS[one.node.kind]} {one.node.kind}", *wrap(one.node.text, WIDTH, LINES)]
        if marks := remarks(one, stale=id in stale):
            lines.append(", ".join(marks))
        style = ", style=dashed" if id in stale else ""
        out.append(
            f"  {quoted([id])} [label={quoted(lines)}, shape={SHAPES[one.node.kind]}{style}];"
        )
    for id in graph:
        for edge in graph.inputs(id):
            attached = edge.role == ATTACHED and graph.node(id).kind in ATTACHABLE
            style = ", style=dotted, dir=none" if attached else ""
            out.append(
                f"  {quoted([edge.node])} -> {quoted([id])} [label={quoted([edge.role])}{style}];"
            )
    return "\n".join([*out, "}", ""])


def quoted(lines: list[str]) -> str:
    """A string of Graphviz, one line under another. It reads backslashes and HTML entities also in quotes."""
    escaped = [
        clean(line).replace("\\", "\\\\").replace('"', '\\"').replace("&", "&amp;")
        for line in lines
    ]
    return '"' + "\\n".join(escaped).replace("\n", "\\n") + '"'
