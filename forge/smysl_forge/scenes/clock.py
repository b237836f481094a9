"""Clock problems: how long between two times, when something ends or must start, hours with a break.

Clock times are slots worth seconds since midnight; a result that is a time is written in 24-hour form. Weekdays and
dates are out.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from fractions import Fraction
from random import Random

from smysl_forge.problem import Problem, checked
from smysl_forge.scenes.goods import PLACES
from smysl_forge.scenes.teller import Teller, figures
from smysl_forge.story import Amount, Retry, Story, rename, tidy, unmark
from smysl_reasoning.compute import Value
from smysl_reasoning.dialects.native import Thought, question_first
from smysl_reasoning.quantities import find

DAY = 86400
EVENTS = (
    "a film|the film", "a movie|the movie", "a lesson|the lesson", "a class|the class", "a concert|the concert", "a meeting|the meeting", "a football match|the match", "a play|the play",
    "a party|the party", "an exam|the exam", "a test|the test", "a lecture|the lecture", "a show|the show", "a race|the race", "a game|the game", "a workshop|the workshop", "a flight|the flight",
    "a swimming lesson|the lesson", "a doctor's appointment|the appointment", "a yoga class|the class", "a TV programme|the programme", "a bus ride|the ride", "a train ride|the ride", "dinner|dinner",
    "a piano lesson|the lesson", "a shift|the shift", "practice|practice", "a walk|the walk", "a tour|the tour", "a ferry trip|the trip", "a chess game|the game", "a webinar|the webinar", "a training session|the session",
)  # fmt: skip
WORK = ("work", "study", "read", "train", "practise", "sleep", "play", "paint", "cook", "walk", "drive", "swim", "rest", "write", "garden", "jog", "clean", "shop", "draw", "fish")  # fmt: skip


class ClockStory(Story):
    """A story whose steps are written as expressions over clock times."""

    def __init__(self, rng: Random) -> None:
        super().__init__(rng)
        self.lines: list[str] = []
        self.style = rng.choice(["24", "24", "24", "am", "am", "AM", "bare"])

    def time(self, seconds: int) -> Amount:
        """A new given clock time."""
        amount = Amount(self, Fraction(seconds), f"g{len(self.given)}", "clock")
        self.given.append(amount)
        return amount

    def at(self, amount: Amount) -> str:
        """A given clock time as people write it, for a template."""
        minutes = int(amount.value) // 60
        hours, rest = divmod(minutes, 60)
        if self.style in {"am", "AM"}:
            half = "pm" if hours >= 12 else "am"
            hour = hours % 12 or 12
            number = f"{hour}:{rest:02}" if rest or self.rng.random() < 0.4 else str(hour)
            text = number + self.rng.choice([" ", " ", ""]) + (half.upper() if self.style == "AM" else half)
        else:
            text = f"{hours:02}:{rest:02}" if self.style == "24" and self.rng.random() < 0.5 else f"{hours}:{rest:02}"
        return f"\ue000{amount.expression[1:]}\ue001{text}\ue002"

    def derive(self, expression: str) -> str:
        """Record a step over `g0`, `s0` ...; returns the name of its result."""
        self.lines.append(expression)
        return f"s{len(self.lines) - 1}"

    def _slots(self, question: str, spans: Sequence[tuple[int, int, int]]) -> dict[str, int]:
        # a full stop right after "pm" is read as part of the abbreviation
        ends_at = {q.start: q.end for q in find(question)}
        return super()._slots(question, [(i, a, b + (ends_at.get(a) == b + 1)) for i, a, b in spans])

    def problem_of(self, family: str, result: Value) -> Problem:
        """Render and verify; the answer is the last step and must be `result`. Raises `BadTrace`."""
        sentences = list(self.sentences)
        for extra in self.distractors:
            sentences.insert(self.rng.randint(1, max(1, len(sentences))), extra)
        text = tidy(" ".join([*sentences, self.question]))
        if self.rng.random() < 0.15:
            text = question_first(text)
        question, spans = unmark(text)
        slots = self._slots(question, spans)
        first = len(find(question))
        slots |= {f"s{i}": first + i for i in range(len(self.lines))}
        steps = [Thought("step", rename(line, slots)) for line in self.lines]
        answer = Thought("answer", f"n{first + len(self.lines) - 1}")
        return checked(Problem(family, "time", question, (*steps, answer), str(result)))


def _moment(rng: Random, low: int = 6, high: int = 22) -> int:
    """Seconds since midnight, on a quarter, five or single minute."""
    step = rng.choice([60, 15, 15, 5, 30, 5, 1])
    return rng.randrange(low * 60, high * 60, step) * 60


def _plain(seconds: int) -> Value:
    return Value(Fraction(seconds))


def _between(c: ClockStory, wide: bool = False) -> tuple[Amount, Amount, int, bool]:
    """Start, end, seconds between, and whether midnight lies between (then the text must tell)."""
    night = wide and c.rng.random() < 0.5
    if night:
        start, end = _moment(c.rng, 18, 24), _moment(c.rng, 1, 10)
        return c.time(start), c.time(end), end - start + DAY, True
    start = _moment(c.rng, 5, 20)
    end = start + c.rng.randrange(5, 480, c.rng.choice([5, 5, 15, 1])) * 60
    if end >= DAY or (c.style == "bare" and (end >= 46800 or start < 3600)):
        raise Retry
    return c.time(start), c.time(end), end - start, False


def elapsed(c: ClockStory) -> Value:
    """Minutes, hours or a duration between two times."""
    t = Teller(c)
    a, b, seconds, night = _between(c, wide=True)
    whole_hours = seconds % 3600 == 0 or seconds % 1800 == 0
    unit = c.rng.choice(["minutes", "minutes", "minutes", "hours"]) if whole_hours else "minutes"
    if whole_hours and c.rng.random() < 0.3:
        unit = "hours"
    an, the = c.rng.choice(EVENTS).split("|")
    w: dict[str, object] = {"a": c.at(a), "b": c.at(b), "an": an, "the": the, "u": unit, "x": c.rng.choice(PLACES), "y": c.rng.choice(PLACES)}
    morning = c.pick(" the next morning", " the next day", " the following morning") if night else ""
    verb = c.rng.choice(WORK)
    question = c.rng.random()
    if question < 0.28 and not night:
        c.ask("how many {u} are there between {a} and {b}?", "how many {u} from {a} to {b}?", "how many {u} are there from {a} until {b}?", "how many {u} pass from {a} to {b}?", "{a} to {b}, how many {u}?",
              "how long is it from {a} to {b} in {u}?", "find the number of {u} between {a} and {b}.", "how many {u} is it from {a} to {b}?", "calculate the {u} between {a} and {b}.", "it is {a}, how many {u} until {b}?", answer=a, **w)  # fmt: skip
    elif question < 0.65 and not night:
        c.say("{an} starts at {a} and ends at {b}.", "{an} begins at {a} and finishes at {b}.", "{an} runs from {a} to {b}.", "{an} started at {a} and ended at {b}.", "{an} is from {a} to {b}.", "{an} lasts from {a} until {b}.", "a train leaves {x} at {a} and arrives in {y} at {b}.",
              "a bus departs at {a} and arrives at {b}.", "a plane takes off at {a} and lands at {b}.", "a shop opens at {a} and closes at {b}.", "the library is open from {a} to {b}.", "the sun rises at {a} and sets at {b}.", **w)  # fmt: skip
        t.ask("how many {u} is that?", "how many {u} does it last?", "how long is it in {u}?", "how many {u} are there in between?", "what is the duration in {u}?", "how many {u} does it take?", answer=a, **w)
    elif night:
        t.say("{who} [go] to bed at {a} and [get] up at {b}" + morning + ".", "{who} [sleep] from {a} to {b}" + morning + ".", "{who} [work] the night shift from {a} to {b}" + morning + ".", "a train leaves at {a} and arrives at {b}" + morning + ".",
              "a night bus departs at {a} and arrives at {b}" + morning + ".", "a ferry sails at {a} and lands at {b}" + morning + ".", "{who} [fall] asleep at {a} and [wake] up at {b}" + morning + ".", "a party starts at {a} and ends at {b}" + morning + ".", **w)  # fmt: skip
        c.ask("how many {u} is that?", "how many {u} is it?", "how long is that in {u}?", "how many {u} are there in between?", answer=a, **w)
    else:
        t.say(f"{{who}} [{verb}] from {{a}} to {{b}}.", f"{{who}} [begin] to {verb} at {{a}} and [end] at {{b}}.", "{who} [leave] home at {a} and [get] to work at {b}.", "{who} [leave] {x} at {a} and [come] to {y} at {b}.", **w)
        t.ask("how many {u} is that?", "how long is that in {u}?",  "how many {u} is that altogether?", answer=a, **w)
    gap = c.derive(f"duration({b.expression} - {a.expression})" if night else f"{b.expression} - {a.expression}")
    c.derive(f"{unit}({gap})")
    return Value(Fraction(seconds, 60 if unit == "minutes" else 3600))


def _span(c: ClockStory) -> tuple[str, str, int]:
    """A length of time as text, its seconds as an expression, and the seconds."""
    kind = c.rng.choice(["m", "m", "h", "hm", "hm", "half", "hour"])
    if kind == "m":
        m = c.number(5, 150, c.rng.choice([5, 5, 1]))
        return f"{figures(c, m)} {c.pick('minutes', 'minutes', 'min')}", f"{m.expression} * 60", int(m) * 60
    if kind == "h":
        h = c.number(2, 7)
        return f"{c.render(h)} hours", f"{h.expression} * 3600", int(h) * 3600
    if kind == "half":
        return "half an hour", "1800", 1800
    if kind == "hour":
        return "an hour", "3600", 3600
    h, m = c.number(1, 5), c.number(5, 55, 5)
    minutes = c.derive(f"{h.expression} * 60 + {m.expression}")
    hours = f"{c.render(h)} hour" + ("" if h.value == 1 else "s")
    joined = c.pick(f"{hours} and {{}} minutes", f"{hours} {{}} minutes", f"{figures(c, h)} h {{}} min")
    return joined.format(figures(c, m)), f"{minutes} * 60", (int(h) * 60 + int(m)) * 60


def ends(c: ClockStory) -> Value:
    """When something is over: start plus a length."""
    t = Teller(c)
    start = _moment(c.rng, 5, 23)
    a = c.time(start)
    span, expression, seconds = _span(c)
    if c.style == "bare" and (start + seconds >= 46800 or start < 3600):
        raise Retry
    an, the = c.rng.choice(EVENTS).split("|")
    w: dict[str, object] = {"a": c.at(a), "d": span, "an": an, "the": the, "x": c.rng.choice(PLACES), "y": c.rng.choice(PLACES), "verb": c.rng.choice(WORK)}
    roll = c.rng.random()
    if roll < 0.25:
        c.ask("what time is it {d} after {a}?", "what time will it be {d} after {a}?", "it is {a}, what time will it be in {d}?", "if it is {a} now, what time will it be in {d}?", "what is the time {d} later than {a}?", "{a} plus {d} is what time?", "what is {a} plus {d}?", "add {d} to {a}.", answer=a, **w)  # fmt: skip
    elif roll < 0.75:
        c.say("{an} starts at {a} and lasts {d}.", "{an} begins at {a} and takes {d}.", "{an} starts at {a}. It lasts {d}.", "{an} started at {a} and lasted {d}.", "{an} lasts {d} and starts at {a}.", "a train leaves {x} at {a} and reaches {y} after {d}.",
              "a bus leaves at {a} and the trip takes {d}.", "a flight takes off at {a} and takes {d}.", "a cake goes into the oven at {a} and bakes for {d}.", "a washing machine is switched on at {a} and runs for {d}.", "{an} of {d} starts at {a}.", **w)  # fmt: skip
        t.ask("when does it end?", "what time does it end?", "at what time is it over?", "when is it over?", "at what time does it finish?", "what time is it over?", "what time will it end?", "find the time when it ends.", answer=a, **w)
    else:
        verb = str(w["verb"])
        t.say(f"{{who}} [begin] to {verb} at {{a}} and [{verb}] for {{d}}." if verb not in {"fish", "shop"} else "{who} [leave] home at {a} and [drive] for {d}.", "{who} [leave] at {a} and [travel] for {d}.", "{who} [go] out at {a} and [come] back {d} later.", "{who} [need] {d} to get to work and [leave] at {a}.",
              "{who} [start] homework at {a} and [need] {d}.", "at {a} {who} [set] off on a trip of {d}.", **w)  # fmt: skip
        t.ask("what time is it then?", "at what time is that over?", "what time is it at the end?", "when is that over?", answer=a, **w)
    c.derive(f"clock({a.expression} + {expression})")
    return Value(Fraction((start + seconds) % DAY), "clock")


def begins(c: ClockStory) -> Value:
    """When something must start or when one must leave: end minus a length."""
    t = Teller(c)
    end = _moment(c.rng, 6, 23)
    a = c.time(end)
    span, expression, seconds = _span(c)
    if seconds > end or (c.style == "bare" and (end >= 46800 or end - seconds < 3600)):
        raise Retry
    an, the = c.rng.choice(EVENTS).split("|")
    w: dict[str, object] = {"a": c.at(a), "d": span, "an": an, "the": the, "place": c.pick("school", "the airport", "work", "the station", "the theatre", "the office", "the party", "the stadium")}
    roll = c.rng.random()
    if roll < 0.25:
        c.ask("what time was it {d} before {a}?", "what time is {d} before {a}?", "what is the time {d} earlier than {a}?", "it is {a}, what time was it {d} ago?", "what is {a} minus {d}?", "{a} minus {d} is what time?", answer=a, **w)
    elif roll < 0.6:
        t.say("{who} [need] to be at {place} at {a}. The trip takes {d}.", "{who} [have] to be at {place} by {a}, and it takes {d} to get there.", "it takes {who} {d} to get to {place}. {he} must be there at {a}." if t.hero.who != "I" else "it takes me {d} to get to {place}. I must be there at {a}.",
              "{who} [want] to arrive at {place} at {a}. The way takes {d}.", "the bus ride to {place} takes {d} and {who} [have] to be there at {a}.", **w)  # fmt: skip
        t.ask("when must {he} leave?", "at what time must {he} leave?", "what time should {he} leave home?", "when should {he} leave at the latest?", "what is the latest time to leave?", "at what time should {he} set off?", answer=a, **w)
    else:
        c.say("{an} ends at {a} and lasts {d}.", "{an} ended at {a}. It lasted {d}.", "{an} lasted {d} and finished at {a}.", "{an} of {d} ends at {a}.", "{an} must be over at {a} and takes {d}.", "a train arrives at {a} after a trip of {d}.", "a cake needs {d} in the oven and must be ready at {a}.", **w)
        c.ask("when did it start?" if "ended" in c.sentences[0] or "finished" in c.sentences[0] else "when does it start?", "what time is the start?", "at what time is the start?", "what is the starting time?", answer=a, **w)
    c.derive(f"clock({a.expression} - {expression})")
    return Value(Fraction((end - seconds) % DAY), "clock")


def with_break(c: ClockStory) -> Value:
    """Working time between two times without a break."""
    t = Teller(c)
    a, b, seconds, _ = _between(c)
    rest = c.number(5, 60, 5)
    if int(rest) * 60 >= seconds:
        raise Retry
    w: dict[str, object] = {"a": c.at(a), "b": c.at(b), "r": f"{figures(c, rest)}"}
    verb = c.rng.choice(["work", "study", "train", "practise", "drive", "paint", "walk", "garden"])
    t.say(f"{{who}} [{verb}] from {{a}} to {{b}} with a break of {{r}} minutes.", f"{{who}} [{verb}] from {{a}} to {{b}} and [take] a {{r}}-minute break.", f"{{who}} [begin] to {verb} at {{a}} and [end] at {{b}}, with {{r}} minutes of rest.", f"{{who}} [{verb}] between {{a}} and {{b}}. In between {{he}} [have] a break of {{r}} minutes.", f"{{who}} [{verb}] from {{a}} until {{b}}, minus a lunch break of {{r}} minutes.", **w)
    t.ask(f"how many minutes [do] {{he}} {verb}?", "how many minutes without the break is that?", f"how many minutes [do] {{he}} really {verb}?", "how many minutes is that, not counting the break?", answer=a, **w)
    total = c.derive(f"minutes({c.derive(f'{b.expression} - {a.expression}')})")
    c.derive(f"{total} - {rest.expression}")
    return _plain(seconds // 60 - int(rest))


def repeated(c: ClockStory) -> Value:
    """The same stretch every day, or two stretches in a day."""
    t = Teller(c)
    a, b, seconds, _ = _between(c)
    w: dict[str, object] = {"a": c.at(a), "b": c.at(b)}
    verb = c.rng.choice(["work", "study", "train", "practise", "read", "play", "swim", "walk"])
    if c.rng.random() < 0.5:
        n = c.number(2, 7)
        w["n"] = n
        t.say(f"{{who}} [{verb}] from {{a}} to {{b}} every day.", f"each day {{who}} [{verb}] from {{a}} to {{b}}.", f"every day {{who}} [begin] to {verb} at {{a}} and [end] at {{b}}.", **w)
        t.ask(f"how many minutes [do] {{he}} {verb} in {{n}} days?", "how many minutes is that in {n} days?", answer=a, **w)
        each = c.derive(f"minutes({c.derive(f'{b.expression} - {a.expression}')})")
        c.derive(f"{each} * {n.expression}")
        return _plain(seconds // 60 * int(n))
    x, y, more, _ = _between(c)
    if x.value <= b.value:
        raise Retry
    w |= {"x": c.at(x), "y": c.at(y)}
    t.say(f"{{who}} [{verb}] from {{a}} to {{b}} and from {{x}} to {{y}}.", f"{{who}} [{verb}] from {{a}} to {{b}}, then again from {{x}} to {{y}}.", "there is a lesson from {a} to {b} and a second from {x} to {y}.", **w)
    t.ask("how many minutes is that in total?", "how many minutes is that altogether?", "what is the total in minutes?", answer=a, **w)
    first = c.derive(f"minutes({c.derive(f'{b.expression} - {a.expression}')})")
    second = c.derive(f"minutes({c.derive(f'{y.expression} - {x.expression}')})")
    c.derive(f"{first} + {second}")
    return _plain((seconds + more) // 60)


def chain(c: ClockStory) -> Value:
    """A start and several stretches one after another: when is everything done?"""
    t = Teller(c)
    start = _moment(c.rng, 6, 20)
    a, k = c.time(start), c.rng.choice([2, 2, 3])
    lengths = [c.number(5, 90, 5) for _ in range(k)]
    w: dict[str, object] = {"a": c.at(a), **{f"m{i}": figures(c, m) for i, m in enumerate(lengths)}}
    things = c.rng.sample(["breakfast", "homework", "a walk", "cleaning", "a shower", "reading", "a game", "cooking", "shopping", "lunch", "a nap", "exercise", "a phone call", "the bus ride"], k)
    if c.style == "bare" and start >= 32400:
        raise Retry
    w |= {f"t{i}": thing for i, thing in enumerate(things)}
    parts = [f"{{m{i}}} minutes on {{t{i}}}" for i in range(k)]
    listing = ", ".join(parts[:-1]) + " and then " + parts[-1]
    t.say("{who} [begin] at {a} and [spend] " + listing + ".", "at {a} {who} [get] up. {he} [spend] " + listing + ".", "{who} [come] home at {a} and [spend] " + listing + ".", **w)
    t.ask("what time is it then?", "at what time [be] {he} done?", "when [be] {he} finished?", "what time is it after that?", answer=a, **w)
    total = c.derive(f"{lengths[0].expression} + {lengths[1].expression}")
    for m in lengths[2:]:
        total = c.derive(f"{total} + {m.expression}")
    c.derive(f"clock({a.expression} + {total} * 60)")
    return Value(Fraction((start + 60 * sum(int(m) for m in lengths)) % DAY), "clock")


def _maker(family: str, scene: Callable[[ClockStory], Value]) -> Callable[[Random], Problem]:
    def make(rng: Random) -> Problem:
        while True:
            story = ClockStory(rng)
            try:
                result = scene(story)
                return story.problem_of(family, result)
            except Retry:
                continue

    return make


CLOCK: dict[str, tuple[float, Callable[[Random], Problem]]] = {
    "clock_elapsed": (2, _maker("clock_elapsed", elapsed)),
    "clock_ends": (2, _maker("clock_ends", ends)),
    "clock_begins": (1.5, _maker("clock_begins", begins)),
    "clock_break": (1, _maker("clock_break", with_break)),
    "clock_repeated": (1, _maker("clock_repeated", repeated)),
    "clock_chain": (0.8, _maker("clock_chain", chain)),
}
"""Family -> weight and generator of one problem."""
