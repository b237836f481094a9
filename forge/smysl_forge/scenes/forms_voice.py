"""How the `forms` scenes are told: facts and a question as small grammars, put in one of several orders.

In a template `(a|b)` is a choice, `[buy]` a verb that agrees with the hero, `<buy>` one in the third person, `{A}`
the hero (a name first, then perhaps a pronoun), `{Ao}` and `{As}` the hero as object and owner, `{B}` `{C}` `{D}`
other people. Knows grammar and layout; no arithmetic and no scene.
"""

from __future__ import annotations

import re

from smysl_forge.lexicon import names
from smysl_forge.scenes.nouns import KIN
from smysl_forge.scenes.teller import PAST, Hero, Teller, hero, named, possessive, third_person
from smysl_forge.story import Amount, Story

CHOICE = re.compile(r"\(([^()]*)\)")
TOKEN = re.compile(r"\{(\w+)\}|\[(\w+)\]|<(\w+)>")
IRREGULAR = PAST | dict(
    pair.split(":")
    for pair in (
        "hold:held break:broke throw:threw steal:stole feed:fed lay:laid tell:told stand:stood hide:hid show:showed "
        "let:let hang:hung weigh:weighed stop:stopped drop:dropped swap:swapped trade:traded wrap:wrapped plan:planned "
        "prefer:preferred know:knew become:became burst:burst split:split bet:bet sing:sang wear:wore stick:stuck "
        "sew:sewed knit:knitted shoot:shot win:won hit:hit tear:tore dig:dug melt:melted rent:rented rip:ripped "
        "shop:shopped ship:shipped skip:skipped donate:donated hand:handed chop:chopped water:watered score:scored "
        "jog:jogged pour:poured type:typed score:scored unpack:unpacked visit:visited enter:entered order:ordered "
        "remember:remembered deliver:delivered gather:gathered offer:offered open:opened happen:happened "
        "answer:answered discover:discovered borrow:borrowed harvest:harvested collect:collected own:owned "
        "possess:possessed remain:remained contain:contained need:needed hatch:hatched"
    ).split()
)
GREETINGS = (
    "hi, ", "hello! ", "hey, ", "quick question: ", "please help: ", "riddle me this: ", "homework: ", "a question for you: ",
    "can someone help me with this? ", "I'm stuck on this one. ", "help me please. ", "a puzzle: ", "math problem: ", "ok so ", "so, ",
    "good morning! ", "my teacher gave us this: ", "here is a small problem. ", "let me ask you something. ", "well, ", "hey there. ",
)  # fmt: skip
THANKS = (
    "thanks", "thank you!", "please answer with a number.", "I need it for my homework.", "just the number please.", "show your work.",
    "can you help?", "pls help", "give only the number.", "I can't work it out.", "explain briefly.", "thanks a lot in advance!",
)  # fmt: skip
ASIDES = (
    "it is {k} degrees outside", "the weather is lovely", "the clock on the wall is {k} minutes slow", "it is the {k}th of the month",
    "the trip there took {k} minutes", "it was raining", "there were {k} clouds in the sky", "the radio was on", "the phone rang {k} times",
    "{B1} watched the whole time", "the room has {k} windows", "the whole thing took {k} minutes", "nobody was in a hurry",
    "there are {k} people in the queue", "the neighbour has {k} cats", "lunch is in {k} minutes", "the place closes in {k} hours",
    "{B1} is {k} years old", "{B1} lives {k} streets away", "the shelf is {k} years old", "it was a busy day", "the bus was {k} minutes late",
    "a ticket for the museum costs ${k}", "{B1}'s lucky number is {k}", "the street has {k} houses", "it all happened last summer",
)  # fmt: skip
CONTRACTIONS = dict(
    pair.split(":")
    for pair in (
        "what is:what's,that is:that's,it is:it's,there is:there's,do not:don't,does not:doesn't,did not:didn't,are not:aren't,"
        "is not:isn't,i am:I'm,you are:you're,we are:we're,he is:he's,she is:she's,they are:they're,i will:I'll,cannot:can't,"
        "i have got:I've got,you will:you'll,we will:we'll,i would:I'd,has not:hasn't,have not:haven't"
    ).split(",")
)
CONTRACTED = re.compile(r"\b(" + "|".join(CONTRACTIONS) + r")\b(?= \w)", re.IGNORECASE)
SUPPOSE = ("suppose ", "say ", "let's say ", "imagine ", "suppose that ", "imagine that ", "let's assume ", "picture this: ")
WEIGHTY = re.compile(r"\b(them|the rest|others?|they|then|that|this|it|those|both|now|each|these|ones?)\b")


