"""`smysl models ...`: which models there are, and which one answers.

Knows model folders, manifests and whom to ask; never what a model is made of.
"""

from pathlib import Path
from typing import Annotated, Any

import msgspec
import typer

from smysl_cli import asking, completing, diagnostics, output, settings
from smysl_cli.diagnostics import UsageError
from smysl_cli.options import Json
from smysl_cli.stored import is_meant, stored_engines
from smysl_daemon.client import Client, connect
from smysl_daemon.config import (
    Dirs,
    find_dirs,
    is_server,
    load_config,
    model_folder,
    models_dir,
)
from smysl_daemon.errors import BadConfig, NoDaemon
from smysl_daemon.protocol import DaemonStatus, GetStatus, ModelUsed, UseModel

models = typer.Typer(help="The models that can answer, and which one does.", no_args_is_help=True)
Name = Annotated[
    str,
    typer.Argument(
        metavar="MODEL",
        help="A model's name, the path or URL of one, or the beginning of an engine's fingerprint.",
        autocompletion=completing.models,
    ),
]
SHORT = 12
"""Characters of a fingerprint that are shown."""
SERVER = "openai"
"""The backend of a model that a server runs; the device is its address then."""


class Listed(msgspec.Struct, frozen=True, kw_only=True):
    """A model, from its folder, from the store, from both, or what answers now without being in either."""

    model: str
    source: str | None
    """Its checkpoint; None of an engine that came from elsewhere."""
    engines: list[dict[str, Any]]
    """Of the store: fingerprint, backend, precision, size in bytes."""
    loaded: bool
    """It answers new questions now."""
    configured: bool
    """The next daemon begins with it."""


@models.command("list")
def list_models(json: Json = False) -> None:
    """Models of the models folder, engines of the store, and what answers now. Starts no daemon."""
    found = listed(find_dirs())
    if json:
        output.say_json(found)
        return
    rows = []
    for one in found:
        states = ["loaded"] if one.loaded else []
        states += ["set in config.toml"] if one.configured else []
        built = ", ".join(f"{e['precision']} {e['fingerprint'][:SHORT]}" for e in one.engines)
        absent = "not built" if one.source else "not in the store"
        built = "a server" if is_server(one.model) else built or absent
        rows.append((one.model, built, ", ".join(states) or "-", one.source or "-"))
    output.say_table(
        ("MODEL", "ENGINE", "STATE", "CHECKPOINT"),
        rows,
        empty=f"No model in {models_dir()}, and no engine in the store.",
    )


@models.command("use")
def use(
    model: Name,
    save: Annotated[
        bool,
        typer.Option("--save/--no-save", help="Write it to config.toml, for the next daemon too."),
    ] = True,
    json: Json = False,
) -> None:
    """Let another model answer what is asked from now on; runs in progress end with theirs. Its
    engine is built first if need be."""
    if not model.strip():
        raise UsageError(f"model {model!r} names none; say one of `smysl models list`")
    dirs = find_dirs()
    try:
        client = connect(dirs, start=False)
    except NoDaemon:
        _use_later(dirs, model, save, json)
        return
    with client:
        diagnostics.note(f"loading {model} (`smysl daemon logs -f` shows how it goes)")
        request = UseModel(model=_absolute(model), saved=save)
        used = asking.expect(client.ask(request), ModelUsed)
    if save:
        _save(dirs, used.setting)
    if json:
        output.say_json(msgspec.to_builtins(used) | {"saved": save})
        return
    verb = "answers already" if used.before == used.fingerprint else "answers now"
    output.say(f"{used.model} {used.fingerprint[:SHORT]} {verb}")


def _use_later(dirs: Dirs, model: str, save: bool, json: bool) -> None:
    if not save:
        raise UsageError("no daemon runs, so --no-save would change nothing; leave it out")
    setting = _setting(dirs, model)
    _save(dirs, setting)
    if json:
        output.say_json({"model": model, "setting": setting, "loaded": False, "saved": True})
    else:
        output.say(f"{model} is set; no daemon runs, the first question loads it")


def _setting(dirs: Dirs, name: str) -> str:
    """What config.toml is to say. Raises `BadConfig` for a model that is not there."""
    if is_server(name):
        return name
    try:
        folder = model_folder(_absolute(name), models_dir())
    except BadConfig:
        found = [
            one
            for one in stored_engines(dirs.engines)
            if is_meant(name, model=one["model"], fingerprint=one["fingerprint"])
        ]
        if not found:
            raise
        if found[0]["model"] == name:
            return name
        if len(found) > 1:
            raise UsageError(f"{name!r} fits {len(found)} engines; give more of it") from None
        return str(found[0]["fingerprint"])
    return str(folder.resolve()) if "/" in name else name


