"""Daily scenes of time and movement: trips, commuting, reading, practice, steps, sports, games, buses, health, screens.

Knows how people tell of their days; the grammar is `idiom`'s.
"""

from smysl_forge.scenes.idiom import Talk, expand
from smysl_forge.story import Scene, Story

UNITS = ("km", "km", "kilometers", "kilometres", "miles", "miles")
GOING = (
    ("drive", 60, 600), ("travel", 50, 900), ("cycle", 8, 90), ("ride {his} bike", 8, 80), ("hike", 6, 30), ("walk", 3, 25), ("sail", 10, 120), ("paddle", 4, 30), ("run", 3, 40), ("go by train", 60, 900), ("ride a scooter", 5, 40), ("row", 3, 30), ("ski", 4, 30), ("fly", 300, 4000),
)  # fmt: skip


def trip(s: Story) -> None:
    """Legs of a journey: the whole way, what is left, how much longer one leg is."""
    t = Talk(s)
    go, low, high = s.rng.choice(GOING)
    verb, _, how = go.partition(" ")
    u = s.rng.choice(UNITS)
    a, b = s.number(low, high // 2), s.number(low, high // 2)
    s.require(a.value != b.value)
    w: dict[str, object] = {"a": a, "b": b, "u": u}
    first, second = s.rng.choice((("on Monday", "on Tuesday"), ("before lunch", "after lunch"), ("on the first day", "on the second day"), ("in the morning", "in the afternoon"), ("yesterday", "today"), ("on the way there", "on the way back"), ("before the break", "after the break"), ("in the first week", "in the next week")))
    if first == "yesterday":
        t.past = True
    moves = f"{{S}} [{verb}] {how}".strip()
    legs = (f"{first} {moves} {{a}} {{u}} and {second} {{b}}( {{u}}|)", f"{moves} {{a}} {{u}} {first} and {{b}} {{u}} {second}", f"{moves} {{a}} {{u}} {first}; {second} it [is/was] {{b}} {{u}}", f"{first} {{S}} [cover] {{a}} {{u}}, {second} {{b}}")
    kind = s.pick("total", "total", "left", "left2", "gap")
    if kind == "left":
        s.given.clear()
        whole = s.number(low * 2, high)
        a = s.quantity(s.rng.randint(2, int(whole.value) - 2))
        w = {"a": a, "n": whole, "u": u}
        t.fact("{owner} (route|trip|way to the lake|tour) [is/was] {n} {u} long", f"{{S}} [want] to {verb} {how} {{n}} {{u}}", "the next town [is/was] {n} {u} away", "{S} [have] {n} {u} to go", "it [is/was] {n} {u} to (the coast|grandma's house|the campsite|the border)", **w)
        t.fact("(so far|already) {S} [cover] {a} {u}", "after {a} {u} {S} ([stop]|[rest]|[take] a break)", f"{{S}} [{verb}] {how} {{a}} {{u}} and then [stop] (for lunch|to rest)", "{a} {u} are (done|behind {him}) already" if not t.past else "{a} {u} were done by noon", **w)
        t.ask("how many {u} are (left|still to go)?", "how (far|much further) is it still?", "how many (more |){u} (remain|are left|to go)?", "how many {u} are (left|missing)?", "what distance (is left|remains)?", "how many more {u} must {S} go?", answer=s.step(whole - a), **w)
        return
    if kind == "left2":
        whole = s.quantity(int(a.value) + int(b.value) + s.rng.randint(3, high // 2))
        t.fact(*legs, **w)
        t.fact("the whole (trip|route|way) [is/was] {n} {u}( long|)", "in total it [is/was] {n} {u} to the (goal|destination|coast)", "the (trail|tour) [is/was] {n} {u} long", n=whole, **w)
        t.ask("how many {u} are (left|still to go)( after that|)?", "how much further is it?", "how many {u} remain?", "what distance (remains|is left)?", answer=s.step(whole - s.step(a + b)), **w)
        return
    t.fact(*legs, **w)
    if kind == "gap":
        more = s.step(a - b) if a > b else s.step(b - a)
        x, y = (first, second) if a > b else (second, first)
        t.ask(f"how many {{u}} more [is/was] it {x} than {y}?", "what is the difference( between the two|)( in {u}|)?", f"how many more {{u}} {{do}} {{S}} {verb} {how} {x} than {y}?", f"how many {{u}} more is that {x}?" if x == first else "how big is the difference?", answer=more, **w)
        return
    t.ask("how many {u} is that( altogether| in total| in all|)?", f"how many {{u}} {{do}} {{S}} {verb} {how} (altogether|in total|in all)?", "how long [is/was] the whole (trip|way)( in {u}|)?", f"how far {{do}} {{S}} {verb} {how} (altogether|in total|in all)?", "what is the total distance?", "find the total distance( in {u}|).", "so how many {u}?", answer=s.step(a + b), **w)


def speed(s: Story) -> None:
    """So many km in an hour: the way, the time, the speed; two parts with different speeds."""
    t = Talk(s)
    go, low, high = s.rng.choice((("drive", 40, 120), ("cycle", 10, 28), ("walk", 3, 6), ("travel by train", 60, 200), ("sail", 6, 25), ("run", 7, 14), ("ride a horse", 8, 20), ("row", 3, 8), ("ride a motorbike", 40, 100), ("fly", 300, 900), ("skate", 8, 20)))
    verb, _, how = go.partition(" ")
    u = s.rng.choice(UNITS)
    v, h = s.number(low, high), s.number(2, 8)
    w: dict[str, object] = {"v": v, "h": h, "u": u}
    moves = f"[{verb}] {how}".strip()
    kind = s.pick("way", "way", "time", "speed", "parts")
    rate = (f"{{S}} {moves} {{v}} {{u}} (per|an|each|every) hour", f"{{S}} {moves} at {{v}} {{u}} (per|an) hour", "{owner} (speed|pace) [is/was] {v} {u} (per|an) hour", "every hour {S} [cover] {v} {u}", f"{{S}} {moves} at a (steady|constant) {{v}} {{u}} per hour")
    if kind == "way":
        t.fact(*rate, **w)
        t.fact("the (trip|tour|ride|journey) [takes/took] {h} hours", "{S} [be] on the (way|move|road) for {h} hours", "after {h} hours {S} [arrive]", "{S} [keep] going for {h} hours", **w) if t.chance(0.7) else None
        tail = "" if len(t.clauses) > 1 else " in {h} hours"
        t.ask(f"how far {{do}} {{S}} (get|go|come){tail}?", f"how many {{u}} {{do}} {{S}} (cover|make|do){tail}?", f"how many {{u}} is that{tail}?", f"what distance {{do}} {{S}} cover{tail}?", f"how long is the way{tail}, in {{u}}?" if not tail else f"how far {{do}} {{S}} get{tail}?", answer=s.step(v * h), **w)
    elif kind == "time":
        s.given.clear()
        v = s.quantity(v.value)
        d = s.quantity(int(v.value) * s.rng.randint(2, 9))
        facts = [(rate, {"v": v, "u": u}), (("the (trip|way|route) [is/was] {d} {u} long", "{S} [have] {d} {u} to go", "it [is/was] {d} {u} to (the lake|the next town|the sea|the city)", "{S} [want] to go {d} {u}"), {"d": d, "u": u})]
        for forms, words in facts:
            t.fact(*forms, **words)
        t.ask("how many hours does (it|the trip|that) take?", "how many hours will {S} need?", "how many hours is that?", "after how many hours {do} {S} arrive?", "in how many hours will {S} (be there|arrive)?", "how long does it take in hours?", answer=s.step(d / v))
    elif kind == "speed":
        s.given.clear()
        h = s.quantity(h.value)
        d = s.quantity(int(h.value) * s.rng.randint(low, high))
        t.fact(f"{{S}} {moves} {{d}} {{u}} in {{h}} hours", f"in {{h}} hours {{S}} {moves} {{d}} {{u}}", "{S} [need] {h} hours (for|to go) {d} {u}", "a (trip|tour|journey) of {d} {u} [takes/took] {him} {h} hours" if t.hero.plural else "{S} [make] a trip of {d} {u} in {h} hours", h=h, d=d, u=u)
        rate_ = s.step(d / h)
        if t.chance(0.35):
            k = s.number(2, 12)
            s.require(k.value != h.value)
            t.ask("how far would {S} get in {k} hours( at this speed| at the same speed|)?", "how many {u} would that be in {k} hours?", "at the same (speed|pace), how many {u} are possible in {k} hours?", answer=s.step(rate_ * k), k=k, u=u)
            return
        t.ask("what is {his} (average |)speed( in {u} per hour|)?", "how many {u} (per|an|each) hour is that?", f"how many {{u}} {{do}} {{S}} {verb} {how} (per|each) hour?", "how fast {be} {S}( on average|)?", "find {his} (average |)speed.", answer=rate_, u=u)
    else:
        v2, h2 = s.number(low, high), s.number(2, 6)
        t.fact(f"{{S}} {moves} {{h}} hours at {{v}} {{u}} per hour and then {{h2}} hours at {{v2}} {{u}} per hour", f"for {{h}} hours {{S}} {moves} at {{v}} {{u}} an hour, then for {{h2}} hours at {{v2}}( {{u}} an hour|)", f"first {{S}} {moves} at {{v}} {{u}} per hour for {{h}} hours, then at {{v2}} for {{h2}} hours", h2=h2, v2=v2, **w)
        t.ask("how many {u} is that( altogether| in total|)?", "how far {do} {S} (get|go|come) altogether?", "what is the total distance?", "how many {u} {do} {S} cover in (all|total)?", answer=s.step(s.step(v * h) + s.step(v2 * h2)), **w)


def commute(s: Story) -> None:
    """There and back every day: in a day, a week, several days; laps and stairs."""
    t = Talk(s)
    what, unit_, low, high = s.rng.choice((("(drive|go|cycle|take the bus) to work", "km", 3, 40), ("(walk|go|cycle) to school", "minutes", 5, 40), ("swim to the island", "metres", 50, 600), ("walk to the bakery", "metres", 100, 900), ("cycle to the station", "km", 2, 9), ("drive to the gym", "miles", 2, 15), ("ride to the stables", "minutes", 8, 40), ("run to the park", "km", 2, 6), ("travel to the office", "minutes", 10, 70)))
    phrase = expand(s.rng, what)
    verb, _, rest = phrase.partition(" ")
    d = s.number(low, high)
    w: dict[str, object] = {"d": d, "u": unit_}
    dist = "[takes/took] {him} {d} {u}" if unit_ == "minutes" else "[is/was] {d} {u}"
    t.fact(f"{{S}} [{verb}] {rest} and back (every|each) day", f"every day {{S}} [{verb}] {rest} and (back|home again)", f"{{S}} [{verb}] {rest} (every|each) day and later the same way back")
    t.fact(f"(the way there|each way|a single trip) {dist}", f"each (direction|way) {dist}", "it [is/was] {d} {u} each way", **w)
    both = s.step(d * 2)
    if t.chance(0.3):
        t.ask("how many {u} is that (a|per|every|each) day?", "how many {u} {do} {S} (do|spend|cover) (a|per|each) day?".replace("do|spend|cover", "spend on it" if unit_ == "minutes" else "cover"), "how many {u} in a day?", answer=both, **w)
    elif t.chance(0.4):
        t.ask("how many {u} is that in a week, weekends included?", "how many {u} (a|per|in a) week, all the days?", "how many {u} in a whole week( without a day off|)?", answer=s.step(both * 7), **w)
    else:
        n = s.number(3, 25)
        t.ask("how many {u} is that in {n} days?", "how many {u} {do} {S} (cover|make|do) in {n} days?".replace("cover|make|do", "spend on it" if unit_ == "minutes" else "cover"), "how many {u} is that after {n} days?", "how many {u} for {n} days?", answer=s.step(both * n), n=n, **w)


BOOKS = ("a novel", "a comic", "a history book", "a thriller", "a fantasy book", "a library book", "a biography", "a cookbook", "a book about whales", "a detective story", "a manual", "a textbook", "an adventure book", "a play")


def reading(s: Story) -> None:
    """Pages of a book per day: left, days needed, days still needed, per day."""
    t = Talk(s)
    book = s.rng.choice(BOOKS)
    kind = s.pick("left", "left2", "days", "more_days", "per_day", "two")
    e = s.rng.randint(5, 40)
    w: dict[str, object] = {"b": book}
    if kind == "two":
        a, b, c = s.number(5, 60), s.number(5, 60), s.number(5, 60)
        t.fact("{S} [read] {a} pages on Monday, {b} on Tuesday and {c} on Wednesday", "{S} [read] {a} pages in the morning, {b} at lunch and {c} before bed", "pages read: {a} on Friday, {b} on Saturday, {c} on Sunday", "on different evenings {S} [read] {a}, {b} and {c} pages", a=a, b=b, c=c)
        total = s.step(s.step(a + b) + c)
        if t.chance(0.5):
            n = s.quantity(int(total.value) + s.rng.randint(2, 200))
            t.fact("the book [has/had] {n} pages", "{S} [want] to read {n} pages (in all)", "there [are/were] {n} pages in the book", n=n)
            t.ask("how many pages are left?", "how many (more |)pages (remain|are there to read|are still unread)?", "how many pages {do} {S} still have to read?", answer=s.step(n - total))
        else:
            t.ask("how many pages is that( altogether| in total| in all|)?", "how many pages {do} {S} read (altogether|in total|in all)?", "what is the total( number of pages|)?", answer=total)
        return
    total_pages = e * s.rng.randint(3, 20) + (s.rng.randrange(e) if kind == "days" else 0)
    n = s.quantity(total_pages)
    w["n"] = n
    has = ("{S} [read] {b} (with|of) {n} pages", "{b} [has/had] {n} pages", "{S} [have] {b} (with|of) {n} pages", "there [are/were] {n} pages in {b} that {S} [start]", "{S} [borrow] {b} (with|of) {n} pages")
    t.fact(*has, **w)
    if kind == "left":
        a = s.quantity(s.rng.randint(2, total_pages - 1))
        t.fact("(so far|by now) {S} [finish] {a}( pages| of them|)", "{S} [read] {a} pages (today|on the train|on Sunday)", "{a} pages are (read|done|finished)" if not t.past else "{a} pages were read in the week", a=a)
        t.ask("how many (more |)pages (are left|remain|are there to go|are still unread)?", "how many pages {do} {S} still have to read?", "how many pages are left( to read|)?", "what is left to read?", answer=s.step(n - a))
        return
    if kind == "per_day":
        d = s.quantity(s.rng.choice([k for k in range(2, 31) if total_pages % k == 0]))
        t.fact("{S} [want] to (finish|read) it in {d} days, the same number of pages (a|every|each) day", "it must be (finished|returned) in {d} days, and {S} [read] the same number of pages (every|each) day", "{S} [finish] it in {d} days, reading equally many pages (a|every|each) day", d=d)
        t.ask("how many pages (a|per|each|every) day is that?", "how many pages (must|should) {S} read (per|each|every|a) day?", "how many pages (a|per) day?", answer=s.step(n / d))
        return
    per = s.quantity(e)
    if kind == "more_days":
        done = s.quantity(total_pages - e * s.rng.randint(1, total_pages // e - 1))
        s.require(done > 1)
        s.given.remove(per)
        s.given.append(per)
        per.expression, done.expression = "g2", "g1"
        t.fact("(so far|already) {S} [finish] {a}( pages| of them|)", "{a} pages [are/were] (done|read) already", a=done)
        t.fact("from now on {S} [read] {e} pages (a|per|each|every) day", "{S} (can|will) read {e} ()pages (a|per|each) day", "{S} [manage] {e} pages (a|each|per) day", e=per)
        rest = s.step(n - done)
        t.ask("how many (more |)days (are needed|will it take|will {S} need)( to finish|)?", "in how many days will {S} be (done|finished)?", "how many days for the rest?", answer=s.step(s.function("ceil", rest / per)))
        return
    t.fact("{S} [read] {e} pages (a|per|each|every) day", "(every|each) day {S} [read] {e} pages", "{S} [manage] {e} pages (a|per|each) day", e=per)
    if kind == "days":
        t.ask("how many days will it take?", "(after|in) how many days will {S} be done?", "how many days {do} {S} need( for it| to finish|)?", "how long will it take, in days?", "how many days does the book last?", answer=s.step(s.function("ceil", n / per)))
    else:
        k = s.quantity(s.rng.randint(2, max(2, total_pages // e - 1)))
        used = s.step(per * k)
        left = s.step(n - used)
        s.require(left > 0)
        t.ask("how many pages are left after {k} days?", "after {k} days, how many pages (remain|are left)?", "how many pages {do} {S} still have to read after {k} days?", "{k} days later, how many pages are left?", answer=left, k=k)


HOBBIES = ("practise the piano", "practise the violin", "play the guitar", "draw", "learn Spanish", "do yoga", "play chess", "knit", "train for a race", "study for an exam", "learn to juggle", "play the drums", "paint", "garden", "do homework", "learn vocabulary", "play football", "meditate", "do crosswords", "rehearse a play", "watch videos", "build a model ship")


def practice(s: Story) -> None:
    """Minutes a day or a week: in a week, some days, in hours; towards a goal."""
    t = Talk(s)
    hobby = s.rng.choice(HOBBIES)
    verb, _, rest = hobby.partition(" ")
    m = s.number(10, 90, 5)
    w: dict[str, object] = {"m": m}
    doing = f"{{S}} [{verb}] {rest}".strip()
    kind = s.pick("days", "week", "hours", "goal", "split")
    if kind == "split":
        a, b = s.number(10, 60, 5), s.number(5, 60, 5)
        s.given.remove(m)
        a.expression, b.expression = "g0", "g1"
        t.fact(f"{doing} {{a}} minutes (before|after) (breakfast|school|work) and {{b}} minutes (in the evening|before bed)", f"{doing} for {{a}} minutes, ([take]) a break and ([go]) on for {{b}} minutes", f"on Monday {doing} {{a}} minutes, on Thursday {{b}}( minutes|)", a=a, b=b)
        total = s.step(a + b)
        if t.chance(0.4):
            g = s.quantity(int(total.value) + s.rng.randint(5, 90))
            t.fact("{his} goal [is/was] {g} minutes", "{S} [want] to reach {g} minutes( in all|)", "{his} teacher [wants/wanted] {g} minutes", g=g)
            t.ask("how many (more |)minutes are (missing|needed|left)?", "how many more minutes {do} {S} need?", "how many minutes are missing?", answer=s.step(g - total))
            return
        t.ask("how many minutes is that( altogether| in total| in all|)?", f"how many minutes {{do}} {{S}} {verb} {rest} (altogether|in total|in all)?", "how long is that altogether, in minutes?", "what is the total time in minutes?", answer=total)
        return
    t.fact(f"{doing} (for |){{m}} minutes (a|every|each|per) day", f"(every|each) day {doing} for {{m}} minutes", "{S} [spend] {m} minutes (a|each|every) day on (a hobby|{his} hobby)" if rest == "" else f"{doing} {{m}} minutes (a|per) day", **w)
    if kind == "week":
        t.ask("how many minutes is that (a|per|in a) week?", "how many minutes (a|per) week?", "how many minutes does that make in a week?", "how many minutes are spent on it in a whole week?", answer=s.step(m * 7))
    elif kind == "days":
        n = s.number(3, 30)
        t.ask("how many minutes is that in {n} days?", f"how many minutes {{do}} {{S}} {verb} {rest} in {{n}} days?", "how many minutes after {n} days?", "how many minutes will that be in {n} days?", answer=s.step(m * n), n=n)
    elif kind == "hours":
        n = s.quantity(s.rng.choice([k for k in range(2, 31) if (int(m.value) * k) % 60 == 0]))
        t.ask("how many hours is that in {n} days?", f"how many hours {{do}} {{S}} {verb} {rest} in {{n}} days?", "how many hours after {n} days?", "in {n} days, how many hours is that?", answer=s.step(s.step(m * n) / 60), n=n)
    else:
        g = s.quantity(int(m.value) * s.rng.randint(3, 20))
        t.fact("{S} [want] to reach {g} minutes( in all| altogether|)", "{his} goal [is/was] {g} minutes", "the course [asks/asked] for {g} minutes", g=g)
        t.ask("how many days (will|will) (it|that) take?", "after how many days will that be reached?", "how many days {do} {S} need( for that|)?", "for how many days must {S} (go on|do it|keep going)?", answer=s.step(g / m))


def steps(s: Story) -> None:
    """Steps, glasses of water, push-ups, words: the goal and what is missing; sums of days."""
    t = Talk(s)
    verb, what, low, high, rnd = s.rng.choice((("walk", "steps", 2000, 9000, 100), ("drink", "glasses of water", 2, 6, 1), ("do", "push-ups", 8, 40, 1), ("write", "words", 100, 900, 10), ("swim", "laps", 6, 40, 1), ("burn", "calories", 100, 600, 10), ("climb", "stairs", 40, 300, 5), ("take", "photos", 10, 60, 1), ("do", "sit-ups", 10, 50, 1), ("sell", "raffle tickets", 8, 60, 1), ("solve", "puzzles", 3, 15, 1), ("learn", "new words", 5, 30, 1), ("plant", "trees", 4, 40, 1), ("collect", "signatures", 20, 200, 1), ("score", "points", 8, 60, 1), ("type", "pages", 3, 20, 1)))
    a, b = s.number(low, high, rnd), s.number(low, high, rnd)
    w: dict[str, object] = {"a": a, "b": b, "t": what}
    first, second = s.rng.choice((("in the morning", "in the afternoon"), ("on Monday", "on Tuesday"), ("before noon", "after noon"), ("last week", "this week"), ("on Saturday", "on Sunday"), ("at first", "later"), ("by lunchtime", "after that")))
    if first == "last week":
        t.past = True
    doing = f"{{S}} [{verb}]"
    told = (f"{first} {doing} {{a}} {{t}} and {second} {{b}}( more|)", f"{doing} {{a}} {{t}} {first} and {{b}} {second}", f"{doing} {{a}} {{t}} {first}. {second} it [is/was] {{b}}")
    kind = s.pick("missing", "missing2", "total", "each_day", "beaten")
    if kind == "each_day":
        n = s.number(2, 14)
        s.given.remove(b)
        n.expression = "g1"
        total = s.step(a * n)
        t.fact(f"{doing} {{a}} {{t}} (a|every|each|per) day", f"(every|each) (single |)day {doing} {{a}} {{t}}", "{owner} habit: {a} {t} a day", a=a, t=what)
        t.ask(f"how many {{t}} {{do}} {{S}} {verb} in {{n}} days?", "how many {t} is that in {n} days?", "how many {t} will that be after {n} days?", "in {n} days, how many {t} (is that|in all)?", answer=total, n=n, t=what)
    elif kind == "missing":
        s.given.remove(b)
        g = s.quantity(int(a.value) + s.rng.randrange(rnd * 2, max(rnd * 3, high), rnd))
        g.expression = "g1"
        t.fact(f"{{S}} [want] to {verb} {{g}} {{t}} in total", "{owner} goal [is/was] {g} {t}", "{S} [set] a goal of {g} {t}", "{owner} (coach|doctor|teacher) [asks/asked] for {g} {t}", g=g, t=what)
        t.fact(f"(so far|by noon) {doing} {{a}}( of them| {{t}}|)", "{a} (of them |)are (done)" if not t.past else "{a} (of them |)were done by the evening", a=a, t=what)
        t.ask(f"how many more {{t}} must {{S}} {verb}?", "how many (more |){t} are (missing|needed|left|still to go)?", "how many {t} (are left|remain)?", f"how many {{t}} {{do}} {{S}} still have to {verb}?", "how many to go?", "how many {t} short of the goal is that?", answer=s.step(g - a), t=what)
    elif kind == "missing2":
        total = s.step(a + b)
        g = s.quantity(int(total.value) + s.rng.randrange(rnd * 2, max(rnd * 3, high), rnd))
        t.fact(*told, **w)
        t.fact("{his} (goal|target) [is/was] {g}( {t}|)", f"{{S}} [want] to {verb} {{g}} (altogether|in total|in all)", g=g, **w)
        t.ask("how many (more |){t} are (missing|needed|left|still to go)?", "how many more {t} {do} {S} need( for that| to get there|)?", "how many {t} below the goal is that?", f"how many more {{t}} must {{S}} {verb}?", answer=s.step(g - total), **w)
    elif kind == "beaten":
        s.require(a.value != b.value)
        t.fact(*told, **w)
        x = second if b > a else first
        t.ask(f"how many more {{t}} [is/was] it {x}?", "what is the difference( between the two|)?", f"how many {{t}} more {{do}} {{S}} {verb} {x}?", answer=s.step(b - a if b > a else a - b), **w)
    else:
        t.fact(*told, **w)
        t.ask("how many {t} is that( altogether| in total| in all|)?", f"how many {{t}} {{do}} {{S}} {verb} (altogether|in total|in all)?", "what is the total( number of {t}|)?", "how many {t} (in all|together)?", answer=s.step(a + b), **w)


def outing(s: Story) -> None:
    """Parts of a day in minutes: together, what remains of the time, how much longer."""
    t = Talk(s)
    tasks = s.rng.sample(("shower", "breakfast", "the bus ride", "the phone call", "the shopping", "the homework", "the piano lesson", "cleaning the room", "the walk with the dog", "cooking", "the meeting", "the film", "the nap", "the haircut", "washing up", "the training", "a game of chess", "the visit to grandma", "the queue at the post office", "a video call"), 3)
    a, b, c = s.number(5, 60), s.number(5, 60), s.number(5, 60)
    w: dict[str, object] = {"a": a, "b": b, "c": c, "x": tasks[0], "y": tasks[1], "z": tasks[2]}
    three = t.chance(0.4)
    if three:
        t.fact("{S} [need] {a} minutes for {x}, {b} for {y} and {c} for {z}", "{x} [takes/took] {a} minutes, {y} {b} minutes and {z} {c}", "{S} [spend] {a} minutes on {x}, {b} on {y} and {c} on {z}", **w)
        total = s.step(s.step(a + b) + c)
    else:
        s.given.remove(c)
        t.fact("{S} [need] {a} minutes for {x} and {b} for {y}", "{x} [takes/took] {a} minutes and {y} {b}( minutes|)", "{S} [spend] {a} minutes on {x} and {b} minutes on {y}", "{owner} plan: {a} minutes for {x}, {b} for {y}", **w)
        total = s.step(a + b)
    roll = s.rng.random()
    if roll < 0.4:
        t.ask("how many minutes is that( altogether| in total| in all|)?", "how long [is/was] that (altogether|in all), in minutes?", "how many minutes {do} {S} need (altogether|in total|in all)?" if t.met else "how many minutes in all?", "what is the total time?", "how many minutes (pass|go by)?", answer=total)
    elif roll < 0.75:
        g = s.quantity(int(total.value) + s.rng.randint(2, 90))
        t.fact("{S} [have] {g} minutes( for everything|)", "there [are/were] {g} minutes until the (next train|party|dinner)", "{S} [have] to be ready in {g} minutes", g=g)
        t.ask("how many minutes are (left|free|left over)?", "how many minutes (remain|stay free)?", "how much time is left, in minutes?", "how many minutes {do} {S} have left?", answer=s.step(g - total))
    else:
        s.require(not three and a.value != b.value)
        s.steps.clear()
        longer, shorter = (tasks[0], tasks[1]) if a > b else (tasks[1], tasks[0])
        t.ask(f"how many minutes longer [is/was] {longer} than {shorter}?", f"how much longer [does/did] {longer} take( than {shorter}|), in minutes?", "what is the difference( in minutes|)?", answer=s.step(a - b if a > b else b - a))


def laps(s: Story) -> None:
    """Laps of a track or lengths of a pool: metres, how many laps, in several trainings."""
    t = Talk(s)
    verb, x, low, high, u = s.rng.choice((("run", "lap of the track", 200, 400, "metres"), ("swim", "length of the pool", 25, 50, "metres"), ("cycle", "lap around the lake", 2, 9, "km"), ("skate", "round on the rink", 60, 200, "metres"), ("walk", "round in the park", 300, 900, "metres"), ("jog", "loop through the woods", 2, 6, "km"), ("row", "lap on the river", 400, 900, "metres"), ("drive", "lap of the circuit", 3, 8, "km"), ("ride", "round of the arena", 50, 150, "metres")))
    head, _, tail = x.partition(" ")
    many = head + "s " + tail
    d = s.number(low, high, 50 if low >= 200 else 5 if low >= 25 else 1)
    w: dict[str, object] = {"d": d, "x": x, "xs": many, "u": u, "h": head, "hs": head + "s"}
    t.fact("(a|each|every) {x} is {d} {u}( long|)", "(a|every) {x} measures {d} {u}", "{d} {u}: that is the length of a {h} here", **w)
    if t.chance(0.3):
        g = s.quantity(int(d.value) * s.rng.randint(3, 20))
        t.fact(f"{{S}} [want] to {verb} {{g}} {{u}}", f"{{S}} [have] to {verb} {{g}} {{u}}", "{owner} (training|goal) [is/was] {g} {u}", g=g, **w)
        t.ask(f"how many {{hs}} (is that|must {{S}} {verb}|are needed|{{do}} {{S}} need)?", "how many {hs}?", f"how many {{hs}} {{do}} {{S}} have to {verb}?", answer=s.step(g / d), **w)
        return
    n = s.number(3, 24)
    t.fact(f"{{S}} [{verb}] {{n}} {{hs}}", "{S} [do] {n} {hs}( without a break|)", f"today {{S}} [{verb}] {{n}} of them", n=n, **w)
    total = s.step(n * d)
    if t.chance(0.4):
        k = s.number(2, 6)
        t.fact("{S} [do] that {k} times a week", "{S} [train] like this {k} times a week", "{S} [repeat] this on {k} days a week", k=k)
        t.ask("how many {u} is that (a|per|each) week?", f"how many {{u}} {{do}} {{S}} {verb} (a|per|each) week?", "how many {u} (a|per) week?", answer=s.step(total * k), **w)
    else:
        t.ask("how many {u} is that( altogether| in total|)?", f"how many {{u}} {{do}} {{S}} {verb}( altogether| in total|)?", "how many {u} (in all)?", "what is the total distance?", answer=total, **w)


def scores(s: Story) -> None:
    """Points in a match: by kind of goal, by round, behind, to win."""
    t = Talk(s)
    kind = s.pick("kinds", "rounds", "behind", "towin", "penalty")
    if kind == "kinds":
        a, b = s.number(2, 12), s.number(2, 12)
        x, y, p, q = s.rng.choice((("two-pointers", "three-pointers", 2, 3), ("easy questions", "hard questions", 5, 10), ("small targets", "big targets", 10, 4), ("goals", "bonus cards", 3, 5), ("red rings", "blue rings", 4, 6), ("short words", "long words", 2, 8), ("coins", "diamonds", 2, 20)))
        if x == "two-pointers":
            x, y = "short shots", "long shots"
        P, Q = s.quantity(p), s.quantity(q)
        w: dict[str, object] = {"a": a, "b": b, "x": x, "y": y, "p": P, "q": Q}
        facts = [("{x} (are worth|give|count) {p} points and {y} {q}", "for each of the {x} there are {p} points, for {y} {q}", "{p} points for {x}, {q} points for {y}"), ("{S} [get] {a} {x} and {b} {y}", "{S} [collect] {a} {x} and {b} {y}", "{owner} result: {a} {x} and {b} {y}", "{S} [have] {a} {x} and {b} {y}")]
        if t.chance(0.5):
            facts.reverse()
        for forms in facts:
            t.fact(*forms, **w)
        t.ask("how many points (is that|does that make)( in total| altogether|)?", "how many points {do} {S} (have|get|score)( altogether| in total|)?", "what is {his} (score|total)?", "find {his} score.", answer=s.step(s.step(a * P) + s.step(b * Q)))
    elif kind == "rounds":
        values = [s.number(2, 40) for _ in range(s.rng.choice((3, 3, 4)))]
        game = s.pick("cards", "darts", "bowling", "a quiz", "mini golf", "a board game", "Scrabble", "archery", "a video game", "basketball")
        parts = [f"{{v{i}}}" for i in range(len(values))]
        listed = ", ".join(parts[:-1]) + " and " + parts[-1]
        t.fact(f"{{S}} [score] {listed} points in {{g}}", f"in {{g}} {{S}} [get] {listed} points", f"{{owner}} points in {{g}}: {listed}", f"{{S}} [play] {{g}} and [make] {listed} points in the rounds", g=game, **{f"v{i}": v for i, v in enumerate(values)})
        total = values[0]
        for value in values[1:]:
            total = s.step(total + value)
        if t.chance(0.35):
            best = s.quantity(int(total.value) + s.rng.randint(2, 60))
            t.fact("{his} (record|best) [is/was] {r}( points|)", "the winner [has/had] {r}( points|)", "a prize [needs/needed] {r} points", r=best)
            t.ask("how many points [are/were] missing?", "how many (more |)points [are/were] needed (for that|to reach it)?", "how many points short of that {be} {S}?", answer=s.step(best - total))
            return
        t.ask("how many points is that( in total| altogether|)?", "what is {his} (total|final|whole) score?", "how many points {do} {S} (have|get|score) (in all|altogether|in total)?", "find the total.", answer=total)
    elif kind in ("behind", "towin"):
        team, rival = s.rng.sample(("the Lions", "the Hawks", "the blue team", "class 5b", "the home team", "the visitors", "the Sharks", "the girls' team", "the Rockets", "the juniors", "the teachers", "the red team"), 2)
        a, b = s.number(5, 60), s.number(5, 60)
        s.require(a > b)
        w = {"a": a, "b": b, "x": team, "y": rival}
        t.fact("{x} [have/had] {a} points and {y} {b}", "{x} [score/scored] {a} (points|goals) in the season, {y} {b}", "(at half-time|after the last round|so far) {x} [are/were] at {a} points and {y} at {b}", **w)
        gap = s.step(a - b)
        if kind == "behind":
            t.ask("by how many [do/did] {x} lead?", "how many more [do/did] {x} have than {y}?", "how big is the (lead|difference)?", "how many [are/were] {y} behind?", "what is the difference?", answer=gap, **w)
        else:
            c = s.number(2, 20)
            t.fact("then {y} [get/got] {c} more, {x} none", "{y} [catch/caught] up by {c}", "later {y} [score/scored] another {c}, and {x} nothing", c=c, **w)
            s.require(c < gap)
            t.ask("how many (more |)[do/did] {y} (still |)need to (draw level|be equal|catch up)?", "how many are {y} behind now?", "how big is the lead of {x} now?", answer=s.step(gap - c), **w)
    else:
        a, k, m = s.number(20, 90), s.number(2, 6), s.number(2, 5)
        loss = s.step(k * m)
        s.require(loss < a)
        t.fact("{S} [have] {a} points( in the game|)", "{S} [collect] {a} points (in a quiz|in the game)", "{S} [start] with {a} points", a=a)
        t.fact("{S} [make] {k} mistakes, and each [costs/cost] {m} points", "for each of {k} mistakes {S} [lose] {m} points", "{k} wrong answers [cost/cost] {m} points each", k=k, m=m)
        t.ask("how many points (are left|{now} {S} have now|{do} {S} have (in the end|then|left))?", "what is {his} (final |)score?", "how many points remain?", answer=s.step(a - loss))


def bus(s: Story) -> None:
    """People get on and off: how many are in it now, were in it before, got on."""
    t = Talk(s, past=s.rng.random() < 0.6)
    x, low, high = s.rng.choice((("bus", 12, 50), ("train", 60, 300), ("tram", 20, 90), ("lift", 5, 14), ("ferry", 40, 300), ("minibus", 8, 20), ("cable car", 10, 40), ("metro carriage", 30, 120), ("coach", 20, 50), ("ship", 100, 900), ("boat", 8, 40)))
    n = s.number(low, high)
    w: dict[str, object] = {"n": n, "x": x, "p": s.pick("people", "passengers", "passengers", "travellers")}
    place = "on" if x not in ("lift", "cable car", "metro carriage", "boat") else "in"
    w["on"] = place
    off = s.number(2, max(3, low - 2))
    on = s.number(2, max(3, low))
    kind = s.pick("now", "now", "joined", "before", "seats")
    start = ("there [are/were] {n} {p} {on} (a|the) {x}", "a {x} [has/had] {n} {p} on board", "a {x} [carries/carried] {n} {p}", "a {x} [leaves/left] with {n} {p}", "{S} [see] a {x} with {n} {p}")
    offs = "{off} (people |of them |)[get/got] off"
    ons = "{up} (people |others |)[get/got] on"
    ask = ("how many {p} are {on} the {x} (now|then)?", "how many are (on board|{on} it) (now|then)?", "how many {p} [are/were] {on} the {x} (after that|in the end)?", "how many {p} [travel/travelled] on after that?", "find the number of {p} (now|after the stop).")
    if kind == "now":
        t.fact(*start, **w)
        t.fact(f"at the next (stop|station) {offs} and {ons}", f"{offs}, {ons}", f"at the next stop {offs}. {ons}", off=off, up=on)
        t.ask(*ask, answer=s.step(s.step(n - off) + on), **w)
    elif kind == "seats":
        s.given.remove(on)
        s.given.remove(off)
        seats = s.quantity(int(n.value) + s.rng.randint(3, 40))
        seats.expression = "g1"
        off = s.number(2, low)
        t.fact("a {x} has {c} seats", "there are {c} seats {on} the {x}", "a {x} has room for {c} people", c=seats, **w)
        t.fact("{n} {p} (are already in it|are on board|have taken a seat)" if not t.past else "{n} {p} were (on board|in it)", "{n} {p} [get/got] in at the (main|central) station", **w)
        left = s.step(seats - n)
        if t.chance(0.5):
            t.fact("at the next stop {off} more [get/got] in", "then {off} more [come/came] on board", off=off)
            s.require(off < left)
            left = s.step(left - off)
        else:
            s.given.remove(off)
        t.ask("how many (seats|places) are (free|empty|left)( now|)?", "how many more people (can|could) (get in|sit down)?", "for how many (more |)people is there (still |)room?", answer=left, **w)
    elif kind == "joined":
        s.given.remove(on)
        s.given.remove(off)
        end = s.quantity(int(n.value) + s.rng.randint(2, 30))
        end.expression = "g1"
        t.past = True
        t.fact(*start, **w)
        t.fact("at the next (stop|station) (some|a few) (more |)people got on", "(some|several) people got on and nobody got off", "some people joined")
        t.fact("(after that|then) there were {k}" + "( {p}| on board|)", "that made {k}( {p}|)", k=end, **w)
        t.ask("how many (people |{p} |)(got on|joined)?", "how many new {p} were there?", "how many {p} got on?", answer=s.step(end - n), **w)
    else:
        s.given.remove(n)
        off.expression, on.expression = "g0", "g1"
        end = s.number(low, high)
        t.past = True
        t.fact("a {x} stopped and {off} {p} got off, then {up} got on", "at a stop {off} {p} got off (a|the) {x} and {up} got on", "{off} {p} left the {x} and {up} others got on", off=off, up=on, x=x, p=w["p"])
        t.fact("now there are {k} on board", "after that there were {k}( on board| {p}|)", "now {k} {p} are on it", k=end, p=w["p"])
        before = s.step(s.step(end - on) + off)
        s.require(before.value >= off.value and end.value > on.value)
        t.ask("how many {p} were (on board|there) (before|at first|before the stop)?", "how many had been on it before( that|)?", "how many {p} were there (originally|to begin with)?", answer=before, p=w["p"])


def fuel(s: Story) -> None:
    """So far on a litre, a charge or a gallon: the way, the fuel, the cost."""
    t = Talk(s)
    car, unit_, u = s.rng.choice((("car", "litre", "km"), ("car", "gallon", "miles"), ("truck", "litre", "km"), ("motorbike", "litre", "km"), ("van", "gallon", "miles"), ("scooter", "litre", "km"), ("e-bike", "charge", "km"), ("tractor", "gallon", "miles"), ("boat", "litre", "km")))
    per = s.number(*((25, 70) if unit_ == "charge" else (5, 40)))
    w: dict[str, object] = {"p": per, "x": car, "f": unit_, "u": u, "fs": unit_ + "s"}
    t.fact("{owner} {x} [goes/went] {p} {u} (on a|per) {f}", "(a|the) {x} [makes/made] {p} {u} (per|on a) {f}", "with a {f} {owner} {x} [gets/got] {p} {u}", "{S} [drive] a {x} that [does/did] {p} {u} per {f}" if car in ("car", "truck", "van", "tractor") else "{owner} {x} [does/did] {p} {u} per {f}", **w)
    roll = s.rng.random()
    if roll < 0.4:
        n = s.number(2, 30)
        t.fact("there [are/were] {n} {fs} in the tank" if unit_ != "charge" else "{S} [charge] it {n} times", "{S} [use] {n} {fs}", n=n, **w)
        t.ask("how far (can|could) {S} go( with that|)?", "how many {u} is that( enough for|)?", "how many {u} does it (go|get)( on that|)?", "for how many {u} (is that|will it be) enough?", answer=s.step(n * per), **w)
        return
    d = s.quantity(int(per.value) * s.rng.randint(2, 15))
    t.fact("{S} [have] {d} {u} to go", "the trip [is/was] {d} {u}( long|)", "it [is/was] {d} {u} to (the sea|the festival|the cabin|the airport)", d=d, **w)
    litres = s.step(d / per)
    if roll < 0.7 or unit_ == "charge":
        t.ask("how many {fs} will it take?", "how many {fs} {do} {S} need?", "how many {fs} are (needed|used|necessary)?", "how many {fs} is that?", answer=litres, **w)
        return
    c = s.number(2, 5)
    t.fact("a {f} [costs/cost] {c}", "the price of a {f} [is/was] {c}", "{S} [pay] {c} (per|for a) {f}", c=t.money(c), **w)
    t.ask("{hm} does the fuel cost?", "{hm} {do} {S} (pay|spend) (for|on) (the fuel|fuel)?", "what does the fuel cost?", "what is the cost of the fuel?", answer=s.step(litres * c), **w)


def growth(s: Story) -> None:
    """Height, weight, length that changes by so much each week or month."""
    t = Talk(s)
    what, u, low, high, dlow, dhigh, up, term = s.rng.choice((
        ("a sunflower", "cm", 20, 90, 3, 12, True, "week"), ("a puppy", "kg", 3, 9, 2, 3, True, "month"), ("a candle", "cm", 20, 40, 2, 4, False, "hour"), ("a wrestler", "kg", 90, 150, 2, 4, False, "month"), ("a bamboo shoot", "cm", 10, 60, 4, 30, True, "day"), ("a baby elephant", "kg", 90, 150, 5, 9, True, "week"), ("a snowman", "cm", 120, 220, 5, 15, False, "day"),
        ("{owner} hair", "cm", 10, 60, 2, 3, True, "month"), ("a calf", "kg", 30, 60, 4, 9, True, "week"), ("a pond", "cm", 90, 200, 3, 9, False, "week"), ("a tomato plant", "inches", 4, 20, 2, 4, True, "week"), ("a tree house tower", "blocks", 5, 30, 2, 9, True, "day"), ("a queue", "people", 50, 150, 3, 9, False, "minute"), ("a village", "people", 200, 900, 5, 40, True, "year"),
    ))  # fmt: skip
    a, d, n = s.number(low, high), s.number(dlow, dhigh), s.number(2, 8)
    w: dict[str, object] = {"a": a, "d": d, "u": u, "n": n, "term": term}
    heavy = u == "kg"
    number = u in ("people", "blocks")
    measure = "[weighs/weighed]" if heavy else "[has/had]" if number else "[is/was]"
    tall = "" if heavy or number else {"a pond": " deep", "{owner} hair": " long"}.get(what, " (tall|high)")
    if what == "a queue":
        measure = "[has/had]"
    t.fact(f"{what} {measure} {{a}} {{u}}{tall}( at first| at the beginning|)", f"at (first|the start) {what} {measure} {{a}} {{u}}{tall}", **w)
    change = s.pick("([gains/gained]|[puts/put] on) {d} {u}" if heavy and up else "[loses/lost] {d} {u}" if heavy else "[gains/gained] {d} {u}" if number and up else "[loses/lost] {d} {u}" if number else "[grows/grew] {d} {u}" if up else "[gets/got] {d} {u} " + ("lower" if what == "a pond" else "shorter"))
    t.fact(f"(every|each) {{term}} it {change}", f"it {change} (a|each|every|per) {{term}}" if term != "hour" else f"it {change} (each|every|per) {{term}}", **w)
    total = s.step(d * n)
    end = s.step(a + total if up else a - total)
    s.require(end.value > 0)
    if heavy:
        t.ask("how many kg does it weigh after {n} {term}s?", "what (is|will be) the weight after {n} {term}s?", "how heavy is it after {n} {term}s?", "{n} {term}s later, how many kg?", answer=end, **w)
    elif number:
        t.ask("how many {u} are there after {n} {term}s?", "how many {u} does it have after {n} {term}s?", "after {n} {term}s, how many {u} (are there)?", "{n} {term}s later, how many {u} are there?", answer=end, **w)
    else:
        how = "deep" if what == "a pond" else "long" if what == "{owner} hair" else "tall"
        t.ask(f"how many {{u}} {how} is it after {{n}} {{term}}s?", f"how {how} is it after {{n}} {{term}}s?", "what (is|will be) its (height|size) after {n} {term}s?" if how == "tall" else f"how {how} will it be after {{n}} {{term}}s?", "{n} {term}s later, how many {u} is it?", answer=end, **w)


def medicine(s: Story) -> None:
    """Tablets, drops, glasses: per day over days, boxes that last, what a course needs."""
    t = Talk(s)
    who_, x, times = s.pick("the doctor", "the vet", "the pharmacist", "the nurse"), s.pick("tablets", "pills", "capsules", "drops", "spoons of syrup", "lozenges"), s.number(2, 4)
    e, d = s.number(2, 5), s.number(3, 21)
    w: dict[str, object] = {"v": who_, "x": x, "k": times, "e": e, "d": d}
    t.fact("{S} [have] to take {e} {x} {k} times a day", "{v} [tells/told] {him} to take {e} {x} {k} times a day" if t.hero.plural else "{S} [be] told to take {e} {x} {k} times a day", "{k} times a day {S} [take] {e} {x}", "{S} [take] {e} {x} with each of {k} meals a day", **w)
    daily = s.step(e * times)
    if t.chance(0.35):
        n = s.quantity(int(daily.value) * s.rng.randint(2, 9))
        s.given.remove(d)
        n.expression = "g2"
        t.fact("the (box|bottle|pack) [holds/held] {n}( {x}|)", "there [are/were] {n} {x} in the (bottle|pack)", "{S} [have] {n} {x}", n=n, x=x)
        t.ask("how many days will (it|that|that) last?", "for how many days is that enough?", "after how many days is it empty?", answer=s.step(n / daily))
        return
    t.fact("the (treatment|course) [lasts/lasted] {d} days", "{S} [do] this for {d} days", "this [goes/went] on for {d} days", **w)
    t.ask("how many {x} is that( in total| altogether| in all|)?", "how many {x} {do} {S} (need|take) (altogether|in total|in all)?", "how many {x} are needed( for all the days|)?", "how many {x} should be bought?", answer=s.step(daily * d), **w)


SCENES: dict[str, tuple[float, Scene]] = {
    scene.__name__: (weight, scene)
    for weight, scene in (
        (1.5, trip), (1.3, speed), (0.9, commute), (1.4, reading), (1.1, practice), (1.3, steps), (1.1, outing), (0.9, laps), (1.3, scores), (1.2, bus), (0.9, fuel), (1.0, growth), (0.7, medicine),
    )
}  # fmt: skip
