import os
import stat
from pathlib import Path

import pytest

from smysl_daemon.config import (
    SOCKET_PATH_LIMIT,
    Config,
    find_dirs,
    load_config,
    model_folder,
    models_dir,
    private_folder,
    writable_folder,
)
from smysl_daemon.errors import BadConfig, FolderUnusable


def variables(root: Path) -> dict[str, str]:
    return {f"SMYSL_{n}_DIR": str(root / n.lower()) for n in ("CONFIG", "DATA", "CACHE", "RUNTIME")}


def test_the_variables_move_every_folder(tmp_path: Path) -> None:
    dirs = find_dirs(variables(tmp_path))
    assert {dirs.config.parent, dirs.data.parent, dirs.cache.parent, dirs.runtime.parent} == {
        tmp_path
    }
    assert dirs.socket.parent == dirs.runtime


def test_two_data_folders_have_two_sockets(tmp_path: Path) -> None:
    env = variables(tmp_path)
    other = env | {"SMYSL_DATA_DIR": str(tmp_path / "other")}
    assert find_dirs(env).socket != find_dirs(other).socket
    assert find_dirs(env).socket == find_dirs(env).socket


def test_a_socket_path_that_is_too_long_for_the_kernel_is_shortened(tmp_path: Path) -> None:
    env = variables(tmp_path) | {"SMYSL_RUNTIME_DIR": str(tmp_path / ("x" * 120))}
    socket = find_dirs(env).socket
    assert len(os.fsencode(socket)) <= SOCKET_PATH_LIMIT
    assert socket.parent == Path(f"/tmp/smysl-{os.getuid()}")


def test_a_relative_folder_is_refused_by_name() -> None:
    with pytest.raises(BadConfig, match="SMYSL_DATA_DIR is 'here'"):
        find_dirs({"SMYSL_DATA_DIR": "here"})


def test_a_missing_config_file_is_the_default(tmp_path: Path) -> None:
    assert load_config(tmp_path / "config.toml") == Config()


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("threads = 0", "threads = 0"),
        ("treads = 2", "unknown key 'treads'"),
        ('max_runs = "many"', "max_runs = 'many'"),
        ("kv_megabytes = 0", "kv_megabytes = 0"),
        ("kv_megabytes = 1.5", "kv_megabytes = 1.5"),
        ("snapshots = 1", "snapshots = 1"),
        ('deterministic = "yes"', "deterministic = 'yes'"),
        ("model = [", "not TOML"),
        ("\xff", "not TOML"),
    ],
)
def test_a_bad_setting_is_named_with_its_file(tmp_path: Path, text: str, complaint: str) -> None:
    path = tmp_path / "config.toml"
    path.write_bytes(text.encode("latin-1"))
    with pytest.raises(BadConfig) as caught:
        load_config(path)
    assert complaint in str(caught.value) and str(path) in str(caught.value)


def test_settings_are_read(tmp_path: Path) -> None:
    path = tmp_path / "config.toml"
    path.write_text("threads = 2\nidle_minutes = 1.5\n")
    assert load_config(path) == Config(threads=2, idle_minutes=1.5)
    path.write_text("kv_megabytes = 256\nsnapshots = false\ndeterministic = true\n")
    assert load_config(path) == Config(kv_megabytes=256, snapshots=False, deterministic=True)


def test_a_private_folder_is_made_and_kept_for_its_owner(tmp_path: Path) -> None:
    folder = tmp_path / "runtime"
    private_folder(folder)
    folder.chmod(0o755)
    private_folder(folder)
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700


def test_a_folder_that_others_can_replace_is_refused(tmp_path: Path) -> None:
    shared = tmp_path / "shared"
    shared.mkdir()
    shared.chmod(0o777)
    with pytest.raises(FolderUnusable, match="replace"):
        private_folder(shared / "runtime")
    shared.chmod(0o1777)
    private_folder(shared / "runtime")


def test_the_remedy_names_the_variable_of_the_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in variables(tmp_path).items():
        monkeypatch.setenv(name, value)
    dirs = find_dirs()
    dirs.cache.mkdir()
    dirs.cache.chmod(0o777)
    with pytest.raises(FolderUnusable, match="point SMYSL_CACHE_DIR to a folder of your own"):
        private_folder(dirs.snapshots)


def test_a_link_in_the_place_of_a_private_folder_is_refused(tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "runtime").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(FolderUnusable, match="not a folder"):
        private_folder(tmp_path / "runtime")


def test_a_file_in_the_place_of_a_folder_is_named_with_the_remedy(tmp_path: Path) -> None:
    (tmp_path / "data").write_text("")
    with pytest.raises(FolderUnusable, match="SMYSL_DATA_DIR"):
        writable_folder(tmp_path / "data" / "deep")


def test_the_checkout_is_where_models_are_found() -> None:
    assert models_dir({}) == Path(__file__).resolve().parents[2] / "models"


def test_an_unknown_model_is_refused_with_what_there_is(tmp_path: Path) -> None:
    (tmp_path / "grain").mkdir()
    (tmp_path / "grain" / "config.json").write_text("{}")
    assert model_folder("grain", tmp_path) == tmp_path / "grain"
    assert model_folder(str(tmp_path / "grain"), Path("/nowhere")) == tmp_path / "grain"
    with pytest.raises(BadConfig, match="Models: grain"):
        model_folder("gran", tmp_path)
