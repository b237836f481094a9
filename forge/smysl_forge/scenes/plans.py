"""Money in agreements: tickets, subscriptions, rent and hire, instalments, debts, exchange, coins, collections, packs.

Knows how people tell of paying over time or in a group; wages and savings are in `purse`.
"""

from __future__ import annotations

from fractions import Fraction

from smysl_forge.scenes.goods import CHEAP, DEAR, MID
from smysl_forge.scenes.teller import Teller, an, figures
from smysl_forge.story import Scene, Story

VENUES = ("zoo", "cinema", "museum", "circus", "theatre", "aquarium", "concert", "swimming pool", "amusement park", "castle", "football match", "funfair", "ferry", "boat trip", "planetarium", "water park", "ice rink", "botanical garden")
CLUBS = ("a flat", "an office", "a garage", "a gym", "a phone plan", "a streaming service", "a magazine", "an internet connection", "a music app", "a swimming club", "a chess club", "a newspaper", "a parking space", "a library card", "a football club", "a storage room", "a game server", "a cloud account", "a meal plan")
HIRED = ("a bike", "a boat", "a car", "a tent", "a kayak", "a hall", "a scooter", "a pair of skis", "a drill", "a canoe", "a tennis court", "a van", "a projector", "a room", "a table tennis table", "a surfboard")
TOTAL = ("{how_much} [do] {he} pay in total?", "what is the total cost?", "{how_much} [do] {he} pay?", "how much is it altogether?", "{how_much} [do] {he} pay altogether?", "find the total cost.", "{how_much} does it cost in total?")


def tickets(s: Story) -> None:
    t = Teller(s)
    a, c, p, q = s.number(2, 9), s.number(2, 30), t.price(4, 40), t.price(2, 20)
    s.require(q < p)
    one, two, ones, twos = s.rng.choice([("adult", "child", "adults", "children"), ("adult", "student", "adults", "students"), ("adult", "senior", "adults", "seniors"), ("teacher", "pupil", "teachers", "pupils")])
    w: dict[str, object] = {"a": a, "c": c, "p": t.money(p), "q": t.money(q), "one": one, "two": two, "ones": ones, "twos": twos, "venue": s.rng.choice(VENUES)}
    x, y = s.step(a * p), s.step(c * q)
    total = s.step(x + y)
    t.say("tickets for the {venue} cost {p} per {one} and {q} per {two}. A group of {a} {ones} and {c} {twos} goes there.", "an {one} ticket costs {p} and a {two} ticket costs {q}. {a} {ones} and {c} {twos} visit the {venue}." if one == "adult" else "a {one} ticket costs {p} and a {two} ticket costs {q}. {a} {ones} and {c} {twos} visit the {venue}.",
          "at the {venue}, {ones} pay {p} and {twos} pay {q}. There are {a} {ones} and {c} {twos} in the group.", "{a} {ones} and {c} {twos} go to the {venue}. {ones} pay {p} each and {twos} pay {q} each.", "the {venue} sold {a} {one} tickets at {p} each and {c} {two} tickets at {q} each.", **w)  # fmt: skip
    t.ask("how much do they pay in total?" if "sold" not in s.sentences[0] else "how much money was taken in?", "what is the total cost of the tickets?" if "sold" not in s.sentences[0] else "what is the total income?", "how much is it altogether?", "how much money is that in total?", "find the total.", "what is the total?", answer=total, **w)


