"""How long a run will take, from what the peers usually do on two cores.

Knows rough speeds; a run measures the real ones.
"""

from benchmarks.peers.work import Work

_SPEEDS = {
    "smysl": (420, 80, 230),
    "bare": (420, 80, 230),
    "llama": (220, 60, 110),
    "openvino": (700, 42, 160),
    "genai": (105, 40, 42),
    "transformers": (150, 12, 60),
}
"""Tokens a second: prefill, decoding one sequence, decoding branches in total."""
_UNCACHED = 150
"""Prompt tokens of a check, a vote or an answer that a peer computes in spite of its cache."""
_REOPENING_S = 12
"""Opening a process of its own, warming it and closing it."""


def seconds(work: Work, peer: str, way: str) -> float:
    """Of one pass, what is not counted included."""
    prefill, decode, branches = _SPEEDS[peer]
    prompt = work.prompt / prefill
    match work.kind:
        case "prefill":
            return prompt
        case "decode":
            return prompt + work.tokens / decode
        case "warm" | "cold":
            alone = way == "requests" and work.kind == "cold" and peer == "llama"
            every = alone or (way == "batch" and work.kind == "warm")
            prompts = work.branches if every else 1
            return prompts * prompt + work.branches * work.tokens / branches
        case "session" | "adapted session":
            rate = decode if way == "one slot" else branches
            plan, step, answer = work.session_tokens
            thinking = (plan + answer) / decode + work.branches * step / rate
            thought = prompt + thinking + (work.branches + 2) * _UNCACHED / prefill
            return thought + (_REOPENING_S if work.kind == "adapted session" else 0)
        case "restart":
            return (1 if peer == "llama" else 2) * prompt + 5
    raise ValueError(f"no work is of the kind {work.kind!r}")
