"""Whether the memory finds what a question needs among 2,000 others, and how long that takes.

What bounds it: words. 40 facts are asked for in other words than their own, a part of which they share; 20 more share
no word with their question and can be reached only over the fact before them, which they were imported with. The
others are made from ordinary sentences, half of them with words of the facts, so that words mislead as well as lead.

Compared are FTS5's own BM25 over the same words, the memory's nearness alone, with mass (each fact was used one to five
times in the month before, and so was one in ten of the others), and with links. Prints a table, and as its last line
one JSON object. A figure is the share of questions whose fact is among the first three, or ten.

    python benchmarks/bench_memory.py [--others 2000] [--timed 10000]
"""

import argparse
import json
import platform
import random
import statistics
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from smysl_reasoning.ids import IdMaker
from smysl_reasoning.memory.memory import Memory
from smysl_reasoning.memory.nearness import informative
from smysl_reasoning.store import Store

TOPS = (3, 10)
DAY_S = 86_400.0

DIRECT = (
    ("The spare key to the shed hangs behind the water butt.", "Where do we keep the key for the shed?"),
    ("Aunt Vera is allergic to walnuts.", "Which nuts must I leave out of the cake for Vera?"),
    ("The boiler was last serviced in March 2024.", "When did someone service our boiler?"),
    ("Our wifi password is heron-lantern-42.", "What is the password of the wifi at home?"),
    ("Dr Okafor sees patients on Tuesdays and Fridays.", "On which weekdays can I see doctor Okafor?"),
    ("The library closes at 19:00 on weekdays.", "At what time is the library closing on a Wednesday?"),
    ("A crate of the green apples weighs 18 kilograms.", "How heavy are 4 crates of green apples?"),
    ("Marta speaks Polish, German and a little Finnish.", "Does Marta know any German?"),
    ("The blue van needs diesel, never petrol.", "What fuel goes into the blue van?"),
    ("The meeting room on the third floor seats eleven people.", "How many fit into the third floor meeting room?"),
    ("Bus 14 goes to the harbour every twenty minutes.", "How often is there a bus to the harbour?"),
    ("The cat gets her tablets with tuna in the evening.", "How do I give the cat her tablet?"),
    ("Leo's birthday is on the ninth of August.", "When is the birthday of Leo?"),
    ("One bag of cement covers two square metres of path.", "How many cement bags for 6 square metres of path?"),
    ("The printer jams unless the paper is 80 gram.", "Why does the printer jam so often?"),
    ("The museum is free on the first Sunday of a month.", "On which Sunday does the museum cost nothing?"),
    ("Ines pays her rent on the third day of each month.", "When does Ines have to pay rent?"),
    ("The tent sleeps four but only three with rucksacks.", "Can four of us sleep in the tent?"),
    ("The recipe for borscht is in the red notebook.", "Which notebook has the borscht recipe?"),
    ("The old oak was planted by grandfather in 1951.", "Who planted the oak in the garden?"),
    ("A litre of the white paint is enough for nine square metres.", "How much white paint do 27 square metres need?"),
    ("The ferry to the island does not sail in a storm.", "Does the ferry sail when there is a storm?"),
    ("The dentist moved to Mill Street 8.", "What is the new street of our dentist?"),
    ("Samir takes his coffee without sugar.", "How much sugar does Samir want in his coffee?"),
    ("The hens lay about five eggs a day in spring.", "How many eggs a week do the hens lay in spring?"),
    ("Backups of the server run at two in the night.", "At what hour is the server backed up?"),
    ("The projector needs the long cable from the cupboard.", "Which cable do I take for the projector?"),
    ("The choir rehearses in the chapel on Mondays.", "Where does the choir rehearse?"),
    ("Yusuf's tax number ends in 7731.", "What does the tax number of Yusuf end in?"),
    ("The sourdough starter has to be fed every four days.", "How often must I feed the sourdough?"),
    ("The piano was tuned by Mrs Lindqvist.", "Who can tune our piano?"),
    ("The lift in the east wing is out of order until May.", "When will the lift of the east wing work?"),
    ("The tomatoes by the wall want water twice a day.", "How often do the tomatoes by the wall want watering?"),
    ("Our insurance does not cover bicycles.", "Is my stolen bicycle covered by the insurance?"),
    ("The chess club pays 30 euros for the hall.", "What does the hall cost the chess club?"),
    ("Nadia's train from Lyon arrives at platform 6.", "At which platform does Nadia's train arrive?"),
    ("The glue has to dry for eight hours.", "How long until the glue is dry?"),
    ("The dog is afraid of fireworks.", "What is the dog afraid of?"),
    ("The river floods the lower meadow in April.", "Which meadow is flooded by the river?"),
    ("A box of tiles holds 24 tiles.", "How many tiles are in 5 boxes?"),
)  # fmt: skip
"""(fact, a question in other words)"""

