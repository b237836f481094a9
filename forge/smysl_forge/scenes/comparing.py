"""Scenes of comparison: more and fewer, times as many, differences, chains of people, hand-overs."""



from smysl_forge.scenes.cast import Tense, Who, cast, everyone, inflect, line, tense
from smysl_forge.scenes.nouns import thing, things
from smysl_forge.scenes.phrases import ALTOGETHER
from smysl_forge.scenes.telling import gap, some
from smysl_forge.story import Amount, Scene, Story

HAVE = (
    "have|has|had", "have|has|had", "have|has|had", "own|owns|owned", "collect|collects|collected", "buy|buys|bought",
    "pick|picks|picked", "make|makes|made", "find|finds|found", "sell|sells|sold", "count|counts|counted",
)  # fmt: skip
FRACTIONS = ((2, "half"), (2, "half"), (3, "a third"), (4, "a quarter"), (5, "a fifth"), (10, "a tenth"))


class _Relation:
    """How one person's count follows from another's."""

    def __init__(self, s: Story, base: Amount, previous: Who, when: Tense) -> None:
        self.words: dict[str, object] = {}
        other = previous.him if previous.first == "I" else previous.later
        does = ""
        if previous.plural or s.rng.random() < 0.25:
            does = inflect(" [do|does|did]", previous.plural, when)
        compared = f"{previous.first if previous.plural else other}{does}"
        than = f" than {compared}"
        roll = s.rng.random()
        if roll < 0.32:
            change = some(s)
            self.words["k"] = change
            self.value = s.step(base + change)
            self.text = s.pick("{k} more {t}", "{k} more", "{k} {t} more") + than
        elif roll < 0.6:
            change = some(s, int(base.value) - 1)
            self.words["k"] = change
            self.value = s.step(base - change)
            self.text = s.pick("{k} fewer {t}", "{k} fewer", "{k} less", "{k} less {t}", "{k} {t} fewer") + than
        elif roll < 0.8:
            kind = s.rng.random()
            if kind < 0.5:
                self.value = s.step(base * 2)
                self.text = s.pick("twice as many {t} as", "twice as many as", "double as many {t} as") + f" {compared}"
            elif kind < 0.62:
                self.value = s.step(base * 3)
                self.text = s.pick("triple as many {t} as", "thrice as many as") + f" {compared}"
            else:
                factor = s.number(2, 10)
                self.words["k"] = factor
                self.value = s.step(base * factor)
                self.text = s.pick("{k} times as many {t} as", "{k} times as many as", "{k} times more {t} than", "{k} times the number of {t} of") + f" {compared}"  # fmt: skip
        else:
            part, word = s.rng.choice(FRACTIONS)
            self.value = s.step(base / part)
            s.whole(self.value)
            self.text = s.pick(f"{word} as many {{t}} as", f"{word} as many as") + f" {compared}"


