"""Scenes of comparison: more, fewer, times as many, chains of people, sums with differences, hand-overs.

Knows how one count follows from another and the ways of saying so.
"""

from __future__ import annotations

from smysl_forge.scenes.forms_voice import Voice
from smysl_forge.scenes.forms_words import tenses, theme
from smysl_forge.story import Amount, Scene, Story

PARTS = ((2, "half"), (2, "half"), (2, "half"), (3, "a third"), (3, "one-third"), (4, "a quarter"), (5, "a fifth"))


def begin(s: Story, others: int = 0) -> tuple[Voice, int]:
    """A voice with things in its words, and the most of them that a person would have."""
    v = Voice(s, others)
    kind, (one, many) = theme(s.rng)
    v.put(t=one, ts=many, have=kind.have, have3=kind.have.replace("[", "<").replace("]", ">"), **tenses(v.past))
    return v, s.rng.choice((min(20, kind.top), min(60, kind.top), kind.top))


def related(s: Story, base: Amount, key: str, v: Voice) -> tuple[Amount, str]:
    """A count told by another: its step, and the words before the other's name (`{key}` the number in them)."""
    roll = s.rng.random()
    if roll < 0.28:
        k = s.number(2, max(3, min(60, int(base.value))))
        v.w[key] = k
        return s.step(base + k), f"({{{key}}} more|{{{key}}} more {{ts}}|{{{key}}} {{ts}} more) than"
    if roll < 0.54:
        s.require(base > 4)
        k = s.number(2, int(base.value) - 2)
        v.w[key] = k
        return s.step(base - k), f"({{{key}}} fewer|{{{key}}} fewer {{ts}}|{{{key}}} less|{{{key}}} less {{ts}}|{{{key}}} {{ts}} fewer) than"
    if roll < 0.68:
        return s.step(base * 2), "(twice as many|twice as many {ts}|double as many) as"
    if roll < 0.72:
        return s.step(base * 3), "triple the (number|amount) of"
    if roll < 0.86:
        k = s.number(3, 8)
        v.w[key] = k
        return s.step(base * k), f"({{{key}}} times as many|{{{key}}} times as many {{ts}}) as"
    part, word = s.rng.choice(PARTS)
    value = s.step(base / part)
    s.whole(value)
    s.require(value > 1)
    return value, f"({word} as many|{word} as many {{ts}}|only {word} as many) as"


def more(s: Story) -> None:
    """Two people, the second by the first: the second, both, or the difference."""
    v, top = begin(s, 1)
    a = s.number(3, top)
    v.put(a=a)
    b, rel = related(s, a, "k", v)
    s.require(b > 1)
    v.put(rel=rel)
    v.tell("{A} {have} {a} {ts}", "{A} {have} {a} {ts}", "there {are} {a} {ts} in {As} bag", "{As} collection <have> {a} {ts}", "{A} [count] {a} {ts}")
    if "the (number" in rel:
        v.tell("{B} {have3} {rel} {ts} that {A} [do]")
    else:
        v.tell("{B} {have3} {rel} {Ao}", "{B} {have3} {rel} {A} [do]", "{B}, however, {have3} {rel} {Ao}", "{B} <have> {rel} {Ao}")
    if s.rng.random() < 0.5:
        v.ask("how many {ts} <do> {B} have?", "how many <do> {B} have?", "what is the number of {ts} that {B} <have>?", "how many {ts} has {B} got?",
              "find out how many {ts} {B} <have>.", "how many {ts} belong to {B}?", "tell me how many {B} <have>.", "{B}'s number of {ts} is what?", "so how many is that for {B}?",
              "calculate {B}'s {ts}.", answer=b)  # fmt: skip
        return
    v.ask("how many {ts} do (they|the two of them|the two|both) have (together|altogether|in total|in all|combined)?", "what is the total number of {ts}?",
          "how many {ts} are there in all?", "how many {ts} do the two have between them?", "together, how many {ts} is that?", "what do the two collections add up to?",
          "altogether that makes how many {ts}?", "how many {ts} if you put everything together?", "find the total.", answer=s.step(a + b))  # fmt: skip


