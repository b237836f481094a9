"""A command line that starts slowly is not used: these tests keep the heavy imports out."""

import resource
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

import pytest

from smysl_cli.following import Deferred
from smysl_daemon.protocol import NodeDelta, RunEvent
from smysl_daemon.version import VERSION

ROOT = Path(__file__).parents[2]
HEAVY = {
    *("numpy", "onnxruntime", "onnx", "textual", "asyncio", "torch", "tokenizers", "sqlite3"),
    *("mcp", "pydantic", "starlette", "uvicorn", "anyio", "tomlkit", "tomllib"),
}


FOR_TYPER = {"typer", "click", "inspect", "difflib", "shutil"}
"""What reads a command line that is not plain, and half of what it imports."""


def loaded_by(words: list[str], env: dict[str, str] | None = None) -> set[str]:
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
    done = subprocess.run(
        [sys.executable, "-c", code],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=True,
        env=env,
    )
    return set(done.stderr.splitlines()[-1].split())


@pytest.mark.parametrize("words", [["--help"], ["ask", "--help"], ["--version"], ["dirs"]])
def test_nothing_heavy_is_loaded_for(words: list[str]) -> None:
    assert loaded_by(words) & HEAVY == set()


@pytest.mark.parametrize(
    "words",
    [
        ["What is 6 * 7?"],
        ["ask", "-p", "solve", "--seed=3", "-o", "branches", "2", "What", "is", "6 * 7?"],
        ["ask", "--json", "--budget-tokens", "100", "-c", "--", "What is 6 * 7?"],
    ],
)
def test_a_plain_question_loads_nothing_but_what_it_needs(usual: Any, words: list[str]) -> None:
    loaded = loaded_by(words, usual.env)
    assert "smysl_daemon.client" in loaded
    not_needed = {"typing_extensions", "platformdirs", "tempfile", "subprocess", "smysl_cli.live"}
    assert loaded & (HEAVY | FOR_TYPER | not_needed) == set()


def test_what_msgspec_does_without_is_there_for_others() -> None:
    code = """
import sys
from smysl_cli.app import main
sys.argv = ["smysl", "dirs"]
try:
    main()
except SystemExit as error:
    assert not error.code
import typing_extensions
assert typing_extensions.Self
"""
    subprocess.run([sys.executable, "-c", code], capture_output=True, check=True)


def test_who_watches_pays_for_what_draws_alone(usual: Any) -> None:
    loaded = loaded_by(["-v", "What is 6 * 7?"], usual.env)
    assert "smysl_cli.live" in loaded and loaded & {"typer", "inspect", "platformdirs"} == set()


def test_what_draws_is_made_when_there_is_something_to_draw() -> None:
    taken: list[RunEvent] = []

    class Sketch:
        def take(self, event: RunEvent) -> None:
            taken.append(event)

        def close(self) -> None:
            taken.clear()

    made: list[Sketch] = []

    def make() -> Sketch:
        made.append(Sketch())
        return made[-1]

    display = Deferred(make)
    display.close()
    assert made == []
    events = [NodeDelta(node="n", text="4"), NodeDelta(node="n", text="2")]
    for event in events:
        display.take(event)
    assert len(made) == 1 and taken == events
    display.close()
    assert taken == []


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
