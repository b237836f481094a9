"""`smysl doctor`: looks at everything an answer needs and names the remedy for what is missing.

Changes nothing and starts no daemon. What it says of the machine, and of what fits on it, comes from
`smysl-build --hardware`.
"""

import os
import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import msgspec
import typer

from smysl_cli import engine_commands, external, output, templates
from smysl_cli.diagnostics import CommandFailed
from smysl_cli.stored import is_meant, stored_engines
from smysl_daemon.client import connect
from smysl_daemon.config import (
    Config,
    Dirs,
    find_dirs,
    is_server,
    load_config,
    model_folder,
    models_dir,
    server_key,
    tokenizer_folder,
)
from smysl_daemon.errors import DaemonError, NoDaemon

LIBRARIES = ("numpy", "onnx", "onnxruntime", "tokenizers")
FREE_BYTES = 200_000_000
IMPORT_LIMIT_S = 60.0
LOOK_LIMIT_S = 120.0


class Check(msgspec.Struct, frozen=True, kw_only=True):
    name: str
    ok: bool
    detail: str
    remedy: str = ""
    """What to do; empty when all is well."""


class Machine(msgspec.Struct, frozen=True):
    """What `smysl-build --hardware --json` says."""

    hardware: dict[str, Any]
    fit: dict[str, Any] | None
    lines: tuple[str, ...]


def doctor(source: str | None, gpus: Sequence[str], context: int | None, json: bool) -> None:
    """Print every check, then the machine; ends in `CommandFailed` if one failed."""
    try:
        dirs = find_dirs()
        config = load_config(dirs.config_file)
    except DaemonError as error:
        problem = Check(
            name="config", ok=False, detail=str(error), remedy="correct the named value"
        )
        checks, machine = [_python(), _libraries(), problem], None
    else:
        looked = _look(source or _configured(config), gpus, context)
        machine = looked if isinstance(looked, Machine) else None
        checks = list(_checks(dirs, config, looked, whose=source))
    if json:
        output.say_json(
            {
                "checks": checks,
                "hardware": machine and machine.hardware,
                "fit": machine and machine.fit,
            }
        )
    else:
        for check in checks:
            output.say(f"{'ok  ' if check.ok else 'FAIL'}  {check.name:<10} {check.detail}")
            if check.remedy:
                output.say(f"      {'':<10} -> {check.remedy}")
        if machine is not None:
            output.say("\n".join(["", *machine.lines]))
    failed = [check.name for check in checks if not check.ok]
    if failed:
        raise CommandFailed(f"{len(failed)} of {len(checks)} checks failed: {', '.join(failed)}")


def _checks(
    dirs: Dirs, config: Config, looked: Machine | str, whose: str | None
) -> Iterator[Check]:
    """`whose`: the model that was asked about, instead of the one that is set."""
    yield _python()
    yield _libraries()
    yield Check(name="config", ok=True, detail=str(dirs.config_file))
    yield _templates(dirs.config)
    for name, path in (
        ("data", dirs.data),
        ("cache", dirs.cache),
        ("runtime", dirs.socket.parent),
    ):
        yield _folder(name, path)
    yield _server(config) if is_server(config.model) else _model(config.model, dirs.engines)
    yield _database(dirs.database)
    yield _daemon(dirs)
    yield from _engines(config)
    if isinstance(looked, str):
        yield Check(
            name="machine",
            ok=False,
            detail=looked,
            remedy="correct what it names, or install smysl again",
        )
    else:
        yield _processor(looked.hardware)
        # a question about another model is no fault of this installation
        yield _memory(looked, needed=whose is None)
        yield _gpu(looked.hardware)


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
    return Check(name=name, ok=True, detail=f"{path}, {free / 1e9:.1f} GB free")


def _model(name: str, store: Path) -> Check:
    try:
        return Check(name="model", ok=True, detail=str(model_folder(name, models_dir())))
    except DaemonError as error:
        if any(
            is_meant(name, model=one["model"], fingerprint=one["fingerprint"])
            for one in stored_engines(store)
        ):
            return Check(name="model", ok=True, detail=f"{name}, an engine of {store}")
        return Check(
            name="model",
            ok=False,
            detail=str(error),
            remedy="install smysl again, or set SMYSL_MODELS_DIR",
        )


def _server(config: Config) -> Check:
    """A server is asked for its models, as any client may."""
    import httpx2  # an HTTP client: for this check only

    url = config.model.rstrip("/").removesuffix("/v1")
    detail = f"{url} (OpenAI-compatible server)"
    try:
        folder = tokenizer_folder(config.openai, models_dir())
        key = server_key(config.openai)
    except DaemonError as error:
        return Check(
            name="model", ok=False, detail=f"{detail}: {error}", remedy="correct [openai] in config"
        )
    try:
        found = httpx2.get(
            f"{url}/v1/models",
            headers={"Authorization": f"Bearer {key}"} if key else {},
            timeout=config.openai.connect_seconds,
        ).raise_for_status()
        names = ", ".join(str(one["id"]) for one in found.json()["data"])
    except (httpx2.HTTPError, httpx2.InvalidURL, ValueError, LookupError, TypeError) as error:
        return Check(
            name="model",
            ok=False,
            detail=f"{detail} cannot be used: {str(error) or type(error).__name__}",
            remedy="start the server, or correct `model` (its URL) and [openai] in config.toml; the daemon "
            "needs no restart when the server comes back",
        )
    return Check(name="model", ok=True, detail=f"{detail} has {names}; tokenizer {folder}")


