"""What an engine holds and has done, in a few lines for people.

Pure: knows the daemon's numbers; prints nothing.
"""

from collections.abc import Iterator

from smysl_daemon.shapes import EngineStatsView


def lines(stats: EngineStatsView) -> Iterator[tuple[str, str]]:
    """(label, text) each. What cannot be said yet, as the share of nothing, is left out."""
    yield "engine", "; ".join((*_now(stats), _ended(stats.finished)))
    yield "prompts", ", ".join(_prompts(stats))
    yield "output", ", ".join(_output(stats))
    if blocks := ", ".join(_blocks(stats)):
        yield "blocks", blocks


def _now(stats: EngineStatsView) -> Iterator[str]:
    if not stats.loaded:
        yield "not in memory, the next call loads it"
        return
    yield f"{stats.running} calls running, {stats.waiting} waiting"
    if stats.weights_bytes:
        yield f"weights of {stats.weights_bytes / 1e6:.1f} MB"


def _ended(finished: dict[str, int]) -> str:
    total = sum(finished.values())
    if not total:
        return "none ended yet"
    listed = ", ".join(f"{count:,} {reason}" for reason, count in sorted(finished.items()))
    return f"{total:,} ended ({listed})"


def _prompts(stats: EngineStatsView) -> Iterator[str]:
    yield f"{stats.prompt_tokens:,} tokens"
    if stats.prompt_tokens:
        yield f"{_percent(stats.cached_tokens, stats.prompt_tokens)} reused"
    if stats.restored_tokens:
        yield f"{stats.restored_tokens:,} read from snapshots"
    if stats.prefill_tokens_per_s:
        yield f"others at {stats.prefill_tokens_per_s:,.0f} tokens/s"


def _output(stats: EngineStatsView) -> Iterator[str]:
    yield f"{stats.generated_tokens:,} tokens"
    if stats.drafted_tokens:
        right = _percent(stats.accepted_tokens, stats.drafted_tokens)
        yield f"{stats.drafted_tokens:,} guessed ahead, {right} of them right"


def _blocks(stats: EngineStatsView) -> Iterator[str]:
    if stats.loaded and stats.blocks:
        yield (
            f"{stats.held_blocks:,} in use and {stats.cached_blocks:,} kept of {stats.blocks:,} "
            f"({stats.kv_bytes / 1e6:.1f} of {stats.kv_cap_bytes / 1e6:.1f} MB), "
            f"{stats.block_tokens} tokens each"
        )
    if stats.evicted_blocks:
        yield f"{stats.evicted_blocks:,} gave way"
    if stats.saved_blocks:
        yield f"{stats.saved_blocks:,} saved as snapshots"
    if stats.preempted:
        yield f"{stats.preempted:,} times a call had to give way"


def _percent(part: int, whole: int) -> str:
    return f"{100 * part / whole:.0f} %"
