"""Scenes of things gained and lost: what is there now, what was there first, what is missing."""



from smysl_forge.scenes.cast import Tense, Who, cast, everyone, line, tense, who
from smysl_forge.scenes.nouns import COLORS, FOOD, Noun, container, thing, things
from smysl_forge.scenes.phrases import ALTOGETHER, EATEN, GAINS, JOINS, LEFT, LOSSES, NOW, STARTS
from smysl_forge.scenes.telling import ask_of, extra, some, tell_of
from smysl_forge.story import Amount, Scene, Story


def gain_and_lose(s: Story) -> None:
    """A start and one to five things that happen to it."""
    person, when, noun, jar = who(s.rng), tense(s.rng), thing(s.rng), container(s.rng)[0]
    total = some(s)
    words: dict[str, object] = {"t": noun[1], "c": jar}
    tell_of(s, person, STARTS, when, n=total, **words)
    last_gain = _events(s, person, when, noun, total, s.rng.choice((1, 1, 1, 2, 2, 2, 3, 3, 4, 5)))
    forms = NOW if last_gain or s.rng.random() < 0.4 else LEFT
    answer = s.steps[-1]
    extra(s, person, noun)
    ask_of(s, person, forms, Amount(s, answer.value, f"s{len(s.steps) - 1}"), **words)


def _events(s: Story, person: Who, when: Tense, noun: Noun, total: Amount, count: int) -> bool:
    """Things that happen to `total`, as sentences or joined clauses; says whether the last one was a gain."""
    text, words, gained = "", {"t": noun[1]}, False
    given: dict[str, object] = {}
    for i in range(count):
        gained = s.rng.random() < 0.45
        losses = (*LOSSES, *EATEN, *EATEN) if noun in FOOD else LOSSES
        form = line(s.rng, person, s.rng.choice(GAINS if gained else losses), when)
        if gained:
            change = some(s)
            total = s.step(total + change)
        else:
            change = some(s, int(total.value) - 1)
            total = s.step(total - change)
        given[f"n{i}"] = change
        form = form.replace("{n}", f"{{n{i}}}")
        if i == 0:
            text = s.pick("", "", "then ", "later ", "after that, ", "one day ", "the next day, ") + form
        else:
            text += s.pick(". ", ". ", *JOINS) + form
    s.say(text + ".", **words, **given)
    return gained


def opening_clause(s: Story) -> None:
    """If Tom has 5 apples and eats 2, how many ... : everything in the question sentence."""
    person, noun = who(s.rng), thing(s.rng)
    total, gained = some(s), s.rng.random() < 0.5
    change = some(s) if gained else some(s, int(total.value) - 1)
    answer = s.step(total + change if gained else total - change)
    verbs: tuple[str, ...] = (
        ("buy|buys|bought", "get|gets|got", "find|finds|found", "receive|receives|received", "win|wins|won")
        if gained
        else ("lose|loses|lost", "sell|sells|sold", "give away|gives away|gave away", "break|breaks|broke", "use|uses|used")
    )  # fmt: skip
    if noun in FOOD and not gained:
        verbs = ("eat|eats|ate", "eat|eats|ate", *verbs)
    verb = "[" + s.rng.choice(verbs) + "]"
    more = s.pick(" more", " more {t}", " new ones", " {t}") if gained else s.pick("", " {t}", " of them")
    start = line(s.rng, person, s.pick("{S} [have|has|had] {n} {t}", "{S} [start|starts|started] with {n} {t}"), intro=True)
    ending = s.pick("how many {t} does {S} have now?", "how many {t} does {S} have?", "how many {t} will {S} have?",
        "how many does {S} have now?", "how many {t} are there?", "how many {t} does {S} have in total?" if gained else
        "how many {t} are left?", "what is the number of {t} {S} [have|has|has]?")  # fmt: skip
    ending = line(s.rng, person, ending.replace("does {S}", "{do} {S}"))
    event = line(s.rng, person, "{S} " + verb + " {m}" + more).split(" ", 0)[0]
    opening = s.pick("If", "When", "Suppose", "Imagine", "Say", "Let's say")
    s.require(opening in ("If", "When") or "how" in ending)
    joined = s.pick(" and ", " and then ", ", and ") + event
    s.ask(f"{opening} {start}{joined}, {ending}", answer=answer, n=total, m=change, t=noun[1])


