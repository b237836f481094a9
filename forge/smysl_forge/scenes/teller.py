"""A narrator over the story builder: one hero, one tense and one currency per story, verbs that agree.

In its templates `[buy]` is a verb in the story's tense, agreeing with the hero; `{who} {he} {his} {him}` are the hero.
Knows no scene and no arithmetic.
"""

from __future__ import annotations

import re
from typing import NamedTuple

from smysl_forge.lexicon import name
from smysl_forge.story import Amount, Story
from smysl_reasoning.compute import number_text

PAST = dict(
    pair.split(":")
    for pair in (
        "be:was have:had do:did buy:bought sell:sold pay:paid spend:spent get:got give:gave go:went run:ran read:read "
        "write:wrote drive:drove ride:rode make:made earn:earned take:took need:needed leave:left want:wanted eat:ate "
        "drink:drank begin:began swim:swam fly:flew put:put lose:lost find:found keep:kept cost:cost grow:grew "
        "bring:brought lend:lent owe:owed save:saved see:saw choose:chose sleep:slept wake:woke win:won bake:baked "
        "draw:drew send:sent think:thought fall:fell withdraw:withdrew catch:caught hear:heard meet:met come:came set:set cut:cut build:built teach:taught fill:filled travel:travelled"
    ).split()
)
FEMALE = frozenset(
    "Anna Carla Elena Grace Ines Laura Nadia Priya Rosa Tara Vera Xenia Zoe Alice Diana Fatima Hannah Julia Lily Nina "
    "Paula Rachel Uma Wendy Bella Emma Gina Irene Karen Mary Olivia Sara Ursula Maria Lucy Sofia Mia Jane Kate Olga "
    "Natasha Aisha Marta Ana Aiko Sunita Ama Zara Lena Greta Claire Giulia Ingrid".split()
)
MALE = frozenset(
    "Ben David Farid Hugo Jack Kenji Mateo Omar Quentin Umar Will Yusuf Bob Charlie Ethan George Ivan Kevin Mike Oscar "
    "Steve Tom Victor Amir Dmitri Felix Henry James Liam Noah Peter Ravi Tim Vikram Zack John Leo Max Nick Pavel Igor "
    "Ahmed Carlos Juan Pedro Luis Hiro Raj Anil Kofi Tunde Hans Pierre Luca Erik".split()
)
WOMEN = "my sister|my mum|my mother|my aunt|my grandmother|Mrs Lee|Ms Brown|a girl|a woman|our teacher Ms Hall|my daughter"
MEN = "my brother|my dad|my father|my uncle|Mr Smith|Mr Jones|a boy|a man|my grandfather|my cousin Joe|my son|Mr Khan"
ROLES = (
    "student|worker|customer|tourist|teacher|farmer|nurse|friend|neighbour|shopper|pupil|clerk|driver|visitor|collector|"
    "gardener|chef|builder|painter|traveller|manager|child|kid|teenager|player|musician"
).split("|")


class Hero(NamedTuple):
    """How the person of a story is called, and how verbs agree with them."""

    who: str
    he: str
    his: str
    him: str
    third: bool = True


def possessive(word: str) -> str:
    """`Anna` -> `Anna's`, `James` -> `James'`."""
    return word + ("'" if word.endswith("s") else "'s")


def hero(s: Story) -> Hero:
    """Somebody: mostly a name, else I, you, we, a relative or a role."""
    roll = s.rng.random()
    if roll < 0.13:
        return Hero("I", "I", "my", "me", False)
    if roll < 0.18:
        return Hero("you", "you", "your", "you", False)
    if roll < 0.22:
        return Hero("we", "we", "our", "us", False)
    if roll < 0.27:
        return Hero(s.rng.choice(WOMEN.split("|")), "she", "her", "her")
    if roll < 0.32:
        return Hero(s.rng.choice(MEN.split("|")), "he", "his", "him")
    if roll < 0.38:
        role = s.rng.choice(ROLES)
        return Hero(f"a {role}", f"the {role}", f"the {possessive(role)}", f"the {role}")
    return named(name(s.rng))


