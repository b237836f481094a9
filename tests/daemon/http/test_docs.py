"""What the pages show is what happens."""

import os
import re
import subprocess
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from smysl_daemon.config import HttpConfig
from smysl_daemon.http import application, bodies, chat, completions, messages, responses

ROOT = Path(__file__).parents[3]
PAGE = (ROOT / "docs" / "http.md").read_text()


class Shown(NamedTuple):
    """A command of a page, and what it is said to print; `...` stands for anything."""

    command: str
    output: str


def shown(text: str) -> list[Shown]:
    found = []
    for block in re.findall(r"```console\n(.*?)```", text, re.DOTALL):
        for one in re.split(r"^\$ ", block, flags=re.MULTILINE)[1:]:
            command, _, output = one.partition("\n")
            found.append(Shown(command, output.strip()))
    return [one for one in found if one.command.startswith("curl ")]


LINES = [*shown((ROOT / "README.md").read_text()), *shown(PAGE)]


@pytest.fixture(scope="module")
def runtime(daemon: Any, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A runtime folder as the pages have it."""
    root = tmp_path_factory.mktemp("x")
    (root / "smysl").mkdir()
    (root / "smysl" / "http.sock").symlink_to(daemon.socket)
    return root


def test_both_pages_show_curl() -> None:
    assert len(shown((ROOT / "README.md").read_text())) >= 1 and len(shown(PAGE)) >= 8


@pytest.mark.slow
@pytest.mark.parametrize("line", LINES, ids=lambda line: line.command[60:110])
def test_each_curl_line_prints_what_the_page_shows(line: Shown, runtime: Path) -> None:
    env = dict(os.environ) | {"XDG_RUNTIME_DIR": str(runtime)}
    done = subprocess.run(["bash", "-c", line.command], env=env, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    # both newlines of a page and of a stream are taken as one space
    printed = " ".join(done.stdout.split())
    pieces = [" ".join(piece.split()) for piece in line.output.split("...")]
    pattern = ".*".join(re.escape(piece) for piece in pieces)
    assert re.match(pattern, printed), printed[:2000]


def test_every_endpoint_setting_and_limit_is_on_the_page() -> None:
    for path in (*application.ROUTES, "/health", "/metrics"):
        shown_as = path.replace("{id:path}", "{id}")
        assert f"{shown_as}`" in PAGE, path
    for name in HttpConfig.__struct_fields__:
        assert re.search(rf"`?{name}`? = |`{name}`", PAGE), name
    assert f"{bodies.BODY_LIMIT:,}" in PAGE


def test_every_field_is_on_the_page() -> None:
    pages = (chat.FIELDS, completions.FIELDS, responses.FIELDS, messages.FIELDS)
    # of one API alone, and named there as its own documentation does
    unsaid = {"max_tool_calls", "verbosity", "web_search_options", "modalities", "function_call"}
    unsaid |= {"prompt_cache_retention", "stream_options", "conversation", "mcp_servers"}
    unsaid |= {"context_management", "output_config", "container", "inference_geo", "text"}
    missing = {
        name
        for fields in pages
        for name in (*fields.honoured, *fields.harmless, *fields.refused)
        if f"`{name}" not in PAGE and name not in unsaid
    }
    assert missing == set()