def _templates(config: Path) -> Check:
    """Stored prompts, which nothing else reads until one is used."""
    problems = []
    names = templates.names(config)
    for name in names:
        try:
            templates.load(config, name)
        except CommandFailed as error:
            problems.append(str(error))
    return Check(
        name="templates",
        ok=not problems,
        detail="; ".join(problems) or f"{len(names)} sound",
        remedy="smysl templates edit NAME" if problems else "",
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


def _daemon(dirs: Dirs) -> Check:
    try:
        with connect(dirs, start=False) as client:
            welcome = client.welcome
            return Check(
                name="daemon", ok=True, detail=f"runs, pid {welcome.pid}, {welcome.version}"
            )
    except NoDaemon:
        return Check(name="daemon", ok=True, detail="does not run; the first question starts it")
    except DaemonError as error:
        return Check(
            name="daemon",
            ok=False,
            detail=str(error),
            remedy="smysl daemon restart; smysl daemon logs",
        )


def _engines(config: Config) -> Iterator[Check]:
    """The store, and in it the engine of the model that is set."""
    try:
        found = engine_commands.stored(verify=True)
    except (DaemonError, CommandFailed, typer.Exit) as error:
        detail = str(error) if not isinstance(error, typer.Exit) else "the store cannot be read"
        yield Check(name="engines", ok=False, detail=detail, remedy="smysl engines verify")
        return
    broken = [f"{one.fingerprint[:12]}: {one.problem}" for one in found if one.problem]
    yield Check(
        name="engines",
        ok=not broken,
        detail="; ".join(broken) or f"{len(found)} verified",
        remedy="`smysl build` builds an engine again, `smysl daemon restart` the bundled one, "
        "`smysl engines delete` removes one"
        if broken
        else "",
    )
    if is_server(config.model):
        return
    name = Path(config.model).name
    built = [
        one
        for one in found
        if is_meant(name, model=one.model, fingerprint=one.fingerprint) and not one.problem
    ]
    detail = f"{name} is built: {built[0].fingerprint[:12]}" if built else ""
    yield Check(
        name="built", ok=True, detail=detail or f"{name} is not built; the first question does it"
    )


def _configured(config: Config) -> str | None:
    try:
        return str(model_folder(config.model, models_dir()))
    except DaemonError:
        return None  # which has a check of its own


def _look(source: str | None, gpus: Sequence[str], context: int | None) -> Machine | str:
    """The machine, or why it could not be looked at."""
    words = ["--hardware", "--json"]
    for gpu in gpus:
        words += ["--gpu", gpu]
    if context is not None:
        words += ["--context", str(context)]
    if source is not None:
        words += ["--", source]
    try:
        done = subprocess.run(
            [*external.program("build"), *words],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=LOOK_LIMIT_S,
        )
    except subprocess.TimeoutExpired:
        return f"looking at it took over {LOOK_LIMIT_S:g} s"
    except OSError as error:
        return f"smysl-build cannot be started: {error.strerror}"
    if done.returncode:
        last = (done.stderr.strip().splitlines() or ["smysl-build failed"])[-1]
        return last.removeprefix("smysl-build: ")
    return msgspec.json.decode(done.stdout, type=Machine)


def _processor(hardware: dict[str, Any]) -> Check:
    cpu = hardware["cpu"]
    features = cpu["features"]
    if features is None:
        detail = "features unknown"
    else:
        there = [name for name, found in features.items() if found]
        detail = ", ".join(there) or "none of the fast instructions: answers will be slow"
    return Check(name="processor", ok=True, detail=f"{cpu['model'] or 'unknown'}: {detail}")


def _memory(machine: Machine, needed: bool) -> Check:
    available = machine.hardware["memory"]["available_bytes"]
    if available is None:
        return Check(name="memory", ok=True, detail="unknown")
    here = f"{available / 1e9:.1f} GB available"
    rows = machine.fit["rows"] if machine.fit is not None else []
    on_cpu = [row for row in rows if row["device"] == "CPU"]
    if not needed or not on_cpu or any(row["fits"] for row in on_cpu):
        return Check(name="memory", ok=True, detail=here)
    least = min(on_cpu, key=lambda row: int(row["needed_bytes"]))
    assert machine.fit is not None
    return Check(
        name="memory",
        ok=False,
        detail=f"{here}; {machine.fit['model']} takes {least['needed_bytes'] / 1e9:.1f} GB in "
        f"{least['precision']} with {least['context']} tokens",
        remedy="close other programs, choose a shorter --context or a smaller model",
    )


def _gpu(hardware: dict[str, Any]) -> Check:
    if problem := hardware["gpu_problem"]:
        what, _, remedy = str(problem).partition("; ")
        return Check(name="gpu", ok=False, detail=what, remedy=remedy)
    names = ", ".join(gpu["name"] for gpu in hardware["gpus"])
    return Check(name="gpu", ok=True, detail=names or "none; answers need none")
