"""`smysl service install` under a real systemd: a user's manager in namespaces of its own.

Needs root for the namespaces only; skipped with the reason where they, or systemd, are missing. The
daemon in the unit is the fake one, set by a drop-in as a person would.
"""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

FAKE = Path(__file__).parents[1] / "daemon" / "fake_daemon.py"
MANAGER = Path("/usr/lib/systemd/systemd")
NAMESPACES = ("--mount", "--propagation=private", "--pid", "--fork", "--kill-child", "--mount-proc")

SCRIPT = r"""
mount -t tmpfs tmpfs /run && mkdir -p /run/systemd/system -m 755 && mkdir -p "$XDG_RUNTIME_DIR"
chmod 700 "$XDG_RUNTIME_DIR"
"$MANAGER" --user --log-target=null > /dev/null 2>&1 &
manager=$!
ctl() { timeout 60 systemctl --user "$@"; }
smysl() { timeout 120 "$PYTHON" -P -m smysl_cli.app "$@" < /dev/null; }
main_pid() { ctl show --property=MainPID --value smysl.service; }
for _ in $(seq 200); do ctl show --property=Version > /dev/null 2>&1 && break; sleep 0.1; done

mkdir -p "$XDG_CONFIG_HOME/systemd/user/smysl.service.d"
printf '[Service]\nExecStart=\nExecStart="%s" "%s"\nWatchdogSec=2\nRestartSec=0\n' \
    "$PYTHON" "$FAKE" > "$XDG_CONFIG_HOME/systemd/user/smysl.service.d/fake.conf"
smysl service install > /dev/null 2>&1; echo "install: $?"
echo "before: $(ctl is-active smysl.socket) $(ctl is-active smysl.service)"
smysl daemon status 2> /dev/null; echo "status: $?"
echo "still: $(ctl is-active smysl.service)"
echo "answer: $(smysl -q 'What is 6 * 7?')"
echo "after: $(ctl is-active smysl.service)"
echo "text: $(ctl show --property=StatusText --value smysl.service)"
first=$(main_pid); ctl reload smysl.service; echo "reload: $? $([ "$first" = "$(main_pid)" ] && echo same)"
kill -KILL "$first"; echo "crash: $(smysl -q 'What is 6 * 7?') $([ "$first" != "$(main_pid)" ] && echo other)"
second=$(main_pid); kill -STOP "$second"
for _ in $(seq 600); do now=$(main_pid); [ "$now" != "$second" ] && [ "$now" != 0 ] && break; sleep 0.1; done
echo "hang: $(smysl -q 'What is 6 * 7?') $([ "$second" != "$now" ] && echo other)"
smysl daemon stop > /dev/null; echo "stop: $? $(ctl is-active smysl.socket)"
echo "again: $(smysl -q 'What is 6 * 7?')"
ctl start smysl-housekeeping.service; echo "housekeeping: $?"
smysl service uninstall > /dev/null; echo "uninstall: $?"
echo "left: $(ctl list-units 'smysl*' --all --no-legend | wc -l)"
kill "$manager"
"""

