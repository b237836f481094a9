"""Scenes with a place of their own: buses, birds on a tree, books, classes, teams, farms, collections over days."""



from smysl_forge.scenes.cast import cast, inflect, tense, who
from smysl_forge.scenes.nouns import ANIMALS, COLLECTED, DAYS, FARM, MONTHS, PLACES, thing
from smysl_forge.scenes.phrases import ALTOGETHER, JOINS
from smysl_forge.scenes.telling import ask_of, gap, some, tell_of
from smysl_forge.story import Amount, Scene, Story

CROWDS: tuple[tuple[tuple[str, ...], tuple[str, ...], tuple[str, ...], tuple[str, ...], str], ...] = (
    (("there [are|were] {n} passengers on a bus", "a bus [has|had] {n} passengers", "{n} people [are|were] on a bus", "a bus [starts|started] with {n} people"),
     ("{k} get GET on", "{k} more get GET on", "{k} people get GET on at the next stop", "at the next stop {k} people get GET on"),
     ("{k} get GET off", "{k} people get GET off", "at the next stop {k} get GET off", "{k} passengers get GET off"),
     ("How many passengers are on the bus now?", "How many people are on the bus now?", "How many are on the bus?", "How many people are still on the bus?"), "people"),
    (("there [are|were] {n} people on a train", "a train [leaves|left] the station with {n} passengers", "{n} passengers [are|were] on a train"),
     ("{k} more board BOARD", "{k} people get GET on", "{k} people board BOARD at the first station"), ("{k} get GET off", "{k} people leave LEAVE the train", "at the second station {k} get GET off"),
     ("How many people are on the train now?", "How many passengers are on the train?", "How many passengers does the train carry now?"), "people"),
    (("{n} birds [sit|sat] on a tree", "there [are|were] {n} birds in a tree", "{n} birds [are|were] on a wire", "there [are|were] {n} sparrows on a fence"),
     ("{k} more come COME", "{k} more birds fly FLY in", "{k} more birds join JOIN them", "{k} birds land LAND next to them"), ("{k} fly FLY away", "{k} birds fly FLY away", "{k} of them fly FLY off", "then {k} leave LEAVE"),
     ("How many birds are there now?", "How many birds are sitting there now?", "How many birds are there?", "how many birds now?"), "birds"),
    (("there [are|were] {n} cars in a parking lot", "{n} cars [are|were] parked in a garage", "a car park [has|had] {n} cars"),
     ("{k} more arrive ARRIVE", "{k} cars drive DRIVE in", "{k} more cars come COME"), ("{k} leave LEAVE", "{k} cars drive DRIVE away", "{k} of the cars leave LEAVE"),
     ("How many cars are there now?", "How many cars are in the parking lot now?", "How many cars are parked there now?"), "cars"),
    (("there [are|were] {n} books on a shelf", "a shelf [holds|held] {n} books", "a library [has|had] {n} books", "{n} books [are|were] on the shelf"),
     ("{k} books are WERE added", "{k} more are WERE put there", "{k} books are WERE returned", "{k} new books come COME in"), ("{k} books are WERE borrowed", "{k} are WERE taken away", "{k} are WERE lent out", "{k} books are WERE removed"),
     ("How many books are there now?", "How many books are on the shelf now?", "How many books are on the shelf?"), "books"),
    (("there [are|were] {n} people at a party", "{n} guests [are|were] at a party", "{n} children [are|were] playing in a park", "there [are|were] {n} people in a room", "{n} people [are|were] in a queue", "{n} people [wait|waited] in line"),
     ("{k} more come COME", "{k} more join JOIN", "{k} more arrive ARRIVE", "{k} people come COME in"), ("{k} leave LEAVE", "{k} go GO home", "{k} of them leave LEAVE", "{k} people leave LEAVE early"),
     ("How many people are there now?", "How many are there now?", "How many people are left?", "How many of them are there in the end?"), "people"),
    (("there [are|were] {n} students in a class", "a class [has|had] {n} students", "a school [has|had] {n} pupils", "there [are|were] {n} children in a class"),
     ("{k} new students join JOIN", "{k} more arrive ARRIVE", "{k} new ones come COME"), ("{k} move MOVE away", "{k} students leave LEAVE", "{k} change CHANGE schools"),
     ("How many students are there now?", "How many children are in the class now?", "How many are there now?"), "students"),
    (("a farmer [has|had] {n} sheep", "there [are|were] {n} cows on a farm", "a farm [has|had] {n} animals", "there [are|were] {n} fish in a tank", "a pond [has|had] {n} frogs", "a zoo [has|had] {n} animals"),
     ("{k} more are WERE born", "{k} more are WERE bought", "{k} new ones arrive ARRIVE", "{k} more come COME"), ("{k} are WERE sold", "{k} die DIE", "{k} run RUN away", "{k} are WERE given away", "{k} of them are WERE sold"),
     ("How many animals are there now?", "How many are there now?", "How many are left?", "How many does that make?"), "animals"),
    (("there [are|were] {n} liters of water in a tank", "a tank [holds|held] {n} gallons of water", "a barrel [contains|contained] {n} liters of water"),
     ("{k} more are WERE poured in", "{k} liters are WERE added", "rain adds ADD {k} more"), ("{k} leak LEAK out", "{k} are WERE used", "{k} liters are WERE taken out", "{k} flow FLOW out"),
     ("How much water is in it now?", "How much water is left?", "How many are in the tank now?", "What is left in it?"), "liters"),
)  # fmt: skip
PAST = {
    "GET": "got", "BOARD": "boarded", "LEAVE": "left", "COME": "came", "FLY": "flew", "JOIN": "joined", "LAND": "landed",
    "ARRIVE": "arrived", "DRIVE": "drove", "WERE": "were", "GO": "went", "MOVE": "moved", "CHANGE": "changed", "DIE": "died",
    "RUN": "ran", "LEAK": "leaked", "FLOW": "flowed", "ADD": "added",
}  # fmt: skip


