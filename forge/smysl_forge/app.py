"""`smysl-forge`: train the bundled model, look at its fields, export held-out items.

Knows arguments and printing; the work is in the modules beside it.
"""

import sys
from collections.abc import Iterator
from pathlib import Path
from random import Random
from typing import Annotated

import msgspec
import typer

from smysl_forge.families import HELD_OUT, families, problems
from smysl_forge.problem import Problem
from smysl_reasoning.dialects.native import NativeDialect, read
from smysl_reasoning.quantities import slotted

app = typer.Typer(add_completion=False, no_args_is_help=True, help=__doc__)

VOCABULARY = 4096
CORPUS_PER_FAMILY = 2500


def main() -> None:
    """Entry point of `smysl-forge`."""
    app()


def say(text: str) -> None:
    """Progress goes to stderr."""
    print(text, file=sys.stderr, flush=True)


def chosen(name: str) -> list[str]:
    """`all`, or one family's name. Exits with a usage error for an unknown one."""
    known = list(families())
    if name == "all":
        return known
    if name not in known:
        raise typer.BadParameter(f"unknown family {name!r}; there are {', '.join(known)}")
    return [name]


@app.command()
def field(
    json: Annotated[bool, typer.Option("--json", help="One JSON object per family.")] = False,
) -> None:
    """List the families and their shares of the training mix."""
    for family in families().values():
        if json:
            print(msgspec.json.encode({"family": family.name, "share": family.share}).decode())
        else:
            print(f"{family.name:22} {family.share:4.1f}")


@app.command()
def show(
    family: Annotated[str, typer.Argument(help="A family, or all.")],
    count: Annotated[int, typer.Option("--count", "-n", min=1)] = 3,
    seed: Annotated[int, typer.Option(help="First seed.")] = 0,
) -> None:
    """Print problems with their verified derivations, as the model is taught them."""
    for name in chosen(family):
        for problem in problems(families()[name], seed, count):
            question = read(problem.question)
            print(f"[{name}] {problem.question.strip()}")
            print(f"  slots   {slotted(problem.question, question.quantities).strip()}")
            print(f"  plan    {problem.problem}, {problem.plan.steps} steps")
            slot = len(question.quantities)
            for thought in problem.thoughts:
                fills = f"  -> n{slot}" if thought.kind == "step" else ""
                slot += thought.kind == "step"
                print(f"  {thought.kind:7} {thought.text}{fills}")
            print(f"  = {problem.answer or 'outside'}\n")


@app.command()
def export(
    family: Annotated[str, typer.Option("--family", "-f", help="A family, or all.")] = "all",
    count: Annotated[int, typer.Option("--count", "-n", min=1)] = 100,
    seed: Annotated[
        int, typer.Option(help="First seed; evaluation seeds start at 1,000,000,000.")
    ] = HELD_OUT,
) -> None:
    """Print held-out items as JSON lines: id, question, answer, tags. Items without a derivation count too."""
    for name in chosen(family):
        for i, (question, answer) in enumerate(raw_items(name, seed, count)):
            line = {
                "id": f"{name}-{seed + i}",
                "question": question,
                "answer": answer or None,
                "tags": [name],
            }
            print(msgspec.json.encode(line).decode())


def raw_items(name: str, seed: int, count: int) -> Iterator[tuple[str, str]]:
    """Questions and answers as the generator gives them, also those that no derivation was found for."""
    from smysl_forge import gym

    for i in range(count):
        if raw := gym.raw(name, seed + i):
            yield raw
        else:
            problem = next(problems(families()[name], seed + 1000 * i, 1))
            yield problem.question, problem.answer


