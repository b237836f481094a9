"""Speed, work, filling, fuel and other so-much-per-that problems.

Knows how people tell of journeys and machines; money per hour is in `purse`, averages and units in `measures`.
"""

from __future__ import annotations

from smysl_forge.scenes import measures, work
from smysl_forge.scenes.goods import PLACES
from smysl_forge.scenes.teller import Teller, figures, finite
from smysl_forge.story import Amount, Scene, Story

VEHICLES = (
    ("a car", 40, 130, "drives"), ("a train", 50, 220, "travels"), ("a bus", 30, 90, "travels"), ("a truck", 40, 90, "drives"), ("a cyclist", 10, 35, "rides"),
    ("a plane", 400, 900, "flies"), ("a ship", 15, 45, "sails"), ("a boat", 8, 40, "travels"), ("a motorcycle", 40, 120, "travels"), ("a hiker", 3, 6, "walks"),
    ("a runner", 8, 16, "runs"), ("a horse", 10, 40, "runs"), ("a bird", 20, 90, "flies"), ("a drone", 20, 70, "flies"), ("a van", 40, 100, "drives"),
    ("a taxi", 30, 80, "drives"), ("a tram", 20, 45, "travels"), ("a helicopter", 100, 260, "flies"), ("a scooter", 15, 45, "travels"), ("a robot", 2, 9, "moves"),
)  # fmt: skip
KM = (("km", "km/h", "kilometres"), ("km", "km per hour", "km"), ("kilometers", "kilometers per hour", "kilometers"), ("miles", "mph", "miles"), ("miles", "miles per hour", "miles"), ("km", "kilometres an hour", "kilometres"))
MACHINES = (
    ("a machine", "makes", "parts"), ("a machine", "produces", "bottles"), ("a printer", "prints", "pages"), ("a factory", "produces", "cars"), ("a baker", "bakes", "loaves"),
    ("a robot", "packs", "boxes"), ("a worker", "packs", "parcels"), ("a tap", "fills", "buckets"), ("a press", "prints", "posters"),
    ("a carpenter", "makes", "chairs"), ("a potter", "makes", "bowls"), ("a tailor", "sews", "shirts"), ("a cook", "makes", "pancakes"), ("a typist", "types", "letters"),
    ("a machine", "fills", "jars"), ("a hen", "lays", "eggs"), ("a gardener", "plants", "trees"), ("a bricklayer", "lays", "bricks"), ("a server", "handles", "requests"),
    ("a machine", "cuts", "boards"), ("a farm", "produces", "eggs"), ("a team", "builds", "tables"), ("a workshop", "repairs", "bikes"), ("a bakery", "bakes", "rolls"),
)  # fmt: skip
PERSONAL = (
    ("read", "pages", "minute day hour", 2, 60), ("type", "words", "minute", 20, 80), ("walk", "steps", "minute", 60, 130), ("knit", "rows", "hour day", 5, 40), ("solve", "problems", "day hour", 2, 30),
    ("learn", "new words", "day week", 3, 30), ("do", "push-ups", "day", 5, 50), ("write", "pages", "day week hour", 2, 20), ("swim", "laps", "day hour", 4, 40), ("pick", "apples", "minute hour", 5, 90),
    ("fold", "paper cranes", "hour day", 4, 30), ("plant", "flowers", "hour day", 5, 50), ("bake", "cookies", "hour day", 10, 80), ("paint", "pictures", "week month", 2, 9), ("watch", "episodes", "day week", 2, 7),
    ("drink", "glasses of water", "day", 4, 12), ("eat", "apples", "week day", 2, 9), ("practise", "songs", "week", 2, 9), ("sell", "tickets", "hour day", 5, 60), ("wash", "dishes", "minute hour", 2, 40),
    ("make", "sandwiches", "minute hour", 2, 20), ("catch", "fish", "hour day", 2, 9), ("run", "kilometres", "day week", 2, 15), ("send", "emails", "day hour", 4, 40), ("cycle", "miles", "day week", 3, 30),
    ("collect", "stamps", "month week", 2, 20), ("deliver", "parcels", "hour day", 4, 40), ("answer", "questions", "minute hour", 2, 12), ("stuff", "envelopes", "minute hour", 3, 60), ("milk", "cows", "hour", 4, 20),
)  # fmt: skip


