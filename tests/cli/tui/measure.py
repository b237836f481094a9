"""How quick the terminal UI is, in a real pseudo-terminal over the scripted service.

    python tests/cli/tui/measure.py [--json]

Start to first paint, from a key to its paint (idle, and while text streams), processor time while
text and nodes stream, walking through a session of 5,000 nodes, and over a map of 1,000
memories. What bounds it: Python's own start and Textual's import for the first, Textual's layout and
the repaint budget for the others.
"""

import fcntl
import json
import os
import pty
import select
import signal
import statistics
import struct
import subprocess
import sys
import tempfile
import termios
import time
from collections.abc import Callable
from pathlib import Path

from smysl_daemon.client import Client
from smysl_daemon.config import find_dirs
from smysl_daemon.errors import NoDaemon
from smysl_daemon.memory_protocol import AddMemories
from smysl_daemon.protocol import Accepted, Run, RunEnded

FAKE = Path(__file__).parents[2] / "daemon" / "fake_daemon.py"
STARTS, KEYS = 20, 30
MEMORIES = 1000
PROMPT = b"sk a question"
"""What the prompt says while it is empty, behind the cursor on its first letter: the first paint is there, and can be
written in."""
PATIENCE_S = 60.0
MARKS = "абвгдежзийклмнопрстуфхцчшщыэюя"
"""Letters that nothing else draws."""


