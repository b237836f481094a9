"""Scenes that combine two relations: so many each out of groups, profit, a split bill, scaled recipes, pieces cut off.

Knows everyday combinations of products, sums and quotients.
"""

from __future__ import annotations

from smysl_forge.scenes.forms_change import owned
from smysl_forge.scenes.forms_voice import Voice
from smysl_forge.scenes.forms_words import HOLDERS, PEOPLE
from smysl_forge.scenes.goods import CHEAP, MID
from smysl_forge.scenes.nouns import ANIMALS
from smysl_forge.scenes.teller import an, finite
from smysl_forge.story import Amount, Scene, Story


def given_each(s: Story) -> None:
    """Groups of things, of which each of several people gets some: what is left."""
    v, _, _ = owned(s, small=True)
    one, many = s.rng.choice(HOLDERS)
    person, people = s.rng.choice(PEOPLE)
    p, k = s.number(2, 12), s.number(2, 9)
    grouped = s.rng.random() < 0.6
    v.put(c=one, cs=many, p=person, ps=people, k=k, m=p)
    if grouped:
        n, each = s.number(2, 9), s.number(4, 24)
        v.put(n=n, a=each)
        v.tell("{A} {have} {n} {cs} of {ts} with {a} in each", "{A} [have] {n} {cs}, and each has {a} {ts}", "there {are} {n} {cs} with {a} {ts} each", "{A} [buy] {n} {cs} of {a} {ts}")
        total = s.step(n * each)
    else:
        total = s.number(20, 150)
        v.put(n=total)
        v.tell("{A} {have} {n} {ts}", "{A} [bring] {n} {ts}", "there {are} {n} {ts} in {As} room", "{A} [start] with {n} {ts}")
    gone = s.step(p * k)
    s.require(total > gone)
    v.tell("{he} [give] {k} to each of {m} {ps}", "{m} {ps} {get} {k} each", "each of {m} {ps} <take> {k}", "{he} [hand] {k} {ts} to each of {his} {m} {ps}", "{m} {ps} {come}; {he} [give] each {p} {k}", "{he} [treat] {m} {ps} to {k} {ts} each")
    v.simple = False
    v.ask("how many {ts} are left?", "how many {ts} {does} {A} have left?", "how many remain?", "how many {ts} does that leave?", "what is left over?", "how many are there still?", "find how many {ts} are left.", answer=s.step(total - gone))


def profit(s: Story) -> None:
    """Bought for so much, sold for so much: the gain, each or on all."""
    v = Voice(s)
    one, many = s.rng.choice(s.rng.choice((CHEAP, MID)))
    n = s.number(2, 30)
    p = s.number(2, 30)
    q = s.quantity(p.value + s.rng.randint(1, 15))
    v.put(n=n, one=one, many=many)
    v.cash("p", p)
    v.cash("q", q)
    style = s.rng.randrange(3)
    if style < 2:
        v.tell("{A} [buy] {n} {many} for {p} each and [sell] them for {q} each", "{A} [buy] {n} {many} at {p} each. {he} [sell] them all at {q} each", "{A} [get] {n} {many} for {p} apiece and [sell] each for {q}", "{n} {many} cost {Ao} {p} each. Later {he} [sell] every {one} for {q}")
        if style == 0:
            answer = s.step(s.step(q - p) * n)
        else:
            s.given.remove(q)
            total = s.quantity(p.value * n.value + s.rng.randint(2, 90))
            v.cash("k", total)
            v.facts.clear()
            v.tell("{A} [buy] {n} {many} for {p} each and [sell] all of them for {k} (in total|altogether)", "{A} [pay] {p} for each of {n} {many}. {he} [sell] the lot for {k}", "{A} [order] {n} {many}, which cost {p} each, and [sell] them all for {k}")
            answer = s.step(total - s.step(n * p))
    else:
        s.given.remove(n)
        for i, amount in enumerate(s.given):
            amount.expression = f"g{i}"
        v.cash("p", p)
        v.cash("q", q)
        v.put(an=an(one))
        v.tell("{A} [buy] {an} for {p} and [sell] it for {q}", "{an} <cost> {Ao} {p}. {B1} <buy> it from {him} for {q}", "{A} [pay] {p} for {an} and later [get] {q} for it")
        answer = s.step(q - p)
    v.ask("how much profit is that?", "how much [do] {A} gain?", "what is the profit?", "how much (money|) did {A} make on it?" if v.past else "how much money does that bring?", "how large is {As} gain?", "{how_much} more is that than {he} paid?", answer=answer)