def _mover(s: Story) -> tuple[Teller, str, str, str, int, int]:
    """Teller, subject with verb (past or present), the same subject later, the verb's base form and a range of speeds."""
    t = Teller(s)
    if s.rng.random() < 0.4:
        verb, low, high = s.rng.choice([("drive", 30, 110), ("ride", 8, 30), ("walk", 3, 6), ("run", 6, 14), ("travel", 30, 100), ("cycle", 10, 30), ("hike", 2, 5)])
        return t, t.agree(f"{{who}} [{verb}]"), "{he}", verb, low, high
    t = Teller(s, tense="present")
    subject, low, high, verb = s.rng.choice(VEHICLES)
    base = {"flies": "fly"}.get(verb, verb[:-1])
    return t, f"{subject} {verb}", "the " + subject.split()[1], base, low, high


def speed(s: Story) -> None:
    t, moving, he, verb, low, high = _mover(s)
    short, per, name = s.rng.choice(KM)
    v, h = s.number(low, high), s.number(2, 9)
    do = t.agree("[do]") if he == "{he}" else "does"
    w: dict[str, object] = {"v": f"{figures(s, v)} {per}", "h": h, "u": name, "short": short}
    kind = s.rng.choice(["distance", "distance", "time", "speed", "speed_far", "minutes"])
    if kind == "distance":
        dist = s.step(v * h)
        if s.rng.random() < 0.3:
            t.ask(f"how far {do} {he} {verb} in {{h}} hours at {{v}}?" if he != "{he}" else f"how far {do} {{who}} {verb} in {{h}} hours at {{v}}?",
                  f"if {moving} at {{v}}, how far will {he} go in {{h}} hours?", f"{moving} at {{v}}, how many {{u}} in {{h}} hours?", answer=dist, **w)  # fmt: skip
            return
        t.say(f"{moving} at {{v}} for {{h}} hours.", f"{moving} for {{h}} hours at {{v}}.", f"{moving} at a speed of {{v}} for {{h}} hours.", f"{moving} at a constant speed of {{v}} for {{h}} hours.",
              f"{moving} {{h}} hours at an average of {{v}}.", **w)  # fmt: skip
        t.ask(f"how far {do} {he} {verb}?", f"what distance {do} {he} cover?", f"how many {{u}} {do} {he} {verb}?", "what is the distance?", f"how far {do} {he} go?", "how many {u} is that?", "find the distance.",
              "calculate the distance travelled.", f"what distance {do} {he} {verb} in that time?", answer=dist, **w)  # fmt: skip
    elif kind == "time":
        s.given.pop()
        dist = s.quantity(v.value * h.value)
        w["d"] = f"{figures(s, dist)} {short}"
        t.say(f"{moving} {{d}} at {{v}}.", f"{moving} at {{v}}. The trip is {{d}} long.", f"{moving} at {{v}} and has to cover {{d}}." if he != "{he}" else f"{moving} {{d}} at a speed of {{v}}.",
              f"the distance is {{d}}, and {moving} at {{v}}.", **w)  # fmt: skip
        t.ask(f"how many hours {do} it take?" if do == "does" else "how many hours does it take?", "how long does it take in hours?", "how many hours is the trip?", "how many hours will the journey take?", "what is the travel time in hours?",
              "how long is the trip, in hours?", "find the time in hours.", answer=s.step(dist / v), **w)  # fmt: skip
    elif kind in {"speed", "speed_far"}:
        s.given.clear()
        dist = s.quantity(v.value * h.value)
        h = s.quantity(h.value)
        w |= {"d": f"{figures(s, dist)} {short}", "h": h}
        t.say(f"{moving} {{d}} in {{h}} hours.", f"in {{h}} hours {moving} {{d}}.", f"{moving} {{d}}. It takes {{h}} hours.", "it takes {h} hours to go {d}.", **w)
        each = s.step(dist / h)
        if kind == "speed":
            t.ask("what is the speed?", "what is the average speed?", f"how fast {do} {he} go?" if he != "{he}" else "what is the speed per hour?", "how many {u} per hour is that?", "find the average speed.", "what is the speed in {u} per hour?", answer=each, **w)
        else:
            m = s.number(2, 15)
            t.ask("at this speed, how far is it possible to go in {m} hours?", "at the same speed, how many {u} are covered in {m} hours?", "how far would it be in {m} hours at the same speed?", answer=s.step(each * m), m=m, **w)
    else:
        m = s.number(10, 60, 5)
        w = {"r": s.number(20, 400, 10), "m": m, "u": s.pick("metres", "meters", "feet", "steps")}
        s.given.pop(0), s.given.pop(0)
        for i, g in enumerate(s.given):
            g.expression = f"g{i}"
        r = s.given[1]
        dist = s.step(r * s.given[0])
        w["r"] = s.render(r)
        w["m"] = s.render(s.given[0])
        who = t.agree("{who} [cover]")
        t.say(f"{who} {{r}} {{u}} per minute.", f"{who} {{r}} {{u}} every minute.", **w)
        t.ask("how many {u} [do] {he} cover in {m} minutes?", "how many {u} are that in {m} minutes?", answer=dist, **w)


