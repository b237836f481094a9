"""Adds up what one engine after another has done, when the same engine is closed and opened again.

Pure: statistics in, statistics out; never an engine.
"""

import msgspec

from smysl_engines.base import EngineStats

COUNTED = (
    "prompt_tokens",
    "cached_tokens",
    "restored_tokens",
    "computed_tokens",
    "generated_tokens",
    "drafted_tokens",
    "accepted_tokens",
    "steps",
    "preempted",
    "evicted_blocks",
    "saved_blocks",
)
"""What only grows, and begins at nothing in each engine. `finished` does too, by reason."""
HELD = ("running", "waiting", "held_blocks", "cached_blocks", "weights_bytes", "kv_bytes")
"""What an engine has while it is open."""


def together(before: EngineStats, now: EngineStats) -> EngineStats:
    """What `now` holds, and what both have done."""
    reasons = dict.fromkeys((*before.finished, *now.finished))
    return msgspec.structs.replace(
        now,
        **{name: getattr(before, name) + getattr(now, name) for name in COUNTED},
        finished={
            reason: before.finished.get(reason, 0) + now.finished.get(reason, 0)
            for reason in reasons
        },
        # nothing is known of an engine that has just been opened
        prefill_tokens_per_s=now.prefill_tokens_per_s or before.prefill_tokens_per_s,
    )


def one_more(stats: EngineStats, reason: str) -> EngineStats:
    """With another call that ended so."""
    count = stats.finished.get(reason, 0) + 1
    return msgspec.structs.replace(stats, finished=stats.finished | {reason: count})


def closed(stats: EngineStats) -> EngineStats:
    """The same with nothing held."""
    return msgspec.structs.replace(stats, **dict.fromkeys(HELD, 0))
