"""Daily scenes of groups: sharing, packing, vehicles, classes, seats, collections, albums, parties, libraries, clubs.

Knows how people tell of things counted in groups; the grammar is `idiom`'s.
"""

from smysl_forge.scenes.household import LEFT_Q, TOTAL_Q
from smysl_forge.scenes.idiom import Talk
from smysl_forge.scenes.nouns import thing
from smysl_forge.scenes.teller import an
from smysl_forge.story import Amount, Scene, Story

RIDES = (
    ("students", "bus", "buses", 20, 55, "seats"), ("hikers", "tent", "tents", 2, 6, "sleeps"), ("guests", "taxi", "taxis", 3, 6, "takes"), ("fans", "minibus", "minibuses", 8, 18, "carries"), ("children", "rowing boat", "rowing boats", 3, 6, "holds"), ("employees", "elevator ride", "elevator rides", 6, 14, "takes"),
    ("tourists", "gondola", "gondolas", 4, 9, "carries"), ("wedding guests", "table", "tables", 6, 12, "seats"), ("musicians", "van", "vans", 5, 9, "takes"), ("cows", "truck", "trucks", 6, 14, "holds"), ("visitors", "guided tour", "guided tours", 12, 30, "takes"), ("players", "room", "rooms", 2, 4, "sleeps"), ("pilgrims", "coach", "coaches", 30, 60, "carries"), ("horses", "trailer", "trailers", 2, 4, "holds"), ("scouts", "canoe", "canoes", 2, 4, "seats"), ("parents", "bench", "benches", 4, 8, "seats"), ("conference guests", "row", "rows", 8, 20, "seats"),
)  # fmt: skip


