"""The measurements by name: prompts, the reasoning session, and how one is performed on a peer.

Knows peers by their protocol only; which runs when, and how often, is the driver's decision.
"""

import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from benchmarks.peers.peer import Answer, Ask, Peer

VOCABULARY = 150_000
"""Prompts are of tokens below this one."""
DECODED = 128
BRANCH_TOKENS = 64
ADAPTED_SESSION = "reasoning session, checks under an adapter"


@dataclass(frozen=True)
class Work:
    """One measurement: `kind` says what is done, the numbers how much of it."""

    name: str
    kind: str
    prompt: int
    branches: int = 1
    tokens: int = 1
    repeats: int = 3
    """In a full run."""

    @property
    def faster_is_higher(self) -> bool:
        """Tokens a second, else seconds."""
        return self.kind not in ("session", "adapted session", "restart")

    @property
    def session_tokens(self) -> tuple[int, int, int]:
        """Of a session's plan, of each derivation and of the answer; `tokens` are a derivation's."""
        return self.tokens * 2 // 3, self.tokens, self.tokens // 2

    @property
    def unit(self) -> str:
        return "tok/s" if self.faster_is_higher else "s"


def _branches(prompt: int, count: int, repeats: int) -> Work:
    name = f"{count} branches, {prompt} cached"
    return Work(name, "warm", prompt, count, BRANCH_TOKENS, repeats)


# work that a bar is about has the most rounds
FULL: tuple[Work, ...] = (
    Work("prefill 512", "prefill", 512, repeats=5),
    Work("prefill 2048", "prefill", 2048, repeats=1),
    Work("decode 128 after 512", "decode", 512, tokens=DECODED, repeats=5),
    _branches(256, 4, 1),
    _branches(256, 8, 3),
    _branches(256, 16, 1),
    _branches(1024, 4, 1),
    _branches(1024, 8, 1),
    _branches(1024, 16, 1),
    Work("8 branches, 256 new", "cold", 256, 8, BRANCH_TOKENS, 1),
    Work("8 branches, 1024 new", "cold", 1024, 8, BRANCH_TOKENS, 1),
    Work("reasoning session", "session", 400, 4, 96, 3),
    Work(ADAPTED_SESSION, "adapted session", 400, 4, 96, 3),
    Work("restart, 2048 known", "restart", 2048, repeats=1),
)
QUICK: tuple[Work, ...] = (
    Work("prefill 64", "prefill", 64, repeats=1),
    Work("decode 8 after 64", "decode", 64, tokens=8, repeats=1),
    Work("4 branches, 64 cached", "warm", 64, 4, 8, 1),
    Work("4 branches, 64 new", "cold", 64, 4, 8, 1),
    Work("reasoning session", "session", 48, 4, 6, 1),
    Work(ADAPTED_SESSION, "adapted session", 48, 4, 6, 1),
    Work("restart, 64 known", "restart", 64, repeats=1),
)


def prompt(length: int, salt: int) -> tuple[int, ...]:
    """Token ids that no other salt's prompt begins with."""
    return tuple((1 + salt * 7919 + at * 31 + at * at % 17) % VOCABULARY for at in range(length))


def perform(peer: Peer, work: dict[str, Any], way: str, salt: int) -> dict[str, Any]:
    """Do the work once; `value` is its figure in the work's unit, `seconds` the time measured."""
    wanted = Work(**work)
    text = prompt(wanted.prompt, salt)
    match wanted.kind:
        case "prefill":
            seconds, _ = _timed(peer, [Ask(text)], way)
            return {"value": len(text) / seconds, "seconds": seconds}
        case "decode":
            return _decode(peer, Ask(text, wanted.tokens + 1), way)
        case "warm":
            peer.warm(text, wanted.branches, way)
            return _branch(peer, Ask(text, wanted.tokens), wanted.branches, way)
        case "cold":
            return _branch(peer, Ask(text, wanted.tokens), wanted.branches, way)
        case "session":
            return _session(peer, text, wanted, way)
        case "adapted session":
            with peer.adapters():
                return _session(peer, text, wanted, way, adapted=True)
        case "restart":
            seconds = peer.restart(text)
            return {"value": seconds, "seconds": seconds}
    raise ValueError(f"no work is of the kind {wanted.kind!r}")


