"""Scenes that ask for what is not told: the start, the change, what is still needed, a part of a whole."""



from smysl_forge.scenes.cast import cast, line, tense, who
from smysl_forge.scenes.nouns import COLORS, FOOD, container, thing
from smysl_forge.scenes.telling import ask_of, extra, some, tell_of
from smysl_forge.story import Scene, Story

GOT = (
    "buy|buys|bought", "get|gets|got", "find|finds|found", "receive|receives|received", "win|wins|won",
    "collect|collects|collected", "borrow|borrows|borrowed", "make|makes|made", "pick|picks|picked",
)  # fmt: skip
GAVE = (
    "sell|sells|sold", "lose|loses|lost", "give away|gives away|gave away", "use|uses|used", "break|breaks|broke",
    "lend|lends|lent", "donate|donates|donated", "throw away|throws away|threw away", "hand out|hands out|handed out",
)  # fmt: skip
ATE = ("eat|eats|ate", "eat|eats|ate", "cook|cooks|cooked")


def start_unknown(s: Story) -> None:
    """After getting 5 there are 12: how many at first?"""
    person, noun = who(s.rng), thing(s.rng)
    gained = s.rng.random() < 0.5
    now = some(s)
    change = some(s, int(now.value) - 1) if gained else some(s)
    verb = s.rng.choice(GOT if gained else (*GAVE, *ATE) if noun in FOOD else GAVE)
    words: dict[str, object] = {"k": change, "n": now, "t": noun[1]}
    more = " more" if gained and s.rng.random() < 0.6 else ""
    forms = [
        f"{{S}} [{verb}] {{k}}{more} {{t}}. Now {{S}} have has {{n}} {{t}}.", f"after {{S}} [{verb}] {{k}} {{t}}, {{S}} [have|has|had] {{n}}.",
        f"{{S}} [have|has|had] some {{t}}. {{S}} [{verb}] {{k}}{more} and now there are {{n}}.", f"{{S}} [have|has|had] some {{t}}. After {{S}} [{verb}] {{k}}, {{n}} [are|were] left." if not gained else f"{{S}} [have|has|had] some {{t}} and [{verb}] {{k}} more. In the end, {{S}} [have|has|had] {{n}}.",
        f"{{S}} [{verb}] {{k}} of {{his}} {{t}} and {{n}} [are|were] left." if not gained else f"{{S}} [{verb}] {{k}} more {{t}}, so {{S}} [have|has|had] {{n}} altogether.",
    ]  # fmt: skip
    if not gained:
        forms.append(f"{{S}} [have|has|had] {{n}} {{t}} left after {{S}} [{verb}] {{k}} of them.")
    else:
        forms.append(f"{{S}} now have has {{n}} {{t}} because {{S}} [{verb}] {{k}}.")
    form = line(s.rng, person, s.rng.choice(forms), "past", True)
    now_has = "has" if "has" in line(s.rng, person, "[have|has|had]", "present", True) else "have"
    form = form.replace("have has", now_has)
    s.say(form, **words)
    answer = s.step(now - change if gained else now + change)
    ask_of(s, person, ("How many {t} did {S} have at first?", "How many {t} did {S} have at the beginning?", "How many {t} did {S} start with?",
        "How many {t} did {S} have to begin with?", f"How many {{t}} did {{S}} have before {person.he} {_past(verb)} some?" if not gained else "How many {t} did {S} have before?",
        "How many {t} were there at first?", "How many did {S} have initially?", "Find how many {t} {S} had at the start.", "how many {t} were there in the beginning?",
        "What number of {t} did {S} start with?", "How many {t} did {S} have originally?", "How many {t} were there to start with?"), answer, **words)  # fmt: skip


def _past(verb: str) -> str:
    return verb.split("|")[2]


