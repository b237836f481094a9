"""A checkpoint, adapters of it, and the command's options for them."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from peft_adapter import ATTENTION, MLP, write_adapter
from tensorrt_builds import spawner_with, write_model

from smysl_build_engines.tensorrt_llm.prepare import Asked
from smysl_build_engines.tensorrt_llm.spawn import Spawner


@pytest.fixture(scope="session")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_model(tmp_path_factory.mktemp("source") / "tiny")


@pytest.fixture(scope="session")
def adapters(model: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("adapters")
    return {
        "plan": write_adapter(folder / "plan", model, ATTENTION, rank=4, seed=1),
        "verify": write_adapter(folder / "verify", model, MLP, rank=2, seed=2),
    }


@pytest.fixture
def ask(model: Path, tmp_path: Path) -> Callable[..., Asked]:
    def asked(**fields: Any) -> Asked:
        own: dict[str, Any] = {
            "source": model,
            "name": "tiny",
            "store": tmp_path / "engines",
            "as_json": True,
        }
        return Asked(**(own | fields))

    return asked


@pytest.fixture
def spawner() -> Spawner:
    return spawner_with()
