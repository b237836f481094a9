"""Scenes of equal groups: products, both divisions, products with a rest, full boxes and left-overs, legs and wheels.

Knows the many situations in which so many of these hold so many of those.
"""

from __future__ import annotations

from smysl_forge.scenes.forms_change import owned
from smysl_forge.scenes.forms_voice import Voice
from smysl_forge.scenes.forms_words import HOLDERS, PEOPLE, SETS
from smysl_forge.scenes.teller import an
from smysl_forge.story import Amount, Scene, Story


def groups(s: Story, tense: str | None = None) -> tuple[Voice, Amount, Amount]:
    """A hero, a number of groups and how many are in each; the words are put."""
    v = Voice(s, tense=tense)
    one, many, things, low, high = s.rng.choice(SETS)
    n, m = s.number(2, s.rng.choice((6, 12, 25))), s.number(low, high)
    v.put(g=one, ag=an(one), gs=many, ts=things, n=n, m=m, where=s.pick("in a hall", "here", "in our town", "at the fair", "at {B1}'s place", "over there", "in the video", "in the story"))
    return v, n, m


EACH = (
    "there {are} {n} {gs} with {m} {ts} each", "{A} [see] {n} {gs} with {m} {ts} in each", "{n} {gs}, {m} {ts} per {g}", "{A} [have] {n} {gs}. Each {g} has {m} {ts}", "each {g} has {m} {ts} and there are {n} {gs}",
    "every {g} comes with {m} {ts} and {A} [count] {n} {gs}", "there {are} {n} {gs} {where}, and every {g} has {m} {ts}", "{ag} has {m} {ts}. There {are} {n} such {gs}",
    "{n} {gs} with {m} {ts} each {are} all {A} [have]", "you find {m} {ts} in every {g}. There are {n} {gs}", "we look at {n} {gs}; each has {m} {ts}", "{A} [get] {n} {gs} of {m} {ts} each",
    "each of the {n} {gs} has {m} {ts}", "there {are} {m} {ts} for each of {n} {gs}", "{n} {gs} are needed and every {g} gets {m} {ts}",
)  # fmt: skip
ALL = (
    "how many {ts} are there (in total|altogether|in all)?", "how many {ts} is that?", "what is the total number of {ts}?", "how many {ts} does that make?", "how many {ts} altogether?", "find the number of {ts}.", "so how many {ts} in all?",
    "count all the {ts}.", "how many {ts} are there?", "how many {ts} do all the {gs} have?", "how many {ts} would you count?", "the number of {ts} is what?", "work out how many {ts} that is.",
)  # fmt: skip


def multiplied(s: Story) -> None:
    """So many groups of so many: all of them, or what is left of them, or with some more."""
    v, n, m = groups(s)
    v.tell(*EACH)
    total = s.step(n * m)
    roll = s.rng.random()
    if roll < 0.55:
        v.ask(*ALL, answer=total)
        return
    k = s.number(2, min(60, int(total.value) - 2))
    v.put(k=k)
    if roll < 0.85:
        v.tell("{k} of the {ts} {are} (missing|broken|taken away|gone|damaged)", "{k} {ts} {are} removed", "but {k} {ts} {are} not there", "{B1} <take> {k} of the {ts}", "{k} {ts} {are} lost")
        v.ask("how many {ts} are left?", "how many {ts} remain?", "how many {ts} are there now?", "how many are still there?", "how many does that leave?", "find how many {ts} are left.", answer=s.step(total - k))
    else:
        v.tell("there {are} {k} more {ts} (in another place|elsewhere|in the cellar|on a trolley)", "{k} {ts} {are} left without a {g}", "besides, there {are} {k} other {ts}", "{B1} <add> {k} more {ts}")
        v.ask(*ALL[:5], "how many {ts} are there counting everything?", answer=s.step(total + k))