def _timed(peer: Peer, asks: Sequence[Ask], way: str) -> tuple[float, list[Answer]]:
    started = time.perf_counter()
    answers = peer.ask(asks, way)
    seconds = time.perf_counter() - started
    for ask, answer in zip(asks, answers, strict=True):
        _expect(ask.tokens, answer)
    return seconds, answers


def _expect(tokens: int, answer: Answer) -> None:
    """A peer that stopped early would look fast."""
    if len(answer.tokens) != tokens:
        raise RuntimeError(f"{len(answer.tokens)} tokens came; {tokens} were asked for")


def _decode(peer: Peer, ask: Ask, way: str) -> dict[str, Any]:
    seconds, (answer,) = _timed(peer, [ask], way)
    after_first = seconds - answer.first_s
    result = {"value": (ask.tokens - 1) / after_first, "seconds": after_first}
    return result | {"first_s": answer.first_s} | answer.extra


def _branch(peer: Peer, ask: Ask, count: int, way: str) -> dict[str, Any]:
    started = time.perf_counter()
    answers = peer.branch(ask, count, way)
    seconds = time.perf_counter() - started
    if len(answers) != count:
        raise RuntimeError(f"{len(answers)} branches came; {count} were asked for")
    for answer in answers:
        _expect(ask.tokens, answer)
    return {"value": count * ask.tokens / seconds, "seconds": seconds} | _sums(answers)


def _sums(answers: Sequence[Answer]) -> dict[str, float]:
    names = {name for answer in answers for name in answer.extra}
    return {name: sum(answer.extra.get(name, 0.0) for answer in answers) for name in names}


def _session(
    peer: Peer, question: tuple[int, ...], work: Work, way: str, adapted: bool = False
) -> dict[str, Any]:
    """Plan, derivations of one prompt, a yes-or-no check of each, a vote, an answer."""
    plan_tokens, step_tokens, answer_tokens = work.session_tokens
    plan, derive, check, vote, conclude = (_instruction(number) for number in range(5))
    asks: list[Ask] = []
    answers: list[Answer] = []

    def note(asked: Sequence[Ask], given: list[Answer]) -> list[Answer]:
        for one, answer in zip(asked, given, strict=True):
            _expect(one.tokens, answer)
        asks.extend(asked)
        answers.extend(given)
        return given

    started = time.perf_counter()
    first = [Ask(question + plan, plan_tokens)]
    (planned,) = note(first, peer.ask(first, way))
    base = question + plan + planned.tokens + derive
    step = Ask(base, step_tokens, seed=1)
    steps = note([step] * work.branches, peer.branch(step, work.branches, way))
    checks = [
        Ask(base + one.tokens + check, options=(100, 200), slot=one.slot, adapted=adapted)
        for one in steps
    ]
    note(checks, peer.ask(checks, way))
    everything = tuple(token for one in steps for token in one.tokens)
    labels = tuple(range(300, 300 + work.branches))
    ballot = [Ask(base + everything + vote, options=labels, slot=steps[0].slot)]
    note(ballot, peer.ask(ballot, way))
    last = [Ask(base + steps[-1].tokens + conclude, answer_tokens, slot=steps[-1].slot)]
    note(last, peer.ask(last, way))
    seconds = time.perf_counter() - started
    generated = sum(len(answer.tokens) for answer in answers)
    facts: dict[str, Any] = {"generated_tokens": generated, "calls": len(answers)}
    facts["prompt_tokens"] = sum(len(one.prompt) for one in asks)
    return {"value": seconds, "seconds": seconds} | facts | _sums(answers)


def _instruction(number: int) -> tuple[int, ...]:
    """Eight tokens that ask for one kind of thought."""
    return tuple(140_000 + 100 * number + at for at in range(8))


INVOCATION = _instruction(2)[-3:]
"""What the adapter sets in at: the end of a check's prompt."""
