"""Scenes of change: unknown starts, unknown changes, parts of a whole, goals, doubling, several days.

Knows how counts grow and shrink over time, and the ways of asking for any one of them.
"""

from __future__ import annotations

from smysl_forge.scenes.forms_compare import begin
from smysl_forge.scenes.forms_voice import Voice
from smysl_forge.scenes.forms_words import THEMES, Theme, tenses
from smysl_forge.scenes.nouns import COLORS, DAYS
from smysl_forge.story import Amount, Scene, Story


def owned(s: Story, tense: str | None = None, small: bool = False) -> tuple[Voice, Theme, int]:
    """One hero with things of one kind (`small`: that fit into a bag), and how many of them are sensible."""
    v = Voice(s, tense=tense)
    kind = s.rng.choice([kind for kind in THEMES if kind.small or not small])
    one, many = s.rng.choice(kind.things)
    v.put(t=one, ts=many, have=kind.have, **tenses(v.past))
    return v, kind, s.rng.choice((min(20, kind.top), min(60, kind.top), kind.top))


def event(s: Story, v: Voice, kind: Theme, total: Amount, top: int, key: str) -> tuple[Amount, bool, str]:
    """Something gained or lost: the step, whether gained, and the clause with `{key}`."""
    gained = s.rng.random() < 0.48
    if not gained:
        s.require(total > 4)
    change = s.number(2, max(3, top // 2) if gained else int(total.value) - 2)
    v.w[key] = change
    clause = s.rng.choice((kind.gain if gained else kind.loss).split("|"))
    return s.step(total + change if gained else total - change), gained, clause.replace("{g}", f"{{{key}}}").replace("{l}", f"{{{key}}}")


NOW = (
    "how many {ts} {does} {A} have (now|in the end|at the end|after all that)?", "how many {ts} are there now?", "how many (now|in the end)?", "what is the final number of {ts}?",
    "how many {ts} {has} {A} got now?", "with how many {ts} [do] {A} end up?", "so how many {ts} is that now?", "find the number of {ts} at the end.", "now {A} {has} how many {ts}?",
    "tell me how many {ts} there are now.", "count the {ts} now.", "how many {ts} does that make?",
)  # fmt: skip
LEFT = (
    "how many {ts} are left?", "how many {ts} {does} {A} (still have|have left)?", "how many remain?", "how many {ts} are still there?", "how many are left (now|in the end)?",
    "what is left?", "how many {ts} {has} {A} got left?", "how many {ts} {does} {A} keep?", "find how many {ts} remain.", "that leaves how many {ts}?",
)  # fmt: skip
STARTS = (
    "{A} {have} {n} {ts}", "{A} {have} {n} {ts}", "{A} [start] with {n} {ts}", "there {are} {n} {ts} at first", "in the morning {A} [have] {n} {ts}", "at the start of the week {A} [have] {n} {ts}",
    "{n} {ts} {are} in {As} room", "{A} [begin] with {n} {ts}", "{As} collection <have> {n} {ts}", "on {day} {A} [have] {n} {ts}", "{A} [have] a total of {n} {ts}",
    "once {A} [have] {n} {ts}", "{A} [count] {n} {ts}", "{A} already [have] {n} {ts}", "{n} {ts} {belong} to {Ao}",
)  # fmt: skip
LINKS = ("", "", "then ", "later ", "after that ", "the next day ", "in the evening ", "soon afterwards ", "a week later ", "on {day2} ", "in the afternoon ", "not long after, ", "unfortunately, ", "suddenly ", "as it happens, ", "before bedtime ")


def _days(s: Story, v: Voice) -> None:
    first = s.rng.randrange(5)
    v.put(day=DAYS[first], day2=DAYS[first + 1], day3=DAYS[first + 2], belong="belonged" if v.past else "belong")


def events(s: Story) -> None:
    """A start and one to four things that happen."""
    v, kind, top = owned(s)
    _days(s, v)
    total = s.number(4, top)
    v.put(n=total)
    v.tell(*STARTS)
    gained, clauses = True, []
    for i in range(s.rng.choice((1, 1, 2, 2, 2, 3, 3, 4))):
        total, gained, clause = event(s, v, kind, total, top, f"k{i}")
        clauses.append(clause)
    later = [link for link in LINKS[2:] if "day" not in link or "{day}" in v.facts[0]]
    links = s.rng.sample(later, len(clauses))
    if s.rng.random() < 0.5:
        for link, clause in zip(links, clauses, strict=True):
            v.tell((link if s.rng.random() < 0.5 else "") + clause)
    else:
        v.tell(", ".join(clauses[:-1]) + (" and " if len(clauses) > 1 else "") + ("then " if s.rng.random() < 0.3 else "") + clauses[-1])
    v.ask(*(NOW if gained or s.rng.random() < 0.4 else LEFT), answer=total)


def start_unknown(s: Story) -> None:
    """Something happened, then so many: how many at first."""
    v, kind, top = owned(s, "past")
    _days(s, v)
    start = s.rng.randint(5, max(8, top))
    gained = s.rng.random() < 0.45
    change = s.number(2, max(3, top // 2) if gained else start - 2)
    now = s.quantity(start + change.value if gained else start - change.value)
    v.put(n=now, k=change)
    clause = s.rng.choice((kind.gain if gained else kind.loss).split("|")).replace("{g}", "{k}").replace("{l}", "{k}")
    if s.rng.random() < 0.5:
        v.tell("{A} [have] some {ts}", "{A} [have] a number of {ts}", "{A} [have] a pile of {ts}", "{A} [start] with some {ts}", "nobody <know> how many {ts} {A} [have] at first")
        v.tell(clause)
        v.tell("now {A} {has} {n}", "now there are {n}", "in the end {n} {ts} {are} there", "that leaves {him} with {n}" if not gained else "that makes {n}", "after that {A} [have] {n}", "{A} now {has} {n} {ts}")
    else:
        v.put(clause=clause)
        v.tell("{clause}. now {A} {has} {n} {ts}", "{clause} and now there are {n}", "{clause}, and so {A} {has} {n} {ts} now",
               "{A} {has} {n} {ts} now. Before that, {clause}", "{A} {has} {n} {ts} because {clause}", "today {A} {has} {n} {ts}, but earlier {clause}")  # fmt: skip
    v.ask("how many {ts} did {A} have (at first|to begin with|originally|before|in the beginning|at the start|initially)?", "how many {ts} were there (at first|originally|before|in the beginning)?",
          "with how many {ts} did {A} start?", "what was the number of {ts} before that?", "how many {ts} did {A} start with?", "find the number of {ts} that {A} had before.", "how many had {A} had at the beginning?",
          answer=s.step(now - change if gained else now + change))  # fmt: skip


SOME_GAIN = (
    "{A} [get] some more", "{A} [find] some more {ts}", "{B1} <give> {him} a few more", "{A} [buy] some more {ts}", "some more {ts} {come} from {B1}", "{A} [add] several {ts}", "{A} [receive] a parcel of {ts}",
    "a few more {are} brought by {B1}", "{A} [pick] up some more", "{A} [win] some {ts}",
)  # fmt: skip
SOME_LOSS = (
    "{A} [give] some of them to {B1}", "{A} [lose] some of them", "{A} [sell] a few", "{B1} <take> some of the {ts}", "some of them {go} missing", "{A} [give] away several {ts}", "a few {are} stolen",
    "{A} [leave] some of them at {B1}'s house", "{A} [part] with some of them", "{A} [hand] a bunch of them over to {B1}", "some {ts} {get} lost",
)  # fmt: skip


def change_unknown(s: Story) -> None:
    """Before and after are told: how many came or went."""
    v, kind, top = owned(s)
    _days(s, v)
    a, b = s.number(3, top), s.number(2, top)
    s.require(abs(a.value - b.value) > 1)
    gained = b > a
    v.put(n=a, m=b)
    v.tell(*STARTS)
    v.tell(*(SOME_GAIN if gained else SOME_LOSS))
    v.tell("now {A} {has} {m}", "now there are {m}", "now {m} are left" if not gained else "now it is {m}", "in the end there {are} {m} {ts}", "{A} [end] up with {m}", "{A} [have] {m} {ts} after that")
    if gained:
        v.ask("how many {ts} did {A} get?", "how many (more|new) {ts} came?", "how many {ts} were added?", "how many more {ts} is that than before?", "how many did {A} get?", "how large is the increase?", "find how many {ts} came.", answer=s.step(b - a))
    else:
        v.ask("how many {ts} are gone?", "how many {ts} did {A} lose?" if "lose" in v.facts[1] else "how many {ts} went away?", "how many fewer is that?", "how many {ts} is that less than before?", "how many are missing now?", "find how many {ts} went.", answer=s.step(a - b))


def parts(s: Story) -> None:
    """A whole and some of its parts: the other part."""
    v, top = begin(s)
    top = max(20, top)
    count = s.rng.choice((1, 1, 2, 2, 3))
    kinds = s.rng.sample(list(COLORS[:9]), count + 1)
    whole = s.number(8 + 4 * count, max(20, top))
    rest = whole
    if count > 1:
        pieces = [s.number(2, int(whole.value) // (count + 1)) for _ in range(count)]
        taken = pieces[0]
        for piece in pieces[1:]:
            taken = s.step(taken + piece)
        rest = s.step(whole - taken)
    else:
        pieces = [s.number(2, int(whole.value) - 2)]
        rest = s.step(whole - pieces[0])
    v.put(n=whole, **{f"p{i}": piece for i, piece in enumerate(pieces)})
    listed = [f"{{p{i}}} ({{are}}|of them {{are}}) {kinds[i]}" for i in range(count)]
    listed = [listed[0], *(f"{{p{i}}} {{are}} {kinds[i]}" for i in range(1, count))]
    v.put(z=kinds[-1])
    v.tell("{A} [have] {n} {ts}", "there {are} {n} {ts} (in a box|on a table|in {As} house|altogether|in total|in a bag)", "a shop <have> {n} {ts}", "{n} {ts} {are} lying on the floor", "{A} [count] {n} {ts}", "{A} [see] {n} {ts}")
    v.tell(", ".join(listed[:-1]) + (" and " if count > 1 else "") + listed[-1] + "(, the rest {are} {z}| and the others {are} {z}|. The remaining ones {are} {z}|, and all the others {are} {z})")
    v.ask("how many {ts} are {z}?", "how many (are {z}|{z} ones are there)?", "how many {z} {ts} are there?", "find the number of {z} {ts}.", "and how many {z} ones?", "what is the number of {z} {ts}?", answer=rest)


PLACES: tuple[tuple[str, str, tuple[str, ...]], ...] = (
    ("the school has {n} pupils", "pupils", ("walk to school", "come by bus", "come by bike", "are driven by car")), ("{n} guests are at the wedding", "guests", ("drink juice", "drink water", "drink tea", "drink wine")),
    ("a train has {n} passengers", "passengers", ("read", "sleep", "talk", "look out of the window")), ("a survey asked {n} people about pets", "people", ("have a dog", "have a cat", "have fish", "have no pet")),
    ("a choir has {n} singers", "singers", ("sing soprano", "sing alto", "sing tenor", "sing bass")), ("there are {n} trees in the park", "trees", ("are oaks", "are birches", "are pines", "are maples")),
    ("the library lent out {n} books today", "books", ("were novels", "were comics", "were cookbooks", "were travel guides")), ("{n} runners took part in a race", "runners", ("gave up", "finished in time", "finished late", "never started")),
    ("a farmer has {n} animals", "animals", ("are cows", "are sheep", "are goats", "are hens")), ("the hotel has {n} rooms", "rooms", ("are booked", "are free", "are being repaired", "are used by staff")),
    ("a garage has {n} vehicles", "vehicles", ("are vans", "are buses", "are trucks", "are motorbikes")), ("the company employs {n} people", "people", ("work in sales", "work in the lab", "work in the office", "work in the factory")),
    ("in a bag there are {n} balls", "balls", ("are red", "are blue", "are green", "are white")), ("a test has {n} questions", "questions", ("are easy", "are hard", "are medium", "are optional")),
    ("a museum owns {n} paintings", "paintings", ("hang in the hall", "are in the cellar", "are on loan", "are being cleaned")), ("{n} cars crossed the bridge", "cars", ("were black", "were silver", "were white", "were red")),
)  # fmt: skip


def split_group(s: Story) -> None:
    """A group by what they do; the last part, or the whole from its parts."""
    v = Voice(s, tense="present")
    place, many, kinds = s.rng.choice(PLACES)
    count = s.rng.choice((2, 2, 3))
    doing = s.rng.sample(kinds, count + 1)
    pieces = [s.number(3, s.rng.choice((15, 60, 150))) for _ in range(count)]
    v.put(ts=many, **{f"p{i}": piece for i, piece in enumerate(pieces)})
    total = pieces[0]
    for piece in pieces[1:]:
        total = s.step(total + piece)
    listing = [f"{{p{i}}} {doing[i]}" for i in range(count)]
    joined = ", ".join(listing[:-1]) + " and " + listing[-1]
    if s.rng.random() < 0.6:
        n = s.quantity(total.value + s.rng.randint(2, 60))
        v.put(n=n)
        v.tell(place)
        v.tell(joined, "of these, " + joined, joined + f"; the rest {doing[-1]}", ". ".join(listing))
        v.ask(f"how many {doing[-1]} if (all the others do|nobody is left out)?" if "rest" not in v.facts[-1] else f"how many {doing[-1]}?", "how many are the rest?", "how many {ts} are not mentioned?", f"all the others {doing[-1]}. How many is that?" if "rest" not in v.facts[-1] else "how many is that?", answer=s.step(n - total))
    else:
        s.require(not place.startswith(("the library", "a survey")) or s.rng.random() < 0.5)
        v.tell(f"among the {{ts}}, {joined}", f"we looked at all the {{ts}}: {joined}", f"some {{ts}} were counted. {joined}")
        v.ask("how many {ts} are there (in total|altogether|in all)?", "how many {ts} is that (in total|altogether)?", "what is the total number of {ts}?", "how many {ts} were there?", answer=total)


def goal(s: Story) -> None:
    """A number wanted, some already there: how many more; perhaps per day for some days."""
    v, top = begin(s)
    goal_value = s.number(12, max(20, top))
    have = s.number(2, int(goal_value.value) - 3)
    v.put(n=goal_value, m=have)
    v.tell("{A} [want] to have {n} {ts}", "{A} [need] {n} {ts}", "{A} [be] supposed to bring {n} {ts} to a party", "{A} [want] to reach {n} {ts}", "for the fair {A} [need] {n} {ts}", "{As} goal is {n} {ts}", "{A} [promise] {n} {ts} to {B1}", "a project <need> {n} {ts}, and {A} [be] in charge")
    rest = goal_value
    if s.rng.random() < 0.45:
        more = s.number(2, max(2, int(goal_value.value) - int(have.value) - 1))
        s.require(goal_value.value - have.value > more.value)
        v.put(p=more)
        v.tell("so far {A} {has} {m}, and {B1} has promised {p}", "{he} {has} {m} and {B1} will bring {p} more", "{m} are already there and {p} more are on the way", "{he} {has} {m} at home and {p} in the garage")
        rest = s.step(goal_value - s.step(have + more))
    else:
        v.tell("so far {A} {has} (only|) {m}", "{he} {has} {m} already", "at the moment there are {m}", "{he} {has} collected {m} so far", "{m} of them are ready", "{he} {has} just {m}", "up to now {he} {has} {m}")
        rest = s.step(goal_value - have)
    v.ask("how many more {ts} {does} {A} need?", "how many (more|) (are|{ts} are) (still missing|missing)?", "how many more (to go|must {A} get|are needed)?", "how many {ts} {is} {A} short?", "how many (more|) {ts} (does that leave to get|remain to be found)?",
          "how many {does} {A} still need?", "find how many more {ts} are needed.", answer=rest)  # fmt: skip


def days(s: Story) -> None:
    """Several days or hours, each told by the one before: the last, or the total."""
    v = Voice(s)
    verb, many, top = s.rng.choice((("[sell]", "tickets", 60), ("[read]", "pages", 50), ("[walk]", "kilometers", 12), ("[bake]", "loaves of bread", 40), ("[solve]", "riddles", 20), ("[write]", "e-mails", 30),
        ("[pick]", "strawberries", 80), ("[catch]", "fish", 15), ("[do]", "push-ups", 40), ("[run]", "laps", 15), ("[drink]", "glasses of water", 8), ("[make]", "bracelets", 20), ("[paint]", "fence boards", 30),
        ("[deliver]", "parcels", 60), ("[plant]", "seedlings", 40), ("[earn]", "dollars", 90), ("[score]", "points", 30), ("[wash]", "cars", 15), ("[learn]", "new words", 25), ("[take]", "photos", 90), ("[fold]", "paper cranes", 60)))  # fmt: skip
    count = s.rng.choice((2, 2, 3))
    unit = s.rng.randrange(3)
    names = ([f"on {d}" for d in DAYS[:4]], [f"in (week|round) {n}" for n in ("A", "B", "C", "D")], ["in the first hour", "in the second hour", "in the third hour", "in the fourth hour"])[unit]
    short = (list(DAYS[:4]), ["A", "B", "C", "D"], ["in the first hour", "in the second hour", "in the third hour", "in the fourth hour"])[unit]
    if unit == 1:
        names, short = ["yesterday", "today", "tomorrow"], ["yesterday", "today", "tomorrow"]
        names = ["(on the first day|at first)", "on the second day", "on the third day", "on the fourth day"]
        short = ["on the first day", "on the second day", "on the third day", "on the fourth day"]
    a = s.number(3, top)
    values = [a]
    v.put(a=a, ts=many)
    v.tell(f"{names[0]} {{A}} {verb} {{a}} {{ts}}", f"{{A}} {verb} {{a}} {{ts}} {names[0]}")
    for i in range(1, count + 1):
        last = values[-1]
        before = s.pick("the day before", short[i - 1] if short[i - 1][:2] in ("in", "on") else f"on {short[i - 1]}") if unit < 2 else s.pick("in the hour before", short[i - 1])
        roll = s.rng.random()
        key = f"k{i}"
        if roll < 0.3:
            v.w[key] = k = s.number(2, max(3, top // 2))
            values.append(s.step(last + k))
            phrase = f"({{{key}}} more|{{{key}}} more {{ts}}) than {before}"
        elif roll < 0.55 and last > 4:
            v.w[key] = k = s.number(2, int(last.value) - 2)
            values.append(s.step(last - k))
            phrase = f"({{{key}}} fewer|{{{key}}} less) than {before}"
        elif roll < 0.8:
            values.append(s.step(last * 2))
            phrase = f"(twice as many|twice as many {{ts}}|double as many) as {before}"
        elif roll < 0.9:
            values.append(s.step(last / 2))
            phrase = f"(half as many|only half as many) as {before}"
        else:
            v.w[key] = k = s.number(3, 5)
            values.append(s.step(last * k))
            phrase = f"{{{key}}} times as many as {before}"
        s.whole(values[-1])
        s.require(1 < values[-1].value <= 8 * top)
        v.tell(f"{names[i]} {{he}} {verb} {phrase}", f"{names[i]} it {{was}} {phrase}", f"then, {names[i]}, {{he}} {verb} {phrase}", f"and {names[i]} {{he}} {verb} {phrase}")
    v.put(was="was" if v.past else "is")
    roll = s.rng.random()
    base = verb.strip("[]")
    do = "(did|[do])" if v.past else "[do]"
    if roll < 0.4:
        v.ask(f"how many {{ts}} {do} {{A}} {base} {names[count]}?", f"how many {{ts}} {names[count]}?", f"what about {names[count]}: how many {{ts}}?".replace("on the", "the").replace("on ", ""), f"find how many {{ts}} it was {names[count]}.", answer=values[-1])
        return
    total = a
    for value in values[1:]:
        total = s.step(total + value)
    v.ask(f"how many {{ts}} {do} {{A}} {base} (in total|altogether|in all|over all that time)?", "how many {ts} is that (in total|altogether)?", "what is the total number of {ts}?", "how many {ts} in all?", f"find how many {{ts}} {{A}} {verb} altogether.", answer=total)


def doubled(s: Story) -> None:
    """Doubling, tripling, halving, then plus or minus."""
    v, kind, _ = owned(s)
    a = s.quantity(2 * s.rng.randint(2, 20))
    v.put(n=a)
    _days(s, v)
    v.tell(*STARTS)
    current = a
    for i in range(s.rng.choice((1, 2, 2, 3))):
        roll = s.rng.random()
        if roll < 0.4:
            current = s.step(current * 2)
            v.tell("(then|later|a month later|) the number (doubles|is doubled)", "{he} [double] the number", "soon {he} [have] twice as many", "in a year the number doubles")
        elif roll < 0.5:
            current = s.step(current * 3)
            v.tell("(then|later|) the number triples", "{he} [triple] the number of {ts}")
        elif roll < 0.75:
            current = s.step(current / 2)
            s.whole(current)
            v.tell("{he} [give] half of them away", "then half of them {are} lost", "{he} [sell] half of the {ts}", "{he} [share] half of them with {B1}", "{B1} <get> half of them", "half {are} gone the next day")
        else:
            current, _, clause = event(s, v, kind, current, 30, f"k{i}")
            v.tell("(then |later |)" + clause)
        s.require(0 < current.value < 500)
    v.ask(*NOW, answer=current)


def undo_half(s: Story) -> None:
    """Half went, then a few more, so many are left: what it was at first."""
    v, kind, top = owned(s)
    _days(s, v)
    left = s.number(2, min(30, top))
    k = s.number(2, 15)
    before = s.step(left + k)
    half_first = s.rng.random() < 0.6
    v.put(n=left, k=k)
    halves = ("{A} [give] half of {his} {ts} to {B1}", "{A} [lose] half of {his} {ts}", "{A} [sell] half of {his} {ts}", "{A} [put] half of {his} {ts} aside", "{A} [give] away half of all {his} {ts}")
    if half_first:
        v.tell(*halves)
        v.tell("then {he} [lose] {k} more", "{k} more {are} given to a neighbour", "after that {he} [give] away another {k}", "{he} also [give] {k} to a friend", "then {k} {go} missing")
        answer = s.step(before * 2)
    else:
        s.steps.pop()
        answer = s.step(s.step(left * 2) + k)
        v.tell("{A} [have] some {ts} and [lose] {k} of them", "{A} [give] {k} of {his} {ts} to {B1}", "{k} of {As} {ts} {go} missing")
        v.tell("then {he} [give] away half of what {was} left", "half of the rest {are} sold", "after that {he} [share] out half of the remaining {ts}")
    v.put(was="was" if v.past else "is")
    v.tell("now {he} {has} {n} left", "now {n} are left", "{he} [end] up with {n}", "{n} {ts} remain", "that leaves {n}")
    v.ask("how many {ts} did {A} have (at first|to begin with|originally|at the start|in the beginning)?", "how many {ts} were there at first?", "with how many {ts} did {A} start?", "how many {ts} had {A} had before all this?", answer=answer)


CARRIERS = (
    ("the bus", "passengers", "get on", "get off", "stop", 45), ("the train", "people", "board", "leave", "station", 180), ("the lift", "people", "get in", "get out", "floor", 12), ("the museum", "visitors", "come in", "go out", "hour", 150),
    ("the car park", "cars", "drive in", "drive out", "hour", 120), ("the ferry", "cars", "drive on", "drive off", "port", 60), ("the party", "guests", "arrive", "go home", "hour", 50), ("the chat room", "users", "join", "leave", "minute", 80),
    ("the pond", "ducks", "land", "fly away", "morning", 40), ("the library", "readers", "walk in", "walk out", "hour", 60), ("the cinema", "people", "take a seat", "walk out", "evening", 140), ("the harbour", "boats", "sail in", "sail out", "day", 50),
    ("the airport", "planes", "land", "take off", "hour", 40), ("the hospital ward", "patients", "are admitted", "are sent home", "day", 40), ("the tree", "birds", "fly in", "fly off", "minute", 40), ("the meeting", "people", "join", "leave", "hour", 30),
    ("the playground", "children", "come", "go home", "hour", 40), ("the fish tank", "fish", "are put in", "are taken out", "week", 40), ("the hotel", "guests", "check in", "check out", "day", 150), ("the warehouse", "crates", "arrive", "are shipped", "day", 300),
)  # fmt: skip


def come_and_go(s: Story) -> None:
    """People or things that come in and go out, with unknowns at either end."""
    v = Voice(s, tense="present")
    place, many, come, go, when, top = s.rng.choice(CARRIERS)
    v.put(at="at" if place in ("the party", "the meeting", "the airport", "the playground") else "on" if place in ("the ferry", "the train") else "in", place=place, ts=many, come=come, go=go, when=when)
    form = s.rng.randrange(5)
    k, m = s.number(2, max(3, top // 3)), s.number(2, max(3, top // 3))
    v.put(k=k, m=m)
    if form < 2:
        n = s.number(5, top)
        v.put(n=n)
        order = s.rng.random() < 0.5
        v.tell("there are {n} {ts} {at} {place}", "{place} has {n} {ts}", "at the start {place} has {n} {ts}")
        if order:
            s.require(n.value + k.value > m.value)
            v.tell("{k} {ts} {come} and {m} {go}", "at the next {when}, {k} {come} and {m} {go}" if when in ("stop", "station", "floor", "port") else "within the {when}, {k} {come} and {m} {go}", "{k} {come}. Then {m} {go}", "{k} more {come}, then {m} of them {go}")
            answer = s.step(s.step(n + k) - m)
        else:
            s.require(n > m)
            v.tell("{m} {ts} {go} and {k} {come}", "first {m} {go}, then {k} {come}", "{m} {go}. After that {k} new ones {come}", "{m} of them {go} while {k} others {come}")
            answer = s.step(s.step(n - m) + k)
        v.ask("how many {ts} are there (now|then|after that)?", "how many {ts} does that make?", "how many {ts} are {at} {place} now?", "what is the number of {ts} now?", "how many is it now?", answer=answer)
    elif form < 4:
        n = s.quantity(s.rng.randint(3, top) + int(k.value))
        v.put(n=n)
        v.tell("there are some {ts} there", "{place} has some {ts}", "nobody counted the {ts} {at} {place}")
        if form == 2:
            v.tell("{k} more {come}, and then there are {n}", "after {k} more {come}, there are {n}", "{k} {come}. Now there are {n}")
            answer = s.step(n - k)
        else:
            v.tell("{m} {go}, and then there are {n}", "after {m} of them {go}, {n} are left", "{m} {go}. Now there are {n}", "{m} {go} and {n} stay")
            answer = s.step(n + m)
        v.ask("how many {ts} were there (at first|before|originally|to begin with)?", "how many {ts} did {place} have at first?", "how many was it before?", answer=answer)
    else:
        n = s.number(4, top)
        now = s.quantity(n.value + k.value + s.rng.randint(2, 20))
        v.put(n=n, p=now)
        v.tell("there are {n} {ts} at first", "{place} has {n} {ts} to begin with")
        v.tell("some more {come}, and now there are {p}", "a few more {come}. Now {p} are there", "when some others {come}, there are {p}")
        v.ask("how many {ts} (came|arrived|were new)?", "how many more {ts} were there than before?", "by how many did the number grow?", answer=s.step(now - n))


def joined(s: Story) -> None:
    """What two to four people have in total, or the last one's part of a known total."""
    count = s.rng.choice((1, 2, 2, 3))
    v, top = begin(s, count)
    people = ["{A}", "{B}", "{C}", "{D}"][: count + 1]
    pieces = [s.number(2, top) for _ in people]
    v.put(**{f"p{i}": piece for i, piece in enumerate(pieces)})
    clauses = ["{A} {have} {p0} {ts}", *(f"{people[i]} (<have> |){{p{i}}}" for i in range(1, count))]
    total = pieces[0]
    for piece in pieces[1:count]:
        total = s.step(total + piece)
    if s.rng.random() < 0.5:
        clauses.append(f"{people[count]} (<have> |){{p{count}}}")
        v.tell(", ".join(clauses[:-1]) + " and " + clauses[-1], ", ".join(clauses), "; ".join(clauses))
        v.ask("how many {ts} do they have (together|altogether|in total|in all|combined)?", "how many {ts} are there (in total|altogether)?", "what is the sum?", "how many {ts} is that when they put them together?", "together that makes how many {ts}?", "how many {ts} between them?", answer=s.step(total + pieces[count]))
        return
    n = s.quantity(total.value + s.rng.randint(2, top))
    v.put(n=n)
    v.tell(f"{', '.join(people[:-1])} and {people[-1]} have {{n}} {{ts}} (together|in total|between them)", f"there {{are}} {{n}} {{ts}} for {', '.join(people[:-1])} and {people[-1]}".replace("{A}", "{Ao}"))
    v.tell(", ".join(clauses[:-1]) + (" and " if count > 1 else "") + clauses[-1], f"{', '.join(clauses)} and {people[-1]} <have> the rest" if count > 1 else f"{clauses[0]} and {people[-1]} <have> the rest")
    last = people[-1]
    v.ask(f"how many {{ts}} <do> {last} have?", f"how many (belong to|are left for) {last}?", f"how many {{ts}} are {last}'s?", f"find {last}'s number of {{ts}}.", answer=s.step(n - total))


SCENES: dict[str, tuple[float, Scene]] = {
    "forms_events": (2.4, events),
    "forms_start_unknown": (1.6, start_unknown),
    "forms_change_unknown": (1.4, change_unknown),
    "forms_parts": (1.0, parts),
    "forms_split_group": (1.0, split_group),
    "forms_goal": (1.2, goal),
    "forms_days": (1.6, days),
    "forms_doubled": (0.9, doubled),
    "forms_undo_half": (0.7, undo_half),
    "forms_come_and_go": (1.2, come_and_go),
    "forms_joined": (1.0, joined),
}
