"""Scenes of rates: so much per hour, per piece, per kilogram; goals, two workers, wages, prices, saving.

Knows the many things that go on at a steady pace or have a price each.
"""

from __future__ import annotations

from smysl_forge.scenes.forms_voice import Voice
from smysl_forge.scenes.goods import CHEAP, DEAR, JOBS, MID, WEIGHED
from smysl_forge.scenes.teller import an, finite
from smysl_forge.story import Amount, Scene, Story

PACES: tuple[tuple[str, str, str, str, int, int], ...] = (
    ("{A} [type]", "type", "words", "minute", 20, 70), ("{A} [read]", "read", "pages", "hour", 15, 60), ("{A} [bake]", "bake", "rolls", "hour", 20, 90), ("{A} [cycle]", "cycle", "kilometres", "hour", 10, 28), ("{A} [walk]", "walk", "km", "hour", 3, 6),
    ("{A} [drive]", "drive", "miles", "hour", 30, 75), ("{A} [plant]", "plant", "trees", "day", 5, 60), ("{A} [pick]", "pick", "apples", "hour", 40, 200), ("{A} [knit]", "knit", "rows", "evening", 6, 40), ("{A} [peel]", "peel", "potatoes", "minute", 2, 6),
    ("{A} [swim]", "swim", "lengths", "day", 8, 60), ("{A} [learn]", "learn", "new words", "day", 4, 25), ("{A} [write]", "write", "lines", "hour", 20, 90), ("{A} [wash]", "wash", "cars", "day", 3, 15), ("{A} [paint]", "paint", "chairs", "week", 4, 20),
    ("{A} [solve]", "solve", "puzzles", "week", 3, 20), ("{A} [answer]", "answer", "calls", "hour", 5, 20), ("{A} [fold]", "fold", "shirts", "minute", 2, 5), ("{A} [deliver]", "deliver", "letters", "hour", 30, 90), ("{A} [make]", "make", "sandwiches", "hour", 12, 60),
    ("{A} [drink]", "drink", "glasses of water", "day", 3, 9), ("{A} [practise]", "practise", "minutes", "day", 10, 60), ("{A} [sew]", "sew", "bags", "day", 3, 15), ("{A} [save]", "save", "coins", "week", 4, 30), ("{A} [climb]", "climb", "steps", "minute", 20, 80),
    ("a printer <print>", "print", "sheets", "minute", 8, 60), ("a machine <make>", "make", "screws", "minute", 20, 200), ("a tap <fill>", "fill", "litres", "minute", 4, 20), ("a pump <move>", "move", "gallons", "hour", 50, 300), ("a robot <weld>", "weld", "frames", "hour", 5, 40),
    ("a train <travel>", "travel", "kilometres", "hour", 60, 200), ("a snail <crawl>", "crawl", "metres", "hour", 3, 12), ("a hen <lay>", "lay", "eggs", "week", 4, 7), ("a cow <give>", "give", "litres of milk", "day", 12, 30), ("a candle <lose>", "lose", "millimetres", "hour", 8, 30),
    ("a plant <grow>", "grow", "centimetres", "month", 2, 15), ("a factory <produce>", "produce", "bicycles", "day", 20, 300), ("a plane <fly>", "fly", "km", "hour", 400, 900), ("a cook <fry>", "fry", "pancakes", "minute", 2, 8), ("a bee <visit>", "visit", "flowers", "minute", 5, 15),
    ("a leaking pipe <waste>", "waste", "litres", "day", 5, 60), ("a windmill <grind>", "grind", "sacks of grain", "day", 4, 20), ("a beaver <fell>", "fell", "trees", "month", 4, 20), ("a website <get>", "get", "visitors", "hour", 20, 300), ("a gardener <water>", "water", "flower beds", "hour", 5, 20),
)  # fmt: skip
SHOPS = ("shop", "store", "market", "mall", "web shop", "department store", "big store", "fair", "street market", "little shop")


