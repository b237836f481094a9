"""`smysl-forge` as a person uses it."""

import json
import subprocess
import sys

from typer.testing import CliRunner

from smysl_forge.app import app
from smysl_forge.families import HELD_OUT, families

runner = CliRunner()


def test_show_prints_a_problem_with_its_derivation() -> None:
    result = runner.invoke(app, ["show", "products", "-n", "2"])
    assert result.exit_code == 0
    assert result.stdout.count("[products]") == 2
    assert "step    n0 * n1  -> n2" in result.stdout
    assert "answer  n2" in result.stdout


def test_an_unknown_family_is_named_with_the_known_ones() -> None:
    result = runner.invoke(app, ["show", "alchemy"])
    assert result.exit_code == 2
    assert "alchemy" in result.output and "gsm_symbolic" in result.output


def test_export_gives_held_out_items_that_an_evaluation_can_read() -> None:
    result = runner.invoke(app, ["export", "-f", "outside", "-n", "3"])
    items = [json.loads(line) for line in result.stdout.splitlines()]
    assert [item["answer"] for item in items] == [None] * 3
    result = runner.invoke(app, ["export", "-f", "gsm_symbolic", "-n", "5"])
    items = [json.loads(line) for line in result.stdout.splitlines()]
    assert [item["id"] for item in items] == [f"gsm_symbolic-{HELD_OUT + i}" for i in range(5)]
    assert all(
        item["question"] and item["answer"] and item["tags"] == ["gsm_symbolic"] for item in items
    )


def test_field_lists_every_family() -> None:
    result = runner.invoke(app, ["field", "--json"])
    assert [json.loads(line)["family"] for line in result.stdout.splitlines()] == list(families())


def test_grade_tells_how_often_a_model_is_right() -> None:
    for way, least, most in (([], 0.8, 1.0), (["--direct"], 0.0, 0.7)):
        asked = ["grade", "models/zerno", "-f", "products", "-n", "10", *way]
        report = json.loads(runner.invoke(app, asked).stdout)
        assert report["parameters"] == 3_000_384
        assert least <= report["mean"] == report["families"]["products"] <= most


def test_a_folder_without_a_model_is_named() -> None:
    result = runner.invoke(app, ["grade", "tests"])
    assert result.exit_code == 2
    assert "tests is no trained model" in result.output


def test_without_its_extra_it_says_what_to_install() -> None:
    start = "import sys; sys.modules['reasoning_gym'] = None; from smysl_forge.entry import main; main()"
    done = subprocess.run(
        [sys.executable, "-c", start, "--help"], capture_output=True, text=True, timeout=60
    )
    assert done.returncode == 1 and done.stdout == ""
    (line,) = done.stderr.splitlines()
    assert "pip install 'smysl[forge]'" in line and "no module 'reasoning_gym'" in line
