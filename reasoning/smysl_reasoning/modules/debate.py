"""debate: answers again after seeing what the others answered (Du et al., "Improving Factuality and Reasoning in
Language Models through Multiagent Debate", 2023).
"""

from smysl_reasoning.modules.base import CHAT, Module, Option, Port
from smysl_reasoning.modules.chat import debate

MODULE = Module(
    name="debate",
    version=1,
    summary="answer again, knowing the others' answers",
    inputs={
        "question": Port("question"),
        "own": Port("derivation", optional=True),
        "others": Port("derivation", many=True, optional=True),
    },
    output="derivation",
    run=debate.run,
    shape=debate.shape,
    dialects=CHAT,
    options={"temperature": Option(default=0.7, minimum=0.0, maximum=2.0, help="0 is greedy")},
)
