"""A run that asks its person something: at a terminal, from another one, and nowhere."""

import json
import os
import pty
import signal
import subprocess
import sys
import time
from typing import Any

QUESTION = "which one has more?"


class Terminal:
    """`smysl` with a terminal for input and error."""

    def __init__(self, shell: Any, *words: str) -> None:
        self._master, slave = pty.openpty()
        self.process = subprocess.Popen(
            [sys.executable, "-P", "-m", "smysl_cli.app", *words],
            env=shell.env | {"TERM": "xterm", "NO_COLOR": "1"},
            stdin=slave,
            stdout=subprocess.PIPE,
            stderr=slave,
            start_new_session=True,
        )
        os.close(slave)
        self.seen = b""

    def read_until(self, said: bytes) -> None:
        while said not in self.seen:
            self.seen += os.read(self._master, 1 << 16)

    def type(self, data: bytes) -> None:
        os.write(self._master, data)

    def end(self) -> tuple[int, bytes]:
        assert self.process.stdout is not None
        out = self.process.stdout.read()
        try:
            while data := os.read(self._master, 1 << 16):
                self.seen += data
        except OSError:
            pass  # the other end is closed
        os.close(self._master)
        self.process.stdout.close()
        return self.process.wait(timeout=60), out


def test_the_person_at_the_terminal_is_asked(shell: Any) -> None:
    terminal = Terminal(shell, QUESTION)
    terminal.read_until(b"Which one do you mean?\r\n> ")
    terminal.type(b"\n")
    terminal.type("Tomáš\n".encode())
    assert terminal.end() == (0, b"42\n")
    nodes = json.loads(shell.smysl("show", "--json").stdout)["nodes"]
    assert nodes[0]["text"] == QUESTION
    assert "Tomáš" in terminal.seen.decode() and terminal.seen.endswith(b"\r\n")


def test_quiet_and_json_are_asked_as_well(shell: Any) -> None:
    for words in (("-q",), ("--json",)):
        terminal = Terminal(shell, *words, QUESTION)
        terminal.read_until(b"> ")
        terminal.type(b"the first\n")
        code, out = terminal.end()
        assert code == 0 and b"42" in out


def test_whoever_does_not_answer_can_do_so_elsewhere(shell: Any) -> None:
    terminal = Terminal(shell, "-q", QUESTION)
    terminal.read_until(b"> ")
    terminal.type(b"\x04")
    terminal.read_until(b"TEXT\r\n")
    node = terminal.seen.split(b"smysl answer ")[1].split()[0].decode()
    done = shell.smysl("answer", node, "the", "first")
    assert done.returncode == 0 and "goes on" in done.stdout
    assert terminal.end() == (0, b"42\n")


def test_an_answer_from_elsewhere_ends_the_prompt(shell: Any) -> None:
    terminal = Terminal(shell, "--no-stream", QUESTION)
    terminal.read_until(b"> ")
    node = waiting(shell)
    assert json.loads(shell.smysl("answer", node, "--json", stdin=b"both").stdout)["session"]
    assert terminal.end() == (0, b"42\n")


def test_ctrl_c_at_the_prompt_cancels_the_run(shell: Any) -> None:
    terminal = Terminal(shell, QUESTION)
    terminal.read_until(b"> ")
    terminal.process.send_signal(signal.SIGINT)
    code, out = terminal.end()
    assert (code, out) == (130, b"")


def test_without_a_terminal_a_note_says_how_to_answer(shell: Any) -> None:
    asking = shell.popen("-q", QUESTION)
    note = asking.stderr.readline()
    assert note.startswith("smysl: the run asks: Which one do you mean?; smysl answer ")
    assert shell.smysl("answer", note.split()[-2], "both").returncode == 0
    out, _ = asking.communicate(timeout=60)
    assert (asking.returncode, out) == (0, "42\n")


def test_an_answer_that_nobody_waits_for(talk: Any) -> None:
    done = talk("answer", "abc", "yes")
    assert done.code == 2 and "no run waits" in done.err
    assert talk("answer", "abc", "  ").code == talk("answer", "abc").code == 2


def waiting(shell: Any) -> str:
    """The last session's question to the person."""
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        nodes = json.loads(shell.smysl("show", "--json").stdout)["nodes"]
        if len(nodes) > 1:
            return str(nodes[1]["id"])
        time.sleep(0.05)
    raise AssertionError("nothing asks")
