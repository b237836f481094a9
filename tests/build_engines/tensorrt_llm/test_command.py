"""`smysl build --backend tensorrt-llm` as a person meets it: options, guidance and errors."""

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest
from tensorrt_builds import CARD, PLANS, spawner_with, with_card

from smysl_build_engines.checkpoint import open_checkpoint
from smysl_build_engines.errors import BadRequest, BuildError
from smysl_build_engines.nvml import Gpus
from smysl_build_engines.tensorrt_llm.command import run
from smysl_build_engines.tensorrt_llm.errors import (
    MissingGpu,
    MissingQuantiser,
    MissingToolkit,
    OldDriver,
)
from smysl_build_engines.tensorrt_llm.prepare import Asked
from smysl_build_engines.tensorrt_llm.spawn import Spawner
from smysl_build_engines.tensorrt_llm.toolkit import Probe

Ask = Callable[..., Asked]
BUILD = (sys.executable, "-c", "from smysl_build_engines.app import main; main()")


def build(*words: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run([*BUILD, *words], capture_output=True, text=True)


@pytest.mark.parametrize("size", ["14b", "32b"])
def test_a_dry_run_plans_for_a_named_card_on_any_machine(size: str) -> None:
    source = str(PLANS / size)
    words = ("--backend", "tensorrt-llm", "--gpu", "rtx-pro-6000", "--dry-run", "--json")
    done = build(source, *words)
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert (found["name"], found["backend"], found["kind"]) == (size, "tensorrt-llm", "engine")
    assert found["gpu"]["compute_capability"] == "12.0"
    assert found["memory"]["weights_bytes"] > 25e9
    assert any("TensorRT-LLM is not installed" in each for each in found["missing"])


def test_a_dry_run_for_people_prints_lines() -> None:
    words = ("--backend", "tensorrt-llm", "--gpu", "rtx-pro-6000", "--dry-run")
    done = build(str(PLANS / "14b"), *words, "--precision", "nvfp4")
    assert done.returncode == 0 and "step 1       quantise (gpu)" in done.stdout


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("--precision", "bf16"), "bf16 is for the backend tensorrt-llm"),
        (("--batch", "4"), "--batch is for the backend tensorrt-llm"),
        (("--adapters", "runtime"), "--adapters runtime is for the backend tensorrt-llm"),
        (("--backend", "tensorrt-llm", "--precision", "int4"), "int4 is for the backend onnx"),
        (("--backend", "tensorrt-llm", "--wide"), "--wide is for the backend onnx"),
        (("--backend", "tensorrt-llm", "--adapters", "bank"), "--adapters bank is for the"),
        (
            ("--backend", "tensorrt-llm", "--dry-run", "--gpu", "l4", "--gpu", "h100"),
            "a plan is for one GPU",
        ),
        (("--backend", "tensorrt-llm", "--dry-run", "--gpu", "nothing"), "no GPU 'nothing'"),
    ],
)
def test_options_of_the_other_backend_are_refused_by_name(
    words: tuple[str, ...], message: str, model: Path
) -> None:
    done = build(str(model), *words)
    assert done.returncode == 1 and message in done.stderr, done.stderr
    assert done.stdout == ""


def lacks(error: type[BuildError], words: str, asked: Asked, spawner: Spawner, **f: Any) -> str:
    gpus = f.get("gpus", with_card)
    with pytest.raises(error, match=words) as caught:
        run(asked, lambda line: None, spawner=spawner, gpus=gpus)
    assert not asked.store.exists()
    return str(caught.value)


def probing(**fields: Any) -> Spawner:
    return spawner_with(SMYSL_FAKE_PROBE=msgspec.json.encode(Probe(**fields)).decode())


def test_no_gpu(ask: Ask, spawner: Spawner) -> None:
    lacks(MissingGpu, "by NVML.*--gpus all", ask(), spawner, gpus=Gpus)


def test_a_driver_that_gives_no_answer(ask: Ask, spawner: Spawner) -> None:
    def broken() -> Gpus:
        return Gpus(problem="nvmlInit_v2 failed with NVML error 18; reboot")

    lacks(MissingGpu, "NVML error 18; reboot", ask(), spawner, gpus=broken)


def test_an_old_driver(ask: Ask, spawner: Spawner) -> None:
    def old() -> Gpus:
        return Gpus(found=(CARD,), driver="570.133.20")

    lacks(OldDriver, "570.133.20.*580 or later", ask(), spawner, gpus=old)


def test_no_library(ask: Ask) -> None:
    lacks(MissingToolkit, "not installed in this Python.*release:1.2.1", ask(), probing())


def test_a_library_that_cannot_be_imported(ask: Ask) -> None:
    broken = probing(tensorrt_llm="1.2.1", problem="ImportError: libmpi.so.40")
    lacks(MissingToolkit, "cannot be imported: ImportError: libmpi.so.40", ask(), broken)


