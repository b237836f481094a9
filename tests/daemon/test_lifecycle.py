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

from smysl_daemon.client import Client
from smysl_daemon.config import Dirs, find_dirs
from smysl_daemon.errors import AlreadyRunning, NoDaemon, RequestRefused, SocketTaken, Unreachable
from smysl_daemon.launch import daemon_pid, stop_daemon
from smysl_daemon.lifecycle import InstanceLock, bind_socket, lock_is_free
from smysl_daemon.protocol import Accepted, DaemonStatus, GetStatus, NodeFinished, Run, RunEnded

FAKE = Path(__file__).with_name("fake_daemon.py")


class House:
    """Folders of one test, and the daemons it started."""

    def __init__(self, root: Path) -> None:
        names = ("CONFIG", "DATA", "CACHE", "RUNTIME")
        self.env = os.environ | {f"SMYSL_{name}_DIR": str(root / name.lower()) for name in names}
        self.dirs: Dirs = find_dirs(self.env)
        self.started: list[subprocess.Popen[str]] = []

    def start(self) -> "subprocess.Popen[str]":
        process = subprocess.Popen(
            [sys.executable, str(FAKE)], env=self.env, stderr=subprocess.PIPE, text=True
        )
        self.started.append(process)
        return process

    def ready(self) -> Client:
        deadline = time.monotonic() + 120
        while True:
            try:
                return Client(self.dirs.socket, timeout_s=120)
            except NoDaemon:
                assert time.monotonic() < deadline
                assert self.started[-1].poll() is None, self.started[-1].communicate()[1]
                time.sleep(0.02)

    def end(self, process: "subprocess.Popen[str]") -> tuple[int, str]:
        _, errors = process.communicate(timeout=120)
        return process.returncode, errors


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    made = House(tmp_path)
    yield made
    for process in made.started:
        process.kill()
        process.communicate()


def test_sigterm_ends_the_daemon_cleanly(house: House) -> None:
    process = house.start()
    with house.ready() as client:
        assert client.welcome.pid == process.pid
    process.send_signal(signal.SIGTERM)
    code, _ = house.end(process)
    assert code == 0
    assert not house.dirs.socket.exists()
    assert lock_is_free(house.dirs.lock)


def test_a_second_signal_cancels_the_run_and_its_client_is_told(house: House) -> None:
    process = house.start()
    with house.ready() as client:
        events = client.stream(Run(question="slow"))
        assert isinstance(next(events), Accepted)
        assert isinstance(next(events), NodeFinished)
        process.send_signal(signal.SIGINT)
        process.send_signal(signal.SIGTERM)
        end = next(event for event in events if isinstance(event, RunEnded))
        assert end.outcome == "cancelled"
    assert house.end(process)[0] == 0


def test_a_second_daemon_names_the_first(house: House) -> None:
    first = house.start()
    house.ready().close()
    second = house.start()
    code, errors = house.end(second)
    assert code == 1
    assert f"pid {first.pid}" in errors and errors.count("\n") == 1
    house.ready().close()


def test_after_a_kill_the_next_daemon_takes_over_the_socket(house: House) -> None:
    house.start()
    house.ready().close()
    house.started[0].kill()
    house.started[0].wait()
    assert house.dirs.socket.exists()
    with pytest.raises(NoDaemon):
        Client(house.dirs.socket)
    house.start()
    with house.ready() as client:
        assert isinstance(client.ask(GetStatus()), DaemonStatus)


def test_a_file_in_the_place_of_the_socket_is_left_alone(house: House) -> None:
    house.dirs.runtime.mkdir(mode=0o700)
    house.dirs.socket.write_text("precious")
    code, errors = house.end(house.start())
    assert code == 1 and "not a socket" in errors and errors.count("\n") == 1
    assert house.dirs.socket.read_text() == "precious"


def test_a_socket_of_another_program_is_left_alone(house: House) -> None:
    house.dirs.runtime.mkdir(mode=0o700)
    with socket.socket(socket.AF_UNIX) as other:
        other.bind(str(house.dirs.socket))
        other.listen()
        code, errors = house.end(house.start())
        assert code == 1 and "in use by another program" in errors
        with pytest.raises(Unreachable, match="does not answer"):
            Client(house.dirs.socket, timeout_s=0.1)


def test_a_runtime_folder_that_is_a_file_is_a_one_line_error(house: House) -> None:
    house.dirs.runtime.write_text("")
    code, errors = house.end(house.start())
    assert code == 1 and "SMYSL_RUNTIME_DIR" in errors and errors.count("\n") == 1


def test_the_runtime_folder_and_the_log_are_private(house: House) -> None:
    house.start()
    house.ready().close()
    assert stat.S_IMODE(house.dirs.runtime.stat().st_mode) == 0o700
    assert stat.S_IMODE(house.dirs.data.stat().st_mode) == 0o700
    assert "serves fake" in house.dirs.log.read_text()


def test_stopping_from_outside_waits_until_the_daemon_is_gone(house: House) -> None:
    assert stop_daemon(house.dirs) is None
    process = house.start()
    house.ready().close()
    assert daemon_pid(house.dirs) == process.pid
    assert stop_daemon(house.dirs) == process.pid
    assert daemon_pid(house.dirs) is None
    assert house.end(process)[0] == 0


def test_only_the_holder_of_the_lock_may_bind(tmp_path: Path) -> None:
    lock = InstanceLock(tmp_path / "data" / "lock")
    with pytest.raises(AssertionError):
        bind_socket(tmp_path / "s.sock", lock)


def test_a_held_lock_refuses_a_second_holder_and_frees_with_the_first(tmp_path: Path) -> None:
    path = tmp_path / "data" / "lock"
    with InstanceLock(path):
        assert not lock_is_free(path)
        with pytest.raises(AlreadyRunning, match=f"pid {os.getpid()}") as caught:
            InstanceLock(path).acquire()
        assert caught.value.pid == os.getpid()
    with InstanceLock(path) as again:
        assert again.held


def test_a_stale_socket_is_removed_and_a_live_one_is_not(tmp_path: Path) -> None:
    path = tmp_path / "s.sock"
    with InstanceLock(tmp_path / "lock") as lock:
        bind_socket(path, lock).close()
        second = bind_socket(path, lock)
        with second, pytest.raises(SocketTaken):
            bind_socket(path, lock)


def test_an_older_client_is_told_to_restart_the_daemon(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    house.start()
    house.ready().close()
    monkeypatch.setattr("smysl_daemon.client.PROTOCOL", 0)
    with pytest.raises(RequestRefused, match="daemon restart"):
        Client(house.dirs.socket)
