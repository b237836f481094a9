"""Whether the values of a derivation could be true of what a story tells. Recomputing proves nothing of the
reasoning; a negative number of apples does.

Knows plans and exact values; nothing of models or nodes.
"""

from smysl_reasoning.derivation import STORY, Derivation


def doubt(derivation: Derivation) -> str | None:
    """Why a story's derivation cannot be right as it stands; None when nothing speaks against it.

    Stories count and measure things: where no given quantity is negative no value is, and shares come out as
    finite decimals. Other problems (arithmetic, equations) may have any value.
    """
    if derivation.plan is None or derivation.plan.problem != STORY:
        return None
    given = len(derivation.question.quantities)
    if any(derivation.values[slot].amount < 0 for slot in range(given)):
        return None
    for slot, value in sorted(derivation.values.items()):
        if slot >= given and value.amount < 0:
            return f"it goes through the negative value {value}"
    if derivation.answer_slot is not None and "/" in str(derivation.values[derivation.answer_slot]):
        return f"{derivation.answer} has no finite decimal"
    return None