GROUP = r"""
mount -t tmpfs tmpfs /run && mkdir -p /run/systemd/system -m 755 && mkdir -p "$XDG_RUNTIME_DIR"
chmod 711 "$XDG_RUNTIME_DIR"
"$MANAGER" --user --log-target=null > /dev/null 2>&1 &
manager=$!
ctl() { timeout 60 systemctl --user "$@"; }
for _ in $(seq 200); do ctl show --property=Version > /dev/null 2>&1 && break; sleep 0.1; done

units="$XDG_CONFIG_HOME/systemd/user"
mkdir -p "$units/smysl.service.d" "$units/smysl.socket.d" "$XDG_CONFIG_HOME/smysl"
printf '[Service]\nExecStart=\nExecStart="%s" "%s"\nPrivateUsers=yes\nGroup=daemon\n' \
    "$PYTHON" "$FAKE" > "$units/smysl.service.d/fake.conf"
printf '[Socket]\nSocketGroup=daemon\nSocketMode=%s\nDirectoryMode=0755\n' \
    "$MODE" > "$units/smysl.socket.d/group.conf"
printf 'group = "daemon"\n' > "$XDG_CONFIG_HOME/smysl/config.toml"
"$PYTHON" -P -m smysl_cli.app service install > /dev/null 2>&1; echo "install: $?"
cd "$XDG_RUNTIME_DIR/smysl"
echo "files: $(stat --format=%G:%a smysld.sock http.sock | tr '\n' ' ')"
daemon=$(getent group daemon | cut -d: -f3)
echo "inside: $("$PYTHON" -c "$ASK" 4242 "$daemon")"
echo "outside: $("$PYTHON" -c "$ASK" 4242 4242)"
echo "active: $(ctl is-active smysl.service)"
kill "$manager"
"""
ASK = """
import os, socket, sys
from pathlib import Path
import grp
from smysl_daemon.client import Client, _shared_with
_shared_with()  # loads what a stranger might not read, wherever Python is installed
os.setgroups([int(sys.argv[2])]); os.setgid(4242); os.setuid(int(sys.argv[1]))
told = []
try:
    Client(Path("smysld.sock")).close()
    told.append("served")
except Exception as error:
    told.append(f"{type(error).__name__}")
try:
    with socket.socket(socket.AF_UNIX) as asking:
        asking.settimeout(60)
        asking.connect("http.sock")
        asking.sendall(b"GET /health HTTP/1.1\\r\\nHost: localhost\\r\\nConnection: close\\r\\n\\r\\n")
        told.append("served" if b" 200 " in asking.recv(1 << 16) else "refused")
except PermissionError:
    told.append("PermissionError")
except OSError:
    told.append("refused")
print(*told)
"""


def under_systemd(script: str, tmp_path: Path, **more: str) -> dict[str, str]:
    """What a script says, line by line, that a user's manager of its own stands by."""
    for tool in ("unshare", "systemctl", str(MANAGER)):
        if shutil.which(tool) is None:
            pytest.skip(f"{tool} is not installed (Debian: systemd, util-linux)")
    if subprocess.run(["unshare", *NAMESPACES, "true"], capture_output=True).returncode != 0:
        pytest.skip("namespaces need root")
    env = {key: value for key, value in os.environ.items() if not key.startswith("SMYSL_")}
    env.pop("DBUS_SESSION_BUS_ADDRESS", None)
    env |= {
        "XDG_RUNTIME_DIR": f"/run/user/{os.getuid()}",
        "HOME": str(tmp_path),
        "XDG_CONFIG_HOME": str(tmp_path / "config"),
        "XDG_DATA_HOME": str(tmp_path / "data"),
        "XDG_CACHE_HOME": str(tmp_path / "cache"),
        "MANAGER": str(MANAGER),
        "PYTHON": sys.executable,
        "FAKE": str(FAKE),
    } | more
    done = subprocess.run(
        ["unshare", *NAMESPACES, "bash", "-c", script],
        env=env,
        capture_output=True,
        text=True,
        timeout=300,
    )
    print(done.stderr)  # for whoever reads of a failure
    said = dict(re.findall(r"^(\w+): (.*)$", done.stdout, re.MULTILINE))
    if "install" not in said or said["install"] != "0" and "active" not in said.get("before", ""):
        pytest.skip(f"systemd cannot manage units here: {done.stderr.strip()[-200:]}")
    return said


@pytest.mark.slow
@pytest.mark.parametrize(
    "mode, outside",
    [
        ("0660", "Unreachable PermissionError"),
        ("0666", "RequestRefused refused"),
    ],
)
def test_a_group_is_served_by_a_service_that_does_not_see_its_users(
    tmp_path: Path, mode: str, outside: str
) -> None:
    said = under_systemd(GROUP, tmp_path, MODE=mode, ASK=ASK)
    assert said == {
        "install": "0",
        "files": " ".join([f"daemon:{mode.lstrip('0')}"] * 2) + " ",
        "inside": "served served",
        "outside": outside,
        "active": "active",
    }


@pytest.mark.slow
def test_a_users_units_live_crash_hang_and_go_under_a_real_systemd(tmp_path: Path) -> None:
    said = under_systemd(SCRIPT, tmp_path)
    assert said == {
        "install": "0",
        "before": "active inactive",
        "status": "69",
        "still": "inactive",
        "answer": "42",
        "after": "active",
        "text": "fake: 0 runs, 0 clients",
        "reload": "0 same",
        "crash": "42 other",
        "hang": "42 other",
        "stop": "0 active",
        "again": "42",
        "housekeeping": "0",
        "uninstall": "0",
        "left": "0",
    }
