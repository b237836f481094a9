"""A real daemon under a supervisor: what it tells, what it is handed, how it is reloaded."""

import os
import pty
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from smysl_daemon import client
from smysl_daemon.client import Client, connect
from smysl_daemon.config import Dirs, find_dirs
from smysl_daemon.errors import NoDaemon, RequestRefused, Unreachable
from smysl_daemon.lifecycle import lock_is_free, read_holder
from smysl_daemon.logs import journal_match
from smysl_daemon.notify import Notifier
from smysl_daemon.protocol import Accepted, DaemonStatus, GetStatus, Run

FAKE = Path(__file__).with_name("fake_daemon.py")
PATIENCE_S = 120.0
"""A machine that does other work is slow, not broken."""

HANDED = """
import asyncio, importlib.util, os, socket, sys
spec = importlib.util.spec_from_file_location("fake", os.environ["FAKE"])
fake = importlib.util.module_from_spec(spec)
spec.loader.exec_module(fake)
from pathlib import Path
from smysl_daemon.app import run

async def make(dirs, config, report):
    report("status", "building")
    while "WAIT_FOR" in os.environ and not os.path.exists(os.environ["WAIT_FOR"]):
        await asyncio.sleep(0.02)
    return fake.FakeService()

def unix(name):
    made = socket.socket(socket.AF_UNIX)
    made.bind(os.path.join(os.environ["SMYSL_RUNTIME_DIR"], name))
    made.listen()
    return made

def hand(*files, names=""):
    # the files' own numbers may be those that they are copied to
    high = [os.dup(file if isinstance(file, int) else file.fileno()) for file in files]
    for file in files:
        os.close(file) if isinstance(file, int) else file.close()
    for number, file in enumerate(high, 3):
        os.dup2(file, number)
        os.close(file)
    os.environ |= {"LISTEN_FDS": str(len(files)), "LISTEN_PID": str(os.getpid())}
    os.environ["LISTEN_FDNAMES"] = names

os.makedirs(os.environ["SMYSL_RUNTIME_DIR"], 0o700, exist_ok=True)
hold = [os.open("/dev/null", 0) for _ in range(8)]
exec(os.environ["HAND"])
sys.exit(run(make, journal_socket=Path(os.environ.get("JOURNAL", "/nonexistent"))))
"""


class Supervisor:
    """Starts daemons and hears what they tell."""

    def __init__(self, root: Path, address: str | None = None) -> None:
        names = ("CONFIG", "DATA", "CACHE", "RUNTIME")
        self.env = os.environ | {f"SMYSL_{name}_DIR": str(root / name.lower()) for name in names}
        self.env |= {"FAKE": str(FAKE), "HAND": ""}
        self.dirs: Dirs = find_dirs(self.env)
        self.address = address or str(root / "notify")
        self._ear = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._ear.bind(self.address.replace("@", "\0", 1))
        self._ear.settimeout(PATIENCE_S)
        self._started: list[subprocess.Popen[str]] = []

    def start(self, *words: str, **env: str) -> "subprocess.Popen[str]":
        process = subprocess.Popen(
            words or (sys.executable, str(FAKE)),
            env=self.env | {"NOTIFY_SOCKET": self.address} | env,
            stderr=subprocess.PIPE,
            text=True,
        )
        self._started.append(process)
        return process

    def handed(self, hand: str, **env: str) -> "subprocess.Popen[str]":
        """Start a daemon that was handed descriptors by the lines `hand`."""
        return self.start(sys.executable, "-c", HANDED, HAND=hand, **env)

    def hear(self) -> dict[str, str]:
        """The next datagram."""
        lines = self._ear.recv(4096).decode().splitlines()
        return dict(line.split("=", 1) for line in lines)

    def hear_until(self, key: str) -> list[dict[str, str]]:
        heard = [self.hear()]
        while key not in heard[-1]:
            heard.append(self.hear())
        return heard

    def hear_nothing(self, seconds: float) -> bool:
        self._ear.settimeout(seconds)
        try:
            self._ear.recv(4096)
        except TimeoutError:
            return True
        finally:
            self._ear.settimeout(PATIENCE_S)
        return False

    def forget(self) -> float:
        """Throw away what was told so far. What is heard next was told after the moment that this gives."""
        while True:
            moment = time.monotonic()
            if self.hear_nothing(0.01):
                return moment

    def set(self, text: str) -> None:
        self.dirs.config.mkdir(exist_ok=True)
        self.dirs.config_file.write_text(text)

    def close(self) -> None:
        self._ear.close()
        for process in self._started:
            process.kill()
            process.communicate()


