"""decompose: a question as a list of simpler ones, to be answered in order (Zhou et al., "Least-to-Most Prompting",
2022).
"""

from smysl_reasoning.modules.base import CHAT, Module, Option, Port
from smysl_reasoning.modules.chat import decompose

MODULE = Module(
    name="decompose",
    version=1,
    summary="break a question into simpler ones, to be answered in order",
    inputs={"question": Port("question")},
    output="question",
    many=True,
    run=decompose.run,
    shape=decompose.shape,
    dialects=CHAT,
    options={"most": Option(default=4, minimum=1, maximum=12, help="most questions")},
)