def subscription(s: Story) -> None:
    t = Teller(s, tense="present")
    term = s.rng.choice(["month", "month", "month", "week", "year"])
    fee, n = t.price(3, 70), s.number(2, 24)
    w: dict[str, object] = {"f": t.money(fee), "n": n, "club": s.rng.choice(CLUBS), "term": term}
    if s.rng.random() < 0.45:
        join = t.price(5, 120)
        w["j"] = t.money(join)
        t.say("{club} costs {j} to join and {f} per {term}.", "{club} has a joining fee of {j} and costs {f} a {term}.", "{who} [pay] {j} once and {f} every {term} for {club}.", "for {club} {who} [pay] a setup fee of {j} plus {f} a {term}.", **w)
        total = s.step(join + s.step(fee * n))
    elif s.rng.random() < 0.3 and term == "month":
        s.given.pop()
        t.say("{club} costs {f} a month.", "{who} [pay] {f} a month for {club}.", "the price of {club} is {f} per month.", **w)
        t.ask("how much is that per year?", "{how_much} does it cost for a year?", "how much is that in a year?", "what is the yearly cost?", answer=s.step(fee * 12), **w)
        return
    else:
        t.say("{club} costs {f} a {term}.", "{who} [pay] {f} per {term} for {club}.", "{who} [have] {club} that costs {f} every {term}.", "{who} [subscribe] to {club} for {f} a {term}." if "magazine" in str(w["club"]) or "service" in str(w["club"]) else "{club}: {f} per {term}.", **w)
        total = s.step(fee * n)
    t.ask("{how_much} is that for {n} {term}s?", "how much does it cost for {n} {term}s?", "{how_much} will {who} pay for {n} {term}s?", "what is the total cost for {n} {term}s?", "what is the cost over {n} {term}s?", "how much after {n} {term}s?", "how much in {n} {term}s?", answer=total, **w)


def hire(s: Story) -> None:
    t = Teller(s)
    base, per, n = t.price(3, 60), t.price(2, 30), s.number(2, 12)
    term = s.rng.choice(["hour", "hour", "day"])
    thing = s.rng.choice(HIRED)
    w: dict[str, object] = {"b": t.money(base), "r": t.money(per), "n": n, "thing": thing, "term": term, "art": "an" if term == "hour" else "a"}
    if s.rng.random() < 0.35:
        s.given.pop(0)
        for i, g in enumerate(s.given):
            g.expression = f"g{i}"
        w |= {"r": t.money(per), "n": s.render(n)}
        t.say("{who} [hire] {thing} for {n} {term}s at {r} per {term}.", "it costs {r} per {term} to rent {thing}. {who} [rent] it for {n} {term}s.", "{who} [rent] {thing} for {n} {term}s. The price is {r} {art} {term}.", **w)
        t.ask(*TOTAL, answer=s.step(per * n), **w)
        return
    if s.rng.random() < 0.3:
        t.say("a taxi costs {b} plus {r} per km. {who} [go] {n} km.", "a taxi ride has a fixed charge of {b} and then {r} per mile. {who} [ride] {n} miles.", "the taxi fare is {b} plus {r} for each kilometre. {who} [travel] {n} kilometres.", "a plumber charges {b} for the visit and {r} per hour. {he} [work] {n} hours.".replace("{he} [work]", "The job takes"), **w)
        t.ask("{how_much} does it cost in total?", "what is the total cost?", "how much is the bill?", "how much must be paid?", "how much is the total charge?", answer=s.step(base + s.step(per * n)), **w)
        return
    t.say("it costs {b} plus {r} per {term} to rent {thing}. {who} [rent] it for {n} {term}s.", "{who} [rent] {thing} for {n} {term}s. There is a fee of {b} and then {r} per {term}.", "to hire {thing} one pays {b} and {r} for every {term}. {who} [keep] it for {n} {term}s.".replace("one pays", "you pay"), **w)
    t.ask(*TOTAL, answer=s.step(base + s.step(per * n)), **w)


