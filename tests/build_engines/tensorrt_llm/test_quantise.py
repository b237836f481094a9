"""The step through Model Optimizer, whose place three small modules take: what is called, in which
order, with what; and what happens when it fails. Model Optimizer itself was not run here."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest
from numpy_tensorrt_llm import PROBE
from tensorrt_builds import HELPERS, spawner_with, with_card

from smysl_build_engines.tensorrt_llm.command import run
from smysl_build_engines.tensorrt_llm.errors import ToolkitFailed
from smysl_build_engines.tensorrt_llm.optimizer import main
from smysl_build_engines.tensorrt_llm.prepare import Asked
from smysl_build_engines.tensorrt_llm.spawn import Spawner
from smysl_engines.manifest import load_manifest
from smysl_engines.tensorrt_llm.artefact import read

Ask = Callable[..., Asked]
pytestmark = pytest.mark.slow

_TRANSFORMERS = """
import os
from types import SimpleNamespace

class Tokens:
    def to(self, device):
        return ("on", device)

class AutoTokenizer:
    @classmethod
    def from_pretrained(cls, source):
        return cls()
    def __call__(self, text, *, return_tensors, truncation, max_length):
        assert (return_tensors, truncation, max_length) == ("pt", True, 512)
        return SimpleNamespace(input_ids=Tokens())
    def save_pretrained(self, target):
        pass

class Model:
    device = "cuda:0"
    def __init__(self, source):
        self.source, self.seen = source, 0
    def __call__(self, *, input_ids):
        assert input_ids == ("on", "cuda:0")
        self.seen += 1

class AutoModelForCausalLM:
    @classmethod
    def from_pretrained(cls, source, *, torch_dtype, device_map):
        assert (torch_dtype, device_map) == ("auto", "cuda")
        if os.environ.get("SMYSL_FAKE_OPTIMIZER") == "oom":
            raise RuntimeError("CUDA out of memory")
        return Model(source)
"""
_QUANTIZATION = """
FP8_DEFAULT_CFG = {"quant_cfg": {"weights": "fp8"}, "algorithm": "max"}
NVFP4_DEFAULT_CFG = {"quant_cfg": {"weights": "nvfp4"}, "algorithm": "max"}
FP8_KV_CFG = {"quant_cfg": {"kv": "fp8"}}

def quantize(model, settings, *, forward_loop):
    forward_loop(model)
    assert model.seen > 0
    model.settings = settings
"""
_EXPORT = """
import json
import os
import shutil
from pathlib import Path

def export_hf_checkpoint(model, *, export_dir):
    if os.environ.get("SMYSL_FAKE_OPTIMIZER") == "half":
        Path(export_dir, "config.json").write_text("{}")
        raise RuntimeError("the disk is full")
    shutil.copytree(model.source, export_dir, dirs_exist_ok=True)
    form = model.settings["quant_cfg"]
    found = {"quant_algo": form["weights"].upper(), "kv_cache_quant_algo": form["kv"].upper()}
    Path(export_dir, "hf_quant_config.json").write_text(json.dumps({"quantization": found}))
    Path(export_dir, "seen").write_text(str(model.seen))
    Path(export_dir, "seen").unlink()
"""


@pytest.fixture
def optimizer(tmp_path: Path) -> Callable[..., Spawner]:
    """A spawner in whose processes Model Optimizer is installed."""
    site = tmp_path / "site"
    folder = site / "modelopt" / "torch"
    folder.mkdir(parents=True)
    for path in (folder, folder.parent):
        (path / "__init__.py").touch()
    (folder / "quantization.py").write_text(_QUANTIZATION)
    (folder / "export.py").write_text(_EXPORT)
    (site / "transformers.py").write_text(_TRANSFORMERS)
    probe = msgspec.structs.replace(PROBE, model_optimizer="0.37.0")

    def made(fault: str = "") -> Spawner:
        return spawner_with(
            PYTHONPATH=f"{site}:{HELPERS}",
            SMYSL_FAKE_PROBE=msgspec.json.encode(probe).decode(),
            SMYSL_FAKE_OPTIMIZER=fault,
        )

    return made


@pytest.fixture
def text(tmp_path: Path) -> Path:
    path = tmp_path / "text.txt"
    path.write_text("one\n\ntwo\n")
    return path


def make(asked: Asked, spawner: Spawner) -> Any:
    (answer,) = run(asked, lambda line: None, spawner=spawner, gpus=with_card)
    return answer


def test_a_merged_nvfp4_engine_is_merged_quantised_compiled_and_checked(
    ask: Ask, adapters: dict[str, Path], text: Path, optimizer: Callable[..., Spawner]
) -> None:
    pair = (("plan", adapters["plan"]),)
    answer = make(ask(precision="nvfp4", adapters=pair, calibration=text), optimizer())
    artefact = read(Path(answer["directory"]))
    assert (artefact.model, artefact.precision, artefact.kv_precision) == (
        "tiny+plan",
        "nvfp4",
        "fp8",
    )
    assert artefact.self_check is not None
    # what was quantised is the merged model: its numbers are those of the merged reference
    assert artefact.self_check.base.greedy_agreement > 0.9
    assert load_manifest(Path(answer["directory"])).tools["nvidia-modelopt"] == "0.37.0"


def test_a_checkpoint_is_the_quantised_one_with_what_says_so(
    ask: Ask, text: Path, optimizer: Callable[..., Spawner]
) -> None:
    asked = ask(precision="fp8", artefact="checkpoint", calibration=text)
    directory = Path(make(asked, optimizer())["directory"])
    said = json.loads((directory / "hf_quant_config.json").read_text())["quantization"]
    assert said == {"quant_algo": "FP8", "kv_cache_quant_algo": "FP8"}
    assert (directory / "chat_template.jinja").is_file()


@pytest.mark.parametrize("fault", ["oom", "half"])
def test_a_quantisation_that_fails_leaves_nothing(
    fault: str, ask: Ask, text: Path, optimizer: Callable[..., Spawner], tmp_path: Path
) -> None:
    asked = ask(precision="nvfp4", calibration=text)
    with pytest.raises(ToolkitFailed, match="quantising to nvfp4 failed.*status 1.*too small"):
        make(asked, optimizer(fault))
    assert [path.name for path in asked.store.iterdir()] == [".lock"]


def test_the_step_alone_writes_a_folder_or_nothing(
    model: Path,
    text: Path,
    optimizer: Callable[..., Spawner],
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    words = ["--source", str(model), "--format", "fp8", "--calibration", str(text)]
    assert main([*words, "--target", str(model)]) == 1
    assert "is there already" in capsys.readouterr().err
    text.write_text("\n\n")
    assert main([*words, "--target", str(tmp_path / "new")]) == 1
    assert "has no text" in capsys.readouterr().err
    assert not (tmp_path / "new").exists()