@pytest.fixture
def supervisor(tmp_path: Path) -> Iterator[Supervisor]:
    made = Supervisor(tmp_path)
    yield made
    made.close()


def end(process: "subprocess.Popen[str]") -> tuple[int, str]:
    _, errors = process.communicate(timeout=PATIENCE_S)
    return process.returncode, errors


def until(found: Callable[[], bool]) -> None:
    deadline = time.monotonic() + PATIENCE_S
    while not found():
        assert time.monotonic() < deadline
        time.sleep(0.02)


@pytest.mark.parametrize("kind", ["path", "abstract"])
def test_the_supervisor_is_told_when_the_daemon_serves_and_when_it_goes(
    tmp_path: Path, kind: str
) -> None:
    made = Supervisor(tmp_path, f"@smysl-test-{os.getpid()}" if kind == "abstract" else None)
    try:
        process = made.start()
        assert made.hear_until("READY")[-1] == {
            "READY": "1",
            "STATUS": "fake: 0 runs, 0 clients",
        }
        with Client(made.dirs.socket) as connected:
            assert connected.welcome.pid == process.pid
        process.send_signal(signal.SIGTERM)
        told = made.hear_until("STOPPING")[-1]
        assert int(told["EXTEND_TIMEOUT_USEC"]) > 10_000_000 and told["STATUS"]
        assert end(process)[0] == 0
    finally:
        made.close()


def test_the_watchdog_hears_beats_only_while_the_daemon_lives(supervisor: Supervisor) -> None:
    process = supervisor.start(WATCHDOG_USEC="200000")
    supervisor.hear_until("READY")
    began = supervisor.forget()
    for _ in range(4):
        supervisor.hear_until("WATCHDOG")
    assert time.monotonic() - began >= 0.25
    process.send_signal(signal.SIGSTOP)
    os.waitpid(process.pid, os.WUNTRACED)
    supervisor.forget()
    assert supervisor.hear_nothing(0.6)
    process.send_signal(signal.SIGCONT)
    supervisor.hear_until("WATCHDOG")


def test_a_watchdog_meant_for_another_process_is_left_alone() -> None:
    environ = {"NOTIFY_SOCKET": "@x", "WATCHDOG_USEC": "1000000", "WATCHDOG_PID": "1"}
    assert Notifier.from_environment(environ).watchdog_s is None
    assert environ == {}
    environ = {"WATCHDOG_USEC": "1000000", "WATCHDOG_PID": str(os.getpid())}
    assert Notifier.from_environment(environ).watchdog_s == 1.0


def test_a_supervisor_that_went_away_does_not_hurt(tmp_path: Path) -> None:
    notifier = Notifier(str(tmp_path / "nobody"))
    notifier.ready("x")
    notifier.alive()
    assert not (tmp_path / "nobody").exists()


def test_a_start_that_fails_says_why_in_the_status(supervisor: Supervisor) -> None:
    supervisor.set("treads = 2")
    process = supervisor.start()
    told = supervisor.hear()
    assert "unknown key 'treads'" in told["STATUS"] and "READY" not in told
    assert end(process)[0] == 1


def test_a_slow_start_asks_for_patience(supervisor: Supervisor) -> None:
    supervisor.handed("")
    told = supervisor.hear()
    assert told == {"STATUS": "building", "EXTEND_TIMEOUT_USEC": "120000000"}


def test_a_reload_takes_over_what_it_can_and_names_what_waits(supervisor: Supervisor) -> None:
    process = supervisor.start()
    supervisor.hear_until("READY")
    supervisor.set(
        'max_clients = 1\nmodel = "other"\nlog_level = "warning"\n'
        "kv_megabytes = 64\nsnapshots = false\ndeterministic = true\ncache_megabytes = 5"
    )
    process.send_signal(signal.SIGHUP)
    heard = supervisor.hear_until("READY")
    (reloading,) = [one for one in heard if "RELOADING" in one]
    assert 0 < int(reloading["MONOTONIC_USEC"]) <= time.monotonic_ns() // 1000
    with Client(supervisor.dirs.socket):
        with pytest.raises(RequestRefused, match="limit is 1"):
            Client(supervisor.dirs.socket)
    log = supervisor.dirs.log.read_text()
    later = (
        "kv_megabytes = 64, snapshots = False, deterministic = True, "
        "cache_megabytes = 5: this needs a restart"
    )
    assert later in log

    supervisor.set("max_clients = 0")
    process.send_signal(signal.SIGHUP)
    supervisor.hear_until("READY")
    assert "the settings stay as they are" in supervisor.dirs.log.read_text()
    supervisor.set("max_clients = 2")
    process.send_signal(signal.SIGHUP)
    supervisor.hear_until("READY")
    with Client(supervisor.dirs.socket), Client(supervisor.dirs.socket):
        pass
    assert process.poll() is None