def backwards(s: Story) -> None:
    """The first is told by the second: undo the relation."""
    v, top = begin(s, 1)
    a = s.number(4, top)
    v.put(a=a)
    kind = s.rng.randrange(5)
    if kind < 2:
        k = s.number(2, max(2, min(50, int(a.value) - 2)))
        up = kind == 0
        b = s.step(a - k if up else a + k)
        rel = "{k} (more|more {ts}|{ts} more) than" if up else "{k} (fewer|fewer {ts}|less|{ts} fewer) than"
        v.put(k=k)
    elif kind == 2:
        b, rel = s.step(a / 2), "(twice as many|double as many|twice as many {ts}) as"
    elif kind == 3:
        k = s.number(3, 9)
        v.put(k=k)
        b, rel = s.step(a / k), "{k} times as many (as|{ts} as)"
    else:
        part, word = s.rng.choice(PARTS)
        b, rel = s.step(a * part), f"{word} as many (as|{{ts}} as)"
    s.whole(b)
    s.require(b > 1)
    v.put(rel=rel)
    v.tell("{A} {have} {a} {ts}, which is {rel} {B} {has3}", "{A} {have} {a} {ts}. That is {rel} {B} {has3}", "with {a} {ts}, {A} [have] {rel} {B}",
           "{A} {have} {rel} {B}. {A} [have] {a}", "{A} {have} {a} {ts} - {rel} {B}", "{A} [have] {rel} {B}, namely {a}", "{A} [have] {a} {ts} and that's {rel} {B} {has3}")  # fmt: skip
    v.put(has3="<have>")
    if s.rng.random() < 0.65:
        v.ask("how many {ts} <do> {B} have?", "how many <do> {B} have?", "how many {ts} has {B} got?", "what about {B}: how many {ts}?", "find the number of {ts} {B} <have>.",
              "how many {ts} are {B}'s?", "{B} <have> how many {ts}?", "work out how many {ts} {B} <have>.", answer=b)  # fmt: skip
        return
    v.ask("how many {ts} do they have (together|altogether|in total|in all|combined)?", "how many {ts} do the two have between them?", "what is the total for both?",
          "how many {ts} are there altogether?", answer=s.step(a + b))  # fmt: skip


def gap(s: Story) -> None:
    """Both counts are told: by how many they differ, or what it takes to catch up."""
    v, top = begin(s, 1)
    a, b = s.number(4, top), s.number(2, top)
    s.require(a > b + 1)
    v.put(a=a, b=b)
    v.simple = s.rng.random() < 0.5
    if s.rng.random() < 0.5:
        v.tell("{A} {have} {a} {ts} and {B} {b}", "{A} {have} {a} {ts}, {B} {b}", "{A} {have} {a} {ts} while {B} {have3} {b}", "{A} [have] {a} {ts}, but {B} <have> only {b}")
    else:
        v.tell("{B} {have3} {b} {ts} and {A} {have} {a}", "{B} {have3} {b} {ts}, {A} [have] {a}", "{B} <have> {b} {ts}. {A} [have] {a} of them", "{B} {have3} just {b} {ts} whereas {A} [have] {a}")
    v.ask("how many more {ts} [do] {A} have than {B}?", "how many fewer {ts} <do> {B} have than {Ao}?", "what is the difference?", "by how many {ts} do they differ?",
          "how many more <do> {B} need to have as many as {Ao}?", "how many {ts} is {B} short of {As} number?", "how many must {B} get to catch up with {Ao}?",
          "how many {ts} is {B} behind?", "how many more {ts} has {B} to get to have the same number as {Ao}?", "how much bigger is {As} number of {ts}?", "how many {ts} separate the two?", answer=s.step(a - b))  # fmt: skip


def chain(s: Story) -> None:
    """Three or four people, each told by the one before."""
    count = s.rng.choice((2, 2, 3))
    v, top = begin(s, count)
    a = s.number(3, min(40, top))
    v.put(a=a)
    values, facts = [a], ["{A} {have} {a} {ts}"]
    people = ["{Ao}", "{B}", "{C}", "{D}"]
    for i in range(count):
        j = i if s.rng.random() < 0.8 else 0
        value, rel = related(s, values[j], f"k{i}", v)
        s.require("the (number" not in rel and 1 < value.value < 400)
        values.append(value)
        facts.append(f"{people[i + 1]} <have> {rel} {people[j]}")
    v.put(**{f"r{i}": fact for i, fact in enumerate(facts)})
    layout = s.rng.randrange(4)
    refs = [f"{{r{i}}}" for i in range(len(facts))]
    if layout == 0:
        for ref in refs:
            v.tell(ref)
    elif layout == 1:
        v.tell(", ".join(refs[:-1]) + " and " + refs[-1])
    elif layout == 2:
        v.tell(". ".join(reversed(refs)))
    else:
        v.tell(refs[0])
        v.tell(" and ".join(refs[1:]))
    last = people[count]
    roll = s.rng.random()
    if roll < 0.45:
        v.ask(f"how many {{ts}} <do> {last} have?", f"how many {{ts}} has {last} got?", f"find {last}'s number of {{ts}}.", f"how many does that make for {last}?",
              f"so how many {{ts}} are {last}'s?", f"how many <do> {last} have?", answer=values[-1])  # fmt: skip
    elif roll < 0.8:
        total = values[0]
        for value in values[1:]:
            total = s.step(total + value)
        v.ask("how many {ts} do they have (together|altogether|in total|in all)?", "how many {ts} are there in all?", "what is the total number of {ts}?",
              "how many {ts} do all of them have combined?", "how many {ts} is that altogether?", answer=total)  # fmt: skip
    else:
        s.require(abs(values[-1].value - a.value) > 1)
        if values[-1] > a:
            v.ask(f"how many more {{ts}} <do> {last} have than {{Ao}}?", f"by how many is {last} ahead of {{Ao}}?", answer=s.step(values[-1] - a))
        else:
            v.ask(f"how many more {{ts}} [do] {{A}} have than {last}?", f"how many fewer <do> {last} have than {{Ao}}?", answer=s.step(a - values[-1]))