def bill(s: Story) -> None:
    """A bill of one or two items, shared by several people."""
    v = Voice(s, tense=s.pick("past", "present"))
    _, many = s.rng.choice(PEOPLE)
    n = s.rng.randint(2, 10)
    total = s.rng.randint(4, 40) * n
    occasion = s.pick("a meal", "a taxi", "a present", "the tickets", "a boat", "a pizza party", "a holiday flat", "the fireworks", "a cake")
    v.put(ps=many, o=occasion)
    if s.rng.random() < 0.5:
        first = s.number(2, total - 2)
        second = s.quantity(total - first.value)
        v.cash("a", first)
        v.cash("b", second)
        v.tell("{o} costs {a} and there is {b} for (service|extras|drinks|the driver) on top", "{n} {ps} pay {a} for {o} and {b} for drinks", "the price is {a} for {o} plus {b} for the rest")
        amount: Amount = s.step(first + second)
    else:
        amount = s.quantity(total)
        v.cash("a", amount)
        v.tell("{o} costs {a}", "{n} {ps} have to pay {a} for {o}", "the bill for {o} is {a}")
    count = s.quantity(n)
    v.put(n=count)
    if "{n}" in v.facts[0]:
        v.tell("they share the cost equally", "everyone pays the same", "the sum is split evenly")
    else:
        v.tell("{n} {ps} share the cost equally", "it is split evenly between {n} {ps}", "{n} {ps} pay for it together, each the same amount")
    v.simple = False
    v.ask("how much does each (one|of them|) pay?", "how much is that per person?", "how much is it for each?", "what is one share?", "what does everyone have to pay?", "how much must each one give?", answer=s.step(amount / count))


def prices_related(s: Story) -> None:
    """One price told by another, then several of both."""
    v = Voice(s)
    (x, xs), (y, ys) = s.rng.sample(s.rng.choice((CHEAP, MID)), 2)
    p = s.number(2, 25)
    v.put(x=x, xs=xs, y=y, ys=ys, ax=an(x), ay=an(y))
    v.cash("p", p)
    roll = s.rng.random()
    if roll < 0.4:
        k = s.number(2, 12)
        v.cash("k", k)
        q, rel = s.step(p + k), "{k} more than"
    elif roll < 0.65:
        s.require(p > 3)
        k = s.number(1, int(p.value) - 2)
        v.cash("k", k)
        q, rel = s.step(p - k), "{k} less than"
    elif roll < 0.85:
        q, rel = s.step(p * 2), "twice as much as"
    else:
        k = s.number(3, 6)
        v.put(k=k)
        q, rel = s.step(p * k), "{k} times as much as"
    v.put(rel=rel)
    v.tell("{ax} costs {p}", "the price of {ax} is {p}", "{ax} is {p}")
    v.tell("{ay} costs {rel} {ax}", "{ay} costs {rel} that", "the {y} costs {rel} the {x}")
    roll = s.rng.random()
    if roll < 0.3:
        v.ask("how much does {ay} cost?", "what is the price of {ay}?", "how much is {ay}?", answer=q)
    elif roll < 0.6:
        v.ask("how much do both cost together?", "what do both cost?", "how much is one of each?", "what is the price of the two together?", answer=s.step(p + q))
    else:
        n, m = s.number(2, 6), s.number(2, 6)
        v.put(n=n, m=m)
        v.tell("{A} [buy] {n} {xs} and {m} {ys}", "{A} [need] {n} {xs} and {m} {ys}")
        v.ask("{how_much} is that (in total|altogether)?", "{how_much} [do] {A} pay?", "what is the total?", answer=s.step(s.step(p * n) + s.step(q * m)))


