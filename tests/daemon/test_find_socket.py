"""The socket is found without looking for every folder, and at the same place."""

import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from smysl_daemon.config import find_dirs, find_socket
from smysl_daemon.errors import BadConfig

VARIABLES = ("SMYSL_DATA_DIR", "SMYSL_RUNTIME_DIR", "XDG_RUNTIME_DIR", "XDG_DATA_HOME", "HOME")
FOLDERS = ("/home/someone", "/home/someone/.local/share/smysl", "/run/user/7", "/d" * 60, "")


@given(st.dictionaries(st.sampled_from(VARIABLES), st.sampled_from(FOLDERS)))
def test_it_is_where_the_folders_say(env: dict[str, str]) -> None:
    assert find_socket(env) == find_dirs(env).socket


def test_a_relative_folder_is_refused_by_name() -> None:
    for name in ("SMYSL_DATA_DIR", "SMYSL_RUNTIME_DIR"):
        with pytest.raises(BadConfig, match=f"{name} is 'here'"):
            find_socket({name: "here"})


def test_a_usual_data_folder_costs_no_library(tmp_path: Path) -> None:
    code = (
        "import sys; from smysl_daemon.config import find_socket; "
        f"print(find_socket({{'XDG_RUNTIME_DIR': {str(tmp_path)!r}}})); "
        "assert not sys.modules.keys() & {'platformdirs', 'hashlib'}"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == str(tmp_path / "smysl" / "smysld.sock")
