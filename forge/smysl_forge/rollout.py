"""Lets the model in training derive fresh problems, many rows at a time, and grades every derivation.

Knows tensors and the native dialect; nothing of engines, optimisers or files.
"""

from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor

from smysl_forge.examples import UNKNOWN
from smysl_forge.model import Cache, Llama
from smysl_forge.problem import BadTrace, Problem, conclude
from smysl_reasoning.compute import ComputeError, evaluate
from smysl_reasoning.dialects.native import SPECIALS, NativeDialect, Unreadable, read

LONGEST = 200
"""Most tokens of a derivation."""


class Graded(NamedTuple):
    """A derivation that the model made."""

    problem: Problem
    ids: list[int]
    """Prompt and derivation."""
    reached: str | None
    """The answer in normal form; "" when the plan says outside; None when it cannot be read or evaluated."""
    checked: float
    """The model's own probability of `<yes>` at `<check>`."""

    @property
    def right(self) -> bool:
        return self.reached == self.problem.answer


@torch.inference_mode()
def sample(model: Llama, prompts: Sequence[Sequence[int]], dialect: NativeDialect, temperature: float,
           seed: int, longest: int = LONGEST) -> list[list[int]]:  # fmt: skip
    """Completions up to and with the `<end>` of an answer (or of a plan that says outside, or a direct answer)."""
    generator = torch.Generator().manual_seed(seed)
    width = max(map(len, prompts))
    rows = len(prompts)
    ids = torch.zeros(rows, width, dtype=torch.long)
    valid = torch.zeros(rows, width, dtype=torch.bool)
    for i, prompt in enumerate(prompts):
        ids[i, width - len(prompt) :] = torch.tensor(prompt)
        valid[i, width - len(prompt) :] = True
    longest = min(longest, model.shape.max_position_embeddings - width)
    cache = Cache(model.shape, rows, width + longest, valid)
    positions = (valid.cumsum(1) - 1).clamp(min=0)
    hidden = model.hidden(ids, positions, cache)[:, -1]
    answer, outside = dialect.ids["<answer>"], dialect.ids["<outside>"]
    closing = torch.tensor([prompt[-1] == dialect.ids["<direct>"] for prompt in prompts])
    done = torch.zeros(rows, dtype=torch.bool)
    position = positions[:, -1]
    columns: list[Tensor] = []
    for _ in range(longest):
        logits = model.logits(hidden).float()
        if temperature:
            chosen = torch.multinomial((logits / temperature).softmax(-1), 1, generator=generator)[
                :, 0
            ]
        else:
            chosen = logits.argmax(-1)
        chosen = torch.where(done, torch.zeros_like(chosen), chosen)
        columns.append(chosen)
        done |= closing & (chosen == dialect.end)
        closing |= (chosen == answer) | (chosen == outside)
        if bool(done.all()):
            break
        position = position + 1
        hidden = model.hidden(chosen[:, None], position[:, None], cache)[:, -1]
    table = torch.stack(columns, 1).tolist()
    return [
        _until_done(row, prompt[-1] == dialect.ids["<direct>"], dialect)
        for row, prompt in zip(table, prompts, strict=True)
    ]


def _until_done(row: list[int], direct: bool, dialect: NativeDialect) -> list[int]:
    closing = direct
    for i, token in enumerate(row):
        if closing and token == dialect.end:
            return row[: i + 1]
        closing |= token in (dialect.ids["<answer>"], dialect.ids["<outside>"])
    return row


def concluded(dialect: NativeDialect, problem: Problem, completion: Sequence[int]) -> str | None:
    """The answer that a completion reaches; "" for outside; None when it breaks the dialect."""
    lines: list[list[int]] = [[]]
    for token in completion:
        if (
            lines[-1]
            and lines[-1][-1] == dialect.end
            and SPECIALS[token : token + 1]
            and SPECIALS[token][1:2] == "n"
            and SPECIALS[token][2:-1].isdigit()
        ):
            continue  # the slot that a step fills
        if lines[-1] and lines[-1][-1] == dialect.end:
            lines.append([])
        lines[-1].append(token)
    try:
        plan = dialect.read_plan(lines[0])
        if plan.problem == "outside":
            return ""
        return conclude(
            read(problem.question).slots, [dialect.read_thought(line) for line in lines[1:]]
        )
    except (Unreadable, BadTrace):
        return None


@torch.inference_mode()
def roll(
    model: Llama, dialect: NativeDialect, problems: Sequence[Problem], temperature: float, seed: int
) -> list[Graded]:
    """One graded derivation of each problem."""
    prompts = [dialect.question(read(problem.question), "solve") for problem in problems]
    graded: list[Graded] = []
    for start in range(0, len(problems), 256):
        part = slice(start, start + 256)
        completions = sample(model, prompts[part], dialect, temperature, seed + start)
        derived = [p + c for p, c in zip(prompts[part], completions, strict=True)]
        doubts = judge(model, dialect, derived)
        for problem, ids, completion, doubt in zip(
            problems[part], derived, completions, doubts, strict=True
        ):
            graded.append(Graded(problem, ids, concluded(dialect, problem, completion), doubt))
    return graded


def roll_direct(model: Llama, dialect: NativeDialect, problems: Sequence[Problem]) -> list[Graded]:
    """One graded direct answer to each problem, greedy; the checker is not asked."""
    prompts = [dialect.question(read(problem.question), "direct") for problem in problems]
    graded: list[Graded] = []
    for start in range(0, len(problems), 256):
        part = slice(start, start + 256)
        for problem, prompt, completion in zip(
            problems[part],
            prompts[part],
            sample(model, prompts[part], dialect, 0.0, 0),
            strict=True,
        ):
            said = direct_answer(dialect, completion)
            reached = "" if said == UNKNOWN else said
            graded.append(Graded(problem, prompt + completion, reached, 0.0))
    return graded


@torch.inference_mode()
def judge(model: Llama, dialect: NativeDialect, derived: Sequence[Sequence[int]]) -> list[float]:
    """P(yes) / (P(yes) + P(no)) after `<check>`, for each derivation."""
    limit = model.shape.max_position_embeddings
    rows = [[*ids, *dialect.check()][-limit:] for ids in derived]
    width = max(map(len, rows))
    ids = torch.zeros(len(rows), width, dtype=torch.long)
    for i, row in enumerate(rows):
        ids[i, : len(row)] = torch.tensor(row)
    hidden = model.hidden(ids)
    last = hidden[torch.arange(len(rows)), torch.tensor([len(row) - 1 for row in rows])]
    logits = model.logits(last).float()[:, [dialect.yes, dialect.no]]
    probabilities: list[float] = logits.softmax(-1)[:, 0].tolist()
    return probabilities


def direct_answer(dialect: NativeDialect, completion: Sequence[int]) -> str | None:
    """A direct completion in normal form; None when it cannot be read."""
    try:
        text = dialect.read_direct(completion)
    except Unreadable:
        return None
    try:
        return str(evaluate(text, ())) if ":" not in text else text
    except ComputeError:
        return text
