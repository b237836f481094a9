"""Daily scenes at home: meals, cooking, supplies that last, laundry, pets, garden, weather, water, birds on a fence.

Knows how people tell of a household; the grammar is `idiom`'s.
"""

from smysl_forge.scenes.idiom import Talk, expand
from smysl_forge.scenes.nouns import thing
from smysl_forge.scenes.teller import an
from smysl_forge.story import Amount, Scene, Story

LEFT_Q = (
    "how many {t} (are left|remain|are left over|are still there|are there now)?", "how many {t} {do} {S} have left?", "how many (of them |)(are left|remain|{now} {S} still have)?", "how many {t} does that leave?",
    "what (is left|remains)?", "how many {t} {now} {S} have now?", "find (out |)how many {t} are left.", "how many are left(| for later)?", "with how many {t} {do} {S} end up?", "how many {t} are not gone?",
)  # fmt: skip
TOTAL_Q = (
    "how many {t} (is that|are there) (altogether|in total|in all|all together)?", "how many {t} {now} {S} have (now|in total|altogether|in all)?", "what is the total number of {t}?", "how many {t} in all?", "how many {t} (does that make)?", "count all the {t}: how many?", "find the total number of {t}.",
    "how many {t} all together?", "so how many {t} (in total|are there now)?",
)  # fmt: skip

RECIPES = (
    ("cake", "cakes", "eggs", 2, 6), ("pan of lasagna", "pans of lasagna", "tomatoes", 3, 9), ("pot of soup", "pots of soup", "carrots", 3, 9), ("smoothie", "smoothies", "bananas", 2, 3), ("batch of cookies", "batches of cookies", "cups of flour", 2, 4),
    ("loaf of bread", "loaves of bread", "spoons of yeast", 2, 4), ("apple pie", "apple pies", "apples", 5, 9), ("omelette", "omelettes", "eggs", 2, 4), ("fruit salad", "fruit salads", "oranges", 2, 6), ("pizza", "pizzas", "olives", 4, 12), ("jar of jam", "jars of jam", "plums", 8, 20),
    ("tray of brownies", "trays of brownies", "spoons of cocoa", 3, 8), ("pitcher of lemonade", "pitchers of lemonade", "lemons", 4, 9), ("curry", "curries", "onions", 2, 4), ("tiramisu", "tiramisus", "biscuits", 12, 30), ("sandwich", "sandwiches", "slices of cheese", 2, 3), ("bowl of guacamole", "bowls of guacamole", "avocados", 2, 4),
    ("stack of pancakes", "stacks of pancakes", "cups of milk", 2, 3), ("birthday cake", "birthday cakes", "candles", 5, 12), ("burger", "burgers", "pickle slices", 2, 4),
)  # fmt: skip