def named(who: str) -> Hero:
    """A hero called by name, with the usual pronoun of the name or the name repeated."""
    if who in FEMALE:
        return Hero(who, "she", "her", "her")
    if who in MALE:
        return Hero(who, "he", "his", "him")
    return Hero(who, who, possessive(who), who)


class Currency(NamedTuple):
    """How amounts of money are written: a template for plural and for exactly one, and whether cents are usual."""

    many: str
    one: str
    unit: str
    cents: bool


DOLLARS = Currency("${}", "${}", "dollars", True)
CURRENCIES = (
    *[DOLLARS] * 9,
    *[Currency("{} dollars", "{} dollar", "dollars", False)] * 4,
    *[Currency("€{}", "€{}", "euros", True)] * 2,
    *[Currency("{} euros", "{} euro", "euros", False)] * 3,
    *[Currency("£{}", "£{}", "pounds", True)] * 2,
    Currency("{} pounds", "{} pound", "pounds", False),
    Currency("{} €", "{} €", "euros", True),
    Currency("{}€", "{}€", "euros", True),
    Currency("{} rubles", "{} ruble", "rubles", False),
    Currency("{} rupees", "{} rupee", "rupees", False),
    Currency("Rs {}", "Rs {}", "rupees", False),
    Currency("{} bucks", "{} buck", "bucks", False),
    Currency("{} coins", "{} coin", "coins", False),
    Currency("{} USD", "{} USD", "USD", True),
    Currency("{} yen", "{} yen", "yen", False),
    Currency("{} pesos", "{} peso", "pesos", False),
    Currency("{} dollars", "{} dollar", "dollars", False),
)


class Teller:
    """The hero, tense and currency of one story, and the templates' words."""

    def __init__(self, s: Story, who: Hero | None = None, tense: str | None = None) -> None:
        self.s, self.rng = s, s.rng
        self.hero = who or hero(s)
        self.past = s.rng.random() < 0.5 if tense is None else tense == "past"
        self.currency = s.rng.choice(CURRENCIES)

    # -- money ------------------------------------------------------------------------------------------------

    def price(self, low: int, high: int) -> Amount:
        """A new given amount of money between `low` and `high`, with cents where the currency writes them."""
        if self.currency.cents and self.rng.random() < 0.45:
            return self.s.price(low, high, self.rng.choice([0.5, 0.25, 0.05, 0.1, 0.01]))
        return self.s.number(low, high)

    def money(self, amount: Amount) -> str:
        """A given amount as money, for a template."""
        whole = amount.value.denominator == 1
        form = self.currency.one if amount.value == 1 else self.currency.many
        if form.split("{}")[0] == "" and form[2:3] == " " and form[3:4].isalpha() and whole:
            return form.format(self.s.render(amount))
        return form.format(figures(self.s, amount, cents=True))

    @property
    def unit(self) -> str:
        """`dollars`, `euros` ..."""
        return self.currency.unit

    @property
    def how_much(self) -> str:
        """The start of a question about money."""
        return self.rng.choice(["how much", "how much", "how much money", f"how many {self.unit}"])

    # -- text -------------------------------------------------------------------------------------------------

    def say(self, *forms: str, **words: object) -> None:
        """As `Story.say`, with the hero's words and verbs."""
        self.s.say(self.agree(self.rng.choice(forms)), **self._words(words))

    def distract(self, *forms: str, **words: object) -> None:
        """As `Story.distract`, with the hero's words and verbs."""
        self.s.distract(self.agree(self.rng.choice(forms)), **self._words(words))

    def ask(self, *forms: str, answer: Amount, **words: object) -> None:
        """As `Story.ask`, with the hero's words and verbs."""
        fitting = [form for form in forms if not (self.past and " now" in form)] or forms
        form = self.agree(self.rng.choice(fitting))
        if form.endswith("?") and not self.s.sentences and self.rng.random() < 0.1:
            form = form[:-1]
        if self.s.sentences and self.rng.random() < 0.09:
            self._aside()
        self.s.ask(form, answer=answer, **self._words(words))

    def _aside(self) -> None:
        """A statement with a number that the answer does not need."""
        forms = [
            "it is {k} degrees outside.", "the shop opened {k} years ago.", "there are {k} people in the queue.", "it is day {k} of the month.", "the building has {k} floors.",
            "there are {k} chairs in the room.", "the bus has {k} seats.", "it rained for {k} days.", "there are {k} lamps in the hall.", "the street is {k} metres wide.",
        ]  # fmt: skip
        if any(self.hero.who in sentence or self.hero.who.capitalize() in sentence for sentence in self.s.sentences):
            forms += [
                "{he} [be] {k} years old.", "{he} [have] {k} cousins.", "{he} [live] at number {k}.", "{he} [have] a dog that is {k} years old.", "{he} [wake] up {k} minutes early.",
                "{he} [meet] {k} friends on the way.", "{he} [hear] {k} songs on the radio.", "{he} [have] {k} messages on {his} phone.", "{he} [see] {k} birds outside.", "{his} house has {k} windows.",
            ]  # fmt: skip
        self.distract(*forms, k=self.s.number(2, 29))

    def agree(self, form: str) -> str:
        """Conjugate the `[verbs]` of a template."""
        return re.sub(r"\[(\w+)\]", lambda m: self._verb(m[1]), form)

    def _verb(self, verb: str) -> str:
        third = self.hero.third
        if verb == "be" or verb == "was":
            if self.past or verb == "was":
                return "were" if self.hero.who in {"you", "we"} else "was"
            return "is" if third else "am" if self.hero.who == "I" else "are"
        if self.past:
            return PAST.get(verb) or _regular_past(verb)
        return third_person(verb) if third else verb

    def _words(self, words: dict[str, object]) -> dict[str, object]:
        hero = self.hero._asdict()
        del hero["third"]
        return {**hero, "how_much": self.how_much, "unit": self.unit, **words}


