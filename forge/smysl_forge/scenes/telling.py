"""Sentences about someone, counts of sensible size and stray numbers: what the scenes of this pack share.

Knows stories and grammar; no arithmetic.
"""



import re
from collections.abc import Sequence

from smysl_forge.scenes.cast import Tense, Who, line
from smysl_forge.scenes.nouns import Noun, thing
from smysl_forge.story import Amount, Story


def size(s: Story) -> tuple[int, int]:
    """A range of whole numbers: small mostly, sometimes hundreds or thousands."""
    roll = s.rng.random()
    if roll < 0.5:
        return 2, 20
    return (5, 100) if roll < 0.85 else (50, 1000) if roll < 0.96 else (500, 9000)


def some(s: Story, top: int | None = None) -> Amount:
    """A count of things, at most `top`."""
    low, high = size(s)
    if top is not None:
        high = min(high, top)
        low = min(low, high)
    s.require(high >= 2)
    return s.number(low, high)


def known(s: Story, person: Who) -> bool:
    """Whether the text so far has told who `person` is."""
    names = "|".join(re.escape(word) for word in (person.first, person.later, f"{person.first}'s"))
    told = re.compile(rf"\b(?:{names})\b", re.IGNORECASE)
    return any(told.search(sentence) for sentence in s.sentences)


def gap(s: Story, a: Amount, b: Amount) -> Amount:
    """The difference, whichever is larger: the model reads slots, not sizes, so the step must not depend on them."""
    return s.function("max", a, b) - s.function("min", a, b)


def tell_of(
    s: Story, person: Who, forms: Sequence[str], when: Tense, **words: object
) -> None:
    """A statement about `person`, by name where the text has not named them yet."""
    form = line(s.rng, person, s.rng.choice(forms), when, not known(s, person))
    s.say(form + ".", **words)


def ask_of(s: Story, person: Who, forms: Sequence[str], answer: Amount, **words: object) -> None:
    """The question; `does` in a form agrees with `person`, who is left out if never introduced."""
    impersonal = [form for form in forms if not re.search(r"\{(S|him|his)\}", form)]
    named = known(s, person)
    form = s.rng.choice(forms if named or not impersonal else impersonal)
    form = form.replace("does {S}", "{do} {S}")
    s.ask(line(s.rng, person, form, "present", not named), answer=answer, **words)


def extra(s: Story, person: Who, noun: Noun) -> None:
    """Now and then a number that has nothing to do with the answer."""
    if s.rng.random() > 0.12:
        return
    unrelated = thing(s.rng)
    s.require(unrelated[1].split()[-1] != noun[1].split()[-1])
    form = s.pick(
        "{S} also [have|has|had] {n} {o}.", "{S} [are|is|was] {n} years old.", "{S} [live|lives|lived] at number {n}.",
        "{his} friend [has|had] {n} {o}.", "there [are|were] also {n} {o}.", "{S} [wait|waits|waited] {n} minutes.",
        "it [is|was] {n} o'clock.", "{S} [walk|walks|walked] {n} miles.", "it [takes|took] {n} minutes.",
        "{his} {k} [is|was] {n} years old.",
    )  # fmt: skip
    kin = s.pick("brother", "sister", "cousin", "friend", "dog")
    s.distract(
        line(s.rng, person, form, "present"), n=s.number(2, 15), o=unrelated[1], k=kin
    )
