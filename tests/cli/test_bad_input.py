"""Each of these ends in one line on stderr, the right exit code, and a daemon that is alive."""

import socket
import sqlite3
import struct
from pathlib import Path
from typing import Any

import pytest


def refused(done: Any, code: int, *said: str) -> None:
    assert done.returncode == code, done.stderr
    assert done.stdout == ""
    assert done.stderr.startswith("smysl: ") and done.stderr.count("\n") == 1
    for word in said:
        assert word in done.stderr


@pytest.mark.parametrize("words", [("",), ("ask", "   "), ("ask",)])
def test_an_empty_question(shell: Any, words: tuple[str, ...]) -> None:
    refused(shell.smysl(*words), 2, "the question is empty")


def test_a_question_of_a_megabyte_names_size_limit_and_remedy(shell: Any) -> None:
    done = shell.smysl(stdin=b"x" * 1_000_000)
    refused(done, 2, "1000000 bytes", "32768", "Shorten")
    assert shell.alive()


def test_a_question_over_the_frame_cap(shell: Any) -> None:
    refused(shell.smysl(stdin=b"x" * 5_000_000), 2, "4,194,304")
    refused(shell.smysl(stdin=b"x" * 4_194_304), 2, "4,194,304", "Shorten")
    assert shell.alive()


@pytest.mark.parametrize("data", [b"\x89PNG\r\n", b"abc\xff", b"a\0b"])
def test_binary_on_stdin(shell: Any, data: bytes) -> None:
    refused(shell.smysl(stdin=data), 2, "text", "position")
    refused(shell.smysl("What is this?", stdin=data), 2, "text", "position")


def test_an_unknown_program_names_the_near_ones(shell: Any) -> None:
    refused(shell.smysl("-p", "slove", "2 + 2"), 2, "'slove'", "solve")
    assert shell.alive()


@pytest.mark.parametrize("value", ["{8", "fast", ""])
def test_a_bad_option_value_names_key_and_value(shell: Any, value: str) -> None:
    refused(shell.smysl("-o", "samples", value, "2 + 2"), 2, "samples", repr(value), "JSON")


@pytest.mark.parametrize(
    "words",
    [
        ("--budget-tokens", "0", "x"),
        ("--budget-tokens", "many", "x"),
        ("--seed", "-1", "x"),
        ("--no-such-flag", "x"),
        ("-q", "-v", "x"),
        ("-c", "-s", "abc", "x"),
        ("sesions", "list"),
        ("show", "a", "b"),
    ],
)
def test_bad_usage_is_exit_code_2(shell: Any, words: tuple[str, ...]) -> None:
    refused(shell.smysl(*words), 2)


def test_an_unknown_id(shell: Any) -> None:
    refused(shell.smysl("show", "zzzz"), 1, "zzzz")


def test_a_socket_in_use_by_something_else(cold: Any) -> None:
    cold.dirs.runtime.mkdir(mode=0o700)
    with socket.socket(socket.AF_UNIX) as other:
        other.bind(str(cold.dirs.socket))
        other.listen()
        other.settimeout(120)
        asking = cold.popen("2 + 2")
        connection, _ = other.accept()
        connection.sendall(b"SSH-2.0-OpenSSH_9.6\r\n")
        _, errors = asking.communicate(timeout=120)
        connection.close()
    assert asking.returncode == 69
    assert "in use by something that is not smysld" in errors and errors.count("\n") == 1


def test_a_file_in_the_place_of_the_socket(cold: Any) -> None:
    cold.dirs.runtime.mkdir(mode=0o700)
    cold.dirs.socket.write_text("precious")
    refused(cold.smysl("2 + 2"), 69, "SMYSL_RUNTIME_DIR")
    assert cold.dirs.socket.read_text() == "precious"


@pytest.mark.parametrize("which", ["DATA", "RUNTIME"])
def test_a_folder_that_cannot_be_used(cold: Any, which: str) -> None:
    Path(cold.env[f"SMYSL_{which}_DIR"]).write_text("a file in the way")
    refused(cold.smysl("2 + 2"), 69, f"SMYSL_{which}_DIR")


def test_a_read_only_folder(cold: Any) -> None:
    # /proc takes no new folder from anybody, root included
    cold.env["SMYSL_DATA_DIR"] = "/proc/smysl"
    refused(cold.smysl("2 + 2"), 69, "/proc/smysl", "SMYSL_DATA_DIR")


def test_a_bad_setting_is_named(cold: Any) -> None:
    cold.dirs.config.mkdir()
    cold.dirs.config_file.write_text("treads = 4\n")
    refused(cold.smysl("2 + 2"), 69, "treads", "threads")


def test_a_relative_folder_variable(cold: Any) -> None:
    cold.env["SMYSL_DATA_DIR"] = "here"
    refused(cold.smysl("2 + 2"), 2, "SMYSL_DATA_DIR", "absolute")


def test_a_damaged_database_is_refused_with_a_backup_hint(cold: Any, tmp_path: Path) -> None:
    models = tmp_path / "models" / "zerno"
    models.mkdir(parents=True)
    (models / "config.json").write_text("{}")
    cold.env["SMYSL_MODELS_DIR"] = str(models.parent)
    cold.dirs.data.mkdir(mode=0o700)
    cold.dirs.database.write_bytes(b"SQLite format 3\0" + b"rubbish " * 1000)
    before = cold.dirs.database.read_bytes()
    refused(cold.smysl("2 + 2"), 69, str(cold.dirs.database), "backup")
    assert cold.dirs.database.read_bytes() == before
    checks = cold.smysl("doctor").stdout
    assert "FAIL  database" in checks


def test_a_database_of_another_program_is_refused(cold: Any, tmp_path: Path) -> None:
    models = tmp_path / "models" / "zerno"
    models.mkdir(parents=True)
    (models / "config.json").write_text("{}")
    cold.env["SMYSL_MODELS_DIR"] = str(models.parent)
    cold.dirs.data.mkdir(mode=0o700)
    with sqlite3.connect(cold.dirs.database) as other:
        other.execute("CREATE TABLE recipes (id INTEGER)")
    other.close()
    refused(cold.smysl("2 + 2"), 69, str(cold.dirs.database))


def test_a_missing_model_names_where_it_was_looked_for(cold: Any, tmp_path: Path) -> None:
    cold.env["SMYSL_MODELS_DIR"] = str(tmp_path / "nothing")
    refused(cold.smysl("2 + 2"), 69, "zerno", "SMYSL_MODELS_DIR")


@pytest.mark.parametrize(
    "rubbish",
    [
        b"GET / HTTP/1.1\r\n\r\n",
        struct.pack(">I", 4 * 1024 * 1024 + 1),
        struct.pack(">I", 100) + b"half a frame",
        struct.pack(">I", 3) + b"\xc1\xc1\xc1",
        b"\0",
        b"",
    ],
)
def test_rubbish_on_the_socket_leaves_the_daemon_alive(shell: Any, rubbish: bytes) -> None:
    with socket.socket(socket.AF_UNIX) as peer:
        peer.connect(str(shell.dirs.socket))
        peer.sendall(rubbish)
    assert shell.alive()
