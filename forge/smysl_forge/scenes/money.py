"""Buying: price times quantity, totals, change, what one can afford, unit prices, what is dearer and by how much.

Knows how people tell of shopping; earning and saving are in `purse`, rates in `rates`.
"""

from __future__ import annotations

from smysl_forge.scenes import plans, purse
from smysl_forge.scenes.goods import CHEAP, DEAR, LENGTHS, MID, POURED, SHOPS, WEIGHED, different
from smysl_forge.scenes.teller import Teller, an, figures, finite
from smysl_forge.story import Scene, Story


def _good(s: Story) -> tuple[str, str, int, int]:
    """Singular, plural, lowest and highest sensible price."""
    pool, low, high = s.rng.choice(((CHEAP, 1, 9), (CHEAP, 1, 9), (MID, 4, 60), (DEAR, 50, 900)))
    one, many = s.rng.choice(pool)
    return one, many, low, high


def price_times(s: Story) -> None:
    t = Teller(s)
    one, many, low, high = _good(s)
    n, p = s.number(2, 30), t.price(low, high)
    w = {"n": n, "p": t.money(p), "one": one, "many": many, "an": an(one), "shop": s.rng.choice(SHOPS)}
    total = s.step(n * p)
    style = s.rng.randrange(6)
    if style == 0:
        t.say("{an} costs {p}.", "one {one} costs {p}.", "the price of {an} is {p}.",
              "{many} cost {p} each.", "{many} are {p} each at the {shop}.", "A {shop} sells {many} for {p} each.", **w)  # fmt: skip
        t.ask("{how_much} do {n} {many} cost?", "what is the cost of {n} {many}?", "how much for {n} {many}?",
              "what do {n} {many} cost?", "find the cost of {n} {many}.", "calculate the price of {n} {many}.",
              "{how_much} will {n} {many} cost?", "what would {n} {many} cost altogether?",
              "{how_much} [do] {who} pay for {n} {many}?", "how much must {who} pay for {n} of them?",
              "work out the total price of {n} {many}.", "what is the price of {n} such {many}?", answer=total, **w)  # fmt: skip
    elif style == 1:
        t.say("{who} [buy] {n} {many} at {p} each.", "{who} [buy] {n} {many} for {p} each.",
              "{who} [go] to the {shop} and [buy] {n} {many}. Each {one} costs {p}.",
              "{who} [buy] {n} {many} that cost {p} each.", "{who} [get] {n} {many} at the {shop}, {p} apiece.",
              "{who} [order] {n} {many}. Each costs {p}.",
              "{who} [need] {n} {many}, and they cost {p} each.",
              "at the {shop}, {who} [pick] up {n} {many} with a price of {p} per {one}.", **w)  # fmt: skip
        t.ask("{how_much} [do] {he} spend?", "{how_much} [do] {he} pay?", "{how_much} [do] {he} spend in total?",
              "{how_much} [do] {he} pay altogether?", "what is the total cost?", "what is the total?",
              "how much is that in total?", "how much did everything cost?", "find the total cost.",
              "calculate the total price.", "what [do] {he} pay in all?", "how much is the bill?",
              "{how_much} [do] {he} have to pay?", "{how_much} [do] {he} need?", answer=total, **w)  # fmt: skip
    elif style == 2:
        t.ask("if {an} costs {p}, how much do {n} {many} cost?", "if one {one} costs {p}, what is the price of {n} {many}?",
              "if {an} is {p}, what is the price of {n}?", "if {many} cost {p} each, how much will {who} pay for {n}?",
              "how much do {n} {many} cost at {p} each?", "what is the cost of {n} {many} at {p} each?",
              "what do {n} {many} cost if {an} costs {p}?", "{n} {many}, {p} each, how much in total?",
              "{n} {many} at {p} each cost how much?",
              "how much will {who} spend on {n} {many} if each {one} costs {p}?", "price of {n} {many} at {p} apiece?",
              "{an} costs {p}, what do {n} {many} cost?", "find the cost of {n} {many} if the price of {an} is {p}.",
              "calculate how much {n} {many} cost when {an} costs {p}.", answer=total, **w)  # fmt: skip
    elif style == 3:
        t.say("{an} costs {p}. {who} [want] to buy {n}.", "{many} cost {p} each and {who} [want] {n} of them.",
              "each {one} in the {shop} costs {p}, and {who} [take] {n}.", "{who} [see] {many} for {p} each and [buy] {n}.", **w)  # fmt: skip
        t.ask("{how_much} [do] {he} need?", "{how_much} [do] {he} need altogether?", "what is the total price?",
              "how much will it cost?", "how much is that?", "{how_much} [do] {he} have to pay in total?", answer=total, **w)  # fmt: skip
    elif style == 4:
        t.say("a {shop} sells {n} {many} at {p} each.", "a {shop} sold {n} {many} for {p} each.",
              "{who} [sell] {n} {many} for {p} each.", "{who} [sell] {n} {many} at {p} apiece.", **w)  # fmt: skip
        t.ask("how much money is taken in?", "what is the total income?", "{how_much} was earned from the sale?",
              "how much money was made in total?", "how much do the sales bring in?", "what is the revenue?", answer=total, **w)  # fmt: skip
    else:
        t.say("{n} {many}. {p} each.", "{n} {many}, {p} each.", "bought {n} {many}, {p} each.", "{n} {many} for {p} each.", **w)
        t.ask("total?", "how much?", "total cost?", "how much altogether?", "how much in total?", "what's the total?", answer=total, **w)


