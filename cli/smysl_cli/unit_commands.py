"""`smysl service ...`: the daemon as a systemd service, of a person or of the machine.

Knows `systemctl` and unit files; never what the daemon does. Nothing needs root but `--system`.
"""

import os
import shlex
import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer

from smysl_cli import diagnostics, output, units
from smysl_cli.diagnostics import CommandFailed
from smysl_cli.options import Json
from smysl_daemon.config import find_dirs
from smysl_daemon.launch import stop_daemon

service = typer.Typer(help="The daemon as a systemd service.", no_args_is_help=True)
System = Annotated[
    bool, typer.Option("--system", help="The machine's daemon with a user of its own; needs root.")
]
DryRun = Annotated[
    bool, typer.Option("--dry-run", help="Only print the files and commands; change nothing.")
]
Gpu = Annotated[
    bool, typer.Option("--gpu", help="With --system: let the daemon use NVIDIA devices.")
]
COMMAND_LIMIT_S = 120.0


@service.command()
def install(system: System = False, gpu: Gpu = False, dry_run: DryRun = False) -> None:
    """Write the units, and listen on the socket; the first client starts the daemon."""
    made = units.units(system=system, gpu=gpu)
    systemctl = _Systemctl(system)
    if dry_run:
        _show(made, systemctl)
        return
    _require_rights(system)
    systemctl.require()
    for unit in made:
        if unit.state == "foreign":
            raise CommandFailed(
                f"{unit.path} was not written by smysl; move it away, then install again"
            )
    if not system and (pid := stop_daemon(find_dirs())) is not None:
        diagnostics.note(f"stopped the daemon (pid {pid}); its socket starts it again")
    systemctl.run("stop", "smysl.service", "smysl.socket", check=False)
    for unit in made:
        _write(unit)
    systemctl.run("daemon-reload")
    systemctl.run("enable", "--now", *units.STARTED)
    output.say("\n".join(str(unit.path) for unit in made))
    if system:
        diagnostics.note(f"clients: sudo env {units.client_variables()} smysl ...")
    else:
        diagnostics.note("it ends with your last login; `loginctl enable-linger` keeps it")


@service.command()
def uninstall(system: System = False, dry_run: DryRun = False) -> None:
    """Stop the units and delete their files. Sessions, engines and settings stay."""
    found = units.installed(system=system)
    systemctl = _Systemctl(system)
    if dry_run:
        output.say("\n".join([f"# delete {path}" for path in found] or ["# nothing is installed"]))
        return
    if not found:
        output.say("nothing is installed")
        return
    _require_rights(system)
    if systemctl.problem() is None:
        systemctl.run("disable", "--now", *units.STARTED, check=False)
        systemctl.run("stop", "smysl.service", check=False)
    for path in found:
        path.unlink(missing_ok=True)
        if path.parent.name.endswith(".d") and not any(path.parent.iterdir()):
            path.parent.rmdir()
    if systemctl.problem() is None:
        systemctl.run("daemon-reload")
    output.say("\n".join(f"deleted {path}" for path in found))


@service.command()
def status(system: System = False, json: Json = False) -> None:
    """Which units are installed, enabled and running."""
    systemctl = _Systemctl(system)
    problem = systemctl.problem()
    gpu = any(path.name == "gpu.conf" for path in units.installed(system=system))
    rows = []
    for unit in units.units(system=system, gpu=gpu):
        name = unit.path.name
        known = problem is None and name in units.NAMES
        enabled = systemctl.ask("is-enabled", name) if known else "unknown"
        active = systemctl.ask("is-active", name) if known else "unknown"
        rows.append((name, unit.state, enabled, active, str(unit.path)))
    if json:
        keys = ("unit", "file", "enabled", "active", "path")
        output.say_json(
            {"systemd": problem or "runs", "units": [dict(zip(keys, r, strict=True)) for r in rows]}
        )
        return
    output.say_table(("UNIT", "FILE", "ENABLED", "ACTIVE", "PATH"), rows, empty="")
    if problem is not None:
        diagnostics.note(problem)


class _Systemctl:
    """Asks and orders the manager of a person's or of the machine's units."""

    def __init__(self, system: bool) -> None:
        self._system = system
        self._problem: str | None = None
        self._looked = False

    def words(self, *words: str) -> list[str]:
        return ["systemctl", *([] if self._system else ["--user"]), *words]

    def problem(self) -> str | None:
        """Why no units can be started here; None where they can."""
        if not self._looked:
            self._problem = self._look()
            self._looked = True
        return self._problem

    def _look(self) -> str | None:
        if shutil.which("systemctl") is None:
            return (
                "this machine has no systemd (systemctl is not there); `smysl daemon start` runs "
                "the daemon without, `smysl daemon run` under another supervisor"
            )
        done = self._run("show", "--property=Version")
        if done.returncode == 0:
            return None
        said = " ".join(done.stderr.split()) or f"systemctl exited with {done.returncode}"
        remedy = "`smysl daemon start` works without"
        if not self._system:
            remedy += "; a user's systemd needs a login session, or `loginctl enable-linger`"
        return f"systemd does not answer here ({said}); {remedy}"

    def require(self) -> None:
        if (problem := self.problem()) is not None:
            raise CommandFailed(problem)

    def ask(self, verb: str, unit: str) -> str:
        """One word, as `systemctl is-active` says it."""
        return self._run(verb, unit).stdout.strip() or "unknown"

    def run(self, *words: str, check: bool = True) -> None:
        done = self._run(*words)
        if check and done.returncode != 0:
            said = " ".join(done.stderr.split()) or f"exit code {done.returncode}"
            raise CommandFailed(f"`{shlex.join(self.words(*words))}` failed: {said}")

    def _run(self, *words: str) -> "subprocess.CompletedProcess[str]":
        try:
            return subprocess.run(
                self.words(*words),
                capture_output=True,
                text=True,
                stdin=subprocess.DEVNULL,
                timeout=COMMAND_LIMIT_S,
            )
        except subprocess.TimeoutExpired:
            raise CommandFailed(
                f"`{shlex.join(self.words(*words))}` did not end within {COMMAND_LIMIT_S:g} s"
            ) from None


def _require_rights(system: bool) -> None:
    if not system:
        return
    if os.geteuid() != 0:
        raise CommandFailed(
            "--system writes to /etc/systemd/system and needs root: use sudo, or leave --system "
            "out to install for yourself"
        )
    if (path := units.hidden_program()) is not None:
        raise CommandFailed(
            f"the machine's daemon cannot see {path} (ProtectHome); install smysl outside of home "
            "folders, for example in /opt, and run that one's `smysl service install --system`"
        )


def _show(made: Sequence[units.Unit], systemctl: _Systemctl) -> None:
    for unit in made:
        output.say(f"# ---- {unit.path} ({unit.state})\n{unit.text}")
    for words in (("daemon-reload",), ("enable", "--now", *units.STARTED)):
        output.say(f"# run: {shlex.join(systemctl.words(*words))}")


def _write(unit: units.Unit) -> None:
    part: Path = unit.path.with_name(f".{unit.path.name}.part")
    try:
        unit.path.parent.mkdir(parents=True, exist_ok=True)
        part.write_text(unit.text)
        part.chmod(0o644)
        os.replace(part, unit.path)
    except OSError as error:
        raise CommandFailed(f"cannot write {unit.path}: {error.strerror}") from None
