"""A walk through the terminal UI in tmux, with a real daemon and the bundled model: writes
`docs/tour.md`.

    python tests/cli/tui/tour.py [FILE]

Each stop presses keys, waits until the screen says what it should, and keeps what it shows.
"""

import os
import shlex
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from smysl_daemon.config import find_dirs
from smysl_daemon.launch import stop_daemon

PAGE = Path(__file__).parents[3] / "docs" / "tour.md"
PATIENCE_S = 120
QUESTION = (
    "A shop sells pens for 3 dollars and books for 12 dollars. Tom buys 4 pens and 2 books. "
    "How much does he pay?"
)

EGGS = "Anna sells 3 boxes of eggs. How many eggs does she sell?"
FARM = """\
A box holds 12 eggs.

Broken eggs go to the cat.

The hens lay best in May.

Each hen needs a nest of straw.

Straw comes from the neighbour's barley.

Barley is sown in March.

The market opens on Saturday.

Anna drives to the market at dawn.

The van needs a new battery.

The battery is under the seat of the van.

Foxes come at night.

The fence keeps foxes from the hens.

The well froze last winter.
"""


class Terminal:
    """A tmux server of its own with one window."""

    def __init__(self, folder: Path, columns: int = 120, rows: int = 34) -> None:
        self._tmux = ["tmux", "-S", str(folder / "tmux"), "-f", "/dev/null"]
        size = ["-x", str(columns), "-y", str(rows)]
        words = [sys.executable, "-P", "-m", "smysl_cli.app", "tui"]
        self._run("new-session", "-d", "-s", "tour", "-c", str(folder), *size, shlex.join(words))

    def _run(self, *words: str) -> str:
        done = subprocess.run([*self._tmux, *words], capture_output=True, text=True, check=True)
        return done.stdout

    def press(self, *keys: str) -> None:
        for key in keys:
            self._run("send-keys", "-t", "tour", key)
            time.sleep(0.1)

    def type(self, text: str) -> None:
        self._run("send-keys", "-t", "tour", "-l", text)

    def screen(self) -> str:
        lines = self._run("capture-pane", "-p", "-t", "tour").splitlines()
        return "\n".join(line.rstrip() for line in lines).rstrip()

    def until(self, *words: str, without: str = "\0") -> str:
        """The screen that has all of these words, once it stands still."""
        deadline = time.monotonic() + PATIENCE_S
        before = ""
        while True:
            now = self.screen()
            if now == before and all(word in now for word in words) and without not in now:
                return now
            assert time.monotonic() < deadline, f"no {words} in\n{now}"
            before = now
            time.sleep(0.4)

    def resize(self, columns: int, rows: int) -> None:
        self._run("resize-window", "-t", "tour", "-x", str(columns), "-y", str(rows))

    def close(self) -> None:
        subprocess.run([*self._tmux, "kill-server"], capture_output=True)


def smysl(*words: str) -> None:
    """A command in another terminal; whatever it makes of the answer, it says so there."""
    command = [sys.executable, "-P", "-m", "smysl_cli.app", *words]
    subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, timeout=PATIENCE_S)


def remember(terminal: Terminal, folder: Path, stop: Callable[[str, str], None]) -> None:
    """The memory, from a file that another terminal imports to an answer that is derived anew."""
    (folder / "farm.md").write_text(FARM)
    smysl("memory", "import", str(folder / "farm.md"))
    terminal.press("C-n")
    terminal.until("Ask a question", "a new session")
    terminal.press("Escape", "F6")
    stop(
        "`smysl memory import farm.md` in another terminal, then **F6**: what outlives sessions, as a "
        "map. What is alike lies together.",
        terminal.until("13 of 13", "source"),
    )
    terminal.press("/")
    terminal.type(EGGS)
    stop(
        "`/` and a question: what would fall into it, drawn from its words (`◆`) over the map, with the "
        "strength and the way of each.",
        terminal.until("◆", "falls in"),
    )
    terminal.press("Escape", "Escape", "Escape")
    terminal.until("Ask a question")
    terminal.press("C-o")
    terminal.until("How to ask")
    terminal.press("Tab", "Tab")
    terminal.type("1")
    terminal.press("Enter")
    terminal.until("recall 1")
    terminal.press("a")
    terminal.type(EGGS)
    terminal.press("Enter")
    terminal.until("36: verified")
    terminal.until("36", without="36: verified")
    terminal.press("g", "j")
    stop(
        "**Ctrl+O** lets one memory fall into the next question. It stands in the session as a thought "
        "of its own (`∞`), and the answer rests on it. On the right is why it came.",
        terminal.until("strength", "recalled"),
    )
    terminal.press("o")
    terminal.until("A box holds 12 eggs", "13 of 13", "Fell into")
    terminal.press("e")
    terminal.until("Edit memory", "in 1 session")
    terminal.press("C-u")
    terminal.type("A box holds 10 eggs.")
    terminal.press("C-s")
    stop(
        "`o` leads to it, `e` corrects it, and what that makes stale is said.",
        terminal.until("What rests on it is stale", without="changed "),
    )
    terminal.press("Down", "Enter")
    terminal.until("Derive what is stale?")
    terminal.press("y")
    terminal.until("30: verified")
    stop("Derived: 30.", terminal.until("30", without="30: verified"))