def everyone_brings(s: Story) -> None:
    """Each of several people has so many of this and so many of that."""
    v = Voice(s)
    one, many = s.rng.choice(PEOPLE)
    (_, xs), (_, ys) = s.rng.sample(CHEAP, 2)
    n, a, b = s.number(3, 25), s.number(2, 9), s.number(2, 9)
    v.put(n=n, a=a, b=b, p=one, ps=many, xs=xs, ys=ys)
    v.tell("each of {n} {ps} brings {a} {xs} and {b} {ys}", "there are {n} {ps}. Everyone has {a} {xs} and {b} {ys}", "{n} {ps} get {a} {xs} and {b} {ys} each", "{A} [expect] {n} {ps}, and each {p} needs {a} {xs} and {b} {ys}", "every {p} takes {a} {xs} and {b} {ys}. There are {n} {ps}")
    kind = s.rng.randrange(4)
    if kind == 0:
        v.ask("how many {xs} is that?", "how many {xs} are there (in total|altogether)?", "how many {xs} in all?", answer=s.step(n * a))
    elif kind == 1:
        v.ask("how many {ys} is that?", "how many {ys} are there (in total|altogether)?", "how many {ys} in all?", answer=s.step(n * b))
    elif kind == 2:
        v.ask("how many things is that (in total|altogether)?", "how many items are there in all?", "how many {xs} and {ys} together?", "what is the total number of {xs} and {ys}?", answer=s.step(n * s.step(a + b)))
    else:
        s.require(abs(a.value - b.value) > 1)
        big, small = (a, b) if a > b else (b, a)
        v.put(hi=xs if a > b else ys, lo=ys if a > b else xs)
        v.ask("how many more {hi} than {lo} are there?", "by how many do the {hi} outnumber the {lo}?", answer=s.step(n * s.step(big - small)))


FOODS = (("pancakes", "eggs"), ("soup", "potatoes"), ("a cake", "eggs"), ("lemonade", "lemons"), ("curry", "tomatoes"), ("bread", "cups of flour"), ("salad", "carrots"), ("jam", "plums"), ("stew", "onions"), ("cookies", "spoons of sugar"), ("rice pudding", "cups of milk"), ("omelette", "eggs"), ("punch", "oranges"), ("pizza", "cups of flour"), ("paint", "drops of blue"))


def scaled(s: Story) -> None:
    """A recipe for so many, needed for so many."""
    v = Voice(s, tense="present")
    dish, what = s.rng.choice(FOODS)
    people = s.number(2, 6)
    each = s.rng.randint(1, 5)
    factor = s.rng.randint(2, 8)
    amount = s.quantity(people.value * each if s.rng.random() < 0.5 else s.rng.randint(2, 12))
    whole = amount.value % people.value == 0
    wanted = s.quantity(people.value * factor if not whole else s.rng.randint(3, 30))
    s.require(wanted.value != people.value)
    unit = s.pick("people", "persons", "guests", "servings", "portions") if dish != "paint" else "walls"
    v.put(d=dish, w=what, a=people, b=amount, c=wanted, u=unit)
    v.tell("{d} for {a} {u} needs {b} {w}", "a recipe for {a} {u} takes {b} {w}", "for {a} {u} {A} [need] {b} {w}", "{A} [use] {b} {w} to make {d} for {a} {u}")
    result = s.step(s.step(amount / people) * wanted) if whole else s.step(s.step(wanted / people) * amount)
    v.ask("how many {w} are needed for {c} {u}?", "how many {w} for {c} {u}?", "how many {w} does it take for {c} {u}?", "and for {c} {u}: how many {w}?", "what if there are {c} {u}: how many {w} are needed?", "how many {w} {does} {A} need for {c} {u}?", answer=result)


