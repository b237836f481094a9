"""Daily scenes of money: shopping lists, change, tickets, bills, wages, saving up, small businesses.

Knows how people tell of buying and earning; the grammar is `idiom`'s.
"""

from smysl_forge.scenes.goods import CHEAP, DEAR, MID, different
from smysl_forge.scenes.idiom import Talk
from smysl_forge.scenes.teller import an, finite
from smysl_forge.story import Amount, Scene, Story

CHANGE_Q = (
    "{hm} change {do} {S} (get|receive|get back)?", "how much change (should|will) {S} get( back|)?", "{hm} (will|does) the (cashier|seller|clerk) (give|hand) back( to {him}|)?",
    "what is {his} change?", "how much (money|) {do} {S} get back?", "how much should the cashier give {him} back?", "find {his} change.", "work out the change.", "how many {unit} (come back|are handed back)?",
)  # fmt: skip
MONEY_LEFT_Q = (
    "{hm} {do} {S} have left?", "{hm} {now} {S} have now?", "{hm} is left?", "how much of the money is left?", "how many {unit} (are left|remain|are left over)?", "what (remains|is left over)?",
    "how much money (remains|is still there)?", "{hm} {do} {S} still have?", "work out how much is left.", "what's left in {his} (wallet|pocket|purse)?", "with how much money {do} {S} end up?",
)  # fmt: skip
PAID_Q = (
    "{hm} {do} {S} (pay|spend)( in total| altogether| in all|)?", "what (is|was) the total (cost|price|bill)?", "what does it cost (altogether|in total|all together)?", "{hm} is that (in total|altogether|in all)?",
    "what (is|was) {his} (total |)bill?", "how many {unit} {do} {S} (hand over|spend|pay) in all?", "how much does (all of this|everything|the lot) cost?", "find the total( cost|).", "how expensive (is|was) (the whole purchase|it all)?",
)  # fmt: skip
MISSING_Q = (
    "how much (more |)(money |){do} {S} (still |)need?", "how much more (money |){do} {S} need( to buy it| for it|)?", "how many more {unit} {do} {S} need?", "how many {unit} are (still |)missing?",
    "how much is (still |)missing?", "what {do} {S} still have to (save|find|earn)?", "by how much {be} {S} short?", "how much more must {S} (save|put together|earn)?", "what's the (shortfall|missing amount)?",
)  # fmt: skip


def shopping_list(s: Story) -> None:
    """Two to four different things: the bill, the change or what is left."""
    t = Talk(s)
    goods = different(s.rng, CHEAP + MID, s.rng.choice((2, 2, 3, 3, 4)))
    prices = [t.price(1, 12 if good in CHEAP else 40) for good in goods]
    parts = [f"{an(good[0])} (for|at|costing)" + f" {{p{i}}}" for i, good in enumerate(goods)]
    words = {f"p{i}": t.money(price) for i, price in enumerate(prices)}
    listed = ", ".join(parts[:-1]) + s.pick(" and ", ", and ", " plus ") + parts[-1]
    total = prices[0]
    for price in prices[1:]:
        total = s.step(total + price)
    kind = s.pick("total", "total", "change", "left")
    if kind == "left":
        have = s.quantity(int(total.value) + s.rng.randint(1, 60))
        t.fact("{S} ([walk] into the shop with|[have]|[leave] home with|[take]) {h}( in {his} pocket| in cash|)", "{S} [have] {h} to spend", "{owner} purse [holds/held] {h}", "{S} [get] {h} for {his} (birthday|name day)", h=t.money(have))
    t.fact(f"{{S}} ([buy]|[purchase]|[pick] up|[get]|[choose]|[go] to the (market|mall|store) and [buy]|[put] into the basket) {listed}", f"at the (market|shop|corner store|supermarket) {{S}} ([buy]|[get]|[take]) {listed}",
           f"{{S}} [spend] {{his}} money on {listed}", f"{{owner}} shopping (basket|list): {listed}" if not s.rng.randint(0, 3) else f"{{S}} [pay] for {listed}", **words)  # fmt: skip
    if kind == "total":
        t.ask(*PAID_Q, answer=total)
    elif kind == "left":
        t.ask(*MONEY_LEFT_Q, answer=s.step(have - total))
    else:
        note = _note(s, total)
        t.fact("{S} [pay] with {k}", "{S} ([hand]) (the cashier|the seller|over) {k}", "{S} [give] the (clerk|cashier|shopkeeper) {k}", "{S} [put] {k} on the counter", k=t.money(note))
        t.ask(*CHANGE_Q, answer=s.step(note - total))


def _note(s: Story, total: Amount) -> Amount:
    """A sum that a customer would hand over for `total`."""
    rounded = [n for n in (5, 10, 20, 50, 100, 200, 500, 1000, 2000, 5000) if n > total.value]
    s.require(bool(rounded))
    return s.quantity(s.rng.choice(rounded[: 2 if total < 30 else 1]))