def walk(terminal: Terminal, folder: Path) -> str:
    stops: list[tuple[str, str]] = []

    def stop(text: str, screen: str) -> None:
        stops.append((text, screen))

    terminal.until("connected")
    terminal.type(QUESTION)
    stop("Type a question.", terminal.until("2 books. How", "pay?"))
    terminal.press("Enter")
    stop(
        "**Enter** asks. Thoughts appear as they are made; `‹` stands before what the selected one "
        "rests on. On the right is how it was made and what it cost.",
        terminal.until("36: not verified", "confidence"),
    )
    terminal.until("confidence", without="36: not verified")
    terminal.press("g", "j", "j")
    terminal.until("made", "step")
    terminal.press("e")
    terminal.until("Edit step")
    terminal.press("C-u")
    terminal.type("3 * 5")
    stop(
        "`g j j` walks to the first step, `e` corrects it. What that touches, and what it would "
        "cost to derive again, is said while you type.",
        terminal.until("3 * 5", "to derive"),
    )
    terminal.press("C-s")
    terminal.until("stale: r derives them")
    stop(
        "**Ctrl+S** keeps it. Only what rests on the step is stale (`≠`); the other derivations "
        "are not.",
        terminal.until("9 stale, 1 held", without="r derives them"),
    )
    terminal.press("r")
    stop("`r` shows the cost first.", terminal.until("Derive what is stale?"))
    terminal.press("y")
    terminal.until(": not verified", "1 held")
    stop(
        "`y` derives. The samples still say 36, so nothing is called verified.",
        terminal.until("1 held", "edited", without=": not verified"),
    )
    terminal.press("f")
    terminal.until("Begin a branch")
    terminal.type("dearer")
    stop("`f` begins a branch here.", terminal.until("dearer"))
    terminal.press("Enter")
    terminal.until("branch dearer begun")
    terminal.until("dearer", without="branch dearer begun")
    terminal.press("g", "j", "j", "e")
    terminal.until("Edit step")
    terminal.press("C-u")
    terminal.type("3 * 6")
    terminal.until("3 * 6", "to derive")
    terminal.press("C-r")
    terminal.until(": not verified", "18")
    terminal.until("1 held", without=": not verified")
    terminal.press("D")
    stop(
        "Another number in that branch, **Ctrl+R** to keep it and derive at once, and `D` puts the "
        "two branches side by side.",
        terminal.until("main | dearer"),
    )
    terminal.press("Escape", "w")
    stop("`w`: everything that the answer rests on.", terminal.until("rests on"))
    terminal.press("Escape", "E")
    terminal.until("Export the session")
    terminal.press("Tab")
    terminal.type("prices.md")
    stop("`E` writes the session to a file.", terminal.until("prices.md"))
    terminal.press("Enter")
    terminal.until("bytes are in")
    assert "18" in (folder / "prices.md").read_text()
    terminal.until("dearer", without="bytes are in")
    smysl("ask", "-c", "-q", "Mia has 5 apples and buys 4 more. How many has she?")
    stop(
        'In another terminal somebody goes on with this session: `smysl ask -c "Mia has 5 apples '
        '..."`. It appears here as it happens.',
        terminal.until("Mia has 5 apples", "9 "),
    )
    terminal.until("Mia has 5 apples", without="9: verified")
    remember(terminal, folder, stop)
    terminal.resize(80, 24)
    stop(
        "In a terminal of 80 by 24 there is one pane at a time, with tabs; `h` and `l` change it.",
        terminal.until("[Thoughts]"),
    )
    terminal.press("C-s")
    stop("**Ctrl+S** finds earlier sessions while you type.", terminal.until("of 2"))
    terminal.press("Escape", "C-q")
    return "\n".join(
        ["# A tour of `smysl tui`", "", INTRODUCTION, ""]
        + [part for text, screen in stops for part in (text, "", f"```\n{screen}\n```", "")]
    )


INTRODUCTION = (
    "Captured from a real terminal (tmux), with a real daemon and the bundled model, by "
    "`python tests/cli/tui/tour.py`. All keys are in [the terminal UI](tui.md)."
)


def main() -> None:
    page = Path(sys.argv[1]) if len(sys.argv) > 1 else PAGE
    with tempfile.TemporaryDirectory(prefix="smysl-") as root:
        names = ("CONFIG", "DATA", "CACHE", "RUNTIME")
        os.environ |= {f"SMYSL_{name}_DIR": f"{root}/{name.lower()}" for name in names}
        os.environ |= {"TERM": "xterm-256color", "LC_ALL": "C.UTF-8"}
        terminal = Terminal(Path(root))
        try:
            text = walk(terminal, Path(root))
            page.write_text(text)
        finally:
            terminal.close()
            stop_daemon(find_dirs(), now=True)


if __name__ == "__main__":
    main()
