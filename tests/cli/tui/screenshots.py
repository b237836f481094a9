"""Draws every screen at three sizes into `docs/images/`, over a real daemon and the bundled model.

    python tests/cli/tui/screenshots.py [FOLDER]

The folders of the SMYSL_* variables are used where they are set, else temporary ones.
"""

import asyncio
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
from textual.pilot import Pilot
from textual.widgets import Input, TextArea

from smysl_cli import asking, external
from smysl_cli.tui.app import SmyslApp
from smysl_cli.tui.screens.memory import MemoryScreen
from smysl_cli.tui.settings import load_settings
from smysl_cli.tui.widgets.prompt import Prompt
from smysl_daemon.client import connect
from smysl_daemon.config import Dirs, find_dirs
from smysl_daemon.launch import stop_daemon
from smysl_daemon.memory_protocol import AddMemories, MemoriesAdded, MuteMemory, PinMemory
from smysl_daemon.protocol import Run, RunEnded

SIZES = ((80, 24), (120, 40), (200, 60))
IMAGES = Path(__file__).parents[3] / "docs" / "images"
QUESTION = (
    "A shop sells pens for 3 dollars and books for 12 dollars. Tom buys 4 pens and 2 books. "
    "How much does he pay?"
)
PATIENCE_S = 120
EGGS = "Anna sells 3 boxes of eggs. How many eggs does she sell?"
WONDERED = "Which train does Anna take from Gdynia to the ferry?"
ASKED = ("What does the ferry to Hel cost?", "Where does Anna live?", "When does the talk begin?")
MEMORIES = tuple(
    """\
A box holds 12 eggs.
The ferry to Hel leaves from the north pier at nine.
The ferry to Hel takes ninety minutes in calm weather.
Tickets for the ferry are cheaper before noon.
The north pier was closed in 2019.
The harbour in Gdansk freezes in hard winters.
Anna is allergic to peanuts.
Anna lives in Gdansk, two streets from the harbour.
Anna prefers trains to planes.
Tom lent Anna his bicycle in June.
The bicycle has a broken spoke.
Spokes of 264 mm fit the back wheel.
The back wheel was bought in Gdynia.
Trains from Gdynia to Hel run hourly in summer.
Trains to Warsaw leave at 6:05 and 8:40.
The express to Warsaw takes three hours.
Seat 61 of the express is beside the window.
The conference in Warsaw begins on 14 May.
The talk on inference is in hall B.
Slides for the talk are due a week before the conference.
Hall B has 120 seats and no microphone.
Rye bread needs 70 % water and a long rest.
Rye flour comes from the mill in Kartuzy.
The mill in Kartuzy sells oats, too.
Bread dough rests in the cold overnight.
The sourdough starter is fed on Sundays.
A sourdough loaf loses 18 % of its weight in the oven.
The oven needs 40 minutes to reach 250 degrees.
Rent is due on the first of each month.
The lease ends in March.
The landlord lives on the third floor.
The third floor has no lift.
The boiler was repaired in October.
The boiler needs two bars of pressure.
Heating costs rose by 12 % last winter.
Tom has a workshop in the old town.
Tom repairs clocks and barometers.
The clock on the town hall is four minutes slow.
A barometer falls before a storm.
Storms on the bay come from the north-west.
Amber is found on the beach after storms.
The beach at Hel is eight kilometres long.
The power law of forgetting holds over months.
Memory decays by a power law of time.
Words that are used often are recalled faster.
Activation spreads over links between memories.
A hub of many links spreads less to each.
BM25 weighs rare words more.
The server has 64 GB of memory.
The server is in rack 7.
Rack 7 has two power supplies.
The key to rack 7 is with Piotr.
Piotr is away until December.
Piotr grows tomatoes on the balcony.
Tomatoes need sun and little wind.
The balcony faces south.
The neighbour's cat sleeps on the balcony.
The cat is called Bursztyn.
Backups of the server run at three in the morning.
The last backup took 41 minutes.""".splitlines()
)


