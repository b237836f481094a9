"""The offline bundle as it is used: made once, unpacked into a stranger's home, installed without an index,
asked. With it the wheel is installed into a clean virtual environment."""

import os
import subprocess
import sys
import tarfile
import venv
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

ROOT = Path(__file__).parents[2]
SIZE_LIMIT = 300_000_000
"""Bytes of everything that is installed, without pip itself."""
QUESTION = "Tom has 12 apples and gives 5 to Anna. How many are left?"

# the first test waits for two fixtures as well: wheels are fetched, an engine is built, all of it is installed
pytestmark = [pytest.mark.slow, pytest.mark.timeout(1800)]


class Home(NamedTuple):
    """Of somebody who has the bundle and nothing else."""

    folder: Path
    bundle: Path

    @property
    def bin(self) -> Path:
        return self.folder / ".local" / "bin"

    @property
    def app(self) -> Path:
        return self.folder / ".local" / "share" / "smysl-app"

    def run(self, *words: str | Path, **variables: str) -> "subprocess.CompletedProcess[str]":
        env = {
            "HOME": str(self.folder),
            "XDG_RUNTIME_DIR": str(self.folder / "run"),
            "PATH": "/usr/bin:/bin",
            "LANG": "C.UTF-8",
            "PYTHON": sys.executable,
            "PIP_NO_INDEX": "1",  # nor anything else that would reach for the network
            "PIP_CONFIG_FILE": os.devnull,
        }
        return subprocess.run(
            [str(word) for word in words],
            env=env | variables,
            cwd=self.folder,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
        )

    def install(self, *words: str) -> "subprocess.CompletedProcess[str]":
        return self.run("sh", self.bundle / "install.sh", *words)


@pytest.fixture(scope="module")
def unpacked(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The bundle's folder. Making it needs the package index."""
    folder = tmp_path_factory.mktemp("bundle")
    tar = folder / "bundle.tar"
    done = subprocess.run(
        [sys.executable, str(ROOT / "packaging" / "bundle.py"), "-o", str(tar)],
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    assert f"{tar} (" in done.stdout and list(folder.glob(".*.part")) == []
    with tarfile.open(tar) as archive:
        assert {info.uname for info in archive} == {"root"}
        archive.extractall(folder, filter="data")
    tar.unlink()
    (made,) = folder.iterdir()
    return made


@pytest.fixture(scope="module")
def home(unpacked: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Home]:
    """Where it is installed."""
    home = Home(tmp_path_factory.mktemp("home"), unpacked)
    (home.folder / "run").mkdir(mode=0o700)
    done = home.install("--prefix", ".local/share/smysl-app")  # from where one happens to be
    assert done.returncode == 0, done.stderr
    assert f"its commands in {home.bin}" in done.stdout
    yield home
    home.run(home.bin / "smysl", "daemon", "stop", "--now")


def test_the_first_question_is_answered_without_a_network_or_a_build(home: Home) -> None:
    done = home.run(home.bin / "smysl", "-q", QUESTION)
    assert (done.returncode, done.stdout) == (0, "7\n"), done.stderr
    log = (home.folder / ".local/share/smysl/log/smysld.log").read_text()
    assert "building the engine" not in log  # it came with the bundle
    listed = home.run(home.bin / "smysl", "engines", "verify")
    assert listed.returncode == 0 and "zerno" in listed.stdout and "loaded" in listed.stdout


def test_the_installation_is_whole(home: Home) -> None:
    share = home.app / "share"
    dirs = home.run(home.bin / "smysl", "dirs").stdout
    assert str(share / "smysl" / "models") in dirs
    units = home.run(home.bin / "smysl", "service", "install", "--dry-run")
    assert units.returncode == 0 and f"ExecStart={home.app}/bin/smysld" in units.stdout
    doctor = home.run(home.bin / "smysl", "doctor")
    assert doctor.returncode == 0, doctor.stdout
    page = (share / "man/man1/smysl.1").read_text()
    assert page.startswith(".TH SMYSL 1") and "smysl models use" in page
    zsh = (share / "zsh/site-functions/_smysl").read_text()
    assert zsh.startswith("#compdef smysl\n")
    assert (share / "fish/vendor_completions.d/smysl.fish").read_text().startswith("complete ")


def test_the_installation_is_small(home: Home) -> None:
    files = [path for path in home.app.rglob("*") if path.is_file() and not path.is_symlink()]
    tools = ("pip", "setuptools")
    own = [
        path
        for path in files
        if not any(part.startswith(tools) for part in path.relative_to(home.app).parts)
    ]
    assert sum(path.stat().st_size for path in own) < SIZE_LIMIT


def test_pip_makes_the_wheel_with_nothing_but_what_the_build_asks_for(tmp_path: Path) -> None:
    venv.create(tmp_path / "env", with_pip=True)
    words = ["wheel", "--quiet", "--no-deps", "--wheel-dir", str(tmp_path), str(ROOT)]
    done = subprocess.run(
        [str(tmp_path / "env" / "bin" / "python"), "-m", "pip", *words],
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    (wheel,) = tmp_path.glob("smysl-*.whl")
    with zipfile.ZipFile(wheel) as archive:
        assert any(name.endswith("share/man/man1/smysl.1") for name in archive.namelist())


def test_bash_completes_with_the_script_that_was_installed(home: Home) -> None:
    script = home.app / "share/bash-completion/completions/smysl"
    code = (
        f"source {script}; COMP_WORDS=(smysl con); COMP_CWORD=1; _smysl_completion smysl; "
        'echo "${COMPREPLY[*]}"'
    )
    done = home.run("bash", "-c", code, PATH=f"{home.bin}:/usr/bin:/bin")
    assert (done.stdout, done.stderr) == ("config\n", "")


def test_installing_again_repairs(home: Home) -> None:
    victim = next(home.app.glob("lib/python3*/site-packages/smysl_cli/app.py"))
    victim.unlink()
    assert home.run(home.bin / "smysl", "--version").returncode != 0
    assert home.install().returncode == 0
    assert home.run(home.bin / "smysl", "--version").stdout.startswith("smysl ")


def test_a_damaged_bundle_and_a_strange_python_are_refused(unpacked: Path, tmp_path: Path) -> None:
    home = Home(tmp_path, unpacked)
    (tmp_path / "python").write_text(
        '#!/bin/sh\ncase "$2" in *sys.exit*) exit 0;; *cp%d*) echo cp399-linux-m68k;; esac\n'
    )
    (tmp_path / "python").chmod(0o755)
    strange = home.install("--python", str(tmp_path / "python"))
    assert strange.returncode == 1 and "is cp399-linux-m68k" in strange.stderr
    missing = home.install("--python", "no-such-python")
    assert missing.returncode == 1 and "there is no no-such-python" in missing.stderr
    assert home.install("--prefix").returncode == 1
    assert home.install("--verbose").returncode == 2
    engine = next((unpacked / "engines").glob("*.tar"))
    whole = engine.read_bytes()
    engine.write_bytes(whole[:-1] + b"x")
    try:
        damaged = home.install()
        assert damaged.returncode == 1 and "the bundle is damaged; copy it again" in damaged.stderr
    finally:
        engine.write_bytes(whole)
    assert not home.app.exists()
