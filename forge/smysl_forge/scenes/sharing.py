"""Scenes of equal groups: shared, packed, arranged in rows, multiplied, with what is left over."""



from smysl_forge.scenes.cast import inflect, line, tense, who
from smysl_forge.scenes.nouns import CONTAINERS, PACKS, ROWED, container, people, thing
from smysl_forge.scenes.phrases import ALTOGETHER, LEFT
from smysl_forge.scenes.telling import ask_of, some, tell_of
from smysl_forge.story import Amount, Scene, Story

SHARED = (
    "{S} [share|shares|shared] {n} {t} equally among {m} {g}", "{S} [divide|divides|divided] {n} {t} equally among {m} {g}",
    "{S} [share|shares|shared] {n} {t} between {m} {g} equally", "{S} [split|splits|split] {n} {t} evenly among {m} {g}",
    "{S} [have|has|had] {n} {t} and [share|shares|shared] them equally among {m} {g}",
    "{S} [want|wants|wanted] to share {n} {t} equally with {m} {g}, keeping none", "{n} {t} [are|were] shared equally among {m} {g}",
    "{S} [give|gives|gave] {n} {t} to {m} {g}, the same number to each", "{m} {g} [share|shared] {n} {t} equally",
    "{S} [hand|hands|handed] out {n} {t} equally to {m} {g}", "there [are|were] {n} {t} for {m} {g} to share equally",
    "{n} {t} [are|were] divided equally among {m} {g}", "{m} {g} [want|wanted] to share {n} {t} fairly",
    "{S} [distribute|distributes|distributed] {n} {t} evenly among {m} {g}", "{m} {g} equally [divide|divided] {n} {t}",
    "{n} {t} [are|were] split between {m} {g}", "{S} [have|has|had] {n} {t} to share among {m} {g}",
)  # fmt: skip
PACKED = (
    "{S} [put|puts|put] {n} {t} equally into {m} {cs}", "{S} [pack|packs|packed] {n} {t} into {m} {cs}, the same number in each",
    "{S} [have|has|had] {n} {t} and {m} {cs}. {S} [put|puts|put] the same number in every {c}",
    "{n} {t} [are|were] packed equally into {m} {cs}", "{n} {t} [are|were] placed in {m} {cs} with the same number in each",
    "{S} [arrange|arranges|arranged] {n} {t} evenly in {m} {cs}", "there [are|were] {n} {t} in {m} {cs}, equally many in each",
    "{S} [divide|divides|divided] {n} {t} equally between {m} {cs}", "{m} identical {cs} [hold|held] {n} {t} in total",
    "{S} [sort|sorts|sorted] {n} {t} into {m} equal {cs}", "{m} {cs} [contain|contained] {n} {t} altogether, each the same number",
)  # fmt: skip
EACH_PERSON = (
    "How many {t} does each {p} get?", "How many does each {p} get?", "How many {t} will each {p} get?",
    "How many {t} does each of them get?", "How many {t} does every {p} receive?", "How many does each one get?",
    "Find how many {t} each {p} gets.", "How many {t} are there for each {p}?", "How many {t} per {p}?",
    "how many each?", "How many {t} did each {p} get?", "Work out each {p}'s share.", "What is each {p}'s share?",
    "Calculate the number of {t} per {p}.", "How many will each {p} receive?", "how many {t} for each {p}",
)  # fmt: skip
EACH_BOX = (
    "How many {t} are in each {c}?", "How many {t} go in each {c}?", "How many {t} are there in every {c}?",
    "How many are in each {c}?", "How many {t} per {c}?", "What is the number of {t} in each {c}?", "how many in each?",
    "Find the number of {t} in one {c}.", "How many {t} does each {c} hold?", "How many {t} did each {c} contain?",
    "How many {t} will be in each {c}?", "Calculate how many {t} are in a single {c}.", "how many in every {c}",
)  # fmt: skip
EACH_HOLDS = (
    "each {c} [holds|held] {m} {t}", "each {c} [has|had] {m} {t} in it", "there [are|were] {m} {t} in each {c}",
    "every {c} [contains|contained] {m} {t}", "{m} {t} [are|were] in each {c}", "each {c} [contains|contained] {m} {t}",
    "in each {c} there [are|were] {m} {t}", "each of them [has|had] {m} {t}", "a {c} [holds|held] {m} {t}", "each [holds|held] {m} {t}",
    "there [are|were] {m} {t} per {c}", "a single {c} [has|had] room for {m} {t}, and all [are|were] full",
)  # fmt: skip


