"""What the pages show of the memory is what happens, with the bundled model.

A page's commands are run in order, in folders of their own. Ids of a page stand for those of the test, times for any,
and a figure such as a mass may differ a little: it falls with every second. A line of three dots stands for any lines.
"""

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

from smysl_daemon.config import find_dirs
from smysl_daemon.launch import stop_daemon

ROOT = Path(__file__).parents[2]
PAGES = {name: ROOT / name for name in ("README.md", "docs/memory.md")}
MARK = "smysl memory"
NEARLY = 0.05
"""How far a figure may be from the page's."""
ID = re.compile(r"\b0[0-9a-z]{7}(?:[0-9a-z]{12})?\b")
TIME = re.compile(r"\d{4}-\d\d-\d\d(?: \d\d:\d\d)?")
FIGURE = re.compile(r"\b\d\.\d\d\b")
PATIENCE_S = 240


class Shown(NamedTuple):
    """A command of a page, and what it prints there."""

    command: str
    output: str


def shown(text: str) -> list[Shown]:
    """Of the blocks that show the memory, in order."""
    found = []
    for block in re.findall(r"```console\n(.*?)```", text, re.DOTALL):
        lines = block.splitlines()
        # a list of commands shows nothing
        if MARK not in block or all(line.startswith("$ ") for line in lines):
            continue
        for one in re.split(r"^\$ ", block, flags=re.MULTILINE)[1:]:
            command, _, output = one.partition("\n")
            found.append(Shown(re.sub(r"\s+# .*", "", command), output.rstrip("\n")))
    return found


class Reader:
    """Runs a page."""

    def __init__(self, folder: Path) -> None:
        names = ("CONFIG", "DATA", "CACHE", "RUNTIME")
        self.env = {k: v for k, v in os.environ.items() if k != "NO_COLOR"} | {"COLUMNS": "80"}
        self.env |= {f"SMYSL_{name}_DIR": str(folder / name.lower()) for name in names}
        program = folder / "bin" / "smysl"
        program.parent.mkdir()
        program.write_text(f'#!/bin/sh\nexec {sys.executable} -P -m smysl_cli.app "$@"\n')
        program.chmod(0o700)
        self.env["PATH"] = f"{program.parent}:{self.env.get('PATH', '')}"
        self.folder = folder
        self.ids: dict[str, str] = {}
        """The test's, by the page's; of both the letters that lists show."""

    def run(self, command: str) -> str:
        """What a person would see, with ids as the test has them."""
        words = ID.sub(lambda found: self.ids[found[0][:8]] + found[0][8:], command)
        done = subprocess.run(
            ["bash", "-c", words],
            env=self.env,
            cwd=self.folder,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=PATIENCE_S,
        )
        return done.stdout.rstrip("\n")

    def expect(self, printed: str, page: str) -> None:
        lines, wanted = printed.split("\n"), page.split("\n")
        at = 0
        while wanted:
            if wanted[0] == "...":
                wanted.pop(0)
                if not wanted:
                    return
                while at < len(lines) and plain(lines[at]) != plain(wanted[0]):
                    at += 1
            assert at < len(lines), printed
            self._expect_line(lines[at], wanted.pop(0), printed)
            at += 1
        assert at == len(lines), printed

    def _expect_line(self, line: str, page: str, printed: str) -> None:
        assert plain(line) == plain(page), printed
        for there, here in zip(ID.findall(page), ID.findall(line), strict=True):
            assert self.ids.setdefault(there[:8], here[:8]) == here[:8], printed
        for there, here in zip(FIGURE.findall(page), FIGURE.findall(line), strict=True):
            assert abs(float(there) - float(here)) <= NEARLY, printed


def plain(line: str) -> str:
    """Without what differs from run to run."""
    return FIGURE.sub("0.00", TIME.sub("TIME", ID.sub("ID", line)))


@pytest.fixture
def reader(tmp_path: Path) -> Iterator[Reader]:
    reader = Reader(tmp_path)
    reader.run("smysl daemon start")  # what a start says is no part of the pages
    yield reader
    stop_daemon(find_dirs(reader.env), now=True)


@pytest.mark.slow
@pytest.mark.parametrize("page", PAGES)
def test_a_page_shows_what_happens(page: str, reader: Reader) -> None:
    lines = shown(PAGES[page].read_text())
    assert len(lines) >= 4
    for line in lines:
        if line.command.startswith("cat "):
            (reader.folder / line.command.split()[1]).write_text(line.output + "\n")
        reader.expect(reader.run(line.command), line.output)


def test_a_line_that_differs_is_seen(tmp_path: Path) -> None:
    reader = Reader(tmp_path)
    reader.expect("memory 0aaaaaa1 added\n0.75", "memory 0bbbbbb1 added\n0.71")
    reader.expect("a\nb\n0aaaaaa1", "...\n0bbbbbb1")
    reader.expect("a\nb", "a\n...")
    for printed, page in (
        ("memory 0aaaaaa2 added", "memory 0bbbbbb1 added"),
        ("0.75", "0.65"),
        ("a", "b"),
        ("a\nb", "a"),
        ("a", "a\nb"),
        ("a\nb", "...\nc"),
    ):
        with pytest.raises(AssertionError):
            reader.expect(printed, page)