def verbs(form: str, past: bool) -> str:
    """`get GET` becomes `get` or `got`."""
    words = form.split()
    kept = []
    for i, word in enumerate(words):
        if word in PAST:
            continue
        follows = words[i + 1] if i + 1 < len(words) else ""
        kept.append(PAST[follows] if past and follows in PAST else word)
    return " ".join(kept)


def crowd(s: Story) -> None:
    """Passengers, birds, cars: some come, some go."""
    start, come, go, asks, _ = s.rng.choice(CROWDS)
    past = s.rng.random() < 0.5
    total = some(s)
    given: dict[str, object] = {"n": total}
    text = inflect(s.rng.choice(start), True, "past" if past else "present")
    for i in range(s.rng.choice((1, 1, 1, 2, 2, 3, 4))):
        arriving = s.rng.random() < 0.45
        change = some(s) if arriving else some(s, int(total.value) - 1)
        total = s.step(total + change if arriving else total - change)
        given[f"k{i}"] = change
        clause = verbs(s.rng.choice(come if arriving else go), past)
        text += s.pick(". ", ". ", *JOINS) + clause.replace("{k}", f"{{k{i}}}")
    s.say(text + ".", **given)
    s.ask(*asks, answer=total)


def class_of_two(s: Story) -> None:
    """Boys and girls, adults and children: the other part, the total, or the difference."""
    one, two, both, place = s.rng.choice((
        ("boys", "girls", "students", "a class"), ("girls", "boys", "children", "a school"), ("boys", "girls", "pupils", "the room"),
        ("adults", "children", "people", "a museum"), ("men", "women", "people", "an office"), ("women", "men", "workers", "a factory"),
        ("cats", "dogs", "animals", "a shelter"), ("cows", "horses", "animals", "a farm"), ("cars", "trucks", "vehicles", "a parking lot"),
        ("ducks", "geese", "birds", "a pond"), ("fiction books", "other books", "books", "a library"), ("teachers", "students", "people", "a bus"),
        ("apples", "oranges", "fruits", "a basket"), ("roses", "tulips", "flowers", "a vase"), ("forks", "spoons", "pieces of cutlery", "a drawer"),
        ("bikes", "scooters", "vehicles", "the yard"), ("red balls", "blue balls", "balls", "a bag"), ("pens", "pencils", "writing tools", "a cup"),
    ))  # fmt: skip
    roll = s.rng.random()
    w: dict[str, object] = {"a": one, "b": two, "c": both, "p": place}
    if roll < 0.5:
        whole = some(s)
        part = some(s, int(whole.value) - 1)
        s.say("There are {n} {c} in {p}. {m} of them are {a}.", "there are {n} {c} in {p}, and {m} are {a}. The rest are {b}.", "in {p} there are {n} {c}. {m} are {a} and the others are {b}.", "{p} has {n} {c}: {m} {a}, and the rest {b}.",
              "Of the {n} {c} in {p}, {m} are {a} and the rest are {b}.", "{p} has {n} {c}, {a} and {b}. There are {m} {a}.", n=whole, m=part, **w)  # fmt: skip
        rest = s.step(whole - part)
        if "of them are {a}." in s.sentences[-1] or s.rng.random() < 0.75:
            s.ask("How many are {b}?", "How many {b} are there?", "How many {b} are in {p}?", "Find the number of {b}.", "how many {b}?", answer=rest, **w)
        else:
            s.require(rest.value != part.value)
            big, small, more, less = (rest, part, two, one) if rest > part else (part, rest, one, two)
            s.ask(f"How many more {more} than {less} are there?", f"How many more {more} are there than {less}?", answer=s.step(big - small))
        return
    first, second = some(s), some(s)
    s.say("There are {n} {a} and {m} {b} in {p}.", "{p} has {n} {a} and {m} {b}.", "in {p} there are {n} {a} and {m} {b}.", "{n} {a} and {m} {b} are in {p}.", n=first, m=second, **w)
    total = s.step(first + second)
    if s.rng.random() < 0.4:
        gone = some(s, int(total.value) - 1)
        leave = s.pick("{k} of the {c} are gone today.", "{k} of them are taken away.", "{k} {c} leave.", "then {k} of the {c} leave.") if both in ("students", "children", "pupils", "people", "workers") else s.pick("{k} of them are taken away.", "{k} {c} are removed.")  # fmt: skip
        s.say(leave, k=gone, **w)
        s.ask("How many {c} are left?", "How many {c} remain?", "How many are left in total?", "How many {c} are still there?", answer=s.step(total - gone), **w)
        return
    s.ask("How many {c} are there altogether?", "How many {c} are there in {p}?", "How many {c} are there in total?", "What is the total number of {c}?", "how many {c} in all?", "How many {c} are there?", answer=total, **w)