def weighed(s: Story) -> None:
    t = Teller(s)
    stuff, units = s.rng.choice(
        [(WEIGHED, ("kg", "kilogram", "kilograms")), (POURED, ("litre", "litre", "litres")),
         (LENGTHS, ("metre", "metre", "metres")), (WEIGHED, ("pound", "pound", "pounds")), (POURED, ("gallon", "gallon", "gallons"))]
    )  # fmt: skip
    short, unit, units_ = units
    p = t.price(2, 20)
    n = s.number(2, 15) if s.rng.random() < 0.6 else s.price(1.5, 9.5, 0.5)
    s.require(n.value != 1)
    amount = f"{figures(s, n)} {s.rng.choice([short if short == 'kg' else units_, units_])}"
    w = {"a": amount, "p": t.money(p), "stuff": s.rng.choice(stuff), "u": unit, "short": short}
    total = s.step(n * p)
    finite(s, total, places=3)
    if s.rng.random() < 0.5:
        t.say("{stuff}: {p} per {short}.", "{stuff} can be bought at {p} per {u}.", "a {u} of {stuff} costs {p}.",
              "the price of a {u} of {stuff} is {p}.", "{who} [buy] {stuff} at {p} per {u}.", **w)  # fmt: skip
        t.ask("how much do {a} cost?", "{how_much} do {a} of {stuff} cost?", "what is the price of {a}?", "what do {a} cost?",
              "find the cost of {a} of {stuff}.", "how much will {who} pay for {a}?", answer=total, **w)  # fmt: skip
    else:
        t.say("{who} [buy] {a} of {stuff} at {p} per {u}.", "{who} [buy] {a} of {stuff}. Each {u} costs {p}.",
              "{who} [need] {a} of {stuff}, which sells for {p} a {u}.", "{a} of {stuff}, {p} per {short}.", **w)  # fmt: skip
        t.ask("{how_much} [do] {he} pay?", "how much is it?", "what is the total cost?", "{how_much} [do] {he} spend?",
              "how much will that cost?", answer=total, **w)  # fmt: skip