def change_unknown(s: Story) -> None:
    """Had 20, now 8: how many were lost? Had 5, now 12: how many were bought?"""
    person, noun = who(s.rng), thing(s.rng)
    gained = s.rng.random() < 0.45
    a, b = some(s), some(s)
    s.require(a < b if gained else a > b)
    verb = s.rng.choice(GOT if gained else (*GAVE, *ATE, *ATE) if noun in FOOD else GAVE)
    base, past = verb.split("|")[0], _past(verb)
    words: dict[str, object] = {"n": a, "m": b, "t": noun[1], "v": past}
    some_more = s.pick("some more", "some", "a few more") if gained else s.pick("some", "some of them", "a few")
    have = line(s.rng, person, "[have|has|had]", "present", True)
    s.say(line(s.rng, person, s.pick(
        f"{{S}} [have|has|had] {{n}} {{t}}. {{S}} {{v}} {some_more}. Now {{S}} HAVE {{m}}.", f"{{S}} [have|has|had] {{n}} {{t}} and {{v}} {some_more}. {{S}} HAVE {{m}} now.",
        f"{{S}} [have|has|had] {{n}} {{t}} in the morning. During the day {{S}} {{v}} {some_more}, and in the evening there were {{m}}.", f"{{S}} [have|has|had] {{n}} {{t}}. After {{S}} {{v}} {some_more}, {{S}} [have|has|had] {{m}}.",
        f"at first {{S}} [have|has|had] {{n}} {{t}}, but after {{S}} {{v}} {some_more} there were {{m}}.", f"{{S}} [have|has|had] {{n}} {{t}}, {{v}} {some_more} and HAVE {{m}} now.",
        f"there were {{n}} {{t}} in a {container(s.rng)[0]}. {{S}} {{v}} {some_more} and now there are {{m}}.",
    ), "past", person.first not in ("they",)).replace("HAVE", have), **words)  # fmt: skip
    answer = s.step(b - a if gained else a - b)
    more = s.pick(" more", "") if gained else ""
    ask_of(s, person, (f"How many{more} {{t}} did {{S}} {base}?", f"How many did {{S}} {base}?", f"Find how many {{t}} {{S}} {past}.",
        f"How many{more} {{t}} did {{S}} {base}?", f"Work out how many {{t}} {{S}} {past}.", f"how many did {{S}} {base}"), answer, **words)  # fmt: skip


def still_needed(s: Story) -> None:
    """Wants 20, has 12: how many more? Or: two parts so far."""
    person, noun, when = who(s.rng), thing(s.rng), tense(s.rng)
    goal = some(s)
    first = some(s, int(goal.value) - 1)
    words: dict[str, object] = {"n": goal, "a": first, "t": noun[1]}
    done = first
    if s.rng.random() < 0.35:
        second = some(s, int(goal.value) - int(first.value) - 1)
        words["b"] = second
        tell_of(s, person, ("{S} [need|needs|needed] {n} {t}. {S} [have|has|had] {a} and [get|gets|got] {b} more", "{S} [want|wants|wanted] to collect {n} {t}. {S} [find|finds|found] {a} on Monday and {b} on Tuesday",
            "{S} [must|must|had to] make {n} {t}. {S} [make|makes|made] {a} in the morning and {b} in the afternoon", "{S} [need|needs|needed] {n} {t} in total. {S} already [have|has|had] {a} and {F} [gives|gave] {him} {b}"), when, **words)  # fmt: skip
        done = s.step(first + second)
    else:
        tell_of(s, person, ("{S} [need|needs|needed] {n} {t}. {S} [have|has|had] {a}", "{S} [want|wants|wanted] {n} {t} but only [have|has|had] {a}", "{S} [want|wants|wanted] to collect {n} {t}. So far {S} [have|has|had] {a}",
            "{S} [have|has|had] {a} {t} and [need|needs|needed] {n}", "{S} already [have|has|had] {a} {t}, but {S} [need|needs|needed] {n} in total", "{owner} album [holds|held] {n} {t}, and {S} [have|has|had] {a}",
            "{S} [have|has|had] {a} {t}. {S} [want|wants|wanted] to have {n}", "{S} [must|must|had to] bring {n} {t}. {S} already [have|has|had] {a}", "{S} [plan|plans|planned] to make {n} {t} and [have|has|had] made {a} so far"), when, **words)  # fmt: skip
    ask_of(s, person, ("How many more {t} does {S} need?", "How many more does {S} need?", "How many more {t} are needed?", "How many {t} are missing?", "How many {t} does {S} still need?",
        "How many more must {S} get?", "Find how many more {t} are needed.", "how many more to go?", "How many {t} are still missing?", "how many more does {S} need"), s.step(goal - done), **words)  # fmt: skip