def instalments(s: Story) -> None:
    t = Teller(s)
    thing = s.rng.choice(DEAR)[0]
    n = s.rng.randint(2, 24)
    part, down = s.rng.randint(5, 150), s.rng.randint(10, 400)
    kind = s.rng.choice(["each", "each", "total", "months", "debt", "debt_months"])
    w: dict[str, object] = {"an": an(thing), "thing": thing}
    if kind == "each":
        price, d, m = s.quantity(down + part * n), s.quantity(down), s.quantity(n)
        w |= {"p": t.money(price), "d": t.money(d), "m": m}
        t.say("{who} [buy] {an} for {p}. {he} [pay] {d} at once and the rest in {m} equal monthly payments.", "{an} costs {p}. {who} [pay] {d} now and the rest in {m} equal parts.", "{who} [make] a down payment of {d} on {an} that costs {p}. The rest is paid in {m} equal instalments.", **w)
        t.ask("how much is each payment?", "{how_much} is one payment?".replace("one", "each"), "how much [do] {he} pay each time?", "what is the size of each payment?", answer=s.step(s.step(price - d) / m), **w)
    elif kind == "total":
        d, p, m = s.quantity(down), s.quantity(part), s.quantity(n)
        w |= {"p": t.money(p), "d": t.money(d), "m": m}
        t.say("{who} [buy] {an}. {he} [pay] {d} at once and then {p} a month for {m} months.", "{who} [pay] {d} down for {an} and {p} per month for {m} months.", "for {an} {who} [pay] {d} first and then {m} payments of {p}.", **w)
        t.ask("{how_much} [do] {he} pay in total?", "what is the total price?", "how much does the {thing} cost altogether?", answer=s.step(d + s.step(p * m)), **w)
    elif kind == "months":
        price, d, p = s.quantity(down + part * n), s.quantity(down), s.quantity(part)
        w |= {"p": t.money(price), "d": t.money(d), "x": t.money(p)}
        t.say("{an} costs {p}. {who} [pay] {d} now and then {x} a month.", "{who} [buy] {an} for {p}, with {d} down and {x} each month.", **w)
        t.ask("how many months [do] {he} have to pay?", "for how many months must {he} pay?", "how many monthly payments are there?", "how many months until it is paid off?", answer=s.step(s.function("ceil", s.step(price - d) / p)), **w)
    elif kind == "debt":
        loan, p, m = s.quantity(part * n + s.rng.randint(5, 500)), s.quantity(part), s.quantity(n)
        w |= {"l": t.money(loan), "p": t.money(p), "m": m}
        t.say("{who} [owe] {l} and [pay] back {p} a month for {m} months.", "{who} [borrow] {l}. {he} [pay] back {p} each month for {m} months.", "{who} [have] a debt of {l} and [pay] off {p} every month for {m} months.", **w)
        t.ask("{how_much} [do] {he} still owe?", "how much of the debt is left?", "how much is left to pay?", "how much more must {he} pay back?", answer=s.step(loan - s.step(p * m)), **w)
    else:
        loan, p = s.quantity(part * n), s.quantity(part)
        w |= {"l": t.money(loan), "p": t.money(p)}
        t.say("{who} [borrow] {l} and [pay] back {p} a week.", "{who} [owe] {l} and [pay] {p} every week.", "{who} [have] a debt of {l}. {he} [pay] back {p} per week.", **w)
        t.ask("how many weeks will it take to pay it back?", "after how many weeks is the debt paid?", "how many weeks [do] {he} need to pay it all back?", answer=s.step(s.function("ceil", loan / p)), **w)


def account(s: Story) -> None:
    """A balance that goes up and down."""
    t = Teller(s)
    balance = s.number(20, 900)
    events = s.rng.sample(["in", "out", "in2", "out2", "out3", "in3"], s.rng.choice([1, 2, 2, 3, 3]))
    w: dict[str, object] = {"b": t.money(balance)}
    t.say("{who} [have] {b} in the bank.", "{who} [have] {b}.", "{who} [have] {b} in a savings account.", "{who} [start] the week with {b}.", "{who} [find] {b} in a purse.", **w)
    forms = {
        "in": ("{he} [deposit] {x}.", "{he} [put] in {x}.", "{he} [get] {x} for a birthday.", "{he} [earn] {x}."), "in2": ("then {he} [receive] {x} from a friend.", "{he} [get] {x} from grandma.", "{he} [sell] an old toy for {x}."),
        "in3": ("a neighbour gave {him} {x} for help.", "{he} [find] {x} in an old coat.", "{he} [win] {x}."), "out": ("{he} [withdraw] {x}.", "{he} [spend] {x} on food.", "{he} [take] out {x}.", "{he} [pay] {x} for the bus."),
        "out2": ("then {he} [pay] a bill of {x}.", "{he} [lend] {x} to a friend.", "{he} [buy] a gift for {x}.", "{he} [give] {x} to {his} mother." if t.hero.his in {"my", "your", "our", "his", "her"} else "{he} [give] {x} to charity."), "out3": ("{he} [lose] {x}.", "after that {he} [spend] {x} at the market.", "{he} [donate] {x}."),
    }  # fmt: skip
    for event in events:
        x = s.number(2, 300)
        t.say(*forms[event], x=t.money(x))
        balance = s.step(balance + x if event.startswith("in") else balance - x)
        s.require(balance > 0)
    t.ask("{how_much} [do] {he} have now?", "{how_much} [do] {he} have in the end?", "how much money is there now?", "what is the balance?", "{how_much} [do] {he} have left?" if events[-1].startswith("out") else "{how_much} [do] {he} have in the end?", "how much is there at the end?", "how much money [do] {he} have then?", answer=balance, **w)


