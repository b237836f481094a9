"""Turns a plan for TensorRT-LLM into a published artefact: merge, quantise, compile, check, publish.

Knows the order of the steps and where their files lie; how each is done is in its own module.
"""

import errno
import os
import platform
import shutil
from importlib.metadata import version
from pathlib import Path

import msgspec

from smysl_build_engines.build import Built
from smysl_build_engines.errors import StoreError
from smysl_build_engines.store import EngineStore
from smysl_build_engines.tensorrt_llm import self_check
from smysl_build_engines.tensorrt_llm.checking import SMALLER, run_check
from smysl_build_engines.tensorrt_llm.errors import ToolkitFailed
from smysl_build_engines.tensorrt_llm.jobs import Compile, Compiled
from smysl_build_engines.tensorrt_llm.merge import PASSED_ON, write_checkpoint
from smysl_build_engines.tensorrt_llm.plan import TensorRTPlan
from smysl_build_engines.tensorrt_llm.quantise import Format, Quantisation, quantise
from smysl_build_engines.tensorrt_llm.source import Source
from smysl_build_engines.tensorrt_llm.toolkit import Probe
from smysl_build_engines.tensorrt_llm.workplace import Ingredients, Progress, Workplace
from smysl_engines.manifest import (
    FORMAT,
    CorruptEngine,
    FileEntry,
    Manifest,
    Verification,
    describe_file,
    fingerprint,
    write_manifest,
)
from smysl_engines.shelf import list_engines
from smysl_engines.tensorrt_llm.artefact import (
    BACKEND,
    ENGINE_CONFIG_FILE,
    TensorRTArtefact,
    read,
    write,
)


def build(plan: TensorRTPlan, given: Ingredients, place: Workplace, force: bool = False) -> Built:
    """Publish the planned artefact, or find it published already (unless `force`).

    Raises any `BuildError`; then the store is as before.
    """
    store = place.store
    with store.lock():
        if not force and (found := _existing(plan, store, place.probe)) is not None:
            return Built(directory=store.folder / found.fingerprint, manifest=found, reused=True)
        with store.staging() as staging:
            made = staging / "artefact"
            work = staging / "work"
            work.mkdir()
            try:
                manifest = _make(plan, given, place, made, work)
            except OSError as error:
                if error.errno not in (errno.ENOSPC, errno.EDQUOT):
                    raise
                raise StoreError(
                    f"{store.folder} has no room for {plan.name}. Free space there, or choose another "
                    "with --store or SMYSL_DATA_DIR."
                ) from error
            place.progress(f"publishing {manifest.fingerprint}")
            directory = store.publish(made, manifest)
    return Built(directory=directory, manifest=manifest, reused=False)


def quantisation(plan: TensorRTPlan, source: Path, target: Path, text: Path | None) -> Quantisation:
    """The step of a plan that has one."""
    form: Format = "fp8" if plan.precision == "fp8" else "nvfp4"
    return Quantisation(
        source=str(source), target=str(target), format=form, text=str(text or "FILE")
    )


def _make(
    plan: TensorRTPlan, given: Ingredients, place: Workplace, made: Path, work: Path
) -> Manifest:
    folder = given.source.folder
    own = False
    if given.merged is not None:
        folder, own = work / "merged", True
        folder.mkdir()
        write_checkpoint(given.merged, folder, place.progress)
    if plan.has("quantise"):
        step = quantisation(plan, folder, work / "quantised", given.text)
        place.progress(f"quantising to {plan.precision} with Model Optimizer")
        quantise(step, place.spawner)
        if own:
            # two large copies are enough at a time
            shutil.rmtree(folder)
        folder, own = Path(step.target), True
    if plan.kind == "engine":
        _compile(plan, folder, place, made, work)
        _pass_on(given.source.folder, made)
    else:
        _collect(given.source, folder, own, made, place.progress)
    for opened, adapter in zip(given.runtime, plan.adapters, strict=False):
        for name, file in adapter.files.items():
            shutil.copyfile(opened.folder / name, made / file)
    artefact = _artefact(plan, given.source, place.probe)
    check, measured = None, None
    if plan.prompts:
        place.progress(
            f"checking {plan.prompts} prompts against the float32 reference, base"
            f"{''.join(f', {each.adapter.name}' for each in given.runtime)}"
        )
        check, measured = run_check(plan.prompts, given, place, artefact, made, work)
    artefact = msgspec.structs.replace(artefact, self_check=check)
    write(made, artefact)
    return _manifest(plan, place, made, self_check.verification(measured))


