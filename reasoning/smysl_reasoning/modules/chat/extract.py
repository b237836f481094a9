"""extract: one greedy call under the schema."""

import json

from smysl_engines.base import JsonSchema
from smysl_reasoning.dialects.chat import Part
from smysl_reasoning.errors import ProgramError
from smysl_reasoning.modules.base import (
    Asked,
    CallShape,
    Derived,
    Inputs,
    Planning,
    Settings,
    Written,
)
from smysl_reasoning.modules.chat import talk
from smysl_reasoning.workbench import Workbench

LABEL = "extract@1"
SYSTEM = """
Write what the text says as one JSON object of this schema, and nothing else. Take everything from the text; invent
nothing.

"""


async def run(bench: Workbench, inputs: Inputs, settings: Settings) -> Written:
    asked = inputs.one("question", Asked)
    derived = inputs.maybe("derivation", Derived)
    schema = require_schema("extract: option 'schema'", str(settings["schema"]))
    parts: list[Part | str] = [talk.question(asked)]
    rests = list(asked.inputs)
    if derived is not None:
        rests += talk.derivation_inputs("derivation", derived)
        parts += ["\n\n", Part("derivation", talk.derivation_text(derived))]
    messages = [talk.system(SYSTEM + schema), talk.user(*parts)]
    return await talk.written(
        bench, LABEL, messages, rests, name="object", constraint=JsonSchema(schema)
    )


def require_schema(what: str, text: str) -> str:
    """Raises `ProgramError` for a text that is no JSON schema of an object."""
    try:
        schema = json.loads(text)
    except ValueError as error:
        raise ProgramError(f"{what} is no JSON: {error}") from None
    if not isinstance(schema, dict):
        raise ProgramError(f"{what} is {text[:60]!r}; a JSON schema is an object")
    return text


def shape(planning: Planning) -> list[CallShape]:
    return talk.shape(
        planning, SYSTEM + str(planning.settings["schema"]), generates=60, thinking=False
    )