def chain(s: Story) -> None:
    """A has so many, B more, C twice as many as B: the last, the sum, or the difference."""
    count = s.rng.choice((2, 2, 2, 3, 3, 4))
    people, when, noun = cast(s.rng, count), tense(s.rng), thing(s.rng)
    verb = s.rng.choice(HAVE)
    values = [some(s)]
    relations, pieces = [], [line(s.rng, people[0], f"{{S}} [{verb}] {{n}} {{t}}", when, True)]
    words: dict[str, object] = {"t": noun[1], "n": values[0]}
    for i in range(1, count):
        j = i - 1 if s.rng.random() < 0.75 else 0
        relation = _Relation(s, values[j], people[j], when)
        words |= {f"k{i}": amount for amount in relation.words.values()}
        relations.append(relation)
        values.append(relation.value)
        pieces.append(line(s.rng, people[i], f"{{S}} [{verb}] " + relation.text.replace("{k}", f"{{k{i}}}"), when, True))
    joiner = s.pick(". ", ". ", ", ", ", and " if count == 2 else ". ", " and " if count == 2 else ", ")
    text = joiner.join(pieces) if joiner == ". " or count == 2 else joiner.join(pieces[:-1]) + " and " + pieces[-1]
    base, do = verb.split("|")[0], "did" if when == "past" else None
    roll = s.rng.random()
    last = people[-1]
    verb_do = do or ("do" if last.plural else "does")
    later = last.later
    if roll < 0.5 or any(v.value > 20000 for v in values):
        form = s.pick("How many {t} X Y Z?", "How many {t} X Y Z?", "How many X Y Z?", "Find how many {t} Y V.", "What is the number of {t} Y V?", "Work out how many {t} Y V.", "how many X Y Z", "Calculate Y's number of {t}." if not last.plural else "How many X Y Z?")  # fmt: skip
        answer = values[-1]
        verb_form = inflect(f"[{verb}]", last.plural, when)
        form = form.replace("X", verb_do).replace("Y", later).replace("Z", base).replace("V", verb_form)
    elif roll < 0.85:
        total = values[0]
        for value in values[1:]:
            total = s.step(total + value)
        answer = total
        they = "we" if people[0].first == "I" else "they"
        aux = do or "do"
        form = s.pick(f"How many {{t}} {aux} {they} {base} altogether?", f"How many {{t}} {aux} {they} {base} in total?", f"How many {{t}} {aux} {everyone(people)} {base} together?", f"How many {{t}} {aux} {they} {base} in all?", f"What is the total number of {{t}} {they} {inflect(f'[{verb}]', True, when)}?", *ALTOGETHER)  # fmt: skip
    else:
        s.require(count > 2 and values[0].value != values[-1].value)
        first = people[0]
        big, small, more, less = (values[0], values[-1], first, last) if values[0] > values[-1] else (values[-1], values[0], last, first)
        answer = s.step(big - small)
        x = do or ("do" if more.plural else "does")
        form = f"How many more {{t}} {x} {more.later} {base} than {less.later}?"
    s.say(text + ".", **words)
    s.ask(form, answer=answer, t=noun[1])


def difference(s: Story) -> None:
    """How many more, how many fewer, what is the difference."""
    people, when, noun = cast(s.rng, 2), tense(s.rng), thing(s.rng)
    values = [some(s), some(s)]
    s.require(values[0].value != values[1].value)
    verb = s.rng.choice(HAVE)
    base = verb.split("|")[0]
    joiner = s.pick(" and ", ". ", ", ", " while ", ", but ")
    s.say(line(s.rng, people[0], f"{{S}} [{verb}] {{n}} {{t}}", when, True) + joiner + line(s.rng, people[1], f"{{S}} [{verb}] {{m}}", when, True) + s.pick(".", " {t}."), n=values[0], m=values[1], t=noun[1])  # fmt: skip
    order = (0, 1) if values[0] > values[1] else (1, 0)
    big, small = people[order[0]], people[order[1]]
    if s.rng.random() < 0.2:
        s.ask("What is the difference?", "What is the difference between the two numbers of {t}?", "Find the difference.", "By how many {t} do they differ?", answer=s.step(gap(s, *values)), t=noun[1])
        return
    answer = s.step(values[order[0]] - values[order[1]])
    do = ["did" if when == "past" else "do" if p.plural else "does" for p in (big, small)]
    s.ask(f"How many more {{t}} {do[0]} {big.later} {base} than {small.later}?", f"How many fewer {{t}} {do[1]} {small.later} {base} than {big.later}?",
          f"How many {{t}} more {do[0]} {big.later} {base} than {small.later}?", 
          f"How many more {do[0]} {big.later} {base}?", f"How many less {{t}} {do[1]} {small.later} {base} than {big.later}?", f"Find how many more {{t}} {big.later} {inflect(f'[{verb}]', big.plural, when)} than {small.later}.",
          f"How many more {{t}} must {small.later} get to have as many as {big.later}?" if base in ("have", "own") else f"How many more {{t}} {do[0]} {big.later} {base} than {small.later}?", answer=answer, t=noun[1])  # fmt: skip