def legs(s: Story) -> None:
    """A journey in parts."""
    t = Teller(s)
    short, per, name = s.rng.choice(KM)
    kind = s.rng.choice(["sum", "speeds", "left", "average", "return", "apart", "toward"])
    a, b, c = (s.rng.choice(PLACES) for _ in range(3))
    s.require(len({a, b, c}) == 3)
    w: dict[str, object] = {"a": a, "b": b, "c": c, "u": name, "verb": s.pick("drive", "travel", "ride", "cycle")}
    verb = str(w["verb"])
    if kind == "sum":
        x, y = s.number(5, 300), s.number(5, 300)
        w |= {"x": f"{figures(s, x)} {short}", "y": f"{figures(s, y)} {short}"}
        total = s.step(x + y)
        t.say(f"{{who}} [{verb}] {{x}} from {{a}} to {{b}} and then {{y}} from {{b}} to {{c}}.", f"{{who}} [{verb}] {{x}} in the morning and {{y}} in the afternoon.", f"on Monday {{who}} [{verb}] {{x}}, and on Tuesday {{y}}.",
              "it is {x} from {a} to {b} and {y} from {b} to {c}. {who} [go] from {a} to {c} through {b}.", **w)  # fmt: skip
        if s.rng.random() < 0.4:
            z = s.number(5, 300)
            w["z"] = f"{figures(s, z)} {short}"
            t.say("after that, {he} [go] another {z}.", f"finally {{he}} [{verb}] {{z}} more.", **w)
            total = s.step(total + z)
        t.ask(f"how far [do] {{he}} {verb} in total?", f"how many {{u}} [do] {{he}} {verb} in all?", "what is the total distance?", "how long is the whole trip?", "how many {u} is that altogether?", answer=total, **w)
    elif kind == "left":
        x, y = s.number(50, 900), s.number(5, 600)
        s.require(y < x)
        w |= {"x": f"{figures(s, x)} {short}", "y": f"{figures(s, y)} {short}"}
        t.say("the trip from {a} to {b} is {x} long. {who} has already driven {y}." if t.hero.third else "the trip from {a} to {b} is {x} long. {who} have already driven {y}.", "{who} [want] to go {x}. So far {he} [have] covered {y}.", "it is {x} to {b}. {who} stopped after {y}.", **w)
        t.ask("how far is left?", "how many {u} are left?", "how much further is it?", "how many more {u} [do] {he} have to go?", "what distance remains?", answer=s.step(x - y), **w)
    elif kind in {"speeds", "average"}:
        v1, h1, v2, h2 = s.number(20, 110, 5), s.number(2, 6), s.number(20, 110, 5), s.number(2, 6)
        s.require(v1.value != v2.value)
        w |= {"v1": f"{figures(s, v1)} {per}", "h1": h1, "v2": f"{figures(s, v2)} {per}", "h2": h2}
        t.say(f"{{who}} [{verb}] for {{h1}} hours at {{v1}} and then for {{h2}} hours at {{v2}}.", f"{{who}} [{verb}] at {{v1}} for {{h1}} hours. Then {{he}} [{verb}] at {{v2}} for {{h2}} hours.", f"first {{who}} [{verb}] {{h1}} hours at {{v1}}, then {{h2}} hours at {{v2}}.", **w)
        total = s.step(s.step(v1 * h1) + s.step(v2 * h2))
        if kind == "speeds":
            t.ask(f"how far [do] {{he}} {verb}?", "what is the total distance?", f"how many {{u}} [do] {{he}} {verb} in total?", answer=total, **w)
        else:
            mean = s.step(total / s.step(h1 + h2))
            finite(s, mean)
            t.ask("what is the average speed?", "what is {his} average speed for the whole trip?", "find the average speed of the trip.", answer=mean, **w)
    elif kind == "return":
        x, d = s.number(2, 60), s.number(2, 7)
        w |= {"x": f"{figures(s, x)} {short}", "d": d, "place": s.pick("school", "work", "the office", "the gym", "the library", "the park")}
        round_trip = s.step(x * 2)
        t.say("{who} [live] {x} from {place} and [go] there and back every day.", "it is {x} from {his} home to {place}. Each day {he} [go] there and back." if not t.hero.third else "{who} [live] {x} from {place}. Each day {he} [go] there and back.", **w)
        if s.rng.random() < 0.4:
            s.given.pop()
            t.ask("how far is that per day?", "how many {u} [do] {he} travel each day?", "how many {u} is the round trip?", answer=round_trip, **w)
        else:
            t.ask("how many {u} [do] {he} travel in {d} days?", "how far [do] {he} travel in {d} days?", answer=s.step(round_trip * d), **w)
    else:
        v1, v2 = s.number(10, 110, 5), s.number(10, 110, 5)
        two = s.pick("two cars", "two trains", "two cyclists", "two buses", "two trucks", "two boats")
        w |= {"v1": f"{figures(s, v1)} {per}", "v2": f"{figures(s, v2)} {per}", "two": two, "both": "they"}
        closing = s.step(v1 + v2)
        if kind == "apart":
            h = s.number(2, 9)
            w["h"] = h
            t.say("{two} leave {a} at the same time in opposite directions at {v1} and {v2}.", "{two} start from {a} and travel in opposite directions. The first goes {v1}, the second {v2}.", **w)
            t.ask("how far apart are they after {h} hours?", "what is the distance between them after {h} hours?", "how many {u} apart are they after {h} hours?", answer=s.step(closing * h), **w)
        else:
            d = s.quantity(closing.value * s.rng.randint(2, 8))
            w["d"] = f"{figures(s, d)} {short}"
            t.say("{two} are {d} apart and move toward each other at {v1} and {v2}.", "{two} start {d} apart and drive towards each other. The speeds are {v1} and {v2}." if "boat" not in two else "{two} start {d} apart and go towards each other. The speeds are {v1} and {v2}.", **w)
            t.ask("after how many hours do they meet?", "in how many hours will they meet?", "how many hours until they meet?", answer=s.step(d / closing), **w)


