"""An engine of the store and its adapters, in words.

Pure.
"""

from collections.abc import Iterator

from smysl_daemon.shapes import AdapterView, EngineView


def facts(one: EngineView, verified: str = "") -> Iterator[tuple[str, str]]:
    """(label, text) each. `verified`: what a verification said of it."""
    yield "model", f"{one.model or '?'}{' (answers new questions)' if one.loaded else ''}"
    yield "engine", one.fingerprint
    if one.backend:
        yield "runs on", f"{one.backend}, {one.precision}, {one.size_bytes / 1e6:,.1f} MB"
    if one.problem:
        yield "problem", one.problem
    elif verified:
        yield "files", verified
    if not one.adapters:
        yield "adapters", "none"
    for adapter in one.adapters:
        yield "adapters", described(adapter)


def described(one: AdapterView) -> str:
    """`careful  alora, rank 8 (qkv), 4 (o), sets in at token 5 17`."""
    by_rank: dict[int, list[str]] = {}
    for role, rank in one.ranks.items():
        by_rank.setdefault(rank, []).append(role)
    ranks = ", ".join(f"{rank} ({', '.join(roles)})" for rank, roles in by_rank.items())
    words = f"{one.name}  {one.kind}, rank {ranks}"
    if one.activation:
        tokens = " ".join(map(str, one.activation))
        words += f", sets in at token{'s' * (len(one.activation) > 1)} {tokens}"
    return words
