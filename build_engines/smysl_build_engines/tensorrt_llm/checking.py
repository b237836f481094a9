"""Runs the self-check: loads an artefact in a process of its own, lets it continue prompts under each
adapter, and compares with the float32 reference.

Knows what is loaded and compared; how it is judged is `self_check`'s.
"""

import time
from collections.abc import Sequence
from pathlib import Path

from smysl_build_engines.low_rank import Merged
from smysl_build_engines.tensorrt_llm.jobs import Generate, Generated, Prompted
from smysl_build_engines.tensorrt_llm.self_check import (
    GENERATED,
    Measured,
    judge,
    measure,
    read_prompts,
)
from smysl_build_engines.tensorrt_llm.workplace import Ingredients, Workplace
from smysl_engines.manifest import TOKENIZER_FILE
from smysl_engines.tensorrt_llm.artefact import (
    SelfCheck,
    TensorRTArtefact,
    lay_out_adapters,
    read,
)

SMALLER = "Take a smaller --batch or --context, or close what else uses the card (`nvidia-smi`)."


def run_check(
    prompts: int,
    given: Ingredients,
    place: Workplace,
    artefact: TensorRTArtefact,
    directory: Path,
    work: Path,
) -> tuple[SelfCheck, Measured]:
    """And what was measured of the base. `prompts`: their number; `directory`: of the artefact;
    `work`: a folder to put links in. Raises `VerificationFailed`, `OutOfGpuMemory`, `ToolkitFailed`.
    """
    started = time.monotonic()
    reference = given.reference
    assert reference is not None
    # a short context has room for half a prompt and what follows
    longest = max(1, artefact.context // 2)
    read_from = directory / TOKENIZER_FILE
    texts = tuple(
        prompt[:longest] for prompt in read_prompts(prompts, read_from, reference.config.vocab_size)
    )
    groups = _groups(texts, artefact, lay_out_adapters(directory, artefact, work / "adapters"))
    job = Generate(
        kind=artefact.kind,
        model=str(directory),
        options=artefact.load_options,
        groups=groups,
        max_tokens=max(1, min(GENERATED, artefact.context - max(map(len, texts)))),
    )
    answer = place.spawner.run(job, f"the self-check of {artefact.model}", SMALLER)
    assert isinstance(answer, Generated)
    decoder = reference.config.at(artefact.context)
    weights = [reference.weights]
    weights += [Merged(reference.weights, each.adapter.changes) for each in given.runtime]
    found: dict[str, Measured] = {}
    for group, tensors, continued in zip(groups, weights, answer.groups, strict=True):
        measured = measure(decoder, tensors, texts, continued)
        what = f"{artefact.model} under {group.adapter}" if group.adapter else artefact.model
        judge(what, measured, artefact.precision)
        found[group.adapter] = measured
    base = found.pop("")
    check = SelfCheck(
        base=base.parity,
        adapters={name: each.parity for name, each in found.items()},
        seconds=time.monotonic() - started,
    )
    return check, base


def check_again(prompts: int, given: Ingredients, place: Workplace, directory: Path) -> SelfCheck:
    """The self-check of a published artefact. Raises any `BuildError`."""
    artefact = read(directory)
    with place.store.lock(), place.store.staging() as work:
        return run_check(prompts, given, place, artefact, directory, work)[0]


def _groups(
    texts: Sequence[tuple[int, ...]], artefact: TensorRTArtefact, folders: dict[str, Path]
) -> tuple[Prompted, ...]:
    """The base first, then each adapter that calls may choose, in the artefact's order."""
    prompts = tuple(texts)
    return (
        Prompted(prompts=prompts),
        *(
            Prompted(
                prompts=prompts,
                adapter=adapter.name,
                int_id=adapter.int_id,
                folder=str(folders[adapter.name]),
            )
            for adapter in artefact.adapters
            if adapter.how == "runtime"
        ),
    )
