"""Scenes as newcomers type them: everything inside one question, classic textbook forms, lazy punctuation."""



from smysl_forge.scenes import comparing, missing, settings, sharing, things
from smysl_forge.scenes.cast import cast, everyone, inflect, line, named, tense, who
from smysl_forge.scenes.nouns import COLORS, DAYS, FOOD, KIN, PACKS, container, people, thing
from smysl_forge.scenes.phrases import EATEN, GAINS, LEFT, LOSSES, NOW
from smysl_forge.scenes.settings import CROWDS, LEGS, verbs
from smysl_forge.scenes.sharing import group_size, shares
from smysl_forge.scenes.telling import ask_of, some, tell_of
from smysl_forge.story import Amount, Scene, Story


def give_me(s: Story) -> None:
    """If I have 3 apples and you give me 2 more, how many do I have?"""
    noun = thing(s.rng)
    total, gained = some(s), s.rng.random() < 0.55
    change = some(s) if gained else some(s, int(total.value) - 1)
    answer = s.step(total + change if gained else total - change)
    words: dict[str, object] = {"n": total, "m": change, "t": noun[1], "x": s.pick("you", "my " + s.rng.choice(KIN), "someone", "a friend")}
    has = s.pick("I have {n} {t}", "i've got {n} {t}", "I had {n} {t}", "there are {n} {t} on my desk", "I bought {n} {t}")
    if gained:
        event = s.pick("you give me {m} more", "you give me {m}", "you gave me {m} more {t}", "I get {m} more", "I get {m} more from you", "{x} gave me {m} more", "I buy {m} more", "I find {m} more", "I add {m}", "{x} brought me {m} {t}")
    else:
        event = s.pick("I give you {m}", "you take {m}", "I give {m} to {x}", "you took {m} of them", "I lose {m}", "I gave away {m}", "{x} took {m}", "I used {m} of them", *(("I eat {m}", "I ate {m}", "you eat {m} of them") * 2 if noun in FOOD else ()))
    end = s.pick("how many {t} do I have", "how many do I have now", "how many {t} do I have now", "how many {t} have I got", "how many do I have", "what do I have now", "how many {t} will I have", "how many {t} in total" if gained else "how many {t} are left", "how many {t} is that")
    opening = s.pick("if ", "if ", "", "so ", "suppose ", "when ", "hi, ", "hello, if ", "question: ", "")
    middle = s.pick(" and ", ", ", " and then ", ", then ", ". ") if opening not in ("if ", "when ", "suppose ", "hello, if ") else s.pick(" and ", " and then ", ", and ")
    stop = s.pick(", ", ", ", " - ") if opening in ("if ", "when ", "hello, if ") else s.pick(", ", ". ", "; ")
    s.ask(opening + has + middle + event + stop + end + s.pick("?", "?", "?", "", "??"), answer=answer, **words)


def crowd_if(s: Story) -> None:
    """If there are 3 cars in the lot and 2 more arrive, how many are there?"""
    start, come, go, asks = s.rng.choice(CROWDS)[:4]
    total, arriving = some(s), s.rng.random() < 0.6
    change = some(s) if arriving else some(s, int(total.value) - 1)
    past = s.rng.random() < 0.3
    clause = verbs(s.rng.choice(come if arriving else go), past).replace("{k}", "{m}")
    question = s.rng.choice(asks)
    begin = inflect(s.rng.choice(start), True, "past" if past else "present")
    s.ask(f"If {begin} and {clause}, {question[0].lower() + question[1:]}", f"{question[:-1]} if {begin} and {clause}?", answer=s.step(total + change if arriving else total - change), n=total, m=change)