def telegraphic(s: Story) -> None:
    """5 apples, eat 2, how many left?"""
    noun, total = thing(s.rng), some(s)
    pieces = [s.pick("{n} {t}", "have {n} {t}", "got {n} {t}", "i have {n} {t}", "start with {n} {t}", "we have {n} {t}")]
    given: dict[str, object] = {"n": total, "t": noun[1]}
    gained = False
    for i in range(s.rng.choice((1, 1, 1, 2, 2, 3))):
        gained = s.rng.random() < 0.4
        change = some(s) if gained else some(s, int(total.value) - 1)
        total = s.step(total + change if gained else total - change)
        given[f"m{i}"] = change
        mark = f"{{m{i}}}"
        if gained:
            form = s.pick("buy {m}", "buy {m} more", "get {m} more", "plus {m}", "add {m}", "{m} more", "found {m}", "get {m}",
                          "bought {m}", "{m} added", "then {m} more", "+{m}", "received {m}", "got {m} more")  # fmt: skip
        else:
            form = s.pick("lose {m}", "sell {m}", "give away {m}", "gave {m} away", "{m} lost", "{m} taken away", "use {m}",
                          "take away {m}", "minus {m}", "{m} gone", "{m} broken", "sold {m}", "lost {m}", "used {m}", "remove {m}",
                          *(("eat {m}", "ate {m}", "{m} eaten") * 2 if noun in FOOD else ()))  # fmt: skip
        pieces.append(form.replace("{m}", mark))
    joiner = s.pick(", ", ", ", ", then ", ". ", " and ", "; ", ", and ")
    end = s.pick("how many?", "how many now?", "how many do I have?", "how many {t}?", "how many in the end?", "how many {t} now?", "total?")
    if not gained:
        end = s.pick(end, "how many left?", "how many are left?", "how many remain?", "what's left?", "how many {t} left?", "left?")
    s.require("total" not in end or gained)
    last = s.pick(", ", ". ", ", ", " - ", ": ") + end
    text = joiner.join(pieces) + last
    if s.rng.random() < 0.2:
        text = text.rstrip("?")
    s.ask(text, answer=total, **given)


def two_totals(s: Story) -> None:
    """What two to four people have together."""
    count = s.rng.choice((2, 2, 2, 3, 3, 4))
    people, when, noun = cast(s.rng, count), tense(s.rng), thing(s.rng)
    amounts = [some(s) for _ in people]
    verb = s.pick("have|has|had", "have|has|had", "have|has|had", "buy|buys|bought", "collect|collects|collected",
                  "find|finds|found", "own|owns|owned", "make|makes|made", "pick|picks|picked", "bring|brings|brought")  # fmt: skip
    joined = s.rng.random() < 0.55
    clauses, words = [], {"t": noun[1]}
    given: dict[str, object] = {}
    for i, person in enumerate(people):
        tail = " {t}" if i == 0 or s.rng.random() < 0.5 else ""
        middle = f"[{verb}]" if i == 0 or not joined or s.rng.random() < 0.8 else ""
        clauses.append(line(s.rng, person, f"{{S}} {middle} {{n{i}}}{tail}", when, True))
        given[f"n{i}"] = amounts[i]
    if joined:
        text = ", ".join(clauses[:-1]) + s.pick(" and ", ", and ", " while ") + clauses[-1] + "."
    else:
        text = ". ".join(clauses) + "."
    s.say(text, **words, **given)
    if count > 2 and s.rng.random() < 0.25:
        asked = sorted(s.rng.sample(range(count), 2))
        both = everyone([people[i] for i in asked])
        aux = "did" if when == "past" else "do"
        base = verb.split("|")[0]
        s.ask(f"How many {{t}} {aux} {both} {base} together?", f"How many {{t}} {aux} {both} {base} in total?", f"How many {{t}} {aux} only {both} {base}?", answer=s.step(amounts[asked[0]] + amounts[asked[1]]), **words)
        return
    total = amounts[0]
    for amount in amounts[1:]:
        total = s.step(total + amount)
    base = verb.split("|")[0]
    do = "did" if when == "past" and s.rng.random() < 0.7 else "do"
    they = "we" if people[0].first == "I" else "they"
    pair = everyone(people)
    s.ask(f"How many {{t}} {do} {they} {base} altogether?", f"How many {{t}} {do} {they} {base} in total?",
          f"How many {{t}} {do} {they} {base} together?", f"How many {{t}} {do} {they} {base} in all?",
          f"How many {{t}} {do} {pair} {base} together?", f"How many {{t}} {do} {pair} {base} in total?",
          f"How many do {they} {base} altogether?", *ALTOGETHER, answer=total, **words)  # fmt: skip