def _goal(s: Story, rate: Amount, term: str) -> tuple[Amount, Amount]:
    """A new given goal at `rate` per `term`, and the step to the time it takes; days and weeks are counted whole."""
    multiple = rate.value * s.rng.randint(2, 30)
    if term in {"minute", "hour"}:
        goal = s.quantity(multiple)
        return goal, s.step(goal / rate)
    goal = s.quantity(multiple + s.rng.choice([0, 0, s.rng.randrange(int(rate.value))]))
    return goal, s.step(s.function("ceil", goal / rate))


def production(s: Story) -> None:
    subject, verb, things = s.rng.choice(MACHINES)
    t = Teller(s, tense="present")
    it = "the " + subject.split(" ", 1)[1]
    plural = {"baker": "bakers", "bakery": "bakeries", "factory": "factories", "press": "presses"}.get(subject.split(" ", 1)[1], subject.split(" ", 1)[1] + "s")
    base = {"presses": "press", "produces": "produce", "makes": "make", "bakes": "bake", "types": "type", "handles": "handle"}.get(verb, verb[:-1])
    term, longer, factor = s.rng.choice([("minute", "hour", 60), ("hour", "day", 24), ("day", "week", 7), ("hour", "", 0), ("day", "", 0), ("minute", "", 0), ("week", "", 0)])
    r, n = s.number(2, 90), s.number(2, 30)
    w: dict[str, object] = {"r": r, "n": n, "x": things, "term": term, "longer": longer}
    kind = s.rng.choice(["amount", "amount", "several", "time", "rate", "per_machine", "unit", "shift"])
    rate_form = s.pick(f"{subject} {verb} {{r}} {{x}} per {{term}}.", f"{subject} {verb} {{r}} {{x}} every {{term}}.", f"{subject} {verb} {{r}} {{x}} in a {{term}}." if term != "hour" else f"{subject} {verb} {{r}} {{x}} in an {{term}}.",
                       f"{subject} can {base} {{r}} {{x}} per {{term}}.", f"{subject} {verb} {{r}} {{x}} each {{term}}.")  # fmt: skip
    if kind == "amount":
        t.say(rate_form, **w)
        t.ask(f"how many {{x}} does {it} {base} in {{n}} {{term}}s?", f"how many {{x}} can {it} {base} in {{n}} {{term}}s?", "how many {x} are that in {n} {term}s?", "how many {x} after {n} {term}s?", "how many {x} in {n} {term}s?",
              f"how many {{x}} will {it} {base} in {{n}} {{term}}s?", answer=s.step(r * n), **w)  # fmt: skip
    elif kind == "unit" and factor:
        s.given.pop()
        t.say(rate_form, **w)
        t.ask(f"how many {{x}} does {it} {base} in a {{longer}}?" if longer != "hour" else f"how many {{x}} does {it} {base} in an hour?", "how many {x} is that per {longer}?", f"how many {{x}} can {it} {base} per {{longer}}?", answer=s.step(r * factor), **w)
    elif kind in {"several", "unit"}:
        m = s.number(2, 12)
        w["m"] = m
        t.say(rate_form, **w)
        t.ask(f"how many {{x}} do {{m}} {plural} {base} in {{n}} {{term}}s?", f"how many {{x}} can {{m}} such {plural} {base} in {{n}} {{term}}s?", f"how many {{x}} will {{m}} {plural} {base} in {{n}} {{term}}s?", answer=s.step(s.step(r * m) * n), **w)
    elif kind == "time":
        s.given.pop()
        total, needed = _goal(s, r, term)
        w["total"] = total
        t.say(rate_form, **w)
        t.ask(f"how many {{term}}s does {it} need for {{total}} {{x}}?", "how many {term}s are needed for {total} {x}?", f"in how many {{term}}s will {it} {base} {{total}} {{x}}?", "how many {term}s does it take to get {total} {x}?",
              "how long does it take for {total} {x}, in {term}s?", answer=needed, **w)  # fmt: skip
    elif kind == "rate":
        s.given.clear()
        total = s.quantity(r.value * n.value)
        n = s.quantity(n.value)
        w |= {"total": total, "n": n}
        t.say(f"{subject} {verb} {{total}} {{x}} in {{n}} {{term}}s.", f"in {{n}} {{term}}s {subject} {verb} {{total}} {{x}}.", f"{subject} needs {{n}} {{term}}s for {{total}} {{x}}.", **w)
        each = s.step(total / n)
        if s.rng.random() < 0.6:
            t.ask(f"how many {{x}} does {it} {base} per {{term}}?", "how many {x} is that per {term}?", "how many {x} in one {term}?", f"how many {{x}} does {it} {base} each {{term}}?", "what is the rate per {term}?", answer=each, **w)
        else:
            m = s.number(2, 40)
            t.ask(f"how many {{x}} will {it} {base} in {{m}} {{term}}s?", "at this rate, how many {x} in {m} {term}s?", "how many {x} would that be in {m} {term}s?", answer=s.step(each * m), m=m, **w)
    elif kind == "per_machine":
        s.given.clear()
        m = s.number(2, 12)
        total = s.quantity(r.value * m.value)
        w |= {"m": m, "total": total}
        t.say(f"{{m}} {plural} {base} {{total}} {{x}} per {{term}}.", f"together {{m}} {plural} {base} {{total}} {{x}} a {{term}}." if term != "hour" else f"together {{m}} {plural} {base} {{total}} {{x}} an hour.", **w)
        each = s.step(total / m)
        if s.rng.random() < 0.5:
            t.ask(f"how many {{x}} does each {subject.split(' ', 1)[1]} {base} per {{term}}?", f"how many {{x}} does one {subject.split(' ', 1)[1]} {base} per {{term}}?", answer=each, **w)
        else:
            k = s.number(2, 20)
            t.ask(f"how many {{x}} would {{k}} {plural} {base} per {{term}}?", f"how many {{x}} do {{k}} {plural} {base} per {{term}} at the same rate?", answer=s.step(each * k), k=k, **w)
    else:
        h2 = s.number(2, 30)
        r2 = s.number(2, 90)
        w |= {"r2": r2, "h2": h2}
        t.say(f"{subject} {verb} {{r}} {{x}} per {{term}} for the first {{n}} {{term}}s and {{r2}} per {{term}} for the next {{h2}} {{term}}s.", f"for {{n}} {{term}}s {subject} {verb} {{r}} {{x}} per {{term}}, then for {{h2}} {{term}}s {{r2}} {{x}} per {{term}}.", **w)
        t.ask("how many {x} are there in total?", f"how many {{x}} does {it} {base} altogether?", "how many {x} is that in all?", answer=s.step(s.step(r * n) + s.step(r2 * h2)), **w)


