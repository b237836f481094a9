"""summarise: a question, with its context, in a few sentences."""

from smysl_reasoning.modules.base import CHAT, Module, Option, Port
from smysl_reasoning.modules.chat import summarise

MODULE = Module(
    name="summarise",
    version=1,
    summary="say in a few sentences what a question and its context are about",
    inputs={"question": Port("question")},
    output="text",
    run=summarise.run,
    shape=summarise.shape,
    dialects=CHAT,
    options={"sentences": Option(default=3, minimum=1, maximum=20, help="most sentences")},
)