def total_and_gap(s: Story) -> None:
    """Together so many, one of them k more: each."""
    v, top = begin(s, 1)
    less = s.number(2, top)
    s.given.clear()
    k = s.quantity(s.rng.randint(2, max(3, min(40, int(less.value)))))
    total = s.quantity(2 * less.value + k.value)
    v.put(n=total, k=k)
    v.tell("{A} and {B} have {n} {ts} (together|altogether|in total|between them)", "together {A} and {B} {own_} {n} {ts}", "{n} {ts} belong to {A} and {B}",
           "{A} and {B} share {n} {ts}, but not equally", "between them, {A} and {B} {own_} {n} {ts}")  # fmt: skip
    v.put(own_="(own|have|count)")
    more_a = s.rng.random() < 0.5
    if more_a:
        v.tell("{A} {has} {k} (more|more than {B}|more {ts} than {B})", "{A} {has} {k} more {ts} than {B}", "{A} {has} {k} more than {B} does", "{B} has {k} fewer than {Ao}")
    else:
        v.tell("{B} has {k} more {ts} than {Ao}", "{B} has {k} more than {Ao}", "{A} {has} {k} fewer than {B}", "{A} {has} {k} {ts} fewer than {B}")
    larger = s.rng.random() < 0.5
    answer = s.step(s.step(total + k if larger else total - k) / 2)
    if larger == more_a:
        v.ask("how many {ts} {does} {A} have?", "how many of them belong to {Ao}?", "how many {ts} belong to {Ao}?", "find how many {ts} {A} {has}.", answer=answer)
    else:
        v.ask("how many {ts} does {B} have?", "how many of them belong to {B}?", "how many {ts} belong to {B}?", "find how many {ts} {B} has.", "how many are {B}'s?", answer=answer)


def total_and_times(s: Story) -> None:
    """Together so many, one has k times as many: divide by k + 1."""
    v, _ = begin(s, 1)
    twice = s.rng.random() < 0.4
    factor = 2 if twice else s.rng.randint(3, 8)
    total = s.quantity((factor + 1) * s.rng.randint(2, 25))
    v.put(n=total)
    if twice:
        v.put(f="(twice|double)")
        part = s.step(total / 3)
    else:
        k = s.quantity(factor)
        v.put(f="{f_} times", f_=k)
        part = s.step(total / s.step(k + 1))
    v.tell("{A} and {B} have {n} {ts} (together|altogether|in total)", "{n} {ts} {are} (split|divided) between {Ao} and {B}", "there {are} {n} {ts} for {B} and {Ao}", "{A} and {B} {are} given {n} {ts}")
    v.tell("{A} [get] {f} as many as {B}", "{A} [have] {f} as many as {B}", "{A} [have] {f} as many {ts} as {B}", "{As} part is {f} as big as {B}'s")
    if s.rng.random() < 0.6:
        v.ask("how many {ts} <do> {B} have?", "how many does {B} get?", "how many {ts} are {B}'s?", "find {B}'s share.", answer=part)
    else:
        big = s.step(total - part)
        v.ask("how many {ts} [do] {A} have?", "how many are for {Ao}?", "what is {As} share?", "how many {ts} is that for {Ao}?", answer=big)