def shares(s: Story, top: int = 12) -> tuple[Amount, Amount]:
    """A total that splits evenly, and the number of groups."""
    groups = s.rng.choice((s.rng.randint(2, 6), s.rng.randint(2, top), s.rng.randint(3, 30)))
    each = s.rng.choice((s.rng.randint(2, 12), s.rng.randint(2, 12), s.rng.randint(10, 60), s.rng.randint(2, 250)))
    return s.quantity(groups * each), s.quantity(groups)


def share(s: Story) -> None:
    """Equal shares among people, or what each container holds; sometimes after a change."""
    person, when, noun = who(s.rng), tense(s.rng), thing(s.rng)
    total, groups = shares(s)
    among_people = s.rng.random() < 0.6
    one, many = people(s.rng) if among_people else container(s.rng)
    words: dict[str, object] = {"n": total, "m": groups, "t": noun[1], "g": many, "p": one, "c": one, "cs": many}
    tell_of(s, person, SHARED if among_people else PACKED, when, **words)
    ask_of(s, person, EACH_PERSON if among_people else EACH_BOX, s.step(total / groups), **words)


def share_with_rest(s: Story) -> None:
    """Shares of whole things: how many each, or how many are left over."""
    person, when, noun = who(s.rng), tense(s.rng), thing(s.rng)
    groups = s.number(2, s.rng.choice((6, 12, 30)))
    total = some(s)
    s.require(total > groups and total.value % groups.value != 0)
    among_people = s.rng.random() < 0.5
    one, many = people(s.rng) if among_people else container(s.rng)
    words: dict[str, object] = {"n": total, "m": groups, "t": noun[1], "g": many, "p": one, "c": one, "cs": many}
    if s.rng.random() < 0.5:
        tell_of(s, person, SHARED if among_people else PACKED, when, **words)
        tail = (", keeping the {t} whole", ", as many as possible", " at most, with the same number for all")
        if s.rng.random() < 0.6:
            forms = ("How many {t} are left over?", "How many are left over?", "How many {t} remain?", "What is the remainder?",
                     "How many {t} will be left over?", "how many left over?", "How many {t} cannot be shared equally?",
                     "How many {t} are left?", "Find the number of {t} left over.", "How many extra {t} are there?")  # fmt: skip
            ask_of(s, person, forms, s.step(total % groups), **words)
        else:
            form = "How many whole {t} does each {p} get" if among_people else "How many whole {t} are in each {c}"
            s.ask(form + s.rng.choice(tail) + "?", form + "?", form + s.pick(", and the rest is left over?", " at most?"), answer=s.step(total // groups), **words)  # fmt: skip
        return
    one, many = container(s.rng)
    words |= {"c": one, "cs": many}
    packing = (
        "{S} [have|has|had] {n} {t}. Each {c} [holds|held] {m} {t}.", "{S} [pack|packs|packed] {n} {t} into {cs} of {m}.",
        "{n} {t} [are|were] packed in {cs} of {m}.", "{S} [put|puts|put] {n} {t} into {cs} with {m} in each.",
        "{S} [have|has|had] {n} {t} and [fill|fills|filled] {cs} that hold {m} each.", "a {c} [holds|held] {m} {t}. There [are|were] {n} {t}.",
    )  # fmt: skip
    s.say(line(s.rng, person, s.rng.choice(packing), when, True), **words)
    if s.rng.random() < 0.5:
        ask_of(s, person, ("How many full {cs} does {S} get?", "How many {cs} can be filled completely?", "How many full {cs} are there?",
            "How many {cs} can {S} fill?", "How many complete {cs} is that?", "Find how many {cs} are full."), s.step(total // groups), **words)  # fmt: skip
    else:
        ask_of(s, person, ("How many {t} are left over?", "How many {t} are left?", "How many {t} are not in a full {c}?",
            "How many {t} remain after filling the {cs}?", "How many {t} are in the last {c}, which is not full?",
            "what is left over?"), s.step(total % groups), **words)  # fmt: skip


def containers_needed(s: Story) -> None:
    """How many boxes, trips, tables ... for everything: exactly or rounded up."""
    person, when = who(s.rng), tense(s.rng)
    each = s.number(2, s.rng.choice((8, 12, 50)))
    exact = s.rng.random() < 0.45
    total = s.quantity(each.value * s.rng.randint(2, 40)) if exact else some(s)
    s.require(total > each and (exact or total.value % each.value != 0))
    setting = s.rng.random()
    if setting < 0.55:
        noun, (one, many) = thing(s.rng), container(s.rng)
        if s.rng.random() < 0.3:
            one, many = s.rng.choice(PACKS)
        forms: tuple[str, ...] = ("{S} [have|has|had] {n} {t}. Each {c} [holds|held] {m} {t}.", "{S} [have|has|had] {n} {t} to pack. A {c} [holds|held] {m}.",
                 "a {c} [holds|held] {m} {t}. {S} [want|wants|wanted] to store {n} {t}.", "{S} [need|needs|needed] to pack {n} {t} into {cs} of {m}.",
                 "{S} [pack|packs|packed] {n} {t} in {cs}, with {m} {t} in each.", "there [are|were] {n} {t}, and {m} {t} [fit|fit] in each {c}.",
                 "{t} [are|were] sold in {cs} of {m}. {S} [need|needs|needed] {n} {t}.", "{m} {t} [fit|fit] into a {c}. {S} [have|has|had] {n} {t}.")  # fmt: skip
        asks: tuple[str, ...] = ("How many {cs} does {S} need?", "How many {cs} are needed?", "How many {cs} does {S} need for all the {t}?",
                "What is the smallest number of {cs} needed?", "How many {cs} are needed to hold all the {t}?", "how many {cs}?",
                "At least how many {cs} are needed?", "Find the number of {cs} needed.", "How many {cs} must {S} use?",
                "How many {cs} will {S} need?")  # fmt: skip
    else:
        noun, (one, many), verb = s.rng.choice((
            (("student", "students"), ("bus", "buses"), "carries"), (("person", "people"), ("car", "cars"), "takes"),
            (("guest", "guests"), ("table", "tables"), "seats"), (("child", "children"), ("boat", "boats"), "holds"),
            (("visitor", "visitors"), ("van", "vans"), "seats"), (("passenger", "passengers"), ("minibus", "minibuses"), "carries"),
            (("camper", "campers"), ("tent", "tents"), "sleeps"), (("pupil", "pupils"), ("bench", "benches"), "seats"),
            (("tourist", "tourists"), ("cabin", "cabins"), "holds"), (("worker", "workers"), ("lift", "lifts"), "holds"),
            (("photo", "photos"), ("photo page", "photo pages"), "holds"), (("tourist", "tourists"), ("taxi", "taxis"), "takes"),
        ))  # fmt: skip
        forms = ("{n} {t} are going on a trip. Each {c} {v} {m} {t}.", "there are {n} {t}. One {c} {v} {m} {t}.", "each {c} {v} {m} {t}, and there are {n} {t}.",
                 "{n} {t} need {cs}. A {c} {v} at most {m} {t}.", "a {c} {v} {m} {t}. {n} {t} have signed up.", "a group of {n} {t} needs {cs}; each {c} {v} {m}.")  # fmt: skip
        if noun[0] == "photo":
            forms = forms[1:4]
        forms = tuple(form.replace("One {c}", "Each {c}").replace("{v}", verb) for form in forms)
        asks = ("How many {cs} are needed?", "How many {cs} do they need?", "How many {cs} are needed for everyone?", "How many {cs} should be booked?",
                "What is the least number of {cs} needed?", "how many {cs} needed?", "Find how many {cs} are needed for all of them.", "How many {cs} must be used?")  # fmt: skip
    words: dict[str, object] = {"n": total, "m": each, "t": noun[1], "c": one, "cs": many}
    s.say(line(s.rng, person, s.rng.choice(forms), when, True), **words)
    needed = s.step(s.function("ceil", s.step(total / each)))
    ask_of(s, person, asks, needed, **words)


def group_size(s: Story, top: int = 12) -> tuple[Amount, Amount]:
    """A number of groups and the size of each."""
    groups = s.number(2, s.rng.choice((6, top, 30)))
    return groups, s.number(2, s.rng.choice((10, 10, 25, 120)))


def groups_of(s: Story) -> None:
    """m boxes of n: the total, sometimes with loose ones, sometimes after some are gone."""
    person, when, noun, (one, many) = who(s.rng), tense(s.rng), thing(s.rng), container(s.rng)
    if s.rng.random() < 0.35:
        one, many = s.rng.choice(PACKS)
    groups, each = group_size(s)
    words: dict[str, object] = {"n": groups, "m": each, "t": noun[1], "c": one, "cs": many}
    joint = ("{S} [have|has|had] {n} {cs} of {m} {t}", "{S} [buy|buys|bought] {n} {cs} of {t} with {m} in each", "{S} [have|has|had] {n} {cs} with {m} {t} each",
             "{S} [buy|buys|bought] {n} {cs} of {m} {t} each", "there [are|were] {n} {cs} with {m} {t} in each {c}", "there [are|were] {n} {cs}, each with {m} {t}",
             "{S} [fill|fills|filled] {n} {cs} with {m} {t} each", "{S} [put|puts|put] {m} {t} into each of {n} {cs}", "{n} {cs} [contain|contained] {m} {t} each",
             "each of the {n} {cs} [holds|held] {m} {t}", "{S} [pack|packs|packed] {n} {cs}, putting {m} {t} into each")  # fmt: skip
    if s.rng.random() < 0.5:
        start = line(s.rng, person, s.rng.choice(joint), when, True)
    else:
        split = s.pick("{S} [have|has|had] {n} {cs} of {t}", "{S} [buy|buys|bought] {n} {cs} of {t}", "there [are|were] {n} {cs} of {t}", "{S} [have|has|had] {n} {cs}")
        start = line(s.rng, person, split, when, True) + s.pick(". ", ". ", " and ", ", and ") + inflect(s.rng.choice(EACH_HOLDS), False, when)
    s.say(start + ".", **words)
    total = s.step(groups * each)
    roll = s.rng.random()
    forms: tuple[str, ...] = (*ALTOGETHER, "How many {t} does {S} have?", "How many {t} does {S} have in total?", "How many {t} does {S} have in all?")
    if roll < 0.25:
        change = some(s, int(total.value) - 1)
        tell_of(s, person, ("{S} [give|gives|gave] away {k} {t}", "{S} [use|uses|used] {k} of them", "{S} [sell|sells|sold] {k} {t}", "{F} [takes|took] {k} {t}",
            "{k} of the {t} [get|got] lost", "{S} [lose|loses|lost] {k}", "{k} {t} [are|were] broken and thrown away"), when, k=change, **words)  # fmt: skip
        total, forms = s.step(total - change), LEFT
    elif roll < 0.42:
        change = some(s)
        tell_of(s, person, ("{S} also [have|has|had] {k} loose {t}", "{S} [have|has|had] {k} more {t} at home", "{F} [gives|gave] {him} {k} more {t}",
            "another {k} {t} [lie|lay] on the table", "{S} [get|gets|got] {k} more {t}", "there [are|were] {k} extra {t}"), when, k=change, **words)  # fmt: skip
        total = s.step(total + change)
    elif roll < 0.56:
        among = s.quantity(s.rng.choice([d for d in range(2, 31) if int(total) % d == 0] or [1]))
        s.require(among.value > 1)
        sharer = people(s.rng)
        tell_of(s, person, ("{S} [share|shares|shared] all the {t} equally among {k} {g}", "the {t} [are|were] shared equally by {k} {g}", "{k} {g} [share|shared] them equally",
            "{S} [divide|divides|divided] them equally among {k} {g}"), when, k=among, g=sharer[1], **words)  # fmt: skip
        ask_of(s, person, EACH_PERSON, s.step(total / among), p=sharer[0], **words)
        return
    ask_of(s, person, forms, total, **words)


def rows(s: Story) -> None:
    """Rows and columns, seats and trees: the total, the rows or the number in a row."""
    one, many = s.rng.choice(ROWED)
    line_one, line_many = s.rng.choice((("row", "rows"), ("row", "rows"), ("row", "rows"), ("line", "lines"), ("column", "columns")))
    place = s.pick("in a hall", "in a garden", "on a field", "in the room", "on a wall", "", "", "in a theater", "at school", "in a parking lot")
    count, each = group_size(s, 20)
    when = tense(s.rng)
    words: dict[str, object] = {"n": count, "m": each, "t": many, "o": one, "p": place, "r": line_one, "rs": line_many}
    if s.rng.random() < 0.6:
        form = s.pick("there [are|were] {n} {rs} of {t} {p} with {m} {t} in each {r}.", "{t} [are|were] arranged in {n} {rs} of {m}.", "there [are|were] {n} {rs} {p}. Each {r} [has|had] {m} {t}.",
                      "{n} {rs} of {m} {t} [are|were] {p}." if place else "{n} {rs} of {m} {t} each.", "a rectangle of {t} [has|had] {n} {rs} with {m} {t} in each.",
                      "{t} [are|were] set up {p} in {n} {rs}, {m} per {r}.", "someone [places|placed] {t} in {n} {rs} with {m} in every {r}.")  # fmt: skip
        s.say(inflect(form, True, when), **words)
        total = s.step(count * each)
        if s.rng.random() < 0.3:
            gone = some(s, int(total.value) - 1)
            verb = s.pick("{g} of the {t} [are|were] removed.", "{g} {t} [are|were] taken away.", "{g} of them [are|were] broken.", "{g} of the {t} [are|were] damaged.")
            s.say(inflect(verb, True, when), g=gone, **words)
            left = ("How many {t} are left?",) if "damaged" not in verb and "broken" not in verb else ("How many {t} are not damaged or broken?", "How many {t} are still fine?")
            s.ask(*left, answer=s.step(total - gone), **words)
            return
        s.ask(*ALTOGETHER, answer=total, **words)
        return
    total, count = shares(s)
    words |= {"n": total, "m": count}
    if s.rng.random() < 0.5:
        s.say(inflect(s.pick("{n} {t} [are|were] arranged in {m} equal {rs}.", "there [are|were] {n} {t} {p} in {m} equal {rs}.", "{n} {t} [stand|stood] in {m} {rs} of the same length."), True, when), **words)
        s.ask("How many {t} are in each {r}?", "How many {t} per {r}?", "How many {t} are there in one {r}?", "Find the number of {t} in each {r}.", "how many in each {r}?", answer=s.step(total / count), **words)  # fmt: skip
    else:
        s.say(inflect(s.pick("{n} {t} [are|were] arranged in {rs} of {m}.", "there [are|were] {n} {t} {p}, {m} in each {r}.", "{n} {t} [are|were] put in {rs} with {m} in every {r}."), True, when), **words)
        s.ask("How many {rs} are there?", "How many {rs} of {t} are there?", "How many {rs} is that?", "Find the number of {rs}.", "how many {rs}?", answer=s.step(total / count), **words)  # fmt: skip


def two_kinds_of_groups(s: Story) -> None:
    """3 boxes of 12 pencils and 2 bags of 5: each product, then the sum or the difference."""
    person, when, noun = who(s.rng), tense(s.rng), thing(s.rng)
    (n, m), (k, j) = group_size(s, 9), group_size(s, 9)
    first, second = s.rng.choice(PACKS), s.rng.choice(PACKS)
    s.require(first != second)
    small = s.rng.random() < 0.3
    if small:
        first, second = (f"small {first[0]}", f"small {first[1]}"), (f"large {first[0]}", f"large {first[1]}")
    words: dict[str, object] = {"n": n, "m": m, "k": k, "j": j, "t": noun[1], "c": first[1], "d": second[1], "c1": first[0], "d1": second[0]}
    tell_of(s, person, (
        "{S} [buy|buys|bought] {n} {c} of {m} {t} and {k} {d} of {j} {t}", "{S} [have|has|had] {n} {c} with {m} {t} each and {k} {d} with {j} {t} each",
        "there [are|were] {n} {c} with {m} {t} in each and {k} {d} with {j} {t} in each", "{S} [have|has|had] {n} {c} and {k} {d} of {t}. Each {c1} [has|had] {m} {t} and each {d1} [has|had] {j}",
        "{n} {c} [hold|held] {m} {t} each. {k} {d} [hold|held] {j} {t} each", "{S} [fill|fills|filled] {n} {c} with {m} {t} each. Then {S} [fill|fills|filled] {k} {d} with {j} each",
    ), when, **words)  # fmt: skip
    left, right = s.step(n * m), s.step(k * j)
    if s.rng.random() < 0.75:
        ask_of(s, person, (*ALTOGETHER, "How many {t} does {S} have altogether?", "How many {t} does {S} have in all?"), s.step(left + right), **words)
    else:
        s.require(left > right)
        s.ask("How many more {t} are in the {c} than in the {d}?", "How many more {t} do the {c} hold than the {d}?", answer=s.step(left - right), **words)


def each_gets(s: Story) -> None:
    """Each of m people gets n: how many are used, are left, or how many people can be served."""
    person, when, noun, (one, many) = who(s.rng), tense(s.rng), thing(s.rng), people(s.rng)
    roll = s.rng.random()
    words: dict[str, object] = {"t": noun[1], "g": many, "p": one}
    if roll < 0.65:
        count, each = group_size(s, 30)
        words |= {"n": count, "m": each}
    if roll < 0.35:
        tell_of(s, person, ("{S} [give|gives|gave] {m} {t} to each of {n} {g}", "{S} [give|gives|gave] {n} {g} {m} {t} each", "each of {n} {g} [gets|got] {m} {t}", "{n} {g} [have|had] {m} {t} each",
            "there [are|were] {n} {g}. Each {p} [has|had] {m} {t}", "each {p} [brings|brought] {m} {t}. There [are|were] {n} {g}", "{n} {g} each [buy|bought] {m} {t}"), when, **words)  # fmt: skip
        ask_of(s, person, (*ALTOGETHER, "How many {t} do the {g} have altogether?"), s.step(count * each), **words)
    elif roll < 0.65:
        total = s.quantity(count.value * each.value + s.rng.randint(1, 30))
        words["k"] = total
        tell_of(s, person, ("{S} [have|has|had] {k} {t}. {S} [give|gives|gave] {m} to each of {n} {g}", "{S} [have|has|had] {k} {t} and [give|gives|gave] {n} {g} {m} {t} each",
            "{S} [buy|buys|bought] {k} {t} for {n} {g}. Each {p} [gets|got] {m}", "from {k} {t}, {S} [give|gives|gave] {m} {t} to each of {n} {g}"), when, **words)  # fmt: skip
        used = s.step(count * each)
        ask_of(s, person, LEFT, s.step(total - used), **words)
    else:
        total, each = shares(s)
        everything = s.rng.random() < 0.3
        if not everything and s.rng.random() < 0.6:
            total.value += s.rng.randrange(int(each))
        words |= {"n": total, "m": each}
        tell_of(s, person, ("{S} [have|has|had] {n} {t} and [give|gives|gave] each {p} {m}", "{S} [have|has|had] {n} {t}. Each {p} [gets|got] {m} {t}", "each {p} [needs|needed] {m} {t}, and there [are|were] {n} {t}"), when, **words)  # fmt: skip
        if everything:
            s.sentences.clear()
            tell_of(s, person, ("{S} [give|gives|gave] away all {n} {t}, {m} to each {p}", "{S} [share|shares|shared] {n} {t} so that each {p} [gets|got] {m}", "{S} [give|gives|gave] {m} {t} to each {p}, {n} {t} in all"), when, **words)
            s.ask("How many {g} are there?", "How many {g} get {t}?", "How many {g} got {t}?", "Find the number of {g} that get {t}.", answer=s.step(total / each), **words)
            return
        ask_of(s, person, ("How many {g} can get {t}?", "How many {g} are there enough {t} for?", "How many {g} can {S} give {t} to?", "How many {g} is that enough for?", "for how many {g} is that enough?",
            "Find how many {g} can get {t}."), s.step(total // each), **words)  # fmt: skip


def combine_then_share(s: Story) -> None:
    """Add, buy or lose some, then share the result equally."""
    person, when, noun, (one, many) = who(s.rng), tense(s.rng), thing(s.rng), people(s.rng)
    if s.rng.random() < 0.35:
        one, many = container(s.rng)
    groups, each = s.rng.randint(2, 12), s.rng.randint(2, 30)
    result = groups * each
    words: dict[str, object] = {"t": noun[1], "g": many, "p": one}
    if s.rng.random() < 0.55:
        s.require(result >= 5)
        first = s.quantity(s.rng.randint(2, result - 2))
        second = s.quantity(result - int(first))
        total = s.step(first + second)
        forms: tuple[str, ...] = ("{S} [have|has|had] {n} {t} and [get|gets|got] {m} more", "{S} [have|has|had] {n} {t}. {S} [buy|buys|bought] {m} more", "{S} [have|has|had] {n} red {t} and {m} blue {t}",
                 "{S} [pick|picks|picked] {n} {t} on Monday and {m} on Tuesday", "{S} [have|has|had] {n} {t} and {F} [has|had] {m} {t}. They [put|put] them together",
                 "{S} [find|finds|found] {n} {t} and {F} [gives|gave] {him} {m} more", "{S} [make|makes|made] {n} {t} in the morning and {m} in the afternoon")  # fmt: skip
    else:
        second = s.quantity(s.rng.randint(2, 40))
        first = s.quantity(result + int(second))
        total = s.step(first - second)
        forms = ("{S} [have|has|had] {n} {t} but [lose|loses|lost] {m} of them", "{S} [have|has|had] {n} {t} and [give|gives|gave] {m} to {F}", "{S} [have|has|had] {n} {t}. {m} [are|were] broken and thrown away",
                 "{S} [buy|buys|bought] {n} {t} and [put|puts|put] {m} aside", "{S} [make|makes|made] {n} {t} and [sell|sells|sold] {m}")  # fmt: skip
    k = s.quantity(groups)
    tell_of(s, person, forms, when, n=first, m=second, **words)
    if (one, many) in CONTAINERS:
        rest: tuple[str, ...] = ("the {t} [are|were] put equally into {k} {g}", "{S} [pack|packs|packed] the {t} equally into {k} {g}", "{S} [put|puts|put] the rest equally into {k} {g}" if total < first else "{S} then [put|puts|put] all of them into {k} {g}, the same number in each")  # fmt: skip
        asks: tuple[str, ...] = tuple(form.replace("{c}", "{p}") for form in EACH_BOX)
    else:
        rest = ("the {t} [are|were] shared equally among {k} {g}", "{S} [share|shares|shared] them equally among {k} {g}", "{k} {g} then [share|shared] the {t} equally",
                "{S} [divide|divides|divided] the rest equally among {k} {g}" if total < first else "{S} [divide|divides|divided] all of them equally among {k} {g}")  # fmt: skip
        asks = EACH_PERSON
    tell_of(s, person, rest, when, k=k, **words)
    ask_of(s, person, asks, s.step(total / k), **words)


SCENES: dict[str, tuple[float, Scene]] = {
    "share": (3.0, share),
    "share_with_rest": (1.5, share_with_rest),
    "containers_needed": (2.0, containers_needed),
    "groups_of": (3.0, groups_of),
    "rows": (1.5, rows),
    "two_kinds_of_groups": (1.0, two_kinds_of_groups),
    "each_gets": (1.5, each_gets),
    "combine_then_share": (1.5, combine_then_share),
}
