"""Scenes about ages over the years: ahead and back, sums, years of birth and averages.

Knows people and years; no other quantity.
"""

from __future__ import annotations

from smysl_forge.scenes.arithmetic import digits
from smysl_forge.scenes.older import ME, ask_age, compare, old, people, sensible
from smysl_forge.story import Scene, Story


def shift(s: Story) -> None:
    """One person, years ahead or back, in both directions."""
    (person,) = people(s, 1)
    years = s.number(2, 25)
    kind = s.rng.randrange(5)
    if kind == 0:
        age = s.number(2, 70)
        old(s, person, age)
        s.ask(
            "How old will {p} be in {k} years?",
            "How old will {p} be {k} years from now?",
            "In {k} years, how old will {p} be?",
            "How old will {p} be after {k} years?",
            "What will {o} age be in {k} years?",
            answer=s.step(age + years),
            p=person.who,
            o=person.own,
            k=years,
        )
    elif kind == 1:
        age = s.number(5, 90)
        old(s, person, age)
        past = s.step(age - years)
        sensible(s, past)
        s.ask(
            "How old {was} {p} {k} years ago?",
            "What was {o} age {k} years ago?",
            "{k} years ago, how old {was} {p}?",
            answer=past,
            p=person.who,
            was=person.was,
            o=person.own,
            k=years,
        )
    elif kind == 2:
        then = s.number(5, 80)
        s.say(
            "In {k} years, {p} will be {n} years old.",
            "{p} will be {n} in {k} years.",
            "{k} years from now {p} will be {n} years old.",
            "{p} will be {n} years old {k} years from now.",
            "In {k} years {o} age will be {n}.",
            p=person.who,
            o=person.own,
            k=years,
            n=then,
        )
        now = s.step(then - years)
        sensible(s, now)
        ask_age(s, person, now)
    elif kind == 3:
        then = s.number(2, 60)
        s.say(
            "{k} years ago, {p} {was} {n} years old.",
            "{p} {was} {n} years old {k} years ago.",
            "{k} years ago {p} {was} {n}.",
            "{o} age {k} years ago was {n}.",
            p=person.who,
            was=person.was,
            o=person.own,
            k=years,
            n=then,
        )
        ask_age(s, person, s.step(then + years))
    else:
        age, goal = s.number(2, 60), s.number(10, 100)
        s.require(goal.value > age.value)
        s.given.remove(years)
        age.expression, goal.expression = "g0", "g1"
        old(s, person, age)
        s.ask(
            "In how many years will {p} be {g}?",
            "How many years until {p} {am} {g}?",
            "When {p} will be {g} years old, how many years will have passed?",
            "How many years from now will {p} be {g} years old?",
            "How long until {p} turns {g}?" if person is not ME else "How long until I turn {g}?",
            answer=s.step(goal - age),
            p=person.who,
            am=person.am,
            g=goal,
        )