def two_goods(s: Story) -> None:
    t = Teller(s)
    pool, low, high = s.rng.choice(((CHEAP, 1, 9), (MID, 4, 60)))
    (o1, m1), (o2, m2) = different(s.rng, pool, 2)
    a, p, b, q = s.number(2, 12), t.price(low, high), s.number(2, 12), t.price(low, high)
    w = {"a": a, "p": t.money(p), "b": b, "q": t.money(q), "o1": o1, "m1": m1, "o2": o2, "m2": m2,
         "an1": an(o1), "an2": an(o2), "shop": s.rng.choice(SHOPS)}  # fmt: skip
    first, second = s.step(a * p), s.step(b * q)
    total = s.step(first + second)
    t.say("{who} [buy] {a} {m1} at {p} each and {b} {m2} at {q} each.",
          "{who} [buy] {a} {m1} for {p} each and {b} {m2} for {q} each.",
          "{an1} costs {p} and {an2} costs {q}. {who} [buy] {a} {m1} and {b} {m2}.",
          "at the {shop} {m1} cost {p} each and {m2} cost {q} each. {who} [get] {a} {m1} and {b} {m2}.",
          "{who} [go] to the {shop}. {he} [buy] {a} {m1}, each costing {p}, and {b} {m2}, each costing {q}.",
          "{who} [want] {a} {m1} and {b} {m2}. {an1} is {p} and {an2} is {q}.",
          "{who} [order] {a} {m1} ({p} each) and {b} {m2} ({q} each).",
          "{a} {m1} at {p} each, {b} {m2} at {q} each.", **w)  # fmt: skip
    kind = s.rng.random()
    if kind < 0.72:
        t.ask("{how_much} [do] {he} spend in total?", "{how_much} [do] {he} spend?", "{how_much} [do] {he} pay altogether?",
              "what is the total cost?", "how much is everything together?", "what is the total bill?", "how much in all?",
              "{how_much} [do] {he} need to pay?", "find the total cost.", "calculate how much {he} [pay] altogether.",
              "how much does it all cost?", answer=total, **w)  # fmt: skip
        return
    note = s.quantity(next((x for x in (10, 20, 50, 100, 200, 500, 1000, 2000) if x > total.value), 5000))
    left = s.step(note - total)
    finite(s, left)
    w["note"] = t.money(note)
    if s.rng.random() < 0.5:
        t.say("{he} [pay] with {note}.", "{he} [give] the cashier {note}.", "{he} [hand] over {note}.", **w)
        t.ask("how much change [do] {he} get?", "what is the change?", "how much change is given back?",
              "how much change should {he} receive?", "what change [do] {he} get?", answer=left, **w)  # fmt: skip
    else:
        t.say("{he} [have] {note} with {him}." if t.hero.third and t.hero.he != t.hero.him else "{he} [have] {note}.",
              "{he} [have] {note} before shopping.", "{he} [start] with {note}.", **w)  # fmt: skip
        t.ask("{how_much} [do] {he} have left?", "how much money is left?", "what is left?",
              "how much money remains?", answer=left, **w)  # fmt: skip


def basket(s: Story) -> None:
    t = Teller(s)
    pool, low, high = s.rng.choice(((CHEAP, 1, 9), (MID, 4, 60), (DEAR, 60, 900)))
    goods = different(s.rng, pool, 4)
    k = s.rng.choice([2, 2, 3, 3, 4])
    prices = [t.price(low, high) for _ in range(k)]
    w: dict[str, object] = {"shop": s.rng.choice(SHOPS)}
    w |= {f"g{i}": an(goods[i][0]) for i in range(k)} | {f"t{i}": goods[i][0] for i in range(k)}
    w |= {f"p{i}": t.money(prices[i]) for i in range(k)}
    parts = s.rng.choice(["{g%d} for {p%d}", "{g%d} for {p%d}", "{g%d} that [c] {p%d}", "{g%d} ({p%d})", "{g%d} at {p%d}"])
    parts = parts.replace("[c]", "cost" if t.past else "costs")
    listing = _join([parts % (i, i) for i in range(k)])
    costing = _join([f"{{g{i}}} costs {{p{i}}}" for i in range(k)])
    total = s.step(prices[0] + prices[1])
    for p in prices[2:]:
        total = s.step(total + p)
    after = s.rng.choice(["sum", "sum", "left", "change", "split"])
    t.say("{who} [buy] " + listing + ".", "{who} [buy] " + listing + " at the {shop}.", costing + ". {who} [buy] all of them.",
          "at the {shop}, {who} [pay] " + _join([f"{{p{i}}} for {{g{i}}}" for i in range(k)]) + ".",
          "{who} [spend] " + _join([f"{{p{i}}} on {{g{i}}}" for i in range(k)]) + ".",
          "{who} [go] shopping and [get] " + listing + ".", **w)  # fmt: skip
    if after == "sum":
        t.ask("{how_much} [do] {he} spend in total?", "{how_much} [do] {he} spend?", "{how_much} [do] {he} spend altogether?",
              "what is the total cost?", "how much did it all cost?", "find the total.", "what is the sum {he} [pay]?",
              "how much does everything cost?", answer=total, **w)  # fmt: skip
    elif after == "split":
        n = s.number(2, 6)
        share = s.step(total / n)
        finite(s, share)
        t.say("{n} friends split the cost equally.", "the cost is shared equally by {n} people.",
              "it was paid for by {n} friends in equal parts.", n=n)  # fmt: skip
        t.ask("{how_much} does each pay?", "{how_much} does each person pay?", "what is each share?", answer=share, **w)
    else:
        note = s.quantity(next((x for x in (5, 10, 20, 50, 100, 200, 500, 1000, 2000) if x > total.value), 5000))
        left = s.step(note - total)
        finite(s, left)
        w["note"] = t.money(note)
        if after == "change":
            t.say("{he} [pay] with {note}.", "{he} [give] {note}.", "{he} [pay] with a {note} note." if t.currency.many[0] in "$€£" else "{he} [pay] with {note}.", **w)  # fmt: skip
            t.ask("how much change [do] {he} get?", "how much change does the cashier give back?", "what is the change?",
                  "how much change should {he} get?", answer=left, **w)  # fmt: skip
        else:
            t.say("{he} had {note} at first.", "{he} started with {note}.", "{he} had {note} to begin with.", **w)
            t.ask("{how_much} [do] {he} have left?", "how much is left?", "how much money is left over?", answer=left, **w)