def all_in_the_question(s: Story) -> None:
    """How many apples are in 5 bags of 8? How many does each get if 24 are shared among 6?"""
    noun, (one, many), crowd = thing(s.rng), container(s.rng), people(s.rng)
    if s.rng.random() < 0.3:
        one, many = s.rng.choice(PACKS)
    words: dict[str, object] = {"t": noun[1], "c": one, "cs": many, "g": crowd[1], "p": crowd[0]}
    roll = s.rng.random()
    if roll < 0.4:
        n, m = group_size(s)
        s.ask("How many {t} are in {n} {cs} if each {c} has {m} {t}?", "If each {c} has {m} {t}, how many {t} are in {n} {cs}?", "If there are {m} {t} in a {c}, how many {t} are there in {n} {cs}?", "A {c} holds {m} {t}. How many {t} are in {n} {cs}?",
              "How many {t} are there in {n} {cs} of {m}?", "One has {n} {cs} with {m} {t} each, how many {t}?".replace("One has", "I have"), "{n} {cs} of {m} {t}: how many {t}?", "{n} {cs}, {m} {t} in each, how many?", "How many {t} do {n} {g} have if each has {m}?", "If {n} {g} each have {m} {t}, how many {t} do they have?",
              "There are {m} {t} per {c}. How many {t} are in {n} {cs}?", "If one needs {m} {t} per {c}, how many {t} are needed for {n} {cs}?".replace("one needs", "you need"), "Each {p} needs {m} {t}. How many {t} do {n} {g} need?", "How many {t} do you need to give {n} {g} {m} {t} each?",
              "Find the number of {t} in {n} {cs} of {m} {t}.", "{n} {g} have {m} {t} each. how many in all?", "multiply: {n} {cs} with {m} {t} each", answer=s.step(n * m), n=n, m=m, **words)
    elif roll < 0.75:
        n, m = shares(s)
        s.ask("How many {t} does each {p} get if {n} {t} are shared equally among {m} {g}?", "If {m} {g} share {n} {t} equally, how many does each get?", "If you share {n} {t} equally between {m} {g}, how many {t} does each {p} get?", "{n} {t} for {m} {g}, how many each?",
              "If {n} {t} are divided equally among {m} {g}, how many does each {p} receive?", "Divide {n} {t} equally among {m} {g}.", "Share {n} {t} equally between {m} {g}. How many does each get?", "How many {t} are in each {c} if {n} {t} are put equally into {m} {cs}?", "split {n} {t} between {m} {g}, how many each?",
              "If {m} {cs} hold {n} {t}, how many {t} does a {c} hold?", "{m} {cs} have {n} {t} in total. How many {t} per {c}?", "I want to split {n} {t} evenly among {m} {g}. How many {t} should each get?", "{m} {g} want to share {n} {t}. how much does everyone get?", answer=s.step(n / m), n=n, m=m, **words)
    elif roll < 0.85:
        n, m = some(s), s.number(2, 20)
        s.require(n > m)
        if s.rng.random() < 0.5:
            s.ask("How many {cs} of {m} do you need for {n} {t}?", "How many {cs} are needed for {n} {t} if each {c} holds {m}?", "If a {c} holds {m} {t}, how many {cs} are needed for {n} {t}?", "I have {n} {t} and a {c} holds {m}. how many {cs} do I need?",
                  "How many {cs} does it take to hold {n} {t} if {m} fit in each?", answer=s.step(s.function("ceil", s.step(n / m))), n=n, m=m, **words)
        else:
            s.ask("How many groups of {m} can be made from {n} {t}?", "How many {g} can get {m} {t} each from {n} {t}?", "If each {p} gets {m} {t}, for how many {g} are {n} {t} enough?", "How many times can {m} {t} be taken from {n} {t}?",
                  "How many {cs} of {m} can be filled with {n} {t}?", "How many full {cs} of {m} do {n} {t} make?", answer=s.step(n // m), n=n, m=m, **words)
    else:
        n, m = shares(s)
        s.ask("{n} {t} are put into {cs} of {m}. How many {cs}?", "How many groups of {m} {t} are there in {n} {t}?", "If {n} {t} are put into {cs} of {m}, how many {cs} are there?", "how many {cs} of {m} {t} make {n} {t}?", answer=s.step(n / m), n=n, m=m, **words)


def legs_in_question(s: Story) -> None:
    """How many legs do 5 spiders have?"""
    n = s.number(2, 60)
    if s.rng.random() < 0.6:
        count = s.rng.choice((2, 4, 4, 6, 8))
        kind, part = s.rng.choice([name for name in LEGS[count] if name not in ("sheep", "goose", "canary")]), "legs"
        kind = {"butterfly": "butterflies", "ladybug": "ladybugs", "donkey": "donkeys", "pony": "ponies", "turkey": "turkeys"}.get(kind, kind + "s")
    else:
        kind, count, part = s.rng.choice((("cars", 4, "wheels"), ("bicycles", 2, "wheels"), ("tricycles", 3, "wheels"), ("people", 2, "hands"), ("triangles", 3, "sides"), ("squares", 4, "sides"), ("weeks", 7, "days"), ("people", 2, "eyes"), ("cats", 4, "paws"), ("years", 12, "months"), ("hands", 5, "fingers"), ("dozen", 12, "eggs"), ("pairs", 2, "shoes"), ("guitars", 6, "strings"), ("hexagons", 6, "sides")))  # fmt: skip
    w: dict[str, object] = {"n": n, "k": kind, "p": part}
    answer = s.step(n * count)
    if kind in ("weeks", "years", "dozen", "pairs"):
        s.ask("How many {p} are in {n} {k}?", "How many {p} are there in {n} {k}?", "{n} {k} is how many {p}?", "how many {p} make {n} {k}?", answer=answer, **w)
    else:
        s.ask("How many {p} do {n} {k} have?", "How many {p} do {n} {k} have altogether?", "There are {n} {k}. How many {p} is that?", "{n} {k}, how many {p}?", "If there are {n} {k}, how many {p} are there?", "What is the total number of {p} of {n} {k}?", answer=answer, **w)


def each_times_start(s: Story) -> None:
    """A start plus or minus the same number several times: 9 computers and 5 more on each of 4 days."""
    person, noun, when = who(s.rng), thing(s.rng), tense(s.rng)
    each, times = s.number(2, s.rng.choice((5, 12, 40))), s.number(2, s.rng.choice((5, 10)))
    gain = s.rng.random() < 0.55
    start = some(s)
    s.require(gain or start.value > each.value * times.value)
    words: dict[str, object] = {"n": start, "k": each, "j": times, "t": noun[1], "g": people(s.rng)[1]}
    tell_of(s, person, ("{S} [have|has|had] {n} {t}", "{S} [start|starts|started] with {n} {t}", "{S} already [have|has|had] {n} {t}", "there [are|were] {n} {t} in {owner} room"), when, **words)
    if gain:
        form: tuple[str, ...] = ("{S} [buy|buys|bought] {k} more every day for {j} days", "{S} [get|gets|got] {k} {t} from each of {j} {g}", "{j} {g} [bring|brought] {him} {k} {t} each", "{S} [make|makes|made] {k} {t} a day for {j} days", "each of {his} {j} {g} [gives|gave] {him} {k} more", "{S} [buy|buys|bought] {j} packs of {k} {t}", "every week {S} [get|gets|got] {k} more, for {j} weeks", "then {S} [find|finds|found] {j} boxes with {k} {t} each")
    else:
        form = ("{S} [use|uses|used] {k} every day for {j} days", "{S} [give|gives|gave] {k} {t} to each of {j} {g}", "{S} [give|gives|gave] {j} {g} {k} {t} each", "{S} [lose|loses|lost] {k} {t} a day for {j} days", "{j} {g} [take|took] {k} {t} each", "{S} [sell|sells|sold] {j} packs of {k} {t}", "{S} [fill|fills|filled] {j} bags with {k} {t} each and [sell|sells|sold] the bags")
    tell_of(s, person, form, when, **words)
    product = s.step(times * each)
    ask_of(s, person, NOW if gain or s.rng.random() < 0.4 else LEFT, s.step(start + product if gain else start - product), **words)


def by_day(s: Story) -> None:
    """Lost some on Tuesday, more on Wednesday: what is there at the end of the last day."""
    person, noun = who(s.rng), thing(s.rng)
    total = some(s)
    words: dict[str, object] = {"t": noun[1]}
    first = s.rng.randrange(4)
    tell_of(s, person, ("{S} had {n} {t}", "{S} had {n} {t} on " + DAYS[first], "{S} started the week with {n} {t}"), "past", n=total, **words)
    gained = False
    days = DAYS[first + 1 : first + 1 + s.rng.choice((2, 2, 3))]
    for day in days:
        gained = s.rng.random() < 0.4
        change = some(s) if gained else some(s, int(total.value) - 1)
        total = s.step(total + change if gained else total - change)
        losses = (*LOSSES, *EATEN) if noun in FOOD else LOSSES
        tell_of(s, person, tuple(f"on {day} {form}" if s.rng.random() < 0.5 else f"on {day}, {form}" for form in (GAINS if gained else losses) if not form.startswith("there")), "past", k=change, n=change, **words)
    ask_of(s, person, (f"How many {{t}} did {{S}} have at the end of {days[-1]}?", f"How many {{t}} did {{S}} have on {days[-1]} evening?", f"How many {{t}} did {{S}} have after {days[-1]}?", *(NOW if gained else LEFT)), total, **words)


def pool_then_lose(s: Story) -> None:
    """Leah had 32 and her sister 42. They ate 35: how many are left in total?"""
    family, noun = cast(s.rng, s.rng.choice((2, 2, 3))), thing(s.rng)
    values = [some(s) for _ in family]
    pieces = [line(s.rng, person, f"{{S}} had {{n{i}}}" + (" {t}" if i == 0 or s.rng.random() < 0.3 else ""), "past", True) for i, person in enumerate(family)]
    s.say(s.pick(" and ", ". ", " while ").join(pieces) + "." if len(pieces) == 2 else ", ".join(pieces[:-1]) + " and " + pieces[-1] + ".", t=noun[1], **{f"n{i}": v for i, v in enumerate(values)})
    total = values[0]
    for value in values[1:]:
        total = s.step(total + value)
    change = some(s, int(total.value) - 1)
    they = "we" if family[0].first == "I" else "they"
    verb = s.pick("ate", "ate") if noun in FOOD else s.pick("gave away", "lost", "sold", "used", "donated")
    s.say(f"Together {they} {verb} {{k}} of them.", f"Then {they} {verb} {{k}} {{t}}.", f"{they} {verb} {{k}} {{t}} in total.", k=change, t=noun[1])
    s.ask(f"How many {{t}} do {they} have left?", "How many {t} are left in total?", "How many {t} are left altogether?", f"How many {{t}} do {everyone(family)} have left together?", f"How many {{t}} did {they} have left?", answer=s.step(total - change), t=noun[1])


def levels(s: Story) -> None:
    """5 floors with 4 rooms, each with 3 windows: products of three, or of two with their sum."""
    outer, middle, inner = s.rng.choice((
        ("floors", "rooms", "windows"), ("houses", "rooms", "doors"), ("boxes", "packs", "pens"), ("shelves", "boxes", "books"), ("trees", "branches", "apples"),
        ("streets", "houses", "cats"), ("schools", "classes", "students"), ("crates", "bags", "oranges"), ("farms", "barns", "cows"), ("cases", "cartons", "eggs"),
        ("cars", "bags", "balls"), ("tables", "plates", "cookies"), ("gardens", "rows", "flowers"), ("buses", "rows", "seats"), ("libraries", "shelves", "books"),
    ))  # fmt: skip
    single = {"houses": "house", "boxes": "box", "shelves": "shelf", "branches": "branch", "classes": "class", "buses": "bus", "libraries": "library", "cases": "case", "trees": "tree", "tables": "table", "plates": "plate", "crates": "crate"}
    a, b, c = s.number(2, 12), s.number(2, 12), s.number(2, 20)
    w: dict[str, object] = {"a": a, "b": b, "c": c, "x": outer, "y": middle, "z": inner, "x1": single.get(outer, outer[:-1]), "y1": single.get(middle, middle[:-1])}
    s.say("There are {a} {x}. Each {x1} has {b} {y}, and each {y1} has {c} {z}.", "{a} {x} have {b} {y} each. Every {y1} has {c} {z}.", "each of the {a} {x} has {b} {y} with {c} {z} in each.", "There are {a} {x} with {b} {y} each, and {c} {z} in every {y1}.", "{a} {x}, {b} {y} in each {x1}, {c} {z} in each {y1}.", **w)
    product = s.step(s.step(a * b) * c)
    s.ask("How many {z} are there?", "How many {z} are there altogether?", "How many {z} are there in total?", "What is the total number of {z}?", "Find the number of {z}.", "how many {z} in all?", answer=product, **w)


def enough_for(s: Story) -> None:
    """Each bracelet takes 8 beads: how many from 50, what is left, what is needed."""
    made, needed, verb = s.rng.choice((
        (("bracelet", "bracelets"), "beads", "make"), (("cake", "cakes"), "eggs", "bake"), (("pie", "pies"), "apples", "bake"), (("wall", "walls"), "bricks", "build"),
        (("table", "tables"), "screws", "build"), (("bouquet", "bouquets"), "roses", "make"), (("chair", "chairs"), "nails", "build"), (("salad", "salads"), "tomatoes", "make"),
        (("smoothie", "smoothies"), "bananas", "make"), (("necklace", "necklaces"), "shells", "make"), (("birdhouse", "birdhouses"), "boards", "build"), (("pizza", "pizzas"), "olives", "make"),
        (("scarf", "scarves"), "balls of wool", "knit"), (("shirt", "shirts"), "buttons", "sew"), (("robot", "robots"), "batteries", "build"), (("sandwich", "sandwiches"), "slices of bread", "make"),
    ))  # fmt: skip
    person = who(s.rng)
    each = s.number(2, 15)
    w: dict[str, object] = {"m": each, "x": made[0], "xs": made[1], "t": needed, "v": verb}
    if s.rng.random() < 0.4:
        n = s.number(2, 40)
        s.say("It takes {m} {t} to {v} a {x}.", "You need {m} {t} for a {x}.", "each {x} needs {m} {t}.", "a {x} needs {m} {t}.", **w)
        s.ask("How many {t} are needed for {n} {xs}?", "How many {t} do you need to {v} {n} {xs}?", "How many {t} does it take to {v} {n} {xs}?", "how many {t} for {n} {xs}?", answer=s.step(n * each), n=n, **w)
        return
    n = some(s)
    s.require(n > each and (s.rng.random() < 0.7 or n.value % each.value == 0))
    start = line(s.rng, person, s.pick("{S} [have|has|had] {n} {t}", "{S} [buy|buys|bought] {n} {t}", "there [are|were] {n} {t}"), "present", True)
    s.say(start + s.pick(". It takes {m} {t} to {v} a {x}.", ". Each {x} needs {m} {t}.", " and needs {m} for each {x}." if start.startswith("there") is False and " has " in start else ". A {x} needs {m} of them."), n=n, **w)
    if n.value % each.value == 0 or s.rng.random() < 0.6:
        s.ask("How many {xs} can be made?", "How many {xs} can be made from them?", "How many {xs} is that enough for?", "What is the largest number of {xs} that can be made?", "how many {xs} at most?", "How many whole {xs} can be made?", answer=s.step(n // each), **w)
    else:
        s.ask("How many {t} are left over?", "How many {t} will be left over after making as many {xs} as possible?", "How many {t} remain at the end?", answer=s.step(n % each), **w)


def equalise(s: Story) -> None:
    """How many must one give the other so that both have the same; or pool and share again."""
    a, b = cast(s.rng, 2)
    noun = thing(s.rng)
    low, gap = s.rng.randint(2, 60), s.rng.randint(1, 30)
    first, second = s.quantity(low + 2 * gap), s.quantity(low)
    w: dict[str, object] = {"n": first, "m": second, "t": noun[1]}
    s.say(line(s.rng, a, "{S} [have|has|had] {n} {t}", "present", True) + s.pick(" and ", ". ", ", ") + line(s.rng, b, "{S} [have|has|had] {m}" + s.pick("", " {t}"), "present", True) + ".", **w)
    do = "do" if a.plural else "does"
    them = "we" if "I" in (a.first, b.first) else "they"
    if s.rng.random() < 0.5:
        difference = s.step(first - second)
        s.ask(f"How many {{t}} must {a.later} give to {b.later} so that both have the same number?", f"How many {{t}} should {a.later} give {b.later} so that {them} have equally many?", f"How many {{t}} {do} {a.later} have to give {b.later} so that {them} have the same amount?", answer=s.step(difference / 2), **w)
    else:
        total = s.step(first + second)
        s.ask(f"If {them} share all of them equally, how many does each get?", f"{them} put all the {{t}} together and share them equally. How many {{t}} does each have then?", f"How many would each have if {them} shared them equally?", answer=s.step(total / 2), **w)


def backwards(s: Story) -> None:
    """Gave away some, then half (or the other way round), and has 7 left: how many at first?"""
    person, noun = who(s.rng), thing(s.rng)
    left = some(s, 200)
    words: dict[str, object] = {"n": left, "t": noun[1]}
    part, word = s.rng.choice(((2, "half"), (2, "half"), (2, "half")))
    kind = s.rng.random()
    if kind < 0.35:
        tell_of(s, person, (f"{{S}} gave {word} of {{his}} {{t}} to {{F}} and had {{n}} left", f"{{S}} lost {word} of {{his}} {{t}}. Now there are {{n}}", f"after {{S}} sold {word} of {{his}} {{t}}, {{n}} were left"), "past", **words)
        answer = s.step(left * part)
    elif kind < 0.7:
        change = some(s, 100)
        tell_of(s, person, (f"{{S}} gave {word} of {{his}} {{t}} to {{F}}. Then {{S}} lost {{k}} more and had {{n}} left", f"{{S}} first gave away {word} of {{his}} {{t}} and then {{k}} more. {{n}} were left"), "past", k=change, **words)
        answer = s.step(s.step(left + change) * part)
    else:
        change, gained = some(s, 100), s.rng.random() < 0.5
        second = some(s, 100)
        if gained:
            s.require(left.value + change.value > second.value)
            tell_of(s, person, ("{S} got {j} {t} and then lost {k}. Now there are {n}", "{S} had some {t}. {S} bought {j} more, then gave away {k}, and {n} were left"), "past", j=second, k=change, **words)
            answer = s.step(s.step(left + change) - second)
        else:
            tell_of(s, person, ("{S} gave {j} {t} to {F} and {k} to another friend. {n} were left", "{S} had some {t}. {S} sold {j} on Monday and {k} on Tuesday and had {n} left", "{S} lost {j} {t}, then {k} more, and now there are {n}"), "past", j=second, k=change, **words)
            answer = s.step(s.step(left + change) + second)
    ask_of(s, person, ("How many {t} did {S} have at first?", "How many {t} did {S} have at the beginning?", "How many {t} did {S} start with?", "How many {t} were there at first?", "How many {t} did {S} have originally?"), answer, **words)


def all_but(s: Story) -> None:
    """A farmer has 17 sheep; all but 9 run away: the number is given, no arithmetic."""
    n = s.number(5, 60)
    rest = s.number(2, 40)
    s.require(rest < n)
    s.say("A farmer has {n} sheep. All but {m} run away.", "There are {n} candles. All but {m} go out.", "A farmer had {n} cows, and all but {m} were sold.", f"{named(s.rng).first} had {{n}} {thing(s.rng)[1]} and lost all but {{m}}.", "A teacher has {n} pens. All except {m} are empty and thrown away.", n=n, m=rest)
    s.ask("How many are left?", "How many remain?", "how many are left?", "How many are still there?", answer=rest)


def half_of_group(s: Story) -> None:
    """There are 30 students, half are girls: how many boys? Fractions that make groups."""
    both, one, two = s.rng.choice((("students", "girls", "boys"), ("children", "boys", "girls"), ("people", "women", "men"), ("animals", "cows", "sheep"), ("animals", "dogs", "cats"), ("fruits", "apples", "pears"), ("cars", "red", "blue"), ("flowers", "roses", "tulips"), ("balls", "green", "yellow"), ("guests", "adults", "children"), ("books", "novels", "comics")))  # fmt: skip
    part, word = s.rng.choice(((2, "half"), (2, "half"), (3, "a third"), (4, "a quarter"), (5, "a fifth"), (3, "one third".replace("one", "a"))))
    total = s.quantity(part * s.rng.randint(2, 80))
    w: dict[str, object] = {"n": total, "c": both, "a": one, "b": two, "f": word}
    place = s.pick(" in a class", " in a club", " on a trip", "", "") if both in ("students", "children", "people") else s.pick("", " in total")
    s.say("There are {n} {c}" + place + ". {f} of them are {a} and the rest are {b}.", "{f} of the {n} {c}" + place + " are {a}, the others are {b}.", "of {n} {c}, {f} are {a} and the rest are {b}.", **w)
    some_part = s.step(total / part)
    if s.rng.random() < 0.45:
        s.ask("How many are {a}?", "How many {c} are {a}?", "how many {a}?", answer=some_part, **w)
    else:
        s.ask("How many are {b}?", "How many {c} are {b}?", "how many {b}?", "How many are not {a}?", answer=s.step(total - some_part), **w)


def doubled(s: Story) -> None:
    """The number doubles, triples or is halved among other changes."""
    person, noun, when = who(s.rng), thing(s.rng), tense(s.rng)
    total: Amount = some(s)
    words: dict[str, object] = {"t": noun[1], "c": s.rng.choice(COLORS)}
    tell_of(s, person, ("{S} [have|has|had] {n} {t}", "{S} [start|starts|started] with {n} {t}", "{S} [have|has|had] {n} {c} {t}"), when, n=total, **words)
    kinds = s.rng.sample(("double", "gain", "lose", "halve", "triple"), s.rng.choice((1, 2, 2, 3)))
    s.require(not {"double", "triple", "halve"}.isdisjoint(kinds))
    for kind in kinds:
        if kind == "double":
            tell_of(s, person, ("the number [doubles|doubled]", "{S} [double|doubles|doubled] that number", "{S} [get|gets|got] as many again", "then {S} [have|has|had] twice as many"), when, **words)
            total = s.step(total * 2)
        elif kind == "triple":
            tell_of(s, person, ("the number [triples|tripled]", "{S} [triple|triples|tripled] that number", "then {S} [have|has|had] three times as many".replace("three times", "thrice")), when, **words)
            total = s.step(total * 3)
        elif kind == "halve":
            tell_of(s, person, ("{S} [lose|loses|lost] half of them", "half of them [get|got] lost", "{S} [give|gives|gave] half of them to {F}") if total.expression[0] == "g" else ("{S} [lose|loses|lost] half of the rest", "after that, half of all {his} {t} [get|got] lost", "{S} [give|gives|gave] half of what {S} [have|has|had] then to {F}"), when, **words)
            total = s.step(total / 2)
            s.whole(total)
        else:
            change = some(s) if kind == "gain" else some(s, int(total.value) - 1)
            tell_of(s, person, ("then {S} [get|gets|got] {k} more", "{S} [buy|buys|bought] {k} more") if kind == "gain" else ("then {S} [lose|loses|lost] {k}", "{S} [give|gives|gave] away {k} of them"), when, k=change, **words)
            total = s.step(total + change if kind == "gain" else total - change)
    ask_of(s, person, NOW, total, **words)


PLAIN: tuple[Scene, ...] = (
    things.gain_and_lose, things.gain_and_lose, things.two_totals, things.part_unknown, missing.change_unknown, missing.start_unknown,
    missing.still_needed, settings.crowd, settings.class_of_two, sharing.share, sharing.groups_of, sharing.each_gets, comparing.chain, comparing.difference,
    comparing.inverse, comparing.more_things,
)  # fmt: skip


def lazy(s: Story) -> None:
    """Any of the plain scenes typed without full stops and question marks."""
    s.rng.choice(PLAIN)(s)
    joint = s.pick("", "", ",", " and")
    for i, sentence in enumerate(s.sentences):
        following = s.sentences[i + 1] if i + 1 < len(s.sentences) else s.question
        between_numbers = sentence.rstrip(".").endswith("\ue002") and not following[0].isalpha()
        if not between_numbers:
            s.sentences[i] = sentence.rstrip(".") + (joint if i + 1 < len(s.sentences) else joint.replace(" and", ""))
    s.require(not s.distractors)
    s.require(". " not in s.question)
    ending = "" if any("." in sentence for sentence in s.sentences) else s.pick("", "", "?")
    s.question = s.question.rstrip("?.") + ending


SCENES: dict[str, tuple[float, Scene]] = {
    "give_me": (2.0, give_me),
    "crowd_if": (1.2, crowd_if),
    "all_in_the_question": (2.5, all_in_the_question),
    "legs_in_question": (0.8, legs_in_question),
    "each_times_start": (1.5, each_times_start),
    "by_day": (1.0, by_day),
    "pool_then_lose": (1.0, pool_then_lose),
    "levels": (0.8, levels),
    "enough_for": (1.0, enough_for),
    "equalise": (0.7, equalise),
    "backwards": (1.0, backwards),
    "all_but": (0.15, all_but),
    "half_of_group": (0.8, half_of_group),
    "doubled": (1.0, doubled),
    "lazy": (2.0, lazy),
}
