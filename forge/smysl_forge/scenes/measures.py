"""Averages, units, and quantities that flow, grow or scale: tanks, fuel, recipes, plants, batteries, stairs.

Knows how people tell of measuring; speeds and machines are in `rates`.
"""

from __future__ import annotations

from smysl_forge.scenes.teller import Teller, an, figures, finite
from smysl_forge.story import Scene, Story

CONVERSIONS = (
    ("hours", "minutes", 60), ("minutes", "seconds", 60), ("days", "hours", 24), ("weeks", "days", 7), ("years", "months", 12), ("years", "weeks", 52), ("metres", "centimetres", 100), ("meters", "centimeters", 100), ("m", "cm", 100),
    ("kilometres", "metres", 1000), ("kilometers", "meters", 1000), ("km", "m", 1000), ("kilograms", "grams", 1000), ("kg", "g", 1000), ("litres", "millilitres", 1000), ("liters", "milliliters", 1000), ("tonnes", "kilograms", 1000),
    ("centimetres", "millimetres", 10), ("cm", "mm", 10), ("feet", "inches", 12), ("yards", "feet", 3), ("pounds", "ounces", 16), ("decades", "years", 10), ("centuries", "years", 100), ("gallons", "quarts", 4), ("fortnights", "days", 14), ("hours", "seconds", 3600),
)  # fmt: skip
SCORES = ("test scores", "scores", "marks", "points", "temperatures", "heights in cm", "daily sales", "weights in kg", "times in seconds", "ages", "prices in dollars", "lengths in metres", "numbers of pages", "goals")


def _listed(s: Story, values: list[object]) -> str:
    """`4, 6 and 9` or `4, 6, 9` as a template with places v0, v1 ..."""
    names = [f"{{v{i}}}" for i in range(len(values))]
    return ", ".join(names[:-1]) + s.rng.choice([" and ", ", and " if len(values) > 2 else " and ", " and ", ", "]) + names[-1]


