"""The container recipes: read, not run (no container engine is here), and checked against what they name."""

import json
import re
import tomllib
from pathlib import Path

import pytest

from smysl_cli.commands import app
from smysl_cli.units import SYSTEM_DIRS
from smysl_engines.tensorrt_llm.process import PYTHON_VARIABLE

ROOT = Path(__file__).parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]


def instructions(name: str) -> list[tuple[str, str]]:
    """What a Dockerfile says, line by line, without comments and continuations."""
    text = (ROOT / "packaging" / name).read_text()
    text = "\n".join(line for line in text.splitlines() if not line.startswith("#"))
    joined = re.sub(r"\\\n\s*", " ", text)
    lines = [line.split(None, 1) for line in joined.splitlines() if line.strip()]
    return [(line[0], line[1]) for line in lines]


@pytest.mark.parametrize("name", ["Dockerfile", "Dockerfile.ngc"])
def test_an_image_runs_what_the_project_installs_in_the_folders_of_the_units(name: str) -> None:
    found = instructions(name)
    variables = dict(re.findall(r"(SMYSL_\w+)=(\S+)", " ".join(t for w, t in found if w == "ENV")))
    workers = variables.pop(PYTHON_VARIABLE, None)
    assert (workers is not None) is (name == "Dockerfile.ngc")
    assert variables == SYSTEM_DIRS
    (start,) = [json.loads(text) for word, text in found if word in ("ENTRYPOINT", "CMD")]
    assert start[0] in PROJECT["scripts"]
    (health,) = [text for word, text in found if word == "HEALTHCHECK"]
    words = json.loads(health[health.index("[") :])
    assert words == ["smysl", "daemon", "status", "--json"] and app is not None
    made = next(text for word, text in found if word == "RUN" and "install -d" in text)
    assert set(SYSTEM_DIRS.values()) <= set(made.split())
    users = [text for word, text in found if word == "USER"]
    assert users == ["smysl"]


def test_neither_smysl_nor_tensorrt_llm_gets_the_packages_of_the_other() -> None:
    found = instructions("Dockerfile.ngc")
    (made,) = [text for word, text in found if word == "RUN"]
    assert "--system-site-packages" not in made
    steps = [step.strip() for step in made.split("&&")]
    (beside,) = [step for step in steps if step.startswith("${IMAGE_PYTHON} -m pip install")]
    assert "--no-deps" in beside and beside.endswith('"msgspec>=0.19"')
    assert "msgspec>=0.19" in PROJECT["dependencies"]
    (own,) = [step for step in steps if "/opt/smysl/bin/pip install" in step]
    assert "PIP_CONSTRAINT= " in own
    (variables,) = [text for word, text in found if word == "ENV"]
    assert f"{PYTHON_VARIABLE}=${{IMAGE_PYTHON}}" in variables.split()


def test_images_are_pinned() -> None:
    base, python = [text for word, text in instructions("Dockerfile.ngc") if word == "ARG"]
    assert python.startswith("IMAGE_PYTHON=/")
    assert re.fullmatch(r"IMAGE=nvcr\.io/nvidia/tensorrt-llm/release:\d+\.\d+\.\d+", base)
    (python,) = [text for word, text in instructions("Dockerfile") if word == "ARG"]
    version = re.fullmatch(r"PYTHON=3\.(\d+)-slim", python)
    assert version is not None and int(version[1]) >= 11


def test_nothing_of_this_checkout_that_is_not_the_project_reaches_an_image() -> None:
    ignored = (ROOT / ".dockerignore").read_text().split()
    assert {".git", ".venv", "dist", "runs"} <= set(ignored)
    needed = {"packaging", "models", "systemd", "README.md", "LICENSE", "constraints.txt"}
    assert needed & set(ignored) == set()
