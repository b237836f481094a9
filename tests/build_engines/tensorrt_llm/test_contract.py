"""Every call that a build makes fits the signatures of both versions that were read."""

from collections.abc import Callable
from pathlib import Path

import pytest
from fake_tensorrt_llm.site import write_site
from tensorrt_builds import quantised_copy, with_card

from smysl_build_engines.tensorrt_llm.command import run
from smysl_build_engines.tensorrt_llm.errors import OutOfGpuMemory, ToolkitFailed
from smysl_build_engines.tensorrt_llm.jobs import Compile
from smysl_build_engines.tensorrt_llm.look import look
from smysl_build_engines.tensorrt_llm.options import Sizes, options
from smysl_build_engines.tensorrt_llm.prepare import Asked
from smysl_build_engines.tensorrt_llm.spawn import TOOLKIT, Spawner
from smysl_engines.tensorrt_llm.artefact import TensorRTArtefact, read

Ask = Callable[..., Asked]
pytestmark = pytest.mark.slow
VERSIONS = ("1.2.1", "main")


def installed(version: str, tmp_path: Path, toolkit: str = TOOLKIT, **more: str) -> Spawner:
    environment = write_site(tmp_path / "site", version, OPENBLAS_NUM_THREADS="1", **more)
    return Spawner(toolkit, environment)


def make(asked: Asked, spawner: Spawner) -> TensorRTArtefact:
    (answer,) = run(asked, lambda line: None, spawner=spawner, gpus=with_card)
    return read(Path(answer["directory"]))


@pytest.mark.parametrize("version", VERSIONS)
def test_what_is_installed_is_found_by_trying(version: str, tmp_path: Path) -> None:
    # with a toolkit of another name, so that the fake's process is asked and not this one
    found = look(installed(version, tmp_path, "contract_toolkit:Toolkit"))
    assert found.problem is None and found.has_checkpoint
    assert found.has_engine == (version == "1.2.1")
    assert (found.tensorrt is None) == (version == "main")


@pytest.mark.parametrize("precision", ["bf16", "fp8"])
def test_an_engine_is_built_saved_and_loaded_by_the_contract_of_1_2_1(
    precision: str, ask: Ask, adapters: dict[str, Path], tmp_path: Path
) -> None:
    spawner = installed("1.2.1", tmp_path, "contract_toolkit:Toolkit")
    asked = ask(precision=precision, adapters=tuple(adapters.items()), how="runtime")
    artefact = make(asked, spawner)
    assert (artefact.kind, artefact.precision) == ("engine", precision)
    assert artefact.self_check is not None
    assert set(artefact.self_check.adapters) == {"plan", "verify"}


def test_a_quantised_engine_is_built_by_the_contract_of_1_2_1(
    ask: Ask, model: Path, tmp_path: Path
) -> None:
    small = quantised_copy(model, tmp_path / "small", "NVFP4")
    spawner = installed("1.2.1", tmp_path, "contract_toolkit:Toolkit")
    artefact = make(ask(source=small, reference=model), spawner)
    assert (artefact.precision, artefact.kv_precision) == ("nvfp4", "fp8")


@pytest.mark.parametrize("version", VERSIONS)
def test_a_checkpoint_is_started_and_checked_by_either_contract(
    version: str, ask: Ask, adapters: dict[str, Path], tmp_path: Path
) -> None:
    spawner = installed(version, tmp_path, "contract_toolkit:Toolkit")
    asked = ask(artefact="checkpoint", adapters=tuple(adapters.items()), how="runtime")
    artefact = make(asked, spawner)
    assert (artefact.kind, artefact.tensorrt is None) == ("checkpoint", version == "main")
    assert artefact.self_check is not None
    assert artefact.self_check.adapters["verify"].greedy_agreement == 1.0


@pytest.mark.parametrize("keyword", ["onboard_blocks", "sampler_type"])
def test_a_keyword_that_a_version_does_not_have_is_its_error(
    keyword: str, ask: Ask, model: Path, tmp_path: Path
) -> None:
    """The fake would notice: this is what a wrong option looks like."""
    job = Compile(
        model=str(model),
        options=options("engine", Sizes(64, 2), "bf16", "bf16", (), calibrate=False)
        | {keyword: True},
        workspace=str(tmp_path),
        directory=str(tmp_path / "engine"),
    )
    spawner = installed("1.2.1", tmp_path, "contract_toolkit:Toolkit")
    with pytest.raises(ToolkitFailed, match=keyword):
        spawner.run(job, "the build", "")


def test_a_card_that_is_full_while_it_is_built(ask: Ask, tmp_path: Path) -> None:
    spawner = installed("1.2.1", tmp_path, "contract_toolkit:Toolkit", SMYSL_FAKE_FAULT="oom")
    with pytest.raises(OutOfGpuMemory, match="Tried to allocate 20.00 GiB.*--batch"):
        make(ask(), spawner)