def more_things(s: Story) -> None:
    """There are a cows and b more sheep than cows; or how many more pens than pencils."""
    one, two = things(s.rng, 2, *(s.rng.choice((("food",), ("school",), ("toys",), ("garden",), ("kitchen",), ()))))
    where = s.pick("in a shop", "in the room", "on the table", "in a box", "on a farm", "at school", "in the garden", "in a basket", "at home", "in a store")
    first = some(s)
    roll = s.rng.random()
    words: dict[str, object] = {"n": first, "a": one[1], "b": two[1], "w": where}
    if roll < 0.3:
        second = some(s)
        s.require(first.value != second.value)
        s.say("There are {n} {a} and {m} {b} {w}.", "{n} {a} and {m} {b} are {w}.", "{n} {a}, {m} {b}.", "There are {n} {a} {w} and {m} {b}.", m=second, **words)
        more, fewer = (one, two) if first > second else (two, one)
        if s.rng.random() < 0.2:
            s.ask("What is the difference between the number of {a} and {b}?", "By how much do the numbers of {a} and {b} differ?", "Find the difference between the two numbers.", answer=s.step(gap(s, first, second)), **words)
            return
        answer = s.step(first - second if first > second else second - first)
        s.ask(f"How many more {more[1]} than {fewer[1]} are there?", f"How many more {more[1]} are there than {fewer[1]}?", f"How many fewer {fewer[1]} than {more[1]} are there?", f"How many fewer {fewer[1]} are there than {more[1]}?", f"How many more {more[1]} than {fewer[1]}?", answer=answer)  # fmt: skip
        return
    if roll < 0.5:
        change = some(s)
        s.say("There are {n} {a} {w}. There are {k} more {b} than {a}.", "There are {n} {a} and {k} more {b} than {a} {w}.", "{n} {a} are {w}, and the number of {b} is {k} more.", k=change, **words)
        second = s.step(first + change)
    elif roll < 0.7:
        change = some(s, int(first.value) - 1)
        s.say("There are {n} {a} {w}. There are {k} fewer {b} than {a}.", "There are {n} {a} and {k} fewer {b} than {a} {w}.", "{n} {a} are {w}, and there are {k} fewer {b}.", k=change, **words)
        second = s.step(first - change)
    elif roll < 0.88:
        if s.rng.random() < 0.5:
            second = s.step(first * 2)
            s.say("There are {n} {a} {w}. There are twice as many {b} as {a}.", "There are {n} {a} and twice as many {b} {w}.", "There are {n} {a} {w} and double as many {b}.", **words)
        else:
            factor = s.number(3, 9)
            second = s.step(first * factor)
            s.say("There are {n} {a} {w}. There are {k} times as many {b} as {a}.", "There are {n} {a} and {k} times as many {b} {w}.", k=factor, **words)
    else:
        part, word = s.rng.choice(FRACTIONS)
        second = s.step(first / part)
        s.whole(second)
        s.say("There are {n} {a} {w}. There are " + word + " as many {b} as {a}.", "There are {n} {a} {w} and " + word + " as many {b}.", **words)
    if s.rng.random() < 0.5:
        s.ask("How many {b} are there?", "How many {b} are {w}?", "Find the number of {b}.", "how many {b}?", "What is the number of {b}?", answer=second, **words)
    else:
        s.ask("How many {a} and {b} are there altogether?", "How many are there in total?", "How many {a} and {b} are there in all?", "What is the total number of {a} and {b}?", "How many things are there altogether?", answer=s.step(first + second), **words)


