"""Who is served: the decision alone, and real daemons asked by processes of other users."""

import grp
import os
import signal
import socket
import stat
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from smysl_daemon import peers
from smysl_daemon.client import Client
from smysl_daemon.config import Dirs, Group, find_dirs, find_group, private_folder
from smysl_daemon.errors import BadConfig, NoDaemon
from smysl_daemon.lifecycle import InstanceLock, bind_socket
from smysl_daemon.peers import Admission, Peer, closed_to, groups_of, peer_of

FAKE = Path(__file__).with_name("fake_daemon.py")
OWN, GROUP = 990, Group("readers", 500)
STRANGER = 4242
"""A user and a group that nobody is."""
needs_root = pytest.mark.skipif(os.getuid() != 0, reason="another user's process needs root")

ASKING = """
import os, socket, sys
from pathlib import Path
import grp
from smysl_daemon.client import Client, _shared_with
own, http, uid, gid, *groups = sys.argv[1:]
_shared_with()  # loads what a stranger might not read, wherever Python is installed
os.setgroups([int(one) for one in groups]); os.setgid(int(gid)); os.setuid(int(uid))
try:
    Client(Path(own)).close()
    print("own: served")
except Exception as error:
    print(f"own: {type(error).__name__}: {error}")
try:
    with socket.socket(socket.AF_UNIX) as asking:
        asking.settimeout(60)
        asking.connect(http)
        asking.sendall(b"GET /health HTTP/1.1\\r\\nHost: localhost\\r\\nConnection: close\\r\\n\\r\\n")
        print("http:", asking.recv(1 << 16).split(b"\\r\\n")[0].decode() or "hung up")
except OSError as error:
    print(f"http: {type(error).__name__}")
"""


def refusal(group: Group | None, peer: Peer) -> str | None:
    with socket.socket(socket.AF_UNIX) as connection:
        found = Admission(group, OWN, lambda _: peer).refusal(connection)
    return None if found is None else str(found)


ids = st.integers(min_value=0, max_value=1000)


@given(
    st.builds(Peer, ids, ids, st.frozensets(ids)), st.none() | st.builds(Group, st.just("g"), ids)
)
def test_the_own_user_root_and_the_group_are_served_and_nobody_else(
    peer: Peer, group: Group | None
) -> None:
    member = group is not None and group.gid in {peer.gid, *(peer.groups or ())}
    assert (refusal(group, peer) is None) is (peer.uid in (0, OWN) or member)


def test_a_refusal_names_the_group_and_the_remedy() -> None:
    said = refusal(GROUP, Peer(STRANGER, STRANGER))
    assert said is not None and "the group readers" in said and f"user {STRANGER}" in said
    assert "`sudo usermod -aG readers USER`, then log in again" in said
    alone = refusal(None, Peer(STRANGER, GROUP.gid))
    assert alone == f"this daemon serves user {OWN}, not user {STRANGER}"


def test_the_kernel_says_who_is_at_the_other_end() -> None:
    one, other = socket.socketpair(socket.AF_UNIX)
    with one, other:
        assert peer_of(one) == Peer(os.getuid(), os.getgid(), frozenset(os.getgroups()))


