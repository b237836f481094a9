"""Programs in Python: the same steps as in TOML, checked by the same rules, for who composes programs by program.

    program = Build("mine", "two samples and a vote")
    samples = program.step("samples", "candidate", inputs={"question": "question"}, branches=2)
    vote = program.step("vote", "vote", inputs={"others": samples})
    ...
    checked = program.checked(MODULES)

Knows the plain form of a program; what it means is the checker's business.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from smysl_reasoning.checking import Find, checked
from smysl_reasoning.errors import ProgramError
from smysl_reasoning.grammar import ProgramText, StepText
from smysl_reasoning.modules.base import Module, Option
from smysl_reasoning.program import Program


class Build:
    """A program being put together."""

    def __init__(
        self,
        name: str,
        summary: str,
        *,
        inputs: Mapping[str, str] | None = None,
        options: Mapping[str, Option] | None = None,
        source: str = "",
    ) -> None:
        """`inputs`: port -> type; a question unless given."""
        self._written = ProgramText(
            name=name, summary=summary, options=dict(options or {}), source=source
        )
        if inputs is not None:
            self._written.inputs = dict(inputs)

    def step(
        self,
        name: str,
        module: str | None = None,
        *,
        program: str | None = None,
        inputs: Mapping[str, str | Sequence[str]] | None = None,
        **fields: Any,
    ) -> str:
        """Append a step and return its name, to be given to later ones. `fields` are those of a `[[step]]`; `as` is
        written `each`. Raises `ProgramError` for a field or a type that there is not."""
        wired = {
            port: given if isinstance(given, str) else list(given)
            for port, given in (inputs or {}).items()
        }
        written = {"name": name, "module": module, "program": program, "inputs": wired, **fields}
        if "each" in written:
            written["as"] = written.pop("each")
        try:
            self._written.step.append(msgspec.convert(written, StepText))
        except msgspec.ValidationError as error:
            raise ProgramError(f"{self._written.name}: step {name!r}: {error}") from None
        return name

    def checked(self, modules: Mapping[str, Module], find: Find | None = None) -> Program:
        """The program. `find` gives the programs that its steps name. Raises `ProgramError`."""
        return checked(self._written, self._written.name, modules, find)