def vehicles(s: Story) -> None:
    """So many people or animals: how many buses, tents or tables; free places; who stays behind."""
    t = Talk(s, past=False)
    people, one, many, low, high, verb = s.rng.choice(RIDES)
    e = s.number(low, high)
    kind = s.pick("needed", "needed", "cost", "free", "left")
    n = s.quantity(int(e.value) * s.rng.randint(2, 9) + (0 if kind == "needed" and t.chance(0.3) else s.rng.randint(1, int(e.value) - 1)))
    w: dict[str, object] = {"n": n, "e": e, "p": people, "c": one, "cs": many, "v": verb, "ac": an(one)}
    facts = [
        ("there are {n} {p}", "{n} {p} have (signed up|arrived)", "a group of {n} {p} (has to be taken care of|is on the list)", "{S} [expect] {n} {p}", "{n} {p} (need|want) a place", "we have {n} {p}"),
        ("(each {c}|every {c}|{ac}) {v} {e}( of them| {p}|)", "(each {c}|every {c}|{ac}) {v} (at most|up to) {e} {p}", "no more than {e} fit (in|on) (a|each) {c}".replace("(in|on)", "on" if one in ("bench", "guided tour", "coach", "elevator ride") else "in").replace("(a|each) {c}", "({ac}|each {c})"), "{e} {p} per {c} is the limit"),
    ]
    if t.chance(0.4):
        facts.reverse()
    for forms in facts:
        t.fact(*(form for form in forms if "of them" not in form or t.clauses), **w)
    if kind == "free":
        s.require(n.value % e.value != 0)
        needed = s.step(s.function("ceil", s.step(n / e)))
        t.ask("how many places (stay|remain|are) (free|empty|unused)( in the last {c}|)( if as few {cs} as possible are used|)?", "how many more {p} (could|would) still fit ( the last {c}|)?", answer=s.step(s.step(needed * e) - n), **w)
    elif kind == "left":
        s.require(n.value % e.value != 0)
        full = s.step(n // e)
        if t.chance(0.5):
            t.ask("how many {cs} (can be filled completely|will be completely full)?", "how many (full|completely filled) {cs} is that?", "how many {cs} get full?", answer=full, **w)
        else:
            s.steps.clear()
            t.ask("how many {p} (are in the last {c}, which is not full|are left over when as many {cs} as possible are full)?", "all {cs} but the last are full. how many {p} are in the last {c}?", "only full {cs} count. how many {p} are left over?", answer=s.step(n % e), **w)
    else:
        needed = s.step(s.function("ceil", s.step(n / e)))
        if kind == "cost":
            c = s.number(5, 200)
            t.fact("({ac}|each {c}) costs {k}", "the price is {k} (per|for each) {c}", "{S} [pay] {k} (per|for each) {c}", k=t.money(c), **w)
            t.ask("{hm} does that cost( altogether|)?", "{hm} is that in total?", "what is the total cost?", "what do all the {cs} (needed |)cost?", answer=s.step(needed * c), **w)
            return
        t.ask("how many {cs} (are needed|are necessary|must be (ordered|booked|prepared)|do they need)?", "how many {cs} does it take( for all of them|)?", "at least how many {cs} are needed?", "what is the (smallest|least) number of {cs}( for everybody|)?", "how many {cs} for all (of them|the {p})?", "how many {cs} should {S} (book|order|get)?" if t.met else "how many {cs}?", answer=needed, **w)


def boxes(s: Story) -> None:
    """Things into boxes: how many boxes, full boxes, left over, in each, in all."""
    t = Talk(s)
    noun = thing(s.rng)[1]
    one, many = s.rng.choice((("box", "boxes"), ("bag", "bags"), ("crate", "crates"), ("tray", "trays"), ("drawer", "drawers"), ("basket", "baskets"), ("carton", "cartons"), ("packet", "packets"), ("pile", "piles"), ("bundle", "bundles"), ("suitcase", "suitcases")))
    e, k = s.rng.randint(3, 24), s.rng.randint(2, 15)
    kind = s.pick("needed", "full", "over", "each", "total", "more")
    w: dict[str, object] = {"t": noun, "c": one, "cs": many}
    if kind in ("total", "more"):
        n, m = s.quantity(k), s.quantity(e)
        t.fact("{S} [fill] {n} {cs} with {m} {t} each", "{n} {cs} [hold/held] {m} {t} each", "{S} [carry] {n} {cs}, (each with {m} {t}|with {m} {t} in each)", "each of {owner} {n} {cs} [holds/held] {m} {t}", "there [are/were] {n} {cs} in the (van|attic|shop|garage), with {m} {t} in each", n=n, m=m, **w)
        total = s.step(n * m)
        if kind == "more":
            x = s.number(2, 20)
            t.fact("{x} {t} ([do/did] not fit in|[are/were] left over)", "besides, there [are/were] {x} loose {t}", "{S} also [have] {x} (single|loose) {t}", x=x, **w)
            total = s.step(total + x)
        t.ask(*(form for form in TOTAL_Q if t.met or "{S}" not in form), answer=total, **w)
        return
    rest = s.rng.randint(1, e - 1)
    exact = kind == "each" or (kind == "needed" and t.chance(0.5))
    n = s.quantity(e * k + (0 if exact else rest))
    if kind == "each":
        m = s.quantity(k)
        t.fact("{S} [divide] {n} {t} (equally |evenly )among {m} {cs}", "{S} [pack] {n} {t} into {m} {cs}, (equally many|the same number) in each", "{n} {t} [go/went] into {m} {cs}, the same number in each", "{m} equal {cs} [hold/held] {n} {t} (together|altogether)", n=n, m=m, **w)
        t.ask("how many {t} (are|go) in (each|every) {c}?", "how many (are there |)in each( {c}|)?", "how many {t} per {c}?", "how many {t} does (a|each) {c} hold?", "find the number of {t} per {c}.", answer=s.step(n / m), **w)
        return
    m = s.quantity(e)
    fits = ("(a|each|every) {c} holds {m}( {t}| of them|)", "{m} {t} (fit|go) into (a|each) {c}", "{S} [put] {m} {t} into (each|every) {c}", "there is room for {m} {t} in (a|each) {c}")
    t.fact("{S} [have] {n} {t}( to pack|)", "there [are/were] {n} {t} to (pack|put away|store)", "{S} [want] to (pack|store|ship) {n} {t}", "{n} {t} [are/were] lying around at {owner} place", n=n, **w)
    t.fact(*fits, m=m, **w)
    if kind == "needed":
        t.ask("how many {cs} {do} {S} need?", "how many {cs} are (needed|necessary)( for all of them|)?", "how many {cs} does it take to (store|hold|pack) (all the {t}|everything)?", "at least how many {cs} are needed?", "what is the smallest number of {cs} {S} can use?", answer=s.step(s.function("ceil", s.step(n / m))), **w)
    elif kind == "full":
        t.ask("how many full {cs} (are there|is that|can {S} make)?", "how many {cs} can {S} fill completely?", "how many {cs} are completely full?", answer=s.step(n // m), **w)
    else:
        t.ask("how many {t} (are left over|do not fit in a full {c}|are left when the {cs} are full)?", "{S} [fill] as many {cs} as possible. how many {t} are left over?", "how many are left over (after filling whole {cs}|at the end)?", "how many {t} remain unpacked if only full {cs} are made?", answer=s.step(n % m), **w)


def sharing(s: Story) -> None:
    """Sweets and other things shared after some are eaten or kept: the share, the rest."""
    t = Talk(s)
    noun = thing(s.rng, "food", "toys", "school")[1]
    g, each = s.rng.randint(2, 9), s.rng.randint(2, 15)
    kept, over = s.rng.choice((0, s.rng.randint(2, 12))), s.rng.choice((0, 0, s.rng.randint(1, g - 1)))
    who_ = s.pick("friends", "cousins", "children", "classmates", "neighbours", "sisters", "kids", "teammates", "grandchildren", "puppies" if noun in ("biscuits", "cookies", "sausages") else "students")
    n = s.quantity(g * each + kept + over)
    w: dict[str, object] = {"n": n, "t": noun, "who": who_}
    t.fact("{S} [have] {n} {t}", "{S} [buy] {n} {t}", "{S} [bring] {n} {t}( to school| home|)", "{S} [win] {n} {t}", "for {his} birthday {S} [get] {n} {t}", "there [are/were] {n} {t} in {owner} (bag|box|basket)", **w)
    total = n
    if kept:
        k = s.quantity(kept)
        t.fact("{S} [keep] {k} for (later|{his} mother)", "{S} [put] {k} aside", "{k} [are/were] (lost|broken|gone) on the way", "{S} [drop] {k}( on the floor|)", k=k, **w)
        total = s.step(n - k)
    m = s.quantity(g)
    rest = "rest" if kept else "{t}"
    t.fact(f"{{S}} ([share]|[divide]|[split]) the {rest} (equally|evenly|fairly) among {{m}} {{who}}", f"{{m}} {{who}} [share/shared] the {rest} equally", f"{{S}} [hand] out the {rest} to {{m}} {{who}}, the same number to each", f"the {rest} [go/went] to {{m}} {{who}} in equal parts", m=m, **w)
    if over:
        if t.chance(0.5):
            t.ask("how many {t} are left over?", "how many {t} cannot be (shared|divided)( equally| fairly|)?", "how many are left (over|in the end)?", "how many {t} remain?", answer=s.step(total % m), **w)
        else:
            t.ask("how many whole {t} does each (of them |)get?", "how many {t} does each get( at most|), if nothing is cut?", "how many {t} does each (of them |)get, with the rest left over?", answer=s.step(total // m), **w)
        return
    t.ask("how many {t} does each (of them |)(get|receive)?", "how many (does each get|for each|each)?", "how many {t} (will|does) (each|everybody) get?", "how big is each share?", "how many {t} per (person|head)?", "find out how many {t} each gets.", answer=s.step(total / m), **w)


def school_class(s: Story) -> None:
    """Girls and boys, absent, groups, desks."""
    t = Talk(s)
    place = s.pick("in a class", "in {owner} class", "at a summer camp", "in the choir", "in a dance group", "at the chess club", "in the school play", "at the swimming lesson", "in the orchestra", "in a kindergarten group", "in the drama club")
    x, y = s.rng.choice((("girls", "boys"), ("boys", "girls"), ("adults", "children"), ("beginners", "advanced members"), ("sixth graders", "seventh graders"), ("sopranos", "altos")) if "choir" in place else (("girls", "boys"), ("boys", "girls"), ("beginners", "old hands"), ("newcomers", "old members")))
    kind = s.pick("other", "total", "absent", "groups", "more", "join")
    w: dict[str, object] = {"x": x, "y": y}
    if kind in ("other", "absent"):
        n = s.number(15, 60)
        a = s.quantity(s.rng.randint(3, int(n.value) - 3))
        t.fact(f"there [are/were] {{n}} (students|members|kids) {place}", f"{place} there [are/were] {{n}} (students|members|kids)", f"{{n}} (students|kids|young people) [are/were] {place}", n=n)
        if kind == "other":
            t.fact("{a} (of them |)[are/were] {x}( and the others {y}|, the rest {y}|)", "{a} [are/were] {x}", a=a, **w)
            t.ask("how many {y} are there?" if y in t.clauses[-1] else "how many are not {x}?", "how many [are/were] not {x}?", answer=s.step(n - a), **w)
        else:
            t.fact("{a} (of them |)[are/were] (ill|absent|at home with a cold|away on a trip|late|on holiday)", "because of the flu {a} [are/were] missing", "{a} [have/had] to stay at home", a=a)
            left = s.step(n - a)
            if t.chance(0.4):
                options = [d for d in range(2, 9) if int(left.value) % d == 0 and int(left.value) > d]
                s.require(bool(options))
                k = s.quantity(s.rng.choice(options))
                t.fact("those present [form/formed] {k} equal (teams|groups)", "the others [play/played] in {k} teams of the same size", k=k)
                t.ask("how many are in each (team|group)?", "how many (people |students |)per (team|group)?", "how (big|large) is each (team|group)?", answer=s.step(left / k))
                return
            t.ask("how many [are/were] (there|present)( that day| today|)?", "how many (came|are present|showed up)?", "how many [are/were] not (absent|missing)?", answer=left)
        return
    a, b = s.number(4, 30), s.number(4, 30)
    t.fact(f"there [are/were] {{a}} {{x}} and {{b}} {{y}} {place}", f"{place} there [are/were] {{a}} {{x}} and {{b}} {{y}}", f"{{a}} {{x}} and {{b}} {{y}} [are/were] {place}", a=a, b=b, **w)
    if kind == "more":
        s.require(a > b)
        t.ask("how many more {x} than {y} are there?", "how many more {x} are there( than {y}|)?", "how many fewer {y} (than {x} |)are there?", "by how many do the {x} outnumber the {y}?", answer=s.step(a - b), **w)
        return
    total = s.step(a + b)
    if kind == "groups":
        options = [d for d in range(2, 10) if int(total.value) % d == 0 and int(total.value) > d]
        s.require(bool(options))
        k = s.quantity(s.rng.choice(options))
        if t.chance(0.5):
            t.fact("the (teacher|coach|leader) [makes/made] (teams|groups) of {k}", "they [work/worked] in groups of {k}", "{k} [sit/sat] at each table", k=k)
            t.ask("how many (groups|teams) are (there|formed)?" if "table" not in t.clauses[-1] else "how many tables are (used|full)?", answer=s.step(total / k))
        else:
            t.fact("they [form/formed] {k} equal (teams|groups)", "the (teacher|coach) [splits/split] them into {k} teams of the same size", k=k)
            t.ask("how many are in each (team|group)?", "how many (people |)per (team|group)?", "how (big|large) is (each|a) (team|group)?", answer=s.step(total / k))
        return
    if kind == "join":
        k = s.number(2, 9)
        t.fact("then {k} more ([join/joined]|[come/came])", "{k} new people [sign/signed] up", k=k)
        total = s.step(total + k)
    t.ask("how many (people |members |)are there( altogether| in total| in all| now|)?", "how many is that( altogether| in total|)?", "what is the total?", "how many are they (altogether|all together)?", answer=total)


def hall(s: Story) -> None:
    """Rows of seats, with some taken or sold: the empty ones, the income."""
    t = Talk(s)
    place = s.pick("a cinema", "a theatre", "a school hall", "a concert hall", "a stadium block", "a lecture room", "a circus tent", "a church", "an arena", "an open-air stage", "a court room", "a puppet theatre")
    n, e = s.number(4, 30), s.number(5, 30)
    w: dict[str, object] = {"n": n, "e": e, "x": place}
    t.fact("{x} has {n} rows of {e} seats", "there [are/were] {n} rows with {e} seats each in {x}", "the seats in {x} [stand/stood] in {n} rows of {e}", "{x} [has/had] {n} rows, each with {e} seats", **w)
    total = s.step(n * e)
    kind = s.pick("total", "empty", "empty", "money", "rows")
    if kind == "total":
        t.ask("how many (seats|places) are there( in total| altogether| in all|)?", "how many people (can|could) sit( there| down|)?", "for how many people is there room?", "what is the number of seats?", answer=total)
    elif kind == "money":
        p = s.number(3, 40)
        t.fact("(a|each) ticket costs {p} and all [are/were] sold", "every seat is sold (for|at) {p}", p=t.money(p))
        t.ask("{hm} (comes in|is earned|is that)( altogether|)?", "what is the income?", "how much do the tickets bring?", answer=s.step(total * p))
    elif kind == "rows":
        k = s.number(2, 6)
        s.require(k < n)
        s.steps.clear()
        t.fact("{k} rows [are/were] (reserved|empty|closed)", "nobody may sit in {k} of the rows", k=k)
        rows = s.step(n - k)
        t.ask("how many seats are in the other rows?", "how many seats can be used?", "how many (seats|places) are (left|available)?", answer=s.step(rows * e))
    else:
        k = s.quantity(s.rng.randint(2, int(total.value) - 1))
        t.fact("{k} (seats|places) [are/were] (taken|sold|occupied)", "{k} (people|guests|spectators) [come/came]", "{k} tickets [are/were] sold( so far|)", k=k)
        t.ask("how many seats (are|stay|remain) (free|empty)?", "how many (free|empty) seats are (there|left)?", "how many seats are not (taken|used)?", "how many more people could (come|sit down)?", answer=s.step(total - k))


COLLECTED = ("stamps", "coins", "seashells", "comics", "postcards", "fossils", "vinyl records", "model cars", "badges", "minerals", "football cards", "dolls", "autographs", "bottle caps", "teapots", "movie posters", "toy trains", "feathers", "sneakers", "beetles", "snow globes", "keychains", "magnets", "marbles")


def collection(s: Story) -> None:
    """Two collections compared: more, fewer, times as many; both, the difference, the other one."""
    t = Talk(s)
    u = t.other()
    t.pronouns = False
    what = s.rng.choice(COLLECTED)
    have = s.rng.choice((("have", "[has/had]"), ("own", "[owns/owned]"), ("collect", "[collects/collected]"), ("keep", "[keeps/kept]")))
    a = s.number(6, 200)
    how = s.pick("more", "fewer", "twice", "half", "times", "third")
    w: dict[str, object] = {"a": a, "t": what, "u": u.later}
    if how in ("more", "fewer"):
        d = s.number(2, 50)
        s.require(how == "more" or d < a)
        b = s.step(a + d if how == "more" else a - d)
        w["d"] = d
        size, tail = "{d} " + s.pick(how, how + " {t}"), "than"
    elif how == "times":
        k = s.number(3, 6)
        b, size, tail = s.step(a * k), "{k} times as many", "as"
        w["k"] = k
    elif how == "twice":
        b, size, tail = s.step(a * 2), s.pick("twice as many", "twice as many {t}", "double as many"), "as"
    else:
        part = 2 if how == "half" else 3
        s.require(a.value % part == 0)
        b, size, tail = s.step(a / part), "half as many" if part == 2 else "a third as many", "as"
    base, third = have
    him = {"I": "me", "we": "us"}.get(t.hero.later, t.hero.later)
    t.fact(f"{{S}} [{base}] {{a}} {{t}}", f"{{S}} [{base}] {{a}} {{t}}", "in {owner} collection there [are/were] {a} {t}", **w)
    t.fact(f"{{u}} {third} {size} {tail} {him}", f"compared to {him}, {{u}} {third} {size}" if how not in ("more", "fewer") else f"{{u}} {third} {size} {tail} {him}", **w)
    roll = s.rng.random()
    do2 = "did" if t.past else "does"
    if roll < 0.4:
        t.ask(f"how many {{t}} {do2} {{u}} {base}?", f"how many {do2} {{u}} have?", "what is the number of {t} {u} has?", f"and how many {{t}} {do2} {{u}} {base}?", "find how many {t} {u} has.", answer=b, **w)
    elif roll < 0.8:
        t.ask("how many {t} (do (they|both|the two) have|are there) (together|altogether|in total|in all)?".replace("(they|both|the two)", "we both" if t.hero.first in ("I", "we") else "they"), "how many {t} is that together?", "how many {t} do both of them have (together|in total)?" if t.hero.first not in ("I", "we", "you") else "how many {t} is that in total?", "what is the total( number of {t}|)?", answer=s.step(a + b), **w)
    else:
        s.require(how in ("twice", "half", "times", "third"))
        larger = how in ("twice", "times")
        diff = s.step(b - a if larger else a - b)
        t.ask("what is the difference( between the two| between the collections|)?", "by how many {t} do the two collections differ?", f"how many more {{t}} {do2} {{u}} have than {him}?" if larger else f"how many fewer {{t}} {do2} {{u}} have than {him}?", answer=diff, **w)


def album(s: Story) -> None:
    """Photos or cards on pages: pages needed, free places, how many already."""
    t = Talk(s)
    what, book = s.rng.choice((("photos", "album"), ("stickers", "sticker book"), ("stamps", "album"), ("recipes", "notebook"), ("trading cards", "binder"), ("pressed leaves", "herbarium"), ("drawings", "folder"), ("postcards", "scrapbook"), ("coins", "coin folder"), ("concert tickets", "scrapbook")))
    e = s.number(3, 16)
    w: dict[str, object] = {"e": e, "t": what, "x": book, "ax": an(book)}
    page = ("(a|each|every) page of {owner} {x} ([holds/held]|[takes/took]|[has/had] room for) {e} {t}", "{S} [put] {e} {t} on (each|every) page of {ax}", "{e} {t} [fit/fit] on a page of {owner} {x}")
    if t.chance(0.5):
        n = s.quantity(int(e.value) * s.rng.randint(3, 15) + s.rng.choice((0, s.rng.randint(1, int(e.value) - 1))))
        t.fact("{S} [have] {n} {t}", "{S} [want] to keep {n} {t} in {ax}", "there [are/were] {n} {t} on {owner} desk", n=n, **w)
        t.fact(*page, **w)
        if n.value % e.value and t.chance(0.3):
            t.ask("how many {t} are on the last page?", "how many {t} are on the page that is not full?", answer=s.step(n % e), **w)
            return
        t.ask("how many pages {do} {S} need?", "how many pages (are needed|will be used|does it take)?", "at least how many pages are needed?", "how many pages is that( at least|)?", answer=s.step(s.function("ceil", s.step(n / e))), **w)
        return
    p = s.number(5, 40)
    t.fact(*page, **w)
    t.fact("the {x} [has/had] {p} pages", "there [are/were] {p} pages( in it|)", p=p, **w)
    total = s.step(p * e)
    if t.chance(0.6):
        k = s.quantity(s.rng.randint(2, int(total.value) - 1))
        t.fact("(so far|already) {S} [have] {k} {t}( in it|)", "{k} {t} [are/were] in it (already|so far)", "{S} [stick] in {k}( {t}|)", k=k, **w)
        t.ask("how many (more |){t} (are missing|fit in|are needed to fill it)?", "how many places are (free|empty)?", "how many {t} {do} {S} still need( to fill it|)?", answer=s.step(total - k), **w)
    else:
        t.ask("how many {t} (fit|go) into (the {x}|it)( altogether|)?", "how many {t} does the {x} hold?", "for how many {t} is there room?", answer=total, **w)


def party(s: Story) -> None:
    """So many for each guest: what is needed, what is missing, how many packs to buy."""
    t = Talk(s)
    event = s.pick("a party", "a picnic", "a barbecue", "a wedding", "a school trip", "a workshop", "a birthday", "a team dinner", "a movie night", "a sleepover", "a garden party", "a farewell")
    what, pack, packs, size_ = s.rng.choice((("balloons", "bag", "bags", 10), ("cups", "pack", "packs", 8), ("buns", "bag", "bags", 6), ("sausages", "pack", "packs", 5), ("sandwiches", "platter", "platters", 12), ("muffins", "box", "boxes", 6), ("bottles of juice", "crate", "crates", 12), ("napkins", "pack", "packs", 20), ("candles", "box", "boxes", 10), ("paper hats", "set", "sets", 8), ("prizes", "bag", "bags", 15), ("skewers", "pack", "packs", 9), ("pencils", "box", "boxes", 12), ("meatballs", "tray", "trays", 25)))
    g, e = s.number(5, 40), s.number(2, 5)
    guests = s.pick("guests", "children", "people", "friends", "kids", "participants")
    w: dict[str, object] = {"g": g, "e": e, "t": what, "ev": event, "p": guests, "c": pack, "cs": packs}
    t.fact("{S} [plan] {ev} for {g} {p}", "{g} {p} [come/came] to {owner} {evx}".replace("{evx}", event.split(" ", 1)[1]), "{S} [have] {g} {p} at {ev}", "{S} [invite] {g} {p} to {ev}", **w)
    t.fact("each of them ([gets/got]|[needs/needed]) {e} {t}", "{e} {t} (per person|for each of them|a head) [are/were] planned", "{S} [want] {e} {t} for each", **w)
    total = s.step(g * e)
    kind = s.pick("needed", "missing", "packs", "packs", "money")
    if kind == "needed":
        t.ask("how many {t} {do} {S} need( in total| altogether| in all|)?", "how many {t} (is that|are needed)( in all| altogether|)?", "how many {t} should {S} (buy|order|get)?", "what number of {t} is needed?", answer=total, **w)
    elif kind == "missing":
        h = s.quantity(s.rng.randint(2, int(total.value) - 1))
        t.fact("{S} already [have] {h}( {t}|)", "{h} {t} are (there|at home) already" if not t.past else "{h} {t} were there already", "{his} (neighbour|mother|colleague) [brings/brought] {h}( {t}|)", h=h, **w)
        t.ask("how many (more |){t} are (still |)(missing|needed)?", "how many more {t} {do} {S} need?", "how many (more |){t} must {S} (buy|get|order)?", "how many {t} short {be} {S}?", answer=s.step(total - h), **w)
    elif kind == "packs":
        k = s.quantity(size_)
        t.fact("{t} ([come/came]|[are/were] sold) in {cs} of {k}", "a {c} [holds/held] {k}", "there [are/were] {k} (of them |{t} )in a {c}", k=k, **w)
        t.ask("how many {cs} {do} {S} need( to buy|)?", "how many {cs} (should|must) {S} buy?", "how many {cs} are (needed|enough)?", "at least how many {cs} are needed?", answer=s.step(s.function("ceil", s.step(total / k))), **w)
    else:
        p = s.number(2, 6)
        t.fact("each of the {t} [costs/cost] {k}", "{S} [pay] {k} for each of the {t}", k=t.money(p), **w)
        t.ask("{hm} {do} {S} spend on the {t}?", "{hm} do the {t} cost( altogether| in total|)?", "what do all the {t} cost?", answer=s.step(total * p), **w)


def library(s: Story) -> None:
    """Things lent out and brought back, sold and delivered: what is there, what was there."""
    t = Talk(s)
    place, what = s.rng.choice((("a library", "books"), ("a toy library", "games"), ("a bike rental", "bikes"), ("a bookshop", "calendars"), ("a museum shop", "postcards"), ("a car dealer", "cars"), ("a flower shop", "roses"), ("a costume shop", "costumes"), ("a garden centre", "saplings"), ("a warehouse", "parcels"), ("a bakery", "rolls"), ("a fish shop", "trout"), ("a hotel", "clean towels"), ("a sports club", "rackets"), ("a stationery shop", "pens"), ("a shelter", "cats"), ("a kennel", "dogs"), ("a nursery", "rose bushes"), ("a pharmacy", "masks"), ("a ski rental", "helmets")))
    a, b, c = s.number(30, 400), s.number(5, 150), s.number(4, 120)
    out, out_past, back, back_past = s.rng.choice((("are lent out", "were lent out", "come back", "came back"), ("are rented", "were rented", "are returned", "were returned")) if place in ("a library", "a toy library", "a bike rental", "a costume shop", "a sports club", "a ski rental") else (("find a new home", "found a new home", "arrive", "arrived"), ("are adopted", "were adopted", "are brought in", "were brought in")) if place in ("a shelter", "a kennel") else (("are sold", "were sold", "are delivered", "were delivered"), ("are shipped", "were shipped", "arrive", "arrived")))
    w: dict[str, object] = {"a": a, "b": b, "c": c, "x": place, "t": what}
    when = s.rng.choice((("on Monday", "on Tuesday"), ("in the morning", "in the afternoon"), ("before noon", "later"), ("in May", "in June"), ("during the week", "at the weekend"), ("on the first day", "on the next day")))
    kind = s.pick("now", "now", "before", "two_out")
    if kind == "before":
        s.given.clear()
        t.past = True
        b, c = s.number(5, 150), s.number(4, 120)
        end = s.number(30, 400)
        s.require(end > c)
        t.fact(f"{when[0]} {{b}} {{t}} {out_past} at {{x}} and {when[1]} {{c}} {back_past}", f"at {{x}} {{b}} {{t}} {out_past} {when[0]}; {when[1]} {{c}} {back_past}", b=b, c=c, x=place, t=what)
        t.fact("now there are {n}( {t}|)( there|)", "in the end there were {n}( {t}|)", "that left {n} {t}", n=end, t=what)
        t.ask("how many {t} were there (at first|before|in the beginning|originally|to begin with)?", "how many {t} did it have (at first|before|in the beginning)?", "what was the number of {t} at the start?", answer=s.step(s.step(end - c) + b), t=what)
        return
    s.require(b < a)
    t.fact("{x} [has/had] {a} {t}", "there [are/were] {a} {t} (at|in) {x}", "{S} [work] at {x} with {a} {t}", "{a} {t} [are/were] in stock at {x}" if place not in ("a shelter", "a kennel") else "{a} {t} [are/were] at {x}", **w)
    verb = f"[{out}/{out_past}]"
    t.fact(f"{when[0]} {{b}} (of them |){verb}", f"{{b}} {{t}} {verb} {when[0]}", f"{{b}} {verb}", **w)
    left = s.step(a - b)
    if kind == "two_out":
        s.require(c < left)
        t.fact(f"{when[1]} another {{c}} {verb}", f"{{c}} more {verb} {when[1]}", **w)
        t.ask("how many {t} are left?", "how many {t} (remain|are still there)?", "how many are there (then|in the end|now)?", "what is left?", answer=s.step(left - c), **w)
        return
    t.fact(f"{when[1]} {{c}} [{back}/{back_past}]", f"then {{c}} [{back}/{back_past}]", **w)
    t.ask("how many {t} are there (now|then|in the end|after that)?", "how many {t} does it have (now|then|in the end)?", "how many {t} is that now?", "find the number of {t} at the end.", answer=s.step(left + c), **w)


def swap(s: Story) -> None:
    """Two or three things happen to a hobby's things: gifts, swaps, losses; now, or at first."""
    t = Talk(s)
    noun = thing(s.rng, "toys", "school", "clothes", "sports", "garden")[1]
    count = s.rng.choice((1, 2, 2, 3))
    start = s.number(5, 80)
    running = int(start.value)
    events: list[tuple[bool, Amount, str]] = []
    for _ in range(count):
        up = t.chance(0.5)
        change = s.number(2, 25)
        running += int(change.value) if up else -int(change.value)
        s.require(running > 1)
        gain = ("{S} [get] {c} more (from a friend|for free|as a present)", "{his} (aunt|grandfather|best friend|teacher) [gives/gave] {him} {c}( more|)", "{S} [find] {c} (in the attic|under the bed|at a flea market)( too|)", "{S} [win] {c} (in a game|in a raffle)", "{S} [inherit] {c}( more|)", "{S} [pick] up {c} more at a (sale|market)", "{S} [receive] {c} by mail", "a neighbour [leaves/left] {him} {c}", "{S} [earn] {c} by helping out", "{S} [order] {c} more")
        loss = ("{S} [give] {c} (of them |)to {his} (brother|cousin|friend)", "{S} [trade] {c} for a (book|ball|cap)", "{S} [lose] {c}( somewhere| on the way|)", "{S} [sell] {c} (online|at a flea market|to a friend)", "{c} (of them |)[get/got] (lost|broken|stolen)", "{S} [hand] over {c} to (a collector|{his} sister)", "{S} [donate] {c} to (a school|a charity)", "{S} [throw] {c} away", "{his} (dog|baby sister|little brother) [breaks/broke] {c}( of them|)", "{S} [leave] {c} on the bus", "{S} [lend] {c} to a friend")
        events.append((up, change, s.rng.choice(gain if up else loss)))
    backwards = t.chance(0.3) and count < 3
    if backwards:
        t.past = True
        s.given.remove(start)
        for i, given in enumerate(s.given):
            given.expression = f"g{i}"
        end = s.quantity(running)
        t.fact("{S} [have] (some|a few|a number of) {t}", "{S} [own] some {t}", t=noun)
    else:
        t.fact("{S} [have] {n} {t}", "{S} [own] {n} {t}", "{owner} (box|drawer|room|shelf) [holds/held] {n} {t}", "there [are/were] {n} {t} in {owner} (box|cupboard|bag)", n=start, t=noun)
    for i, (_up, change, form) in enumerate(events):
        lead = s.pick("", "", "then ", "one day ") if i == 0 else s.pick("then ", "after that ", "later ", "the next day ", "some time later ")
        t.fact(lead + form, c=change)
    if backwards:
        t.fact("now {S} [have] {n}( {t}|)".replace("[have]", "have" if t.hero.plural else "[have]"), "in the end {S} [have] {n} {t}", "that made {n}( {t}|)", n=end, t=noun)
        total = end
        for up, change, _ in reversed(events):
            total = s.step(total - change if up else total + change)
        t.ask("how many {t} did {S} have (at first|in the beginning|to begin with|before that|originally)?", "how many {t} were there at first?", "with how many {t} did {S} start?", answer=total, t=noun)
        return
    total = start
    for up, change, _ in events:
        total = s.step(total + change if up else total - change)
    now = ("how many {t} {now} {S} have (now|in the end|then|after all that)?", "how many {t} are there (now|in the end)?", "how many {t} is that now?", "what is the number of {t} now?", "find how many {t} {S} [have] (now|in the end).")
    t.ask(*(now if events[-1][0] else (*now, *LEFT_Q)), answer=total, t=noun)


def percent_of_group(s: Story) -> None:
    """Per cent of visitors, voters, seeds: how many, how many not."""
    t = Talk(s, past=s.rng.random() < 0.6)
    group, yes, yes_past = s.rng.choice((("students in a school", "walk to school", "walked to school"), ("guests in a hotel", "order breakfast", "ordered breakfast"), ("seeds", "sprout", "sprouted"), ("employees", "work from home", "worked from home"), ("runners in a race", "finish", "finished"), ("houses in a village", "have solar panels", "had solar panels"), ("apples in a truck", "are green", "were green"), ("members of a club", "vote yes", "voted yes"), ("e-mails", "are spam", "were spam"), ("bikes in a shop", "are electric", "were electric"), ("books in a library", "are novels", "were novels"), ("trees in a park", "are oaks", "were oaks"), ("visitors at a fair", "come by train", "came by train"), ("passengers on a ferry", "get seasick", "got seasick"), ("penguins in a colony", "have a chick", "had a chick"), ("eggs", "hatch", "hatched")))
    p = s.number(5, 95, 5)
    n = s.quantity(s.rng.choice([k for k in range(20, 1001, 10) if (k * int(p.value)) % 100 == 0]))
    verb = f"[{yes}/{yes_past}]"
    w: dict[str, object] = {"n": n, "p": s.render(p) + s.pick("%", "%", " percent", " per cent"), "x": group}
    part = s.step(n * p / 100)
    t.fact("there [are/were] {n} {x}", "{S} [count] {n} {x}", "we have {n} {x}" if not t.past else "we had {n} {x}", "take {n} {x}" if not t.past else "there were {n} {x}", **w)
    t.fact(f"{{p}} of them {verb}", f"{{p}} (of these|of them) {verb}", **w)
    if t.chance(0.6):
        t.ask(f"how many of them {yes}?" if not t.past else f"how many of them {yes_past}?", "how many is that?", f"how many {verb}?", "find that number.", answer=part, **w)
    else:
        t.ask("how many (of them |)[do/did] not?" if not yes.startswith(("are", "have")) else "how many of the {short} is that not true for?".replace("{short}", group.split(" ")[0]), "for how many of them is that not the case?", "how many others are there?", "how many are not among them?", answer=s.step(n - part), **w)


SCENES: dict[str, tuple[float, Scene]] = {
    scene.__name__: (weight, scene)
    for weight, scene in (
        (1.3, vehicles), (1.5, boxes), (1.3, sharing), (1.2, school_class), (1.1, hall), (1.4, collection), (1.0, album), (1.2, party), (1.1, library), (1.6, swap), (0.9, percent_of_group),
    )
}  # fmt: skip