def several_of_one(s: Story) -> None:
    """A number of the same thing: the price of all, the change, or what is left."""
    t = Talk(s)
    one, many = s.rng.choice(CHEAP + MID)
    n, p = s.number(2, 12), t.price(1, 15)
    total = s.step(n * p)
    finite(s, total)
    w: dict[str, object] = {"n": n, "p": t.money(p), "one": one, "many": many, "a": an(one)}
    buying = ("{S} ([buy]|[order]|[get]|[pick] up|[need]) {n} {many} (at|for) {p} (each|apiece|per piece)", "{S} ([buy]|[take]|[want]) {n} {many}. ({a} costs|every {one} costs|each of them costs|each costs) {p}",
              "{n} {many} (go|went) into {owner} (basket|trolley|cart), {p} (each|apiece)", "({a}|each {one}) [costs/cost] {p} and {S} ([buy]|[take]|[choose]) {n}( of them|)", "{S} [pay] {p} for each of {n} {many}", "the price of {a} (is|was) {p}. {S} [get] {n}")  # fmt: skip
    kind = s.pick("total", "total", "change", "left", "short")
    if kind == "total":
        t.fact(*buying, **w)
        t.ask(*PAID_Q, answer=total)
        return
    if kind == "change":
        t.fact(*buying, **w)
        note = _note(s, total)
        t.fact("{S} [pay] with {k}", "{S} [hand] over {k}", "{S} [give] the (seller|cashier|vendor) {k}", "the cashier [gets/got] {k} from {him}", k=t.money(note))
        t.ask(*CHANGE_Q, answer=s.step(note - total))
    elif kind == "left":
        have = s.quantity(int(total.value) + s.rng.randint(1, 50))
        t.fact("{S} [have] {h}", "{S} [bring] {h} to the (shop|market|fair)", "there [is/was] {h} in {owner} (wallet|purse|piggy bank)", h=t.money(have))
        t.fact(*buying, **w)
        t.ask(*MONEY_LEFT_Q, answer=s.step(have - total))
    else:
        s.require(total > 4)
        have = s.quantity(s.rng.randint(2, int(total.value) - 1))
        t.fact("{S} [want] (to buy |){n} {many} at {p} each", "{S} [need] {n} {many} (for school|for a party|at home|), and each [costs/cost] {p}", "{S} would like {n} {many} that cost {p} each", **w)
        t.fact("(but |so far |){S} only [have] {h}", "{S} only [have] {h}", "{his} wallet [holds/held] {h}" if t.met else "there [is/was] only {h} in the wallet", h=t.money(have))
        t.ask(*MISSING_Q, answer=s.step(total - have))


