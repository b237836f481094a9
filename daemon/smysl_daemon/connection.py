"""One client's conversation: handshake, then one request at a time, each with exactly one end.

Knows messages and the `Service`; never reasoning, engines or files. Whatever a client sends is
answered: a message of ours, or an error that names the value, the limit and the remedy.
"""

import asyncio
import logging
import os
import time
from collections.abc import AsyncIterator, Callable, Coroutine
from typing import Any, Protocol, assert_never, cast

from smysl_daemon.counts import Counts
from smysl_daemon.errors import (
    BadMessage,
    Cancelled,
    FrameError,
    FrameTooLarge,
    OneAtATime,
    Stopping,
    TooManyRuns,
    WrongProtocol,
)
from smysl_daemon.framing import HEADER, Decoder, encode, payload_length
from smysl_daemon.memory_protocol import MemoryChanged, MemoryReply, MemoryRequest
from smysl_daemon.outbox import Outbox
from smysl_daemon.parts import (
    Upload,
    cut,
    cut_bytes,
    difference_cost,
    node_cost,
    reason_cost,
)
from smysl_daemon.protocol import (
    PROTOCOL,
    Answer,
    BranchChosen,
    BranchList,
    Cancel,
    Changed,
    ChangeRequest,
    CheckPrograms,
    ClientMessage,
    Control,
    Controlled,
    DaemonMessage,
    DaemonStatus,
    Delete,
    DeleteSession,
    Derive,
    Diff,
    DiffPart,
    Edit,
    EngineList,
    Explain,
    Explained,
    Export,
    ExportPart,
    Fork,
    GetGraphStats,
    GetLog,
    GetProgram,
    GetProgramSchema,
    GetStatus,
    GraphStats,
    Hello,
    HitList,
    Import,
    ImportTaken,
    Inject,
    ListBranches,
    ListEngines,
    ListModules,
    ListPrograms,
    ListSessions,
    Merge,
    ModuleList,
    NodeDelta,
    NodeShown,
    Pin,
    Preview,
    ProgramsChecked,
    ProgramSchema,
    ProgramShown,
    Redo,
    Rename,
    Replay,
    Retry,
    Run,
    RunEnded,
    RunEvent,
    Search,
    SessionChanged,
    SessionList,
    SessionPart,
    Show,
    Stop,
    StopAccepted,
    Switch,
    TextDiff,
    Undo,
    UseModel,
    Watch,
    WatchEnded,
    Watching,
    Welcome,
    Why,
    WhyPart,
)
from smysl_daemon.service import RunHandle, Service
from smysl_daemon.shapes import BranchView, PlanView
from smysl_daemon.subscriptions import FollowedRun, Subscription, Subscriptions
from smysl_daemon.version import VERSION
from smysl_daemon.wire import to_wire

log = logging.getLogger("smysl.connection")

HELLO_LIMIT_S = 5.0
FRAME_LIMIT_S = 30.0
"""Longest time from a frame's first byte to its last."""
DISCARD_LIMIT_S = 2.0
"""How long the rest of an oversized frame is read and thrown away, so that its sender finishes
writing and reads the error."""


class Work(Protocol):
    """A run, the analysis of one, or a watch: what goes on until it ends or is stopped."""

    def cancel(self) -> object:
        """Stop; the end comes soon after. Idempotent."""
        ...


