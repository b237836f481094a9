"""Addresses, sockets and the token's file."""

import os
import stat
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from smysl_daemon.config import Dirs, find_dirs
from smysl_daemon.errors import BadConfig, FolderUnusable, SocketTaken
from smysl_daemon.http.bearer import load_token, shows
from smysl_daemon.http.doors import Address, address, listen_on


@pytest.mark.parametrize(
    ("text", "where", "loopback"),
    [
        ("127.0.0.1:7465", Address("127.0.0.1", 7465), True),
        ("localhost:0", Address("localhost", 0), True),
        ("7465", Address("127.0.0.1", 7465), True),
        ("[::1]:80", Address("::1", 80), True),
        ("0.0.0.0:80", Address("0.0.0.0", 80), False),
        ("192.168.1.5:80", Address("192.168.1.5", 80), False),
        ("[::]:80", Address("::", 80), False),
    ],
)
def test_an_address_is_read_and_known_as_loopback_or_not(
    text: str, where: Address, loopback: bool
) -> None:
    assert address(text) == where and where.loopback is loopback


@pytest.mark.parametrize(
    "text", ["127.0.0.1", "[]:80", "host.example:80", "1.2.3.4:99999", "::1:80", "a b:1", ":1"]
)
def test_what_is_no_address_is_named(text: str) -> None:
    with pytest.raises(BadConfig) as error:
        address(text)
    assert repr(text) in str(error.value)


@given(st.text(max_size=20))
def test_any_text_is_an_address_or_is_refused(text: str) -> None:
    try:
        found = address(text)
    except BadConfig:
        return
    assert address(str(found)) == found


def test_a_taken_address_is_named() -> None:
    with listen_on(Address("127.0.0.1", 0)) as first:
        taken = Address("127.0.0.1", first.getsockname()[1])
        with pytest.raises(SocketTaken, match=str(taken.port)):
            listen_on(taken)


def test_the_http_socket_stands_beside_the_daemons_own(tmp_path: Path) -> None:
    env = {
        f"SMYSL_{name}_DIR": str(tmp_path / name) for name in ("CONFIG", "DATA", "CACHE", "RUNTIME")
    }
    first, second = find_dirs(env), find_dirs(env | {"SMYSL_DATA_DIR": str(tmp_path / "other")})
    assert first.http_socket.parent == first.socket.parent
    assert len({first.socket, second.socket, first.http_socket, second.http_socket}) == 4
    assert first.http_socket.name.startswith("http-")


def test_the_default_http_socket_has_a_plain_name() -> None:
    root = Path("/x")
    dirs = Dirs(config=root, data=root, cache=root, runtime=root, socket=root / "smysld.sock")
    assert dirs.http_socket == root / "http.sock"


def test_a_token_is_made_once_for_its_owner_alone(tmp_path: Path) -> None:
    path = tmp_path / "http-token"
    token = load_token(path)
    assert len(token) >= 32 and load_token(path) == token
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_a_token_of_ones_own_counts(tmp_path: Path) -> None:
    path = tmp_path / "http-token"
    path.write_text("my-own-token-of-some-length\n")
    path.chmod(0o600)
    assert load_token(path) == "my-own-token-of-some-length"


@pytest.mark.parametrize(
    ("content", "mode", "said"),
    [
        ("a-token-that-is-long-enough", 0o640, "mode 0640"),
        ("short", 0o600, "at least 16"),
        ("", 0o600, "holds no token"),
        ("two words that are long", 0o600, "without spaces"),
        ("x" * 5000, 0o600, "more than 4096"),
    ],
)
def test_a_token_file_that_cannot_be_trusted_is_refused(
    tmp_path: Path, content: str, mode: int, said: str
) -> None:
    path = tmp_path / "http-token"
    path.write_text(content)
    path.chmod(mode)
    with pytest.raises(FolderUnusable, match=said):
        load_token(path)


def test_a_link_is_no_token_file(tmp_path: Path) -> None:
    (tmp_path / "real").write_text("a-token-that-is-long-enough")
    (tmp_path / "http-token").symlink_to(tmp_path / "real")
    with pytest.raises(FolderUnusable, match="cannot read"):
        load_token(tmp_path / "http-token")


@pytest.mark.skipif(os.getuid() == 0, reason="root writes anywhere")
def test_a_folder_that_takes_no_token_is_named(tmp_path: Path) -> None:
    tmp_path.chmod(0o500)
    with pytest.raises(FolderUnusable, match="make its folder writable"):
        load_token(tmp_path / "http-token")


@given(st.text(max_size=30))
def test_only_the_token_itself_is_taken(given: str) -> None:
    token = "0123456789abcdef"
    assert shows(token, f"Bearer {given}", "") is (given.strip() == token)
    assert shows(token, "", given) is (given.strip() == token)
    assert not shows(token, f"Basic {token}", "")
