"""What every picture and page says of a node beside its text: its symbol, its state, what it cost.

Knows nodes and the graph; never a format.
"""

from smysl_reasoning.export.text import one_line
from smysl_reasoning.graph import Graph, Placed
from smysl_reasoning.nodes import CheckData, Kind, Stats

# signs that any font has: a picture may be opened where nobody can choose one
SYMBOLS: dict[Kind, str] = {
    "question": "?",
    "context": "¶",
    "plan": "§",
    "step": "»",
    "candidate": "≈",
    "check": "√",
    "critique": "!",
    "choice": "Σ",
    "answer": "◊",
    "note": "‡",
    "memory": "∞",
    "computed": "=",
}


def remarks(placed: Placed, *, stale: bool) -> list[str]:
    """Its state and how sure it is, for people."""
    sure = confidence(placed)
    return [*state(placed, stale=stale), *([percent(sure)] if sure is not None else [])]


def state(placed: Placed, *, stale: bool) -> list[str]:
    """What is out of the ordinary, and whether a check was passed."""
    node = placed.node
    found = ["stale"] if stale else []
    if node.status != "done":
        found.append(node.status)
    if placed.hold is not None:
        found.append(placed.hold)
    if placed.again is not None and not placed.again.done:
        found.append("to be made again")
    if isinstance(node.data, CheckData) and node.data.passed is not None:
        found.append("passed" if node.data.passed else "not passed")
    return found


def confidence(placed: Placed) -> float | None:
    """0..1: a check's own probability, else that of the text."""
    data, stats = placed.node.data, placed.node.stats
    return data.probability if isinstance(data, CheckData) else stats.confidence


def percent(share: float) -> str:
    """0.956 as `95.6 %`; never rounded up to certainty."""
    shown = f"{share * 100:.1f}"
    if shown == "100.0" and share < 1:
        return "> 99.9 %"
    return shown.removesuffix(".0") + " %"


def headline(placed: Placed) -> str:
    """All it says, in one line."""
    return one_line(placed.node.text) or "(no text)"


def cost(stats: Stats) -> str:
    """`2 calls, 41 prompt tokens (40 cached), 5 generated, 12.5 ms`; empty where nothing was spent."""
    if not (stats.calls or stats.prompt_tokens or stats.generated_tokens):
        return ""
    return (
        f"{counted(stats.calls, 'call')}, {counted(stats.prompt_tokens, 'prompt token')} "
        f"({stats.cached_tokens} cached), {stats.generated_tokens} generated, "
        f"{stats.milliseconds:.1f} ms"
    )


def counted(count: int, noun: str) -> str:
    return f"{count} {noun}" + ("" if count == 1 else "s")


def overview(graph: Graph) -> str:
    """`14 nodes, 3 stale, 6 model calls, 124 prompt tokens (61 cached), 97 generated`"""
    stats = graph.stats()
    parts = [counted(stats.nodes, "node")]
    if stats.stale:
        parts.append(f"{stats.stale} stale")
    if stats.held:
        parts.append(f"{stats.held} held by a person")
    parts.append(counted(stats.calls, "model call"))
    parts.append(f"{counted(stats.prompt_tokens, 'prompt token')} ({stats.cached_tokens} cached)")
    parts.append(f"{stats.generated_tokens} generated")
    return ", ".join(parts)
