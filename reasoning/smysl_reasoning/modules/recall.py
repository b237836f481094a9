"""recall: what was remembered in other sessions about the words of a question (BM25 over rarer words; retrieval as in
Lewis et al., 2020, without a model).

What was recalled once stands: a later walk of the same question reads it again and does not search anew. A memory that
was taken out, or whose session is gone, is not found.
"""

import re
from collections import defaultdict
from collections.abc import Sequence

from smysl_reasoning.errors import UnknownId
from smysl_reasoning.modules.base import Asked, Inputs, Module, Option, Port, Settings, Written
from smysl_reasoning.nodes import MemoryData, Node, Recalled, RecalledData
from smysl_reasoning.store import Store
from smysl_reasoning.workbench import Draft, Workbench

WORDS = 12
"""Most words that are searched for: the longest ones."""
LETTERS = 4
"""Fewest letters of a word that is searched for: shorter ones say little."""
HITS = 200
"""Most nodes that are looked at for one word."""


async def run(bench: Workbench, inputs: Inputs, settings: Settings) -> Written | None:
    asked = inputs.one("question", Asked)
    limit = int(settings["limit"])
    # of this question only: the same question asked elsewhere may recall more by then
    key = f"{limit} {bench.desk.root}"
    draft = bench.draft(MODULE.label, asked.inputs, name="memory", prompt=key)
    node = await draft.reused()
    if node is None and bench.desk.purpose == "replay":
        node = await _again(bench, draft)
        return None if node is None else Written(node, node.text)
    if node is None:
        found = recalled(bench.desk.store, asked.told.text, bench.desk.session, limit)
        if not found:
            return None
        text = "\n\n".join(one.text for one in found)
        node = await draft.finish("memory", text, RecalledData(tuple(found)))
    return Written(node, node.text)


def recalled(store: Store, text: str, session: str, limit: int) -> list[Recalled]:
    """At most `limit` memories of other sessions than `session`, those that share the rarest words first."""
    scores: defaultdict[str, float] = defaultdict(float)
    nodes: dict[str, Node] = {}
    for word in words(text):
        hits = [hit.node for hit in store.search(word, HITS) if hit.session != session]
        memories = [node for node in hits if isinstance(node.data, MemoryData)]
        for node in memories:
            nodes[node.id] = node
            scores[node.id] += 1 / len(memories)
    ordered = sorted(nodes, key=lambda id: (-scores[id], id))
    found: list[Recalled] = []
    for node in (nodes[id] for id in ordered):
        if len(found) == limit:
            break
        # two sessions may remember the same
        if _stands(store, node) and node.text not in [one.text for one in found]:
            found.append(Recalled(node.session, node.id, node.text))
    return found


def words(text: str) -> Sequence[str]:
    """What is worth searching for: the longest words, each once."""
    every = dict.fromkeys(word.lower() for word in re.findall(r"[^\W\d_]+", text))
    long = [word for word in every if len(word) >= LETTERS]
    return sorted(long, key=lambda word: -len(word))[:WORDS]


def _stands(store: Store, node: Node) -> bool:
    """Its session shows it, as it was found."""
    try:
        graph = store.view(node.session).graph
    except UnknownId:
        return False
    return node.id in graph and graph.node(node.id).text == node.text


async def _again(bench: Workbench, draft: Draft) -> Node | None:
    """What stands in the branch that is replayed: the memories of today are not those of then."""
    old = bench.desk.standing.at(bench.desk.root, draft.place)
    if old is None:
        return None
    return await draft.finish("memory", old.node.text, old.node.data)


MODULE = Module(
    name="recall",
    version=1,
    summary="find what other sessions remember about a question",
    inputs={"question": Port("question")},
    output="text",
    run=run,
    options={"limit": Option(default=3, minimum=1, maximum=20, help="most memories")},
)