def _pace(s: Story) -> tuple[Voice, str, Amount]:
    who, base, things, when, low, high = s.rng.choice(PACES)
    v = Voice(s, tense="present")
    r = s.number(low, high)
    per = "an hour" if when == "hour" else "an evening" if when == "evening" else f"a {when}"
    doer = "{A}" if "{A}" in who else "it"
    v.put(who=who, base=base, xs=things, when=when, whens=when + "s", r=r, per=f"(per {when}|every {when}|each {when}|{per})", do_="{does} {A}" if "{A}" in who else "does it")
    return v, doer, r


RATE = ("{who} {r} {xs} {per}", "{who} {r} {xs} {per}", "every {when} {who} {r} {xs}", "in {one} {when} {who} {r} {xs}", "{who} {r} {xs} {per}, always the same", "on average {who} {r} {xs} {per}", "{who} exactly {r} {xs} {per}")


def pace(s: Story) -> None:
    """Rate times time, or time from a total, or the rate from both."""
    v, _, r = _pace(s)
    v.put(one="(a single|each)")
    kind = s.rng.randrange(4)
    t = s.number(2, 14)
    if kind < 2:
        v.put(n=t)
        v.tell(*RATE)
        v.ask("how many {xs} {do_} {base} in {n} {whens}?", "how many {xs} is that in {n} {whens}?", "how many {xs} (are there|will it be) after {n} {whens}?", "how many {xs} in {n} {whens}?", "what is the number of {xs} after {n} {whens}?",
              "after {n} {whens}, how many {xs} is that?", "find how many {xs} {n} {whens} give.", "how many {xs} can be expected in {n} {whens}?", answer=s.step(r * t))  # fmt: skip
        return
    total = s.quantity(r.value * t.value)
    v.put(k=total, n=t)
    if kind == 2:
        v.tell(*RATE)
        v.ask("how many {whens} {do_} need for {k} {xs}?", "how long does it take for {k} {xs} (, in {whens}|)?", "in how many {whens} will it be {k} {xs}?", "how many {whens} are needed for {k} {xs}?", "after how many {whens} is it {k} {xs}?",
              "{k} {xs} take how many {whens}?", "how many {whens} until {k} {xs}?", answer=s.step(total / r))  # fmt: skip
    else:
        v.tell("{who} {k} {xs} in {n} {whens}", "in {n} {whens} {who} {k} {xs}", "{who} {k} {xs} in {n} {whens}, always at the same (pace|speed|rate)")
        rate = total / t
        if s.rng.random() < 0.6:
            v.ask("how many {xs} is that per {when}?", "how many {xs} {do_} {base} per {when}?", "how many {xs} (each|every) {when}?", "what is the number of {xs} per {when}?", "how many {xs} in a single {when}?", answer=s.step(rate))
        else:
            m = s.number(2, 20)
            v.put(m=m)
            v.ask("how many {xs} is that in {m} {whens}?", "at this rate, how many {xs} in {m} {whens}?", "how many {xs} would it be in {m} {whens}?", "how many {xs} {do_} {base} in {m} {whens}?", answer=s.step(s.step(rate) * m))


