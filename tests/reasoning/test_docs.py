"""The pages about programs and the graph name what there is."""

import re
from pathlib import Path
from typing import get_args

from smysl_reasoning.checking import parse
from smysl_reasoning.library import Library
from smysl_reasoning.modules.registry import MODULES
from smysl_reasoning.nodes import Kind
from smysl_reasoning.thresholds import Thresholds

DOCS = Path(__file__).parents[2] / "docs"


def test_every_program_module_and_option_is_described() -> None:
    page = (DOCS / "programs.md").read_text(encoding="utf-8")
    library = Library(MODULES)
    names = [info.name for info in library.list()] + list(MODULES)
    names += [option for module in MODULES.values() for option in module.options]
    names += [option for info in library.list() for option in library.get(info.name).options]
    assert [name for name in names if f"`{name}`" not in page] == []
    for name in Thresholds.__struct_fields__:
        assert f'"{name}"' in page


def test_the_example_of_the_grammar_is_a_program_but_for_its_end() -> None:
    page = (DOCS / "programs.md").read_text(encoding="utf-8")
    example = re.search(r"```toml\n(.*?)```", page, re.DOTALL)
    assert example is not None
    end = """
[[step]]
name = "vote"
module = "vote"
inputs = { others = "samples" }
[[step]]
name = "verify"
module = "verify"
inputs = { choice = "vote" }
[[step]]
name = "answer"
module = "answer"
inputs = { choice = "vote", verdict = "verify" }
"""
    assert parse(example[1] + end, "docs", MODULES).name == "mine"


def test_every_kind_of_node_that_is_written_is_described() -> None:
    page = (DOCS / "graph.md").read_text(encoding="utf-8")
    later = {"note"}
    assert [kind for kind in get_args(Kind) if kind not in later and f"`{kind}`" not in page] == []