def one_part_of_two(s: Story) -> None:
    """Together they have 20; Tom has 8. How many has Ann?"""
    people, noun, when = cast(s.rng, 2), thing(s.rng), tense(s.rng)
    a, b = people
    whole = some(s)
    part = some(s, int(whole.value) - 1)
    words: dict[str, object] = {"n": whole, "m": part, "t": noun[1], "y": b.later}
    both_names = f"{b.first} and I" if a.first == "I" else f"{a.first} and {b.first}"
    words["xy"] = both_names
    verb = s.pick("have|has|had", "have|has|had", "pick|picks|picked", "collect|collects|collected", "make|makes|made", "sell|sells|sold", "buy|buys|bought")
    has = line(s.rng, a, f"{{S}} [{verb}] {{m}}", when, True) + s.pick("", " {t}", " of them")
    both = "[" + verb.split("|")[0] + "|" + verb.split("|")[2] + "]"
    s.say(line(s.rng, a, s.pick(
        f"together {{xy}} {both} {{n}} {{t}}. {has}.", f"{{xy}} {both} {{n}} {{t}} altogether. {has}.", f"{{xy}} together {both} {{n}} {{t}}, and {has}.",
        f"in total, {{xy}} {both} {{n}} {{t}}. {has}.", f"{{xy}} {both} {{n}} {{t}} in all. {has}.",
    ), when), **words)  # fmt: skip
    do = "did" if when == "past" else "do" if b.plural else "does"
    base = verb.split("|")[0]
    s.ask(f"How many {{t}} {do} {{y}} {base}?", f"How many {do} {{y}} {base}?", f"how many {{t}} {do} {{y}} {base}", f"Find how many {{t}} {{y}} {base}." if b.plural else f"How many {{t}} {do} {{y}} {base}?", answer=s.step(whole - part), **words)  # fmt: skip


def fractions_of(s: Story) -> None:
    """Half of them, a third of the rest, a quarter is red: the part, or what remains."""
    person, noun, when = who(s.rng), thing(s.rng), tense(s.rng)
    part, word = s.rng.choice(((2, "half"), (2, "half"), (2, "half"), (3, "a third"), (4, "a quarter"), (4, "a fourth"), (5, "a fifth"), (10, "a tenth")))
    total = s.quantity(part * s.rng.randint(2, 60))
    words: dict[str, object] = {"n": total, "t": noun[1], "w": word, "c": s.rng.choice(COLORS)}
    gone = s.step(total / part)
    if s.rng.random() < 0.4:
        tell_of(s, person, ("{S} [have|has|had] {n} {t}. {w} of them [are|were] {c}", "there [are|were] {n} {t}, and {w} of them [are|were] {c}", "{w} of the {n} {t} [are|were] {c}"), when, **words)
        if s.rng.random() < 0.6:
            s.ask("How many {t} are {c}?", "How many {c} {t} are there?", "How many of them are {c}?", "how many {c} ones?", "Find the number of {c} {t}.", answer=gone, **words)
        else:
            s.ask("How many {t} are not {c}?", "How many are not {c}?", "How many {t} have another color?" if words["c"] not in ("wooden", "plastic", "striped") else "How many {t} are not {c}?", answer=s.step(total - gone), **words)  # fmt: skip
        return
    verbs = ("give|gives|gave", "give|gives|gave", "sell|sells|sold", "use|uses|used", "lose|loses|lost", *(("eat|eats|ate",) * 4 if noun in FOOD else ()))
    verb = s.rng.choice(verbs)
    to = " to {F}" if verb.startswith(("give", "sell")) else ""
    joined = s.pick(" and ", ". Then {S} ", ". {S} ", ", then ")
    tell_of(s, person, (f"{{S}} [have|has|had] {{n}} {{t}}{joined}[{verb}] {{w}} of them{to}", f"{{S}} [buy|buys|bought] {{n}} {{t}}{joined}[{verb}] {{w}} of the {{t}}{to}"), when, **words)
    rest = s.step(total - gone)
    if s.rng.random() < 0.35:
        change = some(s, int(rest.value) - 1)
        tell_of(s, person, ("then {S} [lose|loses|lost] {k} more", "after that, {S} [give|gives|gave] {k} to {F}", "{F} [takes|took] {k} more", "{S} also [use|uses|used] {k}"), when, k=change)
        rest = s.step(rest - change)
    elif s.rng.random() < 0.3:
        part, word = s.rng.choice(((2, "half"), (3, "a third"), (4, "a quarter")))
        more = s.step(rest / part)
        s.whole(more)
        tell_of(s, person, (f"then {{S}} [give|gives|gave] {word} of the rest to {{F}}", f"{{F}} [gets|got] {word} of the remaining {{t}}", f"after that, {{S}} [lose|loses|lost] {word} of what [is|is|was] left"), when, **words)  # fmt: skip
        rest = s.step(rest - more)
    extra(s, person, noun)
    ask_of(s, person, ("How many {t} are left?", "How many {t} does {S} have left?", "How many {t} does {S} have now?", "How many {t} remain?", "How many are left?", "how many {t} left?",
        "How many {t} does {S} still have?", "Find how many {t} are left."), rest, **words)  # fmt: skip


SCENES: dict[str, tuple[float, Scene]] = {
    "start_unknown": (1.5, start_unknown),
    "change_unknown": (1.5, change_unknown),
    "still_needed": (1.2, still_needed),
    "one_part_of_two": (1.0, one_part_of_two),
    "fractions_of": (1.5, fractions_of),
}