def shifted_pair(s: Story) -> None:
    """A comparison and the years ahead or back, mixed."""
    a, b = people(s, 2)
    kind = s.rng.randrange(5)
    if kind == 0:
        difference, years, then = s.number(2, 25), s.number(2, 20), s.number(12, 80)
        older = s.rng.random() < 0.5
        compare(s, a, b, difference, older)
        s.say(
            "In {k} years {p} will be {n}.",
            "In {k} years, {p} will be {n} years old.",
            "{p} will be {n} years old in {k} years.",
            p=b.who,
            k=years,
            n=then,
        )
        now = s.step(then - years)
        answer = s.step(now + difference if older else now - difference)
        sensible(s, now, answer)
        ask_age(s, a, answer)
    elif kind == 1:
        young, years = s.number(2, 30), s.number(2, 15)
        old(s, b, young)
        later = s.step(young + years)
        answer = s.step(s.step(later * 2) - years)
        sensible(s, answer)
        s.say(
            "In {k} years, {p} will be twice as old as {q}.",
            "In {k} years {p} will be twice the age of {q}.",
            "{k} years from now, {p} will be twice as old as {q}.",
            p=a.who,
            q="me" if b is ME else b.who,
            k=years,
        )
        ask_age(s, a, answer)
    elif kind == 2:
        first, second, goal = s.number(5, 60), s.number(2, 59), s.number(10, 90)
        s.require(first > second and goal > second)
        old(s, a, first)
        old(s, b, second)
        gap = s.step(first - second)
        answer = s.step(goal + gap)
        sensible(s, answer)
        s.ask(
            "How old will {p} be when {q} {am} {g}?",
            "How old will {p} be when {q} {am} {g} years old?",
            "When {q} {am} {g}, how old will {p} be?",
            "What will {o} age be when {q} {am} {g}?",
            answer=answer,
            p=a.who,
            q=b.who,
            am=b.am,
            o=a.own,
            g=goal,
        )
    elif kind == 3:
        first, second = s.number(3, 70), s.number(2, 69)
        s.require(first > second)
        old(s, a, first)
        old(s, b, second)
        s.ask(
            "How many years older {am} {p} than {q}?",
            "How much older {am} {p} than {q}?",
            "What is the difference between their ages?"
            if ME not in (a, b)
            else "What is the difference between our ages?",
            "How much younger {bm} {q2} than {p2}?",
            "How old {was} {p} when {q2} was born?",
            answer=s.step(first - second),
            p=a.who,
            am=a.am,
            q="me" if b is ME else b.who,
            bm=b.am,
            q2=b.who,
            p2="me" if a is ME else a.who,
            was=a.was,
        )
    else:
        first, second, years = s.number(2, 60), s.number(2, 60), s.number(2, 20)
        old(s, a, first)
        old(s, b, second)
        ahead = s.rng.random() < 0.6
        one = s.step(first + years if ahead else first - years)
        other = s.step(second + years if ahead else second - years)
        sensible(s, one, other)
        ours = "our" if ME in (a, b) else "their"
        forms = (
            f"What will be the sum of {ours} ages in {{k}} years?",
            f"In {{k}} years, what will {ours} ages add up to?",
            f"What will {ours} total age be {{k}} years from now?",
        )
        past = (
            f"What was the sum of {ours} ages {{k}} years ago?",
            f"What was {ours} total age {{k}} years ago?",
        )
        s.ask(*(forms if ahead else past), answer=s.step(one + other), k=years)


def sum_of_ages(s: Story) -> None:
    """A sum of two or three ages and how they compare."""
    a, b, c = people(s, 3)
    kind = s.rng.randrange(4)
    total = s.number(12, 120)
    them = "me" if b is ME else b.who
    sums = [
        "The sum of the ages of {p} and {q} is {t}.",
        "Together {p} and {q} are {t} years old.",
        "{p} and {q} are {t} years old together.",
        "{p} and {q} have a combined age of {t}.",
        "The ages of {p} and {q} add up to {t}.",
        "{p} and {q} are {t} years old in total.",
    ]
    if ME in (a, b, c):
        sums = [
            "{q} and {p} are {t} years old together.",
            "Together {q} and {p} are {t} years old.",
        ]
    if kind == 0:
        s.say(*sums, p=a.who, q=b.who, t=total)
        gap = s.number(2, 30)
        compare(s, a, b, gap, True)
        older = s.rng.random() < 0.5
        answer = s.step(s.step(total + gap if older else total - gap) / 2)
        sensible(s, answer)
        ask_age(s, a if older else b, answer)
    elif kind == 1:
        s.say(*sums, p=a.who, q=b.who, t=total)
        if s.rng.random() < 0.4:
            s.say(
                "{p} {am} twice as old as {q}.",
                "{p} {am} twice the age of {q}.",
                p=a.who,
                am=a.am,
                q=them,
            )
            younger = s.step(total / 3)
            answer = younger if s.rng.random() < 0.5 else s.step(younger * 2)
            times_value = 2
        else:
            times = s.number(2, 6)
            times_value = int(times)
            s.say(
                "{p} {am} {n} times as old as {q}.",
                "{p} {am} {n} times the age of {q}.",
                p=a.who,
                am=a.am,
                q=them,
                n=times,
            )
            younger = s.step(total / s.step(times + 1))
            answer = younger if s.rng.random() < 0.5 else s.step(younger * times)
        sensible(s, younger, answer)
        s.require(times_value > 1)
        ask_age(s, b if answer is younger else a, answer)
    elif kind == 2:
        first, second = s.number(2, 50), s.number(2, 50)
        s.say(
            "The sum of the ages of {p}, {q} and {r} is {t}.",
            "Together {p}, {q} and {r} are {t} years old.",
            "The ages of {p}, {q} and {r} add up to {t}.",
            p=c.who if c is not ME else "me",
            q=them,
            r="me" if a is ME else a.who,
            t=total,
        )
        old(s, a, first)
        old(s, b, second)
        answer = s.step(total - s.step(first + second))
        sensible(s, answer)
        ask_age(s, c, answer)
    else:
        s.say(*sums, p=a.who, q=b.who, t=total)
        first = s.number(2, 80)
        old(s, a, first)
        answer = s.step(total - first)
        sensible(s, answer)
        ask_age(s, b, answer)


