"""synthesize: one answer out of many derivations, or out of the answers to a question's parts (universal
self-consistency, Chen et al., 2023; the last step of least-to-most, Zhou et al., 2022).
"""

from smysl_reasoning.modules.base import CHAT, Module, Option, Port
from smysl_reasoning.modules.chat import synthesize

MODULE = Module(
    name="synthesize",
    version=1,
    summary="make one answer out of several derivations",
    inputs={
        "question": Port("question"),
        "derivations": Port("derivation", many=True, optional=True),
    },
    output="derivation",
    run=synthesize.run,
    shape=synthesize.shape,
    dialects=CHAT,
    options={"temperature": Option(default=0.0, minimum=0.0, maximum=2.0, help="0 is greedy")},
)
