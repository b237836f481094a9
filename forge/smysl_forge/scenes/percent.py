"""Percentages: discounts, taxes, shares of a quantity, what percent, the whole from a part, simple interest.

Knows how people speak of percent; plain prices are in `money`.
"""

from __future__ import annotations

from fractions import Fraction

from smysl_forge.scenes.goods import CHEAP, DEAR, MID, SHOPS
from smysl_forge.scenes.teller import Teller, an, figures, finite
from smysl_forge.story import Amount, Scene, Story

GROUPS = (
    ("students", "school", "girls", "boys"), ("people", "village", "women", "men"), ("workers", "factory", "women", "men"),
    ("books", "library", "novels", "comics"), ("trees", "park", "apple trees", "pear trees"), ("flowers", "garden", "roses", "tulips"),
    ("cars", "car park", "red", "white"), ("animals", "farm", "sheep", "cows"), ("balls", "box", "blue", "green"), ("marbles", "jar", "black", "white"),
    ("members", "club", "adults", "children"), ("guests", "hotel", "tourists", "locals"), ("questions", "test", "easy", "hard"),
    ("seats", "theatre", "taken", "free"), ("passengers", "train", "adults", "children"), ("employees", "company", "engineers", "managers"),
    ("eggs", "basket", "brown", "white"), ("fish", "tank", "goldfish", "guppies"), ("songs", "playlist", "rock songs", "pop songs"),
    ("photos", "box", "portraits", "landscapes"), ("candies", "bag", "red", "yellow"), ("players", "tournament", "beginners", "professionals"),
)  # fmt: skip


def rate(s: Story, *choices: int) -> Amount:
    """A percentage people use."""
    return s.quantity(s.rng.choice(choices or (5, 10, 10, 15, 20, 20, 25, 25, 30, 40, 50, 60, 70, 75, 80, 90, 12, 8, 35, 45)))


def percent(s: Story, amount: Amount) -> str:
    """`20%`, `20 %`, `20 percent`, `twenty per cent`."""
    roll = s.rng.random()
    if roll < 0.62:
        return figures(s, amount) + "%"
    if roll < 0.70:
        return figures(s, amount) + " %"
    return s.render(amount) + s.rng.choice([" percent", " percent", " per cent"])


def plain(s: Story) -> None:
    """p percent of a number."""
    t = Teller(s)
    p, n = rate(s, 1, 2, 4, 5, 8, 10, 12, 15, 18, 20, 25, 30, 35, 40, 45, 50, 60, 65, 70, 75, 80, 90, 95, 120, 150), s.number(5, 1200, s.rng.choice([1, 5, 10, 20]))
    part = n * p / 100
    unit = s.rng.choice(["", "", "", "", " kg", " km", " apples", " people", " students", " metres", " dollars", " litres"])
    w: dict[str, object] = {"p": percent(s, p), "n": figures(s, n) + unit if s.rng.random() < 0.5 else t.money(n) if not unit else figures(s, n) + unit}
    kind = s.rng.choice(["of", "of", "of", "more", "less"])
    if kind == "of":
        answer = s.step(part)
        t.ask("what is {p} of {n}?", "find {p} of {n}.", "calculate {p} of {n}.", "{p} of {n}", "{p} of {n} is?", "how much is {p} of {n}?", "what's {p} of {n}?",
              "work out {p} of {n}.", "compute {p} of {n}.", "{p} of {n} is how much?", "{p} of {n} = ?", "tell me {p} of {n}.", answer=answer, **w)  # fmt: skip
    elif kind == "more":
        answer = s.step(n + s.step(part))
        t.ask("increase {n} by {p}.", "what is {n} increased by {p}?", "what do you get if {n} goes up by {p}?", "{n} plus {p} is?", "what is {n} after an increase of {p}?",
              "add {p} to {n}.", "calculate {n} plus {p}.", answer=answer, **w)  # fmt: skip
    else:
        s.require(p < 100)
        answer = s.step(n - s.step(part))
        t.ask("decrease {n} by {p}.", "what is {n} decreased by {p}?", "what do you get if {n} drops by {p}?", "{n} minus {p} is?", "what is {n} after a decrease of {p}?",
              "take {p} off {n}.", "reduce {n} by {p}.", answer=answer, **w)  # fmt: skip
    finite(s, answer, places=3)