def test_a_closed_terminal_ends_the_daemon_in_its_foreground(supervisor: Supervisor) -> None:
    env = supervisor.env | {"NOTIFY_SOCKET": supervisor.address}
    pid, terminal = pty.fork()
    if pid == 0:
        os.execve(sys.executable, [sys.executable, str(FAKE)], env)
    supervisor.hear_until("READY")
    os.close(terminal)
    supervisor.hear_until("STOPPING")
    _, status = os.waitpid(pid, 0)
    assert os.waitstatus_to_exitcode(status) == 0
    assert "the terminal was closed" in supervisor.dirs.log.read_text()


def activated(supervisor: Supervisor, *words: str) -> "subprocess.Popen[str]":
    """A daemon that systemd's own tool starts for the first client."""
    tool = shutil.which("systemd-socket-activate")
    if tool is None:
        pytest.skip("systemd-socket-activate is not installed (Debian: systemd)")
    supervisor.dirs.runtime.mkdir(mode=0o700)
    wanted = [f"--setenv={k}={v}" for k, v in supervisor.env.items() if k.startswith("SMYSL_")]
    wanted += [f"--setenv=PYTHONPATH={os.environ.get('PYTHONPATH', '')}"]
    wanted += [f"--listen={supervisor.dirs.socket}"]
    process = supervisor.start(tool, *wanted, *words, sys.executable, str(FAKE))
    until(supervisor.dirs.socket.exists)
    return process


@pytest.mark.parametrize("name", [(), ("--fdname=smysld",), ("--fdname=anything",)])
def test_the_first_client_starts_the_daemon_through_its_socket(
    supervisor: Supervisor, name: tuple[str, ...]
) -> None:
    process = activated(supervisor, *name)
    assert lock_is_free(supervisor.dirs.lock)
    with connect(supervisor.dirs, start=False) as connected:
        # the tool becomes the daemon, so that it has the same process id
        assert connected.welcome.pid == process.pid
        found = connected.ask(GetStatus())
        assert isinstance(found, DaemonStatus) and found.socket == str(supervisor.dirs.socket)
    process.send_signal(signal.SIGTERM)
    assert end(process)[0] == 0
    assert supervisor.dirs.socket.exists(), "the socket is its supervisor's"


def test_a_daemon_started_by_its_socket_leaves_when_idle(supervisor: Supervisor) -> None:
    supervisor.set("idle_minutes = 0.005")
    process = activated(supervisor)
    connect(supervisor.dirs, start=False).close()
    assert end(process)[0] == 0
    assert "idle for 0.3 s" in supervisor.dirs.log.read_text()
    assert supervisor.dirs.socket.exists()