OVER = (
    ("The heating engineer is called Brandt.", "Telephone him at 0171.", "How do I reach the heating engineer?"),
    ("Kasia runs the bakery on the corner.", "Rye loaves are ready at six.", "When do I go to Kasia's bakery?"),
    ("The cottage is heated with a wood stove.", "Logs lie under the tarpaulin.", "What burns in the cottage?"),
    ("Our accountant works for Pine and Co.", "Invoices go to Gdansk.", "Where does the accountant want everything?"),
    ("The sailing boat is called Juno.", "Her mast was repaired with ash.", "What happened to the sailing boat?"),
    ("Milo plays the cello.", "Lessons cost 28 euros each.", "What do I pay for Milo and his cello?"),
    ("The greenhouse has a broken pane.", "Glass of that size is sold by Novak.", "Who can help with the greenhouse?"),
    ("Theo has the flat above us.", "Noise after ten bothers him.", "What should I know about Theo in the flat above?"),
    ("The allotment is number 77.", "Its gate opens with the small brass one.", "How do I get into the allotment?"),
    ("We bought the telescope in Jena.", "Jupiter looks best through the wide eyepiece.", "How is the telescope used?"),
    ("Granny bakes poppy seed cake.", "She soaks everything in milk overnight.", "How does granny make poppy cake?"),
    ("The parcel service comes from Leipzig.", "Drivers leave things with the florist.", "Where is the parcel?"),
    ("Our beehives stand in the orchard.", "Varroa strips are put in during October.", "What do the beehives get?"),
    ("The school trip goes to the salt mine.", "Children need a warm jacket.", "What do I pack for the school trip?"),
    ("The hotel in Porto was booked by Ana.", "Breakfast is not included.", "What did Ana book at the hotel in Porto?"),
    ("The compressor stands in the garage.", "Oil lasts for fifty hours.", "What does the compressor want?"),
    ("Pavel restores violins.", "Varnish takes him three weeks.", "How long will Pavel work on the violins?"),
    ("The orchid came from Singapore.", "Rainwater is all it tolerates.", "What may I give the orchid?"),
    ("Our solicitor is Mr Hale.", "Wills are signed before two witnesses.", "What did the solicitor say?"),
    ("The drone belongs to the surveyors.", "Batteries last nineteen minutes.", "How long do surveyors fly it?"),
)  # fmt: skip
"""(a fact, the one after it, a question whose words only the first has and whose answer the second is)"""

PEOPLE = (
    "Ada Bruno Carla Dmitri Elif Farid Greta Hugo Iris Jonas Kira Luca Mona Nils Olga Piet".split()
)
THINGS = """lamp shovel carpet kettle ladder basket saddle mirror candle blanket hammer teapot scarf bucket anchor
    compass drawer engine fence guitar helmet jar kite lantern magnet needle oven pillow quilt ribbon""".split()
PLACES = """attic cellar market station harbour forest bridge tower village castle stable workshop kitchen balcony
meadow valley office church school theatre""".split()
PATTERNS = (
    "{person} left the {thing} in the {place}.",
    "The {thing} of {person} was made near the {place}.",
    "{person} sells a {thing} at the {place} for {number} euros.",
    "There are {number} of them, each a {thing}, in the {place}.",
    "{person} repaired the {thing} after the {place} was painted.",
    "In the {place} {person} keeps {number} things beside the {thing}.",
)


def others(number: int, chance: random.Random) -> list[str]:
    """So many sentences, all different; half of them have a word or two of the facts."""
    facts = [fact for fact, _ in DIRECT] + [before for before, _, _ in OVER]
    words = sorted({word for fact in facts for word in informative(fact)})
    found: dict[str, None] = {}
    while len(found) < number:
        mixed = len(found) % 2
        found[
            chance.choice(PATTERNS).format(
                person=chance.choice(PEOPLE),
                thing=chance.choice(words if mixed else THINGS),
                place=chance.choice(words if mixed and chance.random() < 0.5 else PLACES),
                number=chance.randrange(2, 90),
            )
        ] = None
    return list(found)


def plain(store: Store, question: str) -> list[str]:
    """FTS5's own order."""
    query = " OR ".join(f'"{word}"' for word in informative(question))
    with store.snapshot() as db:
        rows = db.execute(
            "SELECT m.id FROM memories_fts f JOIN memories m ON m.number = f.rowid "
            "WHERE memories_fts MATCH ? ORDER BY bm25(memories_fts), m.id LIMIT ?",
            (query, max(TOPS)),
        )
        return [id for (id,) in rows]


Shares = dict[int, float]
"""How many are looked at -> the share of questions whose memory is among them."""


