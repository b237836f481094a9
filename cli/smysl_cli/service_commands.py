"""`smysl daemon ...`: start, stop, look at the daemon.

Knows the launch functions and the log file; never what the daemon does inside.
"""

import os
import signal
import sys
import time
from collections import deque
from pathlib import Path
from typing import Annotated, NoReturn

import msgspec
import typer

from smysl_cli import diagnostics, engine_words, output
from smysl_cli.diagnostics import CommandFailed
from smysl_cli.exits import Exit
from smysl_cli.options import Json
from smysl_daemon.client import connect
from smysl_daemon.config import find_dirs
from smysl_daemon.errors import NoDaemon
from smysl_daemon.launch import daemon_pid, stop_daemon
from smysl_daemon.protocol import DaemonStatus, GetStatus

daemon = typer.Typer(help="The process that holds the model.", no_args_is_help=True)
Now = Annotated[bool, typer.Option("--now", help="Cancel runs instead of letting them finish.")]
FOLLOW_INTERVAL_S = 0.2


@daemon.command()
def run() -> None:
    """Run the daemon in the foreground (`smysld`); Ctrl-C stops it."""
    os.execv(sys.executable, [sys.executable, "-P", "-m", "smysl_daemon.app"])


@daemon.command()
def start() -> None:
    """Start the daemon in the background unless one runs."""
    with connect(find_dirs(), tell=diagnostics.note) as client:
        output.say(f"smysld runs (pid {client.welcome.pid}, version {client.welcome.version})")


@daemon.command()
def stop(now: Now = False) -> None:
    """Stop the daemon; runs in progress may finish first."""
    pid = stop_daemon(find_dirs(), now=now)
    output.say("no daemon runs" if pid is None else f"smysld (pid {pid}) stopped")


@daemon.command()
def restart(now: Now = False) -> None:
    """Stop the daemon if one runs, then start it."""
    stop_daemon(find_dirs(), now=now)
    start()


@daemon.command()
def reload() -> None:
    """Let the daemon read config.toml again (SIGHUP); its log says what was taken over."""
    pid = daemon_pid(find_dirs())
    if pid is None:
        raise CommandFailed(
            "no daemon runs; the next one reads config.toml anyway", Exit.UNREACHABLE
        )
    try:
        os.kill(pid, signal.SIGHUP)
    except OSError as error:
        raise CommandFailed(f"cannot signal smysld (pid {pid}): {error.strerror}") from None
    output.say(f"smysld (pid {pid}) reads its settings again")


@daemon.command()
def status(json: Json = False) -> None:
    """Whether the daemon runs, its model, load and memory, and what its engine does and has done.
    Exit code 69 when none runs."""
    dirs = find_dirs()
    try:
        if daemon_pid(dirs) is None:
            # a supervisor that listens would start one only to be asked
            raise NoDaemon("no daemon runs")
        with connect(dirs, start=False) as client:
            found = client.ask(GetStatus())
    except NoDaemon:
        pid = daemon_pid(dirs)
        if json:
            output.say_json({"running": False, "pid": pid, "socket": str(dirs.socket)})
        state = "no daemon runs" if pid is None else f"smysld (pid {pid}) is starting or stopping"
        raise CommandFailed(state, Exit.UNREACHABLE) from None
    assert isinstance(found, DaemonStatus)
    if json:
        output.say_json({"running": True} | msgspec.to_builtins(found))
        return
    where = "" if found.device == "cpu" else f", {found.device}"
    output.say(
        f"smysld {found.version} runs, pid {found.pid}, for {found.uptime_seconds:.0f} s\n"
        f"model    {found.model} ({found.backend}, {found.precision}{where}) {found.fingerprint[:12]}\n"
        f"work     {found.runs} runs, {found.clients} clients"
    )
    for label, text in engine_words.lines(found.engine) if found.engine else ():
        output.say(f"{label:<9}{text}")
    output.say(
        f"memory   {found.rss_bytes / 1e6:.0f} MB\nsocket   {found.socket}\ndata     {found.data}"
    )


@daemon.command()
def logs(
    lines: Annotated[int, typer.Option("--lines", "-n", min=1, help="How many.")] = 20,
    follow: Annotated[bool, typer.Option("--follow", "-f", help="Go on as it grows.")] = False,
) -> None:
    """The last lines of the daemon's log, or of the journal where it logs to that."""
    from smysl_daemon.logs import journal_match  # log handlers: for this command only

    found = find_dirs()
    if (match := journal_match(found)) is not None:
        _become_journalctl(match, lines, follow)
    path = found.log
    try:
        with path.open(errors="replace") as file:
            last = deque(file, maxlen=lines)
            position = file.tell()
    except FileNotFoundError:
        raise CommandFailed(f"there is no log yet: {path}") from None
    for line in last:
        output.say(line.rstrip("\n"))
    while follow:
        time.sleep(FOLLOW_INTERVAL_S)
        position = _say_new(path, position)


def _become_journalctl(match: list[str], lines: int, follow: bool) -> NoReturn:
    words = ["journalctl", f"--lines={lines}", "--output=short-iso", "--quiet"]
    words += ["--follow"] if follow else ["--no-pager"]
    try:
        os.execvp("journalctl", [*words, *match])
    except OSError:
        raise CommandFailed(
            "the daemon logs to the journal, and journalctl is not there to read it; "
            f"look for {' '.join(match)}"
        ) from None


def _say_new(path: Path, position: int) -> int:
    """Print what came after `position`; a smaller file was rotated and is read from its start."""
    try:
        if path.stat().st_size < position:
            position = 0
        with path.open(errors="replace") as file:
            file.seek(position)
            for line in file:
                output.say(line.rstrip("\n"))
            return file.tell()
    except FileNotFoundError:
        return 0
