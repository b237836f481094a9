"""The systemd units: sound by systemd's own tools, and installed without root."""

import grp
import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from smysl_cli import unit_commands, units
from smysl_daemon.config import find_dirs

EXPOSURE_LIMIT = 2.0
FAKE_SYSTEMCTL = """#!/bin/sh
echo "$@" >> "$SYSTEMCTL_LOG"
case "$*" in
  *is-enabled*) echo enabled;;
  *is-active*) echo inactive; exit 3;;
  *enable*) exit "${SYSTEMCTL_ENABLE:-0}";;
esac
"""


def analyze(*words: str, cwd: Path) -> "subprocess.CompletedProcess[str]":
    tool = shutil.which("systemd-analyze")
    if tool is None:
        pytest.skip("systemd-analyze is not installed (Debian: systemd)")
    env = os.environ | {"XDG_RUNTIME_DIR": str(cwd), "SYSTEMD_LOG_LEVEL": "notice"}
    return subprocess.run([tool, *words], cwd=cwd, env=env, capture_output=True, text=True)


PLAN = units.Memory("zerno 37adc2eb0377", 500_000_000, 700_000_000)


def written(
    folder: Path,
    *,
    system: bool,
    gpu: bool = False,
    memory: units.Memory | None = PLAN,
    group: str | None = None,
    env: dict[str, str] | None = None,
) -> Path:
    """The units as files of a folder."""
    environ = {"HOME": "/x"} | (env or {})
    for unit in units.units(system=system, gpu=gpu, memory=memory, group=group, environ=environ):
        name = "/".join(
            unit.path.parts[unit.path.parts.index("system" if system else "user") + 1 :]
        )
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(unit.text)
    return folder


@pytest.mark.parametrize("group", [None, "root"])
@pytest.mark.parametrize("gpu", [False, True])
def test_the_system_units_are_sound(tmp_path: Path, gpu: bool, group: str | None) -> None:
    folder = written(tmp_path, system=True, gpu=gpu, group=group)
    done = analyze("verify", *[f"./{name}" for name in units.NAMES], cwd=folder)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


@pytest.mark.parametrize("env", [{}, {"SMYSL_DATA_DIR": '/x/a "b" 100%\\$HOME;c'}])
def test_the_user_units_are_sound(tmp_path: Path, env: dict[str, str]) -> None:
    folder = written(tmp_path, system=False, env=env)
    done = analyze("--user", "verify", *[f"./{name}" for name in units.NAMES], cwd=folder)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


@pytest.mark.parametrize("unit", ["smysl.service", "smysl-housekeeping.service"])
@pytest.mark.parametrize("group", [None, "daemon"])
@pytest.mark.parametrize("gpu", [False, True])
def test_the_system_units_are_hardened(
    tmp_path: Path, unit: str, gpu: bool, group: str | None
) -> None:
    folder = written(tmp_path, system=True, gpu=gpu, group=group)
    done = analyze("security", "--offline=true", "--threshold=20", f"./{unit}", cwd=folder)
    found = re.search(r"Overall exposure level.*: ([0-9.]+)", done.stdout)
    assert found is not None, done.stderr
    assert float(found[1]) <= EXPOSURE_LIMIT and done.returncode == 0
    # the daemon knows the group's members without seeing other users
    assert re.search(r"✓ PrivateUsers=", done.stdout)
    devices = "char-nvidia" in done.stdout
    assert devices is (gpu and unit == "smysl.service")


def test_the_daemon_may_have_what_its_engine_was_planned_to_need(tmp_path: Path) -> None:
    for system in (False, True):
        folder = written(tmp_path / str(system), system=system)
        limits = (folder / units.MEMORY).read_text()
        assert "MemoryHigh=500000000\nMemoryMax=700000000\n" in limits
        assert "zerno 37adc2eb0377" in limits
    # a plan beyond the machine's share is cut: its unit would never be ended in time
    huge = written(tmp_path / "huge", system=True, memory=units.Memory("x", 1 << 50, 1 << 51))
    found = dict(re.findall(r"^(Memory\w+)=(\d+)$", (huge / units.MEMORY).read_text(), re.M))
    assert int(found["MemoryHigh"]) == int(found["MemoryMax"]) < 1 << 50
    none = written(tmp_path / "none", system=True, memory=None)
    assert not (none / units.MEMORY).exists()


