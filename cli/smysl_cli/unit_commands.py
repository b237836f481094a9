"""`smysl service ...`: the daemon as a systemd service, of a person or of the machine.

Knows `systemctl` and unit files; never what the daemon does. Nothing needs root but `--system`.
"""

import os
import shlex
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import msgspec
import typer

from smysl_cli import diagnostics, output, settings, units
from smysl_cli.diagnostics import CommandFailed, UsageError
from smysl_cli.options import Json
from smysl_daemon.config import find_dirs, find_group, load_config
from smysl_daemon.errors import BadConfig
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
Group = Annotated[
    str | None,
    typer.Option(
        "--group",
        metavar="NAME",
        help="With --system: serve the members of this group, too; '' takes that back.",
    ),
]
COMMAND_LIMIT_S = 120.0


@service.command()
def install(
    system: System = False, gpu: Gpu = False, group: Group = None, dry_run: DryRun = False
) -> None:
    """Write the units, and listen on the socket; the first client starts the daemon."""
    if group is not None and not system:
        raise UsageError(
            "--group is for the machine's daemon: use it with --system, or leave it out"
        )
    if system and group is None:
        group = units.shared_with()
    made = units.units(system=system, gpu=gpu, memory=_planned(system), group=group)
    systemctl = _Systemctl(system)
    if dry_run:
        _show(made, systemctl)
        if group:
            output.say(f"# set: group = {group!r} in {_machine_settings()}")
        return
    _require_rights(system)
    systemctl.require()
    if group:
        _require_group(group)
    for unit in made:
        if unit.state == "foreign":
            raise CommandFailed(
                f"{unit.path} was not written by smysl; move it away, then install again"
            )
    if group is not None:
        _set_group(group)
    if not system and (pid := stop_daemon(find_dirs())) is not None:
        diagnostics.note(f"stopped the daemon (pid {pid}); its socket starts it again")
    systemctl.run("stop", "smysl.service", "smysl.socket", check=False)
    for unit in made:
        _write(unit)
    # of an engine that is not set any more, or of a group that is not served
    gone = set(units.installed(system=system)) - {unit.path for unit in made}
    _delete([path for path in gone if path.name in (units.MEMORY_NAME, units.GROUP_NAME)])
    systemctl.run("daemon-reload")
    systemctl.run("enable", "--now", *units.STARTED)
    output.say("\n".join(str(unit.path) for unit in made))
    if system:
        who = f"clients in the group {group}:" if group else "clients: sudo"
        diagnostics.note(f"{who} env {units.client_variables()} smysl ...")
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
    _delete(found)
    if systemctl.problem() is None:
        systemctl.run("daemon-reload")
    output.say("\n".join(f"deleted {path}" for path in found))


@service.command()
def status(system: System = False, json: Json = False) -> None:
    """Which units are installed, enabled and running."""
    systemctl = _Systemctl(system)
    problem = systemctl.problem()
    there = {path.name for path in units.installed(system=system)}
    memory = _planned(system) if units.MEMORY_NAME in there else None
    group = units.shared_with() if system else None
    rows = []
    for unit in units.units(system=system, gpu="gpu.conf" in there, memory=memory, group=group):
        name = unit.path.name
        known = problem is None and name in units.NAMES
        enabled = systemctl.ask("is-enabled", name) if known else "unknown"
        active = systemctl.ask("is-active", name) if known else "unknown"
        rows.append((name, unit.state, enabled, active, str(unit.path)))
    if json:
        keys = ("unit", "file", "enabled", "active", "path")
        output.say_json(
            {
                "systemd": problem or "runs",
                "group": group,
                "units": [dict(zip(keys, r, strict=True)) for r in rows],
            }
        )
        return
    output.say_table(("UNIT", "FILE", "ENABLED", "ACTIVE", "PATH"), rows, empty="")
    if system and there:
        _say_group(group)
    if problem is not None:
        diagnostics.note(problem)


def _planned(system: bool) -> units.Memory | None:
    """What the engine that is set may take; None, with a note, where that is not known yet."""
    folders = units.SYSTEM_DIRS if system else {}
    command = [sys.executable, "-P", "-m", "smysl_daemon.memory_plan"]
    why = ""
    try:
        done = subprocess.run(
            command,
            env=os.environ | folders,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=COMMAND_LIMIT_S,
        )
        why = done.stderr.strip().rpartition("\n")[2].removeprefix("smysl: ")
        plan = msgspec.json.decode(done.stdout)
    except (OSError, subprocess.TimeoutExpired, msgspec.DecodeError):
        plan = None
    if not isinstance(plan, dict):
        diagnostics.note(
            f"the daemon may have 80 % of the memory{f' ({why})' if why else ''}; `smysl service "
            "install` once an engine is built limits it to what that needs"
        )
        return None
    engine = f"{plan['model']} {plan['fingerprint'][:12]}"
    return units.Memory(engine, plan["high_bytes"], plan["max_bytes"])


def _machine_settings() -> Path:
    return find_dirs(dict(units.SYSTEM_DIRS)).config_file


def _require_group(name: str) -> None:
    """Raises `BadConfig`, or `CommandFailed` for a group that the units cannot have."""
    import pwd  # only for those who name a group

    if name == units.USER:
        # systemd makes no user of a name that a group has
        try:
            pwd.getpwnam(name)
        except KeyError:
            raise CommandFailed(
                f"the daemon's user is {name}, too, and systemd makes none beside a group of that name: "
                f"`sudo useradd --system --user-group --shell /usr/sbin/nologin {name}` makes both (with "
                f"`--gid {name}` instead of `--user-group` where the group is there), or name a group of "
                "another name"
            ) from None
    find_group(name)


def _set_group(name: str) -> None:
    """Have the machine's settings name a group; none for an empty name. Raises `BadConfig`."""
    path = _machine_settings()
    if not name:
        if path.exists():
            settings.write(path, "group", None)
        return
    # the daemon's user and its clients read them, whatever the mask of who installs
    made = [one for one in (path.parent, path) if not one.exists()]
    settings.write(path, "group", name)
    for one in made:
        one.chmod(0o644 if one == path else 0o755)


def _say_group(group: str | None) -> None:
    """Whom the machine's daemon serves beside root, if its sockets and settings agree."""
    path = _machine_settings()
    try:
        named = load_config(path).group
    except BadConfig as error:
        diagnostics.note(str(error))
        return
    if group == named:
        output.say(f"serves {'root alone' if group is None else f'root and the group {group}'}")
        return
    diagnostics.note(
        f"the sockets are for {'no group' if group is None else f'the group {group}'}, and in {path} group is "
        f"{named!r}: `sudo smysl service install --system --group {named or group}` makes them agree"
    )


def _delete(paths: Sequence[Path]) -> None:
    for path in paths:
        path.unlink(missing_ok=True)
        if path.parent.name.endswith(".d") and not any(path.parent.iterdir()):
            path.parent.rmdir()


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
