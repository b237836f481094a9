"""Trains the bundled model from procedural families: fresh batches, a curriculum that follows failures, exact resume.

One process owns the weights, one makes data. Time, not steps, ends a training: the learning rate follows the share
of minutes spent, so that a slow machine gets a finished model too.
"""

import math
import time
from collections.abc import Callable
from pathlib import Path
from random import Random
from typing import NamedTuple

import msgspec
import torch
import torch.nn.functional as F
from tokenizers import Tokenizer
from torch import Tensor

from smysl_forge import checkpoint, circuits
from smysl_forge.example import Example
from smysl_forge.examples import Forms, check_example
from smysl_forge.families import HELD_OUT, families, problems
from smysl_forge.model import Llama, Shape
from smysl_forge.problem import Problem
from smysl_forge.rollout import Graded, roll, roll_direct
from smysl_forge.stream import Feedback, Stream
from smysl_reasoning.dialects.native import NativeDialect


class Recipe(msgspec.Struct, frozen=True, kw_only=True):
    """Everything that decides a training besides the code."""

    shape: Shape = Shape()
    minutes: float = 90.0
    budget: int | None = None
    """Padded tokens after which the training ends; None lets `minutes` decide alone. Then a comparison of two models
    does not hang on how busy the machine was."""
    tokens: int = 4096
    """Padded tokens per step."""
    longest: int = 320
    seed: int = 1
    muon_rate: float = 0.008
    """Step size of the matrices inside the layers (Muon; Jordan et al., 2024)."""
    adam_rate: float = 0.002
    """Step size of embeddings and norms (AdamW)."""
    warmup: float = 0.01
    """Share of the minutes over which the rates rise."""
    decay: float = 0.6
    """Share of the minutes, at the end, over which the rates fall to zero."""
    circuits: bool = True
    """Fresh weights are born with copying and look-up circuits (`circuits`)."""
    compiled: bool = False
    """Compile the network with torch.compile: a fifth faster, after two minutes and with a C++ compiler."""
    look_minutes: float = 10.0
    """How often the model derives fresh problems, is graded, and the mix moved."""
    look_problems: int = 20
    """Problems per family and look."""
    threads: int = 2
    forms: Forms = "both"
    """`direct` teaches no derivations: what a comparison of thinking with scale is made against."""


class Progress(msgspec.Struct):
    """Where a training stands."""

    step: int = 0
    tokens: int = 0
    seconds: float = 0.0


class Optimisers(NamedTuple):
    muon: torch.optim.Optimizer
    adam: torch.optim.Optimizer


def rate(share: float, recipe: Recipe) -> float:
    """Warm-up, plateau, linear decay (Hu et al., MiniCPM, 2024) over the share of time spent, 0..1."""
    if share < recipe.warmup:
        return max(0.02, share / recipe.warmup)
    return max(0.0, min(1.0, (1 - share) / recipe.decay))


def loss_of(
    model: Llama, ids: Tensor, learnt: Tensor, body: Callable[[Tensor], Tensor] | None = None
) -> Tensor:
    """Mean cross-entropy of the learnt tokens; only their logits are computed. ids, learnt: [rows, time]; body: what
    computes `model.hidden`, if not that."""
    wanted = learnt[:, 1:]
    logits = model.logits((body or model.hidden)(ids[:, :-1])[wanted])
    return F.cross_entropy(logits.float(), ids[:, 1:][wanted])


