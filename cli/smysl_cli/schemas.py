"""`--schema`: what a structured answer looks like, from a file, as JSON, or in a few words.

Knows JSON schema as far as `name type: description` needs it; never models or the daemon.
"""

from pathlib import Path
from typing import Any

import msgspec

from smysl_cli.diagnostics import UsageError

TYPES = {"str": "string", "int": "integer", "float": "number", "bool": "boolean"}
FILE_LIMIT = 64 * 1024
"""Most bytes of a schema: it is part of every prompt."""
HELP = "write a file's name, JSON, or fields: --schema 'name, age int, bio: one sentence'"


def schema_text(given: str) -> str:
    """A JSON schema of an object, as JSON. Raises `UsageError` for what is none."""
    stripped = given.strip()
    if stripped.startswith("{"):
        return _checked(stripped.encode(errors="surrogateescape"), "--schema")
    path = Path(given)
    if is_file(path):
        try:
            with path.open("rb") as file:
                return _checked(file.read(FILE_LIMIT + 1), given)
        except OSError as error:
            raise UsageError(f"cannot read the schema {given}: {error.strerror}") from None
    if given.endswith(".json") or "/" in given.partition(":")[0]:
        raise UsageError(f"there is no schema file {given}; {HELP}")
    return msgspec.json.encode(fields(stripped)).decode()


def is_file(path: Path) -> bool:
    """False also for what is too long, or no name at all."""
    try:
        return path.is_file()
    except (OSError, ValueError):
        return False


def _checked(data: bytes, where: str) -> str:
    if len(data) > FILE_LIMIT:
        raise UsageError(f"{where}: a schema has at most {FILE_LIMIT:,} bytes; this one has more")
    try:
        schema = msgspec.json.decode(data)
    except msgspec.DecodeError as error:
        raise UsageError(f"{where} is no JSON: {error}; {HELP}") from None
    if not isinstance(schema, dict):
        raise UsageError(f"{where}: a JSON schema is an object, not {type(schema).__name__}")
    if schema.get("type", "object") != "object":
        raise UsageError(f"{where}: its type is {schema['type']!r}; answers are objects")
    return msgspec.json.encode(schema).decode()


def fields(text: str) -> dict[str, Any]:
    """A schema from `name [type][: description]`, one a line or with commas between. A type may end
    in `[]`. Raises `UsageError` naming the field."""
    lines = text.splitlines() if "\n" in text else text.split(",")
    properties: dict[str, Any] = {}
    for line in filter(None, (one.strip() for one in lines)):
        words, _, description = line.partition(":")
        name, *kinds = words.split()[:1] + words.split()[1:]
        if len(kinds) > 1 or not name:
            raise UsageError(f"--schema: {line!r} is not `name type: description`; {HELP}")
        if name in properties:
            raise UsageError(f"--schema: the field {name!r} is there twice; rename one")
        field = _typed(kinds[0] if kinds else "str", line)
        if description.strip():
            field["description"] = description.strip()
        properties[name] = field
    if not properties:
        raise UsageError(f"--schema names no field; {HELP}")
    return {
        "type": "object",
        "properties": properties,
        "required": list(properties),
        "additionalProperties": False,
    }


def _typed(kind: str, line: str) -> dict[str, Any]:
    one = kind.removesuffix("[]")
    if one not in TYPES:
        known = ", ".join(TYPES)
        raise UsageError(
            f"--schema: {line!r} has the type {kind!r}; there are {known}, and lists of them: str[]"
        )
    field: dict[str, Any] = {"type": TYPES[one]}
    return {"type": "array", "items": field} if kind != one else field