def recipe(s: Story) -> None:
    """A recipe needs so many: for several times, how many more are needed, how many can be made."""
    t = Talk(s)
    one, many, need, low, high = s.rng.choice(RECIPES)
    each = s.number(low, high)
    w: dict[str, object] = {"e": each, "one": one, "many": many, "t": need}
    recipes = ("(a|every|each) {one} (needs|takes|calls for|requires) {e} {t}", "{S} [need] {e} {t} for (a|each|every) {one}", "{owner} recipe for a {one} [calls/called] for {e} {t}", "to make a {one}, {S} [use] {e} {t}", "there [are/were] {e} {t} in (each|every) {one}", "{e} {t} [go/went] into (a|each|every) {one}")
    kind = s.pick("needed", "needed", "missing", "possible", "left")
    t.fact(*recipes, **w)
    if kind == "possible":
        h = s.quantity(int(each.value) * s.rng.randint(2, 9) + s.rng.choice((0, s.rng.randrange(int(each.value)))))
        t.fact("{S} [have] {h} {t}( at home| in the kitchen|)", "there [are/were] {h} {t} in {owner} (kitchen|pantry)", "{S} [find] {h} {t} (in the cupboard|at home)", h=h, **w)
        if h.value % each.value and t.chance(0.4):
            t.ask("{S} [make] as many {many} as possible. how many {t} are left over?", "how many {t} are left over (if|when) {S} [make] as many {many} as possible?", answer=s.step(h % each), **w)
            return
        t.ask("how many {many} can {S} make( with them| at most|)?", "how many {many} (is that enough|are they enough) for?", "for how many {many} do the {t} (last|suffice)?", "how many (whole |){many} are possible?", "what is the largest number of {many} {S} can make?", answer=s.step(h // each), **w)
        return
    n = s.number(2, 9)
    w["n"] = n
    t.fact("{S} ([want] to make|[plan] to make|[be] making|[have] to prepare|[make]) {n} {many}", "{n} {many} [are/were] (ordered|needed|planned)( for the party|)", "{S} [promise] to bring {n} {many}", **w)
    total = s.step(n * each)
    if kind == "needed":
        t.ask("how many {t} {do} {S} need( in total| altogether| in all|)?", "how many {t} is that( in total|)?", "how many {t} are needed( for all of them| in all|)?", "how many {t} should {S} (buy|get ready)?", "how many {t} (will|must) {S} use( up|)?", "work out the number of {t}.", answer=total, **w)
        return
    if kind == "missing":
        h = s.quantity(s.rng.randint(1, int(total.value) - 1))
        s.require(h.value != 1)
        t.fact("{S} only [have] {h} {t}( at home|)", "there [are/were] only {h} {t} (left|in the kitchen)", "{S} already [have] {h} {t}", h=h, **w)
        t.ask("how many more {t} {do} {S} need( to buy|)?", "how many {t} are (still |)missing?", "how many more {t} are needed?", "how many {t} (must|should) {S} (still |)(buy|get)?", "how many {t} {do} {S} lack?", answer=s.step(total - h), **w)
    else:
        h = s.quantity(int(total.value) + s.rng.randint(2, 20))
        t.fact("{S} [buy] {h} {t}", "{S} [have] {h} {t}( in total|)", "there [are/were] {h} {t} in the (basket|bag|fridge)", h=h, **w)
        t.ask("how many {t} will be (left|left over)( after that|)?", "how many {t} (remain|are left over)( in the end| unused|)?", "how many {t} {do} {S} not need?", "how many {t} does that leave?", answer=s.step(h - total), **w)


SUPPLIES = (
    ("bag of dog food", "kilos of dog food", 2, 3, "eats", "the dog"), ("box of tea bags", "tea bags", 2, 6, "uses", "the family"), ("sack of rice", "cups of rice", 2, 5, "cooks", "the family"), ("jar of vitamins", "tablets", 2, 3, "takes", "grandpa"), ("tray of eggs", "eggs", 2, 6, "eats", "the family"),
    ("stack of hay", "bales of hay", 2, 8, "eat", "the horses"), ("box of diapers", "diapers", 5, 9, "uses", "the baby"), ("crate of apples", "apples", 2, 9, "eats", "the family"), ("pile of firewood", "logs", 4, 20, "burns", "the stove"), ("box of cereal bars", "cereal bars", 2, 5, "eat", "the kids"),
    ("pack of paper", "sheets of paper", 10, 50, "uses", "the office"), ("barrel of water", "litres of water", 3, 20, "drink", "the campers"), ("bag of coffee beans", "spoons of coffee", 3, 9, "uses", "the office"), ("bag of carrots", "carrots", 2, 6, "eats", "the rabbit"), ("pack of napkins", "napkins", 10, 40, "needs", "the cafe"),
)  # fmt: skip


def supply(s: Story) -> None:
    """A stock used up so much a day: how long it lasts, what is left, what is used."""
    t = Talk(s, past=False)
    pack, units, low, high, verb, eater = s.rng.choice(SUPPLIES)
    each = s.number(low, high)
    base = verb if eater in ("the horses", "the kids", "the campers") else {"takes": "take", "cooks": "cook", "uses": "use", "eats": "eat", "burns": "burn", "needs": "need"}[verb]
    term = s.pick("day", "day", "day", "week")
    w: dict[str, object] = {"e": each, "x": pack, "t": units, "v": verb, "who": eater, "term": term}
    eats = ("{who} {v} {e} {t} (a|per|every|each) {term}", "(every|each) {term} {who} {v} {e} {t}", "{e} {t} are used (a|per|each) {term}", "{who} {v} {e} of them (a|each|every) {term}", "each {term}, {e} {t} are gone")
    kind = s.pick("last", "last", "left", "used")
    if kind == "used":
        n = s.number(3, 30)
        t.fact(*(form for form in eats if "of them" not in form), **w)
        do = "do" if verb == base else "does"
        t.ask("how many {t} (is that|are needed) (in|for) {n} {term}s?", f"how many {{t}} {do} {{who}} {base} in {{n}} {{term}}s?", "how many {t} will be gone after {n} {term}s?", f"how many {{t}} will {{who}} {base} (during|in) {{n}} {{term}}s?", "how many {t} for {n} {term}s?", answer=s.step(each * n), n=n, **w)
        return
    if kind == "last":
        h = s.quantity(int(each.value) * s.rng.randint(3, 20))
        t.fact("a {x} (holds|contains|has) {h} {t}", "there are {h} {t} (in the house|in stock|in store|left)", "{S} [buy] a {x} with {h} {t}", "the {x} has {h} {t} in it", "{S} [have] {h} {t}", h=h, **w)
        t.fact(*eats, **w)
        t.ask("how many {term}s (will|does) (it|the supply|that) last?", "for how many {term}s is that enough?", "after how many {term}s is (everything|all of it) (gone|used up)?", "how long will (it|the {x}) last, in {term}s?", "how many {term}s until (nothing is left|it's all gone)?", "how many {term}s does the {x} last?", answer=s.step(h / each), **w)
        return
    n = s.number(2, 9)
    h = s.quantity(int(each.value) * int(n.value) + s.rng.randint(1, 40))
    s.given[1], s.given[2] = s.given[1], s.given[2]
    t.fact("a {x} holds {h} {t}", "there are {h} {t} (in the house|in stock|in store)", "{S} [buy] a {x} with {h} {t}", "{S} [have] {h} {t}( at home|)", h=h, **w)
    t.fact(*eats, **w)
    used = s.step(each * n)
    t.ask("how many {t} are left after {n} {term}s?", "how many {t} (remain|will be left|are still there) after {n} {term}s?", "how many {t} are left when {n} {term}s have passed?", "after {n} {term}s, how many are left?", "what is left after {n} {term}s?", answer=s.step(h - used), n=n, **w)


def pizza_slices(s: Story) -> None:
    """Things cut into pieces and eaten: pieces left, pieces each, how many to order."""
    t = Talk(s)
    one, many, piece = s.rng.choice((("pizza", "pizzas", "slices"), ("cake", "cakes", "pieces"), ("watermelon", "watermelons", "slices"), ("pie", "pies", "pieces"), ("loaf of bread", "loaves of bread", "slices"), ("chocolate bar", "chocolate bars", "squares"), ("orange", "oranges", "segments"), ("quiche", "quiches", "pieces"), ("baguette", "baguettes", "pieces")))
    e = s.number(4, 12)
    w: dict[str, object] = {"e": e, "one": one, "many": many, "t": piece}
    cut = ("each {one} (is|gets) (cut|divided) into {e} {t}", "every {one} (has|makes|gives) {e} {t}", "a {one} has {e} {t}", "they are cut into {e} {t} each", "there are {e} {t} in each {one}")
    if t.chance(0.3):
        p, q = s.number(3, 12), s.number(2, 4)
        t.fact("{p} (friends|guests|kids|people) (come|are coming) (over|to the party|for dinner), and each (of them |)(eats|wants|will eat) {q} {t}", "{S} [expect] {p} guests who want {q} {t} each", "{q} {t} (for|go to) each of {p} (children|players|friends)", p=p, q=q, **w)
        t.fact(*(form for form in cut if "they" not in form), **w)
        t.ask("how many {many} (should|must) (be ordered|{S} get|{S} order)?" if t.met else "how many {many} (should|must) be (ordered|bought|prepared)?", "how many {many} are needed?", "what is the smallest number of {many} needed?", "how many {many} will be enough?", "at least how many {many} (do they need|are needed)?", answer=s.step(s.function("ceil", s.step(s.step(p * q) / e))), **w)
        return
    n = s.number(2, 6)
    total = s.step(n * e)
    t.fact("{S} ([buy]|[order]|[prepare]|[bring]) {n} {many}", "there [are/were] {n} {many} (on the table|at the party)", "{n} {many} [are/were] (served|delivered|on the table)", n=n, **w)
    t.fact(*cut, **w)
    if t.chance(0.5):
        g = s.quantity(s.rng.randint(2, int(total.value) - 1))
        t.fact("{g} {t} [are/were] eaten", "the (guests|kids|friends|children) [eat/ate] {g}( {t}|)", "{S} [eat] {g} {t} with {his} friends" if t.met else "the family [eats/ate] {g} {t}", "{g} {t} [disappear/disappeared] in (no time|minutes)", g=g, **w)
        t.ask(*(form for form in LEFT_Q if t.met or "{S}" not in form), answer=s.step(total - g), **w)
    else:
        g = s.quantity(s.rng.choice([d for d in range(2, 20) if int(total.value) % d == 0]))
        t.fact("{g} (people|friends|children|guests) share (everything|them all) (equally|fairly)", "{g} (people|friends|cousins) each get the same number of {t}", "the {t} are shared equally by {g} (people|kids)", g=g, **w)
        t.ask("how many {t} does each (person |of them |)(get|eat)?", "how many {t} (for each|per person|each)?", "how many {t} are there for each?", "what is each share( in {t}|)?", answer=s.step(total / g), **w)


def baking(s: Story) -> None:
    """Trays of cookies, some burnt or eaten, packed into boxes."""
    t = Talk(s)
    one, many = s.rng.choice((("cookie", "cookies"), ("muffin", "muffins"), ("bun", "buns"), ("macaron", "macarons"), ("cupcake", "cupcakes"), ("pretzel", "pretzels"), ("dumpling", "dumplings"), ("scone", "scones"), ("croissant", "croissants"), ("meatball", "meatballs"), ("samosa", "samosas"), ("gingerbread man", "gingerbread men")))
    n, e = s.number(2, 8), s.number(6, 24)
    total = s.step(n * e)
    w: dict[str, object] = {"n": n, "e": e, "t": many, "one": one}
    t.fact("{S} [make] {n} (trays|batches|sheets) of {e} {t}( each|)", "{S} [fill] {n} trays with {e} {t} each", "{S} [prepare] {n} (trays|pans), and each [holds/held] {e} {t}", "{n} trays, {e} {t} on each: that's what {S} [take] out of the oven", "{e} {t} [fit/fit] on a tray and {S} [make] {n} trays", **w)
    if t.chance(0.6):
        b = s.quantity(s.rng.randint(2, max(2, int(total.value) // 3)))
        t.fact("{b} (of them |)([burn/burnt]|[fall/fell] on the floor|[are/were] too dark|[break/broke])", "{S} [drop] {b}( of them|)", "{his} (kids|sons|children) [eat/ate] {b}( right away| while they are still warm|)", "{b} [go/went] to the neighbours", "{S} [throw] {b} away", "{b} {t} [are/were] eaten (at once|while still warm)", b=b, **w)
        total = s.step(total - b)
    if t.chance(0.35):
        options = [d for d in range(2, 13) if int(total.value) % d == 0 and int(total.value) // d > 1]
        s.require(bool(options))
        k = s.quantity(s.rng.choice(options))
        if t.chance(0.5):
            t.fact("the (rest|others) [go/went] into boxes of {k}" if len(s.steps) > 1 else "all of them [go/went] into boxes of {k}", "{S} [pack] (what is left|them) in boxes of {k}" if len(s.steps) > 1 else "{S} [pack] them in boxes of {k}", k=k)
            t.ask("how many boxes (does that make|are there|{do} {S} fill)?", "how many boxes {do} {S} (need|get)?", "how many boxes is that?", "find the number of boxes.", answer=s.step(total / k), **w)
        else:
            t.fact("{k} (friends|guests|colleagues) share the rest equally" if len(s.steps) > 1 else "{k} friends share them equally", "{S} [give] the (rest|remaining {t}) to {k} (friends|neighbours) in equal shares" if len(s.steps) > 1 else "{S} [give] all of them to {k} friends in equal shares", k=k, **w)
            t.ask("how many {t} does each (person|of them) get?", "how many {t} each?", "how many does each of them get?", "what is each share?", answer=s.step(total / k), **w)
        return
    t.ask(*(LEFT_Q if len(s.steps) > 1 else TOTAL_Q), answer=total, **w)


def chores(s: Story) -> None:
    """Loads of laundry, sinks of dishes, crates: rounded up, with the time it takes."""
    t = Talk(s)
    things, box, boxes, low, high, hold = s.rng.choice((
        ("shirts", "load", "loads", 6, 14, "the washing machine takes {e} {t} (per|in a) {b}"), ("plates", "load", "loads", 8, 20, "the dishwasher holds {e} {t} per {b}"), ("towels", "load", "loads", 4, 10, "the dryer holds {e} {t} per {b}"), ("books", "box", "boxes", 8, 25, "a {b} holds {e} {t}"),
        ("bags of leaves", "trip", "trips", 3, 8, "the wheelbarrow carries {e} {t} per {b}"), ("chairs", "trip", "trips", 4, 10, "the van carries {e} {t} per {b}"), ("jars", "shelf", "shelves", 6, 15, "each {b} holds {e} {t}"), ("glasses", "tray", "trays", 5, 12, "each {b} holds {e} {t}"), ("bricks", "load", "loads", 10, 40, "{e} {t} fit in the cart per {b}"),
        ("boxes", "trip", "trips", 4, 15, "{e} {t} fit in the car on each {b}"), ("photos", "page", "pages", 4, 9, "each {b} of the album takes {e} {t}"), ("shoes", "rack", "racks", 6, 20, "a {b} has room for {e} {t}"), ("coats", "rail", "rails", 8, 20, "a {b} holds {e} {t}"), ("pies", "batch", "batches", 3, 8, "{e} {t} fit into the oven per {b}"),
    ))  # fmt: skip
    e = s.number(low, high)
    total = s.quantity(int(e.value) * s.rng.randint(2, 8) + s.rng.choice((0, s.rng.randint(1, int(e.value) - 1))))
    w: dict[str, object] = {"e": e, "n": total, "t": things, "b": box, "bs": boxes}
    first = ("{S} [have] {n} {t} to (put away|take care of|deal with|move)", "there [are/were] {n} {t}( waiting|)", "{S} [have] {n} {t}", "{n} {t} have to be (moved|handled|taken care of)", "a pile of {n} {t} [waits/waited] for {him}" if t.hero.plural else "{S} [look] at {n} {t}")
    facts = [(first, w), ((hold,), w)]
    if t.chance(0.3):
        facts.reverse()
    for forms, words in facts:
        t.fact(*forms, **words)
    needed = s.step(s.function("ceil", s.step(total / e)))
    if box in ("load", "trip", "batch") and t.chance(0.35):
        m = s.number(5, 50)
        t.fact("(each|every) {b} takes {m} minutes", "{m} minutes are needed for (each|every) {b}", m=m, **w)
        t.ask("how many minutes does (it all|everything) take?", "how many minutes will {S} need( altogether|)?", "how many minutes is that in total?", answer=s.step(needed * m), **w)
        return
    t.ask("how many {bs} {do} {S} need?", "how many {bs} are (needed|necessary)?", "how many {bs} will it be?", "at least how many {bs} {do} {S} need( for all the {t}|)?", "how many {bs} does it take( for all the {t}|)?", "what is the (smallest|least) number of {bs}?", "how many {bs} until everything is done?" if box in ("load", "trip", "batch") else "how many {bs} for all of them?", answer=needed, **w)


def pets(s: Story) -> None:
    """Food for several animals over several days; how many animals are fed."""
    t = Talk(s)
    one, many, food, low, high = s.rng.choice((("dog", "dogs", "biscuits", 2, 6), ("cat", "cats", "cans of food", 2, 3), ("rabbit", "rabbits", "carrots", 2, 6), ("horse", "horses", "apples", 2, 5), ("hamster", "hamsters", "sunflower seeds", 5, 12), ("parrot", "parrots", "nuts", 3, 8), ("goat", "goats", "handfuls of hay", 2, 6), ("monkey", "monkeys", "bananas", 4, 12), ("penguin", "penguins", "fish", 4, 12), ("seal", "seals", "herrings", 5, 20), ("elephant", "elephants", "melons", 5, 15), ("squirrel", "squirrels", "acorns", 3, 9), ("tortoise", "tortoises", "leaves", 3, 10)))
    n, e = s.number(2, 9), s.number(low, high)
    w: dict[str, object] = {"n": n, "e": e, "one": one, "many": many, "t": food}
    t.fact("{S} ([have]|[look] after|[feed]|[keep]|[care] for) {n} {many}, and each (of them |)[eats/ate] {e} {t} (a|per|every) day", "{S} [give] each of {his} {n} {many} {e} {t} (a|every) day" if t.met or t.hero.plural else "{S} [give] each of the {n} {many} {e} {t} a day", "{owner} {n} {many} [get/got] {e} {t} each (per|every) day", "{n} {many} [live/lived]" + " at {owner} place. Every {one} [eats/ate] {e} {t} a day", **w)
    daily = s.step(n * e)
    kind = s.pick("day", "days", "days", "lasts")
    if kind == "day":
        t.ask("how many {t} is that (a|per|each) day?", "how many {t} {do} {S} need (a|per|each|every) day?", "how many {t} do (they|the {many}) (eat|get) (in a day|daily|every day)?", "how many {t} do all the {many} eat in a day?", answer=daily, **w)
    elif kind == "days":
        d = s.number(2, 14)
        t.ask("how many {t} (are needed|{do} {S} need|do they need) for {d} days?", "how many {t} do the {many} (eat|get|need) in {d} days?", "how many {t} should {S} buy for {d} days?", "how many {t} is that in {d} days?", "how many {t} for {d} days?", answer=s.step(daily * d), d=d, **w)
    else:
        h = s.quantity(int(daily.value) * s.rng.randint(2, 9))
        t.fact("{S} [have] {h} {t}( in store|)", "there [are/were] {h} {t} in the (shed|kitchen|store room)", "{S} [order] {h} {t}", h=h, **w)
        t.ask("how many days (will they|does that|will that) last?", "for how many days is that enough?", "how long will the {t} last, in days?", "after how many days are they all gone?", answer=s.step(h / daily), **w)


def hens(s: Story) -> None:
    """Hens, bees or cows give so much a day: in some days, packed in dozens, after eating some."""
    t = Talk(s)
    one, many, what, low, high, verb = s.rng.choice((("hen", "hens", "eggs", 2, 6, "lay"), ("cow", "cows", "litres of milk", 8, 30, "give"), ("apple tree", "apple trees", "apples", 20, 90, "bear"), ("hive", "hives", "jars of honey", 3, 15, "give"), ("rose bush", "rose bushes", "roses", 4, 20, "bear"), ("goat", "goats", "litres of milk", 2, 4, "give"), ("tomato plant", "tomato plants", "tomatoes", 6, 25, "bear"), ("pear tree", "pear trees", "pears", 20, 80, "bear"), ("duck", "ducks", "eggs", 3, 6, "lay"), ("vine", "vines", "bunches of grapes", 10, 40, "give")))
    term = "year" if what in ("apples", "pears", "jars of honey", "bunches of grapes") else "week" if one in ("hen", "duck") else "summer" if verb == "bear" else "day"
    n, e = s.number(2, 20), s.number(low, high)
    third = verb + "s"
    w: dict[str, object] = {"n": n, "e": e, "one": one, "many": many, "t": what, "term": term, "v": third, "b": verb}
    t.fact("{S} [have] {n} {many}(, and| and|;) each {v} {e} {t} (a|per|every) {term}", "there are {n} {many} (on the farm|in the village). (Each|Every) {one} {v} {e} {t} a {term}", "{owner} {n} {many} each {b} {e} {t} (a|per) {term}", "a {one} {v} {e} {t} (a|per|each) {term}, and {S} [have] {n} of them", "each of {n} {many} {v} {e} {t} a {term}", **w)
    total = s.step(n * e)
    roll = s.rng.random()
    if roll < 0.3:
        t.ask("how many {t} is that (a|per|each) {term}?", "how many {t} do (they|all of them) {b} (a|per|in a|each) {term}?", "how many {t} (are there|in total) each {term}?", "what is the total number of {t} per {term}?", answer=total, **w)
    elif roll < 0.55:
        d = s.number(2, 9)
        t.ask("how many {t} (is that|do they {b}) in {d} {term}s?", "how many {t} are there after {d} {term}s?", "how many {t} will there be in {d} {term}s?", "and in {d} {term}s, how many {t}?", answer=s.step(total * d), d=d, **w)
    elif roll < 0.8 or what != "eggs":
        k = s.quantity(s.rng.randint(2, int(total.value) - 1))
        t.fact("the family (uses|keeps) {k} {t} (a|each|per) {term} and sells the rest", "{k} {t} are (used|kept|needed) (at home|by the family) each {term}, the others are sold", "{k} {t} stay on the farm every {term}; the rest goes to the market", k=k, **w)
        t.ask("how many {t} are sold (a|per|each) {term}?", "how many {t} go to (the market|customers) (each|per) {term}?", "how many {t} can be sold (per|each) {term}?", answer=s.step(total - k), **w)
    else:
        s.require(total.value % 12 == 0)
        t.fact("the eggs are (sold|packed) by the dozen", "a carton holds a dozen eggs", "they are packed in cartons of a dozen")
        t.ask("how many dozen (is that|can be sold) (per|each) {term}?", "how many cartons are filled (per|each|every) {term}?" if "carton" in t.clauses[-1] else "how many dozen eggs is that?", answer=s.step(total / 12), **w)


def planting(s: Story) -> None:
    """Rows of plants, some that fail, more that are added; how many rows."""
    t = Talk(s)
    many = s.pick("tulips", "tomato plants", "cabbages", "strawberry plants", "bean seeds", "sunflowers", "lettuces", "rose bushes", "onions", "apple trees", "potatoes", "carrots", "pumpkins", "lavender bushes", "daffodil bulbs", "vines", "pepper plants", "leeks")
    n, e = s.number(2, 12), s.number(4, 25)
    w: dict[str, object] = {"n": n, "e": e, "t": many}
    kind = s.pick("total", "died", "added", "rows", "sprout")
    if kind == "rows":
        s.given.clear()
        e = s.number(4, 25)
        h = s.quantity(int(e.value) * s.rng.randint(2, 12))
        t.fact("{S} [plant] {h} {t} in rows of {e}", "{S} [have] {h} {t} and [put] {e} in each row", "{S} [want] to plant {h} {t}, {e} (to a row|per row|in every row)", "{h} {t} [are/were] planted, {e} in each row", e=e, h=h, t=many)
        t.ask("how many rows (are there|is that|does that make)?", "how many rows {do} {S} (get|need|have)?" if t.met else "how many rows is that?", "find the number of rows.", "how many rows?", answer=s.step(h / e))
        return
    t.fact("{S} [plant] {n} rows of {e} {t}( each|)", "{S} [plant] {n} rows with {e} {t} in each( row|)", "in {owner} garden there [are/were] {n} rows of {e} {t}", "{n} beds with {e} {t} each [are/were] planted in {owner} garden", "there [are/were] {e} {t} in every row of {owner} garden, and there [are/were] {n} rows", **w)
    total = s.step(n * e)
    if kind == "total":
        t.ask(*TOTAL_Q, "how many {t} {do} {S} plant( in all|)?", answer=total, **w)
    elif kind in ("died", "sprout"):
        k = s.quantity(s.rng.randint(2, int(total.value) - 1) if int(total.value) < 20 else s.rng.randint(2, int(total.value) // 2))
        t.fact("{k} of them ([die/died]|[are/were] eaten by (snails|rabbits|birds|deer)|never [grow/grew])", "(hail|a storm|the frost) [destroys/destroyed] {k}( of them|)", "{S} [lose] {k} (to the frost|in a storm|because of the drought)", "{S} [give] {k} (of them |)to a neighbour", "{k} [do/did] not (survive|make it)", k=k, **w)
        t.ask("how many {t} (are left|remain)?", "how many (){t} (are left|remain)?", *LEFT_Q, answer=s.step(total - k), **w)
    else:
        k = s.number(2, 40)
        t.fact("later {S} [add] {k} more", "then {S} [plant] {k} (more|extra) {t} along the fence", "{S} [get] {k} more from a neighbour", "another {k} {t} [are/were] planted (along the path|by the gate|near the house)", k=k, **w)
        t.ask(*TOTAL_Q, answer=s.step(total + k), **w)


FRUIT = ("apples", "pears", "plums", "lemons", "mushrooms", "strawberries", "cherries", "chestnuts", "peaches", "oranges", "tomatoes", "walnuts", "blackberries", "figs", "cucumbers", "mangoes", "zucchini", "olives", "apricots", "pumpkins")


def harvest(s: Story) -> None:
    """Picked by two people or on two days, then eaten, given, packed."""
    t = Talk(s)
    fruit = s.rng.choice(FRUIT)
    u = t.other()
    a, b = s.number(5, 60), s.number(5, 60)
    two = t.chance(0.55)
    pick = s.pick("pick", "gather", "collect", "harvest")
    past = {"pick": "picked", "gather": "gathered", "collect": "collected", "harvest": "harvested"}[pick]
    w: dict[str, object] = {"a": a, "b": b, "t": fruit, "u": u.later}
    if two:
        t.pronouns = False
        t.fact(f"{{S}} [{pick}] {{a}} {{t}}(, | and | while |, and ){{u}} [{pick}s/{past}] {{b}}( {{t}}|)", f"in the (orchard|garden|forest) {{S}} [{pick}] {{a}} {{t}} and {{u}} {{b}}", "{S} [go] to the (orchard|garden|forest) with {u}. {u} [comes/came] back with {b} {t} and {S} with {a}", **w)
    else:
        t.fact(f"{{S}} [{pick}] {{a}} {{t}} in the morning and {{b}} (in the afternoon|after lunch|before dinner)", f"on Saturday {{S}} [{pick}] {{a}} {{t}}, on Sunday {{b}}( more|)", f"{{S}} [{pick}] {{a}} {{t}} from the old tree and {{b}} from the young tree".replace("old tree", "old field" if fruit in ("mushrooms", "cucumbers", "tomatoes", "strawberries", "pumpkins", "zucchini", "blackberries") else "old tree").replace("young tree", "new field" if fruit in ("mushrooms", "cucumbers", "tomatoes", "strawberries", "pumpkins", "zucchini", "blackberries") else "young tree"), **w)
    total = s.step(a + b)
    roll = s.rng.random()
    if roll < 0.25:
        t.ask(*(form for form in TOTAL_Q if not two or "{S}" not in form), f"how many {{t}} [are/were] {past} (altogether|in total|in all)?", answer=total, **w)
    elif roll < 0.6:
        k = s.quantity(s.rng.randint(2, int(total.value) - 1))
        t.fact("{k} (of them |)[are/were] (rotten|bad|eaten on the way home|eaten by wasps|given to a neighbour|used for jam)", "{k} {t} [go/went] (into a cake|to grandma|to the neighbours|to the birds)", "they [sell/sold] {k}( of them| at the gate|)" if two else "{S} [sell] {k}( of them| at the gate|)", k=k, **w)
        t.ask(*(form for form in LEFT_Q if not two or "{S}" not in form), answer=s.step(total - k), **w)
    else:
        options = [d for d in range(2, 13) if int(total.value) % d == 0 and int(total.value) > d]
        s.require(bool(options))
        k = s.quantity(s.rng.choice(options))
        if t.chance(0.5):
            t.fact("the whole harvest [is/was] packed into baskets of {k}", "they [fill/filled] baskets with {k} {t} each" if two else "{S} [fill] baskets with {k} {t} each", "{k} {t} [go/went] into each basket", k=k, **w)
            t.ask("how many baskets (are there|is that|does that make|do they fill|are filled)?", "how many baskets?", "how many baskets are needed?", answer=s.step(total / k), **w)
        else:
            t.fact("the {t} [are/were] (put|divided) equally into {k} (baskets|bags|crates)", "{k} baskets [get/got] the same number of {t} each", "everything [is/was] shared equally among {k} baskets", k=k, **w)
            t.ask("how many {t} (are|go|end up) in each (basket|of them)?", "how many {t} (per basket|in each)?", "how many does each hold?", answer=s.step(total / k), **w)


def temperature(s: Story) -> None:
    """It gets warmer and colder: the temperature now, the change, what it was."""
    t = Talk(s)
    place = expand(s.rng, s.pick("in (Oslo|Cairo|Delhi|Madrid|Toronto|Nairobi)", "outside", "in the (greenhouse|kitchen|cellar|garden|classroom)", "on the balcony", "in the mountains", "at the beach", "in the village"))
    early, late = s.rng.choice((("in the morning", "by noon"), ("at sunrise", "by midday"), ("at 8 am", "by 2 pm"), ("on Monday", "by Wednesday"), ("at breakfast", "in the afternoon"), ("at noon", "by the evening")))
    deg = s.pick(" degrees", " degrees", " °C", "°", " degrees Celsius", "°F")
    kind = s.pick("up", "down", "updown", "change", "before")
    a = s.number(8, 30)
    d = s.number(2, 15)
    w: dict[str, object] = {"p": place, "e": early, "l": late, "g": deg, "a": s.render(a)}
    start = ("the temperature {p} [is/was] {a}{g} {e}", "it [is/was] {a}{g} {p} {e}", "{e} the thermometer {p} [shows/showed] {a}{g}", "{e} it [is/was] {a}{g} {p}", "the day [starts/started] at {a}{g} {p}")
    rises = "([rises/rose]|[goes/went] up|[climbs/climbed]|[increases/increased]) by {d}{g}"
    falls = "([falls/fell]|[drops/dropped]|[goes/went] down|[sinks/sank]) by {d}{g}"
    now = ("what [is/was] the temperature (then|now|after that)?", "how many degrees is it (then|now)?", "how many degrees [is/was] it (then|after that|in the end)?", "what does the thermometer (show|say) (then|now|in the end)?", "find the (new |final |)temperature.", "what temperature is that?")
    if kind in ("up", "down", "updown"):
        t.fact(*start, **w)
        if kind == "down":
            s.require(d < a)
        new = s.step(a - d if kind == "down" else a + d)
        t.fact(*(form.replace("{X}", falls if kind == "down" else rises) for form in ("{l} it {X}", "{l} the temperature {X}", "it {X} {l}", "then the temperature {X}")), d=d, **w)
        if kind == "updown":
            f = s.number(2, 15)
            s.require(f < new)
            new = s.step(new - f)
            t.fact(*(form.replace("{X}", falls.replace("{d}", "{f}")) for form in ("(at night|overnight|during the night) it {X}", "then it {X}", "after sunset it {X}", "in the night the temperature {X}")), f=f, **w)
        t.ask(*now, answer=new, **w)
    elif kind == "change":
        s.given.clear()
        a = s.number(2, 20)
        b = s.quantity(int(a.value) + s.rng.randint(2, 18))
        up = t.chance(0.6)
        first, last = (a, b) if up else (b, a)
        w |= {"a": s.render(first), "b": s.render(last)}
        t.fact(*start, **w)
        t.fact("{l} it [is/was] {b}{g}", "{l} the thermometer [shows/showed] {b}{g}", "it [is/was] {b}{g} {l}", "{l} it [reaches/reached] {b}{g}", **w)
        word, comp = ("rise", "warmer") if up else ("drop", "colder")
        t.ask(f"by how many degrees did (it|the temperature) {word}?", f"how many degrees {comp} (did it get|is that|was it)?", "what is the (difference|change)( in degrees|)?", f"how many degrees did it get {comp}?", f"how big is the {word} in degrees?", "what's the difference in temperature?", answer=s.step(b - a), **w)
    else:
        t.past = True
        up = t.chance(0.5)
        s.require(up is False or d < a)
        t.fact(*(form.replace("{X}", rises if up else falls) for form in ("since {m} the temperature {p} {X}", "the temperature {p} {X} since {m}", "{p} it {X} (since {m}|during the day)", "during the (day|week) the temperature {p} {X}")), d=d, m=s.pick("this morning", "yesterday", "last week", "noon"), **w)
        t.fact("now it is {a}{g}", "it is {a}{g} now", "the thermometer now shows {a}{g}", "now we have {a}{g}", **w)
        t.ask("what was the temperature (before|at first|at the beginning)?", "how many degrees was it (before|at first|to begin with)?", "what did the thermometer show (before|at first)?", "find the temperature at the start.", answer=s.step(a - d if up else a + d), **w)


def rain(s: Story) -> None:
    """Rain or snow over days: together, on average, more than before, to a record."""
    t = Talk(s)
    what, unit_ = s.rng.choice((("rain", "mm"), ("rain", "millimetres"), ("snow", "cm"), ("snow", "inches"), ("snow", "centimetres"), ("rain", "litres per square metre")))
    days = s.rng.sample(("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"), 3)
    town = s.pick("in Bergen", "in the valley", "in our town", "at the weather station", "in London", "in Seattle", "up on the hill", "in Mumbai")
    a, b, c = s.number(2, 40), s.number(2, 40), s.number(2, 40)
    w: dict[str, object] = {"a": a, "b": b, "c": c, "x": what, "u": unit_, "p": town, "d0": days[0], "d1": days[1], "d2": days[2]}
    t.fact("on {d0} {a} {u} of {x} fell {p}, on {d1} {b} {u} and on {d2} {c} {u}", "{p} there were {a} {u} of {x} on {d0}, {b} on {d1} and {c} on {d2}", "{x} {p}: {d0} {a} {u}, {d1} {b} {u}, {d2} {c} {u}", "a (girl|man|teacher|farmer) measured {a} {u} of {x} on {d0}, {b} {u} on {d1} and {c} {u} on {d2}", **w)
    kind = s.pick("total", "average", "record", "gap")
    if kind == "gap":
        s.require(a > c)
        t.ask("how much more (fell |{x} fell )on {d0} than on {d2}?", "how many {u} more (were there|fell) on {d0} than on {d2}?", "what is the difference between {d0} and {d2}?", answer=s.step(a - c), **w)
        return
    total = s.step(s.step(a + b) + c)
    if kind == "total":
        t.ask("how much {x} fell (altogether|in total|in all)?", "how many {u} fell (altogether|in total|in all)?", "what is the total?", "how many {u} in all?", "how many {u} of {x} is that (in total|together)?", answer=total, **w)
    elif kind == "average":
        mean = s.step(total / 3)
        s.whole(mean)
        t.ask("how much {x} was it on average?", "what is the average (per|for a) day?", "what was the daily average?", "how many {u} a day on average?", "find the (mean|average) of these days.", answer=mean, **w)
    else:
        r = s.quantity(int(total.value) + s.rng.randint(2, 60))
        t.fact("the record is {r} {u}", "the record for such days is {r} {u}", "last year it was {r} {u} (in|on) the same days", r=r, **w)
        t.ask("how many {u} (are missing|more would be needed) (to reach|for) (the record|that)?" if "record" in t.clauses[-1] else "how many {u} less is it this year?", "how much less is it this (year|time)?", answer=s.step(r - total), **w)


def water_tank(s: Story) -> None:
    """A tank, tub or tank of fuel filled and emptied."""
    t = Talk(s)
    x, u, low, high = s.rng.choice((("water tank", "litres", 100, 900), ("rain barrel", "litres", 60, 300), ("bathtub", "litres", 40, 150), ("fish tank", "litres", 30, 200), ("fuel tank", "litres", 20, 70), ("kettle", "cups", 5, 12), ("pool", "gallons", 200, 2000), ("oil tank", "gallons", 50, 400), ("paddling pool", "buckets", 12, 60), ("water cooler", "glasses", 30, 80)))
    a = s.number(low, high)
    w: dict[str, object] = {"a": a, "x": x, "u": u, "ax": an(x)}
    kind = s.pick("used", "both", "fill", "drain")
    liquid = "oil" if x == "oil tank" else "fuel" if x == "fuel tank" else "water"
    w["q"] = liquid
    if kind == "fill":
        b = s.quantity(int(a.value) + s.rng.randint(5, int(a.value)))
        t.fact("(the|{owner}) {x} holds {b} {u}", "{S} [have] {ax} (for|that holds) {b} {u}", "the capacity of {ax} is {b} {u}", b=b, **w)
        t.fact("(right now|at the moment|now) there are {a} {u} (in it|inside)", "it already (has|contains) {a} {u} of {q}", "{S} [pour] in {a} {u}", "so far {a} {u} are in (it|there)", **w)
        t.ask("how many (more |){u} (are missing|are needed) (until it is full|to fill it( up|))?", "how many more {u} fit in?", "how many {u} (does it need|are needed) to be full?", "how much {q}, in {u}, can still be added?", answer=s.step(b - a), **w)
        return
    t.fact("there [are/were] {a} {u} of {q} in (the {x}|{ax}|{owner} {x})", "(the {x}|{ax}|{owner} {x}) [holds/held] {a} {u} of {q}", "{ax} with {a} {u} of {q} [is/was] ready", "{S} [start] with {a} {u} of {q} in the {x}", **w)
    if kind == "drain":
        n, e = s.number(2, 9), s.number(2, max(3, int(a.value) // 12))
        used = s.step(n * e)
        s.require(used < a)
        t.fact("{e} {u} (a|per|every|each) day [are/were] used", "every day {S} [use] {e} {u}", "{S} [take] out {e} {u} (a|each|every) day", "(every|each) day the level [drops/dropped] by {e} {u}", e=e, **w)
        t.ask("how many {u} are (left|in it|still there) after {n} days?", "how many {u} (remain|are there) after {n} days?", "after {n} days, how many {u} are left?", "what is left after {n} days, in {u}?", answer=s.step(a - used), n=n, **w)
        return
    b = s.quantity(s.rng.randint(2, int(a.value) - 1))
    t.fact("{S} [use] {b} {u}( of it|)", "{S} [let] out {b} {u}", "{b} {u} ([leak/leaked] out|[are/were] used)", "{S} [take] {b} {u} out", b=b, **w)
    left = s.step(a - b)
    if kind == "both":
        c = s.number(2, max(3, int(a.value) // 2))
        t.fact("then {S} [pour] in {c}( more|) {u}", "then {c} {u} [are/were] added", "a (helper|neighbour|pump) [adds/added] {c} {u}", "{S} [add] {c} {u}( again|)", c=c, **w)
        left = s.step(left + c)
    t.ask("how many {u} are (in it|there|in the {x}) now?", "how many {u} are (left|in there now|there in the end)?" if kind == "used" else "how many {u} are in there (now|in the end)?", "how much {q} is in the {x} (now|then), in {u}?", "how many {u} does the {x} hold now?", answer=left, **w)


def birds(s: Story) -> None:
    """Animals or people that come and go; how many are there, how many came, how many there were."""
    t = Talk(s)
    who_, where = s.rng.choice((("birds", "on a wire"), ("sparrows", "on the fence"), ("ducks", "on the pond"), ("frogs", "on the lily pads"), ("crows", "in a tree"), ("pigeons", "on the roof"), ("cats", "in the yard"), ("bees", "on a flower bed"), ("deer", "in the meadow"), ("ants", "on a crumb"), ("gulls", "on the pier"), ("squirrels", "in the park"), ("children", "on the playground"), ("people", "in the waiting room"), ("guests", "in the cafe"), ("swimmers", "in the pool"), ("fans", "at the gate"), ("cars", "in the car park"), ("boats", "in the harbour"), ("customers", "in the shop"), ("students", "in the library"), ("snails", "on the wall"), ("fireflies", "in the garden"), ("bikes", "in the rack")))
    animal = who_ in ("birds", "sparrows", "ducks", "crows", "pigeons", "bees", "gulls", "fireflies")
    go = s.pick("fly away", "fly off", "leave") if animal else "leave" if who_ not in ("frogs", "snails", "ants", "deer") else s.pick("hop away" if who_ == "frogs" else "go away", "disappear")
    went = {"fly away": "flew away", "fly off": "flew off", "leave": "left", "hop away": "hopped away", "go away": "went away", "disappear": "disappeared"}[go]
    come = s.pick("arrive", "join them", "come", "turn up")
    came = {"arrive": "arrived", "join them": "joined them", "come": "came", "turn up": "turned up"}[come]
    total = s.number(5, 60)
    w: dict[str, object] = {"n": total, "t": who_, "p": where}
    events, order = s.rng.choice(((1, (False,)), (2, (False, True)), (2, (True, False)), (2, (False, False)), (3, (True, False, True)), (3, (False, True, False)), (1, (True,))))
    changes: list[tuple[bool, Amount]] = []
    running = int(total.value)
    for up in order:
        change = s.number(2, 20)
        running += int(change.value) if up else -int(change.value)
        s.require(running >= 1)
        changes.append((up, change))
    if events <= 2 and t.chance(0.3):
        _birds_before(t, w, changes, running, (go, went), (come, came))
        return
    t.fact("{n} {t} [are/were]" + " {p}", "there [are/were] {n} {t} {p}", "{p} there [are/were] {n} {t}", "{S} [count] {n} {t} {p}", "{S} [see] {n} {t} {p}", **w)
    for i, (up, change) in enumerate(changes):
        lead = s.pick("", "then ", "suddenly ", "a little later ") if i == 0 else s.pick("then ", "after that ", "later ", "soon ", "")
        t.fact(lead + (f"{{c}} more [{come}/{came}]" if up else f"{{c}} (of them |)[{go}/{went}]"), lead + (f"another {{c}} [{come}/{came}]" if up else f"{{c}} {{t}} [{go}/{went}]"), c=change, **w)
        total = s.step(total + change if up else total - change)
    t.ask("how many {t} are (there|{p}) now?", "how many {t} (are there) (now|then|in the end)?", "how many are there now?", "how many {t} (stay|remain|are still there)?" if not changes[-1][0] else "how many {t} are there (all together|in the end)?", "how many {t} {now} {S} see now?" if t.met else "how many {t} are there then?", "how many are (there now|left)?" if not changes[-1][0] else "how many are there now?", "find the number of {t} {p} (now|at the end).", answer=total, **w)


def _birds_before(t: Talk, w: dict[str, object], changes: list[tuple[bool, Amount]], end: int, go: tuple[str, str], come: tuple[str, str]) -> None:
    """The same story told from its end: how many there were at first."""
    s = t.s
    t.past = True
    s.given.pop(0)
    for i, given in enumerate(s.given):
        given.expression = f"g{i}"
    last = s.quantity(end)
    t.fact("(some|a number of) {t} were {p}", "there were some {t} {p}", "{S} [see] (some|several|a few) {t} {p}", t=w["t"], p=w["p"])
    for up, change in changes:
        t.fact(f"{{c}} more {come[1]}" if up else f"{{c}} of them {go[1]}", f"then {{c}} (others|more) {come[1]}" if up else f"then {{c}} {go[1]}", c=change)
    t.fact("now there are {n}", "in the end there were {n}( {t}|)", "that made {n}( {t}|)", "now {n} {t} are there", n=last, t=w["t"])
    total = last
    for up, change in reversed(changes):
        total = s.step(total - change if up else total + change)
    t.ask("how many {t} were there (at first|in the beginning|at the start|before|originally)?", "how many were there to begin with?", "how many {t} had been there (at first|before)?", "what was the number of {t} (at the start|before that)?", "with how many {t} did it start?", answer=total, t=w["t"])


def furniture(s: Story) -> None:
    """Tables and chairs, shelves and books, rooms and lamps: the total, the missing, the free ones."""
    t = Talk(s)
    big, bigs, small = s.rng.choice((("table", "tables", "chairs"), ("shelf", "shelves", "books"), ("room", "rooms", "lamps"), ("floor", "floors", "doors"), ("row", "rows", "seats"), ("bench", "benches", "cushions"), ("house", "houses", "windows"), ("cabin", "cabins", "beds"), ("drawer", "drawers", "socks"), ("wagon", "wagons", "seats"), ("bus", "buses", "seats"), ("album", "albums", "photos"), ("rack", "racks", "bottles"), ("wall", "walls", "pictures"), ("hook", "hooks", "keys"), ("ward", "wards", "beds"), ("class", "classes", "desks"), ("garden", "gardens", "benches")))
    place = s.pick("a hotel", "a cafe", "the school", "the town hall", "an office", "the community centre", "the museum", "a hostel", "the new building", "the station", "a restaurant") if big in ("table", "room", "row", "bench", "wall") else ""
    n, e = s.number(2, 15), s.number(2, 14)
    w: dict[str, object] = {"n": n, "e": e, "b": big, "bs": bigs, "t": small, "x": ("in " + place) if place else ""}
    t.fact("{x} there [are/were] {n} {bs} with {e} {t} each" if place else "there [are/were] {n} {bs} with {e} {t} each", "{n} {bs} {x} [have/had] {e} {t} each", "(each|every) {b} {x} [has/had] {e} {t}, and there [are/were] {n} {bs}", "{S} [count] {n} {bs} {x}, each with {e} {t}", "{n} {bs}, {e} {t} per {b}", **w)
    total = s.step(n * e)
    people = small in ("chairs", "seats", "beds", "desks")
    roll = s.rng.random()
    if people and roll < 0.5:
        k = s.quantity(s.rng.randint(2, int(total.value) - 1))
        t.fact("{k} ({t}|of them) [are/were] (taken|occupied|in use)", "{k} (people|guests|visitors) [take/took] a place", "{k} {t} are occupied", k=k, **w)
        t.ask("how many {t} are (free|empty|unused)?", "how many (free|empty) {t} are (there|left)?", "how many {t} are still free?", "how many {t} are not (taken|in use)?", answer=s.step(total - k), **w)
    elif roll < 0.65:
        k = s.number(2, 30)
        t.fact("{k} {t} [are/were] (broken|missing|thrown away|removed)", "{S} [find] that {k} {t} [are/were] broken and [throw] them out", "{k} of the {t} [have/had] to be (thrown out)", k=k, **w)
        s.require(k < total)
        t.ask("how many {t} (are left|remain|are still there)?", "how many {t} are (left)?", "how many {t} (are there) (after that|then)?", answer=s.step(total - k), **w)
    elif roll < 0.8:
        k = s.number(2, 30)
        t.fact("{k} more {t} [are/were] (stored|kept) in the (cellar|attic|store room)", "{S} [find] {k} more {t} (in the cellar|outside)", "there [are/were] also {k} {t} (elsewhere|in the hall)", k=k, **w)
        t.ask(*(form for form in TOTAL_Q if "{S}" not in form), answer=s.step(total + k), **w)
    else:
        t.ask(*(form for form in TOTAL_Q if "{S}" not in form), answer=total, **w)


def fridge(s: Story) -> None:
    """A dozen eggs, two dozen buns: some used, some bought."""
    t = Talk(s)
    what, used, past = s.rng.choice((("eggs", "use", "for pancakes"), ("buns", "eat", "for breakfast"), ("roses", "give away", "to a friend"), ("donuts", "eat", "with coffee"), ("oysters", "eat", "for dinner"), ("pencils", "lose", "at school"), ("bananas", "use", "for a smoothie"), ("rolls", "sell", "in the morning"), ("candles", "light", "in the evening"), ("eggs", "break", "on the way home"), ("tennis balls", "lose", "in the bushes"), ("cupcakes", "hand out", "at the office")))
    verb, _, particle = used.partition(" ")
    dozens = t.chance(0.5)
    w: dict[str, object] = {"t": what, "why": past}
    if dozens:
        n = s.number(2, 9)
        t.fact("{S} [have] {n} dozen {t}", "{S} [buy] {n} dozen {t}( at the market| in the shop|)", "there [are/were] {n} dozen {t} in {owner} (kitchen|house|shop)", "{S} [get] {n} dozen {t}", n=n, **w)
        total = s.step(n * 12)
        whole = int(total.value)
    else:
        t.fact("{S} [have] a dozen {t}", "{S} [buy] a dozen {t}( at the market| in the shop|)", "there [are/were] a dozen {t} in {owner} (kitchen|house|shop)", "{S} [bring] home a dozen {t}", **w)
        whole = 12
        total = Amount(s, s.number(1, 1).value * 12, "12")
        s.given.clear()
    if whole == 12 or t.chance(0.8):
        k = s.quantity(s.rng.randint(2, whole - 2))
        t.fact(f"{{S}} [{verb}] {particle} {{k}}( of them|)( {{why}}|)", f"{{S}} [{verb}] {particle} {{k}} {{t}}( {{why}}|)", "{k} of them [are/were] used up", f"then {{S}} [{verb}] {particle} {{k}}( of them|)", k=k, **w)
        total = s.step(total - k)
    if t.chance(0.35):
        m = s.number(2, 12)
        t.fact("{S} (then |later |)[get] {m} more", "{S} [buy] another {m}", "a neighbour [brings/brought] {m} more", "{his} (mother|roommate|sister) [adds/added] {m}( more|)", m=m)
        t.ask("how many {t} {now} {S} have now?", "how many {t} are there (now|in the end)?", "how many {t} {do} {S} have in the end?", "how many is that (now|altogether)?", answer=s.step(total + m), **w)
        return
    t.ask(*(LEFT_Q if len(s.steps) != 1 or not dozens else TOTAL_Q), answer=total, **w)


def half_gone(s: Story) -> None:
    """Half, a third or a quarter goes, then some more: what is left; or how many at first."""
    t = Talk(s)
    noun = thing(s.rng, "food", "toys", "school", "garden", "clothes")[1]
    part, word = s.rng.choice(((2, "half"), (2, "half"), (3, "a third"), (4, "a quarter"), (5, "a fifth")))
    verb = s.pick("give away", "sell", "use", "donate", "lose", "hand out", "pack away", "throw out")
    verb, _, particle = verb.partition(" ")
    loss = f"[{verb}] {particle}".strip()
    rest = s.rng.randint(2, 20)
    total = s.quantity(part * rest)
    w: dict[str, object] = {"n": total, "t": noun, "w": word}
    backwards = part == 2 and t.chance(0.35)
    if backwards:
        more = s.rng.randint(2, 15) if t.chance(0.5) else 0
        total.value = total.value / part
        t.fact(f"{{S}} {loss} {{w}} of {{his}} {{t}}", "{w} of {owner} {t} [are/were] (gone|given away|sold|lost)", f"{{S}} {loss} {{w}} of the {{t}} {t.hero.he} had", **w)
        known: Amount = total
        if more:
            k = s.quantity(more)
            t.fact(f"then {{S}} {loss} {{k}} more", "{S} also [give] {k} to {his} (sister|friend|teacher)", k=k)
            known = s.step(total + k)
        t.fact("{n} [are/were] left( now| over|)", "now {S} [have] {n} (left|{t} left)" if not t.past else "in the end {S} [have] {n} left", "that [leaves/left] {him} with {n}( {t}|)", **w)
        t.ask("how many {t} did {S} have (at first|to begin with|originally|before|at the beginning)?", "how many {t} were there (at first|in the beginning|before)?", "what was the number of {t} at the start?", "with how many {t} did {S} start?", answer=s.step(known * 2), **w)
        return
    t.fact("{S} [have] {n} {t}", "{S} [start] with {n} {t}", "there [are/were] {n} {t} in {owner} (room|bag|house|shop)", "{S} [buy] {n} {t}", **w)
    t.fact(f"{{S}} {loss} {{w}} of (them|the {{t}})", "{w} of them [go/went] to {his} (sister|brother|best friend|cousin)", f"then {{S}} {loss} {{w}} of them", f"{{S}} {loss} {{w}}", **w)
    gone = s.step(total / part)
    if t.chance(0.25):
        t.ask(f"how many {{t}} {{do}} {{S}} {verb} {particle}?" if "went" not in t.clauses[-1] and " go " not in t.clauses[-1] else "how many {t} is that?", "how many {t} is that?", answer=gone, **w)
        return
    left = s.step(total - gone)
    if t.chance(0.5) and left > 3:
        k = s.quantity(s.rng.randint(2, int(left.value) - 1))
        t.fact(f"then {{S}} {loss} {{k}} more", "{S} [give] {k} (more |)to {his} (friend|neighbour|aunt)", "after that {S} [lose] {k}( more|)", k=k)
        left = s.step(left - k)
    t.ask(*LEFT_Q, answer=left, **w)


SCENES: dict[str, tuple[float, Scene]] = {
    scene.__name__: (weight, scene)
    for weight, scene in (
        (1.4, recipe), (1.2, supply), (1.2, pizza_slices), (1.1, baking), (1.1, chores), (1.1, pets), (1.0, hens), (1.1, planting), (1.1, harvest),
        (1.1, temperature), (0.7, rain), (0.9, water_tank), (1.2, birds), (1.1, furniture), (1.1, fridge), (1.3, half_gone),
    )
}  # fmt: skip