class Training:
    """A training in one folder: `state.pt` to resume, `log.jsonl`, and the published model."""

    def __init__(
        self, folder: Path, recipe: Recipe, tokenizer: Tokenizer, say: Callable[[str], None]
    ) -> None:
        self.folder, self.recipe, self.tokenizer, self.say = folder, recipe, tokenizer, say
        self.dialect = NativeDialect(tokenizer)
        torch.manual_seed(recipe.seed)
        torch.set_num_threads(recipe.threads)
        self.model = Llama(recipe.shape)
        if recipe.circuits:
            circuits.install(self.model)
        self.body: Callable[[Tensor], Tensor] = (
            torch.compile(self.model.hidden, dynamic=True) if recipe.compiled else self.model.hidden
        )
        matrices = [p for n, p in self.model.named_parameters() if p.ndim == 2 and "embed" not in n]
        others = [p for n, p in self.model.named_parameters() if p.ndim != 2 or "embed" in n]
        self.optimisers = Optimisers(
            torch.optim.Muon(
                matrices,
                lr=recipe.muon_rate,
                weight_decay=0.02,
                adjust_lr_fn="original",
                ns_steps=4,
            ),
            torch.optim.AdamW(others, lr=recipe.adam_rate, betas=(0.9, 0.98), weight_decay=0.0),
        )
        self.progress = Progress()
        self.last_look = 0.0
        self.resume()

    def start_from(self, base: Path) -> None:
        """Take the weights of a published model, unless this training has begun. Raises `ValueError` for
        another shape or tokenizer."""
        if self.progress.step:
            return
        model, tokenizer = checkpoint.load(base)
        if model.shape != self.recipe.shape:
            raise ValueError(
                f"{base} has the shape {model.shape}, the recipe asks for {self.recipe.shape}"
            )
        if tokenizer.to_str() != self.tokenizer.to_str():
            raise ValueError(
                f"{base} has another tokenizer than {self.folder}; train in a new folder"
            )
        self.model.load_state_dict(model.state_dict())
        self.say(f"starting from the weights of {base}")

    def resume(self) -> None:
        """Go on from `state.pt` if there is one."""
        path = self.folder / "state.pt"
        if not path.exists():
            return
        state = torch.load(path, weights_only=True)
        self.model.load_state_dict(state["model"])
        for optimiser, saved in zip(self.optimisers, state["optimisers"], strict=True):
            optimiser.load_state_dict(saved)
        self.progress = Progress(**state["progress"])
        self.last_look = self.progress.seconds
        self.say(f"resumed at step {self.progress.step}, {self.progress.seconds / 60:.1f} minutes")

    def save(self) -> None:
        """State first to a temporary file, then renamed: a kill leaves the old or the new one."""
        state = {
            "model": self.model.state_dict(),
            "optimisers": [optimiser.state_dict() for optimiser in self.optimisers],
            "progress": msgspec.to_builtins(self.progress),
        }
        path = self.folder / "state.pt.new"
        torch.save(state, path)
        path.replace(self.folder / "state.pt")
        checkpoint.publish(self.folder / "model", self.model, self.tokenizer)

    def run(self) -> None:
        """Train until the recipe's minutes are spent."""
        recipe = self.recipe
        # a resumed stream must not repeat what was learnt before: the step is part of its seed
        stream = Stream(
            self.tokenizer,
            recipe.seed * 1_000_003 + self.progress.step,
            recipe.tokens,
            recipe.longest,
            recipe.forms,
        )
        began = time.monotonic() - self.progress.seconds
        running, losses = 0.0, 0
        try:
            for batch in stream:
                self.progress.seconds = time.monotonic() - began
                share = self.share()
                if share >= 1:
                    break
                loss = self.step(
                    torch.from_numpy(batch.ids), torch.from_numpy(batch.learnt), rate(share, recipe)
                )
                running, losses = running + loss, losses + 1
                if self.progress.step % 100 == 0:
                    self.report(running / losses, share)
                    running, losses = 0.0, 0
                if self.progress.seconds - self.last_look > 60 * recipe.look_minutes:
                    self.last_look = self.progress.seconds
                    stream.feed(self.look())
                    self.save()
        finally:
            stream.close()
        self.look()
        self.save()

    def share(self) -> float:
        """How much of the training is over, 0..1."""
        spent = self.progress.seconds / (60 * self.recipe.minutes)
        budget = self.recipe.budget
        return spent if budget is None else max(spent, self.progress.tokens / budget)

    def step(self, ids: Tensor, learnt: Tensor, scale: float) -> float:
        """One optimiser step; returns the loss."""
        with torch.autocast("cpu", torch.bfloat16):
            loss = loss_of(self.model, ids, learnt, self.body)
        loss.backward()  # type: ignore[no-untyped-call]
        torch.nn.utils.clip_grad_norm_(self.model.parameters(), 1.0)
        for optimiser, base in zip(
            self.optimisers, (self.recipe.muon_rate, self.recipe.adam_rate), strict=True
        ):
            for group in optimiser.param_groups:
                group["lr"] = base * scale
            optimiser.step()
            optimiser.zero_grad(set_to_none=True)
        self.progress.step += 1
        self.progress.tokens += ids.numel()
        value = float(loss.detach())
        if not math.isfinite(value):
            raise FloatingPointError(
                f"loss is {value} at step {self.progress.step}; lower the rates"
            )
        return value

    def report(self, loss: float, share: float) -> None:
        """One line for people, one for the log."""
        p = self.progress
        speed = p.tokens / max(1e-9, p.seconds)
        self.say(f"step {p.step}  {100 * share:5.1f} %  loss {loss:.4f}  {speed:,.0f} tokens/s")
        self.log(
            {"step": p.step, "minutes": p.seconds / 60, "tokens": p.tokens, "loss": round(loss, 5)}
        )

    def log(self, entry: dict[str, object]) -> None:
        """Append to `log.jsonl`."""
        with (self.folder / "log.jsonl").open("ab") as file:
            file.write(msgspec.json.encode(entry) + b"\n")

    def look(self) -> Feedback:
        """Derive fresh training problems of every family with sampling, grade them, move the mix to what fails."""
        rng = Random(self.progress.step)
        drawn: list[Problem] = []
        for family in families().values():
            drawn += problems(family, rng.randrange(HELD_OUT // 2), self.recipe.look_problems)
        self.model.eval()
        with torch.autocast("cpu", torch.bfloat16):
            if self.recipe.forms == "direct":
                graded = roll_direct(self.model, self.dialect, drawn)
            else:
                graded = roll(self.model, self.dialect, drawn, 0.8, self.progress.step)
        self.model.train()
        rates = accuracy(graded)
        self.say("  ".join(f"{name} {100 * value:.0f}" for name, value in rates.items()))
        self.log(
            {"step": self.progress.step, "accuracy": {n: round(v, 3) for n, v in rates.items()}}
        )
        shares = {
            name: family.share * (0.35 + 1.5 * (1 - rates[name]))
            for name, family in families().items()
        }
        if self.recipe.forms == "direct":
            return Feedback(shares, [])  # nothing that a checker could learn from
        return Feedback(shares, lessons(self.dialect, graded, self.recipe.longest, rng))


def accuracy(graded: list[Graded]) -> dict[str, float]:
    """Share of right derivations by family."""
    names = dict.fromkeys(g.problem.family for g in graded)
    return {
        name: sum(g.right for g in graded if g.problem.family == name)
        / sum(g.problem.family == name for g in graded)
        for name in names
    }


def lessons(
    dialect: NativeDialect, graded: list[Graded], longest: int, rng: Random
) -> list[Example]:
    """Checks of the model's own derivations: all wrong ones and as many right ones (Cobbe et al., 2021)."""
    usable = [g for g in graded if g.reached and len(g.ids) < longest and g.problem.answer]
    wrong = [g for g in usable if not g.right]
    right = [g for g in usable if g.right]
    right = rng.sample(right, min(len(right), max(20, len(wrong))))
    return [check_example(dialect, g.ids, g.right) for g in wrong + right]