def grouped(s: Story) -> None:
    """A total put into groups: how many groups, or how many in each."""
    v, n, m = groups(s)
    total = s.quantity(n.value * m.value)
    v.put(k=total)
    if s.rng.random() < 0.5:
        v.tell("there {are} {k} {ts} in {n} {gs}, the same number in each", "{n} {gs} have {k} {ts} (together|in total), each the same number", "{k} {ts} {are} (spread|divided) equally over {n} {gs}", "{A} [have] {k} {ts} in {n} equal {gs}",
               "{k} {ts} {are} shared out evenly between {n} {gs}", "{n} equal {gs} make {k} {ts}")
        v.ask("how many {ts} are in (each|every|one) {g}?", "how many {ts} per {g}?", "how many {ts} does (each|one|every) {g} have?", "how many {ts} to a {g}?",
              "what is the number of {ts} per {g}?", "find how many {ts} one {g} has.", "how many in each?", answer=s.step(total / n))  # fmt: skip
        return
    v.tell("there {are} {k} {ts} in total, {m} per {g}", "each {g} has {m} {ts} and there are {k} {ts} (in total|altogether)", "{A} [have] {k} {ts}, {m} in each {g}", "{k} {ts} {are} arranged so that each {g} has {m}", "with {m} {ts} per {g}, {A} [count] {k} {ts} in all",
           "{A} [need] {k} {ts}. One {g} has {m}", "{m} {ts} make up one {g} and {A} [have] {k} {ts}")
    v.ask("how many {gs} are there?", "how many {gs} is that?", "how many {gs} {does} {A} need?" if "need" in v.facts[0] else "how many {gs} are there then?", "what is the number of {gs}?", "how many {gs} does that make?", "find the number of {gs}.", "how many {gs}?", answer=s.step(total / m))


def shared(s: Story) -> None:
    """A stock shared among people: what each gets, how many get some, after some went or came."""
    v, kind, top = owned(s, small=True)
    one, many = s.rng.choice(PEOPLE)
    n, each = s.rng.randint(2, 12), s.rng.randint(2, 15)
    total_value = n * each
    extra = s.rng.random()
    start = s.quantity(total_value)
    current = start
    v.put(p=one, ps=many)
    changed = ""
    if extra < 0.3:
        k = s.number(2, 20)
        s.given.remove(start)
        s.given.clear()
        start = s.quantity(total_value + int(k.value))
        k = s.quantity(int(k.value))
        current = s.step(start - k)
        v.put(k=k)
        changed = s.pick("{he} [keep] {k} of them", "{k} of them {are} broken", "first {he} [put] {k} aside", "{he} [lose] {k} on the way", "{k} {are} not good enough to give away")
    elif extra < 0.5:
        k_value = s.rng.randint(2, max(2, total_value - 2))
        s.require(total_value - k_value > 1)
        s.given.clear()
        start, k = s.quantity(total_value - k_value), s.quantity(k_value)
        current = s.step(start + k)
        v.put(k=k)
        changed = s.pick("{B1} <give> {him} {k} more", "{he} [buy] {k} more", "{he} [find] another {k}", "{k} more {ts} {come} from {B1}")
    v.put(n=start)
    v.tell("{A} {have} {n} {ts}", "{A} {have} {n} {ts}", "there {are} {n} {ts}", "{A} [bring] {n} {ts}", "{A} [have] {n} {ts} to give away")
    if changed:
        v.tell(changed)
    if s.rng.random() < 0.6:
        count = s.quantity(n)
        v.put(c=count)
        v.tell("{he} [share] (them|all of them) (equally|evenly|fairly) among {c} {ps}", "(the {ts}|they) {are} divided equally between {c} {ps}", "{c} {ps} share them (equally|fairly)", "{he} [hand] them out to {c} {ps} so that everyone <get> the same", "{c} {ps} {get} the same number each",
               "{he} [split] the {ts} evenly between {c} {ps}", "they {are} dealt out fairly to {c} {ps}")
        v.ask("how many {ts} does each {p} get?", "how many {ts} (for each|per) {p}?", "how many does (each|every|one) {p} receive?", "how many {ts} does (each one|everyone) get?", "what is the share of one {p}?", "how many {ts} are there for each {p}?", "find how many each {p} gets.", answer=s.step(current / count))
    else:
        count = s.quantity(each)
        v.put(c=count)
        v.tell("{he} [give] {c} {ts} to each {p}", "every {p} <get> {c} of them", "each {p} <get> {c}", "{he} [hand] {c} to every {p}", "{he} [plan] to give each {p} {c} {ts}", "each {p} <take> {c} until nothing {was} left")
        v.put(was="was" if v.past else "is")
        v.ask("how many {ps} (get|can get|could get) (some|{ts})?", "how many {ps} are there?", "for how many {ps} is that enough?", "how many {ps} can be served?", "among how many {ps} can they be shared?", "how many {ps} get their share?", answer=s.step(current / count))