def times_and_gap(s: Story) -> None:
    """k times as many and d more: divide by k - 1."""
    v, _ = begin(s, 1)
    factor = s.rng.randint(2, 7)
    d = s.quantity((factor - 1) * s.rng.randint(2, 20))
    v.put(d=d)
    if factor == 2:
        small = d
        s.require(s.rng.random() < 0.3)
        v.put(f="twice")
    else:
        k = s.quantity(factor)
        v.put(f="{f_} times", f_=k)
        small = s.step(d / s.step(k - 1))
    v.tell("{A} [have] {f} as many {ts} as {B}", "{A} [have] {f} as many {ts} as {B} <do>")
    v.tell("{A} [have] {d} more {ts} than {B}", "that is {d} more than {B} <have>", "the difference is {d} {ts}", "{B} <have> {d} fewer than {Ao}")
    if factor > 2 and s.rng.random() < 0.4:
        v.ask("how many {ts} [do] {A} have?", "find how many {ts} {A} [have].", answer=s.step(small + d))
        return
    v.ask("how many {ts} <do> {B} have?", "find how many {ts} {B} <have>.", "how many are {B}'s?", answer=small)


def handed(s: Story) -> None:
    """One gives the other some: what each has after, or the difference after."""
    v, top = begin(s, 1)
    a, b = s.number(8, max(10, top)), s.number(2, max(10, top))
    k = s.number(2, int(a.value) - 3)
    v.put(a=a, b=b, k=k)
    v.tell("{A} [have] {a} {ts} and {B} <have> {b}", "{A} [have] {a} {ts}. {B} <have> {b}", "at first {A} [have] {a} {ts} and {B} {b}", "{B} <have> {b} {ts}, {A} [have] {a}")
    v.tell("{A} [give] {k} to {B}", "then {A} [give] {B} {k}", "{A} [hand] {k} {ts} over to {B}", "{B} <get> {k} from {Ao}", "{k} {ts} {go} from {A} to {B}", "{A} [pass] {k} of {his} {ts} to {B}",
           "{B} <borrow> {k} {ts} from {Ao}", "{A} [lose] {k} {ts} to {B} in a game", "{B} <win> {k} of {As} {ts}")  # fmt: skip
    after_a, after_b = a - k, b + k
    roll = s.rng.random()
    if roll < 0.3:
        v.ask("how many {ts} {does} {A} have (now|then|left|after that)?", "how many are left for {Ao}?", "what is {As} number of {ts} afterwards?", answer=s.step(after_a))
    elif roll < 0.6:
        v.ask("how many {ts} does {B} have (now|then|after that)?", "how many has {B} got in the end?", "with how many {ts} does {B} end up?", answer=s.step(after_b))
    elif roll < 0.72:
        v.ask("how many {ts} do they have (together|altogether|in total) (now|)?", "how many {ts} do the two have in all?", answer=s.step(a + b))
    else:
        first, second = s.step(after_a), s.step(after_b)
        s.require(abs(first.value - second.value) > 1)
        if first > second:
            v.ask("how many more {ts} {does} {A} (now have|have now) than {B}?", "how many fewer {ts} does {B} have than {Ao} now?", answer=s.step(first - second))
        else:
            v.ask("how many more {ts} does {B} (now have|have now) than {Ao}?", "by how many is {B} ahead now?", answer=s.step(second - first))


def evened(s: Story) -> None:
    """How many must change hands so that both have the same, or how many each then has."""
    v, top = begin(s, 1)
    b = s.number(2, max(6, top))
    a = s.quantity(b.value + 2 * s.rng.randint(1, 15))
    v.put(a=a, b=b)
    v.tell("{A} [have] {a} {ts} and {B} <have> {b}", "{A} [have] {a} {ts}, {B} only {b}", "{B} <have> {b} {ts}. {A} [have] {a}")
    if s.rng.random() < 0.5:
        v.ask("how many should {A} give {B} so that they have the same number?", "how many {ts} must {A} give to {B} so both have equally many?", "how many must go from {Ao} to {B} to make it even?",
              "to be fair, how many {ts} should {A} pass to {B}?", "how many {ts} does {B} need from {Ao} so that they are equal?", answer=s.step(s.step(a - b) / 2))  # fmt: skip
        return
    v.tell("they put them all together and split them equally", "they share everything evenly between the two", "they decide to pool the {ts} and halve them", "everything is shared out equally")
    v.ask("how many {ts} does each (get|have then|of them get)?", "how many {ts} for each?", "what is each one's share?", answer=s.step(s.step(a + b) / 2))


