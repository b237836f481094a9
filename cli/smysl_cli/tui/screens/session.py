"""The main screen: the thought graph, the selected node, its details, the prompt.

Owns the session's state: requests and runs come back here, and everything is drawn from it.
"""

from functools import cached_property
from typing import TYPE_CHECKING, Literal

import msgspec
from textual import events, on
from textual.app import ComposeResult
from textual.binding import Binding
from textual.containers import Horizontal
from textual.timer import Timer
from textual.widgets import TextArea

from smysl_cli.text import printable
from smysl_cli.tui.actions import ACTIONS
from smysl_cli.tui.model import outcome
from smysl_cli.tui.model.drafts import NEW
from smysl_cli.tui.model.inspection import inspect, pulled
from smysl_cli.tui.model.request import Asking
from smysl_cli.tui.model.session import Session
from smysl_cli.tui.screens.base import NARROW, Deed, Page
from smysl_cli.tui.screens.runner import Fed, Runner
from smysl_cli.tui.screens.watcher import LOOK_INTERVAL_S, Stirred, Watcher, operation
from smysl_cli.tui.widgets.bars import Bar, Tabs
from smysl_cli.tui.widgets.graph import Graph
from smysl_cli.tui.widgets.inspector import Inspector
from smysl_cli.tui.widgets.keyline import KeyLine
from smysl_cli.tui.widgets.prompt import Prompt
from smysl_cli.tui.widgets.reader import Reader
from smysl_cli.tui.workers import begin
from smysl_cli.wording import edited
from smysl_daemon import protocol
from smysl_daemon.errors import DaemonError
from smysl_daemon.protocol import Derive, NodeShown, ProgramList, Run
from smysl_daemon.shapes import BranchView, VersionView

if TYPE_CHECKING:
    from smysl_cli.tui.screens.branching import Branching
    from smysl_cli.tui.screens.changing import Changing
    from smysl_cli.tui.screens.steering import Steering

DRAFT_DELAY_S = 0.5
DETAILS_DELAY_S = 0.2
TICK_S = 0.25
"""How often the running marks turn while nothing arrives."""
PANES = ("graph", "reader", "inspector")
Link = Literal["starting", "up", "lost"]
_LINKS = {"starting": "○ connecting", "up": "● connected", "lost": "○ no daemon"}


