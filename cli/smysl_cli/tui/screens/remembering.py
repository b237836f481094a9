"""What a person does to memories: add, edit, pin, mute, link, cut, forget. Each says what it touched.

Knows requests and dialogs; never how a memory is found or what makes it heavy.
"""

from typing import TYPE_CHECKING

from smysl_cli.text import fit, one_line, thoughts
from smysl_cli.tree import SHORT_ID
from smysl_cli.tui.dialogs.choice import Choice, Item
from smysl_cli.tui.dialogs.confirm import Confirm
from smysl_cli.tui.dialogs.form import Field, Form, Values
from smysl_cli.tui.dialogs.writing import Writing, Written
from smysl_cli.tui.model.dossier import ORIGINS
from smysl_cli.tui.model.recollection import Recollection
from smysl_daemon.errors import DaemonError
from smysl_daemon.memory_protocol import (
    AddMemories,
    CutMemories,
    EditMemory,
    ForgetMemory,
    LinkMemories,
    MemoriesAdded,
    MemoryChange,
    MemoryChanged,
    MemoryPulls,
    MemoryShown,
    MuteMemory,
    PinMemory,
    SearchMemory,
    ShowMemory,
    StaleSession,
)

if TYPE_CHECKING:
    from smysl_cli.tui.screens.memory import MemoryScreen

TITLE = 44
"""Most characters of a memory's text in a dialog's title."""
NAMED = 5
"""Most sessions that are named before a memory is forgotten."""
STAY = "stay"
NONE_YET = "there is no memory yet; a adds one"
ADDED = "memory-new"
"""The draft of a memory that does not exist yet."""


