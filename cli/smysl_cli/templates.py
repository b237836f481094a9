"""Stored prompts with variables: `templates/NAME.toml` in the config folder.

Knows files and words; never the daemon. What a template says is what `ask` would have been told.
"""

import difflib
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import msgspec

from smysl_cli.diagnostics import CommandFailed, UsageError
from smysl_cli.schemas import is_file

INPUT = "input"
"""The variable that the words of the command line become."""
NAME = re.compile(r"[a-z0-9][a-z0-9_-]{0,63}")
_VARIABLE = re.compile(r"\{\{|\}\}|\{([a-z_][a-z0-9_]*)\}")


class Template(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A file."""

    prompt: str
    """With `{variable}`s; `{{` and `}}` are braces. Without `{input}` the words follow it."""
    summary: str = ""
    defaults: dict[str, str] = {}
    """Of variables, by name."""
    program: str | None = None
    options: dict[str, Any] = {}
    """Of the program."""
    schema: str | None = None
    """As `--schema`; the name of a file beside the template means that file."""
    extract: bool = False
    """As `-x`."""

    @property
    def variables(self) -> tuple[str, ...]:
        """In the order of their first use, without `input`."""
        found = dict.fromkeys(filter(None, _VARIABLE.findall(self.prompt)))
        return tuple(name for name in found if name != INPUT)

    def filled(self, words: str, given: Mapping[str, str]) -> str:
        """The prompt with everything put in. Raises `UsageError` for a variable that has no value,
        and for a value that has no variable."""
        for name in given:
            if name not in self.variables:
                known = ", ".join(self.variables) or "none"
                raise UsageError(f"the template has no variable {name!r}; it has: {known}")
        values = {**self.defaults, **given, INPUT: words}
        missing = [name for name in self.variables if name not in values]
        if missing:
            raise UsageError(
                f"the template's variable {missing[0]!r} has no value; say --param {missing[0]}=..."
            )

        def put(match: re.Match[str]) -> str:
            return match[0][0] if match[1] is None else values[match[1]]

        text = _VARIABLE.sub(put, self.prompt).strip()
        return text if self.takes_input or not words else f"{text}\n\n{words}"

    def asked(
        self, words: Sequence[str], piped: str | None, given: Mapping[str, str]
    ) -> tuple[list[str], str | None]:
        """The question's words and what is its context. Without words, what is piped in is the
        input. Raises as `filled`, and `UsageError` where the input is missing."""
        said = " ".join(words).strip()
        if not said and piped is not None and piped.strip():
            said, piped = piped.strip(), None
        if not said and self.takes_input:
            raise UsageError("the template wants an {input}; give TEXT, or pipe it in")
        return [self.filled(said, given)], piped

    @property
    def takes_input(self) -> bool:
        return INPUT in _VARIABLE.findall(self.prompt)


def folder(config: Path) -> Path:
    return config / "templates"


def names(config: Path) -> list[str]:
    """Of the files that are there, sound or not."""
    return sorted(path.stem for path in folder(config).glob("*.toml"))


def file_of(config: Path, name: str) -> Path:
    """Where a template of this name lies, or would. Raises `UsageError` for what is no name."""
    if not NAME.fullmatch(name):
        raise UsageError(
            f"{name!r} is no name of a template; use lower-case letters, digits, - and _, at most 64"
        )
    return folder(config) / f"{name}.toml"


def draft_of(path: Path) -> Path:
    """Where a text lies that was to become this template, and has a mistake."""
    return path.with_suffix(".draft")


def load(config: Path, name: str) -> Template:
    """Raises `UsageError` for an unknown name, `CommandFailed` for a file with a mistake."""
    path = file_of(config, name)
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        there = names(config)
        near = difflib.get_close_matches(name, there, n=1)
        listed = f"did you mean {near[0]!r}?" if near else f"there: {', '.join(there) or 'none'}"
        raise UsageError(
            f"no template {name!r} in {folder(config)}; {listed} "
            f"(`smysl templates edit {name}` writes one)"
        ) from None
    except (OSError, UnicodeDecodeError) as error:
        raise CommandFailed(f"cannot read {path}: {error}") from None
    return parsed(text, path)


def parsed(text: str, path: Path) -> Template:
    """Raises `CommandFailed` naming file and mistake."""
    import tomllib  # only for people who have templates

    try:
        template = msgspec.convert(tomllib.loads(text), Template)
    except tomllib.TOMLDecodeError as error:
        raise CommandFailed(f"{path} is not TOML: {error}") from None
    except msgspec.ValidationError as error:
        raise CommandFailed(f"{path}: {error}") from None
    if template.schema is not None and is_file(path.parent / template.schema):
        beside = str(path.parent / template.schema)
        template = msgspec.structs.replace(template, schema=beside)
    if not template.prompt.strip():
        raise CommandFailed(f"{path}: the prompt is empty; write one")
    unused = [name for name in template.defaults if name not in template.variables]
    if unused:
        raise CommandFailed(f"{path}: the prompt has no {{{unused[0]}}}, which has a default")
    return template


def params(pairs: Sequence[str]) -> dict[str, str]:
    """`NAME=VALUE`. Raises `UsageError`."""
    values: dict[str, str] = {}
    for pair in pairs:
        name, equals, value = pair.partition("=")
        if not equals or not name:
            raise UsageError(f"--param {pair!r} has no value; write --param NAME=VALUE")
        values[name] = value
    return values