def how_many_can_buy(s: Story) -> None:
    """A budget and a price: how many at most, and what is over."""
    t = Talk(s)
    one, many = s.rng.choice(CHEAP + MID)
    p = s.number(2, 15)
    h = s.quantity(int(p.value) * s.rng.randint(2, 15) + s.rng.choice((0, 0, s.rng.randrange(int(p.value)))))
    w: dict[str, object] = {"p": t.money(p), "h": t.money(h), "one": one, "many": many, "a": an(one)}
    t.fact("{S} [have] {h}( to spend| in {his} pocket|)", "{S} [get] {h} from {his} (grandma|uncle|aunt|parents)", "{S} [find] {h} in an old (coat|jacket|drawer)", "{S} [earn] {h} (at the weekend|)", "with {h} in {his} pocket {S} [go] shopping", **w)
    t.fact("({a} costs|every {one} costs) {p}", "{many} [are/were] (sold at|on sale for|offered for) {p} (each|apiece)", "each {one} [costs/cost] {p}", "the (shop|kiosk|stall) [sells/sold] {many} (at|for) {p} (each|apiece)", "the price [is/was] {p} (per|for each) {one}", **w)
    if h.value % p.value and t.chance(0.35):
        t.ask("{S} [buy] as many {many} as possible. {hm} (is|will be) left( over|)?", "{hm} is left over (if|when) {S} [buy] as many {many} as (possible|{he} can)?".replace("{he}", t.hero.he), answer=s.step(h % p), **w)
        return
    t.ask("how many {many} can {S} (buy|afford|get)( at most| for that| with it|)?", "how many {many} is that enough for?", "how many (of them |){now} {S} get (at most|for the money)?", "what is the (largest|biggest|greatest) number of {many} {S} can (buy|afford)?",
          "for how many {many} is the money enough?", "how many {many} does the money buy?", "find how many {many} {S} can (pay for|afford).", answer=s.step(h // p), **w)  # fmt: skip


def short_of(s: Story) -> None:
    """A price, what is there, and gifts towards it: how much is missing."""
    t = Talk(s)
    one = s.rng.choice(DEAR)[0]
    price = s.number(60, 900, s.rng.choice((1, 5, 10, 10)))
    have = s.quantity(s.rng.randrange(10, int(price.value) - 20, s.rng.choice((1, 5))))
    w: dict[str, object] = {"P": t.money(price), "h": t.money(have), "a": an(one), "one": one}
    t.fact("{S} ([want] to buy|[dream] of|[wish] for|[need])" + " {a} (that|which) [costs/cost] {P}", "({a}|the {one} in the window) [costs/cost] {P}", "{S} [be] saving (up |)for {a} (that costs|priced at|worth) {P}", "the (price|tag) on {a} [says/said] {P}", "{a}. That's what {S} [want], for {P}", **w)
    t.fact("{S} (already |so far |)[have] {h}( in {his} (piggy bank|savings account)|)", "{S} [manage] to save {h}( so far|)", "in {owner} (savings jar|piggy bank|account) there [is/was] {h}", "{S} [put] aside {h} (so far|already)", **w)
    missing: Amount
    roll = s.rng.random()
    rest = int(price.value) - int(have.value)
    if roll < 0.4:
        missing = s.step(price - have)
    elif roll < 0.75:
        gift = s.quantity(s.rng.randint(2, rest - 1))
        t.fact("{his} (grandmother|uncle|aunt|big sister|father|godmother) ([adds/added]|[chips/chipped] in|[gives/gave] {him}|[contributes/contributed]) {g}( more|)", "for {his} birthday {S} [receive] {g}( more|)", "then {S} [earn] {g} by (washing cars|babysitting|selling old toys)", g=t.money(gift))
        missing = s.step(price - s.step(have + gift))
    else:
        per = s.number(2, 40)
        missing = s.step(price - have)
        weeks = s.step(s.function("ceil", missing / per))
        term = s.pick("week", "month", "week")
        s.require(weeks.value > 1)
        t.fact(f"{{S}} (can|will) save {{g}} (a|each|every|per) {term}", f"each {term} {{S}} [set] aside {{g}}( more|)", f"every {term} {{S}} ([put]|[add]) {{g}} to it", g=t.money(per))
        t.ask(f"(in|after) how many {term}s (will) {{S}} (have enough|be able to buy it)?", f"how many (more |){term}s (of saving |)(are|will be) needed?", f"how many {term}s (will) it take?", f"for how many (more |){term}s must {{S}} (save|keep saving)?",
              f"how many {term}s until {{S}} can (afford|buy) the {{one}}?", f"how long does it take, in {term}s?", answer=weeks, **w)  # fmt: skip
        return
    t.ask(*MISSING_Q, answer=missing, **w)


def saving_up(s: Story) -> None:
    """So much every week for some weeks, with a start or a purchase."""
    t = Talk(s)
    term = s.pick("week", "month", "day", "week", "Saturday")
    kind = s.pick("total", "start", "spend", "weeks")
    per = s.number(2, 60)
    n = s.number(3, 30)
    w: dict[str, object] = {"p": t.money(per), "n": n, "term": term}
    total = s.step(per * n)
    if kind == "start":
        start = s.number(5, 300)
        t.fact("{S} [start] (out |)with {h}", "{S} already [have] {h} (in the bank|in a jar|saved)", "there [is/was] {h} in {owner} (money box|account) (at first|at the beginning)", h=t.money(start))
        total = s.step(start + total)
    t.fact("{S} ([save]|[put] away|[set] aside|[keep]) {p} (every|each) {term} for {n} {term}s", "for {n} {term}s {S} ([save]|[put] aside|[stash] away) {p} (a|every|each) {term}", "(each|every) {term} {S} ([drop]|[put]) {p} into a (jar|money box|piggy bank|tin), for {n} {term}s( in a row|)",
           "{S} [get] {p} pocket money (each|every) {term} and [save] all of it for {n} {term}s", **w)  # fmt: skip
    if kind == "spend":
        cost = s.quantity(s.rng.randint(2, max(2, int(total.value) - 1)))
        s.require(cost < total)
        t.fact("then {S} [spend] {c} on {a}", "after that {S} [buy] {a} for {c}", "{S} [use] {c} of it (to buy|for) {a}", "{a} for {his} (brother|sister|friend) [costs/cost] {him} {c}", c=t.money(cost), a=an(s.rng.choice(MID)[0]))
        t.ask(*MONEY_LEFT_Q, answer=s.step(total - cost))
        return
    t.ask("{hm} {do} {S} have (in the end|at the end|then|after that)?", "how big (are|were) {his} savings( then| in the end|)?", "what is {his} total?" if kind == "start" else "{hm} {do} {S} save (in total|altogether|in all)?", "{hm} is in there (then|now|at the end)?", "how many {unit} (does that make|is that)( in all|)?",
          "what (amount|sum) {do} {S} (end up with|have at the end)?", "find the sum that {S} [have] (afterwards|then).", answer=total, **w)  # fmt: skip


JOBS = (
    ("babysitting", "hour"), ("at the bakery", "hour"), ("as a lifeguard", "hour"), ("in a call center", "hour"), ("tutoring math", "hour"), ("walking dogs", "hour"), ("on a farm", "day"), ("picking strawberries", "day"),
    ("as a tour guide", "day"), ("in a warehouse", "hour"), ("driving a bus", "hour"), ("as a cashier", "hour"), ("at the car wash", "hour"), ("in a vineyard", "day"), ("painting houses", "day"), ("as a substitute teacher", "day"),
    ("as a barista", "hour"), ("in the school library", "hour"), ("as a security guard", "hour"), ("cleaning offices", "hour"), ("repairing bikes", "hour"), ("at the reception desk", "day"),
)  # fmt: skip


def wages(s: Story) -> None:
    """Pay per hour or day, with tips, costs or a goal."""
    t = Talk(s)
    job, term = s.rng.choice(JOBS)
    rate, n = s.number(*((8, 45) if term == "hour" else (50, 200))), s.number(2, 9 if term == "hour" else 22)
    total = s.step(rate * n)
    w: dict[str, object] = {"r": t.money(rate), "n": n, "job": job, "u": term}
    kind = s.pick("plain", "tips", "cost", "days", "goal")
    pay = "([earn]|[make]|[get]|[be] paid)"
    pays = (f"{{S}} {pay} {{r}} (per|for each|for every) {{u}} {{job}}", f"{{job}}, {{S}} {pay} {{r}} (per|for every) {{u}}", "{S} [work] {job} (for|and [get]) {r} per {u}", "{owner} (pay|wage) {job} [is/was] {r} per {u}")
    if kind == "goal":
        goal = s.quantity(int(rate.value) * s.rng.randint(3, 20) + s.rng.choice((0, s.rng.randint(1, 7))))
        s.steps.clear()
        s.given.remove(n)
        goal.expression = "g1"
        t.fact(*pays, r=w["r"], job=job, u=term)
        t.fact("{S} [want] to (earn|have|make) {g}", "{S} [need] {g} for (a trip|the rent|a course|new tyres|a present)", "{his} goal [is/was] {g}", g=t.money(goal))
        t.ask("how many {u}s (must|should|will) {S} work?", "how many {u}s of work (is that|are needed|does that take)?", "for how many {u}s {do} {S} (need|have) to work?", "at least how many {u}s {do} {S} need to work?", "how many full {u}s must {S} work to get there?", answer=s.step(s.function("ceil", goal / rate)), **w)  # fmt: skip
        return
    if kind == "days":
        d = s.number(2, 6)
        s.require(term == "hour")
        total = s.step(total * d)
        t.fact(*pays, **w)
        t.fact("{S} [work] {n} hours (a|each|every) day, {d} days", "{S} [work] {n} hours a day for {d} days", "{S} [do] {d} shifts of {n} hours( each|)", "{S} [have] {d} shifts, each {n} hours long", n=n, d=d)
    else:
        t.fact(*pays, **w)
        t.fact("(this week|in the end|in total|)" + " {S} [work] {n} {u}s", "{S} [put] in {n} {u}s", "{S} [stay] for {n} {u}s", "{S} [do] {n} {u}s (of that|of this work|there)", **w)
    if kind == "tips":
        x = s.number(3, 60)
        t.fact("{S} also [get] {x} in tips", "on top of that [comes/came] a bonus of {x}", "there [is/was] (also |)a tip of {x}", "customers [leave/left] {him} {x} in tips", "{S} (also |)[receive] an extra {x}", x=t.money(x))
        total = s.step(total + x)
    elif kind == "cost":
        x = s.number(2, 40)
        s.require(x < total)
        t.fact("{S} [pay] {x} (for the bus|for lunch|in taxes|for gloves|for parking) (out of it|from that money|)", "(the tax man|lunch|the uniform) [takes/took] {x} (of it|away)", "{S} [spend] {x} of it (on food|on the way home|right away)", x=t.money(x))
        t.ask("{hm} {do} {S} (keep|have left|take home|have in the end)?", *MONEY_LEFT_Q, answer=s.step(total - x))
        return
    t.ask("{hm} {do} {S} (earn|make|get|take home)( altogether| in total| in all|)?", "what (are|were) {his} (total |)earnings?", "how much {be} {S} paid( in total|)?", "how many {unit} (is that|does that come to)?", "what's {his} (total |)pay?", "find {his} total pay.", "how much money (goes|went) home with {him}?", answer=total)


PIECES = (
    ("mow", "lawn", "lawns"), ("wash", "car", "cars"), ("walk", "dog", "dogs"), ("paint", "fence", "fences"), ("repair", "bike", "bikes"), ("deliver", "parcel", "parcels"), ("sell", "painting", "paintings"), ("knit", "hat", "hats"), ("shovel", "driveway", "driveways"),
    ("clean", "window", "windows"), ("translate", "page", "pages"), ("tune", "piano", "pianos"), ("sew", "dress", "dresses"), ("groom", "poodle", "poodles"), ("fix", "phone", "phones"), ("bake", "cake", "cakes"), ("carve", "spoon", "spoons"), ("type", "letter", "letters"), ("sharpen", "knife", "knives"),
)  # fmt: skip


def piece_work(s: Story) -> None:
    """Pay per lawn, car or cake on two days, or with costs; how many for a goal."""
    t = Talk(s)
    verb, one, many = s.rng.choice(PIECES)
    p = s.number(2, 30)
    w: dict[str, object] = {"p": t.money(p), "one": one, "many": many}
    t.fact(f"{{S}} ([charge]|[ask]|[get]|[take]) {{p}} (for each {{one}}|per {{one}}) (that {t.hero.he} [{verb}]|)", "for (every|each) {one} {S} ([earn]|[get]|[receive]|[make]) {p}", f"people [pay/paid] {{p}} (for each|per) {{one}} that {{S}} [{verb}]", f"to earn (some |)money, {{S}} [{verb}] {{many}} (for|at) {{p}} each", **w)
    if t.chance(0.3):
        g = s.quantity(int(p.value) * s.rng.randint(3, 15) + s.rng.choice((0, 1, 0, 2)))
        t.fact("{S} [want] {g} in the end", "{S} [need] to collect {g}", "{S} [be] saving for something that [costs/cost] {g}", g=t.money(g))
        t.ask(f"how many {{many}} (must|should) {{S}} {verb}?", f"how many {{many}} {{do}} {{S}} (have|need) to {verb}?", "how many {many} is that( at least|)?", f"at least how many {{many}} must {{S}} {verb} to (get|reach) that?", answer=s.step(s.function("ceil", g / p)), **w)
        return
    a, b = s.number(2, 9), s.number(2, 9)
    first, second = s.rng.choice((("on Saturday", "on Sunday"), ("in the morning", "in the afternoon"), ("in May", "in June"), ("last week", "this week"), ("on the first day", "on the next day"), ("yesterday", "today")))
    if first in ("last week", "yesterday"):
        t.past = True
    t.fact(f"{first} {{S}} [{verb}] {{a}} {{many}} and {second} {{b}}( more|)", f"{{S}} [{verb}] {{a}} {{many}} {first} and {{b}} {second}", f"{first} it [is/was] {{a}} {{many}}, {second} {{b}}", a=a, b=b, **w)
    total = s.step(s.step(a + b) * p)
    if t.chance(0.4):
        c = s.number(2, 25)
        s.require(c < total)
        t.fact("{S} [spend] {c} on (soap|materials|petrol|supplies|new tools)", "the (materials|supplies) [cost/cost] {him} {c}", "{S} [use] {c} of the money to buy {a}", "{S} [give] {c} of it to {his} (sister|helper|mother)", c=t.money(c), a=an(s.rng.choice(MID)[0]))
        t.ask(*MONEY_LEFT_Q, answer=s.step(total - c))
    else:
        t.ask("{hm} {do} {S} (earn|make|get)( altogether| in all| in total|)?", "how many {unit} (is that|does that bring)( altogether| in all|)?", "what {do} {S} earn (in all|all together|together)?", "how much money (did|does) that bring {him}?", "what is {his} (total |)(pay|income)?", answer=total)


def discount(s: Story) -> None:
    """A price cut by an amount or per cent; the new price or the saving, of one or several."""
    t = Talk(s)
    dear = t.chance(0.5)
    one, many = s.rng.choice(DEAR if dear else MID)
    percent = t.chance(0.55)
    if percent:
        p, off = s.number(*((60, 900) if dear else (10, 120)), 10), s.number(10, 60, 5)
        cut = s.step(p * off / 100)
        finite(s, cut)
        by = s.render(off) + s.pick("%", "%", " percent", " per cent")
    else:
        p, off = s.number(*((60, 900) if dear else (8, 90))), s.number(2, 60)
        s.require(off < p)
        cut = off
        by = t.money(off)
    w: dict[str, object] = {"p": t.money(p), "o": by, "a": an(one), "one": one, "many": many}
    coupon = "{S} [have] a coupon for {o} off" if percent else "{S} [have] a coupon worth {o}"
    t.fact("{a} (normally|usually|regularly) [costs/cost] {p}", "the (regular|normal|old) price of {a} [is/was] {p}", "{S} [want] {a} (that|which) (normally |)[costs/cost] {p}", "{S} [see] {a} (marked|priced) at {p}", **w)
    t.fact("today it [is/was] {o} (cheaper|off)", "there [is/was] a discount of {o}", "the (shop|store|seller) [takes/took] {o} off", "the price [is/was] (reduced|cut|lowered) by {o}", "in the (summer|winter|spring) sale it [is/was] {o} (off|cheaper)", coupon, **w)
    if percent and t.chance(0.25):
        t.ask("how much (money is saved|cheaper is it|will {S} save)?", "{hm} {do} {S} save?", "what is the discount in {unit}?", "how big is the (saving|reduction) in {unit}?", answer=cut, **w)
        return
    new = s.step(p - cut)
    if t.chance(0.3):
        n = s.number(2, 6)
        t.fact("{S} [buy] {n}( of them|)", "{S} [take] {n} {many}", "{S} [need] {n} {many} at this price", "{S} [get] {n} {many}", n=n, many=many)
        new = s.step(new * n)
        t.ask(*PAID_Q, answer=new)
        return
    t.ask("what (is|will be) the (new|sale|reduced|final) price?", "{hm} {do} {S} pay( for it| for the {one}| now|)?", "how much does it cost (now|then|after the discount)?", "what does the {one} cost now?", "for how much can {S} (get|buy) it?", "{hm} must {S} pay (for the {one}|now|in the end)?", "find the new price.", answer=new, **w)


def split_bill(s: Story) -> None:
    """A bill, perhaps with a tip or delivery, shared by a group."""
    t = Talk(s)
    n, each = s.rng.randint(2, 9), s.rng.randint(4, 45)
    meal = s.pick("dinner", "lunch", "pizza", "breakfast", "the taxi", "the holiday house", "a birthday present", "sushi", "the groceries", "the barbecue", "the boat trip", "tickets for a concert", "brunch", "petrol", "the escape room")
    group = s.pick("friends", "colleagues", "cousins", "roommates", "students", "teammates", "neighbours", "people", "sisters", "classmates")
    extra = s.rng.randint(2, 20) if t.chance(0.45) and n * each > 30 else 0
    total, m = s.quantity(n * each - extra), s.quantity(n)
    w: dict[str, object] = {"T": t.money(total), "n": m, "g": group, "meal": meal}
    sum_ = total
    more = ""
    if extra:
        x = s.quantity(extra)
        more = s.pick(" plus a tip of {x}", ", and they add a {y} of {x}", ", and the delivery costs another {x}", "; on top comes a service fee of {x}").replace("{y}", "tip")
        w["x"] = t.money(x)
        sum_ = s.step(total + x)
    t.fact(f"{{n}} {{g}} (have|share|order) {{meal}} for {{T}}{more}", f"{{n}} {{g}} (pay|owe) {{T}} for {{meal}}{more}", f"{{meal}} for {{n}} {{g}} (costs|comes to) {{T}}{more}", f"the bill for {{meal}} is {{T}}{more}, to be shared by {{n}} {{g}}" if not extra else f"{{n}} {{g}} get a bill of {{T}} for {{meal}}{more}", **w)
    t.fact("they (split|share) (the cost|the bill|everything) (equally|evenly|fairly)", "everyone pays the same( amount|)", "the cost is divided (equally|evenly)( among them|)", "all of them (pay|chip in) (equally|the same)")
    t.ask("{hm} does each (person |of them |of the {g} |)(pay|owe)?", "what does each (of them |person |)(have to |)pay?", "how much (is|will be) each share?", "how many {unit} (from each|per person|each)?", "how much per person?", "what is (everyone's|each person's) share?", "find each person's share.", answer=s.step(sum_ / m), **w)


STANDS = (
    ("lemonade", "cup", "cups"), ("cookies", "bag", "bags"), ("honey", "jar", "jars"), ("home-made jam", "jar", "jars"), ("cupcakes", "box", "boxes"), ("roses", "bouquet", "bouquets"), ("soap", "bar", "bars"), ("popcorn", "bag", "bags"),
    ("apple juice", "bottle", "bottles"), ("soup", "bowl", "bowls"), ("firewood", "bundle", "bundles"), ("strawberries", "basket", "baskets"), ("hot chocolate", "mug", "mugs"), ("handmade cards", "pack", "packs"), ("seeds", "packet", "packets"), ("candles", "box", "boxes"),
)  # fmt: skip


def small_business(s: Story) -> None:
    """Sales of a stand, minus what it cost to make."""
    t = Talk(s)
    what, one, many = s.rng.choice(STANDS)
    n, p = s.number(4, 60), s.number(2, 12)
    sales = s.step(n * p)
    w: dict[str, object] = {"n": n, "p": t.money(p), "what": what, "one": one, "many": many}
    t.fact("{S} [sell] {n} {many} of {what} (at|for) {p} (each|apiece|a {one})", "at the (fair|flea market|school fete|farmers' market) {S} [sell] {n} {many} of {what} for {p} each", "{n} {many} of {what} [are/were] sold at {owner} stand, each for {p}", "{S} [run] a {what} stand. A {one} [costs/cost] {p} and {n} [are/were] sold", "{S} [find] buyers for {n} {many} of {what} at {p} per {one}", **w)
    if t.chance(0.3):
        t.ask("{hm} {do} {S} (take in|earn|collect|make)?", "what is {his} (income|revenue|takings)?", "how many {unit} {do} {S} get?", "how much money (comes|came) in?", "what do all the {many} bring?", answer=sales, **w)
        return
    c = s.number(2, 200)
    s.require(c < sales)
    t.fact("(the ingredients|the materials|all the supplies|the permit and supplies) [cost/cost] {c}", "{S} [spend] {c} on (ingredients|supplies|materials)", "{S} [pay] {c} for (the stand|the ingredients|the packaging|advertising)", "making them [costs/cost] {him} {c} (altogether|in total)", c=t.money(c))
    t.ask("what is {his} profit?", "how much profit {do} {S} make?", "how much money {do} {S} (really |)(gain|make)?", "what {do} {S} (gain|earn) after (costs|expenses)?", "how much is left after paying the costs?", "how big is the profit?", "how much (of it|of that) is profit?", "find the profit.", answer=s.step(sales - c), **w)


def two_shoppers(s: Story) -> None:
    """What two people spent or earned: together, or how much more."""
    t = Talk(s)
    u = t.other()
    a, b = s.number(5, 150), s.number(3, 150)
    verb = s.pick("spend", "earn", "save", "pay", "win", "donate", "collect")
    past = {"spend": "spent", "earn": "earned", "save": "saved", "pay": "paid", "win": "won", "donate": "donated", "collect": "collected"}[verb]
    third = f"[{verb}s/{past}]"
    w: dict[str, object] = {"a": t.money(a), "b": t.money(b), "u": u.later}
    occasion = s.pick("at the fair", "in the book shop", "at the flea market", "this week", "in the summer", "at the supermarket", "for charity", "on Sunday", "at the game", "", "")
    t.fact(f"{{S}} [{verb}] {{a}} {occasion}(, while | and |, and ){{u}} {third} {{b}}", f"{{S}} [{verb}] {{a}} {occasion}. {{u}} {third} {{b}}", f"{occasion} {{S}} [{verb}] {{a}} and {{u}} {{b}}", **w)
    does = "do" if t.hero.plural else "does"
    does = "did" if t.past else does
    name = t.hero.later
    if t.chance(0.45):
        they = "we" if t.hero.first in ("I", "we") else "they"
        did = "did" if t.past else "do"
        t.ask(f"{{hm}} {did} {they} {verb} (together|in total|altogether|in all)?", "{hm} is that (together|in total|altogether)?", f"what is the (total|sum) (they|both) {past}?".replace("they|both", they), f"how many {{unit}} {did} (both|the two) {verb} (together|in total)?", answer=s.step(a + b), **w)
    elif t.chance(0.6):
        more, less, x, y = ("more", "less", name, u.later) if a > b else ("more", "less", u.later, name)
        s.require(a.value != b.value)
        x_does = does if x == name else ("did" if t.past else "does")
        y_does = does if y == name else ("did" if t.past else "does")
        answer = s.step(a - b) if a > b else s.step(b - a)
        of = {"I": "me", "we": "us"}
        t.ask(f"how much {more} {x_does} {x} {verb} than {of.get(y, y)}?", f"how many {{unit}} {more} {x_does} {x} {verb} than {of.get(y, y)}?", f"how much {less} {y_does} {y} {verb} than {of.get(x, x)}?", f"by how much (is|was) the amount of {of.get(x, x)} (bigger|higher)?".replace("the amount of " + of.get(x, x), "the larger amount"), "what is the difference( between the two|)?", answer=answer, **w)
    else:
        k = s.number(2, 9)
        total = s.step(s.step(a + b) / k)
        s.whole(total)
        t.fact("the money of both [is/was] divided equally among {k} (charities|families|projects|children)", "the two amounts together [are/were] shared equally by {k} (children|friends|clubs)", k=k)
        t.ask("{hm} does each get?", "how much is each share?", "how many {unit} (for each|each)?", "what does each of them receive?", answer=total, **w)


def unit_price(s: Story) -> None:
    """What so many cost: the price of one, or of another number."""
    t = Talk(s)
    one, many = s.rng.choice(CHEAP + MID)
    n, each = s.rng.randint(2, 15), s.rng.randint(2, 20)
    m, total = s.quantity(n), s.quantity(n * each)
    w: dict[str, object] = {"n": m, "T": t.money(total), "one": one, "many": many, "a": an(one)}
    t.fact("{n} {many} [cost/cost] {T}( in total| altogether|)", "{S} [pay] {T} for {n} {many}", "{S} [get] {n} {many} for {T}", "{T} [is/was] the price of {n} {many}", "a (pack|set|bundle) of {n} {many} [costs/cost] {T}", "for {T} {S} [buy] {n} {many}( that all cost the same|)", **w)
    price = s.step(total / m)
    if t.chance(0.5):
        t.ask("{hm} does (each|a single) {one} cost?", "what (is|was) the price of (each|a single|every) {one}?", "how much (for|is) a single {one}?", "how many {unit} (per|for each) {one}?", "what does {a} cost?", "how much is that (each|apiece|per {one})?", "find the price (of {a}|per {one}).", answer=price, **w)
    else:
        k = s.number(2, 30)
        s.require(k.value != m.value)
        t.ask("{hm} do {k} {many} cost( at the same price|)?", "what would {k} {many} cost?", "how much for {k} {many}?", "at this price, how much are {k} (of them|{many})?", "what is the price of {k} {many}?", "how many {unit} {do} {S} need for {k} of them?" if t.met else "how many {unit} for {k} of them?", answer=s.step(price * k), k=k, **w)


def pocket(s: Story) -> None:
    """Money that comes and goes: the rest, or how much there was at first."""
    t = Talk(s)
    n = s.rng.choice((1, 2, 2, 3))
    backwards = t.chance(0.35)
    costs = [s.number(2, 60) for _ in range(n)]
    left = s.rng.randint(2, 80)
    things = [an(good[0]) for good in different(s.rng, MID, n)]
    start = s.quantity(left if backwards else left + sum(int(c) for c in costs))
    places = s.rng.sample(("at the cinema", "on the bus", "at the hairdresser's", "in the cafe", "at the pool", "at a concert", "at the dentist", "at the vet"), n)
    if not backwards:
        t.fact("{S} ([leave] the house with|[have]|[withdraw]|[get]|[go] out with|[start] the day with) {h}", "{S} [win] {h} in a (raffle|contest|quiz)", "{owner} budget for the (week|trip|party) [is/was] {h}", "{owner} (grandfather|aunt|boss) [gives/gave] {him} {h}", h=t.money(start))
    for i, (cost, thing, place) in enumerate(zip(costs, things, places, strict=True)):
        lead = ("", "first ", "") if i == 0 else ("then ", "later ", "", "after that ", "next, ")
        t.fact(s.rng.choice(lead) + s.rng.choice(("{S} [spend] {c} on {a}", "{S} [pay] {c} for {a}", "{S} [buy] {a} for {c}", "{S} [lose] {c} {place}" if i else "{S} [spend] {c} {place}", "{S} [pay] {c} {place}", "{S} [hand] over {c} {place}", "{S} [lend] {c} to a friend", "{S} [donate] {c} to (an animal shelter|the fire brigade)")), c=t.money(cost), a=thing, place=place)
    if backwards:
        t.fact("now {S} ([have]) {h} left" if not t.past else "{S} [have] {h} left (after that|in the end|)", "in the end {h} [is/was] left", "{S} [come] home with {h}", "that [leaves/left] {him} with {h}", h=t.money(start))
        total = costs[0]
        for amount in costs[1:]:
            total = s.step(total + amount)
        t.ask("{hm} did {S} have (at first|at the start|in the beginning|to begin with|before that|originally)?", "with how much money did {S} (start|begin|set out)?", "what amount did {S} start with?", "how many {unit} were there (at first|in the beginning|before all that)?", "how much was it (originally|before)?", answer=s.step(total + start))
        return
    total = start
    for cost in costs:
        total = s.step(total - cost)
    t.ask(*MONEY_LEFT_Q, answer=total)


def bills(s: Story) -> None:
    """Monthly costs over months or a year; what stays of a salary."""
    t = Talk(s)
    thing = s.pick("a gym", "a streaming service", "a phone plan", "internet", "a parking space", "a music app", "a storage unit", "piano lessons", "an allotment", "a bus pass", "car insurance", "a swimming club", "a newspaper subscription")
    p = t.price(4, 90)
    w: dict[str, object] = {"p": t.money(p), "x": thing}
    t.fact("{S} [pay] {p} (a|per|each|every) month for {x}", "{S} [have] {x} (for|at) {p} (a|per) month", "every month {S} [spend] {p} on {x}", "each month {p} [goes/went] from {owner} account for {x}", **w)
    if t.chance(0.4):
        signup = s.number(5, 60)
        n = s.number(2, 18)
        t.fact("there [is/was] also a (single) (sign-up|joining) fee of {f}", "at the start {S} also [pay] a (fee|deposit) of {f}", "signing up [costs/cost] {f} (extra|on top)", f=t.money(signup))
        total = s.step(s.step(p * n) + signup)
        t.ask("{hm} {do} {S} pay (in|for) {n} months( altogether|)?", "what does it cost for {n} months?", "what is the total for {n} months?", "how many {unit} {do} {S} spend in the first {n} months?", answer=total, n=n, **w)
    elif t.chance(0.5):
        t.ask("{hm} is that (a|per|in a) year?", "{hm} {do} {S} pay (in a|per|for a whole) year?", "what {do} {S} spend in a year?", "how much does a year cost?", "how many {unit} a year?", answer=s.step(p * 12), **w)
    else:
        n = s.number(2, 36)
        t.ask("{hm} {do} {S} (pay|spend) in {n} months?", "{hm} is that (for|after|in) {n} months?", "what will {n} months cost?", "how many {unit} {do} {S} pay over {n} months?", answer=s.step(p * n), n=n, **w)


def tickets(s: Story) -> None:
    """Adults and children at an entrance: the total, the change."""
    t = Talk(s)
    place = s.pick("zoo", "museum", "swimming pool", "circus", "theme park", "aquarium", "castle", "planetarium", "ice rink", "cinema", "botanical garden", "water park", "theatre", "ferry", "cable car")
    a, c = s.number(8, 40), s.number(3, 20)
    s.require(c < a)
    n, m = s.number(2, 6), s.number(2, 9)
    big, small = s.rng.choice((("adult", "child"), ("adult", "child"), ("grown-up", "kid"), ("adult", "student"), ("adult", "senior")))
    bigs, smalls = big + "s", {"child": "children"}.get(small, small + "s")
    w: dict[str, object] = {"a": t.money(a), "c": t.money(c), "n": n, "m": m, "x": place, "big": big, "small": small, "bigs": bigs, "smalls": smalls}
    t.fact("{an_} {big} ticket for the {x} [costs/cost] {a} and {as_} {small} ticket {c}".replace("{an_}", "an" if big == "adult" else "a").replace("{as_}", "a"), "at the {x} {bigs} [pay/paid] {a} and {smalls} {c}", "the {x} [charges/charged] {a} per {big} and {c} per {small}", "{x} tickets: {a} for {bigs}, {c} for {smalls}", **w)
    t.fact("{S} [buy] tickets for {n} {bigs} and {m} {smalls}", "{n} {bigs} and {m} {smalls} (go|want to go|go)( there| in|)", "a (family|group) of {n} {bigs} and {m} {smalls} [visits/visited] it", "{S} [go] with a group of {n} {bigs} and {m} {smalls}", **w)
    total = s.step(s.step(n * a) + s.step(m * c))
    if t.chance(0.3):
        note = _note(s, total)
        t.fact("they pay with {k}" if not t.past else "they paid with {k}", "the cashier [gets/got] {k}", k=t.money(note))
        t.ask("how much change do they get( back|)?", "{hm} do they get back?", "what is the change?", "how much (money |)is given back?", answer=s.step(note - total))
        return
    t.ask("how much (is|was) (the entrance|the entry|it) (altogether|in total|for everyone)?", "what do they pay (in total|altogether|in all)?", "what is the total (price|cost)( of the tickets|)?", "how many {unit} do the tickets cost (altogether|in all)?", "how much do all the tickets cost?", "{hm} is needed for all (of them|the tickets)?", "find the cost of all tickets.", answer=total, **w)


def late_fee(s: Story) -> None:
    """So much a day, less or more than something fixed: fees, rentals, parking."""
    t = Talk(s)
    thing, unit_, low, high = s.rng.choice((
        ("a bike", "hour", 3, 12), ("a boat", "hour", 5, 30), ("a car", "day", 25, 90), ("a tent", "day", 4, 20), ("skis", "day", 8, 40), ("a surfboard", "hour", 4, 20), ("a trailer", "day", 10, 50), ("a costume", "day", 5, 25),
        ("a hall", "hour", 20, 80), ("a scooter", "hour", 3, 15), ("a drill", "day", 5, 25), ("a kayak", "hour", 6, 25), ("a carpet cleaner", "day", 8, 30), ("a tennis court", "hour", 6, 30),
    ))  # fmt: skip
    p, n, f = s.number(low, high), s.number(2, 12), s.number(5, 60)
    w: dict[str, object] = {"p": t.money(p), "n": n, "x": thing, "u": unit_}
    run = s.step(n * p)
    kind = s.pick("plain", "fixed", "longest")
    if kind == "plain":
        s.given.remove(f)
        t.fact("renting {x} [costs/cost] {p} (per|for each) {u}", "{S} ([rent]|[hire]) {x} (for|at) {p} per {u}", "{x} can be (rented|hired) for {p} (per|for each) {u}", **w)
        t.fact("{S} [keep] it for {n} {u}s", "{S} [use] it (for |){n} {u}s", "{S} [need] it for {n} {u}s", "{S} [bring] it back after {n} {u}s", **w)
        t.ask(*PAID_Q, answer=run)
        return
    if kind == "longest":
        s.steps.clear()
        s.given.clear()
        p = s.quantity(p.value)
        f = s.quantity(f.value)
        budget = s.quantity(int(f.value) + int(p.value) * s.rng.randint(2, 9))
        w = {"p": t.money(p), "f": t.money(f), "B": t.money(budget), "x": thing, "u": unit_}
    w["f"] = t.money(f)
    t.fact("renting {x} [costs/cost] {f} plus {p} (per|for each|for every) {u}", "{S} [rent] {x} for a (base|fixed) fee of {f} and {p} per {u}", "for {x} there [is/was] a fixed charge of {f}, and each {u} [costs/cost] {p}", "{x}: {f} once, then {p} per {u}", **w)
    if kind == "longest":
        t.fact("{S} [have] {B}( to spend|)", "{S} can spend (at most |){B}", "in the end {S} [pay] {B}", **w)
        t.ask("for how many {u}s (can|could) {S} (rent|have|keep) it?" if "pay" not in t.clauses[-1] and "paid" not in t.clauses[-1] else "for how many {u}s did {S} have it?", "how many {u}s is that?", "how many {u}s does that (pay for|cover)?", answer=s.step(s.step(budget - f) / p), **w)
        return
    t.fact("{S} [keep] it for {n} {u}s", "{S} [have] it for {n} {u}s", "{S} [return] it after {n} {u}s", **w)
    t.ask(*PAID_Q, answer=s.step(f + run))


def price_times(s: Story) -> None:
    """A second thing costs twice, half or so much more than the first: its price, or both."""
    t = Talk(s)
    (one, _), (two, _) = different(s.rng, MID, 2)
    how = s.pick("twice", "half", "more", "less", "times", "third")
    p = s.number(6, 120)
    w: dict[str, object] = {"p": t.money(p), "x": one, "y": two, "ax": an(one), "ay": an(two)}
    if how in ("more", "less"):
        d = s.number(2, 60)
        s.require(how == "more" or d < p)
        second = s.step(p + d if how == "more" else p - d)
        w["d"] = t.money(d)
        size = "{d} " + (s.pick("more than", "more than") if how == "more" else "less than")
    elif how == "times":
        k = s.number(3, 6)
        second = s.step(p * k)
        w["k"] = k
        size = "{k} times as much as"
    elif how == "twice":
        second = s.step(p * 2)
        size = s.pick("twice as much as", "double the price of", "twice" + " as much as")
    else:
        part = 2 if how == "half" else 3
        s.require(p.value % part == 0)
        second = s.step(p / part)
        size = s.pick("half as much as", "half the price of") if part == 2 else "a third of the price of"
    cost = "[costs/cost]"
    t.fact(f"{{S}} [buy] {{ax}} for {{p}} and {{ay}} (that|which) {cost} {size} the {{x}}", f"{{ax}} {cost} {{p}}. {{ay}} {cost} {size} {{ax}}", f"{{S}} [pay] {{p}} for {{ax}}. The {{y}} {cost} {size} the {{x}}", f"{{ay}} {cost} {size} {{ax}}, and" + f" {{ax}} {cost} {{p}}", **w)
    if t.chance(0.5):
        t.ask("{hm} does the {y} cost?", "what is the price of the {y}?", "what does the {y} cost?", "how many {unit} is the {y}?", "find the price of the {y}.", "and how much is the {y}?", answer=second, **w)
    else:
        t.ask("{hm} do (both|the two|they) cost (together|altogether|in total)?", "what do the {x} and the {y} cost together?", "what is the total (price|cost)( of both|)?", "how much for both?", "how many {unit} does it take to buy both?", answer=s.step(p + second), **w)


SCENES: dict[str, tuple[float, Scene]] = {
    scene.__name__: (weight, scene)
    for weight, scene in (
        (1.6, shopping_list), (1.6, several_of_one), (1.2, how_many_can_buy), (1.4, short_of), (1.2, saving_up), (1.4, wages), (1.0, piece_work), (1.2, discount), (1.1, split_bill),
        (1.1, small_business), (1.2, two_shoppers), (1.1, unit_price), (1.3, pocket), (0.9, bills), (1.1, tickets), (0.9, late_fee), (1.0, price_times),
    )
}  # fmt: skip