class Terminal:
    """`smysl tui` in a pseudo-terminal of 120 by 40, and the bytes it draws."""

    def __init__(self, *words: str) -> None:
        self._began = time.perf_counter()
        self.pid, self._fd = pty.fork()
        if self.pid == 0:
            command = [sys.executable, "-P", "-m", "smysl_cli.app", "tui", *words]
            os.execv(command[0], command)
        fcntl.ioctl(self._fd, termios.TIOCSWINSZ, struct.pack("HHHH", 40, 120, 0, 0))
        self._drawn = b""

    def until(self, words: bytes, since: float | None = None) -> float:
        """Milliseconds until these are drawn."""
        since = self._began if since is None else since
        deadline = time.perf_counter() + PATIENCE_S
        while words not in self._drawn:
            assert time.perf_counter() < deadline, self._drawn[-2000:]
            self._read(0.5)
        return 1000 * (time.perf_counter() - since)

    def press(self, keys: str, until: bytes) -> float:
        """Milliseconds from a key to what it draws."""
        self.settle()
        began = time.perf_counter()
        os.write(self._fd, keys.encode())
        return self.until(until, began)

    def settle(self, quiet_s: float = 0.0) -> None:
        """Forget what was drawn, once nothing more comes for a while."""
        while self._read(quiet_s):
            pass
        self._drawn = b""

    def run_for(self, seconds: float) -> float:
        """Draw on; the share of one processor that it took."""
        before, began = self.processor_s(), time.perf_counter()
        while time.perf_counter() - began < seconds:
            self._read(0.1)
            self._drawn = b""
        return (self.processor_s() - before) / (time.perf_counter() - began)

    def first_change(self, keys: str) -> float:
        """Milliseconds from a key to the next thing that is drawn."""
        self.settle(0.15)
        began = time.perf_counter()
        os.write(self._fd, keys.encode())
        while not self._read(PATIENCE_S):
            pass
        return 1000 * (time.perf_counter() - began)

    def write(self, keys: str) -> None:
        os.write(self._fd, keys.encode())

    def close(self) -> None:
        os.kill(self.pid, signal.SIGKILL)
        os.waitpid(self.pid, 0)
        os.close(self._fd)

    def processor_s(self) -> float:
        fields = Path(f"/proc/{self.pid}/stat").read_text().rsplit(")", 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def _read(self, wait_s: float) -> bool:
        if not select.select([self._fd], [], [], wait_s)[0]:
            return False
        self._drawn += os.read(self._fd, 1 << 16)
        return True


def started() -> dict[str, float]:
    painted, connected, spent = [], [], []
    warm = Terminal()  # leaves bytecode behind, as an installation does
    warm.until(b"connected")
    warm.close()
    for _ in range(STARTS):
        terminal = Terminal()
        painted.append(terminal.until(PROMPT))
        spent.append(1000 * terminal.processor_s())
        connected.append(terminal.until(b"connected"))
        terminal.close()
    return {
        "first paint, median ms": statistics.median(painted),
        "first paint, best ms": min(painted),
        "connected, median ms": statistics.median(connected),
        "processor until first paint, median ms": statistics.median(spent),
    }


def typed(terminal: Terminal, name: str) -> dict[str, float]:
    times = [terminal.press(mark, mark.encode()) for mark in MARKS[:KEYS]]
    return {
        f"key to paint {name}, median ms": statistics.median(times),
        f"key to paint {name}, worst ms": max(times),
    }


def streaming(question: str, name: str) -> dict[str, float]:
    terminal = Terminal()
    terminal.until(b"connected")
    terminal.write(question + "\r")
    terminal.until(b"running")
    share = terminal.run_for(4.0)
    terminal.write("a")
    time.sleep(0.2)
    found = {f"processor while {name} stream, share of one": share}
    found |= typed(terminal, f"while {name} stream")
    terminal.close()
    return found


def idle() -> dict[str, float]:
    terminal = Terminal()
    terminal.until(b"connected")
    found = typed(terminal, "idle")
    terminal.settle(0.5)
    found["processor while nothing happens, share of one"] = terminal.run_for(5.0)
    terminal.close()
    return found


def large(session: str) -> dict[str, float]:
    terminal = Terminal(session)
    opened = terminal.until(b"5003 thoughts")
    steps = {key: [terminal.first_change(key) for _ in range(KEYS)] for key in ("j", "d", "x")}
    ends = [terminal.first_change(key) for key in "gGgGgG"]
    terminal.close()
    return {
        "5,000 nodes: drawn after, ms": opened,
        "5,000 nodes: a line down, median ms": statistics.median(steps["j"]),
        "5,000 nodes: half a page down, median ms": statistics.median(steps["d"]),
        "5,000 nodes: to an end, worst ms": max(ends),
    }


def remembered(socket: Path) -> dict[str, float]:
    """The memory's screen, with 1,000 memories and 2,000 links."""
    with Client(socket) as client:
        for start in range(0, MEMORIES, 250):
            numbers = range(start, start + 250)
            texts = tuple(f"memory{n} shelf{n // 5}" for n in numbers)
            client.ask(AddMemories(texts=texts))
    terminal = Terminal()
    terminal.until(b"connected")
    terminal.settle(0.5)
    began = time.perf_counter()
    terminal.write("\x1b[17~")  # F6
    opened = terminal.until(f"{MEMORIES} of".encode(), began)
    steps = {
        name: [terminal.first_change(keys[n % len(keys)]) for n in range(KEYS)]
        for name, keys in (("another memory", "hkljlk"), ("larger or smaller", "++--"))
    }
    terminal.settle(0.5)
    share = terminal.run_for(3.0)
    terminal.close()
    name = f"{MEMORIES:,} memories"
    return {
        f"{name}: drawn after, ms": opened,
        **{f"{name}: {key}, median ms": statistics.median(one) for key, one in steps.items()},
        **{f"{name}: {key}, worst ms": max(one) for key, one in steps.items()},
        f"{name}: processor while nothing happens, share of one": share,
    }


def many(socket: Path) -> str:
    """A session of 5,000 nodes."""
    with Client(socket) as client:
        session = ""
        for message in client.stream(Run(question="many nodes")):
            if isinstance(message, Accepted):
                session = message.session
            if isinstance(message, RunEnded):
                return session
    raise AssertionError("a run ends in RunEnded")


def measured(socket: Path) -> dict[str, float]:
    parts: list[Callable[[], dict[str, float]]] = [
        started,
        idle,
        lambda: streaming("drizzle", "100 pieces of text a second"),
        lambda: streaming("slow", "50 nodes a second"),
        lambda: large(many(socket)),
        lambda: remembered(socket),
    ]
    found: dict[str, float] = {}
    for part in parts:
        found |= part()
    return found


def main() -> None:
    with tempfile.TemporaryDirectory(prefix="smysl-") as root:
        names = ("CONFIG", "DATA", "CACHE", "RUNTIME")
        os.environ |= {f"SMYSL_{name}_DIR": f"{root}/{name.lower()}" for name in names}
        os.environ |= {"TERM": "xterm-256color", "LC_ALL": "C.UTF-8"}
        # without its bytecode everything of ours would be compiled at each start, which nobody's is
        os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
        socket = find_dirs().socket
        daemon = subprocess.Popen([sys.executable, str(FAKE)], stderr=subprocess.DEVNULL)
        try:
            deadline = time.monotonic() + PATIENCE_S
            while True:
                try:
                    Client(socket).close()
                    break
                except NoDaemon:
                    assert time.monotonic() < deadline
                    time.sleep(0.05)
            found = measured(socket)
        finally:
            daemon.kill()
            daemon.wait()
    if "--json" in sys.argv:
        print(json.dumps(found))
        return
    for name, value in found.items():
        print(f"{value:10.2f}  {name}")


if __name__ == "__main__":
    main()