def inverse(s: Story) -> None:
    """Tom has 5 more than Ann. Tom has 12. How many has Ann?"""
    people, when, noun = cast(s.rng, 2), tense(s.rng), thing(s.rng)
    a, b = people
    verb = s.rng.choice(HAVE[:6])
    base = verb.split("|")[0]
    roll = s.rng.random()
    than = b.first if b.plural else b.later
    change: Amount | None = None
    if roll < 0.3:
        known, change = some(s), None
        change = some(s, int(known.value) - 1)
        answer, text = s.step(known - change), s.pick("{k} more {t} than ", "{k} more than ") + than
    elif roll < 0.6:
        known, change = some(s), some(s)
        answer, text = s.step(known + change), s.pick("{k} fewer {t} than ", "{k} less than ", "{k} fewer than ", "{k} less {t} than ") + than
    elif roll < 0.75:
        known = s.quantity(2 * s.rng.randint(2, 60))
        answer, text = s.step(known / 2), s.pick("twice as many {t} as ", "twice as many as ", "double as many {t} as ") + than
    elif roll < 0.9:
        change = s.number(3, 9)
        known = s.quantity(change.value * s.rng.randint(2, 40))
        answer, text = s.step(known / change), s.pick("{k} times as many {t} as ", "{k} times as many as ") + than
    else:
        part, word = s.rng.choice(FRACTIONS)
        known = some(s)
        answer, text = s.step(known * part), s.pick(f"{word} as many {{t}} as ", f"{word} as many as ") + than
    relation = line(s.rng, a, f"{{S}} [{verb}] " + text, when, True)
    fact = line(s.rng, a, f"{{S}} [{verb}] {{n}}" + s.pick("", " {t}"), when, s.rng.random() < 0.7)
    words: dict[str, object] = {"n": known, "t": noun[1]} | ({"k": change} if change else {})
    if s.rng.random() < 0.5:
        fact = line(s.rng, a, f"{{S}} [{verb}] {{n}} {{t}}", when, True)
        which = s.pick(f", which is {text}.", f". This is {text}.", f", {text}.")
        s.say(fact + which.replace(" is ", " was " if when == "past" else " is "), **words)  # fmt: skip
    else:
        s.say(relation + ". " + fact + ".", **words)
    do = "did" if when == "past" else "do" if b.plural else "does"
    s.ask(f"How many {{t}} {do} {b.later} {base}?", f"How many {do} {b.later} {base}?", f"Find how many {{t}} {b.later} {inflect(f'[{verb}]', b.plural, when)}.", f"How many {{t}} {inflect('[have|has|had]', b.plural, when)} {b.later}?" if base == "have" else f"How many {{t}} {do} {b.later} {base}?", answer=answer, t=noun[1])  # fmt: skip


def ratio(s: Story) -> None:
    """How many times as many."""
    people, when, noun = cast(s.rng, 2), tense(s.rng), thing(s.rng)
    a, b = people
    small = s.number(2, 30)
    factor = s.rng.randint(2, 12)
    big = s.quantity(small.value * factor)
    answer = s.step(big / small)
    verb = s.rng.choice(HAVE)
    base = verb.split("|")[0]
    first, second = (("{n}", "{m}") if s.rng.random() < 0.5 else ("{m}", "{n}"))
    if first == "{m}":
        a, b = b, a
    lines = [line(s.rng, a, f"{{S}} [{verb}] {{n}} {{t}}", when, True), line(s.rng, b, f"{{S}} [{verb}] {{m}} {{t}}", when, True)]
    if s.rng.random() < 0.5:
        lines.reverse()
    s.say(s.pick(". ", " and ", ", ").join(lines) + ".", n=big, m=small, t=noun[1])
    do = "did" if when == "past" else "do" if a.plural else "does"
    s.ask(f"How many times as many {{t}} {do} {a.later} {base} as {b.later}?", f"How many times more {{t}} {do} {a.later} {base} than {b.later}?", f"{a.later} {inflect(f'[{verb}]', a.plural, when)} how many times as many {{t}} as {b.later}?", answer=answer, t=noun[1])  # fmt: skip