def test_the_units_start_this_installation(tmp_path: Path) -> None:
    for system in (False, True):
        folder = written(tmp_path / str(system), system=system)
        text = (folder / "smysl.service").read_text()
        (command,) = re.findall(r"^ExecStart=(.*)$", text, re.MULTILINE)
        done = subprocess.run([*command.split(), "--version"], capture_output=True, text=True)
        assert done.stdout.startswith("smysld ") and Path(command.split()[0]).is_absolute()


def test_the_sockets_are_where_clients_look(tmp_path: Path) -> None:
    moved = {f"SMYSL_{n}_DIR": f"/x/{n}" for n in ("DATA", "RUNTIME")}
    text = (written(tmp_path / "moved", system=False, env=moved) / "smysl.socket").read_text()
    assert f"ListenStream={find_dirs(moved).socket}\n" in text
    assert f"ListenStream={find_dirs(moved).http_socket}\n" in text
    plain = (written(tmp_path / "plain", system=False) / "smysl.socket").read_text()
    assert "ListenStream=%t/smysl/smysld.sock\n" in plain
    assert "ListenStream=%t/smysl/http.sock\n" in plain
    machine = (written(tmp_path / "machine", system=True) / "smysl.socket").read_text()
    assert f"ListenStream={find_dirs(units.SYSTEM_DIRS).socket}\n" in machine
    assert f"ListenStream={find_dirs(units.SYSTEM_DIRS).http_socket}\n" in machine


def test_chosen_folders_are_handed_on_word_for_word(tmp_path: Path) -> None:
    folder = written(tmp_path, system=False, env={"SMYSL_DATA_DIR": '/a b/"c"/50%'})
    for name in ("smysl.service", "smysl-housekeeping.service"):
        text = (folder / name).read_text()
        assert 'Environment="SMYSL_DATA_DIR=/a b/\\"c\\"/50%%"\n' in text


class Machine:
    """Folders of one person, and a systemctl that only writes down what it was told."""

    def __init__(self, root: Path) -> None:
        tools = root / "bin"
        tools.mkdir()
        (tools / "systemctl").write_text(FAKE_SYSTEMCTL)
        (tools / "systemctl").chmod(0o755)
        self.folder = root / "home" / "systemd" / "user"
        self.log = root / "log"
        self.env = {
            "PATH": f"{tools}:{os.environ['PATH']}",
            "SYSTEMCTL_LOG": str(self.log),
            "XDG_CONFIG_HOME": str(root / "home"),
        }

    def told(self) -> list[str]:
        lines = self.log.read_text().splitlines() if self.log.exists() else []
        self.log.unlink(missing_ok=True)
        return lines


@pytest.fixture
def machine(talk: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Machine]:
    made = Machine(tmp_path)
    for key, value in made.env.items():
        monkeypatch.setenv(key, value)
    # the module's daemon belongs to other tests
    for name in ("CONFIG", "DATA", "CACHE", "RUNTIME"):
        monkeypatch.setenv(f"SMYSL_{name}_DIR", str(tmp_path / name.lower()))
    yield made


def test_units_are_installed_looked_at_and_removed_without_root(
    talk: Any, machine: Machine
) -> None:
    done = talk("service", "install")
    assert done.code == 0, done.err
    assert sorted(path.name for path in machine.folder.iterdir()) == sorted(units.NAMES)
    assert "linger" in done.err and str(machine.folder / "smysl.socket") in done.out
    assert machine.told() == [
        "--user show --property=Version",
        "--user stop smysl.service smysl.socket",
        "--user daemon-reload",
        "--user enable --now smysl.socket smysl-housekeeping.timer",
    ]
    found = json.loads(talk("service", "status", "--json").out)
    assert found["systemd"] == "runs"
    assert [one["unit"] for one in found["units"]] == list(units.NAMES)
    assert {one["file"] for one in found["units"]} == {"installed"}
    assert found["units"][0]["enabled"] == "enabled" and found["units"][0]["active"] == "inactive"

    (machine.folder / "smysl.socket").write_text(f"{units.MARK}\nof an older version\n")
    assert "outdated" in talk("service", "status").out
    assert talk("service", "install").code == 0
    assert "outdated" not in talk("service", "status").out

    machine.told()
    assert talk("service", "uninstall", "--dry-run").out.count("# delete ") == 4
    assert machine.told() == [] and len(list(machine.folder.iterdir())) == 4
    done = talk("service", "uninstall")
    assert done.code == 0 and done.out.count("deleted") == 4
    assert list(machine.folder.iterdir()) == []
    assert "--user disable --now smysl.socket smysl-housekeeping.timer" in machine.told()
    assert talk("service", "uninstall").out == "nothing is installed\n"


