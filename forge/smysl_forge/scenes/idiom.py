"""A way of speaking for one story: templates with alternatives, a hero whose verbs agree, and ways to join the facts.

In its templates `(a|b)` is a choice, `{S}` the hero, `[buy]` a verb of the hero, `[is/was]` a verb of anything else,
`{do}` and `{now}` an auxiliary before the hero (in the story's tense, in the present), `{his}` `{him}` `{owner}`
pronouns, `#` a number that the answer does not need. Knows no scene and no arithmetic.
"""

import re
from random import Random

from smysl_forge.lexicon import NAMES
from smysl_forge.scenes.cast import Who, named, who
from smysl_forge.scenes.teller import PAST, Teller, third_person
from smysl_forge.story import Amount, Story

CHOICE = re.compile(r"\(([^()]*)\)")
TOKEN = re.compile(r"(\{S\}|\{do\}|\{now\}|\{be\}|\[[^\]]+\])")
ORDER = re.compile(r"^(first|then|later|after that|next|afterwards|but|so far),? ", re.IGNORECASE)
"""Words that order facts and make no sense after `if`."""
PLURAL = ("I", "you", "we", "they")
IRREGULAR = PAST | dict(
    pair.split(":")
    for pair in (
        "speak:spoke throw:threw hold:held tell:told break:broke feed:fed lay:laid hang:hung dig:dug sew:sewed shoot:shot stick:stuck "
        "spread:spread wear:wore bring:brought let:let cut:cut hit:hit score:scored knit:knitted freeze:froze split:split "
        "drop:dropped shop:shopped jog:jogged swap:swapped pop:popped plan:planned skip:skipped stop:stopped chop:chopped "
        "prefer:preferred offer:offered water:watered visit:visited collect:collected harvest:harvested open:opened "
        "understand:understood sell:sold hand:handed"
    ).split()
)
GREETINGS = (
    "hi, ", "hello! ", "hey, ", "quick question: ", "please help me with this: ", "can you work this out? ", "so, ", "ok so ",
    "I need some help. ", "here is a problem for you. ", "my homework says: ", "help me out here. ", "a little riddle: ",
    "just wondering. ", "good morning! ", "let me ask you something. ", "I am stuck on this. ", "story time. ", "problem: ",
)  # fmt: skip
GOODBYES = (
    " Thanks!", " Thank you.", " Please explain.", " Show your work.", " Give only the number.", " I can't figure it out.",
    " Thanks in advance.",
)  # fmt: skip
WORLD = (
    "It [is/was] a (sunny|rainy|cold|warm|windy|quiet) (Monday|Tuesday|Friday|Saturday|Sunday|morning|afternoon|day)",
    "The bus [is/was] # minutes late", "The clock on the wall [is/was] # minutes (fast|slow)", "The nearest (station|school|pool) [is/was] # (km|miles|minutes) away",
    "There [are/were] # traffic lights on the way", "The (radio|TV) [plays/played] # songs in the meantime", "The building [has/had] # floors",
    "The (shop|library|park) [opens/opened] at (7|8|9|10) am", "It [is/was] the (4|5|6|7|9|12|14|19)th of (March|May|June|October)",
    "The phone [rings/rang] # times", "(Everybody|Everyone) [is/was] in a good mood", "Nobody [notices/noticed] the cat under the table",
)  # fmt: skip
PERSONAL = (
    "{S} [be] # years old", "{S} [have] # cousins", "{S} [live] at number #", "{S} [live] on the (4|5|6|7|8|9)th floor", "{S} [get] up at (6|7|8) o'clock",
    "{S} [love] (football|music|long walks|chocolate|the colour green)", "{S} [have] a dog that [is/was] (2|3|5|7|8|11) years old", "{S} [have] # unread messages",
    "{S} [wear] a (red|blue|yellow) (jacket|cap|scarf)", "{S} [be] a little tired", "{S} [meet] # friends on the way", "{S} [speak] (2|3|4) languages",
)  # fmt: skip


def expand(rng: Random, form: str) -> str:
    """`form` with each `(a|b)` replaced by one of its alternatives, innermost first."""
    while CHOICE.search(form):
        form = CHOICE.sub(lambda match: rng.choice(match[1].split("|")), form)
    return form


def conjugate(verb: str, subject: str, past: bool) -> str:
    """`verb` (its base form) after `subject`."""
    plural = subject in PLURAL
    if verb == "be":
        if past:
            return "were" if plural and subject != "I" else "was"
        return "am" if subject == "I" else "are" if plural else "is"
    if not past:
        return verb if plural else third_person(verb)
    if verb in IRREGULAR:
        return IRREGULAR[verb]
    if verb.endswith("e"):
        return verb + "d"
    if re.search("[^aeiou]y$", verb):
        return verb[:-1] + "ied"
    doubled = re.fullmatch("[a-z]{0,3}[aeiou][bgmnpt]", verb) and not re.search("[aeiou]{2}.$", verb)
    return verb + verb[-1] + "ed" if doubled else verb + "ed"