def pages(s: Story) -> None:
    """A book of so many pages: read per day, read so far, left to read, days needed."""
    person, when = who(s.rng), tense(s.rng)
    book = s.pick("book", "novel", "story", "comic", "textbook", "magazine", "report")
    roll = s.rng.random()
    w: dict[str, object] = {"b": book}
    if roll < 0.45:
        total = s.number(20, 600)
        first = some(s, int(total.value) - 1)
        two = s.rng.random() < 0.5
        w |= {"n": total, "k": first}
        start = s.pick("{S} [read|reads|read] a {b} with {n} pages", "{S} [have|has|had] a {b} of {n} pages", "a {b} [has|had] {n} pages", "{owner} {b} [has|had] {n} pages", "{S} [have|has|had] to read {n} pages")
        tell_of(s, person, (start,), when, **w)
        done = first
        if two:
            second = some(s, int(total.value) - int(first.value) - 1)
            w["j"] = second
            tell_of(s, person, ("{S} [read|reads|read] {k} pages on Monday and {j} on Tuesday", "yesterday {S} read {k} pages and today {j} pages", "first {S} [read|reads|read] {k} pages, then {j} more", "{S} [read|reads|read] {k} pages in the morning and {j} pages in the evening"), when, **w)  # fmt: skip
            done = s.step(first + second)
        else:
            tell_of(s, person, ("{S} [have|has|had] already read {k} pages", "so far {S} [have|has|had] read {k} pages", "{S} [read|reads|read] {k} of them", "{S} [are|is|was] on page {k}", "{S} already read {k}"), when, **w)
        ask_of(s, person, ("How many pages are left?", "How many pages does {S} still have to read?", "How many more pages does {S} have to read?", "How many pages are left to read?", "How many pages remain?", "how many pages left?"), s.step(total - done))  # fmt: skip
        return
    per = s.number(2, 40)
    if roll < 0.75:
        days = s.number(2, 30)
        unit = s.pick("days", "days", "weeks", "evenings", "hours")
        w |= {"k": per, "d": days, "u": unit, "o": unit[:-1]}
        tell_of(s, person, ("{S} [read|reads|read] {k} pages per {o} for {d} {u}", "{S} [read|reads|read] {k} pages each {o}. {S} [read|reads|read] for {d} {u}", "every {o} {S} [read|reads|read] {k} pages, and it [takes|took] {d} {u} to finish the {b}"), when, **w)
        total = s.step(per * days)
        ask_of(s, person, ("How many pages does {S} read in total?", "How many pages is that altogether?", "How many pages were read?", "How many pages does {S} read?"), total)
        return
    total = s.quantity(per.value * s.rng.randint(2, 40))
    w |= {"n": total, "k": per}
    tell_of(s, person, ("{S} [have|has|had] a {b} with {n} pages and [read|reads|read] {k} pages a day", "a {b} [has|had] {n} pages. {S} [read|reads|read] {k} pages every day", "{S} [want|wants|wanted] to read {n} pages, {k} each day"), when, **w)
    ask_of(s, person, ("How many days does it take?", "How many days does {S} need to finish it?", "In how many days will {S} finish?", "After how many days is the {b} finished?", "how many days?", "How long will it take in days?"), s.step(total / per), **w)  # fmt: skip


