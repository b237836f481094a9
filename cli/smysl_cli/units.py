"""The systemd units as they are written on this machine: shipped texts with this installation's paths.

Knows unit files and folders; never runs `systemctl`.
"""

import os
import sys
import sysconfig
from collections.abc import Iterator, Mapping, Sequence
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
MEMORY_NAME = "memory.conf"
MEMORY = f"smysl.service.d/{MEMORY_NAME}"
GROUP_NAME = "group.conf"
GROUP = f"smysl.socket.d/{GROUP_NAME}"
GROUP_TEXTS = {
    GROUP: "# Both sockets are for this group, too.\n[Socket]\nSocketGroup={name}\nSocketMode=0660\n",
    f"smysl.service.d/{GROUP_NAME}": "# PrivateUsers shows the daemon no other group than its own: so it knows "
    "members.\n[Service]\nGroup={name}\n",
    f"smysl-housekeeping.service.d/{GROUP_NAME}": "# As the daemon, whose files it works on.\n[Service]\n"
    "Group={name}\n",
}
OPTIONAL = (GPU, MEMORY, *GROUP_TEXTS)
USER = "smysl"
"""The system units' own, made at a start (DynamicUser) where the machine has none of this name."""
MACHINE_SHARE = 0.8
"""Of the machine's memory, at most; the shipped unit says the same of itself."""
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


class Memory(NamedTuple):
    """What the daemon may have, planned for one engine."""

    engine: str
    """For people."""
    high: int
    max: int
    """Bytes, both."""


def units(
    *,
    system: bool,
    gpu: bool,
    memory: Memory | None = None,
    group: str | None = None,
    environ: Mapping[str, str] | None = None,
) -> list[Unit]:
    """The files of the user's units, or of the machine's. SMYSL_* folders that are set now are set
    in the user's units, too. `memory`: None leaves the shipped share of the machine. `group`: whom the
    machine's daemon serves beside root."""
    env = os.environ if environ is None else environ
    folder = SYSTEM_FOLDER if system else user_folder(env)
    source = shipped() / ("system" if system else "user")
    names = [*NAMES, *([GPU] if system and gpu else [])]
    chosen = {} if system else _chosen_folders(env)
    sockets = _sockets(env, system, bool(chosen))
    made = []
    for name in names:
        text = (source / name).read_text()
        text = text.replace("ExecStart=smysld", f"ExecStart={_command(daemon_command())}")
        if sockets is not None and name == "smysl.socket":
            text = _listening(text, sockets)
        if chosen and "ExecStart=" in text:
            lines = "".join(f"Environment={_quoted(f'{k}={v}')}\n" for k, v in chosen.items())
            text = text.replace("[Service]\n", f"[Service]\n{lines}", 1)
        made.append(Unit(folder / name, f"{MARK}\n{text}"))
    if memory is not None:
        made.append(Unit(folder / MEMORY, f"{MARK}\n{_limits(memory)}"))
    if system and group:
        name = _escaped(group)
        made += [
            Unit(folder / path, f"{MARK}\n{text.format(name=name)}")
            for path, text in GROUP_TEXTS.items()
        ]
    return made


def _limits(memory: Memory) -> str:
    """Never more than the shipped unit would give: a plan that is larger cannot be kept anyway."""
    room = int(MACHINE_SHARE * os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE"))
    return (
        f"# Planned for {memory.engine}; install again after choosing a larger model.\n"
        f"[Service]\nMemoryHigh={min(memory.high, room)}\nMemoryMax={min(memory.max, room)}\n"
    )


def installed(*, system: bool, environ: Mapping[str, str] | None = None) -> list[Path]:
    """The files that an install wrote, the optional ones too."""
    env = os.environ if environ is None else environ
    folder = SYSTEM_FOLDER if system else user_folder(env)
    found = []
    for name in (*NAMES, *OPTIONAL):
        path = folder / name
        if path.is_file() and path.read_text(errors="replace").startswith(MARK):
            found.append(path)
    return found


def shared_with() -> str | None:
    """The group that the machine's sockets were installed for."""
    path = SYSTEM_FOLDER / GROUP
    if not path.is_file():
        return None
    lines = path.read_text(errors="replace").splitlines()
    names = (line.partition("=")[2] for line in lines if line.startswith("SocketGroup="))
    return next(names, "").replace("%%", "%") or None


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


def _sockets(environ: Mapping[str, str], system: bool, moved: bool) -> Iterator[str] | None:
    """Where clients look: the daemon's own socket and HTTP's, in the unit's order; None where the
    shipped lines say so."""
    if not system and not moved:
        return None
    found = find_dirs(dict(SYSTEM_DIRS) if system else environ)
    return map(_escaped, map(str, (found.socket, found.http_socket)))


def _listening(text: str, sockets: Iterator[str]) -> str:
    return "".join(
        f"ListenStream={next(sockets)}\n" if line.startswith("ListenStream=") else f"{line}\n"
        for line in text.splitlines()
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