class Talk:
    """The hero, tense, money and facts of one story, told in one of several manners."""

    def __init__(self, s: Story, hero: Who | None = None, past: bool | None = None) -> None:
        self.s, self.rng = s, s.rng
        self.hero = hero or who(s.rng)
        self.past = s.rng.random() < 0.55 if past is None else past
        self.till = Teller(s)
        self.clauses: list[str] = []
        self.met = False
        self.pronouns = True
        self.words: dict[str, object] = {"unit": self.till.unit}

    # -- who and what -------------------------------------------------------------------------------------------

    def other(self) -> Who:
        """A second person, with a first name, whom no pronoun of the hero's can mean."""
        taken = self.hero.first
        person = named(self.rng, self.rng.choice([name for name in NAMES if name not in taken]))
        if person.he == self.hero.he:
            self.pronouns = False
        return person

    def price(self, low: int, high: int) -> Amount:
        """A new given price, with cents where the currency writes them."""
        return self.till.price(low, high)

    def money(self, amount: Amount) -> str:
        """A given amount as money, for a template."""
        return self.till.money(amount)

    def chance(self, share: float) -> bool:
        """True for that share of the stories."""
        return self.rng.random() < share

    # -- sentences ----------------------------------------------------------------------------------------------

    def fact(self, *forms: str, **words: object) -> None:
        """One clause of the story, without its full stop."""
        self.clauses.append(self.render(self.rng.choice(forms), **words))

    def render(self, form: str, **words: object) -> str:
        """`form` with its choices made, its verbs conjugated and its words filled in."""
        if "{hm}" in form:
            form = form.replace("{hm}", self.rng.choice(("how much", "how much", "how much money", "how many {unit}")))
        told, subject, coming = "", self.hero.first, ""
        for token in TOKEN.split(expand(self.rng, form)):
            if token in ("{do}", "{now}", "{be}"):
                coming = coming or self._subject()
                verb = "be" if token == "{be}" else "do"
                told += conjugate(verb, coming, self.past and token != "{now}")
            elif token == "{S}":
                subject, coming = coming or self._subject(), ""
                told += subject
            elif token.startswith("["):
                told += self._verb(token[1:-1], subject)
            else:
                told += self._pronouns(token)
        told = re.sub("#", lambda _: str(self.rng.randint(2, 25)), told)
        filled = {name: self.s.render(word) for name, word in (self.words | words).items() if f"{{{name}}}" in told}
        told = re.sub(r"\s+([,.;?])", r"\1", told.format(**filled))
        return re.sub(r"\b([Aa]) (?=[aeio](?!ne\b|u))", r"\1n ", told)

    def _subject(self) -> str:
        if not self.met:
            self.met = True
            return self.hero.first
        return self.hero.he if self.pronouns and self.rng.random() < 0.65 else self.hero.later

    def _verb(self, verb: str, subject: str) -> str:
        if "/" in verb:
            return verb.split("/")[self.past]
        return conjugate(verb, subject, self.past)

    def _pronouns(self, text: str) -> str:
        hero = self.hero
        if "{owner}" in text:
            named_ = hero.his if hero.plural else f"{hero.later if self.met else hero.first}'s"
            text = text.replace("{owner}", hero.his if self.met and self.chance(0.6) else named_)
            self.met = True
        return text.replace("{his}", hero.his).replace("{him}", hero.him)

    # -- the whole ----------------------------------------------------------------------------------------------

    def ask(self, *forms: str, answer: Amount, **words: object) -> None:
        """The question; puts the facts before it, around it or into it."""
        question = self.render(self.rng.choice(forms), **words)
        facts = [clause.strip() for clause in self.clauses]
        simple = all(not re.search(r"[.?!:;]\s", fact) for fact in facts) and len(facts) > 0
        asking = question.endswith("?") and re.match("(?i)how|what", question) is not None
        roll = self.rng.random()
        if simple and asking and len(facts) < 4 and roll < 0.09:
            self._tell([], self.rng.choice(("If ", "If ", "If ", "Suppose ", "Say ")) + self._joined([ORDER.sub("", facts[0]), *facts[1:]]) + ", " + question, answer)
        elif simple and asking and len(facts) > 1 and roll < 0.17:
            self._tell([fact + "." for fact in facts[:-1]], question[:-1] + self.rng.choice((" if ", " if ", ", if ")) + ORDER.sub("", facts[-1]) + "?", answer)
        elif simple and roll < 0.25 and len(facts) < 4:
            joint = self.rng.choice((", ", ", ", " and ", "; "))
            self._tell([], joint.join(facts) + self.rng.choice((", ", ". ", " - ", "... ", "; ")) + self.rng.choice((question, question.rstrip("?."))), answer)
        else:
            self._tell([fact + "." for fact in self._merged(facts) if fact], question, answer, roomy=True)

    def _tell(self, sentences: list[str], question: str, answer: Amount, roomy: bool = False) -> None:
        if roomy and sentences and self.chance(0.17):
            forms = WORLD + (PERSONAL * 2 if self.met else ())
            sentences.insert(self.rng.randint(1, len(sentences)), self.render(self.rng.choice(forms)) + ".")
        if roomy and question.endswith("?") and self.chance(0.07):
            question = question[:-1]
        if question.endswith("?") and self.chance(0.05):
            question += self.rng.choice(GOODBYES)
        if self.chance(0.08):
            first = self.rng.choice(GREETINGS)
            if sentences:
                sentences[0] = first + sentences[0]
            else:
                question = first + question
        self.s.sentences, self.s.question, self.s.answer = sentences, question, answer

    def _joined(self, facts: list[str]) -> str:
        return ", ".join(facts[:-1]) + (" and " if len(facts) > 1 else "") + facts[-1]

    def _merged(self, facts: list[str]) -> list[str]:
        """Some neighbours joined into one sentence."""
        merged: list[str] = []
        for fact in facts:
            joinable = merged and not re.search(r"[.?!:;]\s| and | but |, ", merged[-1] + " " + fact)
            if joinable and self.chance(0.3):
                merged[-1] += self.rng.choice((" and ", ", and ", "; ")) + fact
            else:
                merged.append(fact)
        return merged