def pace_goal(s: Story) -> None:
    """A goal, some done, a pace: what is left, or how long it still takes."""
    v, _, r = _pace(s)
    t = s.rng.randint(2, 10)
    v.put(one="each")
    done = s.number(2, 60)
    goal = s.quantity(r.value * t + done.value)
    v.put(g=goal, m=done)
    s.require("{A}" in str(v.w["who"]))
    if s.rng.random() < 0.55:
        v.tell("{A} [want] to reach {g} {xs}", "{A} [have] to {base} {g} {xs}", "the goal is {g} {xs}", "{A} [need] {g} {xs} in all")
        v.tell("{m} {xs} are (already done|finished)", "{he} already {has} {m}", "{m} of them are done")
        v.tell("from now on {he} (can|will) {base} {r} {xs} {per}", "{he} {base_} {r} {xs} {per}", "the pace is {r} {xs} {per}")
        v.put(base_="can {base}")
        rest = s.step(goal - done)
        v.ask("how many {whens} will it take?", "how many more {whens} {does} {A} need?", "how many {whens} are still needed?", "in how many {whens} will {he} be done?", "how many {whens} until the goal is reached?", answer=s.step(rest / r))
        return
    n = s.number(2, t)
    v.put(n=n)
    s.require(n.value * r.value < goal.value - 1)
    v.tell("{A} [have] to {base} {g} {xs}", "{A} [want] to {base} {g} {xs}", "{g} {xs} are to be done by {Ao}")
    v.tell("{he} {base_} {r} {xs} {per} for {n} {whens}", "for {n} {whens} {he} {base_} {r} {xs} {per}")
    v.put(base_="(can|will) {base}")
    v.ask("how many {xs} are left (after that|then)?", "how many {xs} remain after that?", "how many {xs} are still to be done?", "how many more {xs} are there to go?", answer=s.step(goal - s.step(r * n)))


def two_paces(s: Story) -> None:
    """Two who work side by side: together, the difference, or the time for a total."""
    who, base, things, when, low, high = s.rng.choice([pace for pace in PACES if "{A}" in pace[0] and "save" not in pace[0]])
    v = Voice(s, 1, tense="present")
    a, b, n = s.number(low, high), s.number(low, high), s.number(2, 12)
    s.require(abs(a.value - b.value) > 1)
    third = who.split("[")[1].rstrip("]")
    v.put(a=a, b=b, n=n, xs=things, when=when, whens=when + "s", base=base)
    v.tell(f"{{A}} [{third}] {{a}} {{xs}} (per|every|each) {{when}} and {{B}} <{third}> {{b}}", f"every {{when}} {{A}} [{third}] {{a}} {{xs}} and {{B}} {{b}}", "{A} can {base} {a} {xs} per {when}, {B} {b} {xs} per {when}", f"{{B}} <{third}> {{b}} {{xs}} (per|every) {{when}}, while {{A}} [{third}] {{a}}")
    kind = s.rng.randrange(3)
    if kind == 0:
        v.ask("how many {xs} do they {base} together in {n} {whens}?", "how many {xs} is that (together|for both) in {n} {whens}?", "working together, how many {xs} do they {base} in {n} {whens}?", "together, how many {xs} after {n} {whens}?", answer=s.step(s.step(a + b) * n))
    elif kind == 1:
        big, small, first = (a, b, "{A}") if a > b else (b, a, "{B}")
        other = "{B}" if first == "{A}" else "{Ao}"
        v.ask(f"how many more {{xs}} does {first} {{base}} than {other} in {{n}} {{whens}}?" if first == "{B}" else f"how many more {{xs}} {{does}} {first} {{base}} than {other} in {{n}} {{whens}}?", f"by how many {{xs}} is {first} ahead after {{n}} {{whens}}?".replace("is {A}", "{is} {A}"), "what is the difference after {n} {whens}?", answer=s.step(s.step(big - small) * n))
    else:
        s.given.remove(n)
        total = s.quantity((a.value + b.value) * s.rng.randint(2, 12))
        v.put(k=total)
        v.ask("how many {whens} do they need for {k} {xs} together?", "how long do they need for {k} {xs} if they work together, in {whens}?", "together, in how many {whens} do they {base} {k} {xs}?", answer=s.step(total / s.step(a + b)))