def over_days(s: Story) -> None:
    """So many on Monday, so many on Tuesday ...: the total; or the same every day."""
    person, when = who(s.rng), tense(s.rng)
    noun = s.rng.choice(COLLECTED) if s.rng.random() < 0.4 else thing(s.rng)
    verb = s.pick("collect|collects|collected", "find|finds|found", "sell|sells|sold", "make|makes|made", "buy|buys|bought", "pick|picks|picked", "count|counts|counted", "paint|paints|painted", "pack|packs|packed")
    base = verb.split("|")[0]
    asks: tuple[str, ...] = (f"How many {{t}} does {{S}} {base} altogether?", f"How many {{t}} does {{S}} {base} in total?", f"How many {{t}} does {{S}} {base} in all?", *ALTOGETHER)
    if when == "past":
        asks = tuple(form.replace("does {S}", "did {S}") for form in asks)
    if s.rng.random() < 0.35:
        per, days = some(s), s.number(2, 30)
        unit = s.pick("day", "day", "week", "hour", "month")
        week = unit == "day" and s.rng.random() < 0.25
        if week:
            s.given.pop()
            tell_of(s, person, (f"{{S}} [{verb}] {{n}} {{t}} every day for a week", f"{{S}} [{verb}] {{n}} {{t}} a day for a whole week"), when, n=per, t=noun[1])
            ask_of(s, person, asks, s.step(per * 7), t=noun[1])
            return
        tell_of(s, person, (f"{{S}} [{verb}] {{n}} {{t}} every {unit} for {{d}} {unit}s", f"{{S}} [{verb}] {{n}} {{t}} a {unit}. {{S}} [do|does|did] this for {{d}} {unit}s".replace("a hour", "an hour"), f"each {unit} {{S}} [{verb}] {{n}} {{t}}. {{d}} {unit}s [pass|passed]",
            f"for {{d}} {unit}s, {{S}} [{verb}] {{n}} {{t}} per {unit}"), when, n=per, d=days, t=noun[1])  # fmt: skip
        ask_of(s, person, asks, s.step(per * days), t=noun[1])
        return
    count = s.rng.choice((2, 3, 3, 4, 5))
    labels = s.rng.choice((DAYS[:count], DAYS[-count:], MONTHS[:count], ["the first day", "the second day", "the third day", "the fourth day", "the fifth day"][:count]))
    at = "in " if labels[0] in MONTHS else "on "
    values = [some(s)]
    pieces, given = [f"{{n0}} {{t}} {at}{labels[0]}"], {"n0": values[0]}
    for i in range(1, count):
        if count < 4 and s.rng.random() < 0.22:
            values.append(s.step(values[-1] * 2))
            pieces.append(f"twice as many {at}{labels[i]} as {at}{labels[i - 1]}")
        elif count < 4 and s.rng.random() < 0.22:
            change = some(s)
            given[f"n{i}"] = change
            values.append(s.step(values[-1] + change))
            pieces.append(f"{{n{i}}} more {at}{labels[i]} than {at}{labels[i - 1]}")
        else:
            values.append(some(s))
            given[f"n{i}"] = values[-1]
            pieces.append(f"{{n{i}}} {at}{labels[i]}")
    tell_of(s, person, (f"{{S}} [{verb}] " + ", ".join(pieces[:-1]) + s.pick(" and ", ", and ") + pieces[-1], f"{{S}} [{verb}] " + f". {{S}} [{verb}] ".join(pieces)), when, t=noun[1], **given)
    total = values[0]
    for value in values[1:]:
        total = s.step(total + value)
    ask_of(s, person, asks, total, t=noun[1])