class SessionScreen(Page):
    where = "session"
    CSS_PATH = None  # the app's own: it is read before anything is drawn
    BINDINGS = [
        Binding(one.keys, f"deed('{one.name}')", one.title, show=one.footer, id=one.name)
        for one in ACTIONS
        if one.where == "session"
    ]
    AUTO_FOCUS = "#prompt"

    def __init__(self, *, unicode: bool, open_: str | None, branch: str | None) -> None:
        super().__init__()
        self.session = Session(unicode=unicode)
        self.runner = Runner(self)
        self.asking = Asking()
        self.model = ""
        """What answered, or said that it would, when the daemon was last asked."""
        self._open = open_
        self._open_branch = branch
        self.unicode = unicode
        self._link: Link = "starting"
        self._draft = NEW
        self._text = ""
        self._told = ""
        """The last question to the person that was announced."""
        self._versions: dict[str, tuple[VersionView, ...]] = {}
        self._turned = False
        """Running marks went on of late: something arrives."""
        self._save: Timer | None = None
        self._details: Timer | None = None
        # of panes that are hidden the last one is shown, so that nothing is cut off
        self._shown = "graph" if open_ else "reader"
        self._watcher = Watcher(self)
        self._deeds = self._table()

    def compose(self) -> ComposeResult:
        # as its first resize would find: everything would be styled anew for it
        self.set_class(self.app.size.width < NARROW, "-narrow", update=False)
        self.set_class(self.app.size.width >= NARROW, "-wide", update=False)
        panes = (
            Graph(self.session, unicode=self.unicode),
            Reader(unicode=self.unicode),
            Inspector(),
        )
        yield Bar("top")
        yield Tabs(self._shown)
        with Horizontal(id="panes"):
            for pane in panes:
                pane.set_class(pane.id == self._shown, "-shown", update=False)
                yield pane
        yield Prompt(self.smysl.drafts.read(NEW))
        yield KeyLine()

    def on_mount(self) -> None:
        prompt = self.query_one(Prompt)
        prompt.move_cursor(prompt.document.end)
        self._draw()  # the first paint has everything in it
        self.set_interval(LOOK_INTERVAL_S, lambda: self.do("look", self._watcher.look))
        self.set_interval(TICK_S, self._turn)
        self.do("open", self._begin)

    async def _begin(self) -> None:
        """A daemon is started where none runs, before anybody waits for it."""
        status = await self.smysl.requests.ask(protocol.GetStatus(), protocol.DaemonStatus)
        self.model = status.model
        if self._open is not None:
            await self.open(self._open, branch=self._open_branch)
        self.link("up")

    # ---------------------------------------------------------------- state in

    async def open(self, id: str, *, node: str | None = None, branch: str | None = None) -> None:
        """Show another session; what was typed for this one is kept."""
        self._keep_draft()
        op = await operation(self, id, branch, start=True)
        view, nodes = await self.smysl.requests.session(id, branch)
        if view.id != self.session.id:
            self.runner.leave()
            self.session.clear()
        self.session.show(view, nodes)
        self.session.op = op
        self._watcher.keep()
        self._swap_draft(view.id)
        if node is not None:
            self.session.selection.choose(node)
        self._show_pane("graph")
        self.query_one(Graph).focus()
        self.draw()

    async def reload(self, *, branch: str | None = None, start: bool = True) -> None:
        """Read the session again, as whoever changed it last has left it."""
        id = self.session.id
        if id is None:
            return
        branch = branch or self.session.branch
        op = await operation(self, id, branch, start=start)
        view, nodes = await self.smysl.requests.session(id, branch, start=start)
        if id != self.session.id or self.runner.active:
            return  # another one was opened meanwhile, or a run tells more
        self.session.show(view, nodes)
        self.session.op = op
        self._watcher.keep()
        self._versions.clear()
        self.link("up")
        self.draw()

    def accepted(self, request: Run | Derive | None) -> None:
        """The question is in the journal: its draft has done its work."""
        if isinstance(request, Run):
            self.smysl.drafts.write(self._draft, "")
            prompt = self.query_one(Prompt)
            if prompt.text.strip() == request.question:
                prompt.clear()
            self._draft = self.session.id or NEW
            self.query_one(Graph).focus()
            self._show_pane("graph")
        self._watcher.keep()
        self.link("up")

    def begin(self, request: Run | Derive) -> None:
        if not self.must_wait():
            self.runner.start(request)

    def must_wait(self) -> bool:
        """Whether a run goes on; says so, since whoever asks wanted to begin one."""
        if self.runner.active or self.session.run != "idle":
            self.say("a run goes on: F answers now, C stops it")
            return True
        return False

    def link(self, state: Link) -> None:
        if state == self._link:
            return
        if state == "lost":
            self.say("the daemon does not answer; the next request starts it where none runs")
        elif self._link == "lost":
            self.say("connected again")
            self.do("reload", self.reload)
        self._link = state
        self.draw()

    @property
    def written(self) -> str:
        """What stands at the prompt and was not sent."""
        return self._text.strip()

    @property
    def last_question(self) -> str:
        """What is being written, or was asked last."""
        asked = [node.text for node in self.session.thoughts if node.kind == "question"]
        return self._text.strip() or (asked[-1] if asked else "")

    def use_program(self, name: str) -> None:
        self.asking = msgspec.structs.replace(self.asking, program=name)
        self.draw()

    async def programs(self) -> list[str]:
        found = await self.smysl.requests.ask(protocol.ListPrograms(), ProgramList)
        return [one.name for one in found.programs]

    async def adapters(self) -> list[str]:
        """Of the engine that answers."""
        found = await self.smysl.requests.ask(protocol.ListEngines(), protocol.EngineList)
        return [adapter.name for one in found.engines if one.loaded for adapter in one.adapters]

    async def branches(self) -> tuple[BranchView, ...]:
        if self.session.id is None:
            return ()
        request = protocol.ListBranches(session=self.session.id)
        return (await self.smysl.requests.ask(request, protocol.BranchList)).branches

    # ---------------------------------------------------------------- drawing

    def draw(self, *, turn: bool = False) -> None:
        """Everything from the state, once."""
        if self.is_shown:
            self._draw(turn=turn)

    def _draw(self, *, turn: bool = False) -> None:
        session = self.session
        self._turned = turn
        self.query_one(Graph).refresh_rows(turn=turn)
        self._draw_node()
        asked = session.question
        if asked is not None and asked.id != self._told:
            self._told = asked.id
            self.say(f"the run asks you (A answers): {asked.text}")
        going = "◐ running" if session.run == "running" or self.runner.active else ""
        going = "‖ paused" if session.run == "paused" else going
        said = going or self._verdict()
        self.query_one("#top", Bar).say(
            outcome.heading(session.view) if session.view or session.id is None else session.id[:8],
            f"{session.branch}  {said}  {_LINKS[self._link]}" if said else _LINKS[self._link],
        )
        goes_on = "a new session" if session.id is None else "goes on with this session"
        how = " - ".join(filter(None, (self.asking.words(), printable(self.model), goes_on)))
        self.query_one(Prompt).entitle(how)

    def _verdict(self) -> str:
        session = self.session
        if session.end is not None:
            return outcome.verdict_words(session.end.verdict)
        return outcome.verdict_words(session.view.verdict) if session.view is not None else ""

    def _draw_node(self) -> None:
        if not self.is_shown:
            return
        node = self.session.selected
        self.query_one(Reader).show(node)
        if node is None:
            self.query_one(Inspector).show(())
            return
        versions = self._versions.get(node.id)
        self.query_one(Inspector).show(inspect(node, self.session.thoughts, versions or ()))
        if versions is None and not self.runner.active:
            if self._details is not None:
                self._details.stop()
            self._details = self.set_timer(
                DETAILS_DELAY_S, lambda: begin(self, self._read_versions, "details", latest=True)
            )

    async def _read_versions(self) -> None:
        node = self.session.selected
        if node is None or node.id in self._versions:
            return
        try:
            shown = await self.smysl.requests.ask(
                protocol.Show(id=node.id, branch=self.session.branch), NodeShown, start=False
            )
        except (DaemonError, OSError):
            return  # details that can wait
        self._versions[node.id] = shown.versions
        if self.session.selection.node == node.id:
            self._draw_node()

    def _turn(self) -> None:
        if self.is_shown and not self._turned and self.session.thoughts.counts().running:
            self.query_one(Graph).refresh_rows(turn=True)
        self._turned = False

    # ---------------------------------------------------------------- panes

    def action_show_pane(self, name: str) -> None:
        self._show_pane(name)
        self.query_one(f"#{name}").focus()

    def _show_pane(self, name: str) -> None:
        if name == self._shown:
            return
        self._shown = name
        for pane in PANES:
            self.query_one(f"#{pane}").set_class(pane == name, "-shown")
        self.query_one(Tabs).show(name)

    def _next_pane(self, steps: int) -> None:
        place = PANES.index(self._shown) + steps
        self.action_show_pane(PANES[min(max(place, 0), len(PANES) - 1)])

    def on_descendant_focus(self, event: events.DescendantFocus) -> None:
        if event.widget.id in PANES:
            self._show_pane(str(event.widget.id))

    @on(Graph.Chosen)
    def _chosen(self) -> None:
        self._draw_node()

    def on_key(self, event: events.Key) -> None:
        if event.key == "enter" and self.focused is self.query_one(Graph):
            self.action_show_pane("reader")
        elif event.key == "escape" and self.focused is not self.query_one(Prompt):
            self.action_show_pane("graph")

    # ---------------------------------------------------------------- the prompt

    @on(Prompt.Sent)
    def _sent(self, message: Prompt.Sent) -> None:
        question = message.text.strip()
        if not question:
            self.say("the question is empty; write one")
        elif not self.must_wait():
            asking = self.asking
            self.begin(
                Run(
                    question=question,
                    program=asking.program,
                    session=self.session.id,
                    branch=self.session.branch if self.session.id else None,
                    seed=asking.seed,
                    adapter=asking.adapter,
                    recall=asking.recall,
                    budget_tokens=asking.budget_tokens,
                    budget_seconds=asking.budget_seconds,
                )
            )

    @on(Prompt.Left)
    def _left(self) -> None:
        self.query_one(f"#{self._shown}").focus()

    @on(TextArea.Changed, "#prompt")
    def _typed(self, event: TextArea.Changed) -> None:
        self._text = event.text_area.text
        if self._save is None:
            self._save = self.set_timer(DRAFT_DELAY_S, self._keep_draft)

    @on(Fed)
    async def _fed(self) -> None:
        await self.runner.fed()

    @on(Stirred)
    async def _stirred(self) -> None:
        await self._watcher.stirred()

    def _keep_draft(self) -> None:
        self._save = None
        self.smysl.drafts.write(self._draft, self._text)

    def _swap_draft(self, name: str) -> None:
        if name != self._draft:
            self._draft = name
            self.query_one(Prompt).text = self.smysl.drafts.read(name)

    def on_unmount(self) -> None:
        self._watcher.leave()
        self._keep_draft()

    def edited(self, text: str) -> str | None:
        """What is left when the person's editor is closed; None when it failed or cannot be."""
        from textual.app import SuspendNotSupported

        try:
            with self.app.suspend():
                return edited(text).rstrip("\n")
        except SuspendNotSupported:
            self.say("an editor cannot be opened in this terminal")
        except Exception as error:
            self.fail(error)
        return None

    # ---------------------------------------------------------------- deeds

    def action_deed(self, name: str) -> None:
        self.do(name, self._deeds[name])

    # what keys do is imported when one is pressed first: the start draws without it
    @cached_property
    def _changing(self) -> "Changing":
        from smysl_cli.tui.screens.changing import Changing

        return Changing(self)

    @cached_property
    def _branching(self) -> "Branching":
        from smysl_cli.tui.screens.branching import Branching

        return Branching(self)

    @cached_property
    def _steering(self) -> "Steering":
        from smysl_cli.tui.screens.steering import Steering

        return Steering(self)

    def _table(self) -> dict[str, Deed]:
        """What the actions of this screen do."""
        selection = self._select
        return {
            "ask": self._ask,
            "edit": lambda: self._changing.edit(),
            "inject": lambda: self._changing.inject(),
            "derive": lambda: self._changing.derive(),
            "fork": lambda: self._branching.fork(),
            "reply": lambda: self._steering.reply(),
            "why": self._why,
            "retry": lambda: self._changing.retry(),
            "pin": lambda: self._changing.pin(),
            "delete": lambda: self._changing.delete(),
            "undo": lambda: self._changing.undo(),
            "redo": lambda: self._changing.redo(),
            "branches": lambda: self._branching.choose(),
            "compare": lambda: self._branching.compare(),
            "merge": lambda: self._changing.merge(),
            "finish": lambda: self._steering.finish(),
            "pause": lambda: self._steering.pause(),
            "cancel": lambda: self._steering.cancel(),
            "export": self._export,
            "copy": self._copy,
            "stale": self._next_stale,
            "parent": lambda: selection("parent"),
            "previous": lambda: selection("previous"),
            "next": lambda: selection("next"),
            "fold": lambda: selection("fold"),
            "fold_all": lambda: selection("fold_all"),
            "thinking": self._thinking,
            "raw": self._raw,
            "pane_left": lambda: self._next_pane(-1),
            "pane_right": lambda: self._next_pane(1),
            "options": self._options,
            "editor": self._editor,
            "new": self._new,
            "rename": self._rename,
            "refresh": self.reload,
            "recalled": self._recalled,
        }

    def _ask(self) -> None:
        self.query_one(Prompt).focus()

    def _select(self, how: str) -> None:
        chosen = self.session.selection
        match how:
            case "parent":
                chosen.parent()
            case "previous":
                chosen.sibling(-1)
            case "next":
                chosen.sibling(1)
            case "fold":
                chosen.toggle()
            case "fold_all":
                self.session.outline.toggle_all()
                chosen.settle()
        self.query_one(Graph).chosen()

    def _next_stale(self) -> None:
        if self.session.selection.next_stale():
            self.query_one(Graph).chosen()
        else:
            self.say("nothing is stale")

    def _thinking(self) -> None:
        if not self.query_one(Reader).toggle_thinking():
            self.say("nothing was thought apart from what is said here")

    def _raw(self) -> None:
        self.query_one(Reader).toggle_raw()

    async def _why(self) -> None:
        node = self.session.selected
        if node is None:
            self.say("there is no node yet; ask a question first")
            return
        reasons = await self.smysl.requests.why(node.id, self.session.branch)
        from smysl_cli.tui.screens.why import WhyScreen

        chosen = await self.app.push_screen_wait(WhyScreen(reasons))
        if chosen is not None:
            self.session.selection.choose(chosen)
            self.query_one(Graph).chosen()

    def _recalled(self) -> None:
        node = self.session.selected
        if node is not None and (pull := pulled(node)) is not None:
            self.smysl.show_memory(pull.memory)
        else:
            self.say("this node recalls no memory; F6 shows all of them")

    async def _export(self) -> None:
        if self.session.id is None:
            self.say("there is no session yet; ask a question first")
            return
        from smysl_cli.tui.screens.steering import export

        await export(self, self.smysl.requests, self.session.id, self.session.branch)

    def _copy(self) -> None:
        if (node := self.session.selected) is not None:
            self.app.copy_to_clipboard(node.text)
            self.say("copied")

    def _new(self) -> None:
        self._keep_draft()
        self.runner.leave()
        self.session.clear()
        self._watcher.keep()
        self._swap_draft(NEW)
        self._show_pane("reader")
        self.query_one(Prompt).focus()
        self.draw()

    async def _rename(self) -> None:
        view = self.session.view
        if view is None:
            self.say("there is no session yet; ask a question first")
            return
        from smysl_cli.tui.dialogs.form import Field, Form

        values = await self.app.push_screen_wait(
            Form("Rename the session", [Field("title", "Title", view.title)], ok="Rename")
        )
        if values is not None and values["title"]:
            await self.smysl.requests.ask(
                protocol.Rename(title=values["title"], session=view.id), protocol.SessionChanged
            )
            await self.reload()

    async def _options(self) -> None:
        from smysl_cli.tui.screens.options import choose

        await choose(self)

    def _editor(self) -> None:
        prompt = self.query_one(Prompt)
        if (text := self.edited(prompt.text)) is not None:
            prompt.text = text
            prompt.move_cursor(prompt.document.end)
        prompt.focus()