def wages(s: Story) -> None:
    """Hours times pay, plus a bonus or less what is spent; hours for a sum."""
    v = Voice(s)
    job = s.rng.choice(JOBS)
    r, n = s.number(5, 40), s.number(2, 12)
    v.put(job=job, n=n)
    kind = s.rng.randrange(4)
    v.cash("r", r)
    pay = ("{A} [earn] {r} (an hour|per hour|every hour|for every hour|each hour) {job}", "{A} [get] {r} an hour for {job}", "{A} [make] {r} per hour {job}", "for {job}, {A} [be] paid {r} per hour", "{As} job is {job} for {r} an hour")
    if kind == 0:
        v.tell(*pay)
        v.ask("{how_much} [do] {A} earn in {n} hours?", "{how_much} is that for {n} hours?", "what {does} {A} get for {n} hours?", "{how_much} after {n} hours?", answer=s.step(r * n))
        return
    v.tell(*pay)
    if kind == 1:
        total = s.quantity(r.value * n.value)
        v.cash("k", total)
        v.ask("how many hours must {A} work to (earn|get|make) {k}?", "how many hours does {k} take?", "for {k}, how many hours of work is that?", "after how many hours {has} {A} earned {k}?", answer=s.step(total / r))
        return
    v.tell("{he} [work] {n} hours", "{he} [work] for {n} hours", "{he} [do] this for {n} hours", "today {he} [work] {n} hours")
    total = s.step(r * n)
    if kind == 2:
        k = s.number(2, 40)
        v.cash("k", k)
        v.tell("{he} also [get] {k} in tips", "at the end there {was} a bonus of {k}", "{B1} <give> {him} {k} on top", "in addition {he} [find] {k} on the way home")
        v.put(was="was" if v.past else "is")
        v.ask("{how_much} [do] {A} get in total?", "{how_much} is that altogether?", "what is the total?", "{how_much} [do] {A} take home?", answer=s.step(total + k))
    else:
        k = s.number(2, max(3, int(total.value) - 2))
        v.cash("k", k)
        v.tell("then {he} [spend] {k} on (lunch|a present|a game|a jacket|books|shoes|a taxi)", "{he} [give] {k} to {B1}", "{he} [pay] {k} for the bus", "{he} [owe] {B1} {k} and [pay] it back")
        v.ask("{how_much} is left?", "{how_much} {does} {A} have left?", "what remains?", "{how_much} {does} {A} keep?", answer=s.step(total - k))


def _good(s: Story) -> tuple[str, str, int, int]:
    pool, low, high = s.rng.choice(((CHEAP, 1, 9), (CHEAP, 1, 9), (MID, 4, 60), (DEAR, 50, 900)))
    one, many = s.rng.choice(pool)
    return one, many, low, high


def priced(s: Story) -> None:
    """Price times number, change from a note, or what one costs, and then more of them."""
    v = Voice(s)
    one, many, low, high = _good(s)
    n = s.number(2, 12)
    kind = s.rng.randrange(5)
    v.put(n=n, one=one, many=many, an=an(one), shop=s.rng.choice(SHOPS))
    each = v.price(low, high)
    buys = "([buy]|[get]|[order]|[purchase]|[pick] up|[choose])"
    if kind < 2:
        v.w["p"] = v.money(each)
        v.tell("{A} " + buys + " {n} {many} at {p} each", "{A} " + buys + " {n} {many} for {p} (each|apiece)", "{A} [go] to a {shop} and [buy] {n} {many}. each {one} costs {p}", "{n} {many} are in {As} basket, {p} each", "the {many} {A} [want] cost {p} each, and {he} [take] {n}", "at the {shop} {an} costs {p}. {A} [need] {n} of them")
        total = s.step(n * each)
        finite(s, total)
        if kind == 0:
            v.ask("{how_much} [do] {A} pay?", "{how_much} is that (in total|altogether|in all)?", "what is the total?", "what does it cost (in total|altogether)?", "how much money {does} {A} need?", "what {does} {A} have to pay?", "how much for all of them?", answer=total)
            return
        note = s.quantity(next(x for x in (5, 10, 20, 50, 100, 200, 500, 1000, 2000, 5000, 10000, 20000) if x > total.value))
        v.cash("k", note)
        v.tell("{he} [pay] with {k}", "{he} [hand] over {k}", "{he} [have] {k}", "{he} [give] the cashier {k}", "{he} [put] {k} on the counter")
        v.ask("how much change {does} {A} get (back|)?", "how much (money|) {does} {A} get back?", "how much is left?", "what is the change?", "{how_much} {does} {A} have left?", answer=s.step(note - total))
        return
    total = s.quantity(each.value * n.value)
    s.given.remove(each)
    s.given.clear()
    n, total = s.quantity(n.value), s.quantity(total.value)
    v.put(n=n)
    v.w["k"] = v.money(total)
    v.tell("{n} {many} cost {k}", "{A} [pay] {k} for {n} {many}", "a (pack|set|box) of {n} {many} costs {k}", "for {k} {A} [get] {n} {many}", "{n} {many} are {k} at the {shop}", "{A} [spend] {k} on {n} {many}", "the bill for {n} {many} is {k}")
    unit = total / n
    if kind == 2:
        v.ask("{how_much} does one {one} cost?", "how much is {an}?", "what is the price of a single {one}?", "{how_much} is that per {one}?", "what does each {one} cost?", "find the price of {an}.", "how much for just one?", "what did each one cost?", answer=s.step(unit))
        return
    m = s.number(2, 15)
    v.put(m=m)
    v.ask("{how_much} do {m} {many} cost?", "what would {m} {many} cost?", "{how_much} for {m} of them?", "how much are {m} {many}?", "at this price, {how_much} would {m} be?", "what must {A} pay for {m} {many}?", answer=s.step(s.step(unit) * m))
    finite(s, s.steps[-1])


