"""When a branch is not worth going on with, and the words that its node says so in.

Knows probabilities and thresholds; never calls, places or programs.
"""

import math

from smysl_reasoning.nodes import Node

GIVEN_UP = "given up: "
"""How the last line of a node begins that was given up."""
AS_THE_MODEL = -1.0
"""An option's value: the threshold is the model's own (`Thresholds`)."""
CLEARLY = 0.5
"""Of a wave of states one may be given up that has less than this share of the best one's probability."""


def least(setting: float, threshold: float) -> float:
    """What a branch must have to be gone on with; 0 gives none up. `setting`: the option of a program's step,
    `threshold`: the model's."""
    return threshold if setting < 0 else setting


def marked(prompt: str, least: float) -> str:
    """The prompt of a recipe, told that what falls below `least` is given up: with another threshold the same prompt
    may make another node. As it was where nothing is given up."""
    return f"{prompt} given up below {least:g}" if least > 0 else prompt


class Hope:
    """Follows the confidence of a text that is being written: the geometric mean of its tokens' probabilities, which
    becomes the confidence of its node. Every token has to be known: what a crash cut off is derived again."""

    def __init__(self, least: float, patience: int) -> None:
        """`least`: below it there is none. `patience`: tokens before which nothing is judged."""
        self._least = least
        self._patience = patience
        self._tokens = 0
        self._logprobs = 0.0

    def fades(self, logprob: float) -> bool:
        """Take in the next token; whether the text is now hopeless."""
        self._tokens += 1
        self._logprobs += logprob
        if self._tokens < self._patience:
            return False
        return math.exp(self._logprobs / self._tokens) < self._least

    @property
    def reason(self) -> str:
        """For the node. Without the confidence itself, whose last digits may differ with what else the engine
        computes."""
        return f"{GIVEN_UP}the model's own confidence fell below {100 * self._least:.4g}%"


def hope(least: float, patience: int) -> Hope | None:
    """None where nothing is given up."""
    return Hope(least, patience) if least > 0 else None


def given_up(node: Node) -> bool:
    """Whether a node holds a branch that was given up."""
    return node.status == "failed" and node.text.rpartition("\n")[2].startswith(GIVEN_UP)


def without_reason(node: Node) -> str:
    """The text of a node without the line that says why it was given up."""
    return node.text.rpartition("\n")[0] if given_up(node) else node.text


def outclassed(score: float, best: float, least: float) -> bool:
    """Whether a state of a search is hopeless: its probability is below `least`, and either the best of its wave is
    clearly better, or that is below `least` too."""
    return score < least and (best < least or score < CLEARLY * best)