class House:
    """What all connections share: the service, the runs in progress, and whether work is taken."""

    def __init__(self, service: Service, *, max_runs: int, status: Callable[[], DaemonStatus]):
        self.service = service
        self.status = status
        self.subscriptions = Subscriptions()
        self.stopping = asyncio.Event()
        self.counts = Counts()
        self.last_use = time.monotonic()
        """When somebody last came or left, or a run ended."""
        self._max_runs = max_runs
        self._runs: dict[asyncio.Task[None], Work] = {}
        self._starting = 0
        self.accepted = 0
        self.ended = 0

    @property
    def runs(self) -> int:
        return len(self._runs) + self._starting

    async def start(self, request: Run | Derive) -> FollowedRun:
        """Admit and begin a run. Raises `Stopping`, `TooManyRuns`, or what the service raises."""
        self.admit()
        self._starting += 1
        try:
            if isinstance(request, Derive):
                run = await self.service.derive(request)
            else:
                run = await self.service.start(request)
        finally:
            self._starting -= 1
        return self.subscriptions.follow(run, self.service.model.model)

    def go_on(self, run: RunHandle) -> None:
        """Own a run that no client has asked this daemon for."""
        followed = self.subscriptions.follow(run, self.service.model.model)
        events = self.counts.counted(followed.program, followed.events())
        self.adopt(followed, _to_its_end(events))

    # ---------------------------------------------------------------- changes, told to who watches

    async def change(self, request: ChangeRequest) -> Changed:
        done = await self.service.change(request)
        self.subscriptions.tell(done.session, done, branch=done.branch)
        if done.elsewhere:
            self._tell(MemoryChanged(memory=done.node, label=done.label, stale=done.elsewhere))
        return done

    async def control(self, request: Control) -> Controlled:
        session = await self.service.control(request)
        done = Controlled(session=session, action=request.action)
        self.subscriptions.tell(session, done)
        return done

    async def choose(self, request: Fork | Switch) -> BranchChosen:
        branch: BranchView
        if isinstance(request, Fork):
            branch = await self.service.fork(request)
        else:
            branch = await self.service.switch(request)
        done = BranchChosen(branch=branch)
        self.subscriptions.tell(branch.session, done)
        return done

    async def rename(self, request: Rename) -> SessionChanged:
        done = await self.service.rename(request)
        self.subscriptions.tell(done.session, done)
        return done

    async def delete_session(self, session: str) -> SessionChanged:
        done = await self.service.delete_session(session)
        self.subscriptions.gone(done.session)
        return done

    async def remember(self, request: MemoryRequest) -> MemoryReply:
        done = await self.service.memory(request)
        if isinstance(done, MemoryChanged):
            self._tell(done)
        return done

    def _tell(self, done: MemoryChanged) -> None:
        for one in done.stale:
            self.subscriptions.tell(one.session, done)

    def note_use(self) -> None:
        """Somebody is here: an idle daemon leaves later."""
        self.last_use = time.monotonic()

    def admit(self) -> None:
        """Raise `Stopping` or `TooManyRuns` where no further run is taken."""
        if self.stopping.is_set():
            raise Stopping("the daemon is stopping and takes no new questions; ask again later")
        if self.runs >= self._max_runs:
            raise TooManyRuns(
                f"{self.runs} runs are in progress and the limit is {self._max_runs}; try again "
                "later, or raise max_runs in config.toml"
            )

    def adopt(self, work: Work, follow: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        """Own the task that follows a run to its end, so that no client's leaving can stop it."""
        task = asyncio.create_task(follow, name="run")
        self._runs[task] = work
        self.accepted += 1
        task.add_done_callback(self._forget)
        return task

    def _forget(self, task: asyncio.Task[None]) -> None:
        del self._runs[task]
        self.ended += 1
        self.note_use()

    async def drain(self, seconds: float, hurry: asyncio.Event) -> None:
        """Wait for the runs in progress; cancel those left after `seconds` or once `hurry`."""
        self.stopping.set()
        if not self._runs:
            return
        log.info("waiting for %d runs, at most %g s", len(self._runs), seconds)
        hurried = asyncio.create_task(hurry.wait())
        pending: set[asyncio.Task[Any]] = set(self._runs)
        deadline = asyncio.get_running_loop().time() + seconds
        while pending and not hurry.is_set():
            left = deadline - asyncio.get_running_loop().time()
            if left <= 0:
                break
            await asyncio.wait(
                {*pending, hurried}, timeout=left, return_when=asyncio.FIRST_COMPLETED
            )
            pending = {task for task in pending if not task.done()}
        hurried.cancel()
        for run in self._runs.values():
            run.cancel()
        if self._runs:
            log.info("cancelling %d runs", len(self._runs))
            await asyncio.wait(set(self._runs), timeout=5.0)

    def check(self) -> None:
        """Every accepted run has ended exactly once or is in progress."""
        if self.accepted != self.ended + len(self._runs):
            raise AssertionError(
                f"{self.accepted} accepted, {self.ended} ended, {len(self._runs)} in progress"
            )


class Connection:
    """Serve one client until it leaves or breaks the framing."""

    def __init__(
        self,
        house: House,
        decoder: Decoder[ClientMessage],
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
    ) -> None:
        self._house = house
        self._decoder = decoder
        self._reader = reader
        self._writer = writer
        self._outbox = Outbox(writer)
        self._request: asyncio.Task[None] | None = None
        self._run: Work | None = None
        self._analysis: asyncio.Task[PlanView] | None = None
        self._watched: Subscription | None = None
        self._left = False
        self._upload = Upload()

    async def serve(self) -> None:
        """Never raises for anything the client did."""
        try:
            await self._shake_hands()
            while True:
                try:
                    message = self._decoder.decode(await self._frame())
                except BadMessage as error:
                    # the frame was whole, so the next one can still be read
                    self._send(to_wire(error))
                    continue
                self._take(message)
        except (asyncio.IncompleteReadError, OSError) as error:
            partial = isinstance(error, asyncio.IncompleteReadError) and error.partial
            if partial:
                log.info("a client left inside a frame")
        except (FrameError, BadMessage, WrongProtocol) as error:
            self._send(to_wire(error))
            if isinstance(error, FrameTooLarge):
                await self._discard()
        finally:
            # a request in progress is left alone: a run goes on, a reply finds nobody
            if self._analysis is not None:
                self._analysis.cancel()  # it has no use but its reply
            self._left = True
            if self._watched is not None:
                self._watched.cancel()
            await self._outbox.close()

    async def refuse(self, error: Exception) -> None:
        """Answer with an error and close."""
        self._send(to_wire(error))
        await self._outbox.close()

    def hang_up(self) -> None:
        """End as if the client had left: what is queued is still delivered."""
        # bytes that arrived after the end would be an error inside asyncio
        cast(asyncio.Transport, self._writer.transport).pause_reading()
        self._reader.feed_eof()

    def abort(self) -> None:
        self._outbox.abort()

    @property
    def busy(self) -> bool:
        """A reply is still being made."""
        return self._request is not None and not self._request.done()

    async def _shake_hands(self) -> None:
        try:
            async with asyncio.timeout(HELLO_LIMIT_S):
                hello = self._decoder.decode(await self._frame())
        except TimeoutError:
            raise BadMessage(f"no hello within {HELLO_LIMIT_S:g} s") from None
        if not isinstance(hello, Hello):
            raise BadMessage("the first message of a connection must be a hello")
        if hello.protocol != PROTOCOL:
            raise WrongProtocol(
                f"the daemon ({VERSION}) speaks protocol {PROTOCOL}, {hello.client} speaks "
                f"{hello.protocol}; run `smysl daemon restart` so that both are of one version"
            )
        self._send(Welcome(protocol=PROTOCOL, version=VERSION, pid=os.getpid()))

    async def _frame(self) -> bytes:
        first = await self._reader.readexactly(1)
        try:
            async with asyncio.timeout(FRAME_LIMIT_S):
                header = first + await self._reader.readexactly(HEADER.size - 1)
                return await self._reader.readexactly(payload_length(header))
        except TimeoutError:
            raise FrameError(f"a frame was not finished within {FRAME_LIMIT_S:g} s") from None

    async def _discard(self) -> None:
        try:
            async with asyncio.timeout(DISCARD_LIMIT_S):
                while await self._reader.read(1 << 20):
                    pass
        except (TimeoutError, OSError):
            pass

    def _send(self, message: DaemonMessage) -> None:
        self._outbox.offer(encode(message), droppable=isinstance(message, NodeDelta))

    def _take(self, message: ClientMessage) -> None:
        if isinstance(message, Cancel):
            if self._run is not None:
                self._run.cancel()
            return
        if self.busy:
            self._send(
                to_wire(
                    OneAtATime(
                        "this connection's last request has not ended; wait for its end, cancel "
                        "it, or open another connection"
                    )
                )
            )
            return
        self._request = asyncio.create_task(self._answer(message), name="request")

    async def _answer(self, message: ClientMessage) -> None:
        try:
            await self._dispatch(message)
        except Exception as error:
            self._send(to_wire(error))

    async def _dispatch(self, message: ClientMessage) -> None:
        service = self._house.service
        if isinstance(message, MemoryRequest):
            self._send(await self._house.remember(message))
            return
        match message:
            case Run() | Derive():
                await self._start(message)
            case Explain(analyze=False):
                self._send(Explained(plan=await service.explain(message)))
            case Explain():
                await self._analyse(message)
            case Answer():
                self._send(await service.answer(message))
            case Control():
                self._send(await self._house.control(message))
            case Edit() | Inject() | Delete() | Pin() | Retry() | Merge() | Undo() | Redo():
                self._send(await self._house.change(message))
            case Preview():
                self._send(await service.preview(message))
            case Fork() | Switch():
                self._send(await self._house.choose(message))
            case Watch():
                await self._watch(message)
            case ListBranches(session=session):
                self._send(BranchList(branches=await service.branches(session)))
            case GetLog():
                self._send(await service.log(message))
            case Why():
                await self._why(message)
            case Diff():
                await self._diff(message)
            case Search():
                self._send(HitList(hits=await service.search(message)))
            case ListSessions(limit=limit):
                self._send(SessionList(sessions=await service.sessions(limit)))
            case Rename():
                self._send(await self._house.rename(message))
            case DeleteSession(session=session):
                self._send(await self._house.delete_session(session))
            case GetGraphStats():
                self._send(GraphStats(stats=await service.graph_stats(message)))
            case Replay():
                self._send(await service.replay(message))
            case Export():
                for data, more in cut_bytes(await service.export(message)):
                    await self._put(ExportPart(data=data, more=more))
            case Import():
                await self._import(message)
            case Show():
                await self._show(message)
            case ListPrograms():
                self._send(await service.programs())
            case GetProgram(name=name):
                self._send(ProgramShown(program=await service.program(name)))
            case CheckPrograms():
                self._send(ProgramsChecked(files=await service.check_programs(message)))
            case GetProgramSchema():
                self._send(ProgramSchema(schema=await service.program_schema()))
            case ListModules():
                self._send(ModuleList(modules=await service.modules()))
            case ListEngines(verify=verify, only=only):
                engines = await service.engines(verify=verify, only=only)
                self._send(EngineList(engines=engines))
            case UseModel():
                self._send(await service.use(message))
            case GetStatus():
                self._send(self._house.status())
            case Stop():
                self._send(StopAccepted(pid=os.getpid()))
                self._house.stopping.set()
            case Hello():
                raise BadMessage("the handshake is over; a hello comes once")
            case Cancel():
                raise AssertionError("taken before dispatch")
            case _:
                assert_never(message)

    async def _start(self, request: Run | Derive) -> None:
        run = await self._house.start(request)
        self._run = run
        self._send(run.accepted)
        await asyncio.shield(self._house.adopt(run, self._follow(run)))

    async def _follow(self, run: FollowedRun) -> None:
        """Forward a run's events until its end, also when the client is long gone."""
        try:
            async for event in self._house.counts.counted(run.program, run.events()):
                if isinstance(event, RunEnded):
                    self._run = None
                self._send(event)
        except Exception as error:
            self._run = None
            self._send(to_wire(error))

    async def _analyse(self, request: Explain) -> None:
        self._house.admit()
        work = asyncio.create_task(self._house.service.explain(request), name="analysis")
        self._run = self._analysis = work
        await asyncio.shield(self._house.adopt(work, self._report(work)))

    async def _report(self, work: asyncio.Task[PlanView]) -> None:
        """Send the end of an analysis: its plan, or why there is none."""
        await asyncio.wait({work})
        self._run = self._analysis = None
        try:
            if not work.cancelled():
                self._send(Explained(plan=work.result()))
            elif self._house.stopping.is_set():
                raise Stopping("the daemon is stopping: the analysis was cancelled; ask again")
            else:
                raise Cancelled("the analysis was cancelled")
        except Exception as error:
            self._send(to_wire(error))

    async def _watch(self, request: Watch) -> None:
        """Until the client has heard enough or leaves, the session is deleted, or the daemon stops."""
        log = GetLog(session=request.session, branch=request.branch, limit=1)
        found = await self._house.service.log(log)
        subscriptions = self._house.subscriptions
        self._send(Watching(session=found.session, branch=found.branch))
        listener = subscriptions.subscribe(found.session, found.branch, self._send)
        self._run = self._watched = listener
        try:
            if not self._left:
                await listener.ended()
            self._send(WatchEnded(session=found.session))
        finally:
            self._run = self._watched = None
            subscriptions.leave(listener)

    async def _put(self, message: DaemonMessage) -> None:
        """Send a part of a long reply when there is room for it."""
        await self._outbox.put(encode(message))

    async def _show(self, request: Show) -> None:
        shown = await self._house.service.show(request)
        if isinstance(shown, NodeShown):
            self._send(shown)
            return
        for nodes, more in cut(shown.nodes, node_cost):
            await self._put(SessionPart(session=shown.session, nodes=nodes, more=more))

    async def _why(self, request: Why) -> None:
        found = await self._house.service.why(request)
        for reasons, more in cut(found.reasons, reason_cost):
            await self._put(
                WhyPart(session=found.session, branch=found.branch, reasons=reasons, more=more)
            )

    async def _diff(self, request: Diff) -> None:
        found = await self._house.service.diff(request)
        if isinstance(found, TextDiff):
            self._send(found)
            return
        for differences, more in cut(found.differences, difference_cost):
            await self._put(DiffPart(session=found.session, differences=differences, more=more))

    async def _import(self, part: Import) -> None:
        self._upload.add(part.data)
        if part.more:
            self._send(ImportTaken(size=len(self._upload)))
        else:
            self._send(await self._house.service.import_session(self._upload.take()))


async def _to_its_end(events: AsyncIterator[RunEvent | RunEnded]) -> None:
    try:
        async for _ in events:
            pass
    except Exception:
        log.exception("a run that was resumed failed")