LEGS = {2: "chicken duck goose hen parrot rooster turkey bird canary".split(), 4: "cow sheep goat horse pig dog cat rabbit donkey llama pony lamb hamster".split(), 6: "bee butterfly ladybug beetle ant".split(), 8: "spider".split()}


def legs(s: Story) -> None:
    """Legs of animals, wheels of vehicles: counts times a known number, added."""
    plural = dict([*ANIMALS, ("ant", "ants"), ("spider", "spiders"), ("beetle", "beetles")])
    if s.rng.random() < 0.25:
        kinds = s.rng.sample([("bicycles", 2), ("cars", 4), ("tricycles", 3), ("motorbikes", 2), ("scooters", 2)], s.rng.choice((1, 2, 2)))
        part = "wheels"
    else:
        chosen = [(s.rng.choice(LEGS[n]), n) for n in (s.rng.sample((2, 4, 4, 2, 6, 8), s.rng.choice((1, 2, 2, 3))))]
        s.require(len({name for name, _ in chosen}) == len(chosen))
        kinds = [(plural[name], n) for name, n in chosen]
        part = "legs"
    counts = [s.number(2, 40) for _ in kinds]
    pieces = [f"{{n{i}}} {kind}" for i, (kind, _) in enumerate(kinds)]
    listed = pieces[0] if len(pieces) == 1 else ", ".join(pieces[:-1]) + " and " + pieces[-1]
    if s.rng.random() < 0.2 and part == "legs" and len(kinds) > 1:
        s.say(f"There are {listed} on a farm.", f"A farmer has {listed}.", **{f"n{i}": c for i, c in enumerate(counts)})
        total = counts[0]
        for count in counts[1:]:
            total = s.step(total + count)
        s.ask("How many heads are there in total?", "How many heads are there?", "How many animals are there?", answer=total)
        return
    s.say(f"There are {listed}.", f"A farm has {listed}." if part == "legs" else f"A shop has {listed}.", f"In a field there are {listed}." if part == "legs" else f"There are {listed} in a yard.", f"I see {listed}.", f"{listed}.", **{f"n{i}": c for i, c in enumerate(counts)})  # fmt: skip
    products = [s.step(count * n) for count, (_, n) in zip(counts, kinds, strict=True)]
    total = products[0]
    for product in products[1:]:
        total = s.step(total + product)
    s.ask(f"How many {part} are there?", f"How many {part} are there in total?", f"How many {part} do they have altogether?", f"What is the total number of {part}?", f"how many {part} in all?", f"Count the {part}.", answer=total)


def heads_and_legs(s: Story) -> None:
    """Heads and legs are known: how many of each kind? Assume all small, share out the surplus."""
    two, four = s.rng.choice((("chickens", "cows"), ("ducks", "sheep"), ("hens", "rabbits"), ("chickens", "pigs"), ("geese", "goats"), ("turkeys", "horses"), ("chickens", "rabbits")))
    x, y = s.rng.randint(2, 40), s.rng.randint(2, 40)
    heads, feet = s.quantity(x + y), s.quantity(2 * x + 4 * y)
    s.say("A farmer has {a} and {b}. There are {n} heads and {m} legs.", "On a farm there are {a} and {b}, {n} heads and {m} legs in total.", "{a} and {b} in a yard have {n} heads and {m} legs.", "A farm has {n} animals, only {a} and {b}. Together they have {m} legs.", a=two, b=four, n=heads, m=feet)  # fmt: skip
    fewest = s.step(heads * 2)
    surplus = s.step(feet - fewest)
    fours = s.step(surplus / 2)
    if s.rng.random() < 0.5:
        s.ask("How many {b} are there?", "How many are {b}?", "Find the number of {b}.", answer=fours, b=four)
    else:
        s.ask("How many {a} are there?", "How many are {a}?", "Find the number of {a}.", answer=s.step(heads - fours), a=two)