def average(s: Story) -> None:
    t = Teller(s)
    k = s.rng.choice([2, 3, 3, 4, 4, 5])
    low, high = s.rng.choice([(2, 30), (40, 100), (5, 60)])
    kind = s.rng.choice(["mean", "mean", "mean", "missing", "total", "people", "days"])
    what = s.rng.choice(SCORES)
    w: dict[str, object] = {}
    if kind == "total":
        n, m = s.number(3, 30), s.number(low, high)
        w = {"n": n, "m": m, "what": what}
        t.say("the average of {n} numbers is {m}.", "{n} numbers have a mean of {m}.", "{n} students scored {m} points on average.", "the mean of {n} {what} is {m}.", "{who} [play] {n} games with an average of {m} points.", **w)
        t.ask("what is their sum?", "what is the total?", "what is the sum of all of them?", "find the sum.", "what do they add up to?", answer=s.step(n * m), **w)
        return
    values = [s.number(low, high) for _ in range(k)]
    if kind == "missing":
        mean = s.number(low, high)
        w = {f"v{i}": figures(s, v) for i, v in enumerate(values)}
        w |= {"m": mean, "what": what}
        total = values[0]
        for v in values[1:]:
            total = s.step(total + v)
        everything = s.step(mean * s.quantity(k + 1) if s.rng.random() < 0.6 else mean * (k + 1))
        answer = s.step(everything - total)
        # steps in the order people take: what is needed in all, then what is there already
        s.require(answer > 0)
        if len(s.given) > k + 1:
            w["all"] = figures(s, s.given[-1])
            t.say("the average of {all} numbers is {m}. The others are " + _listed(s, list(values)) + ".", "{who} [want] an average of {m} over {all} tests. So far the scores are " + _listed(s, list(values)) + ".", "the mean of {all} numbers is {m}. All but the last are " + _listed(s, list(values)) + ".", **w)
            t.ask("what is the missing number?", "what is the last number?", "find the missing value.", answer=answer, **w)
            return
        t.say(_listed(s, list(values)) + " and x have an average of {m}.", "the average of " + _listed(s, list(values)) + " and x is {m}.", "the mean of " + _listed(s, list(values)) + " and one unknown number is {m}.".replace("one", "an"), **w)
        t.ask("what is x?" if "x" in s.sentences[0].split("and")[-1] else "what is the unknown number?", "find x." if "x" in s.sentences[0].split("and")[-1] else "find the unknown number.", answer=answer, **w)
        return
    total = values[0]
    for v in values[1:]:
        total = s.step(total + v)
    mean_ = s.step(total / k)
    finite(s, mean_)
    w = {"what": what, **{f"v{i}": figures(s, v) for i, v in enumerate(values)}}
    listing = _listed(s, list(values))
    if kind == "mean" and s.rng.random() < 0.6:
        t.ask(f"what is the average of {listing}?", f"find the mean of {listing}.", f"what is the mean of {listing}?", f"calculate the average of {listing}.", f"average of {listing}?", f"the numbers are {listing}, what is their average?", f"find the average of these numbers: {listing}.",
              f"what's the average of the {what} {listing}?", f"work out the mean of {listing}.", answer=mean_, **w)  # fmt: skip
        return
    days = ["Monday", "Tuesday", "Wednesday", "Thursday", "Friday"][:k]
    if kind == "days":
        parts = [f"{{v{i}}} on {day}" for i, day in enumerate(days)]
        action, unit = s.rng.choice([("read", "pages"), ("walk", "kilometres"), ("sell", "cakes"), ("score", "points"), ("spend", "minutes on homework"), ("catch", "fish"), ("drink", "glasses of water"), ("write", "emails")])
        t.say(f"{{who}} [{action}] {parts[0].replace('}', '} ' + unit, 1)}, " + ", ".join(parts[1:-1]) + (" and " if k > 2 else "") + parts[-1] + "." if k > 2 else f"{{who}} [{action}] {parts[0].replace('}', '} ' + unit, 1)} and {parts[1]}.", **w)
        t.ask("what is the daily average?", "what is the average per day?", "how many is that per day on average?", "find the average per day.", answer=mean_, **w)
    else:
        t.say(f"there are these {what}: {listing}.", f"the {what} are {listing}.", f"here are some {what}: {listing}.", f"{{who}} [write] down these {what}: {listing}.", f"a class measured these {what}: {listing}.", **w)
        t.ask("what is the average?", "what is the mean?", "find the average.", "what is the average of these?", "calculate the mean.", answer=mean_, **w)