MEASURED = (
    ("{x} is {a} {u} (tall|high)", "{k} {u} taller than", "{k} {u} shorter than", "how (tall|high) is {y}?", "(cm|centimetres)", 90, 200, ("the fridge", "the door", "the wardrobe", "the sunflower", "the statue", "the snowman", "the young tree", "the shelf")),
    ("{x} is {a} {u} long", "{k} {u} longer than", "{k} {u} shorter than", "how long is {y}?", "(m|metres|feet)", 8, 90, ("the red rope", "the blue rope", "the bridge", "the tunnel", "the fence", "the pool", "the old ship", "the garden path", "the train")),
    ("{x} weighs {a} {u}", "{k} {u} more than", "{k} {u} less than", "how much does {y} weigh?", "(kg|kilograms|kilos|pounds)", 6, 90, ("the suitcase", "the brown dog", "the parcel", "the goat", "the sack of rice", "the anvil", "the bike", "the calf", "the pumpkin")),
    ("{x} takes {a} {u}", "{k} {u} longer than", "{k} {u} less than", "how long does {y} take?", "(minutes|min)", 10, 90, ("the bus ride", "the film", "the second lesson", "the concert", "the hike", "the ferry trip", "the museum tour", "the game")),
    ("{x} is {a} years old", "{k} years older than", "{k} years younger than", "how old is {y}?", "years", 7, 80, ("the castle guide", "my aunt", "the teacher", "the parrot", "the tortoise", "our neighbour", "the oak", "the captain")),
    ("{x} costs {a} {u}", "{k} {u} more than", "{k} {u} less than", "how much does {y} cost?", "(dollars|euros|pounds|bucks)", 8, 300, ("the jacket", "the lamp", "the scooter", "the tent", "the headset", "the guitar", "the watch", "the chair", "the ticket", "the camera")),
    ("{x} holds {a} {u}", "{k} {u} more than", "{k} {u} less than", "how much does {y} hold?", "(litres|liters|gallons)", 8, 90, ("the green barrel", "the bathtub", "the tank", "the big pot", "the fish tank", "the watering can", "the boiler")),
    ("{x} has {a} pages", "{k} pages more than", "{k} pages fewer than", "how many pages does {y} have?", "pages", 40, 400, ("the novel", "the atlas", "the cookbook", "the diary", "the thriller", "the manual", "the yearbook")),
)  # fmt: skip


def measured(s: Story) -> None:
    """Lengths, weights, ages and prices compared, forwards and backwards."""
    v = Voice(s, tense="present")
    fact, up, down, ask, unit, low, high, pool = s.rng.choice(MEASURED)
    x, y = s.rng.sample(pool, 2)
    a = s.number(low, high)
    k = s.number(2, max(3, low // 2 + 2))
    v.put(a=a, k=k, x=x, y=y, u=v.expand(unit))
    longer, forwards = s.rng.random() < 0.5, s.rng.random() < 0.55
    phrase = v.expand(up if longer else down)
    v.tell(fact)
    verb = "is" if fact.endswith(("long", "(tall|high)", "old")) else fact.split()[1]
    if forwards:
        v.tell(f"{{y}} {verb} {phrase} {{x}}", f"{{y}} {verb} {phrase} {{x}}", f"compared with {{x}}, {{y}} {verb} {phrase.removesuffix(' than')}")
        other = s.step(a + k if longer else a - k)
    else:
        v.tell(f"{{x}} {verb} {phrase} {{y}}", f"it {verb} {phrase} {{y}}")
        v.simple = False
        other = s.step(a - k if longer else a + k)
    s.require(other > 2)
    if s.rng.random() < 0.7 or "old" in fact:
        v.ask(ask, ask, f"tell me: {ask}", f"so {ask}", answer=other)
    else:
        joint = {
            "is": "how many {u} is that for both (together|in a row)?", "weighs": "how (much|many {u}) do (both|they) weigh together?", "takes": "how many {u} do both take together?",
            "costs": "how much do (both|they) cost together?", "holds": "how many {u} do they hold together?", "has": "how many pages do both have in total?",
        }  # fmt: skip
        v.ask(joint[verb], answer=s.step(a + other))


SCENES: dict[str, tuple[float, Scene]] = {
    "forms_more": (1.6, more),
    "forms_backwards": (1.4, backwards),
    "forms_gap": (1.2, gap),
    "forms_chain": (1.6, chain),
    "forms_total_and_gap": (0.9, total_and_gap),
    "forms_total_and_times": (0.8, total_and_times),
    "forms_times_and_gap": (0.4, times_and_gap),
    "forms_handed": (1.2, handed),
    "forms_evened": (0.8, evened),
    "forms_measured": (1.2, measured),
}
