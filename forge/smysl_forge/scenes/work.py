"""Shared work and what is left of it: several workers, pages still to read, minutes still to go.

Knows how people tell of progress; single rates are in `rates`.
"""

from __future__ import annotations

from smysl_forge.lexicon import names
from smysl_forge.scenes.teller import Teller, finite, third_person
from smysl_forge.story import Scene, Story

CREWS = (
    ("workers", "build a wall"), ("painters", "paint a house"), ("cooks", "prepare a banquet"), ("gardeners", "plant a hedge"), ("farmers", "harvest a field"), ("machines", "finish an order"), ("printers", "print a book"), ("pumps", "empty a pool"),
    ("men", "dig a ditch"), ("people", "clean a beach"), ("builders", "build a shed"), ("cleaners", "clean an office"), ("robots", "sort the parcels"), ("students", "pick the apples"), ("tailors", "sew the uniforms"), ("trucks", "move the sand"),
)  # fmt: skip
PAIRS = (
    ("pick", "apples"), ("type", "pages"), ("make", "sandwiches"), ("fold", "letters"), ("pack", "boxes"), ("wash", "cars"), ("plant", "trees"), ("bake", "pies"), ("paint", "fence posts"), ("read", "pages"), ("solve", "puzzles"), ("sell", "tickets"),
    ("catch", "fish"), ("sew", "buttons"), ("peel", "potatoes"), ("carry", "bricks"), ("collect", "shells"), ("wrap", "presents"), ("deliver", "papers"), ("fill", "bags"),
)  # fmt: skip
TASKS = (
    ("a film", "lasts {a} minutes", "watch", "minutes"), ("a movie", "is {a} minutes long", "watch", "minutes"), ("a lesson", "lasts {a} minutes", "sit through", "minutes"), ("a podcast", "is {a} minutes long", "listen to", "minutes"),
    ("a trail", "is {a} km long", "walk", "km"), ("a road", "is {a} miles long", "drive along", "miles"), ("a song list", "has {a} songs", "hear", "songs"), ("a course", "has {a} lessons", "finish", "lessons"), ("a puzzle", "has {a} pieces", "place", "pieces"),
    ("a game", "has {a} levels", "complete", "levels"), ("a series", "has {a} episodes", "watch", "episodes"), ("a test", "has {a} questions", "answer", "questions"), ("a wall", "has {a} tiles", "clean", "tiles"), ("a staircase", "has {a} steps", "climb", "steps"),
)  # fmt: skip


def crew(s: Story) -> None:
    """More workers need less time: the work in worker-days stays the same."""
    t = Teller(s)
    many, task = s.rng.choice(CREWS)
    a, d = s.number(2, 15), s.number(2, 30)
    term = s.rng.choice(["days", "days", "hours"])
    w: dict[str, object] = {"a": a, "d": d, "many": many, "task": task, "term": term}
    work = s.step(a * d)
    b = s.number(2, 20)
    s.require(b.value not in {a.value, d.value} and work.value % b.value == 0)
    w["b"] = b
    t.say("{a} {many} {task} in {d} {term}.", "it takes {a} {many} {d} {term} to {task}.", "{a} {many} can {task} in {d} {term}.", "{a} {many} need {d} {term} to {task}.", **w)
    kind = s.rng.random()
    if kind < 0.4:
        t.ask("how many {term} do {b} {many} need?", "how long would {b} {many} take, in {term}?", "how many {term} would it take {b} {many}?", "in how many {term} can {b} {many} do it?", "how many {term} for {b} {many}?", answer=s.step(work / b), **w)
    elif kind < 0.6:
        s.given.pop()
        t.ask("how many {term} would one of them need alone?", "how long would it take just one of them, in {term}?", "how many {term} does a single one need?", answer=work, **w)
    else:
        t.ask("how many {many} are needed to do it in {b} {term}?", "how many {many} would it take to finish in {b} {term}?", "how many {many} must work to be done in {b} {term}?", answer=s.step(work / b), **w)


def together(s: Story) -> None:
    """Two people with rates of their own."""
    t = Teller(s, tense="present")
    first, second = names(s.rng, 2)
    verb, things = s.rng.choice(PAIRS)
    third = third_person(verb)
    term = s.rng.choice(["minute", "hour", "hour", "day"])
    a, b = s.number(2, 30), s.number(2, 30)
    w: dict[str, object] = {"p": first, "q": second, "x": things, "t": term, "a": a, "b": b}
    t.say(f"{{p}} {third} {{a}} {{x}} per {{t}} and {{q}} {third} {{b}} {{x}} per {{t}}.", f"{{p}} can {verb} {{a}} {{x}} in {'an' if term == 'hour' else 'a'} {{t}}, {{q}} can {verb} {{b}}.", f"every {{t}} {{p}} {third} {{a}} {{x}} and {{q}} {third} {{b}}.", f"{{p}} {third} {{a}} {{x}} each {{t}}. {{q}} {third} {{b}} each {{t}}.", **w)
    kind = s.rng.choice(["sum", "amount", "time", "difference"])
    if kind == "difference":
        s.require(a > b)
        n = s.number(2, 12)
        t.ask("how many more {x} does {p} have than {q} after {n} {t}s?", f"after {{n}} {{t}}s, how many more {{x}} does {{p}} {verb} than {{q}}?", answer=s.step(s.step(a - b) * n), n=n, **w)
        return
    both = s.step(a + b)
    if kind == "sum":
        t.ask(f"how many {{x}} do they {verb} together per {{t}}?", f"how many {{x}} do both {verb} together each {{t}}?", "how many {x} is that per {t} altogether?", answer=both, **w)
    elif kind == "amount":
        n = s.number(2, 12)
        t.ask(f"how many {{x}} do they {verb} together in {{n}} {{t}}s?", "how many {x} do both have after {n} {t}s?", f"how many {{x}} can they {verb} in {{n}} {{t}}s if they work together?", answer=s.step(both * n), n=n, **w)
    else:
        goal = s.quantity(both.value * s.rng.randint(2, 20))
        t.ask(f"how many {{t}}s do they need to {verb} {{g}} {{x}} together?", "how many {t}s does it take them together for {g} {x}?", "working together, how many {t}s do they need for {g} {x}?", answer=s.step(goal / both), g=goal, **w)