class Voice(Teller):
    """The people, tense and words of one story; facts are told in order and laid out when the question comes."""

    def __init__(self, s: Story, others: int = 0, who: Hero | None = None, tense: str | None = None) -> None:
        cast = names(s.rng, others + 2)
        if others and who is None:
            who = named(cast[0])
            roll = s.rng.random()
            if roll < 0.12:
                who = Hero("I", "I", "my", "me", False)
            elif roll < 0.18:
                kin = s.rng.choice(KIN)
                who = Hero(f"my {kin}", f"my {kin}", f"my {possessive(kin)}", f"my {kin}")
        super().__init__(s, who or hero(s), tense)
        self.several = bool(others)
        self.named = False
        self.w: dict[str, object] = {"B1": cast[-1], **dict(zip("BCD", cast[1:-1], strict=False))}
        if others and not self.hero.who.startswith("my ") and s.rng.random() < 0.12:
            kin = s.rng.choice(KIN)
            self.w["B"] = f"my {kin}" if self.hero.who == "I" else f"{possessive(self.hero.who)} {kin}"
        self.facts: list[str] = []
        self.simple = True
        """Whether the facts may be put behind `if` or after the question."""

    # -- words ------------------------------------------------------------------------------------------------

    def put(self, **words: object) -> None:
        """Words of this story: strings (grammars themselves) or given amounts."""
        self.w |= words

    def expand(self, form: str) -> str:
        """`form` with every choice made."""
        while True:
            expanded = CHOICE.sub(lambda m: self.rng.choice(m[1].split("|")), form)
            if expanded == form:
                return form
            form = expanded

    def text(self, form: str) -> str:
        """`form` as it stands in the story, people introduced in reading order."""
        return TOKEN.sub(self._token, self.expand(form))

    def _token(self, match: re.Match[str]) -> str:
        if match[2]:
            return self._verb(match[2])
        if match[3]:
            return self._third(match[3])
        word = match[1]
        people = {"A": "who", "he": "he", "Ao": "who", "him": "him", "As": "who", "his": "his"}
        if word in people and word not in self.w:
            return self._person(word)
        match word:
            case "do" | "does":
                past = word == "do" and self.past
                return "did" if past else "does" if self.hero.third else "do"
            case "has":
                return "has" if self.hero.third else "have"
            case "is":
                return "is" if self.hero.third else "am" if self.hero.who == "I" else "are"
            case "are":
                return "were" if self.past else "are"
            case "how_much":
                return self.how_much
            case "unit":
                return self.unit
        value = self.w[word]
        return self.text(value) if isinstance(value, str) else self.s.render(value)

    def _person(self, word: str) -> str:
        h, first = self.hero, not self.named
        self.named = True
        if h.who in {"I", "you", "we"}:
            return {"A": h.he, "he": h.he, "Ao": h.him, "him": h.him}.get(word, h.his)
        role = h.who.startswith(("a ", "an "))
        later = h.he if role else h.who
        if first:
            later = h.who
        elif word in {"he", "him", "his"} and not (self.several and self.rng.random() < 0.3):
            return {"he": h.he, "him": h.him}.get(word, h.his)
        elif word == "A" and not self.several and self.rng.random() < 0.5:
            return h.he
        elif word == "As" and not self.several and self.rng.random() < 0.5:
            return h.his
        elif word == "Ao" and not self.several and self.rng.random() < 0.5:
            return h.him
        return possessive(later) if word in {"As", "his"} else later

    def _verb(self, verb: str) -> str:
        if self.past and verb in IRREGULAR and verb != "be":
            return IRREGULAR[verb]
        return super()._verb(verb)

    def _third(self, verb: str) -> str:
        if verb == "be":
            return "was" if self.past else "is"
        return IRREGULAR.get(verb) or super()._verb(verb) if self.past else third_person(verb)

    def cash(self, name: str, amount: Amount) -> Amount:
        """Register a given amount to be written as money under `name`."""
        self.w[name] = self.money(amount)
        return amount

    # -- the story --------------------------------------------------------------------------------------------

    def tell(self, *forms: str) -> None:
        """A fact: one of `forms`, without the final stop."""
        self.facts.append(self.rng.choice(forms))

    def ask(self, *forms: str, answer: Amount, **words: object) -> None:
        """Lay everything out around the question, one of `forms`; it ends the story."""
        self.w |= words
        question = self.expand(self.rng.choice(forms))
        facts = [self.expand(fact) for fact in self.facts]
        short = self.simple and len(facts) in (1, 2) and not any(mark in fact for fact in facts for mark in ".?:;")
        roll = self.rng.random()
        asks = re.match(r"(how|what|which|who) ", question) is not None
        if short and roll < 0.09 and asks:
            laid = self.rng.choice(("if ", "if ", "when ", "given that ")) + " and ".join(facts) + ", " + question
        elif short and roll < 0.15 and asks:
            laid = self.rng.choice(SUPPOSE) + " and ".join(facts) + ". " + question
        elif short and roll < 0.23 and asks and not WEIGHTY.search(question):
            laid = question.rstrip("?.") + " if " + " and ".join(facts) + "?"
        elif self.simple and roll < 0.27 and asks and not WEIGHTY.search(question) and facts:
            laid = self._joined([question, *self._with_aside(facts)])
        elif facts and roll < 0.33 and len(facts) < 4:
            laid = self.rng.choice((", ", ", ", "; ", " - ")).join([*facts, question])
        else:
            laid = self._joined([*self._with_aside(facts), question])
        laid = re.sub(r"\s+([?.,;])", r"\1", self.text(laid))
        if self.rng.random() < 0.3:
            laid = CONTRACTED.sub(lambda m: CONTRACTIONS[m[0].lower()], laid)
        if self.rng.random() < 0.05:
            laid = self.rng.choice(GREETINGS) + laid
        if laid[-1] in ".?" and self.rng.random() < 0.12:
            laid = laid[:-1]
        elif self.rng.random() < 0.04:
            laid += " " + self.rng.choice(THANKS)
        self.s.question, self.s.answer = laid, answer

    def _with_aside(self, facts: list[str]) -> list[str]:
        if not facts or self.rng.random() > 0.11:
            return facts
        k = self.s.number(4, 19)
        self.w["k_"] = self.s.render(k)
        aside = self.rng.choice(ASIDES).replace("{k}th", "12th").replace("${k}", "$7").replace("{k}", "{k_}")
        at = self.rng.randint(1, len(facts))
        return [*facts[:at], aside, *facts[at:]]

    def _joined(self, pieces: list[str]) -> str:
        return " ".join(piece if piece[-1] in ".?!" else piece + "." for piece in pieces)