def teams(s: Story) -> None:
    """Teams of a size, points over games, handshakes left aside."""
    roll = s.rng.random()
    place = s.pick("a tournament", "a competition", "a school", "a club", "a league")
    players = s.pick("players", "children", "students", "members", "kids", "runners")
    if roll < 0.3:
        count, size = s.number(2, 40), s.number(2, 15)
        s.say("There are {n} teams in {p}. Each team has {m} {q}.", "{n} teams of {m} {q} take part in {p}.", "in {p} there are {n} teams with {m} {q} each.", "{p} has {n} teams of {m} {q}.", n=count, m=size, p=place, q=players)
        total = s.step(count * size)
        if s.rng.random() < 0.3:
            gone = some(s, int(total.value) - 1)
            s.say("{k} {q} are ill and stay at home.", "{k} {q} do not come.", "{k} of the {q} leave early.", k=gone, q=players)
            s.ask("How many {q} are there then?", "How many {q} remain?", "How many {q} are left?", answer=s.step(total - gone), q=players)
            return
        s.ask("How many {q} are there?", "How many {q} are there altogether?", "How many {q} take part?", "What is the total number of {q}?", answer=total, q=players)
    elif roll < 0.6:
        each = s.rng.randint(2, 15)
        total, given = s.quantity(each * s.rng.randint(2, 20)), s.quantity(each)
        of_size = s.rng.random() < 0.5
        if of_size:
            s.say("{n} {q} form teams of {m}.", "{n} {q} are divided into teams of {m}.", "there are {n} {q} in {p}. Each team has {m} {q}.", "{p} has {n} {q}, and teams of {m} are made.", n=total, m=given, p=place, q=players)
            s.ask("How many teams are there?", "How many teams are formed?", "How many teams is that?", "how many teams?", answer=s.step(total / given))
        else:
            s.say("{n} {q} are divided equally into {m} teams.", "{n} {q} form {m} equal teams.", "in {p} there are {n} {q} in {m} equal teams.", n=total, m=given, p=place, q=players)
            s.ask("How many {q} are in each team?", "How many {q} does each team have?", "How many {q} per team?", answer=s.step(total / given), q=players)
    else:
        people = cast(s.rng, 1) if s.rng.random() < 0.5 else None
        rounds = s.rng.choice((2, 3, 3, 4))
        points: list[Amount] = [s.number(2, 60) for _ in range(rounds)]
        unit = s.pick("points", "points", "goals", "runs")
        actor = people[0].first if people else s.pick("a team", "our team", "the team")
        verb = "score" if actor in ("I", "we", "you") else "scores"
        verb = s.pick(verb, "scored")
        games = s.pick("game", "match", "round")
        ordinal = ("first", "second", "third", "fourth")
        pieces = [f"{{n{i}}}{' ' + unit if i == 0 else ''} in the {ordinal[i]} {games}" for i in range(rounds)]
        s.say(f"{actor} {verb} " + ", ".join(pieces[:-1]) + " and " + pieces[-1] + ".", **{f"n{i}": p for i, p in enumerate(points)})
        total = points[0]
        for point in points[1:]:
            total = s.step(total + point)
        s.ask(f"How many {unit} is that in total?", f"What is the total number of {unit}?", "What is the total score?" if unit == "points" else f"How many {unit} altogether?", f"How many {unit} is that altogether?", answer=total)


def dozens(s: Story) -> None:
    """Eggs by the dozen: how many, how many left, how many dozen."""
    person, when = who(s.rng), tense(s.rng)
    noun = s.pick("eggs", "eggs", "eggs", "cookies", "donuts", "roses", "pencils", "muffins", "buns", "oysters")
    roll = s.rng.random()
    if roll < 0.25:
        total = s.quantity(12 * s.rng.randint(2, 40))
        tell_of(s, person, ("{S} [have|has|had] {n} {t}", "{S} [collect|collects|collected] {n} {t}", "{S} [need|needs|needed] {n} {t}", "there [are|were] {n} {t}"), when, n=total, t=noun)
        s.ask("How many dozen is that?", "How many dozens is that?", "How many dozen {t} is that?", "How many cartons of a dozen is that?", answer=s.step(total / 12), t=noun)
        return
    if roll < 0.35:
        gone = s.number(2, 11)
        tell_of(s, person, ("{S} [have|has|had] a dozen {t} and [use|uses|used] {k}", "{S} [buy|buys|bought] a dozen {t}. {k} [are|were] broken and thrown away", "from a dozen {t}, {S} [give|gives|gave] away {k}"), when, k=gone, t=noun)
        s.ask("How many {t} are left?", "How many are left?", "How many {t} remain?", answer=s.step(12 - gone), t=noun)
        return
    count = s.number(2, 30)
    tell_of(s, person, ("{S} [buy|buys|bought] {n} dozen {t}", "{S} [have|has|had] {n} dozen {t}", "{S} [bake|bakes|baked] {n} dozen {t}" if noun in ("cookies", "donuts", "muffins", "buns") else "{S} [get|gets|got] {n} dozen {t}", "there [are|were] {n} dozen {t}"), when, n=count, t=noun)
    total = s.step(count * 12)
    if s.rng.random() < 0.5:
        gone = some(s, int(total.value) - 1)
        tell_of(s, person, ("{k} [are|were] broken and thrown away", "{S} [give|gives|gave] away {k}", "{S} [sell|sells|sold] {k} of them", "{S} [use|uses|used] {k} {t}"), when, k=gone, t=noun)
        ask_of(s, person, ("How many {t} are left?", "How many {t} does {S} have left?", "How many are left?", "How many {t} remain?"), s.step(total - gone), t=noun)
    else:
        ask_of(s, person, ("How many {t} is that?", "How many {t} does {S} have?", "How many {t} are there altogether?", "How many single {t} is that?", "How many {t} are there?"), total, t=noun)


