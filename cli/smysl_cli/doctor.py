"""`smysl doctor`: looks at everything an answer needs and names the remedy for what is missing.

Changes nothing and starts nothing.
"""

import os
import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import msgspec

from smysl_cli import output
from smysl_cli.diagnostics import CommandFailed
from smysl_cli.options import Json
from smysl_daemon.client import connect
from smysl_daemon.config import Dirs, find_dirs, load_config, model_folder, models_dir
from smysl_daemon.errors import DaemonError, NoDaemon
from smysl_daemon.protocol import EngineList, ListEngines

LIBRARIES = ("numpy", "onnx", "onnxruntime", "tokenizers")
FREE_BYTES = 200_000_000
IMPORT_LIMIT_S = 60.0


class Check(msgspec.Struct, frozen=True, kw_only=True):
    name: str
    ok: bool
    detail: str
    remedy: str = ""
    """What to do; empty when all is well."""


def doctor(json: Json = False) -> None:
    """Check the installation; every problem comes with its remedy."""
    checks = list(_checks())
    if json:
        output.say_json(checks)
    else:
        for check in checks:
            output.say(f"{'ok  ' if check.ok else 'FAIL'}  {check.name:<10} {check.detail}")
            if check.remedy:
                output.say(f"      {'':<10} -> {check.remedy}")
    failed = [check.name for check in checks if not check.ok]
    if failed:
        raise CommandFailed(f"{len(failed)} of {len(checks)} checks failed: {', '.join(failed)}")


def _checks() -> Iterator[Check]:
    yield _python()
    yield _libraries()
    try:
        dirs = find_dirs()
        config = load_config(dirs.config_file)
        yield Check(name="config", ok=True, detail=str(dirs.config_file))
    except DaemonError as error:
        yield Check(name="config", ok=False, detail=str(error), remedy="correct the named value")
        return
    for name, path in (
        ("data", dirs.data),
        ("cache", dirs.cache),
        ("runtime", dirs.socket.parent),
    ):
        yield _folder(name, path)
    yield _model(config.model)
    yield _database(dirs.database)
    yield from _daemon(dirs)


def _python() -> Check:
    version = ".".join(map(str, sys.version_info[:3]))
    return Check(
        name="python",
        ok=sys.version_info >= (3, 11),
        detail=f"{version} at {sys.executable}",
        remedy="" if sys.version_info >= (3, 11) else "use Python 3.11 or later",
    )


def _libraries() -> Check:
    """In a process of its own: this client must not load them."""
    code = f"import {', '.join(LIBRARIES)}; print(onnxruntime.__version__)"
    try:
        done = subprocess.run(
            [sys.executable, "-P", "-c", code],
            capture_output=True,
            text=True,
            timeout=IMPORT_LIMIT_S,
        )
        problem = done.stderr.strip().splitlines()[-1] if done.returncode else ""
    except subprocess.TimeoutExpired:
        problem = f"importing took over {IMPORT_LIMIT_S:g} s"
    return Check(
        name="libraries",
        ok=not problem,
        detail=problem or f"onnxruntime {done.stdout.strip()}",
        remedy="install smysl again into this Python: pip install --force-reinstall smysl"
        if problem
        else "",
    )


def _folder(name: str, path: Path) -> Check:
    there = path
    while not there.exists() and there != there.parent:
        there = there.parent
    if not there.is_dir() or not os.access(there, os.W_OK | os.X_OK):
        variable = f"SMYSL_{name.upper()}_DIR"
        return Check(
            name=name,
            ok=False,
            detail=f"{path}: {there} is not a writable folder",
            remedy=f"make it writable, or set {variable} to another folder",
        )
    free = shutil.disk_usage(there).free
    if name != "runtime" and free < FREE_BYTES:
        return Check(
            name=name,
            ok=False,
            detail=f"{path}: {free / 1e6:.0f} MB free, {FREE_BYTES / 1e6:.0f} MB wanted",
            remedy="free some space on this disk",
        )
    return Check(name=name, ok=True, detail=str(path))


def _model(name: str) -> Check:
    try:
        return Check(name="model", ok=True, detail=str(model_folder(name, models_dir())))
    except DaemonError as error:
        return Check(
            name="model",
            ok=False,
            detail=str(error),
            remedy="install smysl again, or set SMYSL_MODELS_DIR",
        )


def _database(path: Path) -> Check:
    if not path.exists():
        return Check(name="database", ok=True, detail=f"{path} (not there yet)")
    try:
        connection = sqlite3.connect(f"file:{_quoted(path)}?mode=ro", uri=True, timeout=5)
        try:
            (verdict,) = connection.execute("PRAGMA quick_check(1)").fetchone()
        finally:
            connection.close()
    except sqlite3.Error as error:
        verdict = str(error)
    ok = verdict == "ok"
    return Check(
        name="database",
        ok=ok,
        detail=f"{path}" if ok else f"{path}: {verdict}",
        remedy="" if ok else "stop the daemon, move the file away, and restore a backup if any",
    )


def _quoted(path: Path) -> str:
    from urllib.parse import quote

    return quote(str(path))


def _daemon(dirs: Dirs) -> Iterator[Check]:
    try:
        with connect(dirs, start=False) as client:
            welcome = client.welcome
            yield Check(
                name="daemon", ok=True, detail=f"runs, pid {welcome.pid}, {welcome.version}"
            )
            reply = client.ask(ListEngines(verify=True))
    except NoDaemon:
        yield Check(name="daemon", ok=True, detail="does not run; the first question starts it")
        return
    except DaemonError as error:
        yield Check(
            name="daemon",
            ok=False,
            detail=str(error),
            remedy="smysl daemon restart; smysl daemon logs",
        )
        return
    assert isinstance(reply, EngineList)
    broken = [f"{one.fingerprint[:12]}: {one.problem}" for one in reply.engines if one.problem]
    yield Check(
        name="engines",
        ok=not broken,
        detail="; ".join(broken) or f"{len(reply.engines)} verified",
        remedy="`smysl daemon restart` rebuilds the bundled engine" if broken else "",
    )