def book(s: Story) -> None:
    """Pages read, pages left, days needed."""
    t = Teller(s)
    pages, kind = s.number(60, 600, s.rng.choice([1, 5, 10])), s.rng.choice(["left", "left", "days", "days_left", "per_day", "two_days"])
    w: dict[str, object] = {"p": pages}
    what = s.pick("a book", "a novel", "a comic", "a magazine", "a manual", "a storybook", "a textbook", "a diary")
    w["book"] = what
    intro = s.pick("{book} has {p} pages.", "{who} [have] {book} with {p} pages.", "{who} [be] reading {book} with {p} pages.", "{who} [borrow] {book} of {p} pages.", "there are {p} pages in {book} that {who} [have].")
    if kind == "days":
        per = s.number(5, 60)
        t.say(intro, **w)
        t.say("{he} [read] {r} pages a day.", "{he} [read] {r} pages every evening.", "each day {he} [read] {r} pages.", r=per) if "{who}" in intro else t.say("{who} [read] {r} pages a day.", "{who} [read] {r} pages every day.", r=per)
        t.ask("how many days [do] {he} need to read it?", "how many days will it take to finish the book?" if "book" in what else "how many days will it take to finish it?", "after how many days is it finished?", "in how many days will {he} finish?", "how many days will it take {him}?", answer=s.step(s.function("ceil", pages / per)), **w)
        return
    if kind == "per_day":
        s.given.clear()
        count, each = s.rng.randint(2, 20), s.rng.randint(5, 50)
        pages, days = s.quantity(count * each), s.quantity(count)
        w |= {"p": pages, "d": days}
        t.say("{who} [want] to read {book} of {p} pages in {d} days.", "{who} [have] {d} days to read {book} with {p} pages.", "{book} has {p} pages, and {who} [want] to finish it in {d} days.", **w)
        t.ask("how many pages must {he} read each day?", "how many pages a day must {he} read?", "how many pages per day is that?", "how many pages should {he} read every day?", answer=s.step(pages / days), **w)
        return
    a = s.number(5, 200)
    s.require(a < pages)
    w["a"] = a
    t.say(intro, **w)
    subject = "{he}" if "{who}" in intro else "{who}"
    if kind == "two_days":
        b = s.number(5, 150)
        t.say(f"{subject} [read] {{a}} pages on Monday and {{b}} pages on Tuesday.", f"{subject} [read] {{a}} pages yesterday and {{b}} pages today.".replace("[read]", "read"), f"{subject} [read] {{a}} pages in the morning and {{b}} in the evening.", b=b, **w)
        left = s.step(pages - s.step(a + b))
        s.require(left > 0)
    else:
        has = "have" if not t.hero.third else "has"
        t.say(f"{subject} {has} already read {{a}} pages.", f"{subject} {has} read {{a}} of them.", f"so far {subject} {has} read {{a}} pages.", f"{subject} {has} finished {{a}} pages.", **w)
        left = s.step(pages - a)
    if kind == "days_left":
        per = s.number(5, 50)
        t.say("now {he} [read] {r} pages a day." if not t.past else "from now on {he} will read {r} pages a day.", r=per)
        t.ask("how many more days [do] {he} need?", "how many days will the rest take?", "in how many days will {he} be done?", answer=s.step(s.function("ceil", left / per)), **w)
        return
    t.ask("how many pages are left?", "how many pages [do] {he} still have to read?", "how many pages are left to read?", "how many pages remain?", "how many more pages [do] {he} need to read?", "how many pages has {he} not read yet?" if t.hero.third else "how many pages are still unread?", answer=left, **w)


def remaining(s: Story) -> None:
    """How much of a task is left."""
    t = Teller(s)
    what, size, verb, unit = s.rng.choice(TASKS)
    a, b = s.number(20, 300), s.number(2, 200)
    w: dict[str, object] = {"a": a, "b": b, "what": what, "u": unit}
    left = s.step(a - b)
    s.require(left > 0)
    has = "have" if not t.hero.third else "has"
    t.say("{what} " + size + ".", **w)
    t.say("{b} {u} are already over." if unit == "minutes" else "{b} {u} are already done.", f"so far {{who}} {has} done {{b}} {{u}}.", f"{{who}} {has} done {{b}} {{u}} of it.", "{who} [stop] after {b} {u}.", **w)
    if s.rng.random() < 0.25:
        c = s.number(2, 60)
        left = s.step(left - c)
        s.require(left > 0)
        t.say("then {c} more {u} are done.", "after a break, {c} more {u} are done.", c=c, **w)
    t.ask("how many {u} are left?", "how many {u} remain?", "how many more {u} are there?", "how many {u} are still to go?", f"how many {{u}} [do] {{who}} still have to {verb}?" if unit not in {"minutes", "km", "miles"} else "how many {u} are left in all?", answer=left, **w)
    finite(s, left)


SCENES: dict[str, tuple[float, Scene]] = {
    "crew": (1, crew),
    "together": (1.2, together),
    "book": (1.3, book),
    "remaining": (1, remaining),
}
