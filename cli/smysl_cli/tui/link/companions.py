"""Programs of smysl's own that do what this client is too thin for, run beside it.

Knows processes and threads. Their standard error never reaches the terminal, which is drawn on: it
is what goes wrong, or how far they are.
"""

import subprocess
import threading
from collections.abc import Callable, Sequence

from smysl_cli import external
from smysl_cli.diagnostics import CommandFailed
from smysl_cli.tui.link.mailbox import Mailbox


def answer(verb: str, words: Sequence[str]) -> bytes:
    """What `smysl-VERB` says. Blocking. Raises `CommandFailed` with the last line of its errors."""
    command = [*external.program(verb), *words]
    try:
        done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True)
    except OSError as error:
        raise CommandFailed(f"cannot run {command[0]}: {error.strerror}") from None
    if done.returncode:
        said = done.stderr.decode(errors="replace").strip().splitlines()
        raise CommandFailed(said[-1] if said else f"smysl-{verb} ended with {done.returncode}")
    return done.stdout


class Companion:
    """One `smysl-VERB` that takes long: its lines as they come, then its exit code. Whoever listens
    may leave and come back."""

    def __init__(self, verb: str, words: Sequence[str], title: str) -> None:
        self.title = title
        self.said: list[str] = []
        """Lines that were taken."""
        self.code: int | None = None
        """None until the end was taken."""
        self.wake: Callable[[], None] = _nobody
        """Called in a thread, see `Mailbox`."""
        self._command = [*external.program(verb), *words]
        self._mail: Mailbox[str | int] = Mailbox(lambda: self.wake())
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Raises `CommandFailed`."""
        try:
            self._process = subprocess.Popen(
                self._command,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.PIPE,
            )
        except OSError as error:
            raise CommandFailed(f"cannot run {self._command[0]}: {error.strerror}") from None
        threading.Thread(target=self._read, name="smysl companion", daemon=True).start()

    def drain(self) -> list[str]:
        """Lines since the last time."""
        lines: list[str] = []
        for item in self._mail.drain():
            if isinstance(item, str):
                lines.append(item)
            else:
                self.code = item
        self.said += lines
        return lines

    def stop(self) -> None:
        """Idempotent."""
        if self._process is not None:
            self._process.terminate()

    def _read(self) -> None:
        process = self._process
        assert process is not None and process.stderr is not None
        with process.stderr as lines:
            for raw in lines:
                self._mail.put(raw.decode(errors="replace").rstrip())
        self._mail.put(process.wait())


def _nobody() -> None:
    """Nobody listens."""
