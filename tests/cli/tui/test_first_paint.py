"""What `smysl tui` loads and draws before anything can be seen: a slow start is made of what is added here.

Counted, not timed: a machine that does something else at the same time is slow, not wrong.
"""

import fcntl
import os
import pty
import select
import signal
import struct
import subprocess
import sys
import termios
import time
from pathlib import Path
from typing import Any

import pytest
from textual._compositor import Compositor
from textual.screen import Screen

from smysl_cli.tui.screens.session import SessionScreen

PATIENCE_S = 60
MODULES = 440
"""429 when this was written, 318 of them loaded by Textual itself. What is loaded later costs the
start nothing: import it where it is needed."""
LATER = {
    *("typer", "markdown_it", "textual.widgets._markdown", "textual.widgets._footer"),
    *("smysl_cli.options", "smysl_cli.completing", "smysl_daemon.launch"),
    *("numpy", "pydantic", "tomllib", "tomlkit", "sqlite3", "onnxruntime"),
}
SCREENS = "smysl_cli.tui.screens."
SHOWN_FIRST = {f"{SCREENS}{name}" for name in ("base", "session", "runner", "watcher")}
CODE = """
import os, signal, sys
file = sys.argv[1]
bare = set(sys.modules)

def note(*_):
    with open(file + ".part", "w") as part:
        part.write(" ".join(sys.modules.keys() - bare))
    os.replace(file + ".part", file)

signal.signal(signal.SIGUSR1, note)
sys.argv[:] = ["smysl", "tui"]
from smysl_cli.app import main
main()
"""


def loaded_at_first_paint(shell: Any, tmp_path: Path) -> set[str]:
    """The modules that Python itself does not begin with, when the prompt is there."""
    names = tmp_path / "modules"
    terminal, inside = pty.openpty()
    fcntl.ioctl(inside, termios.TIOCSWINSZ, struct.pack("HHHH", 40, 120, 0, 0))
    process = subprocess.Popen(
        [sys.executable, "-P", "-c", CODE, str(names)],
        stdin=inside,
        stdout=inside,
        stderr=inside,
        env={**shell.env, "TERM": "xterm-256color", "LC_ALL": "C.UTF-8"},
        start_new_session=True,
    )
    os.close(inside)
    deadline = time.monotonic() + PATIENCE_S
    drawn = b""
    try:
        while b"Ask a question" not in drawn:
            assert time.monotonic() < deadline, drawn[-2000:]
            if select.select([terminal], [], [], 0.5)[0]:
                drawn += os.read(terminal, 1 << 16)
        process.send_signal(signal.SIGUSR1)
        while not names.exists():
            assert time.monotonic() < deadline
            # it must not wait for somebody to read what it draws
            if select.select([terminal], [], [], 0.05)[0]:
                os.read(terminal, 1 << 16)
        return set(names.read_text().split())
    finally:
        process.kill()
        process.wait()
        os.close(terminal)


def test_what_can_wait_is_not_loaded_at_the_first_paint(shell: Any, tmp_path: Path) -> None:
    loaded = loaded_at_first_paint(shell, tmp_path)
    assert {"textual.app", "smysl_cli.tui.widgets.prompt"} <= loaded
    assert loaded & LATER == set()
    assert {name for name in loaded if name.startswith(SCREENS)} == SHOWN_FIRST
    assert not [name for name in loaded if name.startswith("smysl_cli.tui.dialogs")]
    assert len(loaded) <= MODULES, sorted(loaded)


async def test_the_first_screen_is_laid_out_and_drawn_once_before_it_is_seen(
    opened: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    laid_out: list[int] = []
    drawn: list[str] = []
    refresh, render = Screen._refresh_layout, Compositor.render_update

    def counted(self: Any, *args: Any, **options: Any) -> None:
        laid_out.append(len(drawn))
        refresh(self, *args, **options)

    def noted(self: Any, *args: Any, **options: Any) -> Any:
        strips = self.render_strips()
        drawn.append("\n".join("".join(segment.text for segment in line) for line in strips))
        return render(self, *args, **options)

    monkeypatch.setattr(Screen, "_refresh_layout", counted)
    monkeypatch.setattr(Compositor, "render_update", noted)
    async with opened() as person:
        first = drawn[0]
        assert laid_out.count(0) == 1
        for words in ("connect", "a new session", "Ask a question", "sessions"):
            assert words in first
        # one screen, and not one over another that is hidden
        assert [type(one) for one in person.app.screen_stack] == [SessionScreen]
        assert len(person.app.main.query("*")) <= 16