def kinds_related(s: Story) -> None:
    """Two or three kinds of animals or things in one place, told by each other."""
    v = Voice(s, tense="present")
    pool = s.rng.choice((ANIMALS, CHEAP))
    chosen = [many for _, many in s.rng.sample(list(pool), 3)]
    place = s.pick("on a farm", "in a park", "in the zoo", "by the lake", "in a meadow", "in a pet hotel") if pool is ANIMALS else s.pick("in a basket", "at a stall", "in a shop window", "on a table", "in the kitchen", "in a hamper")
    a = s.number(3, 40)
    v.put(a=a, x=chosen[0], y=chosen[1], z=chosen[2], place=place)
    values = [a]
    v.tell("there are {a} {x} {place}", "{place} there are {a} {x}", "{A} [see] {a} {x} {place}", "{A} [count] {a} {x} {place}")
    count = s.rng.choice((1, 1, 2))
    for i in range(count):
        last = values[-1]
        before, here = ("{x}", "{y}") if i == 0 else ("{y}", "{z}")
        key = f"k{i}"
        roll = s.rng.random()
        if roll < 0.3:
            v.w[key] = k = s.number(2, 20)
            values.append(s.step(last + k))
            rel = f"{{{key}}} more {here} than {before}"
        elif roll < 0.55:
            s.require(last > 4)
            v.w[key] = k = s.number(2, int(last.value) - 2)
            values.append(s.step(last - k))
            rel = f"{{{key}}} fewer {here} than {before}"
        elif roll < 0.75:
            values.append(s.step(last * 2))
            rel = f"twice as many {here} as {before}"
        elif roll < 0.88:
            v.w[key] = k = s.number(3, 6)
            values.append(s.step(last * k))
            rel = f"{{{key}}} times as many {here} as {before}"
        else:
            values.append(s.step(last / 2))
            rel = f"half as many {here} as {before}"
        s.whole(values[-1])
        s.require(values[-1] > 1)
        v.tell(f"there are {rel}", f"{{A}} also [see] {rel}", f"there are also {rel}")
    named = "{y}" if count == 1 else "{z}"
    roll = s.rng.random()
    if roll < 0.35:
        v.ask(f"how many {named} are there?", f"how many {named}?", f"find the number of {named}.", f"what is the number of {named}?", answer=values[-1])
    else:
        total = values[0]
        for value in values[1:]:
            total = s.step(total + value)
        everything = "animals" if pool is ANIMALS else "things"
        v.ask(f"how many {everything} are there (in total|altogether|in all)?", f"how many {everything} is that (together|in all)?", f"what is the total number of {everything}?", "how many are there altogether?", answer=total)


HABITS = (
    ("[drink] {a} cups of tea a day", "cups of tea", 2, 6), ("[swim] {a} lengths every day", "lengths", 10, 40), ("[take] {a} pills a day", "pills", 2, 4), ("[read] {a} pages every evening", "pages", 5, 40), ("[walk] {a} km each day", "km", 2, 9), ("[eat] {a} apples a day", "apples", 2, 4),
    ("[send] {a} messages a day", "messages", 5, 40), ("[do] {a} sit-ups every morning", "sit-ups", 10, 50), ("[practise] the piano {a} minutes a day", "minutes", 10, 45), ("[learn] {a} words a day", "words", 4, 20), ("[sell] {a} papers every day", "papers", 10, 60), ("[bake] {a} loaves a day", "loaves", 4, 30),
    ("[feed] the ducks {a} times a day", "times", 2, 5), ("[smile] {a} times a day", "times", 8, 40), ("[save] {a} coins a day", "coins", 2, 12), ("[collect] {a} eggs every morning", "eggs", 5, 30), ("[draw] {a} pictures a day", "pictures", 2, 6),
)  # fmt: skip


