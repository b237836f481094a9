"""The systemd units as they are written on this machine: shipped texts with this installation's paths.

Knows unit files and folders; never runs `systemctl`.
"""

import os
import sys
import sysconfig
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from smysl_daemon.config import find_dirs

MARK = (
    "# Written by `smysl service install`, which replaces it; `systemctl edit` keeps your changes."
)
NAMES = (
    "smysl.socket",
    "smysl.service",
    "smysl-housekeeping.service",
    "smysl-housekeeping.timer",
)
STARTED = ("smysl.socket", "smysl-housekeeping.timer")
"""What is enabled; the services are started by these."""
GPU = "smysl.service.d/gpu.conf"
SYSTEM_FOLDER = Path("/etc/systemd/system")
SYSTEM_DIRS = {
    "SMYSL_DATA_DIR": "/var/lib/smysl",
    "SMYSL_CACHE_DIR": "/var/cache/smysl",
    "SMYSL_CONFIG_DIR": "/etc/smysl",
    "SMYSL_RUNTIME_DIR": "/run/smysl",
}
"""What the system units' own specifiers mean, for clients."""
HIDDEN = (Path("/home"), Path("/root"), Path("/run/user"))
"""What the system units do not see (ProtectHome)."""


class Unit(NamedTuple):
    """A file to be written."""

    path: Path
    text: str

    @property
    def state(self) -> str:
        """`missing`, `installed`, `outdated`, or `foreign` for a file that is not ours."""
        try:
            found = self.path.read_text(errors="replace")
        except FileNotFoundError:
            return "missing"
        if not found.startswith(MARK):
            return "foreign"
        return "installed" if found == self.text else "outdated"


def units(*, system: bool, gpu: bool, environ: Mapping[str, str] | None = None) -> list[Unit]:
    """The files of the user's units, or of the machine's. SMYSL_* folders that are set now are set
    in the user's units, too."""
    env = os.environ if environ is None else environ
    folder = SYSTEM_FOLDER if system else user_folder(env)
    source = shipped() / ("system" if system else "user")
    names = [*NAMES, *([GPU] if system and gpu else [])]
    chosen = {} if system else _chosen_folders(env)
    socket = _socket(env, system, bool(chosen))
    made = []
    for name in names:
        text = (source / name).read_text()
        text = text.replace("ExecStart=smysld", f"ExecStart={_command(daemon_command())}")
        if socket is not None and name == "smysl.socket":
            text = _with_line(text, "ListenStream=", f"ListenStream={socket}")
        if chosen and "ExecStart=" in text:
            lines = "".join(f"Environment={_quoted(f'{k}={v}')}\n" for k, v in chosen.items())
            text = text.replace("[Service]\n", f"[Service]\n{lines}", 1)
        made.append(Unit(folder / name, f"{MARK}\n{text}"))
    return made


def installed(*, system: bool, environ: Mapping[str, str] | None = None) -> list[Path]:
    """The files that an install wrote, the optional ones too."""
    env = os.environ if environ is None else environ
    folder = SYSTEM_FOLDER if system else user_folder(env)
    found = []
    for name in (*NAMES, GPU):
        path = folder / name
        if path.is_file() and path.read_text(errors="replace").startswith(MARK):
            found.append(path)
    return found


def shipped() -> Path:
    """The folder with the units: of the checkout this package is in, else of the installation."""
    checkout = Path(__file__).resolve().parents[2]
    if (checkout / "pyproject.toml").is_file() and (checkout / "systemd").is_dir():
        return checkout / "systemd"
    return Path(sysconfig.get_path("data")) / "share" / "smysl" / "systemd"


def user_folder(environ: Mapping[str, str]) -> Path:
    """Where systemd looks for a person's own units (systemd.unit(5))."""
    config = environ.get("XDG_CONFIG_HOME") or str(Path.home() / ".config")
    return Path(config) / "systemd" / "user"


def daemon_command() -> list[str]:
    """How the daemon of this installation is started."""
    program = Path(sys.executable).with_name("smysld")
    if program.is_file():
        return [str(program)]
    return [sys.executable, "-P", "-m", "smysl_daemon.app"]


def hidden_program() -> Path | None:
    """The file of this installation that the system units cannot see, if there is one."""
    program = Path(daemon_command()[0])
    for path in (program, program.resolve(), Path(sys.executable).resolve(), shipped()):
        if any(path.is_relative_to(folder) for folder in HIDDEN):
            return path
    return None


def client_variables() -> str:
    """What a client of the machine's daemon has to set, as words before a command."""
    return " ".join(f"{key}={value}" for key, value in SYSTEM_DIRS.items())


def _chosen_folders(environ: Mapping[str, str]) -> dict[str, str]:
    names = [*SYSTEM_DIRS, "SMYSL_MODELS_DIR"]
    return {name: environ[name] for name in names if environ.get(name)}


def _socket(environ: Mapping[str, str], system: bool, moved: bool) -> str | None:
    """Where clients look; None where the shipped line says so."""
    if system:
        return _escaped(str(find_dirs(dict(SYSTEM_DIRS)).socket))
    return _escaped(str(find_dirs(environ).socket)) if moved else None


def _with_line(text: str, start: str, line: str) -> str:
    return "".join(
        f"{line}\n" if one.startswith(start) else f"{one}\n" for one in text.splitlines()
    )


def _command(words: Sequence[str]) -> str:
    # a dollar sign would begin a variable
    return " ".join(_quoted(word).replace("$", "$$") for word in words)


def _quoted(text: str) -> str:
    """One word for systemd.syntax(7), with specifiers and escapes made harmless."""
    escaped = _escaped(text)
    if any(c.isspace() or c in "\"'\\;" for c in text):
        inner = escaped.replace("\\", "\\\\").replace('"', '\\"')
        return f'"{inner}"'
    return escaped


def _escaped(text: str) -> str:
    return text.replace("%", "%%")