def test_where_the_kernel_does_not_say_the_user_database_does(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(peers, "_SO_PEERGROUPS", 0x7FFF)  # no option of any kernel
    monkeypatch.setattr(os, "getgrouplist", lambda name, gid: [gid, 77])
    one, other = socket.socketpair(socket.AF_UNIX)
    with one, other:
        found = peer_of(one)
    assert found == Peer(os.getuid(), os.getgid(), None)
    assert groups_of(found) == {os.getgid(), 77}
    assert refusal(Group("g", 77), Peer(os.getuid(), STRANGER, None)) is None
    # nobody of that number
    assert groups_of(Peer(STRANGER, 5, None)) == {5}
    assert refusal(GROUP, Peer(STRANGER, 5, None)) is not None


def test_an_unknown_group_is_named_with_the_remedy() -> None:
    with pytest.raises(BadConfig, match="'nosuch'.*no such group; `sudo groupadd --system nosuch`"):
        find_group("nosuch")
    first = grp.getgrall()[0]
    assert find_group(first.gr_name) == Group(first.gr_name, first.gr_gid)


def test_the_group_that_stands_for_all_unseen_ones_is_refused() -> None:
    unseen = int(Path("/proc/sys/kernel/overflowgid").read_text())
    names = [one.gr_name for one in grp.getgrall() if one.gr_gid == unseen]
    if not names:
        pytest.skip("this machine has no name for it")
    with pytest.raises(BadConfig, match="every group that a service cannot see"):
        find_group(names[0])


def test_sockets_and_folder_are_the_groups_and_go_back_to_their_owner(tmp_path: Path) -> None:
    folder = tmp_path / "run"
    group = GROUP if os.getuid() == 0 else Group("own", os.getgid())
    private_folder(folder, group)
    assert (folder.stat().st_gid, stat.S_IMODE(folder.stat().st_mode)) == (group.gid, 0o750)
    with InstanceLock(tmp_path / "lock") as lock:
        with bind_socket(folder / "s.sock", lock, group):
            found = (folder / "s.sock").stat()
            assert (found.st_uid, found.st_gid) == (os.getuid(), group.gid)
            assert stat.S_IMODE(found.st_mode) == 0o660
        with bind_socket(folder / "s.sock", lock):
            assert stat.S_IMODE((folder / "s.sock").stat().st_mode) == 0o600
    private_folder(folder)
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700


@needs_root
def test_a_group_that_the_daemons_user_is_not_in_is_an_error(tmp_path: Path) -> None:
    code = (
        "import os, sys\nfrom pathlib import Path\n"
        "from smysl_daemon.config import Group, private_folder\n"
        "from smysl_daemon.lifecycle import InstanceLock, bind_socket\n"
        "os.chdir(sys.argv[1]); os.setgroups([]); os.setgid(4242); os.setuid(4242)\n"
        "group = Group('readers', 500)\n"
        "for make in (lambda: private_folder(Path('run'), group),\n"
        "             lambda: bind_socket(Path('s.sock'), lock, group)):\n"
        "    with InstanceLock(Path('lock')) as lock:\n"
        "        try:\n            make()\n"
        "        except Exception as error:\n            print(error)\n"
        "print(os.listdir())\n"
    )
    os.chown(tmp_path, STRANGER, STRANGER)
    done = subprocess.run(
        [sys.executable, "-c", code, str(tmp_path)], capture_output=True, text=True
    )
    first, second, left = done.stdout.splitlines()
    assert "cannot give run to the group readers" in first and f"user ({STRANGER})" in first
    assert "cannot give s.sock to the group readers" in second
    assert "sudo usermod -aG readers USER" in second and "s.sock" not in left


@needs_root
def test_what_closes_a_socket_to_a_group_is_found(tmp_path: Path) -> None:
    # everything above is pytest's, and for its user alone
    (inner := tmp_path / "a" / "b").mkdir(parents=True)
    made = inner / "s.sock"
    made.touch()
    os.chown(made, -1, GROUP.gid)
    made.chmod(0o600)
    assert closed_to(GROUP, made) == made
    made.chmod(0o660)
    for folder in (inner, inner.parent):
        folder.chmod(0o700)
        assert closed_to(GROUP, made) == folder
        folder.chmod(0o711)
    tmp_path.chmod(0o750)
    assert closed_to(GROUP, made) == tmp_path
    os.chown(tmp_path, -1, GROUP.gid)
    assert closed_to(GROUP, made) not in (made, inner, inner.parent, tmp_path)


class Shared:
    """A real daemon whose settings name a group that exists."""

    def __init__(self, root: Path) -> None:
        names = ("CONFIG", "DATA", "CACHE", "RUNTIME")
        self.env = os.environ | {f"SMYSL_{name}_DIR": str(root / name.lower()) for name in names}
        self.dirs: Dirs = find_dirs(self.env)
        # a working folder that strangers can be in; those around it are pytest's own
        self.root = root
        root.chmod(0o755)
        self.group = next(
            Group(one.gr_name, one.gr_gid)
            for one in grp.getgrall()
            if one.gr_gid not in (0, os.getgid(), 65534)
        )
        self.process: subprocess.Popen[str] | None = None

    def start(self, settings: str) -> None:
        self.dirs.config.mkdir(exist_ok=True)
        self.dirs.config_file.write_text(settings)
        self.process = subprocess.Popen(
            [sys.executable, str(FAKE)], env=self.env, stderr=subprocess.PIPE, text=True
        )
        deadline = time.monotonic() + 120
        while True:
            try:
                Client(self.dirs.socket, timeout_s=120).close()
                return
            except NoDaemon:
                assert time.monotonic() < deadline
                assert self.process.poll() is None, self.process.communicate()[1]
                time.sleep(0.02)

    def stop(self) -> str:
        assert self.process is not None
        self.process.send_signal(signal.SIGTERM)
        return self.process.communicate(timeout=120)[1]

    def asked_by(self, uid: int, gid: int, *groups: int) -> dict[str, str]:
        """What a process of another user is told, by door."""
        paths = [
            str(one.relative_to(self.root)) for one in (self.dirs.socket, self.dirs.http_socket)
        ]
        done = subprocess.run(
            [sys.executable, "-c", ASKING, *paths, *map(str, (uid, gid, *groups))],
            cwd=self.root,
            # by a way that does not lead through the folders around
            env=self.env | {"SMYSL_CONFIG_DIR": "/proc/self/cwd/config"},
            capture_output=True,
            text=True,
            timeout=240,
        )
        assert done.returncode == 0, done.stderr
        return dict(line.split(": ", 1) for line in done.stdout.splitlines())


@pytest.fixture
def shared(tmp_path: Path) -> Iterator[Shared]:
    made = Shared(tmp_path)
    yield made
    if made.process is not None:
        made.process.kill()
        made.process.wait()
        assert made.process.stderr is not None
        made.process.stderr.close()


SERVED = {"own": "served", "http": "HTTP/1.1 200 OK"}


@needs_root
def test_members_of_the_group_are_served_at_both_doors_and_others_are_shut_out(
    shared: Shared,
) -> None:
    group = shared.group
    shared.start(f'group = "{group.name}"\n')
    for one in (shared.dirs.socket, shared.dirs.http_socket):
        assert (one.stat().st_gid, stat.S_IMODE(one.stat().st_mode)) == (group.gid, 0o660)
    assert stat.S_IMODE(shared.dirs.socket.parent.stat().st_mode) == 0o750
    assert shared.asked_by(STRANGER, STRANGER, group.gid) == SERVED
    assert shared.asked_by(STRANGER, group.gid) == SERVED
    told = shared.asked_by(STRANGER, STRANGER)
    assert told["http"] == "PermissionError"
    assert told["own"].startswith("Unreachable: ") and f"group {group.name}" in told["own"]
    assert f"usermod -aG {group.name} USER" in told["own"]


@needs_root
def test_a_stranger_whom_the_files_let_in_is_refused_by_the_daemon(shared: Shared) -> None:
    group = shared.group
    shared.start(f'group = "{group.name}"\n')
    shared.dirs.socket.parent.chmod(0o755)
    for one in (shared.dirs.socket, shared.dirs.http_socket):
        one.chmod(0o666)
    told = shared.asked_by(STRANGER, STRANGER, STRANGER + 1)
    assert told["own"].startswith("RequestRefused: this daemon serves user 0 and the group ")
    assert f"usermod -aG {group.name} USER" in told["own"]
    assert told["http"] in ("hung up", "ConnectionResetError", "BrokenPipeError")
    assert shared.asked_by(STRANGER, STRANGER, group.gid) == SERVED
    assert "refused an HTTP client on unix: this daemon serves" in shared.stop()


@needs_root
def test_without_a_group_nobody_else_is_served_even_if_the_files_are_open(shared: Shared) -> None:
    shared.start("")
    shared.dirs.socket.parent.chmod(0o755)
    for one in (shared.dirs.socket, shared.dirs.http_socket):
        one.chmod(0o666)
    told = shared.asked_by(STRANGER, STRANGER, shared.group.gid)
    assert told["own"] == f"RequestRefused: this daemon serves user 0, not user {STRANGER}"
    assert told["http"] in ("hung up", "ConnectionResetError", "BrokenPipeError")


def test_a_daemon_whose_group_does_not_exist_says_so_in_one_line(shared: Shared) -> None:
    with pytest.raises(AssertionError, match="groupadd --system nosuch"):
        shared.start('group = "nosuch"\n')


@needs_root
def test_folders_that_the_group_cannot_enter_are_a_warning(shared: Shared) -> None:
    shared.root.chmod(0o700)
    shared.start(f'group = "{shared.group.name}"\n')
    said = shared.stop()
    assert f"the group {shared.group.name} cannot reach {shared.dirs.socket}" in said
    assert f"{shared.root} is closed to it" in said


@needs_root
def test_a_socket_of_another_user_is_trusted_where_the_settings_name_its_group(
    shared: Shared,
) -> None:
    shared.start(f'group = "{shared.group.name}"\n')
    # as if the daemon were the user's next to whom it serves
    os.chown(shared.dirs.socket, STRANGER + 1, shared.group.gid)
    assert shared.asked_by(STRANGER, STRANGER, shared.group.gid)["own"] == "served"
    shared.dirs.config_file.write_text("")
    told = shared.asked_by(STRANGER, STRANGER, shared.group.gid)["own"]
    assert (
        f"belongs to user {STRANGER + 1}, not to you" in told and "`group` in config.toml" in told
    )


@needs_root
def test_a_service_that_does_not_see_its_clients_users_sees_their_group() -> None:
    """As under PrivateUsers=yes with Group=: only root and that group have a name inside."""
    code = (
        "import os, socket, subprocess, sys, time\n"
        "from smysl_daemon.config import Group\n"
        "from smysl_daemon.peers import Admission\n"
        "listener = socket.socket(fileno=int(sys.argv[1]))\n"
        "print('ready', flush=True); sys.stdin.readline()\n"
        "for _ in range(2):\n"
        "    peer, _ = listener.accept()\n"
        "    found = Admission(Group('readers', 500)).refusal(peer)\n"
        "    print('served' if found is None else 'refused', flush=True)\n"
        "    peer.close()\n"
    )
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind("")  # an address of the kernel's choice, without a file
        listener.listen()
        address = listener.getsockname()
        listener.set_inheritable(True)
        server = subprocess.Popen(
            ["unshare", "--user", sys.executable, "-c", code, str(listener.fileno())],
            pass_fds=(listener.fileno(),),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        assert server.stdin is not None and server.stdout is not None
        if server.stdout.readline() != "ready\n":
            pytest.skip(f"no user namespaces here: {server.communicate()[1].strip()[-200:]}")
        Path(f"/proc/{server.pid}/uid_map").write_text("0 0 1\n")
        Path(f"/proc/{server.pid}/gid_map").write_text("0 0 1\n500 500 1\n")
        asking = (
            "import os, socket, sys\n"
            "os.setgroups([int(sys.argv[1])]); os.setgid(4242); os.setuid(4242)\n"
            "made = socket.socket(socket.AF_UNIX); made.settimeout(60)\n"
            "made.connect(bytes.fromhex(sys.argv[2]))\n"
            "made.recv(1)\n"
        )
        told = []
        server.stdin.write("\n")
        server.stdin.flush()
        for group in (500, 501):
            words = [sys.executable, "-c", asking, str(group), bytes(address).hex()]
            with subprocess.Popen(words):
                told.append(server.stdout.readline().strip())
                # the connection ends with its turn
        server.communicate()
    assert told == ["served", "refused"]