def test_the_limit_follows_the_engine_and_goes_with_it(
    talk: Any, machine: Machine, monkeypatch: pytest.MonkeyPatch
) -> None:
    said = talk("service", "install").err
    assert "(no engine 'zerno' in " in said and "once an engine is built" in said
    assert not (machine.folder / units.MEMORY).exists()
    monkeypatch.setattr(unit_commands, "_planned", lambda system: PLAN)
    assert talk("service", "install").code == 0
    assert "MemoryMax=700000000" in (machine.folder / units.MEMORY).read_text()
    files = {one["unit"] for one in json.loads(talk("service", "status", "--json").out)["units"]}
    assert units.MEMORY_NAME in files
    monkeypatch.setattr(unit_commands, "_planned", lambda system: None)
    assert talk("service", "install").code == 0
    assert not (machine.folder / units.MEMORY).exists()
    monkeypatch.setattr(unit_commands, "_planned", lambda system: PLAN)
    talk("service", "install")
    assert talk("service", "uninstall").out.count("deleted") == 5
    assert list(machine.folder.iterdir()) == []


def test_a_dry_run_prints_everything_and_changes_nothing(talk: Any, machine: Machine) -> None:
    for words in ((), ("--system",), ("--system", "--gpu")):
        done = talk("service", "install", "--dry-run", *words)
        assert done.code == 0 and "# run: systemctl" in done.out
        assert "FileDescriptorName=smysld" in done.out and "WatchdogSec=" in done.out
        assert ("char-nvidia" in done.out) is ("--gpu" in words)
        assert ("PrivateNetwork=yes" in done.out) is ("--system" in words)
    assert machine.told() == [] and not machine.folder.exists()


def test_a_file_of_somebody_else_is_neither_replaced_nor_deleted(
    talk: Any, machine: Machine
) -> None:
    machine.folder.mkdir(parents=True)
    (machine.folder / "smysl.service").write_text("[Service]\nExecStart=mine\n")
    done = talk("service", "install")
    assert done.code == 1 and "was not written by smysl; move it away" in done.err
    assert [path.name for path in machine.folder.iterdir()] == ["smysl.service"]
    assert "foreign" in talk("service", "status").out
    assert talk("service", "uninstall").out == "nothing is installed\n"
    assert "mine" in (machine.folder / "smysl.service").read_text()


def test_without_a_systemd_that_answers_the_remedy_is_named(
    talk: Any, machine: Machine, monkeypatch: pytest.MonkeyPatch
) -> None:
    systemctl = Path(machine.env["PATH"].split(":")[0]) / "systemctl"
    systemctl.write_text("#!/bin/sh\necho Failed to connect to bus >&2\nexit 1\n")
    done = talk("service", "install")
    assert done.code == 1 and "Failed to connect to bus" in done.err
    assert "smysl daemon start" in done.err and not machine.folder.exists()
    assert "does not answer" in talk("service", "status").err
    systemctl.unlink()
    monkeypatch.setenv("PATH", str(systemctl.parent))
    done = talk("service", "install")
    assert done.code == 1 and "this machine has no systemd" in done.err