def birth_year(s: Story) -> None:
    """Ages from years of birth and back."""
    (person,) = people(s, 1)
    was = person.was
    born, year = s.quantity(s.rng.randint(1900, 2018)), s.quantity(s.rng.randint(1930, 2050))
    kind = s.rng.randrange(3)
    if kind == 0:
        age = s.step(year - born)
        sensible(s, age)
        s.say(f"{{p}} {was} born in {digits(born)}.", p=person.who)
        s.ask(
            f"How old {{was}} {{p}} in {digits(year)}?",
            f"How old will {{p}} be in {digits(year)}?",
            f"What is {{o}} age in {digits(year)}?",
            f"How old {{am}} {{p}} in {digits(year)}?",
            answer=age,
            p=person.who,
            was=was,
            am=person.am,
            o=person.own,
        )
        return
    s.given.remove(born)
    year.expression = "g0"
    age = s.number(2, 90)
    if kind == 1:
        s.say(
            f"{{p}} {was} {{n}} years old in {digits(year)}.",
            f"In {digits(year)} {{p}} {was} {{n}} years old.",
            f"{{p}} turned {{n}} in {digits(year)}.",
            p=person.who,
            n=age,
        )
        s.ask(
            "In what year {was} {p} born?",
            "What year {was} {p} born?",
            "In which year {was} {p} born?",
            "When {was} {p} born?",
            answer=s.step(year - age),
            p=person.who,
            was=was,
        )
    else:
        s.say(f"{{p}} {was} born in {digits(year)}.", p=person.who)
        s.ask(
            "In what year will {p} be {n}?",
            "What year will {p} be {n} years old?",
            "In which year {do} {p} turn {n}?",
            "When will {p} be {n} years old?",
            answer=s.step(year + age),
            p=person.who,
            do=person.do,
            n=age,
        )


def average_age(s: Story) -> None:
    """The mean of several ages."""
    group = people(s, s.rng.choice((2, 3, 3, 4)))
    ages = [s.number(2, 60) for _ in group]
    listing = s.rng.random() < 0.4
    if listing:
        words = {f"n{i}": age for i, age in enumerate(ages)}
        s.say(
            "{who} are "
            + ", ".join(f"{{n{i}}}" for i in range(len(ages) - 1))
            + f" and {{n{len(ages) - 1}}} years old.",
            who=s.pick(
                "Some friends",
                "The children of a family",
                "The members of a team",
                "The players",
                "My cousins",
                "The siblings",
            ),
            **words,
        )
    else:
        for person, age in zip(group, ages, strict=True):
            old(s, person, age)
    total = ages[0]
    for age in ages[1:]:
        total = s.step(total + age)
    if s.rng.random() < 0.6:
        total = s.step(total / len(ages))
        s.require((total.value * 10).denominator == 1)
        s.ask(
            "What is the average age?",
            "What is the mean age?",
            "What is their average age?"
            if ME not in group or listing
            else "What is our average age?",
            "Find the average age.",
            "How old are they on average?"
            if ME not in group or listing
            else "How old are we on average?",
            answer=total,
        )
    else:
        s.ask(
            "What is the sum of the ages?",
            "What is the total of the ages?",
            "How many years is that altogether?",
            "How old are they altogether?"
            if ME not in group or listing
            else "How old are we altogether?",
            answer=total,
        )


SCENES: dict[str, tuple[float, Scene]] = {
    "age_shift": (1.5, shift),
    "age_shifted_pair": (1.5, shifted_pair),
    "age_sum": (1.5, sum_of_ages),
    "age_birth_year": (0.7, birth_year),
    "age_average": (0.6, average_age),
}
