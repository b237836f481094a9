"""extract: what a question or a derivation says, as a JSON object under a schema."""

from smysl_reasoning.modules.base import CHAT, Module, Option, Port
from smysl_reasoning.modules.chat import extract

MODULE = Module(
    name="extract",
    version=1,
    summary="write what a question or a derivation says as a JSON object",
    inputs={"question": Port("question"), "derivation": Port("derivation", optional=True)},
    output="text",
    run=extract.run,
    shape=extract.shape,
    dialects=CHAT,
    options={
        "schema": Option(
            default='{"type": "object", "properties": {"answer": {"type": "string", "maxLength": 300}}, '
            '"required": ["answer"], "additionalProperties": false}',
            help="JSON schema of the object, as a text",
        )
    },
)
