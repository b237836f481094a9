"""`smysl build --backend tensorrt-llm`: what is done with each plan, and what is said of it.

Knows lines for people; plans come from `prepare`, and the steps are `build`'s.
"""

import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec

from smysl_build_engines.adapters import merge
from smysl_build_engines.errors import BadRequest, BuildError
from smysl_build_engines.gpus import Gpu
from smysl_build_engines.nvml import Gpus, find_gpus
from smysl_build_engines.store import EngineStore
from smysl_build_engines.tensorrt_llm.build import build
from smysl_build_engines.tensorrt_llm.checking import check_again
from smysl_build_engines.tensorrt_llm.errors import MissingGpu
from smysl_build_engines.tensorrt_llm.look import look
from smysl_build_engines.tensorrt_llm.merge import publish_checkpoint
from smysl_build_engines.tensorrt_llm.prepare import Asked, Prepared, open_adapters, prepare
from smysl_build_engines.tensorrt_llm.source import open_source
from smysl_build_engines.tensorrt_llm.spawn import Spawner
from smysl_build_engines.tensorrt_llm.toolkit import Probe
from smysl_build_engines.tensorrt_llm.workplace import Workplace
from smysl_engines.manifest import load_manifest
from smysl_engines.shelf import find_engine
from smysl_engines.tensorrt_llm.artefact import (
    BACKEND,
    MachineFacts,
    Parity,
    SelfCheck,
    mismatch,
    read,
)


def run(
    asked: Asked,
    progress: Callable[[str], None],
    *,
    spawner: Spawner | None = None,
    gpus: Callable[[], Gpus] = find_gpus,
) -> list[Any]:
    """What is printed with --json, one object for each artefact; for people it is printed here.

    Raises any `BuildError` and `EngineError`.
    """
    spawner = spawner or Spawner()
    if asked.write_merged is not None:
        return [_write_merged(asked, asked.write_merged, progress)]
    found, probe = gpus(), look(spawner)
    source = open_source(asked.source, asked.name, config_only=asked.dry_run)
    prepared = prepare(asked, source, found, probe, asked.card or _present(found))
    place = Workplace(
        store=EngineStore(asked.store, progress),
        spawner=spawner,
        probe=probe,
        driver=found.driver,
        progress=progress,
    )
    return [_answer(asked, each, place) for each in prepared]


def _answer(asked: Asked, prepared: Prepared, place: Workplace) -> Any:
    wanted = prepared.plan
    if asked.dry_run:
        if not asked.as_json:
            print("\n".join(wanted.lines()))
        return wanted
    for line in wanted.lines():
        place.progress(line)
    if prepared.lacks:
        raise prepared.lacks[0]
    # reads every file of the source, which only a build or a check is worth
    entries = prepared.given.source.entries()
    wanted = msgspec.structs.replace(wanted, source=entries | wanted.source)
    prepared = msgspec.structs.replace(prepared, plan=wanted)
    if asked.verify:
        return _verify(asked, prepared, place)
    started = time.monotonic()
    built = build(wanted, prepared.given, place, asked.force)
    verb = "already built" if built.reused else "built"
    place.progress(f"{verb} in {time.monotonic() - started:.1f} s")
    artefact = read(built.directory)
    if not asked.as_json:
        print(f"{wanted.name} {built.manifest.fingerprint}")
    for line in _described(artefact.self_check):
        place.progress(line)
    fields = msgspec.to_builtins(built.manifest)
    return {
        "directory": str(built.directory),
        "reused": built.reused,
        **fields,
        "artefact": msgspec.to_builtins(artefact),
    }


def _verify(asked: Asked, prepared: Prepared, place: Workplace) -> Any:
    """Files, machine and continuations of the stored artefact."""
    wanted = prepared.plan
    if not wanted.prompts:
        raise BadRequest("--verify runs the self-check; leave --self-check off out")
    directory = find_engine(place.store.folder, wanted.name).directory
    manifest = load_manifest(directory)
    if manifest.backend != BACKEND or manifest.source != wanted.source:
        raise BuildError(
            f"engine {wanted.name} ({directory}) was built of something else than what is given. "
            "Build it again without --verify."
        )
    if reason := mismatch(read(directory), facts(place.probe, wanted.gpu)):
        raise BuildError(reason)
    check = check_again(wanted.prompts, prepared.given, place, directory)
    if not asked.as_json:
        print(f"{manifest.model} {manifest.fingerprint} is intact")
        print("\n".join(_described(check)))
    return {"directory": str(directory), "self_check": msgspec.to_builtins(check)}


def facts(probe: Probe, gpu: Gpu | None) -> MachineFacts:
    return MachineFacts(
        tensorrt_llm=probe.tensorrt_llm,
        tensorrt=probe.tensorrt,
        has_engine_backend=probe.has_engine,
        gpu=None if gpu is None else gpu.name,
        compute_capability=None if gpu is None else gpu.compute_capability,
    )


def _write_merged(asked: Asked, target: Path, progress: Callable[[str], None]) -> Any:
    if len(asked.adapters) != 1 or asked.how != "merged":
        raise BadRequest("--write-merged goes with --adapters merged and one --adapter NAME=DIR")
    source = open_source(asked.source, asked.name, config_only=False)
    if source.checkpoint is None:
        raise BadRequest(
            f"{source.name} has no 16-bit weights that this build step can read; adapters are merged "
            "into those"
        )
    (opened,) = open_adapters(asked, source)
    merged = merge(source.checkpoint, opened.adapter)
    publish_checkpoint(merged, target, progress)
    if not asked.as_json:
        print(target)
    return {"directory": str(target), "source": merged.source}


def _present(found: Gpus) -> Gpu:
    """The card that CUDA calls the first one."""
    if not found.found:
        why = found.problem or "no driver with a card was found (by NVML)"
        raise MissingGpu(
            f"there is no NVIDIA GPU here: {why}. Build on the machine that is to run it; in a "
            "container, pass the GPU on (--gpus all). To plan for a card that is elsewhere: --dry-run "
            "--gpu NAME"
        )
    first = os.environ.get("CUDA_VISIBLE_DEVICES", "0").partition(",")[0]
    number = int(first) if first.isdigit() else 0
    return found.found[number if number < len(found.found) else 0]


def _described(check: SelfCheck | None) -> list[str]:
    if check is None:
        return ["self-check off: nothing vouches for this artefact"]
    lines = [f"self-check: {_parity(check.base)}, in {check.seconds:.1f} s"]
    return lines + [f"adapter {name}: {_parity(each)}" for name, each in check.adapters.items()]


def _parity(found: Parity) -> str:
    return (
        f"{100 * found.greedy_agreement:.1f} % of {found.tokens} greedy tokens are the reference's, "
        f"perplexity {found.perplexity_artefact:.3f} ({100 * found.drift:+.2f} % of the reference's "
        "on the same tokens)"
    )
