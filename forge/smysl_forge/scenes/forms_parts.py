"""Scenes of fractions and percentages: of the whole, of the rest, off, up, remaining, and back to the whole.

Knows how people name parts; the fractions themselves are `shares.Share`.
"""

from __future__ import annotations

from smysl_forge.scenes.forms_change import owned
from smysl_forge.scenes.forms_voice import Voice
from smysl_forge.scenes.goods import DEAR, MID
from smysl_forge.scenes.shares import Share
from smysl_forge.scenes.teller import an, finite
from smysl_forge.story import Amount, Scene, Story

GROUPS: tuple[tuple[str, str, str, str], ...] = (
    ("a class has {n} pupils", "pupils", "wear glasses", "do not wear glasses"), ("{n} guests came to the wedding", "guests", "stayed overnight", "went home"), ("there are {n} eggs in the crate", "eggs", "are cracked", "are fine"),
    ("a library bought {n} books", "books", "are for children", "are for adults"), ("{n} people ran the race", "runners", "were women", "were men"), ("a bakery makes {n} rolls", "rolls", "have seeds on top", "are plain"), ("the club has {n} members", "members", "play chess", "do not play chess"),
    ("there are {n} seats in the theatre", "seats", "are taken", "are empty"), ("a shepherd has {n} sheep", "sheep", "are black", "are white"), ("the village has {n} houses", "houses", "have a garden", "have no garden"), ("{n} parcels are in the van", "parcels", "are delivered before noon", "are delivered later"),
    ("a box holds {n} crayons", "crayons", "are broken", "still work"), ("a company has {n} employees", "employees", "work from home", "come to the office"), ("{n} trees grow in the park", "trees", "lost their leaves", "kept their leaves"), ("the choir has {n} singers", "singers", "are ill today", "can sing today"),
    ("a farmer harvested {n} pumpkins", "pumpkins", "went to the market", "stayed on the farm"), ("a test has {n} questions", "questions", "are about history", "are about other things"), ("{n} birds sit on the wire", "birds", "fly away", "stay"), ("a hotel has {n} rooms", "rooms", "face the sea", "face the street"),
    ("{n} cars were checked", "cars", "had bad brakes", "were in order"), ("there are {n} lamps in the hall", "lamps", "are off", "are on"), ("a team played {n} games", "games", "were won", "were not won"), ("{n} balloons hang on the wall", "balloons", "burst", "are still whole"), ("a film lasts {n} minutes", "minutes", "are songs", "are without songs"),
)  # fmt: skip


def fraction_of(s: Story) -> None:
    """A fraction of a group: those, the others, or the whole from the part."""
    v = Voice(s, tense="present")
    fact, many, these, others = s.rng.choice(GROUPS)
    share = Share(s)
    whole = s.quantity(share.bottom * s.rng.randint(2, s.rng.choice((8, 20, 40))))
    v.put(n=whole, f=share.text, ts=many)
    part = s.step(share.of(whole))
    s.whole(part)
    if s.rng.random() < 0.2:
        s.steps.clear()
        known = s.quantity(part.value)
        s.given.remove(whole)
        known.expression = f"g{len(s.given) - 1}"
        v.put(k=known)
        v.tell(f"{{k}} {{ts}}, {{f}} of all, {these}", f"{{f}} of the {{ts}} {these}. That is {{k}} {{ts}}", f"{{f}} of all {{ts}} {these}, and these are {{k}}")
        v.ask("how many {ts} are there (in total|altogether|in all)?", "what is the number of all {ts}?", "how many {ts} is that in all?", answer=s.step(share.whole(known)))
        return
    v.tell(fact)
    v.tell(f"{{f}} of them {these}", f"{{f}} of the {{ts}} {these}", f"of these, {{f}} {these}", f"{{f}} of them {these}; the rest {others}", f"exactly {{f}} of all the {{ts}} {these}")
    if s.rng.random() < 0.5:
        v.ask(f"how many {{ts}} {these}?", f"how many {these}?", f"what number of {{ts}} {these}?", f"find how many {{ts}} {these}.", answer=part)
    else:
        v.ask(f"how many {others}?", f"how many {{ts}} {others}?", "how many are the rest?", "how many others are there?", f"find how many {others}.", "how many does that leave?", answer=s.step(whole - part))