def exchange(s: Story) -> None:
    t = Teller(s)
    a, b = s.rng.sample(["dollars", "euros", "pounds", "rubles", "yen", "rupees", "pesos", "francs", "crowns", "liras"], 2)
    one = {"dollars": "dollar", "euros": "euro", "pounds": "pound", "rubles": "ruble", "rupees": "rupee", "pesos": "peso", "francs": "franc", "crowns": "crown", "liras": "lira", "yen": "yen"}
    rate_, n = s.price(1.05, 4, 0.05) if s.rng.random() < 0.4 else s.number(2, 95), s.number(5, 400, 5)
    s.require(rate_.value != 1)
    w: dict[str, object] = {"r": figures(s, rate_), "n": n, "a": a, "b": b, "x": one[a], "ax": "a"}
    t.say("{ax} {x} is worth {r} {b}.", "for {ax} {x} you get {r} {b}.", "one {x} is {r} {b}.", "the exchange rate is {r} {b} per {x}.", **w)
    if s.rng.random() < 0.6:
        answer = s.step(n * rate_)
        t.ask("how many {b} are {n} {a}?", "how many {b} [do] {who} get for {n} {a}?", "what are {n} {a} worth in {b}?", "how many {b} can {who} get for {n} {a}?", "convert {n} {a} to {b}.", "{n} {a} is how many {b}?", "change {n} {a} into {b}.", answer=answer, **w)
    else:
        s.given.pop()
        total = s.quantity(rate_.value * s.rng.randint(2, 200))
        w["n"] = figures(s, total)
        t.ask("how many {a} are {n} {b}?", "how many {a} [do] {who} get for {n} {b}?", "how many {a} is {n} {b}?", "convert {n} {b} to {a}.", "what are {n} {b} worth in {a}?", answer=s.step(total / rate_), **w)