def share(asked: Sequence[tuple[str, str]], find: Callable[[str], Sequence[str]]) -> Shares:
    found = [(find(question), wanted) for question, wanted in asked]
    return {top: sum(w in some[:top] for some, w in found) / len(asked) for top in TOPS}


def quality(folder: Path, number: int, chance: random.Random) -> dict[str, tuple[Shares, Shares]]:
    store = Store.open(folder / "quality.db")
    now = 1_800_000_000.0
    memory = Memory(store, IdMaker(), lambda: now)
    spread = others(number, chance)
    pieces = [[fact] for fact, _ in DIRECT] + [[a, b] for a, b, _ in OVER]
    chance.shuffle(pieces)
    now -= 60 * DAY_S
    ids: dict[str, str] = {}
    for piece in pieces:
        ids |= dict(zip(piece, memory.add(piece, "import facts").added, strict=True))
        spread, some = spread[30:], spread[:30]
        memory.add(some)
    memory.add(spread)
    now += 60 * DAY_S
    direct = [(question, ids[fact]) for fact, question in DIRECT]
    over = [(question, ids[b]) for _, b, question in OVER]

    def pulled(question: str) -> list[str]:
        return [pull.memory for pull in memory.pull(question, max(TOPS))]

    def near(question: str) -> list[str]:
        return [p.memory for p in memory.pull(question, 50) if len(p.path) == 1]

    found = {
        "FTS5's BM25": (
            share(direct, lambda q: plain(store, q)),
            share(over, lambda q: plain(store, q)),
        ),
        "nearness": (share(direct, near), share(over, near)),
        "with links": (share(direct, pulled), share(over, pulled)),
    }
    others_now = [one.id for one in memory.list(100_000) if one.id not in ids.values()]
    now -= 30 * DAY_S
    wanted = [id for _, id in direct + over]
    for id in [*wanted, *chance.sample(others_now, len(others_now) // 10)]:
        before = now
        for _ in range(chance.randint(1, 5)):
            now = before + chance.random() * 30 * DAY_S
            memory.note_uses([(id, "n" * 20)], "s" * 20)
        now = before
    now += 30 * DAY_S
    found["nearness and mass"] = (share(direct, near), share(over, near))
    found["all of it"] = (share(direct, pulled), share(over, pulled))
    store.close()
    return found


def speed(folder: Path, number: int, chance: random.Random) -> dict[str, float]:
    """What a person waits for. `cpu`: of this thread alone, whatever else the machine does."""
    store = Store.open(folder / "speed.db")
    memory = Memory(store, IdMaker())
    texts = others(number, chance)
    adding = []
    for start in range(0, number, 1000):
        began = time.perf_counter()
        memory.add(texts[start : start + 1000], "import others")
        adding.append(time.perf_counter() - began)
    pulls, pulls_cpu = [], []
    for _, question in DIRECT * 3:
        began, worked = time.perf_counter(), time.thread_time()
        memory.pull(question, 5)
        pulls_cpu.append(1000 * (time.thread_time() - worked))
        pulls.append(1000 * (time.perf_counter() - began))
    maps, maps_cpu = [], []
    for _ in range(5):
        began, worked = time.perf_counter(), time.thread_time()
        memory.map(2000)
        maps_cpu.append(time.thread_time() - worked)
        maps.append(time.perf_counter() - began)
    began = time.perf_counter()
    memory.forget(memory.list(1)[0].id)
    forgetting = time.perf_counter() - began
    store.close()
    return {
        "memories": number,
        "add_1000_first_s": round(adding[0], 2),
        "add_1000_last_s": round(adding[-1], 2),
        "pull_ms_median": round(statistics.median(pulls), 1),
        "pull_cpu_ms_median": round(statistics.median(pulls_cpu), 1),
        "pull_ms_p95": round(statistics.quantiles(pulls, n=20)[-1], 1),
        "map_2000_s_median": round(statistics.median(maps), 2),
        "map_2000_cpu_s_median": round(statistics.median(maps_cpu), 2),
        "forget_s": round(forgetting, 3),
    }


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--others", type=int, default=2000)
    parser.add_argument("--timed", type=int, default=10_000)
    parser.add_argument("--seed", type=int, default=0)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        found = quality(Path(folder), given.others, random.Random(given.seed))
        timed = speed(Path(folder), given.timed, random.Random(given.seed)) if given.timed else {}
    columns = [f"{kind}, {top}" for kind in ("direct", "linked") for top in TOPS]
    print(f"{'':20}" + "".join(f"{column:>12}" for column in columns))
    for name, shares in found.items():
        print(f"{name:20}" + "".join(f"{some[top]:12.0%}" for some in shares for top in TOPS))
    for name, value in timed.items():
        print(f"{name:20}{value:>10}")
    print(json.dumps({"machine": platform.processor(), "quality": found, "speed": timed}))


if __name__ == "__main__":
    main()