def test_a_library_that_ends_the_process_that_imports_it(ask: Ask) -> None:
    crashing = Spawner("nothing_of_this_name:Toolkit")
    lacks(MissingToolkit, "cannot be imported: looking for TensorRT-LLM failed", ask(), crashing)


def test_the_library_may_be_in_another_python(ask: Ask, tmp_path: Path) -> None:
    other, called = tmp_path / "python", tmp_path / "called"
    other.write_text(f'#!/bin/sh\necho "$@" >> {called}\nexec {sys.executable} "$@"\n')
    other.chmod(0o755)
    elsewhere = spawner_with(SMYSL_TENSORRT_LLM_PYTHON=str(other))
    (answer,) = run(ask(), lambda line: None, spawner=elsewhere, gpus=with_card)
    assert answer["artefact"]["self_check"]["base"]["greedy_agreement"] == 1.0
    # it is asked what it has, compiles, and loads what it compiled
    assert called.read_text().count("launch.py") == 3


def test_a_python_that_is_not_there(ask: Ask, tmp_path: Path) -> None:
    nowhere = spawner_with(SMYSL_TENSORRT_LLM_PYTHON=str(tmp_path / "none"))
    words = "none cannot be started.*SMYSL_TENSORRT_LLM_PYTHON names the Python"
    lacks(MissingToolkit, words, ask(), nowhere)


def test_a_library_without_either_way(ask: Ask) -> None:
    lacks(MissingToolkit, "nothing that makes a", ask(), probing(tensorrt_llm="0.9"))


def test_an_engine_that_the_installation_cannot_compile(ask: Ask) -> None:
    later = probing(tensorrt_llm="1.4.0rc1", has_checkpoint=True)
    lacks(BadRequest, "--artefact checkpoint, or install 1.2.1", ask(artefact="engine"), later)


def test_a_missing_model_optimizer_gives_the_commands_to_go_on_elsewhere(
    ask: Ask, spawner: Spawner, adapters: dict[str, Path], tmp_path: Path
) -> None:
    text = tmp_path / "text.txt"
    text.write_text("one\n")
    asked = ask(
        precision="nvfp4", adapters=(("plan", adapters["plan"]),), how="merged", calibration=text
    )
    message = lacks(MissingQuantiser, "not installed here", asked, spawner)
    merge, quantise, then = (line.strip() for line in message.splitlines()[1:])
    assert merge.startswith("smysl build ") and merge.endswith("--write-merged tiny+plan-merged")
    assert "/optimizer.py --source tiny+plan-merged --target tiny+plan-nvfp4" in quantise
    assert "--format nvfp4 --kv fp8" in quantise
    assert then.startswith("smysl build tiny+plan-nvfp4 --backend tensorrt-llm --precision nvfp4")
    assert "--reference tiny+plan-merged" in then and "--name tiny-plan" in then


def test_scales_without_a_text_to_fit_them_to(ask: Ask, spawner: Spawner) -> None:
    lacks(BadRequest, "--calibration FILE", ask(precision="nvfp4"), spawner)


def test_a_config_alone_is_not_built(ask: Ask, spawner: Spawner) -> None:
    lacks(BuildError, "no model.safetensors", ask(source=PLANS / "14b"), spawner)


def test_merging_can_be_done_alone_without_a_gpu(
    model: Path, adapters: dict[str, Path], tmp_path: Path
) -> None:
    target = tmp_path / "merged"
    words = ("--backend", "tensorrt-llm", "--adapters", "merged", "--write-merged", str(target))
    done = build(str(model), *words, "--adapter", f"plan={adapters['plan']}")
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == str(target)
    assert open_checkpoint(target).config == open_checkpoint(model).config
    again = build(str(model), *words, "--adapter", f"plan={adapters['plan']}")
    assert again.returncode == 1 and "is there already" in again.stderr


def test_an_artefact_takes_as_many_adapters_as_its_exported_file_has_room_for(
    ask: Ask, spawner: Spawner, adapters: dict[str, Path]
) -> None:
    many = tuple((f"a{number}", adapters["verify"]) for number in range(25))
    lacks(BadRequest, "25 adapters were given.*can have 24", ask(adapters=many), spawner)


@pytest.mark.parametrize("how", [None, "runtime"])
def test_only_a_merged_adapter_can_be_written(
    how: Any, ask: Ask, adapters: dict[str, Path], tmp_path: Path
) -> None:
    pair = (("plan", adapters["plan"]),)
    asked = ask(write_merged=tmp_path / "merged", how=how, adapters=pair)
    with pytest.raises(BadRequest, match="goes with --adapters merged and one"):
        run(asked, lambda line: None)


def test_the_onnx_backend_loads_nothing_of_this_one() -> None:
    code = (
        "import sys; from smysl_build_engines.app import main\n"
        "assert 'smysl_build_engines.tensorrt_llm.command' not in sys.modules"
    )
    assert subprocess.run([sys.executable, "-c", code]).returncode == 0