def _join(parts: list[str]) -> str:
    return parts[0] if len(parts) == 1 else ", ".join(parts[:-1]) + " and " + parts[-1]


def change(s: Story) -> None:
    t = Teller(s)
    one, many, low, high = _good(s)
    p = t.price(low, high)
    several = s.rng.random() < 0.55
    cost = p
    w: dict[str, object] = {"p": t.money(p), "one": one, "many": many, "an": an(one), "shop": s.rng.choice(SHOPS)}
    if several:
        n = s.number(2, 9)
        w["n"] = n
        cost = s.step(n * p)
    notes = [x for x in (5, 10, 20, 50, 100, 200, 500, 1000, 2000, 5000, 10000) if x > cost.value][:3]
    note = s.quantity(s.rng.choice(notes)) if s.rng.random() < 0.7 else s.quantity(int(cost.value) + s.rng.randint(1, 60))
    left = s.step(note - cost)
    finite(s, left)
    w["note"] = t.money(note)
    bought = "{n} {many} for {p} each" if several else "{an} for {p}"
    paying = s.rng.random() < 0.5
    if paying:
        t.say("{who} [buy] " + bought + " and [pay] with {note}.", "{who} [buy] " + bought + ". {he} [give] the cashier {note}.",
              "{who} [pay] {note} for " + ("{n} {many} that cost {p} each." if several else "{an} that costs {p}."),
              "{who} [hand] over {note} to buy " + bought + ".", "{who} [get] " + bought + " at the {shop}, and [pay] with {note}.", **w)  # fmt: skip
        t.ask("how much change [do] {he} get?", "how much change [do] {he} get back?", "what is {his} change?",
              "how much change should {he} get?", "what change will {he} receive?", "find the change.", "how much change?",
              "{how_much} [do] {he} get back?", "how much change is due?", answer=left, **w)  # fmt: skip
    else:
        t.say("{who} [have] {note}. {he} [buy] " + bought + ".", "{who} [have] {note} and [spend] " +
              ("it on {n} {many} at {p} each." if several else "{p} on {an}."), "{who} [have] {note}. {he} [buy] " + bought + " at the {shop}.",
              "with {note} in {his} pocket, {who} [buy] " + bought + ".", "{who} [take] {note} to the {shop} and [buy] " + bought + ".",
              "{who} [start] with {note} and [buy] " + bought + ".", **w)  # fmt: skip
        t.ask("{how_much} [do] {he} have left?", "{how_much} is left?", "how much money [do] {he} have now?",
              "{how_much} remains?", "how much money will {he} have left?", "what is left?", "how much left?",
              "how much money [do] {he} still have?", "find out {how_much} is left.", answer=left, **w)  # fmt: skip