def habit(s: Story) -> None:
    """A person who does so many things per day, hour or minute."""
    t = Teller(s)
    verb, things, terms, low, high = s.rng.choice(PERSONAL)
    term = s.rng.choice(terms.split())
    r, n = s.number(low, high), s.number(2, 40 if term == "minute" else 14)
    longer, factor = {"day": ("week", 7), "minute": ("hour", 60), "hour": ("day", 24), "week": ("year", 52), "month": ("year", 12)}[term]
    w: dict[str, object] = {"r": r, "n": n, "x": things, "term": term, "longer": longer}
    kind = s.rng.choice(["amount", "amount", "time", "rate", "two", "unit", "left", "minutes"])
    doing = s.pick(f"{{who}} [{verb}] {{r}} {{x}} per {{term}}.", f"{{who}} [{verb}] {{r}} {{x}} every {{term}}.", f"{{who}} [{verb}] {{r}} {{x}} each {{term}}.", f"{{who}} can {verb} {{r}} {{x}} per {{term}}.", f"every {{term}} {{who}} [{verb}] {{r}} {{x}}.",
                   f"{{who}} [{verb}] {{r}} {{x}} {'an' if term == 'hour' else 'a'} {{term}}.")  # fmt: skip
    if "can" in doing:
        t.past = False
    if kind == "amount":
        t.say(doing, **w)
        t.ask(f"how many {{x}} [do] {{he}} {verb} in {{n}} {{term}}s?", f"how many {{x}} can {{he}} {verb} in {{n}} {{term}}s?", "how many {x} in {n} {term}s?", "how many {x} is that in {n} {term}s?", f"how many {{x}} will {{he}} {verb} in {{n}} {{term}}s?",
              f"how many {{x}} altogether [do] {{he}} {verb} in {{n}} {{term}}s?", answer=s.step(r * n), **w)  # fmt: skip
    elif kind == "unit" and term in {"day", "minute", "month", "week"}:
        s.given.pop()
        t.say(doing, **w)
        article = "an" if longer == "hour" else "a"
        t.ask(f"how many {{x}} [do] {{he}} {verb} in {article} {{longer}}?", "how many {x} is that per {longer}?", f"how many {{x}} can {{he}} {verb} in {article} {{longer}}?", answer=s.step(r * factor), **w)
    elif kind in {"time", "unit"}:
        s.given.clear()
        r = s.number(low, high)
        total, needed = _goal(s, r, term)
        w |= {"r": r, "T": total}
        t.say(doing, **w)
        t.ask(f"how many {{term}}s [do] {{he}} need to {verb} {{T}} {{x}}?", f"how many {{term}}s will it take {{him}} to {verb} {{T}} {{x}}?", "how many {term}s for {T} {x}?", f"how long will it take {{him}} to {verb} {{T}} {{x}}, in {{term}}s?",
              "after how many {term}s will {he} reach {T} {x}?", answer=needed, **w)  # fmt: skip
    elif kind == "left":
        total = s.quantity(r.value * n.value + s.rng.randint(2, 200))
        w["T"] = total
        done = s.step(r * n)
        t.say(f"{{who}} [want] to {verb} {{T}} {{x}}.", f"{{who}} [have] to {verb} {{T}} {{x}}.", f"{{who}} [plan] to {verb} {{T}} {{x}}.".replace("[plan]", "[want]"), **w)
        t.say(f"{{he}} [{verb}] {{r}} {{x}} {'an' if term == 'hour' else 'a'} {{term}} for {{n}} {{term}}s.", f"for {{n}} {{term}}s {{he}} [{verb}] {{r}} {{x}} each {{term}}.", **w)
        t.ask("how many {x} are left?", "how many {x} are still left to do?", "how many more {x} are there to go?", "how many {x} remain?", answer=s.step(total - done), **w)
    elif kind == "rate":
        s.given.clear()
        total = s.quantity(r.value * n.value)
        n = s.quantity(n.value)
        w |= {"T": total, "n": n}
        t.say(f"{{who}} [{verb}] {{T}} {{x}} in {{n}} {{term}}s.", f"in {{n}} {{term}}s {{who}} [{verb}] {{T}} {{x}}.", f"it takes {{n}} {{term}}s for {{who}} to {verb} {{T}} {{x}}." if t.hero.who != "I" else f"I [{verb}] {{T}} {{x}} in {{n}} {{term}}s.", **w)
        t.ask(f"how many {{x}} [do] {{he}} {verb} per {{term}}?", "how many {x} is that per {term}?", f"how many {{x}} [do] {{he}} {verb} each {{term}}?", "how many {x} per {term} on average?", answer=s.step(total / n), **w)
    elif kind == "two":
        r2, n2 = s.number(low, high), s.number(2, 12)
        w |= {"r2": r2, "n2": n2}
        t.say(f"{{who}} [{verb}] {{r}} {{x}} {'an' if term == 'hour' else 'a'} {{term}} for {{n}} {{term}}s, then {{r2}} {'an' if term == 'hour' else 'a'} {{term}} for {{n2}} {{term}}s.",
              f"for {{n}} {{term}}s {{who}} [{verb}] {{r}} {{x}} per {{term}}, and for the next {{n2}} {{term}}s {{r2}} {{x}} per {{term}}.", **w)  # fmt: skip
        t.ask("how many {x} is that in total?", f"how many {{x}} [do] {{he}} {verb} altogether?", "how many {x} in all?", answer=s.step(s.step(r * n) + s.step(r2 * n2)), **w)
    else:
        s.given.clear()
        each, n = s.number(2, 45), s.number(2, 30)
        w |= {"r": each, "n": n}
        one = things[:-1] if things.endswith("s") and not things.startswith("glasses") else "item"
        one = {"dishe": "dish", "sandwiche": "sandwich", "fish": "fish"}.get(one, one)
        w["one"] = one
        t.say(f"it takes {{who}} {{r}} minutes to {verb} {'an' if one[0] in 'aeiou' else 'a'} {one}." if t.hero.who != "I" else f"it takes me {{r}} minutes to {verb} each {one}.", f"{{who}} [need] {{r}} minutes for each {one}.", **w)
        t.ask(f"how many minutes [do] {{he}} need for {{n}} {things}?" if one != "item" else "how many minutes [do] {he} need for {n} items?", f"how many minutes will {{n}} {things} take?" if one != "item" else "how many minutes will {n} items take?", answer=s.step(each * n), **w)



SCENES: dict[str, tuple[float, Scene]] = {
    "speed": (2, speed),
    "legs": (1.5, legs),
    "production": (2, production),
    "habit": (2.5, habit),
    **measures.SCENES,
    **work.SCENES,
}
"""All scenes about rates and measures."""
