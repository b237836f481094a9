"""Makes the offline bundle: wheels of smysl and of everything it needs, engines, and an install script.

`python packaging/bundle.py [-o FILE] [--engine NAME ...]`, or `make bundle`. For the Python and the sort of
machine that runs it; the wheels come from the package index that pip is set to, at the versions of constraints.txt.
"""

import argparse
import hashlib
import platform
import shutil
import subprocess
import sys
import tarfile
import tempfile
from collections.abc import Sequence
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
SCRIPT = Path(__file__).with_name("install.sh")
BUNDLED = "zerno"


def main() -> None:
    options = _parser().parse_args()
    version = _version()
    name = f"smysl-{version}-{tag()}"
    target = options.output or ROOT / "dist" / f"{name}.tar"
    with tempfile.TemporaryDirectory(prefix="smysl-bundle-") as scratch:
        folder = Path(scratch) / name
        (folder / "wheels").mkdir(parents=True)
        (folder / "engines").mkdir()
        wheels(folder / "wheels", options.pip or ())
        engines(folder / "engines", options.engine or (), Path(scratch) / "data")
        shutil.copy(SCRIPT, folder / "install.sh")
        (folder / "install.sh").chmod(0o755)
        (folder / "FOR").write_text(f"{tag()}\n")
        write_sums(folder)
        pack(folder, target)
    print(f"{target} ({target.stat().st_size / 1e6:.0f} MB)")
    print(f"there: tar xf {target.name} && sh {name}/install.sh")


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("-o", "--output", type=Path, metavar="FILE")
    parser.add_argument(
        "--engine",
        action="append",
        metavar="NAME",
        help="an engine of your store to put in; without one, the bundled model's is built",
    )
    parser.add_argument("--pip", action="append", metavar="OPTION", help="for pip download")
    return parser


def tag() -> str:
    """The Python and the machine for which wheels are chosen; install.sh says the same."""
    major, minor = sys.version_info[:2]
    return f"cp{major}{minor}-{sys.platform}-{platform.machine()}"


def _version() -> str:
    import tomllib

    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    return str(project["version"])


def wheels(folder: Path, options: Sequence[str]) -> None:
    """smysl's own, and those of its dependencies; nothing that would have to be compiled there."""
    pip = [sys.executable, "-m", "pip", "--disable-pip-version-check", "--quiet"]
    _run(*pip, "wheel", "--no-deps", "--wheel-dir", str(folder), *options, str(ROOT))
    (own,) = folder.glob("smysl-*.whl")
    constraints = ROOT / "constraints.txt"
    _run(
        *(*pip, "download", "--only-binary", ":all:", "--dest", str(folder)),
        *("--constraint", str(constraints), *options, str(own)),
    )


def engines(folder: Path, names: Sequence[str], data: Path) -> None:
    """Engine archives: those asked for, or the bundled model's, built in a folder of its own."""
    build = [sys.executable, "-P", "-c", "from smysl_build_engines.app import main; main()"]
    store = [sys.executable, "-P", "-m", "smysl_build_engines.store_app"]
    if names:
        from smysl_engines.shelf import default_shelf

        for name in names:
            _run(*store, str(default_shelf()), "export", "--", name, str(folder / f"{name}.tar"))
        return
    shelf = str(data / "engines")
    _run(*build, "--bundled", "--store", shelf)
    _run(*store, shelf, "export", "--", BUNDLED, str(folder / f"{BUNDLED}.tar"))


def write_sums(folder: Path) -> None:
    """SHA256SUMS of every file, as sha256sum(1) reads it."""
    lines = []
    for file in sorted(path for path in folder.rglob("*") if path.is_file()):
        with file.open("rb") as stream:
            digest = hashlib.file_digest(stream, "sha256").hexdigest()
        lines.append(f"{digest}  {file.relative_to(folder)}\n")
    (folder / "SHA256SUMS").write_text("".join(lines))


def pack(folder: Path, target: Path) -> None:
    """One tar of the folder, put in place in one step. Owners and times are nobody's."""
    target.parent.mkdir(parents=True, exist_ok=True)
    part = target.with_name(f".{target.name}.part")

    def plain(info: tarfile.TarInfo) -> tarfile.TarInfo:
        info.uid = info.gid = 0
        info.uname = info.gname = "root"
        info.mtime = 0
        return info

    try:
        with tarfile.open(part, "w") as tar:
            tar.add(folder, folder.name, filter=plain)
        part.replace(target)
    finally:
        part.unlink(missing_ok=True)


def _run(*command: str) -> None:
    done = subprocess.run(command, stdout=subprocess.DEVNULL)
    if done.returncode:
        sys.exit(f"bundle: {' '.join(command[:6])} ... ended with {done.returncode}")


if __name__ == "__main__":
    main()