def _compile(plan: TensorRTPlan, folder: Path, place: Workplace, made: Path, work: Path) -> None:
    place.progress(f"compiling an engine for {plan.gpu.name}; this takes minutes")
    workspace = work / "workspace"
    workspace.mkdir()
    job = Compile(
        model=str(folder), options=plan.options, workspace=str(workspace), directory=str(made)
    )
    answer = place.spawner.run(job, f"the build of {plan.name}", SMALLER)
    assert isinstance(answer, Compiled)
    shutil.rmtree(workspace)
    engines = list(made.glob("rank*.engine")) if made.is_dir() else []
    if not engines or not (made / ENGINE_CONFIG_FILE).is_file():
        raise ToolkitFailed(
            f"the build of {plan.name} ended and saved no engine with its {ENGINE_CONFIG_FILE}. "
            "Nothing was published."
        )
    if folders := [path.name for path in made.iterdir() if path.is_dir()]:
        raise ToolkitFailed(
            f"the engine of {plan.name} has a folder {folders[0]!r}, which this build step does not "
            "know. Nothing was published."
        )


def _pass_on(source: Path, made: Path) -> None:
    """The library saves the tokenizer beside the engine; what it leaves out comes from the source."""
    for name in PASSED_ON:
        if (source / name).is_file() and not (made / name).exists():
            shutil.copyfile(source / name, made / name)


def _collect(source: Source, folder: Path, own: bool, made: Path, progress: Progress) -> None:
    """A checkpoint's files, moved where they were made here."""
    if own:
        os.rename(folder, made)
        _pass_on(source.folder, made)
        return
    size = sum(path.stat().st_size for path in source.files)
    progress(f"copying {size / 1e9:.2f} GB of checkpoint")
    made.mkdir()
    for path in source.files:
        shutil.copyfile(path, made / path.name)


def _artefact(plan: TensorRTPlan, source: Source, probe: Probe) -> TensorRTArtefact:
    return TensorRTArtefact(
        kind=plan.kind,
        model=plan.name,
        base={name: entry for name, entry in plan.source.items() if "/" not in name},
        adapters=plan.adapters,
        precision=plan.precision,
        kv_precision=plan.kv_precision,
        options=plan.options,
        tensorrt_llm=probe.tensorrt_llm or "unknown",
        tensorrt=probe.tensorrt,
        gpu=plan.gpu.name,
        compute_capability=plan.gpu.compute_capability or "unknown",
        context=plan.context,
        max_batch=plan.batch,
        max_rank=max((a.rank for a in plan.adapters if a.how == "runtime"), default=None),
        self_check=None,
    )


def _manifest(plan: TensorRTPlan, place: Workplace, made: Path, verified: Verification) -> Manifest:
    files: dict[str, FileEntry] = {
        path.name: describe_file(path) for path in sorted(made.iterdir())
    }
    probe = place.probe
    tools = {
        "numpy": version("numpy"),
        "python": platform.python_version(),
        "tensorrt_llm": probe.tensorrt_llm or "unknown",
    }
    if probe.tensorrt is not None:
        tools["tensorrt"] = probe.tensorrt
    if plan.has("quantise") and probe.model_optimizer is not None:
        tools["nvidia-modelopt"] = probe.model_optimizer
    manifest = Manifest(
        format=FORMAT,
        model=plan.name,
        backend=BACKEND,
        precision=plan.precision,
        architecture=plan.architecture,
        files=files,
        source=plan.source,
        tools=tools,
        hardware=f"{plan.gpu.name}, compute capability {plan.gpu.compute_capability}, driver "
        f"{place.driver or 'unknown'}",
        verification=verified,
        fingerprint=fingerprint(BACKEND, plan.precision, plan.architecture, files),
    )
    write_manifest(made, manifest)
    return manifest


def _existing(plan: TensorRTPlan, store: EngineStore, probe: Probe) -> Manifest | None:
    """An undamaged artefact that this very plan would make again."""
    for engine in list_engines(store.folder):
        manifest = engine.manifest
        if manifest is None or (manifest.model, manifest.backend) != (plan.name, BACKEND):
            continue
        try:
            artefact = read(engine.directory)
        except CorruptEngine:
            continue
        if not _same(plan, artefact, probe):
            continue
        found = store.valid(plan.name, plan.precision, plan.source)
        if found is not None and found.fingerprint == manifest.fingerprint:
            return found
    return None


def _same(plan: TensorRTPlan, found: TensorRTArtefact, probe: Probe) -> bool:
    bound = (found.tensorrt_llm, found.tensorrt, found.gpu, found.compute_capability)
    here = (probe.tensorrt_llm, probe.tensorrt, plan.gpu.name, plan.gpu.compute_capability)
    checked = found.self_check is not None or not plan.prompts
    same = (found.kind, found.options, found.adapters, found.kv_precision) == (
        plan.kind,
        plan.options,
        plan.adapters,
        plan.kv_precision,
    )
    return bound == here and same and checked