@app.command()
def grade(
    folder: Annotated[Path, typer.Argument(help="A model as training publishes it.")],
    direct: Annotated[
        bool, typer.Option("--direct", help="Answers without a derivation, not derivations.")
    ] = False,
    family: Annotated[str, typer.Option("--family", "-f", help="A family, or all.")] = "all",
    count: Annotated[
        int, typer.Option("--count", "-n", min=1, help="Held-out problems of each family.")
    ] = 40,
) -> None:
    """Share of held-out problems that one greedy derivation, or direct answer, gets right, as JSON."""
    import torch

    from smysl_forge import checkpoint
    from smysl_forge.rollout import roll, roll_direct
    from smysl_forge.train import accuracy

    try:
        model, tokenizer = checkpoint.load(folder)
    except (OSError, KeyError, ValueError) as error:
        raise typer.BadParameter(f"{folder} is no trained model: {error}") from None
    dialect = NativeDialect(tokenizer)
    drawn = [p for name in chosen(family) for p in problems(families()[name], HELD_OUT, count)]
    model.eval()
    with torch.autocast("cpu", torch.bfloat16):
        rolled = roll_direct(model, dialect, drawn) if direct else roll(model, dialect, drawn, 0, 0)
    rates = accuracy(rolled)
    report = {
        "parameters": sum(tensor.numel() for tensor in model.parameters()),
        "mean": round(sum(rates.values()) / len(rates), 4),
        "families": {name: round(rate, 4) for name, rate in rates.items()},
    }
    print(msgspec.json.encode(report).decode())


@app.command()
def forms() -> None:
    """Print the derivation forms of gsm_symbolic's templates, learnt anew (the content of gsm_forms.json)."""
    from smysl_forge.gym import learn_gsm_forms

    print(learn_gsm_forms().decode())


@app.command()
def train(
    folder: Annotated[
        Path, typer.Argument(help="Where state, log and model go; an existing state is resumed.")
    ],
    minutes: Annotated[
        float, typer.Option(help="Minutes of training; sets the learning-rate schedule.")
    ] = 90.0,
    seed: Annotated[int, typer.Option()] = 1,
    threads: Annotated[int, typer.Option()] = 2,
    base: Annotated[
        Path | None,
        typer.Option(
            "--from",
            exists=True,
            file_okay=False,
            help="A published model to go on from: its weights and tokenizer.",
        ),
    ] = None,
    recipe_file: Annotated[
        Path | None, typer.Option("--recipe", help="recipe.json of an earlier training.")
    ] = None,
) -> None:
    """Train the bundled model from nothing but procedural families; resumes after a kill."""
    from tokenizers import Tokenizer

    from smysl_forge import tokenizer as tokenizers
    from smysl_forge.train import Recipe, Training

    folder.mkdir(parents=True, exist_ok=True)
    written = folder / "recipe.json"
    if written.exists():
        recipe = msgspec.json.decode(written.read_bytes(), type=Recipe)
        say(f"going on with {written}")
    elif recipe_file:
        recipe = msgspec.json.decode(recipe_file.read_bytes(), type=Recipe)
    else:
        recipe = Recipe(minutes=minutes, seed=seed, threads=threads)
    path = folder / "tokenizer.json"
    if base is not None and not path.exists():
        path.write_bytes((base / "tokenizer.json").read_bytes())
    if not path.exists():
        say(f"training the tokenizer on {CORPUS_PER_FAMILY} problems of each family")
        tokenizers.train(corpus(recipe.seed), recipe.shape.vocab_size).save(str(path))
    written.write_bytes(msgspec.json.format(msgspec.json.encode(recipe), indent=2) + b"\n")
    training = Training(folder, recipe, Tokenizer.from_file(str(path)), say)
    if base is not None:
        try:
            training.start_from(base)
        except ValueError as error:
            raise typer.BadParameter(str(error), param_hint="--from") from None
    training.run()


def corpus(seed: int) -> Iterator[str]:
    """What the tokenizer is trained on: slotted questions and the words of facts."""
    rng = Random(seed)
    for name, family in families().items():
        count = CORPUS_PER_FAMILY * (2 if name in ("gsm_symbolic", "outside") else 1)
        for problem in problems(family, rng.randrange(HELD_OUT // 2), count):
            yield _bare(problem)


def _bare(problem: Problem) -> str:
    text = slotted(problem.question, read(problem.question).quantities)
    words = [thought.text for thought in problem.thoughts if thought.kind == "fact"]
    # answers in words are whole tokens too
    return " ".join(["", text, *words, problem.answer if problem.answer.isalpha() else ""])


if __name__ == "__main__":
    main()