def left_over(s: Story) -> None:
    """Full boxes, boxes needed, what is left over or missing in the last one."""
    v, kind, top = owned(s, small=True)
    one, many = s.rng.choice(HOLDERS)
    each = s.number(3, 12)
    n = s.number(int(each.value) * 2 + 1, max(60, min(200, top)))
    s.require(n.value % each.value != 0 or s.rng.random() < 0.1)
    v.put(n=n, m=each, c=one, cs=many, ac=an(one))
    v.tell("{A} {have} {n} {ts}", "{A} {have} {n} {ts}", "there {are} {n} {ts}", "{A} [want] to pack {n} {ts}", "{n} {ts} {are} waiting to be packed", "{A} [collect] {n} {ts}")
    v.tell("{he} [put] {m} in each {c}", "{m} of them fit into ({ac}|each {c})", "each {c} holds {m}", "every {c} takes {m} {ts}", "{m} {ts} go into each {c}", "{he} [pack] them into {cs} of {m}", "{ac} has room for {m} of them")
    roll = s.rng.random()
    if roll < 0.34:
        v.ask("how many (full|complete) {cs} are there?", "how many {cs} can be filled completely?", "how many {cs} get full?", "how many {cs} will be completely full?", "how many full {cs} does that give?", "find the number of full {cs}.", answer=s.step(n // each))
    elif roll < 0.67:
        v.ask("how many {cs} {does} {A} need (for all of them|to pack all of them|)?", "how many {cs} are needed (for everything|for all of them|)?", "what is the smallest number of {cs} needed?", "at least how many {cs} are necessary?", "how many {cs} will it take to hold them all?", "how many {cs} should {A} get so that nothing stays outside?", answer=s.step(s.function("ceil", s.step(n / each))))
    else:
        v.ask("how many {ts} are left over?", "how many {ts} do not fit into a full {c}?", "after filling as many {cs} as possible, how many {ts} remain?", "how many {ts} stay behind when only full {cs} are made?", "how many are left over (at the end|)?", "what is the remainder?", answer=s.step(n % each))


TRIPS = (
    ("{n} {ps} want to go on a trip", "each (bus|boat|van|minibus) takes {m}", ("buses", "boats", "vans", "minibuses"), 4, 30), ("{n} {ps} want to ride the roller coaster", "{m} fit into one car", ("cars",), 3, 8), ("{n} {ps} have to be seated for dinner", "{m} people sit at each table", ("tables",), 4, 12),
    ("{n} {ps} want to go up the tower", "the lift takes {m} people at a time", ("lift rides",), 4, 12), ("{n} {ps} sleep in tents", "each tent is for {m} people", ("tents",), 3, 8), ("{n} {ps} cross a river", "the boat carries {m} at a time", ("crossings",), 3, 12), ("{n} {ps} are coming to the show", "each row has {m} seats", ("rows",), 6, 20),
    ("a baker must deliver {n} rolls", "a bag holds {m} rolls", ("bags",), 5, 20), ("{n} {ps} need a T-shirt", "T-shirts come in packs of {m}", ("packs",), 3, 10), ("a hall needs {n} chairs", "a cart carries {m} chairs", ("cart loads",), 6, 20), ("{n} photos have to go into an album", "a page holds {m} photos", ("pages",), 4, 9),
    ("{n} {ps} share taxis to the airport", "a taxi has room for {m}", ("taxis",), 3, 6), ("a wall needs {n} tiles", "tiles are sold in boxes of {m}", ("boxes",), 8, 30), ("we need {n} batteries", "a pack has {m} batteries", ("packs",), 4, 12), ("{n} {ps} each want one juice", "juice comes in cartons of {m}", ("cartons",), 4, 12),
)  # fmt: skip


def needed(s: Story) -> None:
    """Trips, tables and packs that everyone fits into: rounded up."""
    v = Voice(s, tense="present")
    fact, rule, units, low, high = s.rng.choice(TRIPS)
    _, many = s.rng.choice(PEOPLE)
    m = s.number(low, high)
    n = s.number(int(m.value) + 2, int(m.value) * s.rng.choice((5, 12)))
    rule = v.expand(rule)
    unit = next((u for u in units if u.rstrip("es")[:3] in rule), units[0])
    v.put(n=n, m=m, ps=many, u=unit)
    v.tell(fact)
    v.tell(rule)
    v.ask("how many {u} are needed?", "how many {u} do they need?" if "{ps}" in fact else "how many {u} is that at least?", "how many {u} does it take?", "what is the least number of {u}?", "at least how many {u} are necessary?", "how many {u} will there have to be?", answer=s.step(s.function("ceil", s.step(n / m))))


KINDS: tuple[tuple[str, str, tuple[tuple[str, int], ...]], ...] = (
    ("legs", "on the farm", (("chickens", 2), ("cows", 4), ("sheep", 4), ("ducks", 2), ("horses", 4), ("geese", 2), ("pigs", 4), ("ostriches", 2), ("goats", 4))),
    ("legs", "in the garden", (("spiders", 8), ("beetles", 6), ("cats", 4), ("sparrows", 2), ("ants", 6), ("dogs", 4), ("ladybirds", 6), ("crows", 2), ("bees", 6))),
    ("legs", "in the room", (("chairs", 4), ("stools", 3), ("tables", 4), ("people", 2), ("dogs", 4), ("cats", 4))),
    ("wheels", "in the car park", (("cars", 4), ("bicycles", 2), ("tricycles", 3), ("motorbikes", 2), ("vans", 4), ("scooters", 2), ("unicycles", 1))),
    ("wheels", "in the shop", (("tricycles", 3), ("bikes", 2), ("unicycles", 1), ("skateboards", 4), ("toy cars", 4), ("prams", 4), ("kick scooters", 2))),
    ("sides", "on the sheet", (("triangles", 3), ("squares", 4), ("pentagons", 5), ("hexagons", 6), ("rectangles", 4), ("octagons", 8))),
    ("corners", "in the drawing", (("triangles", 3), ("squares", 4), ("pentagons", 5), ("hexagons", 6), ("rectangles", 4))),
    ("strings", "in the music shop", (("guitars", 6), ("violins", 4), ("cellos", 4), ("ukuleles", 4))),
    ("legs", "in the zoo", (("lions", 4), ("penguins", 2), ("zebras", 4), ("flamingos", 2), ("elephants", 4), ("parrots", 2), ("tigers", 4))),
    ("arms", "in the aquarium", (("octopuses", 8), ("starfish", 5))), ("wings", "over the lake", (("dragonflies", 4), ("swans", 2), ("butterflies", 4), ("gulls", 2))),
)  # fmt: skip


def legs(s: Story) -> None:
    """Legs, wheels and sides of several kinds of things; backwards when one kind is unknown."""
    v = Voice(s, tense="present")
    what, place, kinds = s.rng.choice(KINDS)
    chosen = s.rng.sample(kinds, min(len(kinds), s.rng.choice((1, 2, 2, 2, 3))))
    counts = [s.number(2, s.rng.choice((6, 15))) for _ in chosen]
    v.put(what=what, place=place, **{f"n{i}": count for i, count in enumerate(counts)})
    listing = [f"{{n{i}}} {name}" for i, (name, _) in enumerate(chosen)]
    joined = ", ".join(listing[:-1]) + (" and " if len(listing) > 1 else "") + listing[-1]
    products = [s.step(count * legs) if legs != 1 else count for count, (_, legs) in zip(counts, chosen, strict=True)]
    if len(chosen) == 2 and s.rng.random() < 0.3 and chosen[0][1] > 1 and chosen[1][1] > 1:
        total = s.quantity(products[0].value + products[1].value)
        s.steps.pop()
        v.put(k=total)
        v.tell(f"{{place}} there are {listing[0]} and some {chosen[1][0]}", f"{{A}} [see] {listing[0]} and some {chosen[1][0]} {{place}}")
        v.tell("altogether they have {k} {what}", "{A} [count] {k} {what}", "there are {k} {what} in total", "all of them together have {k} {what}")
        v.simple = False
        v.ask(f"how many {chosen[1][0]} are there?", f"how many {chosen[1][0]}?", f"find the number of {chosen[1][0]}.", answer=s.step(s.step(total - products[0]) / chosen[1][1]))
        return
    total = products[0]
    for product in products[1:]:
        total = s.step(total + product)
    s.require(bool(s.steps))
    if len(chosen) == 2 and products[0].value > products[1].value + 1 and s.rng.random() < 0.15 and s.steps:
        s.steps.pop()
        v.tell(f"{{place}} there are {joined}", f"{{A}} [see] {joined} {{place}}")
        v.ask(f"how many more {{what}} do the {chosen[0][0]} have than the {chosen[1][0]}?", answer=s.step(products[0] - products[1]))
        return
    v.tell(f"{{place}} there are {joined}", f"{{A}} [see] {joined} {{place}}", f"there are {joined} {{place}}", f"{joined} are {{place}}", f"{{A}} [count] {joined} {{place}}", f"look: {joined} {{place}}", f"imagine {joined} {{place}}")
    v.ask("how many {what} are there (in total|altogether|in all|)?", "how many {what} do they have (in total|altogether|together|in all)?", "how many {what} is that?", "what is the total number of {what}?", "count the {what}.", "how many {what} can you count?", "how many {what} in all?", answer=total)


SUMS: tuple[tuple[str, str, str], ...] = (
    ("[sell] {n} small {ts} with {a} {xs} each and {m} big ones with {b} {xs} each", "boxes", "pens"), ("[buy] {n} bags of {a} {xs} and {m} bags of {b} {xs}", "bags", "oranges"), ("[write] {n} texts of {a} {xs} and {m} texts of {b} {xs}", "texts", "words"),
    ("[play] {n} games with {a} {xs} each and {m} games with {b} {xs} each", "games", "points"), ("[plant] {n} rows of {a} {xs} and {m} rows of {b} {xs}", "rows", "carrots"), ("[work] {n} days for {a} {xs} and {m} days for {b} {xs}", "days", "hours"),
    ("[run] {n} laps of {a} {xs} and {m} laps of {b} {xs}", "laps", "metres"), ("[fill] {n} jars with {a} {xs} each and {m} jars with {b} {xs} each", "jars", "olives"), ("[read] {n} chapters of {a} {xs} and {m} chapters of {b} {xs}", "chapters", "pages"),
    ("[stack] {n} towers of {a} {xs} and {m} towers of {b} {xs}", "towers", "blocks"), ("[bake] {n} trays of {a} {xs} and {m} trays of {b} {xs}", "trays", "buns"), ("[watch] {n} episodes of {a} {xs} and {m} films of {b} {xs}", "videos", "minutes"),
    ("[make] {n} necklaces from {a} {xs} each and {m} bracelets from {b} {xs} each", "chains", "beads"), ("[set] {n} tables with {a} {xs} each and {m} tables with {b} {xs} each", "tables", "plates"), ("[score] {n} times {a} {xs} and {m} times {b} {xs}", "shots", "points"),
    ("[lift] {n} boxes of {a} {xs} and {m} boxes of {b} {xs}", "boxes", "kilograms"), ("[do] {n} sets of {a} {xs} and {m} sets of {b} {xs}", "sets", "squats"), ("[carry] {n} buckets of {a} {xs} and {m} buckets of {b} {xs}", "buckets", "litres"),
    ("[collect] {n} sheets with {a} {xs} each and {m} sheets with {b} {xs} each", "sheets", "stickers"), ("[load] {n} carts with {a} {xs} each and {m} carts with {b} {xs} each", "carts", "sacks"), ("[open] {n} packs of {a} {xs} and {m} packs of {b} {xs}", "packs", "cards"),
)  # fmt: skip


def sums(s: Story) -> None:
    """Two products together, their difference, or less some."""
    v = Voice(s)
    form, groups_, things = s.rng.choice(SUMS)
    n, m = s.number(2, 9), s.number(2, 9)
    high = 30 if things not in ("hours", "metres") else 9 if things == "hours" else 90
    a, b = s.number(2, high), s.number(2, high)
    s.require(a.value != b.value)
    v.put(n=n, m=m, a=a, b=b, xs=things, ts=groups_)
    v.tell("{A} " + form, "{A} " + form, "yesterday {A} " + form if v.past else "every day {A} " + form, "{A} " + form.replace(" and {m}", ". {he} also " + form.split()[0] + " {m}", 1))
    first, second = s.step(n * a), s.step(m * b)
    roll = s.rng.random()
    if roll < 0.7:
        v.ask("how many {xs} is that (in total|altogether|in all|)?", "what is the total number of {xs}?", "how many {xs} (altogether|in all)?", "how many {xs} does that add up to?", "find the total number of {xs}.", "how many {xs} is that (together|in all)?", answer=s.step(first + second))
    elif roll < 0.85:
        s.require(abs(first.value - second.value) > 1)
        total = s.step(first + second)
        k = s.number(2, min(90, int(total.value) - 2))
        v.put(k=k)
        v.tell("{k} {xs} do not count", "{k} of these {xs} {are} lost", "however, {k} {xs} have to be taken off")
        v.ask("how many {xs} (remain|are left)?", "how many {xs} are left after that?", "what is the number of {xs} then?", answer=s.step(total - k))
    else:
        s.require(abs(first.value - second.value) > 1)
        big, small = (first, second) if first > second else (second, first)
        word = "first" if first > second else "second"
        v.ask(f"how many more {{xs}} are in the {word} group than in the other?", "what is the difference between the two totals of {xs}?", "by how many {xs} do the two parts differ?", answer=s.step(big - small))


def regrouped(s: Story) -> None:
    """Groups emptied and filled into others: a product, then a quotient."""
    v, kind, _ = owned(s, small=True)
    (one, many), (_, others) = s.rng.sample(HOLDERS, 2)
    each, new = s.number(2, 20), s.number(2, 20)
    n = s.number(2, 15)
    s.require((n.value * each.value) % new.value == 0 and new.value != each.value and 1 < n.value * each.value / new.value)
    v.put(n=n, a=each, b=new, cs=many, c=one, ds=others)
    v.tell("{A} [have] {n} {cs} of {a} {ts} each", "{A} [have] {n} {cs} with {a} {ts} in each", "there {are} {n} {cs}, each with {a} {ts}", "{A} [buy] {n} {cs} of {ts}; {a} are in each {c}")
    total = s.step(n * each)
    if s.rng.random() < 0.5:
        v.tell("{he} [put] all of them into {ds} of {b}", "{he} [want] to have {b} in each of some {ds} instead", "they {are} packed again, now into {ds} of {b}", "{he} [move] everything into {ds} that hold {b} each")
        v.ask("how many {ds} are there (now|then)?", "how many {ds} {does} {A} need?", "how many {ds} does that make?", "how many {ds} are filled?", answer=s.step(total / new))
    else:
        v.tell("{he} [divide] all of them equally among {b} people", "{b} people share everything equally", "{he} [spread] them evenly over {b} {ds}", "the whole lot {is_} split evenly between {b} (families|classes|tables)")
        v.put(is_="was" if v.past else "is")
        v.ask("how many {ts} does each get?", "how many {ts} for each?", "how many {ts} is that apiece?", answer=s.step(total / new))


def three_deep(s: Story) -> None:
    """Groups of groups of things."""
    v = Voice(s, tense="present")
    chains = (
        ("houses", "rooms", "windows"), ("streets", "houses", "cats"), ("shelves", "boxes", "toys"), ("trees", "branches", "nests"), ("trucks", "crates", "bottles"), ("weeks", "days of work", "hours"), ("schools", "classes", "pupils"),
        ("books", "chapters", "pages"), ("farms", "barns", "cows"), ("bags", "packs", "pens"), ("teams", "players", "shirts"), ("buses", "rows", "seats"), ("tables", "plates", "cookies"), ("ships", "decks", "cabins"), ("cupboards", "drawers", "keys"),
        ("islands", "villages", "huts"), ("albums", "pages", "photos"), ("children", "bags", "apples"), ("floors", "flats", "lamps"), ("gardens", "beds", "tulips"), ("cities", "museums", "paintings"), ("trains", "wagons", "benches"),
    )  # fmt: skip
    x, y, z = s.rng.choice(chains)
    a, b, c = s.number(2, 9), s.number(2, 9), s.number(2, 20)
    v.put(a=a, b=b, c=c)
    one = {"houses": "house", "streets": "street", "shelves": "shelf", "children": "child", "buses": "bus", "cities": "city"}.get(x, x[:-1])
    mid = {"days of work": "day", "classes": "class", "branches": "branch", "boxes": "box", "houses": "house", "benches": "bench"}.get(y, y[:-1])
    v.tell(f"there are {{a}} {x} with {{b}} {y} each, and every {mid} has {{c}} {z}", f"{{a}} {x}, {{b}} {y} per {one}, {{c}} {z} per {mid}", f"each of {{a}} {x} has {{b}} {y}. In each {mid} there are {{c}} {z}",
           f"{an(one)} has {{b}} {y} and {an(mid)} has {{c}} {z}. We look at {{a}} {x}", f"{{A}} [see] {{a}} {x}; each {one} has {{b}} {y} and each {mid} {{c}} {z}")  # fmt: skip
    v.simple = False
    middle = s.step(a * b)
    v.ask(f"how many {z} are there (in total|altogether|in all|)?", f"how many {z} is that?", f"what is the total number of {z}?", f"count the {z}.", f"how many {z} in all {x} together?", answer=s.step(middle * c))


def dozens(s: Story) -> None:
    """Dozens and pairs: twelve or two of each."""
    v, kind, _ = owned(s, small=True)
    n = s.number(2, 12)
    word, size = s.rng.choice((("dozen", 12), ("dozen", 12), ("dozen", 12), ("dozen", 12), ("pairs of", 2)))
    v.put(n=n, w=word)
    v.tell("{A} {have} {n} {w} {ts}", "there {are} {n} {w} {ts}", "{A} [order] {n} {w} {ts}", "{A} [count] {n} {w} {ts}")
    total = s.step(n * size)
    roll = s.rng.random()
    if roll < 0.3:
        v.ask(*ALL[:6], answer=total)
        return
    k = s.number(2, int(total.value) - 1)
    v.put(k=k)
    if roll < 0.75:
        clause = s.rng.choice(kind.loss.split("|")).replace("{l}", "{k}")
        v.tell("(then |later |)" + clause)
        v.ask("how many {ts} are left?", "how many {ts} {does} {A} (still have|have left)?", "how many remain?", answer=s.step(total - k))
    else:
        clause = s.rng.choice(kind.gain.split("|")).replace("{g}", "{k}")
        v.tell("(then |later |)" + clause)
        v.ask("how many {ts} are there now?", "how many {ts} {does} {A} have now?", "how many is that in all?", answer=s.step(total + k))


def rows(s: Story) -> None:
    """Rows and columns, with some missing or broken."""
    v = Voice(s)
    things, place = s.rng.choice((("chairs", "the hall"), ("trees", "the orchard"), ("desks", "the classroom"), ("seats", "the theatre"), ("cabbages", "the field"), ("tiles", "the wall"), ("cars", "the parking lot"), ("soldiers", "the yard"), ("eggs", "the tray"), ("lamps", "the ceiling"), ("stamps", "the sheet"), ("vines", "the vineyard"), ("panels", "the roof"), ("buttons", "the board"), ("cookies", "the tray"), ("benches", "the square")))  # fmt: skip
    n, m = s.number(3, 20), s.number(3, 20)
    v.put(n=n, m=m, ts=things, place=place)
    v.tell("in {place} there {are} {n} rows of {m} {ts}", "{place} <have> {n} rows with {m} {ts} in each", "{A} [put] {m} {ts} in each of {n} rows", "the {ts} {are} in {n} rows and {m} columns", "{n} rows, {m} {ts} in every row", "{A} [arrange] the {ts} in {n} rows of {m}")
    v.facts[-1] = v.facts[-1].replace("in {place}", "on {place}" if place in ("the wall", "the tray", "the ceiling", "the roof", "the board", "the sheet", "the field", "the square") else "in {place}")
    total = s.step(n * m)
    if s.rng.random() < 0.5:
        v.ask(*ALL[:7], answer=total)
        return
    k = s.number(2, int(total.value) - 2)
    v.put(k=k)
    if s.rng.random() < 0.5:
        v.tell("{k} of them {are} (broken|taken|missing|new|damaged|reserved)")
        v.ask("how many are not?", "how many {ts} are not?", "how many {ts} is that without them?", answer=s.step(total - k))
    else:
        v.tell("{k} more {ts} {are} added (at the side|later|)", "then {A} [add] {k} more {ts}")
        v.ask("how many {ts} are there (now|then|in the end)?", "how many {ts} is that in the end?", answer=s.step(total + k))


SCENES: dict[str, tuple[float, Scene]] = {
    "forms_multiplied": (1.6, multiplied),
    "forms_grouped": (1.4, grouped),
    "forms_shared": (1.5, shared),
    "forms_left_over": (1.2, left_over),
    "forms_needed": (0.9, needed),
    "forms_legs": (1.1, legs),
    "forms_sums": (1.4, sums),
    "forms_regrouped": (0.8, regrouped),
    "forms_three_deep": (0.7, three_deep),
    "forms_dozens": (0.7, dozens),
    "forms_rows": (0.7, rows),
}
