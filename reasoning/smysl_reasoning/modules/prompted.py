"""Modules written as data: a TOML file with a prompt becomes a module for chat models.

Knows the files' grammar and where they lie; what a module says to a model is in `chat.prompted`.
"""

import re
import tomllib
from collections.abc import Mapping, Sequence
from functools import partial
from importlib.metadata import entry_points
from importlib.resources import files
from importlib.resources.abc import Traversable
from pathlib import Path
from typing import Literal, NamedTuple

import msgspec

from smysl_reasoning.errors import ModuleError, ProgramError
from smysl_reasoning.modules.base import CHAT, Module, Option, OptionError, Port
from smysl_reasoning.modules.chat import prompted
from smysl_reasoning.modules.chat.extract import require_schema
from smysl_reasoning.modules.chat.prompted import PLACE, Prompt

PLUGINS = "smysl.modules"
"""Entry point group: each names a `Module`, or a package whose `*.toml` files are modules."""
NAME = re.compile(r"[a-z][a-z0-9_-]{0,39}")
READ = ("question", "plan", "derivation", "critique", "check", "text")
"""Types of values that can stand in a prompt."""


class _ChatText(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    """`[chat]`"""

    user: str
    system: str = ""
    schema: str | None = None
    choice: list[str] | None = None
    temperature: float = 0.0
    max_tokens: int = 512


class _ModuleText(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    """A module file."""

    name: str
    summary: str
    output: Literal["text", "derivation", "route", "check"]
    chat: _ChatText
    version: int = 1
    inputs: dict[str, str] = msgspec.field(default_factory=lambda: {"question": "question"})
    """Port -> type; with `*` it takes many, with `?` it may be left out."""
    options: dict[str, Option] = {}


class Loaded(NamedTuple):
    """Modules by name, and what is wrong with those that cannot be used."""

    modules: Mapping[str, Module]
    refused: Mapping[str, ModuleError]
    """By the name that the module would have; the message names file and key."""


def plugged_in() -> Loaded:
    """The modules of plug-ins."""
    found: dict[str, Module] = {}
    refused: dict[str, ModuleError] = {}
    for point in entry_points(group=PLUGINS):
        try:
            loaded = point.load()
            names = [] if isinstance(loaded, Module) else _tomls(files(point.value))
        except Exception as error:  # a plug-in's own code
            what = ModuleError(f"plug-in {point.value}: cannot be loaded: {error}")
            refused[f"plug-in {point.name}"] = what
            continue
        if isinstance(loaded, Module):
            found[loaded.name] = loaded
        _add(names, found, refused, f"{point.value}/")
    return Loaded(found, refused)


def load_modules(folders: Sequence[Path]) -> Loaded:
    """The modules of `folders`, of which a later one replaces an earlier one of its name."""
    found: dict[str, Module] = {}
    refused: dict[str, ModuleError] = {}
    for folder in folders:
        if folder.is_dir():
            _add(_tomls(folder), found, refused, f"{folder}/")
    return Loaded(found, refused)


def _add(
    every: Sequence[Traversable],
    found: dict[str, Module],
    refused: dict[str, ModuleError],
    within: str,
) -> None:
    """Read module files. `within`: what errors call their folder."""
    for file in every:
        name = file.name.removesuffix(".toml")
        try:
            found[name] = _read(file, f"{within}{file.name}")
        except ModuleError as error:
            refused[name] = error
        else:
            refused.pop(name, None)


def read_module(text: str, at: str) -> Module:
    """The module that a file's text describes. Raises `ModuleError` naming `at` and the key."""
    try:
        written = msgspec.convert(tomllib.loads(text), _ModuleText)
    except (tomllib.TOMLDecodeError, msgspec.ValidationError) as error:
        raise ModuleError(f"{at}: {str(error).replace('$.', '')}") from None
    chat = written.chat
    if not NAME.fullmatch(written.name):
        raise ModuleError(
            f"{at}: name {written.name!r} must be lower-case letters, digits, - or _, at most 40"
        )
    ports = {name: _port(name, type, at) for name, type in written.inputs.items()}
    for name, option in written.options.items():
        try:
            option.settle(name, option.default)
        except OptionError as error:
            raise ModuleError(f"{at}: options: default of {error}") from None
        if name in ports:
            raise ModuleError(f"{at}: options: {name!r} is an input already; name it otherwise")
    if not chat.user.strip():
        raise ModuleError(f"{at}: chat.user is empty; write what the model is asked")
    for key, prompt in (("chat.system", chat.system), ("chat.user", chat.user)):
        _places(f"{at}: {key}", prompt, ports, written.options)
    _constraint(chat, written.output, at)
    if not 0 <= chat.temperature <= 2:
        raise ModuleError(f"{at}: chat.temperature is {chat.temperature}; it must be from 0 to 2")
    if not 1 <= chat.max_tokens <= 65_536:
        raise ModuleError(f"{at}: chat.max_tokens is {chat.max_tokens}; it must be from 1 to 65536")
    label = f"{written.name}@{written.version}"
    asked = Prompt(
        label=label,
        system=chat.system,
        user=chat.user,
        ports=tuple(ports),
        output=written.output,
        schema=chat.schema,
        choice=tuple(chat.choice or ()),
        temperature=chat.temperature,
        max_tokens=chat.max_tokens,
    )
    return Module(
        name=written.name,
        version=written.version,
        summary=written.summary,
        inputs=ports,
        output=written.output,
        run=partial(prompted.run, asked),
        shape=partial(prompted.shape, asked),
        options=written.options,
        dialects=CHAT,
    )


def _read(file: Traversable, at: str) -> Module:
    try:
        text = file.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise ModuleError(f"{at}: cannot be read: {error}") from None
    module = read_module(text, at)
    if file.name != f"{module.name}.toml":
        raise ModuleError(f"{at}: name is {module.name!r}; name the file {module.name}.toml")
    return module


def _port(name: str, written: str, at: str) -> Port:
    type = written.rstrip("*?")
    if (
        not NAME.fullmatch(name)
        or type not in READ
        or written[len(type) :] not in ("", "*", "?", "*?")
    ):
        raise ModuleError(
            f"{at}: inputs.{name} is {written!r}; an input has a lower-case name and one of the types "
            f"{', '.join(READ)}, with * for many and ? where it may be left out"
        )
    return Port(type, many="*" in written, optional="?" in written)


def _places(
    where: str, prompt: str, ports: Mapping[str, Port], options: Mapping[str, Option]
) -> None:
    for match in PLACE.finditer(prompt):
        name = match["name"]
        if name is not None and name not in ports and name not in options:
            known = ", ".join([*ports, *options])
            raise ModuleError(
                f"{where} names {{{name}}}; there are: {known}. A brace of your own is written twice"
            )


def _constraint(chat: _ChatText, output: str, at: str) -> None:
    if chat.schema is not None and chat.choice is not None:
        raise ModuleError(f"{at}: chat.schema and chat.choice do not go together; take one out")
    if chat.schema is not None:
        try:
            require_schema(f"{at}: chat.schema", chat.schema)
        except ProgramError as error:
            raise ModuleError(str(error)) from None
    if chat.choice is not None:
        options = [one for one in chat.choice if one.strip()]
        if len(options) < 2 or len(set(chat.choice)) != len(chat.choice) or options != chat.choice:
            raise ModuleError(f"{at}: chat.choice needs at least two texts, all different")
    if output in ("route", "check") and chat.choice is None:
        raise ModuleError(
            f"{at}: chat.choice is missing; a {output} is chosen"
            + (", and its probability is that of the first text" if output == "check" else "")
        )


def _tomls(folder: Traversable | Path) -> list[Traversable]:
    found = [file for file in folder.iterdir() if file.name.endswith(".toml")]
    return sorted(found, key=lambda file: file.name)