class Remembering:
    def __init__(self, screen: "MemoryScreen") -> None:
        self._screen = screen

    @property
    def _seen(self) -> Recollection:
        return self._screen.seen

    # ---------------------------------------------------------------- texts

    async def add(self) -> None:
        screen = self._screen
        written = await self._written(
            "Add a memory",
            "",
            draft=ADDED,
            about="It falls into questions that its words, or those of a linked memory, are near to.",
            nearest=True,
        )
        if written is None:
            return
        done = await screen.smysl.requests.ask(AddMemories(texts=(written.text,)), MemoriesAdded)
        screen.smysl.drafts.write(ADDED, "")
        id = done.added[0].id if done.added else done.known[0]
        self._seen.choose(id)
        screen.say("kept" if done.added else "it is known already; here it is")
        await screen.reload()

    async def edit(self) -> None:
        whole = await self._whole()
        if whole is None:
            return
        one = whole.memory
        sessions = len({use.session for use in whole.uses})
        touches = f"What rests on it in {_sessions(sessions)} becomes stale." if sessions else ""
        written = await self._written(
            f"Edit memory {one.id[:SHORT_ID]}",
            one.text,
            draft=f"memory-{one.id}",
            about=f"Say something else in its place. {touches}".strip(),
        )
        if written is None:
            return
        if written.text == one.text.strip():
            self._screen.say("the text is as it was; nothing changed")
            return
        done = await self._change(EditMemory(memory=one.id, text=written.text))
        self._screen.smysl.drafts.write(f"memory-{one.id}", "")
        await self._screen.reload()
        await self._offer(done)

    async def copy(self) -> None:
        """All of it: a list has the beginnings of long ones."""
        if (whole := await self._whole()) is not None:
            self._screen.app.copy_to_clipboard(whole.memory.text)
            self._screen.say("copied")

    # ---------------------------------------------------------------- what a person says of one

    async def pin(self) -> None:
        whole = await self._whole()
        if whole is not None:
            await self._change(PinMemory(memory=whole.memory.id, on=not whole.memory.pinned))
            await self._screen.reload(map=False)

    async def mute(self) -> None:
        whole = await self._whole()
        if whole is not None:
            one = whole.memory
            done = await self._change(MuteMemory(memory=one.id, on=not one.muted))
            await self._screen.reload(map=False)
            await self._offer(done)

    def begin_link(self) -> bool:
        """Whether this was all that had to be done: the link is made at another memory."""
        seen, screen = self._seen, self._screen
        here = seen.chosen
        if here is None:
            screen.say(NONE_YET)
        elif seen.begun is None or seen.begun == here:
            seen.begun = here if seen.begun is None else None
            screen.say("go to the other memory: L links them" if seen.begun else "no link is made")
            screen.draw()
        else:
            return False
        return True

    async def link(self) -> None:
        """The one at which it was begun and the chosen one."""
        seen, screen = self._seen, self._screen
        here, there = seen.chosen, seen.begun
        if here is None or there is None:
            return
        values = await screen.app.push_screen_wait(
            Form(
                f"Link to: {_title(seen.text(there))}",
                [Field("weight", "Weight", "1", "over 0, at most 1")],
                ok="Link",
                check=_wrong_weight,
            )
        )
        if values is None:
            return
        seen.begun = None
        await self._change(LinkMemories(a=there, b=here, weight=float(values["weight"])))
        await screen.reload()

    async def cut(self) -> None:
        whole = await self._whole()
        if whole is None:
            return
        id = whole.memory.id
        links = self._seen.links()
        if not links:
            self._screen.say("nothing is linked to it")
            return
        items = [
            Item(
                other,
                f"{link.weight:.2f} {fit(one_line(self._seen.text(other)), TITLE)}"
                f"  {ORIGINS.get(link.origin, link.origin)}",
            )
            for other, link in links
        ]
        other = await self._screen.app.push_screen_wait(Choice("Cut which link?", items))
        if other is not None:
            done = await self._change(CutMemories(a=id, b=other))
            await self._screen.reload()
            await self._offer(done)

    async def forget(self) -> None:
        whole = await self._whole()
        if whole is None:
            return
        one = whole.memory
        titles = {use.session: one_line(use.title) for use in whole.uses}
        kept = [f"  {id[:SHORT_ID]} {title}" for id, title in titles.items()]
        if len(kept) > NAMED:
            kept[NAMED:] = [f"  and {len(kept) - NAMED} more"]
        said = f"{fit(one_line(one.text), 200)}\n\nThis cannot be undone."
        if kept:
            said += f" {_sessions(len(titles))} that used it keep copies, which become stale:"
        sure = await self._screen.app.push_screen_wait(
            Confirm(
                f"Forget memory {one.id[:SHORT_ID]} for good?",
                said,
                yes="Forget",
                detail=kept,
                danger=True,
            )
        )
        if sure:
            done = await self._change(ForgetMemory(memory=one.id))
            self._seen.gone(one.id)
            await self._screen.reload()
            await self._offer(done)

    # ---------------------------------------------------------------- helpers

    async def _whole(self) -> MemoryShown | None:
        """The chosen one as it is now: another terminal may have changed it."""
        id = self._seen.chosen
        if id is None:
            self._screen.say(NONE_YET)
            return None
        try:
            whole = await self._screen.smysl.requests.ask(ShowMemory(memory=id), MemoryShown)
        except DaemonError as error:
            self._screen.lost(id, error)
            raise
        self._seen.read(whole)
        return whole

    async def _change(self, request: MemoryChange) -> MemoryChanged:
        done = await self._screen.smysl.requests.ask(request, MemoryChanged)
        self._screen.say(changed(done))
        return done

    async def _offer(self, done: MemoryChanged) -> None:
        """Lead to a session that holds what rests on a memory as it was."""
        if not done.stale:
            return
        items = [Item(STAY, "Stay here")]
        items += [Item(one.session, _stale(one)) for one in done.stale]
        session = await self._screen.app.push_screen_wait(
            Choice("What rests on it is stale. Go to a session and derive?", items, at=STAY)
        )
        if session is not None and session != STAY:
            self._screen.leave_to(session, derive=True)

    async def _written(
        self, title: str, text: str, *, draft: str, about: str, nearest: bool = False
    ) -> Written | None:
        screen = self._screen
        drafts = screen.smysl.drafts
        kept = drafts.read(draft)

        async def near(said: str) -> str:
            try:
                request = SearchMemory(text=said, limit=20)
                found = await screen.smysl.requests.ask(request, MemoryPulls, start=False)
            except (DaemonError, OSError) as error:
                return str(error)
            best = max(found.pulls, key=lambda pull: pull.nearness, default=None)
            if best is None or not best.nearness:
                return "it is near to nothing that is remembered"
            return f"nearest ({best.nearness:.2f}): {fit(one_line(best.text), 160)}"

        return await screen.app.push_screen_wait(
            Writing(
                title,
                kept or text,
                about=about,
                preview=near if nearest else None,
                derives=False,
                empty="a memory says something, or is forgotten",
                keep_draft=lambda said: drafts.write(draft, "" if said == text else said),
                edit=screen.smysl.main.edited,
            )
        )


def changed(done: MemoryChanged) -> str:
    stale = sum(one.stale for one in done.stale)
    if not stale:
        return done.label
    return f"{done.label}; {thoughts(stale)} stale in {_sessions(len(done.stale))}"


def _sessions(count: int) -> str:
    return "1 session" if count == 1 else f"{count} sessions"


def _stale(one: StaleSession) -> str:
    return f"{one.session[:SHORT_ID]} {fit(one_line(one.title), TITLE)}  {one.stale} stale"


def _title(text: str) -> str:
    return fit(one_line(text), TITLE)


def _wrong_weight(values: Values) -> str:
    said = values["weight"]
    try:
        weight = float(said)
    except ValueError:
        return f"a weight is a number over 0 and at most 1, not {said[:20]!r}"
    if not 0 < weight <= 1:
        return f"a weight is over 0 and at most 1, not {weight:g}"
    return ""