def convert(s: Story) -> None:
    t = Teller(s)
    big, small, factor = s.rng.choice(CONVERSIONS)
    back = s.rng.random() < 0.35
    if back:
        n = s.quantity(factor * s.rng.randint(2, 40) // (1 if s.rng.random() < 0.7 or factor % 2 else 2))
        answer = s.step(n / factor)
        finite(s, answer)
        src, dst = small, big
    else:
        n = s.number(2, 60) if s.rng.random() < 0.7 else s.price(1.5, 9.5, 0.5)
        s.require(n.value != 1)
        answer = s.step(n * factor)
        src, dst = big, small
    w: dict[str, object] = {"n": figures(s, n) if n.value.denominator != 1 or src in {"m", "km", "kg", "cm", "mm", "g"} else n, "a": src, "b": dst}
    t.ask("how many {b} are in {n} {a}?", "how many {b} are there in {n} {a}?", "convert {n} {a} to {b}.", "{n} {a} is how many {b}?", "what is {n} {a} in {b}?", "{n} {a} in {b}?", "how many {b} are {n} {a}?", "how many {b} make {n} {a}?", "express {n} {a} in {b}.", "change {n} {a} to {b}.",
          "how many {b} is {n} {a}?", answer=answer, **w)  # fmt: skip


def mixed_units(s: Story) -> None:
    """Two units in one problem."""
    t = Teller(s)
    kind = s.rng.choice(["time_sum", "length_left", "weight", "bottles", "dozen", "pieces", "minutes_total", "height"])
    a, b = s.number(1, 9), s.number(5, 55, 5)
    if kind == "time_sum":
        w: dict[str, object] = {"a": figures(s, a), "b": figures(s, b), "h": "hour" if a.value == 1 else "hours"}
        t.say("a film lasts {a} {h} and {b} minutes.", "{who} [work] for {a} {h} and {b} minutes.", "the trip takes {a} {h} {b} minutes.", "{who} [study] {a} {h} and {b} minutes.", "the match lasted {a} {h} {b} min.", **w)
        t.ask("how many minutes is that?", "how many minutes is that in total?", "what is that in minutes?", "how many minutes altogether?", answer=s.step(s.step(a * 60) + b), **w)
    elif kind == "minutes_total":
        s.given.clear()
        m, d = s.number(5, 90, 5), s.number(2, 14)
        w = {"m": m, "d": d, "act": s.pick("practises the piano", "reads", "exercises", "walks the dog", "does homework", "studies French", "plays chess", "waits for the bus")}
        t = Teller(s, tense="present")
        act = str(w["act"])
        who = t.hero.who if t.hero.third else "my brother"
        t.say(f"{who} {act} for {{m}} minutes every day.", f"{who} {act} {{m}} minutes a day.", f"every day {who} {act} for {{m}} minutes.", **w)
        if s.rng.random() < 0.5:
            t.ask("how many minutes is that in {d} days?", "how many minutes are that in {d} days?", answer=s.step(m * d), **w)
        else:
            t.ask("how many hours is that in {d} days?", "how many hours are that after {d} days?", answer=s.step(s.step(m * d) / 60), **w)
            finite(s, s.steps[-1])
    elif kind in {"length_left", "pieces"}:
        s.given.clear()
        length, cut = s.number(2, 12), s.number(10, 95, 5)
        thing = s.pick("rope", "ribbon", "wire", "board", "string", "pipe", "plank", "piece of cloth", "cable", "stick")
        w = {"l": length, "c": cut, "x": thing, "ax": an(thing)}
        cm = s.step(length * 100)
        if kind == "length_left":
            n = s.number(2, 9)
            used = s.step(cut * n)
            left = s.step(cm - used)
            s.require(left > 0)
            t.say("{ax} is {l} metres long. {who} [cut] off {n} pieces of {c} cm.", "{who} [have] {ax} of {l} m and [cut] {n} pieces of {c} centimetres from it.", n=n, **w)
            t.ask("how many centimetres are left?", "how many cm remain?", "how much is left in centimetres?", "what length in cm is left?", answer=left, **w)
        else:
            t.say("{ax} is {l} metres long and is cut into pieces of {c} cm.", "{who} [cut] {ax} of {l} m into pieces of {c} cm each.", **w)
            t.ask("how many whole pieces are there?", "how many pieces [do] {who} get?" if "{who}" in s.sentences[0] else "how many full pieces are there?", "how many pieces can be cut?", answer=s.step(cm // cut), **w)
            s.require(s.steps[-1] > 1)
    elif kind in {"weight", "bottles"}:
        s.given.clear()
        big, each = s.number(2, 30), s.quantity(s.rng.choice([50, 100, 200, 250, 500, 125, 400]))
        little, large, item, content = ("g", "kg", s.pick("bags", "packets", "portions", "boxes"), s.pick("sugar", "flour", "rice", "tea", "nuts", "coffee", "salt", "oats")) if kind == "weight" else ("ml", "litres", s.pick("glasses", "bottles", "cups", "cans"), s.pick("juice", "water", "milk", "lemonade", "tea", "soup"))
        w = {"n": big, "e": figures(s, each), "s": little, "l": large, "item": item, "x": content}
        grams = s.step(big * 1000)
        count = s.step(grams / each)
        s.whole(count)
        t.say("{who} [have] {n} {l} of {x} and [fill] {item} of {e} {s}.", "{n} {l} of {x} are put into {item} of {e} {s} each.", "there are {n} {l} of {x}. Each of the {item} holds {e} {s}.", **w)
        t.ask("how many {item} are needed?", "how many {item} can be filled?", "how many {item} is that?", answer=count, **w)
    elif kind == "dozen":
        s.given.clear()
        n = s.number(2, 25)
        many = s.pick("eggs", "roses", "donuts", "pencils", "cupcakes", "bottles", "oranges", "muffins", "bagels", "buttons")
        w = {"n": n, "x": many}
        total = s.step(n * 12)
        if s.rng.random() < 0.5:
            t.ask("how many {x} are in {n} dozen?", "how many {x} are {n} dozen {x}?", "{who} [buy] {n} dozen {x}, how many {x} is that?", "{n} dozen {x} is how many?", "how many {x} are there in {n} dozen?", answer=total, **w)
        else:
            p = t.price(2, 9)
            s.require(p > 1)
            t.say("{who} [buy] {n} dozen {x} and [use] {k} of them.", "{who} [have] {n} dozen {x}. {he} [give] away {k}.", k=p if p.value.denominator == 1 else figures(s, p), **w)
            s.whole(p)
            t.ask("how many {x} are left?", "how many {x} [do] {he} have left?", "how many are left?", answer=s.step(total - p), **w)
    else:
        s.given.clear()
        f, i = s.number(2, 9), s.number(2, 11)
        big_, small_, factor = s.rng.choice([("feet", "inches", 12), ("metres", "centimetres", 100), ("kg", "grams", 1000), ("km", "metres", 1000), ("weeks", "days", 7), ("minutes", "seconds", 60), ("years", "months", 12), ("pounds", "ounces", 16), ("days", "hours", 24), ("dollars", "cents", 100)])
        w = {"f": figures(s, f), "i": figures(s, i), "a": big_, "b": small_}
        t.ask("how many {b} are {f} {a} and {i} {b}?", "convert {f} {a} {i} {b} to {b}.", "{f} {a} and {i} {b} is how many {b}?", "what is {f} {a} and {i} {b} in {b}?", "express {f} {a} {i} {b} in {b}.", answer=s.step(s.step(f * factor) + i), **w)


def tank(s: Story) -> None:
    t = Teller(s)
    vessel = s.pick("tank", "pool", "bath", "barrel", "pond", "bucket", "aquarium", "reservoir", "bathtub", "cistern")
    unit, term = s.pick("litres", "litres", "liters", "gallons"), s.pick("minute", "minute", "hour")
    fill, drain, n = s.number(5, 60), s.number(2, 40), s.number(2, 30)
    s.require(drain < fill)
    kind = s.rng.choice(["net", "net_time", "time", "amount", "drain", "two", "leak"])
    w: dict[str, object] = {"x": vessel, "ax": an(vessel), "u": unit, "t": term}
    if kind == "net":
        w |= {"f": fill, "d": drain, "n": n}
        t.say("water flows into {ax} at {f} {u} per {t} and out at {d} {u} per {t}. The {x} is empty at first.", "an empty {x} gets {f} {u} of water every {t}, while {d} {u} leak out every {t}.", "a pump puts {f} {u} per {t} into an empty {x}, and a hole lets out {d} {u} per {t}.", **w)
        t.ask("how many {u} are in the {x} after {n} {t}s?", "how much water is in the {x} after {n} {t}s?", "how many {u} are there after {n} {t}s?", answer=s.step(s.step(fill - drain) * n), **w)
        return
    if kind == "net_time":
        s.given.pop()
        cap = s.quantity((fill.value - drain.value) * s.rng.randint(3, 40))
        w |= {"f": fill, "d": drain, "c": cap}
        t.say("{ax} holds {c} {u}. A pipe brings in {f} {u} per {t} and another takes out {d} {u} per {t}.", "an empty {x} for {c} {u} is filled at {f} {u} per {t}, but {d} {u} leak out every {t}.", **w)
        t.ask("how many {t}s does it take to fill the {x}?", "after how many {t}s is the {x} full?", "in how many {t}s will it be full?", answer=s.step(cap / s.step(fill - drain)), **w)
        return
    s.given.clear()
    fill = s.number(3, 60)
    cap_value = fill.value * s.rng.randint(3, 40)
    if kind == "time":
        cap = s.quantity(cap_value)
        w |= {"f": fill, "c": cap}
        t.say("{ax} holds {c} {u} and is filled at {f} {u} per {t}.", "a tap fills {ax} of {c} {u} at a rate of {f} {u} per {t}.", "water runs into {ax} at {f} {u} per {t}. The {x} holds {c} {u}.", "a pump delivers {f} {u} every {t} into an empty {c}-litre {x}." if unit == "litres" else "a pump delivers {f} {u} every {t} into an empty {x} that holds {c} {u}.", **w)
        t.ask("how many {t}s does it take to fill it?", "how long does it take to fill the {x}, in {t}s?", "after how many {t}s is it full?", "how many {t}s until it is full?", answer=s.step(cap / fill), **w)
    elif kind in {"drain", "leak"}:
        cap = s.quantity(cap_value + s.rng.randint(1, 50))
        n = s.number(2, 20)
        left = s.step(cap - s.step(fill * n))
        s.require(left > 0)
        w |= {"f": fill, "c": cap, "n": n}
        t.say("{ax} holds {c} {u} of water and loses {f} {u} every {t}.", "there are {c} {u} in {ax}. {f} {u} leak out per {t}.", "{ax} with {c} {u} of water is drained at {f} {u} per {t}.", **w)
        t.ask("how many {u} are left after {n} {t}s?", "how much water is left after {n} {t}s?", "how many {u} remain after {n} {t}s?", answer=left, **w)
    elif kind == "two":
        second = s.number(3, 60)
        n = s.number(2, 30)
        w |= {"f": fill, "g": second, "n": n}
        t.say("a pipe brings {f} {u} per {t} into {ax} and another pipe {g} {u} per {t}.", "a pair of taps fill {ax}. The first gives {f} {u} per {t}, the second {g} {u} per {t}.", **w)
        t.ask("how many {u} flow in during {n} {t}s?", "how much water is that in {n} {t}s?", "how many {u} do both together give in {n} {t}s?", answer=s.step(s.step(fill + second) * n), **w)
    else:
        start, n = s.number(5, 200), s.number(2, 20)
        w |= {"f": fill, "n": n, "s": start}
        t.say("there are {s} {u} of water in {ax}. {f} {u} are added every {t}.", "{ax} has {s} {u} in it and gains {f} {u} per {t}.", **w)
        t.ask("how many {u} are there after {n} {t}s?", "how much water is in the {x} after {n} {t}s?", answer=s.step(start + s.step(fill * n)), **w)


def fuel(s: Story) -> None:
    t = Teller(s)
    dist_unit, fuel_unit = s.rng.choice([("km", "litre"), ("kilometres", "litre"), ("miles", "gallon"), ("kilometers", "liter")])
    per = s.number(6, 40)
    n = s.number(2, 60)
    vehicle = s.pick("car", "van", "truck", "motorcycle", "bus", "scooter")
    w: dict[str, object] = {"r": per, "n": n, "d": dist_unit, "f": fuel_unit, "v": vehicle}
    kind = s.rng.choice(["far", "need", "cost", "rate", "hundred", "range"])
    if kind in {"far", "range"}:
        t.say("a {v} goes {r} {d} on a {f} of petrol.", "a {v} travels {r} {d} per {f}.", "{his} {v} [do] {r} {d} per {f}.".replace("[do]", "does" if not t.past else "did") if t.hero.his in {"my", "your", "our"} else "{who} [drive] a {v} that goes {r} {d} per {f}.", **w)
        t.ask("how far can it go on {n} {f}s?", "how many {d} can it drive with {n} {f}s?", "how far does it get with a tank of {n} {f}s?", "how many {d} are possible with {n} {f}s of fuel?", answer=s.step(per * n), **w)
    elif kind in {"need", "cost"}:
        s.given.pop()
        dist = s.quantity(per.value * s.rng.randint(2, 40))
        w |= {"D": figures(s, dist)}
        t.say("a {v} goes {r} {d} per {f} of petrol.", "a {v} travels {r} {d} on each {f}.", "{who} [drive] a {v} that does {r} {d} per {f}.", **w)
        litres = s.step(dist / per)
        if kind == "need":
            t.ask("how many {f}s are needed for {D} {d}?", "how many {f}s does it use for a trip of {D} {d}?", "how many {f}s of fuel does it need to go {D} {d}?", "how much petrol in {f}s is needed for {D} {d}?", answer=litres, **w)
        else:
            p = t.price(1, 9)
            t.say("fuel costs {p} per {f}.", "each {f} costs {p}.", "petrol is {p} per {f}.", p=t.money(p), **w)
            t.ask("how much does the fuel for {D} {d} cost?", "how much does a trip of {D} {d} cost?", "what is the cost of fuel for {D} {d}?", answer=s.step(litres * p), **w)
    elif kind == "rate":
        s.given.clear()
        dist = s.quantity(per.value * n.value)
        n = s.quantity(n.value)
        w |= {"D": figures(s, dist), "n": n}
        t.say("a {v} uses {n} {f}s of fuel for {D} {d}.", "a {v} goes {D} {d} on {n} {f}s.", "{who} [drive] {D} {d} and [use] {n} {f}s of petrol.", **w)
        t.ask("how many {d} per {f} is that?", "how many {d} does it go per {f}?", "how far does it go on each {f}?", "what is the fuel economy in {d} per {f}?", answer=s.step(dist / n), **w)
    else:
        s.given.clear()
        use, dist = s.number(3, 20), s.number(100, 900, 50)
        w |= {"use": use, "D": figures(s, dist), "h": figures(s, s.quantity(100))}
        t.say("a {v} uses {use} litres per {h} km.", "a {v} needs {use} litres of fuel for {h} km.", "the consumption of a {v} is {use} litres per {h} kilometres.", **w)
        t.ask("how many litres does it use for {D} km?", "how many litres are needed for {D} km?", "how much fuel in litres does a trip of {D} km take?", answer=s.step(s.step(dist / s.given[2]) * use), **w)
        finite(s, s.steps[-1])


def recipe(s: Story) -> None:
    t = Teller(s)
    dish = s.pick("soup", "pancakes", "a cake", "bread", "cookies", "pasta", "a salad", "a stew", "muffins", "pizza dough", "lemonade", "rice pudding", "curry", "waffles", "pie")
    item, unit = s.rng.choice([("eggs", ""), ("flour", "cups of "), ("flour", "grams of "), ("sugar", "g of "), ("milk", "ml of "), ("butter", "grams of "), ("tomatoes", ""), ("potatoes", ""), ("rice", "grams of "), ("lemons", ""), ("onions", ""), ("water", "cups of "), ("apples", ""), ("oats", "cups of "), ("carrots", "")])
    big = "g" in unit or "ml" in unit
    each = s.rng.randint(1, 6) * (25 if big else 1)
    k = s.rng.choice([2, 3, 4, 5, 6, 8])
    amount, servings = s.quantity(each * k), s.quantity(k)
    more = s.number(2, 24)
    s.require(more.value != k)
    w: dict[str, object] = {"dish": dish, "x": unit + item, "a": amount if amount.value < 20 else figures(s, amount), "k": servings, "m": more, "p": s.pick("people", "servings", "portions", "guests")}
    kind = s.rng.choice(["scale", "scale", "per", "times", "enough"])
    if kind == "times":
        s.given.pop(1)
        s.given[1].expression = "g1"
        w |= {"m": more}
        w["m"] = s.render(more)
        t.say("{dish} takes {a} {x}." if dish[-1] != "s" else "{dish} take {a} {x}.", "a recipe for {dish} needs {a} {x}.", "one batch of {dish} needs {a} {x}.".replace("one", "a"), **w)
        t.ask("how many {x} are needed for {m} times the recipe?" if not unit else "how many {x} are needed for {m} times the recipe?", "how many {x} for {m} batches?", "how many {x} [do] {who} need to make it {m} times?", answer=s.step(amount * more), **w)
        return
    t.say("a recipe for {dish} for {k} {p} needs {a} {x}.", "a recipe uses {a} {x} to make {dish} for {k} {p}.", "for {k} {p} {who} [need] {a} {x}.", "to make {dish} for {k} {p} you need {a} {x}.", "{who} [make] {dish} for {k} {p} with {a} {x}.", **w)
    per = s.step(amount / servings)
    if kind == "per":
        s.given.pop()
        t.ask("how many {x} is that per person?", "how many {x} are needed for a single person?", "how many {x} per serving?", answer=per, **w)
    elif kind == "scale":
        t.ask("how many {x} are needed for {m} {p}?", "how many {x} for {m} {p}?", "how many {x} [do] {who} need for {m} {p}?", "how many {x} would be needed for {m} {p}?", answer=s.step(per * more), **w)
    else:
        s.given.pop()
        have = s.quantity(each * s.rng.randint(2, 20))
        w["h"] = have if have.value < 20 else figures(s, have)
        t.ask("how many {p} can be served with {h} {x}?", "for how many {p} are {h} {x} enough?", "{h} {x} are enough for how many {p}?", answer=s.step(have / per), **w)


def growth(s: Story) -> None:
    """Something that grows or runs down by the same amount each time."""
    t = Teller(s)
    up = s.rng.random() < 0.55
    start, by, n = s.number(5, 200), s.number(2, 15), s.number(2, 20)
    kind = s.rng.choice(["after", "after", "when", "rate"])
    if up:
        thing, unit, term, verb = s.rng.choice([("a plant", "cm", "week", "grows"), ("a tree", "cm", "year", "grows"), ("a baby", "grams", "week", "gains"), ("a puppy", "grams", "day", "gains"), ("a sunflower", "cm", "day", "grows"), ("hair", "mm", "month", "grows"), ("the water in a lake", "cm", "hour", "rises"), ("the temperature", "degrees", "hour", "rises"), ("a snake", "cm", "month", "grows"), ("a snowman", "cm", "hour", "grows"), ("a club", "members", "month", "gains"), ("a bamboo", "cm", "day", "grows")])
    else:
        thing, unit, term, verb = s.rng.choice([("a candle", "cm", "hour", "shrinks"), ("a battery", "percent", "hour", "loses"), ("a phone battery", "%", "hour", "drops"), ("the water level", "cm", "day", "falls"), ("the temperature", "degrees", "hour", "falls"), ("a bag of dog food", "grams", "day", "loses"), ("the snow", "cm", "day", "shrinks"), ("a balloon", "metres", "minute", "sinks"), ("a glacier", "metres", "year", "shrinks"), ("a tank of oil", "litres", "day", "loses")])
    the = "the " + thing.split(" ", 1)[1] if thing.startswith("a ") else thing
    preposition = "" if verb in {"gains", "loses"} else s.pick("by ", "")
    state = {"cm": "is {s} cm long" if thing in {"a snake", "hair"} else s.pick("is {s} cm tall", "measures {s} cm"), "grams": "weighs {s} grams", "degrees": "is {s} degrees", "percent": "is at {s} percent", "%": "is at {s}%", "litres": "holds {s} litres", "metres": s.pick("is at {s} metres", "measures {s} metres"), "mm": "is {s} mm long", "members": "has {s} members"}[unit]
    if thing in {"the water level", "the snow", "the water in a lake"}:
        state = "is {s} cm high"
    gap = "" if unit == "%" else " "
    w: dict[str, object] = {"s": figures(s, start) if unit == "%" else start, "b": figures(s, by) if unit == "%" else by, "n": n, "u": unit, "t": term, "gap": gap}
    change = "{b}{gap}{u}"
    sentence = f"{thing} {state} and {verb} {preposition}{change} every {{t}}."
    if kind == "after":
        result = s.step(start + s.step(by * n) if up else start - s.step(by * n))
        s.require(result.value > 0)
        t.say(sentence, f"{thing} {state}. It {verb} {preposition}{change} per {{t}}.", f"{thing} {state}. Every {{t}} it {verb} {preposition}{change}.", **w)
        ending = {"cm": "how long is it in cm" if thing in {"a snake", "hair"} else "how high is it in cm", "grams": "how many grams does it weigh", "degrees": "how many degrees is it", "percent": "what percentage is left", "%": "how many percent are left", "litres": "how many litres are left", "metres": "how many metres is it", "mm": "how long is it in mm", "members": "how many members are there"}[unit]
        t.ask(f"{ending} after {{n}} {{t}}s?", f"after {{n}} {{t}}s, {ending}?", "what is the value after {n} {t}s?" if unit in {"degrees", "percent", "%"} else f"{ending} after {{n}} {{t}}s?", answer=result, **w)
    elif kind == "when":
        s.given.pop()
        goal_value = start.value + (by.value if up else -by.value) * s.rng.randint(2, 12)
        s.require(goal_value > 0)
        goal = s.quantity(goal_value)
        w["g"] = figures(s, goal)
        t.say(sentence, f"{thing} {state}. It {verb} {preposition}{change} per {{t}}.", **w)
        gap_ = s.step(goal - start if up else start - goal)
        t.ask("after how many {t}s does it reach {g}{gap}{u}?", "how many {t}s until it is at {g}{gap}{u}?", "in how many {t}s will it get to {g}{gap}{u}?", answer=s.step(gap_ / by), **w)
    else:
        s.given.clear()
        start = s.number(5, 200)
        end = s.quantity(start.value + (by.value * n.value if up else -by.value * n.value))
        s.require(end > 0)
        n = s.quantity(n.value)
        past = {"grows": "grew", "gains": "grew", "rises": "rose", "shrinks": "shrank", "loses": "went down", "drops": "dropped", "falls": "fell", "sinks": "sank"}[verb]
        w |= {"s": figures(s, start), "e": figures(s, end), "n": n, "past": past}
        t.say(f"in {{n}} {{t}}s {the} {past} from {{s}} to {{e}}{{gap}}{{u}}.", f"{the} {past} from {{s}}{{gap}}{{u}} to {{e}}{{gap}}{{u}} in {{n}} {{t}}s.", **w)
        t.ask("what is the change per {t}?", "by how much did it change each {t}?", "how much is that per {t}?", "what was the change in each {t}?", answer=s.step(s.step(end - start if up else start - end) / n), **w)


def stairs(s: Story) -> None:
    """Counts that add up over shelves, laps, floors and beats."""
    t = Teller(s)
    a, b = s.number(2, 30), s.number(4, 90)
    each = [
        ("a heart beats {b} times per minute.", "how many times does it beat in {a} minutes?"), ("a building has {a} floors with {b} windows on each floor.", "how many windows are there?"), ("there are {a} floors and {b} steps between floors.", "how many steps are there in all?"),
        ("a lap is {b} metres. {who} [run] {a} laps.", "how many metres is that?"), ("{who} [swim] {a} lengths of a {b}-metre pool.", "how many metres is that in total?"), ("a film has {b} pictures per second.", "how many pictures are there in {a} seconds?"),
        ("{who} [read] {a} chapters of {b} pages each.", "how many pages [do] {he} read?"), ("a clock ticks {b} times a minute.", "how many ticks are there in {a} minutes?"), ("a wheel turns {b} times per minute.", "how many turns does it make in {a} minutes?"), ("{who} [take] {b} photos on each of {a} days.", "how many photos is that?"),
        ("a drummer plays {b} beats a minute for {a} minutes.", "how many beats is that?"), ("a garden has {a} rows with {b} plants in each.", "how many plants are there?"), ("a tap drips {b} drops a minute.", "how many drops fall in {a} minutes?"), ("{who} [blink] {b} times in a minute.", "how many times [do] {he} blink in {a} minutes?"),
        ("a shelf holds {b} books and there are {a} shelves.", "how many books fit on them?"), ("a song lasts {b} seconds and is played {a} times.", "how many seconds is that?"), ("a theatre has {a} rows of {b} seats.", "how many seats are there altogether?"), ("{who} [work] {a} shifts and [make] {b} toys per shift.", "how many toys is that in total?"),
    ]  # fmt: skip
    statement, question = s.rng.choice(each)
    first_is_b = "{a}" not in statement or statement.index("{b}") < statement.index("{a}")
    t.say(statement, a=a, b=b)
    t.ask(question, answer=s.step(b * a if first_is_b else a * b), a=a, b=b) if "{a}" in question else t.ask(question, "what is the total?", "how many are that in all?" if "metres" not in question else "what is the total distance in metres?", answer=s.step(b * a if first_is_b else a * b))


SCENES: dict[str, tuple[float, Scene]] = {
    "average": (2, average),
    "convert": (1.8, convert),
    "mixed_units": (1.5, mixed_units),
    "tank": (1, tank),
    "fuel": (1, fuel),
    "recipe": (1.2, recipe),
    "growth": (1.2, growth),
    "stairs": (1, stairs),
}
