"""`smysl daemon logs` finds the last log, whichever way the daemon wrote it; asking starts nothing."""

import os
import socket
import stat
import time
from pathlib import Path
from typing import Any

import pytest

FAKE_JOURNALCTL = '#!/bin/sh\nfor word in "$@"; do echo "$word"; done\n'


def wait_for_line(process: Any, text: str) -> None:
    deadline = time.monotonic() + 120
    while text not in (line := process.stdout.readline()):
        assert line and time.monotonic() < deadline


def test_following_goes_on_over_a_rotation(cold: Any) -> None:
    log = cold.dirs.log
    log.parent.mkdir(parents=True)
    log.write_text("".join(f"line {n}\n" for n in range(30)))
    shown = cold.smysl("daemon", "logs", "-n", "2")
    assert shown.stdout == "line 28\nline 29\n"
    following = cold.popen("daemon", "logs", "-f", "-n", "1")
    wait_for_line(following, "line 29")
    with log.open("a") as file:
        file.write("grown\n")
    wait_for_line(following, "grown")
    log.rename(log.with_suffix(".log.1"))
    log.write_text("anew\n")
    wait_for_line(following, "anew")


def test_no_log_at_all_is_an_error_that_says_where_it_would_be(cold: Any) -> None:
    done = cold.smysl("daemon", "logs")
    assert done.returncode == 1 and str(cold.dirs.log) in done.stderr


def test_a_daemon_that_logs_to_the_journal_is_read_from_there(cold: Any, tmp_path: Path) -> None:
    cold.dirs.log.parent.mkdir(parents=True)
    cold.dirs.log.write_text("of an older daemon\n")
    cold.dirs.log.with_suffix(".in-journal").touch()
    tools = tmp_path / "bin"
    tools.mkdir()
    cold.env["PATH"] = str(tools)
    missing = cold.smysl("daemon", "logs")
    assert missing.returncode == 1 and "journalctl is not there" in missing.stderr
    assert f"SMYSL_DATA={cold.dirs.data}" in missing.stderr
    (tools / "journalctl").write_text(FAKE_JOURNALCTL)
    (tools / "journalctl").chmod(stat.S_IRWXU)
    words = cold.smysl("daemon", "logs", "-n", "7", "-f").stdout.splitlines()
    assert {"--lines=7", "--follow", "SYSLOG_IDENTIFIER=smysld"} <= set(words)
    assert f"SMYSL_DATA={cold.dirs.data}" in words
    assert "--no-pager" in cold.smysl("daemon", "logs").stdout


@pytest.mark.parametrize("words", [("status",), ("stop",)])
def test_asking_for_the_daemon_does_not_start_one_through_its_socket(
    cold: Any, words: tuple[str, ...]
) -> None:
    os.makedirs(cold.dirs.runtime, 0o700)
    with socket.socket(socket.AF_UNIX) as supervisor:
        supervisor.bind(str(cold.dirs.socket))
        supervisor.listen()
        supervisor.setblocking(False)
        done = cold.smysl("daemon", *words)
        assert "no daemon runs" in done.stdout + done.stderr
        with pytest.raises(BlockingIOError):
            supervisor.accept()