def test_a_client_waits_for_the_daemon_that_its_connection_starts(
    supervisor: Supervisor, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(client, "HANDSHAKE_TIMEOUT_S", 0.5)
    name, go = supervisor.dirs.socket.name, tmp_path / "go"
    process = supervisor.handed(f"hand(unix({name!r}))", WAIT_FOR=str(go))
    until(lambda: (found := read_holder(supervisor.dirs.lock)) is not None and bool(found.how))
    said: list[str] = []

    def tell(words: str) -> None:
        said.append(words)
        go.touch()

    with connect(supervisor.dirs, start=False, tell=tell) as connected:
        assert connected.welcome.pid == process.pid
    assert said == ["the daemon is starting"]


def test_what_hangs_without_starting_is_not_waited_for(
    supervisor: Supervisor, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(client, "HANDSHAKE_TIMEOUT_S", 0.1)
    supervisor.dirs.runtime.mkdir(mode=0o700)
    with socket.socket(socket.AF_UNIX) as other:
        other.bind(str(supervisor.dirs.socket))
        other.listen()
        with pytest.raises(Unreachable, match="does not answer"):
            connect(supervisor.dirs, start=False)


@pytest.mark.parametrize(
    ("hand", "complaint"),
    [
        ("hand(hold[0])", "is no socket"),
        ("hand(socket.socket(socket.AF_UNIX))", "not listening"),
        ("hand(socket.create_server(('127.0.0.1', 0)))", "AF_INET"),
        ("hand(unix('a'), unix('b'))", "exactly one must be named FileDescriptorName=smysld"),
        ("hand(unix('a'), unix('b'), names='smysld:smysld')", "named smysld, smysld"),
        ("hand(unix('a')); os.environ['LISTEN_FDS'] = 'many'", "LISTEN_FDS is 'many'"),
    ],
)
def test_what_cannot_be_served_is_refused_by_its_kind(
    supervisor: Supervisor, hand: str, complaint: str
) -> None:
    code, errors = end(supervisor.handed(hand))
    assert code == 1 and complaint in errors and errors.count("\n") == 1


def test_of_several_sockets_the_named_one_is_served(supervisor: Supervisor) -> None:
    name = supervisor.dirs.socket.name
    process = supervisor.handed(f"hand(unix('http'), unix({name!r}), names='http:smysld')")
    supervisor.hear_until("READY")
    with Client(supervisor.dirs.socket) as connected:
        assert connected.welcome.pid == process.pid
    with pytest.raises(NoDaemon):
        Client(supervisor.dirs.runtime / "http")


def test_descriptors_for_another_process_are_not_taken(supervisor: Supervisor) -> None:
    process = supervisor.handed("hand(unix('a')); os.environ['LISTEN_PID'] = '1'")
    supervisor.hear_until("READY")
    with Client(supervisor.dirs.socket) as connected:
        assert connected.welcome.pid == process.pid


def test_the_lock_says_who_holds_it_and_what_it_does(supervisor: Supervisor) -> None:
    process = supervisor.start()
    supervisor.hear_until("READY")
    found = read_holder(supervisor.dirs.lock)
    assert found is not None and (found.pid, found.state) == (process.pid, "serving")
    assert found.how == "in the foreground" and found.since.startswith("20")
    _, errors = end(supervisor.start(NOTIFY_SOCKET=""))
    assert str(found) in errors and "smysl daemon stop" in errors
    with Client(supervisor.dirs.socket) as connected:
        assert isinstance(next(connected.stream(Run(question="slow"))), Accepted)
        process.send_signal(signal.SIGTERM)
        supervisor.hear_until("STOPPING")
        found = read_holder(supervisor.dirs.lock)
        assert found is not None and found.state == "stopping"
        process.send_signal(signal.SIGTERM)
        assert end(process)[0] == 0
    assert read_holder(supervisor.dirs.lock) is None


def test_under_the_journal_records_have_fields_and_the_file_stays_empty(
    supervisor: Supervisor, tmp_path: Path
) -> None:
    stream = (tmp_path / "stderr").open("w")
    found = os.fstat(stream.fileno())
    with stream, socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as journal:
        journal.bind(str(tmp_path / "journal"))
        journal.settimeout(PATIENCE_S)
        process = supervisor.handed(
            f"os.dup2(os.open({str(tmp_path / 'stderr')!r}, os.O_WRONLY), 2)",
            JOURNAL=str(tmp_path / "journal"),
            JOURNAL_STREAM=f"{found.st_dev}:{found.st_ino}",
        )
        fields: dict[str, str] = {}
        while "serves fake" not in fields.get("MESSAGE", ""):
            fields = dict(
                line.split("=", 1) for line in journal.recv(1 << 16).decode().splitlines()
            )
    assert fields["PRIORITY"] == "6" and fields["LOGGER"] == "smysl.app"
    assert fields["SYSLOG_IDENTIFIER"] == "smysld" and fields["SMYSL_MODEL"] == "fake"
    match = journal_match(supervisor.dirs)
    assert match is not None and f"SMYSL_DATA={fields['SMYSL_DATA']}" in match
    assert not supervisor.dirs.log.exists() and process.poll() is None


def test_without_the_journal_as_standard_error_the_file_is_written(supervisor: Supervisor) -> None:
    supervisor.start(JOURNAL_STREAM="1:2")
    supervisor.hear_until("READY")
    assert "serves fake" in supervisor.dirs.log.read_text()
    assert journal_match(supervisor.dirs) is None