def coins(s: Story) -> None:
    t = Teller(s)
    kind = s.rng.choice(["notes", "notes", "mixed", "quarters", "cents", "dollars", "count", "cents_price"])
    n = s.number(2, 40)
    w: dict[str, object] = {"n": n}
    if kind in {"notes", "mixed", "count"}:
        v = s.quantity(s.rng.choice([5, 10, 20, 50, 100, 2]))
        word = s.pick("bills", "notes", "banknotes") if v > 4 else "coins"
        w |= {"v": t.money(v), "word": word}
        if kind == "count":
            s.given.clear()
            v = s.quantity(v.value)
            total = s.quantity(v.value * n.value)
            w |= {"v": t.money(v), "T": t.money(total)}
            t.ask("how many {word} of {v} make {T}?", "{who} [have] {T}, all in {word} of {v}, so how many {word} is that?", "how many {word} worth {v} each are needed to pay {T}?", answer=s.step(total / v), **w)
            return
        worth = s.step(n * v)
        if kind == "notes":
            t.say("{who} [have] {n} {word} of {v}.", "{who} [have] {n} {word} worth {v} each.", "in the box there are {n} {word} of {v}.", "{who} [pay] with {n} {word} of {v}.", **w)
        else:
            m, u = s.number(2, 30), s.quantity(s.rng.choice([x for x in (5, 10, 20, 50, 2) if x != v.value]))
            w |= {"m": m, "u": t.money(u), "word2": word if u > 4 else "coins"}
            t.say("{who} [have] {n} {word} of {v} and {m} {word2} of {u}.", "there are {n} {word} worth {v} each and {m} {word2} worth {u} each in the wallet.", **w)
            worth = s.step(worth + s.step(m * u))
        t.ask("how much money is that?", "how much is that in total?", "what is the total value?", "how much is it worth?", "how much money is that altogether?", answer=worth, **w)
    elif kind == "quarters":
        coin, value = s.rng.choice([("quarters", 25), ("dimes", 10), ("nickels", 5)])
        t.ask(f"how many cents are {{n}} {coin}?", f"{{who}} [have] {{n}} {coin}, how many cents is that?", f"how much are {{n}} {coin} worth in cents?", f"{{n}} {coin} are how many cents?", answer=s.step(n * value), **w)
    elif kind == "cents":
        t.ask("how many cents are in {n} dollars?", "how many cents are {n} euros?", "{n} dollars is how many cents?", "how many pence are {n} pounds?", "convert {n} dollars to cents.", answer=s.step(n * 100), **w)
    elif kind == "dollars":
        s.given.clear()
        c = s.number(50, 5000, 50)
        t.ask("how many dollars are {c} cents?", "{c} cents is how many dollars?", "how many euros are {c} cents?", "convert {c} cents to dollars.", answer=s.step(c / 100), c=c)
    else:
        c = s.number(5, 95, 5)
        w |= {"c": c, "x": s.rng.choice(CHEAP)[1]}
        cents = s.step(n * c)
        t.say("{x} cost {c} cents each.", "the {x} are {c} cents each.", **w)
        if s.rng.random() < 0.5:
            t.ask("how many cents do {n} {x} cost?", "what is the price of {n} {x} in cents?", answer=cents, **w)
        else:
            t.ask("how many dollars do {n} {x} cost?", "what is the price of {n} {x} in dollars?", "how much are {n} {x} in dollars?", answer=s.step(cents / 100), **w)


def collection(s: Story) -> None:
    """A group collects money for something."""
    t = Teller(s)
    n, each = s.number(3, 40), t.price(2, 30)
    group, what = s.pick("students", "children", "friends", "neighbours", "members", "players", "parents", "colleagues"), s.pick("a school trip", "a gift", "a charity", "an animal shelter", "new uniforms", "a playground", "a party", "a library")
    w: dict[str, object] = {"n": n, "e": t.money(each), "group": group, "what": what}
    total = s.step(n * each)
    kind = s.rng.choice(["sum", "left", "need", "extra"])
    t.say("{n} {group} each give {e} for {what}.", "{n} {group} collect money for {what}. Each gives {e}.", "each of {n} {group} pays {e} for {what}.", "{n} {group} put in {e} each for {what}.", **w)
    if kind == "sum":
        t.ask("how much money do they collect?", "how much do they collect altogether?", "what is the total?", "how much money is there in total?", "how much is raised?", answer=total, **w)
    elif kind == "left":
        cost = s.number(5, max(6, int(total.value)))
        s.require(cost < total)
        t.say("they spend {c} of it.", "the cost is {c}.", "they use {c}.", c=t.money(cost))
        t.ask("how much money is left?", "how much is left over?", "how much remains?", answer=s.step(total - cost), **w)
    elif kind == "need":
        goal = s.number(int(total.value) + 1, int(total.value) * 2 + 50)
        t.say("they need {c}.", "the goal is {c}.", "the target is {c}.", c=t.money(goal))
        t.ask("how much more do they need?", "how much is missing?", "how much money is still needed?", answer=s.step(goal - total), **w)
    else:
        x = t.price(5, 200)
        t.say("the school adds {c}.", "a sponsor gives another {c}.", "there was already {c} in the box.", c=t.money(x))
        t.ask("how much money is there in total?", "how much do they have altogether?", "how much is it all together?", answer=s.step(total + x), **w)