def third_person(verb: str) -> str:
    """`carry` -> `carries`."""
    if verb == "have":
        return "has"
    if re.search("(s|x|ch|sh|o)$", verb):
        return verb + "es"
    return verb[:-1] + "ies" if re.search("[^aeiou]y$", verb) else verb + "s"


def _regular_past(verb: str) -> str:
    if verb.endswith("e"):
        return verb + "d"
    if re.search("[^aeiou]y$", verb):
        return verb[:-1] + "ied"
    doubled = re.fullmatch("[a-z]{0,2}[aeiou][bgmnpt]", verb) and not re.search("[aeiou]{2}.$", verb)
    return verb + verb[-1] + "ed" if doubled else verb + "ed"


def figures(s: Story, amount: Amount, cents: bool = False) -> str:
    """A given amount in digits only, for a template that puts a sign or a unit right beside it."""
    assert amount.expression[0] == "g", "only given amounts can be written into the text"
    value = amount.value
    text = number_text(value)
    if value.denominator == 1 and value >= 1000 and s.rng.random() < 0.5:
        text = f"{int(value):,}"
    elif cents and value.denominator != 1 and len(text.split(".")[1]) == 1 and s.rng.random() < 0.85:
        text += "0"
    elif cents and value.denominator == 1 and value < 1000 and s.rng.random() < 0.06:
        text += ".00"
    return f"\ue000{amount.expression[1:]}\ue001{text}\ue002"


def finite(s: Story, *amounts: Amount, places: int = 2) -> None:
    """Draw again unless every amount is >= 0 and has at most `places` decimals."""
    s.require(all(a.value >= 0 and (a.value * 10**places).denominator == 1 for a in amounts))




def an(noun: str) -> str:
    """`apple` -> `an apple`."""
    vowel = noun[0].lower() in "aeio" or noun.lower().startswith(("um", "un", "ug"))
    return f"an {noun}" if vowel and not noun.startswith(("one", "eu")) else f"a {noun}"