def visitors(s: Story) -> None:
    """Visitors of a place over days or times; seats taken and free."""
    place = s.rng.choice(PLACES)
    if s.rng.random() < 0.45:
        seats = s.number(20, 800, s.rng.choice((1, 5, 10)))
        taken = some(s, int(seats.value) - 1)
        hall = s.pick("theater", "cinema", "bus", "plane", "hall", "stadium", "restaurant", "classroom", "train")
        s.say("A {h} has {n} seats. {m} are taken.", "there are {n} seats in a {h}, and {m} are occupied.", "a {h} has {n} seats, {m} of them are taken.", "{m} of the {n} seats in a {h} are occupied.", "a {h} with {n} seats has sold {m} tickets.", "{m} people sit in a {h} with {n} seats.", h=hall, n=seats, m=taken)  # fmt: skip
        s.ask("How many seats are free?", "How many seats are empty?", "How many seats are still free?", "How many empty seats are there?", "how many seats are left?", answer=s.step(seats - taken))
        return
    a, b = some(s), some(s)
    kind = s.pick("people", "visitors", "customers", "guests", "children")
    w: dict[str, object] = {"p": place, "q": kind, "n": a, "m": b}
    s.say("{n} {q} came to the {p} in the morning and {m} in the afternoon.", "The {p} had {n} {q} on Saturday and {m} {q} on Sunday.", "On Monday {n} {q} visited the {p}. On Tuesday {m} {q} came.", "yesterday {n} {q} were in the {p}, and today there are {m}.", **w)
    if s.rng.random() < 0.6 or a.value == b.value:
        s.ask("How many {q} is that in total?", "How many {q} came altogether?", "What is the total number of {q}?", "How many {q} were there in all?", "How many {q} in total?", answer=s.step(a + b), q=kind)
    else:
        s.ask("What is the difference?", "What is the difference between the two numbers?", "By how much do the numbers differ?", answer=s.step(gap(s, a, b)))


def farm(s: Story) -> None:
    """Animals on a farm: kinds that depend on each other, then the sum."""
    one, two, three = (noun[1] for noun in s.rng.sample(FARM, 3))
    a = some(s)
    w: dict[str, object] = {"a": one, "b": two, "c": three, "n": a}
    owner = s.pick("a farmer has", "a farm has", "on a farm there are", "my uncle has", "there are", "my grandfather keeps")
    k, j = s.number(2, 20), some(s)
    second = s.step(a + k)
    s.say(owner + " {n} {a}, {k} more {b} than {a} and {j} {c}.", owner + " {n} {a} and {j} {c}. There are {k} more {b} than {a}.", owner + " {n} {a}. The number of {b} is {k} more than that, and there are {j} {c}.", k=k, j=j, **w)
    total = s.step(a + second)
    s.ask("How many animals are there?", "How many animals are there altogether?", "How many animals are there in total?", answer=s.step(total + j))


SCENES: dict[str, tuple[float, Scene]] = {
    "crowd": (3.0, crowd),
    "class_of_two": (2.0, class_of_two),
    "pages": (1.5, pages),
    "over_days": (2.0, over_days),
    "legs": (1.0, legs),
    "heads_and_legs": (0.5, heads_and_legs),
    "teams": (1.5, teams),
    "dozens": (1.0, dozens),
    "visitors": (1.2, visitors),
    "farm": (0.6, farm),
}