def packs(s: Story) -> None:
    """Packs of things with a price per pack, and which offer saves how much."""
    t = Teller(s)
    one, many = s.rng.choice(CHEAP)
    size = s.number(2, 24)
    kind = s.rng.choice(["cost", "each_save", "count"])
    w: dict[str, object] = {"k": size, "one": one, "many": many}
    if kind == "cost":
        packs_ = s.rng.randint(2, 12)
        need = s.quantity(int(size) * packs_ - s.rng.randrange(int(size)))
        p = t.price(2, 20)
        w |= {"need": need, "p": t.money(p)}
        t.say("{many} are sold in packs of {k} for {p} per pack. {who} [need] {need} {many}.", "a pack of {k} {many} costs {p}. {who} [need] {need} {many}.", "{who} [need] {need} {many}. They come in boxes of {k} that cost {p} each.", **w)
        t.ask("{how_much} [do] {he} have to spend?", "{how_much} will {he} pay?", "{how_much} [do] {he} pay for them?", "what is the least {he} can spend?", answer=s.step(s.step(s.function("ceil", need / size)) * p), **w)
    elif kind == "each_save":
        p, cheaper = t.price(1, 9), Fraction(s.rng.randint(1, 8))
        s.require(p * size > cheaper)
        whole = s.quantity(p.value * size.value - cheaper)
        w |= {"p": t.money(p), "P": t.money(whole)}
        s.require(whole > 0)
        t.say("{an} costs {p}. A pack of {k} costs {P}.", "{many} cost {p} each, or {P} for a pack of {k}.", an=an(one), **w)
        t.ask("{how_much} [do] {who} save by buying a pack?", "how much is saved with the pack?", "how much cheaper is the pack than buying them separately?", "{how_much} can {who} save with a pack?", answer=s.step(s.step(p * size) - whole), **w)
    else:
        p = t.price(2, 15)
        m = s.number(2, 9)
        w |= {"p": t.money(p), "m": m}
        t.say("a pack of {k} {many} costs {p}. {who} [buy] {m} packs.", "{who} [buy] {m} packs of {k} {many} for {p} per pack.", **w)
        if s.rng.random() < 0.5:
            t.ask("{how_much} [do] {he} pay?", "{how_much} [do] {he} spend?", "what is the total price?", answer=s.step(p * m), **w)
        else:
            t.ask("how many {many} [do] {he} get?", "how many {many} is that?", "how many {many} [do] {he} have then?", answer=s.step(size * m), **w)


def still_needed(s: Story) -> None:
    """What is missing to buy something, or to buy several."""
    t = Teller(s)
    one, many = s.rng.choice(MID + DEAR)
    price = t.price(20, 400)
    have = t.price(5, 380)
    w: dict[str, object] = {"p": t.money(price), "h": t.money(have), "an": an(one), "one": one, "many": many}
    cost = price
    if s.rng.random() < 0.35:
        n = s.number(2, 6)
        w["n"] = n
        cost = s.step(price * n)
        t.say("{who} [want] to buy {n} {many} that cost {p} each. {he} [have] {h}.", "{who} [need] {n} {many} at {p} each but [have] only {h}.", **w)
    elif s.rng.random() < 0.3:
        n = t.price(2, 60)
        w["e"] = t.money(n)
        t.say("{who} [have] {h} and [get] {e} more. {an} costs {p}.", "{an} costs {p}. {who} [have] {h} and [earn] {e}.", **w)
        have = s.step(have + n)
    else:
        t.say("{an} costs {p}. {who} [have] {h}.", "{who} [have] {h} and [want] to buy {an} for {p}.", "{who} [want] {an} that costs {p} but [have] only {h}.", "{who} [have] {h}, and {an} costs {p}.", "{who} [have] only {h} for {an} that costs {p}.", **w)
    missing = s.step(cost - have)
    s.require(missing > 0)
    t.ask("how much more [do] {he} need?", "how much more money [do] {he} need?", "how much money is missing?", "how much more must {he} save?", "how much more money [do] {he} need to buy it?" if "n" not in w else "how much more money [do] {he} need to buy them?", answer=missing, **w)


SCENES: dict[str, tuple[float, Scene]] = {
    "tickets": (1, tickets),
    "subscription": (1, subscription),
    "hire": (1, hire),
    "instalments": (1.2, instalments),
    "account": (1.5, account),
    "exchange": (0.8, exchange),
    "coins": (1.2, coins),
    "collection": (1, collection),
    "packs": (1, packs),
    "still_needed": (1.2, still_needed),
}