def kinds(s: Story) -> None:
    """Two to four kinds of things added up, or by colour."""
    count, person, when = s.rng.choice((2, 2, 3, 3, 4)), who(s.rng), tense(s.rng)
    coloured = s.rng.random() < 0.5
    if coloured:
        noun = thing(s.rng)
        labels = [f"{color} {noun[1]}" for color in s.rng.sample(COLORS, count)]
        if s.rng.random() < 0.5:
            labels = [labels[0], *(label.split(" ")[0] + " ones" for label in labels[1:])]
        everything = noun[1]
    else:
        category, everything = s.rng.choice((("food", "pieces of food"), ("toys", "toys"), ("school", "school things"), ("clothes", "pieces of clothing"), ("garden", "plants"), ("tools", "items"), ("office", "items"), ("kitchen", "things"), ("sports", "things")))  # fmt: skip
        labels = [noun[1] for noun in things(s.rng, count, category)]
        everything = s.pick(everything, "items", "things")
    amounts = [some(s) for _ in labels]
    parts = [f"{{n{i}}} {label}" for i, label in enumerate(labels)]
    listed = ", ".join(parts[:-1]) + s.pick(" and ", ", and ", " as well as ") + parts[-1]
    start = s.pick("{S} [have|has|had] ", "{S} [buy|buys|bought] ", "there [are|were] ", "{S} [own|owns|owned] ",
                   "{S} [put|puts|put] into a bag ", "a basket [holds|held] ", "in the {c} there [are|were] ",
                   "a {c} [contains|contained] ", "{S} [pack|packs|packed] ", "{S} [carry|carries|carried] ")  # fmt: skip
    given: dict[str, object] = {f"n{i}": amount for i, amount in enumerate(amounts)}
    s.say(line(s.rng, person, start + listed + ".", when, True), c=container(s.rng)[0], **given)
    if count > 2 and s.rng.random() < 0.2:
        i, j = sorted(s.rng.sample(range(count), 2))
        a, b = (colored.replace(" ones", f" {everything}") if coloured else colored for colored in (labels[i], labels[j]))
        s.ask(f"How many {a} and {b} are there together?", f"How many {a} and {b} are there?", f"What is the total number of {a} and {b}?", f"How many {a} and {b} in all?", answer=s.step(amounts[i] + amounts[j]))
        return
    total = amounts[0]
    for amount in amounts[1:]:
        total = s.step(total + amount)
    forms = (*ALTOGETHER, "How many {t} does {S} have altogether?", "How many {t} does {S} have in all?", "How many {t} does {S} have in total?", "How many {t} did {S} count?")  # fmt: skip
    ask_of(s, person, forms, total, t=everything)


def part_unknown(s: Story) -> None:
    """A whole with its known parts; the rest is asked."""
    noun, when, person = thing(s.rng), tense(s.rng), who(s.rng)
    colors = s.rng.sample(COLORS, 3)
    whole = some(s)
    first = some(s, int(whole.value) - 1)
    rest = s.step(whole - first)
    given: dict[str, object] = {"w": whole, "a": first, "t": noun[1], "x": colors[0], "y": colors[1], "z": colors[2]}
    three = s.rng.random() < 0.35
    start = s.pick("{S} [have|has|had] {w} {t}.", "there [are|were] {w} {t} in a " + container(s.rng)[0] + ".",
                   "a " + container(s.rng)[0] + " [contains|contained] {w} {t}.", "{S} [buy|buys|bought] {w} {t}.",
                   "there [are|were] {w} {t}.", "out of {w} {t},", "of the {w} {t} in a " + container(s.rng)[0] + ",")  # fmt: skip
    s.say(line(s.rng, person, start, when, True), **given)
    if three:
        second = some(s, int(rest.value) - 1)
        given["b"] = second
        rest = s.step(rest - second)
        s.say(line(s.rng, person, s.pick("{a} [are|were] {x}, {b} [are|were] {y} and the rest [are|were] {z}.", "{a} of them [are|were] {x} and {b} [are|were] {y}; the others [are|were] {z}.", "{a} [are|were] {x} and {b} [are|were] {y}, all the others [are|were] {z}."), when), **given)  # fmt: skip
        s.ask("How many are {z}?", "How many {z} {t} are there?", "How many of the {t} are {z}?", "Find the number of {z} {t}.", "how many {z} ones?", answer=rest, **given)  # fmt: skip
        return
    s.say(line(s.rng, person, s.pick("{a} of them [are|were] {x} and the rest [are|were] {y}.", "{a} [are|were] {x}, the others [are|were] {y}.", "{a} [are|were] {x}. The rest [are|were] {y}.", "{a} [are|were] {x} and all the others [are|were] {y}."), when), **given)  # fmt: skip
    s.ask("How many are {y}?", "How many {y} {t} are there?", "How many of the {t} are {y}?", "Find the number of {y} {t}.", "How many are not {x}?", "how many {y} ones?", "What is the number of {y} {t}?", answer=rest, **given)  # fmt: skip


SCENES: dict[str, tuple[float, Scene]] = {
    "gain_and_lose": (5.0, gain_and_lose),
    "opening_clause": (2.0, opening_clause),
    "telegraphic": (2.0, telegraphic),
    "two_totals": (2.0, two_totals),
    "kinds": (1.5, kinds),
    "part_unknown": (1.5, part_unknown),
}
