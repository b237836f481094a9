"""A self-contained page: the picture of a graph, and under it every node whole. No script, nothing loaded.

Knows what a page says of a node; how the picture looks is decided in `svg`. Well-formed as XML too.
"""

from xml.sax.saxutils import escape, quoteattr

from smysl_reasoning.export import svg
from smysl_reasoning.export.marks import SYMBOLS, cost, counted, headline, overview, remarks
from smysl_reasoning.export.text import clean, cut
from smysl_reasoning.graph import Graph

SUMMARY = 90
"""Letters of a node's text in the line that opens it."""


def render(title: str, graph: Graph) -> str:
    """A page of HTML 5 that is also well-formed XML."""
    name = escape(clean(title)) or "(no title)"
    stale = set(graph.stale())
    nodes = "\n".join(_node(graph, id, id in stale) for id in graph.topological())
    # the policy makes the promise of the module's head the browser's too
    return f"""<!DOCTYPE html>
<html xmlns="http://www.w3.org/1999/xhtml" lang="en">
<head>
<meta charset="utf-8"/>
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'"/>
<meta name="viewport" content="width=device-width, initial-scale=1"/>
<meta name="color-scheme" content="light dark"/>
<title>{name}</title>
<style>{_style()}</style>
</head>
<body>
<h1>{name}</h1>
<p class="overview">{escape(overview(graph))}</p>
<div class="picture">
{svg.picture(title, graph, link=lambda id: "#" + anchor(id))}</div>
<h2>{counted(len(graph), "node")}</h2>
{nodes}
</body>
</html>
"""


def anchor(id: str) -> str:
    """The id of the element that holds a node's text."""
    return "node-" + clean(id)


def _node(graph: Graph, id: str, stale: bool) -> str:
    placed = graph.placed(id)
    node = placed.node
    marks = ", ".join(remarks(placed, stale=stale))
    facts = [("id", escape(clean(id))), ("revision", str(placed.revision))]
    facts += [(escape(clean(edge.role)), _reference(graph, edge.node)) for edge in node.inputs]
    users = [_reference(graph, user) for user in graph.users(id)]
    users += [_reference(graph, note.node.id) for note in graph.notes(id)]
    if users:
        facts.append(("used by", ", ".join(users)))
    if node.recipe is None:
        facts.append(("made by", "a person"))
    else:
        made = f"{node.recipe.module}, engine {node.recipe.engine}"
        facts.append(("made by", escape(clean(made))))
    if spent := cost(node.stats):
        facts.append(("cost", escape(spent)))
    rows = "".join(f"<dt>{name}</dt><dd>{said}</dd>" for name, said in facts)
    head = escape(cut(headline(placed), SUMMARY))
    return (
        f'<details class="{svg.group(node.kind)}{" stale" if stale else ""}"><summary>'
        f"<b>{SYMBOLS[node.kind]} {node.kind}</b> {head}"
        f"{f' <i>{escape(marks)}</i>' if marks else ''}</summary>"
        f"<pre id={quoteattr(anchor(id))}>{escape(clean(node.text))}</pre><dl>{rows}</dl></details>"
    )


def _reference(graph: Graph, id: str) -> str:
    if id not in graph:
        return f"<code>{escape(clean(id))}</code>, not in this branch"
    placed = graph.placed(id)
    said = escape(f"{placed.node.kind}: {cut(headline(placed), 40)}")
    return f"<a href={quoteattr('#' + anchor(id))}>{said}</a>"


def _style() -> str:
    light, dark = svg.LIGHT["page"], svg.DARK["page"]
    rules = [
        "body{margin:2rem auto;max-width:96rem;padding:0 1.5rem;line-height:1.5;"
        f"font-family:system-ui,sans-serif;background:{light.fill};color:{light.text}}}",
        "h1{font-size:1.4rem}h2{font-size:1.1rem;margin-top:2rem}h1,pre,summary,dd{overflow-wrap:anywhere}",
        f".overview,summary i,dt{{color:{light.dim}}}",
        ".picture{overflow-x:auto}.picture a{text-decoration:none}",
        f"details{{border-left:4px solid {light.line};margin:.4rem 0;padding:.2rem .8rem}}",
        "details.stale{border-left-style:dashed}summary{cursor:pointer}",
        "pre{white-space:pre-wrap;unicode-bidi:plaintext;font-family:" + svg.FONT + "}",
        "dl{display:grid;grid-template-columns:max-content 1fr;gap:.1rem 1rem;margin:.5rem 0}dd{margin:0}",
        f"a{{color:{svg.LIGHT['given'].line}}}",
        *(f"details.{name}{{border-left-color:{svg.LIGHT[name].line}}}" for name in svg.GROUPS),
    ]
    night = [
        f"body{{background:{dark.fill};color:{dark.text}}}.overview,summary i,dt{{color:{dark.dim}}}",
        f"a{{color:{svg.DARK['given'].line}}}",
        *(f"details.{name}{{border-left-color:{svg.DARK[name].line}}}" for name in svg.GROUPS),
    ]
    return "".join(rules) + "@media (prefers-color-scheme: dark){" + "".join(night) + "}"