def afford(s: Story) -> None:
    t = Teller(s)
    one, many, low, high = _good(s)
    p = t.price(low, high)
    s.require(p > 0)
    kind = s.rng.choice(["exact", "floor", "rest"])
    n = s.rng.randint(2, 20)
    budget = s.quantity(p.value * n if kind == "exact" else int(p.value * n) + s.rng.randint(1, max(1, int(p.value))))
    w = {"p": t.money(p), "b": t.money(budget), "one": one, "many": many, "an": an(one), "shop": s.rng.choice(SHOPS)}
    s.require(p.value != 0 and (kind == "exact" or budget.value % p.value != 0) and budget > p)
    t.say("{who} [have] {b}. {many} cost {p} each.", "{who} [have] {b} and {an} costs {p}.", "{an} costs {p}. {who} [have] {b}.",
          "{who} [have] {b} to spend on {many}. Each {one} costs {p}.", "{many} are {p} each in the {shop}. {who} [have] {b} to spend.",
          "{who} [want] to buy as many {many} as possible with {b}. Each costs {p}.",
          "a {shop} sells {many} for {p} each, and {who} [bring] {b}.", **w)  # fmt: skip
    if kind == "rest":
        t.ask("{how_much} will be left after {he} [buy] as many {many} as possible?" if not t.past else "how much money was left after {he} bought as many {many} as possible?",
              "if {he} [buy] as many {many} as {he} can, how much money is left over?",
              "how much is left over if {he} [buy] as many as possible?", answer=s.step(budget % p), **w)  # fmt: skip
        return
    got = s.step(budget // p)
    s.require(got.value > 1)
    t.ask("how many {many} can {he} buy?", "how many can {he} buy?", "how many {many} can {he} afford?", "how many {many} can {he} get?",
          "how many {many} will {he} be able to buy?", "what is the largest number of {many} {he} can buy?", "at most how many {many} can {he} buy?",
          "find how many {many} {he} can buy.", "how many {many} can be bought with this money?", answer=got, **w)  # fmt: skip


def unit_price(s: Story) -> None:
    t = Teller(s)
    one, many, low, high = _good(s)
    n = s.number(2, 24)
    each = t.price(low, high)
    s.given.pop()  # the price of one is what is asked for, not given
    total = s.quantity(each.value * n.value)
    w: dict[str, object] = {"n": n, "T": t.money(total), "one": one, "many": many, "an": an(one), "shop": s.rng.choice(SHOPS)}
    price = s.step(total / n)
    t.say("{n} {many} cost {T}.", "{who} [buy] {n} {many} for {T}.", "{who} [pay] {T} for {n} {many}.", "a pack of {n} {many} costs {T}.",
          "{n} {many} cost {T} at the {shop}.", "{who} [spend] {T} on {n} {many}.", "{T} buys {n} {many}.",
          "the price of {n} identical {many} is {T}.", "{who} [sell] {n} {many} for {T}, all at the same price.",
          "{who} [pay] {T} in total for {n} {many} of the same price.", **w)  # fmt: skip
    roll = s.rng.random()
    if roll < 0.55:
        t.ask("how much does each {one} cost?", "what is the price of one {one}?", "how much is each {one}?",
              "what does {an} cost?", "what is the cost of each {one}?", "{how_much} does {an} cost?", "find the price of {an}.",
              "how much for each?", "what is the price per {one}?", "how much is a single {one}?", answer=price, **w)  # fmt: skip
        return
    m = s.number(2, 30)
    s.require(m.value != n.value)
    w["m"] = m
    many_cost = s.step(price * m)
    t.ask("how much do {m} {many} cost?", "how much would {m} {many} cost?", "what is the price of {m} {many}?", "at this price, what do {m} {many} cost?",
          "how much will {m} such {many} cost?", "{how_much} do {m} of them cost?", "how much for {m} {many}?",
          "find the cost of {m} {many} at the same rate.", answer=many_cost, **w)  # fmt: skip


def dearer(s: Story) -> None:
    t = Teller(s)
    pool, low, high = s.rng.choice(((CHEAP, 1, 9), (MID, 4, 60), (DEAR, 60, 900)))
    (o1, m1), (o2, m2) = different(s.rng, pool, 2)
    p, q = t.price(low, high), t.price(low, high)
    s.require(p.value != q.value)
    w: dict[str, object] = {"p": t.money(p), "q": t.money(q), "o1": o1, "o2": o2, "m1": m1, "m2": m2, "a1": an(o1), "a2": an(o2)}
    kind = s.rng.choice(["difference", "relative", "total", "missing"])
    if kind == "difference":
        sided = s.rng.random() < 0.6
        # without a side named, only the sizes tell which is dearer, and a model of slots does not see sizes
        d = s.step((p - q if p > q else q - p) if sided else s.function("max", p, q) - s.function("min", p, q))
        t.say("{a1} costs {p} and {a2} costs {q}.", "the price of {a1} is {p}. The price of {a2} is {q}.",
              "{who} [pay] {p} for {a1} and {q} for {a2}.", "a {o1} is sold at {p}, a {o2} at {q}." if o1[0] not in "aeiou" and o2[0] not in "aeiou" else "{a1} is sold at {p}, {a2} at {q}.", **w)  # fmt: skip
        x, y = ("{o1}", "{o2}") if p > q else ("{o2}", "{o1}")
        if sided:
            t.ask(f"how much more does the {x} cost than the {y}?", f"how much cheaper is the {y} than the {x}?",
                  f"by how much is the {x} more expensive than the {y}?", f"how much more expensive is the {x}?",
                  f"how much less does the {y} cost?", f"how much would {{who}} save by buying the {y} instead of the {x}?", answer=d, **w)  # fmt: skip
        else:
            t.ask("what is the difference in price?", "find the difference between the two prices.", "by how much do the prices differ?",
                  "what is the price difference?", "how far apart are the prices?", answer=d, **w)  # fmt: skip
        return
    more = s.rng.random() < 0.5
    s.require(more or p > q)
    if kind == "missing":
        s.require(p > q)
        t.say("{a1} and {a2} cost {p} together. The {o1} costs {q}.", "together, {a1} and {a2} cost {p}. The {o1} alone costs {q}.",
              "{who} [pay] {p} for {a1} and {a2}. The {o1} [cost] {q}." if t.hero.third or t.past else "{who} [pay] {p} for {a1} and {a2}. The {o1} costs {q}.", **w)  # fmt: skip
        t.ask("how much does the {o2} cost?", "what is the price of the {o2}?", "how much is the {o2}?", "find the price of the {o2}.", answer=s.step(p - q), **w)
        return
    word = "more" if more else "less"
    second = s.step(p + q if more else p - q)
    t.say(f"{{a1}} costs {{p}}. {{a2}} costs {{q}} {word} than the {{o1}}.", f"{{a1}} costs {{p}} and {{a2}} costs {{q}} {word}.",
          f"the {{o1}} is {{p}}. The {{o2}} costs {{q}} {word} than the {{o1}}.",
          "{a1} is {p}, and {a2} is {q} " + ("more expensive." if more else "cheaper."), **w)  # fmt: skip
    if kind == "relative":
        t.ask("how much does the {o2} cost?", "what is the price of the {o2}?", "how much is the {o2}?", "find the price of the {o2}.", answer=second, **w)
    else:
        t.ask("how much do they cost together?", "how much do both cost together?", "what is the cost of both?", "{how_much} [do] {who} pay for both?",
              "what is the total price of the {o1} and the {o2}?", "how much for both together?", answer=s.step(p + second), **w)  # fmt: skip


SCENES: dict[str, tuple[float, Scene]] = {
    "price_times": (3, price_times),
    "weighed": (1.2, weighed),
    "two_goods": (2, two_goods),
    "basket": (2, basket),
    "change": (2, change),
    "afford": (1.5, afford),
    "unit_price": (1.5, unit_price),
    "dearer": (1.5, dearer),
    **plans.SCENES,
    **purse.SCENES,
}
"""All scenes about money."""