@models.command("show")
def show(model: Name, json: Json = False) -> None:
    """One model: its checkpoint, its engines and what was measured when they were built."""
    dirs = find_dirs()
    everything = listed(dirs)
    found = [one for one in everything if one.model == model or one.source == _absolute(model)]
    found = found or [
        one for one in everything if any(e["fingerprint"].startswith(model) for e in one.engines)
    ]
    if not found:
        there = ", ".join(one.model for one in everything) or "none"
        raise UsageError(f"no model {model!r}; there: {there}")
    one = found[0]
    if json:
        output.say_json(one)
        return
    lines = [f"model      {one.model}{', answers now' if one.loaded else ''}"]
    lines += [f"checkpoint {one.source}"] if one.source else []
    card = Path(one.source or "") / "README.md"
    lines += [f"card       {card}"] if one.source and card.is_file() else []
    if is_server(one.model):
        lines.append("engine     a server")
    elif not one.engines and one.source is None:
        lines.append("engine     not in the store")
    elif not one.engines:
        lines.append("engine     not built; `smysl models use` or the first question builds it")
    for engine in one.engines:
        lines += _engine_lines(engine)
    output.say("\n".join(lines))


def _engine_lines(engine: dict[str, Any]) -> list[str]:
    shape = engine["architecture"]
    adapters = ", ".join(engine["adapters"]) or "none"
    lines = [
        f"engine     {engine['fingerprint']} ({engine['kind']})",
        f"  built    {engine['backend']}, {engine['precision']}, {engine['size_bytes'] / 1e6:.1f} MB",
    ]
    facts = [
        f"{key.replace('_', ' ')} {value}" for key, value in shape.items() if value is not None
    ]
    if facts:
        lines.append(f"  shape    {', '.join(facts)}")
    return [*lines, f"  adapters {adapters}", f"  on       {engine['hardware']}"]


def listed(dirs: Dirs) -> list[Listed]:
    """Every model, by name."""
    config = load_config(dirs.config_file)
    loaded = _loaded(dirs)
    sources = {path.parent.name: path.parent for path in models_dir().glob("*/config.json")}
    if "/" in config.model and not is_server(config.model):
        path = Path(config.model).expanduser()
        sources.setdefault(path.name, path)
    engines: dict[str, list[dict[str, Any]]] = {}
    for manifest in stored_engines(dirs.engines):
        engines.setdefault(manifest["model"], []).append(_told(manifest))
    found = []
    if is_server(config.model):
        found.append(_beside(config.model, configured=True, loaded=_runs(loaded, config.model)))
    for name in sorted({*sources, *engines}):
        source, own = sources.get(name), engines.get(name, [])
        found.append(
            Listed(
                model=name,
                source=None if source is None else str(source),
                engines=own,
                loaded=loaded is not None
                and any(engine["fingerprint"] == loaded.fingerprint for engine in own),
                configured=config.model in (name, str(source))
                or any(engine["fingerprint"].startswith(config.model) for engine in own),
            )
        )
    if loaded is not None and not any(one.loaded for one in found):
        # chosen for now only, or gone from where it was found
        name = loaded.device if loaded.backend == SERVER else loaded.model
        found.append(_beside(name, configured=False, loaded=True))
    return found


def _told(manifest: dict[str, Any]) -> dict[str, Any]:
    kept = {key: manifest.get(key) for key in ("fingerprint", "backend", "precision", "hardware")}
    return kept | {
        "kind": "decoder" if manifest.get("encoder") is None else "encoder",
        "size_bytes": sum(int(entry["bytes"]) for entry in manifest.get("files", {}).values()),
        "adapters": sorted(manifest.get("adapters") or ()),
        "architecture": manifest.get("architecture") or {},
    }


def _beside(name: str, *, configured: bool, loaded: bool) -> Listed:
    """A model that is neither in the models folder nor in the store."""
    return Listed(model=name, source=None, engines=[], loaded=loaded, configured=configured)


def _runs(status: DaemonStatus | None, url: str) -> bool:
    """The server of this URL answers now."""
    if status is None or status.backend != SERVER or not url.startswith(status.device):
        return False
    return url.removeprefix(status.device).strip("/") in ("", "v1")


def _loaded(dirs: Dirs) -> DaemonStatus | None:
    """What answers now; None where no daemon runs."""
    try:
        client: Client = connect(dirs, start=False)
    except NoDaemon:
        return None
    with client:
        return asking.expect(client.ask(GetStatus()), DaemonStatus)


def _absolute(name: str) -> str:
    # the daemon has another working directory
    named = "/" not in name or is_server(name)
    return name if named else str(Path(name).expanduser().absolute())


def _save(dirs: Dirs, setting: str) -> None:
    settings.write(dirs.config_file, "model", setting)
    diagnostics.note(f"model = {setting!r} in {dirs.config_file}")