def weeks(s: Story) -> None:
    """A daily habit over weeks: seven days each; twice a day; less what was missed."""
    v = Voice(s, tense="present")
    habit, what, low, high = s.rng.choice(HABITS)
    a, w = s.number(low, high), s.number(2, 8)
    v.put(a=a, w=w, xs=what)
    v.tell("{A} " + habit, "{A} " + habit)
    kind = s.rng.randrange(4)
    if kind == 0:
        v.ask("how many {xs} is that (in a week|per week)?", "how many {xs} (a week|per week)?", "how many {xs} in a week?", answer=s.step(a * 7))
        return
    if kind < 3:
        days = s.step(w * 7)
        v.ask("how many {xs} is that in {w} weeks?", "how many {xs} in {w} weeks?", "how many {xs} after {w} weeks?", "what number of {xs} does that make in {w} weeks?", answer=s.step(days * a))
        return
    n, missed = s.number(5, 30), s.number(2, 4)
    s.require(n > missed)
    v.put(n=n, m=missed)
    v.tell("in {n} days {he} [miss] it {m} times", "but on {m} of {n} days {he} [be] ill and [skip] it", "{he} [do] this for {n} days, but [skip] {m} of them")
    v.ask("how many {xs} is that in those days?", "how many {xs} is that altogether?", "how many {xs} in all?", answer=s.step(s.step(n - missed) * a))


def cut(s: Story) -> None:
    """Pieces of one length cut or poured off: how many, what remains."""
    v = Voice(s)
    what, unit, piece, high = s.rng.choice((("a rope", "m", "pieces", 9), ("a ribbon", "cm", "strips", 30), ("a board", "cm", "shelves", 60), ("a roll of wire", "m", "pieces", 8), ("a bolt of cloth", "m", "curtains", 5), ("a pipe", "feet", "pieces", 8), ("a barrel of juice", "litres", "cans", 5), ("a sack of rice", "kg", "bags", 5), ("a tank of oil", "litres", "bottles", 4), ("a log", "feet", "chunks", 4), ("a roll of tape", "m", "strips", 6), ("a bag of flour", "grams", "portions", 90)))  # fmt: skip
    n, k = s.number(2, 12), s.number(2, high)
    rest = s.rng.choice((0, 0, s.rng.randint(1, 20)))
    total = s.quantity(n.value * k.value + rest)
    v.put(n=n, k=k, t=total, x=what, u=unit, ps=piece, long="" if unit in ("litres", "kg", "grams") else " long")
    holds = "has" if unit in ("litres", "kg", "grams") else "is"
    v.tell(f"{{x}} {holds} {{t}} {{u}}{{long}}", f"{{A}} [have] {{x}}. It {holds} {{t}} {{u}}{{long}}", "{A} [buy] {x} of {t} {u}")
    if rest or s.rng.random() < 0.4:
        s.require(rest > 0)
        v.tell("{A} [make] {n} {ps} of {k} {u} each from it", "{n} {ps} of {k} {u} {are} taken from it", "{he} [take] {n} {ps} from it, {k} {u} each")
        v.ask("how many {u} are left?", "how much is left?", "how many {u} remain?", "how many {u} of it are not used?", answer=s.step(total - s.step(n * k)))
    elif s.rng.random() < 0.5:
        s.given.remove(n)
        for i, amount in enumerate(s.given):
            amount.expression = f"g{i}"
        v.tell("{A} [make] {ps} of {k} {u} from it", "{he} [divide] it into {ps} of {k} {u} each", "it is turned into {ps} of {k} {u}")
        v.ask("how many {ps} are there?", "how many {ps} (does that make|is that)?", "how many {ps} {does} {A} get?", answer=s.step(total / k))
    else:
        s.given.remove(k)
        for i, amount in enumerate(s.given):
            amount.expression = f"g{i}"
        v.tell("{A} [make] {n} equal {ps} from it", "{he} [divide] it into {n} equal {ps}", "it is turned into {n} {ps}, all the same")
        v.ask("how many {u} does each one have?", "how many {u} is each?", "how many {u} are there per piece?" if piece == "pieces" else "how many {u} is one of them?", answer=s.step(total / n))
    finite(s, s.steps[-1])


SCENES: dict[str, tuple[float, Scene]] = {
    "forms_given_each": (1.2, given_each),
    "forms_profit": (0.9, profit),
    "forms_bill": (0.8, bill),
    "forms_prices_related": (1.0, prices_related),
    "forms_everyone_brings": (0.8, everyone_brings),
    "forms_scaled": (0.8, scaled),
    "forms_kinds_related": (1.2, kinds_related),
    "forms_weeks": (0.9, weeks),
    "forms_cut": (0.9, cut),
}
