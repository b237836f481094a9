"""Greatest common divisors and least common multiples in many phrasings.

Knows no other property of numbers.
"""

from __future__ import annotations

from smysl_forge.scenes.arithmetic import LARGEST, digits, polite
from smysl_forge.scenes.lists import listed
from smysl_forge.story import Scene, Story

GCD = (
    "greatest common divisor",
    "greatest common divisor",
    "greatest common factor",
    "highest common factor",
    "gcd",
    "gcf",
    "hcf",
    "largest common divisor",
    "biggest common divisor",
    "largest common factor",
    "gcd",
    "greatest common divisor (gcd)",
    "highest common factor (hcf)",
)


LCM = (
    "least common multiple",
    "least common multiple",
    "lowest common multiple",
    "smallest common multiple",
    "lcm",
    "lcm",
    "least common multiple (lcm)",
    "smallest positive common multiple",
)


FACTOR_FRAMES = (
    "Find the {f} of {t}.",
    "Find the {f} of {t}.",
    "What is the {f} of {t}?",
    "What is the {f} of {t}?",
    "{f} of {t}",
    "{f} of {t}?",
    "Calculate the {f} of {t}.",
    "Compute the {f} of {t}.",
    "Determine the {f} of {t}.",
    "Find the {f} of these numbers: {t}.",
    "Find the {f} of the numbers {t}.",
    "what's the {f} of {t}",
    "Give the {f} for {t}.",
    "What is the {f} for {t}?",
    "Find the {f} for {t}",
    "{t}: what is the {f}?",
    "Tell me the {f} of {t}.",
    "Work out the {f} of {t}.",
    "Can you find the {f} of {t}?",
    "The {f} of {t} is?",
    "What is the {f} between {t}?",
    "Find {f} of {t}.",
    "whats the {f} of {t}?",
    "I need the {f} of {t}.",
    "{f} {t}",
    "Given the numbers {t}, find the {f}.",
    "How much is the {f} of {t}?",
    "Consider {t}. Find their {f}.",
    "What {f} do {t} have?",
    "Find the {f} of the following numbers: {t}.",
    "Please find the {f} of {t}.",
    "Let the numbers be {t}. What is their {f}?",
    "find {f} of {t}",
)


GCD_SENTENCES = (
    "What is the largest number that divides {t}?",
    "What is the largest number that divides all of {t} evenly?",
    "Which is the greatest number that divides {t} without a remainder?",
    "Find the biggest number that divides {t} exactly.",
    "What is the greatest whole number by which {t} are divisible?",
    "What is the largest integer that is a factor of each of {t}?",
    "What is the biggest number that goes into {t}?",
)


LCM_SENTENCES = (
    "What is the smallest number divisible by {t}?",
    "What is the smallest number that can be divided by {t}?",
    "Find the smallest number that {t} divide evenly.",
    "What is the smallest positive number that is a multiple of {t}?",
    "Which is the least number divisible by {t}?",
    "What is the smallest number that {t} go into?",
    "What is the lowest number that {t} all divide?",
)


def factors(s: Story) -> None:
    """Greatest common divisor and least common multiple of two to four numbers."""
    s.problem = "factors"
    greatest = s.rng.random() < 0.5
    count = s.rng.choice((2, 2, 2, 2, 3, 3, 4))
    if greatest:
        common = s.rng.choice(
            (1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 12, 14, 15, 16, 18, 20, 21, 24, 25, 36)
        )
        values = [common * s.rng.randint(1, s.rng.choice((12, 12, 40))) for _ in range(count)]
    else:
        values = [s.rng.randint(2, s.rng.choice((12, 20, 20, 60))) for _ in range(count)]
    s.require(len(set(values)) == count and min(values) > 1)
    amounts = [s.quantity(value) for value in values]
    name = "gcd" if greatest else "lcm"
    answer = s.step(s.function(name, *amounts))
    s.require(answer.value < LARGEST)
    roll = s.rng.random()
    inside = ", ".join(digits(a) for a in amounts)
    if roll < 0.15:
        call = (
            s.pick(
                name, name, name.upper(), "hcf" if greatest else "lcm", "gcf" if greatest else "lcm"
            )
            + f"({inside})"
        )
        frame = s.pick(
            "{e}",
            "{e} = ?",
            "What is {e}?",
            "{e}?",
            "Compute {e}.",
            "Find {e}.",
            "Calculate {e}",
            "Evaluate {e}.",
        )
        s.ask(frame, answer=answer, e=call)
        return
    text = s.pick(
        listed(s, amounts), listed(s, amounts), inside, " ".join(digits(a) for a in amounts)
    )
    if roll < 0.28:
        text = listed(s, amounts)
        sentence = s.rng.choice(GCD_SENTENCES if greatest else LCM_SENTENCES)
        s.ask(
            polite(
                s,
                sentence.replace("{t}", "both {t}")
                if count == 2
                and s.rng.random() < 0.4
                and "{t} all" not in sentence
                and "all of" not in sentence
                and "each of" not in sentence
                else sentence,
            ),
            answer=answer,
            t=text,
        )
        return
    s.ask(
        polite(s, s.rng.choice(FACTOR_FRAMES)),
        answer=answer,
        t=text,
        f=s.rng.choice(GCD if greatest else LCM),
    )


SCENES: dict[str, tuple[float, Scene]] = {
    "plain_factors": (2.5, factors),
}