def discount(s: Story) -> None:
    t = Teller(s)
    pool, low, high = s.rng.choice(((CHEAP, 2, 20), (MID, 5, 90), (DEAR, 60, 1500)))
    one, many = s.rng.choice(pool)
    p, d = t.price(low, high), rate(s)
    w: dict[str, object] = {"p": t.money(p), "one": one, "many": many, "an": an(one), "shop": s.rng.choice(SHOPS)}
    kind = s.rng.choice(["price", "price", "off", "up", "tax", "tip", "several", "amount"])
    if kind == "amount":
        s.given.pop()
        off = t.price(1, max(2, high // 3))
        s.require(off < p)
        w["d"] = t.money(off)
        t.say("{an} costs {p}. There is a discount of {d}.", "{an} that normally costs {p} is {d} off.", "{who} [buy] {an} for {p} with a coupon for {d} off.",
              "the price of {an} was {p}, and it is reduced by {d}.", "{who} [use] a {d} voucher to buy {an} for {p}." if t.currency.many[0] in "$€£" else "{who} [use] a voucher worth {d} to buy {an} for {p}.", **w)  # fmt: skip
        new = s.step(p - off)
        t.ask("what is the new price?", "{how_much} [do] {who} pay?", "how much does it cost now?", "what is the final price?", "what is the sale price?", answer=new, **w)
        return
    w["d"] = percent(s, d)
    if kind in {"up", "tax", "tip"}:
        if kind == "up":
            t.say("{an} costs {p}. The price goes up by {d}.", "the price of {an} was {p} and rose by {d}.", "a {shop} raises the price of {an} by {d}. Before, it cost {p}.".replace("a {shop}", "the {shop}"),
                  "{an} cost {p} last year. It costs {d} more this year.", **w)  # fmt: skip
        elif kind == "tax":
            t.say("{an} costs {p} plus {d} tax.", "{who} [buy] {an} for {p}. The sales tax is {d}.", "{an} costs {p} before tax. Tax is {d}.", "the price without tax is {p}. The tax rate is {d}.",
                  "{an} is {p} without VAT. VAT is {d}.", **w)  # fmt: skip
        else:
            t.say("{who} [have] lunch for {p} and [leave] a {d} tip.", "the bill at the restaurant is {p}. {who} [add] a {d} tip.", "dinner costs {p}, and {who} [tip] {d}.", "{who} [pay] a bill of {p} and a tip of {d}.", **w)
        extra = s.step(p * d / 100)
        if s.rng.random() < 0.2:
            t.ask({"up": "by how much does the price rise?", "tax": "how much is the tax?", "tip": "how much is the tip?"}[kind], {"up": "what is the increase in {unit}?", "tax": "how much tax is paid?", "tip": "what is the amount of the tip?"}[kind], answer=extra, **w)
            finite(s, extra)
            return
        new = s.step(p + extra)
        t.ask(*{"up": ("what is the new price?", "how much does it cost now?", "what does {an} cost after the increase?", "find the new price."),
                "tax": ("what is the total price?", "{how_much} [do] {who} pay in total?", "what is the price with tax?", "how much is it including tax?", "what is the final price?"),
                "tip": ("{how_much} [do] {he} pay in total?", "what is the total?", "how much is paid altogether?", "{how_much} [do] {he} pay altogether?")}[kind], answer=new, **w)  # fmt: skip
        finite(s, new)
        return
    full = p
    if kind == "several":
        n = s.number(2, 8)
        w["n"] = n
        t.say("{who} [buy] {n} {many} for {p} each and [get] a {d} discount on the total.", "{many} cost {p} each. {who} [buy] {n} and [get] {d} off.", "{who} [buy] {n} {many} that normally cost {p} each at a {d} discount.",
              "all {many} are {d} off. {who} [buy] {n} of them, with a normal price of {p} each.", **w)  # fmt: skip
        full = s.step(p * n)
    else:
        t.say("{an} costs {p}. It is on sale with a {d} discount.", "{an} that costs {p} is {d} off.", "the {shop} gives {d} off {an} that costs {p}.", "{an} normally costs {p}. Today there is {d} off.",
              "the price of {an} was {p}. It was reduced by {d}.", "{who} [buy] {an} with a {d} discount. The normal price is {p}.", "a {d} discount is given on {an} priced at {p}.",
              "{who} [want] {an} for {p} and [have] a coupon for {d} off.", "{an}, {p}, {d} off.", **w)  # fmt: skip
    cut = s.step(full * d / 100)
    if s.rng.random() < 0.25:
        t.ask("how much is the discount?", "{how_much} [do] {who} save?", "how much is saved?", "what is the discount in {unit}?", "by how much is the price reduced?", answer=cut, **w)
        finite(s, cut)
        return
    new = s.step(full - cut)
    t.ask("what is the new price?", "what is the sale price?", "{how_much} [do] {who} pay?", "how much does it cost now?", "what is the final price?", "how much is it after the discount?",
          "what does it cost with the discount?", "what is the discounted price?", "find the price after the discount.", answer=new, **w) if kind != "several" else t.ask(
          "{how_much} [do] {he} pay?", "what is the total after the discount?", "{how_much} [do] {he} pay in total?", "what is the final price?", answer=new, **w)  # fmt: skip
    finite(s, new)


def share(s: Story) -> None:
    """p percent of a group, or the rest of it."""
    t = Teller(s)
    many, place, kind_a, kind_b = s.rng.choice(GROUPS)
    n, p = s.number(20, 900, s.rng.choice([5, 10, 20])), rate(s)
    w: dict[str, object] = {"n": n, "p": percent(s, p), "many": many, "place": place, "a": kind_a, "b": kind_b}
    part = s.step(n * p / 100)
    s.whole(part)
    is_noun = kind_a.endswith("s") or kind_a in {"women", "men", "sheep", "children", "goldfish"}
    t.say("there are {n} {many} in a {place}. {p} of them are {a}.", "a {place} has {n} {many}. {p} of the {many} are {a}.", "of the {n} {many} in the {place}, {p} are {a}.",
          "{p} of the {n} {many} in a {place} are {a}.", "a {place} with {n} {many}: {p} are {a}.", "there are {n} {many} in the {place}, {p} of which are {a}.", **w)  # fmt: skip
    roll = s.rng.random()
    if roll < 0.5:
        t.ask("how many {many} are {a}?", "how many of the {many} are {a}?", "how many {a} are there?" if is_noun else "how many {a} {many} are there?", "how many are {a}?",
              "find the number of {a}." if is_noun else "find the number of {a} {many}.", answer=part, **w)  # fmt: skip
    else:
        rest = s.step(n - part)
        if s.rng.random() < 0.5:
            t.say("the rest are {b}.", "all the others are {b}.", "the other {many} are {b}.", **w)
            t.ask("how many {many} are {b}?", "how many are {b}?", "how many of them are {b}?", answer=rest, **w)
        else:
            t.ask("how many {many} are not {a}?", "how many are not {a}?", "how many {many} are there that are not {a}?", answer=rest, **w)


def what_percent(s: Story) -> None:
    t = Teller(s)
    whole_value = s.rng.choice([10, 20, 25, 40, 50, 60, 80, 100, 120, 150, 200, 250, 300, 400, 500, 16, 32, 64])
    part_value = Fraction(whole_value * s.rng.choice([5, 10, 15, 20, 25, 30, 40, 50, 60, 70, 75, 80, 90]), 100)
    s.require(part_value.denominator == 1)
    a, b = s.quantity(part_value), s.quantity(whole_value)
    answer = s.step(a / b * 100)
    kind = s.rng.choice(["bare", "test", "group", "change"])
    w: dict[str, object] = {"a": a, "b": b}
    if kind == "bare":
        t.ask("what percent of {b} is {a}?", "{a} is what percent of {b}?", "what percentage of {b} is {a}?", "{a} out of {b} is what percent?", "express {a} as a percentage of {b}.",
              "write {a} out of {b} as a percentage.", "what is {a} as a percentage of {b}?", "how many percent of {b} is {a}?", answer=answer, **w)  # fmt: skip
    elif kind == "test":
        t.say("{who} [answer] {a} of {b} questions correctly.", "{who} [get] {a} out of {b} points on a test.", "{who} [score] {a} out of {b}.", "{who} [win] {a} of {b} games.", "{who} [make] {a} of {b} free throws.",
              "{who} [read] {a} of the {b} pages of a book.", "{who} [solve] {a} of the {b} problems.", **w)  # fmt: skip
        t.ask("what percent is that?", "what is that as a percentage?", "what percentage is this?", "what is {his} result in percent?", "how many percent is that?", answer=answer, **w)
    elif kind == "group":
        many, place, kind_a, _ = s.rng.choice(GROUPS)
        w |= {"many": many, "place": place, "k": kind_a}
        t.say("there are {b} {many} in a {place}, and {a} of them are {k}.", "{a} of the {b} {many} in a {place} are {k}.", "of {b} {many} in the {place}, {a} are {k}.", "a {place} has {b} {many}. {a} of them are {k}.", **w)
        t.ask("what percent of the {many} are {k}?", "what percentage of the {many} are {k}?", "what percent are {k}?", "what is the percentage of {many} that are {k}?", answer=answer, **w)
    else:
        s.steps.clear()
        old, by = b, a
        s.require(by < old)
        up = s.rng.random() < 0.5
        new = s.quantity(old.value + (by.value if up else -by.value))
        s.given.pop(0)
        for i, g in enumerate(s.given):
            g.expression = f"g{i}"
        diff = s.step(new - old if up else old - new)
        answer = s.step(diff / old * 100)
        one = s.rng.choice(MID + DEAR)[0]
        w = {"o": t.money(old), "n": t.money(new), "an": an(one)}
        verb = s.pick("rises", "goes up", "increases", "climbs") if up else s.pick("falls", "drops", "decreases", "goes down")
        past = {"rises": "rose", "goes up": "went up", "increases": "increased", "climbs": "climbed", "falls": "fell", "drops": "dropped", "decreases": "decreased", "goes down": "went down"}[verb]
        t.say(f"the price of {{an}} {verb} from {{o}} to {{n}}.", f"the price of {{an}} {past} from {{o}} to {{n}}.", f"{{an}} cost {{o}}. The price {past} to {{n}}.", **w)
        t.ask("what is the percent increase?" if up else "what is the percent decrease?", "by what percent did the price rise?" if up else "by what percent did the price fall?",
              "what is the increase in percent?" if up else "what is the decrease in percent?", "by how many percent did it go up?" if up else "by how many percent did it go down?", answer=answer, **w)  # fmt: skip
    finite(s, answer)


def whole_from_part(s: Story) -> None:
    t = Teller(s)
    p = rate(s, 5, 10, 20, 25, 30, 40, 50, 60, 75, 80, 15, 12)
    total = s.rng.choice([20, 40, 50, 60, 80, 100, 120, 150, 200, 240, 250, 300, 400, 500, 600, 900, 1000, 1200])
    part = s.quantity(p.value * total / 100)
    s.whole(part)
    answer = s.step(part * 100 / p)
    many, place, kind_a, _ = s.rng.choice(GROUPS)
    w: dict[str, object] = {"p": percent(s, p), "a": part, "many": many, "place": place, "k": kind_a, "m": t.money(part) if False else part}
    if s.rng.random() < 0.45:
        t.ask("{p} of what number is {a}?", "{a} is {p} of what number?", "{p} of a number is {a}. What is the number?" if False else "if {p} of a number is {a}, what is the number?", "find the number of which {p} is {a}.",
              "what number has {a} as {p} of it?", "what is the number if {p} of it is {a}?", answer=answer, **w)  # fmt: skip
    else:
        t.say("{p} of the {many} in a {place} are {k}. There are {a} {many} that are {k}.", "{a} {many} in a {place} are {k}. That is {p} of all the {many}.", "in a {place}, {a} of the {many} are {k}, which is {p} of them all.", **w)
        t.ask("how many {many} are there in the {place}?", "how many {many} are there in total?", "how many {many} are there altogether?", "what is the total number of {many}?", answer=answer, **w)


def interest(s: Story) -> None:
    t = Teller(s)
    money, r = s.number(100, 9000, 50), rate(s, 1, 2, 3, 4, 5, 6, 7, 8, 10, 12)
    w: dict[str, object] = {"m": t.money(money), "r": percent(s, r)}
    act = s.pick("{who} [deposit] {m} at {r} simple interest per year.", "{who} [invest] {m} at a simple interest rate of {r} per year.", "{who} [put] {m} in a bank that pays {r} simple interest a year.",
                 "{who} [borrow] {m} at {r} simple interest a year.", "{who} [take] a loan of {m} at {r} simple interest per year.")  # fmt: skip
    t.say(act, **w)
    yearly = s.step(money * r / 100)
    years = s.number(2, 10)
    w["y"] = years
    gained = s.step(yearly * years)
    finite(s, gained)
    if s.rng.random() < 0.5:
        t.ask("how much interest is that after {y} years?", "how much interest is there after {y} years?", "what is the interest after {y} years?", "find the interest for {y} years.", "how much interest in {y} years?", answer=gained, **w)
    else:
        t.ask("what is the total amount after {y} years?", "{how_much} is it in total after {y} years?", "what is the amount with interest after {y} years?", "find the total after {y} years with interest.", answer=s.step(money + gained), **w)


def more_percent(s: Story) -> None:
    """A quantity that grows or shrinks by a percentage."""
    t = Teller(s)
    n, p = s.number(20, 2000, s.rng.choice([5, 10, 20, 50])), rate(s)
    up = s.rng.random() < 0.5
    w: dict[str, object] = {"n": n, "p": percent(s, p)}
    extra = s.step(n * p / 100)
    s.whole(extra)
    answer = s.step(n + extra if up else n - extra)
    subject, unit = s.rng.choice([("a town", "people"), ("a club", "members"), ("a herd", "cows"), ("a school", "students"), ("a shop", "customers a day"), ("a website", "visitors"), ("a factory", "workers"), ("a forest", "trees"), ("a channel", "followers"), ("a farm", "hens")])
    w |= {"a": subject, "the": "the " + subject.split()[1], "u": unit, "few": unit.split()[0]}
    if s.rng.random() < 0.6:
        t.say(*(("{a} has {n} {u}. The number grows by {p}.", "{a} had {n} {u}. This year the number increased by {p}.", "last year {a} had {n} {u}; this year there are {p} more.") if up else
                ("{a} has {n} {u}. The number falls by {p}.", "{a} had {n} {u}. This year the number decreased by {p}.", "last year {a} had {n} {u}; this year there are {p} fewer.", "{a} has {n} {u} and loses {p} of them.")), **w)  # fmt: skip
        t.ask("how many {few} are there now?", "how many {few} does {the} have now?", "what is the new number of {few}?", "how many {few} are there after the change?", answer=answer, **w)
    else:
        s.require(not up)
        thing = s.rng.choice(CHEAP)[1]
        w["x"] = thing
        t.say("{who} [have] {n} {x} and [sell] {p} of them.", "{who} [have] {n} {x} and [give] away {p} of them.", "{who} [have] {n} {x}. {he} [use] {p} of them.", "there were {n} {x} and {p} were sold.", **w)
        t.ask("how many {x} are left?", "how many are left?", "how many {x} remain?", "how many {x} [do] {he} have left?".replace("{he}", "{who}") if False else "how many {x} are still there?", answer=answer, **w)


SCENES: dict[str, tuple[float, Scene]] = {
    "plain_percent": (2, plain),
    "discount": (2.5, discount),
    "share_percent": (1.5, share),
    "what_percent": (1.5, what_percent),
    "whole_from_part": (1, whole_from_part),
    "interest": (0.8, interest),
    "more_percent": (1.2, more_percent),
}
