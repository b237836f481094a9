"""config.toml as a person's file: what it says, where each value comes from, and changing one line of it.

Knows TOML and the names of settings; never what they mean. Comments and order stay.
"""

import difflib
import fcntl
import os
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import msgspec

from smysl_cli.diagnostics import CommandFailed, UsageError
from smysl_daemon.config import Config, load_config
from smysl_daemon.errors import BadConfig

TABLES_OF_NAMES = ("keys",)
"""Tables whose keys are the person's own."""


class Setting(NamedTuple):
    """One value, and why it is that."""

    key: str
    """With dots between table and key."""
    value: Any
    origin: str
    """`default`, or the file that says so."""


def flat(values: dict[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    """Keys with dots, and their values; an empty table is a value."""
    for key, value in values.items():
        if isinstance(value, dict) and value:
            yield from flat(value, f"{prefix}{key}.")
        else:
            yield f"{prefix}{key}", value


def nested(chosen: Iterable[Setting]) -> dict[str, Any]:
    """The other way round: tables of tables."""
    values: dict[str, Any] = {}
    for one in chosen:
        *tables, name = one.key.split(".")
        table = values
        for each in tables:
            table = table.setdefault(each, {})
        table[name] = one.value
    return values


def in_force(path: Path) -> list[Setting]:
    """Every setting. Raises `BadConfig`."""
    written = dict(flat(_written(path)))
    values = msgspec.to_builtins(load_config(path))
    return [
        Setting(key, value, str(path) if key in written else "default")
        for key, value in flat(values)
    ]


def keys() -> list[str]:
    """Every key that can be set, but those of tables whose keys are the person's own."""
    return [key for key, _ in flat(msgspec.to_builtins(Config()))]


def _written(path: Path) -> dict[str, Any]:
    import tomllib  # for those who look at or change settings

    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return {}
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError):
        load_config(path)  # says what is wrong with it
        raise


def value_of(text: str) -> Any:
    """A TOML value; what is none is a text, as a shell leaves no quotes around it."""
    import tomllib

    try:
        return tomllib.loads(f"value = {text}\n")["value"]
    except tomllib.TOMLDecodeError:
        return text


def write(path: Path, key: str, value: Any) -> None:
    """Set one key, or take it out where `value` is None, so that the default counts. The file is
    replaced in one step and only by one that the daemon takes. Raises `UsageError`, `BadConfig`
    naming key and limit, `CommandFailed`."""
    require_key(key)
    # a link stays one: people keep their settings in a repository
    target = path.resolve()
    try:
        target.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        folder = os.open(target.parent, os.O_RDONLY | os.O_DIRECTORY)
    except OSError as error:
        raise CommandFailed(f"cannot write {path}: {error.strerror}") from None
    try:
        fcntl.flock(folder, fcntl.LOCK_EX)  # what two change at once must both be there
        _write(path, target, key, value)
    finally:
        os.close(folder)


def _write(path: Path, target: Path, key: str, value: Any) -> None:
    import tomlkit  # 30 ms, for this alone
    from tomlkit.exceptions import TOMLKitError

    _written(path)  # a file with a mistake is mended by hand
    before = path.read_text(encoding="utf-8") if path.is_file() else ""
    document = tomlkit.parse(before)
    *tables, name = key.split(".")
    table: Any = document
    for one in tables:
        if one not in table:
            if value is None:
                return
            table[one] = tomlkit.table()
        table = table[one]
    try:
        if value is None:
            table.pop(name, None)
        else:
            table[name] = value
    except (TOMLKitError, TypeError, ValueError) as error:
        raise UsageError(f"{key} cannot be set to {value!r}: {error}") from None
    _replace(path, target, tomlkit.dumps(document))


def require_key(key: str) -> None:
    """Raises `UsageError` with the nearest key."""
    known = keys()
    if key in known or any(f".{table}." in f".{key}" for table in TABLES_OF_NAMES):
        return
    near = difflib.get_close_matches(key, known, n=1)
    said = f"did you mean {near[0]!r}?" if near else f"the keys are {', '.join(known)}"
    raise UsageError(f"no setting {key!r}; {said}")


def _replace(path: Path, target: Path, text: str) -> None:
    part = target.with_name(f".{target.name}.part")
    try:
        with part.open("w", encoding="utf-8") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())  # a power cut must not leave an empty file in its place
        try:
            load_config(part)
        except BadConfig as error:
            raise BadConfig(str(error).replace(str(part), str(path))) from None
        if target.exists():
            part.chmod(target.stat().st_mode & 0o777)
        os.replace(part, target)
    except OSError as error:
        raise CommandFailed(f"cannot write {path}: {error.strerror}") from None
    finally:
        part.unlink(missing_ok=True)