def test_an_order_that_systemd_refuses_is_an_error(
    talk: Any, machine: Machine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SYSTEMCTL_ENABLE", "7")
    done = talk("service", "install")
    assert done.code == 1
    assert "`systemctl --user enable --now" in done.err and "exit code 7" in done.err


@pytest.fixture
def whole(machine: Machine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Machine:
    """A machine whose own units and folders are the test's, too."""
    monkeypatch.setattr("os.geteuid", lambda: 0)
    monkeypatch.setattr(units, "HIDDEN", ())
    monkeypatch.setattr(units, "SYSTEM_FOLDER", tmp_path / "etc" / "systemd" / "system")
    folders = {f"SMYSL_{n}_DIR": str(tmp_path / "machine" / n) for n in ("DATA", "RUNTIME")}
    folders |= {"SMYSL_CONFIG_DIR": str(tmp_path / "etc" / "smysl")}
    monkeypatch.setattr(units, "SYSTEM_DIRS", folders)
    machine.folder = units.SYSTEM_FOLDER
    return machine


def test_a_group_is_let_in_kept_and_shut_out_again(talk: Any, whole: Machine) -> None:
    name = next(one.gr_name for one in grp.getgrall() if one.gr_gid not in (0, 65534))
    settings = Path(units.SYSTEM_DIRS["SMYSL_CONFIG_DIR"]) / "config.toml"
    assert talk("service", "install", "--system").code == 0
    assert not settings.exists()
    assert "serves root alone" in talk("service", "status", "--system").out

    before = os.umask(0o077)
    try:
        done = talk("service", "install", "--system", "--group", name)
    finally:
        os.umask(before)
    assert done.code == 0 and f"clients in the group {name}: env " in done.err
    assert settings.read_text() == f'group = "{name}"\n'
    assert settings.stat().st_mode & 0o777 == 0o644
    assert settings.parent.stat().st_mode & 0o777 == 0o755
    socket_text = (whole.folder / units.GROUP).read_text()
    assert f"SocketGroup={name}\nSocketMode=0660\n" in socket_text
    for service in ("smysl", "smysl-housekeeping"):
        assert f"Group={name}\n" in (whole.folder / f"{service}.service.d/group.conf").read_text()
    found = json.loads(talk("service", "status", "--system", "--json").out)
    assert found["group"] == name and {one["file"] for one in found["units"]} == {"installed"}
    assert f"serves root and the group {name}" in talk("service", "status", "--system").out

    # an install for another reason changes nothing about it
    assert talk("service", "install", "--system").code == 0
    assert units.shared_with() == name
    settings.write_text("max_runs = 3\n")
    said = talk("service", "status", "--system").err
    assert f"the group {name}" in said and f"--group {name}` makes them agree" in said
    assert talk("service", "install", "--system").code == 0
    assert settings.read_text() == f'max_runs = 3\ngroup = "{name}"\n'

    assert talk("service", "install", "--system", "--group", "").code == 0
    assert settings.read_text() == "max_runs = 3\n"
    assert list(whole.folder.glob("*.d")) == []
    assert "serves root alone" in talk("service", "status", "--system").out
    talk("service", "install", "--system", "--group", name)
    assert talk("service", "uninstall", "--system").out.count("deleted") == 7
    assert list(whole.folder.iterdir()) == []


def test_a_group_that_cannot_be_is_refused_before_anything_is_written(
    talk: Any, whole: Machine, monkeypatch: pytest.MonkeyPatch
) -> None:
    done = talk("service", "install", "--group", "nosuch")
    assert done.code == 2 and "use it with --system" in done.err
    done = talk("service", "install", "--system", "--group", "nosuch")
    assert done.code == 2 and "sudo groupadd --system nosuch" in done.err
    monkeypatch.setattr(units, "USER", "nosuch")
    done = talk("service", "install", "--system", "--group", "nosuch")
    assert done.code == 1 and "sudo useradd --system --user-group" in done.err
    assert not whole.folder.exists() and not Path(units.SYSTEM_DIRS["SMYSL_CONFIG_DIR"]).exists()
    done = talk("service", "install", "--system", "--group", "readers", "--dry-run")
    assert "SocketGroup=readers" in done.out and "# set: group = 'readers' in " in done.out


def test_the_system_units_need_root_and_a_program_they_can_see(
    talk: Any, machine: Machine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("os.geteuid", lambda: 1000)
    done = talk("service", "install", "--system")
    assert done.code == 1 and "needs root: use sudo" in done.err
    monkeypatch.setattr("os.geteuid", lambda: 0)
    monkeypatch.setattr(sys, "executable", "/home/me/venv/bin/python")
    done = talk("service", "install", "--system")
    assert done.code == 1 and "/home/me/venv/bin/python (ProtectHome)" in done.err
    assert machine.told() == []
