"""A command line that starts slowly is not used: these tests keep the heavy imports out."""

import resource
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from smysl_daemon.version import VERSION

ROOT = Path(__file__).parents[2]
HEAVY = {
    *("numpy", "onnxruntime", "onnx", "textual", "asyncio", "torch", "tokenizers", "sqlite3"),
    *("mcp", "pydantic", "starlette", "uvicorn", "anyio", "tomlkit", "tomllib"),
}


def loaded_by(words: list[str]) -> set[str]:
    code = f"""
import sys
from smysl_cli.app import main
sys.argv = ["smysl", *{words!r}]
try:
    main()
except SystemExit as error:
    assert not error.code, error.code
print("\\n" + " ".join(sys.modules), file=sys.stderr)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return set(done.stderr.splitlines()[-1].split())


@pytest.mark.parametrize("words", [["--help"], ["ask", "--help"], ["--version"], ["dirs"]])
def test_nothing_heavy_is_loaded_for(words: list[str]) -> None:
    assert loaded_by(words) & HEAVY == set()


def test_the_version_is_told_without_the_parser() -> None:
    assert loaded_by(["--version"]) & {"typer", "msgspec", "platformdirs"} == set()


def test_the_version_is_that_of_the_package() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    assert project["version"] == VERSION


def test_the_version_comes_at_once() -> None:
    times = []
    for _ in range(5):
        # processor time: on a busy machine the clock on the wall measures the others
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        done = subprocess.run(
            [sys.executable, "-P", "-m", "smysl_cli.app", "--version"],
            capture_output=True,
            text=True,
        )
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        times.append(after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime)
        assert done.stdout == f"smysl {VERSION}\n"
    assert min(times) <= 0.120