class Camera:
    def __init__(self, app: SmyslApp, pilot: Pilot[None], folder: Path) -> None:
        self.app = app
        self.pilot = pilot
        self._folder = folder

    async def until(self, condition: Callable[[], object]) -> None:
        deadline = time.monotonic() + PATIENCE_S
        while not condition():
            assert time.monotonic() < deadline
            await self.pilot.pause(0.02)
        await self.pilot.pause(0.3)

    async def take(self, name: str) -> None:
        """At every size; toasts are taken away first."""
        self.app.clear_notifications()
        for columns, rows in SIZES:
            await self.pilot.resize_terminal(columns, rows)
            await self.pilot.pause(0.4)
            # Fira Code is fetched from the network, and a page must not do that
            drawn = self.app.export_screenshot(title="smysl")
            start, end = drawn.index("@font-face"), drawn.rindex("@font-face")
            end = drawn.index("}", end) + 1
            drawn = (drawn[:start] + drawn[end:]).replace("Fira Code", "DejaVu Sans Mono")
            (self._folder / f"{name}-{columns}x{rows}.svg").write_text(drawn)

    async def press(self, *keys: str) -> None:
        await self.pilot.press(*keys)
        await self.pilot.pause(0.3)

    def on(self, name: str) -> Callable[[], bool]:
        return lambda: type(self.app.screen).__name__ == name

    def idle(self) -> bool:
        session = self.app.main.session
        return session.op is not None and session.run == "idle" and session.view is not None


async def draw(camera: Camera) -> None:
    app = camera.app
    main = app.main
    await camera.until(lambda: main._link == "up")
    await camera.take("welcome")
    main.query_one(Prompt).text = QUESTION
    await camera.press("enter")
    await camera.until(camera.idle)
    await camera.take("session")
    step = next(node for node in main.session.thoughts if node.kind == "step")
    main.session.selection.choose(step.id)
    await camera.press("escape", "e")
    await camera.until(camera.on("Writing"))
    app.screen.query_one("#text", TextArea).text = "3 * 5"
    await camera.pilot.pause(1)
    await camera.take("edit")
    await camera.press("ctrl+s")
    await camera.until(lambda: main.session.thoughts.counts().stale)
    await camera.take("stale")
    await camera.press("r")
    await camera.until(camera.on("Confirm"))
    await camera.take("derive")
    await camera.press("y")
    await camera.until(lambda: camera.idle() and not main.session.thoughts.counts().stale)
    await camera.press("f")
    await camera.until(camera.on("Form"))
    app.screen.query_one("#name", Input).value = "other-price"
    await camera.take("fork")
    await camera.press("enter")
    await camera.until(lambda: main.session.branch == "other-price")
    main.session.selection.choose(step.id)
    await camera.press("e")
    await camera.until(camera.on("Writing"))
    app.screen.query_one("#text", TextArea).text = "3 * 6"
    await camera.press("ctrl+r")
    await camera.until(lambda: main.runner.active or main.session.run != "idle" or camera.idle())
    await camera.until(lambda: camera.idle() and not main.session.thoughts.counts().stale)
    await camera.press("D")
    await camera.until(camera.on("ComparisonScreen"))
    await camera.take("diff")
    await camera.press("escape", "w")
    await camera.until(camera.on("WhyScreen"))
    await camera.take("why")
    await camera.press("escape", "R")
    await camera.until(camera.on("Form"))
    await camera.take("retry")
    await camera.press("escape", "ctrl+o")
    await camera.until(camera.on("Form"))
    await camera.take("options")
    await camera.press("escape")
    await recall(camera)
    for key, name in (
        ("f2", "ProgramsScreen"),
        ("f3", "EnginesScreen"),
        ("f4", "DaemonScreen"),
        ("f9", "EvalsScreen"),
        ("f1", "HelpScreen"),
        ("ctrl+s", "SessionsScreen"),
    ):
        await camera.press(key)
        await camera.until(camera.on(name))
        await camera.pilot.pause(1.5)
        if name == "DaemonScreen":
            await busy(camera)
        if name == "ProgramsScreen":
            await camera.press("x")
            await camera.pilot.pause(1.5)
        await camera.take(name.removesuffix("Screen").lower())
    await camera.press("escape", "f8")
    await camera.take("light")
    await camera.press("ctrl+p")
    await camera.until(camera.on("CommandPalette"))
    await camera.pilot.pause(1)
    await camera.take("palette")