def hand_over(s: Story) -> None:
    """One gives some to the other: what each has then, or the difference."""
    people, when, noun = cast(s.rng, 2), tense(s.rng), thing(s.rng)
    counts = [some(s), some(s)]
    s.say(line(s.rng, people[0], "{S} [have|has|had] {n} {t}", when, True) + s.pick(" and ", ". ", ", ") + line(s.rng, people[1], "{S} [have|has|had] {m}" + s.pick("", " {t}"), when, True) + ".", n=counts[0], m=counts[1], t=noun[1])  # fmt: skip
    giver = s.rng.choice((0, 0, 1))
    taker = 1 - giver
    a, b = people[giver], people[taker]
    moved = some(s, int(counts[giver].value) - 1)
    gives = f"{{S}} [{s.pick('give|gives|gave', 'give|gives|gave', 'hand|hands|handed', 'send|sends|sent', 'lend|lends|lent')}] "
    receiver = b.him if b.plural else b.later
    form = gives + s.pick("{k} {t} to ", "{k} to ", "{k} of them to ") + receiver if not b.plural and s.rng.random() < 0.6 else gives + receiver + s.pick(" {k}", " {k} of them", " {k} {t}")
    s.say(line(s.rng, a, form, when, True) + ".", k=moved, t=noun[1])
    roll = s.rng.random()
    do = ["do" if p.plural else "does" for p in people]
    if roll < 0.35:
        answer = s.step(counts[giver] - moved)
        s.ask(f"How many {{t}} {do[giver]} {a.later} have left?", f"How many {{t}} {do[giver]} {a.later} have now?", f"How many {{t}} are left for {a.later if not a.plural else a.him}?", answer=answer, t=noun[1])
        return
    if roll < 0.7:
        answer = s.step(counts[taker] + moved)
        s.ask(f"How many {{t}} {do[taker]} {b.later} have now?", f"How many {{t}} {do[taker]} {b.later} have then?", f"How many {do[taker]} {b.later} have after that?", answer=answer, t=noun[1])
        return
    left, got = s.step(counts[giver] - moved), s.step(counts[taker] + moved)
    s.require(left.value != got.value)
    big, small, x, y = (left, got, giver, taker) if left > got else (got, left, taker, giver)
    s.ask(f"How many more {{t}} {do[x]} {people[x].later} have than {people[y].later} now?", f"How many more {{t}} {do[x]} {people[x].later} have now than {people[y].later}?", answer=s.step(big - small), t=noun[1])


def sum_and_difference(s: Story) -> None:
    """Together 20, one has 4 more (or times as many): how many has each?"""
    people, noun = cast(s.rng, 2), thing(s.rng)
    a, b = people
    s.require(not b.plural)
    together = s.pick("Together {x} and {y} have {n} {t}.", "{x} and {y} have {n} {t} altogether.", "{x} and {y} have {n} {t} in total.", "In total, {x} and {y} have {n} {t}.", "{x} and {y} share {n} {t}.")
    if a.first == "I":
        together = together.replace("{x} and {y}", "{y} and {x}")
    has = "have" if a.plural else "has"
    names = {"x": a.first, "y": b.first}
    asks = [f"How many {{t}} {'do' if p.plural else 'does'} {p.later} have?" for p in people]
    if s.rng.random() < 0.55:
        small, change = s.rng.randint(2, 40), s.number(2, 20)
        total = s.quantity(2 * small + int(change))
        s.say(together, n=total, t=noun[1], **names)
        s.say(f"{a.first} {has} {{k}} more {{t}} than {b.later}.", f"{a.first} {has} {{k}} more than {b.later}.", k=change, t=noun[1])
        rest = s.step(total - change)
        lower = s.step(rest / 2)
        if s.rng.random() < 0.5:
            s.ask(asks[1], answer=lower, t=noun[1])
        else:
            s.ask(asks[0], answer=s.step(lower + change), t=noun[1])
        return
    small = s.rng.randint(2, 40)
    if s.rng.random() < 0.5:
        total = s.quantity(3 * small)
        s.say(together, n=total, t=noun[1], **names)
        s.say(f"{a.first} {has} twice as many {{t}} as {b.later}.", f"{a.first} {has} twice as many as {b.later}.", t=noun[1])
        lower = s.step(total / 3)
        higher = lower * 2
    else:
        factor = s.number(3, 9)
        total = s.quantity(small * (int(factor) + 1))
        s.say(together, n=total, t=noun[1], **names)
        s.say(f"{a.first} {has} {{k}} times as many {{t}} as {b.later}.", f"{a.first} {has} {{k}} times as many as {b.later}.", k=factor, t=noun[1])
        parts = s.step(factor + 1)
        lower = s.step(total / parts)
        higher = lower * factor
    if s.rng.random() < 0.5:
        s.ask(asks[1], answer=lower, t=noun[1])
    else:
        s.ask(asks[0], answer=s.step(higher), t=noun[1])


SCENES: dict[str, tuple[float, Scene]] = {
    "chain": (4.0, chain),
    "difference": (1.5, difference),
    "more_things": (2.0, more_things),
    "inverse": (1.5, inverse),
    "ratio": (0.7, ratio),
    "hand_over": (1.2, hand_over),
    "sum_and_difference": (1.0, sum_and_difference),
}