TAKES = (
    "{he} [give] {x} to {B1}", "{he} [sell] {x}", "{he} [use] {x}", "{B1} <get> {x}", "{he} [lose] {x}", "{he} [put] {x} in a cupboard", "{he} [donate] {x} to a school", "{he} [hand] {x} out to friends", "{he} [leave] {x} at home",
    "{he} [break] {x}", "{he} [return] {x} to the shop", "{x} {go} missing", "{he} [swap] {x} for other things", "{he} [send] {x} to {B1}",
)  # fmt: skip


def fraction_rest(s: Story) -> None:
    """A fraction goes, then a fraction of the rest or some more: what remains, or what the second part was."""
    v, _, top = owned(s, small=True)
    share = Share(s)
    whole = s.quantity(share.bottom * s.rng.randint(2, max(3, min(80, top) // share.bottom)))
    v.put(n=whole, f=share.text)
    part = s.step(share.of(whole))
    rest = s.step(whole - part)
    s.whole(part, rest)
    s.require(rest > 1)
    v.tell("{A} {have} {n} {ts}", "{A} {have} {n} {ts}", "there {are} {n} {ts} in {As} bag", "{A} [bring] {n} {ts}", "{A} [start] the day with {n} {ts}", "a parcel with {n} {ts} <come> for {Ao}")
    first = s.rng.choice(TAKES)
    forms = "({f} of them|{f} of the {ts}|{f} of all that|exactly {f} of them)"
    roll = s.rng.random()
    if roll < 0.35:
        v.tell(first.replace("{x}", forms))
        answer = rest
    elif roll < 0.75:
        second = Share(s, simple=True)
        v.put(h=second.text)
        gone = s.step(second.of(rest))
        s.whole(gone)
        other = s.rng.choice(TAKES)
        v.tell(first.replace("{x}", forms))
        v.tell("(then|later|after that|the next day) " + other.replace("{x}", "{h} of (the rest|what is left|the remaining ones|the remaining {ts})"))
        if s.rng.random() < 0.25:
            v.ask("how many {ts} was the second part?", "how many went the second time?", "how many {ts} is that, the second time?", answer=gone)
            return
        answer = s.step(rest - gone)
        s.require(answer > 0)
    else:
        s.require(rest > 4)
        k = s.number(2, int(rest.value) - 2)
        v.put(k=k)
        other = s.rng.choice(TAKES)
        v.tell(first.replace("{x}", forms), first.replace("{x}", forms) + " and then {he} [give] away {k} more")
        if "{k}" not in v.facts[-1]:
            v.tell("(then|later|after that|the next day) " + other.replace("{x}", "{k} (more|of them|more {ts})"))
        answer = s.step(rest - k)
    v.ask("how many {ts} are left?", "how many {does} {A} have left?", "how many {ts} {does} {A} (still have|have now)?", "how many remain?", "what is left?", "how many {ts} does that leave?", "find how many {ts} are left.", "how many are there in the end?", answer=answer)


def of_each(s: Story) -> None:
    """Two fractions of one whole for two people: the third's part."""
    v, _, _ = owned(s, small=True)
    a, b = s.rng.choice(((2, 4), (2, 3), (3, 6), (4, 8), (2, 5), (3, 4), (5, 10), (2, 8), (3, 3), (4, 4), (2, 6)))
    words = {2: "half", 3: "a third", 4: "a quarter", 5: "a fifth", 6: "a sixth", 8: "an eighth", 10: "a tenth"}
    whole = s.quantity(a * b * s.rng.randint(1, 8))
    v.put(n=whole)
    first, second = s.step(whole / a), s.step(whole / b)
    v.tell("{A} {have} {n} {ts}", "there {are} {n} {ts} to give away", "{A} [have] {n} {ts} to share")
    v.tell(f"{words[a]} of them {{go}} to {{B1}}, {words[b]} to a neighbour and the rest to a school", f"{{B1}} <get> {words[a]} of them, a cousin {words[b]} of all of them, and the rest {{belong}} to {{Ao}}", f"{{he}} [give] {words[a]} to {{B1}} and {words[b]} of the whole to a friend")
    v.put(belong="belonged" if v.past else "belong")
    rest = s.step(s.step(whole - first) - second)
    s.require(rest > 0)
    v.ask("how many {ts} are left (for the last one|)?", "how many are the rest?", "how many {ts} is the rest?", "how many {ts} remain after these two parts?", answer=rest)


def percent_of(s: Story) -> None:
    """A percentage of a group: those, the others, or the whole from the part."""
    v = Voice(s, tense="present")
    fact, many, these, others = s.rng.choice(GROUPS)
    p = s.number(5, 95, 5)
    whole = s.quantity(20 * s.rng.randint(1, 25))
    form = s.rng.choice(("%", "%", "%", " percent", " per cent"))
    v.put(n=whole, p=p, pc=form, ts=many)
    v.w["p"] = s.render(p) if form != "%" else f"\ue000{p.expression[1:]}\ue001{int(p.value)}\ue002"
    part = s.step(whole * p / 100)
    s.whole(part)
    if s.rng.random() < 0.22:
        s.steps.clear()
        known = s.quantity(part.value)
        s.given.remove(whole)
        known.expression = "g1"
        v.put(k=known)
        v.tell(f"{{k}} {{ts}}, which is {{p}}{{pc}} of all, {these}", f"{{p}}{{pc}} of the {{ts}} {these}. That is {{k}} {{ts}}", f"{{p}}{{pc}} of all {{ts}} {these}, and these are {{k}}")
        v.ask("how many {ts} are there (in total|altogether|in all)?", "what is the number of all {ts}?", "how many {ts} is that in all?", answer=s.step(known * 100 / p))
        return
    v.tell(fact)
    v.tell(f"{{p}}{{pc}} of them {these}", f"{{p}}{{pc}} of the {{ts}} {these}", f"of these, {{p}}{{pc}} {these}", f"{{p}}{{pc}} of them {these}; the rest {others}")
    if s.rng.random() < 0.5:
        v.ask(f"how many {{ts}} {these}?", f"how many {these}?", f"what number of {{ts}} {these}?", f"find how many {{ts}} {these}.", answer=part)
    else:
        v.ask(f"how many {others}?", f"how many {{ts}} {others}?", "how many are the rest?", "how many {ts} does that leave?", answer=s.step(whole - part))


def percent_price(s: Story) -> None:
    """Money off, tax on, a rise, for one or several things."""
    v = Voice(s)
    pool, low, high = s.rng.choice(((MID, 10, 80), (DEAR, 50, 900)))
    one, many = s.rng.choice(pool)
    price = s.number(low, high)
    d = s.number(5, 75, 5)
    v.put(an=an(one), one=one, many=many, shop=s.pick("shop", "store", "market", "web shop", "department store"))
    v.cash("p", price)
    mark = f"\ue000{d.expression[1:]}\ue001{int(d.value)}\ue002"
    v.w["d"] = mark + s.pick("%", "%", " percent")
    down = s.rng.random() < 0.7
    several = s.rng.random() < 0.25
    current: Amount = price
    if several:
        n = s.number(2, 6)
        v.put(n=n)
        v.tell("{A} [buy] {n} {many} at {p} each", "{n} {many} cost {p} each", "{A} [need] {n} {many}. Each is {p}")
        current = s.step(price * n)
    else:
        v.tell("{an} costs {p}", "the price of {an} is {p}", "{A} [want] to buy {an} for {p}", "{an} is {p} at the {shop}", "in the {shop} {an} has a price tag of {p}", "{A} [choose] {an} that costs {p}")
    amount = s.step(current * d / 100)
    finite(s, amount)
    if down:
        v.tell("today there is {d} off", "there is a discount of {d}", "the shop takes {d} off", "in the sale everything is {d} cheaper", "with {his} card {he} [get] {d} off", "{he} [have] a coupon for {d} off", "the price falls by {d}", "it is reduced by {d}")
        roll = s.rng.random()
        if roll < 0.25:
            v.ask("{how_much} {does} {A} save?", "how large is the discount?", "how much cheaper is it?", "{how_much} is taken off?", answer=amount)
            return
        v.ask("{how_much} [do] {A} pay?", "what is the new price?", "what is the sale price?", "{how_much} is it now?", "what does it cost now?", "{how_much} is to be paid in the end?", "how much then?", "find the price after the discount.", answer=s.step(current - amount))
    else:
        s.require(d < 31)
        v.tell("{d} tax is added", "the price goes up by {d}", "{d} is added for service", "on top come {d} tax", "next month it will cost {d} more", "the seller raises it by {d}", "{he} [add] a tip of {d}")
        roll = s.rng.random()
        if roll < 0.25:
            v.ask("{how_much} is added?", "how much more is that?", "how large is the extra amount?", answer=amount)
            return
        v.ask("what is the total?", "{how_much} [do] {A} pay (in total|in the end)?", "what is the new price?", "{how_much} is it then?", "what does it cost then?", "how much altogether?", answer=s.step(current + amount))


def percent_left(s: Story) -> None:
    """Some percent go, then a number: what remains; a tank, a journey, a book."""
    v = Voice(s, tense="past")
    fact, gone, unit, high = s.rng.choice((
        ("a tank held {n} litres", "{p} of it was used", "litres", 400), ("{As} book has {n} pages", "{he} read {p} of it", "pages", 500), ("the hike was {n} km long", "{he} walked {p} of it before noon", "km", 60), ("{As} phone has room for {n} photos", "{p} of it is full", "photos", 900),
        ("{A} earned {n} dollars", "{p} of that went to rent", "dollars", 3000), ("a farmer had {n} sacks of grain", "{p} of them got wet", "sacks", 300), ("a baker made {n} cakes", "{p} of them were sold by noon", "cakes", 200), ("there were {n} spectators", "{p} of them left at half-time", "spectators", 900),
        ("a rope was {n} metres long", "{p} of it was cut off", "metres", 200), ("{A} had {n} minutes", "{p} of the time was gone", "minutes", 180), ("the school ordered {n} chairs", "{p} of them came on Monday", "chairs", 400), ("a lake had {n} ducks", "{p} of them flew south", "ducks", 300),
        ("{A} got {n} e-mails", "{p} of them were junk", "e-mails", 300), ("a shop had {n} jackets", "{p} of them were sold", "jackets", 200), ("a forest had {n} old oaks", "{p} of them fell in a storm", "oaks", 900),
    ))  # fmt: skip
    whole = s.quantity(20 * s.rng.randint(1, max(2, high // 20)))
    p = s.number(5, 90, 5)
    v.put(n=whole, us=unit)
    v.w["p"] = f"\ue000{p.expression[1:]}\ue001{int(p.value)}\ue002" + s.pick("%", "%", " percent")
    part = s.step(whole * p / 100)
    rest = s.step(whole - part)
    s.whole(part, rest)
    v.tell(fact)
    v.tell(gone)
    if s.rng.random() < 0.3:
        s.require(rest > 4)
        k = s.number(2, min(60, int(rest.value) - 2))
        v.put(k=k)
        v.tell("later another {k} {us} followed", "then {k} more {us} went the same way", "after that it was {k} {us} more")
        rest = s.step(rest - k)
    v.ask("how many {us} are left?", "how many {us} remained?", "how many {us} did that leave?", "what was left?", "find the number of {us} left.", "how many {us} is the rest?", answer=rest)


def percent_rate(s: Story) -> None:
    """What percent one number is of another: scores, shares, growth."""
    v = Voice(s, tense="past")
    base = s.quantity(s.rng.choice((10, 20, 25, 40, 50, 80, 100, 120, 200, 250, 400, 500)))
    percent = s.rng.randrange(5, 100, 5)
    s.require(base.value * percent % 100 == 0)
    part = s.quantity(base.value * percent / 100)
    v.put(n=base, k=part)
    form = s.rng.randrange(3)
    if form == 0:
        v.tell("{A} answered {k} of {n} questions correctly", "out of {n} shots {A} scored {k}", "{A} got {k} out of {n} points", "{k} of the {n} parcels arrived on time", "of {n} seeds {k} came up", "{k} of {n} pupils walk to school", "there are {n} cars and {k} of them are electric")
        v.ask("what percent(age|) is that?", "how many percent is that?", "what is that in percent?", "what percentage is it?", answer=s.step(part / base * 100))
    else:
        up = form == 1
        new = Amount(s, base.value + part.value if up else base.value - part.value, "g1")
        s.given[1] = new
        v.put(k=new)
        s.require(new > 0)
        v.tell("the price went from {n} to {k} dollars", "last year there were {n} members, now there are {k}", "{As} rent was {n} euros and is now {k} euros", "the village had {n} people and now has {k}", "a ticket used to cost {n} pounds; today it costs {k}")
        difference = s.step(new - base if up else base - new)
        word = "(increase|rise|grow)" if up else "(decrease|fall|drop)"
        v.ask(f"by what percent did it {word}?", f"by how many percent did it {word}?", f"what is the percentage {'increase' if up else 'decrease'}?", answer=s.step(difference / base * 100))


SCENES: dict[str, tuple[float, Scene]] = {
    "forms_fraction_of": (1.3, fraction_of),
    "forms_fraction_rest": (1.6, fraction_rest),
    "forms_of_each": (0.5, of_each),
    "forms_percent_of": (1.2, percent_of),
    "forms_percent_price": (1.3, percent_price),
    "forms_percent_left": (0.9, percent_left),
    "forms_percent_rate": (0.7, percent_rate),
}
