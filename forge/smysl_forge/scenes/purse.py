"""Money over time: earning, saving, profit, splitting, tickets, subscriptions, rent, debts and exchange.

Knows how people tell of wages and plans; prices in shops are in `money`, percentages in `percent`.
"""

from __future__ import annotations

from smysl_forge.scenes.goods import CHEAP, DEAR, JOBS, MID
from smysl_forge.scenes.teller import Teller, an, finite
from smysl_forge.story import Scene, Story

TERMS = (("day", "daily"), ("week", "weekly"), ("month", "monthly"))


def saving(s: Story) -> None:
    t = Teller(s, tense="present")
    term = s.rng.choice(["week", "week", "month", "day"])
    per = t.price(2, 60) if term != "month" else t.price(20, 400)
    one = s.rng.choice(DEAR + MID)[0]
    w: dict[str, object] = {"per": t.money(per), "term": term, "an": an(one), "one": one}
    kind = s.rng.choice(["amount", "amount", "goal", "goal", "rest", "have"])
    if kind in {"amount", "have"}:
        n = s.number(2, 30)
        total = s.step(per * n)
        t.say("{who} [save] {per} every {term}.", "{who} [save] {per} each {term}.", "{who} [put] {per} into a piggy bank every {term}.",
              "{who} [put] aside {per} a {term}.", "every {term} {who} [save] {per}.", "{who} [get] {per} pocket money a {term} and [save] all of it.",
              "{who} [deposit] {per} in the bank each {term}.", **w)  # fmt: skip
        w["n"] = n
        if kind == "have":
            have = t.price(5, 200)
            t.say("{he} already [have] {h}.", "{he} [have] {h} to start with.", "there is already {h} in {his} account.", h=t.money(have))
            total = s.step(have + total)
        t.ask("{how_much} will {he} have after {n} {term}s?", "{how_much} [do] {he} have after {n} {term}s?", "how much money will {he} have in {n} {term}s?",
              *(["{how_much} will {he} save in {n} {term}s?", "how much are {his} savings after {n} {term}s?", "{how_much} [do] {he} save in {n} {term}s?"] if kind == "amount" else []),
              answer=total, **w)  # fmt: skip
        return
    goal = s.quantity(int(per.value) * s.rng.randint(4, 30) + s.rng.randint(0, 20))
    w["goal"] = t.money(goal)
    s.require(goal > per and per > 0)
    saving_form = s.pick("{he} [save] {per} every {term}.", "{he} can save {per} a {term}.", "{he} [save] {per} each {term}.", "{he} [put] aside {per} per {term}.")
    wish = s.pick("{who} [want] to buy {an} that costs {goal}.", "{who} [need] {goal} for {an}.", "{who} [be] saving up for {an}, which costs {goal}.",
                  "{who} [want] {an}. It costs {goal}.", "{an} costs {goal} and {who} [want] to buy it.")  # fmt: skip
    missing = goal
    t.say(wish, **w)
    if s.rng.random() < 0.5:
        have = s.number(2, max(3, int(goal.value) // 2))
        s.require(have < goal)
        w["h"] = t.money(have)
        t.say("{he} already [have] {h}.", "{he} [have] {h} so far.", "{he} [have] saved {h} so far." if not t.hero.third else "{he} has already saved {h}.", **w)
        missing = s.step(goal - have)
        if kind == "rest":
            t.ask("how much more [do] {he} need?", "how much more money [do] {he} need to save?", "{how_much} [be] still missing?".replace("[be]", "is"),
                  "how much more must {he} save?", "how much more [do] {he} need to buy the {one}?", answer=missing, **w)  # fmt: skip
            s.require(per.expression == "g0")
            return
    s.require(kind != "rest")
    t.say(saving_form, **w)
    terms = s.step(s.function("ceil", missing / per))
    t.ask("how many {term}s will it take?", "after how many {term}s can {he} buy it?", "how many {term}s [do] {he} need to save?",
          "how many {term}s will it take {him} to save enough?", "in how many {term}s will {he} have enough money?",
          "for how many {term}s must {he} save?", "how long will it take {him}, in {term}s?", "how many {term}s until {he} can buy the {one}?",
          "how many {term}s of saving will be needed?", answer=terms, **w)  # fmt: skip


def wages(s: Story) -> None:
    t = Teller(s)
    r, h = t.price(5, 40), s.number(2, 12)
    w: dict[str, object] = {"r": t.money(r), "h": h, "job": s.rng.choice(JOBS)}
    kind = s.rng.choice(["hours", "days", "days", "weeks", "overtime", "tips", "two", "rate", "needed", "spent"])
    earn = s.pick("{who} [earn] {r} per hour {job}.", "{who} [earn] {r} an hour {job}.", "{who} [make] {r} an hour {job}.",
                  "{who} [get] {r} per hour for {job}.", "{who} [get] paid {r} per hour {job}.", "{who} [be] paid {r} an hour for {job}.")  # fmt: skip
    ask = ("{how_much} [do] {he} earn?", "{how_much} [do] {he} make?", "{how_much} [do] {he} earn in total?", "{how_much} [do] {he} get altogether?",
           "what are {his} total earnings?", "how much is {he} paid?" if t.hero.third else "how much [do] {he} get paid?")  # fmt: skip
    if kind == "hours":
        t.say(earn, **w)
        t.ask("{how_much} [do] {he} earn in {h} hours?", "{how_much} will {he} earn for {h} hours of work?", "how much for {h} hours?",
              "{how_much} [do] {he} make if {he} [work] {h} hours?", "what [do] {he} earn for {h} hours?", answer=s.step(r * h), **w)  # fmt: skip
    elif kind in {"days", "weeks"}:
        d = s.number(2, 7)
        w["d"] = d
        t.say(earn, **w)
        t.say("{he} [work] {h} hours a day for {d} days.", "{he} [work] {h} hours a day, {d} days a week." if kind == "weeks" else "{he} [work] {h} hours each day for {d} days.", **w)
        hours = s.step(h * d)
        total = s.step(hours * r)
        if kind == "weeks":
            k = s.number(2, 8)
            s.sentences.pop()
            t.say("{he} [work] {h} hours a day, {d} days a week.", "{he} [work] {d} days a week for {h} hours a day.", **w)
            t.ask("{how_much} [do] {he} earn in {k} weeks?", "{how_much} will {he} make in {k} weeks?", answer=s.step(total * k), k=k, **w)
            return
        t.ask(*ask, answer=total, **w)
    elif kind == "overtime":
        o, e = t.price(8, 60), s.number(2, 9)
        s.require(o > r)
        w |= {"o": t.money(o), "e": e}
        t.say("{who} [earn] {r} per hour and {o} per hour for overtime.", "{who} [get] {r} an hour for normal work and {o} an hour for overtime.",
              "the normal pay is {r} an hour and overtime is paid {o} an hour.", **w)  # fmt: skip
        t.say("{he} [work] {h} normal hours and {e} hours of overtime.", "this week {he} [work] {h} regular hours and {e} overtime hours.", **w)
        t.ask(*ask, answer=s.step(s.step(r * h) + s.step(o * e)), **w)
    elif kind == "tips":
        tip = t.price(5, 90)
        w["tip"] = t.money(tip)
        t.say(earn, **w)
        t.say("{he} [work] {h} hours and [get] {tip} in tips.", "after {h} hours of work {he} also [get] {tip} in tips.",
              "{he} [work] for {h} hours. {his} tips are {tip}." if not t.past else "{he} worked for {h} hours. {his} tips were {tip}.", **w)  # fmt: skip
        t.ask(*ask, answer=s.step(s.step(r * h) + tip), **w)
    elif kind == "two":
        r2, h2 = t.price(5, 40), s.number(2, 12)
        w |= {"r2": t.money(r2), "h2": h2, "job2": s.rng.choice([job for job in JOBS if job != w["job"]])}
        t.say("{who} [work] {h} hours {job} for {r} an hour and {h2} hours {job2} for {r2} an hour.",
              "{who} [earn] {r} per hour {job} and {r2} per hour {job2}. {he} [spend] {h} hours {job} and {h2} hours {job2}.", **w)  # fmt: skip
        t.ask(*ask, answer=s.step(s.step(r * h) + s.step(r2 * h2)), **w)
    elif kind == "rate":
        s.given.clear()
        total = s.quantity(h.value * s.rng.randint(5, 40))
        h = s.quantity(h.value)
        w |= {"T": t.money(total), "h": h}
        t.say("{who} [earn] {T} for {h} hours of {job}.", "{who} [work] {h} hours and [earn] {T}.", "for {h} hours of work {who} [get] {T}.", **w)
        rate = s.step(total / h)
        if s.rng.random() < 0.6:
            t.ask("{how_much} [do] {he} earn per hour?", "what is {his} hourly wage?", "{how_much} [do] {he} make an hour?", "what is the pay per hour?", answer=rate, **w)
        else:
            m = s.number(3, 40)
            t.ask("{how_much} would {he} earn for {m} hours?", "at the same rate, {how_much} [do] {he} get for {m} hours?", answer=s.step(rate * m), m=m, **w)
    elif kind == "needed":
        s.given.clear()
        r = t.price(5, 40)
        goal = s.quantity(int(r.value) * s.rng.randint(3, 40) + s.rng.randint(0, 9))
        w |= {"r": t.money(r), "goal": t.money(goal)}
        t.say(earn, **w)
        t.ask("how many hours must {he} work to earn {goal}?", "how many hours [do] {he} need to work to get {goal}?",
              "how many hours of work are needed to earn {goal}?", answer=s.step(s.function("ceil", goal / r)), **w)  # fmt: skip
    else:
        c = t.price(3, 60)
        w |= {"c": t.money(c), "an": an(s.rng.choice(MID)[0])}
        earned = s.step(r * h)
        left = s.step(earned - c)
        finite(s, left)
        t.say(earn, **w)
        t.say("{he} [work] {h} hours and [spend] {c} on {an}.", "after working {h} hours, {he} [buy] {an} for {c}.", **w)
        t.ask("{how_much} [do] {he} have left?", "{how_much} is left?", "how much of the money [do] {he} have left?", answer=left, **w)


def regular_pay(s: Story) -> None:
    """So much a day, week or month, with or without costs."""
    t = Teller(s)
    term, longer, factor = s.rng.choice([("day", "week", 7), ("week", "year", 52), ("month", "year", 12), ("day", "", 0), ("week", "", 0), ("month", "", 0)])
    a = t.price(10, 900)
    w: dict[str, object] = {"a": t.money(a), "term": term, "longer": longer}
    costs = s.rng.random() < 0.4
    net = a
    if costs:
        b = t.price(5, 800)
        s.require(b < a)
        w["b"] = t.money(b)
        t.say("{who} [earn] {a} a {term} and [spend] {b} of it.", "{who} [get] {a} every {term} and [spend] {b}.", "{who} [earn] {a} per {term}. {he} [spend] {b} each {term}.", **w)
        net = s.step(a - b)
    else:
        t.say("{who} [earn] {a} a {term}.", "{who} [make] {a} per {term}.", "{who} [get] {a} each {term}.", "{his} pay is {a} a {term}." if not t.hero.third else "{who} [be] paid {a} every {term}.", **w)
    verb = "save" if costs else "earn"
    if factor and not s.rng.random() < 0.3:
        t.ask(f"{{how_much}} [do] {{he}} {verb} in a {longer}?", f"{{how_much}} can {{he}} {verb} in a {longer}?", f"{{how_much}} is that per {longer}?" if not costs else f"{{how_much}} [do] {{he}} save per {longer}?",
              f"{{how_much}} will {{he}} {verb} in a whole {longer}?", answer=s.step(net * factor), **w)  # fmt: skip
    else:
        n = s.number(2, 24)
        t.ask(f"{{how_much}} [do] {{he}} {verb} in {{n}} {term}s?", f"{{how_much}} will {{he}} {verb} in {{n}} {term}s?", f"{{how_much}} will {{he}} have {verb}{'ed' if verb == 'earn' else 'd'} after {{n}} {term}s?",
              answer=s.step(net * n), n=n, **w)  # fmt: skip


def bill(s: Story) -> None:
    t = Teller(s)
    n = s.number(2, 9)
    tip = s.rng.random() < 0.4
    total = t.price(12, 300)
    w: dict[str, object] = {"n": n, "T": t.money(total)}
    group = s.pick("friends", "people", "colleagues", "students", "cousins", "classmates", "roommates")
    what = s.pick("dinner", "lunch", "a taxi", "a present", "a pizza", "a boat trip", "a meal", "the rent", "the groceries", "a hotel room", "a birthday gift")
    w |= {"group": group, "what": what}
    t.say("{n} {group} share the cost of {what} equally. It costs {T}.", "{n} {group} pay {T} for {what} and split it equally.", "the bill for {what} is {T}. {n} {group} split it equally.",
          "{n} {group} split {T} for {what}.", "the price of {what} is {T}, paid by {n} {group} in equal shares.",
          "a bill of {T} is divided equally among {n} {group}.", "{n} {group} eat out and the bill comes to {T}. They split it evenly.", **w)  # fmt: skip
    share_of = total
    if tip:
        extra = t.price(2, 40)
        t.say("they add a tip of {x}.", "there is also a fee of {x}.", "they leave a {x} tip and split that as well." if t.currency.many[0] in "$€£" else "they leave a tip of {x} and split that as well.", x=t.money(extra))
        share_of = s.step(total + extra)
    share = s.step(share_of / n)
    finite(s, share)
    t.ask("{how_much} does each pay?", "{how_much} does each person pay?", "how much must each one pay?", "what is each person's share?", "{how_much} does everyone pay?",
          "how much should each of them pay?", "find each share.", answer=share, **w)  # fmt: skip


def profit(s: Story) -> None:
    t = Teller(s)
    one, many = s.rng.choice(CHEAP + MID)
    c, p, n = t.price(1, 30), t.price(2, 60), s.number(2, 60)
    s.require(p > c)
    w: dict[str, object] = {"c": t.money(c), "p": t.money(p), "n": n, "one": one, "many": many, "an": an(one)}
    kind = s.rng.choice(["one", "each", "lump", "loss", "fixed"])
    gain = ("what is {his} profit?", "{how_much} profit [do] {he} make?".replace("{how_much}", "how much"), "{how_much} [do] {he} gain?", "find the profit.",
            "how much profit is that?", "what profit [do] {he} make?", "how much money [do] {he} make on the sale?")  # fmt: skip
    if kind == "one":
        t.say("{who} [buy] {an} for {c} and [sell] it for {p}.", "{who} [sell] {an} for {p} that [cost] {him} {c}." if t.past else "{who} [sell] {an} for {p} that cost {him} {c}.",
              "{an} was bought for {c} and sold for {p}.", **w)  # fmt: skip
        t.ask(*gain[1:], "what is the profit?", answer=s.step(p - c), **w)
    elif kind == "each":
        t.say("{who} [buy] {n} {many} for {c} each and [sell] them for {p} each.", "{who} [buy] {n} {many} at {c} each. {he} [sell] each {one} for {p}.",
              "it costs {c} to make {an}, and {who} [sell] it for {p}. {he} [sell] {n} {many}.", "{who} [make] {n} {many}. Each costs {c} to make and sells for {p}.", **w)  # fmt: skip
        t.ask(*gain, answer=s.step(s.step(p - c) * n), **w)
    elif kind == "loss":
        t.say("{who} [buy] {an} for {p} and [sell] it for only {c}.", "{who} [pay] {p} for {an} and later [sell] it for {c}.", **w)
        t.ask("how much money [do] {he} lose?", "what is {his} loss?", "{how_much} [do] {he} lose?", "find the loss.", answer=s.step(p - c), **w)
    else:
        cost = t.price(5, 200)
        s.given[0] = s.given[-1]
        s.given.pop()
        cost.expression = "g0"
        w["c"] = t.money(cost)
        sales = s.step(p * n)
        result = s.step(sales - cost)
        finite(s, result)
        if kind == "lump":
            t.say("{who} [buy] {n} {many} for {c} in total and [sell] them for {p} each.", "{who} [pay] {c} for {n} {many}. {he} [sell] each {one} for {p}.",
                  "{who} [buy] a box of {n} {many} for {c} and [sell] all the {many} at {p} each.", **w)  # fmt: skip
        else:
            t.say("{who} [sell] {n} {many} for {p} each. The materials cost {c}.", "{who} [spend] {c} on supplies and [sell] {n} {many} at {p} each.",
                  "{who} [make] {n} {many} and [sell] all of them for {p} each. {he} [spend] {c} on materials.", **w)  # fmt: skip
        t.ask(*gain, answer=result, **w)


def multiple(s: Story) -> None:
    """Twice, half or three times as much money."""
    t = Teller(s)
    (o1, _), (o2, _) = s.rng.sample(CHEAP + MID, 2)
    p = t.price(2, 80)
    word, factor = s.rng.choice([("twice", 2), ("twice", 2), ("half", 0), ("half", 0), ("double", 2), ("triple", 3), ("times", 1), ("times", 1), ("times", 1)])
    things = s.rng.random() < 0.6
    w: dict[str, object] = {"p": t.money(p), "a1": an(o1), "a2": an(o2), "o1": o1, "o2": o2, "k": word, "friend": s.pick("a friend", "a neighbour", "a cousin", "a classmate")}
    as_much = "{k} the price of" if word in {"double", "triple"} else "{k} as much as"
    if word == "times":
        times = s.number(3, 10)
        w["k"] = s.render(times) + " times"
        second = s.step(p * times)
    else:
        second = s.step(p / 2 if factor == 0 else p * factor)
    finite(s, second)
    if things:
        t.say("{a1} costs {p}. {a2} costs " + as_much + " {a1}.", "the {o1} costs {p} and the {o2} costs " + as_much + " the {o1}.", "{who} [pay] {p} for {a1}. {a2} costs " + as_much + " that.", **w)
        if s.rng.random() < 0.5:
            t.ask("how much does {a2} cost?", "what is the price of the {o2}?", "how much is the {o2}?", answer=second, **w)
        else:
            t.ask("how much do both cost together?", "what is the total price?", "how much do {a1} and {a2} cost together?", "how much for both?", answer=s.step(p + second), **w)
        return
    s.require(word not in {"double", "triple"})
    t.say("{who} [have] {p}. {friend} has {k} as much.", "{who} [have] {p}, and {friend} has {k} as much.", "{who} [earn] {p}, and {friend} earns {k} as much.", "{who} [spend] {p} on Monday and {k} as much on Tuesday.", "{who} [save] {p} in May and {k} as much in June.", **w)
    ending = s.sentences[-1]
    if "Monday" in ending or " May " in ending:
        t.ask("how much is that in total?", "how much money is that altogether?", "what is the sum?", answer=s.step(p + second), **w)
    elif s.rng.random() < 0.5:
        t.ask("how much money is that together?", "how much do both of them have together?" if "have" in ending or " has " in ending else "how much is that for both together?", "what is the total?", answer=s.step(p + second), **w)
    else:
        t.ask("how much is that for the other person?", "how much money is that for the other person?", answer=second, **w)


SCENES: dict[str, tuple[float, Scene]] = {
    "saving": (2, saving),
    "wages": (2.5, wages),
    "regular_pay": (1.2, regular_pay),
    "bill": (1.2, bill),
    "profit": (1.5, profit),
    "multiple": (1.2, multiple),
}
