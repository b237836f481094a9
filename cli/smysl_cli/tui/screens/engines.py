"""The compiled models in the store: their adapters, whether their files are sound, which one answers;
and building another one.

Knows listings and the build step as a program beside; never how an engine is made.
"""

from rich.table import Table
from rich.text import Text
from textual import on
from textual.app import ComposeResult
from textual.containers import Horizontal, Vertical, VerticalScroll
from textual.content import Content
from textual.message import Message
from textual.widgets import OptionList, RichLog, Static
from textual.widgets.option_list import Option

from smysl_cli.text import printable
from smysl_cli.tui.dialogs.confirm import Confirm
from smysl_cli.tui.dialogs.form import Field, Form, Values
from smysl_cli.tui.link.companions import Companion
from smysl_cli.tui.link.threads import in_thread
from smysl_cli.tui.model.engines import facts
from smysl_cli.tui.screens.base import Page, bindings
from smysl_cli.tui.widgets.keyline import KeyLine
from smysl_daemon import protocol
from smysl_daemon.protocol import EngineList, ModelUsed
from smysl_daemon.shapes import EngineView

SOUND = "as the manifest says"
PRECISIONS = ("fp32", "int8", "int4")


class Said(Message):
    """The build step has said something."""


class EnginesScreen(Page):
    where = "engines"
    BINDINGS = bindings("engines")

    def __init__(self) -> None:
        super().__init__()
        self._engines: list[EngineView] = []
        self._verified: dict[str, str] = {}

    def compose(self) -> ComposeResult:
        with Horizontal(id="split"):
            yield OptionList()
            with Vertical():
                with VerticalScroll(classes="page"):
                    yield Static("", id="engine")
                yield RichLog(id="log", wrap=True, markup=False, highlight=False, min_width=1)
        yield KeyLine()

    def on_mount(self) -> None:
        self.query_one(OptionList).border_title = "Engines"
        log = self.query_one("#log", RichLog)
        log.border_title = "Build"
        log.display = False
        if (build := self.smysl.build) is not None:
            self._listen(build)
        self.do("read", self._read)

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        return action != "stop" or self._building

    # ---------------------------------------------------------------- reading

    async def _read(self) -> None:
        found = await self.smysl.requests.ask(protocol.ListEngines(), EngineList)
        self._engines = list(found.engines)
        self._draw_list()
        self.query_one(OptionList).focus()

    def _draw_list(self) -> None:
        options = self.query_one(OptionList)
        at = options.highlighted or 0
        options.clear_options()
        options.add_options(Option(Content(_line(one))) for one in self._engines)
        if self._engines:
            options.highlighted = min(at, len(self._engines) - 1)
        else:
            options.add_option(Option("The store holds no engine.", disabled=True))
        self._draw()

    def _draw(self) -> None:
        page = self.query_one(".page")
        shown = self.query_one("#engine", Static)
        one = self._chosen()
        page.border_title = Content(one.model or one.fingerprint[:12]).markup if one else ""
        if one is None:
            shown.update("")
            return
        table = Table.grid(padding=(0, 2))
        table.add_column(no_wrap=True, style="bold")
        table.add_column(overflow="fold")
        before = ""
        for label, text in facts(one, self._verified.get(one.fingerprint, "")):
            table.add_row("" if label == before else label, Text(printable(text)))
            before = label
        shown.update(table)

    def _chosen(self) -> EngineView | None:
        at = self.query_one(OptionList).highlighted
        return self._engines[at] if at is not None and at < len(self._engines) else None

    @on(OptionList.OptionHighlighted)
    def _highlighted(self) -> None:
        self._draw()

    # ---------------------------------------------------------------- verifying

    def action_verify(self) -> None:
        self.do("verify", self._verify)

    async def _verify(self) -> None:
        """One engine after the other, so that it can be told how far it is."""
        options = self.query_one(OptionList)
        broken = 0
        try:
            for place, one in enumerate(self._engines):
                options.border_subtitle = f"hashing {place + 1} of {len(self._engines)}"
                request = protocol.ListEngines(verify=True, only=one.fingerprint)
                found = await self.smysl.requests.ask(request, EngineList)
                for engine in found.engines:
                    if engine.fingerprint == one.fingerprint:
                        self._engines[place] = engine
                        broken += engine.problem is not None
                        self._verified[one.fingerprint] = "" if engine.problem else SOUND
                self._draw_list()
        finally:
            options.border_subtitle = ""
        if broken:
            self.say(
                f"{broken} damaged; a restart of the daemon rebuilds the bundled one, B the others"
            )
        else:
            self.say("all files are as their manifests say")

    # ---------------------------------------------------------------- which one answers

    def on_option_list_option_selected(self) -> None:
        self.action_use()

    def action_use(self) -> None:
        self.do("use", self._use)

    async def _use(self) -> None:
        one = self._chosen()
        if one is None:
            return
        if one.loaded:
            self.say(f"{one.model} answers already")
            return
        sure = await self.app.push_screen_wait(
            Confirm(
                f"Let {one.model or one.fingerprint[:12]} answer?",
                "New questions of every client go to it. What runs ends with the model that it has.",
                yes="Use it",
            )
        )
        if sure:
            page = self.query_one(".page")
            page.border_subtitle = "loading ..."
            try:
                self.smysl.main.model = await use_model(self, one.fingerprint)
            finally:
                page.border_subtitle = ""
            await self._read()

    # ---------------------------------------------------------------- building

    @property
    def _building(self) -> bool:
        build = self.smysl.build
        return build is not None and build.code is None

    def action_build(self) -> None:
        self.do("build", self._ask_build)

    async def _ask_build(self) -> None:
        if self._building:
            self.say("a build goes on; C stops it")
            return
        values = await self.app.push_screen_wait(
            Form(
                "Build an engine",
                [
                    Field("source", "Model", hint="a folder, a hub id, or a bundled model"),
                    Field("name", "Name", hint="empty: the folder's"),
                    Field("precision", "Precision", "fp32", choices=PRECISIONS),
                    Field("adapter", "Adapter", hint="NAME=FOLDER, or empty"),
                ],
                ok="Build",
                check=_wrong_build,
            )
        )
        if values is None:
            return
        words = ["--store", str(self.smysl.requests.dirs.engines)]
        words += ["--precision", values["precision"]]
        words += ["--name", values["name"]] if values["name"] else []
        words += ["--adapter", values["adapter"]] if values["adapter"] else []
        title = f"{values['source']}, {values['precision']}"
        build = Companion("build", [*words, "--", values["source"]], title)
        build.start()
        self.smysl.build = build
        self._listen(build)

    def _listen(self, build: Companion) -> None:
        """Show what it has said, and what it says. It goes on when this screen is left."""
        build.wake = self._wake
        self.refresh_bindings()
        log = self.query_one("#log", RichLog)
        log.clear()
        log.display = True
        for line in build.said:
            log.write(printable(line))
        self._said()

    def _wake(self) -> None:
        """In the build's thread."""
        self.post_message(Said())

    @on(Said)
    def _said(self) -> None:
        build = self.smysl.build
        if build is None:
            return
        went_on = build.code is None
        log = self.query_one("#log", RichLog)
        for line in build.drain():
            log.write(printable(line))
        end = {None: "", 0: ": built"}.get(build.code, f": failed ({build.code})")
        log.border_subtitle = Content(printable(build.title + end)).markup
        if went_on and build.code is not None:
            self.refresh_bindings()
            done = "the engine is built" if build.code == 0 else "the build failed; see its log"
            self.say(done)
            self.do("read", self._read)

    def action_stop(self) -> None:
        if self._building and self.smysl.build is not None:
            self.smysl.build.stop()


async def use_model(page: Page, name: str) -> str:
    """Let another model answer, now and after a restart, as `smysl models use` does; and say so.
    Returns what it is called."""
    from smysl_cli import settings

    requests = page.smysl.requests
    done = await requests.ask(protocol.UseModel(model=name, saved=True), ModelUsed)
    await in_thread(lambda: settings.write(requests.dirs.config_file, "model", done.setting))
    verb = "answers already" if done.before == done.fingerprint else "answers new questions"
    page.say(f"{done.model} {verb}")
    return done.model


def _line(one: EngineView) -> str:
    state = "problem" if one.problem else "answers" if one.loaded else ""
    adapters = f"{len(one.adapters)} adapters" if one.adapters else ""
    words = [one.precision, adapters, state]
    called = printable(one.model) or one.fingerprint[:12]
    return f"{'* ' if one.loaded else '  '}{called}  {', '.join(filter(None, words))}"


def _wrong_build(values: Values) -> str:
    if not values["source"]:
        return "say what to build: a checkpoint's folder, a hub id, or a bundled model's name"
    if values["adapter"] and "=" not in values["adapter"]:
        return f"{values['adapter']!r}: an adapter is NAME=FOLDER"
    return ""