async def recall(camera: Camera) -> None:
    """The memory with what falls into a question, and a session into which some fell."""
    app, main = camera.app, camera.app.main
    await asyncio.to_thread(remember, app.requests.dirs)
    await camera.press("ctrl+n", "escape", "f6")
    await camera.until(camera.on("MemoryScreen"))
    screen = app.screen
    assert isinstance(screen, MemoryScreen)
    await camera.until(lambda: len(screen.seen.atlas) == len(MEMORIES))
    screen.query_one("#find", Input).value = WONDERED
    await camera.until(lambda: screen.seen.words == WONDERED and screen.seen.pulls)
    screen.seen.choose(screen.seen.pulls[-1].memory)
    screen.draw()
    await camera.until(lambda: screen.seen.shown is not None)
    await camera.take("memory")
    await camera.press("escape", "escape")
    main.asking = msgspec.structs.replace(main.asking, recall=2)
    main.query_one(Prompt).text = EGGS
    main.query_one(Prompt).focus()
    await camera.press("enter")
    await camera.until(camera.idle)
    pulled = [node for node in main.session.thoughts if node.kind == "memory"][-1]
    main.session.selection.choose(pulled.id)
    main.draw()
    await camera.take("recalled")
    main.asking = msgspec.structs.replace(main.asking, recall=None)


def remember(dirs: Dirs) -> None:
    """What other sessions left, and questions that have used some of it."""
    with connect(dirs) as client:
        added = asking.expect(client.ask(AddMemories(texts=MEMORIES)), MemoriesAdded).added
        by_text = {one.text: one.id for one in added}
        client.ask(PinMemory(memory=by_text["Anna is allergic to peanuts."], on=True))
        client.ask(MuteMemory(memory=by_text["The north pier was closed in 2019."], on=True))
        for question in (*ASKED, *ASKED):
            run = Run(question=question, program="direct", recall=3)
            for message in client.stream(run):
                if isinstance(message, RunEnded):
                    break


async def busy(camera: Camera) -> None:
    """Something for the meters to show: questions of another client, for some seconds."""
    dirs = camera.app.requests.dirs

    def ask() -> None:
        for seed in range(60):
            with connect(dirs) as client:
                question = QUESTION.replace("4 pens", f"{3 + seed % 7} pens")
                for message in client.stream(Run(question=question, seed=seed, fresh=True)):
                    if isinstance(message, RunEnded):
                        break

    asking = asyncio.create_task(asyncio.to_thread(ask))
    while not asking.done():
        await camera.pilot.pause(0.2)
    await asking


def evaluate() -> None:
    """Results for the screen that shows them, by a daemon of their own."""
    out = find_dirs().data / "eval-results" / "first-look"
    if not out.exists():
        suites = ["newcomer", "numbers", "outside"]
        words = ["run", *suites, "-p", "direct,solve", "--own-daemon", "--out", str(out)]
        subprocess.run([*external.program("eval"), *words], check=True, stdout=subprocess.DEVNULL)


async def photograph(folder: Path) -> None:
    evaluate()
    dirs = find_dirs()
    app = SmyslApp(dirs, load_settings(dirs), unicode=True)
    async with app.run_test(size=SIZES[1], notifications=False) as pilot:
        await draw(Camera(app, pilot, folder))


def main() -> None:
    folder = Path(sys.argv[1]) if len(sys.argv) > 1 else IMAGES
    folder.mkdir(parents=True, exist_ok=True)
    names: tuple[Any, ...] = ("CONFIG", "DATA", "CACHE", "RUNTIME")
    if any(f"SMYSL_{name}_DIR" in os.environ for name in names):
        asyncio.run(photograph(folder))
        return
    with tempfile.TemporaryDirectory(prefix="smysl-") as root:
        os.environ |= {f"SMYSL_{name}_DIR": f"{root}/{name.lower()}" for name in names}
        try:
            asyncio.run(photograph(folder))
        finally:
            stop_daemon(find_dirs(), now=True)


if __name__ == "__main__":
    main()