def baskets(s: Story) -> None:
    """Two or three different goods: the sum of products, less a coupon or out of a purse."""
    v = Voice(s)
    pool = s.rng.choice((CHEAP, CHEAP, MID))
    count = s.rng.choice((2, 2, 3))
    chosen = s.rng.sample(pool, count)
    total: Amount | None = None
    listing = []
    for i, (one, many) in enumerate(chosen):
        single = s.rng.random() < 0.25
        p = s.number(2, 9) if pool is CHEAP else s.number(5, 60)
        v.cash(f"p{i}", p)
        if single:
            listing.append(f"({an(one)} for {{p{i}}}|{an(one)} that costs {{p{i}}})")
            cost = p
        else:
            n = s.number(2, 6)
            v.w[f"n{i}"] = n
            listing.append(f"({{n{i}}} {many} at {{p{i}}} each|{{n{i}}} {many} for {{p{i}}} each|{{n{i}}} {many} that cost {{p{i}}} each)")
            cost = s.step(n * p)
        total = cost if total is None else s.step(total + cost)
    assert total is not None
    joined = ", ".join(listing[:-1]) + " and " + listing[-1]
    v.put(shop=s.rng.choice(SHOPS))
    v.tell(f"{{A}} ([buy]|[get]|[order]|[choose]|[take]) {joined}", f"at the {{shop}} {{A}} [buy] {joined}", f"on the list {{are}} {joined}", f"in {{As}} basket there {{are}} {joined}", f"{{A}} [need] {joined}")
    roll = s.rng.random()
    if roll < 0.5:
        v.ask("{how_much} [do] {A} (pay|spend)?", "{how_much} is that (in total|altogether|in all)?", "what is the total (cost|price|)?", "what does everything cost?", "how much for everything?", "how much money {does} {A} need?", "what is the bill?", answer=total)
        return
    if roll < 0.75:
        k = s.quantity(total.value + s.rng.randint(1, 40))
        v.cash("k", k)
        v.tell("{he} [have] {k} with {him}", "{his} purse <hold> {k}", "{he} [pay] with {k}", "{he} [have] {k}")
        v.ask("{how_much} is left?", "{how_much} {does} {A} have left?", "how much change is that?", "how much {does} {A} get back?", "what remains of the money?", answer=s.step(k - total))
    else:
        k = s.number(1, max(1, int(total.value) // 3))
        v.cash("k", k)
        off = s.rng.random() < 0.5
        if off:
            v.tell("a coupon takes {k} off", "{he} [have] a voucher for {k}", "there is a discount of {k}", "the seller lets {him} have it {k} cheaper")
        else:
            v.tell("delivery costs {k}", "on top comes a fee of {k}", "the bag costs {k} extra", "{he} [add] a tip of {k}", "shipping is {k}")
        v.ask("{how_much} [do] {A} pay (in the end|in total|altogether)?", "what is the final price?", "what {does} {A} have to pay?", "how much is it then?", answer=s.step(total - k if off else total + k))


def saving(s: Story) -> None:
    """Saving so much a week: after n weeks, weeks until a wish, what is still missing."""
    v = Voice(s, tense="present")
    one = s.rng.choice(MID)[0]
    when = s.pick("week", "month", "day")
    r, n = s.number(2, 50), s.number(2, 20)
    v.put(when=when, whens=when + "s", n=n, thing=an(one), one=one)
    v.cash("r", r)
    kind = s.rng.randrange(4)
    save = ("{A} [save] {r} (a|every|each|per) {when}", "{A} [put] {r} into a jar every {when}", "every {when} {A} [put] aside {r}", "{A} [get] {r} pocket money each {when} and [save] all of it")
    total = s.step(r * n)
    if kind == 0:
        v.tell(*save)
        v.ask("{how_much} {has} {A} saved after {n} {whens}?", "{how_much} is that after {n} {whens}?", "{how_much} in {n} {whens}?", "what sum is it after {n} {whens}?", answer=total)
        return
    k = s.number(3, 90)
    v.cash("k", k)
    if kind == 1:
        v.tell("{A} already [have] {k}", "{A} [start] with {k}", "there is {k} in {As} piggy bank")
        v.tell(*(f.replace("{A}", "{he}") for f in save))
        v.ask("{how_much} is it after {n} {whens}?", "{how_much} {does} {A} have after {n} {whens}?", "{how_much} will there be in {n} {whens}?", answer=s.step(total + k))
        return
    s.steps.clear()
    wish = s.quantity(r.value * n.value + (k.value if kind == 2 else 0))
    if wish > 90:
        one = s.rng.choice(DEAR)[0]
        v.put(thing=an(one), one=one)
    s.given.remove(n)
    for i, amount in enumerate(s.given):
        amount.expression = f"g{i}"
    v.cash("r", r)
    v.cash("k", k)
    v.cash("g", wish)
    v.tell("{A} [want] to buy {thing} for {g}", "{A} [dream] of {thing} that costs {g}", "{thing} costs {g}, and {A} [want] it", "{A} [save] for {thing}. The price is {g}")
    rest = wish
    if kind == 2:
        v.tell("{he} already {has} {k}", "{k} is already saved", "{he} got {k} from {B1}")
        rest = s.step(wish - k)
    v.tell(*(f.replace("{A}", "{he}") for f in save))
    v.ask("how many {whens} (will it take|does it take)?", "how many {whens} must {A} save?", "after how many {whens} can {A} buy it?", "in how many {whens} is there enough money?", "how many {whens} until {he} can buy it?", answer=s.step(rest / r))


def weighed(s: Story) -> None:
    """So much per kilogram: price of several, weight for a sum, dearer and cheaper kinds."""
    v = Voice(s)
    one, other = s.rng.sample(WEIGHED, 2)
    unit = s.pick("kilo", "kg", "kilogram", "pound", "bag")
    units = unit if unit == "kg" else unit + "s"
    p, n = s.number(2, 15), s.number(2, 9)
    v.put(x=one, y=other, u=unit, us=units, n=n)
    v.cash("p", p)
    v.tell("one {u} of {x} costs {p}", "{x} cost {p} per {u}" if one.endswith("s") else "{x} costs {p} per {u}", "a {u} of {x} is {p}", "the price of {x} is {p} a {u}")
    total = s.step(p * n)
    if s.rng.random() < 0.5:
        v.ask("what do {n} {us} cost?", "{how_much} do {n} {us} of {x} cost?", "{how_much} [do] {A} pay for {n} {us}?", "how much is {n} {us} of {x}?", "how much for {n} {us}?", answer=total)
        return
    q, m = s.number(2, 15), s.number(2, 9)
    v.put(m=m)
    v.cash("q", q)
    v.tell("{y} is {q} per {u}" if not other.endswith("s") else "{y} are {q} per {u}", "a {u} of {y} is {q}")
    v.tell("{A} [buy] {n} {us} of {x} and {m} {us} of {y}", "{A} [need] {n} {us} of the first and {m} {us} of the second", "{A} [take] {n} {us} of {x} and {m} of {y}")
    v.ask("{how_much} is that (in total|altogether)?", "what is the total?", "{how_much} [do] {A} pay?", "what does it all cost?", answer=s.step(total + s.step(q * m)))


def travelled(s: Story) -> None:
    """Legs of a journey at different speeds, there and back, and what is left."""
    v = Voice(s)
    how, low, high = s.rng.choice((("[drive]", 40, 110), ("[cycle]", 10, 25), ("[walk]", 3, 6), ("[ride]", 8, 20), ("[sail]", 8, 20), ("[run]", 7, 14), ("[fly]", 300, 800)))
    u = s.pick("km", "kilometres", "miles", "kilometers")
    a, b, n, m = s.number(low, high), s.number(low, high), s.number(2, 6), s.number(2, 6)
    v.put(u=u, per=s.pick("per hour", "an hour", "every hour"))
    kind = s.rng.randrange(3)
    if kind == 0:
        v.put(a=a, b=b, n=n, m=m)
        v.tell(f"{{A}} {how} for {{n}} hours at {{a}} {{u}} {{per}} and then for {{m}} hours at {{b}} {{u}} {{per}}", f"{{A}} {how} {{a}} {{u}} {{per}} for {{n}} hours. For the next {{m}} hours it {{was}} {{b}} {{u}} {{per}}", f"for {{n}} hours {{A}} {how} {{a}} {{u}} {{per}}, afterwards {{b}} {{u}} {{per}} for {{m}} hours")
        v.put(was="was" if v.past else "is")
        v.ask("how (far|many {u}) is that (in total|altogether)?", "what is the total distance?", "how many {u} [do] {A} cover?", "how long is the whole way?", answer=s.step(s.step(a * n) + s.step(b * m)))
    elif kind == 1:
        d = s.quantity(a.value * n.value + b.value * 2)
        v.put(a=a, n=n, d=d)
        v.tell("the way is {d} {u} long", "{A} [want] to go {d} {u}", "it is {d} {u} to the {goal}")
        v.put(goal=s.pick("sea", "border", "castle", "next city", "lake", "farm of {B1}"))
        v.tell(f"{{he}} {how} for {{n}} hours at {{a}} {{u}} {{per}}", f"{{he}} {how} {{a}} {{u}} {{per}} for {{n}} hours")
        v.ask("how many {u} are left?", "how many {u} remain?", "how much further is it?", "how many {u} are still to go?", "how far is it still?", answer=s.step(d - s.step(a * n)))
    else:
        k = s.number(2, 30)
        v.put(k=k, n=n)
        v.tell("it is {k} {u} from home to the (school|office|gym|market|station|harbour|library)", "{As} way to work is {k} {u} long", "{A} [live] {k} {u} from {B1}")
        v.tell("{A} [go] there and back {n} times", "{n} times a week {A} [go] there and back", "each month {A} [make] {n} round trips")
        v.ask("how many {u} is that (in total|altogether|)?", "what distance is that?", "how far is that (in total|altogether)?", answer=s.step(s.step(k * 2) * n))


SCENES: dict[str, tuple[float, Scene]] = {
    "forms_pace": (1.5, pace),
    "forms_pace_goal": (0.9, pace_goal),
    "forms_two_paces": (0.9, two_paces),
    "forms_wages": (1.1, wages),
    "forms_priced": (1.5, priced),
    "forms_baskets": (1.4, baskets),
    "forms_saving": (1.0, saving),
    "forms_weighed": (0.7, weighed),
    "forms_travelled": (0.9, travelled),
}
